package flowtest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign/internal/desk"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/testkit"
)

type deskAccount struct {
	ID, Masked, Name, Status string
	Factors                  []struct{ Kind, Hint string }
	Hold                     *testkit.Hold
	Passkeys                 []struct {
		Name, Provider  string
		Seal            string
		Synced          bool
		WithdrawalPower bool    `json:"withdrawal_power"`
		SuspendedAt     *string `json:"suspended_at"`
	}
	Sessions []struct{ Browser, Method string }
	Events   struct {
		Items []struct {
			ID, Kind, Reason string
			OK               bool
			Operator         *struct{ Name string }
		}
		Next *string
	}
	Tickets []struct{ Number string }
}

func find(o *testkit.Operator, by, value string) *testkit.Answer {
	return o.Post("/v1/desk/accounts/find", map[string]any{"by": by, "value": value})
}

func TestAnAccountIsFoundByExactlyWhatItsOwnerHasBound(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, o := k.Full(), k.Operator(desk.Support)
	for by, value := range map[string]string{"email": strings.ToUpper(c.Email), "phone": c.Number, "id": c.ID} {
		var got struct{ ID string }
		find(o, by, value).OK().Into(&got)
		if got.ID != c.ID {
			t.Errorf("by %s: %+v", by, got)
		}
	}
	for _, wrong := range [][2]string{{"email", "nobody@mail.example"}, {"phone", "+447946099999"}, {"id", "acc_x"}, {"id", "%"}} {
		find(o, wrong[0], wrong[1]).Refused("not_found")
	}
	for _, wrong := range [][2]string{{"email", c.Email[:6]}, {"name", "Ines"}, {"email", ""}, {"phone", c.Number[:7]}, {"phone", "*"}} {
		find(o, wrong[0], wrong[1]).Refused("invalid_request")
	}
	log := strings.Join(k.Query(`SELECT data, internal, account_id FROM audit_events WHERE kind = 'desk.account_found'`), "\n")
	if strings.Contains(log, c.Email) || strings.Contains(log, c.Number) || strings.Contains(log, "nobody@") || strings.Count(log, c.ID) != 3 {
		t.Errorf("the log has %s", log)
	}
	refused := 0
	for range 60 {
		if a := find(o, "email", "nobody@mail.example"); a.Code() == "rate_limited" {
			refused++
		}
	}
	if refused == 0 || refused > 15 {
		t.Errorf("%d of 60 are refused", refused)
	}
	find(k.Operator(desk.Support), "id", c.ID).OK()
}

