package chaostest

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/app"
	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/testkit"
	"countersign/internal/testkit/pgserver"
)

// begin starts copies on one PostgreSQL, behind a balancer that gives each request to the next. The kit's own parts answer nobody.
func begin(t *testing.T, database string, n, speed int, ahead func(i int) time.Duration, changes ...func(*settings)) (*testkit.Kit, *balancer) {
	t.Helper()
	folder := t.TempDir()
	path := filepath.Join(folder, "clock")
	clock, err := testkit.ShareClock(path, testkit.Start, speed)
	if err != nil {
		t.Fatal(err)
	}
	k := testkit.Open(t, database, clock, func(c *app.Config) {
		same, err := testkit.Config(database, installation, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Keys = same.Keys
		generous(c)
	})
	k.Copies = true
	post := mailbox(t, func(m delivery.Message) {
		if _, err := k.Inbox.Send(context.Background(), m); err != nil {
			t.Error(err)
		}
	})
	b := &balancer{}
	var starting sync.WaitGroup
	for i := range n {
		one := settings{Database: database, Clock: path, Recordings: filepath.Join(folder, "recordings"), Carrier: post, Ahead: ahead(i)}
		for _, change := range changes {
			change(&one)
		}
		p := newProcess(t, i, one)
		b.copies = append(b.copies, p)
		starting.Go(func() {
			if err := p.start(); err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
	awaitReady(t, b.copies)
	k.Server.Close()
	k.Server = httptest.NewServer(b.handler())
	return k, b
}

// TestEveryFlowBeginsAtOneCopyAndEndsAtAnother gives each request to the next of three copies, whose clocks differ by two seconds, and
// begins at each of them once.
func TestEveryFlowBeginsAtOneCopyAndEndsAtAnother(t *testing.T) {
	server, err := pgserver.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	k, b := begin(t, server.Database(t), 3, 1, func(i int) time.Duration { return time.Duration(i) * 2 * time.Second })
	quiet(t, b)
	for i := range b.copies {
		b.next.Store(int64(i))
		tour(t, k)
	}
	for i, p := range b.copies {
		if p.served.Load() < 60 {
			t.Errorf("copy %d had %d requests only", i, p.served.Load())
		}
	}

	t.Run("one answer to a login challenge", func(t *testing.T) {
		c := k.Customer(policy.Authenticator)
		c.CreatePasskey()
		sessions := k.Count()["sessions"]
		credential := c.Assert(k.Browser().LoginOptions())
		at100(t, func(int) *testkit.Answer { return k.Browser().LoginWith(credential) }, "challenge_used")
		if got := k.Count()["sessions"]; got != sessions+1 {
			t.Errorf("%d new sessions", got-sessions)
		}
	})
	t.Run("one approval of a withdrawal", func(t *testing.T) {
		c := k.Full()
		c.CreatePasskey()
		w := c.Withdraw("100")
		var each []func() *testkit.Answer
		for range 10 {
			v := c.Approval(w)
			credential := c.Assert(c.Challenge(v.ID).PublicKey)
			each = append(each, func() *testkit.Answer { return c.SubmitPasskey(v.ID, credential) })
		}
		at100(t, func(i int) *testkit.Answer { return each[i%len(each)]() }, "challenge_used", "verification_used", "withdrawal_not_requested")
		if got := c.Balance("USDT"); got != "900" {
			t.Errorf("the balance is %s", got)
		}
		if n := k.Query(`SELECT count(*) FROM approvals WHERE withdrawal_id = $1`, w.ID)[0]; n != "1" {
			t.Errorf("%s approvals", n)
		}
	})
	t.Run("one taker of an approved withdrawal", func(t *testing.T) {
		c := k.Full()
		c.CreatePasskey()
		w := c.Withdraw("100")
		c.Prove(c.Approval(w)).OK()
		systems := []*testkit.Payout{k.Payout(), k.Payout(), k.Payout()}
		details := systems[0].Details(w.ID)
		at100(t, func(i int) *testkit.Answer {
			return systems[i%3].HandOver(w.ID, fmt.Sprintf("payment-%04d", i), details)
		}, "withdrawal_not_approved")
		if n := k.Query(`SELECT count(*) FROM audit_events WHERE kind = 'withdrawal.handed_over' AND account_id = $1`, c.ID)[0]; n != "1" {
			t.Errorf("%s were handed over", n)
		}
	})
	t.Run("one use of a code", func(t *testing.T) {
		c := k.Register()
		v := k.Browser()
		login := v.StartLogin(c.Email, c.Password).Verification()
		code := k.Code(c.Email)
		sessions := k.Count()["sessions"]
		at100(t, func(int) *testkit.Answer { return v.Copy().Codes(login.ID, map[string]string{"any": code}) }, "verification_used")
		if got := k.Count()["sessions"]; got != sessions+1 {
			t.Errorf("%d new sessions", got-sessions)
		}
	})
	t.Run("one use of a step of the app", func(t *testing.T) {
		c := k.Customer(policy.Authenticator)
		var each []string
		for range 100 {
			each = append(each, c.Begin(policy.SetPhrase, "", "blue lamp").Verification().ID)
		}
		code := c.AppCode()
		at100(t, func(i int) *testkit.Answer { return c.Codes(each[i], map[string]string{"authenticator": code}) }, "code_wrong", "tries_exhausted")
		if n := k.Query(`SELECT count(*) FROM verification_factors f JOIN verifications v ON v.id = f.verification_id WHERE v.account_id = $1 AND f.kind = 'authenticator'
			AND f.last_step = (SELECT last_step FROM factors WHERE account_id = $1 AND kind = 'authenticator')`, c.ID)[0]; n != "1" {
			t.Errorf("one step has matched %s times", n)
		}
	})
}

// quiet fails the test if a copy had something to complain of.
func quiet(t *testing.T, b *balancer) {
	t.Cleanup(func() {
		for i, p := range b.copies {
			said, err := os.ReadFile(p.log)
			if err != nil || bytes.Contains(said, []byte(`"level":"ERROR"`)) {
				t.Errorf("copy %d: %v\n%s", i, err, said)
			}
		}
	})
}

// at100 does one thing a hundred times at once, over all copies: one must succeed, and the others be refused with one of the codes.
func at100(t *testing.T, do func(i int) *testkit.Answer, codes ...string) {
	t.Helper()
	var ok atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range 100 {
		all.Go(func() {
			<-start
			a := do(i)
			if a.Status < 300 {
				ok.Add(1)
			} else if !slices.Contains(codes, a.Code()) {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
	began := time.Now()
	close(start)
	all.Wait()
	t.Logf("100 answers in %s", time.Since(began).Round(time.Millisecond))
	if n := ok.Load(); n != 1 {
		t.Errorf("%d of 100 succeeded", n)
	}
}

// tour is one customer's way through every flow.
func tour(t *testing.T, k *testkit.Kit) {
	t.Helper()
	c := k.Full() // registers, and binds two factors
	c.CreatePasskey()
	other, third := k.Browser(), k.Browser()
	c.LoginByPasskey(other).OK()
	c.LoginByCodes(third).OK()
	if s := c.On(other).Account().Session; s.Method != "passkey" {
		t.Errorf("%+v", s)
	}

	w := c.Withdraw("100")
	if v := c.On(other).Prove(c.On(other).Approval(w)).Verification(); v.Result.Withdrawal.State != "approved" {
		t.Errorf("%+v", v.Result.Withdrawal)
	}
	w = c.Withdraw("50")
	if v := c.Answer(c.Approval(w)).Verification(); v.Result.Withdrawal.State != "approved" {
		t.Errorf("%+v", v.Result.Withdrawal)
	}
	if got := c.Balance("USDT"); got != "850" {
		t.Errorf("the balance is %s", got)
	}
	w = c.Withdraw("10")
	c.Post("/v1/withdrawals/"+w.ID+"/cancel", "{}").OK()

	v := c.Post("/v1/verifications", map[string]any{"purpose": policy.SaveAddress, "address": map[string]string{"label": "Cold", "network": "tron", "address": testkit.Tron}}).Verification()
	c.Answer(v).OK()
	c.Do(policy.SetPhrase, "", "copper heron")

	// Every copy knows of a session's end at once.
	id := c.On(third).Account().Session.ID
	c.Do(policy.EndSessions, id, "")
	for range 3 {
		third.Get("/v1/account").Refused("unauthenticated")
	}
	other.Send("DELETE", "/v1/sessions/current", nil, nil).OK()
	for range 3 {
		other.Get("/v1/account").Refused("unauthenticated")
	}

	number := k.FreshNumber()
	if v := c.ProveNew(c.Do(policy.ReplaceFactor, "phone", number), number).Verification(); v.Result.Hold == nil {
		t.Errorf("%+v", v.Result)
	}
	for range 3 {
		if a := c.Account(); a.Hold == nil {
			t.Error("a copy does not know of the hold")
		}
	}
	reset(c)
	c.LoginByPasskey(k.Browser()).OK()
}

// reset sets another password, by the codes of every factor.
func reset(c *testkit.Customer) {
	k := c.Kit
	b := k.Browser()
	v := b.Post("/v1/password-resets", map[string]string{"email": c.Email}).Verification()
	v = b.Codes(v.ID, map[string]string{"email": k.Code(c.Email)}).Verification()
	v = c.On(b).Answer(v).Verification()
	c.Password = "silver otter ninety"
	b.Finish(v.ID, c.Password, "all").OK()
	c.LoginByCodes(c.Browser).OK()
}
