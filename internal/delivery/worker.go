package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// Item is a message in the outbox.
type Item struct {
	ID      string
	Message Message
	// Attempts counts how often it was claimed and not put back, this time included.
	Attempts int
	// ExpiresAt is when it is of no use any more; zero is never.
	ExpiresAt time.Time

	until time.Time // the lease's end, by the clock of the worker that has it
}

// Outbox keeps messages from the transaction that queued them until they are sent or given up, and survives a crash.
// Several workers, in several processes, may use one outbox at once.
type Outbox interface {
	// Claim leases up to n due messages, the longest due first. No other Claim returns them before now + lease; after
	// that they are due again, so that another copy takes over when this one dies.
	Claim(ctx context.Context, now time.Time, lease time.Duration, n int) ([]Item, error)
	// Sent ends a message, and keeps whose it is now. It does nothing if the message has ended already.
	Sent(ctx context.Context, id string, now time.Time, by Receipt) error
	// Failed makes a message due again at the time given, or ends it if the failure is permanent. It does nothing if
	// the message has ended already.
	Failed(ctx context.Context, id string, at time.Time, permanent bool, reason string) error
	// PutBack makes a message due again that was claimed and not tried: that was no attempt. It does nothing if the message has ended already.
	PutBack(ctx context.Context, id string, at time.Time, reason string) error
	// Spend takes a message from budgets, once however often it is called for one message, or tells that one of them has nothing left.
	Spend(ctx context.Context, id string, uses []Use) (Spent, error)
	// Report notes how a message fared after it was sent. known is false if no message was sent under that id.
	Report(ctx context.Context, r Report) (known bool, err error)
}

// Each channel has this many messages on their way at once, and as many waiting. No message is sent after its lease:
// one that was claimed waits for at most one round of spending, sendTimeout and note, and then has one of its own.
const (
	senders     = 8
	waiting     = 8
	sendTimeout = 25 * time.Second
	lease       = 100 * time.Second
	// grace is how long messages on their way have to arrive when the worker is told to stop.
	grace = 5 * time.Second
	// noteTimeout is for one write to the outbox.
	noteTimeout = 5 * time.Second
)

// Worker drains an outbox. Channels do not wait for one another: a mail server that hangs holds up no text message.
type Worker struct {
	Outbox Outbox
	// Carriers are by channel. ChannelNone needs none.
	Carriers map[string]Carrier
	// Spending bounds text messages; nil bounds nothing.
	Spending *Spending
	Now      func() time.Time
	Logger   *slog.Logger
	// Wake has a value soon after a message was queued; nil leaves it to Poll.
	Wake <-chan struct{}
	// Poll is how often the outbox is looked at without being woken; zero is 2 s.
	Poll time.Duration
	// Observer is told of every attempt; nil where nobody wants to know.
	Observer Observer

	reached reached
}

// Limits are the bounds of spending that were reached in this process.
func (w *Worker) Limits() []LimitStatus { return w.reached.list() }

// Run drains the outbox until ctx is done. Then it gives messages on their way 5 seconds, puts those waiting back for
// another copy, and returns ctx's error.
func (w *Worker) Run(ctx context.Context) error {
	poll := w.Poll
	if poll <= 0 {
		poll = 2 * time.Second
	}
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()

	// Carriers that keep a connection let go of it after the last message.
	var runners sync.WaitGroup
	defer runners.Wait()
	defer stop()
	for _, carrier := range w.Carriers {
		if runner, is := carrier.(Runner); is {
			runners.Go(func() { runner.Run(sending, w.Report) })
		}
	}

	queues := map[string]chan Item{}
	var group sync.WaitGroup
	for channel := range w.Carriers {
		queue := make(chan Item, waiting)
		queues[channel] = queue
		for range senders {
			group.Go(func() {
				for item := range queue {
					if ctx.Err() != nil {
						w.putBack(sending, item, 0)
						continue
					}
					_ = w.deliver(sending, item)
				}
			})
		}
	}

	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for ctx.Err() == nil {
		n, err := w.dispatch(ctx, queues)
		if err != nil && ctx.Err() == nil {
			w.Logger.Error("outbox cannot be read", "error", err)
		}
		if n > 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-w.Wake:
		case <-ticker.C:
		}
	}

	for _, queue := range queues {
		close(queue)
	}
	timer := time.AfterFunc(grace, stop)
	defer timer.Stop()
	group.Wait()
	return ctx.Err()
}

