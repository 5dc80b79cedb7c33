package store

import (
	"time"

	"countersign/internal/policy"
	"countersign/internal/secret"
)

// The states of a verification that are stored. Expiry is a matter of time and is not.
const (
	Pending = "pending"
	Done    = "done"
	Void    = "void"
)

// Verification is somebody proving who they are, for one purpose and one object.
type Verification struct {
	ID, AccountID   string // AccountID is "" for a registration and for a decoy of an unknown account
	Purpose         policy.Purpose
	Object          string
	payload         []byte
	SessionID       string
	DeviceHash      []byte
	BudgetKey       []byte
	SecurityVersion int64
	Epoch           int64
	Status          string
	ProvenBy        string // "" until the proof by what was bound before is complete; then "codes" or "passkey"
	PasswordAsked   bool
	PasswordMatched bool
	Decoy           bool
	Failures        int
	Challenges      int
	Browser         string
	Address         string
	CreatedAt       time.Time
	ExpiresAt       time.Time
	DoneAt          time.Time
}

const verificationColumns = `id, account_id, purpose, object, payload_sealed, session_id, device_hash, budget_key, security_version, epoch, status, proven_by,
	password_asked, password_matched, decoy, failures, challenges, browser, address, created_at, expires_at, done_at`

func (v *Verification) fields() []any {
	return []any{&v.ID, &v.AccountID, &v.Purpose, &v.Object, &v.payload, &v.SessionID, &v.DeviceHash, &v.BudgetKey, &v.SecurityVersion, &v.Epoch, &v.Status, &v.ProvenBy,
		&v.PasswordAsked, &v.PasswordMatched, &v.Decoy, &v.Failures, &v.Challenges, &v.Browser, &v.Address, at{&v.CreatedAt}, at{&v.ExpiresAt}, at{&v.DoneAt}}
}

func payloadPlace(id string) secret.Place {
	return secret.Place{Table: "verifications", Column: "payload", Row: id}
}

