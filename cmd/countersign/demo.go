package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"countersign/internal/demo"
	"countersign/internal/webapp"
)

func runDemo(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	data := flags.String("data", "data", "folder for the demo's database and key; delete it to start afresh")
	port := flags.Int("port", 8080, "port to listen on, at 127.0.0.1 and ::1 only; 0 picks a free one")
	verbose := flags.Bool("v", false, "log every request")
	if err := flags.Parse(args); err != nil {
		return err
	}
	level := slog.LevelWarn
	if *verbose {
		level = slog.LevelInfo
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	if err := os.MkdirAll(*data, 0o700); err != nil {
		return err
	}
	listeners, actual, err := loopback(*port)
	if err != nil {
		return err
	}
	d, err := demo.New(ctx, demo.Config{Folder: *data, Port: actual, Clock: time.Now, Logger: logger, Build: build(), Web: webapp.Handler()})
	if err != nil {
		return err
	}
	folder, _ := filepath.Abs(*data)
	invitation := fmt.Sprintf("  The support desk   http://localhost:%d/operator\n", actual)
	if d.Invitation != "" {
		invitation = fmt.Sprintf("  Desk: %s\n  (make yourself an admin there; the link works once, and for 72 hours)\n", d.Invitation)
	}
	fmt.Fprintf(stdout, `
  Countersign demo:  http://localhost:%d

  Sign in as         %s
  with password      %s
  or as              %s
  with password      %s
  The codes are at   http://localhost:%d/demo/inbox (both sign in with the authenticator app's)
%s
  Try: sign in with the codes, then avatar (top left) > Security > Passkey > Create passkey,
  sign out, sign in with the passkey, and approve a withdrawal with it.
  Data is kept in %s. Ctrl-C ends the demo.

`, actual, demo.Accounts[0].Email, demo.Accounts[0].Password, demo.Accounts[1].Email, demo.Accounts[1].Password, actual, invitation, folder)
	return serve(ctx, d.App, d.Handler, logger, stopping{limit: 15 * time.Second}, listeners...)
}

// loopback listens on both loopback addresses at one port. Machines without IPv6 get along with one; where another program has
// the port at ::1 the demo does not start, as http://localhost would lead to that program.
func loopback(port int) ([]net.Listener, int, error) {
	first, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, 0, fmt.Errorf("%w (choose another with -port)", err)
	}
	port = first.Addr().(*net.TCPAddr).Port
	listeners := []net.Listener{first}
	second, err := net.Listen("tcp6", net.JoinHostPort("::1", strconv.Itoa(port)))
	switch {
	case err == nil:
		listeners = append(listeners, second)
	case !errors.Is(err, syscall.EADDRNOTAVAIL) && !errors.Is(err, syscall.EAFNOSUPPORT):
		first.Close()
		return nil, 0, fmt.Errorf("%w (choose another with -port)", err)
	}
	return listeners, port, nil
}
