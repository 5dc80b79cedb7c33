package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"sync"

	"modernc.org/sqlite" // also the driver "sqlite"
)

// readerConns is how many views run at once on SQLite.
const readerConns = 4

func init() {
	// As every Linux distribution builds SQLite: the data and size of the log are forced to the disk, its time of change is not, which no
	// recovery reads and which would cost the file system's journal a write for each commit. Where there is no fdatasync it stays fsync.
	_, _ = sqlite.Fdatasync(true)
}

// lite is a database in a file of this machine, which this process alone writes, by one connection.
type lite struct {
	db          *sql.DB
	checkpoints checkpoints
	checkpoint  sync.WaitGroup
	readStmts   statements
	writeStmts  statements
}

// openSQLite opens or creates the file at path.
func (db *DB) openSQLite(ctx context.Context, path string) error {
	dsn, err := sqliteFile(path)
	if err != nil {
		return err
	}
	l := &lite{checkpoints: checkpoints{due: make(chan struct{}, 1), rest: make(chan struct{})}}
	db.lite = l
	if l.db, err = sql.Open("sqlite", dsn+"&_txlock=immediate"); err != nil {
		return err
	}
	l.db.SetMaxOpenConns(2) // the writer, and who checkpoints beside it
	if _, err := migrate(ctx, l.db, "sqlite", db.clock()); err != nil {
		return err
	}
	if db.readers, err = sql.Open("sqlite", dsn+"&_pragma=query_only(1)"); err != nil {
		return err
	}
	db.readers.SetMaxOpenConns(readerConns)
	db.readers.SetMaxIdleConns(readerConns)
	w := &writer{db: db, jobs: db.jobs, begin: "BEGIN IMMEDIATE", stmts: &l.writeStmts}
	db.writers = []*writer{w}
	if w.conn, err = l.db.Conn(ctx); err != nil {
		return err
	}
	if l.checkpoints.conn, err = l.db.Conn(ctx); err != nil {
		return err
	}
	l.readStmts.prepare, l.writeStmts.prepare = db.readers.PrepareContext, w.conn.PrepareContext
	if err := db.load(ctx, w.conn); err != nil {
		return err
	}
	l.checkpoint.Go(func() { l.checkpoints.run(db.done) })
	return nil
}

// address finds what is meant as the address of a server: an URL of whatever scheme, or what libpq takes in place of one.
var address = regexp.MustCompile(`(?i)^[a-z][a-z0-9+.-]*://|(^|\s)(host|hostaddr|user|password|dbname|service)\s*=`)

// aFile refuses what is meant as the address of a server. Taken as a path it would be a database of this machine's own, which other
// copies miss, under a name that may have a password in it; so may the errors of whoever opens it.
func aFile(path string) error {
	if address.MatchString(path) {
		return errors.New("the database is neither the path of a file nor postgres://USER@HOST:PORT/NAME?sslmode=verify-full (the password by PGPASSWORD or PGPASSFILE)")
	}
	return nil
}

// sqliteFile makes the file at path where there is none, and returns how the driver is to open it.
func sqliteFile(path string) (dsn string, err error) {
	if err := aFile(path); err != nil {
		return "", err
	}
	// The driver would make the file readable to everybody.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(1)&_pragma=cache_size(-8000)" +
		fmt.Sprintf("&_pragma=wal_autocheckpoint(%d)", checkpointAt), file.Close()
}

func (l *lite) close() error {
	l.checkpoint.Wait()
	l.readStmts.close()
	l.writeStmts.close()
	var err error
	if l.checkpoints.conn != nil {
		err = l.checkpoints.conn.Close()
	}
	if l.db == nil {
		return err
	}
	return errors.Join(err, l.db.Close())
}

// SQLite's extended result codes for a violated unique index and primary key.
const (
	sqliteUnique     = 2067
	sqlitePrimaryKey = 1555
)

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
