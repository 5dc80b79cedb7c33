package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// watcher notes what an observer is told.
type watcher struct {
	mu      sync.Mutex
	updates []error
	batches []int
	retries []string
}

func (w *watcher) Updated(_ context.Context, _ time.Time, took time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.updates = append(w.updates, err)
}

func (w *watcher) Committed(updates int, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.batches = append(w.batches, updates)
}

func (w *watcher) Retried(reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.retries = append(w.retries, reason)
}

func TestWhatIsWantedAfterwardsIsDoneOnceAndOnlyForWhatIsDurable(t *testing.T) {
	f := openForBatches(t)
	w := &watcher{}
	f.Observer = w
	boom := errors.New("boom")
	var mu sync.Mutex
	done := map[string]int{}
	note := func(tx *Tx, name string) {
		tx.Afterwards(func() { mu.Lock(); defer mu.Unlock(); done[name]++ })
	}
	cases := map[string]func(*Tx) error{
		"good":   func(tx *Tx) error { note(tx, "good"); return put(tx, "good") },
		"kept":   func(tx *Tx) error { note(tx, "kept"); return Keep(boom) },
		"failed": func(tx *Tx) error { note(tx, "failed"); return boom },
		"panics": func(tx *Tx) error { note(tx, "panics"); panic("oh no") },
		"cleaned": func(tx *Tx) error {
			note(tx, "cleaned")
			return tx.Nested(func() error { note(tx, "inner"); return nil })
		},
		"partly": func(tx *Tx) error {
			note(tx, "partly")
			_ = tx.Nested(func() error { note(tx, "undone"); return boom })
			_ = tx.Nested(func() error { note(tx, "inner kept"); return Keep(boom) })
			return nil
		},
	}
	var updates []func()
	for _, fn := range cases {
		updates = append(updates, func() { _ = f.Update(t.Context(), fn) })
	}
	f.oneBatch(t, updates...)
	for _, name := range []string{"good", "kept", "cleaned", "inner", "partly", "inner kept"} {
		if done[name] != 1 {
			t.Errorf("%s: done %d times, want once", name, done[name])
		}
	}
	for _, name := range []string{"failed", "panics", "undone"} {
		if done[name] != 0 {
			t.Errorf("%s: done, though it was undone", name)
		}
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	failed := 0
	for _, err := range w.updates {
		if err != nil {
			failed++
		}
	}
	total := 0
	for _, n := range w.batches {
		total += n
	}
	if len(w.updates) != len(cases)+1 || failed != 3 || total != len(cases)+1 || !slices.Contains(w.retries, "batch_undone") {
		t.Errorf("the observer was told of %d updates (%d failed), batches of %v, retries %v", len(w.updates), failed, w.batches, w.retries)
	}
}

func TestReadyMeansThatNoMigrationIsMissing(t *testing.T) {
	f := open(t)
	if err := f.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	// A newer copy has been here: this one serves on.
	f.update(t, func(tx *Tx) error {
		return tx.run(`INSERT INTO migrations (name, checksum, applied_at) VALUES ('9999_later.sql', 'x', 1)`)
	})
	if err := f.Ready(t.Context()); err != nil {
		t.Errorf("with a later migration: %v", err)
	}
	f.update(t, func(tx *Tx) error { return tx.run(`DELETE FROM migrations WHERE name LIKE '0001%'`) })
	if err := f.Ready(t.Context()); err == nil {
		t.Error("ready without a migration")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Ready(ended); err == nil {
		t.Error("ready though nobody waits")
	}
}
