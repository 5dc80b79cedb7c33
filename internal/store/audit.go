package store

import (
	"encoding/json"
	"time"
)

// Event is one line of the audit log. Data holds no secret, no code and no personal detail.
type Event struct {
	ID        int64
	AccountID string
	Kind      string
	OK        bool
	At        time.Time
	SessionID string
	Browser   string
	Address   string
	Data      map[string]string // shown to the account's owner
	// Internal is for those who run the service: why exactly something was refused, or what a colleague noted. No customer reads it.
	Internal string
	// OperatorID is who of those did it; "" where it was no operator.
	OperatorID string
}

type jsonMap struct{ m *map[string]string }

func (j jsonMap) Scan(v any) error {
	text, _ := v.(string)
	return json.Unmarshal([]byte(text), j.m)
}

// Record appends an event at the transaction's instant.
func (tx *Tx) Record(e Event) error {
	row, err := tx.logRow(e)
	if err != nil {
		return err
	}
	row.MAC = row.mac(tx.keys)
	return tx.surely(insertEvent, row.inserted()...)
}

// RecordAbout records an event that something in the database refers to. subject is what it is about, as a commitment that the opening
// opens.
func (tx *Tx) RecordAbout(e Event, subject func(opening [32]byte) [32]byte) (ref Ref, err error) {
	row, err := tx.logRow(e)
	if err != nil {
		return Ref{}, err
	}
	opening := row.opening()
	commitment := subject(opening)
	row.Subject = commitment[:]
	row.MAC = row.mac(tx.keys)
	ref.Opening = opening[:]
	return ref, tx.row([]any{&ref.Event}, insertEvent+` RETURNING id`, row.inserted()...)
}

const eventColumns = `id, account_id, kind, ok, at, session_id, browser, address, data, internal, operator_id`

func (e *Event) fields() []any {
	return []any{&e.ID, &e.AccountID, &e.Kind, &e.OK, at{&e.At}, &e.SessionID, &e.Browser, &e.Address, jsonMap{&e.Data}, &e.Internal, &e.OperatorID}
}

// lastEvent is after every event.
const lastEvent = 1<<63 - 1

// Events reads what an account's owner sees of its events, the newest first, that are older than the one named; 0 begins. Of what
// operators did it has what changed something, and neither who it was, nor from where, nor why. What a payout system was refused
// is between it and the business.
func (tx *Tx) Events(accountID string, before int64, limit int) ([]Event, error) {
	if before == 0 {
		before = lastEvent
	}
	return rows(tx, (*Event).fields, `SELECT id, account_id, kind, ok, at, session_id, CASE operator_id WHEN '' THEN browser ELSE '' END, CASE operator_id WHEN '' THEN address ELSE '' END, data, '', ''
		FROM audit_events WHERE account_id = $1 AND id < $2 AND redacted_at = 0 AND (operator_id = '' AND kind <> 'hand_over.refused' OR ok = 1 AND kind IN ('desk.sessions_ended', 'desk.hold')) ORDER BY id DESC LIMIT $3`,
		accountID, before, limit)
}

// AllEvents reads all of an account's events, the newest first, as those who run the service see them.
func (tx *Tx) AllEvents(accountID string, before int64, limit int) ([]Event, error) {
	if before == 0 {
		before = lastEvent
	}
	return rows(tx, (*Event).fields, `SELECT `+eventColumns+` FROM audit_events WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, accountID, before, limit)
}

// OperatorEvents reads what operators did, whom the command invited, and the API keys that it made and revoked, the newest first. The index is named, as by the key it would
// walk through everybody's events.
func (tx *Tx) OperatorEvents(before int64, limit int) ([]Event, error) {
	if before == 0 {
		before = lastEvent
	}
	return rows(tx, (*Event).fields, `SELECT `+eventColumns+` FROM audit_events `+tx.byIndex("audit_events_of_desk")+`WHERE (operator_id <> '' OR kind IN ('desk.operator_invited', 'api_key.created', 'api_key.revoked')) AND id < $1 ORDER BY id DESC LIMIT $2`, before, limit)
}