func TestTheDeskSeesAnAccountMasked(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, o := k.Full(), k.Operator(desk.Support)
	var own struct{ Seal string }
	c.Get("/v1/passkeys/" + c.CreatePasskey().ID).OK().Into(&own)
	c.Send("PATCH", "/v1/account", map[string]any{"name": "Ines Halloran"}, nil).OK()
	c.Answer(saveAddress(c, "Cold", testkit.Tron).Verification()).OK()
	k.Exec(`INSERT INTO tickets (id, number, account_id, topic, locale, state, created_at, updated_at) VALUES ('tkt_x', 2041, $1, 'other', 'en', 'new', 1, 1)`, c.ID)
	a := o.Get("/v1/desk/accounts/" + c.ID).OK()
	var v deskAccount
	a.Into(&v)
	if v.ID != c.ID || v.Name != "Ines H." || v.Status != "active" || len(v.Factors) != 3 || len(v.Passkeys) != 1 || !v.Passkeys[0].Synced || !v.Passkeys[0].WithdrawalPower ||
		v.Passkeys[0].Provider != "Apple Passwords" || v.Passkeys[0].Seal != own.Seal || len(v.Sessions) != 1 || len(v.Events.Items) == 0 || len(v.Tickets) != 1 || v.Tickets[0].Number != "CS-2041" || v.Hold != nil {
		t.Errorf("%s", a.Body)
	}
	for name, secret := range map[string]string{"e-mail": c.Email, "phone": c.Number, "name": "Halloran", "address": testkit.Tron, "hash": "argon2", "session": c.Cookie("__Host-session"), "session id": c.Account().Session.ID} {
		if strings.Contains(string(a.Body), secret) {
			t.Errorf("the %s shows", name)
		}
	}
	// All events, in pages, and only this account's.
	other := k.Register()
	seen, cursor := map[string]bool{}, ""
	for {
		var page struct {
			Items []struct{ ID string }
			Next  *string
		}
		o.Get("/v1/desk/accounts/" + c.ID + "/events?limit=5" + cursor).OK().Into(&page)
		for _, e := range page.Items {
			if seen[e.ID] {
				t.Errorf("%s twice", e.ID)
			}
			seen[e.ID] = true
		}
		if page.Next == nil {
			break
		}
		cursor = "&cursor=" + *page.Next
	}
	for _, id := range k.Query(`SELECT id FROM audit_events WHERE account_id = $1 AND operator_id = ''`, c.ID) {
		if !seen[id] {
			t.Errorf("event %s is missing", id)
		}
	}
	for _, id := range k.Query(`SELECT id FROM audit_events WHERE account_id = $1`, other.ID) {
		if seen[id] {
			t.Errorf("event %s is another's", id)
		}
	}
	o.Get("/v1/desk/accounts/acc_x").Refused("not_found")
	o.Get("/v1/desk/accounts/acc_x/events").Refused("not_found")
	o.Get("/v1/desk/accounts/" + c.ID + "/events?cursor=x").Refused("invalid_request")
	if n := k.Query(`SELECT count(*) FROM audit_events WHERE operator_id = $1 AND account_id = 'acc_x'`, o.ID)[0]; n != "0" {
		t.Error("the log names an account that is none")
	}
	// What operators looked at is nothing that its owner reads.
	if text := string(c.Get("/v1/activity?limit=100").OK().Body); strings.Contains(text, "desk.") || strings.Contains(text, o.ID) {
		t.Errorf("%s", text)
	}
}

func TestTheDeskSignsACustomerOutEverywhere(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	o := k.Operator(desk.Security)
	o.Address = "198.51.100.7"
	second := c.On(k.Browser())
	c.LoginByCodes(second.Browser).OK()
	half := k.Browser()
	pending := half.StartLogin(c.Email, c.Password).Verification()
	path := "/v1/desk/accounts/" + c.ID + "/end-sessions"
	k.Operator(desk.Support).Post(path, map[string]any{"reason": "asked"}).Refused("not_permitted")
	for _, reason := range []string{"", "   ", strings.Repeat("x", 201), "a\u202eb"} {
		o.Post(path, map[string]any{"reason": reason}).Refused("invalid_request")
	}
	c.Get("/v1/account").OK()
	var v deskAccount
	o.Post(path, map[string]any{"reason": "Lost her phone, called back"}).OK().Into(&v)
	if len(v.Sessions) != 0 {
		t.Errorf("%+v", v.Sessions)
	}
	for _, b := range []*testkit.Browser{c.Browser, second.Browser} {
		b.Get("/v1/account").Refused("unauthenticated")
	}
	half.Codes(pending.ID, map[string]string{"any": c.AppCode()}).Refused("login_refused")
	c.LoginByCodes(c.Browser).OK()
	text := string(c.Get("/v1/activity").OK().Body)
	if !strings.Contains(text, "desk.sessions_ended") || strings.Contains(text, "called back") || strings.Contains(text, o.Name) || strings.Contains(text, o.ID) || strings.Contains(text, "198.51.100.7") {
		t.Errorf("%s", text)
	}
	k.Deliver()
	for _, m := range k.Inbox.All() {
		if m.Subject == "Support signed out your devices" && (strings.Contains(m.Text, o.Name) || strings.Contains(m.Text, "called back") || strings.Contains(m.Text, "198.51.100.7")) {
			t.Errorf("%s", m.Text)
		}
	}
	row := k.Query(`SELECT operator_id, account_id, ok, internal, data FROM audit_events WHERE kind = 'desk.sessions_ended' AND ok = 1`)
	if len(row) != 1 || row[0] != o.ID+"|"+c.ID+`|1|Lost her phone, called back|{"sessions":"2"}` {
		t.Errorf("%q", row)
	}
	o.Post("/v1/desk/accounts/acc_x/end-sessions", map[string]any{"reason": "x"}).Refused("not_found")
}

