package flowtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"countersign/internal/httpapi"
	"countersign/internal/policy"
	"countersign/internal/testkit"
)

// public are the routes that serve strangers on purpose. Those of a verification ask for the browser or the session that
// began it, and know nobody else's.
var public = []string{
	"GET /v1/config", "GET /v1/session", "POST /v1/registrations", "POST /v1/login", "POST /v1/login/passkey/options", "POST /v1/login/passkey", "POST /v1/password-resets",
	"POST /v1/not-me/lookup", "POST /v1/not-me/freeze", "POST /v1/desk/invitations/lookup", "POST /v1/desk/invitations/options", "POST /v1/desk/invitations/accept",
	"POST /v1/desk/login/options", "POST /v1/desk/login", "GET /v1/desk/session",
	"POST /v1/attempts", "POST /v1/recordings", "POST /v1/tickets", "POST /v1/tickets/lookup", "POST /v1/tickets/lookup/messages",
	"GET /log/checkpoint", "GET /log/tile/{level}/{tile}",
	"GET /openapi.json", "GET /healthz", "GET /readyz", "GET /.well-known/passkey-endpoints", "GET /.well-known/change-password",
}

var ofVerification = []string{
	"GET /v1/verifications/{id}", "DELETE /v1/verifications/{id}", "POST /v1/verifications/{id}/send", "POST /v1/verifications/{id}/codes", "POST /v1/verifications/{id}/finish",
	"GET /v1/verifications/{id}/passkeys",
}

// ofRecording are for the account or the browser that began a recording, or an attempt.
var ofRecording = []string{"GET /v1/attempts/{id}", "GET /v1/recordings/{id}", "PATCH /v1/recordings/{id}", "DELETE /v1/recordings/{id}"}

// ofCarrier are for whoever has an account's token at a carrier, and signs with it.
var ofCarrier = []string{"POST /v1/carriers/{id}/status"}

// ofBusiness are for whoever has an API key.
func ofBusiness(rt httpapi.Route) bool { return rt.Access == httpapi.Business }

// bodies are requests that their routes could serve, so that access alone decides.
var bodies = map[string]string{
	"POST /v1/registrations":              `{"email":"a@mail.example","password":"copper heron"}`,
	"POST /v1/login":                      `{"identifier":"a@mail.example","password":"copper heron"}`,
	"POST /v1/login/passkey":              `{"credential":{}}`,
	"POST /v1/password-resets":            `{"email":"a@mail.example"}`,
	"POST /v1/not-me/lookup":              `{"token":"x"}`,
	"POST /v1/not-me/freeze":              `{"token":"x"}`,
	"POST /v1/verifications":              `{"purpose":"phrase.set","value":"copper heron"}`,
	"POST /v1/verifications/{id}/send":    `{"factor":"email"}`,
	"POST /v1/verifications/{id}/codes":   `{"codes":{"email":"000000"}}`,
	"POST /v1/verifications/{id}/passkey": `{"credential":{}}`,
	"POST /v1/verifications/{id}/finish":  `{"keep_passkeys":"all"}`,
	"PATCH /v1/passkeys/{id}":             `{"name":"x"}`,
	"PATCH /v1/account":                   `{"name":"x"}`,
	"POST /v1/addresses/check":            `{"network":"tron","address":"x"}`,
	"POST /v1/tickets/{id}/messages":      `{"body":"x"}`,
	"POST /v1/withdrawals":                `{"asset":"USDT","network":"tron","address":"` + testkit.Tron + `","amount":"20"}`,
}

// call calls a route with an id in its path.
func call(b *testkit.Browser, rt httpapi.Route, id string) *testkit.Answer {
	name := rt.Method + " " + rt.Path
	var body any
	if rt.Method == http.MethodPost || rt.Method == http.MethodPatch {
		body = "{}"
		if text := bodies[name]; text != "" {
			body = text
		}
	}
	headers := map[string]string{"Idempotency-Key": "a-fresh-key"}
	if name == "PATCH /v1/recordings/{id}" {
		headers["Content-Type"], headers["Upload-Offset"] = "application/offset+octet-stream", "0"
	}
	if slices.Contains(ofCarrier, name) {
		headers["Content-Type"] = "application/x-www-form-urlencoded"
	}
	return b.Send(rt.Method, strings.ReplaceAll(rt.Path, "{id}", id), body, headers)
}

