package verification

import (
	"context"
	"encoding/json"
	"errors"

	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
)

// step runs one step of a verification in one transaction. A refusal undoes what the step had written, unless the step has
// kept it, and leaves its audit event.
func (e *Engine) step(ctx context.Context, c Caller, id string, fn func(*store.Tx, *store.Verification, *store.Account, policy.State) error) error {
	return e.DB.Update(ctx, func(tx *store.Tx) error {
		v, a, state, err := e.open(tx, c, id)
		if err == nil {
			err = tx.Nested(func() error { return fn(tx, v, a, state) })
		}
		return e.keepRefusal(tx, c, v, err)
	})
}

// open reads a pending verification for the one who began it. Whoever else asks learns only that there is none. The
// verification is returned beside a refusal too, where it is the caller's.
func (e *Engine) open(tx *store.Tx, c Caller, id string) (*store.Verification, *store.Account, policy.State, error) {
	v, err := e.owned(tx, c, id)
	if err != nil {
		return nil, nil, policy.State{}, err
	}
	a, state, err := e.current(tx, v)
	return v, a, state, err
}

// current tells whether a verification can still go on, and reads its account.
func (e *Engine) current(tx *store.Tx, v *store.Verification) (*store.Account, policy.State, error) {
	switch {
	case v.Status == store.Done:
		return nil, policy.State{}, refusal.New("verification_used", "This verification is complete and cannot be used again.")
	case v.Status == store.Void || v.Epoch != tx.Epoch():
		return nil, policy.State{}, void()
	case !v.ExpiresAt.After(tx.Now):
		return nil, policy.State{}, refusal.New("verification_expired", "This verification has expired. Nothing was changed. Begin again.")
	}
	if v.AccountID == "" {
		return nil, policy.State{}, nil
	}
	a, state, err := e.account(tx, v.AccountID)
	if err != nil {
		return nil, policy.State{}, err
	}
	if outdated, err := e.outdated(tx, v, a); err != nil {
		return nil, policy.State{}, err
	} else if outdated {
		return nil, policy.State{}, void()
	}
	if check := e.Actions[v.Purpose].Check; check != nil {
		if err := check(tx, a, v); err != nil {
			return nil, policy.State{}, err
		}
	}
	return a, state, nil
}

// Owned reads a verification of the caller's, whatever has become of it. Whoever else asks learns only that there is none.
func (e *Engine) Owned(tx *store.Tx, c Caller, id string) (*store.Verification, error) {
	return e.owned(tx, c, id)
}

func (e *Engine) owned(tx *store.Tx, c Caller, id string) (*store.Verification, error) {
	v, err := tx.Verification(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refusal.NotFound("verification")
	}
	if err != nil {
		return nil, err
	}
	if v.SessionID != "" {
		if v.SessionID != c.sessionID() || v.AccountID != c.AccountID() {
			return nil, refusal.NotFound("verification")
		}
		if err := Live(tx, c); err != nil {
			return nil, err
		}
	} else if len(c.DeviceHash) == 0 || string(v.DeviceHash) != string(c.DeviceHash) {
		return nil, refusal.NotFound("verification")
	}
	return v, nil
}

// Live refuses a session that ended after the request was let in.
func Live(tx *store.Tx, c Caller) error {
	s, err := tx.Session(c.AccountID(), c.sessionID())
	if errors.Is(err, store.ErrNotFound) || err == nil && !s.EndedAt.IsZero() {
		return refusal.New("unauthenticated", "This session has ended. Sign in again.")
	}
	return err
}

// outdated tells whether a change of security settings has voided a verification. Without a session, and as long as nothing has
// matched, it becomes a decoy instead: void, it would tell a stranger that there is an account, or that the password was right.
func (e *Engine) outdated(tx *store.Tx, v *store.Verification, a *store.Account) (bool, error) {
	if v.Decoy || a.SecurityVersion == v.SecurityVersion {
		return false, nil
	}
	if !e.Policy[v.Purpose].WithoutSession {
		return true, nil
	}
	factors, err := tx.VerificationFactors(v.ID)
	if err != nil {
		return false, err
	}
	for _, f := range factors {
		if !f.MatchedAt.IsZero() {
			return true, nil
		}
	}
	v.Decoy = true
	return false, nil
}

func payload(tx *store.Tx, v *store.Verification) (Payload, error) {
	var p Payload
	b, err := tx.Payload(v)
	if err == nil && b != nil {
		err = json.Unmarshal(b, &p)
	}
	return p, err
}
