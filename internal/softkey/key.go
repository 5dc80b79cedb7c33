package softkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
)

// COSEKey is a public key by COSE label, before it is encoded.
type COSEKey map[int64]any

// signer is a private key of one of the three kinds.
type signer struct{ key crypto.Signer }

func newKey(algorithm int64, rsaBits int) (signer, error) {
	var (
		key crypto.Signer
		err error
	)
	switch algorithm {
	case ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case RS256:
		key, err = rsa.GenerateKey(rand.Reader, rsaBits)
	default:
		err = fmt.Errorf("softkey: no keys for algorithm %d", algorithm)
	}
	return signer{key}, err
}

func parseKey(algorithm int64, pkcs8 []byte) (signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return signer{}, err
	}
	var s signer
	switch k := parsed.(type) {
	case *ecdsa.PrivateKey:
		s.key = k
	case ed25519.PrivateKey:
		s.key = k
	case *rsa.PrivateKey:
		s.key = k
	}
	if s.key == nil || s.cose()[3] != algorithm {
		return signer{}, errors.New("softkey: the private key is not of this algorithm")
	}
	return s, nil
}

func (s signer) marshal() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(s.key) }

// cose gives the public key. Coordinates always have their full length: one in 128 keys has a leading zero.
func (s signer) cose() COSEKey {
	switch k := s.key.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes() // 4 ‖ x ‖ y
		if err != nil {
			panic("softkey: a generated key is on its curve: " + err.Error())
		}
		return COSEKey{1: int64(2), 3: ES256, -1: int64(1), -2: point[1:33], -3: point[33:]}
	case ed25519.PublicKey:
		return COSEKey{1: int64(1), 3: EdDSA, -1: int64(6), -2: []byte(k)}
	case *rsa.PublicKey:
		return COSEKey{1: int64(3), 3: RS256, -1: k.N.Bytes(), -2: big.NewInt(int64(k.E)).Bytes()}
	}
	panic("softkey: a key of another kind")
}

func (s signer) sign(data []byte) ([]byte, error) {
	if k, ok := s.key.(ed25519.PrivateKey); ok {
		return ed25519.Sign(k, data), nil
	}
	digest := sha256.Sum256(data)
	return s.key.Sign(rand.Reader, digest[:], crypto.SHA256)
}
