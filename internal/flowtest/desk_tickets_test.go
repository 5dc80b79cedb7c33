package flowtest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/desk"
	"countersign/internal/policy"
	"countersign/internal/testkit"
)

// deskRequest is a request as the desk reads it.
type deskRequest struct {
	ID, Number, Topic, State string
	Account                  *string
	AssignedTo               *struct{ ID, Name string } `json:"assigned_to"`
	Messages                 []struct{ Author, Name, Body string }
	Recordings               []struct {
		ID, State string
		StartedAt *time.Time `json:"started_at"`
	}
	Summary *struct {
		ID, Masked   string
		FactorsBound int `json:"factors_bound"`
		Frozen       bool
	}
}

func queue(o *testkit.Operator, query string) (numbers []string) {
	o.Kit.T.Helper()
	var page struct{ Items []deskRequest }
	o.Get("/v1/desk/tickets?" + query).OK().Into(&page)
	for _, one := range page.Items {
		numbers = append(numbers, one.Number)
	}
	return numbers
}

func TestARequestIsReadAnsweredAndResolvedAtTheDesk(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, o, other := k.Full(), k.Operator(desk.Support), k.Operator(desk.Security)
	asked := ask(c.Browser, "lost_device", "<script>1</script>")
	path := "/v1/desk/tickets/" + asked.ID

	if got := queue(o, "view=unassigned"); !slices.Equal(got, []string{asked.Number}) {
		t.Errorf("the queue is %v", got)
	}
	for _, q := range []string{"q=" + asked.Number, "q=2000", "q=lost+device"} {
		if got := queue(o, "view=all&"+q); len(got) != 1 {
			t.Errorf("%s finds %v", q, got)
		}
	}
	// A number is that request's in whatever view one types it; a topic is searched for in the view.
	if got := queue(o, "view=mine&q="+asked.Number); !slices.Equal(got, []string{asked.Number}) {
		t.Errorf("its number finds %v among others' requests", got)
	}
	if got := queue(o, "view=mine&q=lost+device"); len(got) != 0 {
		t.Errorf("its topic finds %v among others' requests", got)
	}
	if got := queue(o, "view=all&q=2001"); len(got) != 0 {
		t.Errorf("another number finds %v", got)
	}
	o.Get("/v1/desk/tickets?view=everybody's").Refused("invalid_request")

	var r deskRequest
	o.Get(path).OK().Into(&r)
	if r.Messages[0].Body != "<script>1</script>" || r.Summary == nil || r.Summary.ID != c.ID || r.Summary.FactorsBound != 3 || *r.Account != r.Summary.Masked || strings.Contains(c.ID, *r.Account) {
		t.Errorf("read %+v", r)
	}
	o.Post(path+"/assign", map[string]any{"operator": other.ID}).OK().Into(&r)
	if r.AssignedTo == nil || r.AssignedTo.Name != other.Name || r.State != "open" || len(queue(other, "view=mine")) != 1 {
		t.Errorf("assigned %+v", r)
	}
	o.Post(path+"/assign", map[string]any{"operator": "opr_x"}).Refused("not_found")
	o.Post(path+"/messages", map[string]any{"body": " "}).Refused("invalid_request")
	other.Post(path+"/messages", map[string]any{"body": "Sign in on the new phone."}).OK().Into(&r)
	if last := r.Messages[len(r.Messages)-1]; last.Author != "support" || last.Name != other.Name || r.State != "answered" {
		t.Errorf("answered %+v", r)
	}
	o.Post(path+"/state", map[string]any{"state": "resolved"}).OK().Into(&r)
	o.Post(path+"/state", map[string]any{"state": "resolved"}).Refused("conflict")
	if r.State != "resolved" || len(queue(o, "view=resolved")) != 1 || len(queue(o, "view=all")) != 0 {
		t.Errorf("resolved %+v", r)
	}
	o.Get("/v1/desk/tickets/tkt_x").Refused("not_found")

	// Nobody in front of the desk gets at it, their own request least of all.
	c.Get(path).Refused("unauthenticated")
	k.Browser().Get("/v1/desk/tickets?view=all").Refused("unauthenticated")
	c.Do(policy.SetPhrase, "", "copper heron")
	if left := k.Query(`SELECT count(*) FROM audit_events WHERE operator_id = $1 AND account_id = $2 AND kind LIKE 'desk.ticket%'`, o.ID, c.ID); left[0] != "6" { // what was refused too
		t.Errorf("the log has %v acts upon it", left)
	}
}

func TestEveryTemplateSpeaksEveryLanguage(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	var list struct {
		Items []struct {
			ID, Title string
			Bodies    map[string]string
		}
	}
	k.Operator(desk.Support).Get("/v1/desk/templates").OK().Into(&list)
	for _, one := range list.Items {
		for _, language := range []string{"en", "es", "zh", "ar"} {
			if one.Title == "" || len(one.Bodies[language]) < 40 {
				t.Errorf("%s in %s: %q", one.ID, language, one.Bodies[language])
			}
		}
	}
	if len(list.Items) < 5 {
		t.Errorf("%d templates", len(list.Items))
	}
}

func TestOnlyARecordingThatWasSentIsSeenAtTheDesk(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, o := k.Full(), k.Operator(desk.Support)
	film := webm(3<<20, 4*time.Second)
	sent, kept := upload(c.Browser, film), upload(c.Browser, webm(1<<20, time.Second))
	var r deskRequest
	c.Post("/v1/tickets", map[string]any{"topic": "other", "body": "See for yourself.", "recordings": []string{sent.ID}}).OK().Into(&r)
	o.Get("/v1/desk/tickets/" + r.ID).OK().Into(&r)
	if len(r.Recordings) != 1 || r.Recordings[0].ID != sent.ID || r.Recordings[0].State != "ready" {
		t.Fatalf("it has %+v", r.Recordings)
	}
	// Where the steps lead into it: by the service's clock, as theirs are.
	if began := r.Recordings[0].StartedAt; began == nil || k.Clock.Now().Sub(*began).Round(time.Second) != 12*time.Second {
		t.Errorf("it began %v, it is %v", began, k.Clock.Now())
	}
	a := o.Send("GET", "/v1/desk/recordings/"+sent.ID+"/content", nil, map[string]string{"Sec-Fetch-Dest": "video", "Range": "bytes=2000000-2000009"})
	if a.Status != 206 || string(a.Body) != string(film[2000000:2000010]) {
		t.Errorf("a range of it: %d, %d bytes", a.Status, len(a.Body))
	}
	o.Get("/v1/desk/recordings/" + kept.ID + "/content").Refused("not_found")
}
