package store

import (
	"context"
	"time"
)

// Purge deletes what is long over. It measures against the high-water time, and waits a day beyond every expiry, so
// that no jump of the clock brings back what was spent.
func (db *DB) Purge(ctx context.Context) error {
	const day = 24 * time.Hour
	return db.Update(ctx, func(tx *Tx) error {
		for _, p := range []struct {
			text string
			age  time.Duration
		}{
			{`DELETE FROM spent_challenges WHERE expires_at < $1`, day},
			{`DELETE FROM verifications WHERE expires_at < $1`, 2 * day},
			{`DELETE FROM budgets WHERE resets_at < $1`, 2 * day},
			{`DELETE FROM outbox WHERE state <> 'queued' AND ended_at < $1`, 7 * day},
			{`DELETE FROM sessions WHERE expires_at < $1`, 30 * day},
			{`DELETE FROM freeze_links WHERE expires_at < $1`, 30 * day},
			{`DELETE FROM former_emails WHERE until < $1`, day},
		} {
			if err := tx.run(p.text, millis(tx.Now.Add(-p.age))); err != nil {
				return err
			}
		}
		return nil
	})
}
