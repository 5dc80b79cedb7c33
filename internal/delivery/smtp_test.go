package delivery

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"log/slog"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer is a real SMTP server that keeps what it is given.
type mailServer struct {
	mu       sync.Mutex
	mails    []string
	to       []string
	auths    int
	refusal  *smtp.SMTPError // of every recipient
	dataFail *smtp.SMTPError // of every message
	hang     chan struct{}   // if set, MAIL waits for it
	needAuth bool
	dsn      bool

	from []string
	mail []smtp.MailOptions
	rcpt []smtp.RcptOptions

	roots *x509.CertPool
	port  int
}

func (s *mailServer) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{s: s}, nil }

type mailSession struct {
	s      *mailServer
	authed bool
}

func (m *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (m *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "countersign" || password != "right" {
			return smtp.ErrAuthFailed
		}
		m.s.mu.Lock()
		defer m.s.mu.Unlock()
		m.authed = true
		m.s.auths++
		return nil
	}), nil
}

func (m *mailSession) Mail(from string, o *smtp.MailOptions) error {
	if m.s.hang != nil {
		<-m.s.hang
	}
	if m.s.needAuth && !m.authed {
		return smtp.ErrAuthRequired
	}
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	m.s.from, m.s.mail = append(m.s.from, from), append(m.s.mail, *o)
	return nil
}

func (m *mailSession) Rcpt(to string, o *smtp.RcptOptions) error {
	if m.s.refusal != nil {
		return m.s.refusal
	}
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	m.s.to, m.s.rcpt = append(m.s.to, to), append(m.s.rcpt, *o)
	return nil
}

func (m *mailSession) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if m.s.dataFail != nil {
		return m.s.dataFail
	}
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	m.s.mails = append(m.s.mails, string(b))
	return nil
}

func (m *mailSession) Reset()        {}
func (m *mailSession) Logout() error { return nil }

// certificate is one for localhost and 127.0.0.1, signed by an authority of the test's own.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	from, until := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	must(err)
	caCert, err := x509.ParseCertificate(caDER)
	must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: from, NotAfter: until,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, caCert, &key.PublicKey, caKey)
	must(err)
	roots := x509.NewCertPool()
	roots.AddCert(caCert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// startMail runs a server with the security given; "none" offers no TLS at all.
func startMail(t *testing.T, security string, s *mailServer) *mailServer {
	t.Helper()
	cert, roots := certificate(t)
	s.roots = roots
	server := smtp.NewServer(s)
	server.Domain, server.EnableDSN = "localhost", s.dsn
	server.EnableSMTPUTF8 = true
	server.ReadTimeout, server.WriteTimeout = 10*time.Second, 10*time.Second
	server.ErrorLog = log.New(io.Discard, "", 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	switch security {
	case SecuritySTARTTLS:
		server.TLSConfig = config
	case SecurityTLS:
		l = tls.NewListener(l, config)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	// A server that is closed before it serves does not know its listener yet.
	t.Cleanup(func() { _ = server.Close(); _ = l.Close(); <-done })
	return s
}

func (s *mailServer) carrier(t *testing.T, security string, change func(*SMTPConfig)) *SMTP {
	t.Helper()
	c := SMTPConfig{Host: "127.0.0.1", Port: s.port, Security: security, From: "Countersign <security@countersign.example>", RootCAs: s.roots, Timeout: 5 * time.Second, Now: func() time.Time { return noon }}
	if change != nil {
		change(&c)
	}
	carrier, err := NewSMTP(c)
	if err != nil {
		t.Fatal(err)
	}
	return carrier
}

// parts are the leaves of a mail, by content type; pictures by content id.
func parts(t *testing.T, mail string) (netmail.Header, map[string]string) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(mail))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	var walk func(contentType string, body io.Reader)
	walk = func(contentType string, body io.Reader) {
		kind, params, err := mime.ParseMediaType(contentType)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(kind, "multipart/") {
			t.Fatalf("a leaf of kind %s", kind)
		}
		r := multipart.NewReader(body, params["boundary"])
		for {
			p, err := r.NextRawPart()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
			switch {
			case strings.HasPrefix(kind, "multipart/"):
				walk(p.Header.Get("Content-Type"), p)
			case kind == "image/png":
				out[p.Header.Get("Content-Id")] = p.Header.Get("Content-Disposition")
			default:
				if p.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
					t.Fatalf("%s is encoded as %q", kind, p.Header.Get("Content-Transfer-Encoding"))
				}
				b, err := io.ReadAll(quotedprintable.NewReader(p))
				if err != nil {
					t.Fatal(err)
				}
				out[kind] = strings.ReplaceAll(string(b), "\r\n", "\n")
			}
		}
	}
	walk(m.Header.Get("Content-Type"), m.Body)
	return m.Header, out
}

