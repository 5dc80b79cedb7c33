package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign/internal/secret"

	"modernc.org/sqlite"
)

// Tx is one transaction. Its methods stand in one file per noun.
type Tx struct {
	// Now is the one instant of this transaction, in UTC. It never comes before that of an earlier one.
	Now time.Time
	// Wall is what the clock said, for time steps that another device computes from its own clock.
	Wall time.Time

	ctx    context.Context
	db     *DB
	w      *writer // nil in a view
	keys   *secret.Keys
	direct querier     // where the driver prepares the statements
	stmts  *statements // where they are prepared here; else nil
	view   *sql.Tx
	depth  int
	fresh  []string // texts that a view was the first to meet
	after  []func() // what is to be done once this is durable
	// aborted is the error after which PostgreSQL takes no more statements, until it is rolled back to a savepoint.
	aborted error
}

type querier interface {
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// Keys are the keys that seal columns.
func (tx *Tx) Keys() *secret.Keys { return tx.keys }

// Epoch is the database's current epoch.
func (tx *Tx) Epoch() int64 { return tx.db.Epoch() }

// Nested runs fn so that an error undoes what fn did, and nothing else.
func (tx *Tx) Nested(fn func() error) error {
	return tx.savepoint(fmt.Sprintf("nested%d", tx.depth), fn)
}

func (tx *Tx) savepoint(name string, fn func() error) error {
	if err := tx.run("SAVEPOINT " + name); err != nil {
		return err
	}
	mark, sends := 0, 0
	if tx.w != nil {
		mark, sends = len(tx.w.pipe), tx.w.sends
	}
	tx.depth++
	wanted := len(tx.after)
	err := guard(fn)
	tx.depth--
	undo := err != nil && !Kept(err)
	if undo {
		tx.after = tx.after[:wanted]
	}
	if tx.w != nil && tx.w.broken != nil {
		return err // all of it is rolled back, and there may be no connection any more
	}
	if tx.w != nil && tx.db.lite == nil {
		if tx.w.sends == sends {
			// The savepoint has not been sent, nor anything since: it is as if it had not been wanted.
			if undo {
				tx.w.pipe = tx.w.pipe[:mark-1]
			} else {
				tx.w.pipe = slices.Delete(tx.w.pipe, mark-1, mark)
			}
			return err
		}
		if undo {
			tx.w.pipe = tx.w.pipe[:0] // all of it came after the savepoint
		}
	}
	if undo {
		if _, undo := tx.affect("ROLLBACK TO " + name); undo != nil {
			err = errors.Join(err, undo)
		} else {
			tx.aborted = nil
		}
	}
	if _, release := tx.affect("RELEASE " + name); release != nil {
		err = errors.Join(err, release)
	}
	return err
}

// flush has what is in line sent now, so that its errors are this update's.
func (tx *Tx) flush() error {
	if tx.w == nil || tx.db.lite != nil || tx.aborted != nil {
		return tx.aborted
	}
	if _, err := tx.w.send(tx.ctx, nil); err != nil {
		return tx.translate(err)
	}
	return nil
}

// guard turns a panic into an error: in one update it must neither commit its half nor take its neighbours along.
func guard(fn func() error) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = fmt.Errorf("update panicked: %v", recover())
		}
	}()
	err = fn()
	returned = true
	return err
}

// whole turns an answer that is to be committed into a failure where that cannot be: PostgreSQL would roll back, and say nothing.
func (tx *Tx) whole(err error) error {
	if tx.aborted != nil && (err == nil || Kept(err)) {
		return fmt.Errorf("a statement failed, and the update went on: %w", tx.aborted)
	}
	return err
}

