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
	"countersign/internal/observe"
	"countersign/internal/secret"
	"countersign/internal/webapp"
)

func runServe(ctx context.Context, args []string, getenv func(string) string, stderr io.Writer) error {
	v, rest, err := values("", args, getenv, stderr)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("serve takes no arguments beside its settings, but got %q", rest)
	}
	o, err := operating(v, getenv)
	if err != nil {
		return err
	}
	logger := slog.New(observe.WithTrace(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: o.level})))
	c, err := configure(v, logger)
	if err != nil {
		return err
	}
	c.Web = webapp.Handler()
	seen, err := o.observer(ctx, logger)
	if err != nil {
		return err
	}
	defer seen.close()
	c.Observer = seen.observer
	a, err := app.New(ctx, c)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", v["listen"])
	if err != nil {
		return errors.Join(fmt.Errorf("setting listen: %w", err), a.Close())
	}
	logger.Info("serving", "listen", listener.Addr().String(), "origins", c.Origins, "rp_id", c.RPID, "build", c.Build)
	seen.show()
	return serve(ctx, a, a.Handler, logger, o.stop, listener)
}

// stopping is how a service stops.
type stopping struct {
	// delay is how long it goes on as before, but unready; limit is how long requests under way may take after that.
	delay, limit time.Duration
}

// serve answers on the listeners until ctx is done, then lets what is under way end.
func serve(ctx context.Context, a *app.App, h http.Handler, logger *slog.Logger, s stopping, listeners ...net.Listener) error {
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
		err = drain(a, server, logger, s)
	case err = <-failed:
		server.Close()
	}
	stop()
	work.Wait()
	err = errors.Join(err, a.Close())
	if err == nil {
		logger.Info("stopped")
	}
	return err
}

// drain says that the service is stopping, answers as before until that can have been heard, and then only what is under way.
func drain(a *app.App, server *http.Server, logger *slog.Logger, s stopping) error {
	a.API.Stopping()
	logger.Info("stopping", "drain_delay", s.delay.String(), "under_way", a.API.UnderWay())
	<-time.After(s.delay)
	limit, cancel := context.WithTimeout(context.Background(), s.limit)
	defer cancel()
	err := server.Shutdown(limit)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%d requests were still under way after %s, and were broken off", a.API.UnderWay(), s.limit)
		server.Close()
	}
	return err
}

func runKeys(args []string, stdout io.Writer) error {
	if len(args) != 1 || args[0] != "new" {
		return errors.New("usage: countersign keys new")
	}
	fmt.Fprintln(stdout, secret.NewMaster())
	return nil
}
