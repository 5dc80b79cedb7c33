package approval

import (
	"bytes"
	"encoding/json"
	"testing"
)

// agree holds what client data is accepted to the standard library's reading of it.
func agree(t *testing.T, raw []byte, challenge [32]byte) {
	t.Helper()
	if verifyClientData(raw, challenge, testOrigin) != nil {
		return
	}
	var c struct {
		Type, Challenge, Origin string
		CrossOrigin             bool
		TopOrigin               *string
	}
	if err := json.Unmarshal(bytes.TrimPrefix(raw, []byte("\ufeff")), &c); err != nil || c.Type != "webauthn.get" || c.Challenge != encode(challenge[:]) || c.Origin != testOrigin || c.CrossOrigin || c.TopOrigin != nil {
		t.Fatalf("accepted %q, which encoding/json reads as %+v, %v", raw, c, err)
	}
}
