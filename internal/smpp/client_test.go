package smpp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/smpp"
	"countersign/internal/testkit/smppserver"
)

// connect makes a client of a centre and keeps it bound until the test ends.
func connect(t *testing.T, s *smppserver.Server, change func(*smpp.Config)) *smpp.Client {
	t.Helper()
	c := smpp.Config{Address: fmt.Sprintf("127.0.0.1:%d", s.Port), SystemID: "countersign", Password: "right", SystemType: "test", Source: "Exchange", SourceTON: 5, Receipts: true,
		Timeout: 5 * time.Second}
	if change != nil {
		change(&c)
	}
	client := smpp.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); client.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return client
}

func message(text string) smpp.Message {
	return smpp.Message{To: "+447700900078", Text: text, Key: "msg_1", Validity: 10 * time.Minute}
}

func TestAMessageArrivesAsItWasWritten(t *testing.T) {
	t.Parallel()
	s := smppserver.Start(t, "", "")
	c := connect(t, s, nil)
	const text = "Börse code: 482913. [50 €]\n\n@exchange.example #482913"
	id, err := c.Submit(t.Context(), message(text))
	if err != nil {
		t.Fatal(err)
	}
	got := s.Wait("submit", 1)[0]
	if got.Text != text || got.ID != id || got.To != "447700900078" || got.ToTON != 1 || got.From != "Exchange" || got.FromTON != 5 || got.FromNPI != 0 || got.Coding != 0 || got.Registered != 1 || got.Class != 0 {
		t.Errorf("%+v", got)
	}
	if got.Validity == "" {
		t.Error("without an end of its validity")
	}
	if bind := s.Wait("bind", 1)[0]; bind.Version != 0x34 || bind.Type != "test" {
		t.Errorf("%+v", bind)
	}
}

func TestALongMessageArrivesInParts(t *testing.T) {
	t.Parallel()
	s := smppserver.Start(t, "", "")
	c := connect(t, s, nil)
	for n, long := range []string{strings.Repeat("Sends 250 USDT {x} ", 20), strings.Repeat("Код 482913 😀 ", 12)} {
		before := s.Count("submit")
		id, err := c.Submit(t.Context(), message(long))
		if err != nil {
			t.Fatal(err)
		}
		s.Order(`{"mode": {}}`) // what it says comes in order
		list := s.Events("submit")[before:]
		if len(list) < 2 {
			t.Fatalf("%d parts", len(list))
		}
		var text strings.Builder
		for i, part := range list {
			text.WriteString(part.Text)
			if part.Class != 0x40 || !strings.HasSuffix(part.UDH, fmt.Sprintf("%02x%02x", len(list), i+1)) || part.UDH[:len(part.UDH)-4] != list[0].UDH[:len(part.UDH)-4] {
				t.Errorf("text %d, part %d: class %x, header %s", n, i, part.Class, part.UDH)
			}
			if last := i == len(list)-1; (part.Registered == 1) != last || (part.ID == id) != last {
				t.Errorf("text %d, part %d: registered %d", n, i, part.Registered)
			}
		}
		if text.String() != long {
			t.Errorf("%q came out as %q", long, text.String())
		}
	}
}

