package softkey_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"countersign/internal/softkey"
)

const (
	rpID   = "example.com"
	origin = "https://example.com"
)

var (
	creation = []byte(`{"rp":{"id":"example.com"},"user":{"id":"aGFuZGxl"},"challenge":"Y2hhbGxlbmdlY2hhbGxlbmdl",
		"pubKeyCredParams":[{"alg":-8},{"alg":-7},{"alg":-257}]}`)
	request = []byte(`{"rpId":"example.com","challenge":"Y2hhbGxlbmdlY2hhbGxlbmdl"}`)
)

// The kit is held against the library alone, so that a mistake in it and one in our own rules cannot cancel out.
func TestLawfulAnswersPassTheLibrary(t *testing.T) {
	for _, alg := range []int64{softkey.ES256, softkey.EdDSA, softkey.RS256} {
		t.Run(fmt.Sprint(alg), func(t *testing.T) {
			a := softkey.New(rpID, origin, softkey.Algorithm(alg), softkey.SelfAttested())
			created, err := protocol.ParseCredentialCreationResponseBytes(must(t)(a.Create(creation)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := created.Verify("Y2hhbGxlbmdlY2hhbGxlbmdl", rpID, []string{origin}, nil, nil, protocol.TopOriginExplicitVerificationMode, false, true, true,
				nil, []protocol.CredentialParameter{{Type: "public-key", Algorithm: webauthncose.COSEAlgorithmIdentifier(alg)}},
				protocol.AttestationPolicy{}, protocol.SignaturePolicy{}); err != nil {
				t.Fatal(err)
			}
			got, err := protocol.ParseCredentialRequestResponseBytes(must(t)(a.Get(request)))
			if err != nil {
				t.Fatal(err)
			}
			if err := got.Verify("Y2hhbGxlbmdlY2hhbGxlbmdl", rpID, "", []string{origin}, nil, nil, protocol.TopOriginExplicitVerificationMode, false, true, true,
				created.Response.AttestationObject.AuthData.AttData.CredentialPublicKey, protocol.SignaturePolicy{}); err != nil {
				t.Fatal(err)
			}
			if string(got.Response.UserHandle) != "handle" {
				t.Errorf("user handle %q", got.Response.UserHandle)
			}
		})
	}
}

// One key in 128 has a coordinate with a leading zero.
func TestCoordinatesHaveTheirFullLength(t *testing.T) {
	a := softkey.New(rpID, origin)
	for range 600 {
		short := false
		must(t)(a.Create(creation, softkey.Key(func(k softkey.COSEKey) {
			short = len(k[-2].([]byte)) != 32 || len(k[-3].([]byte)) != 32
		})))
		if short {
			t.Fatal("a coordinate lost its leading zero")
		}
	}
}

func TestTheBrowserRefusesFirst(t *testing.T) {
	a := softkey.New(rpID, origin)
	if _, err := a.Get(request); !errors.Is(err, softkey.ErrNotAllowed) {
		t.Errorf("with no credential: %v", err)
	}
	must(t)(a.Create(creation))
	id := a.Export()[0].ID
	with := func(options []byte, name string, id []byte) []byte {
		var o map[string]any
		if err := json.Unmarshal(options, &o); err != nil {
			t.Fatal(err)
		}
		o[name] = []map[string]any{{"type": "public-key", "id": protocol.URLEncodedBase64(id)}}
		out, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if _, err := a.Create(with(creation, "excludeCredentials", id)); !errors.Is(err, softkey.ErrExcluded) {
		t.Errorf("with an excluded credential: %v", err)
	}
	if _, err := a.Get(with(request, "allowCredentials", []byte("another"))); !errors.Is(err, softkey.ErrNotAllowed) {
		t.Errorf("with none of the allowed credentials: %v", err)
	}
	must(t)(a.Get(with(request, "allowCredentials", id)))
	if _, err := a.Get([]byte(`{"rpId":"evil.example"}`)); !errors.Is(err, softkey.ErrSecurity) {
		t.Errorf("for another relying party: %v", err)
	}
	if _, err := a.Create([]byte(`{"rp":{"id":"example.com"},"pubKeyCredParams":[{"alg":-257}]}`)); !errors.Is(err, softkey.ErrNotSupported) {
		t.Errorf("for another algorithm: %v", err)
	}
	a.Forget(id)
	if _, err := a.Get(request); !errors.Is(err, softkey.ErrNotAllowed) {
		t.Errorf("after the credential was removed: %v", err)
	}
}

func TestTheCounterGoesAsTheTestAsks(t *testing.T) {
	for name, tt := range map[string]struct {
		option softkey.Option
		want   []uint32
	}{
		"zero":       {softkey.WithCounter(softkey.CounterZero), []uint32{0, 0, 0}},
		"growing":    {softkey.DeviceBound(), []uint32{1, 2, 3}},
		"regressing": {softkey.WithCounter(softkey.CounterRegressing), []uint32{1000, 999, 998}},
	} {
		t.Run(name, func(t *testing.T) {
			a := softkey.New(rpID, origin, tt.option)
			var got []uint32
			see := func(y *softkey.Ceremony) { got = append(got, y.Counter) }
			must(t)(a.Create(creation, see))
			must(t)(a.Get(request, see))
			must(t)(a.Get(request, see))
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestExportSurvivesJSON(t *testing.T) {
	a, b := softkey.New(rpID, origin), softkey.New(rpID, origin)
	must(t)(a.Create(creation))
	text, err := json.Marshal(a.Export()[0])
	if err != nil {
		t.Fatal(err)
	}
	var c softkey.Credential
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if err := b.Import(c); err != nil {
		t.Fatal(err)
	}
	must(t)(b.Get(request))
	c.Algorithm = softkey.RS256
	if err := b.Import(c); err == nil {
		t.Error("imported a key under another algorithm")
	}
}

func must(t *testing.T) func([]byte, error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}
