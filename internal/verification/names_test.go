package verification

import (
	"strings"
	"testing"
)

func TestANameReadsAsItIsWritten(t *testing.T) {
	for _, good := range []string{"Mum’s phone", "  trimmed ", "Телефон", "הטלפון שלי", "می\u200cخواهم", "👩\u200d💻", "電話", "e\u0301", strings.Repeat("x", 64)} {
		if got, err := TidyName("name", good); err != nil || got != strings.TrimSpace(good) {
			t.Errorf("%q: %q, %v", good, got, err)
		}
	}
	for _, bad := range []string{"", " ", "\u200d", "\u00a0\u200c", "a\x00b", "a\nb", "a\x7f", "a\u0085b", "\u202eenohp", "a\u202ab", "\u2066x", "x\u2069y", "a\u200eb", "a\u200fb", "a\u061cb",
		"a\u200bb", "a\ufeffb", "a\u2060b", "a\u2028b", strings.Repeat("x", 65)} {
		if got, err := TidyName("name", bad); err == nil {
			t.Errorf("%q was taken as %q", bad, got)
		}
	}
}
