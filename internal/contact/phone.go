package contact

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

// maxPhoneInput is ample for the 15 digits of E.164 with separators.
const maxPhoneInput = 40

// NormalizePhone returns s as an E.164 number ("+447911123456"). A number
// without a leading + is read as one of defaultRegion, an ISO 3166-1 alpha-2
// code; with defaultRegion empty it must begin with +. Spaces, brackets,
// hyphens, full stops and digits of any script are accepted. Letters,
// extensions, numbers outside every numbering plan and numbers that cost the sender
// extra or cannot get a text message are refused with an *Error.
func NormalizePhone(s, defaultRegion string) (e164 string, err error) {
	refuse := func(message string) (string, error) {
		return "", &Error{Field: "phone", Message: message}
	}
	const format = "Enter a phone number with its country code, like +44 7911 123456."
	s = strings.TrimSpace(s)
	if s == "" {
		return refuse("Enter your phone number.")
	}
	if len(s) > maxPhoneInput*utf8.UTFMax || utf8.RuneCountInString(s) > maxPhoneInput {
		return refuse(format)
	}
	// The library reads "1-800-FLOWERS" and drops extensions; a number that was
	// changed on the way in is not the one that its owner typed.
	for i, r := range s {
		switch {
		case unicode.IsDigit(r), strings.ContainsRune(" \u00a0()-.\u2010\u2011", r):
		case i == 0 && (r == '+' || r == '＋'):
		default:
			return refuse(format)
		}
	}
	if defaultRegion == "" {
		defaultRegion = phonenumbers.UNKNOWN_REGION
	}
	number, err := phonenumbers.Parse(s, strings.ToUpper(defaultRegion))
	if err != nil {
		return refuse(format)
	}
	e164 = phonenumbers.Format(number, phonenumbers.E164)
	if drama(e164) {
		return e164, nil
	}
	if !phonenumbers.IsValidNumber(number) {
		return refuse("This phone number does not exist. Check its digits and its country code.")
	}
	switch phonenumbers.GetNumberType(number) {
	case phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST, phonenumbers.TOLL_FREE,
		phonenumbers.UAN, phonenumbers.PAGER, phonenumbers.VOICEMAIL:
		return refuse("This number cannot get text messages. Use a mobile number.")
	default:
		return e164, nil
	}
}

// drama reports whether a number is one of those that Ofcom keeps free for
// fiction (07700 900000 to 900999). Numbering data counts them as unassigned,
// but examples, the demo and tests need numbers that are nobody's.
func drama(e164 string) bool {
	return strings.HasPrefix(e164, "+447700900") && len(e164) == len("+447700900000")
}

// MaskPhone shows the country code and the last three digits of an E.164
// number, with the others as bullets in threes: "+44 •••• ••• 078". Of a number
// so short that three digits would be most of it, it shows fewer. Anything that
// is no number is masked whole.
func MaskPhone(e164 string) string {
	number, err := phonenumbers.Parse(e164, phonenumbers.UNKNOWN_REGION)
	if err != nil {
		return mask
	}
	country := strconv.Itoa(int(number.GetCountryCode()))
	national := strings.TrimPrefix(e164, "+"+country)
	shown := min(3, len(national)/3)
	hidden := len(national) - shown

	var b strings.Builder
	b.WriteString("+" + country + " ")
	// A lone bullet looks like a list; it joins the group after it.
	first := hidden % 3
	if first == 1 && hidden > 3 {
		first = 4
	}
	if first > 0 {
		b.WriteString(strings.Repeat("•", first) + " ")
	}
	for hidden -= first; hidden > 0; hidden -= 3 {
		b.WriteString(mask + " ")
	}
	b.WriteString(national[len(national)-shown:])
	return strings.TrimSpace(b.String())
}
