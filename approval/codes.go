package approval

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"slices"
	"time"
)

const (
	codesLabel = "countersign/approval-by-codes/v1"

	// AttestedByServer marks evidence that is the server's word and not the
	// customer's signature.
	AttestedByServer = "server"

	maxKeyID = 128
)

// The factors that codes can prove, as they are named in evidence.
const (
	FactorEmail         = "email"
	FactorPhone         = "phone"
	FactorAuthenticator = "authenticator"
)

// CodesEvidence is the server's signed statement that a code from each of the
// named factors was given for these details. Unlike a passkey's signature it
// proves nothing about the customer to someone who does not trust the server,
// and AttestedBy says so in every document.
type CodesEvidence struct {
	// AttestedBy is always [AttestedByServer].
	AttestedBy string `json:"attested_by"`
	// Factors are the two or three factors that matched, in alphabetical
	// order, each once.
	Factors []string `json:"factors"`
	// KeyID names the server's signing key: 1 to 128 printable ASCII
	// characters without spaces.
	KeyID string `json:"key_id"`
	// PublicKey is the Ed25519 public key, base64url without padding.
	PublicKey string `json:"public_key"`
	// Signature is the Ed25519 signature over the statement (see [SignCodes]),
	// base64url without padding.
	Signature string `json:"signature"`
}

var (
	errCodesForm      = errors.New("approval: the codes evidence is malformed")
	errCodesFactors   = errors.New("approval: the factors are not two or three of authenticator, email and phone, each once")
	errCodesTime      = errors.New("approval: the time of approval is not an RFC 3339 time in UTC with whole seconds")
	errCodesKey       = errors.New("approval: the signing key is not an Ed25519 private key with a printable ASCII id")
	errCodesSignature = errors.New("approval: the signature of the codes evidence does not fit")
)

// SignCodes states with the server's key that codes from the given factors
// approved the details at the given time, which is cut to whole seconds. The
// signature is Ed25519 over
//
//	"countersign/approval-by-codes/v1" || 0x00 || field(details) ||
//	field(time) || field(key id) || field(factor) ...
//
// where field is the value's length as four big-endian bytes and then the
// value, and the factors are in alphabetical order. Ed25519 is deterministic:
// signing the same statement again gives the same bytes.
func SignCodes(key ed25519.PrivateKey, keyID string, canonical []byte, factors []string, at time.Time) (*CodesEvidence, error) {
	if len(key) != ed25519.PrivateKeySize || visibleASCII(maxKeyID)(keyID) != "" {
		return nil, errCodesKey
	}
	if _, err := ParseDetails(canonical); err != nil {
		return nil, err
	}
	sorted := slices.Sorted(slices.Values(factors))
	if !validFactors(sorted) {
		return nil, errCodesFactors
	}
	approvedAt := FormatTime(at)
	if checkTime(approvedAt) != "" {
		return nil, errCodesTime
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errCodesKey
	}
	return &CodesEvidence{
		AttestedBy: AttestedByServer,
		Factors:    sorted,
		KeyID:      keyID,
		PublicKey:  encode(public),
		Signature:  encode(ed25519.Sign(key, codesStatement(canonical, approvedAt, keyID, sorted))),
	}, nil
}

// Verify checks that the evidence is well-formed and that its signature fits
// the canonical details and the time of approval. It checks against the key
// that the evidence carries: whether that key is the server's is for the
// caller to decide, by comparing PublicKey with one obtained elsewhere.
func (c *CodesEvidence) Verify(canonical []byte, approvedAt string) error {
	if c == nil || c.AttestedBy != AttestedByServer || visibleASCII(maxKeyID)(c.KeyID) != "" {
		return errCodesForm
	}
	if !validFactors(c.Factors) {
		return errCodesFactors
	}
	if checkTime(approvedAt) != "" {
		return errCodesTime
	}
	if _, err := ParseDetails(canonical); err != nil {
		return err
	}
	public, ok := decode(c.PublicKey, ed25519.PublicKeySize, ed25519.PublicKeySize)
	if !ok {
		return errCodesForm
	}
	signature, ok := decode(c.Signature, ed25519.SignatureSize, ed25519.SignatureSize)
	if !ok {
		return errCodesForm
	}
	if !ed25519.Verify(public, codesStatement(canonical, approvedAt, c.KeyID, c.Factors), signature) {
		return errCodesSignature
	}
	return nil
}

func codesStatement(canonical []byte, approvedAt, keyID string, factors []string) []byte {
	out := append([]byte(codesLabel), 0)
	out = appendField(out, canonical)
	out = appendField(out, approvedAt)
	out = appendField(out, keyID)
	for _, f := range factors {
		out = appendField(out, f)
	}
	return out
}

// validFactors accepts two or three known factors in strictly rising order. One
// code is never enough for money, whatever the server's policy says.
func validFactors(factors []string) bool {
	if len(factors) < 2 {
		return false
	}
	for i, f := range factors {
		if f != FactorEmail && f != FactorPhone && f != FactorAuthenticator {
			return false
		}
		if i > 0 && factors[i-1] >= f {
			return false
		}
	}
	return true
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// decode reads base64url without padding, in its one canonical spelling: no
// line breaks, no loose trailing bits, and a length within the bounds.
func decode(s string, shortest, longest int) ([]byte, bool) {
	if len(s) > base64.RawURLEncoding.EncodedLen(longest) {
		return nil, false
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < shortest || len(b) > longest || encode(b) != s {
		return nil, false
	}
	return b, true
}
