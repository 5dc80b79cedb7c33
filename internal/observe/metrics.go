package observe

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what the service counts and measures, each registered where it is made.
type metrics struct {
	registry  *prometheus.Registry
	catalogue []definition

	requests         *prometheus.HistogramVec
	problems         *prometheus.CounterVec
	begun, completed *prometheus.CounterVec
	refused          *prometheus.CounterVec
	challenges       *prometheus.CounterVec
	ceremonies       *prometheus.CounterVec
	codesSent        *prometheus.CounterVec
	codesChecked     *prometheus.CounterVec
	deliveries       *prometheus.CounterVec
	sending          *prometheus.HistogramVec
	updates          prometheus.Observer
	commits, batch   prometheus.Observer
	retries          *prometheus.CounterVec
	work             *prometheus.CounterVec
	lastWork         *prometheus.GaugeVec
	sources          Sources
}

type definition struct {
	name, kind, help string
	labels           []string
}

// Buckets are those that OpenTelemetry proposes for HTTP servers and database clients, and finer below: a login takes a few milliseconds.
var (
	requestBuckets  = []float64{.001, .0025, .005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}
	databaseBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	sendingBuckets  = []float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 20}
)

func newMetrics(build string) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector())

	m.requests = m.histogram("http_server_request_duration_seconds", "How long requests took to be answered, by route template (empty where none was found).",
		requestBuckets, "http_request_method", "http_route", "http_response_status_class")
	m.gauge("http_server_active_requests", "Requests that are being answered.", func(s *Sources) float64 { return float64(s.UnderWay()) })
	m.problems = m.counter("countersign_problems_total", "Refusals that were answered, by the problem's code.", "code")

	m.begun = m.counter("countersign_verifications_begun_total", "Verifications that were begun; signing in by passkey begins none.", "purpose")
	m.completed = m.counter("countersign_verifications_completed_total", "Verifications that ended in what they were for, by way (passkey or codes).", "purpose", "way")
	m.refused = m.counter("countersign_verifications_refused_total", "Steps of verifications that were refused, by the problem's code.", "purpose", "code")
	m.challenges = m.counter("countersign_challenges_issued_total", "Challenges for a passkey that were given out. Those that nobody answers were cancelled, or failed on the device.", "purpose")
	m.ceremonies = m.counter("countersign_ceremonies_total", "Answers of passkeys, by outcome: ok, or the problem's code.", "purpose", "outcome")
	m.codesSent = m.counter("countersign_codes_sent_total", "Codes that were queued (sent), or not, as nobody may get them (withheld: unknown accounts, and budgets that are used up).", "channel", "outcome")
	m.codesChecked = m.counter("countersign_codes_checked_total", "Codes that were entered, by verdict: matched, wrong, expired, used, not_sent, not_asked.", "channel", "verdict")

	// Series that are there from the beginning: an alert that compares them is blind until both are.
	for _, channel := range channels {
		for _, outcome := range []string{"sent", "withheld"} {
			m.codesSent.WithLabelValues(channel, outcome)
		}
	}
	for _, channel := range append([]string{"authenticator"}, channels...) {
		for _, verdict := range []string{"matched", "wrong"} {
			m.codesChecked.WithLabelValues(channel, verdict)
		}
	}

	m.deliveries = m.counter("countersign_deliveries_total", "Attempts to send a message, by carrier and outcome: sent, failed (the carrier did not answer, or could not), declined (it did, and did not take this message now), refused (for good), expired. A message that three carriers were asked to take counts three times.", "channel", "carrier", "outcome")
	m.sending = m.histogram("countersign_delivery_duration_seconds", "How long carriers took to take a message or not.", sendingBuckets, "channel", "carrier")
	m.define("countersign_carrier_resting", "gauge", "Whether the carrier is rested by this copy, as it failed too often in a row: 1 or 0.", "channel", "carrier")
	m.define("countersign_carrier_connected", "gauge", "Whether this copy has its connection to the carrier, for those that keep one: 1 or 0.", "channel", "carrier")
	m.define("countersign_outbox_messages", "gauge", "Messages that wait to be sent. Every copy of the service says the same.", "channel")
	m.define("countersign_outbox_oldest_age_seconds", "gauge", "How long the message has waited that was queued first.", "channel")

	m.define("countersign_log_entries", "gauge", "Entries of the audit log's tree. Every copy of the service says the same, as with the next two.")
	m.define("countersign_log_waiting_events", "gauge", "Events that have no place in the tree yet, up to 100,000.")
	m.define("countersign_log_oldest_waiting_seconds", "gauge", "How long the event has waited for its place that was written first.")
	m.define("countersign_log_checkpoint_timestamp_seconds", "gauge", "When the newest checkpoint was signed; there is one whenever an event got its place. 0 before the first.")

	m.define("countersign_database_up", "gauge", "Whether the database answered when it was asked for the outbox: 1 or 0.")
	m.updates = m.histogram("db_client_operation_duration_seconds", "How long updates of the database took, with their waiting for others and the commit.", databaseBuckets, "db_operation_name").
		WithLabelValues("update")
	m.commits = m.histogram("countersign_database_commit_duration_seconds", "How long a batch of updates took that shares one commit.", databaseBuckets).WithLabelValues()
	m.batch = m.histogram("countersign_database_batch_updates", "How many updates shared one commit.", []float64{1, 2, 4, 8, 16, 32, 64, 128}).WithLabelValues()
	m.gauge("countersign_database_queue_updates", "Updates that wait to be run.", func(s *Sources) float64 { return float64(s.Waiting()) })
	m.retries = m.counter("countersign_database_retries_total", "Batches of updates that ran once more, by reason.", "reason")

	m.gauge("countersign_password_hashes_running", "Passwords that are being hashed.", func(s *Sources) float64 { running, _, _ := s.Hashing(); return float64(running) })
	m.gauge("countersign_password_hashes_waiting", "Passwords that wait to be hashed.", func(s *Sources) float64 { _, waiting, _ := s.Hashing(); return float64(waiting) })
	m.gauge("countersign_password_hashes_limit", "Passwords that may be hashed and wait at once; one more is answered with the problem unavailable.",
		func(s *Sources) float64 { _, _, limit := s.Hashing(); return float64(limit) })

	m.work = m.counter("countersign_background_rounds_total", "Rounds of work in the background, by outcome: ok or failed.", "work", "outcome")
	m.lastWork = m.gauges("countersign_background_last_success_timestamp_seconds", "When work in the background last ended well.", "work")
	m.gauge("countersign_clock_behind_seconds", "How far this machine's clock is behind an instant that the service has seen.", func(s *Sources) float64 { return s.Behind().Seconds() })
	m.gauges("countersign_build_info", "1, with the build and the Go version that made it.", "build", "goversion").WithLabelValues(build, runtime.Version()).Set(1)
	return m
}

