package support

import (
	"errors"
	"time"

	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// Service runs the flows. Its fields are set once.
type Service struct {
	Engine *verification.Engine
	// Retention is how long a request is kept after it was resolved, with its messages and recordings.
	Retention time.Duration
	Limits    Limits
}

// DefaultRetention is how long requests are kept where the operator says nothing else.
const DefaultRetention = 30 * 24 * time.Hour

// own tells whether something that an account or a browser left belongs to the caller: by the account where it has one, else by
// the browser's own secret, which somebody who signed in since still has.
func own(c verification.Caller, accountID string, deviceHash []byte) bool {
	if accountID != "" {
		return accountID == c.AccountID()
	}
	return len(deviceHash) > 0 && string(deviceHash) == string(c.DeviceHash)
}

func missing(err error, what string) error {
	if errors.Is(err, store.ErrNotFound) {
		return refusal.NotFound(what)
	}
	return err
}
