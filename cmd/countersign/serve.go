package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"countersign/internal/app"
	"countersign/internal/secret"
	"countersign/internal/webapp"
)

// drain is how long requests under way may take after a stop was asked for.
const drain = 15 * time.Second

func runServe(ctx context.Context, args []string, getenv func(string) string, stderr io.Writer) error {
	v, rest, err := values("serve", args, getenv, stderr)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("serve takes no arguments beside its settings, but got %q", rest)
	}
	logger := slog.New(slog.NewJSONHandler(stderr, nil))
	c, err := configure(v, logger)
	if err != nil {
		return err
	}
	c.Web = webapp.Handler()
	a, err := app.New(ctx, c)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", v["listen"])
	if err != nil {
		return errors.Join(err, a.Close())
	}
	logger.Info("serving", "listen", listener.Addr().String(), "origins", c.Origins, "rp_id", c.RPID, "build", c.Build)
	return serve(ctx, a, a.Handler, logger, listener)
}

// serve answers on the listeners until ctx is done, then lets what is under way end.
func serve(ctx context.Context, a *app.App, h http.Handler, logger *slog.Logger, listeners ...net.Listener) error {
	app.Tune()
	server := app.Serving(h, logger)
	background, stop := context.WithCancel(context.Background())
	defer stop()
	var work sync.WaitGroup
	work.Go(func() { a.Run(background) })
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- server.Serve(l) }()
	}
	var err error
	select {
	case <-ctx.Done():
		logger.Info("stopping")
		limit, cancel := context.WithTimeout(context.Background(), drain)
		defer cancel()
		err = server.Shutdown(limit)
	case err = <-failed:
		server.Close()
	}
	stop()
	work.Wait()
	return errors.Join(err, a.Close())
}

func runKeys(args []string, stdout io.Writer) error {
	if len(args) != 1 || args[0] != "new" {
		return errors.New("usage: countersign keys new")
	}
	fmt.Fprintln(stdout, secret.NewMaster())
	return nil
}

// runDecline is the business saying no to a requested withdrawal.
func runDecline(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	v, rest, err := values("decline", args, getenv, stderr)
	if err != nil {
		return err
	}
	if len(rest) != 2 {
		return errors.New("usage: countersign decline [settings of serve] WITHDRAWAL REASON")
	}
	c, err := configure(v, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	a, err := app.New(ctx, c)
	if err != nil {
		return err
	}
	if err := a.Withdrawals.Decline(ctx, rest[0], rest[1]); err != nil {
		return errors.Join(err, a.Close())
	}
	fmt.Fprintln(stdout, "declined", rest[0])
	return a.Close()
}
