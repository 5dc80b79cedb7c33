package flowtest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/desk"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/support"
	"countersign/internal/testkit"
)

// request is a request for help as a customer reads it.
type request struct {
	ID, Number, Topic, State string
	DeleteAt                 *time.Time `json:"delete_at"`
	Messages                 []struct{ Author, Name, Body string }
	Recordings               []struct{ ID, State string }
	HasReport                bool `json:"has_report"`
	Attempt                  *struct {
		Reference, Operation, Outcome string
		Steps                         []struct{ Step, Error, Code string }
	}
}

// ask opens a request.
func ask(b *testkit.Browser, topic, body string) *request {
	b.Kit.T.Helper()
	r := &request{}
	b.Post("/v1/tickets", map[string]any{"topic": topic, "body": body}).OK().Into(r)
	return r
}

var helpLink = regexp.MustCompile(`/support#([A-Za-z0-9_-]{43})`)

// ticketLink is the token of the link that was sent to somebody without a session.
func ticketLink(k *testkit.Kit, to string) string {
	k.T.Helper()
	k.Deliver()
	for _, m := range k.Inbox.All() {
		if found := helpLink.FindStringSubmatch(m.Text); m.To == to && found != nil {
			return found[1]
		}
	}
	k.T.Fatalf("no link was sent to %s", to)
	return ""
}

// answerer is somebody at the desk.
func answerer(k *testkit.Kit, name string) support.Operator {
	id := "opr_" + strings.ToLower(name)
	k.Exec(`INSERT INTO operators (id, handle, name, email_sealed, role, invited_by, created_at) VALUES ($1, $2, $3, $4, 'support', '', 1)`, id, []byte(id), name, []byte{0})
	return support.Operator{ID: id, SessionID: "ops_1", Browser: "Firefox on Linux", Address: "198.51.100.7", Live: func(*store.Tx) error { return nil }}
}

func unlimited(k *testkit.Kit) {
	l := &k.App.Support.Limits
	l.OpenFrom.Limit, l.OpenTo.Limit, l.WrongLinks.Limit = 1000, 1000, 1000
}

func TestACustomerAsksForHelpAndIsAnswered(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.Do(policy.SetPhrase, "", "copper heron")
	op := answerer(k, "Lena")
	ctx := context.Background()
	r := ask(c.Browser, "passkey_create_failed", "  It says <b>no</b>.\r\nTwice.  ")
	if r.Number != "CS-2000" || r.State != "new" || r.DeleteAt != nil || len(r.Messages) != 1 || r.Messages[0].Body != "It says <b>no</b>.\nTwice." || r.Messages[0].Author != "customer" {
		t.Fatalf("%+v", r)
	}
	read := func() *request {
		got := &request{}
		c.Get("/v1/tickets/" + r.ID).OK().Into(got)
		return got
	}
	if _, err := k.App.Support.Assign(ctx, op, r.ID, op.ID); err != nil {
		t.Fatal(err)
	}
	if got := read(); got.State != "open" {
		t.Errorf("assigned: %s", got.State)
	}
	full, err := k.App.Support.Reply(ctx, op, r.ID, "Set a screen lock first.\nThen try <i>again</i>.")
	if err != nil || full.State != "answered" || full.AssignedTo == nil || full.AssignedTo.Name != "Lena" || *full.Account != secret.MaskID(c.ID) {
		t.Fatalf("%+v, %v", full, err)
	}
	got := read()
	if got.State != "answered" || len(got.Messages) != 2 || got.Messages[1].Author != "support" || got.Messages[1].Name != "Lena" {
		t.Errorf("%+v", got)
	}
	write := func() *request {
		got := &request{}
		c.Post("/v1/tickets/"+r.ID+"/messages", map[string]string{"body": "Thanks."}).OK().Into(got)
		return got
	}
	if got := write(); got.State != "waiting" {
		t.Errorf("after a message: %s", got.State)
	}
	if _, err := k.App.Support.SetState(ctx, op, r.ID, "resolved"); err != nil {
		t.Fatal(err)
	}
	if got := read(); got.State != "resolved" || got.DeleteAt == nil || got.DeleteAt.Sub(k.Clock.Now()) != 30*24*time.Hour {
		t.Errorf("%+v", got)
	}
	if _, err := k.App.Support.Reply(ctx, op, r.ID, "More."); refusal.As(err) == nil || refusal.As(err).Code != "conflict" {
		t.Errorf("answered although it is resolved: %v", err)
	}
	if got := write(); got.State != "waiting" || got.DeleteAt != nil {
		t.Errorf("a message after the end: %+v", got)
	}
	k.Deliver()
	var received, answered int
	for _, m := range k.Inbox.All() {
		if m.To != c.Email || !strings.Contains(m.Subject, "CS-2000") {
			continue
		}
		switch {
		case strings.HasPrefix(m.Subject, "We have"):
			received++
		case strings.HasPrefix(m.Subject, "We answered"):
			answered++
			if !strings.Contains(m.Text, "Set a screen lock first.") || !strings.Contains(m.HTML, "&lt;i&gt;again") {
				t.Errorf("%s", m.Text)
			}
		}
		if !strings.Contains(m.Text, testkit.Origin+"/support/"+r.ID) || !strings.Contains(m.Text, "Your phrase: copper heron") || strings.Contains(m.Text+m.HTML, "Twice") {
			t.Errorf("%s", m.Text)
		}
	}
	if received != 1 || answered != 1 {
		t.Errorf("%d e-mails say that it was received, %d that it was answered", received, answered)
	}
	kinds := k.Query(`SELECT kind || ' ' || ok || ' ' || CASE WHEN account_id = $2 THEN 1 ELSE 0 END FROM audit_events WHERE operator_id = $1 ORDER BY id`, op.ID, c.ID)
	if fmt.Sprint(kinds) != "[desk.ticket_assigned 1 1 desk.ticket_answered 1 1 desk.ticket_state 1 1 desk.ticket_answered 0 1]" {
		t.Errorf("%v", kinds)
	}
	if n := k.Query(`SELECT count(*) FROM audit_events WHERE data LIKE '%Twice%' OR data LIKE '%screen lock%'`)[0]; n != "0" {
		t.Error("the audit log has what was written")
	}
}

