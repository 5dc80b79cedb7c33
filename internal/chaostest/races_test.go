package chaostest

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/policy"
	"countersign/internal/testkit"
	"countersign/internal/testkit/pgserver"
)

// together does all of them at once.
func together(each ...func()) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for _, do := range each {
		all.Go(func() { <-start; do() })
	}
	close(start)
	all.Wait()
}

func three(t *testing.T, changes ...func(*settings)) *testkit.Kit {
	server, err := pgserver.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	k, b := begin(t, server.Database(t), 3, 1, func(int) time.Duration { return 0 }, changes...)
	quiet(t, b)
	return k
}

// TestApprovalsRaceOverCopies has approvals meet each other, and what they exclude, at different copies.
func TestApprovalsRaceOverCopies(t *testing.T) {
	k := three(t)
	approval := func(c *testkit.Customer, amount string) (w *testkit.Withdrawal, approve func() *testkit.Answer) {
		w = c.Withdraw(amount)
		v := c.Approval(w)
		credential := c.Assert(c.Challenge(v.ID).PublicKey)
		return w, func() *testkit.Answer { return c.SubmitPasskey(v.ID, credential) }
	}
	t.Run("a balance is spent once", func(t *testing.T) {
		c := k.Full() // has 1000
		c.CreatePasskey()
		var approved atomic.Int64
		var each []func()
		for range 20 {
			_, approve := approval(c, "90")
			each = append(each, func() {
				switch a := approve(); {
				case a.Status == http.StatusOK:
					approved.Add(1)
				case a.Code() != "insufficient_balance":
					t.Errorf("%d %s", a.Status, a.Body)
				}
			})
		}
		together(each...)
		if n := approved.Load(); n != 11 || c.Balance("USDT") != "10" {
			t.Errorf("%d approved, and the balance is %s", n, c.Balance("USDT"))
		}
	})
	// Each begins a little earlier or later than the approval, so that both are first at times.
	race := func(name string, rounds int, against func(c *testkit.Customer, w *testkit.Withdrawal) *testkit.Answer, check func(c *testkit.Customer, state string, approved, other bool) bool) {
		t.Run(name, func(t *testing.T) {
			for i := range rounds {
				c := k.Full()
				c.CreatePasskey()
				w, approve := approval(c, "10")
				var first, second *testkit.Answer
				lead := time.Duration(i-rounds/2) * time.Millisecond
				together(func() { <-time.After(lead); first = approve() }, func() { <-time.After(-lead); second = against(c, w) })
				state := k.Query(`SELECT state FROM withdrawals WHERE id = $1`, w.ID)[0]
				if first.Status >= 500 || second.Status >= 500 || !check(c, state, first.Status == http.StatusOK, second.Status == http.StatusOK) {
					t.Errorf("%s, balance %s: %d %s, %d %s", state, c.Balance("USDT"), first.Status, first.Body, second.Status, second.Body)
				}
			}
		})
	}
	race("freezing cancels", 6, func(c *testkit.Customer, _ *testkit.Withdrawal) *testkit.Answer {
		return c.Copy().Post("/v1/account/freeze", "{}")
	}, func(c *testkit.Customer, state string, _, frozen bool) bool {
		return frozen && state == "cancelled" && c.Balance("USDT") == "1000"
	})
	race("cancelled or approved", 6, func(c *testkit.Customer, w *testkit.Withdrawal) *testkit.Answer {
		return c.Post("/v1/withdrawals/"+w.ID+"/cancel", "{}")
	}, func(c *testkit.Customer, state string, approved, cancelled bool) bool {
		return approved != cancelled && (state == "approved") == approved && (c.Balance("USDT") == "990") == approved
	})
}

// TestGuessesAreCountedOverCopies has somebody guess at all copies at once, with the limits that everybody has.
func TestGuessesAreCountedOverCopies(t *testing.T) {
	k := three(t, func(s *settings) { s.Strict = true })
	c := k.Customer(policy.Phone)
	v := c.Begin(policy.SetPhrase, "", "blue lamp").Verification()
	c.SendCode(v.ID, "email").OK()
	wrong := testkit.Wrong(k.Code(c.Email))
	var judged atomic.Int64
	var each []func()
	for range 60 {
		each = append(each, func() {
			switch a := c.Codes(v.ID, map[string]string{"email": wrong}); a.Code() {
			case "code_wrong":
				judged.Add(1)
			case "tries_exhausted":
			default:
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
	together(each...)
	if n := judged.Load(); n != 5 {
		t.Errorf("%d codes were judged", n)
	}

	// Before a session all verifications of an account share one budget.
	each = nil
	judged.Store(0)
	for i := range 20 {
		each = append(each, func() {
			b := k.Browser()
			a := b.StartLogin(c.Email, c.Password)
			if a.Status != http.StatusCreated {
				return // what may begin, and be sent, is bounded too
			}
			id := a.Verification().ID
			for n := range 3 {
				if b.Codes(id, map[string]string{"any": fmt.Sprintf("%06d", 10*i+n)}).Code() == "login_refused" {
					judged.Add(1)
				}
			}
		})
	}
	together(each...)
	if n, most := judged.Load(), int64(k.Limits.Guesses.Limit); n == 0 || n > most {
		t.Errorf("%d codes were judged, where %d may be", n, most)
	}
}
