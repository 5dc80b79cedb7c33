package support

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"countersign/internal/contact"
	"countersign/internal/delivery"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// Operator is who works at the desk, as the desk knows them by their session. Whether they may is decided there.
type Operator struct {
	ID, SessionID, Browser, Address string
	// Live refuses where that has changed since the request was let in. It is asked in the transaction that does something.
	Live func(tx *store.Tx) error
}

// Person names an operator.
type Person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// DeskRow is a request in the desk's queue.
type DeskRow struct {
	ID           string     `json:"id"`
	Number       string     `json:"number"`
	Topic        string     `json:"topic"`
	State        string     `json:"state"`
	Account      *string    `json:"account"` // masked; null without one
	HasRecording bool       `json:"has_recording"`
	HoldUntil    *time.Time `json:"hold_until"`
	Frozen       bool       `json:"frozen"`
	AssignedTo   *Person    `json:"assigned_to"`
	WaitingSince *time.Time `json:"waiting_since"`
	Locale       string     `json:"locale"`
}

// DeskCounts are how many requests are in the views.
type DeskCounts struct {
	Mine       int `json:"mine"`
	Unassigned int `json:"unassigned"`
	Waiting    int `json:"waiting"`
	Open       int `json:"open"`
}

// DeskPage is a page of the queue.
type DeskPage struct {
	Items  []DeskRow  `json:"items"`
	Next   *string    `json:"next"`
	Counts DeskCounts `json:"counts"`
}

// DeskRecording is a recording as the desk sees it.
type DeskRecording struct {
	RecordingView
	Captured  string     `json:"captured"`
	StartedAt *time.Time `json:"started_at"`
}

// DeskAttempt is an attempt as the desk sees it.
type DeskAttempt struct {
	AttemptView
	Platform  string `json:"platform"`
	Browser   string `json:"browser"`
	App       string `json:"app"`
	ElapsedMS *int64 `json:"elapsed_ms"` // of the failure that it ended with
	// Cause is why it failed; "" where it did not.
	Cause       string          `json:"cause"`
	Environment json.RawMessage `json:"environment"`
}

// DeskTicket is a request as the desk sees it.
type DeskTicket struct {
	DeskRow
	CreatedAt  time.Time       `json:"created_at"`
	UpdatedAt  time.Time       `json:"updated_at"`
	ResolvedAt *time.Time      `json:"resolved_at"`
	DeleteAt   *time.Time      `json:"delete_at"`
	Contact    string          `json:"contact"` // masked; "" where an account has it
	Messages   []MessageView   `json:"messages"`
	Recordings []DeskRecording `json:"recordings"`
	Report     json.RawMessage `json:"report"`
	Attempt    *DeskAttempt    `json:"attempt"`
	// Summary is the desk's own to fill in; AccountID is whose it is.
	Summary   any    `json:"summary"`
	AccountID string `json:"-"`
}

// act does what an operator asked for, and writes it down, refused or not.
func (s *Service) act(ctx context.Context, op Operator, kind, ticketID string, fn func(tx *store.Tx, t *store.Ticket, event *store.Event) error) error {
	event := store.Event{Kind: kind, OperatorID: op.ID, SessionID: op.SessionID, Browser: op.Browser, Address: op.Address}
	return s.Engine.Audited(ctx, event, func(tx *store.Tx, event *store.Event) error {
		if err := op.Live(tx); err != nil {
			return err
		}
		if ticketID == "" {
			return tx.Nested(func() error { return fn(tx, nil, event) })
		}
		t, err := tx.Ticket(ticketID)
		if err != nil {
			return missing(err, "request")
		}
		event.AccountID, event.Data["ticket"] = t.AccountID, store.TicketNumber(t.Number)
		return tx.Nested(func() error { return fn(tx, t, event) })
	})
}

var (
	ticketNumber = regexp.MustCompile(`^(?i:cs-?)?([0-9]{1,12})$`)
	topicWords   = regexp.MustCompile(`^[a-z _-]{1,40}$`)
)

