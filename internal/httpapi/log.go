package httpapi

import (
	"context"
	"errors"
	"net/http"

	"countersign/internal/auditlog"
	"countersign/internal/refusal"
)

// The audit log, as c2sp.org/tlog-tiles has it: read only, for anybody, and for caches.

func (s *Server) logCheckpoint(ctx context.Context, _ *request, w http.ResponseWriter) (any, error) {
	if s.Log == nil {
		return nil, refusal.NotFound("log")
	}
	text, err := s.Log.Newest(ctx)
	if errors.Is(err, auditlog.ErrNoTile) {
		return nil, refusal.NotFound("checkpoint")
	}
	if err != nil {
		return nil, err
	}
	w.Header().Set("Cache-Control", "no-cache")
	return raw{"text/plain; charset=utf-8", []byte(text)}, nil
}

func (s *Server) logTile(ctx context.Context, rq *request, w http.ResponseWriter) (any, error) {
	if s.Log == nil {
		return nil, refusal.NotFound("log")
	}
	data, err := s.Log.Serve(ctx, rq.http.PathValue("level"), rq.http.PathValue("tile"))
	if errors.Is(err, auditlog.ErrNoTile) {
		return nil, refusal.NotFound("tile")
	}
	if err != nil {
		return nil, err
	}
	// What a tile holds never changes.
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	return raw{"application/octet-stream", data}, nil
}
