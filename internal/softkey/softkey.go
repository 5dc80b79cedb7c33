// Package softkey is a software authenticator with its browser, for tests: it answers creation and request options
// with the JSON that a page would send, and on demand with every illegal form of it.
//
// By default it is a phone that keeps synced passkeys: ES256, user verified, backed up, a counter that stays at zero.
// An [Option] makes it another device; a [Tweak] bends one answer.
package softkey

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"sync"
)

// COSE algorithms that an authenticator can be made with.
const (
	EdDSA int64 = -8
	ES256 int64 = -7
	RS256 int64 = -257
)

// The errors that stand for a browser's DOMException.
var (
	ErrNotSupported = errors.New("softkey: NotSupportedError: none of the algorithms")
	ErrExcluded     = errors.New("softkey: InvalidStateError: a credential of this account is here already")
	ErrNotAllowed   = errors.New("softkey: NotAllowedError: no credential")
	ErrSecurity     = errors.New("softkey: SecurityError: the page may not use this relying party id")
)

// Counter is how the signature counter of new credentials behaves.
type Counter int

const (
	CounterZero       Counter = iota // always 0, as synced passkeys do
	CounterGrowing                   // one more with each assertion, from 1 at the creation
	CounterRegressing                // one less with each assertion, from 1,000 at the creation
)

// Authenticator holds credentials for one relying party, behind a page of one origin. It is safe for concurrent use.
type Authenticator struct {
	rpID, origin string

	algorithm      int64
	rsaBits        int
	counter        Counter
	backupEligible bool
	backupState    bool
	selfAttested   bool
	aaguid         [16]byte
	transports     []string

	mu          sync.Mutex
	credentials []*Credential
}

// Option makes an authenticator of another kind.
type Option func(*Authenticator)

// Algorithm makes keys of this COSE algorithm.
func Algorithm(alg int64) Option { return func(a *Authenticator) { a.algorithm = alg } }

// RSABits sets the size of RS256 keys; 2048 otherwise.
func RSABits(bits int) Option { return func(a *Authenticator) { a.rsaBits = bits } }

// WithCounter sets the behaviour of the signature counter.
func WithCounter(c Counter) Option { return func(a *Authenticator) { a.counter = c } }

// DeviceBound makes a security key: credentials that cannot leave it (BE=0, BS=0), with a growing counter.
func DeviceBound() Option {
	return func(a *Authenticator) {
		a.backupEligible, a.backupState, a.counter = false, false, CounterGrowing
		a.aaguid, a.transports = [16]byte{}, []string{"nfc", "usb"}
	}
}

// NotBackedUp makes credentials that could be synced but are not yet (BE=1, BS=0).
func NotBackedUp() Option { return func(a *Authenticator) { a.backupState = false } }

// SelfAttested makes packed self attestation, where "none" was the default.
func SelfAttested() Option { return func(a *Authenticator) { a.selfAttested = true } }

// Transports sets the hints that come with a new credential.
func Transports(list ...string) Option { return func(a *Authenticator) { a.transports = list } }

// New makes an authenticator behind a page of this origin, for credentials of this relying party.
func New(rpID, origin string, opts ...Option) *Authenticator {
	a := &Authenticator{
		rpID: rpID, origin: origin,
		algorithm: ES256, rsaBits: 2048,
		backupEligible: true, backupState: true,
		aaguid:     [16]byte{0xfb, 0xfc, 0x30, 0x07, 0x15, 0x4e, 0x4e, 0xcc, 0x8c, 0x0b, 0x6e, 0x02, 0x05, 0x57, 0xd7, 0xbd},
		transports: []string{"hybrid", "internal"},
	}
	for _, o := range opts {
		o(a)
	}
	return a
}

// b64 is a member of the JSON forms of §5.1: base64url without padding.
type b64 []byte

func (b b64) MarshalText() ([]byte, error) {
	return []byte(base64.RawURLEncoding.EncodeToString(b)), nil
}

func (b *b64) UnmarshalText(text []byte) (err error) {
	*b, err = base64.RawURLEncoding.DecodeString(string(text))
	return err
}

type descriptor struct {
	ID b64 `json:"id"`
}

func listed(list []descriptor, id []byte) bool {
	return slices.ContainsFunc(list, func(d descriptor) bool { return bytes.Equal(d.ID, id) })
}

