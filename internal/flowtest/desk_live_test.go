package flowtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"countersign/internal/desk"
	"countersign/internal/softkey"
	"countersign/internal/testkit"
)

// letIn sends all of a request of an operator's but its body, and returns when the service has let it in and waits for that; the
// body is sent by the function that comes back, which reads the answer.
func letIn(o *testkit.Operator, path string, body any) (finish func() *http.Response) {
	t := o.Kit.T
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(o.Kit.Server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: bank.example\r\nOrigin: %s\r\nCookie: %s=%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		path, testkit.Origin, deskCookie, o.Cookie(deskCookie), len(text))
	in := bufio.NewReader(conn)
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		if line, err := in.ReadString('\n'); err != nil || line != want {
			t.Fatalf("%q, %v", line, err)
		}
	}
	return func() *http.Response {
		t.Helper()
		if _, err := conn.Write(text); err != nil {
			t.Fatal(err)
		}
		a, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Body.Close() })
		return a
	}
}

func TestAnOperatorWhoEndsAfterARequestWasLetInDoesNothing(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full() // which takes longer than an operator's session lies still
	boss := k.Operator(desk.Admin)
	r := ask(c.Browser, "other", "Help.")
	ways := []struct {
		name   string
		change func(o *testkit.Operator)
		want   int
	}{
		{"ended", func(o *testkit.Operator) { boss.Post("/v1/desk/operators/"+o.ID+"/end", "{}").OK() }, 401},
		{"signed out", func(o *testkit.Operator) { o.Send("DELETE", "/v1/desk/session", nil, nil).OK() }, 401},
		{"invited again", func(o *testkit.Operator) {
			var again struct{ Link string }
			boss.Post("/v1/desk/operators/"+o.ID+"/invite", "{}").OK().Into(&again)
			_, token, _ := strings.Cut(again.Link, "#")
			next := *o
			next.Browser = k.Browser()
			next.Accept(token).OK()
		}, 401},
		{"with another role", func(o *testkit.Operator) {
			boss.Send("PATCH", "/v1/desk/operators/"+o.ID, map[string]any{"role": "support"}, nil).OK()
		}, 403},
	}
	tries := map[string]struct {
		body any
		mine bool // a role that answers requests may still do it
	}{
		"/v1/desk/operators":                          {map[string]any{"name": "Accomplice", "email": "accomplice@evil.example", "role": "admin"}, false},
		"/v1/desk/operators/" + boss.ID + "/end":      {map[string]any{}, false},
		"/v1/desk/accounts/" + c.ID + "/end-sessions": {map[string]any{"reason": "revenge"}, false},
		"/v1/desk/accounts/" + c.ID + "/hold":         {map[string]any{"hours": 720, "reason": "revenge"}, false},
		"/v1/desk/tickets/" + r.ID + "/messages":      {map[string]any{"body": "Send me your codes."}, true},
		"/v1/desk/tickets/" + r.ID + "/state":         {map[string]any{"state": "resolved"}, true},
		"/v1/desk/accounts/find":                      {map[string]any{"by": "email", "value": c.Email}, true},
	}
	for _, way := range ways {
		o := k.Operator(desk.Admin)
		finish := map[string]func() *http.Response{}
		for path, try := range tries {
			if way.want == 403 && try.mine {
				continue
			}
			finish[path] = letIn(o, path, try.body)
		}
		way.change(o)
		for path, end := range finish {
			a := end()
			if body, _ := io.ReadAll(a.Body); a.StatusCode != way.want {
				t.Errorf("%s, %s: %d %s", way.name, path, a.StatusCode, body)
			}
		}
	}
	if n := k.Query(`SELECT count(*) FROM operators WHERE name = 'Accomplice'`)[0]; n != "0" {
		t.Errorf("%s accomplices", n)
	}
	if got := c.Account(); got.Hold != nil {
		t.Error("withdrawals are paused")
	}
	if n := k.Query(`SELECT count(*) FROM ticket_messages`)[0]; n != "1" {
		t.Errorf("%s messages", n)
	}
}

func TestARefusedInvitationLeavesAllButItsChallengeAndATakenOneIsTold(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	boss, lena := k.Operator(desk.Admin), k.Operator(desk.Support)
	told := func() int {
		return len(slices.DeleteFunc(k.Mails(lena.Email), func(subject string) bool { return !strings.Contains(subject, "was replaced") }))
	}
	var again struct{ Link string }
	boss.Post("/v1/desk/operators/"+lena.ID+"/invite", "{}").OK().Into(&again)
	_, token, _ := strings.Cut(again.Link, "#")
	// A credential id that a colleague has: nothing comes of it, and it is written down.
	options := lena.InvitationOptions(token)
	taken := boss.Device.Export()[0].ID
	thief := k.Browser()
	credential := lena.Attest(options, softkey.CredentialID(taken))
	thief.GiveInvitation(token, credential).Refused("passkey_exists")
	thief.GiveInvitation(token, credential).Refused("challenge_used")
	if n := k.Query(`SELECT count(*) FROM audit_events WHERE kind = 'desk.invitation_refused' AND operator_id = $1`, lena.ID)[0]; n != "1" {
		t.Errorf("%s refusals are written down", n)
	}
	if whoAmI(lena.Browser).ID != lena.ID || told() != 0 {
		t.Error("a refused passkey took the place of the former one")
	}
	// Whoever invites has seen the link: if they take it themselves, its owner is told at their address.
	stolen := &testkit.Operator{Browser: thief, ID: lena.ID, Device: softkey.New(testkit.RPID, testkit.Origin)}
	stolen.Accept(token).OK()
	lena.Get("/v1/desk/me").Refused("unauthenticated")
	if told() != 1 {
		t.Errorf("%v", k.Mails(lena.Email))
	}
}
