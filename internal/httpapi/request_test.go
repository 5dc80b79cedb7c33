package httpapi

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestABrowserIsNamedAsPeopleKnowIt(t *testing.T) {
	for userAgent, want := range map[string]string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1":    "Safari on iPhone",
		"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.6478.35 Mobile/15E148 Safari/604.1":      "Chrome on iPad",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15":                      "Safari on Mac",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":                            "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0":              "Edge on Windows",
		"Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0":                                                                     "Firefox on Linux",
		"Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36": "Samsung Internet on Android",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36 OPR/83.0.0.0":               "Opera on Android",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36":                             "Chrome on ChromeOS",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36":                              "Headless Chrome on Linux",
		"":                        "an unknown browser",
		"curl/8.7.1":              "an unknown browser",
		strings.Repeat("x", 5000): "an unknown browser",
	} {
		if got := browserName(userAgent); got != want {
			t.Errorf("%.80q: %q, want %q", userAgent, got, want)
		}
	}
}

func TestNoWordOfAStrangerIsInTheNameOfABrowser(t *testing.T) {
	for _, userAgent := range []string{
		"evil.example/claim", "Call +1 555 0100 now/1.0", "https://evil.example/pay", "Safe: open www.evil.example now/1",
		"Mozilla/5.0 (Windows NT 10.0) evil.example/1 Chrome/1", "Mozilla/5.0 (Windows NT 10.0) Call-555-0100/1 Chrome/1 Safari/1",
		"Mozilla/5.0 (Linux; Android 14; Call 555 0100) Chrome/1", "Mozilla/5.0 (Macintosh; call 555) Call/1 Mobile", "(evil.example)", "iPhone (evil.example; iPhone) evil.example/1",
	} {
		if got := strings.ToLower(browserName(userAgent)); strings.Contains(got, "evil") || strings.Contains(got, "555") || strings.Contains(got, "call") {
			t.Errorf("%q: %q", userAgent, got)
		}
	}
}

func TestTheClientIsFoundBehindProxiesHoweverTheyWriteIt(t *testing.T) {
	s := &Server{Config: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}}
	for _, c := range []struct{ remote, forwarded, want string }{
		{"203.0.113.9:4711", "", "203.0.113.9"},
		{"203.0.113.9:4711", "198.51.100.7", "203.0.113.9"}, // no proxy of ours
		{"10.0.0.1:4711", "198.51.100.7", "198.51.100.7"},
		{"10.0.0.1:4711", "198.51.100.7:5678", "198.51.100.7"},
		{"10.0.0.1:4711", "[2001:db8::7]:443", "2001:db8::7"},
		{"10.0.0.1:4711", "[2001:db8::7]", "2001:db8::7"},
		{"10.0.0.1:4711", "2001:DB8:0::7", "2001:db8::7"},
		{"10.0.0.1:4711", "2001:db8::7%call-555", "2001:db8::7"},
		{"10.0.0.1:4711", "::ffff:198.51.100.7", "198.51.100.7"},
		{"[::ffff:10.0.0.1]:4711", "198.51.100.7", "198.51.100.7"},
		{"10.0.0.1:4711", "1.1.1.1, 198.51.100.7:1, 10.0.0.2:2", "198.51.100.7"},
		{"10.0.0.1:4711", "198.51.100.7, [fd00::1]:443", "198.51.100.7"},
		{"10.0.0.1:4711", "198.51.100.7, unknown", "10.0.0.1"},
		{"10.0.0.1:4711", "198.51.100.7:port", "10.0.0.1"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		r.Header.Set("X-Forwarded-For", c.forwarded)
		if got := s.address(r); got != c.want {
			t.Errorf("%s, forwarded for %q: %s, want %s", c.remote, c.forwarded, got, c.want)
		}
	}
}

func TestAPanicBeforeTheRouteIsAnsweredAndLogged(t *testing.T) {
	var log strings.Builder
	s := &Server{Config: Config{Origins: []string{"https://bank.example"}}, Logger: slog.New(slog.NewTextHandler(&log, nil))} // without accounts
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/healthz", nil)
	r.Header.Set("Authorization", "Bearer whoever")
	s.Handler().ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Body)
	if w.Code != http.StatusInternalServerError || !strings.Contains(string(body), `"internal"`) || w.Header().Get("X-Request-Id") == "" {
		t.Errorf("%d %s", w.Code, body)
	}
	if !strings.Contains(log.String(), "panic") {
		t.Errorf("the log has %q", log.String())
	}
}
