package auditlog

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"countersign/internal/secret"
	"countersign/internal/store"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Origin names a log: of a relying party, since it was last restored from a backup.
func Origin(rpID string, generation int64) string {
	return rpID + originMark + strconv.FormatInt(generation, 10)
}

const originMark = "/countersign-audit/"

// generationOf reads an origin of this relying party.
func generationOf(origin, rpID string) (int64, bool) {
	text, ours := strings.CutPrefix(origin, rpID+originMark)
	n, err := strconv.ParseInt(text, 10, 64)
	return n, ours && err == nil && n > 0 && strconv.FormatInt(n, 10) == text
}

// Checkpoint is what a signed note says of a log.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
	// Note is the whole signed note.
	Note string
}

// text is what of a checkpoint is signed.
func (c *Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

var errCheckpoint = errors.New("not a checkpoint: want an origin, a size and a root, each on a line of its own")

// ReadCheckpoint reads a signed note, and does not look at its signatures.
func ReadCheckpoint(text string) (*Checkpoint, error) {
	body, _, ok := strings.Cut(text, "\n\n")
	lines := strings.Split(body, "\n")
	if !ok || len(lines) != 3 || lines[0] == "" {
		return nil, errCheckpoint
	}
	c := &Checkpoint{Origin: lines[0], Note: text}
	var err error
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.Size < 0 || strconv.FormatInt(c.Size, 10) != lines[1] {
		return nil, errCheckpoint
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return nil, errCheckpoint
	}
	copy(c.Root[:], root)
	return c, nil
}

// OpenCheckpoint reads a signed note that one of the verifiers has signed.
func OpenCheckpoint(text string, by ...note.Verifier) (*Checkpoint, error) {
	c, err := ReadCheckpoint(text)
	if err != nil {
		return nil, err
	}
	var own []note.Verifier
	for _, v := range by {
		if v.Name() == c.Origin {
			own = append(own, v)
		}
	}
	if len(own) == 0 {
		return nil, fmt.Errorf("no key is known for the origin %s", c.Origin)
	}
	// The note's reader takes signatures whose last digit says more than it may: here every byte counts.
	_, signatures, _ := strings.Cut(text, "\n\n")
	for line := range strings.Lines(signatures) {
		if _, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSuffix(line[strings.LastIndexByte(line, ' ')+1:], "\n")); err != nil {
			return nil, errCheckpoint
		}
	}
	opened, err := note.Open([]byte(text), note.VerifierList(own...))
	if err != nil {
		return nil, fmt.Errorf("the signature of the checkpoint of size %d under %s does not fit: %w", c.Size, c.Origin, err)
	}
	if opened.Text != c.text() {
		return nil, errCheckpoint
	}
	return c, nil
}

// signCheckpoint signs under every key there is: while one is being replaced, those who know either can read on.
func signCheckpoint(keys *secret.Keys, c *Checkpoint) error {
	var signers []note.Signer
	for _, key := range keys.LogSigners(c.Origin) {
		s, err := note.NewSigner(signerKey(c.Origin, key))
		if err != nil {
			return err
		}
		signers = append(signers, s)
	}
	signed, err := note.Sign(&note.Note{Text: c.text()}, signers...)
	c.Note = string(signed)
	return err
}

const noteEd25519 = 1 // the signature type of c2sp.org/signed-note

func keyHash(name string, public []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write(append([]byte{noteEd25519}, public...))
	return binary.BigEndian.Uint32(h.Sum(nil))
}

func signerKey(name string, key ed25519.PrivateKey) string {
	public := key.Public().(ed25519.PublicKey)
	return fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, keyHash(name, public), base64.StdEncoding.EncodeToString(append([]byte{noteEd25519}, key.Seed()...)))
}

// VerifierKeys are the keys that an origin's checkpoints are verified with, as c2sp.org/signed-note writes them, the current one first.
func VerifierKeys(keys *secret.Keys, origin string) ([]string, error) {
	var out []string
	for _, key := range keys.LogSigners(origin) {
		text, err := note.NewEd25519VerifierKey(origin, key.Public().(ed25519.PublicKey))
		if err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, nil
}

// verifiers are those of an origin.
func verifiers(keys *secret.Keys, origin string) ([]note.Verifier, error) {
	texts, err := VerifierKeys(keys, origin)
	if err != nil {
		return nil, err
	}
	return ParseVerifiers(texts)
}

// Fits tells by the log's checkpoint whether a master key is the one that a database is used with, or was, and is still given. Under another
// it would take up work that nobody could verify, or open. A database without a checkpoint takes any.
func Fits(ctx context.Context, db *store.DB, keys *secret.Keys) error {
	return db.View(ctx, func(tx *store.Tx) error {
		state, err := tx.LogState()
		if err != nil || state.Checkpoint == "" {
			return err
		}
		c, err := ReadCheckpoint(state.Checkpoint)
		if err != nil {
			return err
		}
		by, err := verifiers(keys, c.Origin)
		if err != nil {
			return err
		}
		if _, err := OpenCheckpoint(state.Checkpoint, by...); err != nil {
			return fmt.Errorf("this master key has not signed the log of this database: give the one that the service runs with (%w)", err)
		}
		return nil
	})
}

// ParseVerifiers reads verifier keys.
func ParseVerifiers(texts []string) ([]note.Verifier, error) {
	var out []note.Verifier
	for _, text := range texts {
		v, err := note.NewVerifier(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not a verifier key, as \"countersign audit key\" prints them", text)
		}
		out = append(out, v)
	}
	return out, nil
}
