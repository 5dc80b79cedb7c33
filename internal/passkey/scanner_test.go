package passkey

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// scan reads a client data text and returns what was found, or the fault.
func scan(text []byte) (origin string, cross bool, f fault) {
	s := newScanner(text)
	s.object([]string{"origin", "crossOrigin"}, func(i int) {
		if i == 0 {
			origin = s.string()
		} else {
			cross = s.bool()
		}
	})
	return origin, cross, s.end()
}

func TestScannerFollowsRFC8259(t *testing.T) {
	good := []string{
		`{}`, ` { } `, `{"a":{}}`, `{"a":[]}`, `{"a":[1,[2]]}`, "{\t\"a\"\r\n: null }", `{"a":"\u00e9\ud83d\udd11"}`,
		`{"a":-0}`, `{"a":0.5}`, `{"a":10}`, `{"a":1E+2}`, `{"a":1e-2}`, `{"a":1e2}`, `{"":true}`, `{"a":"` + "\u2028" + `"}`,
	}
	for _, text := range good {
		if _, _, f := scan([]byte(text)); f != "" {
			t.Errorf("%s: %s", text, f)
		}
	}
	bad := []string{
		``, `{`, `}`, `{]`, `[}`, `{"a"}`, `{"a":}`, `{"a":1`, `{"a":1,}`, `{,}`, `{"a":[1,]}`, `{"a":[,1]}`, `{"a":[1 2]}`, `{a:1}`, `{'a':1}`,
		`{"a":01}`, `{"a":+1}`, `{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":1e+}`, `{"a":-}`, `{"a":NaN}`, `{"a":0x1}`, `{"a":--1}`,
		`{"a":tru}`, `{"a":True}`, `{"a":nul`, `{"a":"`, `{"a":"\`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\u12g4"}`, "{\"a\":\"\n\"}", "{\"a\":\"\\n\x01\"}", `{"a":"\u"}`,
		`{"a":"\ud83d"}`, `{"a":"\ud83dx"}`, `{"a":"\udd11\ud83d"}`, `{"a":"\ud83d\u0041"}`, `{"a":"\ud83d\u"}`,
		`{} {}`, `{}//`, `{"a":1}x`, `"a"`, `1`, `{"a" 1}`, `{1:1}`, "\ufeff{}", "{}\x00", "{\"a\":1\v}", `{"a":"\`, `{"a":"\n`, "{\"\xff\":1}",
	}
	for _, text := range bad {
		if _, _, f := scan([]byte(text)); f == "" {
			t.Errorf("%q was read", text)
		}
	}
}

func TestScannerLimitsDepth(t *testing.T) {
	for depth, want := range map[int]fault{maxDepth: "", maxDepth + 1: faultDepth, 100_000: faultDepth} {
		for _, pair := range []string{"[]", "{}"} {
			open, end := pair[:1], pair[1:]
			if open == "{" {
				open = `{"a":`
			}
			inner := strings.Repeat(open, depth-1) + "1" + strings.Repeat(end, depth-1)
			if _, _, f := scan([]byte(`{"a":` + inner + `}`)); f != want {
				t.Errorf("%s %d deep: %q, want %q", pair, depth, f, want)
			}
		}
	}
}

// Whatever the scanner takes, encoding/json takes too and understands in the same way: the library, the audit tools and
// this package cannot be told different things.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`{"origin":"https://exchange.example","crossOrigin":false}`,
		`{"origin":"a","ORIGIN":"b"}`, `{"origin":"a","origin":"b"}`, `{"crossOrigin":true,"croſſOrigin":false}`,
		`{"x":[{"y":"\ud83d\udd11"},1e9,null],"origin":"\u0061"}`, "\ufeff{}", "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		origin, cross, fault := scan(text)
		if fault != "" {
			return
		}
		var want struct {
			Origin      string `json:"origin"`
			CrossOrigin bool   `json:"crossOrigin"`
		}
		d := json.NewDecoder(bytes.NewReader(text))
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if want.Origin != origin || want.CrossOrigin != cross {
			t.Errorf("%q: read %q %v, encoding/json %q %v", text, origin, cross, want.Origin, want.CrossOrigin)
		}
	})
}

func TestBase64HasOneSpellingPerValue(t *testing.T) {
	for text, want := range map[string]fault{
		"": "", "AA": "", "AAA": "", "AAAA": "", "-_-_": "",
		"AA==": faultBase64, "AB": faultBase64, "AAB": faultBase64, "A": faultBase64, "+/+/": faultBase64,
		"AA\nAA": faultBase64, "AAAA\r\n": faultBase64, " AA": faultBase64, "AAAAAAA": faultTooLarge,
	} {
		if _, f := decodeBase64(text, 4); f != want {
			t.Errorf("%q: %q, want %q", text, f, want)
		}
	}
}
