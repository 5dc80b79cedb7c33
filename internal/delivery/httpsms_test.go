package delivery

import (
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serveTLS runs a gateway and returns its address and authorities.
func serveTLS(t *testing.T, handler http.HandlerFunc) (string, *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.URL, roots
}

func gateway(t *testing.T, change func(*HTTPSMSConfig), handler http.HandlerFunc) *HTTPSMS {
	t.Helper()
	address, roots := serveTLS(t, handler)
	c := SimpleHTTPSMS(address+"/send?key={secret.key}", "t0ken")
	c.Secrets["key"], c.RootCAs, c.Timeout = "k3y&x=", roots, 500*time.Millisecond
	if change != nil {
		change(&c)
	}
	s, err := NewHTTPSMS(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHTTPSMSPostsTheMessage(t *testing.T) {
	var got struct{ To, Text string }
	s := gateway(t, nil, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer t0ken" || r.Header.Get("Content-Type") != "application/json" || r.URL.Query().Get("key") != "k3y&x=" || json.Unmarshal(body, &got) != nil {
			w.WriteHeader(http.StatusTeapot)
		}
		if strings.Contains(string(body), "Code") {
			t.Errorf("more than recipient and text went out: %s", body)
		}
	})
	m := brand.CodeSMS("+447700900078", codeInfo("login"))
	if _, err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got.To != m.To || got.Text != m.Text {
		t.Errorf("%+v", got)
	}
}

// nasty has what ends a value in each of the forms, and what looks like a place.
const nasty = "a\"b\\c</text><to>+1&to=+1\r\n\u2028é😀 {to} {secret.token} %7B #482913"

func TestHTTPSMSKeepsValuesInTheirPlaces(t *testing.T) {
	type request struct {
		body, kind string
		header     http.Header
	}
	for name, c := range map[string]struct {
		change func(*HTTPSMSConfig)
		read   func(t *testing.T, body string) (to, text string)
		kind   string
	}{
		"json": {
			func(c *HTTPSMSConfig) {
				c.JSON = json.RawMessage(`{"messages": [{"destination": "{digits}", "content": "{text}", "retries": 1234567890123456789, "flash": false}]}`)
			},
			func(t *testing.T, body string) (string, string) {
				var v struct {
					Messages []struct {
						Destination, Content string
						Retries              int64
						Flash                bool
					}
				}
				if err := json.Unmarshal([]byte(body), &v); err != nil || len(v.Messages) != 1 || v.Messages[0].Retries != 1234567890123456789 {
					t.Fatal(err, body)
				}
				return v.Messages[0].Destination, v.Messages[0].Content
			}, "application/json",
		},
		"form": {
			func(c *HTTPSMSConfig) {
				c.JSON, c.Form = nil, map[string]string{"to": "{digits}", "body": "{text}", "ref": "x-{id}"}
			},
			func(t *testing.T, body string) (string, string) {
				v, err := url.ParseQuery(body)
				if err != nil || len(v) != 3 || len(v["to"]) != 1 || v.Get("ref") != "x-msg_1" {
					t.Fatal(err, body)
				}
				return v.Get("to"), v.Get("body")
			}, "application/x-www-form-urlencoded",
		},
		"xml": {
			func(c *HTTPSMSConfig) {
				c.JSON, c.XML = nil, `<sms id="{id}"><to>{digits}</to><text>{text}</text></sms>`
			},
			func(t *testing.T, body string) (string, string) {
				var v struct {
					To   []string `xml:"to"`
					Text string   `xml:"text"`
				}
				if err := xml.Unmarshal([]byte(body), &v); err != nil || len(v.To) != 1 {
					t.Fatal(err, body)
				}
				return v.To[0], v.Text
			}, "text/xml; charset=utf-8",
		},
		"text": {
			func(c *HTTPSMSConfig) {
				c.JSON, c.Text, c.ContentType = nil, "{digits}|{text}", "text/plain; charset=utf-8"
			},
			func(_ *testing.T, body string) (string, string) {
				to, text, _ := strings.Cut(body, "|")
				return to, text
			}, "text/plain; charset=utf-8",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got request
			s := gateway(t, c.change, func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got = request{string(body), r.Header.Get("Content-Type"), r.Header}
			})
			if _, err := s.Send(t.Context(), Message{To: "+447700900078", Text: nasty, ID: "msg_1"}); err != nil {
				t.Fatal(err)
			}
			to, text := c.read(t, got.body)
			if to != "447700900078" || text != nasty || got.kind != c.kind {
				t.Errorf("%s: to %q, text %q", got.kind, to, text)
			}
		})
	}
}

