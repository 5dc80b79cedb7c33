package store

import "time"

// The states of a recording.
const (
	Uploading        = "uploading"
	RecordingReady   = "ready"
	RecordingRefused = "refused"
	RecordingDeleted = "deleted"
)

// Recording is a recording of a screen. Its contents lie elsewhere, in sealed pieces.
type Recording struct {
	ID, AccountID string
	DeviceHash    []byte // where there is no account
	TicketID      string // "" until a request takes it along
	State         string
	Reason        string // why it was refused
	MediaType     string // as declared; by content once it is ready
	Captured      string // screen | file
	Bytes, Stored int64
	Pieces        string        // the names of the pieces that are stored, one after another
	Duration      time.Duration // to the millisecond
	StartedAt     time.Time     // when the screen began to be recorded; zero if that is not known
	CreatedAt     time.Time
	DeleteAt      time.Time
	DeletedAt     time.Time // when nothing was left of its contents
}

const recordingColumns = `id, account_id, device_hash, ticket_id, state, reason, media_type, captured, bytes, stored, pieces, duration, started_at, created_at, delete_at, deleted_at`

type asMillis struct{ d *time.Duration }

func (a asMillis) Scan(v any) error {
	ms, _ := v.(int64)
	*a.d = time.Duration(ms) * time.Millisecond
	return nil
}

func (r *Recording) fields() []any {
	return []any{&r.ID, &r.AccountID, &r.DeviceHash, &r.TicketID, &r.State, &r.Reason, &r.MediaType, &r.Captured, &r.Bytes, &r.Stored, &r.Pieces, asMillis{&r.Duration},
		at{&r.StartedAt}, at{&r.CreatedAt}, at{&r.DeleteAt}, at{&r.DeletedAt}}
}

// AddRecording inserts a recording of which nothing is stored yet.
func (tx *Tx) AddRecording(r *Recording) error {
	return tx.add(`INSERT INTO recordings (id, account_id, device_hash, state, media_type, captured, bytes, started_at, created_at, delete_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		r.ID, r.AccountID, r.DeviceHash, r.State, r.MediaType, r.Captured, r.Bytes, millis(r.StartedAt), millis(r.CreatedAt), millis(r.DeleteAt))
}

// Recording reads a recording by its id.
func (tx *Tx) Recording(id string) (*Recording, error) {
	var r Recording
	return &r, tx.row(r.fields(), `SELECT `+recordingColumns+` FROM recordings WHERE id = $1`, id)
}

// LooseRecordings counts what an account, or a browser where it is "", has uploaded or begun to, and no request has taken along.
func (tx *Tx) LooseRecordings(accountID string, device []byte) (n int, err error) {
	if accountID != "" {
		return n, tx.row([]any{&n}, `SELECT count(*) FROM recordings WHERE account_id = $1 AND ticket_id = '' AND state IN ('uploading', 'ready')`, accountID)
	}
	return n, tx.row([]any{&n}, `SELECT count(*) FROM recordings WHERE device_hash = $1 AND account_id = '' AND ticket_id = '' AND state IN ('uploading', 'ready')`, device)
}

// KeptOutside adds up the bytes that are kept of recordings without an account.
func (tx *Tx) KeptOutside() (n int64, err error) {
	return n, tx.row([]any{&n}, `SELECT coalesce(sum(stored), 0) FROM recordings WHERE account_id = '' AND deleted_at = 0`)
}

// AdvanceRecording notes that one more piece is stored, and which one it is, if it is the next one.
func (tx *Tx) AdvanceRecording(r *Recording, from int64) (bool, error) {
	return tx.once(`UPDATE recordings SET stored = $3, pieces = $4 WHERE id = $1 AND state = 'uploading' AND stored = $2`, r.ID, from, r.Stored, r.Pieces)
}

// FinishRecording ends an upload with the verdict on it, if the last piece is the next one. A refused recording is due for deletion.
func (tx *Tx) FinishRecording(r *Recording, from int64) (bool, error) {
	return tx.once(`UPDATE recordings SET stored = bytes, pieces = $8, state = $3, reason = $4, media_type = $5, duration = $6, delete_at = $7 WHERE id = $1 AND state = 'uploading' AND stored = $2`,
		r.ID, from, r.State, r.Reason, r.MediaType, r.Duration.Milliseconds(), millis(r.DeleteAt), r.Pieces)
}

// AttachRecording lets a request take a recording along, if it is ready and no other request has it.
func (tx *Tx) AttachRecording(id, ticketID string, deleteAt time.Time) (bool, error) {
	return tx.once(`UPDATE recordings SET ticket_id = $2, delete_at = $3 WHERE id = $1 AND ticket_id = '' AND state = 'ready'`, id, ticketID, millis(deleteAt))
}

// KeepRecordings moves the end of all that a request took along.
func (tx *Tx) KeepRecordings(ticketID string, deleteAt time.Time) error {
	return tx.run(`UPDATE recordings SET delete_at = $2 WHERE ticket_id = $1 AND state = 'ready'`, ticketID, millis(deleteAt))
}

// TicketRecordings reads what a request took along, the oldest first.
func (tx *Tx) TicketRecordings(ticketID string) ([]Recording, error) {
	return rows(tx, (*Recording).fields, `SELECT `+recordingColumns+` FROM recordings WHERE ticket_id = $1 AND ticket_id <> '' ORDER BY id`, ticketID)
}

// CountTicketRecordings counts what a request took along and is still there.
func (tx *Tx) CountTicketRecordings(ticketID string) (n int, err error) {
	return n, tx.row([]any{&n}, `SELECT count(*) FROM recordings WHERE ticket_id = $1 AND state = 'ready'`, ticketID)
}

// CloseRecording takes a recording out of everybody's reach, before its contents are deleted. What was refused stays so.
func (tx *Tx) CloseRecording(id string) (bool, error) {
	return tx.once(`UPDATE recordings SET state = 'deleted', delete_at = $2 WHERE id = $1 AND state IN ('uploading', 'ready')`, id, millis(tx.Now))
}

// RecordingGone notes that nothing is left of the contents of a recording that was closed or refused.
func (tx *Tx) RecordingGone(id string) error {
	return tx.run(`UPDATE recordings SET deleted_at = $2 WHERE id = $1 AND deleted_at = 0 AND state IN ('deleted', 'refused')`, id, millis(tx.Now))
}

// DueRecordings reads the ids of those whose time is over and whose contents are still there, or may be.
func (tx *Tx) DueRecordings(limit int) ([]string, error) {
	return rows(tx, func(id *string) []any { return []any{id} }, `SELECT id FROM recordings WHERE deleted_at = 0 AND delete_at <= $1 ORDER BY delete_at LIMIT $2`, millis(tx.Now), limit)
}
