package flowtest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign/approval"
	"countersign/internal/app"
	"countersign/internal/auditlog"
	"countersign/internal/desk"
	"countersign/internal/policy"
	"countersign/internal/store"
	"countersign/internal/testkit"
)

// What the service writes down is in the tree, which anybody reads over HTTP and verifies; and an approval shows there how its key came.
func TestAnApprovalShowsHowItsKeyCame(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	w := c.Withdraw("20")
	r := c.Approval(w)
	c.SubmitPasskey(r.ID, c.Assert(c.Challenge(r.ID).PublicKey)).Verification()
	if err := k.App.Log.SequenceAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys, err := auditlog.VerifierKeys(k.Keys, auditlog.Origin(testkit.RPID, 1))
	if err != nil {
		t.Fatal(err)
	}
	// Past verifier: with the log's key, a key that is not registered there would be refused.
	v, err := approval.NewVerifier(approval.Options{RelyingParty: testkit.RPID, Origins: []string{testkit.Origin}, LogKeys: keys, Recorded: true, Way: approval.WayPasskey})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time without the passkey: it stays proved
		document := c.Get("/v1/withdrawals/" + w.ID + "/approval").OK().Body
		if _, err := v.Verify(document); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		for _, secret := range []string{c.Email, "Safari"} {
			if strings.Contains(string(document), secret) {
				t.Errorf("%q is in a proof", secret)
			}
		}
		k.Exec(`DELETE FROM passkeys`)
	}
	by, err := auditlog.ParseVerifiers(keys)
	if err != nil {
		t.Fatal(err)
	}
	report, err := auditlog.VerifyTree(auditlog.Web(t.Context(), k.Server.URL+"/log"), auditlog.Options{Keys: by})
	if err != nil || len(report.Findings) > 0 || report.Checkpoint.Size < 5 {
		t.Fatalf("over HTTP: %v, %+v", err, report)
	}
	whole, err := auditlog.Verify(t.Context(), k.App.DB, k.Keys, auditlog.Options{Older: []string{report.Checkpoint.Note}})
	if err != nil || len(whole.Findings) > 0 || whole.Approvals != 1 || len(whole.Older) != 1 {
		t.Fatalf("%v, %+v", err, whole)
	}
}

func TestTheLogIsReadInTheFormOfTiles(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	b := k.Browser()
	if b.Get("/log/checkpoint").Status != http.StatusNotFound {
		t.Error("there is a checkpoint before the first event")
	}
	k.Full()
	if err := k.App.Log.SequenceAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := b.Get("/log/checkpoint"); a.Status != 200 || !strings.HasPrefix(string(a.Body), testkit.RPID+"/countersign-audit/1\n") || a.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%d %s %v", a.Status, a.Body, a.Header)
	}
	if a := b.Get("/log/tile/0/000.p/2"); a.Status != 200 || len(a.Body) != 64 || !strings.Contains(a.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("%d, %d bytes, %v", a.Status, len(a.Body), a.Header)
	}
	a := b.Get("/log/tile/entries/000.p/1")
	var entry map[string]string
	if a.Status != 200 || json.Unmarshal(a.Body[2:], &entry) != nil || entry["version"] != auditlog.EntryVersion {
		t.Errorf("%d %q", a.Status, a.Body)
	}
	for _, path := range []string{"0/000", "0/001", "0/000.p/200", "0/000.p/0", "0/000.p/256", "0/000.p/01", "00/000.p/1", "64/000", "-1/000.p/1", "x/000", "0/0", "0/x000/000.p/1", "0/000/000.p/1", "entries/000", "0/", "0/999999999", "0/x999/x999/x999/x999/x999/x999/x999/999"} {
		if a := b.Get("/log/tile/" + path); a.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	for _, path := range []string{"/log/checkpoint/", "/log/", "/log/tile", "/log/nothing"} {
		if a := b.Get(path); a.Status != http.StatusNotFound || a.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d, %s", path, a.Status, a.Header.Get("Content-Type"))
		}
	}
	hidden := testkit.New(t, func(c *app.Config) { c.HideLog = true })
	hidden.Full()
	if err := hidden.App.Log.SequenceAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/log/checkpoint", "/log/tile/0/000.p/1"} {
		if a := hidden.Browser().Get(path); a.Status != http.StatusNotFound {
			t.Errorf("hidden, and %s: %d", path, a.Status)
		}
	}
}

