package support

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"countersign/internal/contact"
	"countersign/internal/delivery"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// Topics are what a request can be about.
var Topics = []string{"passkey_create_failed", "passkey_sign_in_failed", "passkey_confirm_failed", "codes_not_arriving", "lost_device", "withdrawal", "other"}

const (
	maxBody       = 4000 // characters of a message
	maxReport     = 16 << 10
	maxRecordings = 3  // that one message takes along
	maxKept       = 10 // of one ticket
	maxMessages   = 500
)

// Limits are how much is asked of support.
type Limits struct {
	// Open is how many requests of an account may be open at once.
	Open int
	// Messages are those of one account, or of one request without a session; the first of a request counts too.
	Messages store.Allowance
	// OpenFrom are requests without a session: from one network, or from browsers that have signed in to one account before. OpenTo are
	// the e-mails that say that such a request was received, to one address. It is never seen, and several times what one network has,
	// so that nobody keeps an address from being helped: a request beyond it is taken like any other, and its answer is sent.
	OpenFrom, OpenTo store.Allowance
	// Mails are e-mails about requests to one account or, without one, about one request.
	Mails store.Allowance
	// WrongLinks are links that nobody was sent, from one network.
	WrongLinks store.Allowance
}

// DefaultLimits are those of a production service.
func DefaultLimits() Limits {
	return Limits{
		Open: 10, Messages: store.Allowance{Limit: 60, Window: time.Hour}, OpenFrom: store.Allowance{Limit: 3, Window: time.Hour}, OpenTo: store.Allowance{Limit: 12, Window: time.Hour},
		Mails: store.Allowance{Limit: 20, Window: time.Hour}, WrongLinks: store.Allowance{Limit: 30, Window: time.Hour},
	}
}

// Opening is what a request is opened with.
type Opening struct {
	Topic, Body string
	Email       string // only without a session
	Attempt     string // its id; "" for none
	Report      json.RawMessage
	Recordings  []string
	Locale      string // of the client, where no account has one
}

// Open opens a request: for an account, or for whoever can read the e-mail address that is given. Whether an account has that address
// is not even looked up. It answers a *TicketView or an *Opened.
func (s *Service) Open(ctx context.Context, c verification.Caller, o Opening) (any, error) {
	if err := o.check(c.Session != nil); err != nil {
		return nil, err
	}
	var out any
	err := s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		t := &store.Ticket{AccountID: c.AccountID(), Topic: o.Topic, Locale: o.Locale, AttemptID: o.Attempt}
		var to *store.Contact
		var err error
		if c.Session != nil {
			err = s.admitAccount(tx, c, t)
		} else {
			token, _ := secret.NewToken()
			to = &store.Contact{Email: o.Email, Token: token}
			err = s.admitStranger(tx, c)
		}
		if err != nil {
			return err
		}
		if o.Attempt != "" {
			a, err := tx.Attempt(o.Attempt)
			if err != nil {
				return missing(err, "attempt")
			}
			if !own(c, a.AccountID, a.DeviceHash) {
				return refusal.NotFound("attempt")
			}
		}
		if err := tx.AddTicket(t, to, o.Report); err != nil {
			return err
		}
		if err := tx.AddTicketMessage(&store.TicketMessage{TicketID: t.ID, Author: store.ByCustomer, Body: o.Body}); err != nil {
			return err
		}
		if err := s.attach(tx, c, t, o.Recordings); err != nil {
			return err
		}
		data := named(t, o.Recordings)
		data["topic"] = t.Topic
		if err := tx.Record(c.Event(t.AccountID, "ticket.opened", true, data)); err != nil {
			return err
		}
		if err := s.received(tx, t, to); err != nil {
			return err
		}
		if c.Session == nil {
			out = &Opened{Number: store.TicketNumber(t.Number), State: t.State}
			return nil
		}
		out, err = s.view(tx, t)
		return err
	})
	return out, err
}

func (o *Opening) check(signedIn bool) error {
	if !slices.Contains(Topics, o.Topic) {
		return refusal.Field("invalid_request", "topic", "This is not one of the topics.")
	}
	if err := checkBody(&o.Body); err != nil {
		return err
	}
	switch {
	case signedIn && o.Email != "":
		return refusal.Field("invalid_request", "email", "An account is answered at its own address.")
	case !signedIn:
		address, err := contact.NormalizeEmail(o.Email)
		var wrong *contact.Error
		if errors.As(err, &wrong) {
			return refusal.Field("invalid_request", "email", wrong.Message)
		}
		if err != nil {
			return err
		}
		o.Email = address
	}
	if len(o.Attempt) > 64 {
		return refusal.NotFound("attempt")
	}
	if !language.MatchString(o.Locale) || o.Locale == "" {
		o.Locale = "en"
	}
	if err := checkRecordings(o.Recordings); err != nil {
		return err
	}
	report, err := checkReport(o.Report)
	o.Report = report
	return err
}

