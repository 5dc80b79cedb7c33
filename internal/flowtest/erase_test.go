package flowtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/app"
	"countersign/internal/auditlog"
	"countersign/internal/policy"
	"countersign/internal/store"
	"countersign/internal/testkit"
)

// lived is a customer who has used everything that leaves something behind.
func lived(k *testkit.Kit) (*testkit.Customer, *testkit.Withdrawal) {
	c := k.Full()
	c.Send("PATCH", "/v1/account", map[string]any{"name": "Marguerite Duval"}, nil).OK()
	w := approved(c, "20")
	c.Answer(saveAddress(c, "Cold storage of Marguerite", testkit.Tron).Verification()).OK()
	c.Do(policy.SetPhrase, "", "violet accordion")
	ask(c.Browser, "other", "Help, says Marguerite.")
	c.Post("/v1/attempts", report("sign_in", "", map[string]any{"step": "failed", "code": "no_passkey_here"})).OK()
	p := k.Payout()
	p.HandOver(w.ID, "payment-"+w.ID, p.Details(w.ID)).OK()
	k.Deliver()
	return c, w
}

// sound sequences the log and verifies it with all that it vouches for.
// findings are what `audit verify` finds, a line each.
func findings(k *testkit.Kit) (lines []string) {
	k.T.Helper()
	r, err := auditlog.Verify(context.Background(), k.App.DB, k.App.Engine.Keys, auditlog.Options{})
	if err != nil {
		k.T.Fatal(err)
	}
	for _, f := range r.Findings {
		lines = append(lines, f.String())
	}
	return lines
}

func sound(k *testkit.Kit) *auditlog.Report {
	k.T.Helper()
	if err := k.App.Log.SequenceAll(context.Background()); err != nil {
		k.T.Fatal(err)
	}
	r, err := auditlog.Verify(context.Background(), k.App.DB, k.App.Engine.Keys, auditlog.Options{})
	if err != nil || len(r.Findings) > 0 {
		k.T.Errorf("%+v, %v", r, err)
	}
	return r
}

func TestAnErasedAccountLeavesNobodysDataBehind(t *testing.T) {
	t.Parallel()
	for _, withdrawals := range []bool{false, true} {
		k := testkit.New(t)
		c, w := lived(k)
		other, _ := lived(k)
		session, handle := c.Account().Session.ID, k.Query(`SELECT handle FROM accounts WHERE id = $1`, c.ID)[0]
		credential := c.Assert(k.Browser().LoginOptions())
		before := k.Count()
		if err := k.App.Accounts.Erase(context.Background(), c.ID, withdrawals); err != nil {
			t.Fatal(err)
		}
		k.Deliver()
		if mails := k.Mails(c.Email); len(mails) == 0 || !strings.Contains(strings.Join(mails, "\n"), "erased") {
			t.Errorf("told: %v", mails)
		}
		c.Get("/v1/account").Refused("unauthenticated")
		k.Browser().LoginWith(credential).Refused("passkey_refused")
		// What the tree did not have yet follows once it has; what expires by itself has, eight days later.
		sound(k)
		if err := k.App.Accounts.GoOnErasing(context.Background()); err != nil {
			t.Fatal(err)
		}
		k.Clock.Advance(8 * 24 * time.Hour)
		if err := k.App.DB.Purge(context.Background()); err != nil {
			t.Fatal(err)
		}
		if r := sound(k); r.Redacted == 0 {
			t.Errorf("%+v", r)
		}
		if left := k.Query(`SELECT erasing FROM accounts WHERE id = $1`, c.ID)[0]; left != "0" {
			t.Error("the erasure is not at its end")
		}
		// Nothing is left to be found by, in any column of any table.
		for _, table := range k.Tables() {
			if table == "log_tiles" {
				continue // hashes, and entries, which are looked at below
			}
			for _, row := range k.Query(`SELECT * FROM ` + table) {
				for what, text := range map[string]string{"name": "Marguerite", "session": session, "handle": handle, "e-mail": c.Email, "number": c.Number} {
					if strings.Contains(row, text) && !strings.Contains(row, other.ID) {
						t.Errorf("%s: the %s is left: %s", table, what, row)
					}
				}
			}
		}
		for _, table := range []string{"factors", "former_emails", "devices", "sessions", "passkeys", "balances", "addresses", "freeze_links", "attempts", "tickets"} {
			if n := k.Query(`SELECT count(*) FROM `+table+` WHERE account_id = $1`, c.ID)[0]; n != "0" {
				t.Errorf("%s: %s rows", table, n)
			}
			if n := k.Query(`SELECT count(*) FROM `+table+` WHERE account_id = $1`, other.ID)[0]; n == "0" && table != "former_emails" {
				t.Errorf("%s of somebody else is gone", table)
			}
		}
		var bundle []byte
		k.Update(func(tx *store.Tx) (err error) {
			_, bundle, err = tx.Tile(-1, 0)
			return err
		})
		for _, text := range []string{c.Email, c.Number, session, "Safari", "127.0.0.1", testkit.Tron, "Marguerite"} {
			if strings.Contains(string(bundle), text) || !strings.Contains(string(bundle), c.ID) {
				t.Errorf("the tree has %s, or not the account's id", text)
			}
		}
		want := "1"
		if withdrawals {
			want = "0"
		}
		for _, query := range []string{`SELECT count(*) FROM withdrawals WHERE id = $1`, `SELECT count(*) FROM approvals WHERE withdrawal_id = $1`} {
			if n := k.Query(query, w.ID)[0]; n != want {
				t.Errorf("%s: %s, want %s", query, n, want)
			}
		}
		if n := k.Query(`SELECT count(*) FROM audit_events WHERE kind = 'account.erased' AND account_id = $1`, c.ID)[0]; n != "1" {
			t.Errorf("%s entries", n)
		}
		if after := k.Count(); after["audit_events"] <= before["audit_events"] {
			t.Error("events are gone")
		}
		if err := k.App.Accounts.Erase(context.Background(), c.ID, true); err == nil {
			t.Error("erased twice")
		}
		// The address is free for somebody new, who has nothing of the former account.
		b := k.Browser()
		v := b.Post("/v1/registrations", map[string]any{"email": c.Email, "password": c.Password}).Verification()
		b.Codes(v.ID, map[string]string{"email": k.Code(c.Email)}).OK()
		if body := string(b.Get("/v1/account").OK().Body); strings.Contains(body, c.ID) {
			t.Error(body)
		}
		if err := k.App.Accounts.Erase(context.Background(), "acc_nobody", true); err == nil {
			t.Error("nobody was erased")
		}
	}
}

