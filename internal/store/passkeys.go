package store

import (
	"encoding/json"
	"time"
)

// Key is what of a passkey an assertion is verified and judged with.
type Key struct {
	ID, AccountID   string
	CredentialID    []byte
	PublicKey       []byte // COSE_Key
	Algorithm       int64
	SignCount       uint32
	BackupEligible  bool
	BackupState     bool
	Name            string
	WithdrawalPower bool
	SuspendedAt     time.Time
}

// Passkey is a WebAuthn credential of an account.
type Passkey struct {
	Key
	AAGUID            []byte
	Transports        []string
	Format, RPID      string
	AttestationObject []byte
	ClientDataJSON    []byte
	CreatedAt         time.Time
	CreatedSession    string
	CreatedOn         string
	LastUsedAt        time.Time
	LastUsedFrom      string
}

// The evidence columns are long and left out: only the approval of how a key came here needs them.
const (
	keyColumns     = `p.id, p.account_id, p.credential_id, p.public_key, p.algorithm, p.sign_count, p.backup_eligible, p.backup_state, p.name, p.withdrawal_power, p.suspended_at`
	passkeyColumns = keyColumns + `, p.aaguid, p.transports, p.format, p.rp_id, p.created_at, p.created_session, p.created_on, p.last_used_at, p.last_used_from`
)

func (k *Key) fields() []any {
	return []any{&k.ID, &k.AccountID, &k.CredentialID, &k.PublicKey, &k.Algorithm, &k.SignCount, flag{&k.BackupEligible}, flag{&k.BackupState}, &k.Name, flag{&k.WithdrawalPower}, at{&k.SuspendedAt}}
}

func (p *Passkey) fields() []any {
	return append(p.Key.fields(), &p.AAGUID, jsonList{&p.Transports}, &p.Format, &p.RPID, at{&p.CreatedAt}, &p.CreatedSession, &p.CreatedOn, at{&p.LastUsedAt}, &p.LastUsedFrom)
}

type jsonList struct{ list *[]string }

func (l jsonList) Scan(v any) error {
	text, _ := v.(string)
	return json.Unmarshal([]byte(text), l.list)
}

// AddPasskey inserts a passkey and counts it. ErrExists if any account has this credential id.
func (tx *Tx) AddPasskey(p *Passkey) error {
	transports, err := json.Marshal(append([]string{}, p.Transports...))
	if err != nil {
		return err
	}
	err = tx.add(`INSERT INTO passkeys (id, account_id, credential_id, public_key, algorithm, aaguid, transports, sign_count, backup_eligible, backup_state, format, rp_id,
		attestation_object, client_data_json, name, withdrawal_power, created_at, created_session, created_on)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
		p.ID, p.AccountID, p.CredentialID, p.PublicKey, p.Algorithm, p.AAGUID, string(transports), p.SignCount, p.BackupEligible, p.BackupState, p.Format, p.RPID,
		p.AttestationObject, p.ClientDataJSON, p.Name, p.WithdrawalPower, millis(p.CreatedAt), p.CreatedSession, p.CreatedOn)
	if err != nil {
		return err
	}
	return tx.run(`UPDATE accounts SET passkeys = passkeys + 1, usable = usable + 1, powerful = powerful + $2 WHERE id = $1`, p.AccountID, p.WithdrawalPower)
}

// recount sets an account's counters of passkeys from the rows. Its cost grows with their number: for rare changes.
func (tx *Tx) recount(accountID string) error {
	return tx.run(`UPDATE accounts SET
		passkeys = (SELECT count(*) FROM passkeys WHERE account_id = $1),
		usable   = (SELECT count(*) FROM passkeys WHERE account_id = $1 AND suspended_at = 0),
		powerful = (SELECT count(*) FROM passkeys WHERE account_id = $1 AND suspended_at = 0 AND withdrawal_power = 1)
		WHERE id = $1`, accountID)
}

// Passkey reads a passkey of an account.
func (tx *Tx) Passkey(accountID, id string) (*Passkey, error) {
	var p Passkey
	return &p, tx.row(p.fields(), `SELECT `+passkeyColumns+` FROM passkeys AS p WHERE account_id = $1 AND id = $2`, accountID, id)
}

// KeyByCredential reads the key of a passkey by account and credential id: never by credential id alone.
func (tx *Tx) KeyByCredential(accountID string, credentialID []byte) (*Key, error) {
	var k Key
	return &k, tx.row(k.fields(), `SELECT `+keyColumns+` FROM passkeys AS p WHERE p.credential_id = $2 AND p.account_id = $1`, accountID, credentialID)
}

// Answered is what a login is decided by.
type Answered struct {
	// Spent tells that the challenge was spent just now; it was spent before where it is false.
	Spent bool
	// Found tells that there is such a passkey, and Known whether a browser has signed in to its account before.
	Found, Known bool
	Key          Key
}

// AskLogin spends a login challenge, and then reads the passkey by WebAuthn user handle and credential id, and whether the browser is
// known. The answer is there once the update goes on from its questions (DB.UpdateAsking).
func (tx *Tx) AskLogin(nonce []byte, expires time.Time, handle, credentialID, device []byte) (answered func() *Answered, err error) {
	var a Answered
	spent, found := &answer{}, &answer{into: append(a.Key.fields(), &a.Known)}
	err = tx.ask(spent, `INSERT INTO spent_challenges (expires_at, nonce) VALUES ($1, $2) ON CONFLICT DO NOTHING`, millis(expires), nonce)
	if err == nil {
		err = tx.ask(found, `SELECT `+keyColumns+`, EXISTS (SELECT 1 FROM devices AS d WHERE d.account_id = p.account_id AND d.device_hash = $3)
			FROM accounts AS a JOIN passkeys AS p ON p.account_id = a.id WHERE a.handle = $1 AND p.credential_id = $2`, handle, credentialID, device)
	}
	return func() *Answered {
		a.Spent, a.Found = spent.affected == 1, found.affected == 1
		return &a
	}, err
}

// PasskeysPage reads passkeys, the newest first, that are older than the one named; "" begins.
func (tx *Tx) PasskeysPage(accountID, before string, limit int) ([]Passkey, error) {
	if before == "" {
		before = afterAll
	}
	return rows(tx, (*Passkey).fields, `SELECT `+passkeyColumns+` FROM passkeys AS p WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, accountID, before, limit)
}

