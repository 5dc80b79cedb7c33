package account

import (
	"context"

	"countersign/internal/contact"
	"countersign/internal/policy"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// ResetPassword begins the reset of a forgotten password. The answer is the same whether or not the address has an account.
func (s *Service) ResetPassword(ctx context.Context, c verification.Caller, email string) (*verification.View, error) {
	address, err := normalEmail(email, "email")
	if err != nil {
		return nil, err
	}
	var view *verification.View
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		a, _, err := lookUp(tx, address)
		if err != nil {
			return err
		}
		id := ""
		if a != nil {
			id = a.ID
		}
		if err := s.Engine.Admit(tx, c, id); err != nil {
			return err
		}
		o := verification.Opening{Purpose: policy.ResetPassword, Account: a, Kinds: []policy.Kind{policy.Email}, Subject: address, Decoy: true}
		if a != nil {
			factors, err := tx.Factors(a.ID)
			if err != nil {
				return err
			}
			o.Kinds = o.Kinds[:0]
			for _, f := range factors {
				o.Kinds = append(o.Kinds, f.Kind)
			}
			o.To, o.Decoy = address, false
		}
		o.Hint = contact.MaskEmail(address)
		view, err = s.Engine.Open(tx, c, o)
		return err
	})
	return view, err
}

// finishReset sets the password, ends every session and puts a hold on. No session comes of it.
func (s *Service) finishReset(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	a := c.Account
	if err := tx.SetPassword(a.ID, c.Choice.PasswordHash); err != nil {
		return nil, err
	}
	if _, err := keepOnly(tx, c); err != nil {
		return nil, err
	}
	if err := tx.EndSessions(a.ID, ""); err != nil {
		return nil, err
	}
	if err := tx.ForgetDevices(a.ID, c.Caller.DeviceHash); err != nil {
		return nil, err
	}
	data := map[string]string{}
	h, err := hold(tx, a.ID, "password_reset", s.Holds.PasswordReset, data)
	if err != nil {
		return nil, err
	}
	if err := changed(tx, c, "password.reset", data); err != nil {
		return nil, err
	}
	return &verification.Result{Hold: h}, s.Engine.Notifier.AlertHold(tx, a, "password.reset", c.Caller.From(), h.Until)
}
