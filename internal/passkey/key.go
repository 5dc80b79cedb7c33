package passkey

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"math/big"
	"slices"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// The COSE algorithms that are asked for, best first (§5.4 names these three). All others are refused.
const (
	algEdDSA int64 = -8
	algES256 int64 = -7
	algRS256 int64 = -257
)

var algorithms = []int64{algEdDSA, algES256, algRS256}

// The labels of a COSE_Key (RFC 9052 §7, RFC 9053 §7, RFC 8230 §4).
const (
	labelKeyType   int64 = 1
	labelAlgorithm int64 = 3
	labelCurve     int64 = -1 // EC2, OKP
	labelX         int64 = -2 // EC2, OKP
	labelY         int64 = -3 // EC2
	labelModulus   int64 = -1 // RSA
	labelExponent  int64 = -2 // RSA
)

// coseKey is a public key in COSE_Key form, by label.
type coseKey map[int64]any

// checkNewKey decides whether a public key may be stored, and returns its algorithm. The library looks at the
// algorithm only when there is no attestation, and would keep a key that no signature can ever match, one that
// anybody can sign for, or one that brings its private part along.
func checkNewKey(raw []byte) (algorithm int64, err error) {
	bad := refuse("public_key", "§5.8.5")
	var k coseKey
	if webauthncbor.Unmarshal(raw, &k) != nil {
		return 0, bad
	}
	algorithm, ok := k.integer(labelAlgorithm)
	if !ok || !slices.Contains(algorithms, algorithm) {
		return 0, refuse("algorithm", "§7.1 step 20")
	}
	switch algorithm {
	case algES256:
		ok = len(k) == 5 && k.is(labelKeyType, 2) && k.is(labelCurve, 1) && onP256(k.bytes(labelX), k.bytes(labelY))
	case algEdDSA:
		ok = len(k) == 4 && k.is(labelKeyType, 1) && k.is(labelCurve, 6) && goodEd25519(k.bytes(labelX))
	case algRS256:
		ok = len(k) == 4 && k.is(labelKeyType, 3) && goodRSA(k.bytes(labelModulus), k.bytes(labelExponent))
	}
	if !ok {
		return 0, bad
	}
	return algorithm, nil
}

var errStoredKey = errors.New("passkey: the stored public key is not of the stored algorithm")

// What stands around the coordinates of an ES256 key in CTAP2 canonical CBOR: kty EC2, alg ES256, crv P-256, and two strings of 32 bytes.
var (
	es256BeforeX = []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}
	es256BeforeY = []byte{0x22, 0x58, 0x20}
)

// parseES256 reads a stored ES256 key. Nearly all passkeys are of this kind, and their keys have one spelling (§6.5.1.1 asks for it),
// which is read without a CBOR decoder. Keys spelt otherwise are read by the library.
func parseES256(raw []byte) (*ecdsa.PublicKey, error) {
	point := make([]byte, 1, 65)
	point[0] = 4 // uncompressed
	if x, ok := bytes.CutPrefix(raw, es256BeforeX); ok && len(raw) == 77 && bytes.Equal(x[32:35], es256BeforeY) {
		point = append(append(point, x[:32]...), x[35:]...)
	} else {
		var k coseKey
		if webauthncbor.Unmarshal(raw, &k) != nil || !k.is(labelKeyType, 2) || !k.is(labelAlgorithm, algES256) || !k.is(labelCurve, 1) {
			return nil, errStoredKey
		}
		point = append(append(point, k.bytes(labelX)...), k.bytes(labelY)...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, errStoredKey
	}
	return public, nil
}

func (k coseKey) integer(label int64) (int64, bool) {
	switch v := k[label].(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), v < 1<<62
	}
	return 0, false
}

func (k coseKey) is(label, want int64) bool {
	v, ok := k.integer(label)
	return ok && v == want
}

func (k coseKey) bytes(label int64) []byte {
	b, _ := k[label].([]byte)
	return b
}

// onP256 tells whether two full-length coordinates name a point of the curve (never the point at infinity,
// which has none).
func onP256(x, y []byte) bool {
	if len(x) != 32 || len(y) != 32 {
		return false
	}
	_, err := ecdh.P256().NewPublicKey(slices.Concat([]byte{4}, x, y))
	return err == nil
}

// goodRSA accepts the sizes that are neither weak nor slow to verify: a modulus of 2048 to 4096 bits, odd, and an
// odd exponent from 3 to 2³¹−1, both without leading zeros.
func goodRSA(modulus, exponent []byte) bool {
	n, e := new(big.Int).SetBytes(modulus), new(big.Int).SetBytes(exponent)
	minimal := len(modulus) > 0 && modulus[0] != 0 && len(exponent) > 0 && exponent[0] != 0
	return minimal &&
		n.BitLen() >= 2048 && n.BitLen() <= 4096 && n.Bit(0) == 1 &&
		e.BitLen() >= 2 && e.BitLen() <= 31 && e.Bit(0) == 1
}

// The field and the constant d of edwards25519 (RFC 8032 §5.1).
var (
	edwardsPrime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	edwardsD, _  = new(big.Int).SetString("37095705934669439343138083508754565189542113879843219016388785533085940283555", 10)
)

// smallOrderY are the y coordinates of the eight points whose order divides 8. Under such a key, a signature that
// fits one message fits others as well.
var smallOrderY = func() []*big.Int {
	order8, _ := new(big.Int).SetString("2707385501144840649318225287225658788936804267575313519463743609750303402022", 10)
	return []*big.Int{
		big.NewInt(0),
		big.NewInt(1),
		new(big.Int).Sub(edwardsPrime, big.NewInt(1)),
		order8,
		new(big.Int).Sub(edwardsPrime, order8),
	}
}()

// goodEd25519 accepts the canonical encoding of a point of the curve whose order is not small. All of it is
// public, so it need not take constant time.
func goodEd25519(encoded []byte) bool {
	if len(encoded) != 32 {
		return false
	}
	le := slices.Clone(encoded)
	le[31] &= 0x7f // the sign of x
	slices.Reverse(le)
	y := new(big.Int).SetBytes(le)
	if y.Cmp(edwardsPrime) >= 0 {
		return false
	}
	for _, small := range smallOrderY {
		if y.Cmp(small) == 0 {
			return false
		}
	}
	// x² = (y²−1) / (dy²+1) has a solution if the product of the two is a square.
	y2 := new(big.Int).Mul(y, y)
	u := new(big.Int).Sub(y2, big.NewInt(1))
	v := new(big.Int).Add(new(big.Int).Mul(edwardsD, y2), big.NewInt(1))
	uv := u.Mul(u, v)
	return big.Jacobi(uv.Mod(uv, edwardsPrime), edwardsPrime) == 1
}
