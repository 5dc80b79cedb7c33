package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"countersign/internal/app"
)

// runRestored is said once after a backup was put back, before serving: it ends what the backup would revive.
func runRestored(ctx context.Context, args []string, getenv func(string) string, clock func() time.Time, stdout, stderr io.Writer) error {
	const how = "usage: countersign restored [-database FILE] [-master-key-file FILE]"
	v, rest, err := values(how, args, getenv, stderr)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return errors.New(how)
	}
	c, err := beside(ctx, v, clock)
	if err != nil {
		return err
	}
	db, err := app.Open(ctx, c)
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
