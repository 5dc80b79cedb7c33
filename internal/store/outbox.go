package store

import (
	"context"
	"encoding/json"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/secret"
)

func outboxPlace(id string) secret.Place {
	return secret.Place{Table: "outbox", Column: "message", Row: id}
}

// Queue puts a message into the outbox; a worker carries it out after the commit. expires is when it is of no use any more.
func (tx *Tx) Queue(accountID string, m delivery.Message, expires time.Time) error {
	id := secret.NewID("msg", tx.Now)
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	tx.w.queued = true
	return tx.add(`INSERT INTO outbox (id, account_id, channel, message_sealed, state, due_at, expires_at, created_at) VALUES ($1, $2, $3, $4, 'queued', $5, $6, $5)`,
		id, accountID, m.Channel, tx.keys.Seal(outboxPlace(id), b), millis(tx.Now), millis(expires))
}

// Wake has a value soon after a message was queued.
func (db *DB) Wake() <-chan struct{} { return db.wake }

// Claim leases due messages, so that no other worker takes them until the lease is over.
func (db *DB) Claim(ctx context.Context, now time.Time, lease time.Duration, n int) ([]delivery.Item, error) {
	type row struct {
		id       string
		sealed   []byte
		attempts int
		expires  time.Time
	}
	// What another copy claims at this moment is its own.
	skip := ""
	if db.lite == nil {
		skip = " FOR UPDATE SKIP LOCKED"
	}
	var items []delivery.Item
	err := db.Update(ctx, func(tx *Tx) error {
		found, err := rows(tx, func(r *row) []any { return []any{&r.id, &r.sealed, &r.attempts, at{&r.expires}} },
			`UPDATE outbox SET due_at = $2, attempts = attempts + 1 WHERE id IN (SELECT id FROM outbox WHERE state = 'queued' AND due_at <= $1 ORDER BY due_at LIMIT $3`+skip+`)
			RETURNING id, message_sealed, attempts, expires_at`, millis(now), millis(now.Add(lease)), n)
		if err != nil {
			return err
		}
		items = items[:0]
		for _, r := range found {
			item := delivery.Item{ID: r.id, Attempts: r.attempts, ExpiresAt: r.expires}
			b, err := tx.keys.Open(outboxPlace(r.id), r.sealed)
			if err == nil {
				err = json.Unmarshal(b, &item.Message)
			}
			if err != nil {
				// One message that no key opens must not keep back the others.
				if err := tx.run(`UPDATE outbox SET state = 'failed', ended_at = $2, reason = 'unreadable' WHERE id = $1`, r.id, millis(tx.Now)); err != nil {
					return err
				}
				continue
			}
			items = append(items, item)
		}
		return nil
	})
	return items, err
}

// Sent ends a message that its carrier has taken, and forgets its contents.
func (db *DB) Sent(ctx context.Context, id string, now time.Time) error {
	return db.Update(ctx, func(tx *Tx) error {
		return tx.run(`UPDATE outbox SET state = 'sent', ended_at = $2, message_sealed = $3 WHERE id = $1 AND state = 'queued'`, id, millis(now), []byte{})
	})
}

// Failed notes a failure; when it is permanent the message is given up.
func (db *DB) Failed(ctx context.Context, id string, at time.Time, permanent bool, reason string) error {
	return db.Update(ctx, func(tx *Tx) error {
		if permanent {
			return tx.run(`UPDATE outbox SET state = 'failed', ended_at = $2, reason = $3, message_sealed = $4 WHERE id = $1 AND state = 'queued'`, id, millis(tx.Now), reason, []byte{})
		}
		return tx.run(`UPDATE outbox SET due_at = $2, reason = $3 WHERE id = $1 AND state = 'queued'`, id, millis(at), reason)
	})
}
