// Package store is the database: one file per noun, plain SQL, one transaction type.
//
// Everything that changes goes through DB.Update. On SQLite one writer, on PostgreSQL a few in each copy, run the waiting
// updates one after another and make them durable with one commit; one that fails is undone alone. An update is answered
// only after the commit that holds it. Rules live in the packages that call this one, not here.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"countersign/internal/secret"
)

// ErrNotFound is returned by look-ups of one row that is not there.
var ErrNotFound = errors.New("store: no such row")

// ErrExists is returned by inserts that meet a row with the same unique key.
var ErrExists = errors.New("store: a row with this key exists")

// ErrClosed is returned by updates that come after Close.
var ErrClosed = errors.New("store: closed")

// DB is an open database. Safe for concurrent use.
type DB struct {
	// Observer is told how updates go; nil where nobody wants to know. It is set before the first update.
	Observer Observer

	readers *sql.DB
	writers []*writer
	lite    *lite // nil on PostgreSQL
	keys    *secret.Keys
	clock   func() time.Time

	jobs    chan *job
	crowd   chan *job // of updates that ask together; nil where one writer has them all
	wake    chan struct{}
	closing chan struct{}
	done    chan struct{} // closed when the writers have ended
	close   sync.Once
	beside  sync.WaitGroup // what runs beside the writers

	// highWater is the latest instant that a transaction has had: an instant never comes before it, so that
	// a clock which jumps back revives nothing. seen is what the clock said then.
	mu        sync.Mutex
	highWater int64
	seen      time.Time
	epoch     int64
	step      step // of this machine's clock

	stored int64 // of highWater; the writer's own
}

// Open opens the database at a location, applies the migrations it lacks and starts the writers. The location is the path of an SQLite
// file, which is made where there is none, or postgres://…, a database that other copies may share. clock gives the time of every
// transaction.
func Open(ctx context.Context, location string, keys *secret.Keys, clock func() time.Time) (*DB, error) {
	db := &DB{
		keys: keys, clock: clock,
		jobs: make(chan *job, 4*maxBatch), wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
	}
	open := db.openSQLite
	if IsPostgres(location) {
		open = db.openPostgres
	}
	if err := open(ctx, location); err != nil {
		close(db.closing)
		close(db.done)
		return nil, errors.Join(fmt.Errorf("open database: %w", err), db.release())
	}
	var writing sync.WaitGroup
	for _, w := range db.writers {
		writing.Go(w.run)
	}
	go func() {
		writing.Wait()
		close(db.done)
	}()
	return db, nil
}

