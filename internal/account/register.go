package account

import (
	"context"
	"errors"

	"countersign/internal/contact"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// Register begins a registration: a code goes to the address, and only its proof makes an account.
// The answer is the same whether or not the address has an account.
func (s *Service) Register(ctx context.Context, c verification.Caller, email, pw, locale string) (*verification.View, error) {
	address, err := normalEmail(email, "email")
	if err != nil {
		return nil, err
	}
	if locale, err = languageTag(locale); err != nil {
		return nil, err
	}
	if err := s.admit(ctx, c, nil); err != nil {
		return nil, err
	}
	hash, err := s.Engine.HashPassword(ctx, "password", pw)
	if err != nil {
		return nil, err
	}
	var view *verification.View
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		view, err = s.Engine.Open(tx, c, verification.Opening{
			Purpose: policy.Register, Kinds: []policy.Kind{policy.Email}, Hint: contact.MaskEmail(address), To: address, Subject: address,
			Payload: verification.Payload{Value: address, Extra: hash, Locale: locale},
		})
		return err
	})
	return view, err
}

func (s *Service) finishRegistration(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	address := c.Payload.Value
	if _, err := tx.FactorOwner(policy.Email, address); err == nil {
		return nil, refusal.Field("email_taken", "email", "This e-mail address has an account. Sign in, or reset the password.")
	} else if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	a := &store.Account{ID: secret.NewID("acc", tx.Now), Handle: secret.Random(64), Locale: c.Payload.Locale, PasswordHash: c.Payload.Extra, CreatedAt: tx.Now}
	if err := tx.AddAccount(a); err != nil {
		return nil, err
	}
	if err := tx.PutFactor(a.ID, policy.Email, address, contact.MaskEmail(address), 0); err != nil {
		return nil, err
	}
	if err := tx.Record(c.Caller.Event(a.ID, "account.created", true, nil)); err != nil {
		return nil, err
	}
	if err := s.Engine.Notifier.Alert(tx, a, "account.created", c.Caller.From()); err != nil {
		return nil, err
	}
	signedIn, err := s.signInByCodes(tx, a.ID, c.Caller, 0)
	return &verification.Result{Session: signedIn}, err
}

// normalEmail normalises an address, or refuses it by the name of its field.
func normalEmail(s, field string) (string, error) {
	address, err := contact.NormalizeEmail(s)
	if ce, ok := err.(*contact.Error); ok {
		return "", refusal.Field("invalid_request", field, ce.Message)
	}
	return address, err
}

// normalPhone is normalEmail for numbers.
func normalPhone(s, field string) (string, error) {
	number, err := contact.NormalizePhone(s, "")
	if ce, ok := err.(*contact.Error); ok {
		return "", refusal.Field("invalid_request", field, ce.Message)
	}
	return number, err
}
