package flowtest

import (
	"fmt"
	"testing"
	"time"

	"countersign/internal/app"
	"countersign/internal/policy"
	"countersign/internal/store"
	"countersign/internal/testkit"
	"countersign/internal/verification"
)

func TestAVerificationTakesFiveWrongCodes(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Phone)
	v := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	c.SendCode(v.ID, "email").OK()
	c.SendCode(v.ID, "phone").OK()
	wrong := testkit.Wrong(k.Code(c.Email))
	for left := 4; left >= 0; left-- {
		var p struct {
			Results   map[string]string `json:"results"`
			TriesLeft int               `json:"tries_left"`
		}
		c.Codes(v.ID, map[string]string{"email": wrong}).Refused("code_wrong").Into(&p)
		if p.Results["email"] != "wrong" || p.TriesLeft != left {
			t.Errorf("%+v, want %d left", p, left)
		}
	}
	c.Codes(v.ID, map[string]string{"email": k.Code(c.Email), "phone": k.Code(c.Number)}).Refused("tries_exhausted")
	k.Clock.Advance(2 * time.Minute)
	if a := c.SendCode(v.ID, "email"); a.Status == 200 {
		c.Codes(v.ID, map[string]string{"email": k.Code(c.Email), "phone": k.Code(c.Number)}).Refused("tries_exhausted")
	}
	// A resent code does not refill it; another verification has five of its own.
	c.Do(policy.SetPhrase, "", "copper heron")
}

func TestManyGuessesInOneRequestOverdrawNothing(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	v := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	c.SendCode(v.ID, "email").OK()
	c.SendCode(v.ID, "phone").OK()
	email, phone := k.Code(c.Email), k.Code(c.Number)
	three := map[string]string{"email": testkit.Wrong(email), "phone": testkit.Wrong(phone), "authenticator": "000000"}
	c.Codes(v.ID, three).Refused("code_wrong")
	// Two tries are left: of three answers the third is not looked at, though it is right.
	c.Codes(v.ID, map[string]string{"email": testkit.Wrong(email), "phone": testkit.Wrong(phone), "authenticator": c.AppCode()}).Refused("code_wrong")
	c.Codes(v.ID, map[string]string{"email": email, "phone": phone, "authenticator": c.AppCode()}).Refused("tries_exhausted")
	if got := k.Query(`SELECT count(*) FROM verification_factors WHERE matched_at > 0 AND verification_id = $1`, v.ID); got[0] != "0" {
		t.Errorf("%s have matched", got[0])
	}
}

// manySends lets one network ask for more messages than a test about guesses would meet.
func manySends(c *app.Config) { c.Limits.SendOpen.Limit = 100 }

func TestAnHourTakesTenWrongCodesAndTheWaitGrows(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, manySends)
	c := k.Customer(policy.Authenticator)
	stranger := k.Browser()
	exhaust := func() (at time.Time) {
		t.Helper()
		for i := range 10 {
			if i%5 == 0 {
				k.Clock.Advance(time.Second)
			}
			v := stranger.StartLogin(c.Email, "a guess").Verification()
			stranger.Codes(v.ID, map[string]string{"any": "000000"}).Refused("login_refused")
		}
		var p struct {
			RetryAt time.Time `json:"retry_at"`
		}
		stranger.StartLogin(c.Email, "a guess").Refused("tries_exhausted").Into(&p)
		return p.RetryAt
	}
	for _, want := range []time.Duration{1, 2, 4} {
		if got := exhaust().Sub(k.Clock.Now()).Round(time.Minute); got != want*time.Hour {
			t.Errorf("the wait is %v, want %d h", got, want)
		}
		k.Clock.Advance(want*time.Hour - 2*time.Second)
		stranger.StartLogin(c.Email, "a guess").Refused("tries_exhausted")
		k.Clock.Advance(3 * time.Second)
	}
}

