package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// How many connections a copy has, besides the one by which all logins are written: those that write, each with a batch of its own, and
// those that view.
var pgWriters = 4

const pgReaders = 12

// settleFor is how long a batch may run again, because of others or of lost connections, before what is left of it is given up.
var settleFor = 10 * time.Second

// viewFor is how long a view may take, with its waiting for a connection.
var viewFor = 10 * time.Second

// pgMinimum is the oldest PostgreSQL that is supported, as server_version_num has it.
const pgMinimum = 150000

// ErrUnavailable is returned where the database cannot be reached, or does not come to an end in time. Nothing was changed.
var ErrUnavailable = errors.New("store: the database does not answer")

// ErrUncertain is returned by updates whose commit was not answered: whether it was done is for the caller to look up.
var ErrUncertain = errors.New("store: the connection was lost at the commit")

// Why a transaction has to run again.
var (
	errConflict = errors.New("store: another transaction was first")
	errLost     = errors.New("store: the connection is lost")
)

// IsPostgres tells whether a location is a PostgreSQL database rather than a file.
func IsPostgres(location string) bool {
	return strings.HasPrefix(location, "postgres://") || strings.HasPrefix(location, "postgresql://")
}

// openPostgres connects to a database that other copies may use too.
func (db *DB) openPostgres(ctx context.Context, location string) error {
	pool, err := connectPostgres(ctx, location)
	if err != nil {
		return err
	}
	db.readers = pool
	pool.SetMaxOpenConns(1 + pgWriters + pgReaders)
	pool.SetMaxIdleConns(1 + pgWriters + pgReaders)
	if _, err := migrate(ctx, pool, "postgres", db.clock()); err != nil {
		return err
	}
	if err := db.agree(ctx, pool); err != nil {
		return err
	}
	if err := db.load(ctx, pool); err != nil {
		return err
	}
	db.highWater = max(db.highWater, db.seen.UnixMilli()) // as was agreed
	// Those who ask together are one writer's: it has the larger batches, and none of them meets another in the database.
	db.crowd = make(chan *job, 4*maxBatch)
	for i := range 1 + pgWriters {
		w := &writer{db: db, jobs: db.jobs, begin: "BEGIN ISOLATION LEVEL SERIALIZABLE"}
		if i == 0 {
			w.jobs = db.crowd
		}
		db.writers = append(db.writers, w)
	}
	db.beside.Go(db.keepTime)
	return nil
}

// connectPostgres makes a pool, and asks the server who it is.
func connectPostgres(ctx context.Context, location string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(location)
	var file *fs.PathError
	if errors.As(err, &file) {
		return nil, fmt.Errorf("the address of the database names a file that cannot be read: %w", file)
	}
	if err != nil {
		return nil, errors.New("the address of the database is not one: want postgres://USER@HOST:PORT/NAME?sslmode=verify-full, the password by PGPASSWORD or PGPASSFILE")
	}
	if err := encrypted(location, config); err != nil {
		return nil, err
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 3 * time.Second
	}
	for name, value := range map[string]string{
		"application_name": "countersign",
		// A copy that dies must not keep locks, nor one that was cut off.
		"idle_in_transaction_session_timeout": "10000",
		"statement_timeout":                   "30000",
		// Two that wait for each other are found by the server after a second, and hold up all who come behind them.
		"lock_timeout": "150",
		"timezone":     "UTC",
	} {
		if _, set := config.RuntimeParams[name]; !set {
			config.RuntimeParams[name] = value
		}
	}
	pool := stdlib.OpenDB(*config)
	var version int
	if err := pool.QueryRowContext(ctx, `SELECT current_setting('server_version_num')`).Scan(&version); err != nil {
		return nil, errors.Join(withoutSecrets(err), pool.Close())
	}
	if version < pgMinimum {
		return nil, errors.Join(fmt.Errorf("PostgreSQL %d is too old: %d or newer is needed", version/10000, pgMinimum/10000), pool.Close())
	}
	return pool, nil
}

