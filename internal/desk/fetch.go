package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// fetched is what one public address answered.
type fetched struct {
	status   int
	location string
	kind     string
	body     []byte
	date     time.Time // by the clock of whoever answered
	at       time.Time // by ours, when the answer came
	until    time.Time // the certificate's end; zero without TLS
	took     time.Duration
	err      error
}

const (
	fetchTimeout = 5 * time.Second
	maxFetched   = 64 << 10
)

// fetch asks one of the configured origins for a path. It follows no redirect, so that nothing but those is ever asked.
func (s *Service) fetch(ctx context.Context, origin, path string) fetched {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	var f fetched
	if !slices.Contains(s.Origins, origin) {
		f.err = fmt.Errorf("%s is not one of the service's origins", origin)
		return f
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, origin+path, nil)
	if err != nil {
		f.err = err
		return f
	}
	transport := s.Outside
	if transport == nil {
		// Nothing is kept for the next time: what is asked is whether a stranger gets through now.
		own := &http.Transport{DisableKeepAlives: true, TLSHandshakeTimeout: fetchTimeout}
		transport = own
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	start := time.Now() //nolint:forbidigo // a duration to show
	answer, err := client.Do(r)
	f.took = time.Since(start)
	f.at = s.Engine.DB.Wall()
	if err != nil {
		f.err = plainly(err)
		return f
	}
	defer answer.Body.Close()
	f.status, f.location, f.kind = answer.StatusCode, answer.Header.Get("Location"), answer.Header.Get("Content-Type")
	f.date, _ = http.ParseTime(answer.Header.Get("Date"))
	if answer.TLS != nil && len(answer.TLS.PeerCertificates) > 0 {
		f.until = answer.TLS.PeerCertificates[0].NotAfter
	}
	f.body, f.err = io.ReadAll(io.LimitReader(answer.Body, maxFetched))
	return f
}

// plainly shortens an error of the network to what went wrong.
func plainly(err error) error {
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 && len(text)-i > 6 {
		text = text[i+2:]
	}
	return fmt.Errorf("%s", text)
}

// json reads a member of the body as text, "" if there is none.
func (f fetched) json(member string) string {
	var all map[string]any
	if json.Unmarshal(f.body, &all) != nil {
		return ""
	}
	return fmt.Sprint(all[member])
}

func (f fetched) found() string {
	if f.err != nil {
		return f.err.Error()
	}
	out := fmt.Sprint(f.status)
	if kind, _, _ := strings.Cut(f.kind, ";"); kind != "" {
		out += ", " + kind
	}
	if f.location != "" {
		out += ", to " + f.location
	}
	return out
}
