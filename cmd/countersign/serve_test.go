package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"countersign/internal/secret"
)

// program is the program itself, started as an operator does, with a file of settings.
type program struct {
	t       *testing.T
	cmd     *exec.Cmd
	address string
	metrics string

	mu    sync.Mutex
	lines []string // of its log
	heard *sync.Cond
	ended chan struct{}
}

// patience is how long a test waits for what is to happen at once; a busy machine takes its time.
const patience = 30 * time.Second

func start(t *testing.T, settings ...string) *program {
	t.Helper()
	return startWith(t, nil, settings...)
}

func startWith(t *testing.T, environment []string, settings ...string) *program {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "countersign.conf")
	lines := append([]string{
		"# as an operator writes it", "listen = 127.0.0.1:0", "origin = http://localhost:8080", "database = " + filepath.Join(folder, "countersign.db"), "master-key = " + secret.NewMaster(),
		"smtp-host = 127.0.0.1", "smtp-security = none", "smtp-from = Bank <no-reply@bank.example>", "sms-url = https://sms.bank.example/send", "sms-token = 0123456789abcdef",
	}, settings...)
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, cmd: exec.Command(os.Args[0], "serve", "-config", file), ended: make(chan struct{})}
	p.heard = sync.NewCond(&p.mu)
	p.cmd.Env = append([]string{asProgram + "=1"}, environment...)
	log, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go p.listen(log)
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.ended })
	p.address = p.said("serving")["listen"].(string)
	if slices.ContainsFunc(settings, func(s string) bool { return strings.HasPrefix(s, "metrics-listen") }) {
		p.metrics = p.said("metrics")["listen"].(string)
	}
	return p
}

func (p *program) listen(log io.Reader) {
	for lines := bufio.NewScanner(log); lines.Scan(); {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		p.mu.Unlock()
		p.heard.Broadcast()
	}
	_ = p.cmd.Wait() // how it ended is in ProcessState
	close(p.ended)
	p.heard.Broadcast()
}

// said waits for the line of the log with a message.
func (p *program) said(message string) map[string]any {
	p.t.Helper()
	late := time.AfterFunc(patience, p.heard.Broadcast)
	defer late.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for begun := time.Now(); ; p.heard.Wait() {
		for _, text := range p.lines {
			var line map[string]any
			if err := json.Unmarshal([]byte(text), &line); err == nil && line["msg"] == message {
				return line
			}
		}
		select {
		case <-p.ended:
			p.t.Fatalf("the program ended without %q:\n%s", message, strings.Join(p.lines, "\n"))
		default:
		}
		if time.Since(begun) >= patience {
			p.t.Fatalf("the program does not say %q:\n%s", message, strings.Join(p.lines, "\n"))
		}
	}
}

// exit waits for the program's end.
func (p *program) exit() *os.ProcessState {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState
	case <-time.After(patience):
		p.t.Fatalf("the program does not end:\n%s", strings.Join(p.lines, "\n"))
		return nil
	}
}

func (p *program) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// status asks for a path by a connection of its own.
func (p *program) status(path string) (int, error) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + p.address + path)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

// until waits for what becomes true soon, by asking again and again.
func (p *program) until(what string, true func() bool) {
	p.t.Helper()
	for begun := time.Now(); !true(); <-time.After(5 * time.Millisecond) {
		if time.Since(begun) > patience {
			p.t.Fatalf("waiting in vain until %s", what)
		}
	}
}

func (p *program) scrape() string {
	p.t.Helper()
	resp, err := http.Get("http://" + p.metrics + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatal(resp.Status, err)
	}
	return string(text)
}

// half is a request whose body has arrived in half.
type half struct {
	net.Conn
	rest string
}