func TestTheDeskPausesWithdrawalsAndNeverShortens(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	w := c.Withdraw("20")
	v := c.Approval(w)
	ready := c.Assert(c.Challenge(v.ID).PublicKey)
	o := k.Operator(desk.Security)
	hold := func(hours any) *testkit.Answer {
		return o.Post("/v1/desk/accounts/"+c.ID+"/hold", map[string]any{"hours": hours, "reason": "Reported stolen"})
	}
	for _, hours := range []any{0, -1, 721, 1.5, "24", 1e9} {
		hold(hours).Refused("invalid_request")
	}
	var got deskAccount
	hold(24).OK().Into(&got)
	if got.Hold == nil || got.Hold.Reason != "support" || !got.Hold.Until.Equal(k.Clock.Now().Add(24*time.Hour)) {
		t.Errorf("%+v", got.Hold)
	}
	c.SubmitPasskey(v.ID, ready).Refused("withdrawals_on_hold")
	hold(24).Refused("conflict")
	hold(1).Refused("conflict")
	k.Clock.Advance(time.Hour)
	o.Login(o.Browser).OK()
	hold(24).OK().Into(&got)
	if want := k.Clock.Now().Add(24 * time.Hour); !got.Hold.Until.Equal(want) || !c.Account().Hold.Until.Equal(want) || !got.Hold.Since.Equal(k.Clock.Now().Add(-time.Hour)) {
		t.Errorf("%+v", got.Hold)
	}
	hold(720).OK()
	if text := string(c.Get("/v1/activity").OK().Body); strings.Count(text, `"desk.hold"`) != 3 || strings.Contains(text, "stolen") {
		t.Errorf("%s", text)
	}
	if n := strings.Count(strings.Join(k.Mails(c.Email), "|"), "Support paused your withdrawals"); n != 3 {
		t.Errorf("%d mails", n)
	}
	// One that the rules put on counts too.
	d := k.Full()
	d.ProveNew(d.Do(policy.ReplaceFactor, "authenticator", ""), "").OK()
	o.Login(o.Browser).OK()
	o.Post("/v1/desk/accounts/"+d.ID+"/hold", map[string]any{"hours": 23, "reason": "x"}).Refused("conflict")
}

type checkReport struct {
	Checks []struct{ Group, ID, Title, Status, Found, Needed, Help string }
	Policy []struct{ Name, Value, Default string }
}

func check(o *testkit.Operator) map[string]string {
	var r checkReport
	o.Get("/v1/desk/check").OK().Into(&r)
	out := map[string]string{}
	for _, c := range r.Checks {
		out[c.ID] = c.Status
		if (c.Status == "ok") != (c.Help == "" && c.Needed == "") || c.Found == "" || c.Title == "" {
			o.Kit.T.Errorf("%+v", c)
		}
	}
	return out
}

func TestTheCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	o := k.Operator(desk.Admin)
	all := check(o)
	for id, status := range all {
		if status != "ok" && id != "disk" {
			t.Errorf("%s is %s where nothing is wrong", id, status)
		}
	}
	for _, want := range []string{"origins", "relying_party", "public/bank.example", "certificate/bank.example", "public/app.bank.example", "passkey-endpoints/bank.example", "change-password/bank.example",
		"mail", "sms", "outbox", "clock/bank.example", "disk", "database", "build"} {
		// PostgreSQL's disk is another machine's.
		if all[want] == "" && !(want == "disk" && store.IsPostgres(k.Path)) {
			t.Errorf("no check %s", want)
		}
	}
	for name, wrong := range map[string]struct {
		bend func(o *testkit.Outside)
		want map[string]string
	}{
		"down":              {func(o *testkit.Outside) { o.Down = true }, map[string]string{"public/bank.example": "fail", "passkey-endpoints/bank.example": "fail", "certificate/bank.example": "fail", "clock/bank.example": "ok"}},
		"leads elsewhere":   {func(o *testkit.Outside) { o.Elsewhere = true }, map[string]string{"public/bank.example": "fail", "change-password/bank.example": "warn"}},
		"certificate old":   {func(o *testkit.Outside) { o.Valid = 20 * 24 * time.Hour }, map[string]string{"certificate/bank.example": "warn", "public/bank.example": "ok"}},
		"certificate ends":  {func(o *testkit.Outside) { o.Valid = 2 * 24 * time.Hour }, map[string]string{"certificate/bank.example": "fail"}},
		"clock a bit ahead": {func(o *testkit.Outside) { o.Skew = -5 * time.Second }, map[string]string{"clock/bank.example": "warn"}},
		"clock far behind":  {func(o *testkit.Outside) { o.Skew = time.Hour }, map[string]string{"clock/bank.example": "fail"}},
	} {
		k.Outside.Bend(func(o *testkit.Outside) {
			o.Down, o.Elsewhere, o.Valid, o.Skew = false, false, 60*24*time.Hour, 0
			wrong.bend(o)
		})
		got := check(o)
		for id, want := range wrong.want {
			if got[id] != want {
				t.Errorf("%s: %s is %q, want %q", name, id, got[id], want)
			}
		}
	}
	k.Outside.Bend(func(o *testkit.Outside) {
		for _, url := range o.Asked {
			if !strings.HasPrefix(url, testkit.Origin+"/") && !strings.HasPrefix(url, testkit.Second+"/") {
				t.Errorf("%s was asked for", url)
			}
		}
	})
	k.Outside.Bend(func(o *testkit.Outside) { o.Skew, o.Valid = 0, 60*24*time.Hour })
	k.Browser().StartLogin("nobody@mail.example", "x")
	k.Register() // its code is queued, and not delivered below
	c := k.Register()
	c.Post("/v1/account/freeze", "{}").OK()
	k.Clock.Advance(3 * time.Minute)
	if got := check(o)["outbox"]; got != "warn" {
		t.Errorf("a message waits for three minutes: %s", got)
	}
	k.Clock.Advance(15 * time.Minute)
	if got := check(o)["outbox"]; got != "fail" {
		t.Errorf("a message waits for a quarter of an hour: %s", got)
	}
	k.Deliver()
	k.Clock.Advance(-time.Minute)
	if got := check(o)["clock/bank.example"]; got != "fail" {
		t.Errorf("the clock went back: %s", got)
	}
	var r checkReport
	o.Get("/v1/desk/check").OK().Into(&r)
	for _, p := range r.Policy {
		if p.Value != p.Default {
			t.Errorf("%+v", p)
		}
	}
}

func TestATestMailGoesToTheOperatorAlone(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	o := k.Operator(desk.Security)
	k.Deliver() // that a passkey was made
	before := len(k.Inbox.All())
	check(o)
	k.Deliver()
	if len(k.Inbox.All()) != before {
		t.Error("a check sent something")
	}
	for range 5 {
		o.Post("/v1/desk/check/mail", "{}").OK()
	}
	o.Post("/v1/desk/check/mail", "{}").Refused("rate_limited")
	k.Deliver()
	if got := k.Inbox.All(); len(got) != before+5 || got[0].To != o.Email {
		t.Errorf("%d messages", len(got)-before)
	}
}

