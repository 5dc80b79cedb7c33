package verification

import (
	"context"
	"errors"
	"slices"
	"time"

	"countersign/internal/passkey"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
)

func void() *refusal.Refusal {
	return refusal.New("verification_void", "A security setting changed since this verification began, or it was given up. Nothing was changed. Begin again.")
}

func exhausted(resets time.Time) *refusal.Refusal {
	r := refusal.New("tries_exhausted", "Too many wrong codes. Try again later.")
	if !resets.IsZero() {
		r = r.Until(resets)
	}
	return r
}

// Blocked is the refusal for a way that is closed.
func Blocked(b *policy.Block) *refusal.Refusal {
	detail := map[string]string{
		policy.FactorsIncomplete:   "Not every factor that this takes is bound. Bind what is missing.",
		policy.WithdrawalsOnHold:   "Withdrawals are paused after a change of security settings.",
		policy.AccountFrozen:       "The account is frozen. Unfreeze it first.",
		policy.NoPasskeyYet:        "The account has no passkey that can be used. Use codes.",
		policy.PasskeyWithoutPower: "This passkey signs in but does not approve withdrawals. Use codes.",
		policy.WayNotAllowed:       "The policy does not let this be done that way.",
	}[b.Code]
	r := refusal.New(b.Code, detail)
	if len(b.Missing) > 0 {
		r = r.With("missing", b.Missing)
	}
	if b.Until != nil {
		r = r.With("until", b.Until.Format(time.RFC3339)).With("reason", b.Reason)
	}
	return r
}

func suspended() *refusal.Refusal {
	return refusal.New("passkey_suspended", "This passkey is suspended, because its counter went back: it may have been copied. Use codes, and create a new passkey.")
}

// Refused translates a protocol error into the refusal that a client may see, and the reason that only the log has.
// It returns nil for an error that is no refusal.
func Refused(err error) (r *refusal.Refusal, reason string) {
	var p *passkey.Refusal
	switch {
	case refusal.As(err) != nil:
		r = refusal.As(err)
		return r, r.Code
	case errors.Is(err, passkey.ErrBackupEligibleChanged):
		return refusal.New("backup_flag_changed", "This passkey says something else about being synced than when it was created. Use codes, and create a new passkey."), "backup eligibility changed"
	case errors.Is(err, passkey.ErrUserNotVerified):
		return refusal.New("user_not_verified", "Your password manager did not check that it is you. Unlock it with your face, fingerprint or screen lock, or use codes."), "user not verified"
	case errors.As(err, &p):
		return refusal.New("passkey_refused", "This passkey was not accepted. Try again, or use codes."), p.Reason
	}
	return nil, ""
}

// slips are refusals of a request that was put wrongly or too early. They attempt nothing, and leave nothing.
var slips = []string{"invalid_request", "resend_too_soon", "rate_limited"}

// keepRefusal keeps a refusal that nothing else has kept yet, with its audit event. v is nil where the caller has none.
func (e *Engine) keepRefusal(tx *store.Tx, c Caller, v *store.Verification, err error) error {
	r := refusal.As(err)
	if r == nil || store.Kept(err) || slices.Contains(slips, r.Code) {
		return err
	}
	event := c.Event(c.AccountID(), "verification.refused", false, map[string]string{"code": r.Code})
	if v != nil {
		event.AccountID, event.Data["purpose"] = v.AccountID, string(v.Purpose)
	}
	if err := e.Note(tx, c, event); err != nil {
		return err
	}
	if err := e.observeRefusal(tx, c, v, r.Code); err != nil {
		return err
	}
	return store.Keep(r)
}

// Note writes down a refusal that costs nothing to bring about: so many an hour for one account, or from one network where
// nobody is signed in. Beyond that nothing is guessed by more of them, and the log is not for everybody to fill.
func (e *Engine) Note(tx *store.Tx, c Caller, event store.Event) error {
	subject := c.AccountID()
	if subject == "" {
		subject = c.Network()
	}
	if err := e.Allow(tx, e.Limits.Refusals, "refusals", []byte(subject)); err != nil {
		if refusal.As(err) != nil {
			return nil
		}
		return err
	}
	return tx.Record(event)
}

// Audited runs fn and writes down that it was done, or that it was refused and why, in one transaction. What fn has written stays where
// it refuses, as a budget has to; what must not, it nests. It puts into the event what it has found to be true, nothing that is only said.
func (e *Engine) Audited(ctx context.Context, event store.Event, fn func(tx *store.Tx, event *store.Event) error) error {
	return e.DB.Update(ctx, func(tx *store.Tx) error {
		event := event // an update may run twice
		event.OK, event.Data = true, map[string]string{}
		err := fn(tx, &event)
		r := refusal.As(err)
		if err != nil && r == nil {
			return err
		}
		if r != nil {
			event.OK, event.Data["code"] = false, r.Code
		}
		if err := tx.Record(event); err != nil {
			return err
		}
		if r != nil {
			return store.Keep(r)
		}
		return nil
	})
}
