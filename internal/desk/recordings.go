package desk

import (
	"context"
	"time"

	"countersign/internal/refusal"
	"countersign/internal/store"
)

// sittings are how often one operator's watching of one recording is written down: players ask for it in many ranges.
var sittings = store.Allowance{Limit: 1, Window: 10 * time.Minute}

// Watch opens a recording.
func (s *Service) Watch(ctx context.Context, c Caller, id string) (*Recording, error) {
	r, missing := (*Recording)(nil), error(refusal.NotFound("recording"))
	if s.OpenRecording != nil {
		r, missing = s.OpenRecording(ctx, id)
	}
	if missing != nil {
		return nil, s.look(ctx, c, "", "desk.recording_seen", nil, func(*store.Tx) error { return missing })
	}
	return r, s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		if err := c.Live(tx); err != nil {
			return err
		}
		key := s.Engine.Keys.MAC("budget", []byte("desk-watch"), []byte(c.Operator.ID), []byte(id))
		left, _, err := tx.Left(key, sittings)
		if err != nil || left == 0 {
			return err
		}
		if err := tx.Take(key, 1, sittings); err != nil {
			return err
		}
		return tx.Record(c.Event(r.AccountID, "desk.recording_seen", true, map[string]string{"recording": id}))
	})
}
