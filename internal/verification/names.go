package verification

import (
	"strings"
	"unicode"

	"countersign/internal/refusal"
)

// maxName is the length of a name or label in bytes.
const maxName = 64

// TidyName trims what somebody calls a passkey, an address or themselves, or refuses it by the name of its field: 1 to 64 bytes
// that read as they are written.
func TidyName(field, name string) (string, error) {
	name = strings.TrimSpace(name)
	visible := strings.ContainsFunc(name, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) })
	if !visible || len(name) > maxName || !Legible(name) {
		return "", refusal.Field("invalid_request", field, "A name has 1 to 64 bytes, and no control characters or invisible ones.")
	}
	return name, nil
}

// Legible tells whether a text has nothing that controls how it is shown: no control characters or line separators, nothing that turns
// its direction, and nothing without a width by which two that look alike could differ. The joiners stay: emoji and Persian need them.
func Legible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		switch r {
		case '\u200b', '\u2060', '\ufeff', '\u2028', '\u2029':
			return true
		}
		return unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r)
	})
}
