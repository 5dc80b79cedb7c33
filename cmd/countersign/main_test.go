package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"countersign/internal/testkit"
)

// asProgram tells the test binary, started once more, to be the program.
const asProgram = "COUNTERSIGN_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestServeEndsAtOnceWithoutAMasterKey(t *testing.T) {
	database := filepath.Join(t.TempDir(), "countersign.db")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "serve", "-origin", "https://accounts.exchange.example", "-database", database, "-listen", "127.0.0.1:0")
	cmd.Env = []string{asProgram + "=1"}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "no master key is given") {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Stat(database); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a database was made: %v", err)
	}
}

// six tells whether this machine has ::1, and skips the test where it has not.
func six(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("no ::1 here: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestTheDemoAnswersAtBothLoopbackAddresses(t *testing.T) {
	six(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := runDemo(ctx, []string{"-data", t.TempDir(), "-port", "0"}, write, io.Discard)
		write.CloseWithError(errors.Join(err, io.EOF))
		ended <- err
	}()
	var port string
	said := bufio.NewScanner(read)
	for port == "" && said.Scan() {
		if found := regexp.MustCompile(`http://localhost:(\d+)$`).FindStringSubmatch(said.Text()); found != nil {
			port = found[1]
		}
	}
	if port == "" {
		t.Fatalf("the demo does not say where it is: %v", said.Err())
	}
	go io.Copy(io.Discard, read)
	for _, address := range []string{"127.0.0.1", "::1"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+net.JoinHostPort(address, port)+"/v1/config", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "localhost:" + port
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", address, resp.Status)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Or http://localhost would lead to the other program on many machines.
func TestTheDemoDoesNotStartWhereAnotherProgramHasItsPort(t *testing.T) {
	port := six(t).Addr().(*net.TCPAddr).Port
	listeners, _, err := loopback(port)
	if err == nil || !strings.Contains(err.Error(), "-port") {
		t.Errorf("%v, %d listeners", err, len(listeners))
	}
	for _, l := range listeners {
		l.Close()
	}
	// The other address was let go again.
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// masterOf is the master key of a test's installation, as testkit has it.
func masterOf(t *testing.T) string {
	sum := sha256.Sum256([]byte(t.Name()))
	return hex.EncodeToString(sum[:])
}

// environment has what a command needs that works on the database of a test's installation.
func environment(t *testing.T, database string) map[string]string {
	return map[string]string{"COUNTERSIGN_MASTER_KEY": masterOf(t), "COUNTERSIGN_DATABASE": database, "COUNTERSIGN_ORIGIN": testkit.Origin}
}
