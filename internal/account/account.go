// Package account has the flows around an account: registering, signing in, factors, passkeys, settings, sessions, freezing.
//
// Whatever needs proof is an Action that the verification engine runs once its proof is complete; Actions lists them all.
// The rest are plain reads, and the few writes that a session alone allows.
package account

import (
	"errors"
	"time"

	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/verification"
)

const (
	// formerEmailTold is how long a replaced e-mail address is told of security events.
	formerEmailTold = 30 * 24 * time.Hour
	// seenEvery bounds how often the use of a session is written down.
	seenEvery = 5 * time.Minute
)

// Service runs the flows. Its fields are set once.
type Service struct {
	Engine *verification.Engine
	Holds  policy.Holds
	// CancelOpen cancels what an account has under way, when it is frozen.
	CancelOpen func(tx *store.Tx, a *store.Account, c verification.Caller) error
}

// Actions are what this package does at the end of verifications.
func (s *Service) Actions() map[policy.Purpose]verification.Action {
	return map[policy.Purpose]verification.Action{
		policy.Register:       {Finish: s.finishRegistration},
		policy.Login:          {Finish: s.finishLogin},
		policy.ResetPassword:  {Finish: s.finishReset, Choose: always, HoldAfter: fixed(s.Holds.PasswordReset)},
		policy.CreatePasskey:  {Begin: s.beginCreatePasskey, Finish: s.finishCreatePasskey},
		policy.DeletePasskey:  {Begin: s.beginDeletePasskey, Finish: s.finishDeletePasskey},
		policy.BindFactor:     {Begin: s.beginBind, Finish: s.finishBind, Choose: s.choosePower, HoldAfter: s.holdAfterBind},
		policy.ReplaceFactor:  {Begin: s.beginReplace, Finish: s.finishReplace, HoldAfter: fixed(s.Holds.FactorReplaced)},
		policy.UnbindFactor:   {Begin: s.beginUnbind, Finish: s.finishUnbind, HoldAfter: fixed(s.Holds.FactorUnbound)},
		policy.ChangePassword: {Begin: s.beginPassword, Finish: s.finishPassword},
		policy.EndSessions:    {Begin: s.beginEndSessions, Finish: s.finishEndSessions},
		policy.SetPhrase:      {Begin: s.beginPhrase, Finish: s.finishPhrase},
		policy.Unfreeze:       {Begin: s.beginUnfreeze, Finish: s.finishUnfreeze, Choose: choosePasskeys, HoldAfter: fixed(s.Holds.Unfrozen)},
	}
}

func always(*store.Tx, *store.Account, *store.Verification, []policy.Kind) (bool, error) {
	return true, nil
}

// choosePasskeys lets the customer go through their passkeys, if there are any.
func choosePasskeys(_ *store.Tx, a *store.Account, _ *store.Verification, _ []policy.Kind) (bool, error) {
	return a.Passkeys > 0, nil
}

func fixed(d time.Duration) func(*store.Account, []policy.Kind, time.Time) time.Duration {
	return func(*store.Account, []policy.Kind, time.Time) time.Duration { return d }
}

// HoldView is a hold as its account sees it.
type HoldView struct {
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
}

// hold puts a hold on and reads back the one that is in force: the latest end counts. The data of the event of what it is put on for tell
// of it, so that one that somebody lifts in the database is found.
func hold(tx *store.Tx, accountID, reason string, d time.Duration, data map[string]string) (*HoldView, error) {
	if err := tx.Hold(accountID, reason, tx.Now.Add(d)); err != nil {
		return nil, err
	}
	a, err := tx.Account(accountID)
	if err != nil {
		return nil, err
	}
	h := holdView(a, tx.Now)
	if h != nil {
		data[store.HeldUntil] = store.FormatEventTime(h.Until)
	}
	return h, nil
}

func holdView(a *store.Account, now time.Time) *HoldView {
	if !a.HoldUntil.After(now) {
		return nil
	}
	return &HoldView{Since: a.HoldSince, Until: a.HoldUntil, Reason: a.HoldReason}
}

// keepOnly deletes the passkeys that the customer did not choose to keep. Each has an event of its own, so that one that somebody puts back
// into the database is found.
func keepOnly(tx *store.Tx, c *verification.Completed) (deleted int, err error) {
	gone, err := tx.DeletePasskeysExcept(c.Account.ID, c.Choice.Keep)
	if err != nil {
		return 0, err
	}
	for _, id := range gone {
		if err := tx.Record(c.Caller.Event(c.Account.ID, "passkey.deleted", true, map[string]string{"passkey": id, "way": c.Way})); err != nil {
			return 0, err
		}
	}
	return len(gone), nil
}

// changed is what every change of a security setting does: it voids what was begun before, and is written down.
func changed(tx *store.Tx, c *verification.Completed, kind string, data map[string]string) error {
	if err := tx.BumpSecurity(c.Account.ID); err != nil {
		return err
	}
	if data == nil {
		data = map[string]string{}
	}
	data["way"] = c.Way
	return tx.Record(c.Caller.Event(c.Account.ID, kind, true, data))
}

func notFound(err error, what string) error {
	if errors.Is(err, store.ErrNotFound) {
		return refusal.NotFound(what)
	}
	return err
}