func TestEveryRouteIsPublicOnPurposeOrRefusesStrangers(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	half := k.Browser() // has given its password, and owes the code
	pending := half.StartLogin(c.Email, c.Password).Verification()
	ended := c.On(k.Browser())
	c.LoginByPasskey(ended.Browser).OK()
	token := ended.Cookie("__Host-session")
	ended.Send("DELETE", "/v1/sessions/current", nil, nil).OK()
	ended.SetCookie("__Host-session", token)
	before := k.Dump("audit_events", "budgets", "settings")
	seen := map[string]bool{}
	for _, rt := range (&httpapi.Server{}).Routes() {
		name := rt.Method + " " + rt.Path
		seen[name] = true
		if slices.Contains(public, name) {
			if rt.Access == httpapi.SignedIn {
				t.Errorf("%s is public and asks for a session", name)
			}
			continue
		}
		want := "unauthenticated"
		if slices.Contains(ofVerification, name) || slices.Contains(ofRecording, name) || slices.Contains(ofCarrier, name) {
			want = "not_found"
		} else if ofBusiness(rt) {
			want = "api_key_invalid"
		} else if rt.Access != httpapi.SignedIn && !atDesk(rt) {
			t.Errorf("%s serves strangers, and nobody said so", name)
		}
		foreign := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
		for who, b := range map[string]*testkit.Browser{"a stranger": k.Browser(), "half signed in": half, "signed out": ended.Browser} {
			if a := call(b, rt, foreign.ID); a.Code() != want {
				t.Errorf("%s to %s: %d %s", name, who, a.Status, a.Body)
			}
		}
		k.Exec(`DELETE FROM verification_factors WHERE verification_id = $1`, foreign.ID)
		k.Exec(`DELETE FROM verifications WHERE id = $1`, foreign.ID)
	}
	for _, name := range slices.Concat(public, ofVerification, ofRecording, ofCarrier) {
		if !seen[name] {
			t.Errorf("there is no route %s any more", name)
		}
	}
	if after := k.Dump("audit_events", "budgets", "settings"); after != before {
		t.Errorf("something was written:\n%s", difference(before, after))
	}
	half.Codes(pending.ID, map[string]string{"any": c.AppCode()}).OK()
}

func TestAnotherAccountsThingsAreNotThere(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Full(), k.Full()
	p := c.CreatePasskey()
	w := c.Withdraw("20")
	approved := c.Withdraw("20")
	c.Prove(c.Approval(approved)).OK()
	c.Answer(saveAddress(c, "Cold", testkit.Tron).Verification()).OK()
	address := k.Query(`SELECT id FROM addresses`)[0]
	v := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	c.SendCode(v.ID, "email").OK()
	var told struct{ ID string }
	c.Post("/v1/attempts", report("sign_in", "", map[string]any{"step": "failed", "code": "no_passkey_here"})).OK().Into(&told)
	ids := map[string]string{"attempts": told.ID, "verifications": v.ID, "passkeys": p.ID, "withdrawals": w.ID, "addresses": address, "recordings": begin(c.Browser, 2).ID, "tickets": ask(c.Browser, "other", "Help.").ID}
	before := k.Dump("audit_events", "budgets", "settings", "sessions", "outbox")
	n := 0
	for _, rt := range (&httpapi.Server{}).Routes() {
		if !strings.Contains(rt.Path, "{id}") || atDesk(rt) || ofBusiness(rt) || slices.Contains(ofCarrier, rt.Method+" "+rt.Path) {
			continue
		}
		n++
		id := ids[strings.Split(rt.Path, "/")[2]]
		if strings.HasSuffix(rt.Path, "/approval") {
			id = approved.ID
		}
		if a := call(d.Browser, rt, id); a.Code() != "not_found" {
			t.Errorf("%s %s: %d %s", rt.Method, rt.Path, a.Status, a.Body)
		}
		if missing := call(d.Browser, rt, id[:len(id)-1]+"0"); missing.Code() != "not_found" {
			t.Errorf("%s %s of nobody: %d", rt.Method, rt.Path, missing.Status)
		}
	}
	for purpose, object := range map[policy.Purpose]string{policy.ApproveWithdrawal: w.ID, policy.DeletePasskey: p.ID, policy.EndSessions: c.Account().Session.ID} {
		d.Begin(purpose, object, "").Refused("not_found")
	}
	if after := k.Dump("audit_events", "budgets", "settings", "sessions", "outbox"); after != before || n < 12 {
		t.Errorf("%d routes; something was written:\n%s", n, difference(before, after))
	}
	for _, list := range []string{"/v1/passkeys", "/v1/withdrawals", "/v1/addresses", "/v1/activity"} {
		body := string(d.Get(list).OK().Body)
		for _, id := range ids {
			if strings.Contains(body, id) {
				t.Errorf("%s lists %s", list, id)
			}
		}
	}
}

