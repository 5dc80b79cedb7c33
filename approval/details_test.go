package approval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

func sample() Details {
	return Details{
		Withdrawal:   "wd_7Q2M4K",
		Account:      "ac_01HZX3",
		RelyingParty: "halloran.example",
		Asset:        "USDT",
		Network:      "tron",
		Address:      "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
		Memo:         "",
		Amount:       "250",
		Fee:          "1",
		Expires:      "2026-03-14T14:41:00Z",
	}
}

const sampleCanonical = `{"account":"ac_01HZX3","address":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t","amount":"250","asset":"USDT",` +
	`"expires":"2026-03-14T14:41:00Z","fee":"1","memo":"","network":"tron","relying_party":"halloran.example","withdrawal":"wd_7Q2M4K"}`

// canonicalByHand is RFC 8785 written a second time, from the RFC and by way of
// the standard decoder, for objects of strings and numbers: it shares nothing
// with the code under test.
func canonicalByHand(t *testing.T, document []byte) []byte {
	t.Helper()
	var value any
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("not JSON: %v", err)
	}
	var render func(any) string
	text := func(s string) string {
		var b strings.Builder
		for _, r := range s {
			switch short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`}; {
			case short[r] != "":
				b.WriteString(short[r])
			case r < 0x20:
				fmt.Fprintf(&b, `\u%04x`, r)
			default:
				b.WriteRune(r)
			}
		}
		return `"` + b.String() + `"`
	}
	render = func(v any) string {
		switch v := v.(type) {
		case string:
			return text(v)
		case json.Number:
			return v.String()
		case []any:
			parts := make([]string, len(v))
			for i := range v {
				parts[i] = render(v[i])
			}
			return "[" + strings.Join(parts, ",") + "]"
		case map[string]any:
			names := make([]string, 0, len(v))
			for name := range v {
				names = append(names, name)
			}
			slices.SortFunc(names, func(a, b string) int {
				return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
			})
			parts := make([]string, len(names))
			for i, name := range names {
				parts[i] = text(name) + ":" + render(v[name])
			}
			return "{" + strings.Join(parts, ",") + "}"
		default:
			t.Fatalf("unexpected %T in a document", v)
			return ""
		}
	}
	return []byte(render(value))
}

func TestCanonicalDetailsAreTheseBytes(t *testing.T) {
	got, err := sample().Canonical()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != sampleCanonical {
		t.Errorf("got  %s\nwant %s", got, sampleCanonical)
	}
}

func TestDetailsOutsideTheirFormAreRefused(t *testing.T) {
	long := strings.Repeat
	for _, tc := range []struct {
		name, field string
		change      func(*Details)
	}{
		{"amount with a trailing zero", "amount", func(d *Details) { d.Amount = "1.0" }},
		{"amount with two decimals of zero", "amount", func(d *Details) { d.Amount = "250.00" }},
		{"amount with a leading zero", "amount", func(d *Details) { d.Amount = "01" }},
		{"amount with an exponent", "amount", func(d *Details) { d.Amount = "1e3" }},
		{"amount with a zero exponent", "amount", func(d *Details) { d.Amount = "1e0" }},
		{"amount with a plus", "amount", func(d *Details) { d.Amount = "+1" }},
		{"negative amount", "amount", func(d *Details) { d.Amount = "-1" }},
		{"empty amount", "amount", func(d *Details) { d.Amount = "" }},
		{"amount that is no number", "amount", func(d *Details) { d.Amount = "NaN" }},
		{"infinite amount", "amount", func(d *Details) { d.Amount = "Infinity" }},
		{"amount in hexadecimal", "amount", func(d *Details) { d.Amount = "0x10" }},
		{"amount without a whole part", "amount", func(d *Details) { d.Amount = ".5" }},
		{"amount ending in a point", "amount", func(d *Details) { d.Amount = "5." }},
		{"amount with two points", "amount", func(d *Details) { d.Amount = "5.5.5" }},
		{"amount with a comma", "amount", func(d *Details) { d.Amount = "5,5" }},
		{"amount with a separator", "amount", func(d *Details) { d.Amount = "1_000" }},
		{"amount with a space", "amount", func(d *Details) { d.Amount = " 1" }},
		{"amount in other digits", "amount", func(d *Details) { d.Amount = "٢٥٠" }},
		{"zero amount", "amount", func(d *Details) { d.Amount, d.Fee = "0", "0" }},
		{"amount of 37 digits", "amount", func(d *Details) { d.Amount = long("9", 37) }},
		{"amount of 19 decimals", "amount", func(d *Details) { d.Amount = "0." + long("1", 19) }},
		{"negative zero fee", "fee", func(d *Details) { d.Fee = "-0" }},
		{"empty fee", "fee", func(d *Details) { d.Fee = "" }},
		{"zero fee written long", "fee", func(d *Details) { d.Fee = "0.0" }},
		{"fee equal to the amount", "fee", func(d *Details) { d.Fee = "250" }},
		{"fee above the amount by the last decimal", "fee", func(d *Details) { d.Fee = "250.000000000000000001" }},
		{"fee with more digits than the amount", "fee", func(d *Details) { d.Fee = "1000" }},
		{"empty withdrawal", "withdrawal", func(d *Details) { d.Withdrawal = "" }},
		{"empty account", "account", func(d *Details) { d.Account = "" }},
		{"empty relying party", "relying_party", func(d *Details) { d.RelyingParty = "" }},
		{"empty asset", "asset", func(d *Details) { d.Asset = "" }},
		{"empty network", "network", func(d *Details) { d.Network = "" }},
		{"empty address", "address", func(d *Details) { d.Address = "" }},
		{"over-long withdrawal", "withdrawal", func(d *Details) { d.Withdrawal = long("w", 129) }},
		{"over-long address", "address", func(d *Details) { d.Address = long("a", 257) }},
		{"over-long memo", "memo", func(d *Details) { d.Memo = long("m", 513) }},
		{"over-long relying party", "relying_party", func(d *Details) { d.RelyingParty = long("r", 254) }},
		{"over-long asset", "asset", func(d *Details) { d.Asset = long("A", 33) }},
		{"address with a Cyrillic letter", "address", func(d *Details) { d.Address = "ТR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t" }},
		{"address with a space", "address", func(d *Details) { d.Address += " " }},
		{"memo that is not UTF-8", "memo", func(d *Details) { d.Memo = "a\xff" }},
		{"memo with an encoded surrogate", "memo", func(d *Details) { d.Memo = "\xed\xa0\x80" }},
		{"memo with a zero byte", "memo", func(d *Details) { d.Memo = "a\x00b" }},
		{"memo with a line break", "memo", func(d *Details) { d.Memo = "a\nb" }},
		{"memo with a line separator", "memo", func(d *Details) { d.Memo = "a\u2028b" }},
		{"memo that turns its text around", "memo", func(d *Details) { d.Memo = "\u202e54321" }},
		{"memo with a zero-width space", "memo", func(d *Details) { d.Memo = "12\u200b34" }},
		{"expiry with an offset", "expires", func(d *Details) { d.Expires = "2026-03-14T14:41:00+00:00" }},
		{"expiry with a fraction", "expires", func(d *Details) { d.Expires = "2026-03-14T14:41:00.5Z" }},
		{"expiry with a comma fraction", "expires", func(d *Details) { d.Expires = "2026-03-14T14:41:00,5Z" }},
		{"expiry in lower case", "expires", func(d *Details) { d.Expires = "2026-03-14t14:41:00z" }},
		{"expiry that is no date", "expires", func(d *Details) { d.Expires = "2026-02-30T14:41:00Z" }},
		{"empty expiry", "expires", func(d *Details) { d.Expires = "" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := sample()
			tc.change(&d)
			_, err := d.Canonical()
			var refused *DetailsError
			if !errors.As(err, &refused) || refused.Field != tc.field {
				t.Fatalf("error %v, want one about %s", err, tc.field)
			}
		})
	}
}

func TestDetailsAtTheirLimitsAreAccepted(t *testing.T) {
	d := sample()
	d.Withdrawal, d.Account = strings.Repeat("w", 128), strings.Repeat(`"`, 128)
	d.Address, d.RelyingParty = strings.Repeat(`\`, 256), strings.Repeat("r", 253)
	d.Memo = strings.Repeat("é", 256)
	d.Amount = strings.Repeat("9", 36) + "." + strings.Repeat("9", 18)
	d.Fee = strings.Repeat("9", 36) + "." + strings.Repeat("9", 17) + "8"
	canonical, err := d.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParseDetails(canonical); err != nil || again != d {
		t.Errorf("round trip: %v", err)
	}
	d = sample()
	d.Amount, d.Fee = "0.000000000000000001", "0"
	if _, err := d.Canonical(); err != nil {
		t.Errorf("the smallest amount without a fee: %v", err)
	}
}

func TestOnlyCanonicalBytesAreParsed(t *testing.T) {
	swap := func(old, replacement string) string {
		changed := strings.Replace(sampleCanonical, old, replacement, 1)
		if changed == sampleCanonical {
			t.Fatalf("%q is not in the sample", old)
		}
		return changed
	}
	for name, document := range map[string]string{
		"nothing":               "",
		"an empty object":       "{}",
		"a leading space":       " " + sampleCanonical,
		"a trailing line break": sampleCanonical + "\n",
		"a second document":     sampleCanonical + sampleCanonical,
		"a space after a colon": swap(`"amount":`, `"amount": `),
		"another order":         swap(`"fee":"1","memo":""`, `"memo":"","fee":"1"`),
		"a missing memo":        swap(`"memo":"",`, ``),
		"a duplicate member":    swap(`"fee":"1"`, `"fee":"1","fee":"1"`),
		"an unknown member":     swap(`"fee":"1"`, `"fee":"1","free":"1"`),
		"a name in upper case":  swap(`"amount"`, `"Amount"`),
		"an escaped name":       swap(`"amount"`, `"\u0061mount"`),
		"an escaped letter":     swap(`"USDT"`, `"\u0055SDT"`),
		"an escaped solidus":    swap(`"memo":""`, `"memo":"a\/b"`),
		"a number for amount":   swap(`"250"`, `250`),
		"null for memo":         swap(`"memo":""`, `"memo":null`),
		"a cut-off end":         sampleCanonical[:len(sampleCanonical)-1],
		"a cut-off escape":      sampleCanonical[:len(sampleCanonical)-2] + `\`,
		"an overflowing size":   swap(`"memo":""`, `"memo":"`+strings.Repeat("m", 5000)+`"`),
		"an amount of 250.00":   swap(`"250"`, `"250.00"`),
	} {
		t.Run(name, func(t *testing.T) {
			if d, err := ParseDetails([]byte(document)); err == nil {
				t.Errorf("accepted as %+v", d)
			}
		})
	}
}

func FuzzCanonicalDetailsRoundTrip(f *testing.F) {
	f.Add("wd_1", "ac_1", "halloran.example", "USDT", "tron", "TQm7", `say "hi" \ there`, "250", "1", "2026-03-14T14:41:00Z")
	f.Add("a", "b", "c", "d", "e", "f", "é\u2028", "0.1", "0", "0001-01-01T00:00:00Z")
	f.Fuzz(func(t *testing.T, wd, ac, rp, as, nw, ad, memo, amount, fee, expires string) {
		d := Details{wd, ac, rp, as, nw, ad, memo, amount, fee, expires}
		canonical, err := d.Canonical()
		if err != nil {
			return
		}
		again, err := ParseDetails(canonical)
		if err != nil || again != d {
			t.Fatalf("round trip of %s: %+v, %v", canonical, again, err)
		}
		if byHand := canonicalByHand(t, canonical); !bytes.Equal(byHand, canonical) {
			t.Fatalf("RFC 8785 by hand %s\nours %s", byHand, canonical)
		}
		var decoded Details
		if err := json.Unmarshal(canonical, &decoded); err != nil || decoded != d {
			t.Fatalf("the standard decoder reads %+v, %v", decoded, err)
		}
	})
}

func FuzzParsedDetailsAreCanonical(f *testing.F) {
	f.Add([]byte(sampleCanonical))
	f.Add([]byte(strings.Replace(sampleCanonical, `"memo":""`, `"memo":"\"\\"`, 1)))
	f.Fuzz(func(t *testing.T, document []byte) {
		d, err := ParseDetails(document)
		if err != nil {
			return
		}
		again, err := d.Canonical()
		if err != nil || !bytes.Equal(again, document) {
			t.Fatalf("accepted %q, makes %q, %v", document, again, err)
		}
		if byHand := canonicalByHand(t, document); !bytes.Equal(byHand, document) {
			t.Fatalf("accepted %q, which is %q in RFC 8785", document, byHand)
		}
	})
}

func FuzzTimesAreThoseOfTheCalendar(f *testing.F) {
	for _, s := range []string{"2026-03-14T14:41:00Z", "2024-02-29T23:59:59Z", "1900-02-29T00:00:00Z", "2000-02-29T00:00:00Z", "0000-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-00-10T24:60:60Z", "2026-03-14t14:41:00z", "+026-03-14T14:41:00Z"} {
		f.Add(s)
	}
	for month := range 14 {
		for day := range 33 {
			f.Add(fmt.Sprintf("2023-%02d-%02dT00:00:00Z", month, day))
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, err := time.Parse(timeLayout, s)
		if want := err == nil && at.Format(timeLayout) == s; want != (checkTime(s) == "") {
			t.Errorf("%q: the standard library accepts it: %t", s, want)
		}
	})
}