// prepared is a statement that was prepared for its text, as SQLite wants it.
func (tx *Tx) prepared(text string) (stmt *sql.Stmt, err error) {
	switch {
	case tx.view == nil:
		stmt, err = tx.stmts.get(tx.ctx, text)
	default:
		if stmt = tx.stmts.known(text); stmt != nil {
			return tx.view.StmtContext(tx.ctx, stmt), nil
		}
		tx.fresh = append(tx.fresh, text)
		stmt, err = tx.view.PrepareContext(tx.ctx, text)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	return stmt, nil
}

func (tx *Tx) exec(text string, args []any) (affected int64, err error) {
	integers(args)
	if tx.stmts == nil {
		if tx.aborted != nil && !strings.HasPrefix(text, "ROLLBACK") {
			return 0, tx.aborted
		}
		if tx.w != nil {
			return tx.w.send(tx.ctx, &piped{text: text, args: args})
		}
		res, err := tx.direct.ExecContext(tx.ctx, text, args...)
		if err != nil {
			return 0, err
		}
		return res.RowsAffected()
	}
	stmt, err := tx.prepared(text)
	if err != nil {
		return 0, err
	}
	res, err := stmt.ExecContext(tx.ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (tx *Tx) query(text string, args []any) (*sql.Rows, error) {
	integers(args)
	if tx.stmts == nil {
		if tx.aborted != nil {
			return nil, tx.aborted
		}
		if tx.w != nil {
			if _, err := tx.w.send(tx.ctx, nil); err != nil {
				return nil, err
			}
		}
		return tx.direct.QueryContext(tx.ctx, text, args...)
	}
	stmt, err := tx.prepared(text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(tx.ctx, args...)
}

// integers makes booleans what both databases have in their place: 0 and 1.
func integers(args []any) {
	for i, arg := range args {
		if b, ok := arg.(bool); ok {
			args[i] = int64(0)
			if b {
				args[i] = int64(1)
			}
		}
	}
}

// run executes a statement of which nothing is to be known. On PostgreSQL nobody waits for it: an error comes with a later statement, or
// with the commit, and fails the update there.
func (tx *Tx) run(text string, args ...any) error { return tx.late(false, text, args) }

// surely executes a statement that changes exactly one row, as was read in this transaction: in nobody's way, like run.
func (tx *Tx) surely(text string, args ...any) error { return tx.late(true, text, args) }

func (tx *Tx) late(one bool, text string, args []any) error {
	if tx.w == nil || tx.db.lite != nil {
		n, err := tx.affect(text, args...)
		if err == nil && one && n != 1 {
			err = fmt.Errorf("store: %d rows changed where one must", n)
		}
		return err
	}
	if tx.aborted != nil {
		return tx.aborted
	}
	integers(args)
	tx.w.later(piped{text: text, args: args, one: one})
	return nil
}

// ask executes a statement whose answer is known after flush: on PostgreSQL several go out together.
func (tx *Tx) ask(a *answer, text string, args ...any) error {
	if tx.w != nil && tx.db.lite == nil {
		if tx.aborted != nil {
			return tx.aborted
		}
		integers(args)
		tx.w.later(piped{text: text, args: args, answer: a})
		return nil
	}
	if a.into == nil {
		n, err := tx.affect(text, args...)
		a.affected = n
		return err
	}
	err := tx.row(a.into, text, args...)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	a.affected = 1
	return err
}

// add executes an INSERT of one row; ErrExists where a row with the same unique key is there. The transaction goes on either way.
func (tx *Tx) add(text string, args ...any) error {
	n, err := tx.affect(text+" ON CONFLICT DO NOTHING", args...)
	if err == nil && n == 0 {
		err = ErrExists
	}
	return err
}

// affect executes a statement and returns how many rows it changed.
func (tx *Tx) affect(text string, args ...any) (int64, error) {
	n, err := tx.exec(text, args)
	if err != nil {
		return 0, tx.translate(err)
	}
	return n, nil
}

// once executes a conditional statement and tells whether it changed exactly one row.
func (tx *Tx) once(text string, args ...any) (bool, error) {
	n, err := tx.affect(text, args...)
	if err == nil && n > 1 {
		err = fmt.Errorf("store: %d rows changed where at most one can", n)
	}
	return n == 1, err
}

// row reads one row into dest; ErrNotFound where there is none.
func (tx *Tx) row(dest []any, text string, args ...any) error {
	found, err := tx.query(text, args)
	if err != nil {
		return tx.translate(err)
	}
	defer found.Close()
	if !found.Next() {
		if err := found.Err(); err != nil {
			return tx.translate(err)
		}
		return ErrNotFound
	}
	if err := found.Scan(dest...); err != nil {
		return err
	}
	if err := found.Close(); err != nil {
		return tx.translate(err)
	}
	return nil
}

// rows reads all rows; fields gives where the columns of one T go.
func rows[T any](tx *Tx, fields func(*T) []any, text string, args ...any) ([]T, error) {
	found, err := tx.query(text, args)
	if err != nil {
		return nil, tx.translate(err)
	}
	defer found.Close()
	var out []T
	for found.Next() {
		var t T
		if err := found.Scan(fields(&t)...); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	if err := found.Err(); err != nil {
		return nil, tx.translate(err)
	}
	return out, nil
}

// elements is a subquery of the strings of a JSON array that is a parameter, which so may have any number of them.
func (tx *Tx) elements(parameter string) string {
	if tx.db.lite == nil {
		return "(SELECT jsonb_array_elements_text(CAST(" + parameter + " AS JSONB)) AS value)"
	}
	return "(SELECT value FROM json_each(" + parameter + "))"
}

// byIndex names the index to read a table by, where SQLite would choose another; PostgreSQL knows its tables better.
func (tx *Tx) byIndex(name string) string {
	if tx.db.lite == nil {
		return ""
	}
	return "INDEXED BY " + name + " "
}

// translate names the errors of a statement that mean something to this package.
func (tx *Tx) translate(err error) error {
	if tx.db.lite != nil {
		var e *sqlite.Error
		if errors.As(err, &e) && (e.Code() == sqliteUnique || e.Code() == sqlitePrimaryKey) {
			return ErrExists
		}
		return err
	}
	if err == tx.aborted {
		return err
	}
	if tx.w != nil {
		err = tx.w.failed(err)
	} else if disconnected(err) {
		err = fmt.Errorf("%w: %w", errLost, withoutSecrets(err))
	}
	tx.aborted = err
	return err
}

// flag scans a column of 0 and 1.
type flag struct{ set *bool }

func (f flag) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("store: column of 0 and 1 holds %T", v)
	}
	*f.set = n != 0
	return nil
}

// afterAll is after every id, in whatever order a database has strings.
const afterAll = "zzzz"

// millis is a time as the database has it: Unix milliseconds, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// at scans a column of milliseconds into a time.
type at struct{ t *time.Time }

func (a at) Scan(v any) error {
	ms, ok := v.(int64)
	if !ok {
		return fmt.Errorf("store: time column holds %T", v)
	}
	*a.t = time.Time{}
	if ms != 0 {
		*a.t = time.UnixMilli(ms).UTC()
	}
	return nil
}
