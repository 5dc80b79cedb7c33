package smpp

import (
	"bytes"
	"context"
	"net"
	"runtime"
	"testing"
	"time"
)

// A centre that asks without end, and reads no answer, is given up before what is to be told it fills the memory.
func TestACentreThatDoesNotListenIsGivenUp(t *testing.T) {
	for name, flood := range map[string]pdu{"questions": {command: enquireLink}, "what nobody knows": {command: 0x77}, "messages": {command: deliverSM, body: []byte{1, 2, 3}}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		most := make(chan int, 1)
		go func() {
			running := 0
			defer func() { most <- running }()
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			bind, err := readPDU(conn)
			if err != nil {
				return
			}
			_, err = conn.Write(pdu{command: bindTransceiver | response, sequence: bind.sequence, body: []byte{'x', 0}}.bytes())
			for many := bytes.Repeat(flood.bytes(), 1000); err == nil; running = max(running, runtime.NumGoroutine()) {
				_, err = conn.Write(many)
			}
		}()
		lost := make(chan error, 10)
		c := New(Config{Address: l.Addr().String(), SystemID: "x", Timeout: time.Second, OnReceipt: func(context.Context, Receipt) error { return nil }, OnConnection: func(err error) { lost <- err }})
		ctx, cancel := context.WithCancel(t.Context())
		go c.Run(ctx)
		for err := <-lost; err == nil; err = <-lost {
		}
		cancel()
		if n := <-most; n > 10*repliesAtOnce {
			t.Errorf("%s: %d goroutines", name, n)
		}
	}
}
