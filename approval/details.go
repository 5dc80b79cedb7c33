package approval

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// The longest permitted value of each member, in bytes. The limits leave room
// for every address format in use and keep a proof small enough for a
// hardware signer to hold.
const (
	maxID           = 128
	maxRelyingParty = 253 // RFC 1035 section 2.3.4, without the root label
	maxCode         = 32
	maxAddress      = 256
	maxMemo         = 512
	maxWholeDigits  = 36
	maxFractDigits  = 18
)

// maxCanonical bounds what ParseDetails looks at. Escaping can double a value.
const maxCanonical = 4096

// timeLayout is RFC 3339 in UTC with whole seconds, the one form of a time in
// a proof. The Z is literal: an offset, even +00:00, is another spelling.
const timeLayout = "2006-01-02T15:04:05Z"

// Details are the facts of one withdrawal that its approval is bound to.
// Every member is a string so that no reader's number type can change one.
type Details struct {
	// Withdrawal is the opaque id of the withdrawal: 1 to 128 printable ASCII
	// characters without spaces, as are all members but Memo.
	Withdrawal string `json:"withdrawal"`
	// Account is the opaque id of the account, not the WebAuthn user handle;
	// at most 128 bytes.
	Account string `json:"account"`
	// RelyingParty is the WebAuthn RP ID, a domain in ASCII form; at most 253
	// bytes.
	RelyingParty string `json:"relying_party"`
	// Asset is the code of what leaves the balance, such as "USDT"; at most 32
	// bytes.
	Asset string `json:"asset"`
	// Network is the id of the network that carries it, such as "tron"; at
	// most 32 bytes.
	Network string `json:"network"`
	// Address is the destination in its network's own notation; at most 256
	// bytes.
	Address string `json:"address"`
	// Memo accompanies the payment where the network has such a thing. It may
	// be empty, may be any visible UTF-8 text, and holds at most 512 bytes.
	Memo string `json:"memo"`
	// Amount is what leaves the balance, fee included: greater than zero, a
	// shortest plain decimal ("250", "0.5") of at most 36 digits before the
	// point and 18 after it.
	Amount string `json:"amount"`
	// Fee is the part of Amount that the recipient does not get, in the same
	// form: zero or more ("0"), and less than Amount.
	Fee string `json:"fee"`
	// Expires is the moment after which the approval may no longer be given,
	// in RFC 3339, UTC, whole seconds: "2026-03-14T14:41:00Z".
	Expires string `json:"expires"`
}

// DetailsError says which member of the details is not in its permitted form.
// It never repeats the value.
type DetailsError struct {
	Field  string // the JSON name of the member; empty if the document itself is at fault
	Reason string
}

func (e *DetailsError) Error() string {
	if e.Field == "" {
		return "approval: details: " + e.Reason
	}
	return "approval: details: " + e.Field + " " + e.Reason
}

// A member of the canonical form. RFC 8785 section 3.2.3 orders members by
// their names' UTF-16 code units, which for these names is ASCII order.
type member struct {
	name  string
	value *string
	check func(string) string // returns why the value is refused, or ""
}

func (d *Details) members() [10]member {
	return [...]member{
		{"account", &d.Account, asID},
		{"address", &d.Address, asAddress},
		{"amount", &d.Amount, checkDecimal},
		{"asset", &d.Asset, asCode},
		{"expires", &d.Expires, checkTime},
		{"fee", &d.Fee, checkDecimal},
		{"memo", &d.Memo, checkMemo},
		{"network", &d.Network, asCode},
		{"relying_party", &d.RelyingParty, asRelyingParty},
		{"withdrawal", &d.Withdrawal, asID},
	}
}

// Canonical returns the RFC 8785 form of d: all ten members, in order, every
// value a string. It refuses with a *DetailsError any value that is empty
// (save the memo), too long, not in its permitted form, or not shown as it is
// stored, such as text with control characters.
func (d Details) Canonical() ([]byte, error) {
	members := d.members()
	if err := d.check(&members); err != nil {
		return nil, err
	}
	out := make([]byte, 0, 512)
	for i := range members {
		m := &members[i]
		if i == 0 {
			out = append(out, '{')
		} else {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = append(out, m.name...)
		out = append(out, `":`...)
		out = appendString(out, *m.value)
	}
	return append(out, '}'), nil
}

func (d *Details) check(members *[10]member) error {
	for i := range members {
		m := &members[i]
		if reason := m.check(*m.value); reason != "" {
			return &DetailsError{Field: m.name, Reason: reason}
		}
	}
	if d.Amount == "0" {
		return &DetailsError{Field: "amount", Reason: "is not greater than zero"}
	}
	if !less(d.Fee, d.Amount) {
		return &DetailsError{Field: "fee", Reason: "is not less than the amount"}
	}
	return nil
}

// ParseDetails reads canonical details. It accepts exactly the bytes that
// [Details.Canonical] makes and refuses everything else with a *DetailsError:
// other orders, white space, duplicate, missing or unknown members, other
// escapes of the same text, and trailing bytes.
func ParseDetails(b []byte) (Details, error) { return parseDetails(string(b)) }

// parseDetails reads what has one spelling: the names as they are, and strings
// as [reader.text] takes them, whose values then hold no control character.
func parseDetails(s string) (Details, error) {
	var d Details
	r, members := reader{rest: s}, d.members()
	if len(s) > maxCanonical {
		r.fail("", "")
	}
	for i := range members {
		m := &members[i]
		r.literal(separators[min(i, 1)], "")
		r.literal(m.name, "")
		r.text(`":`, "", m.value)
	}
	r.literal("}", "")
	if r.err != nil || r.rest != "" {
		return Details{}, &DetailsError{Reason: "are not in canonical form"}
	}
	if err := d.check(&members); err != nil {
		return Details{}, err
	}
	return d, nil
}

var separators = [...]string{`{"`, `,"`}

// appendString writes s as RFC 8785 section 3.2.2.2 asks. The values of this
// package hold no control characters but the line ends of a checkpoint, so
// these, the quotation mark and the reverse solidus are all that needs an
// escape.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	for i := range len(s) {
		switch s[i] {
		case '"', '\\':
			out = append(out, '\\', s[i])
		case '\n':
			out = append(out, `\n`...)
		default:
			out = append(out, s[i])
		}
	}
	return append(out, '"')
}

