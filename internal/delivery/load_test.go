package delivery

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// settings are an environment with the secrets that the examples name.
func settings(change map[string]string) Environment {
	values := map[string]string{"MAIL_PASSWORD": "m4il", "MAIL_PASSWORD_2": "m4il-2", "TWILIO_SECRET": "tw1lio", "TWILIO_AUTH_TOKEN": "t0ken", "GATEWAY_KEY": "g4te", "SMSC_PASSWORD": "5msc"}
	for name, v := range change {
		values[name] = v
	}
	return Environment{
		Getenv: func(name string) string { return values[name] },
		ReadFile: func(name string) ([]byte, error) {
			if name == "/run/secrets/smsc" {
				return []byte("5msc\n"), nil
			}
			return nil, errors.New("no such file: " + name)
		},
		Base: "https://accounts.exchange.example", Now: time.Now,
	}
}

// example is the file in the documentation.
func example(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "carriers.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(b)
	if found == nil {
		t.Fatal("docs/carriers.md has no example")
	}
	return string(found[1])
}

func TestTheDocumentedExampleIsRead(t *testing.T) {
	s, err := Load(strings.NewReader(example(t)), settings(nil))
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, m := range append(s.Email, s.SMS...) {
		kinds[m.Kind] = true
	}
	if len(kinds) != 4 || len(s.Email) != 2 || len(s.Routes) == 0 || len(s.Limits) == 0 {
		t.Errorf("%+v", s)
	}
	carriers, err := s.Carriers(time.Now, nil)
	if err != nil || len(Status(carriers)) != len(s.Email)+len(s.SMS) {
		t.Errorf("%v", err)
	}
}

func TestAFileOfCarriersIsReadStrictly(t *testing.T) {
	const smtp = `"name": "m", "kind": "smtp", "host": "mail.example", "from": "a@b.example"`
	const http = `"name": "g", "kind": "http", "url": "https://sms.example", "json": {"to": "{to}", "text": "{text}"}`
	for name, c := range map[string]struct{ file, says string }{
		"nothing":                  {``, "not a document"},
		"no object":                {`[]`, "not a document"},
		"another member":           {`{"emails": []}`, "unknown field"},
		"two documents":            {`{} {}`, "more follows"},
		"another member inside":    {`{"email": [{` + smtp + `, "hots": "x"}]}`, "unknown field"},
		"another kind":             {`{"email": [{"name": "m", "kind": "pigeon"}]}`, "no kind"},
		"a kind of another way":    {`{"sms": [{` + smtp + `}]}`, "no kind"},
		"a password written down":  {`{"email": [{` + smtp + `, "user": "u", "password": "s3cret"}]}`, "not written here"},
		"a secret that is missing": {`{"email": [{` + smtp + `, "user": "u", "password": {"env": "NOTHING"}}]}`, "NOTHING"},
		"a file that is missing":   {`{"email": [{` + smtp + `, "user": "u", "password": {"file": "/nowhere"}}]}`, "no such file"},
		"a secret of two places":   {`{"email": [{` + smtp + `, "user": "u", "password": {"env": "MAIL_PASSWORD", "file": "/run/secrets/smsc"}}]}`, "one of env and file"},
		"a long timeout":           {`{"email": [{` + smtp + `, "timeout": "1m"}]}`, "timeout"},
		"two of one name":          {`{"sms": [{` + http + `}, {` + http + `}]}`, "two carriers"},
		"a route to nobody":        {`{"sms": [{` + http + `}], "routes": {"+44": ["x"]}}`, "no carrier"},
		"a limit for words":        {`{"sms": [{` + http + `}], "limits": {"GB": {"hour": 1, "day": 1}}}`, "beginning of a number"},
		"half a limit":             {`{"sms": [{` + http + `}], "limits": {"+44": {"hour": 1}}}`, "hour and day"},
		"a negative limit":         {`{"sms": [{` + http + `}], "limits": {"+44": {"hour": -1, "day": 1}}}`, "hour and day"},
		"no certificate":           {`{"sms": [{` + http + `, "ca": "/run/secrets/smsc"}]}`, "no certificate"},
	} {
		_, err := Load(strings.NewReader(c.file), settings(nil))
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want it to say %q", name, err, c.says)
		}
	}
	if _, err := Load(strings.NewReader(example(t)), settings(map[string]string{"TWILIO_SECRET": ""})); err == nil || !strings.Contains(err.Error(), "TWILIO_SECRET") {
		t.Errorf("%v", err)
	}
}
