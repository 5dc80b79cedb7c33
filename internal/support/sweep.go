package support

import (
	"context"
	"errors"
	"fmt"
	"time"

	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// Delete deletes a recording of the caller's. A second time it does nothing.
func (s *Recordings) Delete(ctx context.Context, c verification.Caller, id string) error {
	if _, err := s.read(ctx, c, id); err != nil {
		return err
	}
	return s.end(ctx, id, func(accountID string, data map[string]string) store.Event {
		return c.Event(accountID, "recording.deleted", true, data)
	})
}

// end closes a recording, so that nobody has it any more, and then deletes its contents. If that fails, or the program ends
// between, Sweep goes on. event is what is written down of it.
func (s *Recordings) end(ctx context.Context, id string, event func(accountID string, data map[string]string) store.Event) error {
	defer s.locks.lock(id)()
	err := s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		r, err := tx.Recording(id)
		if err != nil {
			return err
		}
		closed, err := tx.CloseRecording(id)
		if err != nil || !closed {
			return err
		}
		return tx.Record(event(r.AccountID, map[string]string{"recording": id}))
	})
	if err != nil {
		return err
	}
	return s.erase(ctx, id)
}

func (s *Recordings) erase(ctx context.Context, id string) error {
	if err := s.Blobs.Delete(ctx, id); err != nil {
		return away(ctx, fmt.Errorf("delete a recording's contents: %w", err))
	}
	return s.Engine.DB.Update(ctx, func(tx *store.Tx) error { return tx.RecordingGone(id) })
}

// Sweep deletes the recordings whose time is over.
func (s *Recordings) Sweep(ctx context.Context) error {
	const some = 50
	for {
		var due []string
		err := s.Engine.DB.View(ctx, func(tx *store.Tx) (err error) { due, err = tx.DueRecordings(some); return err })
		if err != nil {
			return err
		}
		for _, id := range due {
			if err := s.end(ctx, id, expired); err != nil {
				return err
			}
		}
		if len(due) < some {
			return nil
		}
	}
}

func expired(accountID string, data map[string]string) store.Event {
	return store.Event{AccountID: accountID, Kind: "recording.expired", OK: true, Data: data}
}

// SweepStrays deletes contents that no recording has, as when a backup was put back that knows nothing of them. It waits until
// their time is over whatever they were. What trials of the store have left goes a day later.
func (s *Recordings) SweepStrays(ctx context.Context) error {
	folders, err := s.Blobs.Folders(ctx)
	if err != nil {
		return err
	}
	for _, id := range folders {
		if tried, ok := secret.IDTime(trial, id); ok && s.Engine.DB.Now().After(tried.Add(24*time.Hour)) {
			if err := s.Blobs.Delete(ctx, id); err != nil {
				return err
			}
			continue
		}
		begun, ok := secret.IDTime("rec", id)
		if !ok || s.Engine.DB.Now().Before(begun.Add(s.Limits.Loose+s.Limits.Retention)) {
			continue
		}
		err := s.Engine.DB.View(ctx, func(tx *store.Tx) error { _, err := tx.Recording(id); return err })
		if errors.Is(err, store.ErrNotFound) {
			err = s.Blobs.Delete(ctx, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
