package delivery

import (
	"sync"
	"time"
)

// A carrier that failed this often in a row is rested: for a while nothing goes to it, then one message tries whether it is back. The
// rest doubles with each try that fails.
const (
	mostFailures = 5
	firstRest    = 30 * time.Second
	longestRest  = 5 * time.Minute
)

// breaker is what a process knows of how a carrier fares. Other copies find out for themselves.
type breaker struct {
	mu       sync.Mutex
	failures int // in a row
	rests    int // in a row; 0 while the carrier is in use
	since    time.Time
	until    time.Time
	trying   bool // one message is trying whether the carrier is back

	sent, failed         uint64
	lastSent, lastFailed time.Time
	lastError            string
}

// admit tells whether a message may go to the carrier, or when to ask again.
func (b *breaker) admit(now time.Time) (ok bool, again time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.rests == 0:
		return true, time.Time{}
	case now.Before(b.until):
		return false, b.until
	case b.trying:
		return false, now.Add(time.Second)
	}
	b.trying = true
	return true, time.Time{}
}

// outcome is what an attempt says of its carrier.
type outcome int

const (
	unclear  outcome = iota // it was broken off, or had too little time
	answered                // whatever the answer was
	outage
)

// note takes down an attempt and tells whether the carrier went to rest or came back by it.
func (b *breaker) note(now time.Time, o outcome, sent bool, reason string) (rests, back bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if sent {
		b.sent++
		b.lastSent = now
	} else {
		b.failed++
		b.lastFailed, b.lastError = now, reason
	}
	wasTrying := b.trying
	b.trying = false
	switch o {
	case answered:
		back = b.rests > 0
		if back {
			b.since = now
		}
		b.failures, b.rests = 0, 0
	case outage:
		b.failures++
		switch {
		case b.rests > 0 && wasTrying:
			b.until = now.Add(min(firstRest<<min(b.rests, 10), longestRest))
			b.rests++
		case b.rests == 0 && b.failures >= mostFailures:
			b.rests, b.since, b.until = 1, now, now.Add(firstRest)
			rests = true
		}
	}
	return rests, back
}
