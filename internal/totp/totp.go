// Package totp makes and checks the codes of authenticator apps: RFC 6238 with
// HMAC-SHA-1, six digits and steps of 30 seconds, the one combination that
// every app supports.
package totp

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

const (
	// SecretSize is the length of a secret in bytes, that of the hash's output
	// as RFC 4226 section 4 recommends.
	SecretSize = 20
	// Digits is the length of a code.
	Digits = 6
	// Period is how long a step lasts.
	Period = 30 * time.Second

	// skew is how many steps a phone's clock may be off, either way (RFC 6238
	// section 5.2).
	skew = 1
)

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewSecret returns a fresh random secret of [SecretSize] bytes.
func NewSecret() ([]byte, error) {
	secret := make([]byte, SecretSize)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	return secret, nil
}

// Base32 returns the secret as a person types it into an app: upper case, no
// padding, 32 characters.
func Base32(secret []byte) string { return encoding.EncodeToString(secret) }

// URL returns the otpauth:// link from which an app enrols the secret, as a QR
// code or a tap. The issuer and the label are what the app shows. Colons
// separate the two in the link and are dropped from both.
func URL(issuer, accountLabel string, secret []byte) string {
	issuer = strings.ReplaceAll(issuer, ":", "")
	accountLabel = strings.ReplaceAll(accountLabel, ":", "")
	// Apps are known that show a plus where a form's encoding of a space stands,
	// hence the path's encoding in the query too.
	return "otpauth://totp/" + url.PathEscape(issuer) + ":" + url.PathEscape(accountLabel) +
		"?secret=" + Base32(secret) + "&issuer=" + escapeQuery(issuer) +
		"&algorithm=SHA1&digits=6&period=30"
}

func escapeQuery(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// Step returns the number of the time step that at lies in, counted from the
// Unix epoch (T of RFC 6238 section 4.2).
func Step(at time.Time) int64 {
	return floorDiv(at.Unix(), int64(Period/time.Second))
}

// Code returns the code that an app with this secret shows at the given time.
func Code(secret []byte, at time.Time) string { return codeOf(secret, Step(at)) }

// Match reports whether code is the secret's at the given time, give or take
// one step, and of which step. Only steps after lastStep count: the caller
// stores the step that matched and passes it the next time, in one conditional
// update, so that a code serves once. Where nothing was stored yet, lastStep is
// 0. A code is exactly six ASCII digits. How long Match takes does not depend on
// how much of the code was right, or for which step.
func Match(secret []byte, code string, at time.Time, lastStep int64) (step int64, ok bool) {
	current := Step(at)
	found := 0
	for candidate := current - skew; candidate <= current+skew; candidate++ {
		same := subtle.ConstantTimeCompare([]byte(codeOf(secret, candidate)), []byte(code))
		if candidate <= lastStep || candidate < 0 {
			same = 0
		}
		// Should two steps share a code, the later one is spent: otherwise the
		// same digits would match once more.
		step = int64(subtle.ConstantTimeSelect(same, int(candidate), int(step)))
		found |= same
	}
	return step, found == 1
}

// codeOf returns the code of a step. The only errors that the library knows are
// a secret that is not base32 and a digest that it does not have.
func codeOf(secret []byte, step int64) string {
	code, err := hotp.GenerateCodeCustom(Base32(secret), uint64(step), hotp.ValidateOpts{
		Digits:    otp.DigitsSix,
		Algorithm: otp.AlgorithmSHA1,
	})
	if err != nil {
		panic("totp: " + err.Error())
	}
	return code
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
