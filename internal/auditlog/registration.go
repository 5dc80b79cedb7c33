package auditlog

import (
	"errors"

	"countersign/internal/store"

	"golang.org/x/mod/sumdb/tlog"
)

// Proof shows that an event is in the log: its entry, where it stands, the RFC 6962 inclusion path to the checkpoint's root and, for
// the creation of a passkey, what opens the commitment to its key.
type Proof struct {
	Entry      []byte
	Index      int64
	Path       [][32]byte
	Opening    [32]byte
	Checkpoint string
}

// ErrNotYet is that an event is not in the tree: not yet, or its row was redacted, or is none.
var ErrNotYet = errors.New("auditlog: the event is not in the tree")

// Registration proves by which event a passkey came, against the newest checkpoint.
func Registration(tx *store.Tx, event int64) (*Proof, error) {
	r, err := tx.LogEvent(event)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNotYet
	}
	if err != nil {
		return nil, err
	}
	state, err := tx.LogState()
	if err != nil {
		return nil, err
	}
	if r.Leaf < 0 || r.Leaf >= state.Size || len(r.Salt) == 0 || len(r.Credential) == 0 {
		return nil, ErrNotYet
	}
	c, err := ReadCheckpoint(state.Checkpoint)
	if err != nil {
		return nil, err
	}
	p := &Proof{Entry: Entry(r), Index: r.Leaf, Opening: r.Opening(), Checkpoint: state.Checkpoint}
	path, err := tlog.ProveRecord(state.Size, r.Leaf, newTree(tx, state.Size))
	if err != nil {
		return nil, err
	}
	// A proof that proves nothing helps nobody: the tree was bent, and audit verify says where.
	if err := tlog.CheckRecord(path, c.Size, c.Root, r.Leaf, tlog.RecordHash(p.Entry)); err != nil {
		return nil, errors.Join(ErrUnsound, err)
	}
	for _, h := range path {
		p.Path = append(p.Path, h)
	}
	return p, nil
}
