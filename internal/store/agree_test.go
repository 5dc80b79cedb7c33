package store

import (
	"context"
	"strings"
	"testing"
	"time"

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
