package store

import (
	"errors"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/testkit/pgserver"
)

// wire is the network before a server. Cut, it carries nothing on what is open and takes nothing new, and closes nothing either.
func wire(t *testing.T, to string) (address string, cut *atomic.Bool) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	cut = &atomic.Bool{}
	carry := func(from, to net.Conn, lost *atomic.Bool) {
		b := make([]byte, 64<<10)
		for {
			n, err := from.Read(b)
			if lost.Store(lost.Load() || cut.Load()); lost.Load() {
				_, _ = io.Copy(io.Discard, from) // until its own side gives up
				return
			}
			if _, failed := to.Write(b[:n]); err != nil || failed != nil {
				_, _ = from.Close(), to.Close()
				return
			}
		}
	}
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", to)
			if err != nil {
				_ = here.Close()
				continue
			}
			lost := &atomic.Bool{}
			go carry(here, there, lost)
			go carry(there, here, lost)
		}
	}()
	return l.Addr().String(), cut
}

func TestAViewEndsWhereTheServerIsSilent(t *testing.T) {
	if pgserver.Wanted == nil {
		t.Skip("about a database elsewhere")
	}
	usual := viewFor
	viewFor = 500 * time.Millisecond
	t.Cleanup(func() { viewFor = usual })
	f := open(t)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(f.path)
	if err != nil {
		t.Fatal(err)
	}
	address, cut := wire(t, u.Host)
	u.Host = address
	db, err := Open(t.Context(), u.String(), f.keys, f.clock)
	if err != nil {
		t.Fatal(err)
	}
	look := func() error {
		return db.View(t.Context(), func(tx *Tx) error {
			var n int
			return tx.row([]any{&n}, `SELECT count(*) FROM settings`)
		})
	}
	if err := look(); err != nil {
		t.Fatal(err)
	}
	cut.Store(true)
	for range 3 {
		ended := make(chan error, 1)
		go func() { ended <- look() }()
		select {
		case err := <-ended:
			if !errors.Is(err, ErrUnavailable) {
				t.Errorf("%v", err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("a view waits for a server that says nothing")
		}
	}
	cut.Store(false)
	// What was open stays silent for ever, and is not used again.
	for deadline := time.Now().Add(20 * time.Second); ; {
		err := look()
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
