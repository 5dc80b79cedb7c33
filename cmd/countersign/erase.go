package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"countersign/internal/app"
)

// runErase takes everything personal of an account out of the database. It needs the database, its key and the origin, as the
// customer is told by e-mail.
func runErase(ctx context.Context, args []string, getenv func(string) string, clock func() time.Time, stdout, stderr io.Writer) error {
	const how = "usage: countersign erase [-database …] [-master-key-file FILE] [-origin ORIGIN] ACCOUNT [with-withdrawals]"
	v, rest, err := values(how, args, getenv, stderr)
	if err != nil {
		return err
	}
	if len(rest) == 0 || len(rest) > 2 || len(rest) == 2 && rest[1] != "with-withdrawals" {
		return errors.New(how)
	}
	c, err := besideTelling(ctx, v, clock)
	if err != nil {
		return err
	}
	if err := app.EraseAccount(ctx, c, rest[0], len(rest) == 2); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "erased %s. The service redacts its events and deletes recordings of its requests within ten minutes, and what expires by itself is gone within a week. It is in your backups until these are gone.\n", rest[0])
	return nil
}
