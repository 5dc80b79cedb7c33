package delivery

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Text messages cost money, and some numbers pay whoever has them sent: Spending bounds how many go to one country, and in all. What
// would go beyond waits for the next hour or day, or ends where it would be of no use by then.
type Spending struct {
	// Country is for each country that Prefixes does not name, by its calling code; Total is for all of them together.
	Country, Total Ceiling
	// Prefixes are the bounds of numbers that begin so ("+1876"); the longest decides, in place of the country's.
	Prefixes map[string]Ceiling
}

// Ceiling is how many messages may go out in an hour, and in a day. Zero is none.
type Ceiling struct{ Hour, Day int }

// DefaultSpending is for an exchange of middling size.
func DefaultSpending() *Spending {
	return &Spending{Country: Ceiling{Hour: 2000, Day: 10_000}, Total: Ceiling{Hour: 20_000, Day: 100_000}}
}

// Use is one message taken from one budget. Its label names the budget, and no recipient.
type Use struct {
	Label  string
	Limit  int
	Window time.Duration
}

// Spent is what came of taking a message from budgets.
type Spent struct {
	// Taken is whether the message may go.
	Taken bool
	// UsedUp names a budget that has nothing left, be it by this message, and Until is when it has again; "" if there is none.
	UsedUp string
	Until  time.Time
}

// Uses are the budgets that a text message is taken from; none where nothing is bounded.
func (s *Spending) Uses(to string) []Use {
	if s == nil {
		return nil
	}
	prefix, ceiling := longest(to, s.Prefixes)
	if prefix == "" {
		prefix, ceiling = CallingCode(to), s.Country
	}
	var out []Use
	for _, one := range []struct {
		name string
		Ceiling
	}{{prefix, ceiling}, {"all", s.Total}} {
		out = append(out, Use{one.name + " hour", one.Hour, time.Hour}, Use{one.name + " day", one.Day, 24 * time.Hour})
	}
	return out
}

// twoDigits are the calling codes of two digits; those of one are +1 and +7, all others have three (ITU-T E.164, annex D).
const twoDigits = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98"

// CallingCode is the country's part of a number as E.164, with its plus.
func CallingCode(to string) string {
	digits := strings.TrimPrefix(to, "+")
	length := 3
	switch {
	case digits == "":
		return "+"
	case digits[0] == '1' || digits[0] == '7':
		length = 1
	case len(digits) > 1 && slices.Contains(strings.Fields(twoDigits), digits[:2]):
		length = 2
	}
	return "+" + digits[:min(length, len(digits))]
}

// LimitStatus is a bound that was reached in this process.
type LimitStatus struct {
	// Label names it, such as "+44 hour".
	Label string
	// Refused counts the messages that did not go out because of it, since the start.
	Refused uint64
	// Until is when messages go again.
	Until time.Time
}

// reached remembers which bounds were.
type reached struct {
	mu     sync.Mutex
	limits map[string]LimitStatus
}

// note takes down that a bound was reached, and tells whether that is news.
func (r *reached) note(spent Spent) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.limits == nil {
		r.limits = map[string]LimitStatus{}
	}
	s := r.limits[spent.UsedUp]
	// One that is zero at all times has no end that stays.
	first = spent.Until.Sub(s.Until) > time.Minute
	if first {
		s.Until = spent.Until
	}
	s.Label = spent.UsedUp
	if !spent.Taken {
		s.Refused++
	}
	r.limits[spent.UsedUp] = s
	return first
}

func (r *reached) list() []LimitStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []LimitStatus
	for _, s := range r.limits {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b LimitStatus) int { return strings.Compare(a.Label, b.Label) })
	return out
}