func TestWritesFromOtherOriginsAreRefused(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	for _, headers := range []map[string]string{
		{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://bank.example"}, {"Origin": "https://bank.example.evil.example"}, {"Origin": "https://bank.example:8443"},
		{"Origin": "", "Sec-Fetch-Site": "cross-site"}, {"Origin": "", "Sec-Fetch-Site": "same-site"},
	} {
		for _, rt := range (&httpapi.Server{}).Routes() {
			if rt.Method == http.MethodGet {
				continue
			}
			if a := c.Send(rt.Method, strings.ReplaceAll(rt.Path, "{id}", "x"), "{}", headers); a.Code() != "cross_origin" || a.Status != 403 {
				t.Errorf("%s %s from %v: %d %s", rt.Method, rt.Path, headers, a.Status, a.Body)
			}
		}
		if a := c.Send("GET", "/v1/account", nil, headers); a.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%v may read", headers)
		}
	}
	c.Get("/v1/account").OK()
}

func TestBodiesAreReadStrictly(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	v := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	type bad struct{ path, body, field string }
	cases := []bad{
		{"/v1/login", `{"identifier":"a","password":"b","remember":true}`, "remember"},
		{"/v1/login", `{"identifier":"a","identifier":"b","password":"c"}`, "identifier"},
		{"/v1/login", `{"Identifier":"a","password":"b"}`, "Identifier"},
		{"/v1/login", `{"identifier":"a","paſſword":"b"}`, "paſſword"},
		{"/v1/login", `{"identifier":1,"password":"b"}`, "identifier"},
		{"/v1/login", `{"identifier":["a"],"password":"b"}`, "identifier"},
		{"/v1/login", `{"identifier":"a","password":"b"} {}`, ""},
		{"/v1/login", `{"identifier":"a","password":"b"}x`, ""},
		{"/v1/login", `[]`, ""}, {"/v1/login", `null`, ""}, {"/v1/login", `"x"`, ""}, {"/v1/login", ``, ""}, {"/v1/login", `{`, ""}, {"/v1/login", `{"identifier":`, ""},
		{"/v1/login", "{\"identifier\":\"\xff\",\"password\":\"b\"}", ""},
		{"/v1/verifications", `{"purpose":"address.save","address":{"label":"a","Network":"tron"}}`, "address.Network"},
		{"/v1/verifications", `{"purpose":"address.save","address":{"label":"a","label":"b"}}`, "address.label"},
		{"/v1/verifications", `{"purpose":"login"}`, "purpose"}, {"/v1/verifications", `{"purpose":"register"}`, "purpose"},
		{"/v1/verifications", `{"purpose":"password.reset"}`, "purpose"}, {"/v1/verifications", `{"purpose":"x"}`, "purpose"}, {"/v1/verifications", `{}`, "purpose"},
		{"/v1/verifications/" + v.ID + "/codes", `{"codes":{"email":"1","email":"2"}}`, "codes.email"},
		{"/v1/verifications/" + v.ID + "/codes", `{"codes":{"EMAIL":"1"}}`, "codes.EMAIL"},
		{"/v1/verifications/" + v.ID + "/codes", `{"codes":{"email":123456}}`, "codes"},
		{"/v1/verifications/" + v.ID + "/send", `{"factor":"pigeon"}`, "factor"},
		{"/v1/verifications/" + v.ID + "/passkey", `{"credential":"x"}`, "credential"},
		{"/v1/withdrawals/x/cancel", `{"force":true}`, "force"},
		{"/v1/verifications", `{"purpose":"withdrawal.approve","object":"wdr_\u0000"}`, "object"}, {"/v1/verifications", `{"purpose":"x\\\u0000"}`, "purpose"},
		{"/v1/verifications/" + v.ID + "/codes", `{"codes":{"\u0000":"1"}}`, "codes.\x00"}, {"/v1/verifications/" + v.ID + "/finish", `{"keep_passkeys":["\u0000"]}`, "keep_passkeys"},
		{"/v1/login", strings.Repeat(`{"identifier":`, 20) + "1" + strings.Repeat("}", 20), ""},
	}
	for _, c2 := range cases {
		a := c.Post(c2.path, c2.body)
		var p struct{ Field string }
		a.Into(&p)
		if a.Status != 400 || a.Code() != "invalid_request" || p.Field != c2.field && !strings.HasPrefix(p.Field, c2.field+".") {
			t.Errorf("%s %s: %d, field %q, want %q: %s", c2.path, c2.body, a.Status, p.Field, c2.field, a.Body)
		}
	}
	// A password may have any character, and a backslash before u0000 may be one itself.
	k.Browser().Post("/v1/login", `{"identifier":"a","password":"copper\u0000heron"}`).OK()
	k.Browser().Post("/v1/login", `{"identifier":"a\\u0000","password":"copper heron"}`).OK()
}

