package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"
)

// maxBatch is how many updates share one commit at most.
const maxBatch = 128

type job struct {
	ctx  context.Context
	ask  func(*Tx) error // nil where it begins with no question
	fn   func(*Tx) error
	err  error
	done chan struct{}
	// subject is what it asks about, and asked the transaction in which it has asked together with others; nil where it has not.
	subject string
	asked   *Tx
	// after is what the transaction wants done once it is durable.
	after []func()
}

// run runs an update from its beginning, or from where it has asked.
func (j *job) run(tx *Tx) error {
	if j.ask != nil && j.asked == nil {
		if err := j.ask(tx); err != nil {
			return err
		}
		if err := tx.flush(); err != nil {
			return err
		}
	}
	return j.fn(tx)
}

// A writer runs the updates that wait, as many as there are in one transaction, and answers each after the commit. SQLite has one,
// PostgreSQL some: there, two that touch the same rows meet as two copies do, and one of them runs again.
type writer struct {
	db    *DB
	jobs  chan *job
	conn  *sql.Conn // nil while there is none
	begin string
	// stmts are the statements prepared on conn; nil where the driver prepares them.
	stmts *statements
	// broken is why the transaction under way can only be rolled back, and run again: errConflict or errLost.
	broken error
	queued bool // a message was queued in this batch
	pipe   []piped
	sent   bool // the transaction has begun on the server
	sends  int  // how often something was sent
}

// errUndo says that an update of a batch failed, and has the error itself; the batch is rolled back.
var errUndo = errors.New("store: an update failed")

func (w *writer) run() {
	var rest chan struct{}
	if w.db.lite != nil {
		rest = w.db.lite.checkpoints.rest
	}
	for {
		select {
		case j := <-w.jobs:
			w.batch(j)
		case <-rest:
			_ = w.exec(context.Background(), checkpoint) // what fails is tried again by the next
		case <-w.db.closing:
			for {
				select {
				case j := <-w.jobs:
					w.batch(j)
				default:
					return
				}
			}
		}
	}
}

// batch runs j and the updates that wait behind it, commits them together, and answers them.
func (w *writer) batch(j *job) {
	began := w.db.batchBegins()
	batch := []*job{j}
	// On PostgreSQL a transaction sees what was committed when it began, and no more: an update that joined it later could miss what
	// its caller has been answered since, by another writer or another copy. There, all join before it begins.
	join := w.db.lite != nil
	for !join && len(batch) < maxBatch {
		next := w.next()
		if next == nil {
			break
		}
		batch = append(batch, next)
	}
	// The batch must end whatever becomes of one caller: its context ends the waiting, not the writing.
	ctx := context.Background()
	if w.db.lite == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, settleFor)
		defer cancel()
	}
	err := w.settle(ctx, &batch, join)
	if w.db.Observer != nil {
		w.db.Observer.Committed(len(batch), time.Since(began))
	}
	if w.queued && err == nil {
		select {
		case w.db.wake <- struct{}{}:
		default:
		}
	}
	for _, j := range batch {
		if err != nil && !errors.Is(err, errUndo) {
			j.err = err
		}
		close(j.done)
	}
	if w.db.lite != nil {
		w.db.lite.checkpoints.count(len(batch))
	}
}