// dispatch claims one batch and hands it to the channels' senders. What a full channel cannot take goes back for a
// moment rather than being waited for, so that its backlog does not hide the other channels' messages. Senders that are quick get a
// blink of time for each batch: what went back as they were about to take it would come a second later than it could.
func (w *Worker) dispatch(ctx context.Context, queues map[string]chan Item) (int, error) {
	items, err := w.claim(ctx, 2*(senders+waiting))
	if err != nil {
		return 0, err
	}
	blink := time.NewTimer(10 * time.Millisecond)
	defer blink.Stop()
	late := false
	for _, item := range items {
		queue, ok := queues[item.Message.Channel]
		if !ok {
			_ = w.deliver(ctx, item)
			continue
		}
		if !late {
			select {
			case queue <- item:
				continue
			case <-blink.C:
				late = true
			}
		}
		select {
		case queue <- item:
		default:
			w.putBack(ctx, item, time.Second+rand.N(2*time.Second))
		}
	}
	return len(items), nil
}

// claim leases up to n messages.
func (w *Worker) claim(ctx context.Context, n int) ([]Item, error) {
	now := w.Now()
	items, err := w.Outbox.Claim(ctx, now, lease, n)
	for i := range items {
		items[i].until = now.Add(lease)
	}
	return items, err
}

// late tells whether a message is another copy's by now: this process was stopped for a while, with its machine perhaps.
func (w *Worker) late(item Item) bool { return !item.until.IsZero() && !w.Now().Before(item.until) }

// Drain carries out everything that is due and returns how many messages that were, sent or not. Its error is the
// outbox's; a carrier's failure is noted in the outbox like any other time.
func (w *Worker) Drain(ctx context.Context) (int, error) {
	var total int
	for {
		items, err := w.claim(ctx, senders)
		if err != nil || len(items) == 0 {
			return total, err
		}
		errs := make([]error, len(items))
		var group sync.WaitGroup
		for i, item := range items {
			group.Go(func() { errs[i] = w.deliver(ctx, item) })
		}
		group.Wait()
		total += len(items)
		if err := errors.Join(errs...); err != nil {
			return total, err
		}
	}
}

// deliver sends one message and notes how it went. Its error is the outbox's.
func (w *Worker) deliver(ctx context.Context, item Item) error {
	if item.Message.Channel == ChannelNone {
		return w.note(ctx, item, func(ctx context.Context) error { return w.Outbox.Sent(ctx, item.ID, w.Now(), Receipt{}) })
	}
	began := time.Now() //nolint:forbidigo // a duration, not a time that rules depend on
	if expired(item, w.Now()) {
		w.observe(ctx, item, Receipt{}, hadExpired, began)
		return w.fail(ctx, item, fmt.Errorf("expired: %w", ErrPermanent))
	}
	carrier, ok := w.Carriers[item.Message.Channel]
	if !ok {
		return w.fail(ctx, item, errors.New("no carrier for this channel"))
	}
	if err := w.spend(ctx, item); err != nil {
		return w.fail(ctx, item, err)
	}
	if w.late(item) {
		w.Logger.Warn("message left to another copy, as its lease is over", "message", item.ID, "channel", item.Message.Channel)
		return nil
	}
	m := item.Message
	m.ID, m.ExpiresAt = item.ID, item.ExpiresAt
	limited, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	receipt, err := call(limited, carrier, m)
	w.observe(ctx, item, receipt, came(err), began)
	if err != nil {
		return w.fail(ctx, item, err)
	}
	w.Logger.Info("message sent", "message", item.ID, "channel", item.Message.Channel, "attempt", item.Attempts, "carrier", receipt.Carrier)
	return w.note(ctx, item, func(ctx context.Context) error { return w.Outbox.Sent(ctx, item.ID, w.Now(), receipt) })
}

