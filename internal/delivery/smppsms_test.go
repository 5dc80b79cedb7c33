package delivery

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/testkit/smppserver"
)

// centre starts a centre, and writes its certificate where TLS is asked for.
func centre(t *testing.T, secure bool) (*smppserver.Server, *x509.CertPool) {
	t.Helper()
	if !secure {
		return smppserver.Start(t, "", ""), nil
	}
	cert, roots := certificate(t)
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	key, chain := filepath.Join(t.TempDir(), "key.pem"), filepath.Join(t.TempDir(), "cert.pem")
	for file, block := range map[string]*pem.Block{key: {Type: "PRIVATE KEY", Bytes: der}, chain: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return smppserver.Start(t, key, chain), roots
}

func binding(t *testing.T, s *smppserver.Server, change func(*SMPPConfig)) *SMPP {
	t.Helper()
	c := SMPPConfig{Host: "127.0.0.1", Port: s.Port, Security: SecurityNone, SystemID: "countersign", Password: "right", From: "Exchange", Timeout: 2 * time.Second, Now: time.Now}
	if change != nil {
		change(&c)
	}
	carrier, err := NewSMPP(c)
	if err != nil {
		t.Fatal(err)
	}
	return carrier
}

func TestSMPPCarriesACode(t *testing.T) {
	t.Parallel()
	for _, security := range []string{SecurityTLS, SecurityNone, SecurityTunnel} {
		s, roots := centre(t, security == SecurityTLS)
		carrier := binding(t, s, func(c *SMPPConfig) { c.Security, c.RootCAs = security, roots })
		m := brand.CodeSMS("+447700900078", codeInfo("login"))
		m.ID, m.ExpiresAt = "msg_1", time.Now().Add(10*time.Minute)
		receipt, err := carrier.Send(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		got := s.Wait("submit", 1)[0]
		if got.Text != m.Text || got.ID != receipt.ID || got.To != "447700900078" || !strings.HasSuffix(got.Text, "\n@countersign.example #482913") {
			t.Errorf("%s: %+v, %+v", security, got, receipt)
		}
		if security == SecurityTLS {
			stranger := binding(t, s, func(c *SMPPConfig) { c.Security, c.RootCAs = security, x509.NewCertPool() })
			if _, err := stranger.Send(t.Context(), m); err == nil || errors.Is(err, ErrPermanent) {
				t.Errorf("a stranger's certificate: %v", err)
			}
		}
	}
}

func TestSMPPTellsForGoodFromForNow(t *testing.T) {
	t.Parallel()
	s, _ := centre(t, false)
	carrier := binding(t, s, func(c *SMPPConfig) { c.Timeout = 300 * time.Millisecond })
	for name, c := range map[string]struct {
		mode            string
		permanent, away bool
	}{
		"no such recipient":  {"11", true, false},
		"throttled":          {"88", false, true},
		"queue full":         {"20", false, true},
		"submit failed":      {"69", false, true},
		"one of the vendor":  {"1025", false, true},
		"system error":       {"8", false, false},
		"not bound any more": {"4", false, false},
		"hangs":              {`"hang"`, false, false},
		"cuts the line":      {`"drop"`, false, false},
	} {
		s.Order(`{"mode": {"submit": ` + c.mode + `}}`)
		_, err := carrier.Send(t.Context(), Message{To: "+447700900078", Text: "482913"})
		if err == nil || errors.Is(err, ErrPermanent) != c.permanent || errors.Is(err, ErrElsewhere) != c.away || strings.Contains(err.Error(), "4477") || strings.Contains(err.Error(), "482913") {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.Order(`{"mode": {"submit": 0, "bind": 13}, "drop": true}`)
	if _, err := carrier.Send(t.Context(), Message{To: "+447700900078", Text: "x"}); err == nil || errors.Is(err, ErrPermanent) || errors.Is(err, ErrElsewhere) {
		t.Errorf("a bind that is refused: %v", err)
	}
	s.Order(`{"mode": {"bind": 0}}`)
	if _, err := carrier.Send(t.Context(), Message{To: "+447700900078", Text: "x"}); err != nil {
		t.Errorf("it does not come back: %v", err)
	}
}

// until waits for a condition that another goroutine brings about.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not happen", what)
		}
	}
}

func TestReceiptsReachTheOutbox(t *testing.T) {
	t.Parallel()
	for _, hex := range []bool{false, true} {
		s, _ := centre(t, false)
		o := newOutbox(t)
		r := route(t, nil, nil, binding(t, s, func(c *SMPPConfig) { c.HexIDs = hex }))
		w := newWorker(o, &carrierFunc{}, r)
		w.Wake = o.wake
		stop := run(t, w)
		s.Wait("bind", 1)
		// The centre's receipt comes together with its answer, and so before anybody has noted the answer.
		s.Order(fmt.Sprintf(`{"mode": {"receipts": "DELIVRD", "hex": %t}}`, hex))
		for i := range 10 {
			o.queueTo("+447700900078", fmt.Sprint("m-", i), ChannelSMS, time.Minute)
		}
		until(t, "ten deliveries", func() bool { return o.count("delivered") == 10 })
		s.Order(`{"mode": {"receipts": "UNDELIV"}}`)
		o.queueTo("+447700900078", "lost", ChannelSMS, time.Minute)
		until(t, "a failure", func() bool { return o.row("lost").state == "failed" })
		if reason := o.row("lost").reason; reason != "smpp UNDELIV 000" {
			t.Errorf("%q", reason)
		}
		if by := o.row("m-3").by; by.Carrier != "a" || by.ID == "" {
			t.Errorf("%+v", by)
		}
		if status := Status(w.Carriers); len(status) != 1 || status[0].Connected == nil || !*status[0].Connected || status[0].Sent != 11 {
			t.Errorf("%+v", status)
		}
		stop()
		s.Wait("unbind", 1)
	}
}

// lockedLog keeps what several goroutines log.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A centre that is gone: the second carrier takes over within the first messages, and the first is used again when it is back.
func TestACentreFailsOverAndComesBack(t *testing.T) {
	t.Parallel()
	first, _ := centre(t, false)
	second, _ := centre(t, false)
	shift := time.Duration(0)
	log := &lockedLog{}
	r := route(t, nil, nil, binding(t, first, nil), binding(t, second, nil))
	r.logger = slog.New(slog.NewTextHandler(log, nil))
	r.now = func() time.Time { return time.Now().Add(shift) }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Run(ctx, func(context.Context, Report) error { return nil })
	}()
	defer func() { cancel(); <-done }()
	first.Wait("bind", 1)
	by := func() string {
		receipt, err := r.Send(t.Context(), sms("m"))
		if err != nil {
			t.Fatal(err)
		}
		return receipt.Carrier
	}
	if by() != "a" {
		t.Error("the first carrier is not the first")
	}
	first.Stop()
	for range mostFailures {
		if by() != "b" {
			t.Error("nobody took over")
		}
	}
	if !Status(map[string]Carrier{ChannelSMS: r})[0].Resting {
		t.Error("it is not rested")
	}
	binds := first.Count("bind")
	first.Restart()
	first.Wait("bind", binds+1)
	lines := func(text string) int { return strings.Count(log.String(), text) }
	until(t, "a line that it is connected again", func() bool { return lines(`msg="carrier is connected" channel=sms carrier=a`) == 2 })
	if n := lines(`msg="carrier is not connected" channel=sms carrier=a`); n != 1 {
		t.Errorf("%d lines say that it was away:\n%s", n, log.String())
	}
	if by() != "b" {
		t.Error("it is asked while it rests")
	}
	shift = firstRest
	until(t, "the first carrier's return", func() bool { shift += time.Second; return by() == "a" })
}