func (m *metrics) define(name, kind, help string, labels ...string) {
	m.catalogue = append(m.catalogue, definition{name, kind, help, labels})
}

func (m *metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	m.define(name, "counter", help, labels...)
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *metrics) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	m.define(name, "gauge", help, labels...)
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	m.define(name, "histogram", help, labels...)
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(v)
	return v
}

// gauge is read from the sources whenever somebody looks.
func (m *metrics) gauge(name, help string, read func(*Sources) float64) {
	m.define(name, "gauge", help)
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
		if m.sources.UnderWay == nil {
			return 0
		}
		return read(&m.sources)
	}))
}

func (m *metrics) reference() string {
	var b strings.Builder
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, d := range m.catalogue {
		labels := ""
		if len(d.labels) > 0 {
			labels = "`" + strings.Join(d.labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.name, d.kind, labels, d.help)
	}
	return b.String()
}

// Sources are asked whenever metrics are read. All of them are set.
type Sources struct {
	// UnderWay is how many requests are being answered, Waiting how many updates of the database wait.
	UnderWay func() int64
	Waiting  func() int
	// Hashing is how many passwords are hashed, how many wait, and how many may do either.
	Hashing func() (running, waiting, limit int)
	Behind  func() time.Duration
	// Backlog is what waits in the outbox.
	Backlog func(context.Context) ([]Backlog, error)
	// Log is how far the audit log's tree is.
	Log func(context.Context) (LogStatus, error)
	// Carriers are how the carriers fare in this process.
	Carriers func() []Carrier
	Now      func() time.Time
}

// Carrier is how one carrier fares. Connected is nil for those that keep no connection.
type Carrier struct {
	Channel, Name string
	Resting       bool
	Connected     *bool
}

// Backlog is what waits in the outbox for one channel.
type Backlog struct {
	Channel  string
	Messages int64
	Oldest   time.Time // when it was queued
}

// LogStatus is how far the audit log's tree is.
type LogStatus struct {
	Entries, Waiting int64
	Oldest           time.Duration // how long the first of those has waited
	Checkpoint       time.Time     // of the newest
}

// logStatus reads the audit log's state whenever somebody looks.
type logStatus struct {
	sources                              Sources
	logger                               *slog.Logger
	entries, waiting, oldest, checkpoint *prometheus.Desc
}

func (l *logStatus) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{l.entries, l.waiting, l.oldest, l.checkpoint} {
		to <- d
	}
}

