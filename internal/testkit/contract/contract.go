// Package contract holds real answers of the API to its description, in tests.
//
// The document lets answers grow, as clients have to; here they may not: a member that is not described fails the test.
package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"countersign/api"

	"github.com/getkin/kin-openapi/openapi3"
)

// document is the API's description in the strict form, and a mux that knows its paths.
type document struct {
	*openapi3.T
	mux      *http.ServeMux
	problems map[string]struct {
		Status int `json:"status"`
	}
}

var load = sync.OnceValues(func() (*document, error) {
	text, err := strict(api.OpenAPI)
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, err
	}
	d := &document{T: doc, mux: http.NewServeMux()}
	if err := extension(doc.Components.Extensions, "x-problems", &d.problems); err != nil {
		return nil, err
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			// A tile's number goes on behind slashes.
			d.mux.Handle(method+" "+strings.Replace(path, "{tile}", "{tile...}", 1), http.NotFoundHandler())
		}
	}
	return d, nil
})

// strict closes every object whose members are listed and that says nothing about others.
func strict(text []byte) ([]byte, error) {
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, v := range node {
				walk(v)
			}
		case map[string]any:
			for _, v := range node {
				walk(v)
			}
			_, listed := node["properties"].(map[string]any)
			if _, said := node["additionalProperties"]; listed && !said {
				node["additionalProperties"] = false
			}
		}
	}
	walk(doc)
	return json.Marshal(doc)
}

// extension reads an x- member into dst.
func extension(all map[string]any, name string, dst any) error {
	b, err := json.Marshal(all[name])
	if err != nil {
		return err
	}
	return json.Unmarshal(b, dst)
}

// Validate fails the test unless the answer is one that the document has for the request: its status, its content type, its
// body to the last member, and for a problem its code. body is the whole of it, as resp.Body has been read by then. It answers
// for the paths of the document and for what else is under /v1/; any other path fails the test. Safe for concurrent use.
func Validate(t testing.TB, req *http.Request, resp *http.Response, body []byte) {
	t.Helper()
	doc, err := load()
	if err != nil {
		t.Fatalf("the API's description: %v", err)
	}
	if err := doc.check(req, resp, body); err != nil {
		t.Errorf("%s %s answered %d against the API's description: %v\n%s", req.Method, req.URL.Path, resp.StatusCode, err, body)
	}
}

// checked holds the answers that fitted, as checking one anew compiles its schema: operation, status and body, in which what
// differs each time, times and ids in their one form, is left out.
var checked sync.Map

var differs = regexp.MustCompile(`"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|[a-z]+_[0-9a-z]{26}|[0-9a-f]{16}|[0-9a-f]{64})"`)

func (d *document) check(req *http.Request, resp *http.Response, body []byte) error {
	_, pattern := d.mux.Handler(req)
	key := fmt.Sprint(pattern, resp.StatusCode, len(resp.Header), resp.Header.Get("Content-Type"), string(differs.ReplaceAll(body, []byte(`"…"`))))
	if _, known := checked.Load(key); known {
		return nil
	}
	err := d.checkAnew(req, resp, body)
	if err == nil {
		checked.Store(key, true)
	}
	return err
}

func (d *document) checkAnew(req *http.Request, resp *http.Response, body []byte) error {
	// Only the audit log's tree is the same for everybody.
	cached := resp.StatusCode == http.StatusOK && strings.HasPrefix(req.URL.Path, "/log/")
	if resp.Header.Get("X-Request-Id") == "" || (resp.Header.Get("Cache-Control") == "no-store") == cached {
		return fmt.Errorf("no X-Request-Id, or no Cache-Control: no-store")
	}
	kind := resp.Header.Get("Content-Type")
	if kind != "" {
		var err error
		if kind, _, err = mime.ParseMediaType(kind); err != nil {
			return fmt.Errorf("content type: %w", err)
		}
	}
	op := d.operation(req)
	if kind == "application/problem+json" {
		return d.problem(op, resp.StatusCode, body)
	}
	if op == nil {
		return fmt.Errorf("there is no such operation, and this is no problem")
	}
	described := op.Responses.Status(resp.StatusCode)
	if described == nil {
		return fmt.Errorf("the status is not described")
	}
	for name, header := range described.Value.Headers {
		if header.Value.Required && resp.Header.Get(name) == "" {
			return fmt.Errorf("no %s header", name)
		}
	}
	if len(described.Value.Content) == 0 {
		if len(body) != 0 {
			return fmt.Errorf("a body where none is described")
		}
		return nil
	}
	media := described.Value.Content[kind]
	if media == nil {
		return fmt.Errorf("content type %q is not described", kind)
	}
	if kind != "application/json" {
		return nil // a recording, which no schema describes
	}
	return visit(media.Schema.Value, body)
}

// operation finds the operation that a request is for, or nil.
func (d *document) operation(req *http.Request) *openapi3.Operation {
	_, pattern := d.mux.Handler(req)
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		return nil
	}
	return d.Paths.Value(strings.Replace(path, "...}", "}", 1)).GetOperation(method)
}

// problem checks a problem, and that the operation is said to answer with it. Without an operation it can only be
// that there is none, or what is refused before the route is looked for.
func (d *document) problem(op *openapi3.Operation, status int, body []byte) error {
	if err := visit(d.Components.Schemas["Problem"].Value, body); err != nil {
		return err
	}
	var p struct {
		Code   string `json:"code"`
		Status int    `json:"status"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return err
	}
	listed := []string{"not_found", "method_not_allowed", "cross_origin", "internal"}
	if op != nil {
		if err := extension(op.Extensions, "x-problems", &listed); err != nil {
			return err
		}
	}
	if !slices.Contains(listed, p.Code) {
		return fmt.Errorf("%s is not among the problems of this operation", p.Code)
	}
	want := d.problems[p.Code].Status
	if p.Code == "passkey_refused" && status == http.StatusUnauthorized {
		want = status // to a caller without a session
	}
	if status != want || p.Status != want {
		return fmt.Errorf("%s has the status %d, in its body %d; want %d", p.Code, status, p.Status, want)
	}
	return nil
}

func visit(schema *openapi3.Schema, body []byte) error {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	return schema.VisitJSON(value, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors())
}
