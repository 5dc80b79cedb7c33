package flowtest

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/desk"
	"countersign/internal/httpapi"
	"countersign/internal/policy"
	"countersign/internal/softkey"
	"countersign/internal/testkit"
)

const deskCookie = "__Host-operator"

type operatorMe struct {
	ID, Name, Initials, Role string
	Permissions              []string
	Session                  struct {
		ID        string
		ExpiresAt time.Time `json:"expires_at"`
	}
}

func whoAmI(o *testkit.Browser) (m operatorMe) {
	o.Get("/v1/desk/me").OK().Into(&m)
	return m
}

// acts are what one operator has done, the oldest first.
func acts(k *testkit.Kit, operator string) []string {
	return k.Query(`SELECT kind FROM audit_events WHERE operator_id = $1 ORDER BY id`, operator)
}

func TestAnInvitationMakesAnOperatorOnceAndWithinThreeDays(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	o, token := k.Invite(desk.Security)
	var seen struct{ Name, Role string }
	k.Browser().Post("/v1/desk/invitations/lookup", map[string]any{"token": token}).OK().Into(&seen)
	if seen.Name != o.Name || seen.Role != "security" {
		t.Errorf("%+v", seen)
	}
	for _, secret := range []string{token, o.Email} {
		if strings.Contains(k.Dump(), secret) {
			t.Errorf("%s lies open in the database", secret)
		}
	}
	options := string(o.InvitationOptions(token))
	for _, want := range []string{`"` + o.Name + ` (support desk)"`, `"userVerification":"required"`, `"residentKey":"required"`} {
		if !strings.Contains(options, want) {
			t.Errorf("no %s in %s", want, options)
		}
	}
	o.Accept(token, softkey.NotVerified()).Refused("user_not_verified")
	credential := o.Attest(o.InvitationOptions(token))
	o.GiveInvitation(token, credential).OK()
	if m := whoAmI(o.Browser); m.ID != o.ID || m.Name != o.Name || m.Role != "security" || m.Initials != "DP" || !slices.Contains(m.Permissions, "accounts.act") || slices.Contains(m.Permissions, "operators") {
		t.Errorf("%+v", m)
	}
	again := k.Browser()
	if a := again.GiveInvitation(token, credential); a.Code() != "challenge_used" {
		t.Errorf("again: %d %s", a.Status, a.Body)
	}
	for _, path := range []string{"lookup", "options"} {
		again.Post("/v1/desk/invitations/"+path, map[string]any{"token": token}).Refused("link_expired")
	}
	if n := k.Count()["operator_passkeys"]; n != 1 {
		t.Errorf("%d passkeys", n)
	}
	late, lateToken := k.Invite(desk.Support)
	ready := late.Attest(late.InvitationOptions(lateToken))
	k.Clock.Advance(desk.InvitationLife)
	late.Post("/v1/desk/invitations/lookup", map[string]any{"token": lateToken}).Refused("link_expired")
	late.GiveInvitation(lateToken, ready).Refused("challenge_expired")
	late.Get("/v1/desk/me").Refused("unauthenticated")
}

func TestAnInvitationTakesOnlyTheChallengeMadeForIt(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	first, one := k.Invite(desk.Support)
	second, two := k.Invite(desk.Admin)
	first.GiveInvitation(two, first.Attest(first.InvitationOptions(one))).Refused("passkey_refused")
	second.GiveInvitation(two, second.Attest(second.InvitationOptions(two), softkey.Origin("https://evil.example"))).Refused("passkey_refused")
	elsewhere := second.Attest(second.InvitationOptions(two))
	second.Browser.Origin = testkit.Second
	second.GiveInvitation(two, elsewhere).Refused("passkey_refused")
	c := k.Full()
	v := c.Do(policy.CreatePasskey, "", "")
	second.GiveInvitation(two, c.Attest(c.Challenge(v.ID))).Refused("passkey_refused")
	if n := k.Count()["operator_passkeys"]; n != 0 {
		t.Errorf("%d passkeys", n)
	}
}

