package approval

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/bits"
	"strconv"
	"strings"
)

// Registration shows that the audit log holds the entry of the passkey's
// creation: the entry, where it stands, and a signed tree head that covers it.
type Registration struct {
	// Checkpoint is a signed note (c2sp.org/tlog-checkpoint) with one
	// signature, the log's. Cosignatures are left out: a line that a verifier
	// cannot check could be changed unseen.
	Checkpoint string `json:"checkpoint"`
	// Entry is the log entry's bytes, base64url as all bytes here.
	Entry string `json:"entry"`
	// Index is the entry's place in the log, from 0, as a decimal.
	Index string `json:"index"`
	// Opening is the key, 32 bytes, of the entry's [CredentialCommitment].
	Opening string `json:"opening"`
	// Proof is the RFC 6962 inclusion proof, from the leaf's neighbour up.
	Proof []string `json:"proof"`
}

const (
	maxProof      = 63
	maxEntry      = 4096
	maxCheckpoint = 4096

	entryVersion = "countersign/audit/v1"
	entryKind    = "passkey.created"
	entryTime    = "YYYY-MM-DDTHH:MM:SS.mmmZ"
)

// NewRegistration writes down what a log knows of an entry. Of the checkpoint's
// signatures it keeps the one by the name in its first line, which is the log.
func NewRegistration(signedNote string, entry []byte, index uint64, opening [32]byte, proof [][32]byte) (*Registration, error) {
	text, signatures, ok := cutNote(signedNote)
	origin, _, _ := strings.Cut(text, "\n")
	for line := range strings.Lines(signatures) {
		if own := "— " + origin + " "; ok && strings.HasPrefix(line, own) {
			r := &Registration{Checkpoint: text + "\n" + line, Entry: encode(entry), Index: strconv.FormatUint(index, 10), Opening: encode(opening[:]), Proof: []string{}}
			for _, hash := range proof {
				r.Proof = append(r.Proof, encode(hash[:]))
			}
			return r, r.check(new(contents))
		}
	}
	return nil, errors.New("approval: the checkpoint is not a note that its log signed")
}

func (r *Registration) check(c *contents) error {
	var ok bool
	if c.checkpoint, ok = parseCheckpoint(r.Checkpoint); !ok {
		return fault("registration.checkpoint", "is not a signed note of a log with its signature alone")
	}
	if c.entry, ok = decode(r.Entry, 1, maxEntry); !ok {
		return fault("registration.entry", "is not base64url, or not within its bounds")
	}
	if c.index, ok = decimal(r.Index); !ok {
		return fault("registration.index", "is not a decimal in its shortest form")
	}
	if c.opening, ok = decode32(r.Opening); !ok {
		return fault("registration.opening", "is not base64url of 32 bytes")
	}
	c.proof = make([][32]byte, 0, len(r.Proof))
	for _, p := range r.Proof {
		hash, ok := decode32(p)
		if !ok || len(c.proof) == maxProof {
			return fault("registration.proof", "is not a list of at most 63 hashes in base64url")
		}
		c.proof = append(c.proof, hash)
	}
	return nil
}

// verify shows that the entry is in the tree and is about this key. Whether the
// tree is the log's, the signature of the checkpoint tells.
func (r *Registration) verify(c *contents, d *Details, approvedAt string) error {
	e, err := parseEntry(c.entry)
	if err != nil {
		return err
	}
	want := CredentialCommitment(c.opening, d.Account, d.RelyingParty, c.credentialID, c.publicKey)
	credential, ok := decode32(e.credential)
	switch {
	case e.kind != entryKind, e.ok != "true":
		return fault("registration.entry", "is not that of a passkey's creation")
	case e.account != d.Account:
		return fault("registration.entry", "is of another account than the details")
	case !ok || credential != want:
		return fault("registration.entry", "is not of this public key, or the opening is another's")
	// The time of approval is cut to whole seconds, so the entry's is as well.
	case e.at[:len("2006-01-02T15:04:05")] > approvedAt[:len("2006-01-02T15:04:05")]:
		return fault("registration.entry", "is later than the approval")
	}
	root, ok := rootByInclusion(c.entry, c.index, c.checkpoint.size, c.proof)
	if !ok || root != c.checkpoint.root {
		return fault("registration.proof", "does not lead from the entry at this index to the checkpoint's root")
	}
	return nil
}

// entry is what an entry of the audit log says. Its form is RFC 8785 with these
// members, all of them strings.
type entry struct {
	account, at, commitment, credential, kind, ok, version string
}

