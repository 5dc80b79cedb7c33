package flowtest

import (
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"countersign/internal/app"
	"countersign/internal/desk"
	"countersign/internal/observe"
	"countersign/internal/policy"
	"countersign/internal/softkey"
	"countersign/internal/testkit"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// outsider is who watches an installation: a collector of traces, and somebody who reads metrics.
type outsider struct {
	t         *testing.T
	observer  *observe.Observer
	collector *httptest.Server
	metrics   *httptest.Server

	mu    sync.Mutex
	raw   []byte // all that came to the collector
	spans []*otlp.Span
	about string // the resource that they come from
}

func watchFromOutside(t *testing.T, acceptParent bool) *outsider {
	t.Helper()
	o := &outsider{t: t}
	o.collector = httptest.NewServer(http.HandlerFunc(o.collect))
	t.Cleanup(o.collector.Close)
	traces, err := observe.ParseTraces(o.collector.URL, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	traces.AcceptParent = acceptParent
	o.observer, err = observe.New(t.Context(), observe.Options{Build: "test", Metrics: true, Traces: traces, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	o.metrics = httptest.NewServer(o.observer.Handler())
	t.Cleanup(o.metrics.Close)
	return o
}

// watches is the change to an installation's configuration by which it is watched.
func (o *outsider) watches(c *app.Config) { c.Observer = o.observer }

func (o *outsider) collect(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(r.Body); err != nil {
			o.t.Error(err)
			return
		}
	}
	raw, err := io.ReadAll(body)
	var sent collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(raw, &sent)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		o.t.Errorf("%s: %v", r.URL, err)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.raw = append(o.raw, raw...)
	for _, from := range sent.ResourceSpans {
		o.about = from.Resource.String()
		for _, scope := range from.ScopeSpans {
			o.spans = append(o.spans, scope.Spans...)
		}
	}
}

// scrape reads the metrics as Prometheus does.
func (o *outsider) scrape() string {
	o.t.Helper()
	resp, err := http.Get(o.metrics.URL + "/metrics")
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		o.t.Fatal(resp.Status, err)
	}
	return string(text)
}

// traces ends the watching and returns all spans.
func (o *outsider) traces() []*otlp.Span {
	o.t.Helper()
	if err := o.observer.Close(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.spans
}

// attribute is the value of a span's attribute, "" without one.
func attribute(s *otlp.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			if a.Value.GetStringValue() != "" {
				return a.Value.GetStringValue()
			}
			return fmt.Sprint(a.Value.GetIntValue())
		}
	}
	return ""
}

// series is the value of one series of metrics, "" where there is none.
func series(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func TestWhatIsSeenFromOutsideIsWhatHappened(t *testing.T) {
	o := watchFromOutside(t, false)
	k := testkit.New(t, o.watches)
	c := k.Full()
	c.CreatePasskey()
	k.Deliver()
	before := o.scrape()

	c.LoginByPasskey(k.Browser()).OK()
	c.LoginByCodes(k.Browser()).OK()
	b := k.Browser()
	b.Codes(b.StartLogin(c.Email, testkit.Password).Verification().ID, map[string]string{"any": "000000"}).Refused("login_refused")
	b.StartLogin("nobody@nowhere.example", testkit.Password).OK()
	c.Prove(c.Approval(c.Withdraw("20"))).OK()
	c.Prove(c.Approval(c.Withdraw("20")), softkey.ZeroSignature()).Refused("passkey_refused")
	c.LoginByPasskey(k.Browser(), softkey.ZeroSignature()).Refused("passkey_refused")
	v := c.Begin(policy.SetPhrase, "", "walnut").Verification()
	c.SendCode(v.ID, "phone").OK() // not delivered yet
	operator := k.Operator(desk.Support)
	operator.Get("/v1/desk/me").OK()
	after := o.scrape()

	for name, want := range map[string]int{
		`countersign_ceremonies_total{outcome="ok",purpose="login"}`:                                                                             1,
		`countersign_ceremonies_total{outcome="passkey_refused",purpose="login"}`:                                                                1,
		`countersign_ceremonies_total{outcome="ok",purpose="withdrawal.approve"}`:                                                                1,
		`countersign_ceremonies_total{outcome="passkey_refused",purpose="withdrawal.approve"}`:                                                   1,
		`countersign_challenges_issued_total{purpose="login"}`:                                                                                   2,
		`countersign_challenges_issued_total{purpose="withdrawal.approve"}`:                                                                      2,
		`countersign_verifications_begun_total{purpose="login"}`:                                                                                 3,
		`countersign_verifications_begun_total{purpose="withdrawal.approve"}`:                                                                    2,
		`countersign_verifications_completed_total{purpose="login",way="passkey"}`:                                                               1,
		`countersign_verifications_completed_total{purpose="login",way="codes"}`:                                                                 1,
		`countersign_verifications_completed_total{purpose="withdrawal.approve",way="passkey"}`:                                                  1,
		`countersign_verifications_refused_total{code="passkey_refused",purpose="withdrawal.approve"}`:                                           1,
		`countersign_codes_checked_total{channel="authenticator",verdict="matched"}`:                                                             1,
		`countersign_codes_checked_total{channel="authenticator",verdict="wrong"}`:                                                               1,
		`countersign_codes_sent_total{channel="sms",outcome="sent"}`:                                                                             1,
		`countersign_problems_total{code="login_refused"}`:                                                                                       1,
		`http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_class="2xx",http_route="/v1/login/passkey"}`: 1,
		`http_server_request_duration_seconds_count{http_request_method="POST",http_response_status_class="4xx",http_route="/v1/login/passkey"}`: 1,
		`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_class="2xx",http_route="/v1/desk/me"}`:        1,
	} {
		if got := number(t, series(after, name)) - number(t, series(before, name)); got != float64(want) {
			t.Errorf("%s grew by %v, want %d", name, got, want)
		}
	}
	for name, want := range map[string]string{
		`countersign_ceremonies_total{outcome="ok",purpose="passkey.create"}`: "1",
		`countersign_outbox_messages{channel="sms"}`:                          "1",
		`countersign_outbox_oldest_age_seconds{channel="sms"}`:                "0",
		`countersign_database_up`:                                             "1",
		`countersign_database_queue_updates`:                                  "0",
		`countersign_password_hashes_running`:                                 "0",
		`countersign_password_hashes_limit`:                                   "66",
		`http_server_active_requests`:                                         "0",
	} {
		if got := series(after, name); got != want {
			t.Errorf("%s is %q, want %s", name, got, want)
		}
	}
	for _, name := range []string{`countersign_deliveries_total{carrier="email",channel="email",outcome="sent"}`, `countersign_deliveries_total{carrier="sms",channel="sms",outcome="sent"}`,
		`db_client_operation_duration_seconds_count{db_operation_name="update"}`, "countersign_database_batch_updates_sum", "countersign_database_commit_duration_seconds_count",
		"process_resident_memory_bytes", "go_goroutines", `countersign_codes_sent_total{channel="email",outcome="withheld"}`} {
		if number(t, series(after, name)) == 0 {
			t.Errorf("%s is %q", name, series(after, name))
		}
	}
	if !strings.Contains(after, `countersign_build_info{build="test",goversion="go1.`) {
		t.Error("no build_info")
	}

	k.Clock.Advance(90e9)
	if got := series(o.scrape(), `countersign_outbox_oldest_age_seconds{channel="sms"}`); got != "90" {
		t.Errorf("after 90 s the oldest message is %s s old", got)
	}

	spans := o.traces()
	logins := slices.DeleteFunc(slices.Clone(spans), func(s *otlp.Span) bool { return s.Name != "POST /v1/login/passkey" })
	if len(logins) != 2 {
		t.Fatalf("%d spans of logins among %d", len(logins), len(spans))
	}
	statuses := attribute(logins[0], "http.response.status_code") + " " + attribute(logins[1], "http.response.status_code")
	if statuses != "200 401" || attribute(logins[0], "http.route") != "/v1/login/passkey" || attribute(logins[1], "countersign.problem") != "passkey_refused" || logins[0].Kind != otlp.Span_SPAN_KIND_SERVER {
		t.Errorf("%s: %v", statuses, logins)
	}
	within := slices.ContainsFunc(spans, func(s *otlp.Span) bool {
		return s.Name == "database update" && string(s.ParentSpanId) == string(logins[0].SpanId) && string(s.TraceId) == string(logins[0].TraceId) &&
			s.StartTimeUnixNano >= logins[0].StartTimeUnixNano && s.EndTimeUnixNano <= logins[0].EndTimeUnixNano
	})
	sent := slices.ContainsFunc(spans, func(s *otlp.Span) bool {
		return s.Name == "send sms" && attribute(s, "countersign.outcome") == "sent" && len(s.ParentSpanId) == 0
	})
	if !within || !sent {
		t.Errorf("update within the login: %t; delivery: %t", within, sent)
	}
	for _, s := range spans {
		for _, a := range s.Attributes {
			if !slices.Contains([]string{"http.request.method", "http.route", "http.response.status_code", "error.type", "db.operation.name", "countersign.problem", "countersign.channel",
				"countersign.carrier", "countersign.outcome"}, a.Key) {
				t.Errorf("a span has %s", a)
			}
		}
		if len(s.Events) > 0 || s.Status.GetMessage() != "" {
			t.Errorf("a span has events or words: %s", s)
		}
	}
	if !strings.Contains(o.about, "countersign") || strings.Contains(o.about, "command") {
		t.Errorf("the spans come from %s", o.about)
	}
}

func number(t *testing.T, text string) (n float64) {
	t.Helper()
	if text == "" {
		return 0
	}
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return n
}

// A stranger who names a trace could tie requests together, or have everything kept.
func TestARequestNamesItsTraceOnlyWhereThatIsAccepted(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for _, accept := range []bool{false, true} {
		o := watchFromOutside(t, accept)
		k := testkit.New(t, o.watches)
		k.Browser().Send("GET", "/v1/config", nil, map[string]string{"Traceparent": parent}).OK()
		spans := o.traces()
		if len(spans) != 1 {
			t.Fatalf("%d spans", len(spans))
		}
		if got := fmt.Sprintf("%x", spans[0].TraceId) == "0af7651916cd43dd8448eb211c80319c"; got != accept {
			t.Errorf("accepting %t: the trace is %x", accept, spans[0].TraceId)
		}
	}
}

var anAnyID = regexp.MustCompile(`\b[a-z]{2,4}_[0-9a-z]{26}\b`)

// tellsNobody looks for what is somebody's in what is seen from outside.
func (o *outsider) tellsNobody(secrets map[string]bool) {
	o.t.Helper()
	metrics := o.scrape()
	o.traces()
	o.mu.Lock()
	traces := string(o.raw)
	o.mu.Unlock()
	if strings.Count(metrics, "\n") < 500 || len(traces) < 20_000 {
		o.t.Errorf("the test has seen %d lines of metrics and %d bytes of traces", strings.Count(metrics, "\n"), len(traces))
	}
	// Figures of the process are whatever they are, six digits or not.
	var ours strings.Builder
	for line := range strings.Lines(metrics) {
		if !strings.HasPrefix(line, "go_") && !strings.HasPrefix(line, "process_") {
			ours.WriteString(line)
		}
	}
	for where, text := range map[string]string{"the metrics": ours.String(), "the traces": traces} {
		for s := range secrets {
			if len(s) == 6 && containsWord(text, s) || len(s) != 6 && strings.Contains(text, s) {
				o.t.Errorf("%s have %q", where, s)
			}
		}
		if found := anAnyID.FindString(text); found != "" {
			o.t.Errorf("%s have the id %s", where, found)
		}
	}
}
