package smpp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"
)

// Config is how a centre is reached.
type Config struct {
	// Address is host and port.
	Address string
	// TLS is nil for a connection in the clear.
	TLS                            *tls.Config
	SystemID, Password, SystemType string
	// Source is who messages come from, SourceTON and SourceNPI what kind of address that is.
	Source               string
	SourceTON, SourceNPI byte
	ServiceType          string
	Alphabet             Alphabet
	// Receipts asks for a receipt of each message.
	Receipts bool
	// Window is how many requests may wait for their answers at once; 0 is 10.
	Window int
	// Timeout is for an answer, and for connecting and binding; 0 is 10 s.
	Timeout time.Duration
	// Idle is after how much silence the centre is asked whether it is there; 0 is 30 s.
	Idle time.Duration
	// OnReceipt takes what the centre tells. An error has the centre tell it again later. It may be called by many goroutines at once.
	OnReceipt func(ctx context.Context, r Receipt) error
	// OnConnection is told when Run has bound the client (nil), and when that is lost or does not succeed; once for each change.
	OnConnection func(err error)
}

// receiptsAtOnce is how many receipts may be under way; of what goes beyond, the centre is asked to tell it again later.
const receiptsAtOnce = 256

// Client is one binding to a centre, made when it is first needed and again when it broke.
type Client struct {
	config   Config
	receipts chan struct{}

	mu      sync.Mutex
	session *session
	dialing *dialing
	closed  bool
}

// dialing is a connection that is being made; whoever needs one waits for it.
type dialing struct {
	done    chan struct{}
	session *session
	err     error
}

// New makes a client. It does not connect.
func New(c Config) *Client {
	if c.Window <= 0 {
		c.Window = 10
	}
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Idle <= 0 {
		c.Idle = 30 * time.Second
	}
	return &Client{config: c, receipts: make(chan struct{}, receiptsAtOnce)}
}

// ErrClosed is what a client says after Run has ended.
var ErrClosed = errors.New("smpp: closed")

// Run keeps the client bound until ctx is done, and unbinds it then: receipts come even while nothing is sent.
func (c *Client) Run(ctx context.Context) {
	const first, most = time.Second, 30 * time.Second
	wait := first
	known, up := false, false
	tell := func(err error) {
		if changed := !known || up != (err == nil); changed && c.config.OnConnection != nil && ctx.Err() == nil {
			c.config.OnConnection(err)
		}
		known, up = true, err == nil
	}
	for ctx.Err() == nil {
		s, err := c.bound(ctx)
		tell(err)
		if err == nil {
			wait = first
			select {
			case <-s.done:
				tell(s.reason())
			case <-ctx.Done():
			}
			continue
		}
		pause := time.NewTimer(wait/2 + rand.N(wait/2))
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
		wait = min(2*wait, most)
	}
	c.mu.Lock()
	c.closed = true
	s := c.session
	c.mu.Unlock()
	if s != nil {
		s.leave()
	}
}

// Connected tells whether the client is bound.
func (c *Client) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session != nil && !c.session.ended()
}

// Check binds the client if it is not bound, and asks the centre whether it is there.
func (c *Client) Check(ctx context.Context) error {
	s, err := c.bound(ctx)
	if err != nil {
		return err
	}
	_, err = s.ask(ctx, enquireLink, "enquire_link", nil)
	return err
}

// Message is one text message.
type Message struct {
	// To is a number as E.164.
	To, Text string
	// Key is the same whenever the message is submitted again: a phone that got parts of it twice puts them together as one.
	Key string
	// Validity is how long the message is of use; 0 leaves that to the centre.
	Validity time.Duration
}

// Submit hands a message over, and returns the centre's id of its last part, for which alone a receipt is asked: that one arrives last.
func (c *Client) Submit(ctx context.Context, m Message) (id string, err error) {
	s, err := c.bound(ctx)
	if err != nil {
		return "", err
	}
	parts, coding := c.config.Alphabet.encode(m.Text)
	if len(parts) > 255 {
		return "", &StatusError{Command: "submit_sm", Status: 0x01}
	}
	hash := fnv.New32a()
	hash.Write([]byte(m.Key))
	reference := byte(hash.Sum32())
	for i, part := range parts {
		class := byte(0)
		if len(parts) > 1 {
			class, part = 0x40, withHeader(part, reference, i+1, len(parts))
		}
		answer, err := s.ask(ctx, submitSM, "submit_sm", c.submission(m, class, coding, part, i == len(parts)-1))
		if err != nil {
			return "", err
		}
		r := reader{rest: answer.body}
		id = r.text()
	}
	return id, nil
}

func (c *Client) submission(m Message, class, coding byte, part []byte, last bool) []byte {
	var w writer
	w.text(c.config.ServiceType)
	w.octets(c.config.SourceTON, c.config.SourceNPI)
	w.text(c.config.Source)
	w.octets(1, 1) // international, E.164
	w.text(strings.TrimPrefix(m.To, "+"))
	w.octets(class, 0, 0)
	w.text("")
	w.text(validity(m.Validity))
	receipt := byte(0)
	if c.config.Receipts && last {
		receipt = 1
	}
	w.octets(receipt, 0, coding, 0, byte(len(part)))
	w.octets(part...)
	return w.Bytes()
}

// validity is a span in the relative form of 7.1.1.
func validity(d time.Duration) string {
	if d < time.Second {
		return ""
	}
	s := int(min(d, 99*24*time.Hour).Seconds())
	return fmt.Sprintf("0000%02d%02d%02d%02d000R", s/86400, s/3600%24, s/60%60, s%60)
}

// bound is the session in use; it makes one where there is none. Of several that ask at once, one connects.
func (c *Client) bound(ctx context.Context) (*session, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	if s := c.session; s != nil && !s.ended() {
		c.mu.Unlock()
		return s, nil
	}
	d := c.dialing
	if d == nil {
		d = &dialing{done: make(chan struct{})}
		c.dialing = d
		// Not by the caller's context: others wait for this connection too.
		go c.connect(d)
	}
	c.mu.Unlock()
	select {
	case <-d.done:
		return d.session, d.err
	case <-ctx.Done():
		return nil, fmt.Errorf("smpp: connecting: %w", ctx.Err())
	}
}

func (c *Client) connect(d *dialing) {
	ctx, cancel := context.WithTimeout(context.Background(), c.config.Timeout)
	defer cancel()
	s, err := c.open(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.closed {
		s.end(ErrClosed)
		s, err = nil, ErrClosed
	}
	if err == nil {
		c.session = s
	}
	d.session, d.err, c.dialing = s, err, nil
	close(d.done)
}

func (c *Client) open(ctx context.Context) (*session, error) {
	var conn net.Conn
	var err error
	if c.config.TLS != nil {
		conn, err = (&tls.Dialer{Config: c.config.TLS}).DialContext(ctx, "tcp", c.config.Address)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", c.config.Address)
	}
	if err != nil {
		return nil, fmt.Errorf("smpp: %w", err)
	}
	s := newSession(c, conn)
	var w writer
	w.text(c.config.SystemID)
	w.text(c.config.Password)
	w.text(c.config.SystemType)
	w.octets(0x34, 0, 0)
	w.text("")
	if _, err := s.ask(ctx, bindTransceiver, "bind_transceiver", w.Bytes()); err != nil {
		s.end(err)
		return nil, err
	}
	go s.watch()
	return s, nil
}
