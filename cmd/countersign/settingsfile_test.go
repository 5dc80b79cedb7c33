package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func settingsFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "countersign.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func nothing(string) string { return "" }

func TestAFlagWinsOverTheEnvironmentAndThatOverTheFile(t *testing.T) {
	path := settingsFile(t, "\ufeff# comment\n\n  name =  Bank of # Four \nlisten=127.0.0.1:1\r\nsmtp-port = 25\nsmtp-from = \"Bank <no-reply@bank.example>\"\nsms-token = \" a\\tb \"\nsmtp-user =\n", 0o640)
	environment := map[string]string{"COUNTERSIGN_LISTEN": "127.0.0.1:2", "COUNTERSIGN_SMTP_PORT": "26", "COUNTERSIGN_CONFIG": "/nowhere", "COUNTERSIGN_NAME": ""}
	v, rest, err := values("", []string{"-config", path, "-smtp-port", "27", "-smtp-host", "", "more"}, func(name string) string { return environment[name] }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]string{
		"smtp-port": {"27", "the flag -smtp-port"}, "listen": {"127.0.0.1:2", "the environment, COUNTERSIGN_LISTEN"}, "name": {"Bank of # Four", path + ", line 3"},
		"smtp-from": {"Bank <no-reply@bank.example>", path + ", line 6"}, "sms-token": {" a\tb ", path + ", line 7"}, "smtp-user": {"", path + ", line 8"}, "database": {"countersign.db", ""},
		"smtp-host": {"", "the flag -smtp-host"},
	} {
		if v[name] != want[0] || v[whence+name] != want[1] {
			t.Errorf("%s is %q from %q, want %q from %q", name, v[name], v[whence+name], want[0], want[1])
		}
	}
	if len(rest) != 1 || rest[0] != "more" {
		t.Errorf("%q", rest)
	}
}

func TestWhatIsWrongInAFileIsNamedWithItsLineAndItsRemedy(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		says string
	}{
		"a name that is mistyped":        {"listen = 127.0.0.1:1\n\nsmpt-host = mail\n", 0o600, `line 3: there is no setting "smpt-host"; is smtp-host meant?`},
		"a name as in the environment":   {"SMTP_HOST = mail\n", 0o600, `line 1: there is no setting "SMTP_HOST"; is smtp-host meant?`},
		"a name that is like none":       {"colour = blue\n", 0o600, `line 1: there is no setting "colour"; countersign config lists them`},
		"no value":                       {"listen\n", 0o600, "line 1: this is no setting; write name = value"},
		"a section":                      {"[smtp]\n", 0o600, "line 1: this is no setting"},
		"a name twice":                   {"listen = a\nname = b\nlisten = c\n", 0o600, "line 3: listen is set already in "},
		"another file":                   {"config = other.conf\n", 0o600, "line 1: a file of settings names no other"},
		"a quotation mark left open":     {"name = \"Bank\n", 0o600, "line 1: name: what begins with a quotation mark"},
		"something behind the quotation": {"name = \"Bank\" # ours\n", 0o600, "line 1: name: what begins with a quotation mark"},
		"a password in an address":       {"database = postgres://u:Hush@h/d\n", 0o644, "holds database, and its mode 0644"},
		"a secret that all can read":     {"sms-token = 0123456789\n", 0o644, "holds sms-token, and its mode 0644"},
		"a secret that others can write": {"listen = a\nmaster-key = 00\n", 0o660, "chmod 600 "},
	} {
		t.Run(name, func(t *testing.T) {
			path := settingsFile(t, c.text, c.mode)
			_, _, err := values("", []string{"-config", path}, nothing, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v\nwant %q", err, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "0123456789") {
				t.Errorf("the error has the secret: %v", err)
			}
		})
	}
	if _, _, err := values("", []string{"-config", settingsFile(t, "name = Bank\n", 0o644)}, nothing, io.Discard); err != nil {
		t.Errorf("a file without secrets that all can read: %v", err)
	}
	if _, _, err := values("", []string{"-config", "/nowhere/countersign.conf"}, nothing, io.Discard); err == nil || !strings.Contains(err.Error(), "setting config") {
		t.Errorf("%v", err)
	}
}

