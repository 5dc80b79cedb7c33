package auditlog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"countersign/approval"
	"countersign/internal/secret"
	"countersign/internal/store"

	"golang.org/x/mod/sumdb/tlog"
)

// Prove shows that events are in the log, each with what opens its subject, against the newest checkpoint. In the place of an event that
// is not in the tree (not yet, or there is none) it returns nil. ErrUnsound is that the tree is not what its checkpoint says: a proof would
// prove nothing.
func Prove(tx *store.Tx, events ...store.Ref) (checkpoint string, proofs []*approval.Inclusion, err error) {
	state, err := tx.LogState()
	if err != nil {
		return "", nil, err
	}
	proofs = make([]*approval.Inclusion, len(events))
	for i, ref := range events {
		r, err := tx.LogEvent(ref.Event)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return "", nil, err
		}
		if r.Leaf < 0 || r.Leaf >= state.Size || len(ref.Opening) != 32 {
			continue
		}
		entry, path, err := included(tx, &state, r.Leaf)
		if err != nil {
			return "", nil, err
		}
		hashes := make([][32]byte, len(path))
		for j, h := range path {
			hashes[j] = h
		}
		proofs[i] = approval.NewInclusion(entry, uint64(r.Leaf), [32]byte(ref.Opening), hashes)
	}
	return state.Checkpoint, proofs, nil
}

// included reads an entry from the tree, and the way from it to the root of the checkpoint.
func included(tx *store.Tx, state *store.LogState, leaf int64) (entry []byte, path tlog.RecordProof, err error) {
	c, err := ReadCheckpoint(state.Checkpoint)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnsound, err)
	}
	tree := newTree(tx, state.Size)
	bundle, err := tree.tile(entriesLevel, leaf/tileWidth, 0)
	if err != nil {
		return nil, nil, err
	}
	entry, ok := nth(bundle, int(leaf%tileWidth))
	if !ok {
		return nil, nil, fmt.Errorf("%w: entries %d have no number %d", ErrUnsound, leaf/tileWidth, leaf%tileWidth)
	}
	if path, err = tlog.ProveRecord(state.Size, leaf, tree); err != nil {
		return nil, nil, err
	}
	if err := tlog.CheckRecord(path, c.Size, c.Root, leaf, tlog.RecordHash(entry)); err != nil {
		return nil, nil, errors.Join(ErrUnsound, err)
	}
	return entry, path, nil
}

// About tells whether the service recorded that something of this kind was done to this account, about this subject. It believes its own MAC
// on the event, which nobody makes without the master key, and else the tree under a checkpoint of its own: of what was redacted, or written
// under a master key that is gone, the tree is left.
func About(tx *store.Tx, keys *secret.Keys, event int64, kind, accountID string, subject []byte) (bool, error) {
	r, err := tx.LogEvent(event)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	says := &Leaf{Account: r.AccountID, Kind: r.Kind, OK: r.OK, Subject: r.Subject}
	if !r.Ours(keys) {
		if says, err = inTree(tx, keys, r.Leaf); err != nil || says == nil {
			return false, err
		}
	}
	return says.Kind == kind && says.OK && says.Account == accountID && bytes.Equal(says.Subject, subject), nil
}

// inTree reads a leaf under a checkpoint of our own; nil where there is none such.
func inTree(tx *store.Tx, keys *secret.Keys, leaf int64) (*Leaf, error) {
	state, err := tx.LogState()
	if err != nil || leaf < 0 || leaf >= state.Size {
		return nil, err
	}
	c, err := ReadCheckpoint(state.Checkpoint)
	if err != nil {
		return nil, nil //nolint:nilerr // the database's word is worth nothing here
	}
	by, err := verifiers(keys, c.Origin)
	if err != nil {
		return nil, err
	}
	if _, err := OpenCheckpoint(state.Checkpoint, by...); err != nil {
		return nil, nil //nolint:nilerr // as above
	}
	entry, _, err := included(tx, &state, leaf)
	if errors.Is(err, ErrUnsound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	says, err := ParseEntry(entry)
	if err != nil {
		return nil, nil //nolint:nilerr // as above
	}
	return says, nil
}

// Recorded is the subject of the event of an approval.
func Recorded(ref store.Ref, fingerprint [32]byte) []byte {
	if len(ref.Opening) != 32 {
		return nil
	}
	subject := approval.ApprovalCommitment([32]byte(ref.Opening), fingerprint)
	return subject[:]
}

// Registered is the subject of the event by which the passkey of an approval, one that was parsed, came.
func Registered(ref store.Ref, accountID string, p *approval.PasskeyEvidence) []byte {
	id, errID := base64.RawURLEncoding.DecodeString(p.CredentialID)
	key, errKey := base64.RawURLEncoding.DecodeString(p.PublicKey)
	if errors.Join(errID, errKey) != nil {
		return nil
	}
	return credential(ref, accountID, p.RelyingParty, id, key)
}

func credential(ref store.Ref, accountID, relyingParty string, id, publicKey []byte) []byte {
	if len(ref.Opening) != 32 {
		return nil
	}
	subject := approval.CredentialCommitment([32]byte(ref.Opening), accountID, relyingParty, id, publicKey)
	return subject[:]
}

// HandedOver are the subjects that the event of a hand-over may have, under each master key, the current one first: which API key took the
// withdrawal, and under which idempotency key.
func HandedOver(keys *secret.Keys, withdrawalID, apiKey, idempotencyKey string) [][]byte {
	return keys.MACs("hand-over", []byte(withdrawalID), []byte(apiKey), []byte(idempotencyKey))
}
