// Package smppserver starts an SMPP centre for tests: npm's smpp, so that what reads our PDUs shares nothing with what wrote them.
package smppserver

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Event is something that happened at the centre.
type Event struct {
	Event  string `json:"event"`
	ID     string `json:"id"`
	Status int    `json:"status"`
	// Of a bind.
	Version int    `json:"version"`
	Type    string `json:"type"`
	// Of a message.
	From       string `json:"from"`
	FromTON    int    `json:"from_ton"`
	FromNPI    int    `json:"from_npi"`
	To         string `json:"to"`
	ToTON      int    `json:"to_ton"`
	Coding     int    `json:"coding"`
	Class      int    `json:"class"`
	Registered int    `json:"registered"`
	Validity   string `json:"validity"`
	Text       string `json:"text"`
	UDH        string `json:"udh"`

	Port int `json:"port"`
	N    int `json:"n"`
}

// Server is a running centre. It knows the system id "countersign" with the password "right".
type Server struct {
	Port int

	t         testing.TB
	key, cert string
	cmd       *exec.Cmd
	stdin     io.WriteCloser
	ended     chan struct{}

	mu     sync.Mutex
	events []Event
	news   chan struct{}
	orders int
}

// Start starts a centre and ends it with the test. key and cert are files for TLS; "" is a connection in the clear. Where the program
// is missing, it is installed first.
func Start(t testing.TB, key, cert string) *Server {
	t.Helper()
	s := &Server{t: t, key: key, cert: cert, news: make(chan struct{})}
	s.start()
	t.Cleanup(s.Stop)
	return s
}

func (s *Server) start() {
	s.t.Helper()
	_, here, _, _ := runtime.Caller(0)
	folder := filepath.Dir(here)
	out, err := exec.Command(filepath.Join(folder, "..", "..", "..", "scripts", "need-smpp")).Output()
	if err != nil {
		s.t.Fatalf("install smpp: %v", err)
	}
	args := []string{filepath.Join(folder, "server.js"), fmt.Sprint(s.Port)}
	if s.key != "" {
		args = append(args, s.key, s.cert)
	}
	s.cmd = exec.Command("node", args...)
	s.cmd.Env = append(s.cmd.Environ(), "NODE_PATH="+filepath.Join(strings.TrimSpace(string(out)), "node_modules"))
	var said strings.Builder
	s.cmd.Stderr = &said
	stdout, err := s.cmd.StdoutPipe()
	if err == nil {
		s.stdin, err = s.cmd.StdinPipe()
	}
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.ended = make(chan struct{})
	begun := s.Count("listening")
	go func() {
		defer close(s.ended)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			var e Event
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				s.t.Errorf("the centre said %q", lines.Text())
				continue
			}
			s.mu.Lock()
			s.events = append(s.events, e)
			close(s.news)
			s.news = make(chan struct{})
			s.mu.Unlock()
		}
		_ = s.cmd.Wait()
	}()
	list := s.Wait("listening", begun+1)
	s.Port = list[begun].Port
}

// Stop ends the centre; a second time it does nothing.
func (s *Server) Stop() {
	_ = s.cmd.Process.Kill()
	<-s.ended
}

// Restart starts it again at the same port.
func (s *Server) Restart() { s.t.Helper(); s.start() }

// Order has the centre do something, and returns when it will: {"mode": …}, {"receipt": …}, {"enquire": true} or {"drop": true}.
func (s *Server) Order(order string) {
	s.t.Helper()
	s.orders++
	if _, err := fmt.Fprintf(s.stdin, "%s, \"n\": %d}\n", strings.TrimSuffix(order, "}"), s.orders); err != nil {
		s.t.Fatal(err)
	}
	s.Wait("obeyed", s.orders)
}

// Events are what happened so far, of one kind.
func (s *Server) Events(kind string) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Event
	for _, e := range s.events {
		if e.Event == kind {
			out = append(out, e)
		}
	}
	return out
}

// Count is how often something happened so far.
func (s *Server) Count(kind string) int { return len(s.Events(kind)) }

// Wait waits until something has happened n times, and returns all of these.
func (s *Server) Wait(kind string, n int) []Event {
	s.t.Helper()
	limit := time.After(30 * time.Second)
	for {
		s.mu.Lock()
		news := s.news
		s.mu.Unlock()
		if list := s.Events(kind); len(list) >= n {
			return list
		}
		select {
		case <-news:
		case <-limit:
			s.t.Fatalf("the centre saw %d of %d times %q", s.Count(kind), n, kind)
		}
	}
}
