package passkey_test

import (
	"bytes"
	"errors"
	"testing"

	"countersign/internal/passkey"
	"countersign/internal/softkey"
)

const (
	rpID   = "exchange.example"
	origin = "https://exchange.example"
)

// fixture is one account with one passkey, and a ceremony of each kind.
type fixture struct {
	t            testing.TB
	key          *softkey.Authenticator
	registration passkey.Registration
	assertion    passkey.Assertion
	credential   passkey.Credential
}

func newRegistration() passkey.Registration {
	return passkey.Registration{
		RP:     passkey.RelyingParty{ID: rpID, Name: "Exchange"},
		Origin: origin, Challenge: bytes.Repeat([]byte{7}, 32), UserHandle: bytes.Repeat([]byte{0xAB}, 64),
	}
}

func newFixture(t testing.TB, opts ...softkey.Option) *fixture {
	t.Helper()
	f := &fixture{
		t:            t,
		key:          softkey.New(rpID, origin, opts...),
		registration: newRegistration(),
		assertion: passkey.Assertion{
			RP:     passkey.RelyingParty{ID: rpID, Name: "Exchange"},
			Origin: origin, Challenge: bytes.Repeat([]byte{9}, 32),
		},
	}
	c, err := f.register()
	if err != nil {
		t.Fatalf("registering: %v", err)
	}
	f.credential = *c
	return f
}

func (f *fixture) register(tweaks ...softkey.Tweak) (*passkey.Credential, error) {
	f.t.Helper()
	options, err := f.registration.Options("alex@mail.example", "Alex", nil)
	if err != nil {
		f.t.Fatal(err)
	}
	answer, err := f.key.Create(options, tweaks...)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.registration.Verify(answer)
}

func (f *fixture) get(tweaks ...softkey.Tweak) []byte {
	f.t.Helper()
	options, err := f.assertion.Options([]passkey.Descriptor{{ID: f.credential.ID}})
	if err != nil {
		f.t.Fatal(err)
	}
	answer, err := f.key.Get(options, tweaks...)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer
}

func (f *fixture) verify(answer []byte) (*passkey.Result, error) {
	resp, err := passkey.ParseResponse(answer)
	if err != nil {
		return nil, err
	}
	return f.assertion.Verify(resp, f.credential, f.registration.UserHandle)
}

func (f *fixture) assert(tweaks ...softkey.Tweak) (*passkey.Result, error) {
	f.t.Helper()
	return f.verify(f.get(tweaks...))
}

func parse(t testing.TB, answer []byte) *passkey.Response {
	t.Helper()
	resp, err := passkey.ParseResponse(answer)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// wantRefusal checks that err is a refusal for this reason, at this step.
func wantRefusal(t testing.TB, err error, reason, step string) {
	t.Helper()
	var r *passkey.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal for %q", err, reason)
	}
	if r.Reason != reason || r.Step != step {
		t.Fatalf("refused for %q at %q, want %q at %q", r.Reason, r.Step, reason, step)
	}
}
