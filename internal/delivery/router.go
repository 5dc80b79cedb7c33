package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Member is one carrier of a channel.
type Member struct {
	// Name is the operator's for it. It goes into the outbox, logs and metrics.
	Name string
	// Kind is "smtp", "http", "twilio" or "smpp".
	Kind    string
	Carrier Carrier
	// Timeout is for one attempt; 0 is 10 s. The next carrier is asked after that.
	Timeout time.Duration
}

const memberTimeout = 10 * time.Second

// Router is the Carrier of a channel that has several: it asks one after another, and leaves alone for a while who failed too often.
type Router struct {
	channel string
	members []*member
	// routes are by the beginning of a number; "" is everywhere else.
	routes map[string][]*member
	now    func() time.Time
	logger *slog.Logger
	// Observer is told of every attempt of each carrier; nil where nobody wants to know. It is set before the first Send.
	Observer Observer
}

type member struct {
	Member
	breaker breaker
}

// RouterConfig is how a Router is set up.
type RouterConfig struct {
	Channel string
	// Members are in the order in which they are asked.
	Members []Member
	// Routes name, by the beginning of a number ("+44"), who is asked instead and in which order. The longest beginning decides.
	Routes map[string][]string
	Now    func() time.Time
	Logger *slog.Logger
}

// NewRouter checks names and routes.
func NewRouter(c RouterConfig) (*Router, error) {
	r := &Router{channel: c.Channel, routes: map[string][]*member{}, now: c.Now, logger: c.Logger}
	if len(c.Members) == 0 {
		return nil, fmt.Errorf("%s: there is no carrier", c.Channel)
	}
	for _, m := range c.Members {
		switch {
		case !plainName(m.Name):
			return nil, fmt.Errorf("%s: %q is no name for a carrier; use up to 32 letters, digits, hyphens and underscores", c.Channel, m.Name)
		case r.named(m.Name) != nil:
			return nil, fmt.Errorf("%s: two carriers are named %q", c.Channel, m.Name)
		}
		if m.Timeout <= 0 {
			m.Timeout = memberTimeout
		}
		r.members = append(r.members, &member{Member: m})
	}
	r.routes[""] = r.members
	for prefix, names := range c.Routes {
		if !isPrefix(prefix) {
			return nil, fmt.Errorf("routes: %q is not the beginning of a number, such as +44", prefix)
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("routes: %s names no carrier", prefix)
		}
		for i, name := range names {
			one := r.named(name)
			if one == nil || slices.Contains(names[:i], name) {
				return nil, fmt.Errorf("routes: %s: there is no carrier %q, or it is named twice", prefix, name)
			}
			r.routes[prefix] = append(r.routes[prefix], one)
		}
	}
	return r, nil
}

