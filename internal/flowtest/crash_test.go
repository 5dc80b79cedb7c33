package flowtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/app"
	"countersign/internal/delivery"
	"countersign/internal/softkey"
	"countersign/internal/store"
	"countersign/internal/testkit"
	"countersign/internal/testkit/pgserver"
)

// serverOf tells the test binary, started once more, to be a server on this database until it is killed.
const serverOf = "COUNTERSIGN_FLOWTEST_SERVER"

func TestMain(m *testing.M) {
	if path := os.Getenv(serverOf); path != "" {
		if err := serveUntilKilled(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(pgserver.Main(m))
}

func serveUntilKilled(path string) error {
	// The pipe ends with the test, should that end first.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	config, err := testkit.Config(path, "crash", time.Now, &delivery.Capture{Now: time.Now})
	if err != nil {
		return err
	}
	// A crowd shares one account, and what a kill interrupts stays requested.
	config.Limits.Withdrawals.Limit, config.Limits.InSession.Limit, config.Limits.Requested = 100_000, 100_000, 100_000
	a, err := app.New(context.Background(), config)
	if err != nil {
		return err
	}
	go a.Run(context.Background())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: a.Handler, ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(listener)
}

// startServer starts a server in a process of its own.
func startServer(t *testing.T, path string) (cmd *exec.Cmd, address string) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverOf+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		_, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server does not start after a crash: %v", err)
	}
	return cmd, strings.TrimSpace(line)
}

// crowd is what hammers the server, wherever it is at the moment.
type crowd struct {
	t        *testing.T
	address  atomic.Value // string
	stop     atomic.Bool
	mu       sync.Mutex
	answered map[string]bool // withdrawals whose approval was answered
}

func (c *crowd) post(p *testkit.Customer, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+c.address.Load().(string)+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", testkit.Origin)
	r.Header.Set("Idempotency-Key", fmt.Sprintf("%016x", rand.Uint64()))
	r.AddCookie(&http.Cookie{Name: "__Host-session", Value: p.Cookie("__Host-session")})
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		c.t.Errorf("%s: %d %s", path, resp.StatusCode, answer)
		return errors.New("refused")
	}
	return json.Unmarshal(answer, into)
}

// count is how many approvals were answered.
func (c *crowd) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.answered)
}

// withdrawOnce goes through one approval as far as the server lives.
func (c *crowd) withdrawOnce(p *testkit.Customer) error {
	var w testkit.Withdrawal
	if err := c.post(p, "/v1/withdrawals", map[string]string{"asset": "USDT", "network": "tron", "address": testkit.Tron, "amount": "10"}, &w); err != nil {
		return err
	}
	var v testkit.Verification
	if err := c.post(p, "/v1/verifications", map[string]string{"purpose": "withdrawal.approve", "object": w.ID}, &v); err != nil {
		return err
	}
	var ch testkit.Challenge
	if err := c.post(p, "/v1/verifications/"+v.ID+"/challenge", map[string]string{}, &ch); err != nil {
		return err
	}
	credential, err := p.Device.Get(ch.PublicKey)
	if err != nil {
		return err
	}
	if err := c.post(p, "/v1/verifications/"+v.ID+"/passkey", map[string]any{"credential": json.RawMessage(credential)}, &v); err != nil {
		return err
	}
	if v.Status == "done" && v.Result.Withdrawal.State == "approved" {
		c.mu.Lock()
		c.answered[w.ID] = true
		c.mu.Unlock()
	}
	return nil
}

// TestKillingTheServerLosesAndDoublesNoApproval kills it without warning, again and again, while people withdraw.
func TestKillingTheServerLosesAndDoublesNoApproval(t *testing.T) {
	path := testkit.Location(t)
	const people, each = 4, 1_000_000
	clock := testkit.NewClock(time.Now().Add(-30 * time.Hour))
	same := func(c *app.Config) {
		config, err := testkit.Config(path, "crash", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Keys = config.Keys
	}
	k := testkit.Open(t, path, clock, same)
	c := &crowd{t: t, answered: map[string]bool{}}
	first := k.Full()
	all := []*testkit.Customer{first}
	for range people - 1 {
		p := *first
		p.Device = softkey.New(testkit.RPID, testkit.Origin)
		all = append(all, &p)
	}
	for _, p := range all {
		p.CreatePasskey()
	}
	first.SetBalance("USDT", fmt.Sprint(each))
	k.Close()

	var running sync.WaitGroup
	start := func() *exec.Cmd {
		cmd, address := startServer(t, path)
		c.address.Store(address)
		return cmd
	}
	const kills = 20
	for i := range kills {
		cmd := start()
		before := c.count()
		c.stop.Store(false)
		for _, p := range all {
			running.Go(func() {
				for !c.stop.Load() && c.withdrawOnce(p) == nil {
				}
			})
		}
		// Killed once some were answered, at no particular moment.
		enough := before + rand.IntN(6)
		for deadline := time.Now().Add(30 * time.Second); c.count() <= enough; <-time.After(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the server does not answer")
			}
		}
		<-time.After(time.Duration(rand.IntN(8_000)) * time.Microsecond)
		c.stop.Store(i%2 == 0)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		running.Wait()
	}

	k = testkit.Open(t, path, clock, same)
	if !store.IsPostgres(path) {
		if got := k.Query(`PRAGMA integrity_check`); len(got) != 1 || got[0] != "ok" {
			t.Errorf("%v", got)
		}
		if got := k.Query(`PRAGMA foreign_key_check`); len(got) != 0 {
			t.Errorf("%v", got)
		}
	}
	approved := k.Query(`SELECT w.id FROM withdrawals w JOIN approvals a ON a.withdrawal_id = w.id JOIN verifications v ON v.id = a.verification_id WHERE w.state = 'approved' AND v.status = 'done' AND v.object = w.id`)
	there := map[string]bool{}
	for _, id := range approved {
		if there[id] {
			t.Errorf("%s is approved twice", id)
		}
		there[id] = true
	}
	for id := range c.answered {
		if !there[id] {
			t.Errorf("%s was answered as approved and is not", id)
		}
	}
	for _, table := range []string{`withdrawals WHERE state = 'approved'`, `approvals`, `audit_events WHERE kind = 'withdrawal.approved'`, `ceremonies WHERE kind = 'get' AND consumed_at > 0`} {
		if n := k.Query(`SELECT count(*) FROM ` + table)[0]; n != fmt.Sprint(len(approved)) {
			t.Errorf("%s %s, want %d", n, table, len(approved))
		}
	}
	if got := k.Query(`SELECT available FROM balances`)[0]; got != fmt.Sprint(each-10*len(approved)) {
		t.Errorf("the balance is %s after %d withdrawals of 10", got, len(approved))
	}
	if len(c.answered) < kills/4 {
		t.Errorf("only %d approvals were answered", len(c.answered))
	}
	t.Logf("%d approvals answered, %d in the database, %d kills", len(c.answered), len(approved), kills)
}
