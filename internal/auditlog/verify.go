package auditlog

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Source is where a log is read from.
type Source interface {
	// Checkpoint is the newest.
	Checkpoint() (string, error)
	// Tile is a tile of hashes, or at level -1 a bundle of entries, of exactly that width. ErrNoTile where there is none.
	Tile(level int, number int64, width int) ([]byte, error)
}

// errTile is that a tile is there, and not what it must be.
var errTile = errors.New("it is not as it must be")

// ErrNoTile is that a source has not the tile that a tree of its size has.
var ErrNoTile = errors.New("auditlog: there is no such tile")

// Finding is one thing that is not as it must be.
type Finding struct {
	// What is wrong, in a few words; Leaf and ID where, -1 where that is no leaf or no row.
	What     string
	Leaf, ID int64
	Kind     string
	Detail   string
}

func (f Finding) String() string {
	text := f.What
	if f.Leaf >= 0 {
		text += fmt.Sprintf(", leaf %d", f.Leaf)
	}
	if f.ID != -1 {
		text += fmt.Sprintf(", event %d", f.ID)
	}
	if f.Kind != "" {
		text += ", " + f.Kind
	}
	if f.Detail != "" {
		text += ": " + f.Detail
	}
	return Plain(text)
}

// Plain writes what a terminal would obey, or take for the next line, as escapes: rows are anybody's who has the database.
func Plain(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// maxFindings is how many are kept: who finds more has found enough.
const maxFindings = 1000

// Report is what a verification has found.
type Report struct {
	Checkpoint *Checkpoint
	// Older are the checkpoints, kept elsewhere, that the log goes on from.
	Older []*Checkpoint
	// Rows is how many rows were compared with their leaves, Redacted those of them of which only the leaf is left by permission, Waiting
	// the events that have no place yet, Approvals the records of approvals compared with their events.
	Rows, Redacted, Waiting, Approvals int64
	Findings                           []Finding
	// More is how many findings were not kept.
	More int64
}

func (r *Report) found(f Finding) {
	if len(r.Findings) == maxFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, f)
}

func (r *Report) wrong(what, detail string, args ...any) {
	r.found(Finding{What: what, Leaf: -1, ID: -1, Detail: fmt.Sprintf(detail, args...)})
}

// Options are what a log is verified against.
type Options struct {
	// Older are checkpoints that were kept elsewhere.
	Older []string
	// Keys are verifier keys that are known beside those that follow from the master key.
	Keys []note.Verifier
}

// VerifyTree verifies a log's tree alone: that its checkpoint is signed, that every tile follows from the entries, and that it goes on from each
// older checkpoint. verifiersOf gives the keys of an origin.
func VerifyTree(from Source, o Options) (*Report, error) {
	return verifyTree(from, o, func(string) ([]note.Verifier, error) { return o.Keys, nil }, nil)
}

