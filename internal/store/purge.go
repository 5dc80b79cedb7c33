package store

import (
	"context"
	"encoding/binary"
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
	key  func(before time.Time) any
}{
	{`DELETE FROM spent_challenges WHERE nonce IN (SELECT nonce FROM spent_challenges WHERE nonce < $1 ORDER BY nonce LIMIT $2)`, day,
		func(t time.Time) any { return spentKey(t, nil) }},
	{`DELETE FROM verifications WHERE rowid IN (SELECT rowid FROM verifications WHERE expires_at < $1 LIMIT $2)`, 2 * day, column},
	{`DELETE FROM budgets WHERE key IN (SELECT key FROM budgets WHERE resets_at < $1 LIMIT $2)`, 2 * day, column},
	{`DELETE FROM outbox WHERE rowid IN (SELECT rowid FROM outbox WHERE state <> 'queued' AND ended_at < $1 LIMIT $2)`, 7 * day, column},
	// All sessions live equally long and their ids grow with time, so the first are the first to be over.
	{`DELETE FROM sessions WHERE id IN (SELECT id FROM (SELECT id, expires_at FROM sessions ORDER BY id LIMIT $2) WHERE expires_at < $1)`, 30 * day, column},
	{`DELETE FROM freeze_links WHERE rowid IN (SELECT rowid FROM freeze_links WHERE expires_at < $1 LIMIT $2)`, 30 * day, column},
	{`DELETE FROM former_emails WHERE rowid IN (SELECT rowid FROM former_emails WHERE until < $1 LIMIT $2)`, day, column},
}

func column(t time.Time) any { return millis(t) }

// spentKey is the key of a spent login challenge: its expiry as 8 bytes, the highest first, and its nonce. So keys grow with
// time, and a login appends.
func spentKey(expires time.Time, nonce []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(millis(expires))), nonce...)
}

// Purge deletes what is long over. It measures against the high-water time, and waits a day beyond every expiry, so
// that no jump of the clock brings back what was spent.
func (db *DB) Purge(ctx context.Context) error {
	for _, p := range purges {
		for gone := int64(purgeBatch); gone == purgeBatch; {
			err := db.Update(ctx, func(tx *Tx) (err error) {
				gone, err = tx.affect(p.text, p.key(tx.Now.Add(-p.age)), purgeBatch)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
