package account

import (
	"context"
	"errors"

	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// Erase takes everything personal of an account out of the database, and leaves its id with the day: the audit log, whose tree
// holds no personal detail, stays whole. Withdrawals and their approvals stay until their own time is over, or go at once. It is
// refused while a withdrawal is open, and is for the command alone. Where it is interrupted, GoOnErasing goes on.
func (s *Service) Erase(ctx context.Context, accountID string, withdrawals bool) error {
	kept := "kept"
	if withdrawals {
		kept = "removed"
	}
	err := s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		a, err := tx.Account(accountID)
		if errors.Is(err, store.ErrNotFound) {
			return refusal.NotFound("account")
		}
		if err != nil {
			return err
		}
		open, err := tx.OpenWithdrawals(accountID)
		if err != nil {
			return err
		}
		if len(open) > 0 {
			until := "Decline it, or wait until it expires"
			if open[0].State == store.Approved {
				until = "Let it be handed over, or wait until the time for that is over"
			}
			return refusal.New("conflict", "Withdrawal "+open[0].ID+" is "+open[0].State+". "+until+"; then erase the account.")
		}
		// Told before the address is gone.
		if a.ErasedAt.IsZero() {
			if err := s.Engine.Notifier.Alert(tx, a, "account.erased", verification.Caller{}.From()); err != nil {
				return err
			}
		}
		ok, err := tx.MarkErased(accountID, withdrawals)
		if err != nil {
			return err
		}
		if !ok {
			return refusal.New("conflict", "This account was erased on "+a.ErasedAt.Format("2 January 2006")+".")
		}
		if err := tx.EndSessions(accountID, ""); err != nil {
			return err
		}
		return tx.Record(store.Event{AccountID: accountID, Kind: "account.erased", OK: true, Data: map[string]string{"withdrawals": kept, "by": "command"}})
	})
	if err != nil {
		return err
	}
	return s.erase(ctx, accountID)
}

// GoOnErasing finishes what an interruption left of erasures.
func (s *Service) GoOnErasing(ctx context.Context) error {
	var ids []string
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) (err error) {
		ids, err = tx.Erasing()
		return err
	})
	for _, id := range ids {
		err = errors.Join(err, s.erase(ctx, id))
	}
	return err
}

func (s *Service) erase(ctx context.Context, accountID string) error {
	for more := true; more; {
		err := s.Engine.DB.Update(ctx, func(tx *store.Tx) (err error) {
			more, err = tx.EraseSome(accountID)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