func TestABadValueIsNamedWithThePlaceWhereItStands(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	path := settingsFile(t, "drain-delay = soon\nsmtp-port = 70000\norigin = http://bank.example\nhold-unfrozen = 3d\n", 0o600)
	for name, want := range map[string]string{
		"origin":        "setting origin (from " + path + ", line 3)",
		"smtp-port":     "(from " + path + ", line 2): smtp-port: \"70000\" is not a port",
		"hold-unfrozen": "(from " + path + ", line 4): hold-unfrozen: \"3d\" is not a span",
		"drain-delay":   "setting drain-delay (from " + path + ", line 1): \"soon\" is not a span from 0s to 5m0s, such as 10s",
	} {
		v := complete(t)
		file, err := readSettings(path)
		if err != nil {
			t.Fatal(err)
		}
		v[name], v[whence+name] = file[name].text, file[name].place
		_, err = configure(v, logger)
		if err == nil {
			_, err = operating(v, nothing)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestHowAServiceIsWatchedAndStoppedIsChecked(t *testing.T) {
	environment := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	for _, c := range []struct {
		setting, value, says string
		getenv               func(string) string
	}{
		{"log-level", "verbose", "none of debug", nothing},
		{"log-level", "info+1", "none of debug", nothing},
		{"metrics-listen", "here", "neither a port", nothing},
		{"metrics-listen", "127.0.0.1:99999", "neither a port", nothing},
		{"traces", "collector:4318", "no endpoint", nothing},
		{"traces", "http://key@collector:4318", "no endpoint", nothing},
		{"traces", "http://127.0.0.1:4318", "http/protobuf", environment("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")},
		{"traces", "", "zipkin", environment("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER", "zipkin")},
		{"trace-parent", "always", "neither accept nor ignore", nothing},
		{"drain-delay", "10m", "not a span", nothing},
		{"drain-delay", "-1s", "not a span", nothing},
		{"drain-timeout", "0s", "not a span", nothing},
	} {
		v := complete(t)
		v[c.setting] = c.value
		if _, err := operating(v, c.getenv); err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.setting) {
			t.Errorf("%s = %q: %v, want %q", c.setting, c.value, err, c.says)
		}
	}
	for value, want := range map[string]string{"": "", "9464": "127.0.0.1:9464", ":9464": "127.0.0.1:9464", "0.0.0.0:9464": "0.0.0.0:9464", "[::1]:9464": "[::1]:9464", "metrics.inside:9464": "metrics.inside:9464"} {
		if got, err := inside(value); got != want || err != nil {
			t.Errorf("metrics-listen = %q: %q, %v; want %q", value, got, err, want)
		}
	}
	for _, c := range []struct {
		value  string
		getenv func(string) string
		want   string // "" for no traces
	}{
		{"", nothing, ""},
		{"http://127.0.0.1:4318", nothing, "http://127.0.0.1:4318/v1/traces"},
		{"https://collector.example/otlp/traces", nothing, "https://collector.example/otlp/traces"},
		{"", environment("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"), "by the environment"},
		{"", environment("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces"), "by the environment"},
		{"", environment("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER", "none"), ""},
		{"http://127.0.0.1:4318", environment("OTEL_SDK_DISABLED", "true"), ""},
	} {
		v := complete(t)
		v["traces"] = c.value
		o, err := operating(v, c.getenv)
		got := ""
		if o.traces != nil {
			if got = o.traces.Endpoint; got == "" {
				got = "by the environment"
			}
		}
		if err != nil || got != c.want {
			t.Errorf("traces = %q: %q, %v; want %q", c.value, got, err, c.want)
		}
	}
}

func TestTheExampleIsOneThatServeWouldTake(t *testing.T) {
	file, err := readSettings(filepath.Join("..", "..", "deploy", "countersign.conf"))
	if err != nil {
		t.Fatal(err)
	}
	v := complete(t)
	v["sms-url"] = ""
	for name, given := range file {
		if name != "master-key-file" {
			v[name] = given.text
		}
	}
	if _, err := configure(v, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
	if o, err := operating(v, nothing); err != nil || o.metrics != "127.0.0.1:9464" {
		t.Errorf("%q, %v", o.metrics, err)
	}
}

// What the unit gives a stop must be more than what the defaults take.
func TestTheUnitWaitsLongerThanAStopTakes(t *testing.T) {
	unit, err := os.ReadFile(filepath.Join("..", "..", "deploy", "systemd", "countersign.service"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := operating(complete(t), nothing)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(unit), "\nTimeoutStopSec=")
	seconds, err := time.ParseDuration(strings.SplitN(rest, "\n", 2)[0] + "s")
	if took := o.stop.delay + o.stop.limit + 10*time.Second; err != nil || seconds < took {
		t.Errorf("the unit waits %s, and a stop takes up to %s: %v", seconds, took, err)
	}
}

// A start fails while the database is away, and then again: whoever starts machines after a power cut must not have to start each copy.
func TestTheUnitIsStartedAgainHoweverOftenThatFails(t *testing.T) {
	unit, err := os.ReadFile(filepath.Join("..", "..", "deploy", "systemd", "countersign.service"))
	if err != nil {
		t.Fatal(err)
	}
	before, service, _ := strings.Cut(string(unit), "\n[Service]\n")
	if !strings.Contains(before, "\nStartLimitIntervalSec=0\n") || !strings.Contains(service, "\nRestart=on-failure\n") {
		t.Error("the unit gives up after some failed starts")
	}
}
