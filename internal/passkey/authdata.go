package passkey

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/go-webauthn/webauthn/protocol"
)

// readAuthenticatorData takes apart authenticator data (§6.1) to its last byte.
func readAuthenticatorData(raw []byte) (protocol.AuthenticatorData, error) {
	var a protocol.AuthenticatorData
	if err := a.Unmarshal(raw); err != nil {
		return a, refuse("authenticator_data", "§6.1")
	}
	// The library's decoder reads CBOR null as an empty map; the specification wants a map (major type 5).
	if a.Flags.HasExtensions() && a.ExtData[0]>>5 != 5 {
		return a, refuse("authenticator_data", "§6.1")
	}
	return a, nil
}

// verifyFlags checks everything in authenticator data that says nothing about who sent it. User verification and
// backup eligibility are left to the end: they are reported only for a message whose signature is valid.
func verifyFlags(a *protocol.AuthenticatorData, rpID string, at *steps) error {
	hash := sha256.Sum256([]byte(rpID))
	switch {
	case subtle.ConstantTimeCompare(a.RPIDHash, hash[:]) != 1:
		return refuse("rp_id_hash", at.rpIDHash)
	case !a.Flags.HasUserPresent():
		return refuse("user_not_present", at.present)
	case a.Flags.HasBackupState() && !a.Flags.HasBackupEligible():
		return refuse("backup_state_without_eligibility", at.backup)
	}
	return nil
}

func verifyUser(a *protocol.AuthenticatorData, at *steps) error {
	if a.Flags.HasUserVerified() {
		return nil
	}
	return &Refusal{Reason: "user_not_verified", Step: at.verified, kind: ErrUserNotVerified}
}