func TestAnOpenWithdrawalKeepsAnAccountFromBeingErased(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	w := c.Withdraw("20")
	if err := k.App.Accounts.Erase(context.Background(), c.ID, true); err == nil || !strings.Contains(err.Error(), w.ID) {
		t.Fatalf("%v", err)
	}
	c.CreatePasskey()
	c.Prove(c.Approval(w)).OK()
	if err := k.App.Accounts.Erase(context.Background(), c.ID, true); err == nil || !strings.Contains(err.Error(), w.ID) {
		t.Fatalf("%v", err)
	}
	c.Get("/v1/account").OK()
	p := k.Payout()
	p.HandOver(w.ID, "payment-0001", p.Details(w.ID)).OK()
	if err := k.App.Accounts.Erase(context.Background(), c.ID, true); err != nil {
		t.Fatal(err)
	}
}

func TestAnInterruptedErasureGoesOn(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, _ := lived(k)
	sound(k)
	// As a kill leaves it after the first step.
	k.Exec(`UPDATE accounts SET erased_at = 1, erasing = 2, frozen = 1, password_hash = '' WHERE id = $1`, c.ID)
	if err := k.App.Accounts.GoOnErasing(context.Background()); err != nil {
		t.Fatal(err)
	}
	if left := k.Query(`SELECT (SELECT count(*) FROM passkeys WHERE account_id = $1) + (SELECT count(*) FROM withdrawals WHERE account_id = $1) + (SELECT erasing FROM accounts WHERE id = $1)`, c.ID)[0]; left != "0" {
		t.Errorf("%s left", left)
	}
}

func TestWhatHappensAfterAnErasureStaysTold(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, w := lived(k)
	if err := k.App.Accounts.Erase(context.Background(), c.ID, false); err != nil {
		t.Fatal(err)
	}
	// Before the erasure has its place, so that both get theirs together.
	p := k.Payout()
	p.HandOver(w.ID, "payment-once-more", p.Details(w.ID)).Refused("withdrawal_not_approved")
	sound(k)
	if err := k.App.Accounts.GoOnErasing(context.Background()); err != nil {
		t.Fatal(err)
	}
	sound(k)
	if got := k.Query(`SELECT kind FROM audit_events WHERE account_id = $1 AND redacted_at = 0 ORDER BY id`, c.ID); strings.Join(got, " ") != "account.erased hand_over.refused" {
		t.Errorf("%v", got)
	}
	if left := k.Query(`SELECT erasing FROM accounts WHERE id = $1`, c.ID)[0]; left != "0" {
		t.Error("the erasure is not at its end")
	}
}

