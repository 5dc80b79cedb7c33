package flowtest

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"countersign/approval"
	"countersign/internal/auditlog"
	"countersign/internal/testkit"
	"countersign/internal/withdrawal"
)

// approved is a withdrawal that its owner approved by passkey.
func approved(c *testkit.Customer, amount string) *testkit.Withdrawal {
	c.Kit.T.Helper()
	if c.Kit.Query(`SELECT count(*) FROM passkeys WHERE account_id = $1`, c.ID)[0] == "0" {
		c.CreatePasskey()
	}
	w := c.Withdraw(amount)
	c.Prove(c.Approval(w)).OK()
	return w
}

func with(details map[string]any, name string, value any) map[string]any {
	other := maps.Clone(details)
	other[name] = value
	return other
}

func TestAnApprovalIsConsumedOnceAndExactly(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, p := k.Full(), k.Payout()
	w := approved(c, "20")
	details := p.Details(w.ID)
	// Whatever differs, by one character or by a way of writing the same, is not what was approved.
	for _, other := range []struct {
		name  string
		value any
		code  string
	}{
		{"amount", "21", "details_mismatch"}, {"amount", "20.0", "invalid_request"}, {"amount", "020", "invalid_request"}, {"amount", "2e1", "invalid_request"}, {"amount", 20, "invalid_request"},
		{"fee", "0", "details_mismatch"}, {"address", "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf", "details_mismatch"}, {"memo", "x", "details_mismatch"}, {"asset", "usdt", "details_mismatch"},
		{"network", "ethereum", "details_mismatch"}, {"account", c.ID + "x", "details_mismatch"}, {"withdrawal", w.ID + "x", "details_mismatch"}, {"relying_party", "evil.example", "details_mismatch"},
		{"expires", "2026-01-01T00:00:00Z", "details_mismatch"}, {"expires", "tomorrow", "invalid_request"}, {"address", "", "invalid_request"}, {"address", "T\u200bX", "invalid_request"}, {"memo", nil, "invalid_request"},
	} {
		var problem struct{ Field string }
		p.HandOver(w.ID, "payment-0001", with(details, other.name, other.value)).Refused(other.code).Into(&problem)
		if problem.Field != "details."+other.name {
			t.Errorf("%s: the field is %q", other.name, problem.Field)
		}
	}
	for name := range details {
		without := maps.Clone(details)
		delete(without, name)
		var problem struct{ Field string }
		if p.HandOver(w.ID, "payment-0001", without).Refused("invalid_request").Into(&problem); problem.Field != "details."+name {
			t.Errorf("without %s: the field is %q", name, problem.Field)
		}
	}
	for _, unknown := range []string{"Memo", "", "Details", "note"} {
		p.HandOver(w.ID, "payment-0001", with(details, unknown, "")).Refused("invalid_request")
	}
	p.HandOver(w.ID, "payment-0001", nil).Refused("invalid_request")
	p.HandOver(w.ID, "short", details).Refused("invalid_request")
	p.HandOver(w.ID, "", details).Refused("invalid_request")
	p.HandOver(w.ID+"0", "payment-0001", details).Refused("not_found")

	type answer struct {
		State, Details string
		HandedOverBy   string `json:"handed_over_by"`
		Approval       json.RawMessage
	}
	var first, again answer
	p.HandOver(w.ID, "payment-0001", details).OK().Into(&first)
	if first.State != "handed_over" || first.HandedOverBy != p.ID || !strings.Contains(string(first.Approval), `"countersign/approval/v1"`) {
		t.Errorf("%+v", first)
	}
	if got := c.Withdrawal(w.ID).State; got != "handed_over" {
		t.Error(got)
	}
	// The same question has the same answer, however often; another one is told that it comes too late.
	p.HandOver(w.ID, "payment-0001", details).OK().Into(&again)
	if again.State != first.State || again.Details != first.Details || string(again.Approval) != string(first.Approval) {
		t.Errorf("%+v", again)
	}
	p.HandOver(w.ID, "payment-0001", with(details, "amount", "21")).Refused("details_mismatch")
	p.HandOver(w.ID, "payment-0002", details).Refused("withdrawal_not_approved")
	k.Payout().HandOver(w.ID, "payment-0001", details).Refused("withdrawal_not_approved")
	other := approved(c, "30")
	p.HandOver(other.ID, "payment-0001", p.Details(other.ID)).Refused("idempotency_mismatch")
	p.HandOver(other.ID, "payment-0003", details).Refused("details_mismatch")
	p.HandOver(other.ID, "payment-0003", p.Details(other.ID)).OK()

	if n := k.Query(`SELECT count(*) FROM audit_events WHERE kind = 'withdrawal.handed_over' AND account_id = $1`, c.ID)[0]; n != "2" {
		t.Errorf("%s events of handing over", n)
	}
	// What was refused is written down, and its owner is not alarmed by what concerns the business.
	if n := k.Query(`SELECT count(*) FROM audit_events WHERE kind = 'hand_over.refused' AND ok = 0 AND account_id = $1`, c.ID)[0]; n == "0" {
		t.Error("no refusal is written down")
	}
	activity := string(c.Get("/v1/activity").OK().Body)
	if strings.Contains(activity, "hand_over.refused") || strings.Contains(activity, p.ID) || !strings.Contains(activity, "withdrawal.handed_over") {
		t.Error(activity)
	}
}

