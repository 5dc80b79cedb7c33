package support

import (
	"context"
	"errors"

	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// tokenSize is the length of a link's token: 256 random bits as base64url.
const tokenSize = 43

// LookUp reads the request of a link.
func (s *Service) LookUp(ctx context.Context, c verification.Caller, token string) (out *TicketView, err error) {
	err = s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		t, err := s.byToken(tx, token)
		if err == nil {
			out, err = s.view(tx, t)
		}
		return err
	})
	return out, s.countWrong(ctx, c, err)
}

// WriteByLink adds a message to the request of a link. What it takes along is the caller's own, by session or browser.
func (s *Service) WriteByLink(ctx context.Context, c verification.Caller, token string, m Message) (out *TicketView, err error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		t, err := s.byToken(tx, token)
		if err == nil {
			out, err = s.write(tx, c, t, m, t.ID)
		}
		return err
	})
	return out, s.countWrong(ctx, c, err)
}

var errNoLink = errors.New("support: nobody was sent this link")

func (s *Service) byToken(tx *store.Tx, token string) (*store.Ticket, error) {
	if len(token) != tokenSize {
		return nil, errNoLink
	}
	t, err := tx.TicketByToken(token)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNoLink
	}
	return t, err
}

// countWrong counts a link that nobody was sent against the network that it came from, and answers it. One that is right is never
// held up by what neighbours try.
func (s *Service) countWrong(ctx context.Context, c verification.Caller, err error) error {
	if !errors.Is(err, errNoLink) {
		return err
	}
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		return s.Engine.Allow(tx, s.Limits.WrongLinks, "ticket-links", []byte(c.Network()))
	})
	if err == nil {
		err = refusal.NotFound("request")
	}
	return err
}