func TestDecidedWithdrawalsGoWhenTheirTimeIsOver(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, func(c *app.Config) { c.WithdrawalRetention = 30 * 24 * time.Hour; c.HandOverLife = 720 * time.Hour })
	c, p := k.Full(), k.Payout()
	old := approved(c, "20")
	approved(c, "21")
	p.HandOver(old.ID, "payment-0001", p.Details(old.ID)).OK()
	k.Clock.Advance(30*24*time.Hour - time.Hour)
	in := c.On(k.Browser())
	c.LoginByPasskey(in.Browser).OK()
	young := in.Withdraw("22")
	in.Post("/v1/withdrawals/"+young.ID+"/cancel", "{}").OK()
	left := func() string {
		return strings.Join(k.Query(`SELECT w.amount || CASE WHEN a.withdrawal_id IS NULL THEN '' ELSE '+' END FROM withdrawals w LEFT JOIN approvals a ON a.withdrawal_id = w.id ORDER BY w.amount`), " ")
	}
	if err := k.App.Withdrawals.RemoveOld(context.Background()); err != nil || left() != "20+ 21+ 22" {
		t.Errorf("%s, %v", left(), err)
	}
	k.Clock.Advance(time.Hour + time.Second)
	// What is approved and not handed over is open, however old.
	if err := k.App.Withdrawals.RemoveOld(context.Background()); err != nil || left() != "21+ 22" {
		t.Errorf("%s, %v", left(), err)
	}
	if n := k.Query(`SELECT count(*) FROM audit_events WHERE kind = 'log.redacted'`)[0]; n != "1" {
		t.Errorf("%s entries", n)
	}
	sound(k)
}

func TestARuleThatIsTakenAwayLeavesItsEventsToTheOthers(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	k := testkit.New(t)
	k.Full().Do(policy.SetPhrase, "", "violet accordion")
	sound(k)
	k.Clock.Advance(91 * day)
	for _, step := range []struct {
		rules store.Retention
		left  string
	}{{store.Retention{"login": 365 * day, "": 90 * day}, "login"}, {store.Retention{"": 90 * day}, ""}} {
		if err := k.App.DB.Retain(context.Background(), step.rules); err != nil {
			t.Fatal(err)
		}
		sound(k)
		if got := strings.Join(k.Query(`SELECT DISTINCT kind FROM audit_events WHERE browser <> '' AND kind <> 'passkey.created'`), " "); got != step.left {
			t.Errorf("%v leaves %q, want %q", step.rules, got, step.left)
		}
	}
}

func TestEventsKeepWhatTheyTellForAsLongAsTheirKindIsKept(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	k := testkit.New(t, func(c *app.Config) {
		c.EventRetention = store.Retention{"login": 30 * day, "factor": 60 * day, "": 90 * day}
	})
	c := k.Full()
	approved(c, "20")
	c.Do(policy.SetPhrase, "", "violet accordion")
	if err := k.App.Withdrawals.RevokeAPIKey(t.Context(), k.Payout().ID); err != nil {
		t.Fatal(err)
	}
	sound(k)
	told := func() string {
		return strings.Join(k.Query(`SELECT DISTINCT kind FROM audit_events WHERE browser <> '' ORDER BY kind`), " ")
	}
	retain := func() {
		t.Helper()
		if err := k.App.Retain(context.Background()); err != nil {
			t.Fatal(err)
		}
		sound(k)
	}
	all := told()
	for _, step := range []struct {
		after time.Duration
		gone  []string
	}{{28 * day, nil}, {3 * day, []string{"login"}}, {30 * day, []string{"factor.bound", "login"}}, {30 * day, []string{"account.created", "factor.bound", "login", "phrase.set"}}} {
		k.Clock.Advance(step.after)
		retain()
		want := strings.Fields(all)
		want = slices.DeleteFunc(want, func(kind string) bool { return slices.Contains(step.gone, kind) })
		if got := told(); got != strings.Join(want, " ") {
			t.Errorf("after %s: %s, want %v", step.after, got, want)
		}
	}
	if kept := k.Query(`SELECT kind FROM audit_events WHERE kind LIKE 'api_key.%' AND redacted_at = 0 AND data <> '{}' ORDER BY id`); len(kept) != 2 {
		t.Errorf("of API keys are left %v", kept)
	}
	// A row that was redacted by somebody else, before its time, is found.
	k.Exec(`UPDATE audit_events SET session_id = '', browser = '', address = '', data = '{}', salt = NULL, redacted_at = 1 WHERE kind = 'passkey.created'`)
	if len(findings(k)) == 0 {
		t.Error("nothing is found")
	}
}

