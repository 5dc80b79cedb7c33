package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/internal/app"
	"countersign/internal/asset"
	"countersign/internal/auditlog"
	"countersign/internal/blob"
	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/support"
	"countersign/internal/verification"

	"golang.org/x/net/publicsuffix"
)

// setting is one thing that an operator decides: by flag, by environment variable or in a file; the first of these wins.
type setting struct {
	name, fallback, usage string
}

// secrets are the settings that nothing prints. None of them has a default.
var secrets = []string{"master-key", "smtp-password", "sms-token", "s3-secret-key"}

func (s setting) variable() string {
	return "COUNTERSIGN_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

// settings is the one list that flags, environment, file and the reference are made from.
var settings = []setting{
	{configFile, "", "file with settings, one to a line: name = value"},
	{"listen", "127.0.0.1:8080", "address and port to listen on; put a TLS-terminating proxy before it"},
	{"origin", "", "web origins served, exactly as browsers send them, separated by commas; the first is put into links. https, or http://localhost"},
	{"rp-id", "", "WebAuthn relying party id: a domain that every origin is at or below. It is for the life of every passkey. Default: the first origin's host"},
	{"name", "Countersign", "name of the service, as people and password managers see it"},
	{"database", "countersign.db", "path of an SQLite file, or postgres://USER@HOST:PORT/NAME?sslmode=verify-full, which any number of copies share (&sslrootcert=FILE where its authority is your own); the password by PGPASSWORD or PGPASSFILE"},
	{"master-key-file", "", "file with the master key, 64 hexadecimal digits; further lines are former keys that still open (make one with: countersign keys new)"},
	{"master-key", "", "the master key itself, where no file can be mounted. As a flag it would show in process lists: use the environment"},
	{"trusted-proxies", "", "address ranges (CIDR) of proxies whose X-Forwarded-For is believed, separated by commas"},
	{"smtp-host", "", "SMTP server for e-mail"},
	{"smtp-port", "587", "its port"},
	{"smtp-security", "starttls", "starttls, tls (implicit), or none (loopback only)"},
	{"smtp-user", "", "user name, if the server wants one"},
	{"smtp-password", "", "password of that user"},
	{"smtp-from", "", "sender of all e-mail"},
	{"smtp-envelope", "", "address that bounces go to; {id} in it stands for the message (bounces+{id}@example.com). Default: the sender's"},
	{"sms-url", "", "https address of the SMS gateway: it gets POST {\"to\", \"text\"} as JSON"},
	{"sms-token", "", "bearer token that the SMS gateway asks for; required"},
	{"carriers", "", "JSON file with several carriers for e-mail, SMS or both, in place of the smtp-… or sms-… settings of that channel (docs/carriers.md has its form)"},
	{"sms-country-hour", "2000", "text messages to one country within an hour at most"},
	{"sms-country-day", "10000", "and within a day"},
	{"sms-hour", "20000", "text messages within an hour at most, in all"},
	{"sms-day", "100000", "and within a day"},
	{"catalogue", "", "JSON file with the assets and networks. Default: the built-in list (docs/configuration.md has its form)"},
	{"hold-factor-replaced", "24h", "span without withdrawals after a factor is replaced; 24h or more"},
	{"hold-factor-unbound", "24h", "after a factor is unbound; 24h or more"},
	{"hold-password-reset", "24h", "after a password reset; 24h or more"},
	{"hold-second-factor", "24h", "after an account older than a day goes from one factor to two; 24h or more"},
	{"hold-unfrozen", "72h", "after unfreezing; 72h or more"},
	{"new-address-wait", "0s", "how long a new address waits before anything is sent to it, by either way"},
	{"hand-over-within", "24h", "how long an approved withdrawal waits for the payout system; after that it expires, and its amount is back on the balance; 1h to 720h"},
	{"retain-withdrawals", "", "how long decided withdrawals and their approvals are kept, in days: 30d or more, such as 1826d for five years. Default: for good"},
	{"retain-events", "", "how long audit events keep what they tell, by kind, in days: 30d or more, such as login=400d,desk=730d,*=3650d; a name stands for all kinds below it. Their entries in the log's tree stay. Default: for good"},
	{"apps", "", "JSON file with the native clients, the newest version of each and the oldest that is allowed (docs/configuration.md has its form)"},
	{"recordings", "", "where recordings of screens are kept, sealed: a folder, or s3://bucket/prefix. Default: the folder recordings beside the SQLite file; with PostgreSQL it must be given, as every copy has to reach it"},
	{"s3-endpoint", "", "https address of the S3-compatible store. Default: Amazon's"},
	{"s3-region", "us-east-1", "its region"},
	{"s3-access-key", "", "access key of that store"},
	{"s3-secret-key", "", "its secret"},
	{"recording-limit", "100", "size of a recording at most, in MiB; without a session half of it, and 50 at most"},
	{"recording-minutes", "5", "length of a recording at most"},
	{"support-retention", "720h", "span for which a request for help is kept after it was resolved, with its recordings: whole days, 24h to 8760h"},
	{"log-level", "info", "least level that is logged: debug, info (one line for each request), warn or error"},
	{"log-addresses", "masked", "how much of a client's address is logged: none, masked (its /24, or /48 of IPv6) or full"},
	{"log-tiles", "on", "on or off: whether anybody may read the audit log's tree at /log/ (docs/audit.md); it holds no personal data, but tells how much happens"},
	{"witnesses", "", "JSON file with witnesses that cosign the audit log's checkpoints: [{\"key\": \"name+hash+base64\", \"url\": \"https://…\"}] (docs/audit.md). Default: none"},
	{"metrics-listen", "", "address and port, or port alone for 127.0.0.1, where Prometheus reads /metrics. Nobody is asked who they are there: keep it inside. Default: none"},
	{"traces", "", "OTLP/HTTP endpoint of an OpenTelemetry collector, such as http://127.0.0.1:4318, that gets traces; the standard OTEL_ variables serve too. Default: none"},
	{"trace-parent", "ignore", "accept or ignore the traceparent header of requests; accept where a proxy of yours sets it and takes away what clients send"},
	{"drain-delay", "5s", "how long to go on as before, but unready, after SIGTERM: until every load balancer has heard; 0s to 5m"},
	{"drain-timeout", "15s", "how long requests under way may take after that; 1s to 10m"},
	{"no-passkey-for", "", "purposes, separated by commas, for which only codes serve: tightens the policy"},
}

// Reference is the configuration reference, as docs/configuration.md has it.
func Reference() string {
	var b strings.Builder
	b.WriteString("| setting | environment | default | meaning |\n|---|---|---|---|\n")
	for _, s := range settings {
		fallback := ""
		if s.fallback != "" {
			fallback = "`" + s.fallback + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", s.name, s.variable(), fallback, s.usage)
	}
	return b.String()
}

// whence, before a setting's name, is where its value came from; no setting is called so. It is "" for a default.
const whence = "whence "

// values reads the settings from the command line, the environment and the file that either names. how is what -h says of a command;
// where it is "", as for serve, which takes them all, -h lists the settings.
func values(how string, args []string, getenv func(string) string, stderr io.Writer) (map[string]string, []string, error) {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(stderr)
	if how != "" {
		flags.Usage = func() { fmt.Fprintf(stderr, "%s\nAll settings: countersign config\n", how) }
	}
	for _, s := range settings {
		flags.String(s.name, s.fallback, s.usage+" ("+s.variable()+")")
	}
	if err := flags.Parse(args); err != nil {
		return nil, nil, err
	}
	out := map[string]string{}
	for _, s := range settings {
		out[s.name] = s.fallback
		if v := getenv(s.variable()); v != "" {
			out[s.name], out[whence+s.name] = v, "the environment, "+s.variable()
		}
	}
	flags.Visit(func(f *flag.Flag) { out[f.Name], out[whence+f.Name] = f.Value.String(), "the flag -"+f.Name })
	if out[configFile] == "" {
		return out, flags.Args(), nil
	}
	file, err := readSettings(out[configFile])
	if err != nil {
		return nil, nil, err
	}
	for name, v := range file {
		if out[whence+name] == "" {
			out[name], out[whence+name] = v.text, v.place
		}
	}
	return out, flags.Args(), nil
}

// configure turns the settings of serve into an app's configuration, or says which setting is wrong and how to mend it.
func configure(v map[string]string, logger *slog.Logger) (app.Config, error) {
	c := app.Config{Database: v["database"], Name: v["name"], Clock: time.Now, Logger: logger, Build: build(), Limits: verification.DefaultLimits()}
	err := inTurn(v, []step{
		{"master-key-file", func() (err error) { c.Keys, err = masterKey(v); return err }},
		{"origin", func() (err error) { c.Origins, c.RPID, err = origins(v["origin"], v["rp-id"]); return err }},
		{"trusted-proxies", func() (err error) { c.TrustedProxies, err = prefixes(v["trusted-proxies"]); return err }},
		{"log-addresses", func() (err error) { c.LogAddresses, err = app.ParseLogAddresses(v["log-addresses"]); return err }},
		{"log-tiles", func() (err error) { c.HideLog, err = hidden(v["log-tiles"]); return err }},
		{"witnesses", func() (err error) { c.Witnesses, err = loaded(v["witnesses"], nil, auditlog.LoadWitnesses); return err }},
		{"hold-…, no-passkey-for", func() (err error) { c.Policy, c.Holds, err = tightened(v); return err }},
		{"hand-over-within", func() (err error) { c.HandOverLife, err = handOver(v["hand-over-within"]); return err }},
		{"retain-withdrawals", func() (err error) { c.WithdrawalRetention, err = retained(v["retain-withdrawals"]); return err }},
		{"retain-events", func() (err error) { c.EventRetention, err = retainedEvents(v["retain-events"]); return err }},
		{"catalogue", func() (err error) { c.Catalogue, err = loaded(v["catalogue"], asset.Default(), asset.Load); return err }},
		{"apps", func() (err error) { c.Apps, err = loaded(v["apps"], nil, app.LoadApps); return err }},
		{"recordings, s3-…, recording-…, support-retention", func() error { return recordings(v, &c) }},
		{"smtp-…, sms-…, carriers", func() (err error) { c.Carriers, c.Spending, err = carriers(v, c.Origins[0], logger); return err }},
	})
	return c, err
}

// loaded reads what a file says; without a file it is the fallback.
func loaded[T any](file string, fallback T, load func(io.Reader) (T, error)) (T, error) {
	if file == "" {
		return fallback, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return fallback, err
	}
	defer f.Close()
	return load(f)
}

func hidden(text string) (bool, error) {
	switch text {
	case "on", "off":
		return text == "off", nil
	}
	return false, fmt.Errorf("%q is neither on nor off", text)
}

// step reads one setting, or several that belong together.
type step struct {
	setting string
	do      func() error
}

// inTurn takes the steps up to the first that fails, and says of which setting that is and where its value stands.
func inTurn(v map[string]string, steps []step) error {
	for _, s := range steps {
		err := s.do()
		if err == nil {
			continue
		}
		// Where several settings belong together, the error begins with the name of the one that is wrong.
		name, _, _ := strings.Cut(err.Error(), ": ")
		if _, known := v[name]; !known {
			name = s.setting
		}
		if from := v[whence+name]; from != "" {
			return fmt.Errorf("setting %s (from %s): %w", s.setting, from, err)
		}
		return fmt.Errorf("setting %s: %w", s.setting, err)
	}
	return nil
}

// recordings reads where recordings are kept, how much is taken, and for how long. Whether it works there is tried while it serves.
func recordings(v map[string]string, c *app.Config) error {
	c.Recordings = v["recordings"]
	c.RecordingsAccess = blob.Access{Endpoint: v["s3-endpoint"], Region: v["s3-region"], AccessKey: v["s3-access-key"], SecretKey: v["s3-secret-key"]}
	if c.Recordings == "" && store.IsPostgres(c.Database) {
		return errors.New("recordings: with PostgreSQL, name where they are kept: s3://bucket/prefix, or a folder that every copy has")
	}
	if c.Recordings != "" {
		if err := blob.Check(c.Recordings, c.RecordingsAccess); err != nil {
			return err
		}
	}
	limits := support.DefaultRecordingLimits()
	size, err := strconv.ParseInt(v["recording-limit"], 10, 64)
	if err != nil || size < 1 || size > 1024 {
		return fmt.Errorf("recording-limit: %q is not a number of MiB from 1 to 1024", v["recording-limit"])
	}
	minutes, err := strconv.Atoi(v["recording-minutes"])
	if err != nil || minutes < 1 || minutes > 60 {
		return fmt.Errorf("recording-minutes: %q is not a number of minutes from 1 to 60", v["recording-minutes"])
	}
	limits.Bytes, limits.Duration = size<<20, time.Duration(minutes)*time.Minute
	limits.BytesWithoutSession = min(limits.BytesWithoutSession, max(limits.Bytes/2, 1<<20))
	c.SupportRetention, err = time.ParseDuration(v["support-retention"])
	const day = 24 * time.Hour
	if err != nil || c.SupportRetention < day || c.SupportRetention > 365*day || c.SupportRetention%day != 0 {
		return fmt.Errorf("support-retention: %q is not a span of whole days from 24h to 8760h, such as 720h for 30 days", v["support-retention"])
	}
	c.RecordingLimits = &limits
	return nil
}

func masterKey(v map[string]string) (*secret.Keys, error) {
	text := v["master-key"]
	if file := v["master-key-file"]; file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		text = string(b)
	}
	if text == "" {
		return nil, errors.New("no master key is given. Name the file of the one that the service runs with; for a new database make one with `countersign keys new`, and keep it apart from that")
	}
	return secret.ParseKeys(text)
}

// origins checks the origins and the relying party id that they share (WebAuthn L3 §5.1.2).
func origins(list, rpID string) ([]string, string, error) {
	var out []string
	for _, text := range split(list) {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil || u.Scheme+"://"+u.Host != text || strings.ToLower(text) != text {
			return nil, "", fmt.Errorf("%q is not an origin; write it as https://host or https://host:port, in lower case", text)
		}
		host := u.Hostname()
		local := host == "localhost"
		switch {
		case u.Scheme != "https" && !(u.Scheme == "http" && local):
			return nil, "", fmt.Errorf("%q: only https origins are served, and http://localhost", text)
		case u.Scheme == "https" && u.Port() == "443", u.Scheme == "http" && u.Port() == "80":
			return nil, "", fmt.Errorf("%q: browsers leave the scheme's own port out; leave it out here too", text)
		case net.ParseIP(host) != nil:
			return nil, "", fmt.Errorf("%q: passkeys do not work at IP addresses; use a domain", text)
		}
		if suffix, icann := publicsuffix.PublicSuffix(host); !local && icann && suffix == host {
			return nil, "", fmt.Errorf("%q: %s is a public suffix, not a domain of yours", text, host)
		}
		if rpID == "" {
			rpID = host
		}
		if host != rpID && !strings.HasSuffix(host, "."+rpID) {
			return nil, "", fmt.Errorf("%q is not at or below the rp-id %q", text, rpID)
		}
		out = append(out, text)
	}
	if len(out) == 0 {
		return nil, "", errors.New("no origin is given; name the https origin that people open, such as https://accounts.example.com")
	}
	if suffix, icann := publicsuffix.PublicSuffix(rpID); rpID != "localhost" && icann && suffix == rpID {
		return nil, "", fmt.Errorf("rp-id %q is a public suffix", rpID)
	}
	return out, rpID, nil
}

func split(list string) []string {
	var out []string
	for _, s := range strings.Split(list, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func prefixes(list string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range split(list) {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("%q is not an address range such as 10.0.0.0/8", s)
		}
		out = append(out, p)
	}
	return out, nil
}

func tightened(v map[string]string) (policy.Table, policy.Holds, error) {
	var h policy.Holds
	for name, into := range map[string]*time.Duration{"hold-factor-replaced": &h.FactorReplaced, "hold-factor-unbound": &h.FactorUnbound, "hold-password-reset": &h.PasswordReset,
		"hold-second-factor": &h.SecondFactor, "hold-unfrozen": &h.Unfrozen, "new-address-wait": &h.NewAddress} {
		d, err := time.ParseDuration(v[name])
		if err != nil {
			return nil, h, fmt.Errorf("%s: %q is not a span such as 24h", name, v[name])
		}
		*into = d
	}
	var no []policy.Purpose
	for _, p := range split(v["no-passkey-for"]) {
		no = append(no, policy.Purpose(p))
	}
	return policy.Tighten(policy.Default(), h, no)
}

// retained reads a span of days; 0 is for good.
func retained(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	days, ok := strings.CutSuffix(text, "d")
	n, err := strconv.Atoi(days)
	if err != nil || !ok || n < 30 || n > 36525 {
		return 0, fmt.Errorf("%q is not a number of days from 30d to 36525d, such as 1826d for five years", text)
	}
	return time.Duration(n) * 24 * time.Hour, nil
}

// eventName is a kind of audit events, or what kinds begin with up to a dot.
var eventName = regexp.MustCompile(`^[a-z_]+(\.[a-z_]+)*$`)

// retainedKinds are what the kinds of events begin with that a rule of retention can name. Those about the log are kept for good.
var retainedKinds = []string{"account", "address", "codes", "desk", "factor", "guesses", "hand_over", "login", "logout", "passkey", "password", "phrase", "recording", "register", "sessions", "ticket", "verification"}

func retainedEvents(text string) (store.Retention, error) {
	out := store.Retention{}
	for _, part := range split(text) {
		name, span, ok := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); name == "*" {
			name = ""
		} else if !ok || !eventName.MatchString(name) {
			return nil, fmt.Errorf("%q is not a kind of events and a number of days, such as login=400d, or *=3650d for all others", part)
		}
		if first, _, _ := strings.Cut(name, "."); name != "" && first != store.RetainWithdrawals && !slices.Contains(retainedKinds, first) {
			return nil, fmt.Errorf("%q: there are no such events to redact. A name is one of %s, or one of their kinds", part, strings.Join(retainedKinds, ", "))
		}
		if name == store.RetainWithdrawals || strings.HasPrefix(name, store.RetainWithdrawals+".") {
			return nil, fmt.Errorf("%q: events of withdrawals are kept as long as these; set retain-withdrawals", part)
		}
		d, err := retained(strings.TrimSpace(span))
		if err == nil && d == 0 {
			err = errors.New("a number of days is missing")
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", part, err)
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("%q: this kind is named twice", part)
		}
		out[name] = d
	}
	return out, nil
}

func handOver(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Hour || d > 720*time.Hour {
		return 0, fmt.Errorf("%q is not a span from 1h to 720h, such as 24h", text)
	}
	return d, nil
}

// carriers are those of the file, and those of the simple settings for a channel that the file leaves out.
func carriers(v map[string]string, base string, logger *slog.Logger) (map[string]delivery.Carrier, *delivery.Spending, error) {
	var setup delivery.Setup
	if file := v["carriers"]; file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, nil, err
		}
		defer f.Close()
		setup, err = delivery.Load(f, delivery.Environment{Getenv: os.Getenv, ReadFile: os.ReadFile, Base: base, Now: time.Now})
		if err != nil {
			return nil, nil, fmt.Errorf("carriers: %w", err)
		}
	}
	email, err := simpleEmail(v)
	if err != nil {
		return nil, nil, err
	}
	sms, err := simpleSMS(v)
	if err != nil {
		return nil, nil, err
	}
	for _, channel := range []struct {
		list   *[]delivery.Member
		simple *delivery.Member
		needs  string
	}{{&setup.Email, email, "smtp-host and smtp-from are needed, or carriers for email: codes go out by e-mail"}, {&setup.SMS, sms, "sms-url is needed, or carriers for sms: codes go out by SMS"}} {
		switch {
		case len(*channel.list) > 0 && channel.simple != nil:
			return nil, nil, fmt.Errorf("carriers: the file has its own carriers beside the setting %s-…: give one of both", channel.simple.Name)
		case channel.simple != nil:
			*channel.list = []delivery.Member{*channel.simple}
		case len(*channel.list) == 0:
			return nil, nil, errors.New(channel.needs)
		}
	}
	spending := &delivery.Spending{Prefixes: setup.Limits}
	for name, into := range map[string]*int{"sms-country-hour": &spending.Country.Hour, "sms-country-day": &spending.Country.Day, "sms-hour": &spending.Total.Hour, "sms-day": &spending.Total.Day} {
		n, err := strconv.Atoi(v[name])
		if err != nil || n < 1 {
			return nil, nil, fmt.Errorf("%s: %q is not a number of 1 or more", name, v[name])
		}
		*into = n
	}
	out, err := setup.Carriers(time.Now, logger)
	return out, spending, err
}

