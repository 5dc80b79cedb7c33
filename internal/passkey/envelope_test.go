package passkey_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"countersign/internal/passkey"
	"countersign/internal/softkey"
)

// The client data is signed, so two readers must not be able to take different things from it. encoding/json, and the
// library with it, accepts every one of these.
func TestClientDataThatReadersCouldTakeDifferently(t *testing.T) {
	const evil = `"origin":"https://evil.example",`
	tests := []struct {
		name         string
		tweak        softkey.Tweak
		reason, step string
	}{
		{"origin twice, the good one last", softkey.ClientDataText(`"origin"`, evil+`"origin"`), "json_duplicate_member", "§7.2 step 9"},
		{"origin twice, alike", softkey.ClientDataText(`"origin"`, `"origin":"https://exchange.example","origin"`), "json_duplicate_member", "§7.2 step 9"},
		{"type twice", softkey.ClientDataText(`{`, `{"type":"webauthn.create",`), "json_duplicate_member", "§7.2 step 9"},
		{"a second origin in upper case", softkey.Member("ORIGIN", origin), "json_member_case", "§7.2 step 9"},
		{"names in upper case", softkey.ClientDataText(`"type"`, `"TYPE"`), "json_member_case", "§7.2 step 9"},
		{"a long s that folds to s", softkey.Member("croſſOrigin", false), "json_member_case", "§7.2 step 9"},
		{"a name spelled with an escape, beside itself", softkey.ClientDataText(`{`, `{"\u006frigin":"https://evil.example",`), "json_duplicate_member", "§7.2 step 9"},
		{"no challenge", softkey.ClientDataText(`"challenge"`, `"x"`), "json_member_missing", "§7.2 step 9"},
		{"no origin", softkey.ClientDataText(`"origin"`, `"x"`), "json_member_missing", "§7.2 step 9"},
		{"no type", softkey.ClientDataText(`"type"`, `"x"`), "json_member_missing", "§7.2 step 9"},
		{"origin is an array", softkey.Member("origin", []string{origin}), "json_member_type", "§7.2 step 9"},
		{"origin is null", softkey.Member("origin", nil), "json_member_type", "§7.2 step 9"},
		{"type is a number", softkey.Member("type", 1), "json_member_type", "§7.2 step 9"},
		{"crossOrigin is text", softkey.CrossOrigin("false"), "json_member_type", "§7.2 step 9"},
		{"crossOrigin is null", softkey.Member("crossOrigin", nil), "json_member_type", "§7.2 step 9"},
		{"topOrigin is null", softkey.Member("topOrigin", nil), "json_member_type", "§7.2 step 9"},
		{"an array", softkey.ClientDataText(`{`, `[{`), "json_member_type", "§7.2 step 9"},
		{"two objects", func(y *softkey.Ceremony) { y.ClientData = func(b []byte) []byte { return append(b, "{}"...) } }, "json_syntax", "§7.2 step 9"},
		{"a NUL after it", func(y *softkey.Ceremony) { y.ClientData = func(b []byte) []byte { return append(b, 0) } }, "json_syntax", "§7.2 step 9"},
		{"a comma too many", softkey.ClientDataText(`"type"`, `,"type"`), "json_syntax", "§7.2 step 9"},
		{"two byte order marks", func(y *softkey.Ceremony) {
			y.ClientData = func(b []byte) []byte { return append([]byte("\uFEFF\uFEFF"), b...) }
		}, "json_member_type", "§7.2 step 9"},
		{"UTF-16", func(y *softkey.Ceremony) {
			y.ClientData = func(b []byte) []byte { return append([]byte{0xff, 0xfe}, b...) }
		}, "json_invalid_utf8", "§7.2 step 8"},
		{"invalid UTF-8 in a member nobody reads", softkey.ClientDataText(`{`, "{\"x\":\"\xc3\x28\","), "json_invalid_utf8", "§7.2 step 8"},
		{"half a surrogate pair", softkey.ClientDataText(`{`, `{"x":"\ud83d",`), "json_invalid_utf8", "§7.2 step 8"},
		{"nine levels deep", softkey.ClientDataText(`{`, `{"x":`+strings.Repeat("[", 8)+strings.Repeat("]", 8)+`,`), "json_depth", "§7.2 step 9"},
		{"a challenge with padding", func(y *softkey.Ceremony) {
			c := base64.RawURLEncoding.EncodeToString(y.Challenge)
			softkey.ClientDataText(c, c+"=")(y)
		}, "base64url", "§7.2 step 9"},
		{"a challenge with a line break in it", softkey.ClientDataText(`"challenge":"CQkJ`, `"challenge":"CQkJ\n`), "base64url", "§7.2 step 9"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			_, err := passkey.ParseResponse(f.get(tt.tweak))
			wantRefusal(t, err, tt.reason, tt.step)
		})
	}
	f := newFixture(t)
	if _, err := f.assert(softkey.ClientDataText(`{`, `{"x":`+strings.Repeat("[", 7)+strings.Repeat("]", 7)+`,`)); err != nil {
		t.Errorf("eight levels deep: %v", err)
	}
	if _, err := f.assert(softkey.ClientDataText(`{`, `{"x":1,"x":2,"\ud83d\udd11":"\"\\\/\b\f\n\r\t",`)); err != nil {
		t.Errorf("unknown members may repeat: %v", err)
	}
}