func TestHTTPSMSTellsForGoodFromForNow(t *testing.T) {
	const permanent, elsewhere, outage = "permanent", "elsewhere", "outage"
	for status, want := range map[int]string{400: permanent, 422: permanent, 401: outage, 403: outage, 404: outage, 408: outage, 429: elsewhere, 500: outage, 503: outage} {
		s := gateway(t, nil, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "no +447700900078")
		})
		_, err := s.Send(t.Context(), Message{To: "+447700900078", Text: "482913"})
		got := outage
		switch {
		case errors.Is(err, ErrPermanent):
			got = permanent
		case errors.Is(err, ErrElsewhere):
			got = elsewhere
		}
		if err == nil || got != want {
			t.Errorf("%d: %v", status, err)
		}
		if err != nil && strings.Contains(err.Error(), "+44") {
			t.Errorf("%d: the error tells the number", status)
		}
	}
}

// Gateways that answer everything with 200 say in the body what they mean.
func TestHTTPSMSReadsTheAnswerAsTold(t *testing.T) {
	var answer atomic.Value
	s := gateway(t, func(c *HTTPSMSConfig) {
		c.Accepted, c.AcceptedBody, c.PermanentBody, c.ID, c.Permanent = []int{200, 207}, `"status":\s*"ok"`, `"code":\s*17\b`, `"ref":\s*"([^"]+)"`, []int{410}
	}, func(w http.ResponseWriter, _ *http.Request) {
		a := answer.Load().([2]any)
		w.WriteHeader(a[0].(int))
		_, _ = io.WriteString(w, a[1].(string))
	})
	for name, c := range map[string]struct {
		status              int
		body, id            string
		sent, permanent, on bool
	}{
		"yes":                       {200, `{"status":"ok","ref":"r 17"}`, "r17", true, false, false},
		"yes without an id":         {207, `{"status": "ok"}`, "", true, false, false},
		"another 2xx":               {202, `{"status":"ok"}`, "", false, false, false},
		"not accepted":              {200, `{"status":"error","code":3}`, "", false, false, true},
		"refused in the body":       {200, `{"status":"error","code":17}`, "", false, true, false},
		"refused by a status":       {410, ``, "", false, true, false},
		"400 is not among them":     {400, ``, "", false, false, true},
		"500 with the code as well": {500, `{"code": 17}`, "", false, true, false},
	} {
		answer.Store([2]any{c.status, c.body})
		receipt, err := s.Send(t.Context(), Message{To: "+447700900078", Text: "x"})
		if (err == nil) != c.sent || errors.Is(err, ErrPermanent) != c.permanent || errors.Is(err, ErrElsewhere) != c.on || receipt.ID != c.id {
			t.Errorf("%s: %+v, %v", name, receipt, err)
		}
	}
}

