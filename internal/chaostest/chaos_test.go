package chaostest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/testkit"
	"countersign/internal/testkit/pgserver"
)

// length is the setting that says how long the load lasts; without it there is none.
const length = "CHAOS"

// The clock of the installation goes this much faster than true time, so that steps of apps and leases of messages come soon.
const speed = 10

const balance = 1_000_000

// event is something that was done to the installation.
type event struct {
	what string
	at   time.Time
}

// TestChaosLeavesEveryAnswerTrue kills copies, then PostgreSQL, then lets its synchronous standby take over, while customers go on.
func TestChaosLeavesEveryAnswerTrue(t *testing.T) {
	lasts, err := time.ParseDuration(os.Getenv(length))
	if err != nil {
		t.Skip("make chaos")
	}
	server, err := pgserver.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	database := server.Database(t)
	standby, err := server.Standby()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(standby.Stop)
	name := regexp.MustCompile(`/(\w+)\?`).FindStringSubmatch(database)[1]
	k, b := begin(t, pgserver.Either(name, server, standby), 3, speed, func(i int) time.Duration { return time.Duration(i) * time.Second })
	k.Inbox.Max = 0 // as many as codes are looked for in
	c := newCrowd(t, k)
	work := people(c)
	ticks := time.Now()
	var running sync.WaitGroup
	for _, do := range work {
		running.Go(func() {
			for !c.stop.Load() {
				do()
			}
		})
	}

	var events []event
	happened := func(what string) { events = append(events, event{what, time.Now()}) }
	kill := func() {
		p := b.copies[rand.IntN(len(b.copies))]
		p.kill()
		happened("a copy is killed")
		running.Go(func() {
			<-time.After(time.Duration(200+rand.IntN(800)) * time.Millisecond)
			// While PostgreSQL is away a start fails, and whoever runs copies starts them again.
			for deadline := time.Now().Add(30 * time.Second); ; <-time.After(200 * time.Millisecond) {
				err := p.start()
				if err == nil {
					return
				}
				if time.Now().After(deadline) {
					t.Error(err)
					return
				}
			}
		})
	}
	pause := func() { <-time.After(time.Duration(1000+rand.IntN(1500)) * time.Millisecond) }
	until := func(part float64, do func()) {
		for pause(); time.Since(ticks) < time.Duration(part*float64(lasts)); pause() {
			do()
		}
	}
	killOne := func() {
		awaitReady(t, b.copies)
		kill()
	}
	until(0.35, killOne)
	until(0.7, func() {
		if rand.IntN(2) == 0 {
			kill()
		}
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		happened("PostgreSQL is killed")
		<-time.After(time.Duration(rand.IntN(1000)) * time.Millisecond)
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		if err := server.AwaitStandby(); err != nil {
			t.Fatal(err)
		}
		awaitReady(t, b.copies)
	})
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	happened("PostgreSQL is killed for good, and the standby promoted")
	if err := standby.Promote(); err != nil {
		t.Fatal(err)
	}
	until(1, killOne)
	awaitReady(t, b.copies)
	c.stop.Store(true)
	running.Wait()
	ended := time.Now()

	c.check(b)
	c.tell(events, ticks, ended)
}

// people are the customers, each with what they do over and over.
func people(c *crowd) (work []func()) {
	k := c.kit
	c.payouts = []*testkit.Payout{k.Payout(), k.Payout()}
	full := func() *person {
		p := &person{crowd: c, Customer: k.Full()}
		p.CreatePasskey()
		p.SetBalance("USDT", fmt.Sprint(balance))
		p.lastStep = k.Clock.Now().Unix()/30 + 1
		return p
	}
	for range 4 {
		p := full()
		work = append(work, func() {
			p.login()
			p.withdraw()
			if rand.IntN(10) == 0 {
				p.signIn()
			}
		})
	}
	for range 2 {
		p := full()
		work = append(work, p.withdrawByCodes)
	}
	for range 2 {
		p := &person{crowd: c, Customer: k.Register()}
		work = append(work, p.signIn)
	}
	return work
}

