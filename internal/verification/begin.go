package verification

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// Begin begins a verification for the signed-in caller.
func (e *Engine) Begin(ctx context.Context, c Caller, r Request) (*View, error) {
	row, known := e.Policy[r.Purpose]
	action, acts := e.Actions[r.Purpose]
	if !known || !acts || row.WithoutSession {
		return nil, refusal.Field("invalid_request", "purpose", "This is not a purpose that a signed-in customer can begin.")
	}
	var view *View
	err := e.DB.Update(ctx, func(tx *store.Tx) error {
		// Each is a row, and so is each that the policy refuses.
		if err := e.Allow(tx, e.Limits.InSession, "in-session", []byte(c.sessionID())); err != nil {
			return err
		}
		v := &store.Verification{AccountID: c.AccountID(), Purpose: r.Purpose, Object: r.Object, SessionID: c.sessionID(), BudgetKey: e.sessionBudget(c)}
		err := tx.Nested(func() (err error) {
			view, err = e.begin(tx, c, v, &r, action)
			return err
		})
		return e.keepRefusal(tx, c, v, err)
	})
	return view, err
}

// HashNewPassword does the slow part of a change of the password before its verification begins: r.Value becomes the hash. Whoever
// has an account could keep the machine busy by it, so that the purpose has to be open first, and an account's allowance not used up.
func (e *Engine) HashNewPassword(ctx context.Context, c Caller, r *Request) error {
	if err := checkNewPassword("value", r.Value); err != nil {
		return err
	}
	err := e.DB.Update(ctx, func(tx *store.Tx) error {
		v := &store.Verification{AccountID: c.AccountID(), Purpose: r.Purpose}
		_, _, err := e.opened(tx, c, v)
		if err == nil {
			err = e.Allow(tx, e.Limits.NewPasswords, "new-passwords", []byte(v.AccountID))
		}
		return e.keepRefusal(tx, c, v, err)
	})
	if err == nil {
		r.Value, err = e.Hasher.Hash(ctx, r.Value)
	}
	return err
}

// opened tells whether the caller's session may begin a verification: it lives, and the policy has an open way.
func (e *Engine) opened(tx *store.Tx, c Caller, v *store.Verification) (*store.Account, policy.Requirement, error) {
	if err := Live(tx, c); err != nil {
		return nil, policy.Requirement{}, err
	}
	a, state, err := e.account(tx, v.AccountID)
	if err != nil {
		return nil, policy.Requirement{}, err
	}
	req := e.Policy.Require(v.Purpose, state)
	if !req.PasskeyOpen() && !req.CodesOpen() {
		return nil, policy.Requirement{}, Blocked(req.CodesBlock)
	}
	return a, req, nil
}

func (e *Engine) begin(tx *store.Tx, c Caller, v *store.Verification, r *Request, action Action) (*View, error) {
	a, req, err := e.opened(tx, c, v)
	if err != nil {
		return nil, err
	}
	payload, fresh, err := action.Begin(tx, a, c, r)
	if err != nil {
		return nil, err
	}
	if (fresh != nil) != req.NewFactor {
		return nil, fmt.Errorf("verification: the policy and the action of %s differ on whether a new factor proves itself", v.Purpose)
	}
	v.SecurityVersion, v.PasswordAsked = a.SecurityVersion, req.Password
	if err := e.add(tx, c, v, payload, req.Codes, "", fresh); err != nil {
		return nil, err
	}
	if err := e.observe(tx, c, v, StepOpened); err != nil {
		return nil, err
	}
	return e.view(tx, c, v, a)
}

// Opening is a verification begun without a session.
type Opening struct {
	Purpose policy.Purpose
	// Account is nil for a registration and for what does not exist.
	Account *store.Account
	Payload Payload
	Kinds   []policy.Kind
	// Hint is shown for an e-mail address, whether or not an account has it; To is where the first factor's code goes at once,
	// "" for an authenticator.
	Hint, To string
	// Subject is what guesses count against where there is no account: the identifier as it was typed, normalised.
	Subject  string
	Decoy    bool
	Password bool // asked, and matched or not by now
}

