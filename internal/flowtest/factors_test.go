package flowtest

import (
	"strings"
	"testing"
	"time"

	"countersign/internal/policy"
	"countersign/internal/testkit"
)

const day = 24 * time.Hour

func TestWhereOneFactorIsBoundThePasswordIsAskedToo(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Register()
	v := c.Begin(policy.BindFactor, "authenticator", "").Verification()
	if v.Password == nil || v.Password.Matched || v.NewFactor == nil || v.NewFactor.Secret != nil {
		t.Fatalf("%+v", v)
	}
	c.SendCode(v.ID, "email").OK()
	code := k.Code(c.Email)
	half := c.Codes(v.ID, map[string]string{"email": code}).Verification()
	if next(half) != "proof" || half.NewFactor.Secret != nil || !half.Factors[0].Matched {
		t.Errorf("without the password: %+v", half)
	}
	c.Post("/v1/verifications/"+v.ID+"/codes", map[string]any{"password": "wrong horse"}).Refused("code_wrong")
	v = c.Post("/v1/verifications/"+v.ID+"/codes", map[string]any{"password": c.Password}).Verification()
	if next(v) != "new_factor" || v.NewFactor.Secret == nil || !strings.HasPrefix(*v.NewFactor.OtpauthURL, "otpauth://totp/Bank:") {
		t.Fatalf("%+v", v)
	}
	if v = c.ProveNew(v, "").Verification(); v.Status != "done" || v.Result.Hold != nil {
		t.Errorf("%+v", v)
	}
	// The code by which it was bound is spent.
	b := k.Browser()
	login := b.StartLogin(c.Email, c.Password).Verification()
	b.Codes(login.ID, map[string]string{"any": stepCode(c, 0)}).Refused("login_refused")
	b.Codes(login.ID, map[string]string{"any": c.AppCode()}).OK()
	if !hasMail(k, c.Email, "was added") {
		t.Error("no e-mail")
	}
}

func TestANewAddressHearsNothingBeforeTheBoundOnesAgree(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	number := k.FreshNumber()
	v := c.Begin(policy.BindFactor, "phone", number).Verification()
	c.SendCode(v.ID, "new").Refused("invalid_request")
	if k.Code(number) != "" {
		t.Error("a code was sent to the new number")
	}
	if early := c.Codes(v.ID, map[string]string{"new": "123456"}).Verification(); early.NewFactor.Matched || next(early) != "proof" {
		t.Errorf("%+v", early)
	}
	v = c.Answer(v).Verification()
	if next(v) != "new_factor" || v.NewFactor.SentAt == nil || k.Code(number) == "" {
		t.Errorf("%+v", v)
	}
	c.Codes(v.ID, map[string]string{"new": testkit.Wrong(k.Code(number))}).Refused("code_wrong")
	c.ProveNew(v, number).OK()
	for _, m := range k.Inbox.All() {
		if m.To == number && !strings.HasSuffix(strings.TrimSpace(m.Text), "@"+testkit.RPID+" #"+m.Code) {
			t.Errorf("a text message ends otherwise: %q", m.Text)
		}
	}
}

func TestASecondFactorLaterThanADayPausesWithdrawals(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	young := k.Register()
	young.Bind(policy.Phone)
	if h := young.Account().Hold; h != nil {
		t.Errorf("a new account: %+v", h)
	}
	old := k.Register()
	k.Clock.Advance(day + time.Minute)
	v := old.Begin(policy.BindFactor, "phone", k.FreshNumber()).Verification()
	if v.HoldAfter == nil || *v.HoldAfter != "24h" {
		t.Errorf("it is not said before: %v", v.HoldAfter)
	}
	h := old.Bind(policy.Authenticator).Result.Hold
	if h == nil || h.Reason != "second_factor" || h.Until.Sub(h.Since) != day {
		t.Fatalf("%+v", h)
	}
	old.SetBalance("USDT", "100")
	old.Begin(policy.ApproveWithdrawal, old.Withdraw("20").ID, "").Refused("withdrawals_on_hold")
	// The third one causes none, and does not shorten the one that is on.
	if third := old.Bind(policy.Phone); third.Result.Hold != nil {
		t.Errorf("%+v", third.Result.Hold)
	}
	if a := old.Account(); a.Hold == nil || !a.Hold.Until.Equal(h.Until) {
		t.Errorf("%+v", a.Hold)
	}
	k.Clock.Advance(day)
	old.Answer(old.Approval(old.Withdraw("20"))).OK()
}

