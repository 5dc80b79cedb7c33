package flowtest

import (
	"testing"
	"time"

	"countersign/internal/policy"
	"countersign/internal/softkey"
	"countersign/internal/testkit"
)

// attempts are where a refusal may leave something: its audit event, what it used up, and the messages about it.
var attempts = []string{"audit_events", "budgets", "verifications", "verification_factors", "ceremonies", "spent_challenges", "outbox", "freeze_links", "settings", "sessions",
	"attempts", "attempt_steps"}

func TestARefusalLeavesItsAttemptAndNothingElse(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Full(), k.Full()
	c.CreatePasskey()
	bound := c.Device.Export()[0].ID
	w := c.Withdraw("20")
	number := k.FreshNumber()
	big := c.Withdraw("1000")
	c.SetBalance("USDT", "500")
	spent := c.Approval(c.Withdraw("30"))
	once := c.Assert(c.Challenge(spent.ID).PublicKey)
	c.SubmitPasskey(spent.ID, once).OK()
	two := k.Customer(policy.Authenticator)
	two.CreatePasskey()
	small := two.Withdraw("20")
	refusals := map[string]struct {
		do    func() *testkit.Answer
		code  string
		event string // the kind of its audit event, "" where there is nothing to note
	}{
		"wrong codes": {func() *testkit.Answer {
			return c.Codes(c.Begin(policy.ChangePassword, "", other).Verification().ID, map[string]string{"authenticator": "000000"})
		}, "code_wrong", "codes.wrong"},
		"a wrong code of a new number": {func() *testkit.Answer {
			v := c.Do(policy.ReplaceFactor, "phone", number)
			return c.Codes(v.ID, map[string]string{"new": testkit.Wrong(k.Code(number))})
		}, "code_wrong", "codes.wrong"},
		"a number that is taken": {func() *testkit.Answer {
			v := c.Do(policy.ReplaceFactor, "phone", d.Number)
			return c.Codes(v.ID, map[string]string{"new": k.Code(d.Number)})
		}, "phone_taken", "factor.replace.refused"},
		"a passkey with a bad signature": {func() *testkit.Answer { return c.Prove(c.Approval(w), softkey.ZeroSignature()) }, "passkey_refused", "passkey.refused"},
		"a passkey without verification": {func() *testkit.Answer { return c.Prove(c.Approval(w), softkey.NotVerified()) }, "user_not_verified", "passkey.refused"},
		"a passkey with another flag":    {func() *testkit.Answer { return c.Prove(c.Approval(w), softkey.Flags(true, true, false, false)) }, "backup_flag_changed", "passkey.refused"},
		"an expired challenge": {func() *testkit.Answer {
			v := c.Approval(w)
			ch := c.Challenge(v.ID)
			k.Clock.Advance(3 * time.Minute)
			return c.SubmitPasskey(v.ID, c.Assert(ch.PublicKey))
		}, "challenge_expired", "passkey.refused"},
		"a login with a bad signature": {func() *testkit.Answer { return c.LoginByPasskey(k.Browser(), softkey.ZeroSignature()) }, "passkey_refused", "login.refused"},
		"a login without verification": {func() *testkit.Answer { return c.LoginByPasskey(k.Browser(), softkey.NotVerified()) }, "user_not_verified", "login.refused"},
		"a login by codes, wrong": {func() *testkit.Answer {
			b := k.Browser()
			return b.Codes(b.StartLogin(c.Email, c.Password).Verification().ID, map[string]string{"any": "000000"})
		}, "login_refused", "codes.wrong"},
		"a new key without verification": {func() *testkit.Answer {
			v := d.Do(policy.CreatePasskey, "", "")
			return d.SubmitPasskey(v.ID, d.Attest(d.Challenge(v.ID), softkey.NotVerified()))
		}, "user_not_verified", "passkey.refused"},
		"a new key with a known id": {func() *testkit.Answer {
			v := d.Do(policy.CreatePasskey, "", "")
			return d.SubmitPasskey(v.ID, d.Attest(d.Challenge(v.ID), softkey.CredentialID(bound)))
		}, "passkey_exists", "passkey.create.refused"},
		"more than there is, by passkey":   {func() *testkit.Answer { return c.Prove(c.Approval(big)) }, "insufficient_balance", "withdrawal.approve.refused"},
		"more than there is, by codes":     {func() *testkit.Answer { return c.Answer(c.Approval(big)) }, "insufficient_balance", "withdrawal.approve.refused"},
		"a login with a foreign challenge": {func() *testkit.Answer { return k.Browser().LoginWith(once) }, "passkey_refused", "login.refused"},
		"an approval replayed":             {func() *testkit.Answer { return c.SubmitPasskey(spent.ID, once) }, "verification_used", "passkey.refused"},
		"another account's verification":   {func() *testkit.Answer { return d.Codes(spent.ID, nil) }, "not_found", "verification.refused"},
		"another's verification, by passkey": {func() *testkit.Answer {
			return d.SubmitPasskey(c.Approval(w).ID, once)
		}, "not_found", "verification.refused"},
		"a challenge for two of three": {func() *testkit.Answer {
			return two.Post("/v1/verifications/"+two.Approval(small).ID+"/challenge", "{}")
		}, "factors_incomplete", "verification.refused"},
		"a creation before the codes": {func() *testkit.Answer {
			return d.Post("/v1/verifications/"+d.Begin(policy.CreatePasskey, "", "").Verification().ID+"/challenge", "{}")
		}, "conflict", "verification.refused"},
		"an approval after a factor went": {func() *testkit.Answer {
			v := c.Approval(w)
			answer := c.Assert(c.Challenge(v.ID).PublicKey)
			k.Exec(`UPDATE accounts SET security_version = security_version + 1 WHERE id = $1`, c.ID)
			defer k.Exec(`UPDATE accounts SET security_version = security_version - 1 WHERE id = $1`, c.ID)
			defer func() {
				if open := k.Query(`SELECT 1 FROM ceremonies WHERE verification_id = $1 AND consumed_at = 0`, v.ID); len(open) != 0 {
					t.Error("the challenge of a void approval is not spent")
				}
			}()
			return c.SubmitPasskey(v.ID, answer)
		}, "verification_void", "passkey.refused"},
		"a sixth wrong code": {func() *testkit.Answer {
			v := c.Begin(policy.ChangePassword, "", other).Verification()
			for range 5 {
				c.Codes(v.ID, map[string]string{"authenticator": "000000"})
			}
			return c.Codes(v.ID, map[string]string{"authenticator": "000000"})
		}, "tries_exhausted", "verification.refused"},
		"a purpose that is closed": {func() *testkit.Answer {
			k.Exec(`UPDATE accounts SET hold_until = $2, hold_reason = 'unfrozen' WHERE id = $1`, d.ID, k.Clock.Now().Add(day).UnixMilli())
			defer k.Exec(`UPDATE accounts SET hold_until = 0, hold_reason = '' WHERE id = $1`, d.ID)
			return d.Begin(policy.ApproveWithdrawal, w.ID, "")
		}, "withdrawals_on_hold", "verification.refused"},
	}
	for name, r := range refusals {
		k.Exec(`UPDATE withdrawals SET expires_at = $1 WHERE state = 'requested'`, k.Clock.Now().Add(time.Hour).UnixMilli())
		k.Exec(`DELETE FROM budgets`)
		before := dump(k)
		events := len(k.Query(`SELECT 1 FROM audit_events WHERE kind = $1 AND ok = 0`, r.event))
		if a := r.do(); a.Code() != r.code {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
		if after := dump(k); after != before {
			t.Errorf("%s left:\n%s", name, difference(before, after))
		}
		if n := len(k.Query(`SELECT 1 FROM audit_events WHERE kind = $1 AND ok = 0`, r.event)); n != events+1 {
			t.Errorf("%s left %d events %s", name, n-events, r.event)
		}
	}
}

func TestALoginReplayedIsWrittenDown(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	answer := c.Assert(k.Browser().LoginOptions())
	k.Browser().LoginWith(answer).OK()
	k.Browser().LoginWith(answer).Refused("challenge_used")
	if n := len(k.Query(`SELECT 1 FROM audit_events WHERE kind = 'login.refused' AND ok = 0 AND data LIKE '%challenge_used%'`)); n != 1 {
		t.Errorf("%d events", n)
	}
}

// dump is all but the attempts; that a use of a step of the app's was spent is part of one.
func dump(k *testkit.Kit) string {
	all := k.Dump(append(attempts, "factors")...)
	for _, row := range k.Query(`SELECT account_id, kind, value_sealed, value_index, hint, bound_at FROM factors ORDER BY 1, 2`) {
		all += row + "\n"
	}
	return all
}
