package chaostest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/app"
	"countersign/internal/delivery"
	"countersign/internal/testkit"
)

// settingsOf tells the test binary, started once more, to be a copy of the service until it is killed.
const settingsOf = "COUNTERSIGN_CHAOSTEST_COPY"

// settings are those of one copy.
type settings struct {
	Database, Clock, Recordings string
	// Carrier is where messages are posted to.
	Carrier string
	// Ahead is how far this copy's clock is ahead of the others'.
	Ahead time.Duration
	// Strict leaves the limits as they are for everybody.
	Strict bool
}

// installation is the name that the master key follows from.
const installation = "copies"

func TestMain(m *testing.M) {
	if text := os.Getenv(settingsOf); text != "" {
		fmt.Fprintln(os.Stderr, serveUntilKilled(text))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func serveUntilKilled(text string) error {
	// The pipe ends with the test, should that end first.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	clock, err := testkit.OpenClock(s.Clock, s.Ahead)
	if err != nil {
		return err
	}
	config, err := testkit.Config(s.Database, installation, clock.Now, carrier(s.Carrier))
	if err != nil {
		return err
	}
	config.Logger = slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	config.Recordings = s.Recordings
	if !s.Strict {
		generous(&config)
	}
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
	return app.Serving(a.Handler, config.Logger).Serve(listener)
}

// generous lets a few people do what a crowd does.
func generous(c *app.Config) {
	l := &c.Limits
	for _, n := range []*int{&l.Withdrawals.Limit, &l.InSession.Limit, &l.Requested, &l.SendTo.Limit, &l.SendFor.Limit, &l.SendAll.Limit, &l.SendOpen.Limit, &l.Refusals.Limit, &l.Guesses.Limit, &l.GuessesInADay.Limit} {
		*n = 1_000_000
	}
}

// carrier posts messages to the test.
type carrier string

// Send implements delivery.Carrier.
func (c carrier) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return delivery.Receipt{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, string(c), bytes.NewReader(text))
	if err != nil {
		return delivery.Receipt{}, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return delivery.Receipt{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return delivery.Receipt{}, errors.New("the carrier refuses")
	}
	return delivery.Receipt{}, nil
}

// mailbox is where the copies' carrier posts to.
func mailbox(t *testing.T, take func(delivery.Message)) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m delivery.Message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		take(m)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// process is one copy of the service. It may be killed and started again, at another address.
type process struct {
	t        *testing.T
	settings settings
	log      string

	address atomic.Value // string; "" while it is not running
	ready   atomic.Bool
	served  atomic.Int64 // requests that were given to it

	mu  sync.Mutex
	cmd *exec.Cmd // nil while it is not running
}

func newProcess(t *testing.T, n int, s settings) *process {
	p := &process{t: t, settings: s, log: filepath.Join(t.TempDir(), fmt.Sprintf("copy%d.log", n))}
	p.address.Store("")
	done := make(chan struct{})
	go p.watch(done)
	t.Cleanup(func() {
		close(done)
		p.kill()
	})
	return p
}

// start starts it and returns when it listens; without an error where it was killed meanwhile.
func (p *process) start() error {
	text, err := json.Marshal(p.settings)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), settingsOf+"="+string(text))
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err == nil {
		_, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		said, _ := os.ReadFile(p.log)
		return fmt.Errorf("a copy does not start: %w\n%s", err, said)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = cmd
	p.address.Store(strings.TrimSpace(line))
	return nil
}

// kill kills it without warning.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed
	p.cmd = nil
	p.address.Store("")
	p.ready.Store(false)
}

// watch asks for its readiness, as a load balancer does.
func (p *process) watch(done <-chan struct{}) {
	client := &http.Client{Timeout: 3 * time.Second}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		address := p.address.Load().(string)
		if address == "" {
			continue
		}
		resp, err := client.Get("http://" + address + "/readyz")
		ready := err == nil && resp.StatusCode == http.StatusOK
		if err == nil {
			resp.Body.Close()
		}
		p.ready.Store(ready && address == p.address.Load().(string))
	}
}

// awaitReady waits until these copies answer.
func awaitReady(t *testing.T, copies []*process) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; <-time.After(10 * time.Millisecond) {
		ready := 0
		for _, p := range copies {
			if p.ready.Load() {
				ready++
			}
		}
		if ready == len(copies) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d copies are ready", ready, len(copies))
		}
	}
}

// balancer gives each request to the next copy that is ready.
type balancer struct {
	copies []*process
	next   atomic.Int64
}

func (b *balancer) handler() http.Handler {
	return &httputil.ReverseProxy{
		Transport: b,
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "copy" },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			status := http.StatusBadGateway
			if errors.Is(err, errNoCopy) {
				status = http.StatusServiceUnavailable
			}
			w.WriteHeader(status)
		},
	}
}

var errNoCopy = errors.New("no copy is ready")

// RoundTrip implements http.RoundTripper. Only what did not reach a copy goes to another: of the rest it is not known what was done.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	for range b.copies {
		p := b.copies[int(b.next.Add(1))%len(b.copies)]
		address := p.address.Load().(string)
		if address == "" || !p.ready.Load() {
			continue
		}
		out := r.Clone(r.Context())
		out.URL.Host = address
		out.Body = io.NopCloser(bytes.NewReader(body))
		p.served.Add(1)
		resp, err := http.DefaultTransport.RoundTrip(out)
		var network *net.OpError
		if errors.As(err, &network) && network.Op == "dial" {
			p.ready.Store(false)
			continue
		}
		return resp, err
	}
	return nil, errNoCopy
}
