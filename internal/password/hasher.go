package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The cost of a new hash: the least that the OWASP Password Storage Cheat Sheet
// names for Argon2id.
const (
	memory      = 19 * 1024 // KiB
	passes      = 2
	parallelism = 1
	saltSize    = 16
	keySize     = 32
)

// The most that a stored hash may ask for. A row that was tampered with must
// not make the server allocate what it does not have.
const (
	maxMemory      = 256 * 1024 // KiB
	maxPasses      = 16
	maxParallelism = 16
	maxEncoded     = 256
)

var (
	// ErrBusy says that the queue is full: the caller should answer that the
	// service is busy and name a time to try again.
	ErrBusy = errors.New("password: too many hashes at once")
	// ErrMalformed says that a stored hash is not one of ours.
	ErrMalformed = errors.New("password: malformed hash")
)

// Hasher hashes passwords, a limited number at a time. It is safe for use by
// several goroutines and needs no closing.
type Hasher struct {
	admitted chan struct{} // those hashing and those waiting
	making   chan struct{} // those of them that hash a new password
	running  chan struct{} // those hashing
	dummy    string
}

// NewHasher returns a Hasher that computes at most workers hashes at the same
// time, each with 19 MiB of memory, and lets at most queue more wait for their
// turn. Less than one worker counts as one, a negative queue as none. New
// passwords take half of these places at most, so that whoever signs in finds
// one.
func NewHasher(workers, queue int) *Hasher {
	workers, queue = max(workers, 1), max(queue, 0)
	// Random bytes in the place of the key make a hash whose password nobody
	// knows, at no cost.
	random := make([]byte, saltSize+keySize)
	_, _ = rand.Read(random) // never fails, as its documentation promises
	return &Hasher{
		admitted: make(chan struct{}, workers+queue),
		making:   make(chan struct{}, max((workers+queue)/2, 1)),
		running:  make(chan struct{}, workers),
		dummy:    encode(memory, passes, parallelism, random[:saltSize], random[saltSize:]),
	}
}

// Load tells how many hashes are being computed, how many wait for their turn, and
// how many may do either.
func (h *Hasher) Load() (running, waiting, limit int) {
	running = len(h.running)
	return running, max(0, len(h.admitted)-running), cap(h.admitted)
}

// Dummy returns a valid hash that no password is known to match, the same for
// the life of the Hasher. Verifying against it costs what a real hash costs, so
// that an unknown account answers as late as a known one.
func (h *Hasher) Dummy() string { return h.dummy }

// Hash returns the Argon2id hash of the NFC form of pw with a fresh salt, as a
// PHC string ("$argon2id$v=19$m=19456,t=2,p=1$salt$key"). It fails with ErrBusy
// at once if the queue, or its share of it, is full, and with the context's error if that ends before
// its turn comes. It does not apply the policy: see [Check].
func (h *Hasher) Hash(ctx context.Context, pw string) (string, error) {
	select {
	case h.making <- struct{}{}:
		defer func() { <-h.making }()
	default:
		return "", ErrBusy
	}
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	key, err := h.derive(ctx, pw, salt, parameters{memory, passes, parallelism, keySize})
	if err != nil {
		return "", err
	}
	return encode(memory, passes, parallelism, salt, key), nil
}

// Verify reports whether encoded is a hash of pw. It fails as Hash does, and
// with ErrMalformed if encoded is not an Argon2id PHC string within sane
// bounds.
func (h *Hasher) Verify(ctx context.Context, encoded, pw string) (ok bool, err error) {
	p, salt, want, err := decode(encoded)
	if err != nil {
		return false, err
	}
	got, err := h.derive(ctx, pw, salt, p)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

type parameters struct {
	memory      uint32 // KiB
	passes      uint32
	parallelism uint8
	keySize     uint32
}

func (h *Hasher) derive(ctx context.Context, pw string, salt []byte, p parameters) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case h.admitted <- struct{}{}:
		defer func() { <-h.admitted }()
	default:
		return nil, ErrBusy
	}
	select {
	case h.running <- struct{}{}:
		defer func() { <-h.running }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(norm.NFC.String(pw)), salt, p.passes, p.memory, p.parallelism, p.keySize), nil
}

var base64PHC = base64.RawStdEncoding.Strict()

func encode(memory, passes, parallelism int, salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, parallelism,
		base64PHC.EncodeToString(salt), base64PHC.EncodeToString(key))
}

func decode(encoded string) (p parameters, salt, key []byte, err error) {
	fail := func() (parameters, []byte, []byte, error) { return parameters{}, nil, nil, ErrMalformed }
	parts := strings.Split(encoded, "$")
	if len(encoded) > maxEncoded || len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" ||
		parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return fail()
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.parallelism); err != nil {
		return fail()
	}
	salt, saltErr := base64PHC.DecodeString(parts[4])
	key, keyErr := base64PHC.DecodeString(parts[5])
	if saltErr != nil || keyErr != nil ||
		p.memory < 8*uint32(p.parallelism) || p.memory > maxMemory || p.passes < 1 || p.passes > maxPasses ||
		p.parallelism < 1 || p.parallelism > maxParallelism || len(salt) < 8 || len(key) < 16 ||
		encode(int(p.memory), int(p.passes), int(p.parallelism), salt, key) != encoded {
		return fail()
	}
	p.keySize = uint32(len(key))
	return p, salt, key, nil
}
