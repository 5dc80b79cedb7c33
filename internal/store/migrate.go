package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

//go:embed migrations
var migrations embed.FS

// migrate applies the migrations that the database lacks, in the order of their names, each once, in one transaction. A migration that
// was applied and has changed since is refused, and so is one that this build does not know: an older build would write what a newer
// one's tables do not expect. Copies that start at once meet at the tables that they make; those that come second look again.
//
// A migration that comes after a release must leave what the copies of that release need: they serve while it is applied, and after.
func migrate(ctx context.Context, db *sql.DB, dialect string, now time.Time) (applied []string, err error) {
	for try := 0; ; try++ {
		applied, err = migrateOnce(ctx, db, migrations, dialect, now)
		if c := code(err); try < 20 && (conflicts(err) || c == "42P07" || c == "42710" || c == "XX000") {
			select {
			case <-time.After(time.Duration(10+rand.IntN(50)) * time.Millisecond):
				continue
			case <-ctx.Done():
			}
		}
		return applied, err
	}
}

func migrateOnce(ctx context.Context, db *sql.DB, files fs.FS, dialect string, now time.Time) (done []string, err error) {
	folder := path.Join("migrations", dialect)
	names, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	if dialect == "postgres" {
		// An index over a large table takes its time. Locks are still not waited for: whoever serves would wait behind.
		if _, err := tx.ExecContext(ctx, `SET LOCAL statement_timeout = 0`); err != nil {
			return nil, err
		}
	}
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)`); err != nil {
		return nil, err
	}
	if err := foreign(ctx, tx, names); err != nil {
		return nil, err
	}
	for _, entry := range names {
		text, err := fs.ReadFile(files, path.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		checksum := hex.EncodeToString(sum[:])
		var applied string
		err = tx.QueryRowContext(ctx, `SELECT checksum FROM migrations WHERE name = $1`, entry.Name()).Scan(&applied)
		switch {
		case err == nil && applied == checksum:
			continue
		case err == nil:
			return nil, fmt.Errorf("migration %s was applied with other contents; the database was made by another build", entry.Name())
		case !errors.Is(err, sql.ErrNoRows):
			return nil, err
		}
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return nil, fmt.Errorf("migration %s: %w", entry.Name(), err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO migrations (name, checksum, applied_at) VALUES ($1, $2, $3)`, entry.Name(), checksum, now.UnixMilli()); err != nil {
			return nil, err
		}
		done = append(done, entry.Name())
	}
	return done, tx.Commit()
}

// migrations is the folder of those that this database has.
func (db *DB) migrations() string {
	if db.lite == nil {
		return "migrations/postgres"
	}
	return "migrations/sqlite"
}

// Migrate applies what a database lacks, and returns the names of what it applied.
func Migrate(ctx context.Context, location string, now time.Time) ([]string, error) {
	db, dialect, err := connect(ctx, location)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return migrate(ctx, db, dialect, now)
}

// Exists returns an error where there is no database of this service: opening one would make it.
func Exists(ctx context.Context, location string) error {
	if !IsPostgres(location) {
		if err := aFile(location); err != nil {
			return err
		}
		_, err := os.Stat(location)
		return err
	}
	db, _, err := connect(ctx, location)
	if err != nil {
		return err
	}
	defer db.Close()
	var n int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM migrations`).Scan(&n); err != nil {
		return fmt.Errorf("no database of this service: %w", withoutSecrets(err))
	}
	return nil
}

// connect opens a database as it is.
func connect(ctx context.Context, location string) (db *sql.DB, dialect string, err error) {
	if IsPostgres(location) {
		db, err = connectPostgres(ctx, location)
		return db, "postgres", err
	}
	dsn, err := sqliteFile(location)
	if err != nil {
		return nil, "", err
	}
	db, err = sql.Open("sqlite", dsn+"&_txlock=immediate")
	return db, "sqlite", err
}

// foreign refuses a database to which migrations were applied that are not among ours.
func foreign(ctx context.Context, tx *sql.Tx, ours []fs.DirEntry) error {
	found, err := tx.QueryContext(ctx, `SELECT name FROM migrations ORDER BY name`)
	if err != nil {
		return err
	}
	defer found.Close()
	var unknown []string
	for found.Next() {
		var name string
		if err := found.Scan(&name); err != nil {
			return err
		}
		if name == copyMark {
			return errors.New("a copy into this database has not ended: run \"countersign db copy\" again, which goes on where it stopped")
		}
		if !slices.ContainsFunc(ours, func(e fs.DirEntry) bool { return e.Name() == name }) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("this build does not know the migrations %s; the database was made by a newer build", strings.Join(unknown, ", "))
	}
	return found.Err()
}
