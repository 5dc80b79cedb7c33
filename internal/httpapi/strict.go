package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"countersign/internal/refusal"
)

// maxDepth bounds the nesting of a request. Credentials are looked into by their own, stricter reader.
const maxDepth = 12

// decode reads a JSON object into dst, which points to a struct. It refuses what encoding/json lets pass: unknown and
// duplicate members, names in another case, trailing data, invalid UTF-8. The refusal names the member.
func decode(body []byte, dst any) error {
	if !utf8.Valid(body) {
		return refusal.New("invalid_request", "The body is not valid UTF-8.")
	}
	err := json.Unmarshal(body, dst)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return malformed(body)
	}
	// It is JSON, which what follows relies on.
	w := walker{text: body}
	if w.peek() != '{' {
		return refusal.New("invalid_request", "The body is not a JSON object.")
	}
	if err := w.value(reflect.TypeOf(dst).Elem()); err != nil {
		return err
	}
	if err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			field := embedded.ReplaceAllString(wrong.Field, "")
			return refusal.Field("invalid_request", field, fmt.Sprintf("%q has the wrong type.", field))
		}
		return refusal.New("invalid_request", "The body does not fit the schema.")
	}
	return nil
}

// embedded are names of Go that encoding/json puts into a member's path, and that no JSON has.
var embedded = regexp.MustCompile(`\b[A-Z]\w*\.`)

// malformed says what is wrong with a body that is not JSON.
func malformed(body []byte) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	if dec.Decode(new(json.RawMessage)) == nil {
		if _, err := dec.Token(); err != io.EOF {
			return refusal.New("invalid_request", "There is something after the JSON object.")
		}
	}
	return refusal.New("invalid_request", "The body is not valid JSON.")
}

// walker goes over a text that is known to be JSON, and holds the names of its members against a type.
type walker struct {
	text []byte
	pos  int
	path []string // the members that lead to the present value
	deep int
}

// peek skips white space and returns the next byte.
func (w *walker) peek() byte {
	for {
		switch c := w.text[w.pos]; c {
		case ' ', '\t', '\n', '\r':
			w.pos++
		default:
			return c
		}
	}
}

// value passes over one value; a nil t takes any members.
func (w *walker) value(t reflect.Type) error {
	if w.deep > maxDepth {
		return refusal.New("invalid_request", "The body is nested too deeply.")
	}
	switch w.peek() {
	case '{':
		return w.each('}', w.members(t))
	case '[':
		t := elem(t)
		return w.each(']', func() error { return w.value(t) })
	case '"':
		if from := w.pos; bytes.Contains(w.string(), []byte(`u0000`)) && !w.anyText() {
			var text string
			if err := json.Unmarshal(w.text[from:w.pos], &text); err != nil {
				return err
			}
			if !storable(text) {
				return w.refuse("A text has no character U+0000.")
			}
		}
	default: // a number, true, false or null
		for w.pos < len(w.text) && !strings.ContainsRune(",]} \t\n\r", rune(w.text[w.pos])) {
			w.pos++
		}
	}
	return nil
}

// storable tells whether every database holds a text: PostgreSQL takes neither U+0000 nor what is not UTF-8, and refuses the whole
// statement, and with it the transaction.
func storable(text string) bool {
	return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0
}

// anyText tells whether the present value may have any character. Passwords do, and are hashed: by password or, where one is changed, by value.
func (w *walker) anyText() bool {
	return len(w.path) == 1 && (w.path[0] == "password" || w.path[0] == "value")
}

// each passes over an object or array, whose entries item takes.
func (w *walker) each(end byte, item func() error) error {
	w.pos++
	w.deep++
	for w.peek() != end {
		if w.text[w.pos] == ',' {
			w.pos++
			continue
		}
		if err := item(); err != nil {
			return err
		}
	}
	w.pos++
	w.deep--
	return nil
}

// string passes over a string and returns what is between its quotes, as it is written.
func (w *walker) string() []byte {
	w.pos++
	start := w.pos
	for ; w.text[w.pos] != '"'; w.pos++ {
		if w.text[w.pos] == '\\' {
			w.pos++
		}
	}
	w.pos++
	return w.text[start : w.pos-1]
}

// members takes the members of an object of type t, one at each call.
func (w *walker) members(t reflect.Type) func() error {
	var seen names
	return func() error {
		written := w.string()
		name := string(written)
		if bytes.IndexByte(written, '\\') >= 0 {
			if err := json.Unmarshal(w.text[w.pos-len(written)-2:w.pos], &name); err != nil {
				return err
			}
		}
		w.path = append(w.path, name)
		if !storable(name) {
			return w.refuse("A name has no character U+0000.")
		}
		if !seen.add(name) {
			return w.refuse("This member is given twice.")
		}
		field, known := member(t, name)
		if !known {
			return w.refuse("There is no such member here.")
		}
		w.peek()
		w.pos++ // the colon
		err := w.value(field)
		w.path = w.path[:len(w.path)-1]
		return err
	}
}

func (w *walker) refuse(why string) error {
	at := strings.Join(w.path, ".")
	return refusal.Field("invalid_request", at[:min(len(at), 100)], why)
}

// names is a set that needs no map while it is as small as it nearly always is.
type names struct {
	few  []string
	many map[string]bool
}

// add tells whether a name is new.
func (n *names) add(name string) bool {
	if n.many == nil && len(n.few) < 16 {
		if slices.Contains(n.few, name) {
			return false
		}
		n.few = append(n.few, name)
		return true
	}
	if n.many == nil {
		n.many = map[string]bool{}
		for _, one := range n.few {
			n.many[one] = true
		}
	}
	if n.many[name] {
		return false
	}
	n.many[name] = true
	return true
}

var rawMessage = reflect.TypeFor[json.RawMessage]()

// member finds the type of a member by its exact name. Where the type has no fields, every member is known.
func member(t reflect.Type, name string) (reflect.Type, bool) {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == nil || t == rawMessage || t.Kind() == reflect.Interface:
		return nil, true
	case t.Kind() == reflect.Map:
		return t.Elem(), true
	case t.Kind() != reflect.Struct:
		return nil, true // of the wrong type, as Unmarshal says with its name
	}
	var within []reflect.Type // whose members count where those of the outer struct have not the name
	for i := range t.NumField() {
		f := t.Field(i)
		switch tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); {
		case f.Anonymous:
			within = append(within, f.Type)
		case tag == name:
			return f.Type, true
		}
	}
	for _, t := range within {
		if in, known := member(t, name); known {
			return in, true
		}
	}
	return nil, false
}

func elem(t reflect.Type) reflect.Type {
	if t != nil && t.Kind() == reflect.Slice && t != rawMessage {
		return t.Elem()
	}
	return nil
}
