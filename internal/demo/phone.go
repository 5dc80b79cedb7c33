package demo

import (
	"bytes"
	"encoding/base32"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"countersign/internal/totp"
)

// phone is a pretend phone with an authenticator app: it gets the otpauth link that a person would scan.
type phone struct {
	path string
	mu   sync.Mutex
	apps []entry
}

type entry struct {
	Account string `json:"account"` // the label of the otpauth link
	Secret  []byte `json:"secret"`
}

func openPhone(path string) (*phone, error) {
	p := &phone{path: path}
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	return p, json.Unmarshal(b, &p.apps)
}

// add keeps the newest two secrets of an account: while one is being replaced, the old one still counts.
func (p *phone) add(account string, key []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := []entry{{Account: account, Secret: key}}
	former := 0
	for _, e := range p.apps {
		if e.Account == account {
			if bytes.Equal(e.Secret, key) {
				return nil
			}
			if former++; former > 1 {
				continue
			}
		}
		kept = append(kept, e)
	}
	p.apps = kept
	b, err := json.Marshal(p.apps)
	if err != nil {
		return err
	}
	return write(p.path, b)
}

// scan adds what an otpauth link holds.
func (p *phone) scan(link string) error {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "otpauth" {
		return errors.New("demo: not an otpauth link")
	}
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(u.Query().Get("secret"))
	if err != nil {
		return err
	}
	_, account, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), ":")
	if !ok {
		account = strings.TrimPrefix(u.Path, "/")
	}
	return p.add(account, key)
}

// watch lets the phone see the otpauth link of an enrolment, as its camera would.
func (p *phone) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &tee{ResponseWriter: w}
		next.ServeHTTP(seen, r)
		var view struct {
			NewFactor *struct {
				OtpauthURL string `json:"otpauth_url"`
			} `json:"new_factor"`
		}
		if json.Unmarshal(seen.body.Bytes(), &view) == nil && view.NewFactor != nil && view.NewFactor.OtpauthURL != "" {
			// The demo goes on without its phone: the key is on the page as well.
			_ = p.scan(view.NewFactor.OtpauthURL)
		}
	})
}

type tee struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (t *tee) Write(b []byte) (int, error) {
	t.body.Write(b)
	return t.ResponseWriter.Write(b)
}

type authenticator struct {
	Account    string    `json:"account"`
	Hint       string    `json:"hint"`
	Code       string    `json:"code"`
	ValidUntil time.Time `json:"valid_until"`
	NextCode   string    `json:"next_code"`
}

func (p *phone) codes(now time.Time) []authenticator {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := []authenticator{}
	for _, e := range p.apps {
		until := now.Truncate(totp.Period).Add(totp.Period)
		out = append(out, authenticator{Account: e.Account, Hint: e.Account, Code: totp.Code(e.Secret, now), ValidUntil: until.UTC(), NextCode: totp.Code(e.Secret, until)})
	}
	return out
}
