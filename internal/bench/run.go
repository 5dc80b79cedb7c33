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
	workers = 64
	users   = 400
)

// setup is what a database holds: accounts with one passkey each, but the first has passkeys of them.
type setup struct {
	accounts, passkeys int
	profile            string // where the server writes a CPU profile; "" for nowhere
	metrics            bool
	traces             string // the collector that gets traces; "" for none
	database           string // postgres://…; "" for SQLite
}

// server is the measured process, with those who can log in to it.
type server struct {
	folder, base string
	process      *exec.Cmd
	http         *http.Client
	devices      []*softkey.Authenticator
	started      time.Duration // from start to the first answer
	idle         int64         // bytes resident
}

// start fills a database and starts a process that serves it. Everybody has signed in once when it returns.
func start(s setup) (*server, error) {
	folder, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	r := &server{folder: folder, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers, MaxConnsPerHost: workers, DisableCompression: true}}}
	if err := r.begin(s); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

func (r *server) begin(s setup) error {
	err := os.WriteFile(filepath.Join(r.folder, "master.key"), []byte(secret.NewMaster()), 0o600)
	if err != nil {
		return err
	}
	if s.database != "" {
		if err := os.WriteFile(filepath.Join(r.folder, "database"), []byte(s.database), 0o600); err != nil {
			return err
		}
	}
	if r.devices, err = fill(r.folder, s); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r.process = exec.Command(self, "-serve", r.folder, "-profile", s.profile, fmt.Sprintf("-metrics=%t", s.metrics), "-traces", s.traces)
	r.process.Stderr = os.Stderr
	began := time.Now()
	if err := r.process.Start(); err != nil {
		return err
	}
	if r.base, err = firstAnswer(r.folder); err != nil {
		return err
	}
	r.started = time.Since(began)
	if r.idle, err = resident(r.process.Process.Pid); err != nil {
		return err
	}
	for _, device := range r.devices {
		if err := r.login(device); err != nil {
			return err
		}
	}
	return nil
}

func (r *server) stop() {
	if r.process != nil && r.process.Process != nil {
		_ = r.process.Process.Signal(syscall.SIGTERM)
		_ = r.process.Wait()
	}
	_ = os.RemoveAll(r.folder)
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
	const batch = 1000
	for from := 0; from < s.accounts; from += batch {
		err := db.Update(ctx, func(tx *store.Tx) error {
			for i := from; i < min(from+batch, s.accounts); i++ {
				a := &store.Account{ID: secret.NewID("acc", tx.Now), Handle: secret.Random(64), Locale: "en", PasswordHash: "none", CreatedAt: tx.Now}
				if err := tx.AddAccount(a); err != nil {
					return err
				}
				key := anyPasskey()
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
					if err := addPasskey(tx, a, anyPasskey()); err != nil {
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
	return devices, db.Close()
}

// anyPasskey has the size of a real one, and belongs to nobody who logs in.
func anyPasskey() *store.Passkey {
	return &store.Passkey{Key: store.Key{CredentialID: secret.Random(16), PublicKey: secret.Random(77), Algorithm: -7}, AttestationObject: make([]byte, 190), ClientDataJSON: make([]byte, 180)}
}

func addPasskey(tx *store.Tx, a *store.Account, p *store.Passkey) error {
	p.ID, p.AccountID, p.AAGUID, p.Format, p.RPID, p.Name = secret.NewID("pk", tx.Now), a.ID, make([]byte, 16), "none", "localhost", "Phone"
	p.CreatedAt, p.WithdrawalPower, p.Transports = tx.Now, true, []string{"internal", "hybrid"}
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

func resident(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// load logs in n times, as anybody of these; perSecond bounds the rate, 0 does not. It returns how long each login took, from when it was due.
func (r *server) load(as []*softkey.Authenticator, n int, perSecond float64) ([]time.Duration, error) {
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
				if err := r.login(as[rand.IntN(len(as))]); err != nil {
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

func (r *server) login(device *softkey.Authenticator) error {
	var options struct {
		PublicKey json.RawMessage `json:"public_key"`
	}
	if err := r.post("/v1/login/passkey/options", map[string]any{}, &options); err != nil {
		return err
	}
	credential, err := device.Get(options.PublicKey)
	if err != nil {
		return err
	}
	return r.post("/v1/login/passkey", map[string]any{"credential": json.RawMessage(credential)}, nil)
}

// device is one browser that has signed in before: a new one each time would measure the e-mail about it.
var device = func() string { token, _ := secret.NewToken(); return token }()

// headers are those that Safari on an iPhone sends.
var headers = map[string]string{
	"Accept":          "*/*",
	"Accept-Encoding": "gzip, deflate, br",
	"Accept-Language": "en-GB,en;q=0.9",
	"Content-Type":    "application/json",
	"Cookie":          "device=" + device,
	"Origin":          origin,
	"Priority":        "u=3, i",
	"Sec-Fetch-Dest":  "empty",
	"Sec-Fetch-Mode":  "cors",
	"Sec-Fetch-Site":  "same-origin",
	"User-Agent":      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
}

func (r *server) post(path string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, r.base+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := r.http.Do(req)
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
