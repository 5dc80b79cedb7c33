package store

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"countersign/internal/secret"
)

// The states of a ticket.
const (
	TicketNew      = "new"      // nobody has looked into it
	TicketOpen     = "open"     // somebody has
	TicketWaiting  = "waiting"  // for support
	TicketAnswered = "answered" // by support
	TicketResolved = "resolved"
)

// firstTicket is the number of an installation's first ticket.
const firstTicket = 2000

// TicketNumber is a ticket's number as people read it.
func TicketNumber(n int64) string { return "CS-" + strconv.FormatInt(n, 10) }

// Contact is where somebody without a session is answered.
type Contact struct {
	Email string `json:"email"`
	// Token is that of the link that they have: every e-mail about the ticket carries it.
	Token string `json:"token"`
}

// Ticket is a request for help.
type Ticket struct {
	ID         string
	Number     int64  // shown to people: CS-2041
	AccountID  string // "" where it was opened without a session
	Topic      string
	Locale     string
	State      string
	AssignedTo string // an operator; "" if nobody
	AttemptID  string
	HasReport  bool
	CreatedAt  time.Time
	UpdatedAt  time.Time
	ResolvedAt time.Time

	contact, report []byte
}

const ticketColumns = `t.id, t.number, t.account_id, t.topic, t.locale, t.state, t.assigned_to, t.attempt_id, t.report_sealed IS NOT NULL, t.created_at, t.updated_at, t.resolved_at,
	t.contact_sealed, t.report_sealed`

func (t *Ticket) fields() []any {
	return []any{&t.ID, &t.Number, &t.AccountID, &t.Topic, &t.Locale, &t.State, &t.AssignedTo, &t.AttemptID, &t.HasReport, at{&t.CreatedAt}, at{&t.UpdatedAt}, at{&t.ResolvedAt},
		&t.contact, &t.report}
}

func ticketPlace(column, id string) secret.Place {
	return secret.Place{Table: "tickets", Column: column, Row: id}
}

