package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// copyMark stands among the migrations of a database into which a copy has not ended, so that nobody serves half of one.
const copyMark = "copy-under-way"

// copyProgress is the table in which a copy keeps how far it is; it goes when the copy has ended.
const copyProgress = "copy_progress"

// copyBatch is how many rows become durable with one commit, and copyBytes how large they are at most, more or less.
const (
	copyBatch = 5000
	copyBytes = 8 << 20
)

// CopyStep is how far a copy is.
type CopyStep struct {
	Table        string
	Rows, Of     int64 // of the table
	Total, OfAll int64 // of all tables
	// Written is how many of them this run has written; the others an earlier one had, and they were read once more.
	Written int64
}

// TableSum is what a table holds on both sides.
type TableSum struct {
	Table          string
	Source, Target RowSum
}

// Same tells whether both sides hold the same rows.
func (s TableSum) Same() bool { return s.Source == s.Target }

// ErrDiffers is wrapped by the error that names rows which are not the same on both sides.
var ErrDiffers = errors.New("the databases differ")

// RowSum is the count of some rows, and the sum modulo 2^256 of the SHA-256 of each in one encoding: whatever order they come in.
type RowSum struct {
	Count int64
	Sum   [4]uint64 // the least significant first
}

// String is the sum in hexadecimal digits.
func (s RowSum) String() string {
	return fmt.Sprintf("%016x%016x%016x%016x", s.Sum[3], s.Sum[2], s.Sum[1], s.Sum[0])
}

func (s *RowSum) add(digest [32]byte) {
	s.Count++
	var carry uint64
	for i := range s.Sum {
		s.Sum[i], carry = bits.Add64(s.Sum[i], binary.BigEndian.Uint64(digest[24-8*i:]), carry)
	}
}

// encode is one row in the encoding that is digested: the table's name, then for each column a tag for its type, its length in 8 bytes
// and its bytes, so that no two rows have the same.
func encode(into []byte, table string, values []any) ([]byte, error) {
	put := func(tag byte, b string) {
		into = append(into, tag)
		into = binary.BigEndian.AppendUint64(into, uint64(len(b)))
		into = append(into, b...)
	}
	put('T', table)
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			put('n', "")
		case int64:
			put('i', string(binary.BigEndian.AppendUint64(nil, uint64(v))))
		case string:
			put('t', v)
		case []byte:
			put('b', string(v))
		default:
			return nil, fmt.Errorf("table %s: a column of the type %T", table, v)
		}
	}
	return into, nil
}

// copyTable is a table as both databases have it.
type copyTable struct {
	name    string
	columns []string
	key     []int // of columns, in the order of the key
	rows    int64 // in the source
}

func (t *copyTable) keyColumns() string {
	var names []string
	for _, i := range t.key {
		names = append(names, `"`+t.columns[i]+`"`)
	}
	return strings.Join(names, ", ")
}

func (t *copyTable) all() string { return `"` + strings.Join(t.columns, `", "`) + `"` }

// keyOf is a row's key as people read it.
func (t *copyTable) keyOf(values []any) string {
	var parts []string
	for _, i := range t.key {
		v := values[i]
		if b, ok := v.([]byte); ok {
			v = fmt.Sprintf("%x", b)
		}
		parts = append(parts, fmt.Sprintf("%s=%v", t.columns[i], v))
	}
	return strings.Join(parts, " ")
}

// copySource is an SQLite file that nobody else has open: nobody writes what is being copied, nor serves it afterwards by mistake.
type copySource struct {
	db     *sql.DB
	conn   *sql.Conn
	tables []*copyTable // those that others refer to come first
}

func openSource(ctx context.Context, file string) (*copySource, error) {
	if IsPostgres(file) {
		return nil, errors.New("the source is to be the file of an SQLite database")
	}
	if _, err := os.Stat(file); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?mode=rw&_pragma=locking_mode(EXCLUSIVE)&_pragma=cache_size(-16000)")
	if err != nil {
		return nil, err
	}
	s := &copySource{db: db}
	if s.conn, err = db.Conn(ctx); err != nil {
		return nil, errors.Join(inUse(err), db.Close())
	}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(inUse(err), s.close())
	}
	return s, nil
}

