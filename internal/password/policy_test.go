package password

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func codeOf(t *testing.T, pw string) string {
	t.Helper()
	err := Check(pw)
	if err == nil {
		return ""
	}
	var refused *PolicyError
	if !errors.As(err, &refused) || refused.Message == "" {
		t.Fatalf("%q: %v is no policy error with a message", pw, err)
	}
	return refused.Code
}

func TestPasswordsAreRefusedForLengthAndCommonnessOnly(t *testing.T) {
	for _, tc := range []struct{ name, pw, want string }{
		{"nothing", "", "password_too_short"},
		{"seven characters", "x7#kQ2p", "password_too_short"},
		{"eight characters", "x7#kQ2pz", ""},
		{"seven characters of four bytes", strings.Repeat("🔑", 6) + "é", "password_too_short"},
		{"eight characters of many bytes", "héllö🔑ñß", ""},
		{"letters and accents apart count as composed", "e\u0301e\u0301e\u0301e\u0301abc", "password_too_short"},
		{"128 characters", strings.Repeat("xq", 32) + strings.Repeat("🔑é", 32), ""},
		{"129 characters", strings.Repeat("xq", 64) + "z", "password_too_long"},
		{"spaces and signs", "  ~^ | `´", ""},
		{"a zero byte", "abc\x00defk", ""},
		{"lower case alone", "plinthgravelotter", ""},
		{"a passphrase", "copper heron forty one", ""},
		{"the most common", "password", "password_common"},
		{"in capitals", "PassWord", "password_common"},
		{"with a digit and a sign", "Password1!", "password_common"},
		{"with a year", "Sunshine2026", "password_common"},
		{"a season and a year", "Summer2026", "password_common"},
		{"a season, a year and a sign", "Summer2026!", "password_common"},
		{"a row of the keyboard", "qwertyuiop", "password_common"},
		{"the service's name", "Countersign", "password_common"},
		{"the comic's", "correcthorsebatterystaple", "password_common"},
		{"one character", "zzzzzzzzzzzz", "password_common"},
		{"two in turn", "xyxyxyxyxyxy", "password_common"},
		{"three in turn, cut off", "a1ba1ba1ba", "password_common"},
		{"counting up", "23456789", "password_common"},
		{"counting down", "hgfedcba", "password_common"},
		{"a common word as a part", "password for the ledger", ""},
		{"a common word with a long ending", "sunshine-48213", ""},
		{"eight digits at random", "40718355", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := codeOf(t, tc.pw); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestTheListIsSortedAndEveryEntryIsFound(t *testing.T) {
	if !strings.HasSuffix(commonList, "\n") {
		t.Fatal("the last line does not end")
	}
	entries := strings.Split(strings.TrimSuffix(commonList, "\n"), "\n")
	if len(entries) < 5000 {
		t.Fatalf("only %d entries", len(entries))
	}
	if !slices.IsSorted(entries) || len(slices.Compact(slices.Clone(entries))) != len(entries) {
		t.Error("not sorted, or with duplicates")
	}
	for _, entry := range entries {
		if !listed(entry) || Check(entry) == nil {
			t.Errorf("%q is not refused", entry)
		}
		if utf8.RuneCountInString(entry) < MinLength || strings.ToLower(entry) != entry {
			t.Errorf("%q is too short or not in lower case", entry)
		}
		for _, other := range []string{entry + "\x00", entry + "~", entry[:len(entry)-1] + "\x00", "\x00" + entry, entry + "\n" + entry} {
			if listed(other) {
				t.Errorf("%q is found", other)
			}
		}
	}
	if listed("") || listed("\n") {
		t.Error("nothing is found")
	}
}

func TestRefusalsDoNotRepeatThePassword(t *testing.T) {
	if err := Check("PassWord1"); err == nil || strings.Contains(err.Error(), "PassWord1") {
		t.Errorf("got %v", err)
	}
}

func FuzzCheckCountsCharacters(f *testing.F) {
	f.Add("password")
	f.Add("e\u0301\xff")
	f.Add("00000\u03440") // NFC makes two characters of U+0344
	f.Fuzz(func(t *testing.T, pw string) {
		n := utf8.RuneCountInString(norm.NFC.String(pw))
		if err := Check(pw); err == nil && (n < MinLength || n > MaxLength) {
			t.Fatalf("%q was accepted", pw)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	for b.Loop() {
		_ = Check("plinth gravel otter")
	}
}
