package testkit

import (
	"encoding/binary"
	"os"
	"sync"
	"time"
)

// Clock stands still until it is moved, unless it is shared by processes. Safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time

	shared *os.File
	ahead  time.Duration
}

// NewClock is a clock that stands at a time.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// The file of a clock that processes share has three numbers: a true time, what the clock showed then, both in Unix milliseconds, and
// how much faster than true time it goes.
const sharedClock = 3 * 8

// ShareClock is a clock that goes, from a time on and so many times faster than true time, and shows other processes the same.
func ShareClock(path string, now time.Time, speed int) (*Clock, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	c := &Clock{shared: f}
	return c, c.write(time.Now(), now, int64(speed))
}

// OpenClock is the clock that another process shares, so far ahead of it, or behind.
func OpenClock(path string, ahead time.Duration) (*Clock, error) {
	f, err := os.Open(path)
	return &Clock{shared: f, ahead: ahead}, err
}

func (c *Clock) write(at, shows time.Time, speed int64) error {
	var b []byte
	for _, n := range []int64{at.UnixMilli(), shows.UnixMilli(), speed} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	_, err := c.shared.WriteAt(b, 0)
	return err
}

func (c *Clock) read() (at, shows time.Time, speed int64) {
	var b [sharedClock]byte
	if _, err := c.shared.ReadAt(b[:], 0); err != nil {
		panic(err) // the file is open, and was whole when it was opened
	}
	n := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[8*i:])) }
	return time.UnixMilli(n(0)), time.UnixMilli(n(1)), n(2)
}

// Now is the time that the clock shows.
func (c *Clock) Now() time.Time {
	if c.shared != nil {
		at, shows, speed := c.read()
		return shows.Add(time.Since(at) * time.Duration(speed)).Add(c.ahead)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock, back if d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shared == nil {
		c.now = c.now.Add(d)
		return
	}
	at, shows, speed := c.read()
	if err := c.write(at, shows.Add(d), speed); err != nil {
		panic(err)
	}
}
