package delivery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"countersign/internal/smpp"
)

// SecurityTunnel is a connection in the clear that something else protects, such as the VPN to a carrier: the operator says so.
const SecurityTunnel = "tunnel"

// SMPPConfig is a binding at a carrier's centre.
type SMPPConfig struct {
	Host string
	Port int
	// Security is SecurityTLS, SecurityTunnel, or SecurityNone on this machine.
	Security                       string
	SystemID, Password, SystemType string
	// From is the sender: a number, a short code, or a name of up to 11 characters. TON and NPI follow from it where they are nil.
	From        string
	TON, NPI    *byte
	ServiceType string
	// Alphabet is smpp.GSM7 if it is "".
	Alphabet smpp.Alphabet
	// NoReceipts asks for none. HexIDs is for centres that tell ids as hexadecimal in their answers, and as decimal in receipts.
	NoReceipts, HexIDs bool
	Window             int
	// Timeout is for an answer; zero is 10 s.
	Timeout time.Duration
	RootCAs *x509.CertPool
	// Now is the clock by which messages expire.
	Now func() time.Time
}

// SMPP hands text messages to a carrier's centre over one lasting connection.
type SMPP struct {
	config SMPPConfig
	client *smpp.Client
	// report is set while Run does.
	report atomic.Pointer[func(context.Context, Report) error]
	watch  atomic.Pointer[func(error)]
}

// NewSMPP checks the configuration. It does not connect.
func NewSMPP(c SMPPConfig) (*SMPP, error) {
	switch {
	case c.Host == "":
		return nil, errors.New("smpp: the host is missing")
	case c.Port < 1 || c.Port > 65535:
		return nil, fmt.Errorf("smpp: %d is not a port", c.Port)
	case c.Security != SecurityTLS && c.Security != SecurityTunnel && c.Security != SecurityNone:
		return nil, fmt.Errorf("smpp: the security is %q, not %s, %s or %s", c.Security, SecurityTLS, SecurityTunnel, SecurityNone)
	case c.Security == SecurityNone && !loopback(c.Host):
		return nil, fmt.Errorf("smpp: without TLS only a centre on this machine is used; %q says that a VPN or the like protects the connection", SecurityTunnel)
	case c.SystemID == "" || len(c.SystemID) > 15 || strings.ContainsRune(c.SystemID, 0):
		return nil, errors.New("smpp: the system_id is missing, or longer than 15 characters")
	case strings.ContainsRune(c.Password+c.SystemType+c.ServiceType, 0) || len(c.Password) > 64 || len(c.SystemType) > 12 || len(c.ServiceType) > 5:
		return nil, errors.New("smpp: the password, system_type or service_type is too long")
	case c.From == "" || len(c.From) > 20 || strings.ContainsFunc(c.From, func(r rune) bool { return r < ' ' || r > '~' }):
		return nil, errors.New("smpp: the sender is missing, or longer than 20 characters")
	case c.Alphabet != "" && c.Alphabet != smpp.GSM7 && c.Alphabet != smpp.Latin1 && c.Alphabet != smpp.UCS2:
		return nil, fmt.Errorf("smpp: the alphabet is %q, not %s, %s or %s", c.Alphabet, smpp.GSM7, smpp.Latin1, smpp.UCS2)
	case c.Window < 0 || c.Window > 1000:
		return nil, errors.New("smpp: the window is not 1 to 1000")
	case c.Now == nil:
		return nil, errors.New("smpp: the clock is missing")
	}
	ton, npi := addressKind(c.From)
	if c.TON != nil {
		ton = *c.TON
	}
	if c.NPI != nil {
		npi = *c.NPI
	}
	s := &SMPP{config: c}
	config := smpp.Config{
		Address: net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), SystemID: c.SystemID, Password: c.Password, SystemType: c.SystemType,
		Source: strings.TrimPrefix(c.From, "+"), SourceTON: ton, SourceNPI: npi, ServiceType: c.ServiceType, Alphabet: c.Alphabet,
		Receipts: !c.NoReceipts, Window: c.Window, Timeout: c.Timeout, OnReceipt: s.heard, OnConnection: s.connection,
	}
	if c.Security == SecurityTLS {
		config.TLS = &tls.Config{ServerName: c.Host, RootCAs: c.RootCAs, MinVersion: tls.VersionTLS12}
	}
	s.client = smpp.New(config)
	return s, nil
}

