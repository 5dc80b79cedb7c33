package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// How long things live, and how much of them there is.
const (
	InvitationLife  = 72 * time.Hour
	SessionIdle     = 30 * time.Minute
	SessionAbsolute = 12 * time.Hour
	seenEvery       = time.Minute
	maxReason       = 200
)

// Budgets of one operator: people are not looked up in series, and nobody is written to or fetched back without end.
var (
	finds  = store.Allowance{Limit: 60, Window: time.Hour}
	checks = store.Allowance{Limit: 60, Window: time.Hour}
	counts = store.Allowance{Limit: 120, Window: time.Hour}
	mails  = store.Allowance{Limit: 5, Window: time.Hour}
)

// Service runs the flows. Its fields are set once.
type Service struct {
	Engine *verification.Engine
	Holds  policy.Holds
	// Origins are the web origins served, Build this build: for the check.
	Origins  []string
	Build    string
	Demo     bool
	Carriers map[string]delivery.Carrier
	// Limits are the bounds of spending that were reached; nil where nothing is bounded.
	Limits func() []delivery.LimitStatus
	// Outside is how the public addresses are fetched back; nil is the network.
	Outside http.RoundTripper
	// DiskFree tells how many bytes are left where the database lies; nil where it is on another machine.
	DiskFree func() (bytes int64, known bool, err error)
	// TryStore tries where recordings lie, and tells how many bytes are left there; nil where none are kept.
	TryStore func(ctx context.Context) (bytes int64, known bool, err error)
	// OpenRecording opens what a customer recorded, with its pieces unsealed; nil where none are kept.
	OpenRecording func(ctx context.Context, id string) (*Recording, error)

	counting sync.Mutex
}

// Recording is a recording of a screen, opened.
type Recording struct {
	io.ReadSeeker
	AccountID, MediaType string
	CreatedAt            time.Time
}

// Caller is who sends a request to the desk.
type Caller struct {
	// Operator and Session are nil for somebody who is not signed in.
	Operator *store.Operator
	Session  *store.OperatorSession
	// Needs is what the route asks of the role: it is asked again where something is done.
	Needs   Permission
	Browser string // as people know it
	Address string // IP address
	Origin  string // one of the configured origins
}

// May tells whether the caller has a permission.
func (c Caller) May(p Permission) bool { return c.Operator != nil && Role(c.Operator.Role).May(p) }

// Live refuses what a request asks for whose session has ended, or whose operator has ended or lost the permission, since it was let
// in: its body may have been on its way for long. It belongs into the transaction that does it.
func (c Caller) Live(tx *store.Tx) error {
	s, err := tx.OperatorSession(c.Operator.ID, c.Session.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err != nil || !alive(tx, s) {
		return refusal.New("unauthenticated", "This session has ended. Sign in again.")
	}
	o, err := tx.Operator(c.Operator.ID)
	if err != nil {
		return err
	}
	switch {
	case !o.EndedAt.IsZero():
		return refusal.New("unauthenticated", "This session has ended. Sign in again.")
	case !Role(o.Role).May(c.Needs):
		return notPermitted()
	}
	return nil
}

func notPermitted() *refusal.Refusal {
	return refusal.New("not_permitted", "Your role does not allow this, or not in this way. An admin can change the role.")
}

// Event makes an audit event that names the operator.
func (c Caller) Event(accountID, kind string, ok bool, data map[string]string) store.Event {
	e := store.Event{AccountID: accountID, Kind: kind, OK: ok, Browser: c.Browser, Address: c.Address, Data: data}
	if c.Operator != nil {
		e.OperatorID = c.Operator.ID
	}
	if c.Session != nil {
		e.SessionID = c.Session.ID
	}
	return e
}

// outside is the caller as the engine counts strangers.
func (c Caller) outside() verification.Caller {
	return verification.Caller{Browser: c.Browser, Address: c.Address, Origin: c.Origin}
}

// look runs fn, and writes down that somebody looked, in one transaction: what is seen is in the log.
func (s *Service) look(ctx context.Context, c Caller, accountID, kind string, data map[string]string, fn func(tx *store.Tx) error) error {
	return s.act(ctx, c, accountID, kind, data, "", fn)
}

// act runs fn and writes down that it was done, or that it was refused and why, in one transaction. data is written down where it
// was done: what was refused may name anything.
func (s *Service) act(ctx context.Context, c Caller, accountID, kind string, data map[string]string, reason string, fn func(tx *store.Tx) error) error {
	event := c.Event(accountID, kind, true, nil)
	event.Internal = reason
	return s.Engine.Audited(ctx, event, func(tx *store.Tx, event *store.Event) error {
		err := tx.Nested(func() error {
			if err := c.Live(tx); err != nil {
				return err
			}
			return fn(tx)
		})
		if err == nil {
			maps.Copy(event.Data, data)
			return nil
		}
		if _, missing := tx.Account(accountID); errors.Is(missing, store.ErrNotFound) {
			event.AccountID = "" // of nobody
		}
		return err
	})
}

// Refuse writes down that an operator tried what their role may not, and refuses it. route names what was tried.
func (s *Service) Refuse(ctx context.Context, c Caller, route string, p Permission) error {
	return s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Record(c.Event("", "desk.refused", false, map[string]string{"route": route, "permission": string(p)})); err != nil {
			return err
		}
		return store.Keep(notPermitted())
	})
}

// allow takes one use of an operator's own budget, or refuses.
func (s *Service) allow(tx *store.Tx, c Caller, a store.Allowance, label string) error {
	key := s.Engine.Keys.MAC("budget", []byte("desk-"+label), []byte(c.Operator.ID))
	left, resets, err := tx.Left(key, a)
	if err != nil {
		return err
	}
	if left == 0 {
		return refusal.New("rate_limited", "That was often enough for now. Try again later.").Until(resets)
	}
	return tx.Take(key, 1, a)
}

// line tidies one line of text that an operator typed: 1 to most characters, none that hide or turn others.
func line(field, text string, most int) (string, error) {
	text = strings.Join(strings.Fields(text), " ")
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return "", refusal.Field("invalid_request", field, "Write a line: others will want to know.")
	case n > most:
		return "", refusal.Field("invalid_request", field, fmt.Sprintf("This has %d characters at most.", most))
	case !verification.Legible(text):
		return "", refusal.Field("invalid_request", field, "Leave out what cannot be seen or turns the text around.")
	}
	return text, nil
}

func notFound(err error, what string) error {
	if errors.Is(err, store.ErrNotFound) {
		return refusal.NotFound(what)
	}
	return err
}

// stamp is a time that may not have come.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
