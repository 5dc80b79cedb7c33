// Package policy says which proof serves which purpose. It is data and pure functions: no clock, no database.
//
// The table below should read like the help page that customers get. An operator may tighten it; Tighten refuses
// whatever would loosen it.
package policy

import (
	"fmt"
	"slices"
	"time"
)

// Purpose is what somebody proves who they are for.
type Purpose string

// The purposes, in the names that the API uses.
const (
	Register          Purpose = "register"
	Login             Purpose = "login"
	ResetPassword     Purpose = "password.reset"
	CreatePasskey     Purpose = "passkey.create"
	DeletePasskey     Purpose = "passkey.delete"
	ApproveWithdrawal Purpose = "withdrawal.approve"
	BindFactor        Purpose = "factor.bind"
	ReplaceFactor     Purpose = "factor.replace"
	UnbindFactor      Purpose = "factor.unbind"
	ChangePassword    Purpose = "password.change"
	EndSessions       Purpose = "sessions.end"
	SetPhrase         Purpose = "phrase.set"
	SaveAddress       Purpose = "address.save"
	Unfreeze          Purpose = "account.unfreeze"
)

// Kind is a kind of factor; an account has at most one of each.
type Kind string

// The kinds of factor, in the order in which they are shown.
const (
	Email         Kind = "email"
	Phone         Kind = "phone"
	Authenticator Kind = "authenticator"
)

// Kinds are all kinds of factor.
var Kinds = []Kind{Email, Phone, Authenticator}

// Complete tells whether all factors are among kinds.
func Complete(kinds []Kind) bool { return len(kinds) == len(Kinds) }

// OneMissing tells whether binding one more factor completes kinds.
func OneMissing(kinds []Kind) bool { return len(kinds) == len(Kinds)-1 }

// GivesPower tells whether a passkey gets withdrawal power: all factors are bound, and all have proven themselves.
func GivesPower(bound, proven []Kind) bool { return Complete(bound) && Complete(proven) }

// PasskeyWay says which passkeys serve a purpose.
type PasskeyWay int

const (
	// NoPasskey does not serve.
	NoPasskey PasskeyWay = iota
	// AnyPasskey of the account serves, with user verification.
	AnyPasskey
	// PowerfulPasskey serves if it has withdrawal power, all three factors are bound and no hold is on.
	PowerfulPasskey
)

// CodesWay says which codes serve a purpose.
type CodesWay int

const (
	// NoCodes serve.
	NoCodes CodesWay = iota
	// BestCode is one code: the authenticator's if bound, else the phone's, else the e-mail's.
	BestCode
	// EveryBound is a code from every bound factor.
	EveryBound
	// EmailThenRest is the e-mail's code first, then one from every other bound factor.
	EmailThenRest
	// NewEmail is the code sent to an address that no account has yet.
	NewEmail
)

// PasswordRule says when the password is asked beside the codes.
type PasswordRule int

const (
	// PasswordNever is asked.
	PasswordNever PasswordRule = iota
	// PasswordIfOneFactor is asked where only one factor is bound: its code alone is not enough.
	PasswordIfOneFactor
	// PasswordAlways is asked.
	PasswordAlways
)

// Row is the rule for one purpose.
type Row struct {
	Passkey  PasskeyWay
	Codes    CodesWay
	Password PasswordRule
	// MinFactors is how many factors must be bound for the codes way.
	MinFactors int
	// NewFactor asks for a code from the new factor after the proof by those bound so far.
	NewFactor bool
	// NoHold refuses both ways while a hold is on.
	NoHold bool
	// WhileFrozen lets a frozen account do this.
	WhileFrozen bool
	// WithoutSession is begun by somebody who is not signed in.
	WithoutSession bool
}

// Table maps every purpose to its rule. A purpose that is not in it is refused.
type Table map[Purpose]Row

