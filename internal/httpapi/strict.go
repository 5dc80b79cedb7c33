package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
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
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := walk(dec, reflect.TypeOf(dst).Elem(), "", 0); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return refusal.New("invalid_request", "There is something after the JSON object.")
	}
	if err := json.Unmarshal(body, dst); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return refusal.Field("invalid_request", wrong.Field, fmt.Sprintf("%q has the wrong type.", wrong.Field))
		}
		return refusal.New("invalid_request", "The body does not fit the schema.")
	}
	return nil
}

// walk reads one value and holds its members against t; a nil t takes any.
func walk(dec *json.Decoder, t reflect.Type, path string, depth int) error {
	if depth > maxDepth {
		return refusal.New("invalid_request", "The body is nested too deeply.")
	}
	token, err := dec.Token()
	if err != nil {
		return refusal.New("invalid_request", "The body is not valid JSON.")
	}
	delim, isDelim := token.(json.Delim)
	if depth == 0 && delim != '{' {
		return refusal.New("invalid_request", "The body is not a JSON object.")
	}
	switch {
	case !isDelim:
		return nil
	case delim == '[':
		for dec.More() {
			if err := walk(dec, elem(t), path, depth+1); err != nil {
				return err
			}
		}
	default:
		if err := members(dec, t, path, depth); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil { // the closing bracket
		return refusal.New("invalid_request", "The body is not valid JSON.")
	}
	return nil
}

func members(dec *json.Decoder, t reflect.Type, path string, depth int) error {
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return refusal.New("invalid_request", "The body is not valid JSON.")
		}
		name := token.(string) // a member's name is a string, or Token fails
		at := strings.TrimPrefix(path+"."+name, ".")
		if len(at) > 100 {
			at = at[:100]
		}
		if seen[name] {
			return refusal.Field("invalid_request", at, "This member is given twice.")
		}
		seen[name] = true
		field, known := member(t, name)
		if !known {
			return refusal.Field("invalid_request", at, "There is no such member here.")
		}
		if err := walk(dec, field, at, depth+1); err != nil {
			return err
		}
	}
	return nil
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
	for i := range t.NumField() {
		tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if tag == name {
			return t.Field(i).Type, true
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