// checkBody holds a message to its limits: 1 to 4000 characters that can be read, after white space around it was dropped.
func checkBody(body *string) error {
	text := strings.TrimSpace(strings.ReplaceAll(*body, "\r\n", "\n"))
	switch {
	case text == "":
		return refusal.Field("invalid_request", "body", "Write what happened.")
	case utf8.RuneCountInString(text) > maxBody:
		return refusal.Field("invalid_request", "body", "A message has 4000 characters at most.")
	case !readable(text):
		return refusal.Field("invalid_request", "body", "A message has no control characters but line breaks and tabs.")
	}
	*body = text
	return nil
}

func checkRecordings(ids []string) error {
	if len(ids) > maxRecordings {
		return refusal.Field("invalid_request", "recordings", "A message takes 3 recordings along at most.")
	}
	return nil
}

func readable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' || r == utf8.RuneError })
}

// checkReport holds the doctor's report to its limits: an object with readable text of 16 KiB at most; nil for none.
func checkReport(report json.RawMessage) (json.RawMessage, error) {
	if len(report) == 0 || string(report) == "null" {
		return nil, nil
	}
	refused := refusal.Field("invalid_request", "report", "A report is an object of readable text, 16 KiB at most.")
	var value map[string]any
	if len(report) > maxReport || json.Unmarshal(report, &value) != nil || !readableJSON(value) {
		return nil, refused
	}
	var out bytes.Buffer
	if err := json.Compact(&out, report); err != nil {
		return nil, refused
	}
	return out.Bytes(), nil
}

func readableJSON(v any) bool {
	switch v := v.(type) {
	case string:
		return readable(v)
	case []any:
		return !slices.ContainsFunc(v, func(one any) bool { return !readableJSON(one) })
	case map[string]any:
		for name, one := range v {
			if !readable(name) || !readableJSON(one) {
				return false
			}
		}
	}
	return true
}

// admitAccount lets an account open one more, frozen or not: whoever is locked out needs help most.
func (s *Service) admitAccount(tx *store.Tx, c verification.Caller, t *store.Ticket) error {
	if err := verification.Live(tx, c); err != nil {
		return err
	}
	a, err := tx.Account(c.AccountID())
	if err != nil {
		return err
	}
	t.Locale = a.Locale
	open, err := tx.CountOpenTickets(a.ID)
	if err != nil {
		return err
	}
	if open >= s.Limits.Open {
		return tooManyOpen()
	}
	return s.Engine.Allow(tx, s.Limits.Messages, "ticket-messages", []byte(a.ID))
}

func tooManyOpen() *refusal.Refusal {
	return refusal.New("too_many_tickets", "So many requests are open at once, and no more. Write in one of them.")
}

func (s *Service) admitStranger(tx *store.Tx, c verification.Caller) error {
	if err := s.Engine.AllowOutside(tx, c, s.Limits.OpenFrom, "tickets-from"); err != nil {
		return err
	}
	return s.Engine.Allow(tx, s.Engine.Limits.SendAll, "send-all-open", nil)
}

// received tells by e-mail that a request was received.
func (s *Service) received(tx *store.Tx, t *store.Ticket, to *store.Contact) error {
	if to != nil {
		if err := s.Engine.Allow(tx, s.Limits.OpenTo, "tickets-to", []byte(to.Email)); refusal.As(err) != nil {
			return nil
		} else if err != nil {
			return err
		}
	}
	return s.mail(tx, t, delivery.TicketInfo{News: delivery.TicketReceived})
}

// attach lets a ticket take recordings of the caller's along. They end with the ticket or, where it lies still, so long after its last movement.
func (s *Service) attach(tx *store.Tx, c verification.Caller, t *store.Ticket, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	kept, err := tx.CountTicketRecordings(t.ID)
	if err != nil {
		return err
	}
	if kept+len(ids) > maxKept {
		return refusal.New("ticket_full", "This request has as many recordings as it takes. Delete one, or open another request.")
	}
	for _, id := range ids {
		r, err := ownRecording(tx, c, id)
		if err != nil {
			return err
		}
		ok, err := tx.AttachRecording(r.ID, t.ID, tx.Now.Add(s.Retention))
		if err != nil {
			return err
		}
		if !ok {
			return refusal.New("conflict", "A recording is not whole, or belongs to another request.")
		}
	}
	return nil
}

// named is what the log says of a message: its ticket, and what it took along.
func named(t *store.Ticket, recordings []string) map[string]string {
	data := map[string]string{"ticket": store.TicketNumber(t.Number)}
	if len(recordings) > 0 {
		data["recordings"] = strings.Join(recordings, " ")
	}
	return data
}

