package account

import (
	"context"
	"errors"
	"strconv"
	"time"

	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// Authenticate finds the session of a token; nil if it is unknown, ended, expired, or of an older epoch.
func (s *Service) Authenticate(ctx context.Context, token string) (*store.Session, error) {
	if token == "" {
		return nil, nil
	}
	var session *store.Session
	var stale bool
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		found, err := tx.SessionByToken(token)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if found.EndedAt.IsZero() && found.ExpiresAt.After(tx.Now) && found.LastSeenAt.Add(policy.SessionIdle).After(tx.Now) && found.Epoch == tx.Epoch() {
			session, stale = found, tx.Now.Sub(found.LastSeenAt) > seenEvery
		}
		return nil
	})
	if err == nil && stale {
		err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error { return tx.SeeSession(session.AccountID, session.ID) })
	}
	return session, err
}

// SessionView is a session in the list of devices.
type SessionView struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current"`
	Method     string    `json:"method"`
	Browser    string    `json:"browser"`
	Address    string    `json:"address"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// Sessions lists the account's sessions, the last seen first, 200 at most.
func (s *Service) Sessions(ctx context.Context, c verification.Caller) (*verification.Page[SessionView], error) {
	page := &verification.Page[SessionView]{Items: []SessionView{}}
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		list, err := tx.Sessions(c.AccountID(), policy.SessionIdle)
		for _, one := range list {
			page.Items = append(page.Items, SessionView{ID: one.ID, Current: one.ID == c.Session.ID, Method: one.Method, Browser: one.Browser, Address: one.Address,
				CreatedAt: one.CreatedAt, LastSeenAt: one.LastSeenAt, ExpiresAt: one.ExpiresAt})
		}
		return err
	})
	return page, err
}

// SignOut ends the caller's own session.
func (s *Service) SignOut(ctx context.Context, c verification.Caller) error {
	return s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.EndSession(c.AccountID(), c.Session.ID); err != nil {
			return err
		}
		return tx.Record(c.Event(c.AccountID(), "logout", true, nil))
	})
}

// EventView is an audit event as its account sees it.
type EventView struct {
	ID      string            `json:"id"`
	Kind    string            `json:"kind"`
	At      time.Time         `json:"at"`
	OK      bool              `json:"ok"`
	Browser string            `json:"browser"`
	Address string            `json:"address"`
	Data    map[string]string `json:"data"`
}

// Activity lists the account's audit events, the newest first. limit is 1 to 100.
func (s *Service) Activity(ctx context.Context, c verification.Caller, cursor string, limit int) (*verification.Page[EventView], error) {
	var before int64
	if cursor != "" {
		var err error
		if before, err = strconv.ParseInt(cursor, 10, 64); err != nil || before < 1 {
			return nil, refusal.Field("invalid_request", "cursor", "This is not a cursor that a page of this list gave.")
		}
	}
	page := &verification.Page[EventView]{Items: []EventView{}}
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		list, err := tx.Events(c.AccountID(), before, limit+1)
		if err != nil {
			return err
		}
		if len(list) > limit {
			list = list[:limit]
			next := strconv.FormatInt(list[limit-1].ID, 10)
			page.Next = &next
		}
		for _, e := range list {
			page.Items = append(page.Items, EventView{ID: strconv.FormatInt(e.ID, 10), Kind: e.Kind, At: e.At, OK: e.OK, Browser: e.Browser, Address: e.Address, Data: e.Data})
		}
		return nil
	})
	return page, err
}
