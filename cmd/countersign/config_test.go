package main

import (
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/observe"
	"countersign/internal/secret"
)

var update = flag.Bool("update", false, "write the generated parts of the documentation")

func TestReferenceIsCurrent(t *testing.T) {
	generated(t, "configuration.md", "countersign config", Reference())
	generated(t, "operations.md", "metrics", observe.Reference())
}

// generated holds a part of a document to what generates it.
func generated(t *testing.T, document, from, want string) {
	t.Helper()
	begin, end := "<!-- generated: "+from+" -->\n", "<!-- end -->\n"
	path := filepath.Join("..", "..", "docs", document)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s lacks the marks of its generated part", path)
	}
	want = head + begin + want + end + tail
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(b) != want {
		t.Errorf("%s is not what its source says: run make docs", path)
	}
}

// complete are settings with which serve would start.
func complete(t *testing.T) map[string]string {
	key := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(key, []byte(secret.NewMaster()), 0o600); err != nil {
		t.Fatal(err)
	}
	v := map[string]string{}
	for _, s := range settings {
		v[s.name] = s.fallback
	}
	v["master-key-file"], v["origin"] = key, "https://accounts.exchange.example"
	v["smtp-host"], v["smtp-from"], v["sms-url"], v["sms-token"] = "mail.exchange.example", "Exchange <no-reply@exchange.example>", "https://sms.exchange.example/send", "gateway-token"
	return v
}

func TestServeRefusesToStartWithSettingsThatWouldBeUnsafe(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	if _, err := configure(complete(t), logger); err != nil {
		t.Fatalf("the complete settings are refused: %v", err)
	}
	for name, c := range map[string]struct{ setting, value, says string }{
		"no master key":                     {"master-key-file", "", "no master key"},
		"no origin":                         {"origin", "", "no origin"},
		"an http origin":                    {"origin", "http://accounts.exchange.example", "only https"},
		"an IP address":                     {"origin", "https://192.0.2.1", "IP addresses"},
		"a path in the origin":              {"origin", "https://accounts.exchange.example/", "not an origin"},
		"capitals in the origin":            {"origin", "https://Accounts.exchange.example", "lower case"},
		"the scheme's own port":             {"origin", "https://accounts.exchange.example:443", "own port"},
		"a public suffix":                   {"origin", "https://co.uk", "public suffix"},
		"an origin outside the rp-id":       {"rp-id", "other.example", "not at or below"},
		"a public suffix as rp-id":          {"rp-id", "com", "not at or below"},
		"a hold that is too short":          {"hold-factor-replaced", "1h", "loosen"},
		"a negative wait":                   {"new-address-wait", "-1h", "loosen"},
		"an unknown purpose":                {"no-passkey-for", "lunch", "not a purpose"},
		"an unfreezing hold too short":      {"hold-unfrozen", "71h", "loosen"},
		"a bucket without keys":             {"recordings", "s3://recordings", "s3-access-key"},
		"a store of another kind":           {"recordings", "gs://recordings", "neither a folder nor"},
		"a recording of no size":            {"recording-limit", "0", "MiB"},
		"an hour and more":                  {"recording-minutes", "61", "minutes"},
		"requests kept for ever":            {"support-retention", "99999h", "8760h"},
		"requests kept for a moment":        {"support-retention", "30", "span"},
		"requests kept for a day and a bit": {"support-retention", "25h", "whole days"},
		"withdrawals kept for a week":       {"retain-withdrawals", "7d", "30d to 36525d"},
		"withdrawals kept for hours":        {"retain-withdrawals", "9999h", "days"},
		"events kept for a week":            {"retain-events", "login=7d", "30d to 36525d"},
		"events of no kind":                 {"retain-events", "400d", "not a kind"},
		"events kept for no time":           {"retain-events", "login=", "missing"},
		"events of a kind named twice":      {"retain-events", "login=30d, login=40d", "twice"},
		"events that are none":              {"retain-events", "nonsense=400d", "no such events"},
		"events about the log":              {"retain-events", "log=400d", "no such events"},
		"events of API keys":                {"retain-events", "api_key=400d", "no such events"},
		"events of withdrawals":             {"retain-events", "withdrawal=400d", "retain-withdrawals"},
		"a hand-over in a moment":           {"hand-over-within", "1m", "1h to 720h"},
		"a proxy range that is none":        {"trusted-proxies", "10.0.0.1", "address range"},
		"no SMTP server":                    {"smtp-host", "", "smtp-host"},
		"an SMTP port that is none":         {"smtp-port", "70000", "smtp-port"},
		"no SMS gateway":                    {"sms-url", "", "sms-url"},
		"an SMS gateway without TLS":        {"sms-url", "http://sms.exchange.example/send", "https"},
		"a catalogue that is not there":     {"catalogue", "/nonexistent/catalogue.json", "no such file"},
		"an SMS gateway without token":      {"sms-token", "", "token"},
		"bounces to nobody":                 {"smtp-envelope", "bounces", "envelope"},
		"no text messages at all":           {"sms-hour", "0", "sms-hour"},
		"carriers that are not there":       {"carriers", "/nonexistent/carriers.json", "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			v := complete(t)
			v[c.setting] = c.value
			_, err := configure(v, logger)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("configure = %v, want an error that says %q", err, c.says)
			}
		})
	}
	t.Run("carriers in a file", func(t *testing.T) {
		v := complete(t)
		v["carriers"] = filepath.Join(t.TempDir(), "carriers.json")
		file := `{"sms": [{"name": "a", "kind": "twilio", "account": "AC1", "password": {"env": "TEST_TWILIO"}, "from": "Exchange", "receipts": true}], "limits": {"+44": {"hour": 1, "day": 2}}}`
		if err := os.WriteFile(v["carriers"], []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := configure(v, logger); err == nil || !strings.Contains(err.Error(), "TEST_TWILIO") {
			t.Errorf("without its secret: %v", err)
		}
		t.Setenv("TEST_TWILIO", "s3cret")
		if _, err := configure(v, logger); err == nil || !strings.Contains(err.Error(), "one of both") {
			t.Errorf("beside the settings of the same channel: %v", err)
		}
		v["sms-url"] = ""
		c, err := configure(v, logger)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range delivery.Status(c.Carriers) {
			names = append(names, s.Channel+" "+s.Name+" "+s.Kind)
		}
		if got := strings.Join(names, ", "); got != "email smtp smtp, sms a twilio" || c.Spending.Prefixes["+44"] != (delivery.Ceiling{Hour: 1, Day: 2}) || c.Spending.Country.Hour != 2000 {
			t.Errorf("%s, %+v", got, c.Spending)
		}
	})
	t.Run("http on localhost is let through", func(t *testing.T) {
		v := complete(t)
		v["origin"] = "http://localhost:8080"
		if _, err := configure(v, logger); err != nil {
			t.Error(err)
		}
	})
}