// AddVerification inserts a pending verification; payload is sealed, nil for none.
func (tx *Tx) AddVerification(v *Verification, payload []byte) error {
	if payload != nil {
		v.payload = tx.keys.Seal(payloadPlace(v.ID), payload)
	}
	return tx.add(`INSERT INTO verifications (id, account_id, purpose, object, payload_sealed, session_id, device_hash, budget_key, security_version, epoch, status,
		password_asked, password_matched, decoy, browser, address, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		v.ID, v.AccountID, string(v.Purpose), v.Object, v.payload, v.SessionID, v.DeviceHash, v.BudgetKey, v.SecurityVersion, v.Epoch, Pending,
		v.PasswordAsked, v.PasswordMatched, v.Decoy, v.Browser, v.Address, millis(v.CreatedAt), millis(v.ExpiresAt))
}

// Verification reads a verification.
func (tx *Tx) Verification(id string) (*Verification, error) {
	var v Verification
	return &v, tx.row(v.fields(), `SELECT `+verificationColumns+` FROM verifications WHERE id = $1`, id)
}

// Payload opens what was sealed with the verification; nil if nothing was.
func (tx *Tx) Payload(v *Verification) ([]byte, error) {
	if v.payload == nil {
		return nil, nil
	}
	return tx.keys.Open(payloadPlace(v.ID), v.payload)
}

// SetPayload seals another payload in place of the former one.
func (tx *Tx) SetPayload(v *Verification, payload []byte) error {
	v.payload = tx.keys.Seal(payloadPlace(v.ID), payload)
	return tx.run(`UPDATE verifications SET payload_sealed = $2 WHERE id = $1`, v.ID, v.payload)
}

// EndVerification takes a verification out of pending, once: false if it is no longer pending.
func (tx *Tx) EndVerification(id, status string) (bool, error) {
	return tx.once(`UPDATE verifications SET status = $2, done_at = $3, payload_sealed = NULL WHERE id = $1 AND status = 'pending'`, id, status, millis(tx.Now))
}

// NoteProof records by what the bound factors' proof was given.
func (tx *Tx) NoteProof(id, way string) error {
	return tx.run(`UPDATE verifications SET proven_by = $2 WHERE id = $1`, id, way)
}

// NotePassword records that the password matched.
func (tx *Tx) NotePassword(id string) error {
	return tx.run(`UPDATE verifications SET password_matched = 1 WHERE id = $1`, id)
}

// CountFailures adds wrong codes.
func (tx *Tx) CountFailures(id string, n int) error {
	return tx.run(`UPDATE verifications SET failures = failures + $2 WHERE id = $1`, id, n)
}

// CountChallenge takes one challenge if fewer than limit were taken.
func (tx *Tx) CountChallenge(id string, limit int) (bool, error) {
	return tx.once(`UPDATE verifications SET challenges = challenges + 1 WHERE id = $1 AND challenges < $2`, id, limit)
}

// The targets of a VerificationFactor.
const (
	Bound = "bound"
	New   = "new"
)

// VerificationFactor is the progress of one factor in one verification.
type VerificationFactor struct {
	VerificationID string
	Target         string // Bound or New
	Kind           policy.Kind
	Hint           string
	CodeMAC        []byte
	SentAt         time.Time
	CodeExpiresAt  time.Time
	MatchedAt      time.Time
	LastStep       int64
}

func (f *VerificationFactor) fields() []any {
	return []any{&f.VerificationID, &f.Target, &f.Kind, &f.Hint, &f.CodeMAC, at{&f.SentAt}, at{&f.CodeExpiresAt}, at{&f.MatchedAt}, &f.LastStep}
}

// AddVerificationFactor inserts a factor that a verification asks.
func (tx *Tx) AddVerificationFactor(f *VerificationFactor) error {
	return tx.add(`INSERT INTO verification_factors (verification_id, target, kind, hint, matched_at) VALUES ($1, $2, $3, $4, $5)`, f.VerificationID, f.Target, string(f.Kind), f.Hint, millis(f.MatchedAt))
}

// VerificationFactors reads the factors of a verification, in the order of policy.Kinds, the new one last.
func (tx *Tx) VerificationFactors(id string) ([]VerificationFactor, error) {
	return rows(tx, (*VerificationFactor).fields, `SELECT verification_id, target, kind, hint, code_mac, sent_at, code_expires_at, matched_at, last_step
		FROM verification_factors WHERE verification_id = $1 ORDER BY target, CASE kind WHEN 'email' THEN 0 WHEN 'phone' THEN 1 ELSE 2 END`, id)
}

// SetCode stores a freshly sent code in place of the former one.
func (tx *Tx) SetCode(f *VerificationFactor, mac []byte, expires time.Time) error {
	return tx.run(`UPDATE verification_factors SET code_mac = $4, sent_at = $5, code_expires_at = $6 WHERE verification_id = $1 AND target = $2 AND kind = $3`,
		f.VerificationID, f.Target, string(f.Kind), mac, millis(tx.Now), millis(expires))
}

// MatchFactor marks a factor as matched, once, and forgets its code.
func (tx *Tx) MatchFactor(f *VerificationFactor, step int64) (bool, error) {
	return tx.once(`UPDATE verification_factors SET matched_at = $4, code_mac = NULL, last_step = $5 WHERE verification_id = $1 AND target = $2 AND kind = $3 AND matched_at = 0`,
		f.VerificationID, f.Target, string(f.Kind), millis(tx.Now), step)
}

// Ceremony is one challenge of a verification's passkey step.
type Ceremony struct {
	ID, VerificationID string
	Kind               string // create | get
	Challenge          []byte
	Nonce              []byte
	Origin, RPID       string
	CreatedAt          time.Time
	ExpiresAt          time.Time
	ConsumedAt         time.Time
}

// AddCeremony inserts a ceremony.
func (tx *Tx) AddCeremony(c *Ceremony) error {
	return tx.add(`INSERT INTO ceremonies (id, verification_id, kind, challenge, nonce, origin, rp_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		c.ID, c.VerificationID, c.Kind, c.Challenge, c.Nonce, c.Origin, c.RPID, millis(c.CreatedAt), millis(c.ExpiresAt))
}

// CeremonyByChallenge reads a ceremony of a verification by its challenge.
func (tx *Tx) CeremonyByChallenge(verificationID string, challenge []byte) (*Ceremony, error) {
	var c Ceremony
	return &c, tx.row([]any{&c.ID, &c.VerificationID, &c.Kind, &c.Challenge, &c.Nonce, &c.Origin, &c.RPID, at{&c.CreatedAt}, at{&c.ExpiresAt}, at{&c.ConsumedAt}},
		`SELECT id, verification_id, kind, challenge, nonce, origin, rp_id, created_at, expires_at, consumed_at FROM ceremonies WHERE challenge = $2 AND verification_id = $1`, verificationID, challenge)
}

// SpendCeremony consumes a ceremony, once: false if it was consumed or has expired.
func (tx *Tx) SpendCeremony(id string) (bool, error) {
	return tx.once(`UPDATE ceremonies SET consumed_at = $2 WHERE id = $1 AND consumed_at = 0 AND expires_at > $2`, id, millis(tx.Now))
}

// SpendLoginChallenge remembers the nonce of a login challenge; ErrExists if it was spent before.
func (tx *Tx) SpendLoginChallenge(nonce []byte, expires time.Time) error {
	return tx.add(`INSERT INTO spent_challenges (expires_at, nonce) VALUES ($1, $2)`, millis(expires), nonce)
}
