package delivery

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"countersign/internal/smpp"
)

// Setup is the carriers of an installation, as their file has them or as simpler settings make them.
type Setup struct {
	Email, SMS []Member
	// Routes are those of text messages.
	Routes map[string][]string
	// Limits are the bounds of numbers that begin so, in place of their country's.
	Limits map[string]Ceiling
}

// Environment is what Load needs beside the file.
type Environment struct {
	// Getenv and ReadFile give secrets and certificates.
	Getenv   func(name string) string
	ReadFile func(name string) ([]byte, error)
	// Base is the https origin at which carriers reach this installation, without a slash at its end.
	Base string
	Now  func() time.Time
}

// CallbackPath is where a carrier tells how messages fare.
func CallbackPath(carrier string) string { return "/v1/carriers/" + carrier + "/status" }

// Carriers puts a router before each channel that has carriers.
func (s Setup) Carriers(now func() time.Time, logger *slog.Logger) (map[string]Carrier, error) {
	out := map[string]Carrier{}
	for channel, config := range map[string]RouterConfig{ChannelEmail: {Members: s.Email}, ChannelSMS: {Members: s.SMS, Routes: s.Routes}} {
		if len(config.Members) == 0 {
			continue
		}
		config.Channel, config.Now, config.Logger = channel, now, logger
		r, err := NewRouter(config)
		if err != nil {
			return nil, err
		}
		out[channel] = r
	}
	return out, nil
}

// Load reads a file of carriers (docs/carriers.md has its form), and says what is wrong with it. It connects to nobody.
func Load(r io.Reader, env Environment) (Setup, error) {
	var file struct {
		Email, SMS []json.RawMessage
		Routes     map[string][]string
		Limits     map[string]struct{ Hour, Day *int }
	}
	var s Setup
	if err := strictly(r, &file); err != nil {
		return s, err
	}
	for channel, list := range map[string][]json.RawMessage{ChannelEmail: file.Email, ChannelSMS: file.SMS} {
		for i, entry := range list {
			m, err := env.member(channel, entry)
			if err != nil {
				return s, fmt.Errorf("%s, entry %d (%s): %w", channel, i+1, m.Name, err)
			}
			if channel == ChannelEmail {
				s.Email = append(s.Email, m)
			} else {
				s.SMS = append(s.SMS, m)
			}
		}
	}
	s.Routes, s.Limits = file.Routes, map[string]Ceiling{}
	for prefix, limit := range file.Limits {
		if !isPrefix(prefix) {
			return s, fmt.Errorf("limits: %q is not the beginning of a number, such as +44", prefix)
		}
		if limit.Hour == nil || limit.Day == nil || *limit.Hour < 0 || *limit.Day < 0 {
			return s, fmt.Errorf("limits: %s needs hour and day, each 0 or more", prefix)
		}
		s.Limits[prefix] = Ceiling{*limit.Hour, *limit.Day}
	}
	// Names and routes are checked by whoever uses them; here, so that the file is refused when it is read.
	_, err := s.Carriers(env.Now, slog.New(slog.DiscardHandler))
	return s, err
}

// strictly decodes one document, and refuses what it has beside.
func strictly(r io.Reader, into any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("not a document of this form: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more follows after the document")
	}
	return nil
}

// hidden is a secret in the file: where it is, never the secret itself.
type hidden struct {
	Env  string `json:"env"`
	File string `json:"file"`
}

// UnmarshalJSON refuses a secret that was written down.
func (h *hidden) UnmarshalJSON(b []byte) error {
	type plain hidden
	if len(b) > 0 && b[0] == '"' {
		return errors.New(`a secret is not written here: give {"env": "NAME"} or {"file": "PATH"}`)
	}
	return strictly(bytes.NewReader(b), (*plain)(h))
}

