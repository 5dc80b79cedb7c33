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
	"path"
	"time"
)

//go:embed migrations
var migrations embed.FS

// migrate applies the migrations that the database lacks, in the order of their names, each once, under the
// writer's lock. A migration that was applied and has changed since is refused.
func migrate(ctx context.Context, db *sql.DB, now time.Time) error {
	const folder = "migrations/sqlite"
	names, err := fs.ReadDir(migrations, folder)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)`); err != nil {
		return err
	}
	for _, entry := range names {
		text, err := migrations.ReadFile(path.Join(folder, entry.Name()))
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		checksum := hex.EncodeToString(sum[:])
		var applied string
		err = tx.QueryRowContext(ctx, `SELECT checksum FROM migrations WHERE name = $1`, entry.Name()).Scan(&applied)
		switch {
		case err == nil && applied == checksum:
			continue
		case err == nil:
			return fmt.Errorf("migration %s was applied with other contents; the database was made by another build", entry.Name())
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return fmt.Errorf("migration %s: %w", entry.Name(), err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO migrations (name, checksum, applied_at) VALUES ($1, $2, $3)`, entry.Name(), checksum, now.UnixMilli()); err != nil {
			return err
		}
	}
	return tx.Commit()
}
