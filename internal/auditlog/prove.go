package auditlog

import (
	"errors"

	"countersign/approval"
	"countersign/internal/store"

	"golang.org/x/mod/sumdb/tlog"
)

// Prove shows that events are in the log, each with what opens its subject, against the newest checkpoint. In the place of an event that
// is not in the tree (not yet, or its row was redacted, or is none, or has no subject) it returns nil. ErrUnsound is that the tree is
// not what its checkpoint says: a proof would prove nothing.
func Prove(tx *store.Tx, events ...int64) (checkpoint string, proofs []*approval.Inclusion, err error) {
	state, err := tx.LogState()
	if err != nil {
		return "", nil, err
	}
	proofs = make([]*approval.Inclusion, len(events))
	for i, event := range events {
		r, err := tx.LogEvent(event)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		if r.Leaf < 0 || r.Leaf >= state.Size || len(r.Salt) == 0 || len(r.Subject) == 0 {
			continue
		}
		if proofs[i], err = prove(tx, &state, r); err != nil {
			return "", nil, err
		}
	}
	return state.Checkpoint, proofs, nil
}

func prove(tx *store.Tx, state *store.LogState, r *store.LogRow) (*approval.Inclusion, error) {
	c, err := ReadCheckpoint(state.Checkpoint)
	if err != nil {
		return nil, err
	}
	path, err := tlog.ProveRecord(state.Size, r.Leaf, newTree(tx, state.Size))
	if err != nil {
		return nil, err
	}
	entry := Entry(r)
	if err := tlog.CheckRecord(path, c.Size, c.Root, r.Leaf, tlog.RecordHash(entry)); err != nil {
		return nil, errors.Join(ErrUnsound, err)
	}
	hashes := make([][32]byte, len(path))
	for i, h := range path {
		hashes[i] = h
	}
	return approval.NewInclusion(entry, uint64(r.Leaf), r.Opening(), hashes), nil
}
