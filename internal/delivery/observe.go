package delivery

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// Observer is told of every attempt to send a message: the channel, the carrier's name, what came of it and how long it took.
type Observer interface {
	Attempted(ctx context.Context, channel, carrier, outcome string, began time.Time, took time.Duration)
}

// Named is a Carrier with a name of its own. Where no receipt names one, another goes by its channel's.
type Named interface{ Name() string }

// What comes of an attempt.
const (
	wasSent     = "sent"
	wasRefused  = "refused"  // for good
	wasDeclined = "declined" // by this carrier, now
	hasFailed   = "failed"   // and is tried again
	hadExpired  = "expired"  // before it was tried
)

func came(err error) string {
	switch {
	case err == nil:
		return wasSent
	case errors.Is(err, ErrPermanent):
		return wasRefused
	case errors.Is(err, ErrElsewhere):
		return wasDeclined
	}
	return hasFailed
}

func (w *Worker) observe(ctx context.Context, item Item, by Receipt, what string, began time.Time) {
	if w.Observer == nil {
		return
	}
	// A router tells of each carrier that it asked: here only the last would be known, and none where none took the message.
	if _, tells := w.Carriers[item.Message.Channel].(*Router); tells && what != hadExpired {
		return
	}
	name := by.Carrier
	if named, ok := w.Carriers[item.Message.Channel].(Named); ok && name == "" {
		name = named.Name()
	}
	name = cmp.Or(name, item.Message.Channel)
	w.Observer.Attempted(ctx, item.Message.Channel, name, what, began, time.Since(began))
}
