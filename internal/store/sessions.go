package store

import (
	"crypto/subtle"
	"strings"
	"time"

	"countersign/internal/secret"
)

// Session is a signed-in browser or app.
type Session struct {
	ID, AccountID     string
	Method, PasskeyID string
	Epoch             int64
	Browser, Address  string
	CreatedAt         time.Time
	LastSeenAt        time.Time
	ExpiresAt         time.Time // absolute limit
	EndedAt           time.Time
	// Took is how long the sign-in took, as the service saw it: from the password, or from the request for a passkey. It is only
	// counted; 0 where the session came of something else, such as a registration.
	Took time.Duration
}

const sessionColumns = `id, account_id, method, passkey_id, epoch, browser, address, created_at, last_seen_at, expires_at, ended_at`

func (s *Session) fields() []any {
	return []any{&s.ID, &s.AccountID, &s.Method, &s.PasskeyID, &s.Epoch, &s.Browser, &s.Address, at{&s.CreatedAt}, at{&s.LastSeenAt}, at{&s.ExpiresAt}, at{&s.EndedAt}}
}

// AddSession inserts a session, and returns its token: the account's id, the session's, and 256 random bits, with dots between
// them. The ids say where to look; the hash that is kept of the token proves it.
func (tx *Tx) AddSession(s *Session) (token string, err error) {
	token = newSessionToken(s.AccountID, s.ID)
	return token, tx.surely(`INSERT INTO sessions (account_id, id, token_hash, method, passkey_id, epoch, browser, address, created_at, last_seen_at, expires_at, took)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		s.AccountID, s.ID, secret.HashToken(token), s.Method, s.PasskeyID, s.Epoch, s.Browser, s.Address, millis(s.CreatedAt), millis(s.LastSeenAt), millis(s.ExpiresAt), s.Took.Milliseconds())
}

func newSessionToken(accountID, id string) string {
	random, _ := secret.NewToken()
	return accountID + "." + id + "." + random
}

// SessionByToken reads the session of a token, ended or not; ErrNotFound if the token is not genuine.
func (tx *Tx) SessionByToken(token string) (*Session, error) {
	account, rest, _ := strings.Cut(token, ".")
	id, _, _ := strings.Cut(rest, ".")
	var s Session
	var hash []byte
	err := tx.row(append(s.fields(), &hash), `SELECT `+sessionColumns+`, token_hash FROM sessions WHERE account_id = $1 AND id = $2`, account, id)
	if err == nil && subtle.ConstantTimeCompare(hash, secret.HashToken(token)) != 1 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// Session reads a session of an account, ended or not.
func (tx *Tx) Session(accountID, id string) (*Session, error) {
	var s Session
	return &s, tx.row(s.fields(), `SELECT `+sessionColumns+` FROM sessions WHERE account_id = $1 AND id = $2`, accountID, id)
}

// Sessions reads the sessions of an account that have not ended, the last seen first, 200 at most.
func (tx *Tx) Sessions(accountID string, idle time.Duration) ([]Session, error) {
	return rows(tx, (*Session).fields, `SELECT `+sessionColumns+` FROM sessions WHERE account_id = $1 AND ended_at = 0 AND expires_at > $2 AND last_seen_at > $3
		ORDER BY last_seen_at DESC LIMIT 200`, accountID, millis(tx.Now), millis(tx.Now.Add(-idle)))
}

// CountSessions tells how many sessions of an account have not ended.
func (tx *Tx) CountSessions(accountID string, idle time.Duration) (n int, err error) {
	err = tx.row([]any{&n}, `SELECT count(*) FROM sessions WHERE account_id = $1 AND ended_at = 0 AND expires_at > $2 AND last_seen_at > $3`,
		accountID, millis(tx.Now), millis(tx.Now.Add(-idle)))
	return n, err
}

// SeeSession notes that a session was used.
func (tx *Tx) SeeSession(accountID, id string) error {
	return tx.run(`UPDATE sessions SET last_seen_at = $3 WHERE account_id = $1 AND id = $2 AND last_seen_at < $3`, accountID, id, millis(tx.Now))
}

// EndSession ends one session.
func (tx *Tx) EndSession(accountID, id string) (bool, error) {
	return tx.once(`UPDATE sessions SET ended_at = $3 WHERE account_id = $1 AND id = $2 AND ended_at = 0`, accountID, id, millis(tx.Now))
}

// EndSessions ends all sessions of an account but one; "" excepts none.
func (tx *Tx) EndSessions(accountID, except string) error {
	return tx.run(`UPDATE sessions SET ended_at = $3 WHERE account_id = $1 AND id <> $2 AND ended_at = 0`, accountID, except, millis(tx.Now))
}

// RenewSession gives a session a new token, so that whoever has a copy of the former one has nothing; "" if the session has ended.
func (tx *Tx) RenewSession(accountID, id string) (token string, err error) {
	token = newSessionToken(accountID, id)
	if ok, err := tx.once(`UPDATE sessions SET token_hash = $3 WHERE account_id = $1 AND id = $2 AND ended_at = 0`, accountID, id, secret.HashToken(token)); err != nil || !ok {
		return "", err
	}
	return token, nil
}

// AddDevice remembers a browser that has signed in.
func (tx *Tx) AddDevice(accountID string, hash []byte) error {
	return tx.run(`INSERT INTO devices (account_id, device_hash, created_at) VALUES ($1, $2, $3) ON CONFLICT (account_id, device_hash) DO NOTHING`, accountID, hash, millis(tx.Now))
}

// KnowsDevice tells whether a browser has signed in to this account before.
func (tx *Tx) KnowsDevice(accountID string, hash []byte) (bool, error) {
	var n int
	err := tx.row([]any{&n}, `SELECT count(*) FROM devices WHERE account_id = $1 AND device_hash = $2`, accountID, hash)
	return n > 0, err
}

// DeviceAccount is an account that a browser has signed in to before, the same one each time; "" if there is none.
func (tx *Tx) DeviceAccount(hash []byte) (accountID string, err error) {
	return accountID, tx.row([]any{&accountID}, `SELECT coalesce(min(account_id), '') FROM devices WHERE device_hash = $1`, hash)
}

// ForgetDevices forgets the browsers that have signed in to this account, but for one; nil excepts none.
func (tx *Tx) ForgetDevices(accountID string, except []byte) error {
	return tx.run(`DELETE FROM devices WHERE account_id = $1 AND device_hash <> $2`, accountID, append([]byte{}, except...))
}