// check holds the database to the clients' log.
func (c *crowd) check(b *balancer) {
	t, k := c.t, c.kit
	t.Helper()
	k.Deliver()
	for _, lie := range c.lies {
		t.Error(lie)
	}
	set := func(query string) map[string]bool {
		out := map[string]bool{}
		for _, row := range k.Query(query) {
			if out[row] {
				t.Errorf("%s is there twice: %s", row, query)
			}
			out[row] = true
		}
		return out
	}
	none := func(what, query string) {
		if rows := k.Query(query); len(rows) > 0 {
			t.Errorf("%s: %v", what, rows)
		}
	}
	approved := set(`SELECT w.id || '|' || w.account_id FROM withdrawals w JOIN approvals a ON a.withdrawal_id = w.id JOIN verifications v ON v.id = a.verification_id
		WHERE w.state IN ('approved', 'handed_over') AND v.status = 'done' AND v.object = w.id`)
	for id, account := range c.approved {
		if !approved[id+"|"+account] {
			t.Errorf("withdrawal %s was answered as approved and is not", id)
		}
	}
	sessions := set(`SELECT id || '|' || account_id FROM sessions WHERE ended_at = 0`)
	for id, account := range c.sessions {
		if !sessions[id+"|"+account] {
			t.Errorf("session %s was answered and is not there", id)
		}
	}
	spent := set(`SELECT encode(nonce, 'hex') FROM spent_challenges`)
	consumed := set(`SELECT encode(challenge, 'hex') FROM ceremonies WHERE consumed_at > 0`)
	for kind, used := range map[string]struct {
		log map[string]int
		in  map[string]bool
	}{"login challenge": {c.spent, spent}, "challenge": {c.answered, consumed}} {
		for challenge, n := range used.log {
			if n > 1 {
				t.Errorf("a %s was accepted %d times", kind, n)
			}
			if !used.in[challenge] {
				t.Errorf("a %s was answered and is not spent", kind)
			}
		}
	}
	for use, n := range c.codes {
		if n > 1 {
			t.Errorf("a code was accepted %d times: %s", n, use)
		}
	}
	none("steps that were taken twice", `SELECT v.account_id, f.last_step FROM verification_factors f JOIN verifications v ON v.id = f.verification_id
		WHERE f.kind = 'authenticator' AND f.target = 'bound' AND f.matched_at > 0 GROUP BY 1, 2 HAVING count(*) > 1`)
	none("approvals without their withdrawal", `SELECT withdrawal_id FROM approvals WHERE withdrawal_id NOT IN (SELECT id FROM withdrawals WHERE state IN ('approved', 'handed_over'))`)
	none("withdrawals without their approval", `SELECT id FROM withdrawals WHERE state IN ('approved', 'handed_over') AND id NOT IN (SELECT withdrawal_id FROM approvals)`)
	none("balances that are not what was approved", fmt.Sprintf(`SELECT b.account_id, b.available FROM balances b
		WHERE CAST(b.available AS NUMERIC) <> %d - 10 * (SELECT count(*) FROM withdrawals w WHERE w.account_id = b.account_id AND w.state IN ('approved', 'handed_over'))`, balance))
	handed := set(`SELECT id || '|' || handed_over_by FROM withdrawals WHERE state = 'handed_over'`)
	for id, by := range c.paid {
		if !handed[id+"|"+by] {
			t.Errorf("withdrawal %s was handed over to %s and the database does not say so", id, by)
		}
	}
	none("withdrawals that the log of events has handed over otherwise than once", `SELECT w.id FROM withdrawals w WHERE w.state = 'handed_over'
		AND 1 <> (SELECT count(*) FROM audit_events e WHERE e.kind = 'withdrawal.handed_over' AND e.account_id = w.account_id AND e.data LIKE '%' || w.id || '%')`)
	none("approvals that the log of events does not have once", `SELECT a.n, e.n FROM (SELECT count(*) AS n FROM approvals) a, (SELECT count(*) AS n FROM audit_events WHERE kind = 'withdrawal.approved') e WHERE a.n <> e.n`)
	none("logins by passkey without a spent challenge", `SELECT s.n, c.n FROM (SELECT count(*) AS n FROM sessions WHERE method = 'passkey') s, (SELECT count(*) AS n FROM spent_challenges) c WHERE s.n > c.n`)
	none("messages that were given up", `SELECT state, reason FROM outbox WHERE state <> 'sent'`)
	t.Logf("checked: %d withdrawals answered as approved of %d, %d sessions answered of %d, %d login challenges answered of %d spent, %d challenges of approvals, %d codes, %d handed over of %d",
		len(c.approved), len(approved), len(c.sessions), len(sessions), len(c.spent), len(spent), len(c.answered), len(c.codes), len(c.paid), len(handed))
	t.Logf("messages: %s sent, of which %s were taken over or tried again", k.Query(`SELECT count(*) FROM outbox WHERE state = 'sent'`)[0], k.Query(`SELECT count(*) FROM outbox WHERE attempts > 1`)[0])
	c.complaints(b)
}

// complaints tells what the copies had to say, and fails where an update or a request panicked.
func (c *crowd) complaints(b *balancer) {
	said := map[string]int{}
	message := regexp.MustCompile(`"msg":"([^"]*)".*"error":"(([^"\\]|\\.)*)"`)
	for _, p := range b.copies {
		text, err := os.ReadFile(p.log)
		if err != nil {
			c.t.Error(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "panic") {
				c.t.Error(line)
			}
			if m := message.FindStringSubmatch(line); m != nil && strings.Contains(line, `"level":"ERROR"`) {
				said[m[1]+": "+m[2]]++
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(said)) {
		c.t.Logf("the copies say %d times: %.200s", said[what], what)
	}
}

// tell prints the counts and how long nobody could sign in, and fails where that was more than some seconds.
func (c *crowd) tell(events []event, began, ended time.Time) {
	c.t.Logf("answers: %v", c.outcomes)
	slices.SortFunc(c.logins, time.Time.Compare)
	at := append([]time.Time{began}, c.logins...)
	at = append(at, ended)
	gap := func(from time.Time) time.Duration {
		i := slices.IndexFunc(at, func(t time.Time) bool { return t.After(from) })
		return at[i].Sub(at[i-1])
	}
	most, count := map[string]time.Duration{}, map[string]int{}
	for _, e := range events {
		most[e.what], count[e.what] = max(most[e.what], gap(e.at)), count[e.what]+1
	}
	for _, what := range slices.Sorted(maps.Keys(most)) {
		c.t.Logf("%d times %s: nobody signed in for %s at most", count[what], what, most[what].Round(time.Millisecond))
		if most[what] > 10*time.Second {
			c.t.Error("logins do not go on within seconds")
		}
	}
	longest := time.Duration(0)
	for i := 1; i < len(at); i++ {
		longest = max(longest, at[i].Sub(at[i-1]))
	}
	c.t.Logf("%d logins by passkey in %s; the longest time without one is %s", len(c.logins), ended.Sub(began).Round(time.Second), longest.Round(time.Millisecond))
	if len(c.logins) < 50 {
		c.t.Error("too few logins to show anything")
	}
}
