package secret_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/secret"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, secret.MasterSize) }

func keys(t *testing.T, masters ...byte) *secret.Keys {
	t.Helper()
	var raw [][]byte
	for _, m := range masters {
		raw = append(raw, key(m))
	}
	k, err := secret.NewKeys(raw...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var here = secret.Place{Table: "factors", Column: "value", Row: "acc_1/phone"}

func TestSealedValueOpensAtItsOwnPlaceOnly(t *testing.T) {
	k := keys(t, 1)
	sealed := k.Seal(here, []byte("+447700900078"))
	if got, err := k.Open(here, sealed); err != nil || string(got) != "+447700900078" {
		t.Fatalf("%q, %v", got, err)
	}
	if bytes.Contains(sealed, []byte("447700")) {
		t.Error("the number can be read in the sealed value")
	}
	for _, other := range []secret.Place{
		{Table: "factors", Column: "value", Row: "acc_2/phone"},
		{Table: "factors", Column: "hint", Row: "acc_1/phone"},
		{Table: "accounts", Column: "value", Row: "acc_1/phone"},
		// The same letters, cut elsewhere.
		{Table: "factor", Column: "svalue", Row: "acc_1/phone"},
		{Table: "factors", Column: "valueacc_1", Row: "/phone"},
	} {
		if _, err := k.Open(other, sealed); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("opens at %v: %v", other, err)
		}
	}
}

func TestEveryAlteredByteIsNoticed(t *testing.T) {
	k := keys(t, 1)
	sealed := k.Seal(here, []byte("x"))
	for i := range sealed {
		altered := slices.Clone(sealed)
		altered[i] ^= 1
		if _, err := k.Open(here, altered); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("byte %d altered: %v", i, err)
		}
		if _, err := k.Open(here, sealed[:i]); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("cut after %d bytes: %v", i, err)
		}
	}
	if _, err := k.Open(here, append(slices.Clone(sealed), 0)); err == nil {
		t.Error("a byte more is not noticed")
	}
}

func TestSealingTwiceGivesDifferentBytes(t *testing.T) {
	k := keys(t, 1)
	if bytes.Equal(k.Seal(here, []byte("x")), k.Seal(here, []byte("x"))) {
		t.Error("equal values can be told from their sealed forms")
	}
}

func TestRotationSealsWithTheFirstKeyAndOpensWithAll(t *testing.T) {
	old, both, other := keys(t, 1), keys(t, 2, 1), keys(t, 3)
	sealed, mac := old.Seal(here, []byte("x")), old.MAC("code", []byte("1"))
	if got, err := both.Open(here, sealed); err != nil || string(got) != "x" {
		t.Errorf("the old key's value: %q, %v", got, err)
	}
	if !both.CheckMAC(mac, "code", []byte("1")) {
		t.Error("the old key's MAC is not taken")
	}
	if all := both.MACs("code", []byte("1")); len(all) != 2 || !bytes.Equal(all[0], both.MAC("code", []byte("1"))) || !bytes.Equal(all[1], mac) {
		t.Error("look-ups do not try the current key first and then the old one")
	}
	fresh := both.Seal(here, []byte("x"))
	if _, err := old.Open(here, fresh); err == nil {
		t.Error("the old key still seals")
	}
	if _, err := other.Open(here, fresh); err == nil {
		t.Error("a foreign key opens")
	}
	if other.CheckMAC(mac, "code", []byte("1")) {
		t.Error("a foreign key's MAC is taken")
	}
	if old.ID() == both.ID() {
		t.Error("two keys have one id")
	}
}

func TestMACSeparatesLabelsAndParts(t *testing.T) {
	k := keys(t, 1)
	mac := k.MAC("code", []byte("ab"), []byte("c"))
	if len(mac) != 32 || !k.CheckMAC(mac, "code", []byte("ab"), []byte("c")) {
		t.Fatal("a MAC does not check")
	}
	for name, other := range map[string][]byte{
		"label":         k.MAC("cod", []byte("eab"), []byte("c")),
		"cut elsewhere": k.MAC("code", []byte("a"), []byte("bc")),
		"one part":      k.MAC("code", []byte("abc")),
		"a part more":   k.MAC("code", []byte("ab"), []byte("c"), nil),
	} {
		if bytes.Equal(mac, other) {
			t.Errorf("%s: the same MAC", name)
		}
	}
}

func TestMasterKeysAreReadStrictly(t *testing.T) {
	good := secret.NewMaster()
	for name, text := range map[string]string{
		"nothing": "", "a comment": "# key\n", "too short": good[:62], "too long": good + "00", "no hexadecimal": strings.Repeat("g", 64), "a good one and a bad one": good + "\nxyz",
	} {
		if _, err := secret.ParseKeys(text); err == nil {
			t.Errorf("%s is taken", name)
		} else if strings.Contains(err.Error(), good) {
			t.Errorf("%s: the error repeats the key", name)
		}
	}
	k, err := secret.ParseKeys("# current\n " + good + " \n\n# former\n" + secret.NewMaster() + "\n")
	if err != nil || len(k.MACs("x")) != 2 {
		t.Errorf("%v", err)
	}
	if _, err := secret.NewKeys(make([]byte, 31)); err == nil {
		t.Error("31 bytes are taken")
	}
}

func TestSignerFollowsFromTheKey(t *testing.T) {
	id, one := keys(t, 1).Signer()
	again, same := keys(t, 1, 2).Signer()
	_, other := keys(t, 2).Signer()
	if id != again || !one.Equal(same) || one.Equal(other) {
		t.Error("the signing key is not that of the current master key")
	}
}

func TestTokensAreStoredAsHashesOnly(t *testing.T) {
	token, hash := secret.NewToken()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	sum := sha256.Sum256([]byte(token))
	if err != nil || len(raw) != 32 || !bytes.Equal(hash, sum[:]) || !bytes.Equal(secret.HashToken(token), hash) {
		t.Errorf("%q: %v", token, err)
	}
	if other, _ := secret.NewToken(); other == token {
		t.Error("two tokens are the same")
	}
}

func TestIDsGrowWithTime(t *testing.T) {
	at := time.Date(2026, 3, 14, 0, 0, 0, 0, time.UTC)
	form := regexp.MustCompile(`^wd_[0-9a-hjkmnp-tv-z]{26}$`)
	last := ""
	for range 100 {
		id := secret.NewID("wd", at)
		if !form.MatchString(id) || id <= last {
			t.Fatalf("%s after %s", id, last)
		}
		last, at = id, at.Add(time.Millisecond)
	}
	if one, other := secret.NewID("wd", at), secret.NewID("wd", at); one == other {
		t.Error("two ids of one millisecond are the same")
	}
}

func TestCodesAreSixDigitsOfAllKinds(t *testing.T) {
	var seen [6][10]int
	for range 5000 {
		code := secret.NewCode()
		if len(code) != 6 {
			t.Fatal(code)
		}
		for i, c := range code {
			if c < '0' || c > '9' {
				t.Fatal(code)
			}
			seen[i][c-'0']++
		}
	}
	// 500 are due of each; a fair source strays by 150 less than once in 10^11 runs.
	for i, digits := range seen {
		for d, n := range digits {
			if n < 350 || n > 650 {
				t.Errorf("digit %d stands %d times of 5000 at place %d", d, n, i)
			}
		}
	}
}