// settle runs a batch until it is committed or has failed for good. What met another copy's work, or lost its connection before the
// commit, runs again from the beginning. more is whether others that wait may join.
//
// Savepoints cost SQLite copies of the pages that are written, and PostgreSQL round trips, so that at first it does without: where
// nothing has to be undone, as with nearly every batch, none is missed. Where an update must be undone, the whole batch is, and runs
// again with savepoints.
func (w *writer) settle(ctx context.Context, batch *[]*job, more bool) (err error) {
	for try := 0; ; try++ {
		if err = ctx.Err(); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		err = w.together(ctx, batch, more)
		if errors.Is(err, errUndo) && len(*batch) > 1 {
			w.retried("batch_undone")
			err = w.apart(ctx, *batch)
		}
		more = false
		if errors.Is(err, errPiped) && len(*batch) > 1 {
			return w.singly(ctx, *batch) // whose statement it was is not known
		}
		conflict := errors.Is(err, errConflict)
		if !conflict && !errors.Is(err, errLost) {
			return err
		}
		if conflict && try == 2 && len(*batch) > 1 {
			return w.singly(ctx, *batch)
		}
		if conflict {
			w.retried("conflict")
		} else {
			w.retried("connection_lost")
		}
		// Whoever met meets again, unless one of them waits longer.
		wait := time.Duration(1+rand.IntN(4<<min(try, 5))) * time.Millisecond
		if errors.Is(err, errLost) {
			wait = 100 * time.Millisecond
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
}

func (w *writer) retried(reason string) {
	if w.db.Observer != nil {
		w.db.Observer.Retried(reason)
	}
}

// singly gives each update a transaction of its own, as together they keep meeting others' work. What ctx leaves is for all of them.
func (w *writer) singly(ctx context.Context, batch []*job) error {
	queued := false
	for _, j := range batch {
		if err := w.settle(ctx, &[]*job{j}, false); err != nil && !errors.Is(err, errUndo) {
			j.err = err
		}
		queued = queued || w.queued
	}
	w.queued = queued
	return nil
}

// together runs the batch and what waits behind it up to the first that fails. All that it took are to be answered, whatever became of
// the transaction. It commits if none has failed.
func (w *writer) together(ctx context.Context, batch *[]*job, more bool) error {
	return w.transaction(ctx, func() error {
		askAnew(*batch)
		asked := 0
		for i := 0; ; i++ {
			j := (*batch)[i]
			if i >= asked && j.ask != nil && w.db.lite == nil {
				n, err := w.askTogether(ctx, (*batch)[i:])
				if err != nil {
					return err
				}
				asked = i + n
				j = (*batch)[i]
			}
			tx := j.asked
			if tx == nil {
				tx = w.newTx(ctx)
			}
			// Whoever has asked goes on: what was spent is not spent for nothing.
			if j.err = j.ctx.Err(); j.err == nil || j.asked != nil {
				j.err = tx.whole(guard(func() error { return j.run(tx) }))
				j.after = tx.after
				if w.broken != nil {
					return w.broken
				}
				if j.err != nil && !Kept(j.err) {
					return errUndo
				}
			}
			if i+1 < len(*batch) {
				continue
			}
			if !more || i+1 == maxBatch {
				return nil
			}
			next := w.next()
			if next == nil {
				return nil
			}
			*batch = append(*batch, next)
		}
	})
}

// askAnew forgets what was asked in a transaction that came to nothing.
func askAnew(batch []*job) {
	for _, j := range batch {
		j.asked = nil
	}
}

// askTogether has the first of these updates ask at once, and tells how many they are. Those about a subject that one before them is
// about are put behind, and ask when that one has written.
func (w *writer) askTogether(ctx context.Context, jobs []*job) (n int, err error) {
	subjects := map[string]bool{}
	var first, later []*job
	for _, j := range jobs {
		if subjects[j.subject] {
			later = append(later, j)
			continue
		}
		subjects[j.subject] = true
		first = append(first, j)
	}
	copy(jobs, append(first, later...))
	var tx *Tx
	for _, j := range first {
		if j.ctx.Err() != nil {
			continue
		}
		tx = w.newTx(ctx)
		if j.err = guard(func() error { return j.ask(tx) }); j.err != nil {
			return 0, errUndo
		}
		j.asked = tx
	}
	if tx == nil {
		return len(first), nil
	}
	return len(first), tx.flush()
}

// next is the next update that waits, nil if there is none. Those who are about to ask for one are let go first: a batch that is
// larger costs each of its updates less.
func (w *writer) next() *job {
	for yielded := false; ; yielded = true {
		select {
		case j := <-w.jobs:
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
func (w *writer) apart(ctx context.Context, batch []*job) error {
	return w.transaction(ctx, func() error {
		askAnew(batch)
		for _, j := range batch {
			tx := w.newTx(ctx)
			if j.err = j.ctx.Err(); j.err == nil {
				j.err = tx.savepoint("one_update", func() error {
					err := j.run(tx)
					if err == nil || Kept(err) {
						if failed := tx.flush(); failed != nil {
							return failed
						}
					}
					return tx.whole(err)
				})
				j.after = tx.after
				if w.broken != nil {
					return w.broken
				}
			}
		}
		return nil
	})
}

// transaction runs fn and commits; an error rolls back.
func (w *writer) transaction(ctx context.Context, fn func() error) error {
	w.broken, w.queued = nil, false
	if err := w.open(ctx); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	err := fn()
	if err == nil {
		if err = w.commit(ctx); err != nil {
			err = fmt.Errorf("commit: %w", w.uncertain(err))
		}
	}
	if err != nil {
		w.undo(ctx)
	}
	return err
}

func (w *writer) newTx(ctx context.Context) *Tx {
	wall := w.db.clock()
	return &Tx{ctx: ctx, db: w.db, w: w, stmts: w.stmts, direct: w.conn, Now: w.db.instant(wall), Wall: wall, keys: w.db.keys}
}

// commit commits. On SQLite it writes the high-water time first when it has moved by more than a second: copies that share a database
// would meet there each time, so that they keep it beside their updates.
func (w *writer) commit(ctx context.Context) error {
	db := w.db
	if db.lite == nil {
		return w.finish(ctx)
	}
	db.mu.Lock()
	high := db.highWater
	db.mu.Unlock()
	if high > db.stored+1000 {
		stmt, err := w.stmts.get(ctx, `INSERT INTO settings (name, value) VALUES ('high_water', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`)
		if err != nil {
			return err
		}
		if _, err := stmt.ExecContext(ctx, high); err != nil {
			return err
		}
		db.stored = high
	}
	return w.exec(ctx, "COMMIT")
}

// open begins a transaction. On PostgreSQL that goes along with its first statement.
func (w *writer) open(ctx context.Context) error {
	if w.db.lite != nil {
		return w.exec(ctx, w.begin)
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	w.pipe, w.sent = append(w.pipe[:0], piped{text: w.begin}), false
	return nil
}

// undo rolls back.
func (w *writer) undo(ctx context.Context) {
	if w.db.lite != nil {
		_ = w.exec(ctx, "ROLLBACK") // fails where SQLite has rolled back of itself
		return
	}
	w.pipe = w.pipe[:0]
	if w.conn == nil || !w.sent {
		return
	}
	if _, err := w.send(ctx, &piped{text: "ROLLBACK"}); err != nil {
		w.drop()
	}
}

// exec executes a statement without parameters on SQLite.
func (w *writer) exec(ctx context.Context, text string) error {
	stmt, err := w.stmts.get(ctx, text)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(ctx)
	return err
}