func parseEntry(raw []byte) (entry, error) {
	var e entry
	r := reader{rest: string(raw)}
	const member = "registration.entry"
	r.text(`{"account":`, member, &e.account)
	r.text(`,"at":`, member, &e.at)
	r.text(`,"commitment":`, member, &e.commitment)
	r.text(`,"credential":`, member, &e.credential)
	r.text(`,"kind":`, member, &e.kind)
	r.text(`,"ok":`, member, &e.ok)
	r.text(`,"version":`, member, &e.version)
	r.literal("}", member)
	switch _, ok := decode32(e.commitment); {
	case r.err != nil, hasControl(string(raw)):
		return entry{}, fault(member, "is not in canonical form")
	case r.rest != "" || !ok || asID(e.account) != "" || asID(e.kind) != "" || e.version != entryVersion,
		len(e.at) != len(entryTime) || e.at[19] != '.' || !digits(e.at[20:23]) || checkTime(e.at[:19]+e.at[23:]) != "":
		return entry{}, fault(member, "is not in the form of an entry")
	}
	return e, nil
}

// rootByInclusion computes the root that a proof leads to, by RFC 9162 section
// 2.1.3.2, which has RFC 6962's hashes and says how to verify.
func rootByInclusion(leaf []byte, index, size uint64, proof [][32]byte) (root [32]byte, ok bool) {
	if index >= size {
		return root, false
	}
	root = sha256.Sum256(append([]byte{0}, leaf...))
	inner := bits.Len64(index ^ (size - 1)) // levels at which the leaf's subtree is full
	if len(proof) != inner+bits.OnesCount64(index>>inner) {
		return root, false
	}
	for level, hash := range proof {
		if level < inner && index>>level&1 == 0 {
			root = node(root, hash)
		} else {
			root = node(hash, root)
		}
	}
	return root, true
}

func node(left, right [32]byte) [32]byte {
	var b [65]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[33:], right[:])
	return sha256.Sum256(b[:])
}

// checkpoint is a signed tree head, taken apart.
type checkpoint struct {
	text      string // what is signed
	origin    string
	size      uint64
	root      [32]byte
	keyID     [4]byte
	signature []byte
}

// cutNote splits a signed note (c2sp.org/signed-note) into its text, with the
// line end that belongs to it, and its signature lines.
func cutNote(note string) (text, signatures string, ok bool) {
	i := strings.LastIndex(note, "\n\n")
	if i < 0 || len(note) > 1<<20 {
		return "", "", false
	}
	return note[:i+1], note[i+2:], true
}

// parseCheckpoint reads a note with one signature, by the name in its first
// line.
func parseCheckpoint(note string) (*checkpoint, bool) {
	text, line, ok := cutNote(note)
	if !ok || len(note) > maxCheckpoint {
		return nil, false
	}
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) != 4 || asOrigin(lines[0]) != "" || strings.Contains(lines[0], "+") {
		return nil, false
	}
	c := &checkpoint{text: text, origin: lines[0]}
	if c.size, ok = decimal(lines[1]); !ok {
		return nil, false
	}
	root, ok := decodeStd(lines[2], sha256.Size)
	if !ok {
		return nil, false
	}
	c.root = [32]byte(root)
	line, ok = strings.CutSuffix(line, "\n")
	if !ok {
		return nil, false
	}
	line, ok = strings.CutPrefix(line, "— "+c.origin+" ")
	if !ok {
		return nil, false
	}
	signature, ok := decodeStd(line, 4+ed25519.SignatureSize)
	if !ok {
		return nil, false
	}
	c.keyID, c.signature = [4]byte(signature), signature[4:]
	return c, true
}

// decimal reads a number of at most 62 bits in its shortest form.
func decimal(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 62)
	return n, err == nil && strconv.FormatUint(n, 10) == s
}

var strictStdBase64 = base64.StdEncoding.Strict()

// decodeStd reads the standard base64 of a note, in its one spelling.
func decodeStd(s string, size int) ([]byte, bool) {
	if len(s) != base64.StdEncoding.EncodedLen(size) {
		return nil, false
	}
	b, err := strictStdBase64.DecodeString(s)
	return b, err == nil && len(b) == size
}

// logKey is a note's verifier key: name+hash+base64 of the algorithm, 1 for
// Ed25519, and the key.
type logKey struct {
	name   string
	id     [4]byte
	public ed25519.PublicKey
}

func parseLogKey(text string) (logKey, bool) {
	name, rest, ok := strings.Cut(text, "+")
	id, key, ok2 := strings.Cut(rest, "+")
	want, err := hex.DecodeString(id)
	raw, ok3 := decodeStd(key, 1+ed25519.PublicKeySize)
	if !ok || !ok2 || !ok3 || err != nil || len(want) != 4 || raw[0] != 1 || asOrigin(name) != "" || !goodEd25519(raw[1:]) {
		return logKey{}, false
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), raw...))
	k := logKey{name: name, id: [4]byte(sum[:4]), public: raw[1:]}
	return k, bytes.Equal(want, k.id[:]) && id == hex.EncodeToString(want)
}

func (k logKey) signed(c *checkpoint) bool {
	return k.name == c.origin && k.id == c.keyID && ed25519.Verify(k.public, []byte(c.text), c.signature)
}
