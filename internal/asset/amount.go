package asset

import (
	"fmt"
	"strings"

	"github.com/shopspring/decimal"
)

// The size of the largest amount. Package approval sets the same bounds.
const (
	maxWholeDigits = 36
	// MaxDecimals is the largest number of decimals that an asset can have.
	MaxDecimals = 18
)

// Amount is an exact decimal quantity of one asset. The zero value is zero. It
// is written, as text and in JSON (a string), as the shortest plain decimal:
// "250", "0.5". Amounts are compared with Cmp, not with ==.
type Amount struct{ d decimal.Decimal }

// ParseAmount reads an amount of an asset with the given number of decimals (0
// to 18). It accepts the shortest plain decimal alone, with at most 36 digits
// before the point: neither "250.00" nor "1e3", "+1", ".5" or "01". Anything
// else is refused with an *Error; whether the amount is zero is for the caller.
func ParseAmount(s string, decimals int) (Amount, error) {
	refuse := func(message string) (Amount, error) {
		return Amount{}, &Error{"amount", CodeAmountInvalid, message}
	}
	decimals = min(max(decimals, 0), MaxDecimals)
	whole, fract, point := strings.Cut(s, ".")
	switch {
	case s == "":
		return refuse("Enter an amount.")
	case !digits(whole), point && !digits(fract):
		return refuse("Enter the amount in digits with at most one point, like 250 or 0.5.")
	case len(whole) > 1 && whole[0] == '0':
		return refuse("Leave out the zeros before the amount, like 250 or 0.5.")
	case point && fract[len(fract)-1] == '0':
		return refuse("Leave out the zeros after the last decimal, like 250 or 0.5.")
	case len(whole) > maxWholeDigits:
		return refuse("This amount is too large. Enter a smaller one.")
	case len(fract) > 0 && decimals == 0:
		return refuse("This asset has no decimals. Enter a whole number.")
	case len(fract) > decimals:
		return refuse(fmt.Sprintf("This asset has at most %d decimals. Enter fewer.", decimals))
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return refuse("Enter the amount in digits with at most one point, like 250 or 0.5.")
	}
	return Amount{d}, nil
}

// digits reports whether s is one or more ASCII digits.
func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// Add returns a + b.
func (a Amount) Add(b Amount) Amount { return Amount{a.d.Add(b.d)} }

// Sub returns a − b, which may be negative: check with Sign. A negative amount
// has a text but cannot be parsed.
func (a Amount) Sub(b Amount) Amount { return Amount{a.d.Sub(b.d)} }

// Cmp returns -1, 0 or +1 as a is less than, equal to or greater than b.
func (a Amount) Cmp(b Amount) int { return a.d.Cmp(b.d) }

// Sign returns -1, 0 or +1 as a is negative, zero or positive.
func (a Amount) Sign() int { return a.d.Sign() }

// Mul returns a × b, exactly. It serves prices, such as an amount's value in a
// currency; round the result with Fixed.
func (a Amount) Mul(b Amount) Amount { return Amount{a.d.Mul(b.d)} }

// Fixed returns a with exactly the given number of decimals, half rounded to
// even. It is for showing values, never for what is signed or stored.
func (a Amount) Fixed(decimals int) string { return a.d.StringFixedBank(int32(decimals)) }

// String returns the shortest plain decimal.
func (a Amount) String() string { return a.d.String() }

// MarshalText returns what String returns.
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText is ParseAmount with 18 decimals.
func (a *Amount) UnmarshalText(text []byte) error {
	parsed, err := ParseAmount(string(text), MaxDecimals)
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}
