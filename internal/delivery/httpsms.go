package delivery

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// HTTPSMSConfig says which gateway takes text messages.
type HTTPSMSConfig struct {
	// URL is the https address that messages are posted to.
	URL string
	// Token goes with each request as "Authorization: Bearer …".
	Token string
	// Timeout is for a whole request; zero is 15 s.
	Timeout time.Duration
	// RootCAs are the authorities that the gateway's certificate is checked against; nil are the system's.
	RootCAs *x509.CertPool
}

// HTTPSMS hands text messages to a gateway: POST with the JSON object {"to","text"}; any 2xx is a yes. A gateway that
// speaks otherwise is reached through a small adapter of the operator's.
type HTTPSMS struct {
	url, token string
	client     *http.Client
}

// NewHTTPSMS checks the configuration. It does not connect.
func NewHTTPSMS(c HTTPSMSConfig) (*HTTPSMS, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New("sms: the gateway's URL is not one")
	case u.Scheme != "https":
		return nil, errors.New("sms: the gateway's URL is not https")
	case c.Token == "" || strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("sms: the gateway's token is missing or not printable")
	}
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     &tls.Config{RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: senders,
		IdleConnTimeout:     90 * time.Second,
	}
	return &HTTPSMS{url: u.String(), token: c.Token, client: &http.Client{
		Transport: transport,
		Timeout:   c.Timeout,
		// A redirect would carry token and text to whoever the answer names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Send implements Carrier.
func (s *HTTPSMS) Send(ctx context.Context, m Message) error {
	body, err := json.Marshal(struct {
		To   string `json:"to"`
		Text string `json:"text"`
	}{m.To, m.Text})
	if err != nil {
		return errors.New("sms: the message is not text")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return errors.New("sms: the gateway's URL is not one")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := s.client.Do(req)
	if err != nil {
		// A url.Error repeats the URL, which may hold an operator's key.
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err
		}
		return fmt.Errorf("sms: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	// Reading what is left lets the connection be used again; its words are not kept, since gateways repeat the number.
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10)
	switch {
	case res.StatusCode >= 200 && res.StatusCode <= 299:
		return nil
	case res.StatusCode == http.StatusBadRequest || res.StatusCode == http.StatusUnprocessableEntity:
		return fmt.Errorf("sms: the gateway answered %d: %w", res.StatusCode, ErrPermanent)
	}
	return fmt.Errorf("sms: the gateway answered %d", res.StatusCode)
}
