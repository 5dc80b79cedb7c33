package testkit

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"

	"countersign/internal/testkit/contract"
)

// Browser is one person's browser: it keeps cookies, and sends the origin of the page that it shows.
type Browser struct {
	Kit *Kit
	// Origin is sent with every write; "" sends none, as an app does.
	Origin    string
	UserAgent string
	// Address is the client's, as the proxy before the installation gives it; "" is this machine's.
	Address string

	mu      sync.Mutex
	cookies map[string]string
}

const safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1"

// Browser opens a fresh browser.
func (k *Kit) Browser() *Browser {
	return &Browser{Kit: k, Origin: Origin, UserAgent: safari, cookies: map[string]string{}}
}

// From is a fresh browser somewhere else.
func (b *Browser) From(address string) *Browser {
	b.Address = address
	return b
}

// Cookie is the value of a cookie, "" if the browser has none of this name.
func (b *Browser) Cookie(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cookies[name]
}

// SetCookie puts a cookie in, as a thief of one would; "" takes it out.
func (b *Browser) SetCookie(name, value string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if value == "" {
		delete(b.cookies, name)
		return
	}
	b.cookies[name] = value
}

// Copy is another browser with the same cookies.
func (b *Browser) Copy() *Browser {
	c := b.Kit.Browser()
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, value := range b.cookies {
		c.cookies[name] = value
	}
	return c
}

// Answer is what came back for one request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	browser *Browser
	request string
}

// Get asks for a path.
func (b *Browser) Get(path string) *Answer { return b.Send(http.MethodGet, path, nil, nil) }

// Post sends a body as JSON; a string or bytes go as they are.
func (b *Browser) Post(path string, body any) *Answer {
	return b.Send(http.MethodPost, path, body, nil)
}

// Send sends a request with further headers, which replace the browser's own, and holds the answer to the API's description.
func (b *Browser) Send(method, path string, body any, headers map[string]string) *Answer {
	t := b.Kit.T
	t.Helper()
	var content io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(body)
	case []byte:
		content = bytes.NewReader(body)
	default:
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	// The test's own context ends before its cleanups.
	r, err := http.NewRequest(method, b.Kit.Server.URL+path, content)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", b.UserAgent)
	if b.Address != "" {
		r.Header.Set("X-Forwarded-For", b.Address)
	}
	if content != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if b.Origin != "" && method != http.MethodGet {
		r.Header.Set("Origin", b.Origin)
	}
	b.mu.Lock()
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	b.mu.Unlock()
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	resp, err := b.Kit.Server.Client().Transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	b.keep(resp.Cookies())
	contract.Validate(t, r, resp, text)
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: text, browser: b, request: method + " " + path}
}

func (b *Browser) keep(cookies []*http.Cookie) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range cookies {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c.Value
	}
}

// Code is the code of a problem, "" if the answer is none.
func (a *Answer) Code() string {
	var p struct {
		Code string `json:"code"`
	}
	if a.Header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(a.Body, &p) != nil {
		return ""
	}
	return p.Code
}

// Into decodes the answer, whatever its status.
func (a *Answer) Into(dst any) *Answer {
	a.browser.Kit.T.Helper()
	if err := json.Unmarshal(a.Body, dst); err != nil {
		a.browser.Kit.T.Fatalf("%s: %v in %s", a.request, err, a.Body)
	}
	return a
}

// OK fails the test unless the answer is a success.
func (a *Answer) OK() *Answer {
	a.browser.Kit.T.Helper()
	if a.Status >= 300 {
		a.browser.Kit.T.Fatalf("%s answered %d %s", a.request, a.Status, a.Body)
	}
	return a
}

// Refused fails the test unless the answer is a problem with this code.
func (a *Answer) Refused(code string) *Answer {
	a.browser.Kit.T.Helper()
	if a.Code() != code {
		a.browser.Kit.T.Fatalf("%s answered %d %s, want the problem %s", a.request, a.Status, a.Body, code)
	}
	return a
}

// Verification decodes a success.
func (a *Answer) Verification() *Verification {
	a.browser.Kit.T.Helper()
	v := &Verification{}
	a.OK().Into(v)
	return v
}