func TestSMTPCarriesBothParts(t *testing.T) {
	message := brand.AlertEmail("ines@halloran.example", AlertInfo{Event: "factor.replaced", At: noon, Browser: "Safari on iPhone", Address: "203.0.113.7", Factor: "authenticator", Phrase: "kupfer reiher ü 41", NotMeURL: "https://countersign.example/not-me#t"})
	for _, security := range []string{SecuritySTARTTLS, SecurityTLS, SecurityNone} {
		t.Run(security, func(t *testing.T) {
			s := startMail(t, security, &mailServer{})
			if _, err := s.carrier(t, security, nil).Send(t.Context(), message); err != nil {
				t.Fatal(err)
			}
			if len(s.mails) != 1 || len(s.to) != 1 || s.to[0] != "ines@halloran.example" {
				t.Fatalf("%d mails to %v", len(s.mails), s.to)
			}
			header, got := parts(t, s.mails[0])
			if strings.TrimSpace(got["text/plain"]) != strings.TrimSpace(message.Text) {
				t.Errorf("the text is\n%s", got["text/plain"])
			}
			if strings.TrimSpace(got["text/html"]) != strings.TrimSpace(message.HTML) {
				t.Error("the HTML came out differently")
			}
			for _, p := range artIn(message.HTML) {
				if !strings.HasPrefix(got["<"+p.ID+">"], "inline") {
					t.Errorf("the picture %s is not in the mail", p.ID)
				}
			}
			subject, _ := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
			if subject != message.Subject || header.Get("Auto-Submitted") != "auto-generated" || !strings.HasSuffix(header.Get("Message-Id"), "@countersign.example>") {
				t.Errorf("headers %v", header)
			}
			if at, err := header.Date(); err != nil || !at.Equal(noon) {
				t.Errorf("dated %v", header.Get("Date"))
			}
		})
	}
}

func TestSMTPRefusesAConnectionWithoutTLS(t *testing.T) {
	s := startMail(t, SecurityNone, &mailServer{})
	_, err := s.carrier(t, SecuritySTARTTLS, nil).Send(t.Context(), Message{To: "a@b.example", Subject: "x", Text: "x"})
	if err == nil || errors.Is(err, ErrPermanent) || len(s.mails) != 0 {
		t.Errorf("error %v, %d mails", err, len(s.mails))
	}
}

func TestSMTPRefusesAStrangersCertificate(t *testing.T) {
	for _, security := range []string{SecuritySTARTTLS, SecurityTLS} {
		s := startMail(t, security, &mailServer{})
		_, err := s.carrier(t, security, func(c *SMTPConfig) { c.RootCAs = x509.NewCertPool() }).Send(t.Context(), Message{To: "a@b.example", Subject: "x", Text: "x"})
		if err == nil || errors.Is(err, ErrPermanent) || len(s.mails) != 0 {
			t.Errorf("%s: error %v, %d mails", security, err, len(s.mails))
		}
	}
}

func TestSMTPSignsIn(t *testing.T) {
	for _, security := range []string{SecuritySTARTTLS, SecurityTLS} {
		s := startMail(t, security, &mailServer{needAuth: true})
		right := s.carrier(t, security, func(c *SMTPConfig) { c.Username, c.Password = "countersign", "right" })
		if _, err := right.Send(t.Context(), Message{To: "a@b.example", Subject: "x", Text: "x"}); err != nil || s.auths != 1 || len(s.mails) != 1 {
			t.Errorf("%s: error %v, %d mails", security, err, len(s.mails))
		}
		wrong := s.carrier(t, security, func(c *SMTPConfig) { c.Username, c.Password = "countersign", "wrong-password" })
		_, err := wrong.Send(t.Context(), Message{To: "a@b.example", Subject: "x", Text: "x"})
		if err == nil || errors.Is(err, ErrPermanent) || strings.Contains(err.Error(), "wrong-password") {
			t.Errorf("%s: a wrong password: %v", security, err)
		}
	}
}

