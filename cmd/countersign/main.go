// Command countersign is the whole service: the API, the web app and its workers in one program.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const usage = `countersign: log in with face or fingerprint, and approve a withdrawal the same way

  countersign demo      a ready-made demo on this machine, with nothing to set up
  countersign serve     the service (see "countersign config" for its settings)
  countersign config    the reference of all settings
  countersign keys new  print a new random master key
  countersign operators invite
                        invite somebody to the support desk, and print the link
  countersign api-keys  create, list and revoke the keys of your payout system
  countersign migrate   apply the migrations that a database lacks; serve does so too
  countersign db copy   carry an SQLite database to PostgreSQL; db verify compares the two
  countersign verify    check documents of approvals; needs no server
  countersign audit     verify the audit log, show its events, print its checkpoint and keys
  countersign decline   decline a requested withdrawal
  countersign erase     take everything personal of an account out of the database
  countersign restored  end what a restored backup would revive; before serving it
  countersign version   print the version

Each command takes -h.
`

func main() {
	ctx := untilSignalled()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "countersign:", err)
		}
		code := 1
		if coded := new(exitError); errors.As(err, &coded) {
			code = coded.code
		}
		os.Exit(code)
	}
}

// exitError is an error after which the program ends with another code than 1.
type exitError struct {
	error
	code int
}

func (e *exitError) Unwrap() error { return e.error }

// untilSignalled is done at the first signal to stop. A second one has its usual effect: it ends the program at once, however soon it
// comes after the first.
func untilSignalled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		again := <-signals
		signal.Reset(os.Interrupt, syscall.SIGTERM)
		if p, err := os.FindProcess(os.Getpid()); err != nil || p.Signal(again) != nil {
			os.Exit(1)
		}
	}()
	return ctx
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return flag.ErrHelp
	}
	switch name, rest := args[0], args[1:]; name {
	case "demo":
		return runDemo(ctx, rest, stdout, stderr)
	case "serve":
		return runServe(ctx, rest, os.Getenv, stderr)
	case "config":
		fmt.Fprint(stdout, Reference())
		return nil
	case "keys":
		return runKeys(rest, stdout)
	case "operators":
		return runOperators(ctx, rest, os.Getenv, time.Now, stdout, stderr)
	case "api-keys":
		return runAPIKeys(ctx, rest, os.Getenv, time.Now, stdout, stderr)
	case "migrate":
		return runMigrate(ctx, rest, os.Getenv, time.Now, stdout, stderr)
	case "db":
		return runDB(ctx, rest, time.Now, stdout, stderr)
	case "verify":
		return runVerify(rest, os.Stdin, time.Now, stdout, stderr)
	case "audit":
		return runAudit(ctx, rest, os.Getenv, time.Now, stdout, stderr)
	case "decline":
		return runDecline(ctx, rest, os.Getenv, time.Now, stdout, stderr)
	case "erase":
		return runErase(ctx, rest, os.Getenv, time.Now, stdout, stderr)
	case "restored":
		return runRestored(ctx, rest, os.Getenv, time.Now, stdout, stderr)
	case "version":
		fmt.Fprintln(stdout, build())
		return nil
	case "help", "-h", "--help":
		fmt.Fprint(stdout, usage)
		return nil
	default:
		return fmt.Errorf("there is no command %q; run countersign without arguments for the list", name)
	}
}

// revision is set by the Makefile to the version-control revision.
var revision string

// build names this build.
func build() string {
	if revision != "" {
		return revision
	}
	return "unknown"
}
