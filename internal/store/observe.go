package store

import (
	"context"
	"time"
)

// Observer is told how updates go. Its methods are called by many at once, and hold up whoever calls.
type Observer interface {
	// Updated is told of each update after its answer: took includes the waiting for others. err is a refusal more often than a fault.
	Updated(ctx context.Context, began time.Time, took time.Duration, err error)
	// Committed is told of each commit, or what would have been one: how many updates shared it, and how long all of it took.
	Committed(updates int, took time.Duration)
	// Retried is told when updates run once more, and by one word why.
	Retried(reason string)
}

// Afterwards has fn called once what the transaction does is durable: never if it is undone, and once if it runs twice. It is for what
// is counted; what must not get lost belongs into the transaction.
func (tx *Tx) Afterwards(fn func()) { tx.after = append(tx.after, fn) }

// Waiting is how many updates wait to be run.
func (db *DB) Waiting() int { return len(db.jobs) + len(db.crowd) }

func (db *DB) batchBegins() time.Time {
	if db.Observer == nil {
		return time.Time{}
	}
	return time.Now() //nolint:forbidigo // a duration, not a time that rules depend on
}

// Backlog is what waits in the outbox for one channel.
type Backlog struct {
	Channel  string
	Messages int64
	// Oldest is when the message that has waited longest was queued.
	Oldest time.Time
}

// Backlog reads what waits to be sent. Decoys, which nobody sends, are not among it.
func (db *DB) Backlog(ctx context.Context) (found []Backlog, err error) {
	err = db.View(ctx, func(tx *Tx) (err error) {
		found, err = rows(tx, func(b *Backlog) []any { return []any{&b.Channel, &b.Messages, at{&b.Oldest}} },
			`SELECT channel, count(*), min(created_at) FROM outbox WHERE state = 'queued' AND channel <> 'none' GROUP BY channel`)
		return err
	})
	return found, err
}
