package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"countersign/internal/store"
)

const dbUsage = "usage: countersign db copy -from FILE -to postgres://…, or countersign db verify -from FILE -to postgres://…"

// runDB moves a database, or compares two. Neither needs the master key.
func runDB(ctx context.Context, args []string, clock func() time.Time, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] != "copy" && args[0] != "verify" {
		return errors.New(dbUsage)
	}
	flags := flag.NewFlagSet("db "+args[0], flag.ContinueOnError)
	flags.SetOutput(stderr)
	from := flags.String("from", "", "the file of the SQLite database, which nobody may have open")
	to := flags.String("to", "", "the PostgreSQL database, postgres://USER@HOST:PORT/NAME?sslmode=verify-full; the password by PGPASSWORD or PGPASSFILE")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if *from == "" || *to == "" || flags.NArg() > 0 {
		return errors.New(dbUsage)
	}
	var sums []store.TableSum
	var err error
	if args[0] == "verify" {
		sums, err = store.Compare(ctx, *from, *to)
	} else {
		sums, err = store.Copy(ctx, *from, *to, clock(), progress(clock, stderr))
	}
	for _, s := range sums {
		word := "same"
		if !s.Same() {
			word = "DIFFERS"
		}
		fmt.Fprintf(stdout, "%-7s %-22s source %9d rows %s\n", word, s.Table, s.Source.Count, s.Source)
		fmt.Fprintf(stdout, "%-7s %-22s target %9d rows %s\n", "", "", s.Target.Count, s.Target)
	}
	switch {
	case errors.Is(err, store.ErrDiffers):
		return err
	case err != nil && args[0] == "copy":
		return fmt.Errorf("%w\nwhat was copied so far is kept; the same command goes on from there once the cause is gone", err)
	case err != nil:
		return err
	}
	fmt.Fprintf(stdout, "both hold the same, in %d tables\n", len(sums))
	return nil
}

// progress says how far a copy is, once a second and at the end of each table. The rate is that of what this run writes: what an earlier
// one had written is only read, and all of it before anything is written.
func progress(clock func() time.Time, w io.Writer) func(store.CopyStep) {
	began, last := clock(), time.Time{}
	return func(s store.CopyStep) {
		now := clock()
		if s.Written == 0 {
			began = now
		}
		if s.Rows < s.Of && now.Sub(last) < time.Second {
			return
		}
		last = now
		if s.Written == 0 {
			fmt.Fprintf(w, "%s: %d of %d rows; all: %d of %d, copied before and read again\n", s.Table, s.Rows, s.Of, s.Total, s.OfAll)
			return
		}
		rate := float64(s.Written) / max(now.Sub(began).Seconds(), 0.001)
		rest := time.Duration(float64(s.OfAll-s.Total) / max(rate, 1) * float64(time.Second))
		fmt.Fprintf(w, "%s: %d of %d rows; all: %d of %d, %.0f rows/s, about %v left\n", s.Table, s.Rows, s.Of, s.Total, s.OfAll, rate, rest.Round(time.Second))
	}
}