func (env Environment) reveal(h hidden) (string, error) {
	switch {
	case h == hidden{}:
		return "", nil
	case (h.Env == "") == (h.File == ""):
		return "", errors.New("a secret has one of env and file")
	case h.Env != "":
		if v := env.Getenv(h.Env); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("the environment has no %s", h.Env)
	}
	b, err := env.ReadFile(h.File)
	if err != nil {
		return "", err
	}
	if text := strings.TrimRight(string(b), "\r\n"); text != "" {
		return text, nil
	}
	return "", fmt.Errorf("%s is empty", h.File)
}

// limited is a duration such as "5s".
type limited time.Duration

// UnmarshalJSON reads a span that leaves room for the carriers that are asked next.
func (s *limited) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 100*time.Millisecond || d > 20*time.Second {
		return fmt.Errorf("timeout: %q is not a span from 100ms to 20s", text)
	}
	*s = limited(d)
	return nil
}

// entry is what every carrier has.
type entry struct {
	Name    string  `json:"name"`
	Kind    string  `json:"kind"`
	Timeout limited `json:"timeout"`
	// CA is a file with the authorities that the certificate is checked against, in place of the system's.
	CA string `json:"ca"`
}

func (env Environment) roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	b, err := env.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("ca: %s has no certificate", file)
	}
	return pool, nil
}

func (env Environment) member(channel string, b json.RawMessage) (Member, error) {
	var e entry
	if err := json.Unmarshal(b, &e); err != nil {
		return Member{}, fmt.Errorf("not a carrier: %w", err)
	}
	m := Member{Name: e.Name, Kind: e.Kind, Timeout: cmp.Or(time.Duration(e.Timeout), memberTimeout)}
	roots, err := env.roots(e.CA)
	if err != nil {
		return m, err
	}
	switch {
	case channel == ChannelEmail && e.Kind == "smtp":
		m.Carrier, err = env.smtp(b, m, roots)
	case channel == ChannelSMS && e.Kind == "http":
		m.Carrier, err = env.http(b, m, roots)
	case channel == ChannelSMS && e.Kind == "twilio":
		m.Carrier, err = env.twilio(b, m, roots)
	case channel == ChannelSMS && e.Kind == "smpp":
		m.Carrier, err = env.smpp(b, m, roots)
	default:
		err = fmt.Errorf("there is no kind %q for %s: smtp is for email; http, twilio and smpp are for sms", e.Kind, channel)
	}
	return m, err
}

func (env Environment) smtp(b []byte, m Member, roots *x509.CertPool) (Carrier, error) {
	var e struct {
		entry
		Host     string `json:"host"`
		Port     int    `json:"port"`
		Security string `json:"security"`
		User     string `json:"user"`
		Password hidden `json:"password"`
		From     string `json:"from"`
		Envelope string `json:"envelope"`
	}
	if err := strictly(bytes.NewReader(b), &e); err != nil {
		return nil, err
	}
	password, err := env.reveal(e.Password)
	if err != nil {
		return nil, err
	}
	return NewSMTP(SMTPConfig{Host: e.Host, Port: cmp.Or(e.Port, 587), Security: cmp.Or(e.Security, SecuritySTARTTLS), Username: e.User, Password: password,
		From: e.From, Envelope: e.Envelope, Timeout: m.Timeout, RootCAs: roots, Now: env.Now})
}

func (env Environment) http(b []byte, m Member, roots *x509.CertPool) (Carrier, error) {
	var e struct {
		entry
		Method        string            `json:"method"`
		URL           string            `json:"url"`
		Headers       map[string]string `json:"headers"`
		JSON          json.RawMessage   `json:"json"`
		Form          map[string]string `json:"form"`
		XML           string            `json:"xml"`
		Text          string            `json:"text"`
		ContentType   string            `json:"content_type"`
		Secrets       map[string]hidden `json:"secrets"`
		Accepted      []int             `json:"accepted"`
		AcceptedBody  string            `json:"accepted_body"`
		Permanent     []int             `json:"permanent"`
		PermanentBody string            `json:"permanent_body"`
		ID            string            `json:"id"`
	}
	if err := strictly(bytes.NewReader(b), &e); err != nil {
		return nil, err
	}
	secrets := map[string]string{}
	for name, h := range e.Secrets {
		var err error
		if secrets[name], err = env.reveal(h); err != nil {
			return nil, err
		}
	}
	return NewHTTPSMS(HTTPSMSConfig{Method: e.Method, URL: e.URL, Headers: e.Headers, JSON: e.JSON, Form: e.Form, XML: e.XML, Text: e.Text, ContentType: e.ContentType, Secrets: secrets,
		Accepted: e.Accepted, AcceptedBody: e.AcceptedBody, Permanent: e.Permanent, PermanentBody: e.PermanentBody, ID: e.ID, Timeout: m.Timeout, RootCAs: roots})
}