func TestABounceNamesItsMessage(t *testing.T) {
	for _, dsn := range []bool{true, false} {
		s := startMail(t, SecuritySTARTTLS, &mailServer{dsn: dsn})
		carrier := s.carrier(t, SecuritySTARTTLS, func(c *SMTPConfig) { c.Envelope = "bounces+{id}@returns.example" })
		for range 2 {
			receipt, err := carrier.Send(t.Context(), Message{To: "a@b.example", Subject: "x", Text: "x", ID: "msg_17"})
			if err != nil || receipt.ID != "msg_17@countersign.example" {
				t.Fatal(receipt, err)
			}
		}
		// The second is what is sent where the answer to the first was lost: whoever has both can tell.
		for _, text := range s.mails {
			m, err := netmail.ReadMessage(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if id := m.Header.Get("Message-Id"); id != "<msg_17@countersign.example>" || !strings.Contains(m.Header.Get("From"), "security@countersign.example") {
				t.Errorf("%s, %v", id, m.Header)
			}
		}
		if s.from[0] != "bounces+msg_17@returns.example" {
			t.Errorf("the envelope is from %s", s.from[0])
		}
		if !dsn {
			continue
		}
		if o := s.mail[0]; o.EnvelopeID != "msg_17" || o.Return != smtp.DSNReturnHeaders {
			t.Errorf("%+v", o)
		}
		if notify := s.rcpt[0].Notify; len(notify) != 2 || !slices.Contains(notify, smtp.DSNNotifyFailure) || !slices.Contains(notify, smtp.DSNNotifyDelayed) {
			t.Errorf("%v", notify)
		}
	}
}

// A server further on that lacks SMTPUTF8 returns mail that asks for it; only an address that needs it may.
func TestInternationalMailIsAskedForByAddressesThatNeedIt(t *testing.T) {
	s := startMail(t, SecuritySTARTTLS, &mailServer{})
	carrier := s.carrier(t, SecuritySTARTTLS, nil)
	for i, c := range []struct {
		to   string
		want bool
	}{{"a@b.example", false}, {"jürgen@b.example", true}} {
		if _, err := carrier.Send(t.Context(), Message{To: c.to, Subject: "We’re here", Text: "Don’t share it: ö"}); err != nil {
			t.Fatal(err)
		}
		if s.mail[i].UTF8 != c.want || s.to[i] != c.to {
			t.Errorf("to %s: %+v", s.to[i], s.mail[i])
		}
	}
}

// Two real servers: the first hangs, refuses, and comes back.
func TestMailFailsOverAndComesBack(t *testing.T) {
	hang := make(chan struct{})
	first := startMail(t, SecurityTLS, &mailServer{hang: hang})
	second := startMail(t, SecuritySTARTTLS, &mailServer{})
	shift := time.Duration(0)
	r, err := NewRouter(RouterConfig{Channel: ChannelEmail, Now: func() time.Time { return time.Now().Add(shift) }, Logger: slog.New(slog.DiscardHandler), Members: []Member{
		{Name: "first", Kind: "smtp", Carrier: first.carrier(t, SecurityTLS, nil), Timeout: 200 * time.Millisecond},
		{Name: "second", Kind: "smtp", Carrier: second.carrier(t, SecuritySTARTTLS, nil)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	mail := Message{To: "a@b.example", Subject: "x", Text: "x"}
	for range mostFailures {
		if receipt, err := r.Send(t.Context(), mail); err != nil || receipt.Carrier != "second" {
			t.Fatal(receipt, err)
		}
	}
	status := Status(map[string]Carrier{ChannelEmail: r})
	if !status[0].Resting || status[1].Resting || status[1].Sent != mostFailures {
		t.Errorf("%+v", status)
	}
	close(hang)
	if receipt, err := r.Send(t.Context(), mail); err != nil || receipt.Carrier != "second" {
		t.Error(receipt, err)
	}
	shift = firstRest + time.Second
	if receipt, err := r.Send(t.Context(), mail); err != nil || receipt.Carrier != "first" || Status(map[string]Carrier{ChannelEmail: r})[0].Resting {
		t.Error(receipt, err)
	}
	if err := r.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSMTPTellsForGoodFromForNow(t *testing.T) {
	cases := map[string]struct {
		server          *mailServer
		permanent, away bool
	}{
		"no such mailbox":  {&mailServer{refusal: &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "<a@b.example> unknown"}}, true, false},
		"mailbox full":     {&mailServer{refusal: &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 2, 2}, Message: "<a@b.example> is full"}}, false, true},
		"quota is used up": {&mailServer{refusal: &smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 2, 2}, Message: "<a@b.example> over quota"}}, false, true},
		"over quota, old":  {&mailServer{dataFail: &smtp.SMTPError{Code: 552, EnhancedCode: smtp.NoEnhancedCode, Message: "over quota"}}, false, true},
		"switched off":     {&mailServer{refusal: &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 2, 1}, Message: "<a@b.example> disabled"}}, true, false},
		"too big for it":   {&mailServer{dataFail: &smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 3, 4}, Message: "too big"}}, false, true},
		"out of sequence":  {&mailServer{refusal: &smtp.SMTPError{Code: 503, EnhancedCode: smtp.EnhancedCode{5, 5, 1}, Message: "not now"}}, false, true},
		"message refused":  {&mailServer{dataFail: &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "no 482913"}}, true, false},
		"may not relay":    {&mailServer{refusal: &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "relaying denied"}}, false, true},
		"greylisted":       {&mailServer{dataFail: &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "later"}}, false, true},
		"disk full":        {&mailServer{dataFail: &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "no room"}}, false, false},
		"shutting down":    {&mailServer{refusal: &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 2, 1}, Message: "bye"}}, false, false},
		"must sign in":     {&mailServer{needAuth: true}, false, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := startMail(t, SecuritySTARTTLS, c.server)
			_, err := s.carrier(t, SecuritySTARTTLS, nil).Send(t.Context(), Message{To: "a@b.example", Subject: "x", Text: "482913"})
			if err == nil || errors.Is(err, ErrPermanent) != c.permanent || errors.Is(err, ErrElsewhere) != c.away {
				t.Fatalf("permanent is not %v, elsewhere not %v: %v", c.permanent, c.away, err)
			}
			if strings.Contains(err.Error(), "a@b.example") || strings.Contains(err.Error(), "482913") {
				t.Errorf("the error tells recipient or code: %v", err)
			}
		})
	}
	_, err := startMail(t, SecurityNone, &mailServer{}).carrier(t, SecurityNone, nil).Send(t.Context(), Message{To: "nobody", Subject: "x", Text: "x"})
	if !errors.Is(err, ErrPermanent) {
		t.Errorf("a recipient that is no address: %v", err)
	}
}

