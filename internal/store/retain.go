package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// Retention is how long audit events keep what their commitments hide, by kind, or by what kinds begin with up to a dot; "" is for
// all others. The longest name counts. What no name fits is kept for good.
type Retention map[string]time.Duration

// RetainWithdrawals is the name for events of withdrawals, which are kept as long as these and their approvals.
const RetainWithdrawals = "withdrawal"

// Covers tells whether a name is one by which events of a kind are redacted. Events about the log are kept, or nobody could tell what
// is missing in it, and so are those by which a passkey came, or an API key came and ended, as by them the log vouches for it.
func Covers(name, kind string) bool {
	switch {
	case strings.HasPrefix(kind, "log."), strings.HasPrefix(kind, "api_key."), kind == "account.erased", kind == "passkey.created":
		return false
	case strings.HasPrefix(kind, RetainWithdrawals+"."):
		return name == RetainWithdrawals
	}
	return name == "" || kind == name || strings.HasPrefix(kind, name+".")
}

// rule is the name that counts for a kind.
func (r Retention) rule(kind string) (rule string, ok bool) {
	for name := range r {
		if Covers(name, kind) && (!ok || len(name) > len(rule)) {
			rule, ok = name, true
		}
	}
	return rule, ok
}

// retainBatch is how many events a redaction looks at in one update.
const retainBatch = 1000

// Retain redacts events whose time is over. An event of its own, log.redacted, tells which and until when, so that those who verify the
// log know what may be missing.
func (db *DB) Retain(ctx context.Context, r Retention) error {
	if err := db.Update(ctx, func(tx *Tx) error { return tx.beginAgain(r) }); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r)) {
		for more := true; more; {
			err := db.Update(ctx, func(tx *Tx) (err error) {
				more, err = tx.retain(r, name)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// beginAgain lets every rule begin at the oldest event once the names have changed: a rule may now count for kinds that it has passed over.
func (tx *Tx) beginAgain(r Retention) error {
	const names = "retention"
	sum := sha256.Sum256([]byte(strings.Join(slices.Sorted(maps.Keys(r)), " ")))
	now := int64(binary.BigEndian.Uint64(sum[:]))
	var before int64
	err := tx.row([]any{&before}, `SELECT value FROM settings WHERE name = $1`, names)
	if err != nil && !errors.Is(err, ErrNotFound) || err == nil && before == now {
		return err
	}
	if err := tx.run(`DELETE FROM settings WHERE name LIKE 'retained:%'`); err != nil {
		return err
	}
	return tx.set(names, now)
}

// retain goes on where the rule has come to, which settings keep.
func (tx *Tx) retain(r Retention, name string) (more bool, err error) {
	place := "retained:" + name
	var after int64
	if err := tx.row([]any{&after}, `SELECT coalesce(max(value), 0) FROM settings WHERE name = $1`, place); err != nil {
		return false, err
	}
	until := tx.Now.Add(-r[name]).Truncate(time.Second)
	list, err := rows(tx, (*LogRow).fields, `SELECT `+logColumns+` FROM audit_events WHERE id > $1 ORDER BY id LIMIT $2`, after, retainBatch)
	if err != nil {
		return false, err
	}
	redacted := false
	for i := range list {
		e := &list[i]
		if !e.At.Before(until) || e.Leaf == Unsequenced {
			list = list[:i]
			break
		}
		if rule, ok := r.rule(e.Kind); ok && rule == name && e.RedactedAt.IsZero() {
			if err := tx.run(redact+`WHERE id = $2`, millis(tx.Now), e.ID); err != nil {
				return false, err
			}
			redacted = true
		}
	}
	if len(list) == 0 {
		return false, nil
	}
	if err := tx.set(place, list[len(list)-1].ID); err != nil {
		return false, err
	}
	if redacted {
		err = tx.Redacted(name, until)
	}
	return len(list) == retainBatch, err
}

// Redacted records that events of a kind from before a time may be redacted, and what they tell of removed.
func (tx *Tx) Redacted(kind string, until time.Time) error {
	return tx.Record(Event{Kind: "log.redacted", OK: true, Data: map[string]string{"kind": kind, "until": until.UTC().Format(time.RFC3339)}})
}
