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
	if e.Data == nil {
		e.Data = map[string]string{}
	}
	data, err := json.Marshal(e.Data)
	if err != nil {
		return err
	}
	return tx.run(`INSERT INTO audit_events (account_id, kind, ok, at, session_id, browser, address, data, internal, operator_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		e.AccountID, e.Kind, e.OK, millis(tx.Now), e.SessionID, e.Browser, e.Address, string(data), e.Internal, e.OperatorID)
}

// Events reads an account's events, the newest first, that are older than the one named; 0 begins.
func (tx *Tx) Events(accountID string, before int64, limit int) ([]Event, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	return rows(tx, func(e *Event) []any {
		return []any{&e.ID, &e.AccountID, &e.Kind, &e.OK, at{&e.At}, &e.SessionID, &e.Browser, &e.Address, jsonMap{&e.Data}}
	}, `SELECT id, account_id, kind, ok, at, session_id, browser, address, data FROM audit_events WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, accountID, before, limit)
}
