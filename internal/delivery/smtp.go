package delivery

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// How the connection to the mail server is secured. There is no "if the server offers it": whoever sits between would
// see to it that the server does not.
const (
	SecuritySTARTTLS = "starttls"
	SecurityTLS      = "tls"
	// SecurityNone is for a mail server on this machine only.
	SecurityNone = "none"
)

// SMTPConfig says where mail goes out.
type SMTPConfig struct {
	Host string
	Port int
	// Security is one of the Security constants.
	Security string
	// Username and Password are both set or both empty; they need TLS.
	Username, Password string
	// From is the sender, as "Name <address>" or an address alone.
	From string
	// Envelope is the address that bounces go to; "" is From's. In its local part, {id} stands for the message's id, so that a bounce
	// names what bounced whatever else it says ("bounces+{id}@example.com").
	Envelope string
	// Timeout is for a whole message, from connecting to the server's yes; zero is 10 s.
	Timeout time.Duration
	// RootCAs are the authorities that the server's certificate is checked against; nil are the system's.
	RootCAs *x509.CertPool
	// Now dates the messages.
	Now func() time.Time
}

// SMTP carries e-mails to a mail server, one connection a message.
type SMTP struct {
	config SMTPConfig
	from   string
	domain string
	tls    *tls.Config
}

// NewSMTP checks the configuration. It does not connect: a mail server that is down for the moment is no reason not to start.
func NewSMTP(c SMTPConfig) (*SMTP, error) {
	from, err := netmail.ParseAddress(c.From)
	switch {
	case err != nil:
		return nil, errors.New("smtp: the sender is not an e-mail address")
	case c.Host == "":
		return nil, errors.New("smtp: the host is missing")
	case c.Port < 1 || c.Port > 65535:
		return nil, fmt.Errorf("smtp: %d is not a port", c.Port)
	case c.Security != SecuritySTARTTLS && c.Security != SecurityTLS && c.Security != SecurityNone:
		return nil, fmt.Errorf("smtp: the security is %q, not %s, %s or %s", c.Security, SecuritySTARTTLS, SecurityTLS, SecurityNone)
	case c.Security == SecurityNone && !loopback(c.Host):
		return nil, errors.New("smtp: without TLS only a mail server on this machine is used")
	case (c.Username == "") != (c.Password == ""):
		return nil, errors.New("smtp: user name and password go together")
	case c.Username != "" && c.Security == SecurityNone:
		return nil, errors.New("smtp: a password is not sent without TLS")
	case c.Now == nil:
		return nil, errors.New("smtp: the clock is missing")
	}
	if c.Timeout == 0 {
		c.Timeout = memberTimeout
	}
	if c.Envelope == "" {
		c.Envelope = from.Address
	}
	local, domain, _ := strings.Cut(c.Envelope, "@")
	sample := strings.Replace(local, "{id}", strings.Repeat("x", 40), 1) + "@" + domain
	if parsed, err := netmail.ParseAddress(sample); err != nil || parsed.Address != sample || len(sample)-len(domain) > 65 {
		return nil, errors.New("smtp: the envelope's sender is not an e-mail address alone, or too long")
	}
	return &SMTP{
		config: c,
		from:   from.String(),
		domain: from.Address[strings.LastIndexByte(from.Address, '@')+1:],
		tls:    &tls.Config{ServerName: c.Host, RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12},
	}, nil
}