// simpleEmail is the one SMTP server of the settings, nil if they name none.
func simpleEmail(v map[string]string) (*delivery.Member, error) {
	if v["smtp-host"] == "" && v["smtp-from"] == "" {
		return nil, nil
	}
	if v["smtp-host"] == "" || v["smtp-from"] == "" {
		return nil, errors.New("smtp-host and smtp-from are needed: codes go out by e-mail")
	}
	port, err := strconv.Atoi(v["smtp-port"])
	if err != nil || port < 1 || port > 65535 {
		return nil, fmt.Errorf("smtp-port: %q is not a port", v["smtp-port"])
	}
	const timeout = 15 * time.Second
	c, err := delivery.NewSMTP(delivery.SMTPConfig{Host: v["smtp-host"], Port: port, Security: v["smtp-security"], Username: v["smtp-user"], Password: v["smtp-password"],
		From: v["smtp-from"], Envelope: v["smtp-envelope"], Timeout: timeout, Now: time.Now})
	return &delivery.Member{Name: "smtp", Kind: "smtp", Carrier: c, Timeout: timeout}, err
}

// simpleSMS is the one gateway of the settings, nil if they name none.
func simpleSMS(v map[string]string) (*delivery.Member, error) {
	if v["sms-url"] == "" {
		return nil, nil
	}
	const timeout = 15 * time.Second
	config := delivery.SimpleHTTPSMS(v["sms-url"], v["sms-token"])
	config.Timeout = timeout
	c, err := delivery.NewHTTPSMS(config)
	return &delivery.Member{Name: "sms", Kind: "http", Carrier: c, Timeout: timeout}, err
}