func TestWhoeverAskedIsToldThatTheirRequestIsResolvedAndWhenItGoes(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.Send("PATCH", "/v1/account", map[string]any{"locale": "es-MX"}, nil).OK()
	mine := ask(c.Browser, "other", "Twice.")
	k.Browser().Send("POST", "/v1/tickets", map[string]any{"topic": "other", "body": "Twice.", "email": "guest@help.example"}, map[string]string{"Accept-Language": "ar-EG,ar;q=0.9"}).OK()
	token := ticketLink(k, "guest@help.example")
	var guest request
	k.Browser().Post("/v1/tickets/lookup", map[string]string{"token": token}).OK().Into(&guest)
	op := answerer(k, "Lena")
	for _, one := range []struct{ id, to, link, resolved, reopened, deleted string }{
		{mine.ID, c.Email, testkit.Origin + "/support/" + mine.ID, "Hemos resuelto su solicitud CS-2000", "Su solicitud CS-2000 está abierta de nuevo", "Se borra el: 14 abr 2026, "},
		{guest.ID, "guest@help.example", testkit.Origin + "/support#" + token, "انتهينا من طلبك CS-2001", "فُتح طلبك CS-2001 من جديد", "موعد الحذف: 14 أبريل 2026, "},
	} {
		for _, state := range []string{"resolved", "open"} {
			if _, err := k.App.Support.SetState(t.Context(), op, one.id, state); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"resolved": one.resolved, "open": one.reopened}[state]
			if got := k.Mails(one.to); len(got) == 0 || got[0] != want {
				t.Fatalf("%s: %q", state, got)
			}
			for _, m := range k.Inbox.All() {
				if m.Subject == want && (m.To != one.to || !strings.Contains(m.Text, one.link) || strings.Contains(m.Text, one.deleted) != (state == "resolved") || strings.Contains(m.Text, "Twice")) {
					t.Errorf("%s: %s", state, m.Text)
				}
			}
		}
	}
}

