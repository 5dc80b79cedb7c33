package smpp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// repliesAtOnce is how many answers to the centre's requests may wait to be written. Beyond, nothing is read: a centre that asks and does
// not listen would fill the memory.
const repliesAtOnce = 256

// session is one connection. One goroutine reads it and never waits for anything but the network.
type session struct {
	client  *Client
	conn    net.Conn
	window  chan struct{}
	replies chan struct{}
	done    chan struct{}

	write sync.Mutex

	mu      sync.Mutex
	last    uint32
	waiting map[uint32]chan pdu
	heard   time.Time
	err     error // why it ended
}

func newSession(c *Client, conn net.Conn) *session {
	s := &session{client: c, conn: conn, window: make(chan struct{}, c.config.Window), replies: make(chan struct{}, repliesAtOnce), done: make(chan struct{}), waiting: map[uint32]chan pdu{}, heard: time.Now()}
	go s.read()
	return s
}

func (s *session) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// end closes the connection; the first reason stays.
func (s *session) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.done)
		_ = s.conn.Close()
	}
}

func (s *session) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// errUnanswered is a request whose answer did not come in time: the centre may have taken it, or not.
var errUnanswered = errors.New("no answer in time")

// ask sends a request and waits for its answer.
func (s *session) ask(ctx context.Context, command uint32, name string, body []byte) (pdu, error) {
	timeout := time.NewTimer(s.client.config.Timeout)
	defer timeout.Stop()
	select {
	case s.window <- struct{}{}:
		defer func() { <-s.window }()
	case <-s.done:
		return pdu{}, s.reason()
	case <-ctx.Done():
		return pdu{}, fmt.Errorf("smpp: waiting to send %s: %w", name, ctx.Err())
	case <-timeout.C:
		return pdu{}, fmt.Errorf("smpp: waiting to send %s: %w", name, errUnanswered)
	}
	// Where both were ready, chance chose.
	if err := ctx.Err(); err != nil {
		return pdu{}, fmt.Errorf("smpp: waiting to send %s: %w", name, err)
	}
	answer := make(chan pdu, 1)
	s.mu.Lock()
	s.last = s.last%0x7fffffff + 1
	sequence := s.last
	s.waiting[sequence] = answer
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, sequence)
	}()
	if err := s.send(pdu{command: command, sequence: sequence, body: body}); err != nil {
		return pdu{}, err
	}
	select {
	case p := <-answer:
		return p, judge(p, command, name)
	case <-s.done:
		// The answer may have come just before the end.
		select {
		case p := <-answer:
			return p, judge(p, command, name)
		default:
			return pdu{}, s.reason()
		}
	case <-ctx.Done():
		return pdu{}, fmt.Errorf("smpp: %s: %w", name, ctx.Err())
	case <-timeout.C:
		return pdu{}, fmt.Errorf("smpp: %s: %w", name, errUnanswered)
	}
}

func judge(p pdu, command uint32, name string) error {
	switch {
	case p.status != statusOK:
		return &StatusError{Command: name, Status: p.status}
	case p.command != command|response:
		return &StatusError{Command: name, Status: statusInvalidCommand}
	}
	return nil
}

// send writes one PDU. A centre that reads no more must not hold up whoever writes.
func (s *session) send(p pdu) error {
	s.write.Lock()
	defer s.write.Unlock()
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.client.config.Timeout))
	if _, err := s.conn.Write(p.bytes()); err != nil {
		err = fmt.Errorf("smpp: %w", err)
		s.end(err)
		return err
	}
	return nil
}

func (s *session) read() {
	in := bufio.NewReader(s.conn)
	for {
		p, err := readPDU(in)
		if err != nil {
			s.end(fmt.Errorf("smpp: the connection ended: %w", err))
			return
		}
		s.mu.Lock()
		s.heard = time.Now()
		answer := s.waiting[p.sequence]
		s.mu.Unlock()
		switch {
		case p.command&response != 0:
			// One that nobody waits for any more came too late.
			if answer != nil {
				select {
				case answer <- p:
				default:
				}
			}
		case p.command == deliverSM:
			s.take(p)
		case p.command == alert:
		default:
			s.reply(p)
		}
	}
}

// beside answers on a goroutine of its own, so that whoever reads does not wait for a centre to read, up to a point: a write that takes
// too long ends the session.
func (s *session) beside(write func()) {
	select {
	case s.replies <- struct{}{}:
	case <-s.done:
		return
	}
	go func() {
		defer func() { <-s.replies }()
		write()
	}()
}

func (s *session) reply(p pdu) {
	s.beside(func() {
		switch p.command {
		case enquireLink:
			_ = s.send(pdu{command: enquireLink | response, sequence: p.sequence})
		case unbind:
			_ = s.send(pdu{command: unbind | response, sequence: p.sequence})
			s.end(errors.New("smpp: the centre unbound"))
		default:
			_ = s.send(pdu{command: genericNack, status: statusInvalidCommand, sequence: p.sequence})
		}
	})
}

// take hands a receipt to whoever wants it, and answers once that is done.
func (s *session) take(p pdu) {
	status := func(status uint32) {
		// The body of deliver_sm_resp is a message id that is not used.
		_ = s.send(pdu{command: deliverSM | response, status: status, sequence: p.sequence, body: []byte{0}})
	}
	rc, ok := parseReceipt(p.body)
	if !ok || s.client.config.OnReceipt == nil {
		s.beside(func() { status(statusOK) })
		return
	}
	select {
	case s.client.receipts <- struct{}{}:
	default:
		s.beside(func() { status(statusTemporary) })
		return
	}
	go func() {
		defer func() { <-s.client.receipts }()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() {
			select {
			case <-s.done:
				cancel()
			case <-ctx.Done():
			}
		}()
		if err := s.client.config.OnReceipt(ctx, rc); err != nil {
			status(statusTemporary)
			return
		}
		status(statusOK)
	}()
}

// watch asks a centre that has been silent whether it is there, and ends the session where it is not.
func (s *session) watch() {
	ticker := time.NewTicker(max(s.client.config.Idle/2, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		silent := time.Since(s.heard)
		s.mu.Unlock()
		if silent < s.client.config.Idle {
			continue
		}
		if _, err := s.ask(context.Background(), enquireLink, "enquire_link", nil); err != nil {
			var refused *StatusError
			if !errors.As(err, &refused) {
				s.end(err)
			}
		}
	}
}

// leave unbinds, and does not wait long for the answer.
func (s *session) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, _ = s.ask(ctx, unbind, "unbind", nil)
	s.end(ErrClosed)
}
