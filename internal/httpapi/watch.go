package httpapi

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"countersign/internal/secret"
)

// Observer watches requests from outside. Routes are templates, never paths, and methods are those that HTTP has: what it is told has
// few values, and nothing of anybody's.
type Observer interface {
	// Enter is told of a request once its route is known. The context that it returns is the request's from then on.
	Enter(ctx context.Context, method, route string, header http.Header) context.Context
	// Leave is told of every request after its answer. route is "" where none was found, problem is the code of a refusal.
	Leave(ctx context.Context, method, route, problem string, status int, began time.Time, took time.Duration)
}

// LogAddresses is how much of a client's address is logged.
type LogAddresses string

// The ways to log a client's address.
const (
	NoAddresses LogAddresses = "none"
	// MaskedAddresses are networks: the first 24 bits of an IPv4 address, the first 48 of an IPv6 address.
	MaskedAddresses LogAddresses = "masked"
	FullAddresses   LogAddresses = "full"
)

// recorder is an answer on its way out, with the request that it belongs to.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	rq     request
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController set deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// watch gives every request its id, and tells the log and the observer of it when it has been answered.
func (s *Server) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now() //nolint:forbidigo // a duration for the log, not a time that rules depend on
		rec := &recorder{ResponseWriter: w, status: http.StatusOK, rq: request{http: r, id: s.requestID(r)}}
		rec.Header()["X-Request-Id"] = []string{rec.rq.id}
		s.underWay.Add(1)
		defer func() {
			s.underWay.Add(-1)
			s.leave(rec, began, time.Since(began))
		}()
		next.ServeHTTP(rec, r)
	})
}

// UnderWay is how many requests are being answered.
func (s *Server) UnderWay() int64 { return s.underWay.Load() }

// enter notes the route that a request has found.
func (s *Server) enter(rec *recorder, r *http.Request, route string) *request {
	rq := &rec.rq
	rq.http, rq.route = r, route
	if s.Observer != nil {
		if ctx := s.Observer.Enter(r.Context(), method(r), route, r.Header); ctx != r.Context() {
			rq.http = r.WithContext(ctx)
		}
	}
	return rq
}

// page serves the web app.
func (s *Server) page() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.App.ServeHTTP(w, s.enter(w.(*recorder), r, "/").http)
	})
}

func (s *Server) leave(rec *recorder, began time.Time, took time.Duration) {
	rq := &rec.rq
	ctx := rq.http.Context()
	if s.Observer != nil {
		s.Observer.Leave(ctx, method(rq.http), rq.route, rq.code, rec.status, began, took)
	}
	level := slog.LevelInfo
	switch {
	case rq.cause != nil && !errors.Is(rq.cause, context.Canceled):
		level = slog.LevelError
	case rec.status < 300 && (rq.route == "/healthz" || rq.route == "/readyz"):
		level = slog.LevelDebug // every few seconds, and always the same
	}
	if !s.Logger.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 9)
	attrs = append(attrs, slog.String("request_id", rq.id), slog.String("method", method(rq.http)), slog.String("route", rq.route), slog.Int("status", rec.status),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000), slog.Int64("bytes", rec.bytes))
	if client := s.loggedAddress(rq.http); client != "" {
		attrs = append(attrs, slog.String("client", client))
	}
	if rq.code != "" {
		attrs = append(attrs, slog.String("problem", rq.code))
	}
	if rq.cause != nil {
		attrs = append(attrs, slog.String("error", rq.cause.Error()))
	}
	s.Logger.LogAttrs(ctx, level, "request", attrs...)
}

// loggedAddress is as much of the client's address as is logged.
func (s *Server) loggedAddress(r *http.Request) string {
	if s.Config.LogAddresses != MaskedAddresses && s.Config.LogAddresses != FullAddresses {
		return ""
	}
	addr, ok := hostOf(s.address(r))
	if !ok {
		return ""
	}
	if s.Config.LogAddresses == FullAddresses {
		return addr.String()
	}
	bits := 24
	if addr.Is6() {
		bits = 48
	}
	return netip.PrefixFrom(addr, bits).Masked().String()
}

// A client's own word is nothing to go by, but a proxy that is trusted may have named the request in its log already.
var requestName = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

func (s *Server) requestID(r *http.Request) string {
	if given := r.Header.Get("X-Request-Id"); given != "" && requestName.MatchString(given) {
		if peer, ok := hostOf(r.RemoteAddr); ok && s.trusted(peer) {
			return given
		}
	}
	return hex.EncodeToString(secret.Random(8))
}

// method is a request's method, one of a few: clients can make up others.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return r.Method
	}
	return "_OTHER"
}

// routeOf is the template of the route that a request would have.
func routeOf(mux *http.ServeMux, r *http.Request) string {
	_, pattern := mux.Handler(r)
	if _, route, ok := strings.Cut(pattern, " "); ok {
		return route
	}
	return pattern
}

// ParseLogAddresses reads how much of a client's address is to be logged.
func ParseLogAddresses(text string) (LogAddresses, error) {
	switch a := LogAddresses(text); a {
	case NoAddresses, MaskedAddresses, FullAddresses:
		return a, nil
	}
	return "", fmt.Errorf("%q is none of none, masked and full", text)
}