func TestARequestTakesAttemptReportAndNothingOfOthers(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Full(), k.Full()
	v := c.Begin(policy.CreatePasskey, "", "").Verification()
	var named struct{ ID, Reference string }
	c.Post("/v1/attempts", report("create", v.ID, map[string]any{"step": "prompted", "at_ms_ago": 2000},
		map[string]any{"step": "failed", "error": "NotAllowedError", "code": "screen_lock_required", "elapsed_ms": 30})).OK().Into(&named)
	body := map[string]any{"topic": "passkey_create_failed", "body": "Help.", "attempt": named.ID, "report": map[string]any{"verdict": "no lock", "checks": []any{map[string]any{"a": true}}}}
	// What goes along can be read before it does.
	var seen struct {
		Reference string
		Steps     []struct{ Step string }
	}
	c.Get("/v1/attempts/" + named.ID).OK().Into(&seen)
	if seen.Reference != named.Reference || len(seen.Steps) != 3 || seen.Steps[0].Step != "opened" {
		t.Errorf("%+v", seen)
	}
	d.Get("/v1/attempts/" + named.ID).Refused("not_found")
	r := &request{}
	c.Post("/v1/tickets", body).OK().Into(r)
	if !r.HasReport || r.Attempt == nil || r.Attempt.Reference != named.Reference || r.Attempt.Outcome != "screen_lock_required" || len(r.Attempt.Steps) != 3 {
		t.Errorf("%+v", r)
	}
	full, err := k.App.Support.Read(context.Background(), answerer(k, "Lena"), r.ID)
	if err != nil || full.Attempt == nil || full.Attempt.Cause != "screen_lock_required" || full.Attempt.ElapsedMS == nil || full.Attempt.Platform != "Android 16" || !strings.Contains(string(full.Report), "no lock") ||
		full.AccountID != c.ID {
		t.Errorf("%+v, %v", full, err)
	}
	for _, text := range k.Query(`SELECT CAST(report_sealed AS TEXT) FROM tickets UNION ALL SELECT CAST(body_sealed AS TEXT) FROM ticket_messages`) {
		if strings.Contains(text, "no lock") || strings.Contains(text, "Help") {
			t.Error("it is there to be read")
		}
	}
	// What is another's is not there, whoever asks.
	d.Post("/v1/tickets", body).Refused("not_found")
	d.Get("/v1/tickets/" + r.ID).Refused("not_found")
	d.Post("/v1/tickets/"+r.ID+"/messages", map[string]string{"body": "x"}).Refused("not_found")
	s := k.Browser()
	s.Post("/v1/tickets", map[string]any{"topic": "other", "body": "x", "email": "a@help.example", "attempt": named.ID}).Refused("not_found")
	s.Get("/v1/tickets/" + r.ID).Refused("unauthenticated")
	s.Post("/v1/tickets/lookup", map[string]string{"token": r.ID}).Refused("not_found")
	if n := k.Query(`SELECT count(*) FROM tickets`)[0]; n != "1" {
		t.Errorf("%s tickets", n)
	}
	var page struct{ Items []request }
	d.Get("/v1/tickets").OK().Into(&page)
	if len(page.Items) != 0 {
		t.Errorf("%+v", page)
	}
	c.Get("/v1/tickets").OK().Into(&page)
	if len(page.Items) != 1 || page.Items[0].Number != r.Number {
		t.Errorf("%+v", page)
	}
	// A sign-in that failed belongs to the browser, and to whoever signs in there.
	var signIn struct{ ID string }
	c.Copy().Post("/v1/attempts", report("sign_in", "", map[string]any{"step": "failed", "code": "no_passkey_here"})).OK().Into(&signIn)
	c.Post("/v1/tickets", map[string]any{"topic": "passkey_sign_in_failed", "body": "x", "attempt": signIn.ID}).OK()
	d.Post("/v1/tickets", map[string]any{"topic": "passkey_sign_in_failed", "body": "x", "attempt": signIn.ID}).Refused("not_found")
}

func TestRecordingsGoAlongWithTheOwnersRequest(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Full(), k.Full()
	add := func(id, account, state string) {
		k.Exec(`INSERT INTO recordings (id, account_id, state, media_type, captured, bytes, stored, created_at, delete_at) VALUES ($1, $2, $3, 'video/webm', 'screen', 5, 5, $4, $5)`,
			id, account, state, k.Clock.Now().UnixMilli(), k.Clock.Now().Add(day).UnixMilli())
	}
	add("rec_1", c.ID, "ready")
	add("rec_2", c.ID, "uploading")
	add("rec_3", d.ID, "ready")
	with := func(ids ...string) map[string]any {
		return map[string]any{"topic": "other", "body": "x", "recordings": ids}
	}
	c.Post("/v1/tickets", with("rec_2")).Refused("conflict")
	c.Post("/v1/tickets", with("rec_1", "rec_3")).Refused("not_found")
	c.Post("/v1/tickets", with("rec_1", "rec_1")).Refused("conflict")
	c.Post("/v1/tickets", with("rec_0")).Refused("not_found")
	c.Post("/v1/tickets", with("1", "2", "3", "4")).Refused("invalid_request")
	r := &request{}
	c.Post("/v1/tickets", with("rec_1")).OK().Into(r)
	if len(r.Recordings) != 1 || r.Recordings[0].ID != "rec_1" {
		t.Errorf("%+v", r)
	}
	c.Post("/v1/tickets", with("rec_1")).Refused("conflict")
	end := func() time.Duration {
		var out time.Duration
		k.Update(func(tx *store.Tx) error {
			one, err := tx.Recording("rec_1")
			out = one.DeleteAt.Sub(k.Clock.Now())
			return err
		})
		return out
	}
	op, ctx := answerer(k, "Lena"), context.Background()
	k.Clock.Advance(10 * day)
	if _, err := k.App.Support.SetState(ctx, op, r.ID, "resolved"); err != nil {
		t.Fatal(err)
	}
	if end() != 30*day {
		t.Errorf("it ends in %v", end())
	}
	k.Clock.Advance(30*day - time.Second)
	if n, err := k.App.Support.DeleteOverdue(ctx); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	k.Clock.Advance(time.Second)
	if n, err := k.App.Support.DeleteOverdue(ctx); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	c.LoginByCodes(c.Browser).OK()
	c.Get("/v1/tickets/" + r.ID).Refused("not_found")
	if n := k.Query(`SELECT count(*) FROM ticket_messages`)[0]; n != "0" || end() > 0 {
		t.Errorf("%s messages are left; the recording ends in %v", n, end())
	}
	// Its number does not come again.
	if next := ask(c.Browser, "other", "x"); next.Number == r.Number || next.Number != "CS-2001" {
		t.Errorf("%s after %s", next.Number, r.Number)
	}
}

