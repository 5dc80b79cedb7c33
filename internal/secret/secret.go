// Package secret holds what is derived from the master key, and mints tokens and identifiers.
//
// One master key is given from outside the database. Every other key is derived from it by
// purpose (HKDF-SHA256, RFC 5869), so that a key used for one thing is of no use for another.
// Several master keys may be given: the first one seals, all of them open, which is how a key is
// rotated while the service runs.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MasterSize is the length of a master key in bytes.
const MasterSize = 32

// ErrSealed is returned when sealed bytes do not open: another key, another row, or altered bytes.
var ErrSealed = errors.New("secret: sealed value does not open with the given keys at this place")

// Keys are the master keys in use, the current one first. Safe for concurrent use.
type Keys struct {
	masters []master
}

type master struct {
	key  []byte
	id   [4]byte
	aead cipher.AEAD
	mac  []byte
}

// ParseKeys reads master keys from text: one key of 64 hexadecimal digits a line, the current key first.
// Empty lines and lines that begin with # are passed over.
func ParseKeys(text string) (*Keys, error) {
	var raw [][]byte
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := hex.DecodeString(line)
		if err != nil || len(key) != MasterSize {
			return nil, fmt.Errorf("master key in line %d: want %d hexadecimal digits (make one with `countersign keys new`)", i+1, 2*MasterSize)
		}
		raw = append(raw, key)
	}
	return NewKeys(raw...)
}

// NewKeys takes master keys of MasterSize bytes each, the current one first.
func NewKeys(raw ...[]byte) (*Keys, error) {
	if len(raw) == 0 {
		return nil, errors.New("no master key is given")
	}
	keys := &Keys{}
	for _, key := range raw {
		if len(key) != MasterSize {
			return nil, fmt.Errorf("a master key has %d bytes, want %d", len(key), MasterSize)
		}
		m := master{key: key, mac: derive(key, "mac/v1")}
		copy(m.id[:], derive(key, "key-id/v1"))
		block, err := aes.NewCipher(derive(key, "seal/v1"))
		if err != nil {
			return nil, err
		}
		if m.aead, err = cipher.NewGCM(block); err != nil {
			return nil, err
		}
		keys.masters = append(keys.masters, m)
	}
	return keys, nil
}

// NewMaster returns a fresh random master key as ParseKeys reads it.
func NewMaster() string { return hex.EncodeToString(Random(MasterSize)) }

func derive(key []byte, purpose string) []byte {
	out, err := hkdf.Key(sha256.New, key, nil, "countersign/"+purpose, 32)
	if err != nil {
		panic(err) // only for an output longer than HKDF can give
	}
	return out
}

// Place names the row and column that a sealed value belongs to. It is authenticated with the value, so
// that a value copied to another row or column does not open there.
type Place struct{ Table, Column, Row string }

func (p Place) bytes() []byte { return join([]byte(p.Table), []byte(p.Column), []byte(p.Row)) }

// Seal encrypts with AES-256-GCM under the current key and a random 96-bit nonce.
func (k *Keys) Seal(at Place, plaintext []byte) []byte {
	m := k.masters[0]
	nonce := Random(m.aead.NonceSize())
	out := make([]byte, 0, 1+len(m.id)+len(nonce)+len(plaintext)+m.aead.Overhead())
	out = append(out, 1)
	out = append(out, m.id[:]...)
	out = append(out, nonce...)
	return m.aead.Seal(out, nonce, plaintext, at.bytes())
}

// Open decrypts what Seal made for the same place, under whichever of the keys it was sealed with.
func (k *Keys) Open(at Place, sealed []byte) ([]byte, error) {
	const header = 1 + 4
	for _, m := range k.masters {
		n := m.aead.NonceSize()
		if len(sealed) < header+n || sealed[0] != 1 || subtle.ConstantTimeCompare(sealed[1:header], m.id[:]) == 0 {
			continue
		}
		plaintext, err := m.aead.Open(nil, sealed[header:header+n], sealed[header+n:], at.bytes())
		if err != nil {
			return nil, ErrSealed
		}
		return plaintext, nil
	}
	return nil, ErrSealed
}

// MAC is HMAC-SHA256 (32 bytes) over a label and length-prefixed parts, under the current key.
func (k *Keys) MAC(label string, parts ...[]byte) []byte { return k.masters[0].sum(label, parts) }

// MACs is MAC under every key, the current one first: what a look-up by a keyed index tries.
func (k *Keys) MACs(label string, parts ...[]byte) [][]byte {
	out := make([][]byte, len(k.masters))
	for i, m := range k.masters {
		out[i] = m.sum(label, parts)
	}
	return out
}