func TestBodiesAreBoundedAndJSON(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Register()
	for _, rt := range (&httpapi.Server{}).Routes() {
		if rt.Method != http.MethodPost && rt.Method != http.MethodPatch {
			continue
		}
		path := strings.ReplaceAll(rt.Path, "{id}", "x")
		// Freezing would end the session; pieces of recordings have tests of their own.
		if rt.Path == "/v1/account/freeze" || rt.Path == "/v1/recordings/{id}" || atDesk(rt) || ofBusiness(rt) {
			continue
		}
		own := "application/json"
		if slices.Contains(ofCarrier, rt.Method+" "+rt.Path) {
			own = "application/x-www-form-urlencoded"
		}
		if a := c.Send(rt.Method, path, `{"x":"`+strings.Repeat("x", 64<<10)+`"}`, map[string]string{"Content-Type": own}); a.Code() != "too_large" || a.Status != 413 {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonp", "application/json, text/plain", "application/json"} {
			if kind == own {
				continue
			}
			if a := c.Send(rt.Method, path, "{}", map[string]string{"Content-Type": kind}); a.Code() != "unsupported_media_type" || a.Status != 415 {
				t.Errorf("%s as %q: %d %s", path, kind, a.Status, a.Body)
			}
		}
	}
	c.Post("/v1/account/freeze", `{"x":"`+strings.Repeat("x", 64<<10)+`"}`).Refused("too_large")
	c.Get("/v1/account").OK()
	c.Send("GET", "/v1/nothing", nil, nil).Refused("not_found")
	c.Send("DELETE", "/v1/account", nil, nil).Refused("method_not_allowed")
	if a := c.Send("DELETE", "/v1/addresses/check", nil, nil); a.Code() != "not_found" {
		t.Errorf("%d", a.Status) // an entry that nobody has
	}
}

// difference is the lines of which two dumps have only one.
func difference(before, after string) string {
	var out []string
	in := func(text string) map[string]bool {
		lines := map[string]bool{}
		for line := range strings.Lines(text) {
			lines[line] = true
		}
		return lines
	}
	old, fresh := in(before), in(after)
	for line := range old {
		if !fresh[line] {
			out = append(out, "- "+line)
		}
	}
	for line := range fresh {
		if !old[line] {
			out = append(out, "+ "+line)
		}
	}
	slices.Sort(out)
	return fmt.Sprint(strings.Join(out, ""))
}
