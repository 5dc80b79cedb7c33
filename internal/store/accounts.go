package store

import (
	"errors"
	"time"

	"countersign/internal/policy"
	"countersign/internal/secret"
)

// Account is one customer.
type Account struct {
	ID              string
	Handle          []byte // WebAuthn user handle, 64 random bytes
	Name, Locale    string
	Frozen          bool
	PasswordHash    string
	SecurityVersion int64
	PhraseSealed    []byte
	HoldSince       time.Time
	HoldUntil       time.Time // also set when it is over: compare with the transaction's Now
	HoldReason      string
	Passkeys        int // all of them
	Usable          int // those that are not suspended
	Powerful        int // usable ones with withdrawal power
	CreatedAt       time.Time
	ErasedAt        time.Time // zero if it was not
}

const accountColumns = `id, handle, name, locale, frozen, password_hash, security_version, phrase_sealed, hold_since, hold_until, hold_reason, passkeys, usable, powerful, created_at, erased_at`

func (a *Account) fields() []any {
	return []any{&a.ID, &a.Handle, &a.Name, &a.Locale, &a.Frozen, &a.PasswordHash, &a.SecurityVersion, &a.PhraseSealed, at{&a.HoldSince}, at{&a.HoldUntil},
		&a.HoldReason, &a.Passkeys, &a.Usable, &a.Powerful, at{&a.CreatedAt}, at{&a.ErasedAt}}
}

// Account reads an account; ErrNotFound if there is none.
func (tx *Tx) Account(id string) (*Account, error) {
	var a Account
	return &a, tx.row(a.fields(), `SELECT `+accountColumns+` FROM accounts WHERE id = $1`, id)
}

// AccountByHandle reads the account with this WebAuthn user handle.
func (tx *Tx) AccountByHandle(handle []byte) (*Account, error) {
	var a Account
	return &a, tx.row(a.fields(), `SELECT `+accountColumns+` FROM accounts WHERE handle = $1`, handle)
}

