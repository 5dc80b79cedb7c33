package flowtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"countersign/api"
	"countersign/internal/desk"
	"countersign/internal/httpapi"
	"countersign/internal/policy"
	"countersign/internal/testkit"
)

// description is the API's description, and makes bodies by it.
type description struct{ doc map[string]any }

func (d description) schema(v any) map[string]any {
	s, _ := v.(map[string]any)
	for s["$ref"] != nil {
		var at any = d.doc
		for _, step := range strings.Split(strings.TrimPrefix(s["$ref"].(string), "#/"), "/") {
			at = at.(map[string]any)[step]
		}
		s, _ = at.(map[string]any)
	}
	return s
}

// body is an example of a schema, with every member; where is the path of each string that is free, and gets bad where it is at.
func (d description) body(v any, path, at, bad string, where *[]string) any {
	s := d.schema(v)
	for _, kind := range []string{"oneOf", "anyOf"} {
		if some, is := s[kind].([]any); is {
			return d.body(some[len(some)-1], path, at, bad, where)
		}
	}
	if all, is := s["allOf"].([]any); is {
		out := map[string]any{}
		for _, one := range all {
			if part, is := d.body(one, path, at, bad, where).(map[string]any); is {
				maps.Copy(out, part)
			}
		}
		return out
	}
	kind := fmt.Sprint(s["type"])
	switch {
	case s["properties"] != nil:
		out := map[string]any{}
		for name, of := range s["properties"].(map[string]any) {
			out[name] = d.body(of, path+"."+name, at, bad, where)
		}
		return out
	case strings.Contains(kind, "object"):
		*where = append(*where, path)
		if path == at {
			return map[string]any{"email": bad}
		}
		return map[string]any{}
	case strings.Contains(kind, "array"):
		return []any{d.body(s["items"], path+"[]", at, bad, where)}
	case strings.Contains(kind, "string"):
		*where = append(*where, path)
		if path == at {
			return bad
		}
		if some, is := s["enum"].([]any); is {
			return some[0]
		}
		return "copper heron"
	case strings.Contains(kind, "integer"), strings.Contains(kind, "number"):
		return 1
	}
	return true
}

// TestWhatNoDatabaseHoldsIsRefused puts what a text in a database cannot hold (PostgreSQL takes no U+0000, and no bytes that are not
// UTF-8) into every place where a client may put a text: that is the client's fault, and no fault of the service.
func TestWhatNoDatabaseHoldsIsRefused(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	d := description{}
	if err := json.Unmarshal(api.OpenAPI, &d.doc); err != nil {
		t.Fatal(err)
	}
	c := k.Full()
	o := k.Operator(desk.Admin)
	v := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	n := 0
	for _, rt := range (&httpapi.Server{}).Routes() {
		name := rt.Method + " " + rt.Path
		if slices.Contains([]string{"DELETE /v1/sessions/current", "DELETE /v1/desk/session", "POST /v1/account/freeze", "GET /v1/desk/check"}, name) {
			continue
		}
		b := c.Browser
		if atDesk(rt) {
			b = o.Browser
		}
		call := func(path string, body any, headers map[string]string) {
			n++
			if a := b.Send(rt.Method, path, body, headers); a.Status >= 500 {
				t.Errorf("%s %v %v: %d %s", rt.Method+" "+path, body, headers, a.Status, a.Body)
			}
		}
		id := "x"
		if strings.HasPrefix(rt.Path, "/v1/verifications/") {
			id = v.ID
		}
		var empty any
		if rt.Method == http.MethodPost || rt.Method == http.MethodPatch {
			empty = "{}"
		}
		path := strings.ReplaceAll(rt.Path, "{id}", id)
		if strings.Contains(rt.Path, "{id}") {
			for _, bad := range []string{"%00", "x%00", "%ff", "%ed%a0%80"} {
				if a := b.Send(rt.Method, strings.ReplaceAll(rt.Path, "{id}", bad), cmp(bodies[name], empty), nil); a.Code() != "not_found" {
					t.Errorf("%s with %s: %d %s", name, bad, a.Status, a.Body)
				}
				call(strings.ReplaceAll(rt.Path, "{id}", bad), cmp(bodies[name], empty), nil)
			}
		}
		if rt.Method == http.MethodGet {
			for _, bad := range []string{"%00", "%ff", "%ed%a0%80"} {
				call(path+"?cursor="+bad+"&q="+bad+"&view="+bad+"&view=open&days="+bad, nil, nil)
				call(path+"?cursor="+bad, nil, nil)
				call(path+"?q="+bad, nil, nil)
			}
		}
		call(path, cmp(bodies[name], empty), map[string]string{"Idempotency-Key": "a-fresh-\xffkey", "Upload-Offset": "\xff", "Accept-Language": "\xff"})
		call(path, cmp(bodies[name], empty), map[string]string{"Authorization": "Bearer ses_\xff.\xff", "Idempotency-Key": "other-fresh-key"})
		if empty == nil || rt.Path == "/v1/recordings/{id}" || slices.Contains(ofCarrier, name) {
			continue
		}
		schema := d.schema(d.schema(d.doc["paths"].(map[string]any)[rt.Path].(map[string]any)[strings.ToLower(rt.Method)])["requestBody"])
		schema = d.schema(d.schema(d.schema(schema["content"])["application/json"])["schema"])
		var places []string
		d.body(schema, "", "none", "", &places)
		for _, place := range places {
			for _, bad := range []string{"\x00", "copper heron\x00", "\x00copper heron"} {
				call(path, d.body(schema, "", place, bad, new([]string)), map[string]string{"Idempotency-Key": "another-key"})
			}
		}
		if rt.Path == "/v1/verifications" {
			for _, p := range []policy.Purpose{policy.SaveAddress, policy.SetPhrase, policy.BindFactor, policy.ReplaceFactor, policy.ApproveWithdrawal, policy.DeletePasskey, policy.EndSessions, policy.ChangePassword} {
				for _, bad := range []string{"\x00", "copper heron\x00"} {
					call(path, map[string]any{"purpose": p, "object": "phone" + bad, "value": "copper heron"}, nil)
					call(path, map[string]any{"purpose": p, "object": bad}, nil)
					call(path, map[string]any{"purpose": p, "object": "phone", "value": "+447946000001" + bad}, nil)
					call(path, map[string]any{"purpose": p, "value": bad}, nil)
					for _, member := range []string{"label", "network", "address", "memo"} {
						address := map[string]string{"label": "Cold", "network": "tron", "address": testkit.Tron}
						address[member] = address[member] + bad
						call(path, map[string]any{"purpose": p, "address": address}, nil)
					}
				}
			}
		}
	}
	if n < 300 {
		t.Errorf("%d requests only", n)
	}
}

func cmp(text string, or any) any {
	if text == "" {
		return or
	}
	return text
}
