// Package s3server starts a real S3 server for tests.
package s3server

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The server's one account.
const (
	AccessKey = "countersign-tests"
	SecretKey = "a-secret-of-the-tests"
	Region    = "us-east-1"
	Bucket    = "recordings"
)

// Server is a running server with one bucket.
type Server struct {
	Endpoint string
	// Folder is where the bucket's objects lie as files.
	Folder string
}

// Address is an address at which nobody listens yet.
func Address(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Start starts a server and ends it with the test. Where the program is missing, it is installed first.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartAt(t, Address(t))
}

// StartAt is Start at an address.
func StartAt(t testing.TB, address string) *Server {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	out, err := exec.Command(filepath.Join(filepath.Dir(here), "..", "..", "..", "scripts", "need-versitygw")).Output()
	if err != nil {
		t.Fatalf("install versitygw: %v", err)
	}
	folder := t.TempDir()
	s := &Server{Folder: filepath.Join(folder, Bucket)}
	if err := os.Mkdir(s.Folder, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(strings.TrimSpace(string(out)), "--port", address, "--access", AccessKey, "--secret", SecretKey, "--region", Region, "posix", folder)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			break
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("versitygw ended: %v\n%s", err, said.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("versitygw does not listen")
		}
	}
	s.Endpoint = fmt.Sprintf("http://%s", address)
	return s
}
