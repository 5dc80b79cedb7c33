package verification

import (
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
)

// Before a session, guesses count twice. What a stranger can see counts by the identifier as it was typed, whether or not there
// is an account behind it. What protects the account counts over all its identifiers and is never seen: when it is used up, what
// is begun becomes a decoy. A device that signed in before has a budget of its own for both, so that a stranger's guesses cannot
// lock out the owner. Messages are counted in the same two ways.

// visibleBudget is the budget that answers show.
func (e *Engine) visibleBudget(tx *store.Tx, c Caller, o Opening) ([]byte, error) {
	if o.Account != nil {
		known, err := tx.KnowsDevice(o.Account.ID, c.DeviceHash)
		if err != nil || known {
			return e.deviceBudget(o.Account.ID, c.DeviceHash, o.Purpose), err
		}
	}
	return e.Keys.MAC("guesses", []byte("subject"), []byte(o.Purpose), []byte(o.Subject)), nil
}

func (e *Engine) deviceBudget(accountID string, device []byte, p policy.Purpose) []byte {
	return e.Keys.MAC("guesses", []byte("device"), []byte(p), []byte(accountID), device)
}

// sessionBudget is the one of an account's sessions.
func (e *Engine) sessionBudget(accountID string) []byte {
	return e.Keys.MAC("guesses", []byte("session"), []byte(accountID))
}

// onOwnDevice tells whether a verification without a session was begun by a device that its account knows.
func (e *Engine) onOwnDevice(v *store.Verification) bool {
	return v.AccountID != "" && string(v.BudgetKey) == string(e.deviceBudget(v.AccountID, v.DeviceHash, v.Purpose))
}

// hiddenBudget is the account's own; nil where none applies. What belongs to no account has one too, of no effect: the same
// rows are read and written for everybody.
func (e *Engine) hiddenBudget(v *store.Verification) []byte {
	switch {
	case !e.Policy[v.Purpose].WithoutSession || e.onOwnDevice(v):
		return nil
	case v.AccountID == "":
		return e.Keys.MAC("guesses", []byte("nobody"), v.BudgetKey)
	}
	return e.Keys.MAC("guesses", []byte("account"), []byte(v.AccountID))
}

// guessesLeft tells how many wrong codes a verification may still take, or refuses. It makes a decoy of one whose account
// has none left, which only its owner can tell from a wrong code.
func (e *Engine) guessesLeft(tx *store.Tx, v *store.Verification) (int, error) {
	left, resets, err := tx.Left(v.BudgetKey, e.Limits.Guesses)
	if err != nil {
		return 0, err
	}
	left = min(left, MaxFailures-v.Failures)
	if left <= 0 {
		return 0, exhausted(resets)
	}
	if key := e.hiddenBudget(v); key != nil {
		hidden, _, err := tx.Left(key, e.Limits.Guesses)
		if err != nil {
			return 0, err
		}
		if hidden == 0 {
			v.Decoy = true
		} else {
			left = min(left, hidden)
		}
	}
	return left, nil
}

// countWrong takes wrong codes from every budget that they count against, and tells the customer when one runs out.
func (e *Engine) countWrong(tx *store.Tx, c Caller, v *store.Verification, a *store.Account, n int) error {
	if err := tx.CountFailures(v.ID, n); err != nil {
		return err
	}
	v.Failures += n
	ranOut := false
	for _, key := range [][]byte{v.BudgetKey, e.hiddenBudget(v)} {
		if key == nil {
			continue
		}
		before, _, err := tx.Left(key, e.Limits.Guesses)
		if err != nil {
			return err
		}
		if err := tx.Take(key, n, e.Limits.Guesses); err != nil {
			return err
		}
		ranOut = before > 0 && before <= n // of the last one: the account's own, or its device's or sessions'
	}
	if !ranOut {
		return nil
	}
	if err := tx.Record(c.Event(v.AccountID, "guesses.exhausted", false, map[string]string{"purpose": string(v.Purpose)})); err != nil {
		return err
	}
	if a == nil {
		return e.Notifier.Decoy(tx, policy.Email, e.codeInfo(tx, c, v, ""))
	}
	return e.Notifier.Alert(tx, a, "guesses.exhausted", c.From())
}

// Admit takes one beginning without a session from the client's network, or refuses. It comes before slow work.
func (e *Engine) Admit(tx *store.Tx, c Caller) error {
	return e.allow(tx, e.Limits.Begins, "begins", []byte(c.network()))
}

// AdmitWithdrawal takes one withdrawal from what an account may request, or refuses.
func (e *Engine) AdmitWithdrawal(tx *store.Tx, accountID string) error {
	return e.allow(tx, e.Limits.Withdrawals, "withdrawals", []byte(accountID))
}

// allowSend takes one message from every budget that it counts against, or refuses. really is false where the message may not go
// out and nobody may learn so. to is "" for a decoy.
func (e *Engine) allowSend(tx *store.Tx, c Caller, v *store.Verification, to string) (really bool, err error) {
	type use struct {
		allowance store.Allowance
		label     string
		key       string
	}
	uses := []use{{e.Limits.SendTo, "send-to", to}, {e.Limits.SendFor, "send-for", v.AccountID}, {e.Limits.SendFrom, "send-from", c.network()}, {e.Limits.SendAll, "send-all", ""}}
	hidden := []use{}
	if e.Policy[v.Purpose].WithoutSession {
		all := "send-all"
		if !e.onOwnDevice(v) {
			all = "send-all-open" // of its own, or strangers could use up what customers need
		}
		uses = []use{{e.Limits.SendTo, "open", string(v.BudgetKey) + c.network()}, {e.Limits.SendFrom, "send-from", c.network()}, {e.Limits.SendAll, all, ""}}
		owner := v.AccountID
		if to == "" || owner == "" {
			owner = string(v.BudgetKey)
		}
		if to == "" {
			to = string(v.BudgetKey)
		}
		hidden = []use{{e.Limits.SendTo, "open-to/" + string(v.Purpose), to}, {e.Limits.SendFor, "open-for/" + string(v.Purpose), owner}}
	}
	for _, u := range uses {
		if err := e.allow(tx, u.allowance, u.label, []byte(u.key)); err != nil {
			return false, err
		}
	}
	really = true
	for _, u := range hidden {
		if err := e.allow(tx, u.allowance, u.label, []byte(u.key)); refusal.As(err) != nil {
			really = false
		} else if err != nil {
			return false, err
		}
	}
	return really, nil
}

// allow takes one use of a budget, or refuses.
func (e *Engine) allow(tx *store.Tx, a store.Allowance, label string, subject []byte) error {
	key := e.Keys.MAC("budget", []byte(label), subject)
	left, resets, err := tx.Left(key, a)
	if err != nil {
		return err
	}
	if left == 0 {
		return refusal.New("rate_limited", "Too many requests of this kind. Try again later.").Until(resets)
	}
	return tx.Take(key, 1, a)
}

// NoteRefusedLogin tells whether a refused passkey login is to be written down: so many an hour from one network, as anybody
// can make them and nothing is guessed by them.
func (e *Engine) NoteRefusedLogin(tx *store.Tx, c Caller) (bool, error) {
	err := e.allow(tx, e.Limits.Refusals, "refused-logins", []byte(c.network()))
	if refusal.As(err) != nil {
		return false, nil
	}
	return err == nil, err
}
