package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"countersign/internal/store"
)

// runRestored is said once after a backup was put back, before serving: it ends what the backup would revive.
func runRestored(ctx context.Context, args []string, getenv func(string) string, clock func() time.Time, stdout, stderr io.Writer) error {
	v, rest, err := values("restored", args, getenv, stderr)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return errors.New("usage: countersign restored [-database FILE] [-master-key-file FILE]")
	}
	keys, err := masterKey(v)
	if err != nil {
		return fmt.Errorf("setting master-key-file: %w", err)
	}
	// Opening makes a database where there is none.
	if err := store.Exists(ctx, v["database"]); err != nil {
		return fmt.Errorf("setting database: %w", err)
	}
	db, err := store.Open(ctx, v["database"], keys, clock)
	if err != nil {
		return err
	}
	epoch, err := db.NextEpoch(ctx)
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "epoch %d: every session, verification, code and challenge from before is void; start the service now\n", epoch)
	return nil
}
