package store

import (
	"time"

	"countersign/internal/secret"
)

// eraseBatch is how many rows of one table an erasure deletes in one update, so that logins go on between.
const eraseBatch = 500

// erasures are what an erased account ($1) has besides its own row, $2 rows at a time; each finds them by an index. What is not here
// goes within days by itself: verifications, budgets, sent messages (purge.go). Recordings are let go of, and deleted where they lie
// by whoever sweeps them.
var erasures = []string{
	`DELETE FROM former_emails WHERE id IN (SELECT id FROM former_emails WHERE account_id = $1 LIMIT $2)`,
	`DELETE FROM devices WHERE account_id = $1 AND device_hash IN (SELECT device_hash FROM devices WHERE account_id = $1 LIMIT $2)`,
	`DELETE FROM sessions WHERE account_id = $1 AND id IN (SELECT id FROM sessions WHERE account_id = $1 LIMIT $2)`,
	`DELETE FROM passkeys WHERE account_id = $1 AND id IN (SELECT id FROM passkeys WHERE account_id = $1 LIMIT $2)`,
	`DELETE FROM balances WHERE account_id = $1 AND asset IN (SELECT asset FROM balances WHERE account_id = $1 LIMIT $2)`,
	`DELETE FROM addresses WHERE id IN (SELECT id FROM addresses WHERE account_id = $1 LIMIT $2)`,
	`DELETE FROM freeze_links WHERE token_hash IN (SELECT token_hash FROM freeze_links WHERE account_id = $1 LIMIT $2)`,
	`DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE account_id = $1 LIMIT $2)`,
	`DELETE FROM tickets WHERE id IN (SELECT id FROM tickets WHERE account_id = $1 LIMIT $2)`,
	`UPDATE recordings SET ticket_id = '', delete_at = 1 WHERE id IN (SELECT id FROM recordings WHERE account_id = $1 AND delete_at > 1 LIMIT $2)`,
	`UPDATE withdrawals SET label = '', approved_name = '' WHERE id IN (SELECT id FROM withdrawals WHERE account_id = $1 AND (label <> '' OR approved_name <> '') LIMIT $2)`,
}

// redact takes out of an event what its commitment hides, and the commitment's key: what is left is what the tree has of it. It has to
// have its place there, or that could not be made any more.
const redact = `UPDATE audit_events SET session_id = '', browser = '', address = '', data = '{}', internal = '', salt = NULL, redacted_at = $1 `

// withdrawalErasures are for an account whose withdrawals go too; approvals refer to them.
var withdrawalErasures = []string{
	`DELETE FROM approvals WHERE withdrawal_id IN (SELECT w.id FROM withdrawals w JOIN approvals a ON a.withdrawal_id = w.id WHERE w.account_id = $1 LIMIT $2)`,
	`DELETE FROM withdrawals WHERE id IN (SELECT id FROM withdrawals WHERE account_id = $1 LIMIT $2)`,
}

// MarkErased empties an account's own row and takes its factors, and marks that the rest is to follow: false if it was erased before. From
// then on nobody signs in to it, nothing of it can be proven, and its addresses are free.
func (tx *Tx) MarkErased(id string, withdrawals bool) (bool, error) {
	erasing := 1
	if withdrawals {
		erasing = 2
	}
	if err := tx.run(`DELETE FROM factors WHERE account_id = $1`, id); err != nil {
		return false, err
	}
	return tx.once(`UPDATE accounts SET erased_at = $2, erasing = $4, handle = $3, name = '', locale = 'en', frozen = 1, password_hash = '', phrase_sealed = NULL,
		hold_since = 0, hold_until = 0, hold_reason = '', passkeys = 0, powerful = 0, usable = 0, security_version = security_version + 1 WHERE id = $1 AND erased_at = 0`,
		id, millis(tx.Now), secret.Random(64), erasing)
}

// EraseSome deletes a part of what an erased account has, and tells whether there may be more.
func (tx *Tx) EraseSome(id string) (more bool, err error) {
	var erasing int
	if err := tx.row([]any{&erasing}, `SELECT erasing FROM accounts WHERE id = $1`, id); err != nil || erasing == 0 {
		return false, err
	}
	texts := erasures
	if erasing == 2 {
		texts = append(texts[:len(texts):len(texts)], withdrawalErasures...)
	}
	for _, text := range texts {
		n, err := tx.affect(text, id, eraseBatch)
		if err != nil || n == eraseBatch {
			return true, err
		}
	}
	// The entry permits to redact what comes before it; what comes after, such as a refusal of the payout system, is kept like other events.
	n, err := tx.affect(redact+`WHERE id IN (SELECT id FROM audit_events WHERE account_id = $2 AND leaf <> -1 AND redacted_at = 0
		AND leaf < (SELECT max(leaf) FROM audit_events WHERE account_id = $2 AND kind = 'account.erased') LIMIT $3)`, millis(tx.Now), id, eraseBatch)
	if err != nil || n == eraseBatch {
		return true, err
	}
	// Events that the tree does not have yet are for the next time.
	return false, tx.run(`UPDATE accounts SET erasing = 0 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM audit_events WHERE account_id = $1 AND leaf = -1)`, id)
}

// Erasing are accounts of which something may be left, 100 at most.
func (tx *Tx) Erasing() ([]string, error) {
	return rows(tx, func(id *string) []any { return []any{id} }, `SELECT id FROM accounts WHERE erasing > 0 LIMIT 100`)
}

// RemoveWithdrawals deletes the oldest of those that were decided before a time, with their approvals. It looks at limit of them, and
// tells after which to go on; "" at the end.
func (tx *Tx) RemoveWithdrawals(before time.Time, after string, limit int) (removed int64, next string, err error) {
	ids, err := rows(tx, func(id *string) []any { return []any{id} }, `SELECT id FROM withdrawals WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3`, after, secret.FirstID("wd", before), limit)
	if err != nil || len(ids) == 0 {
		return 0, "", err
	}
	last := ids[len(ids)-1]
	if err := tx.run(`DELETE FROM approvals WHERE withdrawal_id IN (SELECT id FROM withdrawals WHERE id > $1 AND id <= $2 AND state NOT IN ('requested', 'approved') AND decided_at < $3 AND handed_over_at < $3)`, after, last, millis(before)); err != nil {
		return 0, "", err
	}
	removed, err = tx.affect(`DELETE FROM withdrawals WHERE id > $1 AND id <= $2 AND state NOT IN ('requested', 'approved') AND decided_at < $3 AND handed_over_at < $3`, after, last, millis(before))
	if len(ids) == limit {
		next = last
	}
	return removed, next, err
}
