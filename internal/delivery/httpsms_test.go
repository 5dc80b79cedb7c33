package delivery

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func gateway(t *testing.T, handler http.HandlerFunc) *HTTPSMS {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	s, err := NewHTTPSMS(HTTPSMSConfig{URL: server.URL + "/send?key=k3y", Token: "t0ken", RootCAs: roots, Timeout: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHTTPSMSPostsTheMessage(t *testing.T) {
	var got struct{ To, Text string }
	s := gateway(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer t0ken" || r.Header.Get("Content-Type") != "application/json" || json.Unmarshal(body, &got) != nil {
			w.WriteHeader(http.StatusTeapot)
		}
		if strings.Contains(string(body), "Code") {
			t.Errorf("more than recipient and text went out: %s", body)
		}
	})
	m := brand.CodeSMS("+447700900078", codeInfo("login"))
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got.To != m.To || got.Text != m.Text {
		t.Errorf("%+v", got)
	}
}

func TestHTTPSMSTellsForGoodFromForNow(t *testing.T) {
	for status, permanent := range map[int]bool{400: true, 422: true, 401: false, 403: false, 404: false, 408: false, 429: false, 500: false, 503: false} {
		s := gateway(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "no +447700900078")
		})
		err := s.Send(t.Context(), Message{To: "+447700900078", Text: "482913"})
		if err == nil || errors.Is(err, ErrPermanent) != permanent {
			t.Errorf("%d: %v", status, err)
		}
		if err != nil && strings.Contains(err.Error(), "+44") {
			t.Errorf("%d: the error tells the number", status)
		}
	}
}

func TestHTTPSMSFollowsNoRedirect(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	s := gateway(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	if err := s.Send(t.Context(), Message{To: "+447700900078", Text: "x"}); err == nil || elsewhere.Load() != 0 {
		t.Errorf("error %v, %d requests elsewhere", err, elsewhere.Load())
	}
}

func TestHTTPSMSGivesUpOnAGatewayThatHangs(t *testing.T) {
	release := make(chan struct{})
	s := gateway(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	err := s.Send(t.Context(), Message{To: "+447700900078", Text: "x"})
	if err == nil || errors.Is(err, ErrPermanent) || strings.Contains(err.Error(), "k3y") {
		t.Error(err)
	}
}

func TestHTTPSMSConfigurationIsChecked(t *testing.T) {
	for name, c := range map[string]HTTPSMSConfig{
		"plain http":      {URL: "http://sms.example/send", Token: "t"},
		"no URL":          {Token: "t"},
		"no host":         {URL: "https:///send", Token: "t"},
		"password in URL": {URL: "https://a:b@sms.example/send", Token: "t"},
		"no token":        {URL: "https://sms.example/send"},
		"a second header": {URL: "https://sms.example/send", Token: "t\r\nX: y"},
	} {
		if _, err := NewHTTPSMS(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