func TestAnAnswerTakesTheOwnersRecordingsAlong(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d, o := k.Full(), k.Full(), k.Operator(desk.Support)
	r := ask(c.Browser, "passkey_create_failed", "It says no.")
	o.Post("/v1/desk/tickets/"+r.ID+"/messages", map[string]any{"body": "Could you show us?"}).OK()
	o.Post("/v1/desk/tickets/"+r.ID+"/state", map[string]any{"state": "resolved"}).OK()
	path := "/v1/tickets/" + r.ID + "/messages"
	with := func(ids ...string) map[string]any { return map[string]any{"body": "Here.", "recordings": ids} }

	film := webm(2<<20, 3*time.Second)
	mine, theirs := upload(c.Browser, film), upload(d.Browser, film)
	half := begin(c.Browser, 2<<20)
	appendPiece(c.Browser, half.ID, 0, film[:1<<20]).OK()
	text := upload(c.Browser, []byte("no video at all"))
	if text.State != "refused" {
		t.Fatalf("%+v", text)
	}
	for _, one := range []struct {
		code string
		ids  []string
	}{
		{"not_found", []string{theirs.ID}}, {"not_found", []string{mine.ID, theirs.ID}}, {"not_found", []string{"rec_0"}}, {"not_found", []string{""}},
		{"conflict", []string{half.ID}}, {"conflict", []string{text.ID}}, {"conflict", []string{mine.ID, mine.ID}}, {"invalid_request", []string{mine.ID, "2", "3", "4"}},
	} {
		c.Post(path, with(one.ids...)).Refused(one.code)
	}
	d.Post(path, with(theirs.ID)).Refused("not_found")
	c.Post(path, map[string]any{"body": " ", "recordings": []string{mine.ID}}).Refused("invalid_request")
	// Nothing of what was refused has happened.
	c.Get("/v1/tickets/" + r.ID).OK().Into(r)
	if r.State != "resolved" || len(r.Messages) != 2 || len(r.Recordings) != 0 {
		t.Errorf("%+v", r)
	}
	k.Clock.Advance(10 * time.Minute)
	c.Post(path, with(mine.ID)).OK().Into(r)
	if r.State != "waiting" || r.DeleteAt != nil || len(r.Messages) != 3 || len(r.Recordings) != 1 || r.Recordings[0].ID != mine.ID {
		t.Errorf("%+v", r)
	}
	c.Post(path, with(mine.ID)).Refused("conflict")
	c.Post("/v1/tickets", map[string]any{"topic": "other", "body": "x", "recordings": []string{mine.ID}}).Refused("conflict")
	if got := k.Query(`SELECT data FROM audit_events WHERE account_id = $1 AND kind = 'ticket.message'`, c.ID); len(got) != 1 || !strings.Contains(got[0], mine.ID) {
		t.Errorf("the log says %v", got)
	}

	// The desk has it, in the queue and to be played; its end moves with the request's.
	var page struct {
		Items []struct {
			HasRecording bool `json:"has_recording"`
		}
	}
	if o.Get("/v1/desk/tickets?view=all").OK().Into(&page); len(page.Items) != 1 || !page.Items[0].HasRecording {
		t.Errorf("%+v", page)
	}
	if a := o.Send("GET", "/v1/desk/recordings/"+mine.ID+"/content", nil, map[string]string{"Sec-Fetch-Dest": "video"}); a.Status != 200 || string(a.Body) != string(film) {
		t.Errorf("it plays %d, %d bytes", a.Status, len(a.Body))
	}
	o.Get("/v1/desk/recordings/" + half.ID + "/content").Refused("not_found")
	o.Post("/v1/desk/tickets/"+r.ID+"/state", map[string]any{"state": "resolved"}).OK()
	var shown struct {
		DeleteAt time.Time `json:"delete_at"`
	}
	c.Get("/v1/recordings/" + mine.ID).OK().Into(&shown)
	if left := shown.DeleteAt.Sub(k.Clock.Now()); left != 30*day {
		t.Errorf("it ends in %v", left)
	}
}