// verifyTree calls each with every entry; nil is for a tree alone, and ends at a checkpoint that nobody signed: whose it is would say how
// long there is to read.
func verifyTree(from Source, o Options, verifiersOf func(origin string) ([]note.Verifier, error), each func(leaf int64, entry []byte) error) (*Report, error) {
	r := &Report{}
	text, err := from.Checkpoint()
	if err != nil {
		return nil, err
	}
	open := func(text string) (*Checkpoint, error) {
		c, err := ReadCheckpoint(text)
		if err != nil {
			return nil, err
		}
		by, err := verifiersOf(c.Origin)
		if err != nil {
			return nil, err
		}
		_, err = OpenCheckpoint(text, by...)
		return c, err
	}
	r.Checkpoint, err = open(text)
	if err != nil {
		r.wrong("the log's checkpoint", "%v", err)
		if r.Checkpoint == nil || each == nil {
			return r, nil
		}
	}
	// The older ones, by size: each is compared when the tree has grown to it.
	var older []*Checkpoint
	for i, text := range o.Older {
		c, err := open(text)
		if err != nil {
			r.wrong("a checkpoint that was given", "number %d: %v", i+1, err)
			continue
		}
		for _, other := range older {
			if other.Origin == c.Origin && other.Size == c.Size && other.Root != c.Root {
				r.wrong("split view", "two signed checkpoints of %s say of size %d: %s and %s", c.Origin, c.Size, other.Root, c.Root)
			}
		}
		older = append(older, c)
	}
	slices.SortStableFunc(older, func(a, b *Checkpoint) int { return int(min(1, max(-1, a.Size-b.Size))) })
	w := &walk{from: from, report: r, size: r.Checkpoint.Size}
	compare := func(upTo int64) {
		for len(older) > 0 && older[0].Size == upTo {
			c := older[0]
			older = older[1:]
			if root := w.root(); root != c.Root {
				r.wrong("not the same log", "the checkpoint of %s, size %d, has the root %s, and this log had %s at that size: entries were changed, removed, inserted or reordered, or it is another view", c.Origin, c.Size, c.Root, root)
				continue
			}
			r.Older = append(r.Older, c)
		}
	}
	compare(0)
	err = w.run(func(leaf int64, entry []byte) error {
		compare(leaf + 1)
		if each == nil {
			return nil
		}
		return each(leaf, entry)
	})
	if err != nil {
		return r, err
	}
	for _, c := range older {
		if c.Origin != r.Checkpoint.Origin {
			r.wrong("entries are lost", "the log was restored from a backup as %s with size %d, and the checkpoint of %s vouched for %d", r.Checkpoint.Origin, r.Checkpoint.Size, c.Origin, c.Size)
			continue
		}
		r.wrong("the log is truncated", "it has %d entries, and a checkpoint that was given vouches for %d", r.Checkpoint.Size, c.Size)
	}
	if root := w.root(); root != r.Checkpoint.Root {
		r.wrong("not what the checkpoint says", "the entries give the root %s, the checkpoint of size %d has %s", root, r.Checkpoint.Size, r.Checkpoint.Root)
	}
	return r, nil
}

// walk goes through the entries once, and makes every tile anew from them.
type walk struct {
	from   Source
	report *Report
	size   int64
	levels [][]tlog.Hash // of each level the places of the tile under way
	done   []int64       // and how many tiles were before
	whole  []subtree     // the perfect subtrees that the tree so far consists of
}

type subtree struct {
	size int64
	hash tlog.Hash
}

// run calls each with every entry, nil for one that cannot be read.
func (w *walk) run(each func(leaf int64, entry []byte) error) error {
	for number := int64(0); number*tileWidth < w.size; number++ {
		width := int(min(tileWidth, w.size-number*tileWidth))
		entries, err := w.bundle(number, width)
		if err != nil {
			return err
		}
		hashes, err := w.tile(0, number, width)
		if err != nil {
			return err
		}
		if entries == nil && hashes == nil && number > 0 {
			w.report.wrong("the log ends before its size", "nothing was looked at from leaf %d on", number*tileWidth)
			break
		}
		var wrong []int
		for i := range width {
			leaf := number*tileWidth + int64(i)
			var hash tlog.Hash
			var entry []byte
			if entries != nil {
				entry = entries[i]
			}
			switch {
			case entry != nil:
				hash = tlog.RecordHash(entry)
				if hashes != nil && hash != hashes[i] {
					wrong = append(wrong, i)
				}
			case hashes != nil:
				hash = hashes[i]
			}
			w.grow(hash)
			if err := w.push(0, hash); err != nil {
				return err
			}
			if err := each(leaf, entry); err != nil {
				return err
			}
		}
		if len(wrong) > 0 {
			w.report.found(Finding{What: "an entry and its hash do not fit", Leaf: number*tileWidth + int64(wrong[0]), ID: -1,
				Detail: fmt.Sprintf("entries %d, tile 0/%d, place %s", number, number, ranges(wrong))})
		}
	}
	for level := range w.levels {
		if err := w.compare(level); err != nil {
			return err
		}
	}
	return nil
}