// Create answers PublicKeyCredentialCreationOptionsJSON with RegistrationResponseJSON, and keeps the new credential.
func (a *Authenticator) Create(optionsJSON []byte, tweaks ...Tweak) ([]byte, error) {
	var o struct {
		RP         struct{ ID string }
		User       struct{ ID b64 }
		Challenge  b64
		Parameters []struct{ Alg int64 } `json:"pubKeyCredParams"`
		Exclude    []descriptor          `json:"excludeCredentials"`
	}
	if err := json.Unmarshal(optionsJSON, &o); err != nil {
		return nil, err
	}
	if o.RP.ID != a.rpID {
		return nil, ErrSecurity
	}
	if !slices.ContainsFunc(o.Parameters, func(p struct{ Alg int64 }) bool { return p.Alg == a.algorithm }) {
		return nil, ErrNotSupported
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.credentials {
		if listed(o.Exclude, c.ID) {
			return nil, ErrExcluded
		}
	}
	c, err := a.newCredential(o.User.ID)
	if err != nil {
		return nil, err
	}
	answer, err := a.ceremony("webauthn.create", o.Challenge, c, tweaks).create()
	if err == nil {
		a.credentials = append(a.credentials, c)
	}
	return answer, err
}

// Get answers PublicKeyCredentialRequestOptionsJSON with AuthenticationResponseJSON: by the newest credential on the
// list, or the newest of all when there is no list.
func (a *Authenticator) Get(optionsJSON []byte, tweaks ...Tweak) ([]byte, error) {
	var o struct {
		RPID      string `json:"rpId"`
		Challenge b64
		Allow     []descriptor `json:"allowCredentials"`
	}
	if err := json.Unmarshal(optionsJSON, &o); err != nil {
		return nil, err
	}
	if o.RPID != a.rpID {
		return nil, ErrSecurity
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range slices.Backward(a.credentials) {
		if len(o.Allow) == 0 || listed(o.Allow, c.ID) {
			c.SignCount = a.next(c.SignCount)
			return a.ceremony("webauthn.get", o.Challenge, c, tweaks).get()
		}
	}
	return nil, ErrNotAllowed
}

func (a *Authenticator) next(count uint32) uint32 {
	switch a.counter {
	case CounterGrowing:
		return count + 1
	case CounterRegressing:
		return count - 1
	}
	return count
}

// Credential is a credential with its private key, as a provider's cloud would carry it from device to device.
type Credential struct {
	ID         []byte `json:"id"`
	UserHandle []byte `json:"user_handle"`
	Algorithm  int64  `json:"algorithm"`
	PrivateKey []byte `json:"private_key"` // PKCS #8
	SignCount  uint32 `json:"sign_count"`

	signer signer
}

func (a *Authenticator) newCredential(userHandle []byte) (*Credential, error) {
	key, err := newKey(a.algorithm, a.rsaBits)
	if err != nil {
		return nil, err
	}
	c := &Credential{ID: make([]byte, 32), UserHandle: userHandle, Algorithm: a.algorithm, signer: key}
	if _, err := rand.Read(c.ID); err != nil {
		return nil, err
	}
	switch a.counter {
	case CounterGrowing:
		c.SignCount = 1
	case CounterRegressing:
		c.SignCount = 1000
	}
	c.PrivateKey, err = key.marshal()
	return c, err
}

// Export returns all credentials, oldest first.
func (a *Authenticator) Export() []Credential {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]Credential, len(a.credentials))
	for i, c := range a.credentials {
		out[i] = *c
	}
	return out
}

// Import adds a credential: with what another authenticator exported, the same synced passkey on a second device.
func (a *Authenticator) Import(c Credential) error {
	key, err := parseKey(c.Algorithm, c.PrivateKey)
	if err != nil {
		return err
	}
	c.signer = key
	a.mu.Lock()
	defer a.mu.Unlock()
	a.credentials = append(a.credentials, &c)
	return nil
}

// Forget removes a credential, as a user does in the settings of a device.
func (a *Authenticator) Forget(id []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.credentials = slices.DeleteFunc(a.credentials, func(c *Credential) bool { return bytes.Equal(c.ID, id) })
}