func TestARequestKeepsSoManyRecordings(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	for i := range 11 {
		k.Exec(`INSERT INTO recordings (id, account_id, state, media_type, captured, bytes, stored, created_at, delete_at) VALUES ($1, $2, 'ready', 'video/webm', 'screen', 5, 5, $3, $4)`,
			fmt.Sprintf("rec_%02d", i), c.ID, k.Clock.Now().UnixMilli(), k.Clock.Now().Add(day).UnixMilli())
	}
	r := &request{}
	c.Post("/v1/tickets", map[string]any{"topic": "other", "body": "x", "recordings": []string{"rec_00", "rec_01", "rec_02"}}).OK().Into(r)
	write := func(ids ...string) *testkit.Answer {
		return c.Post("/v1/tickets/"+r.ID+"/messages", map[string]any{"body": "x", "recordings": ids})
	}
	write("rec_03", "rec_04", "rec_05").OK()
	write("rec_06", "rec_07", "rec_08").OK()
	write("rec_09", "rec_10").Refused("ticket_full")
	write("rec_09").OK()
	write("rec_10").Refused("ticket_full")
	// Words go on being taken; and what is deleted makes room.
	write().OK()
	c.Send("DELETE", "/v1/recordings/rec_04", nil, nil).OK()
	write("rec_10").OK()
}

func TestByTheLinkAnAnswerTakesTheBrowsersRecordingsAlong(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	unlimited(k)
	first, second, c := k.Browser(), k.Browser(), k.Full()
	film := webm(1<<20+5, 2*time.Second)
	open := func(b *testkit.Browser, address string) string {
		b.Post("/v1/tickets", map[string]any{"topic": "lost_device", "body": "My phone is gone.", "email": address}).OK()
		return ticketLink(k, address)
	}
	link, other := open(first, "guest@help.example"), open(second, "other@help.example")
	write := func(b *testkit.Browser, token string, ids ...string) *testkit.Answer {
		return b.Post("/v1/tickets/lookup/messages", map[string]any{"token": token, "body": "Here.", "recordings": ids})
	}
	mine, theirs, account := upload(first, film), upload(second, film), upload(c.Browser, film)

	write(first, link, theirs.ID).Refused("not_found")
	write(first, link, account.ID).Refused("not_found")
	write(first, link, "1", "2", "3", "4").Refused("invalid_request")
	// Who has the link has no more of the recordings of the browser that asked than anybody.
	write(second, link, mine.ID).Refused("not_found")
	write(first, strings.Repeat("B", 43), mine.ID).Refused("not_found")
	r := &request{}
	write(first, link, mine.ID).OK().Into(r)
	if r.State != "new" || len(r.Messages) != 2 || len(r.Recordings) != 1 || r.Recordings[0].ID != mine.ID {
		t.Errorf("%+v", r)
	}
	write(first, link, mine.ID).Refused("conflict")
	write(first, other, mine.ID).Refused("conflict")
	// The e-mail is read on another device: what is recorded there goes along, signed in or not.
	write(second, link, theirs.ID).OK()
	write(c.Browser, link, account.ID).OK().Into(r)
	if len(r.Recordings) != 3 {
		t.Errorf("%+v", r)
	}
	if got := k.Query(`SELECT account_id || '|' || session_id FROM audit_events WHERE kind = 'ticket.message' AND data LIKE '%' || $1 || '%'`, account.ID); fmt.Sprint(got) != "[|]" {
		t.Errorf("the request is tied to whoever is signed in: %v", got)
	}
	op := answerer(k, "Lena")
	if full, err := k.App.Support.Read(t.Context(), op, r.ID); err != nil || len(full.Recordings) != 3 {
		t.Errorf("%+v, %v", full, err)
	}
}

