package account

import (
	"context"
	"strings"
	"unicode/utf8"

	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/verification"

	"golang.org/x/text/language"
)

// thawed refuses what a frozen account may not do with its session alone.
func thawed(tx *store.Tx, c verification.Caller) error {
	if err := verification.Live(tx, c); err != nil {
		return err
	}
	a, err := tx.Account(c.AccountID())
	if err == nil && a.Frozen {
		err = refusal.New("account_frozen", "The account is frozen. Unfreeze it first.")
	}
	return err
}

func (s *Service) beginPassword(_ *store.Tx, _ *store.Account, _ verification.Caller, r *verification.Request) (verification.Payload, *verification.NewFactor, error) {
	return verification.Payload{Extra: r.Value}, nil, nil
}

func (s *Service) finishPassword(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	if err := tx.SetPassword(c.Account.ID, c.Payload.Extra); err != nil {
		return nil, err
	}
	result, err := s.endOthers(tx, c)
	if err != nil {
		return nil, err
	}
	if err := changed(tx, c, "password.changed", nil); err != nil {
		return nil, err
	}
	return result, s.Engine.Notifier.Alert(tx, c.Account, "password.changed", c.Caller.From())
}

func (s *Service) beginPhrase(_ *store.Tx, _ *store.Account, _ verification.Caller, r *verification.Request) (verification.Payload, *verification.NewFactor, error) {
	phrase := strings.TrimSpace(r.Value)
	n := utf8.RuneCountInString(phrase)
	if phrase != "" && (n < 4 || n > 32) || !verification.Legible(phrase) {
		return verification.Payload{}, nil, refusal.Field("invalid_request", "value", "A phrase has 4 to 32 characters, and no control characters or invisible ones.")
	}
	return verification.Payload{Value: phrase}, nil, nil
}

func (s *Service) finishPhrase(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	// The e-mail carries the phrase that its reader knows: the one before this change.
	if err := s.Engine.Notifier.Alert(tx, c.Account, "phrase.set", c.Caller.From()); err != nil {
		return nil, err
	}
	if err := tx.SetPhrase(c.Account.ID, c.Payload.Value); err != nil {
		return nil, err
	}
	return &verification.Result{}, changed(tx, c, "phrase.set", nil)
}

func (s *Service) beginEndSessions(tx *store.Tx, a *store.Account, _ verification.Caller, r *verification.Request) (verification.Payload, *verification.NewFactor, error) {
	if r.Object == "others" {
		return verification.Payload{}, nil, nil
	}
	_, err := tx.Session(a.ID, r.Object)
	return verification.Payload{}, nil, notFound(err, "session")
}

func (s *Service) finishEndSessions(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	if c.V.Object == "others" {
		if err := tx.EndSessions(c.Account.ID, c.V.SessionID); err != nil {
			return nil, err
		}
	} else if _, err := tx.EndSession(c.Account.ID, c.V.Object); err != nil {
		return nil, err
	}
	// Which browser a session was in is not known: all but this one are.
	if err := tx.ForgetDevices(c.Account.ID, c.Caller.DeviceHash); err != nil {
		return nil, err
	}
	result, err := renewed(tx, c)
	if err != nil {
		return nil, err
	}
	if err := tx.Record(c.Caller.Event(c.Account.ID, "sessions.ended", true, map[string]string{"which": c.V.Object, "way": c.Way})); err != nil {
		return nil, err
	}
	return result, s.Engine.Notifier.Alert(tx, c.Account, "sessions.ended", c.Caller.From())
}

// SetProfile sets what the session alone may change.
func (s *Service) SetProfile(ctx context.Context, c verification.Caller, name, locale *string) error {
	return s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		a, err := tx.Account(c.AccountID())
		if err != nil {
			return err
		}
		if err := thawed(tx, c); err != nil {
			return err
		}
		if name != nil {
			if *name != "" {
				if a.Name, err = verification.TidyName("name", *name); err != nil {
					return err
				}
			} else {
				a.Name = ""
			}
		}
		if locale != nil {
			if a.Locale, err = languageTag(*locale); err != nil {
				return err
			}
		}
		return tx.SetProfile(a.ID, a.Name, a.Locale)
	})
}

// languageTag is a language tag in its canonical form, 35 bytes at most.
func languageTag(text string) (string, error) {
	tag, err := language.Parse(text)
	if err != nil || len(text) > 35 || len(tag.String()) > 35 {
		return "", refusal.Field("invalid_request", "locale", `Give a language tag such as "en" or "zh-Hant" (BCP 47).`)
	}
	return tag.String(), nil
}
