package delivery

import (
	"context"
	"errors"
	"time"
)

// Observer is told of every attempt to send a message: the channel, the carrier's name, what came of it and how long it took.
type Observer interface {
	Attempted(ctx context.Context, channel, carrier, outcome string, began time.Time, took time.Duration)
}

// Named is a Carrier with a name of its own. Another goes by its channel's.
type Named interface{ Name() string }

// What comes of an attempt.
const (
	Delivered = "sent"
	// Refused for good.
	Refused = "refused"
	// Failed is tried again.
	Failed = "failed"
	// Expired before it was tried.
	Expired = "expired"
)

func outcome(err error) string {
	switch {
	case err == nil:
		return Delivered
	case errors.Is(err, ErrPermanent):
		return Refused
	}
	return Failed
}

func (w *Worker) observe(ctx context.Context, item Item, carrier Carrier, outcome string, began time.Time) {
	if w.Observer == nil {
		return
	}
	name := item.Message.Channel
	if named, ok := carrier.(Named); ok {
		name = named.Name()
	}
	w.Observer.Attempted(ctx, item.Message.Channel, name, outcome, began, time.Since(began))
}
