package approval

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
)

// Version is the format of the documents that this package makes.
const Version = "countersign/approval/v1"

// Approval is the proof that a customer approved one withdrawal. It holds
// either a passkey's evidence, which anyone can check, or the server's
// statement that codes were given, never both. The members of the types here
// stand in the alphabetical order of their JSON names, because the document's
// form (RFC 8785) has them so.
type Approval struct {
	// ApprovedAt is when, in RFC 3339, UTC, whole seconds (see [FormatTime]).
	ApprovedAt string         `json:"approved_at"`
	Codes      *CodesEvidence `json:"codes,omitempty"`
	// Details are the canonical details, byte for byte, as a string.
	Details string           `json:"details"`
	Passkey *PasskeyEvidence `json:"passkey,omitempty"`
	// Version is the constant [Version].
	Version string `json:"version"`
}

// PasskeyEvidence is all that a WebAuthn assertion over the details left
// behind. Every member that holds bytes is base64url without padding, of the
// bytes as the authenticator or the browser gave them.
type PasskeyEvidence struct {
	// Algorithm is the key's COSE algorithm identifier, such as -7 for ES256.
	Algorithm int64 `json:"algorithm"`
	// AuthenticatorData is 37 to 1024 bytes.
	AuthenticatorData string `json:"authenticator_data"`
	// ClientDataJSON is at most 4096 bytes; its challenge is [Challenge] of
	// Nonce and the details.
	ClientDataJSON string `json:"client_data_json"`
	// CredentialID is 1 to 1023 bytes.
	CredentialID string `json:"credential_id"`
	// Nonce is the challenge's nonce, 32 bytes.
	Nonce string `json:"nonce"`
	// Origin is where the ceremony was begun, such as "https://example.com":
	// at most 512 printable ASCII characters.
	Origin string `json:"origin"`
	// PublicKey is the passkey's COSE_Key as registered, at most 4096 bytes.
	PublicKey string `json:"public_key"`
	// RelyingParty is the RP ID, the same as in the details.
	RelyingParty string `json:"relying_party"`
	// Signature is the assertion's signature, at most 8192 bytes.
	Signature string `json:"signature"`
}

// The bounds are those that the server sets to what it accepts from a browser;
// post-quantum keys and signatures fit.
const (
	maxOrigin        = 512
	minAuthData      = 37 // Web Authentication Level 3 section 6.1
	maxAuthData      = 1024
	maxClientData    = 4096
	maxCredentialID  = 1023
	maxPublicKey     = 4096
	maxSignature     = 8192
	maxSafeAlgorithm = 1<<31 - 1 // COSE identifiers are 32 bits; RFC 8785 numbers are exact to 53
)

var (
	errVersion      = errors.New("approval: the version is not " + Version)
	errApprovedAt   = errors.New("approval: approved_at is not an RFC 3339 time in UTC with whole seconds")
	errEvidence     = errors.New("approval: an approval holds either a passkey's evidence or the codes', not both")
	errPasskeyForm  = errors.New("approval: the passkey evidence is malformed")
	errRelyingParty = errors.New("approval: the evidence names another relying party than the details")
)

// Marshal returns the document in RFC 8785 form: the same approval always gives
// the same bytes. It refuses one that is incomplete or malformed, and one whose
// codes' signature does not fit. It does not check a passkey's signature.
func (a Approval) Marshal() ([]byte, error) {
	if a.Version != Version {
		return nil, errVersion
	}
	details, err := ParseDetails([]byte(a.Details))
	if err != nil {
		return nil, err
	}
	if checkTime(a.ApprovedAt) != "" {
		return nil, errApprovedAt
	}
	switch {
	case (a.Passkey == nil) == (a.Codes == nil):
		return nil, errEvidence
	case a.Codes != nil:
		err = a.Codes.Verify([]byte(a.Details), a.ApprovedAt)
	default:
		err = a.Passkey.check(details.RelyingParty)
	}
	if err != nil {
		return nil, err
	}
	// No value here holds a control character or a line separator, so the
	// encoder's string escapes are exactly those of RFC 8785 once the HTML
	// escapes are off.
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(a); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Fingerprint returns SHA-256 of the marshalled document, by which an approval
// is named on a receipt. It fails as [Approval.Marshal] does.
func (a Approval) Fingerprint() ([32]byte, error) {
	document, err := a.Marshal()
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(document), nil
}

func (p *PasskeyEvidence) check(relyingParty string) error {
	if p.RelyingParty != relyingParty {
		return errRelyingParty
	}
	if visibleASCII(maxOrigin)(p.Origin) != "" || p.Algorithm > maxSafeAlgorithm || p.Algorithm < -maxSafeAlgorithm {
		return errPasskeyForm
	}
	for _, m := range []struct {
		value             string
		shortest, longest int
	}{
		{p.AuthenticatorData, minAuthData, maxAuthData},
		{p.ClientDataJSON, 1, maxClientData},
		{p.CredentialID, 1, maxCredentialID},
		{p.Nonce, NonceSize, NonceSize},
		{p.PublicKey, 1, maxPublicKey},
		{p.Signature, 1, maxSignature},
	} {
		if _, ok := decode(m.value, m.shortest, m.longest); !ok {
			return errPasskeyForm
		}
	}
	return nil
}
