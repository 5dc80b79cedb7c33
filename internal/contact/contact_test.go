package contact

import (
	"errors"
	"strings"
	"testing"
)

func TestEmailsOfOnePersonHaveOneForm(t *testing.T) {
	for in, want := range map[string]string{
		"ines@halloran.example":           "ines@halloran.example",
		"Ines@Halloran.Example":           "ines@halloran.example",
		"  ines@halloran.example\n":       "ines@halloran.example",
		"ines+bank@halloran.example":      "ines+bank@halloran.example",
		"i.n-e_s'o@halloran.example":      "i.n-e_s'o@halloran.example",
		"ines@bücher.example":             "ines@xn--bcher-kva.example",
		"ines@BÜCHER.example":             "ines@xn--bcher-kva.example",
		"ines@xn--bcher-kva.example":      "ines@xn--bcher-kva.example",
		"ines@ｈａｌｌｏｒａｎ.example":           "ines@halloran.example",
		"a@b.cd":                          "a@b.cd",
		strings.Repeat("l", 64) + "@b.cd": strings.Repeat("l", 64) + "@b.cd",
	} {
		got, err := NormalizeEmail(in)
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestWhatIsNoPlainEmailIsRefused(t *testing.T) {
	label := strings.Repeat("d", 63)
	for _, in := range []string{
		"", " ", "@", "ines", "ines@", "@halloran.example", "a@b", "a@localhost",
		"Ines <ines@halloran.example>", "<ines@halloran.example>", "ines(home)@halloran.example",
		"ines@halloran.example (home)", `"ines h"@halloran.example`, `"ines"@halloran.example`,
		"ines@[127.0.0.1]", "ines@127.0.0.1", "ines@halloran.example, eve@evil.example", "a@b@c.example",
		"ines@halloran..example", ".ines@halloran.example", "ines.@halloran.example", "i..s@halloran.example",
		"ines@-halloran.example", "ines@halloran-.example", "ines@halloran_x.example", "ines@halloran.example.",
		"ines\x00@halloran.example", "ines\r\nBcc:eve@evil.example", "ines@halloran.example\x00", "in\tes@halloran.example",
		"in es@halloran.example", "ines@hal loran.example", "ines@halloran.example\u200b\u202e", "inés@halloran.example",
		"ines\xff@halloran.example", "ines@hallo\xffran.example", "ines＠halloran.example", "ines@halloran/.example",
		strings.Repeat("l", 65) + "@b.cd",
		strings.Repeat("l", 64) + "@" + label + "." + label + "." + label + ".example",
		"ines@" + label + "d.example",
	} {
		got, err := NormalizeEmail(in)
		var refused *Error
		if !errors.As(err, &refused) || refused.Field != "email" || refused.Message == "" {
			t.Errorf("%q: got %q, %v; want a refusal", in, got, err)
		}
		if err != nil && len(in) > 2 && strings.Contains(err.Error(), in) {
			t.Errorf("the refusal repeats %q", in)
		}
	}
}

func TestEmailMasksShowOneLetterAndTheDomain(t *testing.T) {
	for in, want := range map[string]string{
		"ines@halloran.example": "i•••@halloran.example",
		"in@halloran.example":   "i•••@halloran.example",
		"i@halloran.example":    "•••@halloran.example",
		"":                      "•••",
		"nonsense":              "•••",
	} {
		if got := MaskEmail(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestPhoneNumbersOfOnePersonHaveOneForm(t *testing.T) {
	for _, tc := range []struct{ in, region, want string }{
		{"+447911123456", "", "+447911123456"},
		{"+44 (0)7911 123456", "", "+447911123456"},
		{"+44 7911-123.456", "", "+447911123456"},
		{"07911 123456", "GB", "+447911123456"},
		{"07911 123456", "gb", "+447911123456"},
		{"0044 7911 123456", "GB", "+447911123456"},
		{"+1 (212) 555-0123", "GB", "+12125550123"},
		{"(212) 555-0123", "US", "+12125550123"},
		{"٠٥٠ ١٢٣ ٤٥٦٧", "SA", "+966501234567"},
		{"+886 912 345 678", "", "+886912345678"},
		{"+44 7700 900078", "", "+447700900078"},
		{"07700 900078", "GB", "+447700900078"},
	} {
		got, err := NormalizePhone(tc.in, tc.region)
		if err != nil || got != tc.want {
			t.Errorf("%q in %q: got %q, %v; want %q", tc.in, tc.region, got, err, tc.want)
		}
	}
}

func TestWhatIsNoPhoneNumberForMessagesIsRefused(t *testing.T) {
	for _, tc := range []struct{ name, in, region string }{
		{"nothing", "", "GB"},
		{"national without a region", "07911 123456", ""},
		{"an unknown region", "07911 123456", "XX"},
		{"too short", "+44 7911", ""},
		{"too long", "+44 7911 123456 7890", ""},
		{"an unassigned range", "+44 7700 901000", ""},
		{"an unknown country", "+999 123 456 789", ""},
		{"letters", "1-800-FLOWERS", "US"},
		{"an extension", "+44 7911 123456 ext. 5", ""},
		{"an extension by x", "+44 7911 123456x5", ""},
		{"a telephone URI", "tel:+447911123456", ""},
		{"a pause", "+447911123456,,5", ""},
		{"two numbers", "+447911123456/+447911123457", ""},
		{"a plus inside", "44+7911123456", "GB"},
		{"toll-free", "+1 800 555 1234", ""},
		{"premium rate", "+44 909 879 0000", ""},
		{"an endless number", strings.Repeat("1", 5000), "GB"},
		{"a control character", "+447911\x00123456", ""},
		{"broken UTF-8", "+447911123456\xff", ""},
	} {
		got, err := NormalizePhone(tc.in, tc.region)
		var refused *Error
		if !errors.As(err, &refused) || refused.Field != "phone" || refused.Message == "" {
			t.Errorf("%s: got %q, %v; want a refusal", tc.name, got, err)
		}
	}
}

func TestPhoneMasksShowCountryAndLastThree(t *testing.T) {
	for in, want := range map[string]string{
		"+447700900078":  "+44 •••• ••• 078",
		"+12125550123":   "+1 •••• ••• 123",
		"+4915112345678": "+49 •• ••• ••• 678",
		"+886912345678":  "+886 ••• ••• 678",
		"+6834000":       "+683 ••• 0",
		"":               "•••",
		"nonsense":       "•••",
	} {
		if got := MaskPhone(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzNormalEmailStaysAsItIs(f *testing.F) {
	f.Add("Ines@Bücher.example")
	f.Add(`"a b"@c.de`)
	f.Fuzz(func(t *testing.T, in string) {
		once, err := NormalizeEmail(in)
		if err != nil {
			return
		}
		twice, err := NormalizeEmail(once)
		if err != nil || twice != once {
			t.Fatalf("%q became %q and then %q, %v", in, once, twice, err)
		}
		if len(once) > maxEmail || strings.Count(once, "@") != 1 || strings.ContainsAny(once, "\r\n\x00 <>\"(),;:") {
			t.Fatalf("%q became %q", in, once)
		}
	})
}

func FuzzNormalPhoneStaysAsItIs(f *testing.F) {
	f.Add("07911 123456", "GB")
	f.Add("+1 212 555 0123", "")
	f.Fuzz(func(t *testing.T, in, region string) {
		once, err := NormalizePhone(in, region)
		if err != nil {
			return
		}
		twice, err := NormalizePhone(once, "")
		if err != nil || twice != once {
			t.Fatalf("%q became %q and then %q, %v", in, once, twice, err)
		}
		if masked := MaskPhone(once); masked == once || !strings.Contains(masked, "•") {
			t.Fatalf("%q is masked as %q", once, masked)
		}
	})
}
