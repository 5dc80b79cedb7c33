package smpp

import (
	"strings"
	"unicode/utf16"
)

// Alphabet is how texts are put into octets. Centres are set up differently for each customer, whatever the standard has.
type Alphabet string

const (
	// GSM7 is the default alphabet of GSM 03.38, an octet for each septet; what it lacks goes as UCS-2.
	GSM7 Alphabet = "gsm7"
	// Latin1 is ISO 8859-1, declared as such; what it lacks goes as UCS-2. For centres whose default alphabet is another one: in these an
	// at sign, with which every code ends, would get lost.
	Latin1 Alphabet = "latin1"
	// UCS2 is for centres that take nothing else.
	UCS2 Alphabet = "ucs2"
)

// The data codings of submit_sm (SMPP 3.4, 5.2.19).
const (
	codingDefault byte = 0x00
	codingLatin1  byte = 0x03
	codingUCS2    byte = 0x08
)

// basic is the default alphabet of GSM 03.38 in its order; the escape at 0x1b is written as U+FFFF, which no text has.
const basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\uffffÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

const escape = 0x1b

// septets has every character of the default alphabet, with its escape where it is in the extension.
var septets = func() map[rune][]byte {
	out := map[rune][]byte{}
	for i, r := range []rune(basic) {
		if r != '\uffff' {
			out[r] = []byte{byte(i)}
		}
	}
	for r, code := range map[rune]byte{'\f': 0x0a, '^': 0x14, '{': 0x28, '}': 0x29, '\\': 0x2f, '[': 0x3c, '~': 0x3d, ']': 0x3e, '|': 0x40, '€': 0x65} {
		out[r] = []byte{escape, code}
	}
	return out
}()

// Fits tells in how many parts a text goes out in the default alphabet; 0 if the alphabet lacks one of its characters.
func Fits(text string) int {
	units, ok := inGSM7(text)
	if !ok {
		return 0
	}
	return len(split(units, 160, 153))
}

// encode puts a text into the parts that go out, and tells their data coding.
func (a Alphabet) encode(text string) (parts [][]byte, coding byte) {
	// What phones cannot tell apart, and the default alphabet lacks, would double the price of a message.
	text = strings.NewReplacer("\u2019", "'", "\u2018", "'", "\u201c", `"`, "\u201d", `"`, "\u2013", "-", "\u2026", "...", "\u00a0", " ").Replace(text)
	switch a {
	case Latin1:
		if units, ok := inLatin1(text); ok {
			return split(units, 140, 134), codingLatin1
		}
	case UCS2:
	default:
		if units, ok := inGSM7(text); ok {
			return split(units, 160, 153), codingDefault
		}
	}
	return split(inUCS2(text), 140, 134), codingUCS2
}

// The following give a text as units that no part may cut: a character with its escape, both halves of a surrogate pair.

func inGSM7(text string) ([][]byte, bool) {
	var out [][]byte
	for _, r := range text {
		unit, ok := septets[r]
		if !ok {
			return nil, false
		}
		out = append(out, unit)
	}
	return out, true
}

func inLatin1(text string) ([][]byte, bool) {
	var out [][]byte
	for _, r := range text {
		if r > 0xff {
			return nil, false
		}
		out = append(out, []byte{byte(r)})
	}
	return out, true
}

func inUCS2(text string) [][]byte {
	var out [][]byte
	for _, r := range text {
		var unit []byte
		for _, half := range utf16.Encode([]rune{r}) {
			unit = append(unit, byte(half>>8), byte(half))
		}
		out = append(out, unit)
	}
	return out
}

// split makes one part of what fits into whole octets, and parts of at most each octets otherwise.
func split(units [][]byte, whole, each int) [][]byte {
	length := 0
	for _, u := range units {
		length += len(u)
	}
	most := each
	if length <= whole {
		most = whole
	}
	parts := [][]byte{nil}
	for _, u := range units {
		last := &parts[len(parts)-1]
		if len(*last)+len(u) > most {
			parts = append(parts, nil)
			last = &parts[len(parts)-1]
		}
		*last = append(*last, u...)
	}
	return parts
}

// withHeader puts the header of a part of a long message before it (GSM 03.40, 9.2.3.24.1).
func withHeader(part []byte, reference byte, n, of int) []byte {
	return append([]byte{5, 0, 3, reference, byte(of), byte(n)}, part...)
}