// withoutSecrets keeps what a driver says of a database's address and of rows out of logs. Of a connection that cannot be made it says why, for each host
// that was tried: an authority that is not known, a wrong name or port, and a password that is refused are mended in different places.
func withoutSecrets(err error) error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		var why []string
		for _, line := range strings.Split(connect.Unwrap().Error(), "\n") {
			if !slices.Contains(why, line) {
				why = append(why, line)
			}
		}
		return fmt.Errorf("%w: %s", ErrUnavailable, strings.Join(why, "; "))
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return fmt.Errorf("PostgreSQL says %q (%s)", refused.Message, refused.Code)
	}
	return err
}

// RedactedLocation is a location as it may be shown: without password and parameters.
func RedactedLocation(location string) string {
	if !IsPostgres(location) {
		return location
	}
	u, err := url.Parse(location)
	if err != nil {
		return "postgres"
	}
	return "postgres://" + u.Host + u.Path
}

// connect takes a connection where the writer has none.
func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.db.readers.Conn(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errLost, withoutSecrets(err))
	}
	w.conn = conn
	return nil
}

// drop gives a connection up, so that the next batch takes another one: what state it is in is not known.
func (w *writer) drop() {
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close()
	w.conn = nil
}

// dead tells whether the connection was closed, by the driver or from the other side.
func (w *writer) dead() bool {
	alive := false
	err := w.conn.Raw(func(c any) error {
		alive = !c.(*stdlib.Conn).Conn().IsClosed()
		return nil
	})
	return err != nil || !alive
}

// errPiped is that a statement failed whose answer nobody had waited for.
var errPiped = errors.New("store: a statement failed")

// A piped statement is one that nobody waits for. It goes out with the next whose answer is asked for, or with the commit, so that a
// transaction takes as few round trips as it has questions.
type piped struct {
	text string
	args []any
	one  bool // it must change exactly one row: else another transaction was first
	// answer is where its answer goes, of a question that can wait; nil where it has none.
	answer *answer
}

// An answer is how many rows a statement changed or, where into is not nil, the one row that it found, if any.
type answer struct {
	into     []any
	affected int64
}

// later puts a statement in line.
func (w *writer) later(p piped) { w.pipe = append(w.pipe, p) }

// finish commits, with what is in line. Where no statement was sent there is nothing to commit.
func (w *writer) finish(ctx context.Context) error {
	if !w.sent && len(w.pipe) == 1 {
		return nil
	}
	_, err := w.send(ctx, &piped{text: "COMMIT"})
	return err
}

// send sends what is in line, and last, in one round trip; nil sends only the former. affected is how many rows last changed.
func (w *writer) send(ctx context.Context, last *piped) (affected int64, err error) {
	line := w.pipe
	w.pipe = w.pipe[:0]
	if last != nil {
		line = append(line, *last)
	}
	if len(line) == 0 {
		return 0, nil
	}
	w.sent = true
	w.sends++
	err = w.conn.Raw(func(c any) error {
		conn := c.(*stdlib.Conn).Conn()
		if len(line) == 1 && line[0].answer == nil {
			tag, err := conn.Exec(ctx, line[0].text, line[0].args...)
			affected = tag.RowsAffected()
			return err
		}
		batch := &pgx.Batch{}
		for _, p := range line {
			batch.Queue(p.text, p.args...)
		}
		answers := conn.SendBatch(ctx, batch)
		for i, p := range line {
			tag, err := read(answers, p.answer)
			if err == nil && p.one && tag.RowsAffected() != 1 {
				err = errConflict
			}
			if err != nil {
				if i < len(line)-1 {
					err = fmt.Errorf("%w: %w", errPiped, err)
				}
				return errors.Join(err, answers.Close())
			}
			affected = tag.RowsAffected()
		}
		return answers.Close()
	})
	return affected, err
}