func TestOnlyWhatIsApprovedIsHandedOver(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, p := k.Full(), k.Payout()
	c.CreatePasskey()
	requested := c.Withdraw("20")
	details := p.Details(requested.ID)
	p.HandOver(requested.ID, "payment-0001", details).Refused("withdrawal_not_approved")
	c.Post("/v1/withdrawals/"+requested.ID+"/cancel", "{}").OK()
	p.HandOver(requested.ID, "payment-0001", details).Refused("withdrawal_not_approved")
	// A freeze takes back what is approved and not handed over; what is handed over stays.
	gone, kept := approved(c, "20"), approved(c, "30")
	p.HandOver(kept.ID, "payment-0002", p.Details(kept.ID)).OK()
	c.Post("/v1/account/freeze", "{}").OK()
	p.HandOver(gone.ID, "payment-0003", p.Details(gone.ID)).Refused("withdrawal_not_approved")
	p.HandOver(kept.ID, "payment-0002", p.Details(kept.ID)).OK()
	if states := k.Query(`SELECT state FROM withdrawals WHERE account_id = $1 ORDER BY state`, c.ID); strings.Join(states, " ") != "cancelled cancelled handed_over" {
		t.Error(states)
	}
}

func TestOfAHundredHandOversAtOnceOneSucceeds(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	w := approved(c, "20")
	payouts := make(chan *testkit.Payout, 100)
	details := k.Payout().Details(w.ID)
	for range 100 {
		payouts <- k.Payout()
	}
	if n := at100(t, func() *testkit.Answer { return (<-payouts).HandOver(w.ID, "payment-0001", details) }, "withdrawal_not_approved"); n != 1 {
		t.Errorf("%d were handed over", n)
	}
	// A system that asks a hundred times at once has one answer.
	again := approved(c, "20")
	p := k.Payout()
	details = p.Details(again.ID)
	if n := at100(t, func() *testkit.Answer { return p.HandOver(again.ID, "payment-0002", details) }); n != 100 {
		t.Errorf("%d answers", n)
	}
	if n := k.Query(`SELECT count(*) FROM audit_events WHERE kind = 'withdrawal.handed_over'`)[0]; n != "2" {
		t.Errorf("%s events", n)
	}
}

func TestWhatNobodyTakesExpiresAndIsBackOnTheBalance(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, p := k.Full(), k.Payout()
	w := approved(c, "20")
	details := p.Details(w.ID)
	k.Clock.Advance(24*time.Hour - time.Millisecond)
	if n, err := k.App.Withdrawals.ExpireOverdue(context.Background()); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	k.Clock.Advance(time.Millisecond)
	// The background work has not run yet, and still nobody pays.
	p.HandOver(w.ID, "payment-0001", details).Refused("withdrawal_not_approved")
	if got := string(p.Read("/v1/payouts").OK().Body); strings.Contains(got, w.ID) {
		t.Error(got)
	}
	if n, err := k.App.Withdrawals.ExpireOverdue(context.Background()); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	p.HandOver(w.ID, "payment-0001", details).Refused("withdrawal_not_approved")
	k.Deliver()
	if mails := strings.Join(k.Mails(c.Email), "\n"); !strings.Contains(mails, "not paid in time") {
		t.Error(mails)
	}
	in := c.On(k.Browser())
	c.LoginByPasskey(in.Browser).OK()
	if got := in.Balance("USDT"); got != "1000" {
		t.Error(got)
	}
	var ended withdrawal.View
	in.Get("/v1/withdrawals/" + w.ID).OK().Into(&ended)
	if ended.ApprovedAt == nil || ended.DecidedAt.Sub(*ended.ApprovedAt) != 24*time.Hour || ended.HandedOverAt != nil {
		t.Errorf("approved %v, ended %v, handed over %v", ended.ApprovedAt, ended.DecidedAt, ended.HandedOverAt)
	}
}

