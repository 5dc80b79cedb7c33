package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"countersign/internal/secret"
)

// LogRow is an audit event as the database has it, with what ties it to the log's tree.
type LogRow struct {
	ID                          int64
	AccountID, Kind             string
	OK                          bool
	At                          time.Time
	SessionID, Browser, Address string
	Data                        string // the JSON text
	Internal, OperatorID        string
	Salt, MAC, Subject          []byte
	Leaf                        int64 // Unsequenced, Refused, or its place in the tree
	RedactedAt                  time.Time
}

// Where an event is that has no place in the tree.
const (
	Unsequenced = -1
	Refused     = -2
)

const (
	saltSize = 16
	macSize  = 16

	commitmentLabel = "countersign/audit-event/v1"
	openingLabel    = "countersign/subject-opening/v1"
	macLabel        = "audit-event"
)

const logColumns = `id, account_id, kind, ok, at, session_id, browser, address, data, internal, operator_id, salt, mac, subject, leaf, redacted_at`

const insertEvent = `INSERT INTO audit_events (account_id, kind, ok, at, session_id, browser, address, data, internal, operator_id, salt, mac, subject) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`

func (r *LogRow) fields() []any {
	return []any{&r.ID, &r.AccountID, &r.Kind, &r.OK, at{&r.At}, &r.SessionID, &r.Browser, &r.Address, &r.Data, &r.Internal, &r.OperatorID, &r.Salt, &r.MAC, &r.Subject, &r.Leaf, at{&r.RedactedAt}}
}

func (r *LogRow) inserted() []any {
	return []any{r.AccountID, r.Kind, r.OK, millis(r.At), r.SessionID, r.Browser, r.Address, r.Data, r.Internal, r.OperatorID, r.Salt, r.MAC, r.Subject}
}

// logRow is the row of an event that is recorded now.
func (tx *Tx) logRow(e Event) (*LogRow, error) {
	data := "{}"
	if len(e.Data) > 0 {
		b, err := json.Marshal(e.Data)
		if err != nil {
			return nil, err
		}
		data = string(b)
	}
	row := &LogRow{AccountID: e.AccountID, Kind: e.Kind, OK: e.OK, At: tx.Now, SessionID: e.SessionID, Browser: e.Browser, Address: e.Address, Data: data, Internal: e.Internal,
		OperatorID: e.OperatorID, Salt: secret.Random(saltSize)}
	return row, nil
}

// FormatEventTime is an event's time as the log has it: RFC 3339 in UTC, with milliseconds.
func FormatEventTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Content is what an event's commitment is about: an RFC 8785 object of strings, of every column that a person could have an interest
// in changing.
func (r *LogRow) Content() []byte {
	return AppendObject(make([]byte, 0, 512), "account", r.AccountID, "address", r.Address, "at", FormatEventTime(r.At), "browser", r.Browser, "data", r.Data, "internal", r.Internal,
		"kind", r.Kind, "ok", FormatOK(r.OK), "operator", r.OperatorID, "session", r.SessionID)
}

// FormatOK is whether an event was a success, as the log has it.
func FormatOK(ok bool) string {
	if ok {
		return "true"
	}
	return "false"
}

// Commitment binds the log to an event, and tells nothing of it to whoever has not the salt.
func (r *LogRow) Commitment() [32]byte {
	h := hmac.New(sha256.New, r.Salt)
	h.Write(append([]byte(commitmentLabel), 0))
	h.Write(r.Content())
	return [32]byte(h.Sum(nil))
}

// opening opens the commitment to the event's subject, and nothing else of the event.
func (r *LogRow) opening() [32]byte {
	h := hmac.New(sha256.New, r.Salt)
	h.Write([]byte(openingLabel))
	return [32]byte(h.Sum(nil))
}

func (r *LogRow) mac(keys *secret.Keys) []byte {
	commitment := r.Commitment()
	return keys.MAC(macLabel, commitment[:], r.Subject)[:macSize]
}

