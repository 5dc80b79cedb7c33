package desk

import (
	"context"

	"countersign/internal/refusal"
	"countersign/internal/store"
)

// Watch opens a recording. Players ask for one in many ranges: what is written down is each one that begins at its beginning.
func (s *Service) Watch(ctx context.Context, c Caller, id string, begins bool) (*Recording, error) {
	var r *Recording
	var err error
	if s.OpenRecording == nil {
		err = refusal.NotFound("recording")
	} else {
		r, err = s.OpenRecording(ctx, id)
	}
	if err == nil && !begins {
		return r, nil
	}
	account := ""
	if r != nil {
		account = r.AccountID
	}
	return r, s.look(ctx, c, account, "desk.recording_seen", map[string]string{"recording": id}, func(*store.Tx) error { return err })
}