func TestReplacingPausesEndsOtherSessionsAndTellsBothAddresses(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	other := k.Browser()
	c.LoginByCodes(other).OK()
	old := c.Email
	const fresh = "another@mail.example"
	v := c.Begin(policy.ReplaceFactor, "email", fresh).Verification()
	if v.HoldAfter == nil || *v.HoldAfter != "24h" || len(v.Factors) != 3 {
		t.Errorf("%+v", v)
	}
	v = c.ProveNew(c.Answer(v).Verification(), fresh).Verification()
	if v.Result.Hold == nil || v.Result.Hold.Reason != "factor_replaced" {
		t.Fatalf("%+v", v.Result)
	}
	over := k.Clock.Now().Add(30 * day)
	other.Get("/v1/account").Refused("unauthenticated")
	c.Get("/v1/account").OK()
	if !hasMail(k, old, "was replaced") || !hasMail(k, fresh, "was replaced") {
		t.Error("not both addresses were told")
	}
	b := k.Browser()
	b.Codes(b.StartLogin(old, c.Password).Verification().ID, map[string]string{"any": c.AppCode()}).Refused("login_refused")
	// For 30 days the old one is told too, without the phrase that proves our mails.
	c.Do(policy.SetPhrase, "", "blue lamp")
	c.Do(policy.SetPhrase, "", "red lamp")
	k.Deliver()
	for _, m := range k.Inbox.All() {
		if m.To == old && strings.Contains(m.Text+m.HTML, "blue lamp") {
			t.Error("the former address was told the phrase")
		}
	}
	// By passkey, as codes would move the clock on.
	told := func(at time.Time) int {
		before := len(k.Mails(old))
		k.Clock.Advance(at.Sub(k.Clock.Now()))
		c.Prove(c.Begin(policy.SetPhrase, "", "green lamp").Verification()).OK()
		return len(k.Mails(old)) - before
	}
	if n := told(over.Add(-time.Hour)); n != 1 {
		t.Errorf("after 29 days and 23 hours the former address is told %d times", n)
	}
	if n := told(over.Add(time.Second)); n != 0 {
		t.Errorf("after 30 days it is told %d times", n)
	}
}

func TestAFormerMailboxCanFreezeOnceAndNotForEver(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	old := c.Email
	const fresh = "another@mail.example"
	c.ProveNew(c.Do(policy.ReplaceFactor, "email", fresh), fresh).OK()
	replaced := link(k, old)
	c.Do(policy.SetPhrase, "", "blue lamp")
	phrase := link(k, old)
	if replaced == "" || phrase == "" || replaced == phrase {
		t.Fatal("the former address has no links of its own")
	}
	stranger := k.Browser()
	stranger.Post("/v1/not-me/freeze", map[string]string{"token": replaced}).OK()
	c.LoginByCodes(c.Browser).OK()
	if v := c.Do(policy.Unfreeze, "", ""); v.Status != "done" {
		t.Fatalf("%+v", v)
	}
	// What it was sent before is void, and it is told of what follows without a link.
	stranger.Post("/v1/not-me/freeze", map[string]string{"token": phrase}).Refused("link_expired")
	newest := link(k, old)
	mails := len(k.Mails(old))
	c.Do(policy.ChangePassword, "", "slow green harbour")
	c.Password = "slow green harbour"
	c.LoginByCodes(k.Browser()).OK()
	if len(k.Mails(old)) != mails+2 {
		t.Error("the former address is not told any more")
	}
	if got := link(k, old); got != newest {
		t.Error("the former address was given another link")
	}
	// The address that is bound has one in every e-mail, as before.
	stranger.Post("/v1/not-me/freeze", map[string]string{"token": link(k, fresh)}).OK()
}

