package passkey_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"countersign/internal/passkey"
	"countersign/internal/softkey"
)

func TestCreationOptionsAskForADiscoverableVerifiedPasskey(t *testing.T) {
	raw, err := newRegistration().Options("alex@mail.example", "Alex", []passkey.Descriptor{{ID: []byte{1, 2, 3}, Transports: []string{"usb"}}})
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	handle := strings.Repeat("q6ur", 21) + "qw"
	if err := json.Unmarshal([]byte(`{
		"rp": {"id": "exchange.example", "name": "Exchange"},
		"user": {"id": "`+handle+`", "name": "alex@mail.example", "displayName": "Alex"},
		"challenge": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
		"pubKeyCredParams": [{"type": "public-key", "alg": -8}, {"type": "public-key", "alg": -7}, {"type": "public-key", "alg": -257}],
		"timeout": 300000,
		"excludeCredentials": [{"type": "public-key", "id": "AQID", "transports": ["usb"]}],
		"authenticatorSelection": {"residentKey": "required", "requireResidentKey": true, "userVerification": "required"},
		"attestation": "none",
		"extensions": {"credProps": true}
	}`), &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestARegistrationIsAccepted(t *testing.T) {
	tests := []struct {
		name   string
		opts   []softkey.Option
		tweaks []softkey.Tweak
		alg    int64
		format string
	}{
		{name: "ES256, synced, no attestation", alg: softkey.ES256, format: "none"},
		{name: "EdDSA", opts: []softkey.Option{softkey.Algorithm(softkey.EdDSA)}, alg: softkey.EdDSA, format: "none"},
		{name: "RS256", opts: []softkey.Option{softkey.Algorithm(softkey.RS256)}, alg: softkey.RS256, format: "none"},
		{name: "self attestation, ES256 (§8.2)", opts: []softkey.Option{softkey.SelfAttested()}, alg: softkey.ES256, format: "packed"},
		{name: "self attestation, EdDSA", opts: []softkey.Option{softkey.SelfAttested(), softkey.Algorithm(softkey.EdDSA)}, alg: softkey.EdDSA, format: "packed"},
		{name: "self attestation, RS256", opts: []softkey.Option{softkey.SelfAttested(), softkey.Algorithm(softkey.RS256)}, alg: softkey.RS256, format: "packed"},
		{name: "device-bound security key", opts: []softkey.Option{softkey.DeviceBound()}, alg: softkey.ES256, format: "none"},
		{name: "eligible but not backed up yet", opts: []softkey.Option{softkey.NotBackedUp()}, alg: softkey.ES256, format: "none"},
		{name: "a byte order mark before the client data (§7.1 step 5)", opts: []softkey.Option{softkey.SelfAttested()}, tweaks: []softkey.Tweak{softkey.BOM()}, alg: softkey.ES256, format: "packed"},
		{name: "crossOrigin absent, as Safari and Firefox have it", tweaks: []softkey.Tweak{softkey.CrossOrigin(nil)}, alg: softkey.ES256, format: "none"},
		{name: "members that are not known yet (§5.8.1.1)", tweaks: []softkey.Tweak{softkey.Member("other_keys_can_be_added_here", "do not compare clientDataJSON against a template")}, alg: softkey.ES256, format: "none"},
		{name: "tokenBinding is reserved and may hold anything (§5.8.1)", tweaks: []softkey.Tweak{softkey.Member("tokenBinding", 42)}, alg: softkey.ES256, format: "none"},
		{name: "unsolicited extension outputs are ignored (§7.1 step 28)", tweaks: []softkey.Tweak{softkey.UnsolicitedExtensions()}, alg: softkey.ES256, format: "none"},
		{name: "no extension outputs", tweaks: []softkey.Tweak{func(y *softkey.Ceremony) { y.ClientExtensions = map[string]any{} }}, alg: softkey.ES256, format: "none"},
		{name: "reserved flags are ignored (§6.1)", tweaks: []softkey.Tweak{func(y *softkey.Ceremony) { y.ReservedFlags = 0x22 }}, alg: softkey.ES256, format: "none"},
		{name: "credential id of 1 byte", tweaks: []softkey.Tweak{softkey.CredentialID([]byte{1})}, alg: softkey.ES256, format: "none"},
		{name: "credential id of 1023 bytes (§7.1 step 25)", tweaks: []softkey.Tweak{softkey.CredentialID(bytes.Repeat([]byte{1}, 1023))}, alg: softkey.ES256, format: "none"},
		{name: "RSA 4096 bits", opts: []softkey.Option{softkey.Algorithm(softkey.RS256), softkey.RSABits(4096)}, alg: softkey.RS256, format: "none"},
		{name: "convenience members that lie are not read", tweaks: []softkey.Tweak{func(y *softkey.Ceremony) {
			y.Envelope = func(e map[string]any) {
				r := e["response"].(map[string]any)
				r["publicKey"], r["publicKeyAlgorithm"], r["authenticatorData"] = "AAAA", -65535, []any{}
			}
		}}, alg: softkey.ES256, format: "none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, tt.opts...)
			c, err := f.register(tt.tweaks...)
			if err != nil {
				t.Fatal(err)
			}
			if c.Algorithm != tt.alg || c.Format != tt.format {
				t.Errorf("algorithm %d, format %q", c.Algorithm, c.Format)
			}
			if len(c.AttestationObject) == 0 || len(c.ClientDataJSON) == 0 {
				t.Error("the evidence is not kept")
			}
			f.credential = *c
			if len(tt.tweaks) == 0 {
				if _, err := f.assert(); err != nil {
					t.Errorf("the new passkey does not sign in: %v", err)
				}
			}
		})
	}
}

func TestACredentialIsKeptAsItWasAttested(t *testing.T) {
	f := newFixture(t, softkey.DeviceBound(), softkey.Transports("cable", "usb", "tomorrow"))
	want := f.key.Export()[0]
	c := f.credential
	if !bytes.Equal(c.ID, want.ID) || c.SignCount != 1 || c.BackupEligible || c.BackupState {
		t.Errorf("got %+v", c)
	}
	if !reflect.DeepEqual(c.Transports, []string{"hybrid", "usb", "tomorrow"}) {
		t.Errorf("transports %v", c.Transports)
	}
	f = newFixture(t)
	if c := f.credential; !c.BackupEligible || !c.BackupState || passkey.ProviderName(c.AAGUID) != "Apple Passwords" {
		t.Errorf("got %+v", c)
	}
}

func TestARegistrationIsRefused(t *testing.T) {
	none := func(y *softkey.Ceremony, f func([]byte) []byte) { y.AttestationObject = f }
	tests := []struct {
		name         string
		tweak        softkey.Tweak
		reason, step string
	}{
		{"an assertion's type (§7.1 step 7)", softkey.Type("webauthn.get"), "client_data_type", "§7.1 step 7"},
		{"another challenge", softkey.Challenge(bytes.Repeat([]byte{8}, 32)), "challenge", "§7.1 step 8"},
		{"the beginning of the challenge", softkey.Challenge(bytes.Repeat([]byte{7}, 31)), "challenge", "§7.1 step 8"},
		{"an origin that looks alike", softkey.Origin("https://exchange.example.evil.example"), "origin", "§7.1 step 9"},
		{"crossOrigin true", softkey.CrossOrigin(true), "cross_origin", "§7.1 step 10"},
		{"topOrigin, even our own", softkey.TopOrigin(origin), "top_origin", "§7.1 step 11"},
		{"another relying party id", softkey.RPID("evil.example"), "rp_id_hash", "§7.1 step 14"},
		{"no user presence", softkey.NotPresent(), "user_not_present", "§7.1 step 15"},
		{"no user verification", softkey.NotVerified(), "user_not_verified", "§7.1 step 16"},
		{"backed up without being eligible", softkey.Flags(true, true, false, true), "backup_state_without_eligibility", "§7.1 step 17"},
		{"bytes after the authenticator data", softkey.TrailingAuthData(0), "authenticator_data", "§6.1"},
		{"extension data that is not a map", softkey.Extensions([]byte{0x80}), "authenticator_data", "§6.1"},
		{"extension data that is null", softkey.Extensions([]byte{0xf6}), "authenticator_data", "§6.1"},
		{"two extension maps", softkey.Extensions([]byte{0xa0, 0xa0}), "authenticator_data", "§6.1"},
		{"no attested data", func(y *softkey.Ceremony) { y.AttestedData = false }, "attestation_object", "§7.1 step 13"},
		{"bytes after the attestation object", func(y *softkey.Ceremony) { none(y, func(b []byte) []byte { return append(b, 0) }) }, "attestation_object", "§7.1 step 13"},
		{"a fourth member in the attestation object", func(y *softkey.Ceremony) {
			none(y, func(b []byte) []byte { b[0] = 0xa4; return append(b, 0x61, 'x', 0) })
		}, "attestation_object", "§7.1 step 13"},
		{"a member twice in the attestation object", func(y *softkey.Ceremony) {
			none(y, func(b []byte) []byte { b[0] = 0xa4; return append(b, []byte("\x63fmt\x64none")...) })
		}, "attestation_object", "§7.1 step 13"},
		{"indefinite length", func(y *softkey.Ceremony) {
			none(y, func(b []byte) []byte { b[0] = 0xbf; return append(b, 0xff) })
		}, "attestation_object", "§7.1 step 13"},
		{"a format in another case", softkey.Attestation("None", map[string]any{}), "attestation_format", "§7.1 step 21"},
		{"fido-u2f attestation", softkey.Attestation("fido-u2f", map[string]any{}), "attestation_format", "§7.1 step 21"},
		{"compound attestation", softkey.Attestation("compound", []any{}), "attestation_format", "§7.1 step 21"},
		{"format none with a statement (§8.7)", softkey.Attestation("none", map[string]any{"alg": -7}), "attestation", "§7.1 step 22"},
		{"format none with a list for a statement", softkey.Attestation("none", []any{}), "attestation_statement", "§7.1 step 22"},
		{"packed with a certificate", softkey.Attestation("packed", map[string]any{"alg": -7, "sig": []byte{1}, "x5c": []any{[]byte{1}}}), "attestation_not_self", "§7.1 step 24"},
		{"packed with x5c null", softkey.Attestation("packed", map[string]any{"alg": -7, "sig": []byte{1}, "x5c": nil}), "attestation_not_self", "§7.1 step 24"},
		{"packed, signature by nobody", softkey.Attestation("packed", map[string]any{"alg": -7, "sig": []byte{1}}), "attestation", "§7.1 step 22"},
		{"packed, another algorithm than the key's", func(y *softkey.Ceremony) {
			y.Format, y.Key[3] = "packed", softkey.EdDSA
		}, "public_key", "§5.8.5"},
		{"credential id of 1024 bytes (§7.1 step 25)", softkey.CredentialID(bytes.Repeat([]byte{1}, 1024)), "too_large", "§7.1 step 25"},
		{"credential id of no bytes", softkey.CredentialID([]byte{}), "json_member_missing", "§7.1 step 25"},
		{"another id outside than attested", softkey.EnvelopeID([]byte("another")), "credential_id", "§7.1 step 25"},
		{"rawId that differs from id", func(y *softkey.Ceremony) {
			y.Envelope = func(e map[string]any) { e["rawId"] = "AAAA" }
		}, "credential_id", "§7.1 step 25"},
		{"an assertion in place of a registration (§7.1 step 3)", func(y *softkey.Ceremony) {
			y.Envelope = func(e map[string]any) {
				r := e["response"].(map[string]any)
				delete(r, "attestationObject")
				r["signature"] = "AAAA"
			}
		}, "response_kind", "§7.1 step 3"},
		{"another type of credential", func(y *softkey.Ceremony) {
			y.Envelope = func(e map[string]any) { e["type"] = "password" }
		}, "credential_type", "§7.1 step 3"},
		{"nine transports", func(y *softkey.Ceremony) { y.Transports = make([]string, 9) }, "too_large", "§7.1 step 3"},
		{"a transport of 33 bytes", func(y *softkey.Ceremony) { y.Transports = []string{strings.Repeat("x", 33)} }, "too_large", "§7.1 step 3"},
		{"client data over 4 KiB", softkey.Member("x", strings.Repeat("x", 4<<10)), "too_large", "§7.1 step 3"},
		{"attestation object over 16 KiB", softkey.Attestation("none", map[string]any{"x": make([]byte, 16<<10)}), "too_large", "§7.1 step 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			_, err := f.register(tt.tweak)
			wantRefusal(t, err, tt.reason, tt.step)
			if errors.Is(err, passkey.ErrUserNotVerified) != (tt.reason == "user_not_verified") {
				t.Error("ErrUserNotVerified does not go with its reason")
			}
		})
	}
}

