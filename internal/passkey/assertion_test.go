package passkey_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"countersign/internal/passkey"
	"countersign/internal/softkey"
)

func TestRequestOptionsAskForUserVerification(t *testing.T) {
	a := passkey.Assertion{RP: passkey.RelyingParty{ID: rpID}, Origin: origin, Challenge: make([]byte, 16)}
	raw, err := a.Options(nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"challenge":"AAAAAAAAAAAAAAAAAAAAAA","timeout":300000,"rpId":"exchange.example","userVerification":"required"}`; string(raw) != want {
		t.Errorf("got  %s\nwant %s", raw, want)
	}
	a.Timeout = 3 * time.Minute
	raw, err = a.Options([]passkey.Descriptor{{ID: []byte{1}, Transports: []string{"internal"}}, {ID: []byte{2}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"timeout":180000`, `"allowCredentials":[{"type":"public-key","id":"AQ","transports":["internal"]},{"type":"public-key","id":"Ag"}]`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s is not in %s", want, raw)
		}
	}
	if _, err := a.Options(make([]passkey.Descriptor, 65)); err == nil {
		t.Error("65 allowed credentials were put into one list, which Chromium throws on")
	}
}

func TestAnAssertionIsAccepted(t *testing.T) {
	tests := []struct {
		name   string
		opts   []softkey.Option
		tweaks []softkey.Tweak
	}{
		{name: "ES256"},
		{name: "EdDSA", opts: []softkey.Option{softkey.Algorithm(softkey.EdDSA)}},
		{name: "RS256", opts: []softkey.Option{softkey.Algorithm(softkey.RS256)}},
		{name: "device-bound", opts: []softkey.Option{softkey.DeviceBound()}},
		{name: "s in the upper half of its range is valid", tweaks: []softkey.Tweak{softkey.HighS()}},
		{name: "no user handle, where the user was known before", tweaks: []softkey.Tweak{softkey.NoUserHandle()}},
		{name: "a byte order mark before the client data (§7.2 step 8)", tweaks: []softkey.Tweak{softkey.BOM()}},
		{name: "crossOrigin absent", tweaks: []softkey.Tweak{softkey.CrossOrigin(nil)}},
		{name: "unknown members of the client data", tweaks: []softkey.Tweak{softkey.Member("androidPackageName", "com.android.chrome")}},
		{name: "tokenBinding may hold anything", tweaks: []softkey.Tweak{softkey.Member("tokenBinding", map[string]any{"status": "whatever"})}},
		{name: "unsolicited extension outputs (§7.2 step 23)", tweaks: []softkey.Tweak{softkey.UnsolicitedExtensions()}},
		{name: "attested data, as an old Touch ID sends it", tweaks: []softkey.Tweak{softkey.AttestedData()}},
		{name: "attested data with another key is not looked at", tweaks: []softkey.Tweak{softkey.AttestedData(), softkey.KeyLabel(-2, make([]byte, 32)), softkey.CredentialID([]byte("x")), func(y *softkey.Ceremony) { y.ID = nil }}},
		{name: "no longer backed up", tweaks: []softkey.Tweak{softkey.Flags(true, true, true, false)}},
		{name: "reserved flags (§6.1)", tweaks: []softkey.Tweak{func(y *softkey.Ceremony) { y.ReservedFlags = 0x22 }}},
		{name: "an extension that puts the word appid anywhere changes nothing", tweaks: []softkey.Tweak{func(y *softkey.Ceremony) { y.ClientExtensions = map[string]any{"appid": true} }}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, tt.opts...)
			tweaks := append(tt.tweaks, func(y *softkey.Ceremony) { y.ID = f.credential.ID })
			r, err := f.assert(tweaks...)
			if err != nil {
				t.Fatal(err)
			}
			if r.CounterRegressed {
				t.Error("the counter is said to have gone back")
			}
		})
	}
}

