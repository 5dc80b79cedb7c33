// Package store is the database: one file per noun, plain SQL, one transaction type.
//
// Everything that changes goes through DB.Update. On SQLite one writer runs the waiting updates one after
// another and makes them durable with one commit (synchronous=FULL); one that fails is undone alone. An update
// is answered only after the commit that holds it. Rules live in the packages that call this one, not here.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"sync"
	"time"

	"countersign/internal/secret"

	"modernc.org/sqlite" // also the driver "sqlite"
)

// ErrNotFound is returned by look-ups of one row that is not there.
var ErrNotFound = errors.New("store: no such row")

// ErrExists is returned by inserts that meet a row with the same unique key.
var ErrExists = errors.New("store: a row with this key exists")

// ErrClosed is returned by updates that come after Close.
var ErrClosed = errors.New("store: closed")

// readerConns is how many views run at once.
const readerConns = 4

// maxBatch is how many updates share one commit at most.
const maxBatch = 128

// DB is an open database. Safe for concurrent use.
type DB struct {
	// Observer is told how updates go; nil where nobody wants to know. It is set before the first update.
	Observer Observer

	readers *sql.DB
	writer  *sql.DB
	conn    *sql.Conn // the writer's one connection
	keys    *secret.Keys
	clock   func() time.Time

	jobs    chan *job
	wake    chan struct{}
	closing chan struct{}
	done    chan struct{}
	close   sync.Once

	checkpoints checkpoints
	checkpoint  sync.WaitGroup

	readStmts  statements
	writeStmts statements

	// highWater is the latest instant that a transaction has had: an instant never comes before it, so that
	// a clock which jumps back revives nothing. seen is what the clock said then.
	mu        sync.Mutex
	highWater int64
	seen      time.Time
	stored    int64
	epoch     int64

	queued bool // a message was queued in this batch; the writer's own
}

func init() {
	// As every Linux distribution builds SQLite: the data and size of the log are forced to the disk, its time of change is not, which no
	// recovery reads and which would cost the file system's journal a write for each commit. Where there is no fdatasync it stays fsync.
	_, _ = sqlite.Fdatasync(true)
}

type job struct {
	ctx  context.Context
	fn   func(*Tx) error
	err  error
	done chan struct{}
	// after is what the transaction wants done once it is durable.
	after []func()
}

