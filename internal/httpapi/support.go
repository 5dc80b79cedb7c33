package httpapi

import (
	"context"

	"countersign/internal/support"
)

func (s *Server) reportAttempt(ctx context.Context, rq *request, in support.Report) (any, error) {
	return s.Support.Report(ctx, rq.caller, in)
}
