package approval

import (
	"crypto/ed25519"
	"encoding/base64"
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
	errCodesFactors   = fault("codes.factors", "are not two or three of authenticator, email and phone, each once, in this order")
	errCodesTime      = fault("approved_at", "is not an RFC 3339 time in UTC with whole seconds")
	errCodesKey       = fault("codes.key_id", "or the signing key is not an Ed25519 private key with a printable ASCII id")
	errCodesSignature = fault("codes.signature", "does not fit")
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
	if len(key) != ed25519.PrivateKeySize || asKeyID(keyID) != "" {
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
	if checkTime(approvedAt) != "" {
		return errCodesTime
	}
	if _, err := ParseDetails(canonical); err != nil {
		return err
	}
	var in contents
	if err := c.check(&in); err != nil {
		return err
	}
	return c.verify(&in, canonical, approvedAt)
}

func (c *CodesEvidence) check(in *contents) error {
	if c == nil {
		return fault("codes", "are missing")
	}
	if c.AttestedBy != AttestedByServer {
		return fault("codes.attested_by", "is not "+AttestedByServer)
	}
	if reason := asKeyID(c.KeyID); reason != "" {
		return fault("codes.key_id", reason)
	}
	if !validFactors(c.Factors) {
		return errCodesFactors
	}
	var ok bool
	if in.publicKey, ok = decode(c.PublicKey, ed25519.PublicKeySize, ed25519.PublicKeySize); !ok {
		return fault("codes.public_key", "is not base64url of 32 bytes")
	}
	if in.signature, ok = decode(c.Signature, ed25519.SignatureSize, ed25519.SignatureSize); !ok {
		return fault("codes.signature", "is not base64url of 64 bytes")
	}
	return nil
}

func (c *CodesEvidence) verify(in *contents, canonical []byte, approvedAt string) error {
	if !goodEd25519(in.publicKey) {
		return fault("codes.public_key", "is not a usable Ed25519 key")
	}
	if !ed25519.Verify(in.publicKey, codesStatement(canonical, approvedAt, c.KeyID, c.Factors), in.signature) {
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

var strictBase64 = base64.RawURLEncoding.Strict()

// decode reads base64url without padding, in its one canonical spelling: no
// loose trailing bits, a length within the bounds, and no line breaks, which
// the standard decoder skips, so that the text is too long for its bytes.
func decode(s string, shortest, longest int) ([]byte, bool) {
	return appendDecoded(nil, s, shortest, longest)
}

func appendDecoded(out []byte, s string, shortest, longest int) ([]byte, bool) {
	if len(s) > base64.RawURLEncoding.EncodedLen(longest) {
		return nil, false
	}
	before := len(out)
	out, err := strictBase64.AppendDecode(out, []byte(s))
	if n := len(out) - before; err != nil || n < shortest || base64.RawURLEncoding.EncodedLen(n) != len(s) {
		return nil, false
	}
	return out, true
}

// decode32 reads 32 bytes as decode does.
func decode32(s string) (out [32]byte, ok bool) {
	var text [43]byte
	if copy(text[:], s) != len(s) {
		return out, false
	}
	n, err := strictBase64.Decode(out[:], text[:len(s)])
	return out, err == nil && n == len(out) && len(s) == len(text)
}
