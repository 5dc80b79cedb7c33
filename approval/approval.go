package approval

import (
	"crypto/sha256"
	"strconv"
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
	Details string `json:"details"`
	// Log is added when a document is handed out, as the log grows, and is no
	// part of the fingerprint.
	Log     *Log             `json:"log,omitempty"`
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

// The bounds are those that the server sets to what it accepts from a browser,
// and wider than the three algorithms of today need.
const (
	maxOrigin       = 512
	minAuthData     = 37 // Web Authentication Level 3 section 6.1
	maxAuthData     = 1024
	maxClientData   = 4096
	maxCredentialID = 1023
	maxPublicKey    = 4096
	maxSignature    = 8192
)

// Marshal returns the document in RFC 8785 form: the same approval always gives
// the same bytes. It refuses one that is incomplete or malformed, and one whose
// codes' signature does not fit. It checks neither a passkey's signature nor
// whether what Log holds is about this approval.
func (a Approval) Marshal() ([]byte, error) {
	if _, _, err := a.check(); err != nil {
		return nil, err
	}
	if a.Codes != nil {
		if err := a.Codes.Verify([]byte(a.Details), a.ApprovedAt); err != nil {
			return nil, err
		}
	}
	return a.append(make([]byte, 0, 2048)), nil
}

// Fingerprint returns SHA-256 of the marshalled document without what the log
// holds of it, by which an approval is named on a receipt. It fails as
// [Approval.Marshal] does.
func (a Approval) Fingerprint() ([32]byte, error) {
	a.Log = nil
	document, err := a.Marshal()
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(document), nil
}

// append writes an approval that was checked.
func (a *Approval) append(out []byte) []byte {
	text := func(name, value string) { out = appendString(append(out, name...), value) }
	list := func(name string, values []string) {
		out = append(out, name...)
		for i, v := range values {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendString(out, v)
		}
		out = append(out, ']')
	}
	inclusion := func(name string, i *Inclusion) {
		if i != nil {
			text(name, i.Entry)
			text(`,"index":`, i.Index)
			text(`,"opening":`, i.Opening)
			list(`,"proof":[`, i.Proof)
			out = append(out, '}')
		}
	}
	text(`{"approved_at":`, a.ApprovedAt)
	if c := a.Codes; c != nil {
		text(`,"codes":{"attested_by":`, c.AttestedBy)
		list(`,"factors":[`, c.Factors)
		text(`,"key_id":`, c.KeyID)
		text(`,"public_key":`, c.PublicKey)
		text(`,"signature":`, c.Signature)
		out = append(out, '}')
	}
	text(`,"details":`, a.Details)
	if l := a.Log; l != nil {
		text(`,"log":{"checkpoint":`, l.Checkpoint)
		inclusion(`,"record":{"entry":`, l.Record)
		inclusion(`,"registration":{"entry":`, l.Registration)
		out = append(out, '}')
	}
	if p := a.Passkey; p != nil {
		out = strconv.AppendInt(append(out, `,"passkey":{"algorithm":`...), p.Algorithm, 10)
		text(`,"authenticator_data":`, p.AuthenticatorData)
		text(`,"client_data_json":`, p.ClientDataJSON)
		text(`,"credential_id":`, p.CredentialID)
		text(`,"nonce":`, p.Nonce)
		text(`,"origin":`, p.Origin)
		text(`,"public_key":`, p.PublicKey)
		text(`,"relying_party":`, p.RelyingParty)
		text(`,"signature":`, p.Signature)
		out = append(out, '}')
	}
	text(`,"version":`, a.Version)
	return append(out, '}')
}

// contents are the members of an approval that hold bytes, decoded.
type contents struct {
	authData, clientData, credentialID, nonce, publicKey, signature []byte // of a passkey; the last two of codes also
	checkpoint                                                      *checkpoint
	record, registration                                            included
	fingerprint                                                     [32]byte // of a document that was read
}

// check holds the form of every member to its bounds.
func (a *Approval) check() (Details, *contents, error) {
	if a.Version != Version {
		return Details{}, nil, fault("version", "is not "+Version)
	}
	if reason := checkTime(a.ApprovedAt); reason != "" {
		return Details{}, nil, fault("approved_at", reason)
	}
	details, err := parseDetails(a.Details)
	if err != nil {
		return Details{}, nil, err
	}
	var c contents
	switch {
	case (a.Passkey == nil) == (a.Codes == nil):
		return Details{}, nil, fault("", "holds not either a passkey's evidence or the codes'")
	case a.Log != nil && a.Log.Registration != nil && a.Passkey == nil:
		return Details{}, nil, fault("log.registration", "is there without a passkey")
	case a.Codes != nil:
		err = a.Codes.check(&c)
	default:
		err = a.Passkey.check(&c, details.RelyingParty)
	}
	if err == nil && a.Log != nil {
		err = a.Log.check(&c)
	}
	if err != nil {
		return Details{}, nil, err
	}
	return details, &c, nil
}

func (p *PasskeyEvidence) check(c *contents, relyingParty string) error {
	if p.RelyingParty != relyingParty {
		return fault("passkey.relying_party", "is another than that of the details")
	}
	if reason := asOrigin(p.Origin); reason != "" {
		return fault("passkey.origin", reason)
	}
	if int64(int32(p.Algorithm)) != p.Algorithm {
		return fault("passkey.algorithm", "is not within 32 bits")
	}
	// One piece of memory holds them all.
	encoded := len(p.AuthenticatorData) + len(p.ClientDataJSON) + len(p.CredentialID) + len(p.Nonce) + len(p.PublicKey) + len(p.Signature)
	memory := make([]byte, 0, encoded*3/4)
	for _, m := range [...]struct {
		name, value       string
		shortest, longest int
		into              *[]byte
	}{
		{"passkey.authenticator_data", p.AuthenticatorData, minAuthData, maxAuthData, &c.authData},
		{"passkey.client_data_json", p.ClientDataJSON, 1, maxClientData, &c.clientData},
		{"passkey.credential_id", p.CredentialID, 1, maxCredentialID, &c.credentialID},
		{"passkey.nonce", p.Nonce, NonceSize, NonceSize, &c.nonce},
		{"passkey.public_key", p.PublicKey, 1, maxPublicKey, &c.publicKey},
		{"passkey.signature", p.Signature, 1, maxSignature, &c.signature},
	} {
		before := len(memory)
		var ok bool
		if memory, ok = appendDecoded(memory, m.value, m.shortest, m.longest); !ok {
			return fault(m.name, "is not base64url, or not within its bounds")
		}
		*m.into = memory[before:len(memory):len(memory)]
	}
	return nil
}
