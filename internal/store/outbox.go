package store

import (
	"context"
	"encoding/json"
	"errors"
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
	return tx.surely(`INSERT INTO outbox (id, account_id, channel, message_sealed, state, due_at, expires_at, created_at) VALUES ($1, $2, $3, $4, 'queued', $5, $6, $5)`,
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
func (db *DB) Sent(ctx context.Context, id string, now time.Time, by delivery.Receipt) error {
	return db.Update(ctx, func(tx *Tx) error {
		return tx.run(`UPDATE outbox SET state = 'sent', ended_at = $2, message_sealed = $5, carrier = $3, carrier_id = $4, reason = '' WHERE id = $1 AND state = 'queued'`,
			id, millis(now), by.Carrier, by.ID, []byte{})
	})
}

// Report notes how a message fared after it was sent. The first final word stays; known tells whether there is such a message.
func (db *DB) Report(ctx context.Context, r delivery.Report) (known bool, err error) {
	state := "failed"
	if r.Delivered {
		state = "delivered"
	}
	err = db.Update(ctx, func(tx *Tx) error {
		var id, was string
		known = false
		err := tx.row([]any{&id, &was}, `SELECT id, state FROM outbox WHERE carrier = $1 AND carrier_id = $2 AND carrier_id <> '' ORDER BY id DESC LIMIT 1`, r.Carrier, r.ID)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		known = true
		if was != "sent" {
			return nil
		}
		return tx.run(`UPDATE outbox SET state = $2, ended_at = $3, reason = $4 WHERE id = $1 AND state = 'sent'`, id, state, millis(tx.Now), r.Reason)
	})
	return known, err
}

// Spend takes a message from budgets, once however often it is tried, or tells that one of them has nothing left.
func (db *DB) Spend(ctx context.Context, id string, uses []delivery.Use) (spent delivery.Spent, err error) {
	err = db.Update(ctx, func(tx *Tx) error {
		spent = delivery.Spent{Taken: true}
		first, err := tx.once(`UPDATE outbox SET counted = 1 WHERE id = $1 AND counted = 0 AND state = 'queued'`, id)
		if err != nil || !first {
			return err
		}
		if spent.UsedUp, spent.Until, err = tx.UsedUp(uses); err != nil {
			return err
		}
		if spent.UsedUp != "" {
			spent.Taken = false
			return tx.run(`UPDATE outbox SET counted = 0 WHERE id = $1`, id)
		}
		for _, u := range uses {
			if err := tx.Take(tx.spendingKey(u), 1, Allowance{Limit: u.Limit, Window: u.Window}); err != nil {
				return err
			}
		}
		spent.UsedUp, spent.Until, err = tx.UsedUp(uses)
		return err
	})
	return spent, err
}

// UsedUp tells which of some budgets has nothing left for the longest, and until when; "" where each has something.
func (tx *Tx) UsedUp(uses []delivery.Use) (label string, until time.Time, err error) {
	for _, u := range uses {
		left, resets, err := tx.Left(tx.spendingKey(u), Allowance{Limit: u.Limit, Window: u.Window})
		if err != nil {
			return "", time.Time{}, err
		}
		if left > 0 {
			continue
		}
		if resets.IsZero() { // none is allowed at any time
			resets = tx.Now.Add(u.Window)
		}
		if resets.After(until) {
			label, until = u.Label, resets
		}
	}
	return label, until, nil
}

func (tx *Tx) spendingKey(u delivery.Use) []byte {
	return tx.keys.MAC("spending", []byte(u.Label))
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

// PutBack makes a message due again that was claimed and not tried: that was no attempt.
func (db *DB) PutBack(ctx context.Context, id string, at time.Time, reason string) error {
	return db.Update(ctx, func(tx *Tx) error {
		return tx.run(`UPDATE outbox SET due_at = $2, reason = $3, attempts = attempts - 1 WHERE id = $1 AND state = 'queued' AND attempts > 0`, id, millis(at), reason)
	})
}