// PasskeysLastUsed reads the passkeys used last. It looks at all of the account's, as an index would cost every login more than
// this costs a creation: 10,000 take 10 ms.
func (tx *Tx) PasskeysLastUsed(accountID string, limit int) ([]Passkey, error) {
	return rows(tx, (*Passkey).fields, `SELECT `+passkeyColumns+` FROM passkeys AS p WHERE account_id = $1 AND id IN
		(SELECT id FROM passkeys WHERE account_id = $1 ORDER BY last_used_at DESC, id DESC LIMIT $2) ORDER BY last_used_at DESC, id DESC`, accountID, limit)
}

// CredentialIDs reads all credential ids of an account, or none where there are more than limit.
func (tx *Tx) CredentialIDs(accountID string, limit int) ([][]byte, error) {
	ids, err := rows(tx, func(b *[]byte) []any { return []any{b} }, `SELECT credential_id FROM passkeys WHERE account_id = $1 LIMIT $2`, accountID, limit+1)
	if err != nil || len(ids) > limit {
		return nil, err
	}
	return ids, nil
}

// RenamePasskey sets a name.
func (tx *Tx) RenamePasskey(accountID, id, name string) (bool, error) {
	return tx.once(`UPDATE passkeys SET name = $3 WHERE account_id = $1 AND id = $2`, accountID, id, name)
}

// DeletePasskey deletes one passkey.
func (tx *Tx) DeletePasskey(accountID, id string) (bool, error) {
	ok, err := tx.once(`DELETE FROM passkeys WHERE account_id = $1 AND id = $2`, accountID, id)
	if err != nil || !ok {
		return false, err
	}
	return true, tx.recount(accountID)
}

// Selection names some of an account's passkeys: those with these ids or, with All, all but those.
type Selection struct {
	All bool
	IDs []string
}

// some is the operator between an id and the list that finds those selected; none the one that finds the others.
func (s Selection) some() string {
	if s.All {
		return "NOT IN "
	}
	return "IN "
}

func (s Selection) none() string { return Selection{All: !s.All}.some() }

// list is a JSON array of the ids, for Tx.elements.
func (s Selection) list() string {
	b, _ := json.Marshal(append([]string{}, s.IDs...)) // strings always marshal
	return string(b)
}

// HasPasskeys tells whether every one of the ids is a passkey of the account.
func (tx *Tx) HasPasskeys(accountID string, ids []string) (bool, error) {
	if len(ids) == 0 {
		return true, nil
	}
	var strangers int
	err := tx.row([]any{&strangers}, `SELECT count(*) FROM `+tx.elements("$2")+` AS e WHERE value NOT IN (SELECT id FROM passkeys WHERE account_id = $1)`, accountID, Selection{IDs: ids}.list())
	return strangers == 0, err
}

// DeletePasskeysExcept deletes all passkeys of an account but those selected, and returns the ids of those that went.
func (tx *Tx) DeletePasskeysExcept(accountID string, keep Selection) ([]string, error) {
	gone, err := rows(tx, func(id *string) []any { return []any{id} }, `DELETE FROM passkeys WHERE account_id = $1 AND id `+keep.none()+tx.elements("$2")+` RETURNING id`, accountID, keep.list())
	if err != nil || len(gone) == 0 {
		return nil, err
	}
	return gone, tx.recount(accountID)
}

// EmpowerPasskeys gives withdrawal power to the passkeys selected.
func (tx *Tx) EmpowerPasskeys(accountID string, which Selection) error {
	err := tx.run(`UPDATE passkeys SET withdrawal_power = 1 WHERE account_id = $1 AND id `+which.some()+tx.elements("$2"), accountID, which.list())
	if err != nil {
		return err
	}
	return tx.recount(accountID)
}

// DisempowerPasskeys takes withdrawal power from all passkeys of an account.
func (tx *Tx) DisempowerPasskeys(accountID string) error {
	if err := tx.run(`UPDATE passkeys SET withdrawal_power = 0 WHERE account_id = $1 AND withdrawal_power = 1`, accountID); err != nil {
		return err
	}
	return tx.recount(accountID)
}

// SuspendPasskey takes a passkey out of use.
func (tx *Tx) SuspendPasskey(accountID, id string) error {
	if err := tx.run(`UPDATE passkeys SET suspended_at = $3 WHERE account_id = $1 AND id = $2 AND suspended_at = 0`, accountID, id, millis(tx.Now)); err != nil {
		return err
	}
	return tx.recount(accountID)
}

// UsePasskey records a use of a key that was read in this transaction. It compares the counter that the caller has judged, so that of
// two uses at once one fails.
func (tx *Tx) UsePasskey(k *Key, signCount uint32, backupState bool, from string) error {
	return tx.surely(`UPDATE passkeys SET sign_count = $3, backup_state = $4, last_used_at = $5, last_used_from = $6 WHERE credential_id = $1 AND sign_count = $2`,
		k.CredentialID, k.SignCount, signCount, backupState, millis(tx.Now), from)
}
