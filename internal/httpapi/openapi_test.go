package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"countersign/api"
	"countersign/approval"
	"countersign/internal/account"
	"countersign/internal/asset"
	"countersign/internal/desk"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/support"
	"countersign/internal/verification"
	"countersign/internal/withdrawal"

	"github.com/getkin/kin-openapi/openapi3"
)

func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDocumentIsValid(t *testing.T) {
	doc := document(t)
	if err := doc.Validate(context.Background()); err != nil {
		t.Error(err)
	}
	if !doc.IsOpenAPI31OrLater() {
		t.Errorf("version %s", doc.OpenAPI)
	}
}

// operations are the document's operations by method and path, as a route names them.
func operations(doc *openapi3.T) map[string]*openapi3.Operation {
	out := map[string]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			out[method+" "+path] = op
		}
	}
	return out
}

func TestDocumentHasEveryRoute(t *testing.T) {
	doc := document(t)
	described := operations(doc)
	for _, rt := range (&Server{}).Routes() {
		name := rt.Method + " " + rt.Path
		op := described[name]
		if op == nil {
			t.Errorf("%s is not described", name)
			continue
		}
		delete(described, name)
		want := rt.Status
		switch {
		case want == 0 && rt.Method == http.MethodDelete:
			want = http.StatusNoContent
		case want == 0:
			want = http.StatusOK
		}
		if got := slices.Sorted(maps.Keys(op.Responses.Map())); !slices.Equal(got, append([]string{strconv.Itoa(want)}, ranges(rt)...)) {
			t.Errorf("%s: responses %v, want %d and default", name, got, want)
		}
		if got := op.Responses.Default().Ref; got != "#/components/responses/Problem" {
			t.Errorf("%s: default is %q", name, got)
		}
		if operator := op.Security != nil && reflect.DeepEqual(*op.Security, openapi3.SecurityRequirements{{"operator": {}}}); operator != (rt.Access.Permission != "") {
			t.Errorf("%s: security %v, access %v", name, op.Security, rt.Access)
		}
		session := openapi3.SecurityRequirements{{"session": {}}, {"bearer": {}}}
		if needs := op.Security != nil && reflect.DeepEqual(*op.Security, session); needs != (rt.Access == SignedIn) {
			t.Errorf("%s: security %v, access %v", name, op.Security, rt.Access)
		}
		if strings.Contains(rt.Path, "{id}") && doc.Paths.Value(rt.Path).Parameters.GetByInAndName("path", "id") == nil {
			t.Errorf("%s: no path parameter", name)
		}
	}
	for name := range described {
		t.Errorf("%s is described, and there is no such route", name)
	}
}

// ranges are the statuses of a route beside its success: one route sends a part where a part is asked for.
func ranges(rt Route) []string {
	if rt.Path == "/v1/desk/recordings/{id}/content" {
		return []string{"206", "416", "default"}
	}
	return []string{"default"}
}