func TestNumbersCountWhatHappenedAndNothingElse(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, o := k.Full(), k.Operator(desk.Support)
	c.CreatePasskey() // an attempt of its own, begun, codes right
	k.Exec(`DELETE FROM attempt_steps`)
	k.Exec(`DELETE FROM attempts`)
	now := k.Clock.Now().UnixMilli()
	n := 0
	add := func(operation, platform, outcome string, daysAgo int64, codes, prompted bool, took int64) {
		n++
		begun := now - daysAgo*86400000
		at := func(b bool) int64 {
			if b {
				return begun + 1000
			}
			return 0
		}
		ended := int64(0)
		if outcome != "" {
			ended = begun + took
		}
		k.Exec(`INSERT INTO attempts (id, reference, account_id, verification_id, operation, platform, browser, app, environment, begun_at, codes_at, prompted_at, ended_at, outcome)
			VALUES ($1, $1, $2, '', $3, $4, 'Chrome 148', 'test', '{}', $5, $6, $7, $8, $9)`, fmt.Sprintf("att_%d", n), c.ID, operation, platform, begun, at(codes), at(prompted), ended, outcome)
	}
	for i := range 5 {
		add("create", "Android 16", "done", 1, true, true, int64(20000+1000*i))
	}
	add("create", "Android 16", "cancelled", 2, true, true, 5000)
	add("create", "iOS 26.1", "cancelled", 2, true, true, 5000)
	add("create", "Windows 11", "screen_lock_required", 2, true, true, 5000)
	add("create", "Amiga 4000 of Ines", "", 2, true, true, 0)
	add("create", "Android 16", "", 2, true, false, 0)
	add("create", "Android 16", "", 2, false, false, 0)
	add("create", "Android 16", "done", 40, true, true, 90000) // before the 28 days
	add("create", "Android 16", "cancelled", 40, true, true, 90000)
	add("sign_in", "Android 16", "cancelled", 0, false, true, 3000) // one that failed says nothing of the time that the others take
	for _, took := range []time.Duration{9 * time.Second, 3 * time.Second, 5 * time.Second} {
		b := k.Browser()
		options := b.LoginOptions()
		k.Clock.Advance(took)
		b.LoginWith(c.Assert(options)).OK()
		v := b.StartLogin(c.Email, c.Password).Verification()
		k.Clock.Advance(10 * took)
		code := c.AppCode() // which takes half a minute more
		b.Codes(v.ID, map[string]string{"any": code}).OK()
	}
	w := c.Withdraw("20")
	c.Prove(c.Approval(w)).OK()
	c.Answer(c.Approval(c.Withdraw("20"))).OK()
	c.Answer(c.Approval(c.Withdraw("21"))).OK()
	for _, topic := range []string{"passkey_create_failed", "passkey_sign_in_failed", "other"} {
		ask(c.Browser, topic, "x")
	}
	// What was asked counts also when the request is deleted.
	k.Exec(`DELETE FROM tickets`)
	a := o.Get("/v1/desk/numbers").OK()
	var v desk.Numbers
	a.Into(&v)
	if fmt.Sprint(v.Funnel) != "[{opened 11} {codes 10} {prompted 9} {created 5}]" {
		t.Errorf("%v", v.Funnel)
	}
	if fmt.Sprint(v.Causes) != "[{cancelled 2 [{Android 1} {iOS 1}]} {no_answer 1 [{Other 1}]} {screen_lock_required 1 [{Windows 1}]}]" {
		t.Errorf("%v", v.Causes)
	}
	f := v.Figures
	if *f.CreatedRate != 0.5 || *f.CreatedRateBefore != 0.5 || *f.CreateMedian != 22000 || *f.SignInMedian != 5000 || *f.CodesMedian != 80000 || *f.PasskeyShare != 1.0/3 || f.PasskeyShareBefore != nil || f.Requests != 2 || f.Began != 11 {
		t.Errorf("%s", a.Body)
	}
	if len(v.Withdrawals) != 28 || len(v.SignIn) != 28 || v.Withdrawals[27].Passkey != 1 || v.Withdrawals[27].Codes != 2 || *v.SignIn[27].Passkey != 5000 || *v.SignIn[27].Codes != 80000 || v.SignIn[26].Codes != nil || v.SignIn[0].Passkey != nil {
		t.Errorf("%v %v", v.Withdrawals, v.SignIn)
	}
	for _, secret := range []string{c.ID, "Amiga", "Ines", "att_", "Chrome"} {
		if strings.Contains(string(a.Body), secret) {
			t.Errorf("%s shows", secret)
		}
	}
	o.Get("/v1/desk/numbers?days=90").OK().Into(&v)
	if v.Funnel[0].Count != 13 || len(v.Withdrawals) != 90 {
		t.Errorf("%v", v.Funnel)
	}
	for _, days := range []string{"0", "1", "29", "x", "100000"} {
		o.Get("/v1/desk/numbers?days=" + days).Refused("invalid_request")
	}
	empty := testkit.New(t).Operator(desk.Support)
	empty.Get("/v1/desk/numbers?days=7").OK().Into(&v)
	if v.Figures.CreatedRate != nil || v.Figures.SignInMedian != nil || v.Figures.CodesMedian != nil || len(v.Causes) != 0 {
		t.Errorf("%+v", v)
	}
}

