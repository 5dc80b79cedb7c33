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

// sessionBudget is a session's own, so that whoever guesses in another session leaves its tries alone.
func (e *Engine) sessionBudget(c Caller) []byte {
	return e.Keys.MAC("guesses", []byte("session"), []byte(c.AccountID()), []byte(c.sessionID()))
}

// onOwnDevice tells whether a verification without a session was begun by a device that its account knows.
func (e *Engine) onOwnDevice(v *store.Verification) bool {
	return v.AccountID != "" && string(v.BudgetKey) == string(e.deviceBudget(v.AccountID, v.DeviceHash, v.Purpose))
}

// budget is what wrong codes are taken from.
type budget struct {
	key       []byte
	allowance store.Allowance
}

// hiddenBudgets are the account's own, of an hour and of a day; none where none applies. What belongs to no account has them
// too, of no effect: the same rows are read and written for everybody.
func (e *Engine) hiddenBudgets(v *store.Verification) []budget {
	if !e.Policy[v.Purpose].WithoutSession || e.onOwnDevice(v) {
		return nil
	}
	whose, subject := []byte("account"), []byte(v.AccountID)
	if v.AccountID == "" {
		whose, subject = []byte("nobody"), v.BudgetKey
	}
	return []budget{
		{e.Keys.MAC("guesses", whose, subject), e.Limits.Guesses},
		{e.Keys.MAC("guesses", []byte("day"), whose, subject), e.Limits.GuessesInADay},
	}
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
	for _, b := range e.hiddenBudgets(v) {
		hidden, _, err := tx.Left(b.key, b.allowance)
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

// countWrong takes wrong codes from every budget that they count against. It tells the customer when one of them runs out, and
// when somebody who had the password, or a session, has failed a whole verification.
func (e *Engine) countWrong(tx *store.Tx, c Caller, v *store.Verification, a *store.Account, n int) error {
	if err := tx.CountFailures(v.ID, n); err != nil {
		return err
	}
	v.Failures += n
	ranOut := false
	for _, b := range append([]budget{{v.BudgetKey, e.Limits.Guesses}}, e.hiddenBudgets(v)...) {
		before, _, err := tx.Left(b.key, b.allowance)
		if err != nil {
			return err
		}
		if err := tx.Take(b.key, n, b.allowance); err != nil {
			return err
		}
		ranOut = ranOut || before > 0 && before <= n
	}
	failed := v.Failures >= MaxFailures
	if !ranOut && !failed {
		return nil
	}
	if err := tx.Record(c.Event(v.AccountID, "guesses.exhausted", false, map[string]string{"purpose": string(v.Purpose)})); err != nil {
		return err
	}
	if a == nil || !ranOut && (v.Decoy || v.Purpose == policy.ResetPassword) {
		return e.Notifier.Decoy(tx, policy.Email, e.codeInfo(tx, c, v, ""))
	}
	return e.Notifier.Alert(tx, a, "guesses.exhausted", c.From())
}

// Admit takes one beginning without a session from the client's network, or refuses. It comes before slow work. A device that the
// account knows is let in by a budget of its own, whatever its neighbours do; accountID is "" where nothing was found.
func (e *Engine) Admit(tx *store.Tx, c Caller, accountID string) error {
	known, err := tx.KnowsDevice(accountID, c.DeviceHash)
	if err != nil {
		return err
	}
	if known {
		return e.Allow(tx, e.Limits.Begins, "begins-own", c.DeviceHash)
	}
	return e.Allow(tx, e.Limits.Begins, "begins", []byte(c.Network()))
}

// AdmitWithdrawal takes one withdrawal from what an account may request, or refuses.
func (e *Engine) AdmitWithdrawal(tx *store.Tx, accountID string) error {
	return e.Allow(tx, e.Limits.Withdrawals, "withdrawals", []byte(accountID))
}

// use is one message taken from one budget.
type use struct {
	allowance  store.Allowance
	label, key string
}

// allowSend takes one message from every budget that it counts against, or refuses. really is false where the message may not go
// out and nobody may learn so. to is "" for a decoy.
func (e *Engine) allowSend(tx *store.Tx, c Caller, v *store.Verification, target, to string) (really bool, err error) {
	seen, hidden := e.sends(c, v, target, to)
	for _, u := range seen {
		if err := e.Allow(tx, u.allowance, u.label, []byte(u.key)); err != nil {
			return false, err
		}
	}
	really = true
	for _, u := range hidden {
		if err := e.Allow(tx, u.allowance, u.label, []byte(u.key)); refusal.As(err) != nil {
			really = false
		} else if err != nil {
			return false, err
		}
	}
	return really, nil
}

// sends are the budgets of one message. What others can use up is never what an account's own sessions and devices need: not by
// its address, and not from its network.
func (e *Engine) sends(c Caller, v *store.Verification, target, to string) (seen, hidden []use) {
	l := e.Limits
	switch {
	case !e.Policy[v.Purpose].WithoutSession && target == store.Bound:
		return []use{{l.SendTo, "send-own", v.AccountID + " " + to}, {l.SendFor, "send-for", v.AccountID}, {l.SendAll, "send-all", ""}}, nil
	case !e.Policy[v.Purpose].WithoutSession:
		// To whom it may concern: whoever has an account can name any address here.
		return []use{{l.SendTo, "send-new", to}, {l.SendFor, "send-for", v.AccountID}, {l.SendFrom, "send-from", c.Network()}, {l.SendAll, "send-all", ""}}, nil
	case e.onOwnDevice(v):
		return []use{{l.SendTo, "device", string(v.BudgetKey)}, {l.SendAll, "send-all", ""}}, nil
	}
	owner := v.AccountID
	if to == "" || owner == "" {
		owner = string(v.BudgetKey)
	}
	if to == "" {
		to = string(v.BudgetKey)
	}
	seen = []use{{l.SendOpen, "open", string(v.BudgetKey) + c.Network()}, {l.SendFrom, "send-from-open", c.Network()}, {l.SendAll, "send-all-open", ""}}
	// Several times what one network may send, so that no single one can silence an account's.
	return seen, []use{{l.SendFor, "open-to/" + string(v.Purpose), to}, {l.SendFor, "open-for/" + string(v.Purpose), owner}}
}

// AllowOutside takes one use without a session from the client's network, or refuses. A browser that has signed in before takes it from
// a budget of that account, so that its neighbours hold it up by nothing; one for each browser would be as many as somebody likes.
func (e *Engine) AllowOutside(tx *store.Tx, c Caller, a store.Allowance, label string) error {
	owner, err := tx.DeviceAccount(c.DeviceHash)
	if err != nil {
		return err
	}
	if owner != "" {
		return e.Allow(tx, a, label+"-own", []byte(owner))
	}
	return e.Allow(tx, a, label, []byte(c.Network()))
}

// Allow takes one use of a budget, or refuses.
func (e *Engine) Allow(tx *store.Tx, a store.Allowance, label string, subject []byte) error {
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
