package verification

import (
	"context"

	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// Send sends a code of a verification by e-mail or SMS; target "new" is the factor being bound.
func (e *Engine) Send(ctx context.Context, c Caller, id, target string) (*View, error) {
	var view *View
	err := e.step(ctx, c, id, func(tx *store.Tx, v *store.Verification, a *store.Account, _ policy.State) error {
		factors, err := tx.VerificationFactors(v.ID)
		if err != nil {
			return err
		}
		f := find(factors, v.Purpose, target)
		// Before a session, a factor whose turn has not come is one that does not exist: a stranger must not learn what is bound.
		if f == nil || f.Kind == policy.Authenticator && v.Purpose != policy.Login || e.Policy[v.Purpose].WithoutSession && !e.mayAsk(v, f, factors) {
			return refusal.Field("invalid_request", "factor", "This verification sends no code to that factor.")
		}
		if !e.mayAsk(v, f, factors) {
			return refusal.Field("invalid_request", "factor", "The codes of the factors bound so far come first.")
		}
		if !f.MatchedAt.IsZero() {
			return refusal.Field("conflict", "factor", "This code matched already.")
		}
		if at := f.SentAt.Add(ResendAfter); !f.SentAt.IsZero() && at.After(tx.Now) {
			return refusal.New("resend_too_soon", "A code was sent a moment ago. Wait before you ask for another.").Until(at)
		}
		if v.Decoy || v.Purpose == policy.Login && f.Kind == policy.Authenticator {
			err = e.decoySend(tx, c, v, f)
		} else {
			var to string
			if to, err = e.destination(tx, v, f); err == nil {
				err = e.send(tx, c, v, a, f, to)
			}
		}
		if err != nil {
			return err
		}
		view, err = e.view(tx, c, v, a)
		return err
	})
	return view, err
}

// destination is where a factor's code goes.
func (e *Engine) destination(tx *store.Tx, v *store.Verification, f *store.VerificationFactor) (string, error) {
	if f.Target == store.New || v.AccountID == "" {
		p, err := payload(tx, v)
		return p.Value, err
	}
	factors, err := tx.Factors(v.AccountID)
	if err != nil {
		return "", err
	}
	for i := range factors {
		if factors[i].Kind == f.Kind {
			return tx.FactorValue(&factors[i])
		}
	}
	return "", void()
}

// send makes a code, stores its MAC and queues the message.
func (e *Engine) send(tx *store.Tx, c Caller, v *store.Verification, a *store.Account, f *store.VerificationFactor, to string) error {
	if err := e.affordable(tx, v, f, to); err != nil {
		return err
	}
	really, err := e.allowSend(tx, c, v, f.Target, to)
	if err != nil {
		return err
	}
	if !really {
		return e.pretend(tx, c, v, f)
	}
	code := secret.NewCode()
	info := e.codeInfo(tx, c, v, code)
	switch v.Purpose {
	case policy.BindFactor, policy.ReplaceFactor, policy.UnbindFactor:
		info.Factor = v.Object
	}
	if a != nil {
		// The phrase proves our mails to its owner, so it goes to no address that is not theirs yet.
		if f.Target == store.Bound && f.Kind == policy.Email {
			if info.Phrase, err = tx.Phrase(a); err != nil {
				return err
			}
		}
		if line := e.Actions[v.Purpose].Line; line != nil {
			if info.Withdrawal, err = line(tx, a, v); err != nil {
				return err
			}
		}
		bound, err := boundKinds(tx, a.ID)
		if err != nil {
			return err
		}
		info.PowerToWithdraw = v.Purpose == policy.CreatePasskey && policy.Complete(bound)
	}
	if err := tx.SetCode(f, e.codeMAC(v, f, code), tx.Now.Add(CodeLife)); err != nil {
		return err
	}
	e.Count(tx, func(m Meter) { m.CodeSent(channel(f.Kind), "sent") })
	return e.Notifier.Code(tx, v.AccountID, f.Kind, to, info)
}

// affordable refuses a text message that would be one too many for its country or in all. Messages are counted where they are sent; this
// spares a customer the wait for one that does not come. Before a session nobody is told: it would tell a stranger where an account's
// phone is, and the worker lets the message end.
func (e *Engine) affordable(tx *store.Tx, v *store.Verification, f *store.VerificationFactor, to string) error {
	uses := e.Spending.Uses(to)
	if f.Kind != policy.Phone || e.Policy[v.Purpose].WithoutSession || len(uses) == 0 {
		return nil
	}
	label, until, err := tx.UsedUp(uses)
	if err != nil || label == "" {
		return err
	}
	return refusal.New("texts_paused", "Text messages to this number are paused, as too many were sent. Try again later.").Until(until)
}

// decoySend does what send does, for nobody: the same budgets, work and writes, or their absence would tell a stranger something.
func (e *Engine) decoySend(tx *store.Tx, c Caller, v *store.Verification, f *store.VerificationFactor) error {
	if _, err := e.allowSend(tx, c, v, f.Target, ""); err != nil {
		return err
	}
	return e.pretend(tx, c, v, f)
}

// pretend composes a message that goes nowhere.
func (e *Engine) pretend(tx *store.Tx, c Caller, v *store.Verification, f *store.VerificationFactor) error {
	code := secret.NewCode()
	if err := tx.SetCode(f, e.codeMAC(v, f, code), tx.Now.Add(CodeLife)); err != nil {
		return err
	}
	e.Count(tx, func(m Meter) { m.CodeSent(channel(f.Kind), "withheld") })
	return e.Notifier.Decoy(tx, f.Kind, e.codeInfo(tx, c, v, code))
}

func (e *Engine) codeInfo(tx *store.Tx, c Caller, v *store.Verification, code string) delivery.CodeInfo {
	return delivery.CodeInfo{Purpose: string(v.Purpose), Code: code, ExpiresAt: tx.Now.Add(CodeLife), Browser: c.Browser, Address: c.Address}
}

// codeMAC binds a code to the verification, and so to its account, purpose, object and session, and to one factor of it.
func (e *Engine) codeMAC(v *store.Verification, f *store.VerificationFactor, code string) []byte {
	return e.Keys.MAC("code", []byte(v.ID), []byte(v.Purpose), []byte(v.Object), []byte(f.Target), []byte(f.Kind), []byte(code))
}

func (e *Engine) checkCode(v *store.Verification, f *store.VerificationFactor, code string) bool {
	return e.Keys.CheckMAC(f.CodeMAC, "code", []byte(v.ID), []byte(v.Purpose), []byte(v.Object), []byte(f.Target), []byte(f.Kind), []byte(code))
}
