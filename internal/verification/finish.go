package verification

import (
	"context"
	"encoding/json"

	"countersign/internal/password"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/totp"
)

// advance takes a verification as far as its proofs reach: to its next step, or to its Action.
func (e *Engine) advance(tx *store.Tx, c Caller, v *store.Verification, a *store.Account, done *Completed) (*View, error) {
	factors, err := tx.VerificationFactors(v.ID)
	if err != nil {
		return nil, err
	}
	if v.ProvenBy == "" {
		way := done.Way
		if way == "codes" && !complete(v, factors) {
			return e.view(tx, c, v, a)
		}
		fresh := newFactor(factors)
		if fresh != nil && done.use != nil {
			if err := done.use(); err != nil {
				return nil, err
			}
		}
		if err := tx.NoteProof(v.ID, way); err != nil {
			return nil, err
		}
		v.ProvenBy = way
		if way == "codes" {
			if err := e.observe(tx, c, v, StepCodesMatched); err != nil {
				return nil, err
			}
		}
		if fresh != nil {
			// A message that may not go out now is asked for again later; the proof stays spent, and given.
			err := tx.Nested(func() error { return e.openNewFactor(tx, c, v, a, fresh) })
			if refusal.As(err) != nil {
				return nil, store.Keep(err)
			}
			if err != nil {
				return nil, err
			}
			return e.view(tx, c, v, a)
		}
	}
	if fresh := newFactor(factors); fresh != nil && fresh.MatchedAt.IsZero() {
		return e.view(tx, c, v, a)
	}
	if v.Purpose == policy.CreatePasskey && done.Credential == nil {
		return e.view(tx, c, v, a)
	}
	if choose, err := e.mustChoose(tx, v, a); err != nil || choose {
		if err != nil {
			return nil, err
		}
		return e.view(tx, c, v, a)
	}
	return e.finish(tx, c, v, a, done)
}

func (e *Engine) mustChoose(tx *store.Tx, v *store.Verification, a *store.Account) (bool, error) {
	choose := e.Actions[v.Purpose].Choose
	if choose == nil || a == nil {
		return false, nil
	}
	bound, err := boundKinds(tx, a.ID)
	if err != nil {
		return false, err
	}
	return choose(tx, a, v, bound)
}

// next derives the step that is due from the rows alone.
func (e *Engine) next(tx *store.Tx, v *store.Verification, a *store.Account) (string, error) {
	if v.ProvenBy == "" {
		return NextProof, nil
	}
	factors, err := tx.VerificationFactors(v.ID)
	if err != nil {
		return "", err
	}
	if fresh := newFactor(factors); fresh != nil && fresh.MatchedAt.IsZero() {
		return NextNewFactor, nil
	}
	if v.Purpose == policy.CreatePasskey {
		return NextCreatePasskey, nil
	}
	if choose, err := e.mustChoose(tx, v, a); err != nil || choose {
		return NextFinish, err
	}
	return NextProof, nil
}