func TestSelfAttestationIsSignedByTheNewKeyItself(t *testing.T) {
	for name, tweak := range map[string]softkey.Tweak{
		"BER instead of DER": softkey.BERSignature(),
		"r and s zero":       softkey.ZeroSignature(),
		"trailing bytes":     softkey.Signature(func(b []byte) []byte { return append(b, 0) }),
		"nothing":            softkey.Signature(func([]byte) []byte { return nil }),
		"one bit":            softkey.Signature(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, softkey.SelfAttested())
			_, err := f.register(tweak)
			wantRefusal(t, err, "attestation", "§7.1 step 22")
		})
	}
	f := newFixture(t, softkey.SelfAttested())
	if _, err := f.register(softkey.HighS()); err != nil {
		t.Errorf("a high s is as valid as a low one: %v", err)
	}
}

// With attestation "none" nothing else holds the key against anything, so an unusable or dangerous one would be kept.
func TestANewPublicKeyIsExactlyWhatItsAlgorithmNeeds(t *testing.T) {
	es, ed, rs := softkey.Algorithm(softkey.ES256), softkey.Algorithm(softkey.EdDSA), softkey.Algorithm(softkey.RS256)
	key := softkey.Key
	set := softkey.KeyLabel
	drop := func(label int64) softkey.Tweak { return key(func(k softkey.COSEKey) { delete(k, label) }) }
	bits := func(n int) []byte {
		b := bytes.Repeat([]byte{0xFF}, (n+7)/8)
		b[0] >>= uint(len(b)*8 - n)
		return b
	}
	point := func(hex string) softkey.Tweak { return set(-2, unhex(t, hex)) }
	tests := []struct {
		name  string
		kind  softkey.Option
		tweak softkey.Tweak
	}{
		{"ES256: off the curve", es, set(-3, bytes.Repeat([]byte{1}, 32))},
		{"ES256: the point (0, 0)", es, key(func(k softkey.COSEKey) { k[-2], k[-3] = make([]byte, 32), make([]byte, 32) })},
		{"ES256: a coordinate without its leading zero", es, key(func(k softkey.COSEKey) { k[-2] = k[-2].([]byte)[1:] })},
		{"ES256: a coordinate with one zero more", es, key(func(k softkey.COSEKey) { k[-2] = append([]byte{0}, k[-2].([]byte)...) })},
		{"ES256: compressed", es, set(-3, true)},
		{"ES256: no y", es, drop(-3)},
		{"ES256: curve P-384", es, set(-1, 2)},
		{"ES256: no curve", es, drop(-1)},
		{"ES256: key type OKP", es, set(1, 1)},
		{"ES256: key type as text", es, set(1, "EC2")},
		{"ES256: no key type", es, drop(1)},
		{"ES256: with its private key", es, set(-4, bytes.Repeat([]byte{1}, 32))},
		{"ES256: with a key id", es, set(2, []byte{1})},
		{"ES256: with key operations", es, set(4, []any{2})},
		{"EdDSA: with its private key", ed, set(-4, bytes.Repeat([]byte{1}, 32))},
		{"EdDSA: curve Ed448", ed, set(-1, 7)},
		{"EdDSA: key type EC2", ed, set(1, 2)},
		{"EdDSA: 31 bytes", ed, set(-2, bytes.Repeat([]byte{1}, 31))},
		{"EdDSA: off the curve", ed, point("0200000000000000000000000000000000000000000000000000000000000000")},
		{"EdDSA: neutral point, order 1", ed, point("0100000000000000000000000000000000000000000000000000000000000000")},
		{"EdDSA: neutral point, sign set", ed, point("0100000000000000000000000000000000000000000000000000000000000080")},
		{"EdDSA: order 2", ed, point("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")},
		{"EdDSA: order 4", ed, point("0000000000000000000000000000000000000000000000000000000000000000")},
		{"EdDSA: order 4, other sign", ed, point("0000000000000000000000000000000000000000000000000000000000000080")},
		{"EdDSA: order 8, first", ed, point("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")},
		{"EdDSA: order 8, second", ed, point("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85")},
		{"EdDSA: order 8, third", ed, point("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")},
		{"EdDSA: order 8, fourth", ed, point("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa")},
		{"EdDSA: y not reduced (p + 3)", ed, point("f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")},
		{"EdDSA: neutral point, not reduced (p + 1)", ed, point("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")},
		{"RS256: 512 bits", rs, set(-1, bits(512))},
		{"RS256: 2047 bits", rs, set(-1, bits(2047))},
		{"RS256: 4097 bits", rs, set(-1, bits(4097))},
		{"RS256: an even modulus", rs, key(func(k softkey.COSEKey) { n := k[-1].([]byte); n[len(n)-1] &^= 1 })},
		{"RS256: a modulus with a leading zero", rs, key(func(k softkey.COSEKey) { k[-1] = append([]byte{0}, k[-1].([]byte)...) })},
		{"RS256: no modulus", rs, drop(-1)},
		{"RS256: exponent 1", rs, set(-2, []byte{1})},
		{"RS256: exponent 65536", rs, set(-2, []byte{1, 0, 0})},
		{"RS256: exponent over 31 bits", rs, set(-2, []byte{0x80, 0, 0, 1})},
		{"RS256: exponent with a leading zero", rs, set(-2, []byte{0, 1, 0, 1})},
		{"RS256: key type EC2", rs, set(1, 2)},
		{"RS256: with its private exponent", rs, set(-3, []byte{1})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{t: t, key: softkey.New(rpID, origin, tt.kind), registration: newRegistration()}
			_, err := f.register(tt.tweak)
			wantRefusal(t, err, "public_key", "§5.8.5")
		})
	}
	for name, alg := range map[string]any{"ES384": -35, "PS256": -37, "RS1": -65535, "fully specified ESP256": -9, "text": "ES256", "huge": uint64(1) << 63} {
		t.Run("algorithm that was not asked for: "+name, func(t *testing.T) {
			f := newFixture(t)
			_, err := f.register(set(3, alg))
			wantRefusal(t, err, "algorithm", "§7.1 step 20")
		})
	}
	t.Run("no algorithm", func(t *testing.T) {
		f := newFixture(t)
		_, err := f.register(drop(3))
		wantRefusal(t, err, "algorithm", "§7.1 step 20")
	})
}

