package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/policy"
	"countersign/internal/secret"
	"countersign/internal/testkit/pgserver"
)

var start = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

// fixture is a database whose clock the test moves.
type fixture struct {
	*DB
	path string
	keys *secret.Keys
	mu   sync.Mutex
	now  time.Time
}

func (f *fixture) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// The whole of these tests is what both databases promise: COUNTERSIGN_TEST_DATABASE=postgres runs it on a real PostgreSQL.
func TestMain(m *testing.M) { os.Exit(pgserver.Main(m)) }

// sqliteOnly is said by tests of what only that database has.
func sqliteOnly(t *testing.T) {
	t.Helper()
	if pgserver.Wanted != nil {
		t.Skip("about SQLite")
	}
}

// openForBatches opens a database that has one writer, so that a test which holds it decides what shares a batch.
func openForBatches(t *testing.T) *fixture {
	t.Helper()
	usual := pgWriters
	pgWriters = 1
	t.Cleanup(func() { pgWriters = usual })
	return open(t)
}

// oneBatch makes updates, each begun by one of the functions, that wait in their order until all do, so that they share a batch.
func (f *fixture) oneBatch(t *testing.T, updates ...func()) {
	t.Helper()
	hold, held := make(chan struct{}), make(chan struct{})
	var first sync.Once // an update may run twice
	var all sync.WaitGroup
	all.Go(func() {
		if err := f.Update(context.Background(), func(*Tx) error { first.Do(func() { close(held); <-hold }); return nil }); err != nil {
			t.Error(err)
		}
	})
	<-held
	for i, update := range updates {
		all.Go(update)
		for f.Waiting() <= i {
			runtime.Gosched()
		}
	}
	close(hold)
	all.Wait()
}

func open(t testing.TB) *fixture {
	t.Helper()
	keys, err := secret.ParseKeys(secret.NewMaster())
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{path: filepath.Join(t.TempDir(), "test.db"), keys: keys, now: start}
	if pgserver.Wanted != nil {
		f.path = pgserver.Wanted.Database(t)
	}
	f.reopen(t)
	t.Cleanup(func() { f.Close() })
	return f
}

