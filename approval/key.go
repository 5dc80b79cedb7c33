package approval

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
)

// The COSE algorithms that a passkey can have here (RFC 9053, RFC 8812).
const (
	algEdDSA = -8
	algES256 = -7
	algRS256 = -257
)

// A COSE_Key in CTAP2 canonical CBOR, which is how public keys are kept, has
// one spelling for each algorithm; so it is not decoded, but compared.
var (
	okpBeforeX = []byte{0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20} // kty OKP, alg EdDSA, crv Ed25519, x
	ec2BeforeX = []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20} // kty EC2, alg ES256, crv P-256, x
	ec2BeforeY = []byte{0x22, 0x58, 0x20}
	rsaBeforeN = []byte{0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x59} // kty RSA, alg RS256, n with a length of two bytes
)

// verifySignature checks a passkey's signature over the message, whose key and
// algorithm the evidence names.
func verifySignature(algorithm int64, key, message, signature []byte) error {
	badKey := func() error {
		return fault("passkey.public_key", "is not a usable key of this algorithm in CTAP2 canonical CBOR")
	}
	var fits bool
	switch algorithm {
	case algES256:
		if len(key) != 77 || !bytes.HasPrefix(key, ec2BeforeX) || !bytes.Equal(key[42:45], ec2BeforeY) {
			return badKey()
		}
		point := make([]byte, 0, 65)
		point = append(append(append(point, 4), key[10:42]...), key[45:]...)
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil {
			return badKey()
		}
		digest := sha256.Sum256(message)
		fits = ecdsa.VerifyASN1(public, digest[:], signature)
	case algEdDSA:
		if len(key) != 42 || !bytes.HasPrefix(key, okpBeforeX) || !goodEd25519(key[10:]) {
			return badKey()
		}
		fits = len(signature) == ed25519.SignatureSize && ed25519.Verify(key[10:], message, signature)
	case algRS256:
		public, ok := parseRSA(key)
		if !ok {
			return badKey()
		}
		digest := sha256.Sum256(message)
		fits = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	default:
		return fault("passkey.algorithm", "is none of -7, -8 and -257")
	}
	if !fits {
		return fault("passkey.signature", "does not fit")
	}
	return nil
}

// parseRSA accepts a modulus of 2048 to 4096 bits, odd, and an odd exponent
// from 3 to 2³¹−1, both without leading zeros.
func parseRSA(key []byte) (*rsa.PublicKey, bool) {
	rest, ok := bytes.CutPrefix(key, rsaBeforeN)
	if !ok || len(rest) < 2 {
		return nil, false
	}
	size := int(rest[0])<<8 | int(rest[1])
	if rest = rest[2:]; size < 256 || size > 512 || len(rest) < size+3 {
		return nil, false
	}
	modulus, exponent := rest[:size], rest[size+2:]
	if rest[size] != 0x21 || rest[size+1] != 0x40|byte(len(exponent)) || len(exponent) > 4 || modulus[0] == 0 || exponent[0] == 0 {
		return nil, false
	}
	n, e := new(big.Int).SetBytes(modulus), new(big.Int).SetBytes(exponent)
	if n.BitLen() < 2048 || n.Bit(0) == 0 || e.BitLen() < 2 || e.BitLen() > 31 || e.Bit(0) == 0 {
		return nil, false
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, true
}

// lowOrder are the y coordinates, little-endian, of the points whose order
// divides 8. Under such a key a signature that fits one message fits others.
var lowOrder = func() (out [][]byte) {
	for _, s := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			panic(err)
		}
		out = append(out, b)
	}
	return out
}()

// goodEd25519 refuses keys of low order and y coordinates that are not reduced.
// That a key is a point of the curve, [ed25519.Verify] sees to.
func goodEd25519(key []byte) bool {
	if len(key) != ed25519.PublicKeySize {
		return false
	}
	y := bytes.Clone(key)
	y[31] &= 0x7f // the sign of x
	for _, low := range lowOrder {
		if bytes.Equal(y, low) {
			return false
		}
	}
	reduced := y[31] != 0x7f || y[0] < 0xed // 2²⁵⁵−19 is ed ff … ff 7f
	for _, b := range y[1:31] {
		reduced = reduced || b != 0xff
	}
	return reduced
}