// mail tells of a ticket by e-mail, unless so many were sent. What it says besides is in info.
func (s *Service) mail(tx *store.Tx, t *store.Ticket, info delivery.TicketInfo) error {
	info.Number, info.At, info.Locale = store.TicketNumber(t.Number), tx.Now, t.Locale
	subject := t.AccountID
	if subject == "" {
		subject = t.ID
	}
	if err := s.Engine.Allow(tx, s.Limits.Mails, "ticket-mails", []byte(subject)); err != nil {
		if refusal.As(err) != nil {
			return nil
		}
		return err
	}
	if t.AccountID != "" {
		a, err := tx.Account(t.AccountID)
		if err != nil {
			return err
		}
		return s.Engine.Notifier.Ticket(tx, a, t.ID, info)
	}
	to, err := tx.TicketContact(t)
	if err != nil {
		return err
	}
	return s.Engine.Notifier.TicketByLink(tx, to, info)
}

// List lists the caller's requests, the newest first. limit is 1 to 100.
func (s *Service) List(ctx context.Context, c verification.Caller, cursor string, limit int) (*verification.Page[TicketHead], error) {
	page := &verification.Page[TicketHead]{Items: []TicketHead{}}
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		list, err := tx.TicketsPage(c.AccountID(), cursor, limit+1)
		if err != nil {
			return err
		}
		if len(list) > limit {
			list = list[:limit]
			page.Next = &list[limit-1].ID
		}
		for i := range list {
			page.Items = append(page.Items, s.head(&list[i]))
		}
		return nil
	})
	return page, err
}

// Get reads a request of the caller's.
func (s *Service) Get(ctx context.Context, c verification.Caller, id string) (out *TicketView, err error) {
	err = s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		t, err := tx.TicketOf(c.AccountID(), id)
		if err == nil {
			out, err = s.view(tx, t)
		}
		return missing(err, "request")
	})
	return out, err
}

// Message is what a customer adds to a request.
type Message struct {
	Body       string   `json:"body"`
	Recordings []string `json:"recordings"`
}

func (m *Message) check() error {
	if err := checkBody(&m.Body); err != nil {
		return err
	}
	return checkRecordings(m.Recordings)
}

// Write adds a message of the customer's. One that was resolved is open again.
func (s *Service) Write(ctx context.Context, c verification.Caller, id string, m Message) (out *TicketView, err error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		if err := verification.Live(tx, c); err != nil {
			return err
		}
		t, err := tx.TicketOf(c.AccountID(), id)
		if err != nil {
			return missing(err, "request")
		}
		out, err = s.write(tx, c, t, m, t.AccountID)
		return err
	})
	return out, err
}

func (s *Service) write(tx *store.Tx, c verification.Caller, t *store.Ticket, m Message, subject string) (*TicketView, error) {
	if err := s.Engine.Allow(tx, s.Limits.Messages, "ticket-messages", []byte(subject)); err != nil {
		return nil, err
	}
	if err := s.room(tx, t); err != nil {
		return nil, err
	}
	to := map[string]string{store.TicketNew: store.TicketNew}[t.State]
	if to == "" {
		to = store.TicketWaiting
	}
	if t.State == store.TicketResolved && t.AccountID != "" {
		open, err := tx.CountOpenTickets(t.AccountID)
		if err != nil {
			return nil, err
		}
		if open >= s.Limits.Open {
			return nil, tooManyOpen()
		}
	}
	if err := tx.AddTicketMessage(&store.TicketMessage{TicketID: t.ID, Author: store.ByCustomer, Body: m.Body}); err != nil {
		return nil, err
	}
	if err := s.attach(tx, c, t, m.Recordings); err != nil {
		return nil, err
	}
	if err := s.move(tx, t, to); err != nil {
		return nil, err
	}
	if t.AccountID == "" {
		// Who happens to be signed in where a link is opened has nothing to do with it.
		c.Session = nil
	}
	if err := tx.Record(c.Event(t.AccountID, "ticket.message", true, named(t, m.Recordings))); err != nil {
		return nil, err
	}
	return s.view(tx, t)
}

// room refuses where a ticket has as many messages as it takes.
func (s *Service) room(tx *store.Tx, t *store.Ticket) error {
	n, err := tx.CountTicketMessages(t.ID)
	if err == nil && n >= maxMessages {
		err = refusal.New("ticket_full", "This request has as many messages as it takes. Open another.")
	}
	return err
}

// move changes the state of a ticket, from the one that was read, and moves the end of what it took along.
func (s *Service) move(tx *store.Tx, t *store.Ticket, to string) error {
	ok, err := tx.MoveTicket(t.ID, t.State, to)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("support: the state of a request changed within its transaction")
	}
	t.State, t.UpdatedAt, t.ResolvedAt = to, tx.Now, time.Time{}
	if to == store.TicketResolved {
		t.ResolvedAt = tx.Now
	}
	return tx.KeepRecordings(t.ID, tx.Now.Add(s.Retention))
}

// deleteBatch is how many requests are deleted in one update.
const deleteBatch = 50

// DeleteOverdue deletes requests whose time is over, with their messages; their recordings end then. It tells how many there were.
func (s *Service) DeleteOverdue(ctx context.Context) (n int64, err error) {
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) (err error) {
		n, err = tx.DeleteTickets(tx.Now.Add(-s.Retention), deleteBatch)
		return err
	})
	return n, err
}
