package delivery

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Captured is a message that Capture kept. Its HTML is self-contained.
type Captured struct {
	// ID is a number that grows with each message.
	ID string
	At time.Time
	Message
}

// Capture keeps the latest messages in memory instead of sending them: the demo's inbox, and the tests'.
type Capture struct {
	// Now is the worker's clock.
	Now func() time.Time
	// Max is how many messages are kept; zero keeps 500.
	Max int

	mu    sync.Mutex
	count int
	ring  []Captured
}

// Send implements Carrier.
func (c *Capture) Send(_ context.Context, m Message) (Receipt, error) {
	m.HTML = SelfContained(m.HTML)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	most := c.Max
	if most <= 0 {
		most = 500
	}
	if len(c.ring) >= most {
		c.ring = slices.Delete(c.ring, 0, len(c.ring)-most+1)
	}
	c.ring = append(c.ring, Captured{ID: strconv.Itoa(c.count), At: c.Now(), Message: m})
	return Receipt{ID: strconv.Itoa(c.count)}, nil
}

// All are the messages kept, newest first.
func (c *Capture) All() []Captured {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := slices.Clone(c.ring)
	slices.Reverse(out)
	return out
}