// Open begins a verification for a browser that has no session, in the caller's transaction.
// Whether or not anything of what was typed is right, the same rows are written.
func (e *Engine) Open(tx *store.Tx, c Caller, o Opening) (*View, error) {
	v := &store.Verification{Purpose: o.Purpose, DeviceHash: c.DeviceHash, Decoy: o.Decoy, PasswordAsked: o.Password, PasswordMatched: o.Password}
	var err error
	if v.BudgetKey, err = e.visibleBudget(tx, c, o); err != nil {
		return nil, err
	}
	if o.Account != nil {
		v.AccountID, v.SecurityVersion = o.Account.ID, o.Account.SecurityVersion
	}
	if _, err := e.guessesLeft(tx, v); err != nil {
		return nil, err
	}
	if err := e.add(tx, c, v, o.Payload, o.Kinds, o.Hint, nil); err != nil {
		return nil, err
	}
	factors, err := tx.VerificationFactors(v.ID)
	if err != nil {
		return nil, err
	}
	f := &factors[0]
	switch {
	case v.Decoy || o.To == "":
		err = e.decoySend(tx, c, v, f)
	default:
		err = e.send(tx, c, v, o.Account, f, o.To)
	}
	if err != nil {
		return nil, err
	}
	return e.view(tx, c, v, o.Account)
}

// add inserts a verification with the factors it asks. hint is that of an e-mail address which no account is known to have.
func (e *Engine) add(tx *store.Tx, c Caller, v *store.Verification, p Payload, kinds []policy.Kind, hint string, fresh *NewFactor) error {
	v.ID, v.Epoch, v.Status = secret.NewID("ver", tx.Now), tx.Epoch(), store.Pending
	v.Browser, v.Address = c.Browser, c.Address
	v.CreatedAt, v.ExpiresAt = tx.Now, tx.Now.Add(Life)
	if fresh != nil {
		p.Value = fresh.Value
	}
	payload, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := tx.AddVerification(v, payload); err != nil {
		return err
	}
	e.Count(tx, func(m Meter) { m.Begun(string(v.Purpose)) })
	hints := map[policy.Kind]string{policy.Email: hint}
	if v.AccountID != "" {
		factors, err := tx.Factors(v.AccountID)
		if err != nil {
			return err
		}
		for _, f := range factors {
			hints[f.Kind] = f.Hint
		}
	}
	for _, kind := range kinds {
		if err := tx.AddVerificationFactor(&store.VerificationFactor{VerificationID: v.ID, Target: store.Bound, Kind: kind, Hint: hints[kind]}); err != nil {
			return err
		}
	}
	if fresh != nil {
		return tx.AddVerificationFactor(&store.VerificationFactor{VerificationID: v.ID, Target: store.New, Kind: fresh.Kind, Hint: fresh.Hint})
	}
	return nil
}

// account reads an account and what the policy looks at.
func (e *Engine) account(tx *store.Tx, id string) (*store.Account, policy.State, error) {
	a, err := tx.Account(id)
	if err != nil {
		return nil, policy.State{}, err
	}
	bound, err := boundKinds(tx, id)
	if err != nil {
		return nil, policy.State{}, err
	}
	return a, StateOf(a, bound, tx.Now), nil
}

// StateOf is what the policy looks at in an account.
func StateOf(a *store.Account, bound []policy.Kind, now time.Time) policy.State {
	s := policy.State{Bound: bound, Frozen: a.Frozen, Passkeys: a.Usable, Powerful: a.Powerful}
	if a.HoldUntil.After(now) {
		s.HoldUntil, s.HoldReason = a.HoldUntil, a.HoldReason
	}
	return s
}

func boundKinds(tx *store.Tx, accountID string) ([]policy.Kind, error) {
	factors, err := tx.Factors(accountID)
	if err != nil {
		return nil, err
	}
	kinds := make([]policy.Kind, len(factors))
	for i, f := range factors {
		kinds[i] = f.Kind
	}
	return kinds, nil
}
