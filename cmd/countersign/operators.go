package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"countersign/internal/app"
	"countersign/internal/desk"
)

// runOperators invites an operator: the first admin, or one who has lost their passkey. It takes no more than the database, its key
// and the origin, and prints the link.
func runOperators(ctx context.Context, args []string, getenv func(string) string, clock func() time.Time, stdout, stderr io.Writer) error {
	const how = "usage: countersign operators invite [-database FILE] [-master-key-file FILE] [-origin ORIGIN] NAME EMAIL support|security|admin"
	if len(args) == 0 || args[0] != "invite" {
		return errors.New(how)
	}
	v, rest, err := values(how, args[1:], getenv, stderr)
	if err != nil {
		return err
	}
	if len(rest) != 3 {
		return errors.New(how)
	}
	c, err := besideTelling(ctx, v, clock)
	if err != nil {
		return err
	}
	invited, err := app.InviteOperator(ctx, c, desk.Person{Name: rest[0], Email: rest[1], Role: desk.Role(rest[2])}, v["smtp-host"] != "")
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s\n\n%s creates a passkey there, once, until %s. Earlier links are void.\n", invited.Link, invited.Operator.Name, invited.ExpiresAt.Format("2 Jan 2006, 15:04 UTC"))
	return nil
}