// addressKind is the type of number and numbering plan of a sender (SMPP 3.4, 5.2.5 and 5.2.6).
func addressKind(from string) (ton, npi byte) {
	digits := strings.TrimPrefix(from, "+")
	switch {
	case strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' }):
		return 5, 0
	case len(digits) <= 6:
		return 3, 0
	}
	return 1, 1
}

// smppVerdicts are the statuses that say more than that the centre is not well (SMPP 3.4, 5.1.3). What is not here, and says nothing
// of the connection or the centre, is about this message.
var smppVerdicts = map[uint32]error{
	0x01: ErrPermanent, // the message's length
	0x0b: ErrPermanent, // the recipient's address
}

// smppOutages are the statuses by which nothing goes to this centre any more, whatever is sent.
var smppOutages = []uint32{0x03, 0x04, 0x05, 0x08, 0x0d, 0x0e, 0x0f, 0x53, 0x64, 0xff}

// Send implements Carrier.
func (s *SMPP) Send(ctx context.Context, m Message) (Receipt, error) {
	var validity time.Duration
	if !m.ExpiresAt.IsZero() {
		validity = max(m.ExpiresAt.Sub(s.config.Now()), time.Second)
	}
	id, err := s.client.Submit(ctx, smpp.Message{To: m.To, Text: m.Text, Key: m.ID, Validity: validity})
	if err == nil {
		return Receipt{ID: carrierID(s.common(id))}, nil
	}
	var refused *smpp.StatusError
	if !errors.As(err, &refused) || refused.Command != "submit_sm" {
		return Receipt{}, err
	}
	if verdict := smppVerdicts[refused.Status]; verdict != nil {
		return Receipt{}, fmt.Errorf("%w: %w", err, verdict)
	}
	if slices.Contains(smppOutages, refused.Status) {
		return Receipt{}, err
	}
	return Receipt{}, fmt.Errorf("%w: %w", err, ErrElsewhere)
}

// common is an id of an answer as receipts have it.
func (s *SMPP) common(id string) string {
	if n, err := strconv.ParseUint(id, 16, 64); err == nil && s.config.HexIDs {
		return strconv.FormatUint(n, 10)
	}
	return id
}

// Check implements Checker.
func (s *SMPP) Check(ctx context.Context) error { return s.client.Check(ctx) }

// Connected tells whether the centre is bound to.
func (s *SMPP) Connected() bool { return s.client.Connected() }

// Watch has fn told when the connection is made (nil), and when it is lost or cannot be made.
func (s *SMPP) Watch(fn func(err error)) { s.watch.Store(&fn) }

func (s *SMPP) connection(err error) {
	if fn := s.watch.Load(); fn != nil {
		(*fn)(err)
	}
}

// Run implements Runner.
func (s *SMPP) Run(ctx context.Context, report func(context.Context, Report) error) {
	s.report.Store(&report)
	s.client.Run(ctx)
	s.report.Store(nil)
}

// heard passes on a receipt, or has it told again where nobody listens.
func (s *SMPP) heard(ctx context.Context, r smpp.Receipt) error {
	report := s.report.Load()
	if report == nil {
		return errors.New("smpp: nobody takes receipts")
	}
	id := r.ID
	if n, err := strconv.ParseUint(id, 10, 64); err == nil && s.config.HexIDs {
		id = strconv.FormatUint(n, 10) // some put zeros before it
	}
	return (*report)(ctx, Report{Receipt: Receipt{ID: carrierID(id)}, Delivered: r.Delivered, Reason: "smpp " + r.Reason})
}
