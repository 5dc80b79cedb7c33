package approval

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The flags of authenticator data (Web Authentication Level 3 section 6.1).
const (
	flagUserPresent    = 1 << 0
	flagUserVerified   = 1 << 2
	flagBackupEligible = 1 << 3
	flagBackupState    = 1 << 4
	flagAttestedData   = 1 << 6
	flagExtensions     = 1 << 7
)

// verifyAuthData reads authenticator data to its last byte.
func verifyAuthData(b []byte, relyingParty string) error {
	const member = "passkey.authenticator_data"
	flags, rest := b[32], b[37:]
	ok := true
	if flags&flagAttestedData != 0 {
		// AAGUID, the credential id with its length, and a key in CBOR.
		if len(rest) < 18 {
			return fault(member, "is cut off")
		}
		n := 18 + int(binary.BigEndian.Uint16(rest[16:]))
		if n-18 > maxCredentialID || len(rest) < n {
			return fault(member, "is cut off")
		}
		if rest, ok = cutCBOR(rest[n:], maxNesting); !ok {
			return fault(member, "holds malformed CBOR")
		}
	}
	if flags&flagExtensions != 0 {
		if len(rest) == 0 || rest[0]>>5 != 5 {
			return fault(member, "lacks the extensions that its flags promise")
		}
		if rest, ok = cutCBOR(rest, maxNesting); !ok {
			return fault(member, "holds malformed CBOR")
		}
	}
	switch {
	case len(rest) != 0:
		return fault(member, "goes on after its end")
	case [32]byte(b) != sha256.Sum256([]byte(relyingParty)):
		return fault(member, "is of another relying party")
	case flags&flagUserPresent == 0:
		return fault(member, "says that no user was present")
	case flags&flagUserVerified == 0:
		return fault(member, "says that the user was not verified")
	case flags&flagBackupState != 0 && flags&flagBackupEligible == 0:
		return fault(member, "says that the passkey is backed up and cannot be")
	}
	return nil
}

// verifyClientData reads what the browser signed with. Names that are known
// count once and as they are spelt; others may be there and are skipped.
func verifyClientData(raw []byte, challenge [32]byte, origin string) error {
	const member = "passkey.client_data_json"
	// "UTF-8 decode" drops one byte order mark.
	j := jsonReader{rest: strings.TrimPrefix(string(raw), "\ufeff")}
	if !utf8.ValidString(j.rest) {
		return fault(member, "is not valid UTF-8")
	}
	names := [...]string{"type", "challenge", "origin", "crossOrigin", "topOrigin"}
	var (
		values  [len(names)]string
		seen    [len(names)]bool
		refused string
	)
	if j.next() != '{' {
		return fault(member, "is not a JSON object")
	}
	j.object(8, func(name string) bool {
		for i, known := range names {
			switch {
			case name == known && seen[i]:
				refused = "holds a member twice"
			case name == known && known == "crossOrigin":
				seen[i] = true
				if values[i] = j.word(); values[i] != "true" && values[i] != "false" {
					refused = "holds a crossOrigin that is neither true nor false"
				}
				return refused == ""
			case name == known:
				seen[i] = true
				if j.next() != '"' {
					refused = "holds a member of another type"
					return false
				}
				values[i] = j.string()
				return true
			case len(name) >= len(known) && strings.EqualFold(name, known):
				refused = "holds a member in other letters"
			}
			if refused != "" {
				return false
			}
		}
		j.value(7)
		return true
	})
	if refused != "" {
		return fault(member, refused)
	}
	if j.next(); j.bad || j.rest != "" {
		return fault(member, "is not one JSON object")
	}
	switch {
	case !seen[0] || !seen[1] || !seen[2]:
		return fault(member, "lacks its type, challenge or origin")
	case values[0] != "webauthn.get":
		return fault(member, "is of another ceremony than webauthn.get")
	case !isEncoding(values[1], challenge):
		return fault(member, "has another challenge than the nonce and the details make")
	case values[2] != origin:
		return fault(member, "has another origin than the document")
	case values[3] == "true":
		return fault(member, "was made in a frame of another origin")
	case seen[4]:
		return fault(member, "was made in a frame")
	}
	return nil
}

// isEncoding compares without writing the encoding to the heap.
func isEncoding(s string, b [32]byte) bool {
	got, ok := decode32(s)
	return ok && got == b
}

