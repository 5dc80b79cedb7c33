package passkey

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deeply objects and arrays may nest; the outermost value counts as one.
const maxDepth = 8

// A fault is why a text was not taken, in the words of [Refusal.Reason]; empty when it was.
type fault string

const (
	faultSyntax    fault = "json_syntax"
	faultUTF8      fault = "json_invalid_utf8"
	faultDuplicate fault = "json_duplicate_member"
	faultCase      fault = "json_member_case"
	faultType      fault = "json_member_type"
	faultDepth     fault = "json_depth"
	faultTooLarge  fault = "too_large"
	faultMissing   fault = "json_member_missing"
	faultBase64    fault = "base64url"
)

// scanner reads one JSON text (RFC 8259) in a single pass and keeps only what it is asked for.
//
// encoding/json takes the last of repeated members, matches names without regard to case (with Unicode
// folding, so that "croſſOrigin" is "crossOrigin") and mends invalid UTF-8. Two readers of one signed text
// could then disagree on what it says; here such a text is refused.
type scanner struct {
	text  string
	pos   int
	depth int
	fault fault // the first one; every method returns at once when it is set
}

// newScanner checks the encoding of the whole text before anything else.
func newScanner(text []byte) *scanner {
	s := &scanner{text: string(text)}
	if !utf8.Valid(text) {
		s.fail(faultUTF8)
	}
	return s
}

func (s *scanner) fail(f fault) {
	if s.fault == "" {
		s.fault = f
	}
}

// end refuses anything but white space after the value.
func (s *scanner) end() fault {
	if s.peek(); s.fault == "" && s.pos != len(s.text) {
		s.fail(faultSyntax)
	}
	return s.fault
}

// peek skips white space and returns the next byte, or 0 at the end or after a fault.
func (s *scanner) peek() byte {
	if s.fault != "" {
		return 0
	}
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		s.fail(faultSyntax)
		return false
	}
	s.pos++
	return true
}

func (s *scanner) enter() bool {
	if s.depth++; s.depth > maxDepth {
		s.fail(faultDepth)
	}
	return s.fault == ""
}

// object reads an object. For each member named exactly as one of known, member is called with the name's
// index, and must consume the value; other members are skipped, as new ones may appear at any time (§5.8.1.1).
// A known name twice, or one that differs from it in case only, is a fault. At most 32 names.
func (s *scanner) object(known []string, member func(i int)) {
	if s.peek() != '{' {
		s.fail(faultType)
		return
	}
	s.pos++
	if !s.enter() {
		return
	}
	var seen uint32
	for first := true; s.fault == ""; first = false {
		if first && s.peek() == '}' {
			break
		}
		if s.peek() != '"' {
			s.fail(faultSyntax)
			return
		}
		name := s.string()
		if !s.take(':') {
			return
		}
		if i := s.lookup(known, name); i < 0 {
			s.skip()
		} else if seen&(1<<i) != 0 {
			s.fail(faultDuplicate)
		} else {
			seen |= 1 << i
			member(i)
		}
		if s.peek() != ',' {
			break
		}
		s.pos++
	}
	s.take('}')
	s.depth--
}

func (s *scanner) lookup(known []string, name string) int {
	for i, k := range known {
		if name == k {
			return i
		}
	}
	for _, k := range known {
		if strings.EqualFold(name, k) {
			s.fail(faultCase)
		}
	}
	return -1
}

// array reads an array and calls item for each element, which it must consume.
func (s *scanner) array(item func()) {
	if s.peek() != '[' {
		s.fail(faultType)
		return
	}
	s.pos++
	if !s.enter() {
		return
	}
	for first := true; s.fault == ""; first = false {
		if first && s.peek() == ']' {
			break
		}
		item()
		if s.peek() != ',' {
			break
		}
		s.pos++
	}
	s.take(']')
	s.depth--
}