func (f *fixture) reopen(t testing.TB) {
	t.Helper()
	if f.DB != nil {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	db, err := Open(context.Background(), f.path, f.keys, f.clock)
	if err != nil {
		t.Fatal(err)
	}
	f.DB = db
}

func (f *fixture) update(t *testing.T, fn func(*Tx) error) {
	t.Helper()
	if err := f.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func put(tx *Tx, name string) error {
	return tx.add(`INSERT INTO settings (name, value) VALUES ($1, 1)`, name)
}

// names are the settings that a test has put.
func (f *fixture) names(t *testing.T) string {
	t.Helper()
	var out []string
	err := f.View(context.Background(), func(tx *Tx) (err error) {
		out, err = rows(tx, func(s *string) []any { return []any{s} }, `SELECT name FROM settings WHERE name NOT IN ('high_water', 'epoch') ORDER BY name`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func TestAFailureUndoesItsOwnUpdateOnly(t *testing.T) {
	f := openForBatches(t)
	boom := errors.New("boom")
	cases := map[string]struct {
		fn   func(*Tx) error
		want string // in the error
	}{
		"kept":  {func(tx *Tx) error { return errors.Join(put(tx, "kept")) }, ""},
		"fails": {func(tx *Tx) error { return errors.Join(put(tx, "fails"), boom) }, "boom"},
		"panics": {func(tx *Tx) error {
			if err := put(tx, "panics"); err != nil {
				return err
			}
			panic("oh no")
		}, "oh no"},
		"refused": {func(tx *Tx) error { return Keep(errors.Join(put(tx, "refused"), boom)) }, "boom"},
		"wrong":   {func(tx *Tx) error { return errors.Join(put(tx, "wrong"), tx.run(`INSERT INTO nowhere VALUES (1)`)) }, "nowhere"},
		"double":  {func(tx *Tx) error { return errors.Join(put(tx, "double"), put(tx, "double")) }, ErrExists.Error()},
	}
	var updates []func()
	for name, c := range cases {
		for i := range 5 {
			updates = append(updates, func() {
				fn := c.fn
				if name == "kept" {
					fn = func(tx *Tx) error { return put(tx, fmt.Sprint("kept", i)) }
				} else if name == "refused" {
					fn = func(tx *Tx) error { return Keep(errors.Join(put(tx, fmt.Sprint("refused", i)), boom)) }
				}
				err := f.Update(context.Background(), fn)
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	f.oneBatch(t, updates...)
	if got, want := f.names(t), "kept0 kept1 kept2 kept3 kept4 refused0 refused1 refused2 refused3 refused4"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWhatIsKeptComesBackAsItself(t *testing.T) {
	f := open(t)
	refused := errors.New("no")
	if err := f.Update(context.Background(), func(*Tx) error { return fmt.Errorf("outer: %w", Keep(refused)) }); err != refused {
		t.Errorf("%v", err)
	}
}

func TestNestedErrorUndoesTheNestedPartOnly(t *testing.T) {
	f := open(t)
	boom := errors.New("boom")
	f.update(t, func(tx *Tx) error {
		if err := put(tx, "a-outer"); err != nil {
			return err
		}
		err := tx.Nested(func() error {
			if err := put(tx, "b-inner"); err != nil {
				return err
			}
			inmost := tx.Nested(func() error { return errors.Join(put(tx, "c-inmost"), boom) })
			if !errors.Is(inmost, boom) {
				t.Errorf("inmost: %v", inmost)
			}
			return put(tx, "d-after")
		})
		if err != nil {
			return err
		}
		if err := tx.Nested(func() error { return errors.Join(put(tx, "e-undone"), boom) }); !errors.Is(err, boom) {
			t.Errorf("%v", err)
		}
		if err := tx.Nested(func() error { put(tx, "f-undone"); panic("oh") }); err == nil {
			t.Error("the panic is lost")
		}
		return put(tx, "g-last")
	})
	if got := f.names(t); got != "a-outer b-inner d-after g-last" {
		t.Error(got)
	}
}

func TestViewCannotWrite(t *testing.T) {
	f := open(t)
	if err := f.View(context.Background(), func(tx *Tx) error { return put(tx, "x") }); err == nil {
		t.Error("a view has written")
	}
	if got := f.names(t); got != "" {
		t.Error(got)
	}
}

func TestViewSeesOneSnapshot(t *testing.T) {
	f := open(t)
	count := func(tx *Tx) (n int) {
		if err := tx.row([]any{&n}, `SELECT count(*) FROM settings WHERE name = 'late'`); err != nil {
			t.Error(err)
		}
		return n
	}
	err := f.View(context.Background(), func(tx *Tx) error {
		before := count(tx)
		if err := f.Update(context.Background(), func(tx *Tx) error { return put(tx, "late") }); err != nil {
			return err
		}
		if after := count(tx); before != 0 || after != 0 {
			t.Errorf("the view saw %d, then %d", before, after)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Two updates of one batch meet the same unique key; the second fails, and with it nothing but itself.
func TestABatchRunsAgainWhereOneFails(t *testing.T) {
	f := openForBatches(t)
	runs := map[string]int{} // by the writer alone
	f.oneBatch(t, func() {
		if err := f.Update(context.Background(), func(tx *Tx) error {
			runs["good"]++
			return put(tx, "good")
		}); err != nil {
			t.Error(err)
		}
	}, func() {
		err := f.Update(context.Background(), func(tx *Tx) error {
			runs["bad"]++
			tx.w.queued = true
			return errors.Join(put(tx, "bad"), put(tx, "good"))
		})
		if !errors.Is(err, ErrExists) {
			t.Error(err)
		}
	})
	if runs["good"] != 2 || runs["bad"] != 2 {
		t.Errorf("runs: %v", runs)
	}
	if got := f.names(t); got != "good" {
		t.Error(got)
	}
	if f.update(t, func(tx *Tx) error { return put(tx, "later") }); f.names(t) != "good later" {
		t.Error(f.names(t))
	}
}

func TestEveryUpdateIsAnsweredWhereMoreWaitThanOneBatchTakes(t *testing.T) {
	f := openForBatches(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	const updates = 3 * maxBatch
	hold, held := make(chan struct{}), make(chan struct{})
	answers := make(chan error, updates+1)
	go func() { answers <- f.Update(ctx, func(*Tx) error { close(held); <-hold; return nil }) }()
	<-held
	for i := range updates {
		go func() { answers <- f.Update(ctx, func(tx *Tx) error { return put(tx, fmt.Sprint(i)) }) }()
	}
	for len(f.jobs) < updates {
		runtime.Gosched()
	}
	close(hold)
	for i := range updates + 1 {
		select {
		case err := <-answers:
			if err != nil {
				t.Error(err)
			}
		case <-ctx.Done():
			t.Fatalf("%d of %d updates are answered", i, updates+1)
		}
	}
	if n := len(strings.Fields(f.names(t))); n != updates {
		t.Errorf("%d of %d updates are there", n, updates)
	}
}

func TestAnUpdateIsAnsweredWhereNoTransactionBegins(t *testing.T) {
	sqliteOnly(t)
	f := open(t)
	ctx := context.Background()
	if _, err := f.writers[0].conn.ExecContext(ctx, "BEGIN"); err != nil { // a second one cannot begin
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() { answer <- f.Update(ctx, func(tx *Tx) error { return put(tx, "x") }) }()
	select {
	case err := <-answer:
		if err == nil || !strings.Contains(err.Error(), "begin") {
			t.Errorf("%v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the update is not answered")
	}
	if _, err := f.writers[0].conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	f.update(t, func(tx *Tx) error { return put(tx, "later") })
	if got := f.names(t); got != "later" {
		t.Error(got)
	}
}

func TestATokenIsTakenWhole(t *testing.T) {
	f := open(t)
	account(t, f, "acc_1", "a@mail.example")
	account(t, f, "acc_2", "b@mail.example")
	var token, other string
	f.update(t, func(tx *Tx) (err error) {
		for id, into := range map[string]*string{"acc_1": &token, "acc_2": &other} {
			if *into, err = tx.AddSession(&Session{ID: "ses_1", AccountID: id, CreatedAt: tx.Now, LastSeenAt: tx.Now, ExpiresAt: tx.Now.Add(time.Hour)}); err != nil {
				return err
			}
		}
		return nil
	})
	err := f.View(context.Background(), func(tx *Tx) error {
		s, err := tx.SessionByToken(token)
		if err != nil || s.AccountID != "acc_1" || s.ID != "ses_1" {
			t.Errorf("%+v, %v", s, err)
		}
		secretOf := func(token string) string { return token[strings.LastIndex(token, ".")+1:] }
		for _, wrong := range []string{"", ".", "..", token[:len(token)-1], token + "x", token + ".", "acc_1.ses_1.", "acc_1.ses_1", secretOf(token), "acc_1.ses_1." + secretOf(other), "acc_2.ses_1." + secretOf(token)} {
			if s, err := tx.SessionByToken(wrong); err != ErrNotFound || s != nil {
				t.Errorf("%q: %+v, %v", wrong, s, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTimeNeverGoesBack(t *testing.T) {
	f := open(t)
	now := func() (now, wall time.Time) {
		f.update(t, func(tx *Tx) error { now, wall = tx.Now, tx.Wall; return nil })
		return now, wall
	}
	f.advance(48 * time.Hour)
	high, _ := now()
	f.advance(-36 * time.Hour)
	if got, wall := now(); !got.Equal(high) || !wall.Equal(start.Add(12*time.Hour)) {
		t.Errorf("after the clock jumped back it is %v, and by the wall %v", got, wall)
	}
	var seen time.Time
	if err := f.View(context.Background(), func(tx *Tx) error { seen = tx.Now; return nil }); err != nil || !seen.Equal(high) {
		t.Errorf("a view has %v, %v", seen, err)
	}
	f.reopen(t)
	if got, _ := now(); got.Before(high.Add(-time.Second)) {
		t.Errorf("after a start it is %v, and was %v", got, high)
	}
}

func TestMigrationsApplyOnce(t *testing.T) {
	f := open(t)
	f.update(t, func(tx *Tx) error { return put(tx, "x") })
	f.reopen(t)
	if got := f.names(t); got != "x" {
		t.Errorf("after a second start: %q", got)
	}
}

func TestADatabaseOfAnotherBuildIsRefused(t *testing.T) {
	f := open(t)
	f.update(t, func(tx *Tx) error { return tx.run(`UPDATE migrations SET checksum = 'other'`) })
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err := Open(context.Background(), f.path, f.keys, f.clock); err == nil {
		db.Close()
		t.Error("it opens")
	} else if !strings.Contains(err.Error(), "0001_start.sql") {
		t.Error(err)
	}
}

func TestADatabaseOfANewerBuildIsRefusedByTheNamesOfItsMigrations(t *testing.T) {
	f := open(t)
	f.update(t, func(tx *Tx) error {
		return tx.run(`INSERT INTO migrations (name, checksum, applied_at) VALUES ('9998_later.sql', 'x', 1), ('9999_last.sql', 'x', 1)`)
	})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err := Open(context.Background(), f.path, f.keys, f.clock); err == nil {
		db.Close()
		t.Error("it opens")
	} else if !strings.Contains(err.Error(), "9998_later.sql, 9999_last.sql") {
		t.Error(err)
	}
}

func TestTheDatabaseIsItsOwnersAlone(t *testing.T) {
	sqliteOnly(t)
	f := open(t)
	f.update(t, func(tx *Tx) error { return put(tx, "x") })
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(f.path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("test.db%s has mode %v", suffix, info.Mode())
		}
	}
}

func TestUpdatesAfterCloseAreRefused(t *testing.T) {
	f := open(t)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Update(context.Background(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestAnAbandonedUpdateIsNotRun(t *testing.T) {
	f := open(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.Update(ctx, func(tx *Tx) error { return put(tx, "x") }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := f.names(t); got != "" {
		t.Error(got)
	}
}

// account inserts an account with one e-mail address.
func account(t *testing.T, f *fixture, id, email string) {
	t.Helper()
	f.update(t, func(tx *Tx) error {
		a := &Account{ID: id, Handle: secret.Random(64), Locale: "en", PasswordHash: "x", CreatedAt: tx.Now}
		return errors.Join(tx.AddAccount(a), tx.PutFactor(id, policy.Email, email, "hint", 0))
	})
}

// Each view has a connection to itself; a statement that none has prepared yet must not need another one.
func TestViewsThatMeetNewStatementsAtOnceDoNotWaitForOneAnother(t *testing.T) {
	sqliteOnly(t)
	f := open(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	const views = 16
	var inside, all sync.WaitGroup
	inside.Add(readerConns)
	for i := range views {
		all.Go(func() {
			err := f.View(ctx, func(tx *Tx) error {
				if i < readerConns {
					inside.Done()
				}
				inside.Wait()
				var n int
				return tx.row([]any{&n}, fmt.Sprintf(`SELECT count(*) + %d FROM settings`, i))
			})
			if err != nil {
				t.Error(err)
			}
		})
		if i == readerConns-1 {
			inside.Wait()
		}
	}
	all.Wait()
}

func TestAnAddressIsNoFile(t *testing.T) {
	keys, err := secret.ParseKeys(secret.NewMaster())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, location := range []string{"POSTGRES://u:Hush@127.0.0.1/db", "mysql://u:Hush@h/db", "host=127.0.0.1 user=u password=Hush", "dbname=x", "Postgres+tls://u:Hush@h"} {
		db, err := Open(t.Context(), location, keys, time.Now)
		if err == nil {
			_ = db.Close()
		}
		_, migrated := Migrate(t.Context(), location, time.Now())
		for _, err := range []error{err, migrated, Exists(t.Context(), location)} {
			if err == nil || strings.Contains(err.Error(), "Hush") || !strings.Contains(err.Error(), "postgres://USER@") {
				t.Errorf("%s: %v", location, err)
			}
		}
	}
	if made, err := os.ReadDir("."); err != nil || len(made) > 0 {
		t.Errorf("%v was made: %v", made, err)
	}
}