// openNewFactor begins the proof of the new factor: only now is a code sent to it, or its secret made.
func (e *Engine) openNewFactor(tx *store.Tx, c Caller, v *store.Verification, a *store.Account, f *store.VerificationFactor) error {
	p, err := payload(tx, v)
	if err != nil {
		return err
	}
	if f.Kind != policy.Authenticator {
		return e.send(tx, c, v, a, f, p.Value)
	}
	if p.Secret, err = totp.NewSecret(); err != nil {
		return err
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return tx.SetPayload(v, b)
}

// finish ends the verification and acts, in this transaction. A refusal of the action ends it too, and commits only that.
func (e *Engine) finish(tx *store.Tx, c Caller, v *store.Verification, a *store.Account, done *Completed) (*View, error) {
	p, err := payload(tx, v)
	if err != nil {
		return nil, err
	}
	factors, err := tx.VerificationFactors(v.ID)
	if err != nil {
		return nil, err
	}
	done.V, done.Account, done.Payload, done.Caller, done.Way = v, a, p, c, v.ProvenBy
	for _, f := range factors {
		switch {
		case f.Target == store.New:
			done.NewStep = f.LastStep
		case v.ProvenBy == "codes":
			done.Kinds = append(done.Kinds, f.Kind)
		}
	}
	if a != nil {
		if done.Bound, err = boundKinds(tx, a.ID); err != nil {
			return nil, err
		}
	}
	var result *Result
	err = tx.Nested(func() (err error) {
		if ok, err := tx.EndVerification(v.ID, store.Done); err != nil {
			return err
		} else if !ok {
			return refusal.New("verification_used", "This verification is complete and cannot be used again.")
		}
		if done.use != nil {
			if err := done.use(); err != nil {
				return err
			}
		}
		result, err = e.Actions[v.Purpose].Finish(tx, done)
		return err
	})
	if r := refusal.As(err); r != nil {
		// Codes stay proven where another key may be tried by another challenge; elsewhere the same proof would be refused again.
		if v.Purpose != policy.CreatePasskey {
			if _, err := tx.EndVerification(v.ID, store.Void); err != nil {
				return nil, err
			}
		}
		if err := tx.Record(c.Event(v.AccountID, string(v.Purpose)+".refused", false, map[string]string{"code": r.Code})); err != nil {
			return nil, err
		}
		if err := e.observeRefusal(tx, c, v, r.Code); err != nil {
			return nil, err
		}
		return nil, store.Keep(r)
	}
	if err != nil {
		return nil, err
	}
	v.Status = store.Done
	e.Count(tx, func(m Meter) { m.Completed(string(v.Purpose), v.ProvenBy) })
	if err := e.observe(tx, c, v, StepDone); err != nil {
		return nil, err
	}
	if v.ProvenBy == "codes" {
		if err := tx.ClearBudget(v.BudgetKey); err != nil {
			return nil, err
		}
	}
	view, err := e.view(tx, c, v, a)
	if err != nil {
		return nil, err
	}
	view.Result = result
	return view, nil
}

// Finish makes the last choice of a verification whose proof is complete, and acts. newPassword, which a password reset
// alone takes, is hashed here, outside the transaction.
func (e *Engine) Finish(ctx context.Context, c Caller, id string, newPassword string, choice Choice) (*View, error) {
	err := e.DB.View(ctx, func(tx *store.Tx) error {
		v, a, _, err := e.open(tx, c, id)
		if err != nil {
			return err
		}
		return e.mayFinish(tx, v, a, newPassword, choice)
	})
	// What is refused here is refused again below, where it is written down; it only spares the hash.
	if err != nil && refusal.As(err) == nil {
		return nil, err
	}
	if err == nil && newPassword != "" {
		if choice.PasswordHash, err = e.HashPassword(ctx, "password", newPassword); err != nil {
			return nil, err
		}
	}
	var view *View
	err = e.step(ctx, c, id, func(tx *store.Tx, v *store.Verification, a *store.Account, _ policy.State) error {
		err := e.mayFinish(tx, v, a, newPassword, choice)
		if err == nil {
			view, err = e.finish(tx, c, v, a, &Completed{Choice: choice})
		}
		return err
	})
	return view, err
}

func (e *Engine) mayFinish(tx *store.Tx, v *store.Verification, a *store.Account, newPassword string, choice Choice) error {
	next, err := e.next(tx, v, a)
	if err != nil {
		return err
	}
	if next != NextFinish {
		return refusal.New("conflict", "This verification does not wait for its last step.")
	}
	if wants := v.Purpose == policy.ResetPassword; wants != (newPassword != "") {
		return refusal.Field("invalid_request", "password", "A new password is given for a password reset, and for nothing else.")
	}
	// An id that was mistyped must not cost a passkey that was meant to stay.
	known, err := tx.HasPasskeys(v.AccountID, choice.Keep.IDs)
	if err == nil && !known {
		err = refusal.Field("invalid_request", "keep_passkeys", "Not every id is one of a passkey of this account. Nothing was changed.")
	}
	return err
}

// HashPassword checks a new password against the rules and hashes it.
func (e *Engine) HashPassword(ctx context.Context, field, pw string) (string, error) {
	if err := checkNewPassword(field, pw); err != nil {
		return "", err
	}
	return e.Hasher.Hash(ctx, pw)
}

func checkNewPassword(field, pw string) error {
	err := password.Check(pw)
	if p, ok := err.(*password.PolicyError); ok {
		return refusal.Field(p.Code, field, p.Message)
	}
	return err
}