// AddTicket opens a ticket at the transaction's instant, and gives it its id and number. to is nil where an account asks; report is
// nil where there is none.
func (tx *Tx) AddTicket(t *Ticket, to *Contact, report []byte) error {
	t.ID, t.State, t.CreatedAt, t.UpdatedAt = secret.NewID("tkt", tx.Now), TicketNew, tx.Now, tx.Now
	// Not the highest number that is there: that of a deleted ticket must not come again.
	err := tx.row([]any{&t.Number}, `INSERT INTO settings (name, value) VALUES ('last_ticket', $1) ON CONFLICT (name) DO UPDATE SET value = settings.value + 1 RETURNING value`, firstTicket)
	if err != nil {
		return err
	}
	var hash []byte
	if to != nil {
		b, err := json.Marshal(to)
		if err != nil {
			return err
		}
		t.contact, hash = tx.keys.Seal(ticketPlace("contact", t.ID), b), secret.HashToken(to.Token)
	}
	if report != nil {
		t.report, t.HasReport = tx.keys.Seal(ticketPlace("report", t.ID), report), true
	}
	today := millis(t.CreatedAt.Truncate(day))
	if err := tx.run(`INSERT INTO tickets_opened (day, topic, count) VALUES ($1, $2, 1) ON CONFLICT (day, topic) DO UPDATE SET count = count + 1`, today, t.Topic); err != nil {
		return err
	}
	return tx.run(`INSERT INTO tickets (id, number, account_id, contact_sealed, token_hash, topic, locale, state, attempt_id, report_sealed, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		t.ID, t.Number, t.AccountID, t.contact, hash, t.Topic, t.Locale, t.State, t.AttemptID, t.report, millis(t.CreatedAt), millis(t.UpdatedAt))
}

// Ticket reads a ticket, whoever's it is.
func (tx *Tx) Ticket(id string) (*Ticket, error) {
	var t Ticket
	return &t, tx.row(t.fields(), `SELECT `+ticketColumns+` FROM tickets t WHERE t.id = $1`, id)
}

// TicketOf reads a ticket of an account.
func (tx *Tx) TicketOf(accountID, id string) (*Ticket, error) {
	if accountID == "" {
		return nil, ErrNotFound
	}
	var t Ticket
	return &t, tx.row(t.fields(), `SELECT `+ticketColumns+` FROM tickets t WHERE t.id = $1 AND t.account_id = $2`, id, accountID)
}

// TicketByToken reads the ticket of a link.
func (tx *Tx) TicketByToken(token string) (*Ticket, error) {
	var t Ticket
	return &t, tx.row(t.fields(), `SELECT `+ticketColumns+` FROM tickets t WHERE t.token_hash = $1`, secret.HashToken(token))
}

// TicketContact opens where a ticket is answered; nil where an account has it.
func (tx *Tx) TicketContact(t *Ticket) (*Contact, error) {
	if t.contact == nil {
		return nil, nil
	}
	b, err := tx.keys.Open(ticketPlace("contact", t.ID), t.contact)
	if err != nil {
		return nil, err
	}
	var c Contact
	return &c, json.Unmarshal(b, &c)
}

// TicketReport opens the report of a ticket; nil where it has none.
func (tx *Tx) TicketReport(t *Ticket) ([]byte, error) {
	if t.report == nil {
		return nil, nil
	}
	return tx.keys.Open(ticketPlace("report", t.ID), t.report)
}

// TicketsPage reads the tickets of an account, the newest first, that are older than the one named; "" begins.
func (tx *Tx) TicketsPage(accountID, before string, limit int) ([]Ticket, error) {
	if before == "" {
		before = "~"
	}
	return rows(tx, (*Ticket).fields, `SELECT `+ticketColumns+` FROM tickets t WHERE t.account_id = $1 AND t.id < $2 ORDER BY t.id DESC LIMIT $3`, accountID, before, limit)
}

// CountOpenTickets tells how many tickets of an account are not resolved.
func (tx *Tx) CountOpenTickets(accountID string) (n int, err error) {
	return n, tx.row([]any{&n}, `SELECT count(*) FROM tickets WHERE account_id = $1 AND state <> 'resolved'`, accountID)
}

// MoveTicket changes the state of a ticket: false if it is not in the state from. From a state to itself, it only says that
// something happened.
func (tx *Tx) MoveTicket(id, from, to string) (bool, error) {
	return tx.once(`UPDATE tickets SET state = $3, updated_at = $4, resolved_at = CASE WHEN $3 = 'resolved' THEN $4 ELSE 0 END WHERE id = $1 AND state = $2`, id, from, to, millis(tx.Now))
}

// AssignTicket gives a ticket to an operator, "" to nobody: false if somebody else changed that since it was from.
func (tx *Tx) AssignTicket(id, from, to string) (bool, error) {
	return tx.once(`UPDATE tickets SET assigned_to = $3 WHERE id = $1 AND assigned_to = $2`, id, from, to)
}

// Who wrote a message.
const (
	ByCustomer = "customer"
	ByOperator = "operator"
)

// TicketMessage is one message of a ticket.
type TicketMessage struct {
	ID, TicketID string
	Author       string // customer | operator
	OperatorID   string
	OperatorName string
	Body         string
	CreatedAt    time.Time

	sealed []byte
}

func messagePlace(id string) secret.Place {
	return secret.Place{Table: "ticket_messages", Column: "body", Row: id}
}

// AddTicketMessage adds a message at the transaction's instant, and after what was written before, even in the same millisecond.
func (tx *Tx) AddTicketMessage(m *TicketMessage) error {
	m.ID, m.CreatedAt = secret.NewID("msg", tx.Now), tx.Now
	var last time.Time
	if err := tx.row([]any{at{&last}}, `SELECT coalesce(max(created_at), 0) FROM ticket_messages WHERE ticket_id = $1`, m.TicketID); err != nil {
		return err
	}
	if !last.Before(m.CreatedAt) {
		m.CreatedAt = last.Add(time.Millisecond)
	}
	return tx.run(`INSERT INTO ticket_messages (id, ticket_id, author, operator_id, body_sealed, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		m.ID, m.TicketID, m.Author, m.OperatorID, tx.keys.Seal(messagePlace(m.ID), []byte(m.Body)), millis(m.CreatedAt))
}

// CountTicketMessages tells how many messages a ticket has.
func (tx *Tx) CountTicketMessages(ticketID string) (n int, err error) {
	return n, tx.row([]any{&n}, `SELECT count(*) FROM ticket_messages WHERE ticket_id = $1`, ticketID)
}

// TicketMessages reads the messages of a ticket, the oldest first.
func (tx *Tx) TicketMessages(ticketID string) ([]TicketMessage, error) {
	list, err := rows(tx, func(m *TicketMessage) []any {
		return []any{&m.ID, &m.TicketID, &m.Author, &m.OperatorID, &m.OperatorName, &m.sealed, at{&m.CreatedAt}}
	}, `SELECT m.id, m.ticket_id, m.author, m.operator_id, coalesce(o.name, ''), m.body_sealed, m.created_at FROM ticket_messages m LEFT JOIN operators o ON o.id = m.operator_id
		WHERE m.ticket_id = $1 ORDER BY m.created_at, m.id`, ticketID)
	if err != nil {
		return nil, err
	}
	for i := range list {
		b, err := tx.keys.Open(messagePlace(list[i].ID), list[i].sealed)
		if err != nil {
			return nil, err
		}
		list[i].Body = string(b)
	}
	return list, nil
}

// TicketRow is a ticket in the desk's queue.
type TicketRow struct {
	Ticket
	AssignedName string
	HasRecording bool
	HoldUntil    time.Time
	Frozen       bool
	// WaitingSince is when the customer wrote what nobody has answered; zero if nothing waits.
	WaitingSince time.Time
}

func (r *TicketRow) fields() []any {
	return append(r.Ticket.fields(), &r.AssignedName, &r.HasRecording, at{&r.HoldUntil}, &r.Frozen, at{&r.WaitingSince})
}

// ticketViews are the desk's views: which tickets, and whether the newest come first.
var ticketViews = map[string]struct {
	where  string
	newest bool
}{
	"mine":       {`t.assigned_to = $1 AND t.state <> 'resolved'`, false},
	"unassigned": {`t.assigned_to = '' AND t.state <> 'resolved' AND $1 = $1`, false},
	"waiting":    {`t.state <> 'resolved' AND t.state <> 'answered' AND $1 = $1`, false},
	"all":        {`t.state <> 'resolved' AND $1 = $1`, false},
	"resolved":   {`t.state = 'resolved' AND $1 = $1`, true},
}

// ticketRow is what a row of the queue is read by.
const ticketRow = `SELECT ` + ticketColumns + `, coalesce(p.name, ''),
	EXISTS (SELECT 1 FROM recordings r WHERE r.ticket_id = t.id AND r.state = 'ready'), coalesce(a.hold_until, 0), coalesce(a.frozen, 0),
	CASE WHEN t.state IN ('new', 'open', 'waiting') THEN coalesce((SELECT min(m.created_at) FROM ticket_messages m WHERE m.ticket_id = t.id AND m.author = 'customer'
		AND m.created_at > coalesce((SELECT max(o.created_at) FROM ticket_messages o WHERE o.ticket_id = t.id AND o.author = 'operator'), 0)), 0) ELSE 0 END
	FROM tickets t LEFT JOIN accounts a ON a.id = t.account_id LEFT JOIN operators p ON p.id = t.assigned_to `

// TicketRow reads a ticket as the queue has it.
func (tx *Tx) TicketRow(id string) (*TicketRow, error) {
	var r TicketRow
	return &r, tx.row(r.fields(), ticketRow+`WHERE t.id = $1`, id)
}

// TicketQueue reads a page of the desk's queue: view is mine, unassigned, waiting, all or resolved; another is not known. What was opened
// first comes first, but the newest of those that are resolved. number finds in every view, topic in this one; "" finds all. after is the last id of the page before.
func (tx *Tx) TicketQueue(view, operatorID, number, topic, after string, limit int) (list []TicketRow, known bool, err error) {
	v, known := ticketViews[view]
	if !known {
		return nil, false, nil
	}
	where := v.where
	if number != "" {
		// Who has a number wants that request, wherever it stands.
		where = `$1 = $1`
	}
	page, order := `t.id > $4`, `t.id`
	if v.newest {
		page, order = `t.id < $4`, `t.id DESC`
		if after == "" {
			after = "~"
		}
	}
	list, err = rows(tx, (*TicketRow).fields, ticketRow+`WHERE `+where+`
		AND (($2 = '' AND $3 = '') OR ($2 <> '' AND CAST(t.number AS TEXT) LIKE $2) OR ($3 <> '' AND t.topic LIKE $3)) AND `+page+` ORDER BY `+order+` LIMIT $5`,
		operatorID, like(number, ""), like(topic, "%"), after, limit)
	return list, true, err
}

// like makes the pattern of what begins with, or contains, a text; "" of none.
func like(text, before string) string {
	if text == "" {
		return ""
	}
	return before + strings.ReplaceAll(text, "%", "") + "%"
}

// TicketCounts are how many tickets are in the desk's views.
type TicketCounts struct{ Mine, Unassigned, Waiting, Open int }

// CountTickets counts them.
func (tx *Tx) CountTickets(operatorID string) (c TicketCounts, err error) {
	return c, tx.row([]any{&c.Mine, &c.Unassigned, &c.Waiting, &c.Open}, `SELECT coalesce(sum(CASE WHEN assigned_to = $1 THEN 1 ELSE 0 END), 0),
		coalesce(sum(CASE WHEN assigned_to = '' THEN 1 ELSE 0 END), 0), coalesce(sum(CASE WHEN state <> 'answered' THEN 1 ELSE 0 END), 0), count(*)
		FROM tickets WHERE state IN ('new', 'open', 'waiting', 'answered')`, operatorID)
}

// DeleteTickets deletes tickets that were resolved before a time, limit of them at most, with their messages. Their recordings end then.
func (tx *Tx) DeleteTickets(before time.Time, limit int) (n int64, err error) {
	gone, err := rows(tx, func(id *string) []any { return []any{id} }, `SELECT id FROM tickets WHERE state = 'resolved' AND resolved_at <= $1 LIMIT $2`, millis(before), limit)
	for _, id := range gone {
		if err := tx.run(`UPDATE recordings SET delete_at = $2, ticket_id = '' WHERE ticket_id = $1`, id, millis(tx.Now)); err != nil {
			return n, err
		}
		if err := tx.run(`DELETE FROM tickets WHERE id = $1`, id); err != nil {
			return n, err
		}
		n++
	}
	return n, err
}
