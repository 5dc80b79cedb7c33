package auditlog_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/auditlog"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/testkit/pgserver"

	"golang.org/x/mod/sumdb/tlog"
)

const rpID = "bank.example"

func TestMain(m *testing.M) {
	if at := os.Getenv("AUDITLOG_TEST_SEQUENCE"); at != "" {
		sequenceForEver(at)
		return
	}
	os.Exit(pgserver.Main(m))
}

type fixture struct {
	*auditlog.Log
	t         testing.TB
	document  []byte // of the approval that is in it
	signature []byte // the hash of its signature
	path      string
	master    string
}

func testKeys(t testing.TB, master string) *secret.Keys {
	t.Helper()
	keys, err := secret.ParseKeys(master)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func open(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, path: filepath.Join(t.TempDir(), "test.db"), master: secret.NewMaster()}
	if pgserver.Wanted != nil {
		f.path = pgserver.Wanted.Database(t)
	}
	f.Log = f.copy()
	return f
}

// copy opens the database once more, as another process would.
func (f *fixture) copy() *auditlog.Log {
	f.t.Helper()
	keys := testKeys(f.t, f.master)
	db, err := store.Open(context.Background(), f.path, keys, time.Now)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { db.Close() })
	return &auditlog.Log{DB: db, Keys: keys, RPID: rpID}
}

func (f *fixture) record(n int) {
	f.t.Helper()
	for i := range n {
		f.update(func(tx *store.Tx) error {
			return tx.Record(store.Event{AccountID: fmt.Sprintf("acc_%d", i%3), Kind: "session.begun", OK: i%4 > 0, SessionID: "ses_" + strconv.Itoa(i), Browser: "Safari \"on\" iPhone", Address: "203.0.113.7",
				Data: map[string]string{"n": strconv.Itoa(i)}, Internal: "line\none\u2028\x01é"})
		})
	}
}

func (f *fixture) update(fn func(tx *store.Tx) error) {
	f.t.Helper()
	if err := f.DB.Update(context.Background(), fn); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) sequence() {
	f.t.Helper()
	if err := f.SequenceAll(context.Background()); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) state() (s store.LogState) {
	f.t.Helper()
	if err := f.DB.View(context.Background(), func(tx *store.Tx) (err error) {
		s, err = tx.LogState()
		return err
	}); err != nil {
		f.t.Fatal(err)
	}
	return s
}

// leaves reads every event that has a place, and fails where two have the same, or one is passed over.
func (f *fixture) leaves() []store.LogRow {
	f.t.Helper()
	var rows []store.LogRow
	if err := f.DB.View(context.Background(), func(tx *store.Tx) (err error) {
		rows, err = tx.EventsByLeaf(0, 1<<40)
		return err
	}); err != nil {
		f.t.Fatal(err)
	}
	for i, r := range rows {
		if r.Leaf != int64(i) {
			f.t.Fatalf("event %d has place %d, want %d", r.ID, r.Leaf, i)
		}
	}
	return rows
}

// whole recomputes the tree from the rows by the reference implementation alone, and compares the root.
func (f *fixture) whole() []store.LogRow {
	f.t.Helper()
	rows := f.leaves()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for i := range rows {
		hashes, err := tlog.StoredHashes(int64(i), auditlog.Entry(&rows[i]), reader)
		if err != nil {
			f.t.Fatal(err)
		}
		stored = append(stored, hashes...)
	}
	c, err := auditlog.ReadCheckpoint(f.state().Checkpoint)
	if err != nil {
		f.t.Fatal(err)
	}
	root, err := tlog.TreeHash(int64(len(rows)), reader)
	if err != nil {
		f.t.Fatal(err)
	}
	if c.Size != int64(len(rows)) || c.Root != root {
		f.t.Fatalf("the checkpoint says %d %s, the rows %d %s", c.Size, c.Root, len(rows), root)
	}
	return rows
}

