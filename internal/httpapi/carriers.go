package httpapi

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"

	"countersign/internal/refusal"
)

const formType = "application/x-www-form-urlencoded"

// formBodies are the routes that take a form: their callers are not ours.
var formBodies = []string{"POST /v1/carriers/{id}/status"}

// carrierStatus takes what a carrier of text messages tells of one. Who has not signed it learns nothing of what carriers there are.
func (s *Server) carrierStatus(ctx context.Context, rq *request, _ http.ResponseWriter) (any, error) {
	if kind, _, err := mime.ParseMediaType(rq.http.Header.Get("Content-Type")); err != nil || kind != formType {
		return nil, refusal.New("unsupported_media_type", "Send the body as "+formType+".")
	}
	body, err := io.ReadAll(rq.http.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, refusal.New("invalid_request", "The body is not a form.")
	}
	genuine, err := s.CarrierStatus(ctx, rq.http.PathValue("id"), form, rq.http.Header.Get("X-Twilio-Signature"))
	if err == nil && !genuine {
		err = refusal.New("not_found", "There is no such carrier, or it did not sign this.")
	}
	return nil, err
}
