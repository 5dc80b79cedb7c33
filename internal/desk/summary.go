package desk

import (
	"context"

	"countersign/internal/secret"
	"countersign/internal/store"
)

// Summary is what stands of an account beside one of its requests.
type Summary struct {
	ID           string    `json:"id"`
	Masked       string    `json:"masked"`
	FactorsBound int       `json:"factors_bound"`
	Passkeys     int       `json:"passkeys"`
	Hold         *HoldView `json:"hold"`
	Frozen       bool      `json:"frozen"`
}

// Summary reads what stands beside a request. That the request was read is in the log already, under this account.
func (s *Service) Summary(ctx context.Context, accountID string) (*Summary, error) {
	var v *Summary
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		a, err := tx.Account(accountID)
		if err != nil {
			return err
		}
		factors, err := tx.Factors(accountID)
		v = &Summary{ID: a.ID, Masked: secret.MaskID(a.ID), FactorsBound: len(factors), Passkeys: a.Passkeys, Hold: viewHold(a, tx.Now), Frozen: a.Frozen}
		return err
	})
	return v, err
}
