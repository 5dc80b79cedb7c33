// Package observe shows a running service to those who run it: metrics for Prometheus, traces for OpenTelemetry, and the trace's id in
// the log. It knows nothing of what it watches. The packages that are watched name the few methods that they call; internal/app puts
// both together, and where nothing is switched on there is no Observer at all.
//
// What leaves here has few values: routes are templates, purposes and problems are names of the API. No id, no address, no error's text.
package observe

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Options say what is watched.
type Options struct {
	// Build names this build.
	Build   string
	Metrics bool
	// Traces are sent where this says; nil sends none.
	Traces *Traces
	Logger *slog.Logger
}

// Observer keeps metrics and makes spans. Its methods may be called by many at once.
type Observer struct {
	metrics *metrics // nil without
	tracer  trace.Tracer
	// propagator reads the trace that a request says it belongs to; nil where that is not believed.
	propagator propagation.TextMapPropagator
	provider   *sdktrace.TracerProvider
	logger     *slog.Logger
}

// New begins to watch. Whoever calls it calls Close at the end.
func New(ctx context.Context, o Options) (*Observer, error) {
	out := &Observer{logger: o.Logger}
	if o.Metrics {
		out.metrics = newMetrics(o.Build)
	}
	if o.Traces != nil {
		if err := out.trace(ctx, o.Build, *o.Traces); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Close sends the last spans.
func (o *Observer) Close(ctx context.Context) error {
	if o.provider == nil {
		return nil
	}
	return o.provider.Shutdown(ctx)
}

// Enter is told of a request once its route is known.
func (o *Observer) Enter(ctx context.Context, method, route string, header http.Header) context.Context {
	if o.tracer == nil {
		return ctx
	}
	return o.enter(ctx, method, route, header)
}

// Leave is told of every request after its answer.
func (o *Observer) Leave(ctx context.Context, method, route, problem string, status int, began time.Time, took time.Duration) {
	if o.tracer != nil {
		o.leave(ctx, problem, status, began.Add(took))
	}
	if m := o.metrics; m != nil {
		m.requests.WithLabelValues(method, route, class(status)).Observe(took.Seconds())
		if problem != "" {
			m.problems.WithLabelValues(problem).Inc()
		}
	}
}

func class(status int) string {
	return [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}[min(max(status/100, 1), 5)-1]
}

// Updated is told of an update of the database.
func (o *Observer) Updated(ctx context.Context, began time.Time, took time.Duration, err error) {
	if o.tracer != nil {
		o.span(ctx, "database update", began, took, databaseUpdate)
	}
	if m := o.metrics; m != nil {
		m.updates.Observe(took.Seconds())
	}
}

// Committed is told of a commit.
func (o *Observer) Committed(updates int, took time.Duration) {
	if m := o.metrics; m != nil {
		m.commits.Observe(took.Seconds())
		m.batch.Observe(float64(updates))
	}
}

// Retried is told that updates run once more.
func (o *Observer) Retried(reason string) {
	if m := o.metrics; m != nil {
		m.retries.WithLabelValues(reason).Inc()
	}
}

// Attempted is told of an attempt to send a message.
func (o *Observer) Attempted(ctx context.Context, channel, carrier, outcome string, began time.Time, took time.Duration) {
	if o.tracer != nil {
		o.delivery(ctx, channel, carrier, outcome, began, took)
	}
	if m := o.metrics; m != nil {
		m.deliveries.WithLabelValues(channel, carrier, outcome).Inc()
		m.sending.WithLabelValues(channel, carrier).Observe(took.Seconds())
	}
}

// Begun counts a verification that was begun.
func (o *Observer) Begun(purpose string) {
	if m := o.metrics; m != nil {
		m.begun.WithLabelValues(purpose).Inc()
	}
}

// Completed counts a verification that ended in what it was for; way is passkey or codes.
func (o *Observer) Completed(purpose, way string) {
	if m := o.metrics; m != nil {
		m.completed.WithLabelValues(purpose, way).Inc()
	}
}

// Refused counts a step of a verification that was refused.
func (o *Observer) Refused(purpose, problem string) {
	if m := o.metrics; m != nil {
		m.refused.WithLabelValues(purpose, problem).Inc()
	}
}

// Challenged counts a challenge that was given to a browser.
func (o *Observer) Challenged(purpose string) {
	if m := o.metrics; m != nil {
		m.challenges.WithLabelValues(purpose).Inc()
	}
}

// Ceremony counts a browser's answer to a challenge; outcome is ok, or the code of the problem.
func (o *Observer) Ceremony(purpose, outcome string) {
	if m := o.metrics; m != nil {
		m.ceremonies.WithLabelValues(purpose, outcome).Inc()
	}
}

// CodeSent counts a code that was queued; outcome is sent or withheld.
func (o *Observer) CodeSent(channel, outcome string) {
	if m := o.metrics; m != nil {
		m.codesSent.WithLabelValues(channel, outcome).Inc()
	}
}

// CodeChecked counts the verdict on a code.
func (o *Observer) CodeChecked(channel, verdict string) {
	if m := o.metrics; m != nil {
		m.codesChecked.WithLabelValues(channel, verdict).Inc()
	}
}

// Worked is told of a round of work in the background.
func (o *Observer) Worked(work string, ok bool, at time.Time) {
	m := o.metrics
	if m == nil {
		return
	}
	outcome := "failed"
	if ok {
		outcome = "ok"
		m.lastWork.WithLabelValues(work).Set(float64(at.UnixMilli()) / 1000)
	}
	m.work.WithLabelValues(work, outcome).Inc()
}

// Reference is the table of all metrics of the service's own, as docs/operations.md has it.
func Reference() string { return newMetrics("").reference() }

// Names are the names of all metrics that a service shows, its histograms' series among them.
func Names() []string {
	m := newMetrics("")
	var out []string
	for _, d := range m.catalogue {
		out = append(out, d.name)
		if d.kind == "histogram" {
			out = append(out, d.name+"_bucket", d.name+"_sum", d.name+"_count")
		}
	}
	gathered, err := m.registry.Gather()
	if err != nil {
		panic(err) // of the collectors that come with the client library
	}
	for _, f := range gathered {
		out = append(out, f.GetName())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var _, _ prometheus.Collector = (*backlog)(nil), (*fleet)(nil)