// What was begun before an erasure, and what a kill after its first step leaves where it is, lets nobody in and writes nothing new.
func TestWhatWasBegunBeforeAnErasureComesToNothing(t *testing.T) {
	t.Parallel()
	for _, whole := range []bool{false, true} {
		k := testkit.New(t)
		c := k.Full()
		c.CreatePasskey()
		byPasskey, byCodes := k.Browser(), k.Browser()
		assertion := c.Assert(byPasskey.LoginOptions())
		login := byCodes.StartLogin(c.Email, c.Password).Verification()
		code := c.LoginCode()
		bind := c.Begin(policy.SetPhrase, "", "violet accordion").Verification()
		proof := c.Proof(bind)
		if whole {
			if err := k.App.Accounts.Erase(t.Context(), c.ID, true); err != nil {
				t.Fatal(err)
			}
		} else {
			k.Update(func(tx *store.Tx) error {
				_, err := tx.MarkErased(c.ID, true)
				return errors.Join(err, tx.EndSessions(c.ID, ""))
			})
		}
		for name, a := range map[string]*testkit.Answer{
			"by passkey": byPasskey.LoginWith(assertion),
			"by codes":   byCodes.Codes(login.ID, map[string]string{"any": code}),
			"anew":       k.Browser().LoginWith(c.Assert(k.Browser().LoginOptions())),
			"phrase":     c.Post("/v1/verifications/"+bind.ID+"/codes", proof),
		} {
			if a.Status < 400 {
				t.Errorf("%s, whole %v: %d %s", name, whole, a.Status, a.Body)
			}
		}
		if err := k.App.Accounts.GoOnErasing(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"sessions", "devices", "factors", "passkeys", "freeze_links"} {
			if n := k.Query(`SELECT count(*) FROM `+table+` WHERE account_id = $1`, c.ID)[0]; n != "0" {
				t.Errorf("%s, whole %v: %s rows", table, whole, n)
			}
		}
	}
}

// The events are redacted, and the records of approvals stay, with what opens what the tree has of them.
func TestAnErasedAccountsApprovalsAreStillVerified(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, w := lived(k)
	sound(k)
	if err := k.App.Accounts.Erase(t.Context(), c.ID, false); err != nil {
		t.Fatal(err)
	}
	sound(k)
	if err := k.App.Accounts.GoOnErasing(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, other := lived(k)
	sound(k)
	found := func(want string) {
		t.Helper()
		if got := findings(k); len(got) != 1 || !strings.HasPrefix(got[0], want) || !strings.Contains(got[0], w.ID) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	k.Exec(`UPDATE audit_events SET browser = 'Chrome' WHERE account_id = $1 AND kind = 'account.created'`, c.ID)
	if got := findings(k); len(got) != 1 || !strings.Contains(got[0], "it was redacted, and tells something") {
		t.Errorf("%q", got)
	}
	k.Exec(`UPDATE audit_events SET browser = '' WHERE account_id = $1 AND kind = 'account.created'`, c.ID)
	k.Exec(`CREATE TABLE kept AS SELECT document, fingerprint FROM approvals WHERE withdrawal_id = '` + w.ID + `'`)
	k.Exec(`UPDATE approvals SET document = (SELECT document FROM approvals WHERE withdrawal_id = $1), fingerprint = (SELECT fingerprint FROM approvals WHERE withdrawal_id = $1) WHERE withdrawal_id = $2`, other.ID, w.ID)
	found("the record of an approval was changed")
	k.Exec(`UPDATE approvals SET document = `+k.Bytes(`replace(`+k.Text("document")+`, $1, $2)`)+` WHERE withdrawal_id = $3`, testkit.Tron, testkit.Tron[:20]+"X"+testkit.Tron[21:], w.ID)
	found("the record of an approval was changed")
	k.Exec(`UPDATE approvals SET document = (SELECT document FROM kept), fingerprint = (SELECT fingerprint FROM kept) WHERE withdrawal_id = $1`, w.ID)
	sound(k)
}
