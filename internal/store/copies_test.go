package store

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"countersign/internal/testkit/pgserver"
)

// What one copy has answered, the next request finds at another, although that one is in the middle of a transaction.
func TestAnUpdateSeesWhatWasAnsweredBeforeItCame(t *testing.T) {
	if pgserver.Wanted == nil {
		t.Skip("about databases that copies share")
	}
	one := openForBatches(t)
	other, err := Open(t.Context(), one.path, one.keys, one.clock)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	find := func(tx *Tx) error {
		var n int
		return tx.row([]any{&n}, `SELECT value FROM settings WHERE name = 'answered'`)
	}

	refuse := func(err error) error {
		if errors.Is(err, ErrNotFound) {
			return Keep(err)
		}
		return err
	}

	hold, held := make(chan struct{}), make(chan struct{})
	var first sync.Once
	var all sync.WaitGroup
	all.Go(func() {
		if err := one.Update(context.Background(), func(tx *Tx) error {
			err := find(tx) // from here on it sees what is committed now
			first.Do(func() { close(held); <-hold })
			if errors.Is(err, ErrNotFound) {
				err = nil
			}
			return err
		}); err != nil {
			t.Error(err)
		}
	})
	<-held
	if err := other.Update(t.Context(), func(tx *Tx) error { return put(tx, "answered") }); err != nil {
		t.Error(err)
	}
	all.Go(func() {
		// A refusal is answered with what else the transaction did; a failure would run again, and see it then.
		if err := one.Update(context.Background(), func(tx *Tx) error { return refuse(find(tx)) }); err != nil {
			t.Errorf("an update does not see what was answered before it came: %v", err)
		}
	})
	for len(one.jobs) < 1 {
		runtime.Gosched()
	}
	close(hold)
	all.Wait()
}
