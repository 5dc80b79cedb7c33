package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// carrierFunc counts what it sends, by text.
type carrierFunc struct {
	send func(ctx context.Context, m Message) error
	mu   sync.Mutex
	sent map[string]int
}

func (c *carrierFunc) Send(ctx context.Context, m Message) (Receipt, error) {
	if c.send != nil {
		if err := c.send(ctx, m); err != nil {
			return Receipt{}, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent == nil {
		c.sent = map[string]int{}
	}
	c.sent[m.Text]++
	return Receipt{ID: "id-" + m.Text}, nil
}

func (c *carrierFunc) times(text string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent[text]
}

func (c *carrierFunc) total() (distinct, all int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.sent {
		all += n
	}
	return len(c.sent), all
}

func newWorker(o Outbox, email, sms Carrier) *Worker {
	return &Worker{Outbox: o, Carriers: map[string]Carrier{ChannelEmail: email, ChannelSMS: sms}, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
}

// run starts the worker and returns what stops it and waits.
func run(t *testing.T, w *Worker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	}
}

func TestDrainSendsWhatIsDueOnce(t *testing.T) {
	o := newOutbox(t)
	email, sms := &carrierFunc{}, &carrierFunc{}
	for i := range 100 {
		o.queue(fmt.Sprint("email-", i), ChannelEmail, time.Minute)
		o.queue(fmt.Sprint("sms-", i), ChannelSMS, 0)
	}
	o.queue("decoy", ChannelNone, time.Minute)
	w := newWorker(o, email, sms)
	n, err := w.Drain(t.Context())
	if err != nil || n != 201 || o.count("sent") != 201 {
		t.Errorf("%d drained, %d sent, error %v", n, o.count("sent"), err)
	}
	for _, c := range []*carrierFunc{email, sms} {
		if distinct, all := c.total(); distinct != 100 || all != 100 {
			t.Errorf("%d messages, sent %d times", distinct, all)
		}
	}
	if n, err := w.Drain(t.Context()); n != 0 || err != nil {
		t.Errorf("a second pass: %d, %v", n, err)
	}
}

func TestAnotherCopyTakesOverAfterTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		o.queue("m", ChannelSMS, 10*time.Minute)
		if items, err := o.Claim(t.Context(), time.Now(), lease, 1); err != nil || len(items) != 1 {
			t.Fatal(items, err)
		}
		sms := &carrierFunc{}
		stop := run(t, newWorker(o, &carrierFunc{}, sms))
		time.Sleep(lease - time.Second)
		synctest.Wait()
		if sms.times("m") != 0 {
			t.Error("it was taken while the first copy had it")
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if sms.times("m") != 1 || o.row("m").state != "sent" {
			t.Error("nobody took over")
		}
		stop()
	})
}

func TestAMessageWhoseNoteIsLostIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		o.deaf = 3
		o.queue("m", ChannelSMS, 10*time.Minute)
		sms := &carrierFunc{}
		stop := run(t, newWorker(o, &carrierFunc{}, sms))
		time.Sleep(lease + 5*time.Second)
		synctest.Wait()
		if sms.times("m") != 2 || o.row("m").state != "sent" {
			t.Errorf("sent %d times, %s", sms.times("m"), o.row("m").state)
		}
		stop()
	})
}

func TestANoteIsTriedMoreThanOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		o.deaf = 2
		o.queue("m", ChannelSMS, 10*time.Minute)
		sms := &carrierFunc{}
		if _, err := newWorker(o, &carrierFunc{}, sms).Drain(t.Context()); err != nil || sms.times("m") != 1 || o.row("m").state != "sent" {
			t.Errorf("sent %d times, %s, %v", sms.times("m"), o.row("m").state, err)
		}
	})
}

func TestAFailureIsTriedAgainLaterAndLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		o.queue("m", ChannelEmail, 0)
		var tries []time.Time
		email := &carrierFunc{send: func(context.Context, Message) error {
			tries = append(tries, time.Now())
			if len(tries) < 14 {
				return errors.New("not now")
			}
			return nil
		}}
		stop := run(t, newWorker(o, email, &carrierFunc{}))
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		stop()
		if o.row("m").state != "sent" || len(tries) != 14 {
			t.Fatalf("%s after %d tries", o.row("m").state, len(tries))
		}
		most := 2 * time.Second
		for i := range len(tries) - 1 {
			// The worker looks every 2 s, so a try comes up to 2 s after it is due.
			if gap := tries[i+1].Sub(tries[i]); gap < most/2 || gap > most+2*time.Second {
				t.Errorf("between tries %d and %d: %v, not %v to %v", i+1, i+2, gap, most/2, most)
			}
			most = min(2*most, 15*time.Minute)
		}
	})
}