// bundle reads entries; those that cannot be read are nil, and so is the whole of a bundle that cannot, which is noted.
func (w *walk) bundle(number int64, width int) ([][]byte, error) {
	data, err := w.from.Tile(entriesLevel, number, width)
	if errors.Is(err, ErrNoTile) || errors.Is(err, errTile) {
		w.report.wrong("entries", "bundle %d: %v", number, err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := make([][]byte, width)
	for i := range width {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			w.report.found(Finding{What: "entries", Leaf: number*tileWidth + int64(i), ID: -1, Detail: fmt.Sprintf("bundle %d ends within entry %d", number, i)})
			return out, nil
		}
		n := 2 + int(binary.BigEndian.Uint16(data))
		out[i], data = data[2:n:n], data[n:]
		if len(out[i]) == 0 {
			out[i] = []byte{}
		}
	}
	if len(data) > 0 {
		w.report.wrong("entries", "bundle %d has %d bytes after its last entry", number, len(data))
	}
	return out, nil
}

// tile reads a tile of hashes; nil where it cannot be read, which is noted.
func (w *walk) tile(level int, number int64, width int) ([]tlog.Hash, error) {
	data, err := w.from.Tile(level, number, width)
	if err == nil && len(data) != width*tlog.HashSize {
		err = fmt.Errorf("%w: %d bytes, want %d", errTile, len(data), width*tlog.HashSize)
	}
	if errors.Is(err, ErrNoTile) || errors.Is(err, errTile) {
		w.report.wrong("a tile", "tile %d/%d: %v", level, number, err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := make([]tlog.Hash, width)
	for i := range out {
		copy(out[i][:], data[i*tlog.HashSize:])
	}
	return out, nil
}

// push puts a hash into the tile under way at a level, and once that is full its hash into the one above.
func (w *walk) push(level int, hash tlog.Hash) error {
	if level == len(w.levels) {
		w.levels, w.done = append(w.levels, nil), append(w.done, 0)
	}
	w.levels[level] = append(w.levels[level], hash)
	if len(w.levels[level]) < tileWidth {
		return nil
	}
	if err := w.compare(level); err != nil {
		return err
	}
	places := w.levels[level]
	for len(places) > 1 {
		for i := range len(places) / 2 {
			places[i] = tlog.NodeHash(places[2*i], places[2*i+1])
		}
		places = places[:len(places)/2]
	}
	above := places[0]
	w.levels[level] = w.levels[level][:0]
	w.done[level]++
	return w.push(level+1, above)
}

// compare compares the tile under way with the source's. Level 0 was, entry by entry.
func (w *walk) compare(level int) error {
	places := w.levels[level]
	if level == 0 || len(places) == 0 {
		return nil
	}
	had, err := w.tile(level, w.done[level], len(places))
	if err != nil || had == nil {
		return err
	}
	var wrong []int
	for i := range places {
		if had[i] != places[i] {
			wrong = append(wrong, i)
		}
	}
	if len(wrong) > 0 {
		w.report.wrong("a tile", "tile %d/%d, place %s is not the hash of what is below", level, w.done[level], ranges(wrong))
	}
	return nil
}

// ranges writes ascending numbers as "3, 8 to 11".
func ranges(numbers []int) string {
	var texts []string
	for i := 0; i < len(numbers); {
		first, last := numbers[i], numbers[i]
		for i++; i < len(numbers) && numbers[i] == last+1; i++ {
			last++
		}
		text := strconv.Itoa(first)
		if last > first {
			text += " to " + strconv.Itoa(last)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

// grow adds a leaf's hash to the tree.
func (w *walk) grow(hash tlog.Hash) {
	w.whole = append(w.whole, subtree{1, hash})
	for n := len(w.whole); n > 1 && w.whole[n-1].size == w.whole[n-2].size; n = len(w.whole) {
		w.whole[n-2] = subtree{2 * w.whole[n-1].size, tlog.NodeHash(w.whole[n-2].hash, w.whole[n-1].hash)}
		w.whole = w.whole[:n-1]
	}
}

// root is the hash of the tree so far (RFC 6962 section 2.1).
func (w *walk) root() tlog.Hash {
	if len(w.whole) == 0 {
		return sha256.Sum256(nil)
	}
	root := w.whole[len(w.whole)-1].hash
	for i := len(w.whole) - 2; i >= 0; i-- {
		root = tlog.NodeHash(w.whole[i].hash, root)
	}
	return root
}
