package softkey

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"slices"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// Ceremony is all that goes into one answer. It starts out lawful; a [Tweak] changes what it likes, before or, by the
// functions at the end, after a part is encoded. What is signed is always what is sent, unless Sign is bypassed by
// Signature or JSON.
type Ceremony struct {
	// The client data.
	Type        string
	Challenge   []byte
	Origin      string
	CrossOrigin any            // omitted when nil; browsers send false or nothing
	Extra       map[string]any // further members, in place of the above where names are equal

	// The authenticator data.
	RPIDHash                    []byte
	UserPresent, UserVerified   bool
	BackupEligible, BackupState bool
	ReservedFlags               byte
	Counter                     uint32
	AttestedData                bool // on in a creation; an assertion must not have it
	AAGUID                      []byte
	CredentialID                []byte // in the attested data
	Key                         COSEKey
	Extensions                  []byte // CBOR; with flag ED when not nil
	Format                      string
	Statement                   any // in place of the one that Format calls for, when not nil

	// The envelope.
	ID               []byte
	UserHandle       []byte // omitted when nil
	Transports       []string
	ClientExtensions any

	// Changes to a part once it is encoded. The first three are made before the signature, which covers them.
	ClientData, AuthData, AttestationObject func([]byte) []byte
	Signature                               func([]byte) []byte
	Base64                                  func([]byte) string // of every binary member of the envelope
	Envelope                                func(map[string]any)
	JSON                                    func([]byte) []byte

	signer signer
}

// Tweak bends one answer.
type Tweak func(*Ceremony)

func (a *Authenticator) ceremony(kind string, challenge []byte, c *Credential, tweaks []Tweak) *Ceremony {
	hash := sha256.Sum256([]byte(a.rpID))
	create := kind == "webauthn.create"
	y := &Ceremony{
		Type: kind, Challenge: challenge, Origin: a.origin, CrossOrigin: false,
		RPIDHash: hash[:], UserPresent: true, UserVerified: true,
		BackupEligible: a.backupEligible, BackupState: a.backupState,
		Counter: c.SignCount, AttestedData: create, AAGUID: a.aaguid[:], CredentialID: c.ID, Key: c.signer.cose(),
		Format: "none",
		ID:     c.ID, ClientExtensions: map[string]any{},
		signer: c.signer,
	}
	if a.selfAttested {
		y.Format = "packed"
	}
	if create {
		y.Transports = a.transports
		y.ClientExtensions = map[string]any{"credProps": map[string]any{"rk": true}}
	} else {
		y.UserHandle = c.UserHandle
	}
	for _, t := range tweaks {
		t(y)
	}
	return y
}

func apply(f func([]byte) []byte, b []byte) []byte {
	if f == nil {
		return b
	}
	return f(slices.Clone(b))
}

// clientDataJSON serialises in the order of §5.8.1.1.
func (y *Ceremony) clientDataJSON() ([]byte, error) {
	members := []struct {
		name  string
		value any
	}{
		{"type", y.Type},
		{"challenge", base64.RawURLEncoding.EncodeToString(y.Challenge)},
		{"origin", y.Origin},
		{"crossOrigin", y.CrossOrigin},
	}
	out := []byte{'{'}
	add := func(name string, value any) error {
		v, err := json.Marshal(value)
		if err != nil {
			return err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		n, err := json.Marshal(name)
		out = append(append(append(out, n...), ':'), v...)
		return err
	}
	for _, m := range members {
		if _, replaced := y.Extra[m.name]; replaced || m.value == nil {
			continue
		}
		if err := add(m.name, m.value); err != nil {
			return nil, err
		}
	}
	for name, value := range y.Extra {
		if err := add(name, value); err != nil {
			return nil, err
		}
	}
	return apply(y.ClientData, append(out, '}')), nil
}

func (y *Ceremony) authenticatorData() ([]byte, error) {
	flags := y.ReservedFlags
	for bit, on := range map[byte]bool{
		0x01: y.UserPresent, 0x04: y.UserVerified, 0x08: y.BackupEligible, 0x10: y.BackupState,
		0x40: y.AttestedData, 0x80: y.Extensions != nil,
	} {
		if on {
			flags |= bit
		}
	}
	out := append(slices.Clone(y.RPIDHash), flags)
	out = binary.BigEndian.AppendUint32(out, y.Counter)
	if y.AttestedData {
		key, err := webauthncbor.Marshal(y.Key)
		if err != nil {
			return nil, err
		}
		out = append(out, y.AAGUID...)
		out = binary.BigEndian.AppendUint16(out, uint16(len(y.CredentialID)))
		out = append(append(out, y.CredentialID...), key...)
	}
	return apply(y.AuthData, append(out, y.Extensions...)), nil
}

// sign signs authenticator data and the hash of the client data (§6.3.3 step 11).
func (y *Ceremony) sign(authData, clientData []byte) ([]byte, error) {
	hash := sha256.Sum256(clientData)
	sig, err := y.signer.sign(slices.Concat(authData, hash[:]))
	if err != nil {
		return nil, err
	}
	return apply(y.Signature, sig), nil
}

func (y *Ceremony) create() ([]byte, error) {
	clientData, err := y.clientDataJSON()
	if err != nil {
		return nil, err
	}
	authData, err := y.authenticatorData()
	if err != nil {
		return nil, err
	}
	statement := y.Statement
	if statement == nil {
		statement = map[string]any{}
		if y.Format == "packed" {
			sig, err := y.sign(authData, clientData)
			if err != nil {
				return nil, err
			}
			statement = map[string]any{"alg": y.Key[3], "sig": sig}
		}
	}
	object, err := webauthncbor.Marshal(map[string]any{"fmt": y.Format, "attStmt": statement, "authData": authData})
	if err != nil {
		return nil, err
	}
	response := map[string]any{
		"clientDataJSON":    y.text(clientData),
		"attestationObject": y.text(apply(y.AttestationObject, object)),
		"authenticatorData": y.text(authData),
		"transports":        y.Transports,
	}
	return y.envelope(response)
}

func (y *Ceremony) get() ([]byte, error) {
	clientData, err := y.clientDataJSON()
	if err != nil {
		return nil, err
	}
	authData, err := y.authenticatorData()
	if err != nil {
		return nil, err
	}
	sig, err := y.sign(authData, clientData)
	if err != nil {
		return nil, err
	}
	response := map[string]any{
		"clientDataJSON":    y.text(clientData),
		"authenticatorData": y.text(authData),
		"signature":         y.text(sig),
	}
	if y.UserHandle != nil {
		response["userHandle"] = y.text(y.UserHandle)
	}
	return y.envelope(response)
}

func (y *Ceremony) text(b []byte) string {
	if y.Base64 != nil {
		return y.Base64(b)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func (y *Ceremony) envelope(response map[string]any) ([]byte, error) {
	e := map[string]any{
		"id": y.text(y.ID), "rawId": y.text(y.ID), "type": "public-key",
		"authenticatorAttachment": "platform", "clientExtensionResults": y.ClientExtensions,
		"response": response,
	}
	if y.Envelope != nil {
		y.Envelope(e)
	}
	out, err := json.Marshal(e)
	return apply(y.JSON, out), err
}