// A ceremony that was not filled in must not match an answer that is empty in the same places.
func TestAnUnfilledRegistrationIsAnErrorOfOurs(t *testing.T) {
	for name, change := range map[string]func(*passkey.Registration){
		"no relying party":     func(r *passkey.Registration) { r.RP.ID = "" },
		"no origin":            func(r *passkey.Registration) { r.Origin = "" },
		"no challenge":         func(r *passkey.Registration) { r.Challenge = nil },
		"a short challenge":    func(r *passkey.Registration) { r.Challenge = make([]byte, 15) },
		"no user handle":       func(r *passkey.Registration) { r.UserHandle = nil },
		"a handle of 65 bytes": func(r *passkey.Registration) { r.UserHandle = make([]byte, 65) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegistration()
			change(&r)
			if _, err := r.Options("a", "a", nil); err == nil {
				t.Error("options were made")
			}
			_, err := r.Verify([]byte(`{}`))
			var refusal *passkey.Refusal
			if err == nil || errors.As(err, &refusal) {
				t.Errorf("got %v, want an error that is no refusal", err)
			}
		})
	}
	if _, err := newRegistration().Options("a", "a", make([]passkey.Descriptor, 65)); err == nil {
		t.Error("65 excluded credentials were put into one list, which Chromium throws on")
	}
	if _, err := newRegistration().Options("a", "a", make([]passkey.Descriptor, 1)); err == nil {
		t.Error("an empty credential id was put into a list")
	}
}
