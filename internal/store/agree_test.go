package store

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"countersign/internal/testkit/pgserver"
)

// A copy whose clock is wrong would end every session and every hold of the others, and have purged what they keep.
func TestACopyFarAheadDoesNotJoin(t *testing.T) {
	if pgserver.Wanted == nil {
		t.Skip("about databases that copies share")
	}
	f := open(t)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	by := func(ahead time.Duration) func() time.Time {
		return func() time.Time { return start.Add(time.Since(began) + ahead) }
	}
	serving, err := Open(t.Context(), f.path, f.keys, by(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, ahead := range []time.Duration{maxAhead + time.Minute, 400 * 24 * time.Hour} {
		other, err := Open(t.Context(), f.path, f.keys, by(ahead))
		if err == nil {
			_ = other.Close()
			t.Errorf("a copy joins with a clock that is %s ahead", ahead)
		} else if !strings.Contains(err.Error(), "ahead of the copies that serve") {
			t.Errorf("%v", err)
		}
	}
	if err := serving.Update(context.Background(), func(tx *Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if now := serving.Now(); now.Sub(by(0)()) > time.Second {
		t.Errorf("those that serve have taken its time over: %s", now)
	}
	for _, ahead := range []time.Duration{-time.Hour, maxAhead - time.Minute} {
		other, err := Open(t.Context(), f.path, f.keys, by(ahead))
		if err != nil {
			t.Fatalf("%s: %v", ahead, err)
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := serving.Close(); err != nil {
		t.Fatal(err)
	}
	// Nobody serves, and it is the clock that tells for how long.
	late, err := Open(t.Context(), f.path, f.keys, by(48*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := late.Close(); err != nil {
		t.Error(err)
	}
}

// set is a clock that somebody sets: what it shows goes on by so much, and its machine's own count of time does not (time.Time has the
// seconds of a reading with both from its bit 30 on).
func set(t time.Time, by time.Duration) time.Time {
	*(*uint64)(unsafe.Pointer(&t)) += uint64(by/time.Second) << 30
	return t
}

// A copy whose clock jumps while it serves goes on in the others' time; one that is alone, and has slept, in that of its clock.
func TestAClockThatJumpsAheadIsNotFollowed(t *testing.T) {
	if pgserver.Wanted == nil {
		t.Skip("about databases that copies share")
	}
	f := open(t)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	usual := exchangeEvery
	exchangeEvery = usual / 5
	t.Cleanup(func() { exchangeEvery = usual })
	var by atomic.Int64
	jumping := func() time.Time { return set(time.Now(), time.Duration(by.Load())) }
	if now := time.Now(); set(now, time.Hour).Sub(now) != 0 || set(now, time.Hour).Unix()-now.Unix() != 3600 {
		t.Fatal("time.Time is made in another way now")
	}
	var each []*DB
	for _, clock := range []func() time.Time{time.Now, jumping} {
		db, err := Open(t.Context(), f.path, f.keys, clock)
		if err != nil {
			t.Fatal(err)
		}
		each = append(each, db)
	}
	by.Store(int64(100 * 24 * time.Hour))
	wait := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !is(); <-time.After(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("not %s", what)
			}
		}
	}
	stored := func() (at int64) {
		if err := each[0].readers.QueryRow(`SELECT value FROM settings WHERE name = 'high_water'`).Scan(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	wait("said", func() bool { return each[1].Now().IsZero() || each[1].Ahead() > 99*24*time.Hour })
	// As many rounds as would take it for alone, were it.
	from := stored()
	wait("kept", func() bool { return stored() > from+int64((silence+3)*exchangeEvery/time.Millisecond) })
	for i, db := range each {
		if ahead := time.Until(db.Now()); ahead > time.Second || ahead < -2*time.Second {
			t.Errorf("copy %d is %s ahead", i, ahead)
		}
	}
	if err := each[0].Close(); err != nil {
		t.Error(err)
	}
	wait("alone", func() bool { return time.Until(each[1].Now()) > 99*24*time.Hour && each[1].Ahead() == 0 })
	if err := each[1].Close(); err != nil {
		t.Error(err)
	}
}
