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
	"unicode/utf8"
)

// Log is what the service's audit log holds about an approval, under one signed
// tree head: that the approval was recorded, or how its passkey came, or both.
type Log struct {
	// Checkpoint is a signed note (c2sp.org/tlog-checkpoint) with one
	// signature, the log's. Cosignatures are left out: a line that a verifier
	// cannot check could be changed unseen.
	Checkpoint string `json:"checkpoint"`
	// Record is the entry of the approval itself.
	Record *Inclusion `json:"record,omitempty"`
	// Registration is the entry of the passkey's creation; only beside a
	// passkey's evidence.
	Registration *Inclusion `json:"registration,omitempty"`
}

// Inclusion shows that an entry is in the log: its bytes, where it stands, and
// what opens its commitment to its subject.
type Inclusion struct {
	// Entry is the log entry's bytes, base64url as all bytes here.
	Entry string `json:"entry"`
	// Index is the entry's place in the log, from 0, as a decimal.
	Index string `json:"index"`
	// Opening is the key, 32 bytes, of the [CredentialCommitment] of a
	// registration, or of the [ApprovalCommitment] of a record.
	Opening string `json:"opening"`
	// Proof is the RFC 6962 inclusion proof, from the leaf's neighbour up.
	Proof []string `json:"proof"`
}

const (
	maxProof      = 63
	maxEntry      = 4096
	maxCheckpoint = 4096

	entryVersion     = "countersign/audit/v1"
	kindRecord       = "withdrawal.approved"
	kindRegistration = "passkey.created"
	entryTime        = "YYYY-MM-DDTHH:MM:SS.mmmZ"

	// within names the members of an inclusion in errors.
	withinRecord       = "log.record."
	withinRegistration = "log.registration."
)

// NewInclusion writes down where a log has an entry.
func NewInclusion(entry []byte, index uint64, opening [32]byte, proof [][32]byte) *Inclusion {
	i := &Inclusion{Entry: encode(entry), Index: strconv.FormatUint(index, 10), Opening: encode(opening[:]), Proof: make([]string, 0, len(proof))}
	for _, hash := range proof {
		i.Proof = append(i.Proof, encode(hash[:]))
	}
	return i
}

// NewLog puts inclusions under a signed note; either may be nil. Of the note's
// signatures it keeps the first by the name in its first line, which is the log:
// of a log that signs with two keys, the one that it puts first.
func NewLog(signedNote string, record, registration *Inclusion) (*Log, error) {
	text, signatures, ok := cutNote(signedNote)
	if !ok {
		return nil, errors.New("approval: the checkpoint is not a signed note")
	}
	origin, _, _ := strings.Cut(text, "\n")
	for line := range strings.Lines(signatures) {
		if !strings.HasPrefix(line, "— "+origin+" ") {
			continue
		}
		l := &Log{Checkpoint: text + "\n" + line, Record: record, Registration: registration}
		if err := l.check(new(contents)); err != nil {
			return nil, err
		}
		return l, nil
	}
	return nil, errors.New("approval: the checkpoint has no signature by the name in its first line")
}

func (l *Log) check(c *contents) error {
	var ok bool
	if c.checkpoint, ok = parseCheckpoint(l.Checkpoint); !ok {
		return fault("log.checkpoint", "is not a signed note of a log with its signature alone")
	}
	if l.Record == nil && l.Registration == nil {
		return fault("log", "holds neither a record nor a registration")
	}
	if l.Record != nil {
		if err := l.Record.check(withinRecord, &c.record); err != nil {
			return err
		}
	}
	if l.Registration != nil {
		return l.Registration.check(withinRegistration, &c.registration)
	}
	return nil
}

// included is an inclusion, decoded.
type included struct {
	entry   []byte
	opening [32]byte
	index   uint64
	proof   [][32]byte
}

func (i *Inclusion) check(within string, c *included) error {
	var ok bool
	if c.entry, ok = decode(i.Entry, 1, maxEntry); !ok {
		return fault(within+"entry", "is not base64url, or not within its bounds")
	}
	if c.index, ok = decimal(i.Index); !ok {
		return fault(within+"index", "is not a decimal in its shortest form")
	}
	if c.opening, ok = decode32(i.Opening); !ok {
		return fault(within+"opening", "is not base64url of 32 bytes")
	}
	c.proof = make([][32]byte, 0, len(i.Proof))
	for _, p := range i.Proof {
		hash, ok := decode32(p)
		if !ok || len(c.proof) == maxProof {
			return fault(within+"proof", "is not a list of at most 63 hashes in base64url")
		}
		c.proof = append(c.proof, hash)
	}
	return nil
}

