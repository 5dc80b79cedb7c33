package flowtest

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/policy"
	"countersign/internal/softkey"
	"countersign/internal/testkit"
)

// at100 does one thing a hundred times at once and counts the successes; the others must be refused with one of the codes.
func at100(t *testing.T, do func() *testkit.Answer, codes ...string) int {
	t.Helper()
	var ok atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for range 100 {
		all.Go(func() {
			<-start
			a := do()
			if a.Status < 300 {
				ok.Add(1)
			} else if !strings.Contains(strings.Join(codes, " "), a.Code()) || a.Code() == "" {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
	close(start)
	all.Wait()
	return int(ok.Load())
}

func TestALoginAssertionServesOnce(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	c.CreatePasskey()
	b := k.Browser()
	credential := c.Assert(b.LoginOptions())
	b.LoginWith(credential).OK()
	b.LoginWith(credential).Refused("challenge_used")
	k.Browser().LoginWith(credential).Refused("challenge_used")

	sessions := k.Count()["sessions"]
	credential = c.Assert(b.LoginOptions())
	if n := at100(t, func() *testkit.Answer { return k.Browser().LoginWith(credential) }, "challenge_used"); n != 1 {
		t.Errorf("%d of 100 signed in", n)
	}
	if got := k.Count()["sessions"]; got != sessions+1 {
		t.Errorf("%d new sessions", got-sessions)
	}
}

func TestARefusedLoginAssertionIsSpentToo(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	c.CreatePasskey()
	b := k.Browser()
	options := b.LoginOptions()
	b.LoginWith(c.Assert(options, softkey.NotVerified())).Refused("user_not_verified")
	b.LoginWith(c.Assert(options)).Refused("challenge_used")
}

func TestARefusedApprovalIsSpentToo(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	v := c.Approval(c.Withdraw("20"))
	options := c.Challenge(v.ID).PublicKey
	c.SubmitPasskey(v.ID, c.Assert(options, softkey.NotVerified())).Refused("user_not_verified")
	c.SubmitPasskey(v.ID, c.Assert(options)).Refused("challenge_used")
	c.Prove(v).OK()
}

func TestAWithdrawalIsApprovedOnceWhateverRunsAtOnce(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	w := c.Withdraw("100")
	v := c.Approval(w)
	credential := c.Assert(c.Challenge(v.ID).PublicKey)
	taken := []string{"challenge_used", "verification_used", "withdrawal_not_requested"}
	if n := at100(t, func() *testkit.Answer { return c.SubmitPasskey(v.ID, credential) }, taken...); n != 1 {
		t.Errorf("%d of 100 approved", n)
	}
	if got := c.Balance("USDT"); got != "900" {
		t.Errorf("the balance is %s", got)
	}
	c.SubmitPasskey(v.ID, credential).Refused("verification_used")

	// Many verifications of one withdrawal, each with an assertion of its own.
	w = c.Withdraw("100")
	var each []func() *testkit.Answer
	for range 20 {
		v := c.Approval(w)
		credential := c.Assert(c.Challenge(v.ID).PublicKey)
		each = append(each, func() *testkit.Answer { return c.SubmitPasskey(v.ID, credential) })
	}
	var next atomic.Int64
	if n := at100(t, func() *testkit.Answer { return each[int(next.Add(1))%len(each)]() }, taken...); n != 1 {
		t.Errorf("%d of 100 approved", n)
	}
	if got := c.Balance("USDT"); got != "800" {
		t.Errorf("the balance is %s", got)
	}
	if n := len(k.Query(`SELECT 1 FROM approvals`)); n != 2 {
		t.Errorf("%d approvals", n)
	}
	if n := len(k.Query(`SELECT 1 FROM audit_events WHERE kind = 'withdrawal.approved'`)); n != 2 {
		t.Errorf("%d events", n)
	}
}

// challengeOf is the challenge that options hold.
func challengeOf(t *testing.T, options json.RawMessage) []byte {
	t.Helper()
	var o struct{ Challenge string }
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	b, err := base64.RawURLEncoding.DecodeString(o.Challenge)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A challenge serves the purpose, session, account, withdrawal and origin that it was made for, and no other.
func TestAChallengeServesNothingElse(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Full(), k.Full()
	c.CreatePasskey()
	d.CreatePasskey()
	second := c.On(k.Browser())
	c.LoginByPasskey(second.Browser).OK()
	mine, theirs := c.Withdraw("20"), d.Withdraw("20")

	login := c.LoginOptions()
	phrase := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	phraseOptions := c.Challenge(phrase.ID).PublicKey
	withdrawal := c.Approval(mine)
	options := c.Challenge(withdrawal.ID).PublicKey
	another := c.Approval(c.Withdraw("30"))
	anotherOptions := c.Challenge(another.ID).PublicKey
	foreign := d.Approval(theirs)
	foreignOptions := d.Challenge(foreign.ID).PublicKey
	sessionOptions := second.Challenge(second.Approval(mine).ID).PublicKey

	for name, used := range map[string]json.RawMessage{"login": login, "phrase": phraseOptions, "another withdrawal": anotherOptions, "another account": foreignOptions, "another session": sessionOptions} {
		a := c.SubmitPasskey(withdrawal.ID, c.Assert(options, softkey.Challenge(challengeOf(t, used))))
		if a.Code() != "passkey_refused" {
			t.Errorf("a challenge of %s approves: %d %s", name, a.Status, a.Body)
		}
	}
	for name, used := range map[string]json.RawMessage{"a withdrawal": options, "phrase": phraseOptions} {
		if a := c.LoginWith(c.Assert(login, softkey.Challenge(challengeOf(t, used)))); a.Code() != "passkey_refused" {
			t.Errorf("a challenge of %s signs in: %d %s", name, a.Status, a.Body)
		}
	}
	c.SubmitPasskey(phrase.ID, c.Assert(phraseOptions, softkey.Challenge(challengeOf(t, options)))).Refused("passkey_refused")
	// A creation's challenge does not assert, and an assertion's does not create.
	creation := c.Do(policy.CreatePasskey, "", "")
	creationOptions := c.Challenge(creation.ID).PublicKey
	c.SubmitPasskey(withdrawal.ID, c.Assert(options, softkey.Challenge(challengeOf(t, creationOptions)))).Refused("passkey_refused")
	c.SubmitPasskey(creation.ID, c.Assert(options, softkey.Challenge(challengeOf(t, creationOptions)))).Refused("passkey_refused")
	// The verification itself is another session's and another account's secret.
	second.SubmitPasskey(withdrawal.ID, c.Assert(options)).Refused("not_found")
	d.SubmitPasskey(withdrawal.ID, d.Assert(foreignOptions)).Refused("not_found")
	if got := c.Withdrawal(mine.ID).State; got != "requested" {
		t.Error(got)
	}
	// None of these has spent what is genuine.
	c.SubmitPasskey(withdrawal.ID, c.Assert(options)).OK()
}

func TestAnAssertionIsBoundToTheOriginThatBeganIt(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	refused := func(name string, a *testkit.Answer) {
		t.Helper()
		if a.Code() != "passkey_refused" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	// Both origins are the service's own; the ceremony was begun at one of them.
	refused("login, signed at the other origin", c.LoginWith(c.Assert(c.LoginOptions(), softkey.Origin(testkit.Second))))
	elsewhere := k.Browser()
	elsewhere.Origin = testkit.Second
	refused("login, begun at one and ended at the other", elsewhere.LoginWith(c.Assert(c.LoginOptions())))
	elsewhere.LoginWith(c.Assert(elsewhere.LoginOptions(), softkey.Origin(testkit.Second))).OK()
	for _, origin := range []string{"http://bank.example", "https://bank.example:443", "https://bank.example/", "https://evil.example", "https://bank.example.evil.example", "HTTPS://bank.example", "null", ""} {
		refused("login at "+origin, c.LoginWith(c.Assert(c.LoginOptions(), softkey.Origin(origin))))
		w := c.Withdraw("20")
		refused("withdrawal at "+origin, c.Prove(c.Approval(w), softkey.Origin(origin)))
		if got := c.Withdrawal(w.ID).State; got != "requested" {
			t.Error(got)
		}
	}
	refused("in a frame", c.LoginWith(c.Assert(c.LoginOptions(), softkey.CrossOrigin(true))))
	refused("top origin", c.LoginWith(c.Assert(c.LoginOptions(), softkey.TopOrigin(testkit.Origin))))
	refused("another relying party", c.LoginWith(c.Assert(c.LoginOptions(), softkey.RPID("evil.example"))))
}

func TestDetailsChangedAfterTheReviewAreNotApproved(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	for column, value := range map[string]string{"address": "TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf", "amount": "21", "memo": "x", "fee": "2", "network": "ethereum", "asset": "USDC"} {
		w := c.Withdraw("20")
		v := c.Approval(w)
		ch := c.Challenge(v.ID)
		k.Exec(`UPDATE withdrawals SET `+column+` = $2 WHERE id = $1`, w.ID, value)
		a := c.SubmitPasskey(v.ID, c.Assert(ch.PublicKey))
		if a.Code() != "details_changed" {
			t.Errorf("%s changed: %d %s", column, a.Status, a.Body)
		}
		if got := k.Query(`SELECT state FROM withdrawals WHERE id = $1`, w.ID); got[0] != "requested" {
			t.Errorf("%s changed: %s", column, got)
		}
	}
	if got := c.Balance("USDT"); got != "1000" {
		t.Error(got)
	}
}

func TestAnotherAccountsPasskeyProvesNothing(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Full(), k.Full()
	c.CreatePasskey()
	d.CreatePasskey()
	w := c.Withdraw("20")
	v := c.Approval(w)
	ch := c.Challenge(v.ID)
	// Without an allow-list, so that the device answers with what it has.
	bare, err := json.Marshal(map[string]any{"rpId": testkit.RPID, "challenge": base64.RawURLEncoding.EncodeToString(challengeOf(t, ch.PublicKey))})
	if err != nil {
		t.Fatal(err)
	}
	handle := c.Device.Export()[0].UserHandle
	c.SubmitPasskey(v.ID, d.Assert(bare)).Refused("passkey_refused")
	v = c.Approval(w)
	bare, _ = json.Marshal(map[string]any{"rpId": testkit.RPID, "challenge": base64.RawURLEncoding.EncodeToString(challengeOf(t, c.Challenge(v.ID).PublicKey))})
	c.SubmitPasskey(v.ID, d.Assert(bare, softkey.UserHandle(handle))).Refused("passkey_refused")
	// In a login, the account is the one that the user handle names, and the key must be its own.
	d.LoginWith(d.Assert(d.LoginOptions(), softkey.UserHandle(handle))).Refused("passkey_refused")
	d.LoginWith(d.Assert(d.LoginOptions(), softkey.NoUserHandle())).Refused("passkey_refused")
	d.LoginWith(d.Assert(d.LoginOptions(), softkey.CredentialID(c.Device.Export()[0].ID))).Refused("passkey_refused")
	if got := c.Withdrawal(w.ID).State; got != "requested" {
		t.Error(got)
	}
}

func TestUserVerificationIsDemandedEverywhere(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	c.LoginByPasskey(k.Browser(), softkey.NotVerified()).Refused("user_not_verified")
	c.LoginByPasskey(k.Browser(), softkey.NotPresent()).Refused("passkey_refused")
	w := c.Withdraw("20")
	c.Prove(c.Approval(w), softkey.NotVerified()).Refused("user_not_verified")
	c.Prove(c.Begin(policy.SetPhrase, "", "copper heron").Verification(), softkey.NotVerified()).Refused("user_not_verified")
	if got := c.Withdrawal(w.ID).State; got != "requested" {
		t.Error(got)
	}
}

func TestAChangedBackupFlagIsToldApart(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	changed := softkey.Flags(true, true, false, false)
	c.LoginByPasskey(k.Browser(), changed).Refused("backup_flag_changed")
	c.Prove(c.Approval(c.Withdraw("20")), changed).Refused("backup_flag_changed")
	// Only to whoever holds the key.
	c.LoginByPasskey(k.Browser(), changed, softkey.ZeroSignature()).Refused("passkey_refused")
	if got := k.Query(`SELECT backup_eligible, backup_state FROM passkeys`); got[0] != "1|1" {
		t.Errorf("the stored flag was rewritten: %v", got)
	}
	// The backup state may change, and is kept.
	c.LoginByPasskey(k.Browser(), softkey.Flags(true, true, true, false)).OK()
	if got := k.Query(`SELECT backup_eligible, backup_state FROM passkeys`); got[0] != "1|0" {
		t.Errorf("%v", got)
	}
}

func TestACounterThatGoesBackSuspendsADeviceBoundKey(t *testing.T) {
	t.Parallel()
	for _, counter := range []uint32{0, 1, 2} {
		k := testkit.New(t)
		c := k.Full()
		c.Device = softkey.New(testkit.RPID, testkit.Origin, softkey.DeviceBound())
		p := c.CreatePasskey()
		if !p.WithdrawalPower || p.BackupEligible {
			t.Errorf("%+v", p)
		}
		c.LoginByPasskey(c.Browser).OK()
		w := c.Withdraw("20")
		open := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
		c.Prove(c.Approval(w), softkey.CounterAt(counter)).Refused("passkey_suspended")
		if got := c.Withdrawal(w.ID).State; got != "requested" {
			t.Error(got)
		}
		if !hasMail(k, c.Email, "suspended") {
			t.Error("the customer is not told")
		}
		c.LoginByPasskey(k.Browser()).Refused("passkey_suspended")
		if a := c.Account(); a.Passkeys.Total != 1 || a.Passkeys.Powerful != 0 || a.PasskeyWithdrawals.Available || a.PasskeyWithdrawals.Blocks[0].Code != "no_passkey" {
			t.Errorf("%+v", a)
		}
		c.SendCode(open.ID, "email").Refused("verification_void")
		c.Answer(c.Approval(w)).OK()
	}
}

func TestZeroAndWanderingCountersOfSyncedKeysAreFine(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	for _, n := range []uint32{0, 0, 7, 3, 0} {
		c.LoginByPasskey(k.Browser(), softkey.CounterAt(n)).OK()
		c.Prove(c.Approval(c.Withdraw("20")), softkey.CounterAt(n)).OK()
	}
	d := k.Full()
	d.Device = softkey.New(testkit.RPID, testkit.Origin, softkey.DeviceBound(), softkey.WithCounter(softkey.CounterZero))
	d.CreatePasskey()
	d.LoginByPasskey(k.Browser()).OK()
	d.LoginByPasskey(k.Browser()).OK()
}

// What changed between the challenge and the answer is noticed by the transaction that would approve.
func TestThePolicyIsCheckedAgainInTheTransactionThatApproves(t *testing.T) {
	t.Parallel()
	for name, c2 := range map[string]struct {
		change func(k *testkit.Kit, c *testkit.Customer)
		code   string
	}{
		"a factor is unbound":   {func(_ *testkit.Kit, c *testkit.Customer) { c.Do(policy.UnbindFactor, "phone", "") }, "verification_void"},
		"the account is frozen": {func(k *testkit.Kit, c *testkit.Customer) { c.On(c.Copy()).Post("/v1/account/freeze", "{}").OK() }, "unauthenticated"},
		"a hold is put on, past the engine": {func(k *testkit.Kit, c *testkit.Customer) {
			k.Exec(`UPDATE accounts SET hold_until = $2 WHERE id = $1`, c.ID, k.Clock.Now().Add(time.Hour).UnixMilli())
		}, "withdrawals_on_hold"},
		"a factor is gone, past the engine": {func(k *testkit.Kit, c *testkit.Customer) {
			k.Exec(`DELETE FROM factors WHERE account_id = $1 AND kind = 'phone'`, c.ID)
		}, "factors_incomplete"},
		"frozen, past the engine": {func(k *testkit.Kit, c *testkit.Customer) {
			k.Exec(`UPDATE accounts SET frozen = 1 WHERE id = $1`, c.ID)
		}, "account_frozen"},
		"the passkey has lost its power": {func(k *testkit.Kit, c *testkit.Customer) {
			k.Exec(`UPDATE passkeys SET withdrawal_power = 0 WHERE account_id = $1`, c.ID)
		}, "passkey_without_power"},
		"the passkey is suspended": {func(k *testkit.Kit, c *testkit.Customer) { k.Exec(`UPDATE passkeys SET suspended_at = 1`) }, "passkey_suspended"},
		"the security version grew": {func(k *testkit.Kit, c *testkit.Customer) {
			k.Exec(`UPDATE accounts SET security_version = security_version + 1`)
		}, "verification_void"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := testkit.New(t)
			c := k.Full()
			c.CreatePasskey()
			w := c.Withdraw("20")
			v := c.Approval(w)
			credential := c.Assert(c.Challenge(v.ID).PublicKey)
			c2.change(k, c)
			c.SubmitPasskey(v.ID, credential).Refused(c2.code)
			if got := k.Query(`SELECT state FROM withdrawals WHERE id = $1`, w.ID)[0]; got != "requested" && got != "cancelled" {
				t.Error(got)
			}
			if n := k.Count()["approvals"]; n != 0 || c.Balance("USDT") != "1000" {
				t.Errorf("%d approvals, balance %s", n, c.Balance("USDT"))
			}
		})
	}
}