// CheckMAC compares in constant time with the MAC under each key.
func (k *Keys) CheckMAC(mac []byte, label string, parts ...[]byte) bool {
	ok := false
	for _, m := range k.masters {
		if hmac.Equal(mac, m.sum(label, parts)) {
			ok = true
		}
	}
	return ok
}

// ID names the current key (4 bytes).
func (k *Keys) ID() [4]byte { return k.masters[0].id }

// Signer is the Ed25519 key by which the server vouches for an approval by codes.
func (k *Keys) Signer() (id string, key ed25519.PrivateKey) {
	m := k.masters[0]
	return hex.EncodeToString(m.id[:]), ed25519.NewKeyFromSeed(derive(m.key, "approval-signer/v1"))
}

// SignerKeys are the public keys of Signer, as package approval takes them: "id:base64url", that of the current master key first.
func (k *Keys) SignerKeys() []string {
	out := make([]string, len(k.masters))
	for i, m := range k.masters {
		public := ed25519.NewKeyFromSeed(derive(m.key, "approval-signer/v1")).Public().(ed25519.PublicKey)
		out[i] = hex.EncodeToString(m.id[:]) + ":" + base64.RawURLEncoding.EncodeToString(public)
	}
	return out
}

// LogSigners are the Ed25519 keys that sign the audit log's checkpoints under an origin, the current one first.
func (k *Keys) LogSigners(origin string) []ed25519.PrivateKey {
	out := make([]ed25519.PrivateKey, len(k.masters))
	for i, m := range k.masters {
		out[i] = ed25519.NewKeyFromSeed(derive(m.key, "log-signer/v1/"+origin))
	}
	return out
}

func (m master) sum(label string, parts [][]byte) []byte {
	h := hmac.New(sha256.New, m.mac)
	h.Write(join(append([][]byte{[]byte(label)}, parts...)...))
	return h.Sum(nil)
}

// join prefixes each part with its length, so that no two lists of parts give the same bytes.
func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(p)))
		out = append(out, p...)
	}
	return out
}

// Random returns n bytes of crypto/rand.
func Random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return b
}

// NewToken mints 256 random bits as base64url, and the hash under which it is stored.
func NewToken() (token string, hash []byte) {
	token = base64.RawURLEncoding.EncodeToString(Random(32))
	return token, HashToken(token)
}

// HashToken is what is stored of a token that has 256 random bits: plain SHA-256 suffices for those.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID returns prefix, "_" and 26 characters: 48 bits of milliseconds and 80 random bits, so that keys grow with time.
func NewID(prefix string, now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	copy(b[6:], Random(10))
	return prefix + "_" + crockford.EncodeToString(b[:])
}

// FirstID is before every id that NewID makes with this prefix from then on, and after those before.
func FirstID(prefix string, then time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(then.UnixMilli())<<16)
	return prefix + "_" + crockford.EncodeToString(b[:])
}

// lookalike-free: without 0 and O, 1, I and L, 5 and S, 8 and B.
const referenceAlphabet = "234679ACDEFGHJKMNPQRTUVWXYZ"

// NewReference returns a name of six random characters that people can read out: "K7QX-2H". It is for finding things, and no secret.
func NewReference() string {
	var out []byte
	for len(out) < 7 {
		if len(out) == 4 {
			out = append(out, '-')
		}
		// 243 is the largest multiple of the alphabet's 27 below 256: beyond it characters would not be equally likely.
		if b := int(Random(1)[0]); b < 243 {
			out = append(out, referenceAlphabet[b%len(referenceAlphabet)])
		}
	}
	return string(out)
}

// NewCode returns six random decimal digits.
func NewCode() string {
	for {
		n := binary.BigEndian.Uint32(Random(4))
		// 4294000000 is the largest multiple of 10^6 below 2^32: beyond it digits would not be equally likely.
		if n < 4_294_000_000 {
			return fmt.Sprintf("%06d", n%1_000_000)
		}
	}
}

// IDTime is when an id was made by NewID with this prefix; false for what is none.
func IDTime(prefix, id string) (time.Time, bool) {
	text, ok := strings.CutPrefix(id, prefix+"_")
	b, err := crockford.DecodeString(text)
	if !ok || err != nil || len(b) != 16 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b[:8]) >> 16)).UTC(), true
}

// MaskID is an id as it is shown where the whole of it is not needed: its ends, by which two are told apart.
func MaskID(id string) string {
	_, rest, _ := strings.Cut(id, "_")
	if len(rest) < 8 {
		return rest
	}
	return rest[:3] + " ••• " + rest[len(rest)-3:]
}
