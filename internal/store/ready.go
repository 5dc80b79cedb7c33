package store

import (
	"context"
	"fmt"
	"slices"
)

// Ready tells whether the database answers, and has every migration that this build was made for. What a newer build has added is left
// to that: migrations are made so that older copies go on meanwhile.
func (db *DB) Ready(ctx context.Context) error {
	return db.View(ctx, func(tx *Tx) error {
		type row struct{ name string }
		applied, err := rows(tx, func(r *row) []any { return []any{&r.name} }, `SELECT name FROM migrations`)
		if err != nil {
			return err
		}
		ours, err := migrations.ReadDir(db.migrations())
		if err != nil {
			return err
		}
		for _, m := range ours {
			if !slices.Contains(applied, row{m.Name()}) {
				return fmt.Errorf("the database lacks the migration %s", m.Name())
			}
		}
		return nil
	})
}