func TestWithoutASessionAStrangerLearnsNothing(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	unlimited(k)
	c := k.Full()
	c.Do(policy.SetPhrase, "", "copper heron")
	k.Deliver()
	var answers, writes []string
	for _, address := range []string{c.Email, "nobody@help.example"} {
		before := counts(k)
		a := k.Browser().Post("/v1/tickets", map[string]any{"topic": "lost_device", "body": "My phone is gone.", "email": " " + strings.ToUpper(address)}).OK()
		answers = append(answers, regexp.MustCompile(`CS-\d+`).ReplaceAllString(string(a.Body), "CS"))
		writes = append(writes, difference(before, counts(k)))
		if m := k.Mails(address); len(m) == 0 || !strings.HasPrefix(m[0], "We have your request CS-") {
			t.Errorf("%v", m)
		}
	}
	if answers[0] != answers[1] || answers[0] != `{"number":"CS","state":"new"}` {
		t.Errorf("%v", answers)
	}
	strip := regexp.MustCompile(`\d+`)
	if strip.ReplaceAllString(writes[0], "") != strip.ReplaceAllString(writes[1], "") {
		t.Errorf("the writes differ:\n%s\n%s", writes[0], writes[1])
	}
	for _, m := range k.Inbox.All() {
		if strings.Contains(m.Subject, "CS-") && strings.Contains(m.Text, "copper heron") {
			t.Error("the phrase goes to whoever typed the address")
		}
	}
	// The account does not have it either: who typed the address is not known to be its owner.
	var page struct{ Items []request }
	c.Get("/v1/tickets").OK().Into(&page)
	if len(page.Items) != 0 {
		t.Errorf("%+v", page)
	}
	token := ticketLink(k, "nobody@help.example")
	r := &request{}
	k.Browser().Post("/v1/tickets/lookup", map[string]string{"token": token}).OK().Into(r)
	if r.State != "new" || len(r.Messages) != 1 {
		t.Errorf("%+v", r)
	}
	if a, err := k.App.Support.Reply(context.Background(), answerer(k, "Lena"), r.ID, "We are on it."); err != nil || a.Account != nil || a.Contact != "n•••@help.example" {
		t.Errorf("%+v, %v", a, err)
	}
	if ticketLink(k, "nobody@help.example") != token {
		t.Error("the link changed")
	}
	k.Browser().Post("/v1/tickets/lookup/messages", map[string]string{"token": token, "body": "Thanks."}).OK().Into(r)
	if r.State != "waiting" || len(r.Messages) != 3 {
		t.Errorf("%+v", r)
	}
	for _, bad := range []string{"", "x", token[:42], token + "A", strings.Repeat("A", 43), strings.Repeat("é", 43)} {
		k.Browser().Post("/v1/tickets/lookup", map[string]string{"token": bad}).Refused("not_found")
		k.Browser().Post("/v1/tickets/lookup/messages", map[string]string{"token": bad, "body": "x"}).Refused("not_found")
	}
	if hidden := k.Query(`SELECT CAST(contact_sealed AS TEXT) FROM tickets`); strings.Contains(fmt.Sprint(hidden), "help.example") || strings.Contains(k.Dump(), token) {
		t.Error("address or token are there to be read")
	}
}

// counts is how many rows each table has that a request writes to.
func counts(k *testkit.Kit) string {
	var out strings.Builder
	for _, table := range []string{"tickets", "ticket_messages", "budgets", "audit_events", "outbox", "attempts"} {
		fmt.Fprintf(&out, "%s %s\n", table, k.Query(`SELECT count(*) FROM ` + table)[0])
	}
	return out.String()
}

func TestHelpIsBounded(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, behindProxy)
	c, d := k.Full(), k.Full()
	stranger := func(from, address string) *testkit.Answer {
		return k.Browser().From(from).Post("/v1/tickets", map[string]any{"topic": "other", "body": "x", "email": address})
	}
	for i := range 3 {
		stranger("203.0.113.1", fmt.Sprintf("p%d@help.example", i)).OK()
		stranger(fmt.Sprintf("203.0.113.%d", 10+i), "one@help.example").OK()
	}
	stranger("203.0.113.1", "p9@help.example").Refused("rate_limited")
	stranger("203.0.113.99", "two@help.example").OK()
	// Who is signed in is not held up by the neighbours.
	var first *request
	for range 10 {
		first = ask(c.Browser, "other", "x")
	}
	c.Post("/v1/tickets", map[string]any{"topic": "other", "body": "x"}).Refused("too_many_tickets")
	ask(d.Browser, "other", "x")
	for range 50 {
		c.Post("/v1/tickets/"+first.ID+"/messages", map[string]string{"body": "x"}).OK()
	}
	c.Post("/v1/tickets/"+first.ID+"/messages", map[string]string{"body": "x"}).Refused("rate_limited")
	k.Clock.Advance(time.Hour)
	c.Post("/v1/tickets/"+first.ID+"/messages", map[string]string{"body": "x"}).OK()
	// Wrong links: so many, and then none is looked for; a right one opens all the same.
	token := ticketLink(k, "two@help.example")
	at := k.Browser().From("203.0.113.50")
	for range 30 {
		at.Post("/v1/tickets/lookup", map[string]string{"token": strings.Repeat("B", 43)}).Refused("not_found")
	}
	at.Post("/v1/tickets/lookup", map[string]string{"token": strings.Repeat("B", 43)}).Refused("rate_limited")
	at.Post("/v1/tickets/lookup", map[string]string{"token": token}).OK()
}

