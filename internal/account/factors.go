package account

import (
	"errors"
	"time"

	"countersign/internal/contact"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/verification"
)

const day = 24 * time.Hour

// fresh reads the new factor of a request, normalised.
func fresh(r *verification.Request) (*verification.NewFactor, error) {
	switch kind := policy.Kind(r.Object); kind {
	case policy.Email:
		address, err := normalEmail(r.Value, "value")
		return &verification.NewFactor{Kind: kind, Value: address, Hint: contact.MaskEmail(address)}, err
	case policy.Phone:
		number, err := normalPhone(r.Value, "value")
		return &verification.NewFactor{Kind: kind, Value: number, Hint: contact.MaskPhone(number)}, err
	case policy.Authenticator:
		if r.Value != "" {
			return nil, refusal.Field("invalid_request", "value", "The secret of an authenticator is made here; leave this out.")
		}
		return &verification.NewFactor{Kind: kind}, nil
	}
	return nil, refusal.Field("invalid_request", "object", `Name a kind of factor: "email", "phone" or "authenticator".`)
}

func bound(tx *store.Tx, accountID string, kind policy.Kind) (bool, error) {
	factors, err := tx.Factors(accountID)
	for _, f := range factors {
		if f.Kind == kind {
			return true, err
		}
	}
	return false, err
}

func (s *Service) beginBind(tx *store.Tx, a *store.Account, _ verification.Caller, r *verification.Request) (verification.Payload, *verification.NewFactor, error) {
	f, err := fresh(r)
	if err != nil {
		return verification.Payload{}, nil, err
	}
	if has, err := bound(tx, a.ID, f.Kind); err != nil || has {
		if err == nil {
			err = refusal.Field("already_bound", "object", "This kind of factor is bound already. Replace it instead.")
		}
		return verification.Payload{}, nil, err
	}
	return verification.Payload{}, f, nil
}

func (s *Service) beginReplace(tx *store.Tx, a *store.Account, _ verification.Caller, r *verification.Request) (verification.Payload, *verification.NewFactor, error) {
	f, err := fresh(r)
	if err != nil {
		return verification.Payload{}, nil, err
	}
	return verification.Payload{}, f, mustHave(tx, a.ID, f.Kind)
}

func mustHave(tx *store.Tx, accountID string, kind policy.Kind) error {
	has, err := bound(tx, accountID, kind)
	if err == nil && !has {
		err = refusal.Field("not_bound", "object", "No factor of this kind is bound.")
	}
	return err
}

func (s *Service) beginUnbind(tx *store.Tx, a *store.Account, _ verification.Caller, r *verification.Request) (verification.Payload, *verification.NewFactor, error) {
	kind := policy.Kind(r.Object)
	if kind != policy.Phone && kind != policy.Authenticator {
		return verification.Payload{}, nil, refusal.Field("invalid_request", "object", `Only "phone" and "authenticator" can be unbound. An e-mail address can be replaced.`)
	}
	return verification.Payload{}, nil, mustHave(tx, a.ID, kind)
}

// choosePower asks which of the passkeys made before may approve withdrawals, when the third factor is being bound.
func (s *Service) choosePower(_ *store.Tx, a *store.Account, _ *store.Verification, kinds []policy.Kind) (bool, error) {
	return policy.OneMissing(kinds) && a.Passkeys > a.Powerful, nil
}

func (s *Service) holdAfterBind(a *store.Account, kinds []policy.Kind, now time.Time) time.Duration {
	if len(kinds) == 1 && now.Sub(a.CreatedAt) > day {
		return s.Holds.SecondFactor
	}
	return 0
}

// put binds the proven factor; "taken" is told only now, to somebody who has proven that the address is theirs.
func put(tx *store.Tx, c *verification.Completed, kind policy.Kind) error {
	value, hint := c.Payload.Value, ""
	switch kind {
	case policy.Email:
		hint = contact.MaskEmail(value)
	case policy.Phone:
		hint = contact.MaskPhone(value)
	default:
		value = string(c.Payload.Secret)
	}
	err := tx.PutFactor(c.Account.ID, kind, value, hint, c.NewStep)
	if errors.Is(err, store.ErrExists) {
		return refusal.Field(string(kind)+"_taken", "value", "Another account has bound this. Nothing was changed.")
	}
	return err
}

