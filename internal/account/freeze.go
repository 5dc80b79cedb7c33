package account

import (
	"context"
	"errors"
	"strconv"
	"time"

	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// Freeze stops everything: sessions end, what is requested or not handed over yet is cancelled, and only signing in,
// reading, resetting and unfreezing remain. The caller's session suffices.
func (s *Service) Freeze(ctx context.Context, c verification.Caller) error {
	return s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		if err := verification.Live(tx, c); err != nil {
			return err
		}
		a, err := tx.Account(c.AccountID())
		if err != nil {
			return err
		}
		return s.freeze(tx, a, c, "session")
	})
}

func (s *Service) freeze(tx *store.Tx, a *store.Account, c verification.Caller, by string) error {
	if err := tx.SetFrozen(a.ID, true); err != nil {
		return err
	}
	if err := tx.BumpSecurity(a.ID); err != nil {
		return err
	}
	if err := tx.EndSessions(a.ID, ""); err != nil {
		return err
	}
	if err := tx.ForgetDevices(a.ID, c.DeviceHash); err != nil {
		return err
	}
	if err := s.CancelOpen(tx, a, c); err != nil {
		return err
	}
	if err := tx.Record(c.Event(a.ID, "account.frozen", true, map[string]string{"by": by})); err != nil || a.Frozen {
		return err
	}
	return s.Engine.Notifier.Alert(tx, a, "account.frozen", c.From())
}

// NotMe is what the page behind a "this wasn't me" link shows.
type NotMe struct {
	What      string    `json:"what"`
	At        time.Time `json:"at"`
	Browser   string    `json:"browser"`
	Address   string    `json:"address"`
	ExpiresAt time.Time `json:"expires_at"`
	Used      bool      `json:"used"`
}

func expiredLink() *refusal.Refusal {
	return refusal.New("link_expired", "This link is not valid any more. Sign in to freeze the account.")
}

// LookUpNotMe reads a link. It changes nothing, as mail scanners open links too.
func (s *Service) LookUpNotMe(ctx context.Context, token string) (*NotMe, error) {
	var out *NotMe
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		l, err := tx.FreezeLink(secret.HashToken(token))
		if errors.Is(err, store.ErrNotFound) || err == nil && !l.ExpiresAt.After(tx.Now) {
			return expiredLink()
		}
		if err == nil {
			out = &NotMe{What: l.Event, At: l.At, Browser: l.Browser, Address: l.Address, ExpiresAt: l.ExpiresAt, Used: !l.UsedAt.IsZero()}
		}
		return err
	})
	return out, err
}

// FreezeByLink freezes without signing in, once for each link.
func (s *Service) FreezeByLink(ctx context.Context, c verification.Caller, token string) error {
	hash := secret.HashToken(token)
	return s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		ok, err := tx.UseFreezeLink(hash)
		if err != nil {
			return err
		}
		if !ok {
			return expiredLink()
		}
		l, err := tx.FreezeLink(hash)
		if err != nil {
			return err
		}
		a, err := tx.Account(l.AccountID)
		if err != nil {
			return err
		}
		return s.freeze(tx, a, c, "link")
	})
}

func (s *Service) beginUnfreeze(_ *store.Tx, a *store.Account, _ verification.Caller, _ *verification.Request) (verification.Payload, *verification.NewFactor, error) {
	if !a.Frozen {
		return verification.Payload{}, nil, refusal.New("conflict", "The account is not frozen.")
	}
	return verification.Payload{}, nil, nil
}

func (s *Service) finishUnfreeze(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	a := c.Account
	if err := tx.SetFrozen(a.ID, false); err != nil {
		return nil, err
	}
	gone := 0
	var err error
	if a.Passkeys > 0 {
		if gone, err = keepOnly(tx, c); err != nil {
			return nil, err
		}
	}
	data := map[string]string{"passkeys_deleted": strconv.Itoa(gone)}
	h, err := hold(tx, a.ID, "unfrozen", s.Holds.Unfrozen, data)
	if err != nil {
		return nil, err
	}
	if err := changed(tx, c, "account.unfrozen", data); err != nil {
		return nil, err
	}
	// The password and every factor bound now have spoken. Links from before could freeze at once again, and a former mailbox with a
	// fresh one in each e-mail could do so for ever: from here on it is told, but has no say. It had its one: a thief who
	// replaced the address has been stopped by it, and who holds everything that is bound now is not to be told apart by a mailbox.
	if err := tx.VoidFreezeLinks(a.ID); err != nil {
		return nil, err
	}
	result, err := renewed(tx, c)
	if err != nil {
		return nil, err
	}
	result.Hold = h
	return result, s.Engine.Notifier.AlertHold(tx, a, "account.unfrozen", c.Caller.From(), h.Until)
}