func TestEventsGetTheirPlacesInOrder(t *testing.T) {
	f := open(t)
	f.Batch = 100
	for _, n := range []int{1, 1, 254, 1, 300, 7} {
		f.record(n)
		f.sequence()
		rows := f.whole()
		for i := 1; i < len(rows); i++ {
			if rows[i].ID <= rows[i-1].ID {
				t.Fatalf("event %d comes after %d", rows[i].ID, rows[i-1].ID)
			}
		}
	}
	if n := len(f.leaves()); n != 564 {
		t.Fatalf("%d events have places, want 564", n)
	}
	before := f.state()
	f.sequence()
	if f.state() != before {
		t.Error("nothing waited, and the log moved")
	}
}

func TestAnEntryIsReadInOneFormAlone(t *testing.T) {
	f := open(t)
	f.record(1)
	f.sequence()
	entry := auditlog.Entry(&f.leaves()[0])
	leaf, err := auditlog.ParseEntry(entry)
	if err != nil || leaf.Account != "acc_0" || leaf.Kind != "session.begun" || leaf.OK || len(leaf.Commitment) != 32 {
		t.Fatalf("%+v, %v", leaf, err)
	}
	for i := range entry {
		for _, other := range [][]byte{append(bytes.Clone(entry[:i]), entry[i+1:]...), append(append(bytes.Clone(entry[:i]), ' '), entry[i:]...), append(bytes.Clone(entry[:i+1]), entry[i:]...)} {
			if again, err := auditlog.ParseEntry(other); err == nil && fmt.Sprint(again) == fmt.Sprint(leaf) {
				t.Errorf("%s is read as the same", other)
			}
		}
	}
	for _, personal := range []string{"203.0.113.7", "Safari", "ses_", "line"} {
		if bytes.Contains(entry, []byte(personal)) {
			t.Errorf("%q is in an entry", personal)
		}
	}
}

func TestARowThatWeDidNotWriteIsRefusedAndToldOf(t *testing.T) {
	f := open(t)
	f.record(3)
	f.exec(`UPDATE audit_events SET kind = 'withdrawal.approved' WHERE id = (SELECT max(id) FROM audit_events)`)
	f.exec(`INSERT INTO audit_events (account_id, kind, ok, at, session_id, browser, address, data, internal) SELECT account_id, kind, ok, at, session_id, browser, address, data, internal FROM audit_events WHERE id = 1`)
	f.sequence()
	rows := f.whole()
	var kinds []string
	for _, r := range rows {
		kinds = append(kinds, r.Kind)
	}
	if got := strings.Join(kinds, " "); got != "session.begun session.begun log.refused log.refused" {
		t.Errorf("the log has %s", got)
	}
}

