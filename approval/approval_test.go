package approval

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	testKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	testAt  = time.Date(2026, 3, 14, 15, 31, 2, 987654321, time.FixedZone("", 3600))
)

const testApprovedAt = "2026-03-14T14:31:02Z"

func passkeyApproval() Approval {
	return Approval{Version: Version, Details: sampleCanonical, ApprovedAt: testApprovedAt, Passkey: &PasskeyEvidence{
		RelyingParty:      "halloran.example",
		Origin:            "https://halloran.example",
		CredentialID:      encode([]byte("credential")),
		PublicKey:         encode([]byte("a COSE key")),
		Nonce:             encode(make([]byte, NonceSize)),
		AuthenticatorData: encode(make([]byte, 37)),
		ClientDataJSON:    encode([]byte(`{"type":"webauthn.get"}`)),
		Signature:         encode([]byte("a signature")),
		Algorithm:         -7,
	}}
}

func TestApprovalDocumentsAreRFC8785(t *testing.T) {
	odd := sample()
	odd.Memo = `<b> & "quotes" \ é 🔑`
	withMemo := passkeyApproval()
	withMemo.Details = string(mustCanonical(t, odd))
	for name, a := range map[string]Approval{"codes": codesApproval(), "passkey": passkeyApproval(), "memo": withMemo} {
		document, err := a.Marshal()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if byHand := canonicalByHand(t, document); !bytes.Equal(byHand, document) {
			t.Errorf("%s:\nours    %s\nby hand %s", name, document, byHand)
		}
		var again Approval
		if err := json.Unmarshal(document, &again); err != nil {
			t.Fatal(err)
		}
		if again.Details != a.Details {
			t.Errorf("%s: the details changed on the way", name)
		}
		second, err := again.Marshal()
		if err != nil || !bytes.Equal(second, document) {
			t.Errorf("%s: a second rendition differs (%v)", name, err)
		}
		print1, err := a.Fingerprint()
		if err != nil || print1 != sha256.Sum256(document) {
			t.Errorf("%s: the fingerprint is not the document's hash (%v)", name, err)
		}
	}
}

func TestIncompleteOrMalformedApprovalsAreNotMarshalled(t *testing.T) {
	for name, change := range map[string]func(*Approval){
		"another version":        func(a *Approval) { a.Version = "countersign/approval/v2" },
		"details not canonical":  func(a *Approval) { a.Details += " " },
		"no time":                func(a *Approval) { a.ApprovedAt = "" },
		"a time with an offset":  func(a *Approval) { a.ApprovedAt = "2026-03-14T14:31:02+00:00" },
		"no evidence":            func(a *Approval) { a.Passkey = nil },
		"two kinds of evidence":  func(a *Approval) { a.Codes = codesApproval().Codes },
		"another relying party":  func(a *Approval) { a.Passkey.RelyingParty = "other.example" },
		"a short nonce":          func(a *Approval) { a.Passkey.Nonce = encode(make([]byte, 31)) },
		"no signature":           func(a *Approval) { a.Passkey.Signature = "" },
		"no origin":              func(a *Approval) { a.Passkey.Origin = "" },
		"padded base64url":       func(a *Approval) { a.Passkey.Signature += "=" },
		"standard base64":        func(a *Approval) { a.Passkey.Signature = "+/+/" },
		"a line break in base64": func(a *Approval) { a.Passkey.Signature = "AA\nAA" },
		"loose trailing bits":    func(a *Approval) { a.Passkey.Signature = "AB" },
		"short authenticator":    func(a *Approval) { a.Passkey.AuthenticatorData = encode(make([]byte, 36)) },
		"an endless signature":   func(a *Approval) { a.Passkey.Signature = encode(make([]byte, maxSignature+1)) },
		"an algorithm too large": func(a *Approval) { a.Passkey.Algorithm = 1 << 53 },
	} {
		t.Run(name, func(t *testing.T) {
			a := passkeyApproval()
			change(&a)
			if document, err := a.Marshal(); err == nil {
				t.Errorf("marshalled as %s", document)
			}
			if _, err := a.Fingerprint(); err == nil {
				t.Error("has a fingerprint")
			}
		})
	}
}