func TestWhatWaitsIsListedTheMostUrgentFirst(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d, p := k.Full(), k.Full(), k.Payout()
	early := c.Withdraw("20")
	var want []string
	for range 3 {
		want = append(want, approved(d, "20").ID)
		k.Clock.Advance(time.Second)
	}
	c.CreatePasskey()
	c.Prove(c.Approval(early)).OK() // requested first, approved last
	want = append(want, early.ID)
	var got []string
	for cursor := ""; ; {
		var page struct {
			Items []struct {
				ID            string
				HandOverUntil time.Time `json:"hand_over_until"`
			}
			Next *string
		}
		p.Read("/v1/payouts?limit=3&cursor=" + cursor).OK().Into(&page)
		for _, item := range page.Items {
			got = append(got, item.ID)
		}
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%v, want %v", got, want)
	}
	p.HandOver(want[0], "payment-0001", p.Details(want[0])).OK()
	if body := string(p.Read("/v1/payouts").OK().Body); strings.Contains(body, want[0]) || !strings.Contains(body, want[1]) {
		t.Error(body)
	}
	for _, cursor := range []string{"x", "1", "-1.x", "99999999999999999999.x", "1." + strings.Repeat("x", 65)} {
		p.Read("/v1/payouts?cursor=" + cursor).Refused("invalid_request")
	}
}