func extension(t *testing.T, all map[string]any, name string, dst any) {
	t.Helper()
	b, err := json.Marshal(all[name])
	if err == nil {
		err = json.Unmarshal(b, dst)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestDocumentHasEveryProblem(t *testing.T) {
	doc := document(t)
	type entry struct {
		Status      int    `json:"status"`
		Title       string `json:"title"`
		Description string `json:"description"`
	}
	listed := map[string]entry{}
	extension(t, doc.Components.Extensions, "x-problems", &listed)
	want := map[string]int{}
	for code, e := range listed {
		want[code] = e.Status
		if e.Title != problems[code].title || e.Description == "" {
			t.Errorf("%s: title %q, want %q; description %q", code, e.Title, problems[code].title, e.Description)
		}
	}
	got := map[string]int{}
	for code, p := range problems {
		got[code] = p.status
	}
	if !maps.Equal(got, want) {
		t.Errorf("the catalogue is %v, the document has %v", got, want)
	}
	if got := enum(doc.Components.Schemas["ProblemCode"].Value); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Errorf("the enumeration is %v", got)
	}
	answered := map[string]bool{}
	for name, op := range operations(doc) {
		var codes []string
		extension(t, op.Extensions, "x-problems", &codes)
		if !slices.Contains(codes, "internal") {
			t.Errorf("%s: cannot fail", name)
		}
		for i, code := range codes {
			if _, known := problems[code]; !known || slices.Contains(codes[:i], code) {
				t.Errorf("%s: problem %s is unknown or listed twice", name, code)
			}
			answered[code] = true
		}
	}
	for code := range problems {
		// The router answers not_found for a path under /v1/ whatever the method.
		if !answered[code] && code != "method_not_allowed" {
			t.Errorf("no operation answers with %s", code)
		}
	}
}

// enum is the values of an enumeration, sorted, without null.
func enum(schema *openapi3.Schema) []string {
	var out []string
	for _, v := range schema.Enum {
		if text, ok := v.(string); ok {
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return out
}

func TestDocumentHasEveryPurpose(t *testing.T) {
	doc := document(t)
	var all, signedIn []string
	for purpose, row := range policy.Default() {
		all = append(all, string(purpose))
		if !row.WithoutSession {
			signedIn = append(signedIn, string(purpose))
		}
	}
	slices.Sort(all)
	slices.Sort(signedIn)
	if got := enum(doc.Components.Schemas["Purpose"].Value); !slices.Equal(got, all) {
		t.Errorf("purposes %v, want %v", got, all)
	}
	if got := enum(doc.Components.Schemas["VerificationRequest"].Value.Properties["purpose"].Value); !slices.Equal(got, signedIn) {
		t.Errorf("purposes with a session %v, want %v", got, signedIn)
	}
}

// probe asks a route's decoder for its verdict on a body. The body must be one that the decoder refuses: behind it there is nothing.
func probe(t *testing.T, rt Route, contentType, body string) *refusal.Refusal {
	t.Helper()
	r := httptest.NewRequest(rt.Method, rt.Path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	defer func() {
		if cause := recover(); cause != nil {
			t.Fatalf("%s %s took %s", rt.Method, rt.Path, body)
		}
	}()
	_, err := rt.serve(t.Context(), &request{http: r}, httptest.NewRecorder())
	return refusal.As(err)
}

// nobody is a member that no request has.
const nobody = "nobody"

// accepts tells whether a request has the member: if it has, what is refused is the one after it.
func accepts(t *testing.T, rt Route, parent, member string) bool {
	t.Helper()
	body := fmt.Sprintf(`{%q: 0, %q: 0}`, member, nobody)
	if parent != "" {
		body = fmt.Sprintf(`{%q: {%q: 0}, %q: 0}`, parent, member, nobody)
	}
	r := probe(t, rt, "application/json", body)
	if r == nil || r.Code != "invalid_request" {
		t.Fatalf("%s %s on %s: %v", rt.Method, rt.Path, body, r)
	}
	return r.Field == nobody
}

// candidates are the names that a member could have: those in the document, and those in this package's source.
func candidates(t *testing.T, doc *openapi3.T) []string {
	t.Helper()
	names := map[string]bool{}
	for _, schema := range doc.Components.Schemas {
		for name := range schema.Value.Properties {
			names[name] = true
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	tag := regexp.MustCompile(`json:"([a-z_]+)`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range tag.FindAllSubmatch(source, -1) {
			names[string(match[1])] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func TestDocumentHasEveryRequestMember(t *testing.T) {
	doc := document(t)
	described := operations(doc)
	names := candidates(t, doc)
	for _, rt := range (&Server{}).Routes() {
		name := rt.Method + " " + rt.Path
		body := described[name].RequestBody
		if takes := rt.Method == http.MethodPost || rt.Method == http.MethodPatch; takes != (body != nil) {
			t.Errorf("%s: body described: %t", name, body != nil)
			continue
		}
		if body == nil {
			continue
		}
		if largeBodies[name] != 0 {
			if got := slices.Collect(maps.Keys(body.Value.Content)); !slices.Equal(got, []string{pieceType}) || !body.Value.Required {
				t.Errorf("%s takes %v", name, got)
			}
			if r := probe(t, rt, "application/json", "{}"); r == nil || r.Code != "unsupported_media_type" {
				t.Errorf("%s takes JSON: %v", name, r)
			}
			continue
		}
		if slices.Contains(formBodies, name) {
			if got := slices.Collect(maps.Keys(body.Value.Content)); !slices.Equal(got, []string{formType}) || !body.Value.Required {
				t.Errorf("%s takes %v", name, got)
			}
			if r := probe(t, rt, "application/json", "{}"); r == nil || r.Code != "unsupported_media_type" {
				t.Errorf("%s takes JSON: %v", name, r)
			}
			continue
		}
		if r := probe(t, rt, "text/plain", "{}"); r == nil || r.Code != "unsupported_media_type" {
			t.Errorf("%s takes text: %v", name, r)
		}
		if !body.Value.Required || len(body.Value.Content) != 1 {
			t.Errorf("%s: the body is optional, or comes in more than one type", name)
		}
		schema := body.Value.Content["application/json"].Schema.Value
		sameMembers(t, rt, "", schema, names)
		for parent, p := range schema.Properties {
			// A map takes every name; there the flow judges them.
			if p.Value.Type.Is("object") && !accepts(t, rt, parent, nobody+"s") {
				sameMembers(t, rt, parent, p.Value, names)
			}
		}
	}
}

func sameMembers(t *testing.T, rt Route, parent string, schema *openapi3.Schema, names []string) {
	t.Helper()
	if closed := schema.AdditionalProperties.Has; closed == nil || *closed {
		t.Errorf("%s %s: %q is open", rt.Method, rt.Path, parent)
	}
	for _, name := range names {
		if _, listed := schema.Properties[name]; listed != accepts(t, rt, parent, name) {
			t.Errorf("%s %s: %q in %q is described: %t; accepted: %t", rt.Method, rt.Path, name, parent, listed, !listed)
		}
	}
}

// views are the schemas of what is answered, and the types that they are made from.
var views = map[string]reflect.Type{
	"Ticket":              reflect.TypeFor[support.TicketView](),
	"TicketHead":          reflect.TypeFor[support.TicketHead](),
	"TicketMessage":       reflect.TypeFor[support.MessageView](),
	"Attempt":             reflect.TypeFor[support.AttemptView](),
	"AttemptStep":         reflect.TypeFor[support.StepView](),
	"App":                 reflect.TypeFor[AppVersion](),
	"Verification":        reflect.TypeFor[verification.View](),
	"VerificationFactor":  reflect.TypeFor[verification.FactorView](),
	"NewFactor":           reflect.TypeFor[verification.NewFactorView](),
	"VerificationResult":  reflect.TypeFor[verification.Result](),
	"Challenge":           reflect.TypeFor[verification.Challenge](),
	"Block":               reflect.TypeFor[policy.Block](),
	"Account":             reflect.TypeFor[account.Overview](),
	"Factor":              reflect.TypeFor[account.FactorView](),
	"Availability":        reflect.TypeFor[account.Availability](),
	"Hold":                reflect.TypeFor[account.HoldView](),
	"Passkey":             reflect.TypeFor[account.PasskeyView](),
	"AcceptedCredentials": reflect.TypeFor[account.Accepted](),
	"Session":             reflect.TypeFor[account.SignedIn](),
	"Device":              reflect.TypeFor[account.SessionView](),
	"Event":               reflect.TypeFor[account.EventView](),
	"NotMe":               reflect.TypeFor[account.NotMe](),
	"Asset":               reflect.TypeFor[asset.Asset](),
	"Network":             reflect.TypeFor[asset.Network](),
	"Withdrawal":          reflect.TypeFor[withdrawal.View](),
	"Address":             reflect.TypeFor[withdrawal.AddressView](),
	"AddressCheck":        reflect.TypeFor[withdrawal.AddressCheck](),
	"Lookalike":           reflect.TypeFor[withdrawal.Lookalike](),
	"Balances":            reflect.TypeFor[withdrawal.BalancesView](),
	"Recording":           reflect.TypeFor[support.RecordingView](),
	"Approval":            reflect.TypeFor[approval.Approval](),
	"Invitation":          reflect.TypeFor[desk.InvitationView](),
	"OperatorMe":          reflect.TypeFor[desk.Me](),
	"OperatorSession":     reflect.TypeFor[desk.SessionView](),
	"Operator":            reflect.TypeFor[desk.OperatorView](),
	"Invited":             reflect.TypeFor[desk.Invited](),
	"DeskAccount":         reflect.TypeFor[desk.AccountView](),
	"DeskFactor":          reflect.TypeFor[desk.FactorView](),
	"DeskPasskey":         reflect.TypeFor[desk.PasskeyView](),
	"DeskSession":         reflect.TypeFor[desk.SessionLine](),
	"DeskTicketLine":      reflect.TypeFor[desk.TicketLine](),
	"DeskEvent":           reflect.TypeFor[desk.EventView](),
	"CheckReport":         reflect.TypeFor[desk.Report](),
	"Check":               reflect.TypeFor[desk.Check](),
	"PolicyRule":          reflect.TypeFor[desk.Rule](),
	"Numbers":             reflect.TypeFor[desk.Numbers](),
	"Figures":             reflect.TypeFor[desk.Figures](),
	"FunnelStep":          reflect.TypeFor[desk.Step](),
	"Cause":               reflect.TypeFor[desk.Cause](),
	"ApprovedOnDay":       reflect.TypeFor[desk.Approved](),
	"MedianOnDay":         reflect.TypeFor[desk.Median](),
}

func TestDocumentHasEveryAnswerMember(t *testing.T) {
	doc := document(t)
	for name, typ := range views {
		schema := doc.Components.Schemas[name]
		if schema == nil {
			t.Errorf("there is no schema %s", name)
			continue
		}
		var tagged []string
		for _, f := range reflect.VisibleFields(typ) {
			member, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous || !f.IsExported() || member == "-" {
				continue
			}
			tagged = append(tagged, member)
			property := schema.Value.Properties[member]
			if property == nil {
				t.Errorf("%s.%s is not described", name, member)
				continue
			}
			if optional := options == "omitempty"; optional == slices.Contains(schema.Value.Required, member) {
				t.Errorf("%s.%s: required in the document: %t", name, member, optional)
			}
			// What a view holds as any is known to the package that fills it in; a null among those is for the flows' tests.
			if null := property.Value.VisitJSON(nil, openapi3.EnableJSONSchema2020()) == nil; f.Type.Kind() != reflect.Interface && options == "" && null != (f.Type.Kind() == reflect.Pointer) {
				t.Errorf("%s.%s: null in the document: %t", name, member, null)
			}
		}
		for member := range schema.Value.Properties {
			if !slices.Contains(tagged, member) {
				t.Errorf("%s.%s is described, and %v has no such member", name, member, typ)
			}
		}
	}
}