func TestAnAssertionIsRefused(t *testing.T) {
	tests := []struct {
		name         string
		tweak        softkey.Tweak
		reason, step string
	}{
		{"a registration's type (§7.2 step 10)", softkey.Type("webauthn.create"), "client_data_type", "§7.2 step 10"},
		{"a payment's type", softkey.Type("payment.get"), "client_data_type", "§7.2 step 10"},
		{"another challenge (§13.4.3)", softkey.Challenge(bytes.Repeat([]byte{8}, 32)), "challenge", "§7.2 step 11"},
		{"no challenge", softkey.Challenge(nil), "challenge", "§7.2 step 11"},
		{"http", softkey.Origin("http://exchange.example"), "origin", "§7.2 step 12"},
		{"a subdomain", softkey.Origin("https://www.exchange.example"), "origin", "§7.2 step 12"},
		{"another port", softkey.Origin("https://exchange.example:8443"), "origin", "§7.2 step 12"},
		{"the default port spelled out", softkey.Origin("https://exchange.example:443"), "origin", "§7.2 step 12"},
		{"a path", softkey.Origin("https://exchange.example/login?x"), "origin", "§7.2 step 12"},
		{"a slash", softkey.Origin("https://exchange.example/"), "origin", "§7.2 step 12"},
		{"user information", softkey.Origin("https://alex@exchange.example"), "origin", "§7.2 step 12"},
		{"upper case", softkey.Origin("HTTPS://EXCHANGE.EXAMPLE"), "origin", "§7.2 step 12"},
		{"an app", softkey.Origin("android:apk-key-hash:AAAA"), "origin", "§7.2 step 12"},
		{"null", softkey.Origin("null"), "origin", "§7.2 step 12"},
		{"crossOrigin true", softkey.CrossOrigin(true), "cross_origin", "§7.2 step 13"},
		{"topOrigin, even our own", softkey.TopOrigin(origin), "top_origin", "§7.2 step 14"},
		{"topOrigin of no length", softkey.TopOrigin(""), "top_origin", "§7.2 step 14"},
		{"another relying party id", softkey.RPID("evil.example"), "rp_id_hash", "§7.2 step 15"},
		{"an appid (§10.1.1)", softkey.RPID("https://exchange.example"), "rp_id_hash", "§7.2 step 15"},
		{"no user presence", softkey.NotPresent(), "user_not_present", "§7.2 step 16"},
		{"no user verification", softkey.NotVerified(), "user_not_verified", "§7.2 step 17"},
		{"backed up without being eligible", softkey.Flags(true, true, false, true), "backup_state_without_eligibility", "§7.2 step 18"},
		{"no longer backup eligible", softkey.Flags(true, true, false, false), "backup_eligibility_changed", "§7.2 step 19"},
		{"a byte after the authenticator data", softkey.TrailingAuthData(0), "authenticator_data", "§6.1"},
		{"36 bytes of authenticator data", func(y *softkey.Ceremony) { y.AuthData = func(b []byte) []byte { return b[:36] } }, "authenticator_data", "§6.1"},
		{"flag AT without attested data", func(y *softkey.Ceremony) { y.AuthData = func(b []byte) []byte { b[32] |= 0x40; return b } }, "authenticator_data", "§6.1"},
		{"flag ED without extension data", func(y *softkey.Ceremony) { y.AuthData = func(b []byte) []byte { b[32] |= 0x80; return b } }, "authenticator_data", "§6.1"},
		{"extension data that is not a map", softkey.Extensions([]byte{0x01}), "authenticator_data", "§6.1"},
		{"extension data that is null", softkey.Extensions([]byte{0xf6}), "authenticator_data", "§6.1"},
		{"a byte after the extension map", softkey.Extensions([]byte{0xa0, 0x00}), "authenticator_data", "§6.1"},
		{"BER instead of DER (§6.5.5)", softkey.BERSignature(), "signature", "§7.2 step 21"},
		{"r = s = 0", softkey.ZeroSignature(), "signature", "§7.2 step 21"},
		{"s not below the order of the curve", softkey.OverflowS(), "signature", "§7.2 step 21"},
		{"s negative", softkey.NegativeS(), "signature", "§7.2 step 21"},
		{"a byte after the signature", softkey.Signature(func(b []byte) []byte { return append(b, 0) }), "signature", "§7.2 step 21"},
		{"a number with a zero before it", softkey.Signature(func(b []byte) []byte {
			out := append([]byte{0x30, b[1] + 1, 0x02, b[3] + 1, 0}, b[4:]...)
			return out
		}), "signature", "§7.2 step 21"},
		{"a raw signature of 64 bytes", softkey.Signature(func([]byte) []byte { return make([]byte, 64) }), "signature", "§7.2 step 21"},
		{"no signature", softkey.Signature(func([]byte) []byte { return nil }), "response_kind", "§7.2 step 3"},
		{"another user", softkey.UserHandle([]byte("somebody else")), "user_handle", "§7.2 step 6"},
		{"another credential id", softkey.EnvelopeID([]byte("another")), "credential_id", "§7.2 step 6"},
		{"a registration in place of an assertion (§7.2 step 3)", func(y *softkey.Ceremony) {
			y.Envelope = func(e map[string]any) {
				r := e["response"].(map[string]any)
				delete(r, "signature")
				r["attestationObject"] = "AAAA"
			}
		}, "response_kind", "§7.2 step 3"},
		{"both at once", func(y *softkey.Ceremony) {
			y.Envelope = func(e map[string]any) { e["response"].(map[string]any)["attestationObject"] = "AAAA" }
		}, "response_kind", "§7.2 step 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			_, err := f.assert(tt.tweak)
			wantRefusal(t, err, tt.reason, tt.step)
		})
	}
}

