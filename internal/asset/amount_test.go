package asset

import (
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"countersign/approval"
)

func mustAmount(t testing.TB, s string) Amount {
	t.Helper()
	a, err := ParseAmount(s, MaxDecimals)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return a
}

func TestShortestPlainDecimalsAreReadExactly(t *testing.T) {
	for _, s := range []string{
		"0", "1", "250", "0.5", "0.000001", "1000000", "10", "100.001",
		"0.000000000000000001", strings.Repeat("9", 36) + "." + strings.Repeat("9", 18),
	} {
		if got := mustAmount(t, s).String(); got != s {
			t.Errorf("%s is written as %s", s, got)
		}
	}
}

func TestAmountsInAnyOtherFormAreRefused(t *testing.T) {
	for _, tc := range []struct {
		s        string
		decimals int
	}{
		{"", 6}, {"250.00", 6}, {"1.0", 6}, {"0.50", 6}, {"0.0", 6}, {"1e3", 6}, {"1E3", 6}, {"1e0", 6}, {"+1", 6}, {"-1", 6},
		{"-0", 6}, {".5", 6}, {"5.", 6}, {".", 6}, {"01", 6}, {"00", 6}, {"00.5", 6}, {"1.2.3", 6}, {"1,5", 6}, {"1 000", 6},
		{"1_000", 6}, {" 1", 6}, {"1 ", 6}, {"1\n", 6}, {"0x10", 6}, {"NaN", 6}, {"Inf", 6}, {"Infinity", 6}, {"1/2", 6}, {"٢", 6},
		{"１", 6}, {"1\x00", 6}, {"0.0000001", 6}, {"1.000000001", 8}, {"0.1", 0}, {"0.1", -1},
		{"0." + strings.Repeat("1", 19), 30}, {strings.Repeat("9", 37), 6}, {strings.Repeat("9", 1_000_000), 6},
		{"1e1000000000", 18},
	} {
		a, err := ParseAmount(tc.s, tc.decimals)
		var refused *Error
		if !errors.As(err, &refused) || refused.Field != "amount" || refused.Code != CodeAmountInvalid || refused.Message == "" {
			t.Errorf("%.40q with %d decimals: got %s, %v", tc.s, tc.decimals, a, err)
		}
	}
}

func TestArithmeticIsExact(t *testing.T) {
	huge := strings.Repeat("9", 36) + "." + strings.Repeat("9", 18)
	for _, tc := range []struct{ a, b, sum, difference string }{
		{"0.1", "0.2", "0.3", "-0.1"},
		{"250", "1", "251", "249"},
		{"0.5", "0.5", "1", "0"},
		{"1", "0.000000000000000001", "1.000000000000000001", "0.999999999999999999"},
		{huge, "0.000000000000000001", "1" + strings.Repeat("0", 36), strings.Repeat("9", 36) + "." + strings.Repeat("9", 17) + "8"},
	} {
		a, b := mustAmount(t, tc.a), mustAmount(t, tc.b)
		if got := a.Add(b).String(); got != tc.sum {
			t.Errorf("%s + %s = %s, want %s", a, b, got, tc.sum)
		}
		if got := a.Sub(b).String(); got != tc.difference {
			t.Errorf("%s - %s = %s, want %s", a, b, got, tc.difference)
		}
		if a.Sub(b).Sign() != a.Cmp(b) {
			t.Errorf("%s and %s: the sign of the difference is not the order", a, b)
		}
	}
	if (Amount{}).String() != "0" || (Amount{}).Sign() != 0 {
		t.Error("the zero value is not zero")
	}
}

func TestValuesAreRoundedForShowingAlone(t *testing.T) {
	for _, tc := range []struct{ a, b, want string }{
		{"0.5", "71331.84", "35665.92"}, {"250", "1", "250.00"}, {"0.001", "2.5", "0.00"}, {"0.005", "1", "0.00"}, {"0.015", "1", "0.02"},
	} {
		if got := mustAmount(t, tc.a).Mul(mustAmount(t, tc.b)).Fixed(2); got != tc.want {
			t.Errorf("%s × %s is shown as %s, want %s", tc.a, tc.b, got, tc.want)
		}
	}
}

func TestAmountsAreStringsInJSON(t *testing.T) {
	type document struct {
		A Amount `json:"a"`
	}
	b, err := json.Marshal(document{mustAmount(t, "0.5")})
	if err != nil || string(b) != `{"a":"0.5"}` {
		t.Errorf("%s, %v", b, err)
	}
	var read document
	if err := json.Unmarshal(b, &read); err != nil || read.A.String() != "0.5" {
		t.Errorf("%v, %v", read, err)
	}
	for _, bad := range []string{`{"a":0.5}`, `{"a":"0.50"}`, `{"a":""}`, `{"a":true}`} {
		if json.Unmarshal([]byte(bad), &read) == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// What is an amount here must be one where it is signed, and the reverse: an
// amount between the two would be accepted and could never be approved.
func FuzzAmountsAreThoseThatCanBeApproved(f *testing.F) {
	for _, s := range []string{"250", "0.5", "250.00", "1e3", "+1", ".5", "01", "0", "-0", "999999999999999999999999999999999999.999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAmount(s, MaxDecimals)
		details := approval.Details{
			Withdrawal: "w", Account: "a", RelyingParty: "r", Asset: "X", Network: "n", Address: "d",
			Amount: s, Fee: "0", Expires: "2026-03-14T14:41:00Z",
		}
		_, approvable := details.Canonical()
		if (approvable == nil) != (err == nil && a.Sign() > 0) {
			t.Fatalf("%q: here %v, approval %v", s, err, approvable)
		}
		if err != nil {
			return
		}
		exact, ok := new(big.Rat).SetString(s)
		back, ok2 := new(big.Rat).SetString(a.String())
		if a.String() != s || !ok || !ok2 || exact.Cmp(back) != 0 {
			t.Fatalf("%q is written as %q", s, a)
		}
	})
}
