package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/delivery"
)

// copies are installations on one database.
func copies(t *testing.T, f *fixture, n int) []*DB {
	t.Helper()
	out := []*DB{f.DB}
	for range n - 1 {
		db, err := Open(t.Context(), f.path, f.keys, f.clock)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		out = append(out, db)
	}
	return out
}

func (f *fixture) queueSMS(t *testing.T, n int, to string) {
	t.Helper()
	f.update(t, func(tx *Tx) error {
		for i := range n {
			if err := tx.Queue("", delivery.Message{Channel: delivery.ChannelSMS, To: to, Text: fmt.Sprint(to, " ", i)}, tx.Now.Add(time.Hour)); err != nil {
				return err
			}
		}
		return nil
	})
}

// states counts the outbox's messages by state, carrier and reason.
func (f *fixture) states(t *testing.T) map[string]int {
	t.Helper()
	type line struct{ state, carrier, reason string }
	out := map[string]int{}
	err := f.View(t.Context(), func(tx *Tx) error {
		list, err := rows(tx, func(l *line) []any { return []any{&l.state, &l.carrier, &l.reason} }, `SELECT state, carrier, reason FROM outbox`)
		for _, l := range list {
			out[fmt.Sprintf("%s by %q: %q", l.state, l.carrier, l.reason)]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSpendingIsBoundedOverAllCopies(t *testing.T) {
	f := open(t)
	const messages, hour = 200, 50
	f.queueSMS(t, messages, "+447700900078")
	dbs := copies(t, f, 3)
	uses := (&delivery.Spending{Country: delivery.Ceiling{Hour: hour, Day: 70}, Total: delivery.Ceiling{Hour: 1000, Day: 1000}}).Uses("+447700900078")
	claim := func() (items []delivery.Item) {
		for _, db := range dbs {
			list, err := db.Claim(t.Context(), f.clock(), time.Minute, messages)
			if err != nil {
				t.Fatal(err)
			}
			items = append(items, list...)
		}
		return items
	}
	var counted atomic.Pointer[string]
	spend := func(items []delivery.Item) int {
		var taken atomic.Int32
		var group sync.WaitGroup
		for i, item := range items {
			group.Go(func() {
				// Each message twice, by two copies: it counts once.
				for _, db := range []*DB{dbs[i%3], dbs[(i+1)%3]} {
					spent, err := db.Spend(t.Context(), item.ID, uses)
					if err != nil {
						t.Error(err)
					}
					if !spent.Taken && (spent.UsedUp == "" || !spent.Until.After(f.clock())) {
						t.Errorf("%+v", spent)
					}
					if spent.Taken && db == dbs[i%3] {
						taken.Add(1)
						counted.Store(&item.ID)
					}
				}
			})
		}
		group.Wait()
		return int(taken.Load())
	}
	items := claim()
	if len(items) != messages {
		t.Fatalf("%d claimed", len(items))
	}
	if n := spend(items); n != hour {
		t.Errorf("%d of %d may go, want %d", n, messages, hour)
	}
	f.update(t, func(tx *Tx) error {
		label, until, err := tx.UsedUp(uses)
		if label != "+44 hour" || !until.Equal(tx.Now.Add(time.Hour)) {
			t.Errorf("%s is used up until %v", label, until)
		}
		return err
	})
	f.advance(time.Hour)
	if n := spend(items); n != 70 {
		t.Errorf("%d may go or went, want those of the day", n)
	}
	f.advance(24 * time.Hour)
	if n := spend(items); n != 70+hour {
		t.Errorf("%d may go or went a day later", n)
	}
	never := []delivery.Use{{Label: "+882 hour", Limit: 0, Window: time.Hour}}
	if spent, err := f.Spend(t.Context(), *counted.Load(), never); err != nil || !spent.Taken {
		t.Errorf("one that was counted: %+v, %v", spent, err)
	}
	f.queueSMS(t, 1, "+88212345678")
	claimed, err := f.Claim(t.Context(), f.clock(), time.Minute, 1000)
	last := slices.IndexFunc(claimed, func(item delivery.Item) bool { return item.Message.To == "+88212345678" })
	if err != nil || last < 0 {
		t.Fatal(claimed, err)
	}
	if spent, err := f.Spend(t.Context(), claimed[last].ID, never); err != nil || spent.Taken || spent.UsedUp != "+882 hour" || !spent.Until.Equal(f.clock().Add(time.Hour)) {
		t.Errorf("none is allowed: %+v, %v", spent, err)
	}
}

func TestTheFirstFinalWordOnAMessageStays(t *testing.T) {
	f := open(t)
	f.queueSMS(t, 3, "+447700900078")
	items, err := f.Claim(t.Context(), f.clock(), time.Minute, 10)
	if err != nil || len(items) != 3 {
		t.Fatal(items, err)
	}
	report := func(carrier, id string, delivered bool, want bool) {
		t.Helper()
		known, err := f.Report(t.Context(), delivery.Report{Receipt: delivery.Receipt{Carrier: carrier, ID: id}, Delivered: delivered, Reason: "smpp UNDELIV 034"})
		if err != nil || known != want {
			t.Errorf("known is %t, %v", known, err)
		}
	}
	report("a", "1", true, false)
	for i, item := range items[:2] {
		if err := f.Sent(t.Context(), item.ID, f.clock(), delivery.Receipt{Carrier: "a", ID: fmt.Sprint(i + 1)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Sent(t.Context(), items[2].ID, f.clock(), delivery.Receipt{Carrier: "b"}); err != nil {
		t.Fatal(err)
	}
	report("b", "1", true, false) // another carrier's
	report("b", "", true, false)  // without an id
	report("a", "1", true, true)
	report("a", "1", false, true)
	report("a", "2", false, true)
	report("a", "2", true, true)
	want := fmt.Sprint(map[string]int{`delivered by "a": "smpp UNDELIV 034"`: 1, `failed by "a": "smpp UNDELIV 034"`: 1, `sent by "b": ""`: 1})
	if got := fmt.Sprint(f.states(t)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWhatIsPutBackWasNotTried(t *testing.T) {
	f := open(t)
	f.queueSMS(t, 1, "+447700900078")
	for range 3 {
		items, err := f.Claim(t.Context(), f.clock(), time.Minute, 10)
		if err != nil || len(items) != 1 || items[0].Attempts != 1 {
			t.Fatal(items, err)
		}
		if err := f.PutBack(t.Context(), items[0].ID, f.clock().Add(time.Second), "put back"); err != nil {
			t.Fatal(err)
		}
		if items, err := f.Claim(t.Context(), f.clock(), time.Minute, 10); err != nil || len(items) != 0 {
			t.Fatalf("due too soon: %v, %v", items, err)
		}
		f.advance(time.Second)
	}
}

// gateway takes what it is handed, unless it is away.
type gateway struct {
	mu   sync.Mutex
	away bool
	took map[string]int
}

func (g *gateway) Send(_ context.Context, m delivery.Message) (delivery.Receipt, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.away {
		return delivery.Receipt{}, errors.New("away")
	}
	g.took[m.Text]++
	return delivery.Receipt{ID: m.ID}, nil
}

func TestCopiesSendEachMessageOnceThroughAnOutage(t *testing.T) {
	f := open(t)
	const messages = 300
	// Both take into one book.
	book := map[string]int{}
	first, second := &gateway{away: true, took: book}, &gateway{took: book}
	second.mu.Lock() // the second hangs to begin with
	run, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for _, db := range copies(t, f, 3) {
		r, err := delivery.NewRouter(delivery.RouterConfig{Channel: delivery.ChannelSMS, Now: f.clock, Logger: slog.New(slog.DiscardHandler),
			Members: []delivery.Member{{Name: "first", Carrier: first}, {Name: "second", Carrier: second}}})
		if err != nil {
			t.Fatal(err)
		}
		w := &delivery.Worker{Outbox: db, Carriers: map[string]delivery.Carrier{delivery.ChannelSMS: r}, Now: f.clock, Logger: slog.New(slog.DiscardHandler), Wake: db.Wake(), Poll: 20 * time.Millisecond}
		group.Go(func() { _ = w.Run(run) })
	}
	defer func() { stop(); group.Wait() }()
	f.queueSMS(t, messages, "+447700900078")
	second.mu.Unlock()
	sent := func() int { return f.states(t)[`sent by "first": ""`] + f.states(t)[`sent by "second": ""`] }
	for deadline := time.Now().Add(time.Minute); sent() < messages; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d are sent: %v", sent(), messages, f.states(t))
		}
		f.advance(200 * time.Millisecond)
	}
	second.mu.Lock()
	defer second.mu.Unlock()
	if len(book) != messages {
		t.Errorf("%d messages were taken", len(book))
	}
	for text, n := range book {
		if n != 1 {
			t.Errorf("%q was taken %d times", text, n)
		}
	}
}