// A stranger uses up what the account has before a session, under whichever name; the owner's own device and sessions go on.
func TestAStrangerCannotLockTheOwnerOut(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, manySends)
	c := k.Full()
	c.CreatePasskey()
	stranger := k.Browser()
	for i, name := range []string{c.Email, c.Number, " " + c.Email, c.Number, c.Email, c.Number, c.Email, c.Number, c.Email, c.Number} {
		if i == 7 { // resets count as well
			v := stranger.Post("/v1/password-resets", map[string]string{"email": c.Email}).Verification()
			stranger.Codes(v.ID, map[string]string{"email": testkit.Wrong(k.Code(c.Email))}).Refused("code_wrong")
			continue
		}
		v := stranger.StartLogin(name, "a guess").Verification()
		stranger.Codes(v.ID, map[string]string{"any": "000000"}).Refused("login_refused")
	}
	// The account has none left under any name, but only wrong codes are to be seen of that.
	for _, name := range []string{c.Email, c.Number} {
		b := k.Browser()
		v := b.StartLogin(name, c.Password).Verification()
		b.Codes(v.ID, map[string]string{"any": c.AppCode()}).Refused("login_refused")
	}
	if got := k.Query(`SELECT count(*) FROM audit_events WHERE kind = 'guesses.exhausted'`)[0]; got != "1" {
		t.Errorf("%s events say that guesses ran out", got)
	}
	c.LoginByCodes(c.Browser).OK()
	c.LoginByPasskey(k.Browser()).OK()
	c.Do(policy.SetPhrase, "", "copper heron")

	// Nor does somebody in one session use up what another device has before one.
	for range 2 {
		v := c.Begin(policy.SetPhrase, "", "blue lamp").Verification()
		for range 5 {
			c.Codes(v.ID, map[string]string{"authenticator": "000000"}).Refused("code_wrong")
		}
	}
	v := c.Begin(policy.SetPhrase, "", "blue lamp").Verification()
	c.Codes(v.ID, map[string]string{"authenticator": c.AppCode()}).Refused("tries_exhausted")
	c.LoginByCodes(c.Browser).OK()
}

func TestACodeServesItsOwnVerificationOnce(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Phone)
	v1 := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	v2 := c.Begin(policy.UnbindFactor, "phone", "").Verification()
	c.SendCode(v1.ID, "email").OK()
	code := k.Code(c.Email)
	var p struct {
		Results map[string]string `json:"results"`
	}
	c.Codes(v2.ID, map[string]string{"email": code}).Refused("code_wrong").Into(&p)
	if p.Results["email"] != "not_sent" {
		t.Errorf("%v", p.Results)
	}
	c.SendCode(v2.ID, "email").OK()
	c.Codes(v2.ID, map[string]string{"email": code}).Refused("code_wrong")
	c.Codes(v1.ID, map[string]string{"phone": code}).Refused("code_wrong")
	half := c.Codes(v1.ID, map[string]string{"email": code}).Verification()
	if !half.Factors[0].Matched || half.Factors[1].Matched {
		t.Errorf("%+v", half.Factors)
	}
	c.SendCode(v1.ID, "phone").OK()
	done := c.Codes(v1.ID, map[string]string{"phone": k.Code(c.Number)}).Verification()
	if done.Status != "done" {
		t.Errorf("%+v", done)
	}
	c.Codes(v1.ID, map[string]string{"email": code}).Refused("verification_used")
	// Setting the phrase has voided what was open.
	c.Codes(v2.ID, map[string]string{"email": k.Code(c.Email)}).Refused("verification_void")
}

func TestAFreshCodeReplacesTheFormer(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Phone)
	v := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	c.SendCode(v.ID, "email").OK()
	former := k.Code(c.Email)
	var p struct {
		RetryAt time.Time `json:"retry_at"`
	}
	k.Clock.Advance(59 * time.Second)
	c.SendCode(v.ID, "email").Refused("resend_too_soon").Into(&p)
	if p.RetryAt.Sub(k.Clock.Now()).Round(time.Second) != time.Second {
		t.Errorf("retry at %v", p.RetryAt)
	}
	k.Clock.Advance(time.Second)
	c.SendCode(v.ID, "email").OK()
	if fresh := k.Code(c.Email); fresh != former { // once in a million they are the same
		c.Codes(v.ID, map[string]string{"email": former}).Refused("code_wrong")
	}
	c.Get("/v1/verifications/" + v.ID).OK().Into(v)
	c.Answer(v).OK()
}