func inUse(err error) error {
	if err != nil && (strings.Contains(err.Error(), "locked") || strings.Contains(err.Error(), "BUSY")) {
		return fmt.Errorf("the source is in use: stop the service, and whatever else has the file open, and run this again (%w)", err)
	}
	return err
}

func (s *copySource) begin(ctx context.Context) error {
	// Exclusive locking takes the lock with the first access, and keeps it.
	if _, err := s.conn.ExecContext(ctx, `BEGIN EXCLUSIVE`); err != nil {
		return err
	}
	if err := sameMigrations(ctx, s.conn, "sqlite", "source"); err != nil {
		return err
	}
	names, err := column(ctx, s.conn, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'migrations' ORDER BY name`)
	if err != nil {
		return err
	}
	refers := map[string][]string{}
	tables := map[string]*copyTable{}
	for _, name := range names {
		t := &copyTable{name: name}
		tables[name] = t
		if t.columns, err = column(ctx, s.conn, `SELECT name FROM pragma_table_info($1) ORDER BY cid`, name); err != nil {
			return err
		}
		key, err := column(ctx, s.conn, `SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk`, name)
		if err != nil {
			return err
		}
		if len(key) == 0 {
			return fmt.Errorf("table %s has no primary key", name)
		}
		for _, k := range key {
			t.key = append(t.key, slices.Index(t.columns, k))
		}
		if refers[name], err = column(ctx, s.conn, `SELECT DISTINCT "table" FROM pragma_foreign_key_list($1) ORDER BY 1`, name); err != nil {
			return err
		}
		if err := s.conn.QueryRowContext(ctx, `SELECT count(*) FROM "`+name+`"`).Scan(&t.rows); err != nil {
			return err
		}
	}
	for len(s.tables) < len(names) {
		before := len(s.tables)
		for _, name := range names {
			ready := !slices.Contains(s.tables, tables[name])
			for _, other := range refers[name] {
				ready = ready && (other == name || slices.Contains(s.tables, tables[other]))
			}
			if ready {
				s.tables = append(s.tables, tables[name])
			}
		}
		if len(s.tables) == before {
			return errors.New("tables refer to each other in a circle")
		}
	}
	return nil
}

func (s *copySource) close() error {
	_, _ = s.conn.ExecContext(context.Background(), `ROLLBACK`)
	return errors.Join(s.conn.Close(), s.db.Close())
}

// each calls fn with every row in the order of the key. The values are fn's to keep.
func (s *copySource) each(ctx context.Context, t *copyTable, fn func([]any) error) error {
	found, err := s.conn.QueryContext(ctx, `SELECT `+t.all()+` FROM "`+t.name+`" ORDER BY `+t.keyColumns())
	if err != nil {
		return err
	}
	return eachOf(found, t, func(values []any) error {
		for i, v := range values {
			if text, ok := v.(string); ok && (strings.ContainsRune(text, 0) || !utf8.ValidString(text)) {
				return fmt.Errorf("table %s, %s: the text in %s is not one that PostgreSQL holds", t.name, t.keyOf(values), t.columns[i])
			}
		}
		return fn(values)
	})
}

func eachOf(found *sql.Rows, t *copyTable, fn func([]any) error) error {
	defer found.Close()
	for found.Next() {
		values, into := make([]any, len(t.columns)), make([]any, len(t.columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := found.Scan(into...); err != nil {
			return err
		}
		for i, v := range values {
			if b, ok := v.([]byte); ok && b == nil {
				values[i] = []byte{} // empty, which is not absent
			}
		}
		if err := fn(values); err != nil {
			return err
		}
	}
	return found.Err()
}

type asker interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

func column(ctx context.Context, from asker, text string, args ...any) ([]string, error) {
	found, err := from.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var out []string
	for found.Next() {
		var s string
		if err := found.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, found.Err()
}

// sameMigrations refuses a database that has not just the tables of this build.
func sameMigrations(ctx context.Context, from asker, dialect, side string) error {
	found, err := column(ctx, from, `SELECT name || ' ' || checksum FROM migrations WHERE name <> $1 ORDER BY name`, copyMark)
	if err != nil {
		return fmt.Errorf("the %s is no database of this service: %w", side, err)
	}
	var want []string
	entries, err := fs.ReadDir(migrations, path.Join("migrations", dialect))
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := migrations.ReadFile(path.Join("migrations", dialect, e.Name()))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		want = append(want, e.Name()+" "+hex.EncodeToString(sum[:]))
	}
	if !slices.Equal(found, want) {
		return fmt.Errorf("the %s was made by another build: bring it to this one by \"countersign migrate\", or copy with the build that made it", side)
	}
	return nil
}

// Copy carries an SQLite database into an empty PostgreSQL one, and proves that both hold the same. What was interrupted goes on where
// it stopped when it is run again. Nothing sealed is opened. The source is nobody else's meanwhile; told hears of each batch.
func Copy(ctx context.Context, from, to string, now time.Time, told func(CopyStep)) ([]TableSum, error) {
	source, err := openSource(ctx, from)
	if err != nil {
		return nil, err
	}
	defer source.close()
	if !IsPostgres(to) {
		return nil, errors.New("the target is to be postgres://…")
	}
	pool, err := connectPostgres(ctx, to)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	if err := source.prepare(ctx, pool, to, now); err != nil {
		return nil, err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, withoutSecrets(err)
	}
	defer conn.Close()
	err = conn.Raw(func(c any) error {
		return source.copyTo(ctx, c.(*stdlib.Conn).Conn(), told)
	})
	if err != nil {
		return nil, withoutSecrets(err)
	}
	sums, err := source.compare(ctx, pool)
	if err != nil {
		return sums, err
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return sums, withoutSecrets(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, `DROP TABLE `+copyProgress); err != nil {
		return sums, withoutSecrets(err)
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM migrations WHERE name = $1`, copyMark); err != nil {
		return sums, withoutSecrets(err)
	}
	return sums, withoutSecrets(tx.Commit())
}