// Who does not hold the key learns nothing about what is stored for it.
func TestFlagsAreJudgedOnlyAfterTheSignature(t *testing.T) {
	forged := softkey.Signature(func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	for name, tt := range map[string]struct {
		tweak softkey.Tweak
		want  error
	}{
		"user verification":  {softkey.NotVerified(), passkey.ErrUserNotVerified},
		"backup eligibility": {softkey.Flags(true, true, false, false), passkey.ErrBackupEligibleChanged},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			if _, err := f.assert(tt.tweak); !errors.Is(err, tt.want) {
				t.Errorf("with a valid signature: got %v, want %v", err, tt.want)
			}
			_, err := f.assert(tt.tweak, forged)
			wantRefusal(t, err, "signature", "§7.2 step 21")
			if errors.Is(err, tt.want) {
				t.Error("a forged signature is told what the stored key expects")
			}
		})
	}
	t.Run("became eligible", func(t *testing.T) {
		f := newFixture(t, softkey.DeviceBound())
		_, err := f.assert(softkey.Flags(true, true, true, true))
		if !errors.Is(err, passkey.ErrBackupEligibleChanged) {
			t.Errorf("got %v", err)
		}
	})
}

func TestEveryBitThatIsSignedCounts(t *testing.T) {
	for _, alg := range []int64{softkey.ES256, softkey.EdDSA, softkey.RS256} {
		f := newFixture(t, softkey.Algorithm(alg))
		resp := parse(t, f.get())
		parts := map[string]*[]byte{"client data": &resp.ClientDataJSON, "authenticator data": &resp.AuthenticatorData, "signature": &resp.Signature}
		for name, part := range parts {
			whole := *part
			for i := range whole {
				*part = bytes.Clone(whole)
				(*part)[i] ^= 1 << (i % 8)
				if _, err := f.assertion.Verify(resp, f.credential, f.registration.UserHandle); err == nil {
					t.Errorf("algorithm %d: byte %d of the %s does not matter", alg, i, name)
				}
			}
			*part = whole
		}
		if _, err := f.assertion.Verify(resp, f.credential, f.registration.UserHandle); err != nil {
			t.Errorf("algorithm %d: unchanged: %v", alg, err)
		}
	}
}

func TestTheSignatureIsHeldAgainstTheStoredKeyAndAlgorithm(t *testing.T) {
	f, other := newFixture(t), newFixture(t)
	stored := f.credential
	stored.PublicKey = other.credential.PublicKey
	resp := parse(t, f.get())
	_, err := f.assertion.Verify(resp, stored, f.registration.UserHandle)
	wantRefusal(t, err, "signature", "§7.2 step 21")

	var refusal *passkey.Refusal
	for name, change := range map[string]func(*passkey.Credential){
		"another algorithm": func(c *passkey.Credential) { c.Algorithm = softkey.RS256 },
		"no algorithm":      func(c *passkey.Credential) { c.Algorithm = 0 },
		"no id":             func(c *passkey.Credential) { c.ID = nil },
		"a broken key":      func(c *passkey.Credential) { c.PublicKey = nil },
	} {
		stored := f.credential
		change(&stored)
		if _, err := f.assertion.Verify(resp, stored, f.registration.UserHandle); err == nil || errors.As(err, &refusal) {
			t.Errorf("%s: got %v, want an error that is no refusal", name, err)
		}
	}
}

