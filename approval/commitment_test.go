package approval

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"testing"
)

func TestCredentialCommitmentIsTheDocumentedMAC(t *testing.T) {
	opening := [32]byte(bytes.Repeat([]byte{9}, 32))
	mac := hmac.New(sha256.New, opening[:])
	mac.Write([]byte("countersign/credential/v1\x00" + "\x00\x00\x00\x09ac_01HZX3" + "\x00\x00\x00\x10halloran.example" + "\x00\x00\x00\x02id" + "\x00\x00\x00\x03key"))
	if got := CredentialCommitment(opening, "ac_01HZX3", "halloran.example", []byte("id"), []byte("key")); !bytes.Equal(got[:], mac.Sum(nil)) {
		t.Errorf("%x", got)
	}
}

func TestCredentialCommitmentsKeepTheirFieldsApart(t *testing.T) {
	opening := [32]byte{1}
	seen := map[[32]byte]bool{}
	for _, f := range [][4]string{{"ab", "c", "d", "e"}, {"a", "bc", "d", "e"}, {"ab", "cd", "", "e"}, {"ab", "c", "de", ""}, {"ab", "c", "", "de"}} {
		c := CredentialCommitment(opening, f[0], f[1], []byte(f[2]), []byte(f[3]))
		if seen[c] {
			t.Errorf("%q has the commitment of another", f)
		}
		seen[c] = true
	}
	if seen[CredentialCommitment([32]byte{2}, "ab", "c", []byte("d"), []byte("e"))] {
		t.Error("another opening gives the same commitment")
	}
}