func TestALogThatIsNotWhatItsCheckpointSaysDoesNotGrow(t *testing.T) {
	for name, change := range map[string]string{
		"another size":        `UPDATE log_state SET size = 299`,
		"a changed hash":      `UPDATE log_tiles SET data = (SELECT data FROM log_tiles WHERE level = 0 AND number = 0) WHERE level = 0 AND number = 1`,
		"a lost tile":         `DELETE FROM log_tiles WHERE level = 1`,
		"no checkpoint":       `DELETE FROM log_state`,
		"another generation":  `UPDATE log_state SET generation = 0`,
		"a changed signature": `UPDATE log_state SET checkpoint = replace(checkpoint, '` + rpID + `/countersign-audit/1 ', '` + rpID + `/countersign-audit/1 A')`,
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			f.record(300)
			f.sequence()
			f.exec(change)
			f.record(1)
			if err := f.SequenceAll(t.Context()); !errors.Is(err, auditlog.ErrUnsound) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestARestoreBeginsAnotherOrigin(t *testing.T) {
	f := open(t)
	f.record(3)
	f.sequence()
	before, err := auditlog.ReadCheckpoint(f.state().Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	epoch, err := f.DB.NextEpoch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.sequence()
	rows := f.whole()
	after, err := auditlog.ReadCheckpoint(f.state().Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if after.Origin != auditlog.Origin(rpID, epoch) || after.Origin == before.Origin || after.Size != 4 || rows[3].Kind != "log.restored" {
		t.Errorf("%s size %d, then %s size %d", before.Origin, before.Size, after.Origin, after.Size)
	}
}

func TestCopiesSequenceEachEventOnceWhileOthersRecord(t *testing.T) {
	f := open(t)
	copies := []*auditlog.Log{f.Log}
	if pgserver.Wanted != nil {
		copies = append(copies, f.copy(), f.copy())
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var sequencing, recording sync.WaitGroup
	for _, l := range copies {
		l.Batch = 40
		sequencing.Go(func() {
			for ctx.Err() == nil {
				if _, err := l.Sequence(ctx); err != nil && ctx.Err() == nil {
					t.Errorf("sequence: %v", err)
					return
				}
			}
		})
	}
	const writers, each = 8, 60
	var slowest atomic.Int64
	for w := range writers {
		recording.Go(func() {
			for i := range each {
				began := time.Now()
				err := copies[w%len(copies)].DB.Update(ctx, func(tx *store.Tx) error {
					return tx.Record(store.Event{AccountID: "acc_" + strconv.Itoa(w), Kind: "session.begun", OK: true, Data: map[string]string{"n": strconv.Itoa(i)}})
				})
				if err != nil {
					t.Errorf("record: %v", err)
				}
				for took := int64(time.Since(began)); ; {
					was := slowest.Load()
					if took <= was || slowest.CompareAndSwap(was, took) {
						break
					}
				}
			}
		})
	}
	recording.Wait()
	cancel()
	sequencing.Wait()
	f.sequence()
	rows := f.whole()
	if len(rows) != writers*each {
		t.Fatalf("%d events have places, want %d", len(rows), writers*each)
	}
	// Each writer's own events stand in the order in which they were answered.
	next := map[string]int{}
	for _, r := range rows {
		if want := fmt.Sprintf(`{"n":"%d"}`, next[r.AccountID]); r.Data != want {
			t.Fatalf("of %s %s comes where %s should", r.AccountID, r.Data, want)
		}
		next[r.AccountID]++
	}
	t.Logf("the slowest of %d records took %s", writers*each, time.Duration(slowest.Load()))
}

// sequenceForEver is a process that is killed.
func sequenceForEver(at string) {
	keys, err := secret.ParseKeys(os.Getenv("AUDITLOG_TEST_MASTER"))
	if err != nil {
		panic(err)
	}
	db, err := store.Open(context.Background(), at, keys, time.Now)
	if err != nil {
		panic(err)
	}
	l := &auditlog.Log{DB: db, Keys: keys, RPID: rpID, Batch: 3}
	for n := 0; ; n++ {
		if err := db.Update(context.Background(), func(tx *store.Tx) error {
			for range 5 {
				if err := tx.Record(store.Event{AccountID: "acc_1", Kind: "session.begun", OK: true}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			panic(err)
		}
		if err := l.SequenceAll(context.Background()); err != nil {
			panic(err)
		}
		fmt.Println(n)
	}
}

func TestAKilledSequencerLeavesAWholeLog(t *testing.T) {
	f := open(t)
	last := int64(0)
	for round := range 12 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "AUDITLOG_TEST_SEQUENCE="+f.path, "AUDITLOG_TEST_MASTER="+f.master)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 1 + round {
			if !lines.Scan() {
				t.Fatal("it ended of itself")
			}
		}
		// Somewhere in the middle of its work, at another place each time.
		time.Sleep(time.Duration(round*137%1000) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if f.state().Checkpoint != "" {
			f.whole() // as it was left, before anything goes on
		}
		f.sequence()
		f.whole()
		size := f.state().Size
		if size <= last {
			t.Errorf("round %d: size %d after %d", round, size, last)
		}
		last = size
	}
}