// jsonReader reads JSON (RFC 8259) in one pass and never mends it, unlike
// encoding/json, which takes the last of repeated members, whatever their case.
type jsonReader struct {
	rest string
	bad  bool
}

func (j *jsonReader) fail() { j.bad, j.rest = true, "" }

// next skips white space and returns the next byte, 0 at the end.
func (j *jsonReader) next() byte {
	for i := range len(j.rest) {
		switch c := j.rest[i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			j.rest = j.rest[i:]
			return c
		}
	}
	j.rest = ""
	return 0
}

func (j *jsonReader) take(c byte) bool {
	if j.next() != c {
		j.fail()
		return false
	}
	j.rest = j.rest[1:]
	return true
}

// object calls member for each name; it reads the value, or returns false.
func (j *jsonReader) object(depth int, member func(name string) bool) {
	if depth == 0 || !j.take('{') {
		j.fail()
		return
	}
	for first := true; !j.bad; first = false {
		if first && j.next() == '}' {
			break
		}
		name := j.string()
		if !j.take(':') || !member(name) {
			j.fail()
			return
		}
		if j.next() != ',' {
			break
		}
		j.take(',')
	}
	j.take('}')
}

func (j *jsonReader) value(depth int) {
	switch c := j.next(); {
	case c == '{':
		j.object(depth, func(string) bool { j.value(depth - 1); return !j.bad })
	case c == '[' && depth > 0:
		j.take('[')
		for first := true; !j.bad; first = false {
			if first && j.next() == ']' {
				break
			}
			if j.value(depth - 1); j.next() != ',' {
				break
			}
			j.take(',')
		}
		j.take(']')
	case c == '"':
		j.string()
	case c == '-', '0' <= c && c <= '9':
		j.number()
	default:
		if w := j.word(); w != "true" && w != "false" && w != "null" {
			j.fail()
		}
	}
}

// word reads lower-case letters.
func (j *jsonReader) word() string {
	j.next()
	n := len(j.rest) - len(strings.TrimLeft(j.rest, "abcdefghijklmnopqrstuvwxyz"))
	w := j.rest[:n]
	j.rest = j.rest[n:]
	return w
}

func (j *jsonReader) number() {
	digits := func() {
		n := len(j.rest) - len(strings.TrimLeft(j.rest, "0123456789"))
		if n == 0 {
			j.fail()
		}
		j.rest = j.rest[n:]
	}
	j.rest = strings.TrimPrefix(j.rest, "-")
	if zero, ok := strings.CutPrefix(j.rest, "0"); ok {
		j.rest = zero
	} else {
		digits()
	}
	if fraction, ok := strings.CutPrefix(j.rest, "."); ok {
		j.rest = fraction
		digits()
	}
	if j.rest != "" && j.rest[0]|0x20 == 'e' {
		if j.rest = j.rest[1:]; j.rest != "" && (j.rest[0] == '+' || j.rest[0] == '-') {
			j.rest = j.rest[1:]
		}
		digits()
	}
}

func (j *jsonReader) string() string {
	if !j.take('"') {
		return ""
	}
	var out []byte
	for i := 0; i < len(j.rest); i++ {
		switch c := j.rest[i]; {
		case c < ' ':
			j.fail()
			return ""
		case c == '"' && out == nil:
			s := j.rest[:i]
			j.rest = j.rest[i+1:]
			return s
		case c == '"':
			j.rest = j.rest[i+1:]
			return string(out)
		case c != '\\':
			if out != nil {
				out = append(out, c)
			}
		default:
			if out == nil {
				out = append(make([]byte, 0, len(j.rest)), j.rest[:i]...)
			}
			r, n := unescape(j.rest[i:])
			if n == 0 {
				j.fail()
				return ""
			}
			out = utf8.AppendRune(out, r)
			i += n - 1
		}
	}
	j.fail()
	return ""
}

// unescape reads an escape and its length; 0 if there is no such one. Half of
// a surrogate pair has no UTF-8 form.
func unescape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2
	}
	r, ok := hex4(s)
	if !ok || !utf16.IsSurrogate(r) {
		if !ok {
			return 0, 0
		}
		return r, 6
	}
	second, ok := hex4(s[6:])
	if r = utf16.DecodeRune(r, second); !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

func hex4(s string) (r rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, c := range []byte(s[2:6]) {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