func (l *logStatus) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), backlogTime)
	defer cancel()
	s, err := l.sources.Log(ctx)
	if err != nil {
		l.logger.Warn("the audit log cannot be read for metrics", "error", err)
		return
	}
	at := 0.0
	if !s.Checkpoint.IsZero() {
		at = float64(s.Checkpoint.UnixMilli()) / 1000
	}
	to <- prometheus.MustNewConstMetric(l.entries, prometheus.GaugeValue, float64(s.Entries))
	to <- prometheus.MustNewConstMetric(l.waiting, prometheus.GaugeValue, float64(s.Waiting))
	to <- prometheus.MustNewConstMetric(l.oldest, prometheus.GaugeValue, s.Oldest.Seconds())
	to <- prometheus.MustNewConstMetric(l.checkpoint, prometheus.GaugeValue, at)
}

// Watch tells where to look whenever metrics are read. It is called once, before Handler.
func (o *Observer) Watch(s Sources) {
	if m := o.metrics; m != nil {
		m.sources = s
		desc := func(name string) *prometheus.Desc { return prometheus.NewDesc(name, m.help(name), nil, nil) }
		m.registry.MustRegister(&logStatus{sources: s, logger: o.logger, entries: desc("countersign_log_entries"), waiting: desc("countersign_log_waiting_events"),
			oldest: desc("countersign_log_oldest_waiting_seconds"), checkpoint: desc("countersign_log_checkpoint_timestamp_seconds")})
		m.registry.MustRegister(&backlog{sources: s, logger: o.logger,
			up:       prometheus.NewDesc("countersign_database_up", m.help("countersign_database_up"), nil, nil),
			messages: prometheus.NewDesc("countersign_outbox_messages", m.help("countersign_outbox_messages"), []string{"channel"}, nil),
			oldest:   prometheus.NewDesc("countersign_outbox_oldest_age_seconds", m.help("countersign_outbox_oldest_age_seconds"), []string{"channel"}, nil)})
		m.registry.MustRegister(&fleet{carriers: s.Carriers,
			resting:   prometheus.NewDesc("countersign_carrier_resting", m.help("countersign_carrier_resting"), []string{"channel", "carrier"}, nil),
			connected: prometheus.NewDesc("countersign_carrier_connected", m.help("countersign_carrier_connected"), []string{"channel", "carrier"}, nil)})
	}
}

func (m *metrics) help(name string) string {
	for _, d := range m.catalogue {
		if d.name == name {
			return d.help
		}
	}
	return ""
}

// channels are there even where nothing waits: a series that comes and goes is no use to an alert.
var channels = []string{"email", "sms"}

// backlogTime is how long the database may take to tell what waits.
const backlogTime = 3 * time.Second

// backlog reads the outbox whenever somebody looks.
type backlog struct {
	sources              Sources
	logger               *slog.Logger
	up, messages, oldest *prometheus.Desc
}

func (b *backlog) Describe(to chan<- *prometheus.Desc) {
	to <- b.up
	to <- b.messages
	to <- b.oldest
}

func (b *backlog) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), backlogTime)
	defer cancel()
	found, err := b.sources.Backlog(ctx)
	if err != nil {
		b.logger.Warn("the outbox cannot be read for metrics", "error", err)
		to <- prometheus.MustNewConstMetric(b.up, prometheus.GaugeValue, 0)
		return
	}
	to <- prometheus.MustNewConstMetric(b.up, prometheus.GaugeValue, 1)
	by := map[string]Backlog{}
	for _, f := range found {
		by[f.Channel] = f
	}
	for _, channel := range channels {
		f, age := by[channel], 0.0
		if f.Messages > 0 {
			age = max(0, b.sources.Now().Sub(f.Oldest).Seconds())
		}
		to <- prometheus.MustNewConstMetric(b.messages, prometheus.GaugeValue, float64(f.Messages), channel)
		to <- prometheus.MustNewConstMetric(b.oldest, prometheus.GaugeValue, age, channel)
	}
}

// fleet asks how the carriers fare whenever somebody looks.
type fleet struct {
	carriers           func() []Carrier
	resting, connected *prometheus.Desc
}

func (f *fleet) Describe(to chan<- *prometheus.Desc) {
	to <- f.resting
	to <- f.connected
}

func (f *fleet) Collect(to chan<- prometheus.Metric) {
	say := func(what *prometheus.Desc, is bool, c Carrier) {
		value := 0.0
		if is {
			value = 1
		}
		to <- prometheus.MustNewConstMetric(what, prometheus.GaugeValue, value, c.Channel, c.Name)
	}
	for _, c := range f.carriers() {
		say(f.resting, c.Resting, c)
		if c.Connected != nil {
			say(f.connected, *c.Connected, c)
		}
	}
}

// Handler shows the metrics; nil where none are kept.
func (o *Observer) Handler() http.Handler {
	if o.metrics == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.metrics.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(o.logger.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	}))
	return mux
}