func TestAnAPIKeyIsGoodUntilItIsRevokedAndForPayoutsAlone(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, p := k.Full(), k.Payout()
	w := approved(c, "20")
	details := p.Details(w.ID)
	if a := p.Read("/v1/account"); a.Code() != "unauthenticated" {
		t.Errorf("a key is a session: %s", a.Body)
	}
	// Nor is a session a key.
	if a := c.Get("/v1/payouts"); a.Code() != "api_key_invalid" || a.Header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	for _, key := range []string{"", "csk_", "csk_" + strings.Repeat("A", 43), p.Key + "A", p.Key[:len(p.Key)-1], strings.TrimPrefix(p.Key, "csk_"), strings.ToUpper(p.Key), strings.Repeat("x", 4000)} {
		stranger := *p
		stranger.Key = key
		stranger.Read("/v1/payouts").Refused("api_key_invalid")
		stranger.HandOver(w.ID, "payment-0001", details).Refused("api_key_invalid")
	}
	if dump := k.Dump(); strings.Contains(dump, p.Key) || strings.Contains(dump, strings.TrimPrefix(p.Key, "csk_")) || !strings.Contains(dump, p.ID) {
		t.Error("the key is in the database, or its id is not")
	}
	if err := k.App.Withdrawals.RevokeAPIKey(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	p.Read("/v1/payouts").Refused("api_key_invalid")
	p.HandOver(w.ID, "payment-0001", details).Refused("api_key_invalid")
	if err := k.App.Withdrawals.RevokeAPIKey(t.Context(), p.ID); err == nil {
		t.Error("a key is revoked twice")
	}
	p = k.Payout()
	p.HandOver(w.ID, "payment-0001", map[string]any{"x": strings.Repeat("x", 64<<10)}).Refused("too_large")
	p.Send("POST", "/v1/payouts/"+w.ID+"/hand-over", "{}", map[string]string{"Authorization": "Bearer " + p.Key, "Content-Type": "text/plain"}).Refused("unsupported_media_type")
	p.HandOver(w.ID, "payment-0001", details).OK()
	if kinds := strings.Join(k.Query(`SELECT kind FROM audit_events WHERE kind LIKE 'api_key.%' ORDER BY id`), " "); kinds != "api_key.created api_key.revoked api_key.created" {
		t.Error(kinds)
	}
}

// Somebody who has the database, and not the customer's passkey, cannot have anything paid.
func TestWhatWasEditedInTheDatabaseIsNotHandedOver(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, p := k.Full(), k.Payout()
	byPasskey, mine := approved(c, "20"), approved(c, "30")
	byCodes := c.Withdraw("25")
	c.Answer(c.Approval(byCodes)).OK()
	unproven := c.Withdraw("26")
	k.Exec(`UPDATE withdrawals SET state = 'approved', hand_over_until = $1 WHERE id = $2`, k.Clock.Now().Add(time.Hour).UnixMilli(), unproven.ID)
	k.Exec(`INSERT INTO approvals (withdrawal_id, verification_id, document, fingerprint, signature_hash, created_at) SELECT $1, 'ver', document, fingerprint, signature_hash, created_at FROM approvals WHERE withdrawal_id = $2`,
		unproven.ID, mine.ID)
	for _, w := range []*testkit.Withdrawal{byPasskey, byCodes} {
		k.Exec(`UPDATE withdrawals SET address = $1 WHERE id = $2`, testkit.Tron[:20]+"X"+testkit.Tron[21:], w.ID)
	}
	for _, w := range []*testkit.Withdrawal{byPasskey, byCodes, unproven} {
		p.HandOver(w.ID, "payment-"+w.ID, p.Details(w.ID)).Refused("approval_invalid")
		if got := c.Withdrawal(w.ID).State; got != "approved" {
			t.Errorf("%s is %s", w.ID, got)
		}
	}
	// A passkey that nobody registered, put into the database for the account, signs well.
	forged := approved(c, "40")
	k.Exec(`UPDATE approvals SET registration = (SELECT registration FROM approvals WHERE withdrawal_id = $1) WHERE withdrawal_id = $2`, byCodes.ID, forged.ID)
	p.HandOver(forged.ID, "payment-"+forged.ID, p.Details(forged.ID)).Refused("approval_invalid")
	// The event of another approval under this one: of what was recorded, not a byte may differ.
	k.Exec(`DROP INDEX approvals_by_record`)
	record := k.Query(`SELECT record FROM approvals WHERE withdrawal_id = $1`, mine.ID)[0]
	k.Exec(`UPDATE approvals SET record = (SELECT record FROM approvals WHERE withdrawal_id = $1) WHERE withdrawal_id = $2`, forged.ID, mine.ID)
	p.HandOver(mine.ID, "payment-0001", p.Details(mine.ID)).Refused("approval_invalid")
	k.Exec(`UPDATE approvals SET record = $1 WHERE withdrawal_id = $2`, record, mine.ID)
	k.Exec(`UPDATE audit_events SET account_id = $1 WHERE kind = 'passkey.created'`, "acc_other")
	// A document that was made to fit.
	k.Exec(`UPDATE approvals SET document = `+k.Bytes(`replace(`+k.Text("document")+`, $1, $2)`)+` WHERE withdrawal_id = $3`, testkit.Tron, testkit.Tron[:20]+"X"+testkit.Tron[21:], byPasskey.ID)
	p.HandOver(byPasskey.ID, "payment-"+byPasskey.ID, p.Details(byPasskey.ID)).Refused("approval_invalid")
	p.HandOver(mine.ID, "payment-0001", p.Details(mine.ID)).Refused("approval_invalid")
	k.Exec(`UPDATE audit_events SET account_id = $1 WHERE kind = 'passkey.created'`, c.ID)
	p.HandOver(mine.ID, "payment-0001", p.Details(mine.ID)).OK()
}

// Idempotency keys can be guessed. A row that says that a withdrawal was taken under one has nothing paid, once more or at all: the log does
// not say so.
func TestAHandOverThatWasWrittenIntoTheDatabaseIsNotAnsweredAgain(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, p := k.Full(), k.Payout()
	w, unproven := approved(c, "20"), c.Withdraw("26")
	details := p.Details(w.ID)
	p.HandOver(w.ID, "payment-0001", details).OK()
	k.Exec(`UPDATE withdrawals SET handed_over_key = 'payment-0002' WHERE id = $1`, w.ID)
	p.HandOver(w.ID, "payment-0002", details).Refused("approval_invalid")
	if got := findings(k); len(got) != 1 || !strings.Contains(got[0], "a hand-over that the log does not know") {
		t.Errorf("%q", got)
	}
	k.Exec(`UPDATE withdrawals SET handed_over_key = 'payment-0001' WHERE id = $1`, w.ID)
	sound(k)
	k.Exec(`UPDATE withdrawals SET state = 'approved', hand_over_until = $1 WHERE id = $2`, k.Clock.Now().Add(time.Hour).UnixMilli(), unproven.ID)
	forged := p.Details(unproven.ID)
	event := k.Query(`SELECT handed_over_event FROM withdrawals WHERE id = $1`, w.ID)[0]
	k.Exec(`UPDATE withdrawals SET state = 'handed_over', handed_over_by = $1, handed_over_key = 'payment-0003', handed_over_at = 1, handed_over_event = `+event+` WHERE id = $2`, p.ID, unproven.ID)
	p.HandOver(unproven.ID, "payment-0003", forged).Refused("approval_invalid")
	if got := findings(k); len(got) != 1 || !strings.Contains(got[0], unproven.ID) {
		t.Errorf("%q", got)
	}
	// The true one is answered as often as it is asked for, though its events were redacted and the master key that wrote them is gone.
	p.HandOver(w.ID, "payment-0001", details).OK()
	k.Exec(`UPDATE audit_events SET salt = NULL, session_id = '', browser = '', address = '', data = '{}', internal = '', redacted_at = 1 WHERE leaf >= 0`)
	p.HandOver(w.ID, "payment-0001", details).OK()
	k.Exec(`UPDATE log_state SET checkpoint = replace(checkpoint, '/1 ', '/1 A')`)
	p.HandOver(w.ID, "payment-0001", details).Refused("approval_invalid")
}

// Somebody who has the database can make a withdrawal look as if nobody had taken it; the log tells.
func TestAWithdrawalThatWasMadeToBePaidTwiceIsFound(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, p := k.Full(), k.Payout()
	w := approved(c, "20")
	p.HandOver(w.ID, "payment-0001", p.Details(w.ID)).OK()
	sound(k)
	found := func(when string) {
		t.Helper()
		if err := k.App.Log.SequenceAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := findings(k); len(got) != 1 || !strings.Contains(got[0], w.ID) {
			t.Errorf("%s: %q", when, got)
		}
	}
	k.Clock.Advance(time.Minute)
	k.Exec(`UPDATE withdrawals SET state = 'approved', handed_over_at = 0, handed_over_by = '', handed_over_key = '' WHERE id = $1`, w.ID)
	found("made approved again")
	p.HandOver(w.ID, "payment-0002", p.Details(w.ID)).Refused("approval_invalid")
	found("not handed over again")
	k.Exec(`DELETE FROM approvals WHERE withdrawal_id = $1`, w.ID)
	k.Exec(`DELETE FROM withdrawals WHERE id = $1`, w.ID)
	if got := findings(k); len(got) < 2 {
		t.Errorf("removed: %q", got)
	}
}

// A freeze or a deadline has stopped it, and its amount is back on the balance: making it approved again in the database pays nobody.
func TestAWithdrawalThatWasStoppedIsNotHandedOver(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, p := k.Full(), k.Payout()
	w := approved(c, "20")
	details := p.Details(w.ID)
	k.Clock.Advance(25 * time.Hour)
	if n, err := k.App.Withdrawals.ExpireOverdue(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	sound(k)
	k.Exec(`UPDATE withdrawals SET state = 'approved', hand_over_until = $1 WHERE id = $2`, k.Clock.Now().Add(time.Hour).UnixMilli(), w.ID)
	p.HandOver(w.ID, "payment-0001", details).Refused("approval_invalid")
	if got := findings(k); len(got) != 2 || !strings.Contains(got[0], w.ID+" is approved") || !strings.Contains(got[1], "the time to hand a withdrawal over was changed") {
		t.Errorf("%q", got)
	}
}

func TestATimeToHandOverThatWasLengthenedPaysNobodyAndIsFound(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, p := k.Full(), k.Payout()
	w := approved(c, "20")
	details := p.Details(w.ID)
	sound(k)
	found := func(want string) {
		t.Helper()
		if got := findings(k); len(got) != 1 || !strings.Contains(got[0], want) || !strings.Contains(got[0], w.ID) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	k.Clock.Advance(25 * time.Hour)
	k.Exec(`UPDATE withdrawals SET hand_over_until = hand_over_until + 7200000`)
	found("the time to hand a withdrawal over was changed")
	p.HandOver(w.ID, "payment-0001", details).Refused("approval_invalid")
	// With the event's own word of it gone for a while it is handed over, and found when both are there again.
	event := k.Query(`SELECT id, data FROM audit_events WHERE kind = 'withdrawal.approved'`)[0]
	id, data, _ := strings.Cut(event, "|")
	k.Exec(`UPDATE audit_events SET data = '{}' WHERE id = ` + id)
	p.HandOver(w.ID, "payment-0001", details).OK()
	k.Exec(`UPDATE audit_events SET data = $1 WHERE id = `+id, data)
	k.Exec(`UPDATE withdrawals SET hand_over_until = hand_over_until - 7200000`)
	found("a withdrawal was handed over after the time for it")
}

// Somebody who has the database can give himself a key; the log tells.
func TestAnAPIKeyThatSomebodyPutIntoTheDatabaseIsFound(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	p, gone := k.Payout(), k.Payout()
	if err := k.App.Withdrawals.RevokeAPIKey(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	sound(k)
	hash := k.Bytes(`'0123456789abcdef'`)
	for _, bend := range []struct{ change, back, want string }{
		{`INSERT INTO api_keys (id, secret_hash, name, created_at) VALUES ('key_forged', ` + hash + `, 'Payouts', 1)`, `DELETE FROM api_keys WHERE id = 'key_forged'`, "an API key that the log does not know: key_forged"},
		{`INSERT INTO api_keys (id, secret_hash, name, created_at) VALUES ('', ` + hash + `, 'Payouts', 1)`, `DELETE FROM api_keys WHERE id = ''`, "an API key that the log does not know"},
		{`UPDATE api_keys SET revoked_at = 0 WHERE id = '` + gone.ID + `'`, `UPDATE api_keys SET revoked_at = 1 WHERE id = '` + gone.ID + `'`, "an API key that was revoked opens again: " + gone.ID},
		{`UPDATE api_keys SET secret_hash = ` + hash + ` WHERE id = '` + p.ID + `'`, "", "an API key was put in another's place: " + p.ID},
	} {
		k.Exec(bend.change)
		if got := findings(k); len(got) != 1 || got[0] != bend.want {
			t.Errorf("%q, want %q", got, bend.want)
		}
		if bend.back != "" {
			k.Exec(bend.back)
		}
	}
}

// What is handed over proves to whoever has the log's key alone that the passkey was registered here, and that nothing of the approval is
// another than was recorded.
func TestAHandOverShowsWhatTheLogHolds(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, p := k.Full(), k.Payout()
	w, byCodes := approved(c, "20"), c.Withdraw("25")
	c.Answer(c.Approval(byCodes)).OK()
	var early struct {
		Approval struct {
			Log *struct{ Record, Registration any }
		}
	}
	p.Read("/v1/payouts/" + w.ID).OK().Into(&early)
	if early.Approval.Log != nil && early.Approval.Log.Record != nil {
		t.Error("a record before the log has it")
	}
	sound(k)
	keys, err := auditlog.VerifierKeys(k.App.Engine.Keys, auditlog.Origin(testkit.RPID, 1))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := approval.NewVerifier(approval.Options{LogKeys: keys, Recorded: true})
	if err != nil {
		t.Fatal(err)
	}
	details := p.Details(w.ID)
	for _, a := range []*testkit.Answer{p.Read("/v1/payouts/" + w.ID), p.HandOver(w.ID, "payment-0001", details), p.Read("/v1/payouts/" + byCodes.ID)} {
		var seen struct{ Approval json.RawMessage }
		a.OK().Into(&seen)
		if _, err := verifier.Verify(seen.Approval); err != nil {
			t.Errorf("%v: %s", err, seen.Approval)
		}
	}
}
