package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"countersign/internal/account"
)

// watchedServer is a server without a database, with a web app, and the log that it writes.
func watchedServer(addresses LogAddresses) (*Server, *bytes.Buffer) {
	log := &bytes.Buffer{}
	s := &Server{
		Config: Config{Origins: []string{"https://bank.example"}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}, LogAddresses: addresses},
		Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), Accounts: &account.Service{},
		App: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write([]byte("12345"))
		}),
	}
	return s, log
}

func TestEachRequestHasOneLineThatNamesItsRouteAndNobody(t *testing.T) {
	const id = "acc_01k0000000000000000000000a"
	for name, c := range map[string]struct {
		method, path string
		header       map[string]string
		want         map[string]any
	}{
		"a page": {"GET", "/security/" + id + "?token=" + id, nil, map[string]any{"level": "INFO", "method": "GET", "route": "/", "status": 418.0, "bytes": 5.0}},
		"a refusal": {"GET", "/v1/withdrawals/" + id, nil,
			map[string]any{"level": "INFO", "method": "GET", "route": "/v1/withdrawals/{id}", "status": 401.0, "problem": "unauthenticated"}},
		"no route":                 {"GET", "/v1/nothing/" + id, nil, map[string]any{"route": "/v1/", "status": 404.0, "problem": "not_found"}},
		"another site":             {"POST", "/v1/verifications/" + id + "/codes", map[string]string{"Sec-Fetch-Site": "cross-site"}, map[string]any{"route": "/v1/verifications/{id}/codes", "status": 403.0, "problem": "cross_origin"}},
		"a made-up verb":           {"INES", "/v1/config", nil, map[string]any{"method": "_OTHER", "route": "/v1/", "status": 405.0}},
		"a probe":                  {"GET", "/healthz", nil, map[string]any{"level": "DEBUG", "route": "/healthz", "status": 200.0}},
		"a path that is not clean": {"GET", "//v1/" + id, nil, map[string]any{"route": "", "status": 307.0}},
	} {
		t.Run(name, func(t *testing.T) {
			s, log := watchedServer(MaskedAddresses)
			r := httptest.NewRequest(c.method, c.path, nil)
			r.RemoteAddr = "203.0.113.77:4711"
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			if n := bytes.Count(log.Bytes(), []byte("\n")); n != 1 {
				t.Fatalf("%d lines: %s", n, log)
			}
			if bytes.Contains(log.Bytes(), []byte(id)) || bytes.Contains(log.Bytes(), []byte("INES")) || bytes.Contains(log.Bytes(), []byte("203.0.113.77")) {
				t.Errorf("the line says too much: %s", log)
			}
			var line map[string]any
			if err := json.Unmarshal(log.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			for k, v := range c.want {
				if line[k] != v {
					t.Errorf("%s is %v, want %v, in %s", k, line[k], v, log)
				}
			}
			if _, has := line["duration_ms"].(float64); !has || line["client"] != "203.0.113.0/24" || line["request_id"] != w.Header().Get("X-Request-Id") || line["request_id"] == "" {
				t.Errorf("%s", log)
			}
			if s.UnderWay() != 0 {
				t.Errorf("%d requests are under way", s.UnderWay())
			}
		})
	}
}

func TestAddressesAreLoggedAsFarAsTheSettingLets(t *testing.T) {
	for _, c := range []struct {
		how          LogAddresses
		remote, want string
	}{
		{MaskedAddresses, "198.51.100.7:1", "198.51.100.0/24"}, {MaskedAddresses, "[2001:db8:1:2:3::4]:1", "2001:db8:1::/48"}, {MaskedAddresses, "[::ffff:198.51.100.7]:1", "198.51.100.0/24"},
		{FullAddresses, "198.51.100.7:1", "198.51.100.7"}, {NoAddresses, "198.51.100.7:1", ""}, {"", "198.51.100.7:1", ""}, {MaskedAddresses, "@", ""},
	} {
		s, _ := watchedServer(c.how)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		if got := s.loggedAddress(r); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.how, c.remote, got, c.want)
		}
	}
}

func TestOnlyAProxyThatIsTrustedNamesARequest(t *testing.T) {
	own := regexp.MustCompile(`^[0-9a-f]{16}$`)
	for _, c := range []struct {
		remote, given string
		taken         bool
	}{
		{"10.0.0.1:1", "3f1b2c4d-0000-4000-8000-0123456789ab", true},
		{"[fd00::1]:1", "edge_01K0ABCDEF", true},
		{"203.0.113.9:1", "3f1b2c4d-0000-4000-8000-0123456789ab", false},
		{"10.0.0.1:1", "", false},
		{"10.0.0.1:1", "short", false},
		{"10.0.0.1:1", "ines@halloran.example", false},
		{"10.0.0.1:1", "with spaces and\tmore", false},
		{"10.0.0.1:1", "0123456789012345678901234567890123456789012345678901234567890123456789", false},
	} {
		s, _ := watchedServer(NoAddresses)
		r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
		r.RemoteAddr = c.remote
		r.Header.Set("X-Request-Id", c.given)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if got := w.Header().Get("X-Request-Id"); c.taken != (got == c.given) || !c.taken && !own.MatchString(got) {
			t.Errorf("%q from %s: the request is called %q", c.given, c.remote, got)
		}
	}
}

// visits notes what an observer is told.
type visits struct{ told []string }

type entered struct{}

func (v *visits) Enter(ctx context.Context, method, route string, _ http.Header) context.Context {
	return context.WithValue(ctx, entered{}, method+" "+route)
}

func (v *visits) Leave(ctx context.Context, method, route, problem string, status int, _ time.Time, _ time.Duration) {
	at, _ := ctx.Value(entered{}).(string)
	v.told = append(v.told, at+"|"+method+" "+route+"|"+problem+"|"+http.StatusText(status))
}

func TestTheObserverIsToldOfEveryRequestWithItsOwnContext(t *testing.T) {
	s, _ := watchedServer(NoAddresses)
	v := &visits{}
	s.Observer = v
	h := s.Handler()
	for _, path := range []string{"/v1/withdrawals/wd_1", "/page", "//double"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	want := []string{"GET /v1/withdrawals/{id}|GET /v1/withdrawals/{id}|unauthenticated|Unauthorized", "GET /|GET /||I'm a teapot", "|GET ||Temporary Redirect"}
	for i := range want {
		if i >= len(v.told) || v.told[i] != want[i] {
			t.Errorf("told %q, want %q", v.told, want)
			break
		}
	}
}