func TestReplacingByPasskeyStillTakesTheNewFactorsCode(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	number := k.FreshNumber()
	v := c.Begin(policy.ReplaceFactor, "phone", number).Verification()
	v = c.Prove(v).Verification()
	if next(v) != "new_factor" || v.Status != "pending" {
		t.Fatalf("%+v", v)
	}
	c.Codes(v.ID, map[string]string{"new": testkit.Wrong(k.Code(number))}).Refused("code_wrong")
	if v = c.ProveNew(v, number).Verification(); v.Status != "done" || v.Result.Hold == nil {
		t.Errorf("%+v", v)
	}
	// While the hold is on, the passkey does not do it again.
	again := c.Begin(policy.ReplaceFactor, "phone", k.FreshNumber()).Verification()
	if again.PasskeyBlocked == nil || again.PasskeyBlocked.Code != "withdrawals_on_hold" {
		t.Errorf("%+v", again)
	}
	c.Post("/v1/verifications/"+again.ID+"/challenge", "{}").Refused("withdrawals_on_hold")
}

func TestAReplacedAuthenticatorServesNoMore(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	former := *c
	c.ProveNew(c.Do(policy.ReplaceFactor, "authenticator", ""), "").OK()
	b := k.Browser()
	v := b.StartLogin(c.Email, c.Password).Verification()
	b.Codes(v.ID, map[string]string{"any": former.AppCode()}).Refused("login_refused")
	b.Codes(v.ID, map[string]string{"any": c.AppCode()}).OK()
}

func TestUnbindingStopsPasskeyWithdrawals(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"codes", "passkey"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			k := testkit.New(t)
			c := k.Full()
			c.CreatePasskey()
			c.Begin(policy.UnbindFactor, "email", "").Refused("invalid_request")
			v := c.Begin(policy.UnbindFactor, "phone", "").Verification()
			if v.HoldAfter == nil || *v.HoldAfter != "24h" {
				t.Errorf("%v", v.HoldAfter)
			}
			if way == "passkey" {
				v = c.Prove(v).Verification()
			} else {
				v = c.Answer(v).Verification()
			}
			if v.Status != "done" || v.Result.Hold.Reason != "factor_unbound" {
				t.Fatalf("%+v", v)
			}
			k.Clock.Advance(day + time.Second)
			c.Number = ""
			approval := c.Approval(c.Withdraw("20"))
			if approval.PasskeyBlocked == nil || approval.PasskeyBlocked.Code != "factors_incomplete" {
				t.Errorf("%+v", approval)
			}
			c.Begin(policy.UnbindFactor, "phone", "").Refused("not_bound")
			c.Answer(approval).OK()
		})
	}
}

func TestOneKindIsBoundOnceAndOneNumberToOneAccount(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Full(), k.Register()
	c.Begin(policy.BindFactor, "phone", k.FreshNumber()).Refused("already_bound")
	d.Begin(policy.ReplaceFactor, "phone", k.FreshNumber()).Refused("not_bound")
	d.Begin(policy.BindFactor, "fax", "").Refused("invalid_request")
	d.Begin(policy.BindFactor, "phone", "07700").Refused("invalid_request")
	// That it is taken is told only after the code.
	v := d.Do(policy.BindFactor, "phone", c.Number)
	d.Codes(v.ID, map[string]string{"new": k.Code(c.Number)}).Refused("phone_taken")
	if d.Account().Factors[policy.Phone].Bound {
		t.Error("bound twice")
	}
	v = c.Do(policy.ReplaceFactor, "email", d.Email)
	c.Codes(v.ID, map[string]string{"new": k.Code(d.Email)}).Refused("email_taken")
}

func TestHoldsNeverShortenEachOther(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.Post("/v1/account/freeze", "{}").OK()
	c.LoginByCodes(c.Browser).OK()
	v := c.Do(policy.Unfreeze, "", "")
	if v.Status != "done" || v.Result.Hold.Until.Sub(k.Clock.Now()) != 72*time.Hour {
		t.Fatalf("%+v", v)
	}
	long := v.Result.Hold.Until
	k.Clock.Advance(time.Hour)
	if h := c.Do(policy.UnbindFactor, "phone", "").Result.Hold; !h.Until.Equal(long) || h.Reason != "unfrozen" {
		t.Errorf("%+v", h)
	}
	if a := c.Account(); !a.Hold.Until.Equal(long) {
		t.Errorf("%+v", a.Hold)
	}
}