func TestTheEnvelopeIsReadStrictly(t *testing.T) {
	response := func(change func(map[string]any)) softkey.Tweak {
		return func(y *softkey.Ceremony) {
			y.Envelope = func(e map[string]any) { change(e["response"].(map[string]any)) }
		}
	}
	set := func(name string, value any) softkey.Tweak {
		return response(func(r map[string]any) { r[name] = value })
	}
	top := func(name string, value any) softkey.Tweak {
		return func(y *softkey.Ceremony) { y.Envelope = func(e map[string]any) { e[name] = value } }
	}
	big := func(n int) string { return base64.RawURLEncoding.EncodeToString(make([]byte, n)) }
	tests := []struct {
		name         string
		tweak        softkey.Tweak
		reason, step string
	}{
		{"padding", softkey.Padded(), "base64url", "§7.2 step 3"},
		{"the alphabet of plain base64", set("signature", "+/+/"), "base64url", "§7.2 step 3"},
		{"a line break", set("signature", "AAAA\r\nAAAA"), "base64url", "§7.2 step 3"},
		{"bits that stand for nothing", set("signature", "AB"), "base64url", "§7.2 step 3"},
		{"one letter", set("signature", "A"), "base64url", "§7.2 step 3"},
		{"an id with a line break", func(y *softkey.Ceremony) {
			y.Envelope = func(e map[string]any) { e["id"], e["rawId"] = e["id"].(string)+"\n", e["rawId"].(string)+"\n" }
		}, "base64url", "§7.2 step 6"},
		{"no id", softkey.EnvelopeText(`"id"`, `"x"`), "json_member_missing", "§7.2 step 6"},
		{"no rawId", softkey.EnvelopeText(`"rawId"`, `"x"`), "credential_id", "§7.2 step 6"},
		{"id of 1024 bytes", softkey.EnvelopeID(make([]byte, 1024)), "too_large", "§7.2 step 6"},
		{"client data over 4 KiB", set("clientDataJSON", big(4<<10+1)), "too_large", "§7.2 step 3"},
		{"authenticator data over 1 KiB", set("authenticatorData", big(1<<10+1)), "too_large", "§7.2 step 3"},
		{"a signature over 8 KiB", set("signature", big(8<<10+1)), "too_large", "§7.2 step 3"},
		{"a user handle of 65 bytes", set("userHandle", big(65)), "too_large", "§7.2 step 3"},
		{"more than 64 KiB", top("x", big(64<<10)), "too_large", "§7.2 step 3"},
		{"no client data", response(func(r map[string]any) { delete(r, "clientDataJSON") }), "json_member_missing", "§7.2 step 3"},
		{"no authenticator data", response(func(r map[string]any) { delete(r, "authenticatorData") }), "json_member_missing", "§7.2 step 3"},
		{"no response", softkey.EnvelopeText(`"response"`, `"x"`), "response_kind", "§7.2 step 3"},
		{"response is text", top("response", "x"), "json_member_type", "§7.2 step 3"},
		{"id is a number", top("id", 1), "json_member_type", "§7.2 step 3"},
		{"extension outputs are text", top("clientExtensionResults", "x"), "json_member_type", "§7.2 step 3"},
		{"signature is null", set("signature", nil), "json_member_type", "§7.2 step 3"},
		{"the signature twice", softkey.EnvelopeText(`"signature"`, `"signature":"AAAA","signature"`), "json_duplicate_member", "§7.2 step 3"},
		{"the id twice", softkey.EnvelopeText(`"id"`, `"id":"AAAA","id"`), "json_duplicate_member", "§7.2 step 3"},
		{"rawID", softkey.EnvelopeText(`"rawId"`, `"rawID"`), "json_member_case", "§7.2 step 3"},
		{"invalid UTF-8", softkey.EnvelopeText(`"platform"`, "\"\xff\""), "json_invalid_utf8", "§7.2 step 3"},
		{"text after it", func(y *softkey.Ceremony) { y.JSON = func(b []byte) []byte { return append(b, 'x') } }, "json_syntax", "§7.2 step 3"},
		{"nothing", func(y *softkey.Ceremony) { y.JSON = func([]byte) []byte { return nil } }, "json_member_type", "§7.2 step 3"},
		{"null", func(y *softkey.Ceremony) { y.JSON = func([]byte) []byte { return []byte("null") } }, "json_member_type", "§7.2 step 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			_, err := passkey.ParseResponse(f.get(tt.tweak))
			wantRefusal(t, err, tt.reason, tt.step)
		})
	}
	for name, tweak := range map[string]softkey.Tweak{
		"userHandle null":                 set("userHandle", nil),
		"userHandle empty means absent":   set("userHandle", ""),
		"authenticatorAttachment null":    top("authenticatorAttachment", nil),
		"authenticatorAttachment unknown": top("authenticatorAttachment", "tomorrow"),
		"attestationObject null":          set("attestationObject", nil),
		"unknown members":                 top("tomorrow", map[string]any{"a": []any{1.5e3, -0.25, true, false, nil, "é"}}),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			answer := f.get(tweak)
			resp := parse(t, answer)
			if strings.HasPrefix(name, "userHandle") && resp.UserHandle != nil {
				t.Error("an absent user handle is not nil")
			}
			if _, err := f.verify(answer); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAParsedResponseSaysWhatWasSent(t *testing.T) {
	f := newFixture(t)
	resp := parse(t, f.get())
	if !bytes.Equal(resp.CredentialID, f.credential.ID) || !bytes.Equal(resp.Challenge, f.assertion.Challenge) ||
		!bytes.Equal(resp.UserHandle, f.registration.UserHandle) || !json.Valid(resp.ClientDataJSON) || len(resp.AuthenticatorData) != 37 {
		t.Errorf("got %+v", resp)
	}
}

func FuzzParseResponse(f *testing.F) {
	fx := newFixture(f)
	f.Add(fx.get())
	f.Add(fx.get(softkey.BOM(), softkey.AttestedData(), softkey.UnsolicitedExtensions()))
	f.Add(fx.get(softkey.TopOrigin(origin), softkey.NoUserHandle()))
	f.Add([]byte(`{"response":{"clientDataJSON":"e30"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		resp, err := passkey.ParseResponse(text)
		if _, rerr := fx.registration.Verify(text); rerr == nil {
			t.Error("a registration out of nothing")
		}
		if err != nil {
			return
		}
		if n := len(resp.CredentialID); n < 1 || n > 1023 {
			t.Errorf("a credential id of %d bytes", n)
		}
		// Whatever is in the parts must not panic either; with the ceremony and key that they claim, more of it is read.
		ceremony, key := fx.assertion, fx.credential
		key.ID = resp.CredentialID
		if len(resp.Challenge) >= 16 {
			ceremony.Challenge = resp.Challenge
		}
		_, _ = ceremony.Verify(resp, key, fx.registration.UserHandle)
	})
}

func TestTheClaimedChallengeIsReadForBothCeremonies(t *testing.T) {
	f := newFixture(t)
	options, err := f.registration.Options("a", "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	created, err := f.key.Create(options)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		answer []byte
		create bool
		want   []byte
	}{
		"creation": {created, true, f.registration.Challenge},
		"request":  {f.get(), false, f.assertion.Challenge},
	} {
		got, err := passkey.ClaimedChallenge(tt.answer, tt.create)
		if err != nil || !bytes.Equal(got, tt.want) {
			t.Errorf("%s: got %x, %v", name, got, err)
		}
		_, err = passkey.ClaimedChallenge(tt.answer, !tt.create)
		wantRefusal(t, err, "response_kind", map[bool]string{true: "§7.2 step 3", false: "§7.1 step 3"}[tt.create])
	}
	_, err = passkey.ClaimedChallenge(f.get(softkey.Member("origin", nil)), false)
	wantRefusal(t, err, "json_member_type", "§7.2 step 9")
}