// Open opens or creates the SQLite database at path, applies the migrations it lacks and starts the writer.
// clock gives the time of every transaction.
func Open(ctx context.Context, path string, keys *secret.Keys, clock func() time.Time) (*DB, error) {
	// The driver would make the file readable to everybody.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	file.Close()
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-8000)" +
		fmt.Sprintf("&_pragma=wal_autocheckpoint(%d)", checkpointAt)
	writer, err := sql.Open("sqlite", dsn+"&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	writer.SetMaxOpenConns(2) // the writer, and who checkpoints beside it
	if err := migrate(ctx, writer, clock()); err != nil {
		writer.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	readers, err := sql.Open("sqlite", dsn+"&_pragma=query_only(1)")
	if err != nil {
		writer.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	readers.SetMaxOpenConns(readerConns)
	readers.SetMaxIdleConns(readerConns)
	db := &DB{
		readers: readers, writer: writer, keys: keys, clock: clock,
		checkpoints: checkpoints{due: make(chan struct{}, 1), rest: make(chan struct{})},
		jobs:        make(chan *job, 4*maxBatch), wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
	}
	if db.conn, err = writer.Conn(ctx); err != nil {
		readers.Close()
		writer.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	if db.checkpoints.conn, err = writer.Conn(ctx); err != nil {
		db.conn.Close()
		readers.Close()
		writer.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.readStmts.prepare = readers.PrepareContext
	db.writeStmts.prepare = db.conn.PrepareContext
	if err := db.load(ctx); err != nil {
		db.checkpoints.conn.Close()
		db.conn.Close()
		readers.Close()
		writer.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.checkpoint.Go(func() { db.checkpoints.run(db.done) })
	go db.write()
	return db, nil
}

// load reads what the process keeps of the settings: the high-water time and the epoch.
func (db *DB) load(ctx context.Context) error {
	for name, into := range map[string]*int64{"high_water": &db.highWater, "epoch": &db.epoch} {
		err := db.conn.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(into)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	db.stored, db.seen = db.highWater, db.clock()
	return nil
}

// Epoch is new after every restore from a backup; what an older epoch issued is void.
func (db *DB) Epoch() int64 { return db.epoch }

// Close waits for the updates under way and closes the database.
func (db *DB) Close() error {
	db.close.Do(func() { close(db.closing) })
	<-db.done
	db.checkpoint.Wait()
	db.readStmts.close()
	db.writeStmts.close()
	return errors.Join(db.checkpoints.conn.Close(), db.conn.Close(), db.writer.Close(), db.readers.Close())
}

// Durability tells what a commit is worth: whether it has reached the disk when it is answered.
func (db *DB) Durability(ctx context.Context) (found string, durable bool, err error) {
	err = db.Update(ctx, func(tx *Tx) error {
		var journal string
		var synchronous int
		if err := tx.row([]any{&journal}, `PRAGMA journal_mode`); err != nil {
			return err
		}
		if err := tx.row([]any{&synchronous}, `PRAGMA synchronous`); err != nil {
			return err
		}
		found, durable = fmt.Sprintf("SQLite, journal_mode %s, synchronous %d", journal, synchronous), synchronous >= 2
		return nil
	})
	return found, durable, err
}

// kept is an error that is answered although the transaction is committed.
type kept struct{ error }

func (k kept) Unwrap() error { return k.error }

// Keep marks err as an answer that is to be committed: a refusal that leaves its attempt and its audit event behind.
func Keep(err error) error { return kept{err} }

// Kept tells whether err is marked by Keep.
func Kept(err error) bool {
	var k kept
	return errors.As(err, &k)
}

// Update runs fn in one serialisable transaction and returns after it is durable. An error of fn rolls back
// all that it did, unless it is wrapped by Keep. fn must have no effect outside the transaction: it may run twice.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	if db.Observer == nil {
		return db.update(ctx, fn)
	}
	began := time.Now() //nolint:forbidigo // a duration, not a time that rules depend on
	err := db.update(ctx, fn)
	db.Observer.Updated(ctx, began, time.Since(began), err)
	return err
}

func (db *DB) update(ctx context.Context, fn func(*Tx) error) error {
	j := &job{ctx: ctx, fn: fn, done: make(chan struct{})}
	select {
	case db.jobs <- j:
	case <-db.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-j.done:
	case <-db.done:
		// The writer has gone: either it has answered this job as its last, or it never will.
		select {
		case <-j.done:
		default:
			return ErrClosed
		}
	}
	var k kept
	if j.err != nil && !errors.As(j.err, &k) {
		return j.err
	}
	for _, do := range j.after {
		do()
	}
	return k.error
}

// View runs fn on one consistent snapshot. What fn writes fails.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	tx, err := db.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	wall := db.clock()
	view := &Tx{ctx: ctx, db: db, stmts: &db.readStmts, sqlTx: tx, Now: db.instant(wall), Wall: wall, keys: db.keys}
	defer func() {
		tx.Rollback()
		// Only now, as it takes a connection: views that hold one and wait for another would wait for ever. What fails here
		// is tried again by the next view.
		for _, text := range view.fresh {
			_, _ = db.readStmts.get(context.WithoutCancel(ctx), text)
		}
	}()
	return fn(view)
}

// Now is the time that a transaction would have.
func (db *DB) Now() time.Time { return db.instant(db.clock()) }

// instant is the time of a transaction: the clock's, but never before one that was given earlier. Where the clock has gone back, time
// goes on from there by what passes on the clock, or what is to expire would not until the clock has caught up.
func (db *DB) instant(wall time.Time) time.Time {
	db.mu.Lock()
	defer db.mu.Unlock()
	ms, passed := wall.UnixMilli(), wall.Sub(db.seen).Milliseconds()
	switch {
	case ms >= db.highWater:
		db.highWater, db.seen = ms, wall
	case passed > 0:
		db.highWater, db.seen = db.highWater+passed, db.seen.Add(time.Duration(passed)*time.Millisecond)
	case wall.Before(db.seen): // by a clock that has no monotonic reading
		db.seen = wall
	}
	return time.UnixMilli(db.highWater).UTC()
}

// Wall is what the clock says, which may be behind Now.
func (db *DB) Wall() time.Time { return db.clock() }

// Behind is how far the clock is behind the time of the latest transaction.
func (db *DB) Behind() time.Duration {
	db.mu.Lock()
	defer db.mu.Unlock()
	return max(0, time.Duration(db.highWater-db.clock().UnixMilli())*time.Millisecond)
}

func (db *DB) write() {
	defer close(db.done)
	for {
		select {
		case j := <-db.jobs:
			db.batch(j)
		case <-db.checkpoints.rest:
			_ = db.exec(context.Background(), checkpoint) // what fails is tried again by the next
		case <-db.closing:
			for {
				select {
				case j := <-db.jobs:
					db.batch(j)
				default:
					return
				}
			}
		}
	}
}

// batch runs j and the updates that wait behind it, and commits them together.
//
// Savepoints cost SQLite copies of the pages that are written, so that at first it does without: where nothing has to be undone, as
// with nearly every batch, none is missed. Where an update must be undone, the whole batch is, and runs again with savepoints.
func (db *DB) batch(j *job) {
	// The batch must end whatever becomes of one caller: its context ends the waiting, not the writing.
	ctx := context.Background()
	began := db.batchBegins()
	batch, err := db.together(ctx, j)
	if errors.Is(err, errUndo) && len(batch) > 1 {
		if db.Observer != nil {
			db.Observer.Retried("batch_undone")
		}
		err = db.apart(ctx, batch)
	}
	if db.Observer != nil {
		db.Observer.Committed(len(batch), time.Since(began))
	}
	if db.queued && err == nil {
		select {
		case db.wake <- struct{}{}:
		default:
		}
	}
	db.queued = false
	for _, j := range batch {
		if err != nil && !errors.Is(err, errUndo) {
			j.err = err
		}
		close(j.done)
	}
	db.checkpoints.count(len(batch))
}

// errUndo says that an update of a batch failed, and has the error itself; the batch is rolled back.
var errUndo = errors.New("store: an update failed")

// together runs j and what waits behind it up to the first that fails, and returns them: all that it took are to be answered,
// whatever became of the transaction. It commits if none has failed.
func (db *DB) together(ctx context.Context, j *job) (batch []*job, err error) {
	batch = []*job{j}
	err = db.transaction(ctx, func() error {
		for {
			tx := db.newTx(ctx)
			if j.err = j.ctx.Err(); j.err == nil {
				j.err = guard(func() error { return j.fn(tx) })
				j.after = tx.after
				if j.err != nil && !Kept(j.err) {
					return errUndo
				}
			}
			if len(batch) == maxBatch {
				return nil
			}
			if j = db.next(); j == nil {
				return nil
			}
			batch = append(batch, j)
		}
	})
	return batch, err
}

// next is the next update that waits, nil if there is none. Those who are about to ask for one are let go first: a batch that is
// larger costs each of its updates less.
func (db *DB) next() *job {
	for yielded := false; ; yielded = true {
		select {
		case j := <-db.jobs:
			return j
		default:
		}
		if yielded {
			return nil
		}
		runtime.Gosched()
	}
}

// apart runs each update of a batch within a savepoint of its own, so that those that fail are undone alone.
func (db *DB) apart(ctx context.Context, batch []*job) error {
	db.queued = false
	return db.transaction(ctx, func() error {
		for _, j := range batch {
			tx := db.newTx(ctx)
			if j.err = j.ctx.Err(); j.err == nil {
				j.err = tx.savepoint("one_update", func() error { return j.fn(tx) })
				j.after = tx.after
			}
		}
		return nil
	})
}

// transaction runs fn and commits; an error rolls back.
func (db *DB) transaction(ctx context.Context, fn func() error) error {
	if err := db.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	err := fn()
	if err == nil {
		if err = db.commit(ctx); err != nil {
			err = fmt.Errorf("commit: %w", err)
		}
	}
	if err != nil {
		_ = db.exec(ctx, "ROLLBACK") // fails where SQLite has rolled back of itself
	}
	return err
}

func (db *DB) newTx(ctx context.Context) *Tx {
	wall := db.clock()
	return &Tx{ctx: ctx, db: db, stmts: &db.writeStmts, Now: db.instant(wall), Wall: wall, keys: db.keys}
}

// commit writes the high-water time when it has moved by more than a second, and commits.
func (db *DB) commit(ctx context.Context) error {
	db.mu.Lock()
	high := db.highWater
	db.mu.Unlock()
	if high > db.stored+1000 {
		stmt, err := db.writeStmts.get(ctx, `INSERT INTO settings (name, value) VALUES ('high_water', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`)
		if err != nil {
			return err
		}
		if _, err := stmt.ExecContext(ctx, high); err != nil {
			return err
		}
		db.stored = high
	}
	return db.exec(ctx, "COMMIT")
}

func (db *DB) exec(ctx context.Context, text string) error {
	stmt, err := db.writeStmts.get(ctx, text)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(ctx)
	return err
}

// statements are prepared once for each text.
type statements struct {
	prepare func(context.Context, string) (*sql.Stmt, error)
	mu      sync.RWMutex
	byText  map[string]*sql.Stmt
}

// known is a statement that was prepared before, or nil.
func (s *statements) known(text string) *sql.Stmt {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byText[text]
}

func (s *statements) get(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt := s.known(text); stmt != nil {
		return stmt, nil
	}
	stmt, err := s.prepare(ctx, text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byText == nil {
		s.byText = map[string]*sql.Stmt{}
	}
	if other := s.byText[text]; other != nil {
		stmt.Close()
		return other, nil
	}
	s.byText[text] = stmt
	return stmt, nil
}

func (s *statements) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stmt := range s.byText {
		stmt.Close()
	}
}
