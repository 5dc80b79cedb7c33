package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"countersign/internal/store"
)

// runMigrate applies the migrations that a database lacks, so that a new version's tables are there before its first copy serves.
func runMigrate(ctx context.Context, args []string, getenv func(string) string, clock func() time.Time, stdout, stderr io.Writer) error {
	const how = "usage: countersign migrate [-database FILE or postgres://…]"
	v, rest, err := values(how, args, getenv, stderr)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return errors.New(how)
	}
	applied, err := store.Migrate(ctx, v["database"], clock())
	if err != nil {
		return err
	}
	for _, name := range applied {
		fmt.Fprintln(stdout, "applied", name)
	}
	fmt.Fprintf(stdout, "%s is up to date\n", store.RedactedLocation(v["database"]))
	return nil
}
