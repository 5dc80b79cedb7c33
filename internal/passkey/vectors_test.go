package passkey_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"countersign/internal/passkey"
	"countersign/internal/softkey"
)

// The specification's own messages, made by nobody here. Most are without user verification, which this package asks
// for last: to be refused for exactly that shows that all else, the signature included, was found in order.
func TestTheVectorsOfTheSpecification(t *testing.T) {
	var vectors struct {
		Registrations, Assertions []struct {
			Title, ID, Challenge, ClientDataJSON, AttestationObject string
			AuthenticatorData, Signature, PublicKey                 string
		}
	}
	raw, err := os.ReadFile("testdata/webauthn-l3-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	rp := passkey.RelyingParty{ID: "example.org"}
	// By number in section 16; the reason for which it is refused, or nothing.
	registrations := map[string]string{
		"§16.2": "user_not_verified", "§16.3": "", "§16.4": "cross_origin", "§16.5": "cross_origin",
		"§16.6": "user_not_verified", "§16.7": "attestation_not_self", "§16.16": "attestation_format",
	}
	assertions := map[string]string{
		"§16.2": "user_not_verified", "§16.3": "user_not_verified", "§16.4": "cross_origin", "§16.5": "cross_origin",
		"§16.6": "", "§16.7": "", "§16.10": "user_not_verified", "§16.11": "user_not_verified", "§16.15": "user_not_verified",
	}
	check := func(t *testing.T, err error, wants map[string]string, title string) {
		section, _, _ := strings.Cut(title, " ")
		want, known := wants[section]
		if !known {
			t.Fatalf("no expectation for %s", title)
		}
		delete(wants, section)
		var r *passkey.Refusal
		if errors.As(err, &r) {
			if r.Reason != want {
				t.Errorf("refused for %q, want %q", r.Reason, want)
			}
		} else if err != nil || want != "" {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, v := range vectors.Registrations {
		t.Run("registration "+v.Title, func(t *testing.T) {
			r := passkey.Registration{RP: rp, Origin: "https://example.org", Challenge: unbase64(t, v.Challenge), UserHandle: []byte("handle")}
			_, err := r.Verify(fmt.Appendf(nil, `{"id":%q,"rawId":%[1]q,"type":"public-key","clientExtensionResults":{},
				"response":{"clientDataJSON":%q,"attestationObject":%q}}`, v.ID, v.ClientDataJSON, v.AttestationObject))
			check(t, err, registrations, v.Title)
		})
	}
	for _, v := range vectors.Assertions {
		t.Run("assertion "+v.Title, func(t *testing.T) {
			resp, err := passkey.ParseResponse(fmt.Appendf(nil, `{"id":%q,"rawId":%[1]q,"type":"public-key","clientExtensionResults":{},
				"response":{"clientDataJSON":%q,"authenticatorData":%q,"signature":%q}}`, v.ID, v.ClientDataJSON, v.AuthenticatorData, v.Signature))
			if err != nil {
				t.Fatal(err)
			}
			key := passkey.Credential{
				ID: resp.CredentialID, PublicKey: unbase64(t, v.PublicKey), Algorithm: softkey.ES256,
				BackupEligible: resp.AuthenticatorData[32]&0x08 != 0,
			}
			for name, alg := range map[string]int64{"RS256": softkey.RS256, "EdDSA": softkey.EdDSA} {
				if strings.Contains(v.Title, name) {
					key.Algorithm = alg
				}
			}
			a := passkey.Assertion{RP: rp, Origin: "https://example.org", Challenge: unbase64(t, v.Challenge)}
			_, err = a.Verify(resp, key, []byte("handle"))
			check(t, err, assertions, v.Title)
		})
	}
	if len(registrations)+len(assertions) != 0 {
		t.Errorf("vectors that are not there: %v %v", registrations, assertions)
	}
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
