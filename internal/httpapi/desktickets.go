package httpapi

import (
	"context"

	"countersign/internal/support"
)

// answering is the operator as those who answer requests know them.
func (rq *request) answering() support.Operator {
	c := rq.deskCaller()
	return support.Operator{ID: c.Operator.ID, SessionID: c.Session.ID, Browser: c.Browser, Address: c.Address, Live: c.Live}
}

// withSummary adds what the desk knows of the account to a request, which has been written down with it.
func (s *Server) withSummary(ctx context.Context, t *support.DeskTicket, err error) (any, error) {
	if err != nil || t.AccountID == "" {
		return t, err
	}
	t.Summary, err = s.Desk.Summary(ctx, t.AccountID)
	return t, err
}

func (s *Server) deskTickets(ctx context.Context, rq *request) (any, error) {
	cursor, limit, err := rq.page()
	if err != nil {
		return nil, err
	}
	q := rq.http.URL.Query()
	return s.Support.Tickets(ctx, rq.answering(), q.Get("view"), q.Get("q"), cursor, limit)
}

func (s *Server) deskTicket(ctx context.Context, rq *request) (any, error) {
	t, err := s.Support.Read(ctx, rq.answering(), rq.http.PathValue("id"))
	return s.withSummary(ctx, t, err)
}

func (s *Server) assignTicket(ctx context.Context, rq *request, in struct {
	Operator *string `json:"operator"`
}) (any, error) {
	to := ""
	if in.Operator != nil {
		to = *in.Operator
	}
	t, err := s.Support.Assign(ctx, rq.answering(), rq.http.PathValue("id"), to)
	return s.withSummary(ctx, t, err)
}

func (s *Server) answerTicket(ctx context.Context, rq *request, in struct {
	Body string `json:"body"`
}) (any, error) {
	t, err := s.Support.Reply(ctx, rq.answering(), rq.http.PathValue("id"), in.Body)
	return s.withSummary(ctx, t, err)
}

func (s *Server) setTicketState(ctx context.Context, rq *request, in struct {
	State string `json:"state"`
}) (any, error) {
	t, err := s.Support.SetState(ctx, rq.answering(), rq.http.PathValue("id"), in.State)
	return s.withSummary(ctx, t, err)
}

func (s *Server) templates(ctx context.Context, rq *request) (any, error) {
	return s.Support.Templates(ctx, rq.answering())
}