// The forms of text that a machine chose, made once.
var (
	asID           = visibleASCII(maxID)
	asAddress      = visibleASCII(maxAddress)
	asCode         = visibleASCII(maxCode)
	asRelyingParty = visibleASCII(maxRelyingParty)
	asOrigin       = visibleASCII(maxOrigin)
	asKeyID        = visibleASCII(maxKeyID)
)

// visibleASCII is the form of everything that a machine chose. Look-alike
// letters and invisible characters could otherwise make two destinations that
// a person reads as one.
func visibleASCII(limit int) func(string) string {
	return func(s string) string {
		switch {
		case s == "":
			return "is empty"
		case len(s) > limit:
			return fmt.Sprintf("is longer than %d bytes", limit)
		}
		for i := range len(s) {
			if s[i] <= ' ' || s[i] > '~' {
				return "holds a character that is not printable ASCII"
			}
		}
		return ""
	}
}

func checkMemo(s string) string {
	switch {
	case len(s) > maxMemo:
		return fmt.Sprintf("is longer than %d bytes", maxMemo)
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	}
	for _, r := range s {
		if unseen(r) {
			return "holds a character that is not shown"
		}
	}
	return ""
}

// unseen reports whether r is a control or format character, or one that
// reorders the text around it. The ranges are written out, not taken from
// package unicode, so that two builds of this package with different Unicode
// tables agree about what is canonical.
func unseen(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0, r == 0xad, r == 0x34f, r == 0x61c,
		r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5,
		r >= 0x180b && r <= 0x180f, r >= 0x200b && r <= 0x200f,
		r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0x3164,
		r >= 0xfe00 && r <= 0xfe0f, r == 0xfeff, r == 0xffa0,
		r >= 0xfff0 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe0fff:
		return true
	}
	return false
}

func checkDecimal(s string) string {
	whole, fract, point := strings.Cut(s, ".")
	const reason = "is not a shortest plain decimal"
	switch {
	case len(whole) > maxWholeDigits || len(fract) > maxFractDigits:
		return fmt.Sprintf("has more than %d digits before the point or %d after it", maxWholeDigits, maxFractDigits)
	case !digits(whole), len(whole) > 1 && whole[0] == '0':
		return reason
	case point && (!digits(fract) || fract[len(fract)-1] == '0'):
		return reason
	}
	return ""
}

// digits reports whether s is one or more ASCII digits.
func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// less compares two checked decimals. As neither has a zero too many, whole
// parts of one length compare as text, and so do fractions of any length.
func less(a, b string) bool {
	wholeA, fractA, _ := strings.Cut(a, ".")
	wholeB, fractB, _ := strings.Cut(b, ".")
	if len(wholeA) != len(wholeB) {
		return len(wholeA) < len(wholeB)
	}
	if wholeA != wholeB {
		return wholeA < wholeB
	}
	return fractA < fractB
}

func checkTime(s string) string {
	const reason = "is not an RFC 3339 time in UTC with whole seconds"
	if len(s) != len(timeLayout) || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != 'Z' {
		return reason
	}
	var n [19]int
	for _, i := range [...]int{0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18} {
		if n[i] = int(s[i]) - '0'; n[i] < 0 || n[i] > 9 {
			return reason
		}
	}
	year, month, day := n[0]*1000+n[1]*100+n[2]*10+n[3], n[5]*10+n[6], n[8]*10+n[9]
	days := 31
	switch {
	case month < 1 || month > 12:
		return reason
	case month == 4, month == 6, month == 9, month == 11:
		days = 30
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		days = 29
	case month == 2:
		days = 28
	}
	if day < 1 || day > days || n[11]*10+n[12] > 23 || n[14] > 5 || n[17] > 5 {
		return reason
	}
	return ""
}

// FormatTime returns t as times are written in details and approvals:
// RFC 3339, UTC, whole seconds, the fraction cut off.
func FormatTime(t time.Time) string {
	return t.UTC().Format(timeLayout)
}
