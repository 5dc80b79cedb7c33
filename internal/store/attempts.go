package store

import (
	"encoding/json"
	"time"

	"countersign/internal/secret"
)

// Attempt is one try at a ceremony. Nothing in it is personal data.
type Attempt struct {
	ID             string
	Reference      string // shown to people: K7QX-2H
	AccountID      string // "" where nobody was signed in
	VerificationID string // "" where there is none, as at a sign-in
	DeviceHash     []byte
	Operation      string // create | sign_in | confirm
	Platform       string
	Browser        string
	App            string
	Environment    string // JSON
	BegunAt        time.Time
	CodesAt        time.Time // all codes matched
	PromptedAt     time.Time // the device was asked
	EndedAt        time.Time
	Outcome        string // "" | done | why it ended
}

// AttemptStep is what happened at one moment of an attempt.
type AttemptStep struct {
	At   time.Time
	Step string
	Data map[string]string
}

const attemptColumns = `id, reference, account_id, verification_id, device_hash, operation, platform, browser, app, environment, begun_at, codes_at, prompted_at, ended_at, outcome FROM attempts`

func (a *Attempt) fields() []any {
	return []any{&a.ID, &a.Reference, &a.AccountID, &a.VerificationID, &a.DeviceHash, &a.Operation, &a.Platform, &a.Browser, &a.App, &a.Environment,
		at{&a.BegunAt}, at{&a.CodesAt}, at{&a.PromptedAt}, at{&a.EndedAt}, &a.Outcome}
}

// AddAttempt adds an attempt, and gives it its id and reference.
func (tx *Tx) AddAttempt(a *Attempt) error {
	a.ID = secret.NewID("att", tx.Now)
	// A reference that is taken is rare, and no fault.
	for {
		a.Reference = secret.NewReference()
		var n int
		if err := tx.row([]any{&n}, `SELECT count(*) FROM attempts WHERE reference = $1`, a.Reference); err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	return tx.add(`INSERT INTO attempts (id, reference, account_id, verification_id, device_hash, operation, platform, browser, app, environment, begun_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		a.ID, a.Reference, a.AccountID, a.VerificationID, a.DeviceHash, a.Operation, a.Platform, a.Browser, a.App, a.Environment, millis(a.BegunAt))
}

// Attempt reads an attempt.
func (tx *Tx) Attempt(id string) (*Attempt, error) {
	var a Attempt
	return &a, tx.row(a.fields(), `SELECT `+attemptColumns+` WHERE id = $1`, id)
}

// AttemptOf reads the attempt of a verification.
func (tx *Tx) AttemptOf(verificationID string) (*Attempt, error) {
	if verificationID == "" {
		return nil, ErrNotFound
	}
	var a Attempt
	return &a, tx.row(a.fields(), `SELECT `+attemptColumns+` WHERE verification_id = $1`, verificationID)
}

// LastAttempt reads the newest attempt without a verification that a browser has begun since a time.
func (tx *Tx) LastAttempt(accountID string, deviceHash []byte, operation string, since time.Time) (*Attempt, error) {
	var a Attempt
	return &a, tx.row(a.fields(), `SELECT `+attemptColumns+` WHERE device_hash = $1 AND account_id = $2 AND operation = $3 AND verification_id = '' AND begun_at >= $4
		ORDER BY begun_at DESC, id DESC LIMIT 1`, deviceHash, accountID, operation, millis(since))
}

// SetAttempt writes what is known of an attempt by now.
func (tx *Tx) SetAttempt(a *Attempt) error {
	return tx.run(`UPDATE attempts SET platform = $2, browser = $3, app = $4, environment = $5, codes_at = $6, prompted_at = $7, ended_at = $8, outcome = $9 WHERE id = $1`,
		a.ID, a.Platform, a.Browser, a.App, a.Environment, millis(a.CodesAt), millis(a.PromptedAt), millis(a.EndedAt), a.Outcome)
}

// AddAttemptStep adds a step to an attempt.
func (tx *Tx) AddAttemptStep(attemptID string, s AttemptStep) error {
	if s.Data == nil {
		s.Data = map[string]string{}
	}
	data, err := json.Marshal(s.Data)
	if err != nil {
		return err
	}
	return tx.surely(`INSERT INTO attempt_steps (attempt_id, n, at, step, data) SELECT CAST($1 AS TEXT), coalesce(max(n), 0) + 1, CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS TEXT) FROM attempt_steps WHERE attempt_id = $1`,
		attemptID, millis(s.At), s.Step, string(data))
}

// AttemptSteps reads the steps of an attempt in the order of time; those of one moment as they came in.
func (tx *Tx) AttemptSteps(attemptID string) ([]AttemptStep, error) {
	return rows(tx, func(s *AttemptStep) []any { return []any{at{&s.At}, &s.Step, jsonMap{&s.Data}} },
		`SELECT at, step, data FROM attempt_steps WHERE attempt_id = $1 ORDER BY at, n`, attemptID)
}
