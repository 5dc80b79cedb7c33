package observe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Traces say where spans go.
type Traces struct {
	// Endpoint is a collector's OTLP/HTTP address; "" leaves it to the OTEL_ variables.
	Endpoint string
	// AcceptParent lets a request say which trace it belongs to.
	AcceptParent bool
}

// ParseTraces reads the setting and the standard environment: nil where neither switches traces on.
func ParseTraces(endpoint string, getenv func(string) string) (*Traces, error) {
	set := endpoint != "" || getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	if !set || strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || endpoint == "" && getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := getenv(name); protocol != "" && protocol != "http/protobuf" {
			return nil, fmt.Errorf("%s is %q, but only http/protobuf is spoken; collectors have it at port 4318", name, protocol)
		}
	}
	if exporter := getenv("OTEL_TRACES_EXPORTER"); endpoint == "" && exporter != "" && exporter != "otlp" {
		return nil, fmt.Errorf("OTEL_TRACES_EXPORTER is %q, but traces go out by otlp or not at all (none)", exporter)
	}
	if endpoint == "" {
		return &Traces{}, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("this is no endpoint; write it as http://127.0.0.1:4318 (headers that a collector wants go into OTEL_EXPORTER_OTLP_HEADERS)")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return &Traces{Endpoint: u.String()}, nil
}

func (o *Observer) trace(ctx context.Context, build string, t Traces) error {
	var options []otlptracehttp.Option
	if t.Endpoint != "" {
		options = append(options, otlptracehttp.WithEndpointURL(t.Endpoint))
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return fmt.Errorf("traces: %w", err)
	}
	// Nothing of the process is detected: its command line may hold what is nobody's business.
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(semconv.ServiceName("countersign"), semconv.ServiceVersion(build)), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return fmt.Errorf("traces: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { o.logger.Warn("traces cannot be sent", "error", err) }))
	o.provider = sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	o.tracer = o.provider.Tracer("countersign")
	if t.AcceptParent {
		o.propagator = propagation.TraceContext{}
	}
	return nil
}

var (
	databaseUpdate = trace.WithAttributes(attribute.String("db.operation.name", "update"))
	problemKey     = attribute.Key("countersign.problem")
)

func (o *Observer) enter(ctx context.Context, method, route string, header http.Header) context.Context {
	if o.propagator != nil {
		ctx = o.propagator.Extract(ctx, propagation.HeaderCarrier(header))
	}
	// No path, no query, no client: a path may hold an id, and the rest is somebody's.
	ctx, _ = o.tracer.Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(semconv.HTTPRequestMethodKey.String(method), semconv.HTTPRoute(route)))
	return ctx
}

func (o *Observer) leave(ctx context.Context, problem string, status int, at time.Time) {
	span := trace.SpanFromContext(ctx)
	if span.IsRecording() {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		if problem != "" {
			span.SetAttributes(problemKey.String(problem))
		}
		if status >= 500 {
			kind := problem
			if kind == "" {
				kind = strconv.Itoa(status)
			}
			span.SetAttributes(semconv.ErrorTypeKey.String(kind))
			span.SetStatus(codes.Error, "")
		}
	}
	span.End(trace.WithTimestamp(at))
}

// span adds what has happened within a request to its trace. What belongs to none makes no trace of its own: the work in the
// background would fill the collector with nothing.
func (o *Observer) span(ctx context.Context, name string, began time.Time, took time.Duration, attributes trace.SpanStartEventOption) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	_, span := o.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(began), attributes)
	span.End(trace.WithTimestamp(began.Add(took)))
}

// delivery is a trace of its own: a message goes out after the request that asked for it, and by another copy perhaps.
func (o *Observer) delivery(ctx context.Context, channel, carrier, outcome string, began time.Time, took time.Duration) {
	_, span := o.tracer.Start(ctx, "send "+channel, trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(began),
		trace.WithAttributes(attribute.String("countersign.channel", channel), attribute.String("countersign.carrier", carrier), attribute.String("countersign.outcome", outcome)))
	if outcome != "sent" {
		span.SetAttributes(semconv.ErrorTypeKey.String(outcome))
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(began.Add(took)))
}

// WithTrace is a handler that adds the trace's id to what is logged within one.
func WithTrace(h slog.Handler) slog.Handler { return traced{h} }

type traced struct{ slog.Handler }

func (t traced) Handle(ctx context.Context, r slog.Record) error {
	if s := trace.SpanContextFromContext(ctx); s.IsValid() {
		r.AddAttrs(slog.String("trace_id", s.TraceID().String()), slog.String("span_id", s.SpanID().String()))
	}
	return t.Handler.Handle(ctx, r)
}

func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(attrs)} }
func (t traced) WithGroup(name string) slog.Handler       { return traced{t.Handler.WithGroup(name)} }
