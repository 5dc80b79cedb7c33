package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

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

// A connection that ends while updates are being told apart is replaced, as at any other time, and takes nobody along.
func TestAConnectionLostWithinASavepointIsReplaced(t *testing.T) {
	if pgserver.Wanted == nil {
		t.Skip("about connections")
	}
	f := openForBatches(t)
	boom := errors.New("boom")
	runs := 0
	f.oneBatch(t, func() {
		if err := f.Update(t.Context(), func(tx *Tx) error {
			if runs++; runs == 2 { // the first was undone for the neighbour's sake
				var ended bool
				err := tx.row([]any{&ended}, `SELECT pg_terminate_backend(pg_backend_pid())`)
				if err == nil {
					t.Error("the connection lives on")
				}
				return err
			}
			return put(tx, "good")
		}); err != nil {
			t.Error(err)
		}
	}, func() {
		if err := f.Update(t.Context(), func(tx *Tx) error { return errors.Join(put(tx, "bad"), boom) }); !errors.Is(err, boom) {
			t.Error(err)
		}
	})
	if got := f.names(t); got != "good" || runs < 3 {
		t.Errorf("%q is there after %d runs", got, runs)
	}
}

// A batch whose updates meet others without end keeps its writer, and those who wait behind it, no longer than one update would.
func TestABatchIsGivenUpAsAWhole(t *testing.T) {
	if pgserver.Wanted == nil {
		t.Skip("about databases that copies share")
	}
	f := openForBatches(t)
	usual := settleFor
	settleFor = time.Second
	t.Cleanup(func() { settleFor = usual })
	const updates = 6
	meets := func() {
		err := f.Update(t.Context(), func(tx *Tx) error {
			tx.w.broken = errConflict // as if another copy were always first
			return nil
		})
		if !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
	}
	began := time.Now()
	f.oneBatch(t, slices.Repeat([]func(){meets}, updates)...)
	if took := time.Since(began); took > updates*settleFor/2 {
		t.Errorf("the writer was kept for %s", took)
	}
	f.update(t, func(tx *Tx) error { return put(tx, "later") })
}

// What a request may take on a connection is too short for an index over a large table.
func TestAMigrationHasTheTimeThatItTakes(t *testing.T) {
	if pgserver.Wanted == nil {
		t.Skip("about limits of connections")
	}
	f := open(t)
	db, _, err := connect(t.Context(), f.path+"&statement_timeout=1000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files := fstest.MapFS{}
	for name, text := range migrationsOf(t, "postgres") {
		files["migrations/postgres/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	const later = "9999_later.sql"
	for name := range files { // those that were applied are not what is looked at
		f.update(t, func(tx *Tx) error {
			return tx.run(`UPDATE migrations SET checksum = $1 WHERE name = $2`, fmt.Sprintf("%x", sha256.Sum256(files[name].Data)), path.Base(name))
		})
	}
	files["migrations/postgres/"+later] = &fstest.MapFile{Data: []byte(`SELECT pg_sleep(1.5)`)}
	done, err := migrateOnce(t.Context(), db, files, "postgres", f.clock())
	if err != nil || !slices.Equal(done, []string{later}) {
		t.Errorf("applied %v, %v", done, err)
	}
}
