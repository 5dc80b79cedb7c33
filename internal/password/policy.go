// Package password says which passwords are accepted, and hashes them with
// Argon2id behind a queue, so that a flood of sign-ins cannot take the
// machine's memory and processors.
package password

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The length of a password in code points, as NIST SP 800-63B-4 section 3.1.1.2
// counts them, after NFC.
const (
	MinLength = 8
	MaxLength = 128
)

// PolicyError is why a password was refused. Message names the remedy and is
// fit to be shown to the customer; neither text repeats the password.
type PolicyError struct {
	Code    string // "password_too_short", "password_too_long" or "password_common"
	Message string
}

func (e *PolicyError) Error() string { return e.Code }

// Check refuses with a *PolicyError a password of fewer than 8 or more than 128
// code points, and one that an attacker would try first: those that leaked most
// often, with or without a few digits or signs at the end, and plain sequences
// and repetitions. Any character is accepted, and no mixture of kinds is asked
// for.
func Check(pw string) error {
	pw = norm.NFC.String(pw)
	switch n := utf8.RuneCountInString(pw); {
	case n < MinLength:
		return &PolicyError{"password_too_short", "Use at least 8 characters."}
	case n > MaxLength:
		return &PolicyError{"password_too_long", "Use at most 128 characters."}
	}
	if folded := strings.ToLower(pw); common(folded) || monotonous(folded) {
		return &PolicyError{"password_common", "Many people use this password. Choose one that is harder to guess."}
	}
	return nil
}

// common reports whether s is listed, as it is or without up to four digits and
// signs at its end, which is how a common password is made to pass a rule.
func common(s string) bool {
	for range 5 {
		if listed(s) {
			return true
		}
		if s == "" || !strings.Contains("0123456789!?.,*#$@&-_+= ", s[len(s)-1:]) {
			return false
		}
		s = s[:len(s)-1]
	}
	return false
}

// monotonous reports whether s repeats a unit of at most three characters, or
// counts up or down by one all the way.
func monotonous(s string) bool {
	runes := []rune(s)
	for unit := 1; unit <= 3; unit++ {
		if every(runes, unit, 0) {
			return true
		}
	}
	return every(runes, 1, 1) || every(runes, 1, -1)
}

// every reports whether each character is the one distance places before it,
// plus step.
func every(runes []rune, distance int, step rune) bool {
	for i := distance; i < len(runes); i++ {
		if runes[i] != runes[i-distance]+step {
			return false
		}
	}
	return true
}