// Ours tells whether this service wrote the row: whoever has the database alone cannot make one that is.
func (r *LogRow) Ours(keys *secret.Keys) bool {
	commitment := r.Commitment()
	for _, mac := range keys.MACs(macLabel, commitment[:], r.Subject) {
		if hmac.Equal(mac[:macSize], r.MAC) {
			return len(r.Salt) == saltSize
		}
	}
	return false
}

// Blank tells whether nothing is left of what a redaction takes.
func (r *LogRow) Blank() bool {
	return r.SessionID == "" && r.Browser == "" && r.Address == "" && r.Data == "{}" && r.Internal == "" && len(r.Salt) == 0
}

// AppendObject writes names and values, in turn and already in order, as an RFC 8785 object of strings.
func AppendObject(out []byte, members ...string) []byte {
	out = append(out, '{')
	for i, text := range members {
		switch {
		case i%2 == 1:
			out = append(out, ':')
		case i > 0:
			out = append(out, ',')
		}
		out = appendString(out, text)
	}
	return append(out, '}')
}

// appendString writes a string with the escapes of RFC 8785 section 3.2.2.2, and no others.
func appendString(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	from := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		out = append(out, text[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\b':
			out = append(out, '\\', 'b')
		case '\t':
			out = append(out, '\\', 't')
		case '\n':
			out = append(out, '\\', 'n')
		case '\f':
			out = append(out, '\\', 'f')
		case '\r':
			out = append(out, '\\', 'r')
		default:
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	out = append(out, text[from:]...)
	return append(out, '"')
}

// LogState is how far the log's tree is.
type LogState struct {
	Generation, Size int64
	// Checkpoint is the newest; Cosigned the newest that witnesses have put their names to. "" where there is none.
	Checkpoint, Cosigned string
	At, CosignedAt       time.Time
}

func (s *LogState) fields() []any {
	return []any{&s.Generation, &s.Size, &s.Checkpoint, &s.Cosigned, at{&s.At}, at{&s.CosignedAt}}
}

// firstGeneration is that of a log that was never restored.
const firstGeneration = 1

// LogState reads how far the tree is.
func (tx *Tx) LogState() (LogState, error) {
	s := LogState{Generation: firstGeneration}
	err := tx.row(s.fields(), `SELECT generation, size, checkpoint, cosigned, at, cosigned_at FROM log_state WHERE name = 'log'`)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return s, err
}

// HoldLog lets no other copy move the log until this transaction has ended.
func (tx *Tx) HoldLog() error {
	return tx.surely(`INSERT INTO log_state (name, generation, size, checkpoint, cosigned, cosigned_at, runs, at) VALUES ('log', $1, 0, '', '', 0, 1, 0) ON CONFLICT (name) DO UPDATE SET runs = log_state.runs + 1`, firstGeneration)
}

// MoveLog writes how far the tree is now: false where it was no longer at the size that was read.
func (tx *Tx) MoveLog(from int64, to LogState) (bool, error) {
	return tx.once(`UPDATE log_state SET size = $2, checkpoint = $3, at = $4 WHERE name = 'log' AND size = $1 AND generation = $5`, from, to.Size, to.Checkpoint, millis(to.At), to.Generation)
}

// KeepCosigned keeps a checkpoint that witnesses have cosigned, unless the log was restored since.
func (tx *Tx) KeepCosigned(generation int64, note string) error {
	return tx.run(`UPDATE log_state SET cosigned = $2, cosigned_at = $3 WHERE name = 'log' AND generation = $1`, generation, note, millis(tx.Now))
}

// nextGeneration gives the log another origin: what was signed under the former one after the backup was made is not in this tree.
func (tx *Tx) nextGeneration(generation int64) error {
	s, err := tx.LogState()
	if err != nil {
		return err
	}
	if err := tx.HoldLog(); err != nil {
		return err
	}
	if err := tx.run(`UPDATE log_state SET generation = $1, cosigned = '' WHERE name = 'log'`, generation); err != nil {
		return err
	}
	return tx.Record(Event{Kind: "log.restored", OK: true, Data: map[string]string{"generation": itoa(generation), "before": itoa(s.Generation), "size": itoa(s.Size)}})
}

// Unsequenced reads events that the tree does not have yet, in their order.
func (tx *Tx) Unsequenced(limit int) ([]LogRow, error) {
	return rows(tx, (*LogRow).fields, `SELECT `+logColumns+` FROM audit_events `+tx.byIndex("audit_events_unsequenced")+`WHERE leaf = -1 ORDER BY id LIMIT $1`, limit)
}

// Behind tells how many events the tree does not have yet, at most limit, and the time of the first.
func (tx *Tx) Behind(limit int) (n int64, first time.Time, err error) {
	err = tx.row([]any{&n, at{&first}}, `SELECT count(*), coalesce(min(at), 0) FROM (SELECT at FROM audit_events `+tx.byIndex("audit_events_unsequenced")+`WHERE leaf = -1 ORDER BY id LIMIT $1) AS u`, limit)
	return n, first, err
}

// RefuseRow keeps a row out of the tree for good.
func (tx *Tx) RefuseRow(id int64) error {
	return tx.run(`UPDATE audit_events SET leaf = -2 WHERE id = $1 AND leaf = -1`, id)
}

// Sequence gives the n events that Unsequenced has read in this transaction, up to the id last, their leaves from first on.
func (tx *Tx) Sequence(first, last int64, n int) error {
	changed, err := tx.affect(`UPDATE audit_events SET leaf = s.place FROM (SELECT id AS event, $1 + row_number() OVER (ORDER BY id) - 1 AS place FROM audit_events `+
		tx.byIndex("audit_events_unsequenced")+`WHERE leaf = -1 AND id <= $2) AS s WHERE audit_events.id = s.event`, first, last)
	if err == nil && changed != int64(n) {
		err = errors.New("store: events came in between")
	}
	return err
}

// EventsByLeaf reads the events that claim the places of the tree from first up to before.
func (tx *Tx) EventsByLeaf(first, before int64) ([]LogRow, error) {
	return rows(tx, (*LogRow).fields, `SELECT `+logColumns+` FROM audit_events WHERE leaf >= $1 AND leaf < $2 AND leaf >= 0 ORDER BY leaf, id`, first, before)
}

// EventsOutside reads the events that claim no place of a tree of this size, after the id given.
func (tx *Tx) EventsOutside(size, after int64, limit int) ([]LogRow, error) {
	return rows(tx, (*LogRow).fields, `SELECT `+logColumns+` FROM audit_events WHERE id > $2 AND (leaf < 0 OR leaf >= $1) ORDER BY id LIMIT $3`, size, after, limit)
}

// LogEvent reads one event.
func (tx *Tx) LogEvent(id int64) (*LogRow, error) {
	var r LogRow
	return &r, tx.row(r.fields(), `SELECT `+logColumns+` FROM audit_events WHERE id = $1`, id)
}

// EventsOfKind reads all events of a kind, the oldest first.
func (tx *Tx) EventsOfKind(kind string) ([]LogRow, error) {
	return rows(tx, (*LogRow).fields, `SELECT `+logColumns+` FROM audit_events WHERE kind = $1 ORDER BY id`, kind)
}

// EventsOfAccount reads an account's events, the oldest first, that are newer than the one named.
func (tx *Tx) EventsOfAccount(accountID string, after int64, limit int) ([]LogRow, error) {
	return rows(tx, (*LogRow).fields, `SELECT `+logColumns+` FROM audit_events WHERE account_id = $1 AND id > $2 ORDER BY id LIMIT $3`, accountID, after, limit)
}

// Copied are events, 100 at most, of which there is another with the same MAC: somebody copied a row. Each of ours has a salt of its own.
func (tx *Tx) Copied() ([]int64, error) {
	return rows(tx, func(id *int64) []any { return []any{id} }, `SELECT max(id) FROM audit_events WHERE mac IS NOT NULL GROUP BY mac HAVING count(*) > 1 ORDER BY 1 LIMIT 100`)
}

// CountEvents tells how many there are, at whatever place.
func (tx *Tx) CountEvents() (n int64, err error) {
	return n, tx.row([]any{&n}, `SELECT count(*) FROM audit_events`)
}

// EndsOfWithdrawals reads the events, newer than the one named, that say how an account's withdrawals ended. They have an index of their
// own: among them a hand-over looks, while others wait for the writer.
func (tx *Tx) EndsOfWithdrawals(accountID string, after int64) ([]LogRow, error) {
	return rows(tx, (*LogRow).fields, `SELECT `+logColumns+` FROM audit_events `+tx.byIndex("audit_events_of_ends")+`WHERE account_id = $1 AND id > $2 AND kind IN ('withdrawal.handed_over', 'withdrawal.declined', 'withdrawal.cancelled', 'withdrawal.expired') ORDER BY id`, accountID, after)
}

// Tile reads a tile: of hashes from level 0 on, of entries at level -1. ErrNotFound where there is none.
func (tx *Tx) Tile(level int, number int64) (width int, data []byte, err error) {
	return width, data, tx.row([]any{&width, &data}, `SELECT width, data FROM log_tiles WHERE level = $1 AND number = $2`, level, number)
}

// TileCount tells how many tiles there are.
func (tx *Tx) TileCount() (n int64, err error) {
	return n, tx.row([]any{&n}, `SELECT count(*) FROM log_tiles`)
}

// PutTile writes a tile that has grown.
func (tx *Tx) PutTile(level int, number int64, width int, data []byte) error {
	return tx.run(`INSERT INTO log_tiles (level, number, width, data) VALUES ($1, $2, $3, $4) ON CONFLICT (level, number) DO UPDATE SET width = excluded.width, data = excluded.data`,
		level, number, width, data)
}

// Ref refers to an event, and opens its subject (32 bytes). It is kept where the event is needed, and so outlives the event's salt: an
// approval shows what was recorded of it though the account was erased.
type Ref struct {
	Event   int64 // 0 for none
	Opening []byte
}

// ApprovalRow is the record of an approval, with where the log has it.
type ApprovalRow struct {
	WithdrawalID, AccountID              string
	Document, Fingerprint, SignatureHash []byte
	Record, Registration                 Ref // the event of the approval itself, and that of the passkey's creation; none for codes
}

func (a *ApprovalRow) fields() []any {
	return []any{&a.WithdrawalID, &a.AccountID, &a.Document, &a.Fingerprint, &a.SignatureHash, &a.Record.Event, &a.Record.Opening, &a.Registration.Event, &a.Registration.Opening}
}

const approvalColumns = `a.withdrawal_id, w.account_id, a.document, a.fingerprint, a.signature_hash, a.record, a.record_opening, a.registration, a.registration_opening
	FROM approvals a JOIN withdrawals w ON w.id = a.withdrawal_id `

// ApprovalRows reads records of approvals in the order of their withdrawals' ids, after the one named; "" begins.
func (tx *Tx) ApprovalRows(id string, limit int) ([]ApprovalRow, error) {
	return rows(tx, (*ApprovalRow).fields, `SELECT `+approvalColumns+`WHERE a.withdrawal_id `+after(id)+` $1 ORDER BY a.withdrawal_id LIMIT $2`, id, limit)
}

// after compares with the id where a page begins; where the first one does, an empty id belongs to it, as only somebody else can have
// put one there.
func after(id string) string {
	if id == "" {
		return ">="
	}
	return ">"
}

// Recorded tells whether there is the record of an approval that refers to an event.
func (tx *Tx) Recorded(event int64) (bool, error) {
	var n int
	return n > 0, tx.row([]any{&n}, `SELECT count(*) FROM approvals WHERE record = $1 AND record > 0`, event)
}

// Unapproved are withdrawals, 100 at most, that are approved or handed over though there is no record of an approval.
func (tx *Tx) Unapproved() ([]string, error) {
	return rows(tx, func(id *string) []any { return []any{id} },
		`SELECT id FROM withdrawals w WHERE state IN ('approved', 'handed_over') AND NOT EXISTS (SELECT 1 FROM approvals a WHERE a.withdrawal_id = w.id) LIMIT 100`)
}

// ApprovalRow reads one of them.
func (tx *Tx) ApprovalRow(withdrawalID string) (*ApprovalRow, error) {
	var a ApprovalRow
	return &a, tx.row(a.fields(), `SELECT `+approvalColumns+`WHERE a.withdrawal_id = $1`, withdrawalID)
}

// PasskeyRow is of a passkey what the log vouches for.
type PasskeyRow struct {
	AccountID, ID, RPID     string
	CredentialID, PublicKey []byte
	SuspendedAt             time.Time
	Registration            Ref // the event of its creation
}

// PasskeyRows reads passkeys by their accounts and ids, after the one named; "" begins.
func (tx *Tx) PasskeyRows(accountID, id string, limit int) ([]PasskeyRow, error) {
	return rows(tx, func(p *PasskeyRow) []any {
		return []any{&p.AccountID, &p.ID, &p.RPID, &p.CredentialID, &p.PublicKey, at{&p.SuspendedAt}, &p.Registration.Event, &p.Registration.Opening}
	}, `SELECT account_id, id, rp_id, credential_id, public_key, suspended_at, registration, registration_opening FROM passkeys WHERE (account_id, id) `+after(accountID)+` ($1, $2) ORDER BY account_id, id LIMIT $3`, accountID, id, limit)
}

// SetRegistration notes by which event a passkey came.
func (tx *Tx) SetRegistration(accountID, passkeyID string, event Ref) error {
	return tx.surely(`UPDATE passkeys SET registration = $3, registration_opening = $4 WHERE account_id = $1 AND id = $2`, accountID, passkeyID, event.Event, event.Opening)
}

// SetApprovalRegistration notes by which event the passkey came that approved.
func (tx *Tx) SetApprovalRegistration(withdrawalID string, credentialID []byte) error {
	return tx.run(`UPDATE approvals SET registration = p.registration, registration_opening = p.registration_opening FROM passkeys p WHERE approvals.withdrawal_id = $1 AND p.credential_id = $2`, withdrawalID, credentialID)
}

// Aside runs fn in a transaction that takes no part in what updates settle between them: on PostgreSQL in REPEATABLE READ on a
// connection of its own, so that nothing it reads makes an update run again. Of two that write the same row the second fails with an
// error that Lost knows. On SQLite there is one writer, and it is an update like others.
func (db *DB) Aside(ctx context.Context, fn func(*Tx) error) error {
	if db.lite != nil {
		return db.Update(ctx, fn)
	}
	under, err := db.readers.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return db.unreachable(ctx, err)
	}
	defer under.Rollback()
	wall := db.clock()
	tx := &Tx{ctx: ctx, db: db, view: under, direct: under, Now: db.instant(wall), Wall: wall, keys: db.keys}
	if err := guard(func() error { return fn(tx) }); err != nil {
		return db.unreachable(ctx, err)
	}
	if tx.aborted != nil {
		return tx.aborted
	}
	return db.unreachable(ctx, under.Commit())
}

// Lost tells of an error of Aside that means only that another copy was first.
func Lost(err error) bool { return conflicts(err) || errors.Is(err, errConflict) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