func TestHTTPSMSFollowsNoRedirect(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	s := gateway(t, nil, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	if _, err := s.Send(t.Context(), Message{To: "+447700900078", Text: "x"}); err == nil || elsewhere.Load() != 0 {
		t.Errorf("error %v, %d requests elsewhere", err, elsewhere.Load())
	}
}

func TestHTTPSMSGivesUpOnAGatewayThatHangs(t *testing.T) {
	release := make(chan struct{})
	s := gateway(t, nil, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	_, err := s.Send(t.Context(), Message{To: "+447700900078", Text: "x"})
	if err == nil || errors.Is(err, ErrPermanent) || errors.Is(err, ErrElsewhere) || strings.Contains(err.Error(), "k3y") {
		t.Error(err)
	}
}

func TestHTTPSMSConfigurationIsChecked(t *testing.T) {
	if _, err := NewHTTPSMS(SimpleHTTPSMS("https://sms.example/send", "t")); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*HTTPSMSConfig){
		"plain http":               func(c *HTTPSMSConfig) { c.URL = "http://sms.example/send" },
		"no URL":                   func(c *HTTPSMSConfig) { c.URL = "" },
		"no host":                  func(c *HTTPSMSConfig) { c.URL = "https:///send" },
		"password in URL":          func(c *HTTPSMSConfig) { c.URL = "https://a:b@sms.example/send" },
		"no token":                 func(c *HTTPSMSConfig) { c.Secrets["token"] = "" },
		"a second header":          func(c *HTTPSMSConfig) { c.Secrets["token"] = "t\r\nX: y" },
		"a host of somebody's":     func(c *HTTPSMSConfig) { c.URL = "https://{secret.token}.example/send" },
		"a number in the URL":      func(c *HTTPSMSConfig) { c.URL = "https://sms.example/send?to={digits}" },
		"a text in the URL":        func(c *HTTPSMSConfig) { c.URL = "https://sms.example/send?text={text}" },
		"a text in a header":       func(c *HTTPSMSConfig) { c.Headers["X-Text"] = "{text}" },
		"an unknown place":         func(c *HTTPSMSConfig) { c.JSON = json.RawMessage(`{"to":"{to}","text":"{text}","x":"{code}"}`) },
		"no text":                  func(c *HTTPSMSConfig) { c.JSON = json.RawMessage(`{"to":"{to}"}`) },
		"no document":              func(c *HTTPSMSConfig) { c.JSON = json.RawMessage(`{"text":"{text}"`) },
		"two bodies":               func(c *HTTPSMSConfig) { c.XML = "<x>{text}</x>" },
		"no body":                  func(c *HTTPSMSConfig) { c.JSON = nil },
		"XML that does not close":  func(c *HTTPSMSConfig) { c.JSON, c.XML = nil, "<x>{text}" },
		"XML that is none":         func(c *HTTPSMSConfig) { c.JSON, c.XML = nil, "{text}" },
		"JSON by hand":             func(c *HTTPSMSConfig) { c.JSON, c.Text, c.ContentType = nil, `{"text":"{text}"}`, "application/json" },
		"another method":           func(c *HTTPSMSConfig) { c.Method = "GET" },
		"a pattern that is none":   func(c *HTTPSMSConfig) { c.AcceptedBody = "(" },
		"an id that is not caught": func(c *HTTPSMSConfig) { c.ID = "ref" },
	} {
		c := SimpleHTTPSMS("https://sms.example/send", "t")
		spoil(&c)
		if _, err := NewHTTPSMS(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Two real gateways: the first hangs, refuses to serve, says no to a recipient, and comes back.
func TestGatewaysFailOverAndComeBack(t *testing.T) {
	var mode atomic.Value
	mode.Store("ok")
	release := make(chan struct{})
	first := gateway(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		switch mode.Load() {
		case "hang":
			<-release
		case "down":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "no":
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
	})
	defer close(release)
	second := twilio(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"sid":"SM42","status":"queued"}`)
	})
	shift := time.Duration(0)
	r := route(t, nil, nil, first, second)
	r.now = func() time.Time { return time.Now().Add(shift) }
	by := func(want string, n int) {
		t.Helper()
		for range n {
			if receipt, err := r.Send(t.Context(), sms("482913")); err != nil || receipt.Carrier != want {
				t.Fatalf("by %+v, %v; want %s", receipt, err, want)
			}
		}
	}
	resting := func() bool { return Status(map[string]Carrier{ChannelSMS: r})[0].Resting }
	by("a", 1)
	mode.Store("no")
	if _, err := r.Send(t.Context(), sms("482913")); !errors.Is(err, ErrPermanent) {
		t.Errorf("%v", err)
	}
	mode.Store("hang")
	by("b", 2)
	mode.Store("down")
	by("b", mostFailures-2)
	if !resting() {
		t.Error("it is not rested")
	}
	mode.Store("ok")
	by("b", 3)
	shift = firstRest + time.Second
	by("a", 3)
	if resting() {
		t.Error("it is rested although it is back")
	}
}
