package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// attempts counts what an observer is told.
type attempts struct {
	mu  sync.Mutex
	all map[string]int
}

func (a *attempts) Attempted(_ context.Context, channel, carrier, outcome string, _ time.Time, took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all[fmt.Sprint(channel, " by ", carrier, ": ", outcome, " after ", took)]++
}

type namedCarrier struct{ carrierFunc }

func (*namedCarrier) Name() string { return "gateway" }

func TestEveryAttemptIsToldWithItsCarrierAndOutcomeAndDecoysAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		for _, id := range []string{"good", "refused", "busy", "panics"} {
			o.queue(id, ChannelSMS, time.Hour)
		}
		o.queue("mail", ChannelEmail, time.Hour)
		o.queue("decoy", ChannelNone, time.Hour)
		o.queue("late", ChannelEmail, time.Nanosecond)
		time.Sleep(time.Second)
		sms := &namedCarrier{carrierFunc{send: func(_ context.Context, m Message) error {
			time.Sleep(time.Second)
			switch m.Text {
			case "refused":
				return fmt.Errorf("550: %w", ErrPermanent)
			case "busy":
				return errors.New("421")
			case "panics":
				panic("oh no")
			}
			return nil
		}}}
		w, told := newWorker(o, &carrierFunc{}, sms), &attempts{all: map[string]int{}}
		w.Observer = told
		if _, err := w.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"sms by gateway: sent after 1s": 1, "sms by gateway: refused after 1s": 2, "sms by gateway: failed after 1s": 1, "email by email: sent after 0s": 1, "email by email: expired after 0s": 1}
		if !maps.Equal(told.all, want) {
			t.Errorf("told %v, want %v", told.all, want)
		}
	})
}

func TestEveryCarrierThatWasAskedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		o.queue("taken", ChannelSMS, time.Hour)
		down, elsewhere := newMoody(errDown), newMoody(fmt.Errorf("full: %w", ErrElsewhere))
		r := route(t, nil, nil, down, elsewhere, newMoody(nil))
		w, told := newWorker(o, &carrierFunc{}, nil), &attempts{all: map[string]int{}}
		w.Carriers[ChannelSMS] = r
		w.Observer, r.Observer = told, told
		if _, err := w.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"sms by a: failed after 0s": 1, "sms by b: declined after 0s": 1, "sms by c: sent after 0s": 1}
		if !maps.Equal(told.all, want) {
			t.Errorf("told %v, want %v", told.all, want)
		}
	})
}