// Default is the policy that every installation starts from.
func Default() Table {
	return Table{
		Register:          {Codes: NewEmail, WithoutSession: true},
		Login:             {Passkey: AnyPasskey, Codes: BestCode, Password: PasswordAlways, WithoutSession: true, WhileFrozen: true},
		ResetPassword:     {Codes: EmailThenRest, WithoutSession: true, WhileFrozen: true},
		CreatePasskey:     {Codes: EveryBound, MinFactors: 2},
		ApproveWithdrawal: {Passkey: PowerfulPasskey, Codes: EveryBound, MinFactors: 2, NoHold: true},
		BindFactor:        {Codes: EveryBound, Password: PasswordIfOneFactor, NewFactor: true},
		ReplaceFactor:     {Passkey: PowerfulPasskey, Codes: EveryBound, Password: PasswordIfOneFactor, NewFactor: true},
		UnbindFactor:      {Passkey: PowerfulPasskey, Codes: EveryBound, Password: PasswordIfOneFactor},
		ChangePassword:    {Passkey: AnyPasskey, Codes: EveryBound, Password: PasswordIfOneFactor},
		DeletePasskey:     {Passkey: AnyPasskey, Codes: EveryBound, Password: PasswordIfOneFactor},
		EndSessions:       {Passkey: AnyPasskey, Codes: EveryBound, Password: PasswordIfOneFactor},
		SetPhrase:         {Passkey: AnyPasskey, Codes: EveryBound, Password: PasswordIfOneFactor},
		SaveAddress:       {Passkey: AnyPasskey, Codes: EveryBound, Password: PasswordIfOneFactor},
		Unfreeze:          {Codes: EveryBound, Password: PasswordAlways, WhileFrozen: true},
	}
}

// How long a customer's session lives: idle, and in all.
const (
	SessionIdle     = 30 * 24 * time.Hour
	SessionAbsolute = 90 * 24 * time.Hour
)

// Holds are the spans without withdrawals that follow a risky change.
type Holds struct {
	FactorReplaced, FactorUnbound, PasswordReset time.Duration
	// SecondFactor follows when an account older than 24 h goes from one bound factor to two.
	SecondFactor time.Duration
	Unfrozen     time.Duration
	// NewAddress is how long a new address waits, by either way; zero does not wait.
	NewAddress time.Duration
}

// DefaultHolds are the shortest holds that an operator can have.
func DefaultHolds() Holds {
	const day = 24 * time.Hour
	return Holds{FactorReplaced: day, FactorUnbound: day, PasswordReset: day, SecondFactor: day, Unfrozen: 3 * day}
}

// Tighten returns the table without the passkey way for the purposes named, and the holds no shorter than asked.
// It refuses a purpose it does not know and a hold shorter than the default.
func Tighten(t Table, h Holds, noPasskey []Purpose) (Table, Holds, error) {
	out := Table{}
	for p, row := range t {
		if slices.Contains(noPasskey, p) {
			if row.Codes == NoCodes {
				return nil, h, fmt.Errorf("policy: %s has no other way than the passkey", p)
			}
			row.Passkey = NoPasskey
		}
		out[p] = row
	}
	for _, p := range noPasskey {
		if _, ok := t[p]; !ok {
			return nil, h, fmt.Errorf("policy: %q is not a purpose", p)
		}
	}
	d := DefaultHolds()
	for _, c := range []struct {
		name      string
		got, want time.Duration
	}{
		{"factor replaced", h.FactorReplaced, d.FactorReplaced}, {"factor unbound", h.FactorUnbound, d.FactorUnbound},
		{"password reset", h.PasswordReset, d.PasswordReset}, {"second factor", h.SecondFactor, d.SecondFactor},
		{"unfrozen", h.Unfrozen, d.Unfrozen}, {"new address", h.NewAddress, d.NewAddress},
	} {
		if c.got < c.want {
			return nil, h, fmt.Errorf("policy: the hold %q of %s would loosen the policy; %s is the least", c.name, c.got, c.want)
		}
	}
	return out, h, nil
}

// State is what the rules look at in an account.
type State struct {
	Bound  []Kind
	Frozen bool
	// HoldUntil is the end of the hold; zero if none is on.
	HoldUntil  time.Time
	HoldReason string
	// Passkeys and Powerful count the account's usable passkeys, and those of them with withdrawal power.
	Passkeys, Powerful int
}

// Has tells whether a factor of this kind is bound.
func (s State) Has(k Kind) bool { return slices.Contains(s.Bound, k) }

// Missing are the kinds that are not bound.
func (s State) Missing() []Kind {
	var out []Kind
	for _, k := range Kinds {
		if !s.Has(k) {
			out = append(out, k)
		}
	}
	return out
}