// Tickets lists requests: view is mine, unassigned, waiting, all or resolved; q is the beginning of a number, or part of a topic.
func (s *Service) Tickets(ctx context.Context, op Operator, view, q, cursor string, limit int) (*DeskPage, error) {
	var page *DeskPage
	err := s.act(ctx, op, "desk.tickets", "", func(tx *store.Tx, _ *store.Ticket, event *store.Event) error {
		page = &DeskPage{Items: []DeskRow{}}
		number, topic, err := searched(q)
		if err != nil {
			return err
		}
		list, known, err := tx.TicketQueue(view, op.ID, number, topic, cursor, limit+1)
		if err != nil {
			return err
		}
		if !known {
			return refusal.Field("invalid_request", "view", "The views are mine, unassigned, waiting, all and resolved.")
		}
		event.Data["view"] = view
		if len(list) > limit {
			list = list[:limit]
			page.Next = &list[limit-1].ID
		}
		for i := range list {
			page.Items = append(page.Items, deskRow(&list[i]))
		}
		counts, err := tx.CountTickets(op.ID)
		page.Counts = DeskCounts(counts)
		return err
	})
	return page, err
}

// searched reads what a search is for: the beginning of a number, or part of a topic.
func searched(q string) (number, topic string, err error) {
	q = strings.ToLower(strings.TrimSpace(q))
	if m := ticketNumber.FindStringSubmatch(q); m != nil {
		return m[1], "", nil
	}
	if topicWords.MatchString(q) {
		return "", strings.NewReplacer(" ", "_", "-", "_").Replace(q), nil
	}
	if q != "" {
		err = refusal.Field("invalid_request", "q", "Search for a number such as CS-2041, or for a topic.")
	}
	return "", "", err
}

