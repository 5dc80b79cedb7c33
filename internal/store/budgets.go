package store

import (
	"errors"
	"time"
)

// Allowance is a number of uses in a window of time.
type Allowance struct {
	Limit  int
	Window time.Duration
	// Grow doubles the wait with every window that was exhausted in a row, up to a day.
	Grow bool
}

// Left reads how many uses of key are left, and when it resets if none is.
func (tx *Tx) Left(key []byte, a Allowance) (left int, resets time.Time, err error) {
	var used int
	err = tx.row([]any{&used, at{&resets}}, `SELECT used, resets_at FROM budgets WHERE key = $1`, key)
	if errors.Is(err, ErrNotFound) || err == nil && !resets.After(tx.Now) {
		return a.Limit, time.Time{}, nil
	}
	if err != nil {
		return 0, time.Time{}, err
	}
	return max(0, a.Limit-used), resets, nil
}

// Take uses key n times. What goes beyond the limit counts, and lets the wait grow.
func (tx *Tx) Take(key []byte, n int, a Allowance) error {
	var used, strikes int
	var resets time.Time
	err := tx.row([]any{&used, at{&resets}, &strikes}, `SELECT used, resets_at, strikes FROM budgets WHERE key = $1`, key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if errors.Is(err, ErrNotFound) || !resets.After(tx.Now) {
		if err == nil && tx.Now.Sub(resets) > 24*time.Hour {
			strikes = 0
		}
		used, resets = 0, tx.Now.Add(a.Window)
	}
	before := used
	used += n
	if a.Grow && before < a.Limit && used >= a.Limit {
		wait := a.Window << min(strikes, 5)
		resets = tx.Now.Add(min(wait, 24*time.Hour))
		strikes++
	}
	return tx.run(`INSERT INTO budgets (key, used, resets_at, strikes) VALUES ($1, $2, $3, $4)
		ON CONFLICT (key) DO UPDATE SET used = excluded.used, resets_at = excluded.resets_at, strikes = excluded.strikes`, key, used, millis(resets), strikes)
}

// ClearBudget forgets what was used of key.
func (tx *Tx) ClearBudget(key []byte) error { return tx.run(`DELETE FROM budgets WHERE key = $1`, key) }