func TestSMPPConfigurationIsChecked(t *testing.T) {
	good := SMPPConfig{Host: "smsc.example", Port: 3550, Security: SecurityTLS, SystemID: "countersign", Password: "x", From: "Exchange", Now: time.Now}
	if _, err := NewSMPP(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*SMPPConfig){
		"no host":              func(c *SMPPConfig) { c.Host = "" },
		"no port":              func(c *SMPPConfig) { c.Port = 0 },
		"unknown security":     func(c *SMPPConfig) { c.Security = "maybe" },
		"plain to another":     func(c *SMPPConfig) { c.Security = SecurityNone },
		"no system id":         func(c *SMPPConfig) { c.SystemID = "" },
		"a long system id":     func(c *SMPPConfig) { c.SystemID = strings.Repeat("x", 16) },
		"an end in a password": func(c *SMPPConfig) { c.Password = "x\x00y" },
		"no sender":            func(c *SMPPConfig) { c.From = "" },
		"another alphabet":     func(c *SMPPConfig) { c.Alphabet = "ebcdic" },
		"no clock":             func(c *SMPPConfig) { c.Now = nil },
	} {
		c := good
		spoil(&c)
		if _, err := NewSMPP(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for from, want := range map[string][2]byte{"Exchange": {5, 0}, "+447700900078": {1, 1}, "447700900078": {1, 1}, "60123": {3, 0}} {
		if ton, npi := addressKind(from); ton != want[0] || npi != want[1] {
			t.Errorf("%s: %d %d", from, ton, npi)
		}
	}
}
