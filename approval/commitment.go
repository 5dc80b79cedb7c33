package approval

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

const (
	credentialLabel = "countersign/credential/v1"
	approvalLabel   = "countersign/approval-record/v1"
)

// CredentialCommitment is what the audit log's entry of a passkey's creation
// says about the passkey: HMAC-SHA-256 under opening of
//
//	"countersign/credential/v1" || 0x00 || field(account) ||
//	field(relying party) || field(credential id) || field(public key)
//
// where field is the value's length as four big-endian bytes and then the
// value. To someone without the opening, 32 bytes that only the log knows, it
// tells nothing; with it, anyone can see whose key was registered.
func CredentialCommitment(opening [32]byte, account, relyingParty string, credentialID, publicKey []byte) [32]byte {
	message := make([]byte, 0, len(credentialLabel)+1+4*4+len(account)+len(relyingParty)+len(credentialID)+len(publicKey))
	message = append(message, credentialLabel...)
	message = append(message, 0)
	message = appendField(message, account)
	message = appendField(message, relyingParty)
	message = appendField(message, credentialID)
	message = appendField(message, publicKey)
	mac := hmac.New(sha256.New, opening[:])
	mac.Write(message)
	return [32]byte(mac.Sum(nil))
}

// ApprovalCommitment is what the audit log's entry of an approval says about the
// document: HMAC-SHA-256 under opening of
//
//	"countersign/approval-record/v1" || 0x00 || fingerprint
//
// with the 32 bytes of [Approval.Fingerprint]. As long as the log keeps the
// opening to itself it tells nothing of the approval.
func ApprovalCommitment(opening, fingerprint [32]byte) [32]byte {
	mac := hmac.New(sha256.New, opening[:])
	mac.Write([]byte(approvalLabel + "\x00"))
	mac.Write(fingerprint[:])
	return [32]byte(mac.Sum(nil))
}

// appendField writes a value so that its end is known and cannot be shifted.
func appendField[T string | []byte](out []byte, value T) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(len(value)))
	return append(out, value...)
}
