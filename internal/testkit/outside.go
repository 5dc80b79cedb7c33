package testkit

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// Outside is how an installation looks from outside: its own handler, behind a certificate, at its own time. A test may bend it.
type Outside struct {
	mu      sync.Mutex
	handler http.Handler
	now     func() time.Time

	// Skew is added to the time that answers tell, Valid how long the certificate is still good.
	Skew, Valid time.Duration
	// Down answers nothing at all; Elsewhere leads everything to another host.
	Down, Elsewhere bool
	// Asked are the addresses that were asked for.
	Asked []string
}

// Bend changes what is seen.
func (o *Outside) Bend(change func(o *Outside)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(o)
}

// RoundTrip implements http.RoundTripper.
func (o *Outside) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Asked = append(o.Asked, r.URL.String())
	if o.Down {
		return nil, errors.New("dial tcp: connection refused")
	}
	rec := httptest.NewRecorder()
	if o.Elsewhere {
		http.Redirect(rec, r, "https://internal.example/metadata", http.StatusFound)
	} else {
		inner := r.Clone(r.Context()) // the handler puts another body in
		inner.Body = http.NoBody
		o.handler.ServeHTTP(rec, inner)
	}
	rec.Header().Set("Date", o.now().Add(o.Skew).UTC().Format(http.TimeFormat))
	resp := rec.Result()
	resp.Header.Set("Date", rec.Header().Get("Date"))
	if r.URL.Scheme == "https" {
		resp.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{NotAfter: o.now().Add(o.Valid)}}}
	}
	return resp, nil
}
