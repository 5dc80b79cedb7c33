package auditlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"countersign/internal/secret"
	"countersign/internal/store"

	"golang.org/x/mod/sumdb/tlog"
)

// Log is the audit log of a database. Any copy may sequence it.
type Log struct {
	DB   *store.DB
	Keys *secret.Keys
	RPID string
	// Batch is how many events get their places in one transaction at most; 0 is defaultBatch.
	Batch int
}

// defaultBatch bounds how long a transaction takes: on SQLite, logins wait behind it.
const defaultBatch = 512

// SequenceAll sequences until nothing waits.
func (l *Log) SequenceAll(ctx context.Context) error {
	for {
		n, err := l.Sequence(ctx)
		if err != nil || n == 0 {
			return err
		}
	}
}

// Sequence gives events that wait their places in the tree, in one transaction with the tiles and the checkpoint, and tells how many it
// has dealt with: 0 where nothing waits, or where another copy is at it.
func (l *Log) Sequence(ctx context.Context) (n int, err error) {
	waits := int64(0)
	err = l.DB.View(ctx, func(tx *store.Tx) (err error) {
		waits, _, err = tx.Behind(1)
		return err
	})
	if err != nil || waits == 0 {
		return 0, err
	}
	err = l.DB.Aside(ctx, func(tx *store.Tx) (err error) {
		n, err = l.sequence(tx)
		return err
	})
	if store.Lost(err) {
		return 0, nil
	}
	return n, err
}

func (l *Log) sequence(tx *store.Tx) (int, error) {
	if err := tx.HoldLog(); err != nil {
		return 0, err
	}
	state, err := tx.LogState()
	if err != nil {
		return 0, err
	}
	t := newTree(tx, state.Size)
	if err := l.sound(t, state); err != nil {
		return 0, err
	}
	batch := l.Batch
	if batch == 0 {
		batch = defaultBatch
	}
	waiting, err := tx.Unsequenced(batch)
	if err != nil || len(waiting) == 0 {
		return 0, err
	}
	var entries [][]byte
	var refused []int64
	for i := range waiting {
		r := &waiting[i]
		if !r.Ours(l.Keys) {
			// Somebody who has the database, and not the master key, wrote or changed it. The log says so, and does not take it in.
			if err := tx.RefuseRow(r.ID); err != nil {
				return 0, err
			}
			refused = append(refused, r.ID)
			continue
		}
		entry := Entry(r)
		if err := t.append(entry); err != nil {
			return 0, err
		}
		entries = append(entries, entry)
	}
	if len(entries) > 0 {
		if err := tx.Sequence(state.Size, waiting[len(waiting)-1].ID, len(entries)); err != nil {
			return 0, err
		}
		if err := t.write(entries); err != nil {
			return 0, err
		}
	}
	// Not before the others have their places: whoever chose the ids of rows decides whether a new one comes among them.
	for _, id := range refused {
		if err := tx.Record(store.Event{Kind: "log.refused", Data: map[string]string{"event": strconv.FormatInt(id, 10)}}); err != nil {
			return 0, err
		}
	}
	if len(entries) == 0 {
		return len(waiting), nil
	}
	c := &Checkpoint{Origin: Origin(l.RPID, state.Generation), Size: t.grown}
	if c.Root, err = t.root(); err != nil {
		return 0, err
	}
	if err := signCheckpoint(l.Keys, c); err != nil {
		return 0, err
	}
	moved, err := tx.MoveLog(state.Size, store.LogState{Generation: state.Generation, Size: c.Size, Checkpoint: c.Note, At: tx.Now})
	if err == nil && !moved {
		err = errors.New("auditlog: the log was moved meanwhile")
	}
	return len(waiting), err
}

// sound compares the tree with its checkpoint, so that nobody has the service put its name to a tree that it did not make.
func (l *Log) sound(t *tree, state store.LogState) error {
	if state.Size == 0 && state.Checkpoint == "" {
		// The place of the first leaf must be free: a log that was emptied does not begin again under the same name.
		n, err := t.tx.TileCount()
		if err == nil && n > 0 {
			err = fmt.Errorf("%w: there are tiles, and no checkpoint", ErrUnsound)
		}
		return err
	}
	c, err := ReadCheckpoint(state.Checkpoint)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnsound, err)
	}
	generation, ours := generationOf(c.Origin, l.RPID)
	if !ours || generation > state.Generation || c.Size != state.Size {
		return fmt.Errorf("%w: it is of %s and size %d", ErrUnsound, c.Origin, c.Size)
	}
	by, err := verifiers(l.Keys, c.Origin)
	if err != nil {
		return err
	}
	if _, err := OpenCheckpoint(state.Checkpoint, by...); err != nil {
		return fmt.Errorf("%w: %w", ErrUnsound, err)
	}
	root, err := tlog.TreeHash(state.Size, t)
	if err == nil && root != c.Root {
		err = fmt.Errorf("%w: another root", ErrUnsound)
	}
	return err
}

// Status is how far a log is.
type Status struct {
	store.LogState
	// Waiting is how many events have no place yet, up to a hundred thousand, and Oldest how long the first has waited.
	Waiting int64
	Oldest  time.Duration
}

// Status tells how far the log is.
func (l *Log) Status(ctx context.Context) (s Status, err error) {
	err = l.DB.View(ctx, func(tx *store.Tx) error {
		var err error
		if s.LogState, err = tx.LogState(); err != nil {
			return err
		}
		n, first, err := tx.Behind(100_000)
		s.Waiting = n
		if n > 0 {
			s.Oldest = max(0, tx.Now.Sub(first))
		}
		return err
	})
	return s, err
}
