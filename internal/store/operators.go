package store

import (
	"crypto/subtle"
	"strings"
	"time"

	"countersign/internal/secret"
)

// Operator is one of those who run the service and answer its customers.
type Operator struct {
	ID        string
	Handle    []byte // WebAuthn user handle, 64 random bytes
	Name      string
	sealed    []byte // e-mail address
	Role      string
	InvitedBy string // an operator's id; "" by the command
	CreatedAt time.Time
	EndedAt   time.Time
	Passkeys  int // those that are not suspended; without one an operator was invited and has not come yet
}

const operatorColumns = `id, handle, name, email_sealed, role, invited_by, created_at, ended_at,
	(SELECT count(*) FROM operator_passkeys WHERE operator_id = operators.id AND suspended_at = 0)`

func (o *Operator) fields() []any {
	return []any{&o.ID, &o.Handle, &o.Name, &o.sealed, &o.Role, &o.InvitedBy, at{&o.CreatedAt}, at{&o.EndedAt}, &o.Passkeys}
}

func operatorPlace(id string) secret.Place {
	return secret.Place{Table: "operators", Column: "email", Row: id}
}

// AddOperator inserts an operator, and seals the e-mail address.
func (tx *Tx) AddOperator(o *Operator, email string) error {
	o.sealed = tx.keys.Seal(operatorPlace(o.ID), []byte(email))
	return tx.run(`INSERT INTO operators (id, handle, name, email_sealed, role, invited_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		o.ID, o.Handle, o.Name, o.sealed, o.Role, o.InvitedBy, millis(o.CreatedAt))
}

// Operator reads an operator, ended or not.
func (tx *Tx) Operator(id string) (*Operator, error) {
	var o Operator
	return &o, tx.row(o.fields(), `SELECT `+operatorColumns+` FROM operators WHERE id = $1`, id)
}

// OperatorByHandle reads the operator with this WebAuthn user handle, unless ended.
func (tx *Tx) OperatorByHandle(handle []byte) (*Operator, error) {
	var o Operator
	return &o, tx.row(o.fields(), `SELECT `+operatorColumns+` FROM operators WHERE handle = $1 AND ended_at = 0`, handle)
}

// Operators reads all operators, ended ones too, the oldest first, 1000 at most.
func (tx *Tx) Operators() ([]Operator, error) {
	return rows(tx, (*Operator).fields, `SELECT `+operatorColumns+` FROM operators ORDER BY id LIMIT 1000`)
}

// WorkingOperator tells whether there is such an operator, and still is.
func (tx *Tx) WorkingOperator(id string) (bool, error) {
	var n int
	err := tx.row([]any{&n}, `SELECT count(*) FROM operators WHERE id = $1 AND ended_at = 0`, id)
	return n > 0, err
}

// OperatorEmail opens an operator's e-mail address.
func (tx *Tx) OperatorEmail(o *Operator) (string, error) {
	b, err := tx.keys.Open(operatorPlace(o.ID), o.sealed)
	return string(b), err
}

// SetRole gives an operator another role; false if they have ended.
func (tx *Tx) SetRole(id, role string) (bool, error) {
	return tx.once(`UPDATE operators SET role = $2 WHERE id = $1 AND ended_at = 0`, id, role)
}

// EndOperator ends an operator, with every session; false if they had ended before.
func (tx *Tx) EndOperator(id string) (bool, error) {
	ok, err := tx.once(`UPDATE operators SET ended_at = $2 WHERE id = $1 AND ended_at = 0`, id, millis(tx.Now))
	if err != nil || !ok {
		return false, err
	}
	return true, tx.EndOperatorSessions(id)
}

// CountOperators tells how many operators of a role can sign in; one who has not accepted the invitation yet cannot. "" is any role.
func (tx *Tx) CountOperators(role string) (n int, err error) {
	err = tx.row([]any{&n}, `SELECT count(*) FROM operators WHERE (role = $1 OR $1 = '') AND ended_at = 0
		AND EXISTS (SELECT 1 FROM operator_passkeys WHERE operator_id = operators.id AND suspended_at = 0)`, role)
	return n, err
}

// Invitation is a link by which an operator makes their passkey.
type Invitation struct {
	OperatorID        string
	ExpiresAt, UsedAt time.Time
}

// AddInvitation stores an invitation by the hash of its token. Those that the operator had before are void.
func (tx *Tx) AddInvitation(hash []byte, operatorID string, expires time.Time) error {
	if err := tx.run(`UPDATE operator_invitations SET used_at = $2 WHERE operator_id = $1 AND used_at = 0`, operatorID, millis(tx.Now)); err != nil {
		return err
	}
	return tx.run(`INSERT INTO operator_invitations (token_hash, operator_id, expires_at) VALUES ($1, $2, $3)`, hash, operatorID, millis(expires))
}

// Invitation reads an invitation by the hash of its token.
func (tx *Tx) Invitation(hash []byte) (*Invitation, error) {
	var i Invitation
	return &i, tx.row([]any{&i.OperatorID, at{&i.ExpiresAt}, at{&i.UsedAt}}, `SELECT operator_id, expires_at, used_at FROM operator_invitations WHERE token_hash = $1`, hash)
}

// UseInvitation spends an invitation; false if it is spent or expired.
func (tx *Tx) UseInvitation(hash []byte) (bool, error) {
	return tx.once(`UPDATE operator_invitations SET used_at = $2 WHERE token_hash = $1 AND used_at = 0 AND expires_at > $2`, hash, millis(tx.Now))
}

// OperatorPasskey is a passkey of an operator. Customers' are in another table.
type OperatorPasskey struct {
	ID, OperatorID              string
	CredentialID                []byte
	PublicKey                   []byte // COSE_Key
	Algorithm                   int64
	SignCount                   uint32
	BackupEligible, BackupState bool
	CreatedAt, LastUsedAt       time.Time
	SuspendedAt                 time.Time
}

// ReplaceOperatorPasskey makes a passkey the only one of its operator. ErrExists if another operator has this credential id.
func (tx *Tx) ReplaceOperatorPasskey(p *OperatorPasskey) error {
	if err := tx.run(`DELETE FROM operator_passkeys WHERE operator_id = $1`, p.OperatorID); err != nil {
		return err
	}
	return tx.run(`INSERT INTO operator_passkeys (id, operator_id, credential_id, public_key, algorithm, sign_count, backup_eligible, backup_state, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		p.ID, p.OperatorID, p.CredentialID, p.PublicKey, p.Algorithm, p.SignCount, p.BackupEligible, p.BackupState, millis(p.CreatedAt))
}

// OperatorPasskey reads a passkey by operator and credential id.
func (tx *Tx) OperatorPasskey(operatorID string, credentialID []byte) (*OperatorPasskey, error) {
	var p OperatorPasskey
	return &p, tx.row([]any{&p.ID, &p.OperatorID, &p.CredentialID, &p.PublicKey, &p.Algorithm, &p.SignCount, &p.BackupEligible, &p.BackupState, at{&p.CreatedAt}, at{&p.LastUsedAt},
		at{&p.SuspendedAt}}, `SELECT id, operator_id, credential_id, public_key, algorithm, sign_count, backup_eligible, backup_state, created_at, last_used_at, suspended_at
		FROM operator_passkeys WHERE credential_id = $2 AND operator_id = $1`, operatorID, credentialID)
}

// UseOperatorPasskey records a use. It compares the counter that the caller has judged, so that of two uses at once one fails.
func (tx *Tx) UseOperatorPasskey(p *OperatorPasskey, signCount uint32, backupState bool) (bool, error) {
	return tx.once(`UPDATE operator_passkeys SET sign_count = $3, backup_state = $4, last_used_at = $5 WHERE id = $1 AND sign_count = $2 AND suspended_at = 0`,
		p.ID, p.SignCount, signCount, backupState, millis(tx.Now))
}

// SuspendOperatorPasskey takes a passkey out of use.
func (tx *Tx) SuspendOperatorPasskey(id string) error {
	return tx.run(`UPDATE operator_passkeys SET suspended_at = $2 WHERE id = $1 AND suspended_at = 0`, id, millis(tx.Now))
}

// OperatorSession is a browser in which an operator is signed in.
type OperatorSession struct {
	OperatorID, ID   string
	Epoch            int64
	Browser, Address string
	CreatedAt        time.Time
	LastSeenAt       time.Time
	ExpiresAt        time.Time // absolute limit
	EndedAt          time.Time
}

// AddOperatorSession inserts a session, and returns its token, which has the form of a customer's: see AddSession.
func (tx *Tx) AddOperatorSession(s *OperatorSession) (token string, err error) {
	token = newSessionToken(s.OperatorID, s.ID)
	return token, tx.run(`INSERT INTO operator_sessions (operator_id, id, token_hash, epoch, browser, address, created_at, last_seen_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		s.OperatorID, s.ID, secret.HashToken(token), s.Epoch, s.Browser, s.Address, millis(s.CreatedAt), millis(s.LastSeenAt), millis(s.ExpiresAt))
}

// OperatorSession reads a session by its ids, ended or not.
func (tx *Tx) OperatorSession(operatorID, id string) (*OperatorSession, error) {
	var s OperatorSession
	return &s, tx.row([]any{&s.OperatorID, &s.ID, &s.Epoch, &s.Browser, &s.Address, at{&s.CreatedAt}, at{&s.LastSeenAt}, at{&s.ExpiresAt}, at{&s.EndedAt}},
		`SELECT operator_id, id, epoch, browser, address, created_at, last_seen_at, expires_at, ended_at FROM operator_sessions WHERE operator_id = $1 AND id = $2`, operatorID, id)
}

// OperatorSessionByToken reads the session of a token, ended or not; ErrNotFound if the token is not genuine.
func (tx *Tx) OperatorSessionByToken(token string) (*OperatorSession, error) {
	operator, rest, _ := strings.Cut(token, ".")
	id, _, _ := strings.Cut(rest, ".")
	var s OperatorSession
	var hash []byte
	err := tx.row([]any{&s.OperatorID, &s.ID, &s.Epoch, &s.Browser, &s.Address, at{&s.CreatedAt}, at{&s.LastSeenAt}, at{&s.ExpiresAt}, at{&s.EndedAt}, &hash},
		`SELECT operator_id, id, epoch, browser, address, created_at, last_seen_at, expires_at, ended_at, token_hash FROM operator_sessions WHERE operator_id = $1 AND id = $2`, operator, id)
	if err == nil && subtle.ConstantTimeCompare(hash, secret.HashToken(token)) != 1 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// SeeOperatorSession notes that a session was used.
func (tx *Tx) SeeOperatorSession(operatorID, id string) error {
	return tx.run(`UPDATE operator_sessions SET last_seen_at = $3 WHERE operator_id = $1 AND id = $2 AND last_seen_at < $3`, operatorID, id, millis(tx.Now))
}

// EndOperatorSession ends one session.
func (tx *Tx) EndOperatorSession(operatorID, id string) error {
	return tx.run(`UPDATE operator_sessions SET ended_at = $3 WHERE operator_id = $1 AND id = $2 AND ended_at = 0`, operatorID, id, millis(tx.Now))
}

// EndOperatorSessions ends all sessions of an operator.
func (tx *Tx) EndOperatorSessions(operatorID string) error {
	return tx.run(`UPDATE operator_sessions SET ended_at = $2 WHERE operator_id = $1 AND ended_at = 0`, operatorID, millis(tx.Now))
}