func (p *program) half() *half {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	body := `{"identifier":"nobody@bank.example","password":"copper heron forty-one"}`
	fmt.Fprintf(conn, "POST /v1/login HTTP/1.1\r\nHost: localhost:8080\r\nOrigin: http://localhost:8080\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:20])
	return &half{conn, body[20:]}
}

// finish sends the rest and returns the answer's status.
func (h *half) finish(t *testing.T) int {
	t.Helper()
	if _, err := io.WriteString(h, h.rest); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(h), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

func TestWhatIsUnderWayAtAStopIsAnswered(t *testing.T) {
	p := start(t, "drain-delay = 1s", "metrics-listen = 0")
	if code, err := p.status("/readyz"); code != http.StatusOK {
		t.Fatalf("/readyz: %d, %v", code, err)
	}
	first, second := p.half(), p.half()
	p.until("two requests are under way", func() bool { return strings.Contains(p.scrape(), "\nhttp_server_active_requests 2\n") })
	p.signal(syscall.SIGTERM)
	if n := p.said("stopping")["under_way"]; n != 2.0 {
		t.Errorf("%v requests are said to be under way", n)
	}
	// Unready at once, and alive, and at the service of whoever has not heard yet.
	for path, want := range map[string]int{"/readyz": http.StatusServiceUnavailable, "/healthz": http.StatusOK, "/v1/config": http.StatusOK} {
		if code, err := p.status(path); code != want {
			t.Errorf("%s while stopping: %d, %v; want %d", path, code, err, want)
		}
	}
	if code := first.finish(t); code != http.StatusCreated {
		t.Errorf("the request that ended within the delay was answered by %d", code)
	}
	p.until("nobody is let in any more", func() bool { _, err := p.status("/healthz"); return err != nil })
	if text := p.scrape(); !strings.Contains(text, "\nhttp_server_active_requests 1\n") {
		t.Error("what is drained cannot be seen")
	}
	if code := second.finish(t); code != http.StatusCreated {
		t.Errorf("the request that was under way was answered by %d", code)
	}
	if state := p.exit(); !state.Success() {
		t.Errorf("%s", state)
	}
	p.said("stopped")
	if log := strings.Join(p.lines, "\n"); strings.Contains(log, "DEBUG") || strings.Count(log, `"route":"/v1/login"`) != 2 {
		t.Errorf("the log has not one line for each request, at its level and above:\n%s", log)
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	p := start(t, "drain-delay = 5m")
	p.signal(syscall.SIGTERM)
	p.said("stopping")
	p.signal(syscall.SIGTERM)
	status, ok := p.exit().Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended by %s", p.cmd.ProcessState)
	}
}

func TestARequestThatDoesNotEndIsBrokenOffAndSaid(t *testing.T) {
	p := start(t, "drain-delay = 0s", "drain-timeout = 1s", "metrics-listen = 0")
	p.half()
	p.until("the request is under way", func() bool { return strings.Contains(p.scrape(), "\nhttp_server_active_requests 1\n") })
	p.signal(os.Interrupt)
	if state := p.exit(); state.ExitCode() != 1 || !strings.Contains(strings.Join(p.lines, "\n"), "1 requests were still under way after 1s") {
		t.Errorf("%s\n%s", state, strings.Join(p.lines, "\n"))
	}
}

func TestMetricsAreForThisMachineAndHaveNothingElse(t *testing.T) {
	p := start(t, "metrics-listen = 0", "log-level = debug", "drain-delay = 0s")
	if code, err := p.status("/healthz"); code != http.StatusOK {
		t.Errorf("%d, %v", code, err)
	}
	if host, _, _ := net.SplitHostPort(p.metrics); host != "127.0.0.1" {
		t.Errorf("metrics are at %s", p.metrics)
	}
	if code, err := p.status("/metrics"); code != http.StatusOK || strings.Contains(p.scrape(), `http_route="/metrics"`) {
		t.Errorf("%d, %v", code, err) // the web app's own page, as for any path
	}
	for _, path := range []string{"/", "/v1/config", "/healthz", "/debug/pprof/"} {
		resp, err := http.Get("http://" + p.metrics + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("the metrics' listener answers %s by %s", path, resp.Status)
		}
	}
	if text := p.scrape(); !strings.Contains(text, `http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_class="2xx",http_route="/"} 1`) {
		t.Errorf("%s", text)
	}
	p.signal(syscall.SIGTERM)
	p.exit()
	if log := strings.Join(p.lines, "\n"); !strings.Contains(log, `"level":"DEBUG","msg":"request"`) {
		t.Errorf("nothing is logged at the level that was set:\n%s", log)
	}
}

func TestTracesGoOutByTheStandardEnvironmentTheLastOfThemAtTheStop(t *testing.T) {
	var mu sync.Mutex
	var got []byte
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %v %v", r.URL, r.Header, err)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, b...)
	}))
	defer collector.Close()
	// So slow a schedule that only the stop sends anything.
	p := startWith(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + collector.URL, "OTEL_SERVICE_NAME=bank-security", "OTEL_BSP_SCHEDULE_DELAY=3600000"}, "drain-delay = 0s")
	if code, err := p.status("/v1/config"); code != http.StatusOK {
		t.Fatal(code, err)
	}
	if trace, _ := p.said("request")["trace_id"].(string); len(trace) != 32 {
		t.Errorf("the log's line has the trace %q", trace)
	}
	p.signal(syscall.SIGTERM)
	if state := p.exit(); !state.Success() {
		t.Errorf("%s", state)
	}
	mu.Lock()
	defer mu.Unlock()
	if text := string(got); !strings.Contains(text, "GET /v1/config") || !strings.Contains(text, "bank-security") || strings.Contains(text, "127.0.0.1") {
		t.Errorf("the collector got %q", text)
	}
}

// A collector that is not there is a line in the log, and nothing to anybody else.
func TestWithoutItsCollectorTheServiceRunsAndStops(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	p := start(t, "drain-delay = 0s", "traces = "+gone.URL)
	if code, err := p.status("/readyz"); code != http.StatusOK {
		t.Fatal(code, err)
	}
	p.signal(syscall.SIGTERM)
	if state := p.exit(); !state.Success() || !strings.Contains(strings.Join(p.lines, "\n"), "traces cannot be sent") {
		t.Errorf("%s\n%s", state, strings.Join(p.lines, "\n"))
	}
}