func TestCodesEvidenceFitsOnlyWhatWasSigned(t *testing.T) {
	a := codesApproval()
	canonical := []byte(a.Details)
	if err := a.Codes.Verify(canonical, testApprovedAt); err != nil {
		t.Fatal(err)
	}
	other := sample()
	other.Address = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u"
	if a.Codes.Verify(mustCanonical(t, other), testApprovedAt) == nil {
		t.Error("fits another address")
	}
	if a.Codes.Verify(canonical, "2026-03-14T14:31:03Z") == nil {
		t.Error("fits another time")
	}
	stranger := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
	for name, change := range map[string]func(*CodesEvidence){
		"a dropped factor":    func(c *CodesEvidence) { c.Factors = c.Factors[:2] },
		"one factor":          func(c *CodesEvidence) { c.Factors = c.Factors[:1] },
		"no factors":          func(c *CodesEvidence) { c.Factors = nil },
		"factors out of turn": func(c *CodesEvidence) { slices.Reverse(c.Factors) },
		"a factor twice":      func(c *CodesEvidence) { c.Factors[1] = c.Factors[0] },
		"an unknown factor":   func(c *CodesEvidence) { c.Factors[2] = "post" },
		"another key id":      func(c *CodesEvidence) { c.KeyID = "k2" },
		"no key id":           func(c *CodesEvidence) { c.KeyID = "" },
		"another key":         func(c *CodesEvidence) { c.PublicKey = encode(stranger.Public().(ed25519.PublicKey)) },
		"a short key":         func(c *CodesEvidence) { c.PublicKey = encode(make([]byte, 31)) },
		"a short signature":   func(c *CodesEvidence) { c.Signature = encode(make([]byte, 63)) },
		"a changed signature": func(c *CodesEvidence) { c.Signature = encode(make([]byte, 64)) },
		"not marked":          func(c *CodesEvidence) { c.AttestedBy = "customer" },
	} {
		t.Run(name, func(t *testing.T) {
			changed := *a.Codes
			changed.Factors = slices.Clone(changed.Factors)
			change(&changed)
			if changed.Verify(canonical, testApprovedAt) == nil {
				t.Error("verified")
			}
			b := a
			b.Codes = &changed
			if _, err := b.Marshal(); err == nil {
				t.Error("marshalled")
			}
		})
	}
	var absent *CodesEvidence
	if absent.Verify(canonical, testApprovedAt) == nil {
		t.Error("no evidence verified")
	}
}

func TestSigningCodesTwiceGivesTheSameBytes(t *testing.T) {
	one, err1 := codesApproval().Marshal()
	two, err2 := codesApproval().Marshal()
	if err1 != nil || err2 != nil || !bytes.Equal(one, two) {
		t.Errorf("%s\n%s\n%v %v", one, two, err1, err2)
	}
}

func TestSignCodesLeavesTheCallersFactorsAlone(t *testing.T) {
	factors := []string{FactorPhone, FactorEmail}
	if _, err := SignCodes(testKey, "k1", []byte(sampleCanonical), factors, testAt); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(factors, []string{FactorPhone, FactorEmail}) {
		t.Error("the caller's slice was sorted in place")
	}
}

func TestSignCodesRefusesWhatIsNotAnApproval(t *testing.T) {
	both := []string{FactorEmail, FactorPhone}
	for name, sign := range map[string]func() error{
		"no key": func() error { _, err := SignCodes(nil, "k1", []byte(sampleCanonical), both, testAt); return err },
		"a key id with a space": func() error {
			_, err := SignCodes(testKey, "k 1", []byte(sampleCanonical), both, testAt)
			return err
		},
		"other bytes": func() error { _, err := SignCodes(testKey, "k1", []byte("{}"), both, testAt); return err },
		"one factor": func() error {
			_, err := SignCodes(testKey, "k1", []byte(sampleCanonical), both[:1], testAt)
			return err
		},
		"the same factor twice": func() error {
			_, err := SignCodes(testKey, "k1", []byte(sampleCanonical), []string{FactorEmail, FactorEmail}, testAt)
			return err
		},
		"a year of five digits": func() error {
			_, err := SignCodes(testKey, "k1", []byte(sampleCanonical), both, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
			return err
		},
	} {
		if sign() == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

func TestErrorsDoNotRepeatWhatTheyRefuse(t *testing.T) {
	d := sample()
	d.Memo = "private\n"
	if _, err := d.Canonical(); err == nil || strings.Contains(err.Error(), "private") {
		t.Errorf("got %v", err)
	}
}
