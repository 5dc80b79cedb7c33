package httpapi

import (
	"context"
	"encoding/json"
	"strings"

	"countersign/internal/support"
)

func (s *Server) reportAttempt(ctx context.Context, rq *request, in support.Report) (any, error) {
	return s.Support.Report(ctx, rq.caller, in)
}

func (s *Server) attempt(ctx context.Context, rq *request) (any, error) {
	return s.Support.Attempt(ctx, rq.caller, rq.http.PathValue("id"))
}

func (s *Server) openTicket(ctx context.Context, rq *request, in struct {
	Topic      string          `json:"topic"`
	Body       string          `json:"body"`
	Email      string          `json:"email"`
	Attempt    *string         `json:"attempt"`
	Report     json.RawMessage `json:"report"`
	Recordings []string        `json:"recordings"`
}) (any, error) {
	o := support.Opening{Topic: in.Topic, Body: in.Body, Email: in.Email, Report: in.Report, Recordings: in.Recordings}
	if in.Attempt != nil {
		o.Attempt = *in.Attempt
	}
	first, _, _ := strings.Cut(rq.http.Header.Get("Accept-Language"), ",")
	o.Locale, _, _ = strings.Cut(strings.TrimSpace(first), ";")
	return s.Support.Open(ctx, rq.caller, o)
}

func (s *Server) tickets(ctx context.Context, rq *request) (any, error) {
	cursor, limit, err := rq.page()
	if err != nil {
		return nil, err
	}
	return s.Support.List(ctx, rq.caller, cursor, limit)
}

func (s *Server) ticket(ctx context.Context, rq *request) (any, error) {
	return s.Support.Get(ctx, rq.caller, rq.http.PathValue("id"))
}

func (s *Server) writeTicket(ctx context.Context, rq *request, in support.Message) (any, error) {
	return s.Support.Write(ctx, rq.caller, rq.http.PathValue("id"), in)
}

func (s *Server) lookUpTicket(ctx context.Context, rq *request, in tokenInput) (any, error) {
	return s.Support.LookUp(ctx, rq.caller, in.Token)
}

func (s *Server) writeTicketByLink(ctx context.Context, rq *request, in struct {
	Token      string   `json:"token"`
	Body       string   `json:"body"`
	Recordings []string `json:"recordings"`
}) (any, error) {
	return s.Support.WriteByLink(ctx, rq.caller, in.Token, support.Message{Body: in.Body, Recordings: in.Recordings})
}