// spend takes a text message from what may be spent. Its error is a Wait where nothing is left.
func (w *Worker) spend(ctx context.Context, item Item) error {
	uses := w.Spending.Uses(item.Message.To)
	if item.Message.Channel != ChannelSMS || len(uses) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, noteTimeout)
	defer cancel()
	spent, err := w.Outbox.Spend(ctx, item.ID, uses)
	if err != nil {
		return fmt.Errorf("spending cannot be counted: %w", err)
	}
	if spent.UsedUp != "" && w.reached.note(spent) {
		w.Logger.Warn("spending limit reached", "limit", spent.UsedUp, "until", spent.Until)
	}
	if !spent.Taken {
		return &Wait{Until: spent.Until, Reason: "spending limit " + spent.UsedUp}
	}
	return nil
}

// A receipt can be faster than the note of the message that it is about, which another copy may have sent; it is looked for again after
// these spans.
var reportAgain = []time.Duration{300 * time.Millisecond, 2 * time.Second, 10 * time.Second}

// Report notes how a message fared. Its error is the outbox's; a message that nobody knows is none.
func (w *Worker) Report(ctx context.Context, r Report) error {
	for try := 0; ; try++ {
		known, err := w.Outbox.Report(ctx, r)
		if err != nil || known {
			return err
		}
		if try == len(reportAgain) {
			w.Logger.Info("receipt of an unknown message", "carrier", r.Carrier, "delivered", r.Delivered)
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(reportAgain[try]):
		}
	}
}

// call calls the carrier. A panic is a permanent failure: the message would bring down every copy that claims it.
func call(ctx context.Context, carrier Carrier, m Message) (r Receipt, err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("the carrier panicked: %w", ErrPermanent)
		}
	}()
	return carrier.Send(ctx, m)
}

func expired(item Item, at time.Time) bool {
	return !item.ExpiresAt.IsZero() && !at.Before(item.ExpiresAt)
}

// fail notes a failure and when to try again. A message that will have expired by then is given up now.
func (w *Worker) fail(ctx context.Context, item Item, cause error) error {
	next := w.Now().Add(backoff(item.Attempts))
	wait := (*Wait)(nil)
	untried := errors.As(cause, &wait)
	if untried {
		next = wait.Until.Add(rand.N(2 * time.Second))
	}
	permanent := errors.Is(cause, ErrPermanent) || expired(item, next)
	reason := reasonFor(cause, item.Message)
	if w.late(item) {
		return nil
	}
	w.Logger.Warn("message not sent", "message", item.ID, "channel", item.Message.Channel, "attempt", item.Attempts, "permanent", permanent, "reason", reason)
	return w.note(ctx, item, func(ctx context.Context) error {
		if untried && !permanent {
			return w.Outbox.PutBack(ctx, item.ID, next, reason)
		}
		return w.Outbox.Failed(ctx, item.ID, next, permanent, reason)
	})
}

// putBack makes a message due again that was claimed but not tried.
func (w *Worker) putBack(ctx context.Context, item Item, after time.Duration) {
	if w.late(item) {
		return
	}
	_ = w.note(ctx, item, func(ctx context.Context) error {
		return w.Outbox.PutBack(ctx, item.ID, w.Now().Add(after), "put back")
	})
}

// note writes to the outbox even while the worker is stopping, and tries more than once: a message that was sent and
// not noted is sent again.
func (w *Worker) note(ctx context.Context, item Item, write func(context.Context) error) error {
	var err error
	for try := range 3 {
		if try > 0 {
			time.Sleep(time.Duration(try) * 200 * time.Millisecond)
		}
		err = func() error {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
			defer cancel()
			return write(ctx)
		}()
		if err == nil {
			return nil
		}
	}
	w.Logger.Error("outbox cannot be written", "message", item.ID, "channel", item.Message.Channel, "error", err)
	return err
}

// backoff is how long to wait after this many attempts: 2 s doubled each time, at most 15 minutes, less up to half so
// that messages which failed together do not come back together.
func backoff(attempts int) time.Duration {
	const first, most = 2 * time.Second, 15 * time.Minute
	d := most
	if attempts <= 10 {
		d = min(first<<max(attempts-1, 0), most)
	}
	return d - rand.N(d/2)
}

// reasonFor is what of an error may be kept: carriers promise not to name recipient or code, and this holds them to it.
func reasonFor(err error, m Message) string {
	const most = 200
	s := clean(err.Error())
	for _, secret := range []string{m.To, strings.TrimPrefix(m.To, "+"), m.Code} {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "…")
		}
	}
	if r := []rune(s); len(r) > most {
		s = string(r[:most])
	}
	return s
}
