package contact

import (
	"net/mail"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

const (
	maxEmail = 254 // RFC 5321 section 4.5.3.1.3, without the angle brackets
	maxLocal = 64  // RFC 5321 section 4.5.3.1.1
)

// domains maps what a person types (UTS 46: case, full-width forms) to the
// A-labels that DNS knows, and refuses what no resolver would look up.
var domains = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.BidiRule(),
	idna.StrictDomainName(true),
	idna.ValidateLabels(true),
	idna.VerifyDNSLength(true),
)

// NormalizeEmail returns s in the form in which an address is unique: domain in
// lower-case A-labels, local part in lower case, at most 254 bytes of ASCII. RFC
// 5321 lets a mail system tell letter cases apart; hardly any does, and two
// accounts that differ in case alone would be a trap. White space around the
// address is dropped. Display names, comments, quoted local parts, address
// literals and domains of a single label are refused with an *Error.
func NormalizeEmail(s string) (string, error) {
	s = strings.Trim(s, " \t\r\n")
	refuse := func(message string) (string, error) {
		return "", &Error{Field: "email", Message: message}
	}
	const format = "Enter an e-mail address like name@example.com."
	if s == "" {
		return refuse("Enter your e-mail address.")
	}
	if len(s) > maxEmail {
		return refuse("This e-mail address is too long. Use one of at most 254 characters.")
	}
	at := strings.LastIndexByte(s, '@')
	if at < 1 || !utf8.ValidString(s) {
		return refuse(format)
	}
	local, domain := s[:at], s[at+1:]
	for _, r := range local {
		if r >= utf8.RuneSelf {
			return refuse("Letters outside A to Z cannot stand before the @. Use another e-mail address.")
		}
	}
	if len(local) > maxLocal {
		return refuse("The part before the @ is too long. Use an e-mail address with at most 64 characters there.")
	}
	domain, err := domains.ToASCII(domain)
	if err != nil || !strings.Contains(domain, ".") || strings.Trim(domain[strings.LastIndexByte(domain, '.')+1:], "0123456789") == "" {
		return refuse("Check the part after the @. It should be a domain like example.com.")
	}
	normal := strings.ToLower(local) + "@" + domain
	if len(normal) > maxEmail {
		return refuse("This e-mail address is too long. Use one of at most 254 characters.")
	}
	// The parser takes far more than an address; whatever it would rewrite
	// (a name, a comment, quotes) was not a plain one.
	parsed, err := mail.ParseAddress(normal)
	if err != nil || parsed.Name != "" || parsed.Address != normal {
		return refuse(format)
	}
	return normal, nil
}

// MaskEmail shows the first character of the local part and the domain of a
// normalised address: "i•••@halloran.example". A local part of one character is
// masked whole, and so is anything that is no address.
func MaskEmail(email string) string {
	local, domain, ok := strings.Cut(email, "@")
	if !ok {
		return mask
	}
	first, size := utf8.DecodeRuneInString(local)
	if size == 0 || size == len(local) {
		return mask + "@" + domain
	}
	return string(first) + mask + "@" + domain
}

const mask = "•••"