// AddAccount inserts an account. Its counters start at zero.
func (tx *Tx) AddAccount(a *Account) error {
	return tx.add(`INSERT INTO accounts (id, handle, name, locale, password_hash, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		a.ID, a.Handle, a.Name, a.Locale, a.PasswordHash, millis(a.CreatedAt))
}

// BumpSecurity voids every verification of the account that was begun before.
func (tx *Tx) BumpSecurity(id string) error {
	return tx.run(`UPDATE accounts SET security_version = security_version + 1 WHERE id = $1`, id)
}

// SetProfile writes what the customer may change without proof.
func (tx *Tx) SetProfile(id, name, locale string) error {
	return tx.run(`UPDATE accounts SET name = $2, locale = $3 WHERE id = $1`, id, name, locale)
}

// SetPassword writes a new password's hash.
func (tx *Tx) SetPassword(id, hash string) error {
	return tx.run(`UPDATE accounts SET password_hash = $2 WHERE id = $1`, id, hash)
}

// SetFrozen freezes or unfreezes.
func (tx *Tx) SetFrozen(id string, frozen bool) error {
	return tx.run(`UPDATE accounts SET frozen = $2 WHERE id = $1`, id, frozen)
}

// HeldUntil is the member of an event's data that tells until when the account's withdrawals pause after it, as FormatEventTime has it.
const HeldUntil = "held_until"

// Hold lets withdrawals pause until a time. A hold never shortens one that is on: the latest end counts.
func (tx *Tx) Hold(id, reason string, until time.Time) error {
	return tx.run(`UPDATE accounts SET hold_since = CASE WHEN hold_until > $2 THEN hold_since ELSE $2 END, hold_reason = $3, hold_until = $4
		WHERE id = $1 AND hold_until < $4`, id, millis(tx.Now), reason, millis(until))
}

// SetPhrase seals the anti-phishing phrase; "" removes it.
func (tx *Tx) SetPhrase(id, phrase string) error {
	var sealed []byte
	if phrase != "" {
		sealed = tx.keys.Seal(secret.Place{Table: "accounts", Column: "phrase", Row: id}, []byte(phrase))
	}
	return tx.run(`UPDATE accounts SET phrase_sealed = $2 WHERE id = $1`, id, sealed)
}

// Phrase opens the anti-phishing phrase, "" if none is set.
func (tx *Tx) Phrase(a *Account) (string, error) {
	if a.PhraseSealed == nil {
		return "", nil
	}
	b, err := tx.keys.Open(secret.Place{Table: "accounts", Column: "phrase", Row: a.ID}, a.PhraseSealed)
	return string(b), err
}

// Factor is a bound factor.
type Factor struct {
	AccountID string
	Kind      policy.Kind
	sealed    []byte
	Hint      string // masked
	LastStep  int64  // last accepted TOTP time step
	BoundAt   time.Time
}

func (f *Factor) fields() []any {
	return []any{&f.AccountID, &f.Kind, &f.sealed, &f.Hint, &f.LastStep, at{&f.BoundAt}}
}

const factorColumns = `account_id, kind, value_sealed, hint, last_step, bound_at`

// Factors reads an account's bound factors in the order of policy.Kinds.
func (tx *Tx) Factors(accountID string) ([]Factor, error) {
	return rows(tx, (*Factor).fields, `SELECT `+factorColumns+` FROM factors WHERE account_id = $1
		ORDER BY CASE kind WHEN 'email' THEN 0 WHEN 'phone' THEN 1 ELSE 2 END`, accountID)
}

func (f *Factor) place() secret.Place {
	return secret.Place{Table: "factors", Column: "value", Row: f.AccountID + "/" + string(f.Kind)}
}

// FactorValue opens the address, the number, or the TOTP secret.
func (tx *Tx) FactorValue(f *Factor) (string, error) {
	b, err := tx.keys.Open(f.place(), f.sealed)
	return string(b), err
}

// FactorOwner finds the account that has bound this address or number.
func (tx *Tx) FactorOwner(kind policy.Kind, value string) (string, error) {
	for _, index := range tx.keys.MACs("factor-index", []byte(kind), []byte(value)) {
		var id string
		err := tx.row([]any{&id}, `SELECT account_id FROM factors WHERE kind = $1 AND value_index = $2`, string(kind), index)
		if !errors.Is(err, ErrNotFound) {
			return id, err
		}
	}
	return "", ErrNotFound
}

// PutFactor binds or replaces a factor. ErrExists if another account has bound the same address or number.
func (tx *Tx) PutFactor(accountID string, kind policy.Kind, value, hint string, lastStep int64) error {
	f := Factor{AccountID: accountID, Kind: kind}
	var index []byte
	if kind != policy.Authenticator {
		if owner, err := tx.FactorOwner(kind, value); err == nil && owner != accountID {
			return ErrExists
		} else if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		index = tx.keys.MAC("factor-index", []byte(kind), []byte(value))
	}
	return tx.run(`INSERT INTO factors (account_id, kind, value_sealed, value_index, hint, last_step, bound_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (account_id, kind) DO UPDATE SET value_sealed = excluded.value_sealed, value_index = excluded.value_index, hint = excluded.hint,
		last_step = excluded.last_step, bound_at = excluded.bound_at`,
		accountID, string(kind), tx.keys.Seal(f.place(), []byte(value)), index, hint, lastStep, millis(tx.Now))
}

// DropFactor unbinds.
func (tx *Tx) DropFactor(accountID string, kind policy.Kind) error {
	return tx.run(`DELETE FROM factors WHERE account_id = $1 AND kind = $2`, accountID, string(kind))
}

// SpendStep accepts a TOTP time step if it is later than every one accepted before.
func (tx *Tx) SpendStep(accountID string, step int64) (bool, error) {
	return tx.once(`UPDATE factors SET last_step = $2 WHERE account_id = $1 AND kind = 'authenticator' AND last_step < $2`, accountID, step)
}

// AddFormerEmail keeps a replaced address, so that it is told of security events until a time.
func (tx *Tx) AddFormerEmail(accountID, address string, until time.Time) error {
	id := secret.NewID("fem", tx.Now)
	sealed := tx.keys.Seal(secret.Place{Table: "former_emails", Column: "value", Row: id}, []byte(address))
	return tx.add(`INSERT INTO former_emails (id, account_id, value_sealed, until) VALUES ($1, $2, $3, $4)`, id, accountID, sealed, millis(until))
}

// FormerEmail is a replaced address that is still told of security events.
type FormerEmail struct {
	Address string
	// MayFreeze is whether it gets a link that freezes the account.
	MayFreeze bool

	id     string
	sealed []byte
}

// FormerEmails opens the replaced addresses that are still told.
func (tx *Tx) FormerEmails(accountID string) ([]FormerEmail, error) {
	found, err := rows(tx, func(f *FormerEmail) []any { return []any{&f.id, &f.sealed, &f.MayFreeze} },
		`SELECT id, value_sealed, may_freeze FROM former_emails WHERE account_id = $1 AND until > $2`, accountID, millis(tx.Now))
	if err != nil {
		return nil, err
	}
	for i := range found {
		f := &found[i]
		b, err := tx.keys.Open(secret.Place{Table: "former_emails", Column: "value", Row: f.id}, f.sealed)
		if err != nil {
			return nil, err
		}
		f.Address = string(b)
	}
	return found, nil
}

// FreezeLink is a "this wasn't me" link of a security e-mail.
type FreezeLink struct {
	AccountID, Event, Browser, Address string
	At, ExpiresAt, UsedAt              time.Time
}

// AddFreezeLink stores a link by the hash of its token.
func (tx *Tx) AddFreezeLink(hash []byte, l FreezeLink) error {
	return tx.add(`INSERT INTO freeze_links (token_hash, account_id, event, at, browser, address, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		hash, l.AccountID, l.Event, millis(l.At), l.Browser, l.Address, millis(l.ExpiresAt))
}

// FreezeLink reads a link by the hash of its token.
func (tx *Tx) FreezeLink(hash []byte) (*FreezeLink, error) {
	var l FreezeLink
	return &l, tx.row([]any{&l.AccountID, &l.Event, at{&l.At}, &l.Browser, &l.Address, at{&l.ExpiresAt}, at{&l.UsedAt}},
		`SELECT account_id, event, at, browser, address, expires_at, used_at FROM freeze_links WHERE token_hash = $1`, hash)
}

// UseFreezeLink spends a link; false if it is spent or expired.
func (tx *Tx) UseFreezeLink(hash []byte) (bool, error) {
	return tx.once(`UPDATE freeze_links SET used_at = $2 WHERE token_hash = $1 AND used_at = 0 AND expires_at > $2`, hash, millis(tx.Now))
}

// VoidFreezeLinks voids all links of an account, and gives none to its former addresses any more.
func (tx *Tx) VoidFreezeLinks(accountID string) error {
	if err := tx.run(`UPDATE freeze_links SET expires_at = $2 WHERE account_id = $1 AND expires_at > $2`, accountID, millis(tx.Now)); err != nil {
		return err
	}
	return tx.run(`UPDATE former_emails SET may_freeze = 0 WHERE account_id = $1`, accountID)
}