func TestARefusalHasItsStatus(t *testing.T) {
	t.Parallel()
	s := smppserver.Start(t, "", "")
	c := connect(t, s, nil)
	s.Order(`{"mode": {"submit": 88}}`)
	_, err := c.Submit(t.Context(), message("x"))
	var refused *smpp.StatusError
	if !errors.As(err, &refused) || refused.Status != 0x58 || refused.Command != "submit_sm" {
		t.Errorf("%v", err)
	}
	wrong := connect(t, s, func(c *smpp.Config) { c.Password = "wrong-one" })
	if _, err := wrong.Submit(t.Context(), message("x")); !errors.As(err, &refused) || refused.Command != "bind_transceiver" || strings.Contains(err.Error(), "wrong-one") {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestACentreThatHangsIsGivenUpAndComesBack(t *testing.T) {
	t.Parallel()
	s := smppserver.Start(t, "", "")
	c := connect(t, s, func(c *smpp.Config) { c.Timeout = 300 * time.Millisecond })
	s.Wait("bind", 1)
	s.Order(`{"mode": {"submit": "hang"}}`)
	if _, err := c.Submit(t.Context(), message("x")); err == nil {
		t.Error("no answer is a yes")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Submit(ctx, message("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	s.Order(`{"mode": {"submit": 0}}`)
	if _, err := c.Submit(t.Context(), message("again")); err != nil {
		t.Error(err)
	}
	if s.Count("bind") != 1 {
		t.Error("it bound again although the connection was well")
	}
}

func TestASilentConnectionIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := smppserver.Start(t, "", "")
	connect(t, s, func(c *smpp.Config) { c.Idle, c.Timeout = 100*time.Millisecond, 300*time.Millisecond })
	s.Wait("enquire", 2) // it is asked, and answers
	if s.Count("bind") != 1 {
		t.Errorf("bound %d times", s.Count("bind"))
	}
	s.Order(`{"mode": {"enquire": "hang"}}`)
	s.Wait("bind", 2)
}

func TestTheCentresQuestionsAreAnswered(t *testing.T) {
	t.Parallel()
	s := smppserver.Start(t, "", "")
	connect(t, s, nil)
	s.Wait("bind", 1)
	s.Order(`{"enquire": true}`)
	s.Wait("enquire_answered", 1)
}

func TestAConnectionThatBreaksIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := smppserver.Start(t, "", "")
	c := connect(t, s, nil)
	s.Wait("bind", 1)
	s.Order(`{"mode": {"submit": "drop"}}`)
	if _, err := c.Submit(t.Context(), message("x")); err == nil {
		t.Error("a connection that broke is a yes")
	}
	s.Order(`{"mode": {"submit": 0}}`)
	s.Wait("bind", 2) // by itself: receipts have to come
	if _, err := c.Submit(t.Context(), message("x")); err != nil {
		t.Error(err)
	}
	s.Stop()
	if _, err := c.Submit(t.Context(), message("x")); err == nil {
		t.Error("nobody is there, and said yes")
	}
	binds := s.Count("bind")
	s.Restart()
	s.Wait("bind", binds+1)
	if _, err := c.Submit(t.Context(), message("x")); err != nil {
		t.Error(err)
	}
}

func TestTheWindowBoundsWhatIsUnanswered(t *testing.T) {
	t.Parallel()
	s := smppserver.Start(t, "", "")
	c := connect(t, s, func(c *smpp.Config) { c.Window = 3 })
	s.Wait("bind", 1)
	s.Order(`{"mode": {"submit": "hang"}}`)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 9 {
		group.Go(func() { _, _ = c.Submit(ctx, message("x")) })
	}
	s.Wait("submit", 3)
	cancel()
	group.Wait()
	// Of what came after, nothing was sent: its time was over with that of the first three.
	s.Order(`{"mode": {"submit": 0}}`)
	if n := s.Count("submit"); n != 3 {
		t.Errorf("%d at once in a window of 3", n)
	}
	for range 50 {
		group.Go(func() {
			if _, err := c.Submit(t.Context(), message("y")); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// The trap of many clients: what waits inside a receipt's callback must not keep the connection from being read.
func TestReceiptsDoNotHoldUpTheConnection(t *testing.T) {
	t.Parallel()
	s := smppserver.Start(t, "", "")
	var mu sync.Mutex
	var told []smpp.Receipt
	release := make(chan struct{})
	c := connect(t, s, func(c *smpp.Config) {
		c.OnReceipt = func(_ context.Context, r smpp.Receipt) error {
			mu.Lock()
			told = append(told, r)
			mu.Unlock()
			<-release
			if !r.Delivered {
				return errors.New("not noted")
			}
			return nil
		}
	})
	s.Order(`{"mode": {"receipts": "DELIVRD"}}`)
	ids := map[string]bool{}
	for range 20 {
		id, err := c.Submit(t.Context(), message("x"))
		if err != nil {
			t.Fatal(err)
		}
		ids[id] = true
	}
	s.Order(`{"enquire": true}`)
	s.Wait("enquire_answered", 1)
	if n := s.Count("receipt_answered"); n != 0 {
		t.Errorf("%d receipts were acknowledged before they were noted", n)
	}
	close(release)
	for _, e := range s.Wait("receipt_answered", 20) {
		if e.Status != 0 {
			t.Errorf("%+v", e)
		}
	}
	mu.Lock()
	for _, r := range told {
		if !ids[r.ID] || !r.Delivered || r.Reason != "DELIVRD 000" {
			t.Errorf("%+v", r)
		}
		delete(ids, r.ID)
	}
	mu.Unlock()
	if len(ids) != 0 {
		t.Errorf("no receipt of %v", ids)
	}
	s.Order(`{"receipt": {"id": "m-1", "stat": "UNDELIV"}}`)
	if e := s.Wait("receipt_answered", 21)[20]; e.Status == 0 {
		t.Error("a receipt that was not noted is acknowledged")
	}
}

func TestStoppingUnbinds(t *testing.T) {
	t.Parallel()
	s := smppserver.Start(t, "", "")
	client := smpp.New(smpp.Config{Address: fmt.Sprintf("127.0.0.1:%d", s.Port), SystemID: "countersign", Password: "right", Source: "Exchange"})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); client.Run(ctx) }()
	s.Wait("bind", 1)
	if err := client.Check(t.Context()); err != nil || !client.Connected() {
		t.Errorf("connected %t, %v", client.Connected(), err)
	}
	cancel()
	<-done
	s.Wait("unbind", 1)
	if _, err := client.Submit(t.Context(), message("x")); !errors.Is(err, smpp.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// A centre that speaks no SMPP at all, or only half a PDU.
func TestRubbishEndsTheConnection(t *testing.T) {
	t.Parallel()
	for name, rubbish := range map[string]string{"another protocol": "HTTP/1.1 400 Bad Request\r\n\r\n", "half a PDU": "\x00\x00\x00\x20\x80\x00\x00\x09", "a huge one": "\x7f\xff\xff\xff\x80\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x01"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Write([]byte(rubbish))
				_ = conn.(*net.TCPConn).CloseWrite()
			}
		}()
		client := smpp.New(smpp.Config{Address: l.Addr().String(), SystemID: "countersign", Password: "right", Source: "Exchange", Timeout: 2 * time.Second})
		begun := time.Now()
		if _, err := client.Submit(t.Context(), message("x")); err == nil || time.Since(begun) > time.Second {
			t.Errorf("%s: %v after %v", name, err, time.Since(begun))
		}
	}
}