func (env Environment) twilio(b []byte, m Member, roots *x509.CertPool) (Carrier, error) {
	var e struct {
		entry
		URL       string `json:"url"`
		Account   string `json:"account"`
		User      string `json:"user"`
		Password  hidden `json:"password"`
		From      string `json:"from"`
		Service   string `json:"service"`
		Receipts  bool   `json:"receipts"`
		AuthToken hidden `json:"auth_token"`
	}
	if err := strictly(bytes.NewReader(b), &e); err != nil {
		return nil, err
	}
	password, err := env.reveal(e.Password)
	if err != nil {
		return nil, err
	}
	token, err := env.reveal(e.AuthToken)
	if err != nil {
		return nil, err
	}
	c := TwilioConfig{URL: e.URL, Account: e.Account, User: e.User, Password: password, From: e.From, Service: e.Service, Timeout: m.Timeout, RootCAs: roots, Now: env.Now}
	if e.Receipts {
		if e.User == "" {
			token = cmp.Or(token, password) // who signs in as the account does so by its token
		}
		c.Callback, c.AuthToken = env.Base+CallbackPath(m.Name), token
	}
	return NewTwilio(c)
}

func (env Environment) smpp(b []byte, m Member, roots *x509.CertPool) (Carrier, error) {
	var e struct {
		entry
		Host        string        `json:"host"`
		Port        int           `json:"port"`
		Security    string        `json:"security"`
		SystemID    string        `json:"system_id"`
		Password    hidden        `json:"password"`
		SystemType  string        `json:"system_type"`
		ServiceType string        `json:"service_type"`
		From        string        `json:"from"`
		TON         *byte         `json:"ton"`
		NPI         *byte         `json:"npi"`
		Alphabet    smpp.Alphabet `json:"alphabet"`
		Receipts    *bool         `json:"receipts"`
		HexIDs      bool          `json:"hex_ids"`
		Window      int           `json:"window"`
	}
	if err := strictly(bytes.NewReader(b), &e); err != nil {
		return nil, err
	}
	password, err := env.reveal(e.Password)
	if err != nil {
		return nil, err
	}
	return NewSMPP(SMPPConfig{Host: e.Host, Port: cmp.Or(e.Port, 3550), Security: cmp.Or(e.Security, SecurityTLS), SystemID: e.SystemID, Password: password, SystemType: e.SystemType,
		ServiceType: e.ServiceType, From: e.From, TON: e.TON, NPI: e.NPI, Alphabet: e.Alphabet, NoReceipts: e.Receipts != nil && !*e.Receipts, HexIDs: e.HexIDs, Window: e.Window,
		Timeout: m.Timeout, RootCAs: roots, Now: env.Now})
}

// Callback finds the carrier that is told of and reads what it tells; genuine is false where nobody of ours signed it.
func Callback(carriers map[string]Carrier, name string, form map[string][]string, signature string) (report *Report, genuine bool) {
	r, is := carriers[ChannelSMS].(*Router)
	if !is {
		return nil, false
	}
	one := r.named(name)
	if one == nil {
		return nil, false
	}
	t, is := one.Carrier.(*Twilio)
	if !is {
		return nil, false
	}
	if report, genuine = t.Callback(form, signature); report != nil {
		report.Carrier = name
	}
	return report, genuine
}