func TestCodesAndVerificationsExpireForGood(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Phone)
	v := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	c.SendCode(v.ID, "email").OK()
	c.SendCode(v.ID, "phone").OK()
	codes := map[string]string{"email": k.Code(c.Email), "phone": k.Code(c.Number)}
	k.Clock.Advance(10 * time.Minute)
	var p struct {
		Results map[string]string `json:"results"`
	}
	c.Codes(v.ID, codes).Refused("code_wrong").Into(&p)
	if p.Results["email"] != "expired" || p.Results["phone"] != "expired" {
		t.Errorf("%v", p.Results)
	}
	k.Clock.Advance(-9 * time.Minute)
	c.Codes(v.ID, codes).Refused("code_wrong")
	k.Clock.Advance(13*time.Minute + 59*time.Second)
	c.SendCode(v.ID, "email").OK()
	k.Clock.Advance(time.Second)
	c.Codes(v.ID, map[string]string{"email": k.Code(c.Email)}).Refused("verification_expired")
	k.Clock.Advance(-time.Hour)
	c.Codes(v.ID, map[string]string{"email": k.Code(c.Email)}).Refused("verification_expired")
	c.SendCode(v.ID, "email").Refused("verification_expired")
	var shown testkit.Verification
	c.Get("/v1/verifications/" + v.ID).OK().Into(&shown)
	if shown.Status != "expired" {
		t.Error(shown.Status)
	}
}

func TestChallengesExpireForGood(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	login := c.Assert(c.LoginOptions())
	k.Clock.Advance(5 * time.Minute)
	c.LoginWith(login).Refused("challenge_expired")
	k.Clock.Advance(-4 * time.Minute)
	c.LoginWith(login).Refused("challenge_expired")
	k.Clock.Advance(4 * time.Minute)

	v := c.Approval(c.Withdraw("20"))
	approval := c.Assert(c.Challenge(v.ID).PublicKey)
	k.Clock.Advance(3 * time.Minute)
	c.SubmitPasskey(v.ID, approval).Refused("challenge_expired")
	k.Clock.Advance(-2 * time.Minute)
	c.SubmitPasskey(v.ID, approval).Refused("challenge_expired")
	k.Clock.Advance(2 * time.Minute)
	c.Prove(v).OK()
}

func TestSessionsAndHoldsAreNotChangedByAClockThatGoesBack(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Register()
	k.Clock.Advance(91 * day)
	c.Get("/v1/account").Refused("unauthenticated")
	k.Clock.Advance(-60 * day)
	c.Get("/v1/account").Refused("unauthenticated")

	k = testkit.New(t)
	c = k.Full()
	c.CreatePasskey()
	h := c.ProveNew(c.Do(policy.ReplaceFactor, "authenticator", ""), "").Verification().Result.Hold
	k.Clock.Advance(-20 * time.Hour)
	if now := c.Account().Hold; now == nil || !now.Until.Equal(h.Until) {
		t.Errorf("a clock that went back made of the hold %+v", now)
	}
	k.Clock.Advance(20*time.Hour + day)
	c.Prove(c.Approval(c.Withdraw("20"))).OK()
	k.Clock.Advance(-20 * time.Hour)
	if now := c.Account().Hold; now != nil {
		t.Errorf("a hold that was over is back: %+v", now)
	}
	c.Prove(c.Approval(c.Withdraw("20"))).OK()
}

