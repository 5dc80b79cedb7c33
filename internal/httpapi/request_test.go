package httpapi

import (
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
