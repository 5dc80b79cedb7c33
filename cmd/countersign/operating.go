package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign/internal/observe"
)

// operation is how serve is watched and stopped.
type operation struct {
	level   slog.Level
	metrics string // where metrics are read; "" for nowhere
	traces  *observe.Traces
	stop    stopping
}

// operating reads the settings of an operation.
func operating(v map[string]string, getenv func(string) string) (operation, error) {
	var o operation
	span := func(name string, least, most time.Duration, into *time.Duration) func() error {
		return func() (err error) {
			if *into, err = time.ParseDuration(v[name]); err != nil || *into < least || *into > most {
				return fmt.Errorf("%q is not a span from %s to %s, such as 10s", v[name], least, most)
			}
			return nil
		}
	}
	err := inTurn(v, []step{
		{"log-level", func() error { return level(v["log-level"], &o.level) }},
		{"metrics-listen", func() (err error) { o.metrics, err = inside(v["metrics-listen"]); return err }},
		{"traces", func() (err error) { o.traces, err = observe.ParseTraces(v["traces"], getenv); return err }},
		{"trace-parent", func() error {
			switch accept := v["trace-parent"]; accept {
			case "accept", "ignore":
				if o.traces != nil {
					o.traces.AcceptParent = accept == "accept"
				}
				return nil
			default:
				return fmt.Errorf("%q is neither accept nor ignore", accept)
			}
		}},
		{"drain-delay", span("drain-delay", 0, 5*time.Minute, &o.stop.delay)},
		{"drain-timeout", span("drain-timeout", time.Second, 10*time.Minute, &o.stop.limit)},
	})
	return o, err
}

func level(name string, into *slog.Level) error {
	switch name {
	case "debug", "info", "warn", "error":
		return into.UnmarshalText([]byte(name))
	}
	return fmt.Errorf("%q is none of debug, info, warn and error", name)
}

// inside reads an address to listen on where everybody who asks is answered: without a host it is this machine alone, never all of its
// addresses.
func inside(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil && !strings.Contains(text, ":") {
		host, port, err = "", text, nil
	}
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 && port != "0" {
		return "", fmt.Errorf("%q is neither a port nor an address and a port, such as 9464 or 10.0.0.5:9464", text)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// watched is what watches a service, and where it shows what it has seen.
type watched struct {
	observer *observe.Observer // nil where nobody watches
	listener net.Listener      // of metrics; nil without
	server   *http.Server
	logger   *slog.Logger
}

// observer begins to watch. The port of metrics is taken at once, so that one that is taken already stops the start.
func (o operation) observer(ctx context.Context, logger *slog.Logger) (*watched, error) {
	w := &watched{logger: logger}
	if o.metrics == "" && o.traces == nil {
		return w, nil
	}
	var err error
	if w.observer, err = observe.New(ctx, observe.Options{Build: build(), Metrics: o.metrics != "", Traces: o.traces, Logger: logger}); err != nil {
		return nil, fmt.Errorf("setting traces: %w", err)
	}
	if o.metrics == "" {
		return w, nil
	}
	if w.listener, err = net.Listen("tcp", o.metrics); err != nil {
		w.close()
		return nil, fmt.Errorf("setting metrics-listen: %w", err)
	}
	return w, nil
}

// show lets metrics be read, until close: what is drained at the end can be seen as well.
func (w *watched) show() {
	if w.listener == nil {
		return
	}
	w.server = &http.Server{Handler: w.observer.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(w.logger.Handler(), slog.LevelWarn)}
	w.logger.Info("metrics", "listen", w.listener.Addr().String())
	go func() { _ = w.server.Serve(w.listener) }() // ends with close
}

// flushTime is how long the last spans may take to go out.
const flushTime = 5 * time.Second

func (w *watched) close() {
	switch {
	case w.server != nil:
		w.server.Close()
	case w.listener != nil:
		w.listener.Close()
	}
	if w.observer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	if err := w.observer.Close(ctx); err != nil {
		w.logger.Warn("the last traces were not sent", "error", err)
	}
}