// Compare tells whether a PostgreSQL database holds what an SQLite one does.
func Compare(ctx context.Context, from, to string) ([]TableSum, error) {
	source, err := openSource(ctx, from)
	if err != nil {
		return nil, err
	}
	defer source.close()
	if !IsPostgres(to) {
		return nil, errors.New("the target is to be postgres://…")
	}
	pool, err := connectPostgres(ctx, to)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	if err := sameMigrations(ctx, pool, "postgres", "target"); err != nil {
		return nil, withoutSecrets(err)
	}
	return source.compare(ctx, pool)
}

// prepare refuses a target that holds anything but a part of a copy, and notes that one is under way.
func (s *copySource) prepare(ctx context.Context, pool *sql.DB, to string, now time.Time) error {
	there, err := column(ctx, pool, `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name`)
	if err != nil {
		return withoutSecrets(err)
	}
	if slices.Contains(there, copyProgress) {
		return sameMigrations(ctx, pool, "postgres", "target")
	}
	for _, table := range there {
		if table == "migrations" {
			continue
		}
		if !slices.ContainsFunc(s.tables, func(t *copyTable) bool { return t.name == table }) {
			return fmt.Errorf("the target has a table %s, which is not this service's: give a database of its own, CREATE DATABASE makes one", table)
		}
		one, err := column(ctx, pool, `SELECT '1' FROM "`+table+`" LIMIT 1`)
		if err != nil {
			return withoutSecrets(err)
		}
		if len(one) > 0 {
			return fmt.Errorf("the target holds rows already (in %s), and not from a copy under way: give an empty database, or compare by \"countersign db verify\"", table)
		}
	}
	if _, err := Migrate(ctx, to, now); err != nil {
		return withoutSecrets(err)
	}
	if err := sameMigrations(ctx, pool, "postgres", "target"); err != nil {
		return withoutSecrets(err)
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return withoutSecrets(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, `CREATE TABLE `+copyProgress+` (name TEXT PRIMARY KEY, copied BIGINT NOT NULL, digest TEXT NOT NULL, last_key TEXT NOT NULL)`); err != nil {
		return withoutSecrets(err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO migrations (name, checksum, applied_at) VALUES ($1, '', $2)`, copyMark, now.UnixMilli()); err != nil {
		return withoutSecrets(err)
	}
	for _, t := range s.tables {
		if _, err := tx.ExecContext(ctx, `INSERT INTO `+copyProgress+` (name, copied, digest, last_key) VALUES ($1, 0, $2, '')`, t.name, RowSum{}.String()); err != nil {
			return withoutSecrets(err)
		}
	}
	return withoutSecrets(tx.Commit())
}

func (s *copySource) copyTo(ctx context.Context, target *pgx.Conn, told func(CopyStep)) error {
	step := CopyStep{}
	for _, t := range s.tables {
		step.OfAll += t.rows
	}
	for _, t := range s.tables {
		step.Table, step.Rows, step.Of = t.name, 0, t.rows
		if err := s.copyTable(ctx, target, t, &step, told); err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return identities(ctx, target)
}

func (s *copySource) copyTable(ctx context.Context, target *pgx.Conn, t *copyTable, step *CopyStep, told func(CopyStep)) error {
	var copied int64
	var digest, lastKey string
	// A copy that was killed may have sent its commit just before: whoever goes on waits until that has ended.
	if err := target.QueryRow(ctx, `SELECT copied, digest, last_key FROM `+copyProgress+` WHERE name = $1 FOR UPDATE`, t.name).Scan(&copied, &digest, &lastKey); err != nil {
		return err
	}
	changed := errors.New("the source is not what the copy was begun from, or was written since: begin again with an empty target")
	if copied > t.rows {
		return changed
	}
	var sum RowSum
	var buffer []byte
	var batch [][]any
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		before := copied
		copied += int64(len(batch))
		if err := writeBatch(ctx, target, t, batch, before, copied, sum.String()); err != nil {
			return err
		}
		n := int64(len(batch))
		step.Rows, step.Total, step.Written = step.Rows+n, step.Total+n, step.Written+n
		told(*step)
		batch, size = batch[:0], 0
		return nil
	}
	already := copied
	err := s.each(ctx, t, func(values []any) error {
		var err error
		if buffer, err = encode(buffer[:0], t.name, values); err != nil {
			return err
		}
		sum.add(sha256.Sum256(buffer))
		if sum.Count <= already {
			// What was copied before is read once more: only so it is known to be what it was.
			if step.Rows, step.Total = step.Rows+1, step.Total+1; sum.Count == already && (sum.String() != digest || t.keyOf(values) != lastKey) {
				return changed
			}
			if sum.Count == already || sum.Count%copyBatch == 0 {
				told(*step)
			}
			return nil
		}
		batch, size = append(batch, values), size+len(buffer)
		if len(batch) < copyBatch && size < copyBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// writeBatch writes rows and how far the copy is with them in one transaction.
func writeBatch(ctx context.Context, target *pgx.Conn, t *copyTable, batch [][]any, before, after int64, digest string) error {
	tx, err := target.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromRows(batch)); err != nil {
		return err
	}
	moved, err := tx.Exec(ctx, `UPDATE `+copyProgress+` SET copied = $1, digest = $2, last_key = $3 WHERE name = $4 AND copied = $5`,
		after, digest, t.keyOf(batch[len(batch)-1]), t.name, before)
	if err != nil {
		return err
	}
	if moved.RowsAffected() != 1 {
		return errors.New("another copy writes to this target")
	}
	return tx.Commit(ctx)
}

// identities lets what the database numbers itself go on after the rows that were copied.
func identities(ctx context.Context, target *pgx.Conn) error {
	found, err := target.Query(ctx, `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() AND is_identity = 'YES'`)
	if err != nil {
		return err
	}
	columns, err := pgx.CollectRows(found, pgx.RowToStructByPos[struct{ Table, Column string }])
	if err != nil {
		return err
	}
	for _, c := range columns {
		column, table := pgx.Identifier{c.Column}.Sanitize(), pgx.Identifier{c.Table}.Sanitize()
		if _, err := target.Exec(ctx, `SELECT setval(pg_get_serial_sequence($1, $2), (SELECT COALESCE(max(`+column+`), 0) + 1 FROM `+table+`), false)`, c.Table, c.Column); err != nil {
			return err
		}
	}
	return nil
}

// buckets are the sums of rows by their keys' digests, so that what differs is found without keeping every row in mind.
const buckets = 4096

type tableSums struct {
	all  RowSum
	each [buckets]RowSum
}

// differences is how many rows are named at most, of each table.
const differences = 10

// compare sums every table on both sides. Where they differ it looks for the rows, and names them in its error.
func (s *copySource) compare(ctx context.Context, pool *sql.DB) ([]TableSum, error) {
	target, err := pool.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return nil, withoutSecrets(err)
	}
	defer target.Rollback()
	// A large table takes long to read, and waits for the other side meanwhile.
	for _, limit := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
		if _, err := target.ExecContext(ctx, "SET LOCAL "+limit+" = 0"); err != nil {
			return nil, withoutSecrets(err)
		}
	}
	var out []TableSum
	var found []string
	for _, t := range s.tables {
		fromSource := func(fn func([]any) error) error { return s.each(ctx, t, fn) }
		fromTarget := func(fn func([]any) error) error { return withoutSecrets(eachTarget(ctx, target, t, fn)) }
		a, b, err := both(t, fromSource, fromTarget, func(into *tableSums, bucket int, _ string, digest [32]byte) {
			into.all.add(digest)
			into.each[bucket].add(digest)
		})
		if err != nil {
			return out, err
		}
		out = append(out, TableSum{t.name, a.all, b.all})
		if a.all == b.all {
			continue
		}
		wanted := map[int]bool{}
		for i := range a.each {
			if a.each[i] != b.each[i] && len(wanted) < differences {
				wanted[i] = true
			}
		}
		rowsOf, rowsOn, err := both(t, fromSource, fromTarget, func(into *map[string][32]byte, bucket int, key string, digest [32]byte) {
			if *into == nil {
				*into = map[string][32]byte{}
			}
			if wanted[bucket] {
				(*into)[key] = digest
			}
		})
		if err != nil {
			return out, err
		}
		found = append(found, named(t.name, *rowsOf, *rowsOn)...)
	}
	if len(found) > 0 {
		return out, fmt.Errorf("%w:\n  %s", ErrDiffers, strings.Join(found, "\n  "))
	}
	return out, nil
}

// both reads a table on both sides at once.
func both[S any](t *copyTable, fromSource, fromTarget func(func([]any) error) error, note func(into *S, bucket int, key string, digest [32]byte)) (a, b *S, err error) {
	read := func(from func(func([]any) error) error) (*S, error) {
		into := new(S)
		var buffer []byte
		return into, from(func(values []any) error {
			var err error
			if buffer, err = encode(buffer[:0], t.name, values); err != nil {
				return err
			}
			key := t.keyOf(values)
			of := sha256.Sum256([]byte(key))
			note(into, int(binary.BigEndian.Uint16(of[:]))%buckets, key, sha256.Sum256(buffer))
			return nil
		})
	}
	done := make(chan struct{})
	var other error
	go func() {
		defer close(done)
		b, other = read(fromTarget)
	}()
	a, err = read(fromSource)
	<-done
	return a, b, errors.Join(err, other)
}

func named(table string, source, target map[string][32]byte) []string {
	var out []string
	for key, digest := range source {
		if on, there := target[key]; !there {
			out = append(out, fmt.Sprintf("%s, %s: missing in the target", table, key))
		} else if on != digest {
			out = append(out, fmt.Sprintf("%s, %s: not the same", table, key))
		}
	}
	for key := range target {
		if _, there := source[key]; !there {
			out = append(out, fmt.Sprintf("%s, %s: in the target alone", table, key))
		}
	}
	slices.Sort(out)
	return out[:min(len(out), differences)]
}

// eachTarget calls fn with every row, a page at a time by the key.
func eachTarget(ctx context.Context, from asker, t *copyTable, fn func([]any) error) error {
	var after []any
	for {
		text, args := `SELECT `+t.all()+` FROM "`+t.name+`"`, []any{}
		if after != nil {
			var marks []string
			for i, k := range t.key {
				marks, args = append(marks, fmt.Sprintf("$%d", i+1)), append(args, after[k])
			}
			text += ` WHERE (` + t.keyColumns() + `) > (` + strings.Join(marks, ", ") + `)`
		}
		found, err := from.QueryContext(ctx, text+fmt.Sprintf(` ORDER BY %s LIMIT %d`, t.keyColumns(), copyBatch), args...)
		if err != nil {
			return err
		}
		n := 0
		err = eachOf(found, t, func(values []any) error {
			n, after = n+1, values
			return fn(values)
		})
		if err != nil || n < copyBatch {
			return err
		}
	}
}