func TestSMTPGivesUpOnAServerThatHangs(t *testing.T) {
	hang := make(chan struct{})
	s := startMail(t, SecuritySTARTTLS, &mailServer{hang: hang})
	t.Cleanup(func() { close(hang) })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := s.carrier(t, SecuritySTARTTLS, nil).Send(ctx, Message{To: "a@b.example", Subject: "x", Text: "x"}); err == nil || errors.Is(err, ErrPermanent) {
		t.Error(err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A server that takes the message and then drops the line has it all the same.
func TestSMTPDoesNotRepeatWhatTheServerTook(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		say := func(s string) { _, _ = io.WriteString(conn, s+"\r\n") }
		say("220 ready")
		var seen bytes.Buffer
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			seen.Write(buf[:n])
			switch text := seen.String(); {
			case strings.Contains(text, "\r\n.\r\n"):
				say("250 taken")
				return
			case strings.HasSuffix(text, "DATA\r\n"):
				say("354 go on")
			case strings.HasSuffix(text, "\r\n") && !strings.Contains(text, "DATA\r\n"):
				say("250 fine")
			}
		}
	}()
	s := &mailServer{port: l.Addr().(*net.TCPAddr).Port}
	if _, err := s.carrier(t, SecurityNone, nil).Send(t.Context(), Message{To: "a@b.example", Subject: "x", Text: "x"}); err != nil {
		t.Errorf("a message that was taken would be sent again: %v", err)
	}
}

func TestSMTPConfigurationIsChecked(t *testing.T) {
	good := SMTPConfig{Host: "mail.countersign.example", Port: 587, Security: SecuritySTARTTLS, From: "security@countersign.example", Now: time.Now}
	if _, err := NewSMTP(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*SMTPConfig){
		"no host":                 func(c *SMTPConfig) { c.Host = "" },
		"no port":                 func(c *SMTPConfig) { c.Port = 0 },
		"no sender":               func(c *SMTPConfig) { c.From = "nobody" },
		"unknown security":        func(c *SMTPConfig) { c.Security = "maybe" },
		"plain to another host":   func(c *SMTPConfig) { c.Security = SecurityNone },
		"password without name":   func(c *SMTPConfig) { c.Password = "x" },
		"password without TLS":    func(c *SMTPConfig) { c.Host, c.Security, c.Username, c.Password = "localhost", SecurityNone, "x", "y" },
		"no clock":                func(c *SMTPConfig) { c.Now = nil },
		"a name in the envelope":  func(c *SMTPConfig) { c.Envelope = "Bounces <bounces@b.example>" },
		"a long envelope":         func(c *SMTPConfig) { c.Envelope = strings.Repeat("x", 40) + "{id}@b.example" },
		"a second header in From": func(c *SMTPConfig) { c.From = "a@b.example\r\nBcc: x@y.example" },
	} {
		c := good
		spoil(&c)
		if _, err := NewSMTP(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
