// Package auditlog keeps the audit events in an append-only Merkle tree (RFC 6962), in the tiles of c2sp.org/tlog-tiles, under signed
// checkpoints (c2sp.org/tlog-checkpoint), and proves that nobody has bent it.
//
// Events are written in the transactions of what they tell of (store.Tx.Record), each with a commitment under a salt of its own. Log.Sequence gives
// them their places in the tree afterwards, so that nobody waits for it. A leaf tells what kind of event it was, whose, when and
// whether it succeeded; everything else is behind the commitment.
package auditlog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"time"

	"countersign/internal/store"
)

// EntryVersion is the form of the entries that this package makes.
const EntryVersion = "countersign/audit/v1"

// tileHeight is that of c2sp.org/tlog-tiles: 256 hashes, or entries, in a tile.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
	// entriesLevel is where the bundles of entries are stored, beside the levels of hashes.
	entriesLevel = -1
	maxEntry     = 1<<16 - 1
)

// ErrUnsound is that the log in the database is not what its checkpoint says: it is not to grow any further until somebody has looked.
var ErrUnsound = errors.New("auditlog: the log is not what its checkpoint says; run \"countersign audit verify\"")

// Entry makes the bytes of a row's leaf.
func Entry(r *store.LogRow) []byte {
	commitment := r.Commitment()
	return (&Leaf{Account: r.AccountID, Kind: r.Kind, OK: r.OK, At: r.At, Commitment: commitment[:], Subject: r.Subject}).marshal()
}

// Leaf is an entry that was read.
type Leaf struct {
	Account, Kind       string
	OK                  bool
	At                  time.Time
	Commitment, Subject []byte
}

// ParseEntry reads the bytes of a leaf. Only the one form that Entry makes is read.
func ParseEntry(entry []byte) (*Leaf, error) {
	m, err := parseObject(entry)
	if err != nil {
		return nil, err
	}
	l := &Leaf{Account: m["account"], Kind: m["kind"], OK: m["ok"] == "true"}
	if l.At, err = time.Parse("2006-01-02T15:04:05.000Z", m["at"]); err != nil {
		return nil, errEntry
	}
	if l.Commitment, err = decode(m["commitment"]); err != nil {
		return nil, errEntry
	}
	subject, has := m["subject"]
	if l.Subject, err = decode(subject); err != nil || has != (len(l.Subject) > 0) {
		return nil, errEntry
	}
	if string(l.marshal()) != string(entry) {
		return nil, errEntry
	}
	return l, nil
}

func (l *Leaf) marshal() []byte {
	members := make([]string, 0, 14)
	members = append(members, "account", l.Account, "at", store.FormatEventTime(l.At), "commitment", encode(l.Commitment), "kind", l.Kind, "ok", store.FormatOK(l.OK))
	if len(l.Subject) > 0 {
		members = append(members, "subject", encode(l.Subject))
	}
	return store.AppendObject(make([]byte, 0, 384), append(members, "version", EntryVersion)...)
}

// differing names the columns of a row that are not what its leaf says.
func (l *Leaf) differing(r *store.LogRow) (names []string) {
	for _, c := range []struct {
		name string
		same bool
	}{{"account", r.AccountID == l.Account}, {"at", r.At.Equal(l.At)}, {"kind", r.Kind == l.Kind}, {"ok", r.OK == l.OK}, {"subject", bytes.Equal(r.Subject, l.Subject)}} {
		if !c.same {
			names = append(names, c.name)
		}
	}
	return names
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(text string) ([]byte, error) { return base64.RawURLEncoding.Strict().DecodeString(text) }