func TestAStepOfTheAppServesOnce(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	v := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	code := c.AppCode()
	c.Codes(v.ID, map[string]string{"authenticator": code}).OK()
	second := c.Begin(policy.SetPhrase, "", "blue lamp").Verification()
	var p struct {
		Results map[string]string `json:"results"`
	}
	c.Codes(second.ID, map[string]string{"authenticator": code}).Refused("code_wrong").Into(&p)
	if p.Results["authenticator"] != "used" {
		t.Errorf("%v", p.Results)
	}
	// An earlier step than the one that was used serves no more either.
	c.Codes(second.ID, map[string]string{"authenticator": stepCode(c, -1)}).Refused("code_wrong")
	login := k.Browser()
	c.Kit.Clock.Advance(time.Minute)
	l := login.StartLogin(c.Email, c.Password).Verification()
	code = c.AppCode()
	c.Codes(second.ID, map[string]string{"authenticator": code}).OK()
	login.Codes(l.ID, map[string]string{"any": code}).Refused("login_refused")

	// A hundred verifications are given one code at once.
	k.Clock.Advance(2 * time.Minute)
	const many = 100
	each := make(chan string, many)
	for range many {
		each <- c.Begin(policy.SetPhrase, "", "blue lamp").Verification().ID
	}
	code = c.AppCode()
	if n := at100(t, func() *testkit.Answer { return c.Codes(<-each, map[string]string{"authenticator": code}) }, "code_wrong", "tries_exhausted"); n != 1 {
		t.Errorf("one code served %d of 100", n)
	}
	if n := k.Query(`SELECT count(*) FROM verification_factors WHERE kind = 'authenticator' AND last_step = (SELECT last_step FROM factors WHERE kind = 'authenticator')`)[0]; n != "1" {
		t.Errorf("one step has matched %s times", n)
	}
}

// Every change of a security setting voids what was begun before, whatever its purpose.
func TestChangesVoidWhatWasBegunBefore(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *testkit.Customer){
		"a passkey is created":    func(c *testkit.Customer) { c.CreatePasskey() },
		"a passkey is deleted":    nil,
		"a factor is unbound":     func(c *testkit.Customer) { c.Do(policy.UnbindFactor, "phone", "") },
		"a factor is replaced":    func(c *testkit.Customer) { c.ProveNew(c.Do(policy.ReplaceFactor, "authenticator", ""), "").OK() },
		"the password is changed": func(c *testkit.Customer) { c.Do(policy.ChangePassword, "", other) },
		"the phrase is set":       func(c *testkit.Customer) { c.Do(policy.SetPhrase, "", "blue lamp") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := testkit.New(t)
			c := k.Full()
			if change == nil {
				p := c.CreatePasskey()
				change = func(c *testkit.Customer) { c.Do(policy.DeletePasskey, p.ID, "") }
			}
			v := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
			c.SendCode(v.ID, "email").OK()
			code := k.Code(c.Email)
			b := k.Browser()
			login := b.StartLogin(c.Email, c.Password).Verification()
			reset := b.Post("/v1/password-resets", map[string]string{"email": c.Email}).Verification()
			change(c)
			c.Codes(v.ID, map[string]string{"email": code}).Refused("verification_void")
			c.SendCode(v.ID, "phone").Refused("verification_void")
			// Without a session it is of no use any more either, but does not say so: a stranger would learn that the password was right.
			if c.App != nil {
				b.Codes(login.ID, map[string]string{"any": c.AppCode()}).Refused("login_refused")
			}
			k.Clock.Advance(time.Minute)
			b.SendCode(reset.ID, "email").OK()
			b.Codes(reset.ID, map[string]string{"email": k.Code(c.Email)}).Refused("code_wrong")
			var shown testkit.Verification
			c.Get("/v1/verifications/" + v.ID).OK().Into(&shown)
			if shown.Status != "void" {
				t.Error(shown.Status)
			}
		})
	}
}

func TestWhatIsGivenUpIsVoid(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Phone)
	v := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	c.Send("DELETE", "/v1/verifications/"+v.ID, nil, nil).OK()
	c.SendCode(v.ID, "email").Refused("verification_void")
}