// skip reads any value and drops it.
func (s *scanner) skip() {
	switch c := s.peek(); {
	case c == '{':
		s.object(nil, nil)
	case c == '[':
		s.array(s.skip)
	case c == '"':
		s.string()
	case c == 't':
		s.literal("true")
	case c == 'f':
		s.literal("false")
	case c == 'n':
		s.literal("null")
	case c == '-' || isDigit(c):
		s.number()
	default:
		s.fail(faultSyntax)
	}
}

// null consumes a null, and tells whether there was one.
func (s *scanner) null() bool {
	if s.peek() != 'n' {
		return false
	}
	s.literal("null")
	return true
}

func (s *scanner) bool() bool {
	switch s.peek() {
	case 't':
		s.literal("true")
		return true
	case 'f':
		s.literal("false")
	default:
		s.fail(faultType)
	}
	return false
}

func (s *scanner) literal(word string) {
	if !strings.HasPrefix(s.text[s.pos:], word) {
		s.fail(faultSyntax)
		return
	}
	s.pos += len(word)
}

func (s *scanner) number() {
	digits := func() (n int) {
		for ; s.pos < len(s.text) && isDigit(s.text[s.pos]); s.pos++ {
			n++
		}
		return n
	}
	next := func(set string) bool {
		if s.pos < len(s.text) && strings.IndexByte(set, s.text[s.pos]) >= 0 {
			s.pos++
			return true
		}
		return false
	}
	next("-")
	if !next("0") && digits() == 0 {
		s.fail(faultSyntax)
	}
	if next(".") && digits() == 0 {
		s.fail(faultSyntax)
	}
	if next("eE") {
		if next("+-"); digits() == 0 {
			s.fail(faultSyntax)
		}
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// string reads a string. Most hold no escape and are returned without a copy.
func (s *scanner) string() string {
	if s.peek() != '"' {
		s.fail(faultType)
		return ""
	}
	s.pos++
	start := s.pos
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; {
		case c == '"':
			s.pos++
			return s.text[start : s.pos-1]
		case c == '\\':
			return s.escaped(start)
		case c < 0x20:
			s.fail(faultSyntax)
			return ""
		}
		s.pos++
	}
	s.fail(faultSyntax)
	return ""
}

// escaped goes on with a string that has an escape at the current position.
func (s *scanner) escaped(start int) string {
	var b strings.Builder
	b.WriteString(s.text[start:s.pos])
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		s.pos++
		switch {
		case c == '"':
			return b.String()
		case c < 0x20:
			s.fail(faultSyntax)
			return ""
		case c != '\\':
			b.WriteByte(c)
		case s.pos == len(s.text):
			s.fail(faultSyntax)
			return ""
		default:
			c = s.text[s.pos]
			s.pos++
			if c == 'u' {
				b.WriteRune(s.codePoint())
			} else if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
				b.WriteByte("\"\\/\b\f\n\r\t"[i])
			} else {
				s.fail(faultSyntax)
			}
			if s.fault != "" {
				return ""
			}
		}
	}
	s.fail(faultSyntax)
	return ""
}

// codePoint reads what follows \u, and the second half of a surrogate pair. A half alone has no UTF-8 form.
func (s *scanner) codePoint() rune {
	r := s.hex4()
	if !utf16.IsSurrogate(r) {
		return r
	}
	if strings.HasPrefix(s.text[s.pos:], `\u`) {
		s.pos += 2
		r = utf16.DecodeRune(r, s.hex4())
	} else {
		r = utf8.RuneError
	}
	if r == utf8.RuneError {
		s.fail(faultUTF8)
	}
	return r
}

func (s *scanner) hex4() (r rune) {
	if len(s.text)-s.pos < 4 {
		s.fail(faultSyntax)
		return 0
	}
	for _, c := range []byte(s.text[s.pos : s.pos+4]) {
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			s.fail(faultSyntax)
			return 0
		}
	}
	s.pos += 4
	return r
}