// Block says why a way is closed, and what would open it.
type Block struct {
	Code    string     `json:"code"`
	Missing []Kind     `json:"missing,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
	Reason  string     `json:"reason,omitempty"`
}

// The codes of blocks.
const (
	FactorsIncomplete   = "factors_incomplete"
	WithdrawalsOnHold   = "withdrawals_on_hold"
	AccountFrozen       = "account_frozen"
	NoPasskeyYet        = "no_passkey"
	PasskeyWithoutPower = "passkey_without_power"
	WayNotAllowed       = "way_not_allowed"
)

// Requirement is what one verification asks of one account.
type Requirement struct {
	// Passkey is nil where the way is open, else why it is closed. HasPasskey tells whether the table has that way at all.
	HasPasskey bool
	Passkey    *Block
	// Codes are the factors whose code is asked; CodesBlock says why that way is closed.
	Codes      []Kind
	CodesBlock *Block
	Password   bool
	NewFactor  bool
}

// PasskeyOpen tells whether the passkey way is open.
func (r Requirement) PasskeyOpen() bool { return r.HasPasskey && r.Passkey == nil }

// CodesOpen tells whether the codes way is open.
func (r Requirement) CodesOpen() bool { return r.CodesBlock == nil }

// Require applies the table to an account. What it returns never is empty: where nothing would be asked, both ways are closed.
func (t Table) Require(p Purpose, s State) Requirement {
	row, ok := t[p]
	closed := Block{Code: WayNotAllowed}
	if !ok {
		return Requirement{Passkey: &closed, CodesBlock: &closed}
	}
	req := Requirement{HasPasskey: row.Passkey != NoPasskey, NewFactor: row.NewFactor}
	req.Codes = codes(row.Codes, s)
	req.Password = row.Password == PasswordAlways || row.Password == PasswordIfOneFactor && len(s.Bound) <= 1
	if block := s.both(row); block != nil {
		req.Passkey, req.CodesBlock = block, block
		return req
	}
	if req.HasPasskey {
		req.Passkey = s.passkey(row.Passkey)
	} else {
		req.Passkey = &closed
	}
	switch {
	case len(req.Codes) == 0:
		req.CodesBlock = &closed
	case len(s.Bound) < row.MinFactors:
		req.CodesBlock = &Block{Code: FactorsIncomplete, Missing: s.Missing()}
	}
	return req
}

// both are the blocks that close either way.
func (s State) both(row Row) *Block {
	if s.Frozen && !row.WhileFrozen {
		return &Block{Code: AccountFrozen}
	}
	if row.NoHold {
		return s.hold()
	}
	return nil
}

func (s State) hold() *Block {
	if s.HoldUntil.IsZero() {
		return nil
	}
	until := s.HoldUntil.UTC()
	return &Block{Code: WithdrawalsOnHold, Until: &until, Reason: s.HoldReason}
}

func (s State) passkey(way PasskeyWay) *Block {
	if way == PowerfulPasskey {
		if missing := s.Missing(); len(missing) > 0 {
			return &Block{Code: FactorsIncomplete, Missing: missing}
		}
		if b := s.hold(); b != nil {
			return b
		}
	}
	if s.Passkeys == 0 {
		return &Block{Code: NoPasskeyYet}
	}
	if way == PowerfulPasskey && s.Powerful == 0 {
		return &Block{Code: PasskeyWithoutPower}
	}
	return nil
}

func codes(way CodesWay, s State) []Kind {
	switch way {
	case BestCode:
		for _, k := range []Kind{Authenticator, Phone, Email} {
			if s.Has(k) {
				return []Kind{k}
			}
		}
	case EveryBound, EmailThenRest:
		var out []Kind
		for _, k := range Kinds {
			if s.Has(k) {
				out = append(out, k)
			}
		}
		return out
	case NewEmail:
		return []Kind{Email}
	}
	return nil
}

// ServesPasskey tells whether this passkey serves this purpose, given that the way is open.
func (t Table) ServesPasskey(p Purpose, hasPower bool) bool {
	row := t[p]
	return row.Passkey == AnyPasskey || row.Passkey == PowerfulPasskey && hasPower
}