// verify shows that what the log holds is about this approval and is in the
// tree. Whether the tree is the log's, the signature of the checkpoint tells.
func (l *Log) verify(c *contents, d *Details, approvedAt string) error {
	// The time of approval is cut to whole seconds, so the entries' is as well.
	approvedAt = approvedAt[:len(wholeSeconds)]
	if l.Registration != nil {
		at, err := c.registration.verify(withinRegistration, kindRegistration, CredentialCommitment(c.registration.opening, d.Account, d.RelyingParty, c.credentialID, c.publicKey), d, c.checkpoint)
		if err != nil {
			return err
		}
		if at > approvedAt {
			return fault(withinRegistration+"entry", "is later than the approval")
		}
	}
	if l.Record == nil {
		return nil
	}
	at, err := c.record.verify(withinRecord, kindRecord, ApprovalCommitment(c.record.opening, c.fingerprint), d, c.checkpoint)
	switch {
	case err != nil:
		return err
	case at != approvedAt:
		return fault(withinRecord+"entry", "is of another time than the approval")
	case l.Registration != nil && c.registration.index >= c.record.index:
		return fault(withinRegistration+"index", "is not before that of the record")
	}
	return nil
}

const wholeSeconds = "YYYY-MM-DDTHH:MM:SS"

// verify returns the entry's time, cut to whole seconds.
func (i *included) verify(within, kind string, subject [32]byte, d *Details, c *checkpoint) (at string, err error) {
	e, reason := parseEntry(i.entry)
	said, ok := decode32(e.subject)
	switch {
	case reason != "":
	case e.kind != kind, e.ok != "true":
		reason = "is not of the kind that it stands for"
	case e.account != d.Account:
		reason = "is of another account than the details"
	case !ok || said != subject:
		reason = "is about something else than this document, or the opening is another's"
	}
	if reason != "" {
		return "", fault(within+"entry", reason)
	}
	root, ok := rootByInclusion(i.entry, i.index, c.size, i.proof)
	if !ok || root != c.root {
		return "", fault(within+"proof", "does not lead from the entry at this index to the checkpoint's root")
	}
	return e.at[:len(wholeSeconds)], nil
}

// entry is what an entry of the audit log says. Its form is RFC 8785 with these
// members, all of them strings.
type entry struct {
	account, at, commitment, kind, ok, subject, version string
}

// parseEntry returns what is wrong with an entry, if anything is.
func parseEntry(raw []byte) (e entry, reason string) {
	r := reader{rest: string(raw)}
	r.text(`{"account":`, "", &e.account)
	r.text(`,"at":`, "", &e.at)
	r.text(`,"commitment":`, "", &e.commitment)
	r.text(`,"kind":`, "", &e.kind)
	r.text(`,"ok":`, "", &e.ok)
	r.text(`,"subject":`, "", &e.subject)
	r.text(`,"version":`, "", &e.version)
	r.literal("}", "")
	switch _, ok := decode32(e.commitment); {
	case r.err != nil:
		return entry{}, "is not in canonical form"
	case r.rest != "" || !ok || e.version != entryVersion,
		len(e.at) != len(entryTime) || e.at[19] != '.' || !digits(e.at[20:23]) || checkTime(e.at[:19]+e.at[23:]) != "":
		return entry{}, "is not in the form of an entry"
	}
	return e, ""
}

// rootByInclusion computes the root that a proof leads to, by RFC 9162 section
// 2.1.3.2, which has RFC 6962's hashes and says how to verify.
func rootByInclusion(leaf []byte, index, size uint64, proof [][32]byte) (root [32]byte, ok bool) {
	if index >= size {
		return root, false
	}
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(leaf)
	h.Sum(root[:0])
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
	if i < 0 {
		return "", "", false
	}
	return note[:i+1], note[i+2:], true
}

// parseCheckpoint reads a note with one signature, by the name in its first
// line.
func parseCheckpoint(note string) (*checkpoint, bool) {
	text, line, ok := cutNote(note)
	// In a document there are no control characters, and nothing but UTF-8.
	if !ok || len(note) > maxCheckpoint || !utf8.ValidString(note) {
		return nil, false
	}
	for line := range strings.Lines(text) {
		if hasControl(strings.TrimSuffix(line, "\n")) {
			return nil, false
		}
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