func TestNobodyKeepsAnotherFromAskingForHelp(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, behindProxy)
	c := k.Full()
	from := func(b *testkit.Browser, address string) *testkit.Answer {
		return b.Post("/v1/tickets", map[string]any{"topic": "lost_device", "body": "x", "email": address})
	}
	received := func() (n int) {
		for _, subject := range k.Mails(c.Email) {
			if strings.HasPrefix(subject, "We have your request") {
				n++
			}
		}
		return n
	}
	// A stranger asks in the name of the address as often as a network may, and those of several more.
	for network := range 5 {
		for range 3 {
			from(k.Browser().From(fmt.Sprintf("203.0.113.%d", network)), c.Email).OK()
		}
		if network == 0 {
			from(k.Browser().From("203.0.113.0"), c.Email).Refused("rate_limited")
		}
	}
	if n := received(); n != 12 {
		t.Errorf("%d e-mails to somebody who asked for none", n)
	}
	// Its owner is answered like anybody else, and helped.
	owner := k.Browser().From("198.51.100.7")
	from(owner, c.Email).OK()
	last := k.Query(`SELECT id FROM tickets ORDER BY number DESC LIMIT 1`)[0]
	if n := received(); n != 12 {
		t.Errorf("%d e-mails", n)
	}
	if _, err := k.App.Support.Reply(context.Background(), answerer(k, "Lena"), last, "We are on it."); err != nil {
		t.Fatal(err)
	}
	if n := len(slices.DeleteFunc(k.Mails(c.Email), func(subject string) bool { return !strings.HasPrefix(subject, "We answered") })); n != 1 {
		t.Errorf("%d answers", n)
	}
	// Who has signed in before is not held up by the neighbours, whichever address that is; what any number of their browsers
	// may is no more than one network's.
	c.Send("DELETE", "/v1/sessions/current", nil, nil).OK()
	known := c.Copy().From("203.0.113.0")
	recording := map[string]any{"bytes": 10, "captured": "file", "media_type": "video/mp4"}
	for i := range 3 {
		k.Browser().From("203.0.113.0").Post("/v1/recordings", recording).OK()
		from(known, fmt.Sprintf("elsewhere%d@help.example", i)).OK()
	}
	k.Browser().From("203.0.113.0").Post("/v1/recordings", recording).Refused("rate_limited")
	known.Post("/v1/recordings", recording).OK()
	from(known, "elsewhere@help.example").Refused("rate_limited")
	second := k.Browser().From("198.51.100.9")
	c.LoginByCodes(second).OK()
	second.Send("DELETE", "/v1/sessions/current", nil, nil).OK()
	from(second, "elsewhere@help.example").Refused("rate_limited")
}

func TestAFrozenAccountMayAskForHelp(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.Post("/v1/account/freeze", "{}").OK()
	c.LoginByCodes(c.Browser).OK()
	r := ask(c.Browser, "lost_device", "I froze it.")
	c.Post("/v1/tickets/"+r.ID+"/messages", map[string]string{"body": "Help."}).OK()
}

func TestRubbishInRequestsIsRefusedByName(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	unlimited(k)
	c := k.Full()
	deep := strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20)
	for _, bad := range []struct{ body, field string }{
		{`{"topic":"pigeons","body":"x"}`, "topic"}, {`{"topic":"other","body":" "}`, "body"}, {`{"topic":"other","body":"a\u0000b"}`, "body"}, {`{"topic":"other","body":"a\u001b[2J"}`, "body"},
		{`{"topic":"other","body":"` + strings.Repeat("ü", 4001) + `"}`, "body"}, {`{"topic":"other","body":"x","email":"a@b.example"}`, "email"}, {`{"topic":"other","body":"x","report":[]}`, "report"},
		{`{"topic":"other","body":"x","report":"text"}`, "report"}, {`{"topic":"other","body":"x","report":{"a":"\u0007"}}`, "report"}, {`{"topic":"other","body":"x","report":{"a\u0007":1}}`, "report"},
		{`{"topic":"other","body":"x","report":{"a":"` + strings.Repeat("x", 17<<10) + `"}}`, "report"}, {`{"topic":"other","body":"x","report":` + deep + `}`, ""},
		{`{"topic":"other","body":"x","report":{"a":1,"a":2}}`, "report.a"}, {`{"topic":"other","body":"x","account":"acc_1"}`, "account"}, {`{"topic":"other","body":["x"]}`, "body"},
		{`{"topic":"other","body":"x","recordings":["a","b","c","d"]}`, "recordings"},
	} {
		var p struct{ Field string }
		c.Post("/v1/tickets", bad.body).Refused("invalid_request").Into(&p)
		if p.Field != bad.field {
			t.Errorf("%.80s: the field is %q, want %q", bad.body, p.Field, bad.field)
		}
	}
	for _, address := range []string{"", "x", "a@b", "<script>@help.example", "a@help.example\nBcc: b@help.example", "a@help.example, b@help.example"} {
		k.Browser().Post("/v1/tickets", map[string]any{"topic": "other", "body": "x", "email": address}).Refused("invalid_request")
	}
	c.Post("/v1/tickets", map[string]any{"topic": "other", "body": strings.Repeat("ü", 4000), "report": nil, "attempt": nil}).OK()
	c.Post("/v1/tickets", map[string]any{"topic": "other", "body": "x", "attempt": "att_nobody"}).Refused("not_found")
	c.Post("/v1/tickets", map[string]any{"topic": "other", "body": "x", "attempt": strings.Repeat("a", 1000)}).Refused("not_found")
	if n := k.Query(`SELECT count(*) FROM tickets`)[0]; n != "1" {
		t.Errorf("%s tickets", n)
	}
}