func TestBackoffStaysInBounds(t *testing.T) {
	for _, attempts := range []int{-1, 0, 1, 2, 8, 9, 63, 64, 1 << 30} {
		if d := backoff(attempts); d < time.Second || d > 15*time.Minute {
			t.Errorf("after %d attempts: %v", attempts, d)
		}
	}
}

func TestAPermanentFailureEndsIt(t *testing.T) {
	for name, send := range map[string]func(context.Context, Message) error{
		"refused": func(_ context.Context, m Message) error {
			return fmt.Errorf("550 %s with %s: %w", m.To, m.Code, ErrPermanent)
		},
		"panic": func(_ context.Context, m Message) error { panic(m.To) },
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutbox(t)
			o.queue("m", ChannelEmail, time.Hour)
			if _, err := newWorker(o, &carrierFunc{send: send}, nil).Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			r := o.row("m")
			if r.state != "failed" || r.Attempts != 1 {
				t.Errorf("%s after %d attempts", r.state, r.Attempts)
			}
			if strings.Contains(r.reason, "to-m") || strings.Contains(r.reason, "code-m") {
				t.Errorf("the reason tells recipient or code: %s", r.reason)
			}
		})
	}
}

func TestAnExpiredMessageIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		o.queue("m", ChannelSMS, 10*time.Minute)
		time.Sleep(10 * time.Minute)
		sms := &carrierFunc{}
		if _, err := newWorker(o, nil, sms).Drain(t.Context()); err != nil || o.row("m").state != "failed" || sms.times("m") != 0 {
			t.Errorf("%s, sent %d times, %v", o.row("m").state, sms.times("m"), err)
		}
	})
}

func TestAMessageIsGivenUpWhenItWouldBeTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		o.queue("m", ChannelSMS, 10*time.Minute)
		sms := &carrierFunc{send: func(context.Context, Message) error { return errors.New("not now") }}
		stop := run(t, newWorker(o, &carrierFunc{}, sms))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if r := o.row("m"); r.state != "failed" || r.Attempts < 5 {
			t.Errorf("%s after %d attempts", r.state, r.Attempts)
		}
		stop()
	})
}

func TestAMailServerThatHangsHoldsUpNoTextMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		for i := range 1000 {
			o.queue(fmt.Sprint("email-", i), ChannelEmail, 0)
		}
		email := &carrierFunc{send: func(ctx context.Context, _ Message) error { <-ctx.Done(); return ctx.Err() }}
		sms := &carrierFunc{}
		w := newWorker(o, email, sms)
		w.Wake = o.wake
		stop := run(t, w)
		time.Sleep(time.Minute)
		for i := range 10 {
			o.queue(fmt.Sprint("sms-", i), ChannelSMS, 10*time.Minute)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if distinct, all := sms.total(); distinct != 10 || all != 10 {
			t.Errorf("%d text messages of 10 were sent, %d times", distinct, all)
		}
		stop()
	})
}

// The slowest carrier that still succeeds: the outbox fails the test if any note comes after its lease.
func TestASlowBacklogIsSentOnceWithinItsLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		for i := range 100 {
			o.queue(fmt.Sprint("email-", i), ChannelEmail, 0)
		}
		email := &carrierFunc{send: func(context.Context, Message) error { time.Sleep(sendTimeout - time.Second); return nil }}
		stop := run(t, newWorker(o, email, &carrierFunc{}))
		other := run(t, newWorker(o, email, &carrierFunc{}))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if distinct, all := email.total(); distinct != 100 || all != 100 || o.count("sent") != 100 {
			t.Errorf("%d messages, sent %d times, %d noted", distinct, all, o.count("sent"))
		}
		stop()
		other()
	})
}

// What waits for its turn was not tried, and waits no longer after its first failure for that.
func TestABacklogIsNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		for i := range 4 * (senders + waiting) {
			o.queue(fmt.Sprint("m-", i), ChannelSMS, 0)
		}
		sms := &carrierFunc{send: func(context.Context, Message) error { time.Sleep(sendTimeout - time.Second); return nil }}
		stop := run(t, newWorker(o, &carrierFunc{}, sms))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		for i := range 4 * (senders + waiting) {
			if r := o.row(fmt.Sprint("m-", i)); r.state != "sent" || r.Attempts != 1 {
				t.Fatalf("%s is %s after %d attempts", r.ID, r.state, r.Attempts)
			}
		}
		stop()
	})
}

func TestWakeIsFasterThanPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		sms := &carrierFunc{}
		w := newWorker(o, &carrierFunc{}, sms)
		w.Wake, w.Poll = o.wake, time.Hour
		stop := run(t, w)
		time.Sleep(time.Minute)
		o.queue("m", ChannelSMS, time.Minute)
		synctest.Wait()
		if sms.times("m") != 1 {
			t.Error("it was not sent when it was queued")
		}
		stop()
	})
}

func TestStoppingFinishesOrPutsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		for i := range senders + waiting {
			o.queue(fmt.Sprint("m-", i), ChannelEmail, 0)
		}
		email := &carrierFunc{send: func(context.Context, Message) error { time.Sleep(3 * time.Second); return nil }}
		stop := run(t, newWorker(o, email, &carrierFunc{}))
		time.Sleep(time.Second)
		begun := time.Now()
		stop()
		if took := time.Since(begun); took > grace {
			t.Errorf("stopping took %v", took)
		}
		if o.count("sent") != senders {
			t.Errorf("%d messages on their way were finished", o.count("sent"))
		}
		// What was waiting is due at once, not at the end of a lease.
		if items, _ := o.Claim(t.Context(), time.Now(), lease, 100); len(items) != waiting {
			t.Errorf("%d messages were put back", len(items))
		}
	})
}

func TestStoppingDoesNotWaitForACarrierThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(t)
		o.queue("m", ChannelEmail, 0)
		email := &carrierFunc{send: func(ctx context.Context, _ Message) error { <-ctx.Done(); return ctx.Err() }}
		stop := run(t, newWorker(o, email, &carrierFunc{}))
		time.Sleep(time.Second)
		begun := time.Now()
		stop()
		if took := time.Since(begun); took > grace+time.Second {
			t.Errorf("stopping took %v", took)
		}
		if r := o.row("m"); r.state != "queued" {
			t.Errorf("it is %s", r.state)
		}
	})
}

func TestAChannelWithoutACarrierWaitsForOne(t *testing.T) {
	o := newOutbox(t)
	o.queue("m", ChannelSMS, time.Hour)
	w := newWorker(o, &carrierFunc{}, nil)
	delete(w.Carriers, ChannelSMS)
	if _, err := w.Drain(t.Context()); err != nil || o.row("m").state != "queued" {
		t.Errorf("%s, %v", o.row("m").state, err)
	}
}

func TestLogsTellNothing(t *testing.T) {
	var log bytes.Buffer
	o := newOutbox(t)
	o.queue("good", ChannelSMS, time.Hour)
	o.queue("bad", ChannelEmail, time.Hour)
	w := newWorker(o, &carrierFunc{send: func(_ context.Context, m Message) error { return errors.New("no " + m.To + " " + m.Code) }}, &carrierFunc{})
	w.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if _, err := w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "message sent") || !strings.Contains(log.String(), "message not sent") {
		t.Error("nothing was logged")
	}
	for _, secret := range []string{"to-good", "to-bad", "code-good", "code-bad"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}

// stoppedOutbox is used by a process that is stopped once, for longer than a lease, after it has claimed.
type stoppedOutbox struct {
	*memoryOutbox
	once sync.Once
}

func (o *stoppedOutbox) Claim(ctx context.Context, now time.Time, lease time.Duration, n int) ([]Item, error) {
	items, err := o.memoryOutbox.Claim(ctx, now, lease, n)
	o.once.Do(func() { time.Sleep(lease + time.Second) })
	return items, err
}

func TestAProcessThatWasStoppedLeavesWhatItHadToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &stoppedOutbox{memoryOutbox: newOutbox(t)}
		email := &carrierFunc{}
		o.queue("one", ChannelEmail, time.Hour)
		w := newWorker(o, email, &carrierFunc{})
		if n, err := w.Drain(t.Context()); n != 2 || err != nil {
			t.Errorf("%d claimed, %v", n, err) // the second claim is as another copy's
		}
		if n := email.times("one"); n != 1 {
			t.Errorf("sent %d times", n)
		}
	})
}