func deskRow(r *store.TicketRow) DeskRow {
	v := DeskRow{ID: r.ID, Number: store.TicketNumber(r.Number), Topic: r.Topic, State: r.State, HasRecording: r.HasRecording, Frozen: r.Frozen, Locale: r.Locale}
	if r.AccountID != "" {
		masked := secret.MaskID(r.AccountID)
		v.Account = &masked
	}
	if r.AssignedTo != "" {
		v.AssignedTo = &Person{r.AssignedTo, r.AssignedName}
	}
	v.HoldUntil, v.WaitingSince = orNull(r.HoldUntil), orNull(r.WaitingSince)
	return v
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Read reads a request for an operator.
func (s *Service) Read(ctx context.Context, op Operator, id string) (out *DeskTicket, err error) {
	err = s.act(ctx, op, "desk.ticket", id, func(tx *store.Tx, t *store.Ticket, _ *store.Event) (err error) {
		out, err = s.deskTicket(tx, t)
		return err
	})
	return out, err
}

// Assign gives a request to an operator, or to nobody where to is "". A new one is open then.
func (s *Service) Assign(ctx context.Context, op Operator, id, to string) (out *DeskTicket, err error) {
	err = s.act(ctx, op, "desk.ticket_assigned", id, func(tx *store.Tx, t *store.Ticket, event *store.Event) error {
		if to != "" {
			known, err := tx.WorkingOperator(to)
			if err != nil {
				return err
			}
			if !known {
				return refusal.NotFound("operator")
			}
		}
		event.Data["to"] = to
		if err := s.assign(tx, t, to); err != nil {
			return err
		}
		if t.State == store.TicketNew && to != "" {
			if err := s.move(tx, t, store.TicketOpen); err != nil {
				return err
			}
		}
		out, err = s.deskTicket(tx, t)
		return err
	})
	return out, err
}

func (s *Service) assign(tx *store.Tx, t *store.Ticket, to string) error {
	ok, err := tx.AssignTicket(t.ID, t.AssignedTo, to)
	if err == nil && !ok {
		err = refusal.New("conflict", "Somebody else was given this request at the same moment.")
	}
	t.AssignedTo = to
	return err
}

// Reply answers a request, and tells the customer by e-mail. One that nobody has is the answering operator's from then on.
func (s *Service) Reply(ctx context.Context, op Operator, id, body string) (out *DeskTicket, err error) {
	err = s.act(ctx, op, "desk.ticket_answered", id, func(tx *store.Tx, t *store.Ticket, _ *store.Event) error {
		if err := checkBody(&body); err != nil {
			return err
		}
		if t.State == store.TicketResolved {
			return refusal.New("conflict", "This request is resolved. Open it before you answer.")
		}
		if err := s.room(tx, t); err != nil {
			return err
		}
		if err := tx.AddTicketMessage(&store.TicketMessage{TicketID: t.ID, Author: store.ByOperator, OperatorID: op.ID, Body: body}); err != nil {
			return err
		}
		if t.AssignedTo == "" {
			if err := s.assign(tx, t, op.ID); err != nil {
				return err
			}
		}
		if err := s.move(tx, t, store.TicketAnswered); err != nil {
			return err
		}
		if err := s.mail(tx, t, delivery.TicketInfo{News: delivery.TicketAnswered, Answer: body}); err != nil {
			return err
		}
		out, err = s.deskTicket(tx, t)
		return err
	})
	return out, err
}

// SetState resolves a request, or opens it again, and tells the customer by e-mail: state is resolved or open.
func (s *Service) SetState(ctx context.Context, op Operator, id, state string) (out *DeskTicket, err error) {
	err = s.act(ctx, op, "desk.ticket_state", id, func(tx *store.Tx, t *store.Ticket, event *store.Event) error {
		if state != store.TicketResolved && state != store.TicketOpen {
			return refusal.Field("invalid_request", "state", "Say resolved or open.")
		}
		event.Data["state"] = state
		if (state == store.TicketResolved) == (t.State == store.TicketResolved) {
			return refusal.New("conflict", "This request is "+t.State+".")
		}
		if err := s.move(tx, t, state); err != nil {
			return err
		}
		news := delivery.TicketInfo{News: delivery.TicketReopened}
		if at := s.head(t).DeleteAt; at != nil {
			news.News, news.DeleteAt = delivery.TicketResolved, *at
		}
		if err := s.mail(tx, t, news); err != nil {
			return err
		}
		out, err = s.deskTicket(tx, t)
		return err
	})
	return out, err
}

func (s *Service) deskTicket(tx *store.Tx, t *store.Ticket) (*DeskTicket, error) {
	row, err := tx.TicketRow(t.ID)
	if err != nil {
		return nil, err
	}
	v := &DeskTicket{DeskRow: deskRow(row), CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, ResolvedAt: orNull(row.ResolvedAt), DeleteAt: s.head(&row.Ticket).DeleteAt,
		Messages: []MessageView{}, Recordings: []DeskRecording{}, AccountID: row.AccountID}
	to, err := tx.TicketContact(&row.Ticket)
	if err != nil {
		return nil, err
	}
	if to != nil {
		v.Contact = contact.MaskEmail(to.Email)
	}
	report, err := tx.TicketReport(&row.Ticket)
	if err != nil {
		return nil, err
	}
	v.Report = report
	messages, err := tx.TicketMessages(t.ID)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		v.Messages = append(v.Messages, messageView(m))
	}
	recordings, err := tx.TicketRecordings(t.ID)
	if err != nil {
		return nil, err
	}
	for i := range recordings {
		r := &recordings[i]
		v.Recordings = append(v.Recordings, DeskRecording{RecordingView: ViewRecording(r), Captured: r.Captured, StartedAt: orNull(r.StartedAt)})
	}
	a, seen, err := attemptOf(tx, &row.Ticket)
	if err != nil || a == nil {
		return v, err
	}
	v.Attempt = &DeskAttempt{AttemptView: *seen, Platform: a.Platform, Browser: a.Browser, App: a.App,
		Environment: json.RawMessage(a.Environment)}
	for _, one := range seen.Steps {
		if one.Code != "" && a.Outcome != "done" {
			v.Attempt.Cause, v.Attempt.ElapsedMS = one.Code, one.ElapsedMS
		}
	}
	return v, nil
}
