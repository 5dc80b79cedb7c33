// Package pgserver starts real PostgreSQL servers for tests: private clusters in temporary folders, on free ports, with fsync on.
package pgserver

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// User is the superuser of every cluster; it has no password, as only this machine reaches the server.
const User = "countersign"

// Server is one cluster.
type Server struct {
	Folder string
	Port   int

	bin  string
	cmd  *exec.Cmd
	said *bytes.Buffer
	gone chan struct{}
}

// New makes a cluster and starts it. Stop ends it and removes its folder. Strings are ordered by a language there, not by bytes: what
// relies on the order of bytes fails.
func New() (*Server, error) {
	_, here, _, _ := runtime.Caller(0)
	out, err := exec.Command(filepath.Join(filepath.Dir(here), "..", "..", "..", "scripts", "need-postgres")).Output()
	if err != nil {
		return nil, fmt.Errorf("install PostgreSQL: %w", err)
	}
	s := &Server{bin: strings.TrimSpace(string(out))}
	if s.Folder, err = os.MkdirTemp("", "pg"); err != nil {
		return nil, err
	}
	if err := own(s.Folder); err != nil {
		return nil, err
	}
	if s.Port, err = freePort(); err != nil {
		return nil, err
	}
	if err := s.Run("initdb", "-D", s.data(), "-U", User, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"); err != nil {
		return nil, err
	}
	return s, s.Start()
}

func (s *Server) data() string { return Data(s.Folder) }

// own gives a folder to the user that the server runs as: it refuses to be root.
func own(folder string) error {
	if os.Getuid() != 0 {
		return nil
	}
	c, err := credential()
	if err != nil {
		return err
	}
	return os.Chown(folder, int(c.Uid), int(c.Gid))
}

func credential() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Command is one of PostgreSQL's programs, run as the user that the server runs as.
func (s *Server) Command(name string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.Folder
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		c, err := credential()
		if err != nil {
			return nil, err
		}
		cmd.SysProcAttr.Credential = c
	}
	return cmd, nil
}

// Run runs one of PostgreSQL's programs to its end.
func (s *Server) Run(name string, args ...string) error {
	cmd, err := s.Command(name, args...)
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// Shell runs commands as an administrator types them: as the user that the server runs as, with psql and its like asking this server.
func (s *Server) Shell(script string) (said string, err error) {
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	like, err := s.Command("psql")
	if err != nil {
		return "", err
	}
	cmd.Dir, cmd.SysProcAttr = like.Dir, like.SysProcAttr
	cmd.Env = append(os.Environ(), "PATH="+s.bin+":"+os.Getenv("PATH"), "PGHOST=127.0.0.1", fmt.Sprintf("PGPORT=%d", s.Port), "PGUSER="+User, "PGDATABASE=postgres")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", script, err, out)
	}
	return string(out), err
}

// Over starts a server over a folder in which data lies that was put back.
func (s *Server) Over(folder string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	over := &Server{Folder: folder, Port: port, bin: s.bin}
	return over, over.Start()
}

// Data is the folder of what a server holds whose own folder is this.
func Data(folder string) string { return filepath.Join(folder, "data") }