func TestAnAssertionIsByTheOwner(t *testing.T) {
	f := newFixture(t)
	resp := parse(t, f.get(softkey.NoUserHandle()))
	if resp.UserHandle != nil {
		t.Fatal("a user handle out of nowhere")
	}
	f.assertion.Discoverable = true
	_, err := f.assertion.Verify(resp, f.credential, f.registration.UserHandle)
	wantRefusal(t, err, "user_handle_missing", "§7.2 step 6")

	resp = parse(t, f.get())
	if _, err := f.assertion.Verify(resp, f.credential, f.registration.UserHandle); err != nil {
		t.Errorf("signing in without a name: %v", err)
	}
	_, err = f.assertion.Verify(resp, f.credential, []byte("another owner"))
	wantRefusal(t, err, "user_handle", "§7.2 step 6")
	var refusal *passkey.Refusal
	if _, err := f.assertion.Verify(resp, f.credential, nil); err == nil || errors.As(err, &refusal) {
		t.Errorf("verified without an owner: %v", err)
	}
	if _, err := f.assertion.Verify(nil, f.credential, f.registration.UserHandle); err == nil {
		t.Error("verified without a response")
	}
}

func TestADeviceBoundKeyThatCountsMustCountUp(t *testing.T) {
	tests := []struct {
		name        string
		bound       bool // to its device
		stored, now uint32
		regressed   bool
	}{
		{"a counter that nobody keeps", true, 0, 0, false},
		{"the first count", true, 0, 1, false},
		{"growing", true, 5, 6, false},
		{"growing by more than one", true, 5, 500, false},
		{"unchanged", true, 5, 5, true},
		{"going back", true, 5, 4, true},
		{"going back to zero", true, 5, 0, true},
		{"at the end of its range", true, 1<<32 - 2, 1<<32 - 1, false},
		{"around the end of its range", true, 1<<32 - 1, 0, true},
		{"synced, going back", false, 5, 4, false},
		{"synced, unchanged", false, 5, 5, false},
		{"synced, back to zero", false, 5, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var opts []softkey.Option
			if tt.bound {
				opts = append(opts, softkey.DeviceBound())
			}
			f := newFixture(t, opts...)
			f.credential.SignCount = tt.stored
			r, err := f.assert(softkey.CounterAt(tt.now))
			if err != nil {
				t.Fatal(err)
			}
			if r.CounterRegressed != tt.regressed || r.SignCount != tt.now {
				t.Errorf("got %+v, want regressed %v", r, tt.regressed)
			}
		})
	}
}

// An app's origin is an opaque string; it is accepted where the ceremony was begun for that app, and nowhere else.
func TestAnAppsOriginServesOnlyWhereTheCeremonyWasBegunForIt(t *testing.T) {
	const app = "android:apk-key-hash:pNiP5iKyQ8JwgGOaKA1zGPUPJIS-0H1xKCQcfIoGLck"
	f := newFixture(t)
	f.assertion.Origin = app
	if _, err := f.assert(softkey.Origin(app)); err != nil {
		t.Error(err)
	}
	_, err := f.assert()
	wantRefusal(t, err, "origin", "§7.2 step 12")
}

func TestAnUnfilledAssertionIsAnErrorOfOurs(t *testing.T) {
	for name, change := range map[string]func(*passkey.Assertion){
		"no relying party":  func(a *passkey.Assertion) { a.RP.ID = "" },
		"no origin":         func(a *passkey.Assertion) { a.Origin = "" },
		"no challenge":      func(a *passkey.Assertion) { a.Challenge = nil },
		"a short challenge": func(a *passkey.Assertion) { a.Challenge = make([]byte, 15) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			resp := parse(t, f.get())
			change(&f.assertion)
			if _, err := f.assertion.Options(nil); err == nil {
				t.Error("options were made")
			}
			var refusal *passkey.Refusal
			if _, err := f.assertion.Verify(resp, f.credential, f.registration.UserHandle); err == nil || errors.As(err, &refusal) {
				t.Errorf("got %v, want an error that is no refusal", err)
			}
		})
	}
}

// The same passkey, carried by its provider to a second device, is the same credential (a new phone just works).
func TestASyncedPasskeyWorksOnASecondDevice(t *testing.T) {
	f := newFixture(t)
	second := softkey.New(rpID, origin)
	if err := second.Import(f.key.Export()[0]); err != nil {
		t.Fatal(err)
	}
	f.key = second
	f.credential.SignCount = 3
	r, err := f.assert()
	if err != nil || r.CounterRegressed {
		t.Errorf("got %+v, %v", r, err)
	}
}
