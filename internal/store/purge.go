package store

import (
	"context"
	"time"
)

// purgeBatch is how many rows of one table a purge deletes in one update, so that logins go on between.
const purgeBatch = 500

const day = 24 * time.Hour

// purges are what is long over. Each text deletes purgeBatch rows ($2) at most, and finds them by an index or in the order of the
// table's key: everything else waits while the writer looks.
var purges = []struct {
	text string
	age  time.Duration
}{
	{`DELETE FROM spent_challenges WHERE (expires_at, nonce) IN (SELECT expires_at, nonce FROM spent_challenges WHERE expires_at < $1 LIMIT $2)`, day},
	{`DELETE FROM verifications WHERE rowid IN (SELECT rowid FROM verifications WHERE expires_at < $1 LIMIT $2)`, 2 * day},
	{`DELETE FROM budgets WHERE key IN (SELECT key FROM budgets WHERE resets_at < $1 LIMIT $2)`, 2 * day},
	{`DELETE FROM outbox WHERE rowid IN (SELECT rowid FROM outbox WHERE state <> 'queued' AND ended_at < $1 LIMIT $2)`, 7 * day},
	{`DELETE FROM sessions WHERE (account_id, id) IN (SELECT account_id, id FROM sessions WHERE expires_at < $1 LIMIT $2)`, 30 * day},
	{`DELETE FROM freeze_links WHERE rowid IN (SELECT rowid FROM freeze_links WHERE expires_at < $1 LIMIT $2)`, 30 * day},
	{`DELETE FROM former_emails WHERE rowid IN (SELECT rowid FROM former_emails WHERE until < $1 LIMIT $2)`, day},
	{`DELETE FROM operator_sessions WHERE (operator_id, id) IN (SELECT operator_id, id FROM operator_sessions WHERE expires_at < $1 LIMIT $2)`, 30 * day},
	{`DELETE FROM operator_invitations WHERE token_hash IN (SELECT token_hash FROM operator_invitations WHERE expires_at < $1 LIMIT $2)`, 30 * day},
	// What a request took along stays named in it.
	{`DELETE FROM recordings WHERE rowid IN (SELECT rowid FROM recordings WHERE deleted_at > 0 AND deleted_at < $1 AND ticket_id = '' LIMIT $2)`, 30 * day},
	// What failed half a year ago helps nobody any more.
	{`DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE operation IN ('create', 'sign_in', 'confirm') AND begun_at < $1 LIMIT $2)`, 180 * day},
}

// Purge deletes what is long over. It measures against the high-water time, and waits a day beyond every expiry, so
// that no jump of the clock brings back what was spent.
func (db *DB) Purge(ctx context.Context) error {
	for _, p := range purges {
		for gone := int64(purgeBatch); gone == purgeBatch; {
			err := db.Update(ctx, func(tx *Tx) (err error) {
				gone, err = tx.affect(p.text, millis(tx.Now.Add(-p.age)), purgeBatch)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
