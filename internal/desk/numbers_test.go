package desk_test

import (
	"sync"
	"testing"

	"countersign/internal/desk"
	"countersign/internal/testkit"
)

func TestCountingTakesOneOfTheDatabasesReadersAtMost(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	o := k.Operator(desk.Support)
	counting := k.App.Desk.Counting()
	counting.Lock()
	var asked sync.WaitGroup
	const many = 8 // more than the database has readers
	for range many {
		asked.Go(func() { o.Get("/v1/desk/numbers?days=90").OK() })
	}
	for k.Query(`SELECT count(*) FROM audit_events WHERE kind = 'desk.numbers_seen'`)[0] != "8" {
		if t.Context().Err() != nil {
			t.Fatal("they were not let in")
		}
	}
	// All wait for the one that counts; everybody else reads.
	for range 20 {
		o.Get("/v1/desk/me").OK()
	}
	counting.Unlock()
	asked.Wait()
	for range 120 - many {
		o.Get("/v1/desk/numbers?days=7").OK()
	}
	o.Get("/v1/desk/numbers?days=7").Refused("rate_limited")
}
