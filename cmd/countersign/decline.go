package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"countersign/internal/app"
)

// runDecline is the business saying no to a requested withdrawal. It needs what [runErase] does.
func runDecline(ctx context.Context, args []string, getenv func(string) string, clock func() time.Time, stdout, stderr io.Writer) error {
	const how = "usage: countersign decline [-database …] [-master-key-file FILE] [-origin ORIGIN] WITHDRAWAL REASON\n" +
		"(the reason is for your own log; the customer is told that it was declined)"
	v, rest, err := values(how, args, getenv, stderr)
	if err != nil {
		return err
	}
	if len(rest) != 2 {
		return errors.New(how)
	}
	c, err := besideTelling(ctx, v, clock)
	if err != nil {
		return err
	}
	if err := app.DeclineWithdrawal(ctx, c, rest[0], rest[1]); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "declined", rest[0])
	return nil
}
