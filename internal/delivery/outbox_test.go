package delivery

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// memoryOutbox keeps the contract of Outbox and fails the test when a worker breaks it: a note on what it did not claim,
// or a note after the lease, when another copy may have the message.
type memoryOutbox struct {
	t    *testing.T
	wake chan struct{}

	mu   sync.Mutex
	rows []*memoryRow
	// deaf is how many more notes of "sent" fail, as when the database goes away after the carrier's yes.
	deaf int

	used   map[string]int
	resets map[string]time.Time
}

type memoryRow struct {
	Item
	due, leased time.Time
	state       string
	reason      string
	by          Receipt
	counted     bool
}

func newOutbox(t *testing.T) *memoryOutbox {
	return &memoryOutbox{t: t, wake: make(chan struct{}, 1)}
}

func (o *memoryOutbox) queue(id, channel string, life time.Duration) {
	o.queueTo("to-"+id, id, channel, life)
}

func (o *memoryOutbox) queueTo(to, id, channel string, life time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	row := &memoryRow{Item: Item{ID: id, Message: Message{Channel: channel, To: to, Text: id, Code: "code-" + id}}, due: now, state: "queued"}
	if life > 0 {
		row.ExpiresAt = now.Add(life)
	}
	o.rows = append(o.rows, row)
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

func (o *memoryOutbox) Claim(_ context.Context, now time.Time, lease time.Duration, n int) ([]Item, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	slices.SortStableFunc(o.rows, func(a, b *memoryRow) int { return a.due.Compare(b.due) })
	var out []Item
	for _, r := range o.rows {
		if len(out) < n && r.state == "queued" && !r.due.After(now) {
			r.Attempts++
			r.due, r.leased = now.Add(lease), now.Add(lease)
			out = append(out, r.Item)
		}
	}
	return out, nil
}

func (o *memoryOutbox) note(id string) *memoryRow {
	r := o.find(id)
	switch {
	case r.leased.IsZero():
		o.t.Errorf("%s was noted and never claimed", id)
	case time.Now().After(r.leased):
		o.t.Errorf("%s was noted %v after its lease", id, time.Since(r.leased))
	case r.state != "queued":
		o.t.Errorf("%s was noted and had ended already", id)
	}
	return r
}

func (o *memoryOutbox) find(id string) *memoryRow {
	return o.rows[slices.IndexFunc(o.rows, func(r *memoryRow) bool { return r.ID == id })]
}

func (o *memoryOutbox) Sent(ctx context.Context, id string, _ time.Time, by Receipt) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if o.deaf > 0 {
		o.deaf--
		return errors.New("the database is away")
	}
	r := o.note(id)
	r.state, r.by = "sent", by
	return nil
}

func (o *memoryOutbox) Spend(_ context.Context, id string, uses []Use) (Spent, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.note(id)
	if r.counted {
		return Spent{Taken: true}, nil
	}
	if o.used == nil {
		o.used, o.resets = map[string]int{}, map[string]time.Time{}
	}
	spent := Spent{Taken: true}
	for _, u := range uses {
		if !o.resets[u.Label].After(time.Now()) {
			o.used[u.Label], o.resets[u.Label] = 0, time.Now().Add(u.Window)
		}
		if o.used[u.Label] >= u.Limit {
			spent = Spent{false, u.Label, o.resets[u.Label]}
		}
	}
	if spent.Taken {
		for _, u := range uses {
			o.used[u.Label]++
		}
		r.counted = true
	}
	return spent, nil
}

func (o *memoryOutbox) Report(_ context.Context, r Report) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.IndexFunc(o.rows, func(row *memoryRow) bool { return row.by == r.Receipt })
	if i < 0 {
		return false, nil
	}
	o.rows[i].state, o.rows[i].reason = map[bool]string{true: "delivered", false: "failed"}[r.Delivered], r.Reason
	return true, nil
}

func (o *memoryOutbox) Failed(ctx context.Context, id string, at time.Time, permanent bool, reason string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r := o.note(id)
	r.reason, r.due = reason, at
	if permanent {
		r.state = "failed"
	} else if at.Before(time.Now()) {
		o.t.Errorf("%s is due in the past", id)
	}
	return nil
}

func (o *memoryOutbox) PutBack(ctx context.Context, id string, at time.Time, reason string) error {
	if err := o.Failed(ctx, id, at, false, reason); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.find(id).Attempts--
	return nil
}

// row is a copy of what the outbox knows of a message.
func (o *memoryOutbox) row(id string) memoryRow {
	o.mu.Lock()
	defer o.mu.Unlock()
	return *o.find(id)
}

// count is how many messages are in a state.
func (o *memoryOutbox) count(state string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	var n int
	for _, r := range o.rows {
		if r.state == state {
			n++
		}
	}
	return n
}
