package verification

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"countersign/internal/secret"
)

func testKeys(t *testing.T, masters ...byte) *secret.Keys {
	t.Helper()
	var raw [][]byte
	for _, m := range masters {
		raw = append(raw, bytes.Repeat([]byte{m}, secret.MasterSize))
	}
	k, err := secret.NewKeys(raw...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const origin, rpID = "https://bank.example", "bank.example"

var now = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

func TestALoginChallengeIsGenuineForItsOriginEpochAndKeyOnly(t *testing.T) {
	keys := testKeys(t, 1)
	c := SealChallenge(keys, 3, now, LoginChallenge, origin, rpID)
	nonce, expires, genuine, expired := OpenChallenge(keys, 3, now, LoginChallenge, origin, rpID, c)
	if !genuine || expired || len(nonce) != 16 || !expires.Equal(now.Add(ChallengeLife)) {
		t.Fatalf("%x, %v, %t, %t", nonce, expires, genuine, expired)
	}
	for name, open := range map[string]func() (genuine bool){
		"another origin": func() bool {
			_, _, g, _ := OpenChallenge(keys, 3, now, LoginChallenge, "https://app.bank.example", rpID, c)
			return g
		},
		"another purpose": func() bool {
			_, _, g, _ := OpenChallenge(keys, 3, now, "operator", origin, rpID, c)
			return g
		},
		"another rp":    func() bool { _, _, g, _ := OpenChallenge(keys, 3, now, LoginChallenge, origin, "example", c); return g },
		"a later epoch": func() bool { _, _, g, _ := OpenChallenge(keys, 4, now, LoginChallenge, origin, rpID, c); return g },
		"another key": func() bool {
			_, _, g, _ := OpenChallenge(testKeys(t, 2), 3, now, LoginChallenge, origin, rpID, c)
			return g
		},
		"cut short": func() bool {
			_, _, g, _ := OpenChallenge(keys, 3, now, LoginChallenge, origin, rpID, c[:len(c)-1])
			return g
		},
		"longer": func() bool {
			_, _, g, _ := OpenChallenge(keys, 3, now, LoginChallenge, origin, rpID, append(slices.Clone(c), 0))
			return g
		},
		"nothing": func() bool { _, _, g, _ := OpenChallenge(keys, 3, now, LoginChallenge, origin, rpID, nil); return g },
	} {
		if open() {
			t.Errorf("genuine for %s", name)
		}
	}
	for i := range c {
		altered := slices.Clone(c)
		altered[i] ^= 1
		if _, _, g, _ := OpenChallenge(keys, 3, now, LoginChallenge, origin, rpID, altered); g {
			t.Errorf("byte %d altered: genuine", i)
		}
	}
	if _, _, g, _ := OpenChallenge(testKeys(t, 2, 1), 3, now, LoginChallenge, origin, rpID, c); !g {
		t.Error("not genuine after a rotation of the key")
	}
}

func TestALoginChallengeLivesFiveMinutes(t *testing.T) {
	keys := testKeys(t, 1)
	c := SealChallenge(keys, 0, now, LoginChallenge, origin, rpID)
	for after, want := range map[time.Duration]bool{0: false, 5*time.Minute - time.Millisecond: false, 5 * time.Minute: true, time.Hour: true} {
		if _, _, genuine, expired := OpenChallenge(keys, 0, now.Add(after), LoginChallenge, origin, rpID, c); !genuine || expired != want {
			t.Errorf("after %v: genuine %t, expired %t", after, genuine, expired)
		}
	}
}

func TestALoginChallengeFromTheFutureIsRefused(t *testing.T) {
	keys := testKeys(t, 1)
	c := SealChallenge(keys, 0, now, LoginChallenge, origin, rpID)
	for before, want := range map[time.Duration]bool{0: false, copyAhead: false, copyAhead + time.Millisecond: true, 24 * time.Hour: true} {
		if _, _, genuine, expired := OpenChallenge(keys, 0, now.Add(-before), LoginChallenge, origin, rpID, c); !genuine || expired != want {
			t.Errorf("opened %v before it was sealed: genuine %t, expired %t", before, genuine, expired)
		}
	}
}

func TestLoginChallengesAreNeverTheSame(t *testing.T) {
	keys := testKeys(t, 1)
	if bytes.Equal(SealChallenge(keys, 0, now, LoginChallenge, origin, rpID), SealChallenge(keys, 0, now, LoginChallenge, origin, rpID)) {
		t.Error("two are the same")
	}
}

func TestDigitsAreTakenAsPeopleWriteThem(t *testing.T) {
	for in, want := range map[string]string{"123456": "123456", "123 456": "123456", " 123-456 ": "123456", "123\u00a0456": "123456", "١٢٣٤٥٦": "١٢٣٤٥٦", "12345a": "12345a"} {
		if got := digits(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
