package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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

	ctx   context.Context
	db    *DB
	keys  *secret.Keys
	stmts *statements
	sqlTx *sql.Tx // of a view
	depth int
	fresh []string // texts that a view was the first to meet
	after []func() // what is to be done once this is durable
}

// Keys are the keys that seal columns.
func (tx *Tx) Keys() *secret.Keys { return tx.keys }

// Epoch is the database's current epoch.
func (tx *Tx) Epoch() int64 { return tx.db.epoch }

// Nested runs fn so that an error undoes what fn did, and nothing else.
func (tx *Tx) Nested(fn func() error) error {
	return tx.savepoint(fmt.Sprintf("nested%d", tx.depth), fn)
}

func (tx *Tx) savepoint(name string, fn func() error) error {
	if err := tx.run("SAVEPOINT " + name); err != nil {
		return err
	}
	tx.depth++
	wanted := len(tx.after)
	err := guard(fn)
	tx.depth--
	if err != nil && !Kept(err) {
		tx.after = tx.after[:wanted]
		if undo := tx.run("ROLLBACK TO " + name); undo != nil {
			err = errors.Join(err, undo)
		}
	}
	if release := tx.run("RELEASE " + name); release != nil {
		err = errors.Join(err, release)
	}
	return err
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

func (tx *Tx) stmt(text string) (stmt *sql.Stmt, err error) {
	switch {
	case tx.sqlTx == nil:
		stmt, err = tx.stmts.get(tx.ctx, text)
	default:
		if stmt = tx.stmts.known(text); stmt != nil {
			return tx.sqlTx.StmtContext(tx.ctx, stmt), nil
		}
		tx.fresh = append(tx.fresh, text)
		stmt, err = tx.sqlTx.PrepareContext(tx.ctx, text)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare: %w", err)
	}
	return stmt, nil
}

// run executes a statement and returns only its error; unique violations come back as ErrExists.
func (tx *Tx) run(text string, args ...any) error {
	_, err := tx.affect(text, args...)
	return err
}

// affect executes a statement and returns how many rows it changed.
func (tx *Tx) affect(text string, args ...any) (int64, error) {
	stmt, err := tx.stmt(text)
	if err != nil {
		return 0, err
	}
	res, err := stmt.ExecContext(tx.ctx, args...)
	if err != nil {
		return 0, translate(err)
	}
	return res.RowsAffected()
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
	stmt, err := tx.stmt(text)
	if err != nil {
		return err
	}
	if err := stmt.QueryRowContext(tx.ctx, args...).Scan(dest...); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		return translate(err)
	}
	return nil
}

// rows reads all rows; fields gives where the columns of one T go.
func rows[T any](tx *Tx, fields func(*T) []any, text string, args ...any) ([]T, error) {
	stmt, err := tx.stmt(text)
	if err != nil {
		return nil, err
	}
	found, err := stmt.QueryContext(tx.ctx, args...)
	if err != nil {
		return nil, translate(err)
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
	return out, found.Err()
}

// SQLite's extended result codes for a violated unique index and primary key.
const (
	sqliteUnique     = 2067
	sqlitePrimaryKey = 1555
)

func translate(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && (e.Code() == sqliteUnique || e.Code() == sqlitePrimaryKey) {
		return ErrExists
	}
	return err
}

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