func (s *Service) finishBind(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	a, kind := c.Account, policy.Kind(c.V.Object)
	if err := put(tx, c, kind); err != nil {
		return nil, err
	}
	if policy.OneMissing(c.Bound) && (c.Choice.Keep.All || len(c.Choice.Keep.IDs) > 0) {
		if err := tx.EmpowerPasskeys(a.ID, c.Choice.Keep); err != nil {
			return nil, err
		}
	}
	data := map[string]string{"factor": string(kind)}
	var h *HoldView
	if d := s.holdAfterBind(a, c.Bound, tx.Now); d > 0 {
		var err error
		if h, err = hold(tx, a.ID, "second_factor", d, data); err != nil {
			return nil, err
		}
	}
	if err := changed(tx, c, "factor.bound", data); err != nil {
		return nil, err
	}
	result, err := s.endOthers(tx, c)
	if err != nil {
		return nil, err
	}
	var until time.Time
	if h != nil {
		result.Hold, until = h, h.Until
	}
	return result, s.Engine.Notifier.AlertHold(tx, a, "factor.bound", c.Caller.From(), until, [2]string{"Factor", label(kind)})
}

func (s *Service) finishReplace(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	a, kind := c.Account, policy.Kind(c.V.Object)
	if kind == policy.Email {
		factors, err := tx.Factors(a.ID)
		if err != nil {
			return nil, err
		}
		old, err := tx.FactorValue(&factors[0])
		if err != nil {
			return nil, err
		}
		if err := tx.AddFormerEmail(a.ID, old, tx.Now.Add(formerEmailTold)); err != nil {
			return nil, err
		}
	}
	if err := put(tx, c, kind); err != nil {
		return nil, err
	}
	return s.afterRisk(tx, c, "factor.replaced", "factor_replaced", kind, s.Holds.FactorReplaced)
}

func (s *Service) finishUnbind(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	kind := policy.Kind(c.V.Object)
	if err := tx.DropFactor(c.Account.ID, kind); err != nil {
		return nil, err
	}
	// Power came of all three factors. It does not wait for whichever is bound in the place of this one: then it is asked anew
	// which passkeys are to have it.
	if err := tx.DisempowerPasskeys(c.Account.ID); err != nil {
		return nil, err
	}
	return s.afterRisk(tx, c, "factor.unbound", "factor_unbound", kind, s.Holds.FactorUnbound)
}

// afterRisk is what follows a factor's replacement or loss: a hold, other sessions ended, and an e-mail.
func (s *Service) afterRisk(tx *store.Tx, c *verification.Completed, event, reason string, kind policy.Kind, d time.Duration) (*verification.Result, error) {
	data := map[string]string{"factor": string(kind)}
	h, err := hold(tx, c.Account.ID, reason, d, data)
	if err != nil {
		return nil, err
	}
	if err := changed(tx, c, event, data); err != nil {
		return nil, err
	}
	result, err := s.endOthers(tx, c)
	if err != nil {
		return nil, err
	}
	result.Hold = h
	return result, s.Engine.Notifier.AlertHold(tx, c.Account, event, c.Caller.From(), h.Until, [2]string{"Factor", label(kind)})
}

// endOthers ends all sessions but the one in which the change was made, and renews that. The other browsers are known no longer:
// whoever signs in from one of them is told of as somebody new, and has no budget of guesses to themselves.
func (s *Service) endOthers(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	if err := tx.EndSessions(c.Account.ID, c.V.SessionID); err != nil {
		return nil, err
	}
	if err := tx.ForgetDevices(c.Account.ID, c.Caller.DeviceHash); err != nil {
		return nil, err
	}
	return renewed(tx, c)
}

// renewed gives the session a new token after its owner has proven themselves again: whoever copied the former one is out, as
// they are by the end of every other session. The result has the token for the transport that the former one came by.
func renewed(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	token, err := tx.RenewSession(c.Account.ID, c.V.SessionID)
	if err != nil || token == "" {
		return &verification.Result{}, err
	}
	now, err := tx.Session(c.Account.ID, c.V.SessionID)
	if err != nil {
		return nil, err
	}
	return &verification.Result{Session: &SignedIn{ID: now.ID, AccountID: now.AccountID, Method: now.Method, CreatedAt: now.CreatedAt, ExpiresAt: now.ExpiresAt, Token: token}}, nil
}

func label(kind policy.Kind) string {
	return map[policy.Kind]string{policy.Email: "E-mail", policy.Phone: "Phone", policy.Authenticator: "Authenticator app"}[kind]
}
