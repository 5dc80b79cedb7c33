package smpp

import (
	"strings"
	"testing"
	"unicode/utf16"
)

func TestTheAlphabetIsGSMs(t *testing.T) {
	// Spot values of GSM 03.38, 6.2.1, from its table.
	for r, code := range map[string]string{"@": "\x00", "£": "\x01", "\n": "\x0a", "Δ": "\x10", "_": "\x11", "Ξ": "\x1a", "Æ": "\x1c", " ": "\x20", "¤": "\x24", "¡": "\x40", "A": "A", "Z": "Z",
		"Ä": "\x5b", "§": "\x5f", "¿": "\x60", "a": "a", "z": "z", "à": "\x7f", "€": "\x1b\x65", "[": "\x1b\x3c", "|": "\x1b\x40", "\\": "\x1b\x2f"} {
		if got := string(septets[[]rune(r)[0]]); got != code {
			t.Errorf("%q is % x, want % x", r, got, code)
		}
	}
	if len(septets) != 127+10 {
		t.Errorf("%d characters", len(septets))
	}
}

func TestTextsAreSplitWhereNothingIsCut(t *testing.T) {
	for name, c := range map[string]struct {
		alphabet Alphabet
		text     string
		coding   byte
		lengths  []int
	}{
		"one part":                  {GSM7, strings.Repeat("a", 160), codingDefault, []int{160}},
		"two parts":                 {GSM7, strings.Repeat("a", 161), codingDefault, []int{153, 8}},
		"an escape at the edge":     {GSM7, strings.Repeat("a", 152) + "€" + strings.Repeat("a", 20), codingDefault, []int{152, 22}},
		"what GSM lacks":            {GSM7, "Код 482913", codingUCS2, []int{20}},
		"a long text of another":    {GSM7, strings.Repeat("я", 71), codingUCS2, []int{134, 8}},
		"a surrogate at the edge":   {GSM7, strings.Repeat("я", 66) + "😀" + strings.Repeat("я", 10), codingUCS2, []int{132, 24}},
		"a typographic apostrophe":  {GSM7, "don’t", codingDefault, []int{5}},
		"Latin-1":                   {Latin1, "@é", codingLatin1, []int{2}},
		"a long text in Latin-1":    {Latin1, strings.Repeat("é", 141), codingLatin1, []int{134, 7}},
		"what Latin-1 lacks":        {Latin1, "5 €", codingUCS2, []int{6}},
		"a centre with UCS-2 alone": {UCS2, "abc", codingUCS2, []int{6}},
		"nothing":                   {GSM7, "", codingDefault, []int{0}},
	} {
		parts, coding := c.alphabet.encode(c.text)
		var lengths []int
		for _, p := range parts {
			lengths = append(lengths, len(p))
		}
		if coding != c.coding || len(lengths) != len(c.lengths) {
			t.Errorf("%s: coding %d, lengths %v", name, coding, lengths)
			continue
		}
		for i := range lengths {
			if lengths[i] != c.lengths[i] {
				t.Errorf("%s: lengths %v, want %v", name, lengths, c.lengths)
			}
		}
		if coding == codingUCS2 {
			var halves []uint16
			for _, p := range parts {
				for i := 0; i < len(p); i += 2 {
					halves = append(halves, uint16(p[i])<<8|uint16(p[i+1]))
				}
			}
			if got := string(utf16.Decode(halves)); got != c.text {
				t.Errorf("%s: %q came out as %q", name, c.text, got)
			}
		}
	}
}

func TestReceiptsAreRead(t *testing.T) {
	body := func(class byte, text string, options ...byte) []byte {
		var w writer
		w.text("")
		w.octets(1, 1)
		w.text("447700900078")
		w.octets(5, 0)
		w.text("Exchange")
		w.octets(class, 0, 0)
		w.text("")
		w.text("")
		w.octets(0, 0, 0, 0, byte(len(text)))
		w.WriteString(text)
		w.octets(options...)
		return w.Bytes()
	}
	state := func(octet byte) []byte { return []byte{0x04, 0x27, 0, 1, octet} }
	id := []byte{0x00, 0x1e, 0, 4, 'i', 'd', '7', 0}
	for name, c := range map[string]struct {
		body []byte
		ok   bool
		want Receipt
	}{
		"delivered":             {body(4, "id:17 sub:001 dlvrd:001 submit date:2611251200 done date:2611251201 stat:DELIVRD err:000 text:id:99 stat:UNDELIV"), true, Receipt{"17", true, "DELIVRD 000"}},
		"given up":              {body(4, "id:17 stat:UNDELIV err:034"), true, Receipt{"17", false, "UNDELIV 034"}},
		"in capitals":           {body(4, "ID:17 STAT:REJECTD ERR:1 TEXT:x"), true, Receipt{"17", false, "REJECTD 1"}},
		"by parameters":         {body(4, "", append(state(2), id...)...), true, Receipt{"id7", true, "DELIVRD"}},
		"parameters come first": {body(4, "id:17 stat:ACCEPTD", append(state(5), id...)...), true, Receipt{"id7", false, "UNDELIV"}},
		"a network's error":     {body(4, "", append(append(state(5), id...), 0x04, 0x23, 0, 3, 3, 0, 34)...), true, Receipt{"id7", false, "UNDELIV 34"}},
		"broken parameters":     {body(4, "id:17 stat:DELIVRD", 0x04, 0x27, 0xff), true, Receipt{"17", true, "DELIVRD"}},
		"a customer's answer":   {body(0, "id:17 stat:DELIVRD"), false, Receipt{}},
		"on its way":            {body(4, "id:17 stat:ENROUTE"), false, Receipt{}},
		"without an id":         {body(4, "stat:DELIVRD"), false, Receipt{}},
		"cut off":               {body(4, "id:17 stat:DELIVRD")[:20], false, Receipt{}},
		"nothing":               {nil, false, Receipt{}},
	} {
		got, ok := parseReceipt(c.body)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %+v, %t", name, got, ok)
		}
	}
}

func FuzzReceipt(f *testing.F) {
	f.Add([]byte("\x00\x01\x01447700900078\x00\x05\x00Exchange\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x10id:1 stat:DELIVRD\x04\x27\x00\x01\x02"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, ok := parseReceipt(body); ok && (r.ID == "" || len(r.Reason) > 40) {
			t.Errorf("%+v", r)
		}
	})
}
