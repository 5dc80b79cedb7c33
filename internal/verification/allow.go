package verification

import "countersign/internal/store"

// Network is what an address's budgets count: one IPv4 address, or the /64 that an IPv6 customer has to themselves.
func (c Caller) Network() string { return c.network() }

// Allow takes one use of a budget, or refuses.
func (e *Engine) Allow(tx *store.Tx, a store.Allowance, label string, subject []byte) error {
	return e.allow(tx, a, label, subject)
}