func TestAHundredRequestsAtOnceHaveNumbersOfTheirOwn(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	unlimited(k)
	var numbers sync.Map
	n := at100(t, func() *testkit.Answer {
		var r struct{ Number string }
		a := k.Browser().Post("/v1/tickets", map[string]any{"topic": "other", "body": "x", "email": "many@help.example"}).Into(&r)
		numbers.Store(r.Number, true)
		return a
	})
	different := 0
	numbers.Range(func(any, any) bool { different++; return true })
	if n != 100 || different != 100 {
		t.Errorf("%d answered, %d numbers", n, different)
	}
	// As many at once from one account: ten are open, and no more.
	c := k.Full()
	n = at100(t, func() *testkit.Answer { return c.Post("/v1/tickets", map[string]any{"topic": "other", "body": "x"}) }, "too_many_tickets")
	if rows := k.Query(`SELECT count(*) FROM tickets WHERE account_id = $1`, c.ID)[0]; n != 10 || rows != "10" {
		t.Errorf("%d answered, %s are there", n, rows)
	}
}

func TestTheDeskFindsAndSortsRequests(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	lena, omar := answerer(k, "Lena"), answerer(k, "Omar")
	ctx, s := context.Background(), k.App.Support
	var ids []string
	for _, topic := range []string{"lost_device", "withdrawal", "other"} {
		ids = append(ids, ask(c.Browser, topic, "x").ID)
		k.Clock.Advance(time.Minute)
	}
	list := func(view, q string) (out []string, counts support.DeskCounts) {
		page, err := s.Tickets(ctx, lena, view, q, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Items {
			out = append(out, row.Topic)
		}
		return out, page.Counts
	}
	s.Assign(ctx, lena, ids[0], lena.ID)
	s.Assign(ctx, lena, ids[1], omar.ID)
	s.Reply(ctx, omar, ids[1], "Done.")
	for view, want := range map[string]string{"mine": "[lost_device]", "unassigned": "[other]", "waiting": "[lost_device other]", "all": "[lost_device withdrawal other]", "resolved": "[]"} {
		if got, _ := list(view, ""); fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", view, got, want)
		}
	}
	if _, counts := list("all", ""); counts != (support.DeskCounts{Mine: 1, Unassigned: 1, Waiting: 2, Open: 3}) {
		t.Errorf("%+v", counts)
	}
	for q, want := range map[string]string{"CS-2001": "[withdrawal]", "cs-200": "[lost_device withdrawal other]", "2002": "[other]", "lost device": "[lost_device]", "9": "[]"} {
		if got, _ := list("all", q); fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", q, got, want)
		}
	}
	page, err := s.Tickets(ctx, lena, "all", "", "", 2)
	if err != nil || len(page.Items) != 2 || page.Next == nil || page.Items[0].WaitingSince == nil || page.Items[1].WaitingSince != nil {
		t.Fatalf("%+v, %v", page, err)
	}
	if page, err = s.Tickets(ctx, lena, "all", "", *page.Next, 2); err != nil || len(page.Items) != 1 || page.Next != nil {
		t.Errorf("%+v, %v", page, err)
	}
	for _, bad := range [][2]string{{"everything", ""}, {"all", "%' OR 1=1"}, {"all", strings.Repeat("a", 41)}} {
		if _, err := s.Tickets(ctx, lena, bad[0], bad[1], "", 10); refusal.As(err) == nil || refusal.As(err).Code != "invalid_request" {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := s.Assign(ctx, lena, ids[2], "opr_nobody"); refusal.As(err) == nil || refusal.As(err).Code != "not_found" {
		t.Error(err)
	}
	if _, err := s.Read(ctx, lena, "tkt_nobody"); refusal.As(err) == nil || refusal.As(err).Code != "not_found" {
		t.Error(err)
	}
	// The owner's log has none of it.
	if a := c.Get("/v1/activity").OK(); strings.Contains(string(a.Body), "desk.") || !strings.Contains(string(a.Body), "ticket.opened") {
		t.Errorf("%s", a.Body)
	}
}