func TestANewInvitationReplacesThePasskeyAndVoidsTheLinkBefore(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	admin, o := k.Operator(desk.Admin), k.Operator(desk.Support)
	link := func() string {
		var out struct{ Link string }
		admin.Post("/v1/desk/operators/"+o.ID+"/invite", "{}").OK().Into(&out)
		if !strings.HasPrefix(out.Link, testkit.Origin+"/operator/accept#") {
			t.Errorf("link %s", out.Link)
		}
		return out.Link[strings.Index(out.Link, "#")+1:]
	}
	first := link()
	second := link()
	o.Post("/v1/desk/invitations/lookup", map[string]any{"token": first}).Refused("link_expired")
	lost := *o
	lost.Browser = k.Browser()
	lost.Login(lost.Browser).OK()
	o.Device = softkey.New(testkit.RPID, testkit.Origin)
	o.Browser = k.Browser()
	o.Accept(second).OK()
	lost.Get("/v1/desk/me").Refused("unauthenticated")
	lost.Login(k.Browser()).Refused("passkey_refused")
	o.Login(k.Browser()).OK()
	if !hasMail(k, o.Email, "invited to the support desk") {
		t.Error("the link was not sent")
	}
}

func TestAnotherOperatorsPasskeyIsRefusedAndItsChallengeSpent(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	id := []byte("0123456789abcdef")
	first, token := k.Invite(desk.Support)
	first.Accept(token, softkey.CredentialID(id)).OK()
	o, token := k.Invite(desk.Admin)
	credential := o.Attest(o.InvitationOptions(token), softkey.CredentialID(id))
	o.GiveInvitation(token, credential).Refused("passkey_exists")
	o.GiveInvitation(token, credential).Refused("challenge_used")
	if got := acts(k, o.ID); len(got) != 1 || got[0] != "desk.invitation_refused" {
		t.Errorf("%v", got)
	}
	// The invitation is good for another.
	o.Accept(token).OK()
	first.Get("/v1/desk/me").OK()
}