// A hold stands between a thief who has just changed something and the money.
func TestAHoldThatWasShortenedInTheDatabaseIsFound(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	held := map[string]*testkit.Customer{}
	late := k.Register()
	k.Clock.Advance(day + time.Minute)
	hold := late.Bind(policy.Authenticator).Result.Hold
	held["factor.bound"] = late
	for kind, put := range map[string]func(c *testkit.Customer){
		"factor.replaced": func(c *testkit.Customer) { c.ProveNew(c.Do(policy.ReplaceFactor, "authenticator", ""), "").OK() },
		"factor.unbound":  func(c *testkit.Customer) { c.Do(policy.UnbindFactor, "phone", "") },
		"password.reset": func(c *testkit.Customer) {
			v := c.Post("/v1/password-resets", map[string]string{"email": c.Email}).Verification()
			v = c.Codes(v.ID, map[string]string{"email": k.Code(c.Email)}).Verification()
			c.Finish(c.Answer(v).Verification().ID, "another long password", "none").OK()
		},
		"account.unfrozen": func(c *testkit.Customer) {
			c.Post("/v1/account/freeze", "{}").OK()
			c.LoginByCodes(c.Browser).OK()
			c.Do(policy.Unfreeze, "", "")
		},
		"desk.hold": func(c *testkit.Customer) {
			k.Operator(desk.Security).Post("/v1/desk/accounts/"+c.ID+"/hold", map[string]any{"hours": 24, "reason": "Reported stolen"}).OK()
		},
	} {
		held[kind] = k.Full()
		put(held[kind])
	}
	sound(k)
	found := func(many int) string {
		t.Helper()
		lines := findings(k)
		if len(lines) != many {
			t.Fatalf("%q", lines)
		}
		return strings.Join(lines, "\n")
	}
	k.Exec(`UPDATE accounts SET hold_until = hold_until - 1 WHERE hold_until > 0`)
	got := found(len(held))
	for kind, c := range held {
		if !strings.Contains(got, kind+": "+c.ID) {
			t.Errorf("%s of %s is not in\n%s", kind, c.ID, got)
		}
	}
	k.Exec(`UPDATE accounts SET hold_until = hold_until + 1 WHERE hold_until > 0`)
	told := ""
	if err := auditlog.Story(t.Context(), k.App.DB, late.ID, func(l auditlog.Line) error {
		told += l.Text
		return nil
	}); err != nil || !strings.Contains(told, "A factor was added: authenticator, by codes. Withdrawals pause until "+store.FormatEventTime(hold.Until)) {
		t.Errorf("%v, it tells %s", err, told)
	}
	// One that is lifted for an approval, and then put on again.
	c := held["desk.hold"]
	k.Operator(desk.Security).Post("/v1/desk/accounts/"+c.ID+"/hold", map[string]any{"hours": 200, "reason": "Reported stolen"}).OK()
	k.Clock.Advance(2 * time.Minute)
	sound(k)
	k.Exec(`UPDATE accounts SET hold_until = hold_until - 864000000 WHERE id = $1`, c.ID)
	w := approved(c, "20")
	k.Exec(`UPDATE accounts SET hold_until = hold_until + 864000000 WHERE id = $1`, c.ID)
	if got := found(1); !strings.Contains(got, "a withdrawal was approved during a hold") || !strings.Contains(got, w.ID) {
		t.Error(got)
	}
	k.Clock.Advance(30 * day)
	// Its time is over, and still it is to be told that it was cut short, but of an account that is erased.
	k.Exec(`UPDATE accounts SET hold_until = 0`)
	if err := k.App.Accounts.Erase(t.Context(), late.ID, false); err != nil {
		t.Fatal(err)
	}
	found(len(held) + 1) // without the erased one; of one there were two; and what was approved
	k.Update(func(tx *store.Tx) error {
		return tx.Record(store.Event{AccountID: "acc_gone", Kind: "password.reset", OK: true, Data: map[string]string{store.HeldUntil: store.FormatEventTime(tx.Now)}})
	})
	if got := found(len(held) + 2); !strings.Contains(got, "an account was removed") {
		t.Errorf("it says\n%s", got)
	}
}

