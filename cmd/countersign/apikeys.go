package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"countersign/internal/app"
)

// runAPIKeys makes, lists and revokes the keys by which the business's own systems are known. It takes no more than the database and
// its key.
func runAPIKeys(ctx context.Context, args []string, getenv func(string) string, clock func() time.Time, stdout, stderr io.Writer) error {
	const how = "usage: countersign api-keys create [-database …] [-master-key-file FILE] NAME\n" +
		"       countersign api-keys list   [-database …] [-master-key-file FILE]\n" +
		"       countersign api-keys revoke [-database …] [-master-key-file FILE] ID"
	wanted := map[string]int{"create": 1, "list": 0, "revoke": 1}
	if len(args) == 0 {
		return errors.New(how)
	}
	n, known := wanted[args[0]]
	if !known {
		return errors.New(how)
	}
	v, rest, err := values(how, args[1:], getenv, stderr)
	if err != nil {
		return err
	}
	if len(rest) != n {
		return errors.New(how)
	}
	c, err := beside(ctx, v, clock)
	if err != nil {
		return err
	}
	keys, err := app.OpenAPIKeys(ctx, c)
	if err != nil {
		return err
	}
	switch args[0] {
	case "create":
		err = createAPIKey(ctx, keys, rest[0], stdout)
	case "list":
		err = listAPIKeys(ctx, keys, stdout)
	case "revoke":
		if err = keys.RevokeAPIKey(ctx, rest[0]); err == nil {
			fmt.Fprintln(stdout, "revoked", rest[0])
		}
	}
	return errors.Join(err, keys.Engine.DB.Close())
}

func createAPIKey(ctx context.Context, keys *app.APIKeys, name string, stdout io.Writer) error {
	key, made, err := keys.CreateAPIKey(ctx, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s\n\nIt is shown this once: only its hash is kept. Its id, to revoke it by, is %s.\n", key, made.ID)
	return nil
}

func listAPIKeys(ctx context.Context, keys *app.APIKeys, stdout io.Writer) error {
	list, err := keys.APIKeys(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tMADE\tREVOKED")
	for _, k := range list {
		revoked := "-"
		if !k.RevokedAt.IsZero() {
			revoked = k.RevokedAt.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", k.ID, k.Name, k.CreatedAt.UTC().Format(time.RFC3339), revoked)
	}
	return table.Flush()
}