func plainName(s string) bool {
	return s != "" && len(s) <= 32 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

func isPrefix(s string) bool {
	digits, plus := strings.CutPrefix(s, "+")
	return plus && digits != "" && digits[0] != '0' && len(digits) <= 15 && !strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
}

func (r *Router) named(name string) *member {
	i := slices.IndexFunc(r.members, func(m *member) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return r.members[i]
}

// longest is the longest key that a recipient begins with.
func longest[T any](to string, by map[string]T) (key string, value T) {
	for end := min(len(to), 16); end >= 0; end-- {
		if v, ok := by[to[:end]]; ok {
			return to[:end], v
		}
	}
	return "", value
}

// Send implements Carrier. Its error is permanent as soon as one carrier says so, and a Wait where every one rests.
func (r *Router) Send(ctx context.Context, m Message) (Receipt, error) {
	_, members := longest(m.To, r.routes)
	var failures []error
	var soonest time.Time
	for _, one := range members {
		ok, again := one.breaker.admit(r.now())
		if !ok {
			if soonest.IsZero() || again.Before(soonest) {
				soonest = again
			}
			continue
		}
		receipt, err := r.try(ctx, one, m)
		if err == nil {
			receipt.Carrier = one.Name
			return receipt, nil
		}
		err = fmt.Errorf("%s: %w", one.Name, err)
		if errors.Is(err, ErrPermanent) {
			return Receipt{Carrier: one.Name}, err
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	if len(failures) == 0 {
		return Receipt{}, &Wait{Until: soonest, Reason: "every carrier rests"}
	}
	return Receipt{}, errors.Join(failures...)
}

func (r *Router) try(ctx context.Context, one *member, m Message) (receipt Receipt, err error) {
	deadline, limited := ctx.Deadline()
	short := limited && time.Until(deadline) < one.Timeout
	attempt, cancel := context.WithTimeout(ctx, one.Timeout)
	defer cancel()
	began := time.Now() //nolint:forbidigo // a duration, not a time that rules depend on
	receipt, err = call(attempt, one.Carrier, m)
	o := outage
	switch {
	case err == nil, errors.Is(err, ErrPermanent), errors.Is(err, ErrElsewhere):
		o = answered
	case errors.Is(ctx.Err(), context.Canceled), short && attempt.Err() != nil:
		// The process stops, or the carriers before took the time.
		o = unclear
	}
	if r.Observer != nil && o != unclear {
		r.Observer.Attempted(ctx, r.channel, one.Name, came(err), began, time.Since(began))
	}
	reason := ""
	if err != nil {
		reason = reasonFor(err, m)
	}
	rests, back := one.breaker.note(r.now(), o, err == nil, reason)
	if rests {
		r.logger.Warn("carrier rests", "channel", r.channel, "carrier", one.Name, "kind", one.Kind, "failures", mostFailures, "rest", firstRest.String(), "reason", reason)
	}
	if back {
		r.logger.Info("carrier is back", "channel", r.channel, "carrier", one.Name, "kind", one.Kind)
	}
	return receipt, err
}

// Check implements Checker: an error where every carrier that can be asked gives no answer.
func (r *Router) Check(ctx context.Context) error {
	var errs []error
	for name, err := range r.Answers(ctx) {
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", name, err))
	}
	return errors.Join(errs...)
}

// Answers asks each carrier that can be asked whether it is there, whether it rests or not.
func (r *Router) Answers(ctx context.Context) map[string]error {
	out := map[string]error{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, one := range r.members {
		if checker, can := one.Carrier.(Checker); can {
			group.Go(func() {
				err := checker.Check(ctx)
				mu.Lock()
				defer mu.Unlock()
				out[one.Name] = err
			})
		}
	}
	group.Wait()
	return out
}

// Run implements Runner for the carriers that are.
func (r *Router) Run(ctx context.Context, report func(context.Context, Report) error) {
	var group sync.WaitGroup
	for _, one := range r.members {
		if watched, can := one.Carrier.(interface{ Watch(func(error)) }); can {
			watched.Watch(func(err error) {
				if err != nil {
					r.logger.Warn("carrier is not connected", "channel", r.channel, "carrier", one.Name, "kind", one.Kind, "reason", clean(err.Error()))
					return
				}
				r.logger.Info("carrier is connected", "channel", r.channel, "carrier", one.Name, "kind", one.Kind)
			})
		}
		if runner, is := one.Carrier.(Runner); is {
			group.Go(func() {
				runner.Run(ctx, func(ctx context.Context, rp Report) error {
					rp.Carrier = one.Name
					return report(ctx, rp)
				})
			})
		}
	}
	group.Wait()
}

// CarrierStatus is how a carrier fares in this process.
type CarrierStatus struct {
	Channel, Name, Kind string
	// Resting is since Since, and until Until at least.
	Resting      bool
	Since, Until time.Time
	// Failures are those in a row.
	Failures int
	// Sent and Failed count attempts since the start; of the latter LastError tells the reason of the newest.
	Sent, Failed         uint64
	LastSent, LastFailed time.Time
	LastError            string
	// Connected is for carriers that keep a connection; nil for others.
	Connected *bool
}

// Status tells how the carriers of an installation fare in this process, for its operators: their check, their metrics.
func Status(carriers map[string]Carrier) []CarrierStatus {
	var out []CarrierStatus
	for _, channel := range []string{ChannelEmail, ChannelSMS} {
		if r, is := carriers[channel].(*Router); is {
			out = append(out, r.status()...)
		}
	}
	return out
}

func (r *Router) status() []CarrierStatus {
	var out []CarrierStatus
	for _, one := range r.members {
		b := &one.breaker
		b.mu.Lock()
		s := CarrierStatus{
			Channel: r.channel, Name: one.Name, Kind: one.Kind, Resting: b.rests > 0, Since: b.since, Until: b.until, Failures: b.failures,
			Sent: b.sent, Failed: b.failed, LastSent: b.lastSent, LastFailed: b.lastFailed, LastError: b.lastError,
		}
		b.mu.Unlock()
		if c, keeps := one.Carrier.(interface{ Connected() bool }); keeps {
			connected := c.Connected()
			s.Connected = &connected
		}
		out = append(out, s)
	}
	return out
}