func TestAnOperatorSignsInByPasskeyAlone(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	o := k.Operator(desk.Support)
	b := k.Browser()
	credential, err := o.Device.Get(b.DeskOptions())
	if err != nil {
		t.Fatal(err)
	}
	a := b.DeskLogin(credential).OK()
	if a.Status != 201 || strings.Contains(string(a.Body), b.Cookie(deskCookie)) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if set := a.Header.Get("Set-Cookie"); !strings.Contains(set, "SameSite=Strict") || !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "Secure") || !strings.Contains(set, "Path=/;") {
		t.Errorf("cookie %s", set)
	}
	whoAmI(b)
	b.DeskLogin(credential).Refused("challenge_used")
	for name, tweak := range map[string]softkey.Tweak{"another origin": softkey.Origin("https://evil.example"), "no user handle": softkey.NoUserHandle(), "another user": softkey.UserHandle([]byte("somebody")),
		"another party": softkey.RPID("evil.example"), "another key": softkey.CredentialID([]byte("0123456789abcdef")), "a creation": softkey.Type("webauthn.create")} {
		if a := o.Login(k.Browser(), tweak); a.Code() != "passkey_refused" || a.Status != 401 {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	o.Login(k.Browser(), softkey.NotVerified()).Refused("user_not_verified")
	other := k.Browser()
	options := other.DeskOptions()
	k.Clock.Advance(5 * time.Minute)
	credential, _ = o.Device.Get(options)
	other.DeskLogin(credential).Refused("challenge_expired")
	if n := len(k.Query(`SELECT id FROM audit_events WHERE kind = 'desk.sign_in_refused' AND ok = 0`)); n != 9 {
		t.Errorf("%d refusals are written down", n)
	}
	// The session token is no bearer's, and no customer's.
	if a := k.Browser().Send("GET", "/v1/desk/me", nil, map[string]string{"Authorization": "Bearer " + b.Cookie(deskCookie)}); a.Code() != "unauthenticated" {
		t.Errorf("%d", a.Status)
	}
	thief := k.Browser()
	thief.SetCookie("__Host-session", b.Cookie(deskCookie))
	thief.Get("/v1/account").Refused("unauthenticated")
	// Who opens the desk is told whether they are signed in, and is not refused.
	in := func(b *testkit.Browser) string { return string(b.Get("/v1/desk/session").OK().Body) }
	if got := in(b) + in(thief) + in(k.Browser()); got != `{"signed_in":true}{"signed_in":false}{"signed_in":false}` {
		t.Errorf("%s", got)
	}
	b.Send("DELETE", "/v1/desk/session", nil, nil).OK()
	b.Get("/v1/desk/me").Refused("unauthenticated")
	if got := in(b); got != `{"signed_in":false}` {
		t.Errorf("%s", got)
	}
}

func TestCustomersAndOperatorsAreNeverTakenForEachOther(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	o, c := k.Operator(desk.Admin), k.Full()
	c.CreatePasskey()
	k.Browser().DeskLogin(c.Assert(k.Browser().DeskOptions())).Refused("passkey_refused")
	assertion, err := o.Device.Get(k.Browser().LoginOptions())
	if err != nil {
		t.Fatal(err)
	}
	k.Browser().LoginWith(assertion).Refused("passkey_refused")
	// Not by the challenge of the other's sign-in either.
	assertion, _ = o.Device.Get(k.Browser().LoginOptions())
	k.Browser().DeskLogin(assertion).Refused("passkey_refused")
	k.Browser().LoginWith(c.Assert(k.Browser().DeskOptions())).Refused("passkey_refused")
	thief := k.Browser()
	thief.SetCookie(deskCookie, c.Cookie("__Host-session"))
	thief.Get("/v1/desk/me").Refused("unauthenticated")
	// Signed in as both, each route sees its own.
	o.Login(c.Browser).OK()
	if c.Account().ID != c.ID || whoAmI(c.Browser).ID != o.ID {
		t.Error("one took the place of the other")
	}
}

func TestACounterThatGoesBackSuspendsAnOperatorsPasskeyAndSignsOut(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	o, token := k.Invite(desk.Support)
	o.Device = softkey.New(testkit.RPID, testkit.Origin, softkey.DeviceBound())
	o.Accept(token).OK()
	o.Login(o.Browser).OK()
	whoAmI(o.Browser)
	o.Login(k.Browser(), softkey.CounterAt(1)).Refused("passkey_suspended")
	o.Get("/v1/desk/me").Refused("unauthenticated")
	o.Login(k.Browser()).Refused("passkey_suspended")
}

func TestAnOperatorsSessionEndsIdleAtTheEndOfTheDayAndWithTheEpoch(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	o := k.Operator(desk.Support)
	for range int(desk.SessionAbsolute/(desk.SessionIdle-time.Second)) - 1 {
		k.Clock.Advance(desk.SessionIdle - time.Second)
		whoAmI(o.Browser)
	}
	k.Clock.Advance(desk.SessionIdle - time.Second)
	o.Get("/v1/desk/me").OK()
	k.Clock.Advance(desk.SessionIdle - time.Second)
	o.Get("/v1/desk/me").Refused("unauthenticated")
	o.Login(o.Browser).OK()
	k.Clock.Advance(desk.SessionIdle)
	o.Get("/v1/desk/me").Refused("unauthenticated")
	o.Login(o.Browser).OK()
	_, token := k.Invite(desk.Support)
	cookie := o.Cookie(deskCookie)
	if _, err := k.App.DB.NextEpoch(context.Background()); err != nil {
		t.Fatal(err)
	}
	k.Close()
	again := testkit.Open(t, k.Path, k.Clock)
	b := again.Browser()
	b.SetCookie(deskCookie, cookie)
	b.Get("/v1/desk/me").Refused("unauthenticated")
	again.Exec(`UPDATE operator_sessions SET ended_at = 0`)
	b.Get("/v1/desk/me").Refused("unauthenticated")
	b.Post("/v1/desk/invitations/lookup", map[string]any{"token": token}).Refused("link_expired")
}

// deskBodies are requests that the routes of the desk could serve.
var deskBodies = map[string]string{
	"POST /v1/desk/accounts/find":              `{"by":"id","value":"acc_x"}`,
	"POST /v1/desk/accounts/{id}/end-sessions": `{"reason":"asked by phone"}`,
	"POST /v1/desk/accounts/{id}/hold":         `{"hours":1,"reason":"asked by phone"}`,
	"POST /v1/desk/tickets/{id}/assign":        `{"operator":null}`,
	"POST /v1/desk/tickets/{id}/messages":      `{"body":"We are on it."}`,
	"POST /v1/desk/tickets/{id}/state":         `{"state":"resolved"}`,
	"POST /v1/desk/operators":                  `{"name":"New Person","email":"new@bank.example","role":"support"}`,
	"PATCH /v1/desk/operators/{id}":            `{"role":"support"}`,
}

// atDesk tells whether a route is one that operators sign in for.
func atDesk(rt httpapi.Route) bool { return rt.Access.Permission != "" }

func callDesk(b *testkit.Browser, rt httpapi.Route, id string) *testkit.Answer {
	var body any
	if rt.Method == http.MethodPost || rt.Method == http.MethodPatch {
		body = "{}"
		if text := deskBodies[rt.Method+" "+rt.Path]; text != "" {
			body = text
		}
	}
	return b.Send(rt.Method, strings.ReplaceAll(rt.Path, "{id}", id), body, nil)
}

// Every route of the desk, by every role and by those who have none: who may is served, who may not is refused, and either is in the log.
func TestEveryDeskRouteServesItsRolesAloneAndIsInTheLog(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	by := map[desk.Role]*testkit.Operator{}
	for role := range desk.Roles {
		by[role] = k.Operator(role)
	}
	ended := k.Operator(desk.Admin)
	k.Operator(desk.Admin).Post("/v1/desk/operators/"+ended.ID+"/end", "{}").OK()
	n := 0
	for _, rt := range (&httpapi.Server{}).Routes() {
		if !atDesk(rt) {
			continue
		}
		n++
		name := rt.Method + " " + rt.Path
		for who, b := range map[string]*testkit.Browser{"a stranger": k.Browser(), "a customer": c.Browser, "an ended operator": ended.Browser} {
			before := k.Count()
			if a := callDesk(b, rt, c.ID); a.Code() != "unauthenticated" {
				t.Errorf("%s to %s: %d %s", name, who, a.Status, a.Body)
			}
			if after := k.Count(); after["audit_events"] != before["audit_events"] {
				t.Errorf("%s to %s left something", name, who)
			}
		}
		for role, o := range by {
			before := len(acts(k, o.ID))
			a := callDesk(o.Browser, rt, c.ID)
			may := role.May(rt.Access.Permission)
			if refused := a.Code() == "not_permitted" && a.Status == 403; refused == may || a.Code() == "unauthenticated" {
				t.Errorf("%s to %s: %d %s", name, role, a.Status, a.Body)
			}
			if left := len(acts(k, o.ID)) - before; left != 1 && rt.Path != "/v1/desk/me" {
				t.Errorf("%s by %s left %d lines", name, role, left)
			}
			if rt.Path == "/v1/desk/session" {
				o.Login(o.Browser).OK()
			}
		}
	}
	if n < 15 {
		t.Errorf("%d routes", n)
	}
	for _, rt := range (&httpapi.Server{}).Routes() {
		// Nobody at the desk creates a passkey for a customer, approves a withdrawal, or sees a code: there is no route.
		for _, word := range []string{"withdrawal", "approve", "passkey", "code", "verification", "unfreeze", "password", "factor"} {
			if atDesk(rt) && strings.Contains(rt.Path, word) {
				t.Errorf("%s %s: what is that?", rt.Method, rt.Path)
			}
		}
	}
	for _, path := range []string{"/v1/account", "/v1/passkeys", "/v1/withdrawals", "/v1/activity"} {
		by[desk.Admin].Get(path).Refused("unauthenticated")
	}
	by[desk.Admin].Post("/v1/verifications", map[string]any{"purpose": "passkey.create"}).Refused("unauthenticated")
}

func TestBodiesAtTheDeskAreBoundedAndJSON(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	o := k.Operator(desk.Admin)
	for _, rt := range (&httpapi.Server{}).Routes() {
		if !atDesk(rt) || rt.Method != http.MethodPost && rt.Method != http.MethodPatch {
			continue
		}
		path := strings.ReplaceAll(rt.Path, "{id}", "x")
		o.Send(rt.Method, path, `{"x":"`+strings.Repeat("x", 64<<10)+`"}`, nil).Refused("too_large")
		o.Send(rt.Method, path, "{}", map[string]string{"Content-Type": "text/plain"}).Refused("unsupported_media_type")
	}
}

func TestAdminsInviteChangeAndEndOperators(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	admin := k.Operator(desk.Admin)
	invite := func(name, email, role string) *testkit.Answer {
		return admin.Post("/v1/desk/operators", map[string]any{"name": name, "email": email, "role": role})
	}
	invite("", "a@bank.example", "support").Refused("invalid_request")
	invite("A\u202eB", "a@bank.example", "support").Refused("invalid_request")
	invite("Ana", "nowhere", "support").Refused("invalid_request")
	invite("Ana", "a@bank.example", "root").Refused("invalid_request")
	var invited struct {
		Operator struct{ ID, State, Email string }
		Link     string
	}
	invite("Ana Lima", "Ana@Bank.Example", "support").OK().Into(&invited)
	if invited.Operator.State != "invited" || invited.Operator.Email != "ana@bank.example" || !hasMail(k, "ana@bank.example", "invited") {
		t.Errorf("%+v", invited)
	}
	invite("Ana Again", "ana@bank.example", "admin").Refused("conflict")
	ana := &testkit.Operator{Browser: k.Browser(), ID: invited.Operator.ID, Device: softkey.New(testkit.RPID, testkit.Origin)}
	ana.Accept(invited.Link[strings.Index(invited.Link, "#")+1:]).OK()

	ana.Get("/v1/desk/log").Refused("not_permitted")
	admin.Send("PATCH", "/v1/desk/operators/"+ana.ID, map[string]any{"role": "security"}, nil).OK()
	ana.Get("/v1/desk/log").OK()
	var list struct {
		Items []struct{ ID, Email, State, Role string }
	}
	ana.Get("/v1/desk/operators").OK().Into(&list)
	for _, one := range list.Items {
		if one.Email != "" || one.State != "active" || (one.Role == "security") != (one.ID == ana.ID) {
			t.Errorf("%+v", one)
		}
	}
	if len(list.Items) != 2 {
		t.Errorf("%+v", list)
	}
	// The last admin who can sign in stays; one who was only invited does not count.
	k.Invite(desk.Admin)
	admin.Send("PATCH", "/v1/desk/operators/"+admin.ID, map[string]any{"role": "support"}, nil).Refused("conflict")
	admin.Post("/v1/desk/operators/"+admin.ID+"/end", "{}").Refused("conflict")
	admin.Send("PATCH", "/v1/desk/operators/"+admin.ID, map[string]any{"role": "king"}, nil).Refused("invalid_request")

	elsewhere := k.Browser()
	ana.Login(elsewhere).OK()
	_, open := k.Invite(desk.Support)
	admin.Post("/v1/desk/operators/"+ana.ID+"/end", "{}").OK()
	for _, b := range []*testkit.Browser{ana.Browser, elsewhere} {
		b.Get("/v1/desk/me").Refused("unauthenticated")
	}
	ana.Login(k.Browser()).Refused("passkey_refused")
	for _, path := range []string{"/end", "/invite"} {
		admin.Post("/v1/desk/operators/"+ana.ID+path, "{}").Refused("not_found")
	}
	k.Browser().Post("/v1/desk/invitations/lookup", map[string]any{"token": open}).OK()
	var log struct {
		Items []struct {
			Kind     string
			OK       bool
			Operator struct{ Name string }
			Data     map[string]string
		}
	}
	admin.Get("/v1/desk/log?limit=100").OK().Into(&log)
	kinds := map[string]bool{}
	var byCommand, byAdmin []string
	for _, e := range log.Items {
		kinds[e.Kind] = true
		switch {
		case e.Data["by"] == "command":
			byCommand = append(byCommand, e.Data["operator"])
		case e.Operator.Name == "":
			t.Errorf("%s by nobody", e.Kind)
		case e.Kind == "desk.operator_invited" && e.OK:
			byAdmin = append(byAdmin, e.Data["operator"])
		}
	}
	// Whom the command let in is there too, and everybody by name.
	if len(byCommand) != 3 || !slices.Contains(byCommand, admin.Name) || !slices.Equal(byAdmin, []string{"Ana Lima"}) {
		t.Errorf("invited by the command %q, by the admin %q", byCommand, byAdmin)
	}
	for _, want := range []string{"desk.invitation_accepted", "desk.signed_in", "desk.operator_invited", "desk.operator_role", "desk.operator_ended", "desk.refused", "desk.log_seen", "desk.operators_seen"} {
		if !kinds[want] {
			t.Errorf("no %s in the log", want)
		}
	}
}