// load reads what the process keeps of the settings: the high-water time and the epoch.
func (db *DB) load(ctx context.Context, from interface {
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}) error {
	for name, into := range map[string]*int64{"high_water": &db.highWater, "epoch": &db.epoch} {
		err := from.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = $1`, name).Scan(into)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	db.stored, db.seen = db.highWater, db.clock()
	return nil
}

// Epoch is new after every restore from a backup; what an older epoch issued is void.
func (db *DB) Epoch() int64 {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.epoch
}

// Close waits for the updates under way and closes the database.
func (db *DB) Close() error {
	db.close.Do(func() { close(db.closing) })
	<-db.done
	return db.release()
}

// release closes what is open, once nothing uses it any more.
func (db *DB) release() error {
	db.beside.Wait()
	var errs []error
	if db.lite != nil {
		errs = append(errs, db.lite.close())
	}
	for _, w := range db.writers {
		if w.conn != nil {
			errs = append(errs, w.conn.Close())
		}
	}
	if db.readers != nil {
		errs = append(errs, db.readers.Close())
	}
	return errors.Join(errs...)
}

// Durability tells what a commit is worth: whether it has reached the disk when it is answered.
func (db *DB) Durability(ctx context.Context) (found string, durable bool, err error) {
	err = db.Update(ctx, func(tx *Tx) error {
		if db.lite == nil {
			var version, commit, fsync string
			if err := tx.row([]any{&version, &commit, &fsync}, `SELECT current_setting('server_version'), current_setting('synchronous_commit'), current_setting('fsync')`); err != nil {
				return err
			}
			found, durable = fmt.Sprintf("PostgreSQL %s, synchronous_commit %s, fsync %s", version, commit, fsync), commit != "off" && fsync == "on"
			return nil
		}
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
	return db.observed(ctx, &job{ctx: ctx, fn: fn, done: make(chan struct{})})
}

// UpdateAsking is Update for what comes in crowds, such as logins. It begins with questions whose texts are known before (Tx.AskLogin
// and its like), and goes on with fn, in the same transaction. On PostgreSQL the questions of all that wait go out together, so that
// their number costs no round trips; then each fn runs after the other, and sees what those before it wrote. So what an fn writes, no
// question about another subject may read; two about the same never ask together.
func (db *DB) UpdateAsking(ctx context.Context, subject []byte, ask, fn func(*Tx) error) error {
	return db.observed(ctx, &job{ctx: ctx, subject: string(subject), ask: ask, fn: fn, done: make(chan struct{})})
}

func (db *DB) observed(ctx context.Context, j *job) error {
	if db.Observer == nil {
		return db.update(ctx, j)
	}
	began := time.Now() //nolint:forbidigo // a duration, not a time that rules depend on
	err := db.update(ctx, j)
	db.Observer.Updated(ctx, began, time.Since(began), err)
	return err
}

func (db *DB) update(ctx context.Context, j *job) error {
	jobs := db.jobs
	if j.ask != nil && db.crowd != nil {
		jobs = db.crowd
	}
	select {
	case jobs <- j:
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
	return db.viewWithin(ctx, viewFor, fn)
}

// Survey is a view that takes as long as it takes: for commands that look at everything, and no request.
func (db *DB) Survey(ctx context.Context, fn func(*Tx) error) error { return db.viewWithin(ctx, 0, fn) }

func (db *DB) viewWithin(ctx context.Context, limit time.Duration, fn func(*Tx) error) error {
	options := sql.TxOptions{ReadOnly: true}
	caller := ctx
	if db.lite == nil {
		options.Isolation = sql.LevelRepeatableRead
		// A server that went without a word leaves connections on which nothing comes, for as long as the network's patience lasts: this is
		// shorter, and ends them.
		if limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
	}
	tx, err := db.readers.BeginTx(ctx, &options)
	for try := 0; db.lite == nil && err != nil && stale(err) && ctx.Err() == nil && try < pgReaders; try++ {
		tx, err = db.readers.BeginTx(ctx, &options)
	}
	if err != nil {
		return fmt.Errorf("begin: %w", db.unreachable(caller, err))
	}
	wall := db.clock()
	view := &Tx{ctx: ctx, db: db, view: tx, direct: tx, Now: db.instant(wall), Wall: wall, keys: db.keys}
	if db.lite == nil {
		defer tx.Rollback()
		return db.unreachable(caller, fn(view))
	}
	view.stmts = &db.lite.readStmts
	defer func() {
		tx.Rollback()
		// Only now, as it takes a connection: views that hold one and wait for another would wait for ever. What fails here
		// is tried again by the next view.
		for _, text := range view.fresh {
			_, _ = view.stmts.get(context.WithoutCancel(ctx), text)
		}
	}()
	return fn(view)
}

// unreachable names the errors of a database that does not answer. The caller's own end is none of them.
func (db *DB) unreachable(ctx context.Context, err error) error {
	if db.lite == nil && err != nil && ctx.Err() == nil && (errors.Is(err, errLost) || disconnected(err)) {
		return fmt.Errorf("%w: %w", ErrUnavailable, withoutSecrets(err))
	}
	return err
}

// Now is the time that a transaction would have.
func (db *DB) Now() time.Time { return db.instant(db.clock()) }

// instant is the time of a transaction: the clock's, but never before one that was given earlier. Where the clock has gone back, time
// goes on from there by what passes on the clock, or what is to expire would not until the clock has caught up.
func (db *DB) instant(wall time.Time) time.Time {
	db.mu.Lock()
	defer db.mu.Unlock()
	ms, passed := wall.UnixMilli(), wall.Sub(db.seen).Milliseconds()
	db.step.by = db.stepped(wall, passed)
	switch {
	case ms >= db.highWater && db.step.by == 0:
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