// Without a bound, whoever has a session could fill the database: each is a row, and so is each refusal.
func TestASessionBeginsSoManyVerificationsAnHour(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Register()
	for range 118 {
		c.Begin(policy.SetPhrase, "", "copper heron").OK()
	}
	for range 2 {
		c.Begin(policy.CreatePasskey, "", "").Refused("factors_incomplete")
	}
	before := k.Count()
	for _, purpose := range []policy.Purpose{policy.SetPhrase, policy.CreatePasskey} {
		var p struct {
			RetryAt time.Time `json:"retry_at"`
		}
		if c.Begin(purpose, "", "copper heron").Refused("rate_limited").Into(&p); p.RetryAt.Sub(k.Clock.Now()).Round(time.Minute) != time.Hour {
			t.Errorf("again at %v", p.RetryAt)
		}
	}
	if after := k.Count(); after["verifications"] != before["verifications"] || after["audit_events"] != before["audit_events"] {
		t.Errorf("a refusal beyond the budget leaves something behind: %v, before %v", after, before)
	}
	// Another session of the same account has its own: a thief of one cannot keep the owner from acting.
	b := k.Browser()
	c.LoginByCodes(b).OK()
	b.Begin(policy.SetPhrase, "", "copper heron").OK()
	k.Clock.Advance(time.Hour)
	c.Begin(policy.SetPhrase, "", "copper heron").OK()
}

func TestSendingToOneNumberHasABudget(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Phone)
	refused := 0
	for i := range 25 {
		v := c.Begin(policy.SetPhrase, "", fmt.Sprint("phrase ", i)).Verification()
		if c.SendCode(v.ID, "phone").Code() == "rate_limited" {
			refused++
		}
	}
	if refused != 15 {
		t.Errorf("%d of 25 messages to one number were refused, want 15", refused)
	}
	k.Clock.Advance(time.Hour)
	c.SendCode(c.Begin(policy.SetPhrase, "", "copper heron").Verification().ID, "phone").OK()
}

func TestSendingForAnAccountAndInAllHasBudgets(t *testing.T) {
	t.Parallel()
	for name, budget := range map[string]struct {
		of                           func(l *verification.Limits) *store.Allowance
		otherAccount, otherAddresses bool // whether they still may
	}{
		"for an account": {func(l *verification.Limits) *store.Allowance { return &l.SendFor }, true, true},
		"in all":         {func(l *verification.Limits) *store.Allowance { return &l.SendAll }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := testkit.New(t, behindProxy)
			c, d := k.Full(), k.Full()
			budget.of(&k.App.Engine.Limits).Limit = 3
			send := func(p *testkit.Customer, factor, address string) *testkit.Answer {
				v := p.Begin(policy.SetPhrase, "", "copper heron").Verification()
				return p.Send("POST", "/v1/verifications/"+v.ID+"/send", map[string]string{"factor": factor}, map[string]string{"X-Forwarded-For": address})
			}
			may := func(a *testkit.Answer, want bool) {
				t.Helper()
				if want {
					a.OK()
				} else {
					a.Refused("rate_limited")
				}
			}
			for _, factor := range []string{"email", "phone", "email"} {
				send(c, factor, "198.51.100.1").OK()
			}
			// Each is the fourth: of the account, of all.
			send(c, "phone", "198.51.100.1").Refused("rate_limited")
			may(send(d, "email", "198.51.100.1"), budget.otherAccount)
			may(send(d, "phone", "198.51.100.2"), budget.otherAddresses)
			k.Clock.Advance(time.Hour)
			send(c, "phone", "198.51.100.1").OK()
		})
	}
}

func TestWhatOneAddressLetsGoOutToNewFactorsAndBeforeSessionsHasABudget(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, behindProxy, func(c *app.Config) { c.Limits.SendFrom.Limit = 3 })
	c := k.Customer()
	c.Address = "198.51.100.1"
	for i := range 5 {
		v := c.Begin(policy.BindFactor, "phone", k.FreshNumber()).Verification()
		if a := c.Answer(v); i < 3 {
			a.OK()
		} else {
			a.Refused("rate_limited")
		}
		b := k.Browser().From("198.51.100.2")
		if a := b.StartLogin(fmt.Sprintf("nobody%d@mail.example", i), "a guess"); i < 3 {
			a.OK()
		} else {
			a.Refused("rate_limited")
		}
	}
	c.Address = "198.51.100.3"
	c.Answer(c.Begin(policy.BindFactor, "phone", k.FreshNumber()).Verification()).OK()
}