// read reads the next answer of several.
func read(answers pgx.BatchResults, a *answer) (tag pgconn.CommandTag, err error) {
	if a == nil || a.into == nil {
		if tag, err = answers.Exec(); err == nil && a != nil {
			a.affected = tag.RowsAffected()
		}
		return tag, err
	}
	found, err := answers.Query()
	if err != nil {
		return tag, err
	}
	if found.Next() {
		err = found.Scan(a.into...)
		a.affected = 1
	}
	found.Close()
	return found.CommandTag(), errors.Join(err, found.Err())
}

// failed notes what an error of a statement means for the transaction under way, and gives it its name in this package.
func (w *writer) failed(err error) error {
	if w.db.lite != nil {
		return err
	}
	switch {
	case conflicts(err), errors.Is(err, errConflict):
		w.broken = errConflict
	case disconnected(err), w.dead():
		w.broken = errLost
		w.drop()
	default:
		return err
	}
	return fmt.Errorf("%w: %w", w.broken, withoutSecrets(err))
}

// uncertain names the error of a commit: refused for sure, or not known.
func (w *writer) uncertain(err error) error {
	switch {
	case w.db.lite != nil:
		return err
	case conflicts(err), errors.Is(err, errConflict):
		return fmt.Errorf("%w: %w", errConflict, err)
	case disconnected(err), w.dead():
		w.drop()
		return fmt.Errorf("%w: %w", ErrUncertain, withoutSecrets(err))
	}
	return err
}

// conflicts tells of errors that another transaction has caused: one that runs again sees what that one did. A violated unique key is
// among them, as what was looked up first may have come in between.
func conflicts(err error) bool {
	switch code(err) {
	case "40001", "40P01", "55P03", "23505":
		return true
	}
	return false
}

// disconnected tells of errors after which the connection is of no use: it is gone, or the server is going, or takes no writes any more.
func disconnected(err error) bool {
	switch c := code(err); {
	case strings.HasPrefix(c, "08"), strings.HasPrefix(c, "57"), c == "25006", c == "25P03", c == "53300":
		return true
	case c != "":
		return false
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return pgconn.SafeToRetry(err) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) || errors.As(err, &connect)
}

// stale tells of a connection that had ended before it was used, as all do that a pool keeps when the server is started again.
func stale(err error) bool {
	var connect *pgconn.ConnectError
	return disconnected(err) && !errors.As(err, &connect)
}

// code is the SQLSTATE of an error, "" where it is not the server's.
func code(err error) string {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

// keepTime keeps the high-water time in the database, and takes over what other copies have kept, and the epoch, until the database
// is closed. So a copy's time never runs behind another's by more than a second, nor after a start behind what was before it.
func (db *DB) keepTime() {
	ticker := time.NewTicker(exchangeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-db.done:
			_ = db.exchangeTime(context.Background())
			return
		case <-ticker.C:
		}
		// What fails is tried again by the next.
		_ = db.exchangeTime(context.Background())
	}
}

func (db *DB) exchangeTime(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	// Whoever asks for nothing goes on in time too: by this, others see that this copy serves.
	text, args := `INSERT INTO settings (name, value) VALUES ('high_water', $1)
		ON CONFLICT (name) DO UPDATE SET value = CASE WHEN settings.value < excluded.value THEN excluded.value ELSE settings.value END RETURNING value`, []any{db.Now().UnixMilli()}
	ahead := db.Ahead() > 0
	if ahead {
		text, args = `SELECT value FROM settings WHERE name = 'high_water'`, nil
	}
	var stored, epoch int64
	if err := db.readers.QueryRowContext(ctx, text, args...).Scan(&stored); err != nil {
		return err
	}
	err := db.readers.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = 'epoch'`).Scan(&epoch)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if stored > db.highWater {
		db.highWater, db.seen = stored, db.clock()
	}
	if ahead {
		db.hear(stored)
	}
	db.epoch = max(db.epoch, epoch)
	return nil
}