// Who has the database can give somebody a passkey, or take back what was decided; the log knows better.
func TestPasskeysAndFreezesThatTheLogDoesNotKnowAreFound(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, thief, forgetful := k.Full(), k.Full(), k.Full()
	mine, his, lost := c.CreatePasskey(), thief.CreatePasskey(), forgetful.CreatePasskey()
	account, stranger := c.Account().ID, thief.Account().ID
	if err := k.App.Log.SequenceAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	found := func() string { return strings.Join(findings(k), "\n") }
	if got := found(); got != "" {
		t.Fatal(got)
	}
	for _, bend := range []struct{ name, change, back, want string }{
		{"another's passkey", `UPDATE passkeys SET account_id = '` + account + `' WHERE id = '` + his.ID + `'`, `UPDATE passkeys SET account_id = '` + stranger + `' WHERE id = '` + his.ID + `'`,
			"a passkey that the log does not know: " + account + " " + his.ID},
		{"another key", `CREATE TABLE kept AS SELECT public_key FROM passkeys WHERE id = '` + mine.ID + `'; UPDATE passkeys SET public_key = ` + k.Bytes(`'a key'`) + ` WHERE id = '` + mine.ID + `'`,
			`UPDATE passkeys SET public_key = (SELECT public_key FROM kept) WHERE id = '` + mine.ID + `'; DROP TABLE kept`, "a passkey that the log does not know: " + account + " " + mine.ID},
		{"another id", `UPDATE passkeys SET id = 'pk_other' WHERE id = '` + mine.ID + `'`, `UPDATE passkeys SET id = '` + mine.ID + `' WHERE id = 'pk_other'`, "a passkey stands under another's id: " + account + " pk_other"},
		{"of no event", `UPDATE passkeys SET registration = -registration`, `UPDATE passkeys SET registration = -registration`, "a passkey that the log does not know: " + stranger},
	} {
		k.Exec(bend.change)
		if got := found(); !strings.Contains(got, bend.want) {
			t.Errorf("%s: it says\n%s\nwant %q", bend.name, got, bend.want)
		}
		k.Exec(bend.back)
		if got := found(); got != "" {
			t.Fatalf("%s, taken back, and still\n%s", bend.name, got)
		}
	}
	k.Exec(`CREATE TABLE kept AS SELECT * FROM passkeys`)
	c.Do(policy.DeletePasskey, mine.ID, "")
	thief.Post("/v1/account/freeze", "{}").OK()
	if got := found(); got != "" {
		t.Fatal(got)
	}
	// Of what unfreezing or a reset takes, each is named.
	reset := forgetful.Post("/v1/password-resets", map[string]string{"email": forgetful.Email}).Verification()
	reset = forgetful.Codes(reset.ID, map[string]string{"email": k.Code(forgetful.Email)}).Verification()
	reset = forgetful.Answer(reset).Verification()
	forgetful.Finish(reset.ID, "another long password", "none").OK()
	thief.LoginByCodes(thief.Browser).OK()
	thief.Finish(thief.Answer(thief.Begin(policy.Unfreeze, "", "").Verification()).Verification().ID, "", "none").OK()
	thief.Post("/v1/account/freeze", "{}").OK()
	if err := k.App.Log.SequenceAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := found(); got != "" {
		t.Fatal(got)
	}
	k.Exec(`INSERT INTO passkeys SELECT * FROM kept; UPDATE accounts SET frozen = 0`)
	if k.Path != "" && !store.IsPostgres(k.Path) {
		// The order of events is the tree's, and not that of their ids.
		k.Exec(`UPDATE audit_events SET id = 1000000 WHERE kind = 'account.unfrozen'`)
	}
	// What the service did not write unfreezes nobody.
	c.Do(policy.SetPhrase, "", "violet accordion")
	k.Exec(`UPDATE audit_events SET kind = 'account.unfrozen', account_id = '` + stranger + `' WHERE leaf = -1 AND kind = 'phrase.set'`)
	got := found()
	for _, want := range []string{"a passkey that was deleted is there again: " + account + " " + mine.ID, "a passkey that was deleted is there again: " + stranger + " " + his.ID,
		"a passkey that was deleted is there again: " + forgetful.ID + " " + lost.ID, "an account that was frozen is not any more: " + stranger} {
		if !strings.Contains(got, want) {
			t.Errorf("it says\n%s\nwant %q", got, want)
		}
	}
}
