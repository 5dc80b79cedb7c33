package passkey

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign/approval"
)

// Package approval verifies what this package accepted, by code of its own. Over its vectors both give the same answers, where what is
// asked is this package's to answer: the ceremony, the key and the signature.
func TestApprovalsAreJudgedAlike(t *testing.T) {
	const folder = "../../approval/testdata/vectors"
	index, err := os.ReadFile(filepath.Join(folder, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Member string
		Accept       bool
	}
	if err := json.Unmarshal(index, &vectors); err != nil {
		t.Fatal(err)
	}
	judged := map[string]int{}
	for _, v := range vectors {
		document, err := os.ReadFile(filepath.Join(folder, v.Name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := approval.Parse(document)
		if err != nil || doc.Passkey == nil || strings.HasPrefix(v.Name, "bad-origin") {
			continue // the form, codes, and what a verifier allows are not of this package
		}
		ours := false
		for _, member := range []string{"client_data_json", "authenticator_data", "signature", "public_key", "algorithm"} {
			ours = ours || v.Member == "passkey."+member
		}
		// What stores keys writes them in CTAP2's form; that others are spelt otherwise, and whom a verifier trusts, matters to a document alone.
		if !v.Accept && !ours || v.Name == "bad-key-order" || v.Name == "bad-pinned-for-another-account" || v.Name == "bad-passkey-nobody-vouches" {
			continue
		}
		p := doc.Passkey
		bytes := func(s string) []byte {
			b, f := decodeBase64(s, maxSignature)
			if f != "" {
				t.Fatal(f)
			}
			return b
		}
		challenge, err := approval.Challenge(bytes(p.Nonce), []byte(doc.Details))
		if err != nil {
			t.Fatal(err)
		}
		key := Credential{ID: bytes(p.CredentialID), PublicKey: bytes(p.PublicKey), Algorithm: p.Algorithm}
		auth := bytes(p.AuthenticatorData)
		key.BackupEligible = auth[32]&8 != 0
		algorithm, err := checkNewKey(key.PublicKey)
		if err == nil && algorithm != p.Algorithm {
			err = errStoredKey
		}
		if err == nil {
			user := []byte("user")
			_, err = Assertion{RP: RelyingParty{ID: p.RelyingParty, Name: "Test"}, Origin: p.Origin, Challenge: challenge[:]}.Verify(
				&Response{CredentialID: key.ID, UserHandle: user, ClientDataJSON: bytes(p.ClientDataJSON), AuthenticatorData: auth, Signature: bytes(p.Signature)}, key, user)
		}
		if (err == nil) != v.Accept {
			t.Errorf("%s: %v", v.Name, err)
		}
		judged[v.Name[:3]]++
	}
	if judged["goo"] < 15 || judged["bad"] < 45 {
		t.Errorf("too few were judged: %v", judged)
	}
}