// Send implements Carrier. The receipt's id is the Message-ID, the same at every attempt: who gets a message again, as the answer to the
// first was lost, can tell.
func (s *SMTP) Send(ctx context.Context, m Message) (Receipt, error) {
	if m.ID == "" {
		m.ID = strings.ToLower(rand.Text())
	}
	msg, err := s.compose(m)
	if err != nil {
		return Receipt{}, err
	}
	err = s.with(ctx, func(ctx context.Context, client *mail.Client) error {
		conn, err := client.DialToSMTPClientWithContext(ctx)
		if err != nil {
			return smtpError(err)
		}
		// Where the server speaks DSN (RFC 3461), a bounce names the message by its envelope's id, and brings back headers alone: the
		// text has a code in it. Elsewhere the library leaves this out.
		conn.SetDSNMailReturnOption("HDRS ENVID=" + m.ID)
		// The library asks for SMTPUTF8 wherever it is offered. A server further on that lacks it would then have to return mail that has no
		// need of it (RFC 6531, 3.1), and bounces would come in their international form, which few programs read.
		conn.SkipSMTPUTF8(ascii(m.To + s.config.Envelope + s.domain))
		err = client.SendWithSMTPClient(conn, msg)
		// Once the server has the message, an error while taking leave would only have it sent again.
		_ = client.CloseWithSMTPClient(conn)
		if err == nil || msg.IsDelivered() {
			return nil
		}
		return smtpError(err)
	})
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{ID: s.messageID(m)}, nil
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

func (s *SMTP) messageID(m Message) string { return m.ID + "@" + s.domain }

// Check implements Checker: it connects, secures the connection, says who it is, and takes its leave.
func (s *SMTP) Check(ctx context.Context) error {
	return s.with(ctx, func(ctx context.Context, client *mail.Client) error {
		if err := client.DialWithContext(ctx); err != nil {
			return smtpError(err)
		}
		_ = client.Close() // it has answered, whatever it says to a goodbye
		return nil
	})
}

// with makes a client of the library for one connection.
func (s *SMTP) with(ctx context.Context, fn func(context.Context, *mail.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	dial := &dialer{implicitTLS: s.config.Security == SecurityTLS, config: s.tls}
	defer dial.close()
	// The library watches the context only while connecting.
	stop := context.AfterFunc(ctx, dial.close)
	defer stop()

	options := []mail.Option{
		mail.WithPort(s.config.Port), mail.WithTimeout(s.config.Timeout), mail.WithTLSConfig(s.tls), mail.WithHELO(s.domain),
		mail.WithDialContextFunc(dial.dial), mail.WithTLSPolicy(mail.NoTLS),
		mail.WithDSNRcptNotifyType(mail.DSNRcptNotifyFailure, mail.DSNRcptNotifyDelay),
	}
	if s.config.Security == SecuritySTARTTLS {
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.config.Username != "" {
		options = append(options, mail.WithSMTPAuthCustom(&passwordAuth{config: s.config}))
	}
	client, err := mail.NewClient(s.config.Host, options...)
	if err != nil {
		return fmt.Errorf("smtp: %w", err)
	}
	return fn(ctx, client)
}

func (s *SMTP) compose(m Message) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := msg.From(s.from); err != nil {
		return nil, errors.New("smtp: the sender is not an e-mail address")
	}
	if err := msg.EnvelopeFrom(strings.Replace(s.config.Envelope, "{id}", m.ID, 1)); err != nil {
		return nil, errors.New("smtp: the envelope's sender is not an e-mail address")
	}
	if err := msg.To(m.To); err != nil {
		return nil, fmt.Errorf("smtp: the recipient is not an e-mail address: %w", ErrPermanent)
	}
	msg.Subject(m.Subject)
	msg.SetDateWithValue(s.config.Now())
	// The library's own message id has this machine's name in it.
	msg.SetMessageIDWithValue(s.messageID(m))
	// Out-of-office replies to a security e-mail help nobody (RFC 3834).
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(mail.TypeTextPlain, m.Text)
	if m.HTML == "" {
		return msg, nil
	}
	msg.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	for _, p := range artIn(m.HTML) {
		err := msg.EmbedReader(p.Name, strings.NewReader(string(p.PNG)), mail.WithFileContentID("<"+p.ID+">"), mail.WithFileContentType("image/png"))
		if err != nil {
			return nil, fmt.Errorf("smtp: %w", err)
		}
	}
	return msg, nil
}

// smtpError keeps of an error what may be logged: servers like to repeat the recipient. It is permanent if the server
// refused this recipient or this message, and not if it is about us (who we are, what we may): an operator can mend that. Another
// server may take what this one put off, or refused by its policy, its limits or its protocol (RFC 3463: 5.7, 5.3, 5.5); a recipient whose
// mailbox is full (5.2.2) is so for a while, and says nothing against the server.
func smtpError(err error) error {
	var refused *mail.SendError
	if !errors.As(err, &refused) {
		return fmt.Errorf("smtp: %w", err)
	}
	code, enhanced := refused.ErrorCode(), refused.EnhancedStatusCode()
	text := strings.TrimSpace(fmt.Sprintf("smtp: %s: %d %s", refused.Reason, code, enhanced))
	aboutUs := code == 421 || code == 530 || code == 535 || code == 538 || strings.HasPrefix(enhanced, "4.3.")
	aboutIt := slices.Contains([]mail.SendErrReason{mail.ErrSMTPRcptTo, mail.ErrSMTPData, mail.ErrSMTPDataClose}, refused.Reason)
	switch {
	case code < 400 || code > 599 || !aboutIt || aboutUs:
		return errors.New(text)
	case code >= 500 && !forNow(code, enhanced):
		return fmt.Errorf("%s: %w", text, ErrPermanent)
	}
	return fmt.Errorf("%s: %w", text, ErrElsewhere)
}

// forNow tells whether a refusal is one that another server, or a later day, may lift. Without an enhanced status the code says as much:
// 552 is a full mailbox, 500 to 504 are words of the protocol that the server does not know.
func forNow(code int, enhanced string) bool {
	if enhanced == "" {
		return code == 552 || code >= 500 && code <= 504
	}
	return enhanced == "5.2.2" || slices.ContainsFunc([]string{"5.3.", "5.5.", "5.7."}, func(class string) bool { return strings.HasPrefix(enhanced, class) })
}

// dialer remembers its connection: when a handshake fails the library lets go of it without closing it.
type dialer struct {
	implicitTLS bool
	config      *tls.Config

	mu     sync.Mutex
	closed bool
	conn   net.Conn
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var conn net.Conn
	var err error
	if d.implicitTLS {
		conn, err = (&tls.Dialer{Config: d.config}).DialContext(ctx, network, address)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
	}
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	d.conn = conn
	return conn, nil
}

// close may be called more than once.
func (d *dialer) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.conn != nil {
		_ = d.conn.Close()
	}
}

// passwordAuth sends the password as PLAIN or LOGIN, whichever the server knows, and only inside TLS.
type passwordAuth struct {
	config SMTPConfig
	smtp.Auth
}

// Start implements smtp.Auth.
func (a *passwordAuth) Start(server *smtp.ServerInfo) (string, []byte, error) {
	switch {
	case !server.TLS:
		return "", nil, errors.New("a password is not sent without TLS")
	case slices.Contains(server.Auth, "PLAIN"):
		a.Auth = smtp.PlainAuth("", a.config.Username, a.config.Password, a.config.Host, false)
	case slices.Contains(server.Auth, "LOGIN"):
		a.Auth = smtp.LoginAuth(a.config.Username, a.config.Password, a.config.Host, false)
	default:
		return "", nil, errors.New("the server takes no password")
	}
	return a.Auth.Start(server)
}