func TestSettingsThatAreNotGivenHaveTheirDefaults(t *testing.T) {
	given, _, err := values("", nil, func(string) string { return "" }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range settings {
		if given[s.name] != s.fallback {
			t.Errorf("-%s is %q, want %q", s.name, given[s.name], s.fallback)
		}
	}
}

func TestHelpOfACommandIsAboutIt(t *testing.T) {
	nothing := func(string) string { return "" }
	for name, help := range map[string]func(stderr io.Writer) error{
		"audit show": func(w io.Writer) error {
			return runAudit(t.Context(), []string{"show", "-h"}, nothing, time.Now, io.Discard, w)
		},
		"erase": func(w io.Writer) error {
			return runErase(t.Context(), []string{"-h"}, nothing, time.Now, io.Discard, w)
		},
		"api-keys create": func(w io.Writer) error {
			return runAPIKeys(t.Context(), []string{"create", "-h"}, nothing, time.Now, io.Discard, w)
		},
		"operators invite": func(w io.Writer) error {
			return runOperators(t.Context(), []string{"invite", "-h"}, nothing, time.Now, io.Discard, w)
		},
		"migrate": func(w io.Writer) error {
			return runMigrate(t.Context(), []string{"-h"}, nothing, time.Now, io.Discard, w)
		},
		"restored": func(w io.Writer) error {
			return runRestored(t.Context(), []string{"-h"}, nothing, time.Now, io.Discard, w)
		},
		"decline": func(w io.Writer) error {
			return runDecline(t.Context(), []string{"-h"}, nothing, time.Now, io.Discard, w)
		},
	} {
		var out strings.Builder
		if err := help(&out); !errors.Is(err, flag.ErrHelp) || !strings.Contains(out.String(), "countersign "+name+" ") || strings.Contains(out.String(), "sms-token") {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
	}
}

func TestHelpNeverPrintsASecretFromTheEnvironment(t *testing.T) {
	var out strings.Builder
	_, _, err := values("", []string{"-h"}, func(name string) string { return "s3cret-" + name }, &out)
	if err != flag.ErrHelp {
		t.Fatalf("values = %v", err)
	}
	for _, name := range []string{"MASTER_KEY", "SMTP_PASSWORD", "SMS_TOKEN"} {
		if strings.Contains(out.String(), "s3cret-COUNTERSIGN_"+name+"\"") {
			t.Errorf("-h prints %s", name)
		}
	}
}
