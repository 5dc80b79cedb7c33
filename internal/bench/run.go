package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"countersign/internal/secret"
	"countersign/internal/softkey"
	"countersign/internal/store"
)

// workers send logins at the same time; users are the accounts that they log in to.
const (
	workers = 16
	users   = 400
)

type setup struct{ accounts, passkeys int }

type result struct {
	cpu        time.Duration // of the server, for each login
	p99, start time.Duration
	idle       int64 // bytes resident
}

// run fills a database, starts the server as a process of its own, and measures that process.
func run(bare time.Duration, title string, s setup, logins int, latency bool) (result, error) {
	var r result
	folder, err := os.MkdirTemp("", "bench")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(folder)
	if err := os.WriteFile(filepath.Join(folder, "master.key"), []byte(secret.NewMaster()), 0o600); err != nil {
		return r, err
	}
	devices, err := fill(folder, s)
	if err != nil {
		return r, err
	}
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	server := exec.Command(self, "-serve", folder)
	server.Stderr = os.Stderr
	began := time.Now()
	if err := server.Start(); err != nil {
		return r, err
	}
	defer func() { server.Process.Signal(syscall.SIGTERM); server.Wait() }()
	base, err := firstAnswer(folder)
	if err != nil {
		return r, err
	}
	r.start = time.Since(began)
	if r.idle, err = resident(server.Process.Pid); err != nil {
		return r, err
	}
	c := &client{base: base, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers, MaxConnsPerHost: workers}}, devices: devices}
	if _, err := c.load(logins/10, 0); err != nil {
		return r, err
	}
	before, err := processTime(server.Process.Pid)
	if err != nil {
		return r, err
	}
	began = time.Now()
	if _, err := c.load(logins, 0); err != nil {
		return r, err
	}
	took := time.Since(began)
	after, err := processTime(server.Process.Pid)
	if err != nil {
		return r, err
	}
	r.cpu = (after - before) / time.Duration(logins)
	rate := float64(logins) / took.Seconds()
	fmt.Printf("%-52s %8.1f µs of server CPU (%.2f×), %.0f logins/s with the load on the same machine\n", title, micros(r.cpu), ratio(r.cpu, bare), rate)
	if latency {
		times, err := c.load(logins, rate/2)
		if err != nil {
			return r, err
		}
		slices.Sort(times)
		r.p99 = times[len(times)*99/100]
	}
	return r, nil
}

// fill makes the accounts by plain inserts: what is measured is the login, not the way there.
func fill(folder string, s setup) ([]*softkey.Authenticator, error) {
	c, err := config(folder, origin)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	db, err := store.Open(ctx, c.Database, c.Keys, c.Clock)
	if err != nil {
		return nil, err
	}
	var devices []*softkey.Authenticator
	const batch = 5000
	for from := 0; from < s.accounts; from += batch {
		err := db.Update(ctx, func(tx *store.Tx) error {
			for i := from; i < min(from+batch, s.accounts); i++ {
				a := &store.Account{ID: secret.NewID("acc", tx.Now), Handle: secret.Random(64), Locale: "en", PasswordHash: "none", CreatedAt: tx.Now}
				if err := tx.AddAccount(a); err != nil {
					return err
				}
				key := &store.Passkey{CredentialID: secret.Random(16), PublicKey: secret.Random(77), Algorithm: -7}
				// The people who log in are spread over all accounts.
				if len(devices) < users && i%(max(s.accounts/users, 1)) == 0 {
					device, created, err := register(a)
					if err != nil {
						return err
					}
					devices, key = append(devices, device), created
				}
				if err := addPasskey(tx, a, key); err != nil {
					return err
				}
				for n := 1; n < s.passkeys && i == 0; n++ {
					if err := addPasskey(tx, a, &store.Passkey{CredentialID: secret.Random(16), PublicKey: secret.Random(77), Algorithm: -7}); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	if s.passkeys > 1 {
		devices = devices[:1]
	}
	return devices, db.Close()
}

func addPasskey(tx *store.Tx, a *store.Account, p *store.Passkey) error {
	p.ID, p.AccountID, p.AAGUID, p.Format, p.RPID, p.Name = secret.NewID("pk", tx.Now), a.ID, make([]byte, 16), "none", "localhost", "Phone"
	p.AttestationObject, p.ClientDataJSON, p.CreatedAt, p.WithdrawalPower = []byte{}, []byte{}, tx.Now, true
	return tx.AddPasskey(p)
}

func firstAnswer(folder string) (string, error) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(filepath.Join(folder, "address"))
		if err != nil || len(b) == 0 {
			continue
		}
		base := "http://" + string(b)
		if resp, err := http.Get(base + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return base, nil
			}
		}
	}
	return "", errors.New("the server does not answer")
}

// processTime is the user and system time of a process so far, in the kernel's ticks of 10 ms.
func processTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, err
}

func resident(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

type client struct {
	base    string
	http    *http.Client
	devices []*softkey.Authenticator
}

// load logs in n times; perSecond bounds the rate, 0 does not. It returns how long each login took, from when it was due.
func (c *client) load(n int, perSecond float64) ([]time.Duration, error) {
	times := make([]time.Duration, n)
	var next atomic.Int64
	var wait sync.WaitGroup
	errs := make([]error, workers)
	began := time.Now()
	for w := range workers {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				due := time.Now()
				if perSecond > 0 {
					due = began.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
					time.Sleep(time.Until(due))
				}
				if err := c.login(c.devices[rand.IntN(len(c.devices))]); err != nil {
					errs[w] = err
					return
				}
				times[i] = time.Since(due)
			}
		})
	}
	wait.Wait()
	return times, errors.Join(errs...)
}

func (c *client) login(device *softkey.Authenticator) error {
	var options struct {
		PublicKey json.RawMessage `json:"public_key"`
	}
	if err := c.post("/v1/login/passkey/options", map[string]any{}, &options); err != nil {
		return err
	}
	credential, err := device.Get(options.PublicKey)
	if err != nil {
		return err
	}
	return c.post("/v1/login/passkey", map[string]any{"credential": json.RawMessage(credential)}, nil)
}

// device is one browser that has signed in before: a new one each time would measure the e-mail about it.
var device = func() string { token, _ := secret.NewToken(); return token }()

func (c *client) post(path string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, c.base+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", origin)
	req.Header.Set("Cookie", "device="+device)
	req.Header.Set("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1")
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, resp.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
