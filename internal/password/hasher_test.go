package password

import (
	"context"
	"encoding/base64"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/argon2"
)

func TestAHashMatchesItsPasswordAlone(t *testing.T) {
	h := NewHasher(2, 2)
	const pw = "café heron 41"
	encoded, err := h.Hash(t.Context(), pw)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(encoded, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("not the PHC form: %s", encoded)
	}
	for try, want := range map[string]bool{
		pw: true, "cafe\u0301 heron 41": true,
		"": false, "cafe heron 41": false, pw + " ": false, "Café heron 41": false, pw + "\x00": false,
	} {
		if ok, err := h.Verify(t.Context(), encoded, try); err != nil || ok != want {
			t.Errorf("%q: %v, %v; want %v", try, ok, err, want)
		}
	}
	again, err := h.Hash(t.Context(), pw)
	if err != nil || again == encoded {
		t.Errorf("the salt was used twice (%v)", err)
	}
}

// The hash comes from the tests of the reference implementation.
func TestHashesMadeElsewhereAreVerified(t *testing.T) {
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h := NewHasher(1, 0)
	if ok, err := h.Verify(t.Context(), reference, "password"); err != nil || !ok {
		t.Errorf("got %v, %v", ok, err)
	}
}

func TestTheDummyIsAHashLikeAnyOtherThatNothingMatches(t *testing.T) {
	h := NewHasher(1, 0)
	known, err := h.Hash(t.Context(), "copper heron 41")
	if err != nil {
		t.Fatal(err)
	}
	cost := func(encoded string) string {
		return encoded[:strings.LastIndex(encoded[:strings.LastIndex(encoded, "$")], "$")]
	}
	if cost(h.Dummy()) != cost(known) || len(h.Dummy()) != len(known) {
		t.Errorf("%s differs in form from %s", h.Dummy(), known)
	}
	if ok, err := h.Verify(t.Context(), h.Dummy(), "copper heron 41"); ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
	if NewHasher(1, 0).Dummy() == h.Dummy() {
		t.Error("two hashers share a dummy")
	}
}

func TestAFullQueueIsAnsweredAtOnce(t *testing.T) {
	h := NewHasher(1, 1)
	h.running <- struct{}{}
	h.admitted <- struct{}{}
	waiting := make(chan error)
	go func() {
		_, err := h.Hash(t.Context(), "the one that waits")
		waiting <- err
	}()
	for len(h.admitted) < 2 {
		select {
		case err := <-waiting:
			t.Fatalf("did not wait: %v", err)
		default:
		}
	}
	if _, err := h.Hash(t.Context(), "one too many"); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	if _, err := h.Verify(t.Context(), h.Dummy(), "one too many"); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	<-h.running
	<-h.admitted
	if err := <-waiting; err != nil {
		t.Errorf("the one that waited: %v", err)
	}
	if len(h.admitted) != 0 || len(h.running) != 0 {
		t.Error("places were not given back")
	}
}

func TestNewPasswordsLeaveHalfOfThePlacesToThoseWhoSignIn(t *testing.T) {
	h := NewHasher(1, 3)
	h.running <- struct{}{}
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if _, err := h.Hash(t.Context(), "a new one"); err != nil {
				t.Error(err)
			}
		})
	}
	for len(h.admitted) < 2 {
		runtime.Gosched()
	}
	if _, err := h.Hash(t.Context(), "one too many"); !errors.Is(err, ErrBusy) {
		t.Errorf("a third new password: %v, want ErrBusy", err)
	}
	group.Go(func() {
		if _, err := h.Verify(t.Context(), h.Dummy(), "signing in"); err != nil {
			t.Error(err)
		}
	})
	for len(h.admitted) < 3 {
		runtime.Gosched()
	}
	<-h.running
	group.Wait()
}

func TestWaitingEndsWithTheRequest(t *testing.T) {
	h := NewHasher(1, 1)
	h.running <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() {
		_, err := h.Hash(ctx, "never mind")
		waiting <- err
	}()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(h.admitted) != 0 {
		t.Error("the place was not given back")
	}
}

func TestNoMoreHashAtOnceThanThereAreWorkers(t *testing.T) {
	h := NewHasher(2, 6)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := h.Verify(t.Context(), h.Dummy(), "copper heron 41"); err != nil {
				t.Error(err)
			}
			if len(h.running) > 2 {
				t.Error("more than two at once")
			}
		})
	}
	group.Wait()
}

func TestMalformedHashesAreRefusedWithoutWork(t *testing.T) {
	h := NewHasher(1, 0)
	good := h.Dummy()
	swap := func(old, replacement string) string { return strings.Replace(good, old, replacement, 1) }
	short := base64.RawStdEncoding.EncodeToString([]byte("short"))
	for name, encoded := range map[string]string{
		"nothing":            "",
		"no hash":            "copper heron 41",
		"bcrypt":             "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"another variant":    swap("argon2id", "argon2i"),
		"another version":    swap("v=19", "v=16"),
		"too much memory":    swap("m=19456", "m=4294967295"),
		"too little memory":  swap("m=19456", "m=7"),
		"no passes":          swap("t=2", "t=0"),
		"too many passes":    swap("t=2", "t=1000"),
		"no lanes":           swap("p=1", "p=0"),
		"a negative number":  swap("t=2", "t=-2"),
		"a padded number":    swap("t=2", "t=02"),
		"more parameters":    swap("p=1", "p=1,x=1"),
		"a short salt":       "$argon2id$v=19$m=19456,t=2,p=1$" + short + good[strings.LastIndex(good, "$"):],
		"a short key":        good[:strings.LastIndex(good, "$")+1] + short,
		"no key":             good[:strings.LastIndex(good, "$")],
		"trailing text":      good + "$",
		"a line break":       good + "\n",
		"padding":            good + "=",
		"an endless key":     good + strings.Repeat("A", 400),
		"a leading space":    " " + good,
		"letters for memory": swap("m=19456", "m=lots"),
	} {
		t.Run(name, func(t *testing.T) {
			if ok, err := h.Verify(t.Context(), encoded, "copper heron 41"); ok || !errors.Is(err, ErrMalformed) {
				t.Errorf("%q: %v, %v", encoded, ok, err)
			}
		})
	}
}

func FuzzStoredHashesReadBackExactly(f *testing.F) {
	f.Add(NewHasher(1, 0).Dummy())
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, encoded string) {
		p, salt, key, err := decode(encoded)
		if err != nil {
			return
		}
		if p.memory > maxMemory || p.passes > maxPasses || int(p.keySize) != len(key) {
			t.Fatalf("%q asks for %+v", encoded, p)
		}
		if again := encode(int(p.memory), int(p.passes), int(p.parallelism), salt, key); again != encoded {
			t.Fatalf("%q reads back as %q", encoded, again)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	salt := make([]byte, saltSize)
	for b.Loop() {
		argon2.IDKey([]byte("copper heron 41"), salt, passes, memory, parallelism, keySize)
	}
}