// Start starts the server and waits until it answers.
func (s *Server) Start() error {
	cmd, err := s.Command("postgres", "-D", s.data(), "-p", strconv.Itoa(s.Port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "max_connections=200", "-c", "log_min_messages=error", "-c", "wal_retrieve_retry_interval=500ms")
	if err != nil {
		return err
	}
	s.cmd, s.said, s.gone = cmd, &bytes.Buffer{}, make(chan struct{})
	cmd.Stdout, cmd.Stderr = s.said, s.said
	if err := cmd.Start(); err != nil {
		return err
	}
	gone := s.gone
	go func() { _ = cmd.Wait(); close(gone) }()
	db, err := sql.Open("pgx", s.URL("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-gone:
			return fmt.Errorf("PostgreSQL ended: %s", s.said)
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill ends the server with every one of its processes at once, as a power cut would.
func (s *Server) Kill() error {
	pid := s.cmd.Process.Pid
	// It starts no more processes while these are counted.
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return err
	}
	children := strings.Fields(string(text))
	_ = s.cmd.Process.Kill()
	for _, child := range children {
		n, err := strconv.Atoi(child)
		if err != nil {
			return err
		}
		_ = syscall.Kill(n, syscall.SIGKILL)
	}
	<-s.gone
	for _, child := range children {
		for deadline := time.Now().Add(10 * time.Second); lives(child); <-time.After(time.Millisecond) {
			if time.Now().After(deadline) {
				return fmt.Errorf("a process of PostgreSQL outlives being killed: %s", child)
			}
		}
	}
	return nil
}

// lives tells whether a process is there, and has not ended.
func lives(pid string) bool {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(text), ") ")
	return !strings.HasPrefix(state, "Z")
}

// Standby makes a synchronous standby of a running server and starts it: from then on nothing is answered that the standby has not.
func (s *Server) Standby() (*Server, error) {
	const name = "sb"
	standby := &Server{bin: s.bin}
	var err error
	if standby.Folder, err = os.MkdirTemp("", "pg"); err != nil {
		return nil, err
	}
	if err := own(standby.Folder); err != nil {
		return nil, err
	}
	if standby.Port, err = freePort(); err != nil {
		return nil, err
	}
	from := fmt.Sprintf("host=127.0.0.1 port=%d user=%s application_name=%s", s.Port, User, name)
	if err := standby.Run("pg_basebackup", "-D", standby.data(), "-d", from, "-R", "-X", "stream", "-C", "-S", name, "-c", "fast"); err != nil {
		return nil, err
	}
	if err := standby.Start(); err != nil {
		return nil, err
	}
	for _, text := range []string{`ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (` + name + `)'`, `SELECT pg_reload_conf()`} {
		if _, err := s.ask(text); err != nil {
			return nil, err
		}
	}
	return standby, s.AwaitStandby()
}

// AwaitStandby waits until the standby holds whatever is committed.
func (s *Server) AwaitStandby() error {
	for deadline := time.Now().Add(30 * time.Second); ; <-time.After(20 * time.Millisecond) {
		n, err := s.ask(`SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'`)
		if err != nil {
			return err
		}
		if n == "1" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the standby does not follow: %s", s.said)
		}
	}
}

// Promote makes the standby the server that takes writes.
func (s *Server) Promote() error {
	ok, err := s.ask(`SELECT pg_promote(true, 30)`)
	if err == nil && ok != "true" {
		err = fmt.Errorf("PostgreSQL was not promoted: %s", s.said)
	}
	return err
}

func (s *Server) ask(text string) (answer string, err error) {
	db, err := sql.Open("pgx", s.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer db.Close()
	if strings.HasPrefix(text, "SELECT") {
		return answer, db.QueryRow(text).Scan(&answer)
	}
	_, err = db.Exec(text)
	return "", err
}

// Stop ends the server and removes its folder.
func (s *Server) Stop() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	<-s.gone
	_ = os.RemoveAll(s.Folder)
}

// URL is the address of one of its databases.
func (s *Server) URL(database string) string { return Either(database, s) }

// Either is the address of a database on whichever of these servers takes writes.
func Either(database string, servers ...*Server) string {
	var hosts []string
	for _, s := range servers {
		hosts = append(hosts, fmt.Sprintf("127.0.0.1:%d", s.Port))
	}
	address := fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", User, strings.Join(hosts, ","), database)
	if len(servers) > 1 {
		address += "&target_session_attrs=read-write"
	}
	return address
}

var made atomic.Int64

// Database makes an empty database and returns its address. It goes with the test.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("t%d", made.Add(1))
	db, err := sql.Open("pgx", s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db, err := sql.Open("pgx", s.URL("postgres"))
		if err != nil {
			return
		}
		defer db.Close()
		_, _ = db.Exec("DROP DATABASE " + name + " WITH (FORCE)")
	})
	return s.URL(name)
}

// Setting is the name of the environment variable by which a package's tests run on PostgreSQL in place of SQLite.
const Setting = "COUNTERSIGN_TEST_DATABASE"

// Wanted is the server of this run of the tests; nil where they run on SQLite.
var Wanted *Server

// Main runs the tests of a package, on PostgreSQL where Setting says "postgres", and returns the exit code.
func Main(m *testing.M) int {
	if os.Getenv(Setting) != "postgres" {
		return m.Run()
	}
	s, err := New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer s.Stop()
	Wanted = s
	return m.Run()
}
