package account

import (
	"context"
	"strings"
	"time"
	"unicode"

	"countersign/internal/policy"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// Overview is an account as its owner sees it.
type Overview struct {
	ID                 string                     `json:"id"`
	Name               string                     `json:"name"`
	Initials           string                     `json:"initials"`
	Status             string                     `json:"status"`
	Locale             string                     `json:"locale"`
	CreatedAt          time.Time                  `json:"created_at"`
	Factors            map[policy.Kind]FactorView `json:"factors"`
	BoundCount         int                        `json:"bound_count"`
	Passkeys           PasskeyCount               `json:"passkeys"`
	PasskeyWithdrawals Availability               `json:"passkey_withdrawals"`
	CodeWithdrawals    Availability               `json:"code_withdrawals"`
	Protections        Protections                `json:"protections"`
	Hold               *HoldView                  `json:"hold"`
	PhraseSet          bool                       `json:"phrase_set"`
	Sessions           int                        `json:"sessions"`
	Session            SignedIn                   `json:"session"`
}

// FactorView is a factor in the overview; Hint is masked.
type FactorView struct {
	Bound bool       `json:"bound"`
	Hint  string     `json:"hint"`
	Since *time.Time `json:"since"`
}

// PasskeyCount counts passkeys.
type PasskeyCount struct {
	Total    int `json:"total"`
	Powerful int `json:"with_withdrawal_power"`
}

// Availability tells whether a way is open, and what would open it.
type Availability struct {
	Available bool           `json:"available"`
	Blocks    []policy.Block `json:"blocks"`
}

// Protections counts what is on of e-mail, phone, authenticator and passkey, and names what to add next.
type Protections struct {
	On   int     `json:"on"`
	Of   int     `json:"of"`
	Next *string `json:"next"`
}

// Overview reads the caller's account.
func (s *Service) Overview(ctx context.Context, c verification.Caller) (*Overview, error) {
	var out *Overview
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		a, err := tx.Account(c.AccountID())
		if err != nil {
			return err
		}
		factors, err := tx.Factors(a.ID)
		if err != nil {
			return err
		}
		sessions, err := tx.CountSessions(a.ID, policy.SessionIdle)
		if err != nil {
			return err
		}
		out = s.overview(a, factors, sessions, c, tx.Now)
		return nil
	})
	return out, err
}

func (s *Service) overview(a *store.Account, factors []store.Factor, sessions int, c verification.Caller, now time.Time) *Overview {
	o := &Overview{ID: a.ID, Name: a.Name, Status: "active", Locale: a.Locale, CreatedAt: a.CreatedAt, Factors: map[policy.Kind]FactorView{}, BoundCount: len(factors),
		Passkeys: PasskeyCount{Total: a.Passkeys, Powerful: a.Powerful}, Hold: holdView(a, now), PhraseSet: a.PhraseSealed != nil, Sessions: sessions,
		Session: SignedIn{ID: c.Session.ID, AccountID: a.ID, Method: c.Session.Method, CreatedAt: c.Session.CreatedAt, ExpiresAt: c.Session.ExpiresAt}}
	if a.Frozen {
		o.Status = "frozen"
	}
	kinds := make([]policy.Kind, 0, len(factors))
	for _, k := range policy.Kinds {
		o.Factors[k] = FactorView{}
	}
	for _, f := range factors {
		kinds = append(kinds, f.Kind)
		since := f.BoundAt
		o.Factors[f.Kind] = FactorView{Bound: true, Hint: f.Hint, Since: &since}
	}
	o.Initials = initials(a.Name, o.Factors[policy.Email].Hint)
	state := verification.StateOf(a, kinds, now)
	req := s.Engine.Policy.Require(policy.ApproveWithdrawal, state)
	o.PasskeyWithdrawals = available(req.Passkey)
	o.CodeWithdrawals = available(req.CodesBlock)
	o.Protections = protections(state)
	return o
}

func available(b *policy.Block) Availability {
	if b == nil {
		return Availability{Available: true, Blocks: []policy.Block{}}
	}
	return Availability{Blocks: []policy.Block{*b}}
}

func protections(s policy.State) Protections {
	p := Protections{On: len(s.Bound), Of: len(policy.Kinds) + 1}
	if s.Passkeys > 0 {
		p.On++
	}
	next := ""
	switch {
	case !s.Has(policy.Authenticator):
		next = string(policy.Authenticator)
	case !s.Has(policy.Phone):
		next = string(policy.Phone)
	case s.Passkeys == 0:
		next = "passkey"
	default:
		return p
	}
	p.Next = &next
	return p
}

// initials are two letters of the name, or one of the masked address.
func initials(name, hint string) string {
	var out []rune
	for _, word := range strings.Fields(name) {
		for _, r := range word {
			out = append(out, unicode.ToUpper(r))
			break
		}
	}
	switch {
	case len(out) > 2:
		return string([]rune{out[0], out[len(out)-1]})
	case len(out) > 0:
		return string(out)
	}
	for _, r := range hint {
		return string(unicode.ToUpper(r))
	}
	return ""
}
