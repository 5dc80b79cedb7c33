package contract

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const session = `{"id":"ses_1","current":true,"method":"codes","browser":"Safari on iPhone","address":"203.0.113.9",
	"created_at":"2026-03-14T14:31:00Z","last_seen_at":"2026-03-14T14:31:00.25Z","expires_at":"2026-06-12T14:31:00Z"}`

func problem(code, status string) string {
	return `{"type":"/openapi.json#/components/x-problems/` + code + `","title":"T","detail":"D","code":"` + code + `","request_id":"0011","status":` + status + `}`
}

func TestAnAnswerThatDiffersFromTheDescriptionIsFound(t *testing.T) {
	const plain, refused = "application/json", "application/problem+json"
	wait := strings.Replace(problem("resend_too_soon", "429"), "{", `{"retry_at":"2026-03-14T14:31:00Z",`, 1)
	for name, c := range map[string]struct {
		method, path string
		status       int
		kind, body   string
		ok           bool
	}{
		"an answer":                       {"GET", "/v1/sessions", 200, plain, `{"items":[` + session + `],"next":null}`, true},
		"a parameter in the content type": {"GET", "/healthz", 200, plain + "; charset=utf-8", `{"ok":true}`, true},
		"a member too few":                {"GET", "/v1/sessions", 200, plain, `{"items":[]}`, false},
		"a member too many":               {"GET", "/v1/sessions", 200, plain, `{"items":[],"next":null,"token":"x"}`, false},
		"a member too many, inside":       {"GET", "/v1/sessions", 200, plain, `{"items":[` + strings.Replace(session, "{", `{"hash":"x",`, 1) + `],"next":null}`, false},
		"a wrong type":                    {"GET", "/v1/sessions", 200, plain, `{"items":null,"next":null}`, false},
		"a value not listed":              {"GET", "/v1/sessions", 200, plain, `{"items":[` + strings.Replace(session, "codes", "sms", 1) + `],"next":null}`, false},
		"a time with an offset":           {"GET", "/v1/sessions", 200, plain, `{"items":[` + strings.Replace(session, "00Z", "00+01:00", 1) + `],"next":null}`, false},
		"a time that is none":             {"GET", "/v1/sessions", 200, plain, `{"items":[` + strings.Replace(session, "2026-03-14T", "", 1) + `],"next":null}`, false},
		"another status":                  {"GET", "/v1/sessions", 201, plain, `{"items":[],"next":null}`, false},
		"another content type":            {"GET", "/v1/sessions", 200, "text/plain", `{"items":[],"next":null}`, false},
		"no body":                         {"DELETE", "/v1/sessions/current", 204, "", "", true},
		"a body where none is due":        {"DELETE", "/v1/sessions/current", 204, "", "{}", false},
		"a redirect":                      {"GET", "/.well-known/change-password", 302, "text/plain", "", true},
		"a problem":                       {"GET", "/v1/sessions", 401, refused, problem("unauthenticated", "401"), true},
		"a problem with more":             {"POST", "/v1/verifications/ver_1/send", 429, refused, wait, true},
		"a problem of others":             {"GET", "/v1/sessions", 409, refused, problem("email_taken", "409"), false},
		"a problem of nobody":             {"GET", "/v1/sessions", 401, refused, problem("denied", "401"), false},
		"a problem with another status":   {"GET", "/v1/sessions", 403, refused, problem("unauthenticated", "403"), false},
		"a problem of two statuses":       {"GET", "/v1/sessions", 401, refused, problem("unauthenticated", "403"), false},
		"a passkey that does not sign in": {"POST", "/v1/login/passkey", 401, refused, problem("passkey_refused", "401"), true},
		"no such route":                   {"GET", "/v1/nothing", 404, refused, problem("not_found", "404"), true},
		"no such route, answered":         {"GET", "/v1/nothing", 200, plain, `{}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			doc, err := load()
			if err != nil {
				t.Fatal(err)
			}
			resp := &http.Response{StatusCode: c.status, Header: http.Header{"X-Request-Id": {"0011"}, "Cache-Control": {"no-store"}}}
			if c.kind != "" {
				resp.Header.Set("Content-Type", c.kind)
			}
			if c.status == http.StatusFound {
				resp.Header.Set("Location", "/security/password")
			}
			if err := doc.check(httptest.NewRequest(c.method, c.path, nil), resp, []byte(c.body)); (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}