func TestARecordingIsPlayedAndNeverADocument(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	o := k.Operator(desk.Support)
	film := bytes.Repeat([]byte("0123456789"), 1000)
	kind := "video/webm"
	k.App.Desk.OpenRecording = func(_ context.Context, id string) (*desk.Recording, error) {
		if id != "rec_x" {
			return nil, refusal.NotFound("recording")
		}
		return &desk.Recording{ReadSeeker: bytes.NewReader(film), MediaType: kind, CreatedAt: k.Clock.Now()}, nil
	}
	const path = "/v1/desk/recordings/rec_x/content"
	whole := o.Send("GET", path, nil, map[string]string{"Sec-Fetch-Dest": "video"})
	if whole.Status != 200 || !bytes.Equal(whole.Body, film) {
		t.Errorf("%d, %d bytes", whole.Status, len(whole.Body))
	}
	part := o.Send("GET", path, nil, map[string]string{"Sec-Fetch-Dest": "video", "Range": "bytes=13-16"})
	if part.Status != 206 || string(part.Body) != "3456" || part.Header.Get("Content-Range") != "bytes 13-16/10000" {
		t.Errorf("%d %s", part.Status, part.Body)
	}
	if a := o.Send("GET", path, nil, map[string]string{"Range": "bytes=20000-"}); a.Status != 416 {
		t.Errorf("beyond the end: %d", a.Status)
	}
	for name, want := range map[string]string{"Content-Type": "video/webm", "X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
		"Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'", "Cache-Control": "no-store"} {
		if got := part.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := part.Header.Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename="recording-`) || !strings.HasSuffix(got, `.webm"`) {
		t.Errorf("%s", got)
	}
	for _, dest := range []string{"document", "iframe", "frame", "embed", "object", "script", "worker", "image", "style"} {
		if a := o.Send("GET", path, nil, map[string]string{"Sec-Fetch-Dest": dest}); a.Code() != "not_permitted" {
			t.Errorf("as %s: %d", dest, a.Status)
		}
	}
	kind = "text/html"
	if a := o.Get(path); a.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("HTML goes out as %s", a.Header.Get("Content-Type"))
	}
	o.Get("/v1/desk/recordings/rec_y/content").Refused("not_found")
	k.Register().Get(path).Refused("unauthenticated")
	// Once for a sitting, whichever part is asked for first, and again for the next one; refusals each time.
	seen := func() string {
		return strings.Join(k.Query(`SELECT kind, ok, count(*) FROM audit_events WHERE kind IN ('desk.recording_seen', 'desk.refused') AND operator_id = $1 GROUP BY 1, 2 ORDER BY 1, 2`, o.ID), " ")
	}
	if got := seen(); got != "desk.recording_seen|0|1 desk.recording_seen|1|1 desk.refused|0|9" {
		t.Errorf("the log has %s", got)
	}
	k.Clock.Advance(11 * time.Minute)
	o.Send("GET", path, nil, map[string]string{"Range": "bytes=5-6"})
	if got := seen(); got != "desk.recording_seen|0|1 desk.recording_seen|1|2 desk.refused|0|9" {
		t.Errorf("the log has %s", got)
	}
}
