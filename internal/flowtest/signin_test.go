package flowtest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/app"
	"countersign/internal/policy"
	"countersign/internal/softkey"
	"countersign/internal/testkit"
	"countersign/internal/totp"
)

func next(v *testkit.Verification) string {
	if v.Next == nil {
		return ""
	}
	return *v.Next
}

// hasMail tells whether a message with these words in its subject was sent.
func hasMail(k *testkit.Kit, to, words string) bool {
	return slices.ContainsFunc(k.Mails(to), func(s string) bool { return strings.Contains(s, words) })
}

func TestRegistrationProvesTheAddressAndSignsIn(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	b := k.Browser()
	v := b.Post("/v1/registrations", map[string]any{"email": "Ines@Mail.Example", "password": testkit.Password, "locale": "en"}).Verification()
	if len(v.Factors) != 1 || v.Factors[0].Kind != "email" || v.Factors[0].Hint == "" || v.Factors[0].SentAt == nil || next(v) != "proof" {
		t.Errorf("%+v", v)
	}
	if n := k.Count()["accounts"]; n != 0 {
		t.Error("an account exists before its address is proven")
	}
	b.Get("/v1/account").Refused("unauthenticated")
	v = b.Codes(v.ID, map[string]string{"email": k.Code("ines@mail.example")}).Verification()
	if v.Status != "done" || v.Result.Session == nil || v.Result.Session.Token != "" {
		t.Errorf("%+v", v.Result)
	}
	var a testkit.Account
	b.Get("/v1/account").OK().Into(&a)
	if a.ID != v.Result.Session.AccountID || a.BoundCount != 1 || a.Status != "active" || a.Hold != nil {
		t.Errorf("%+v", a)
	}
	if !hasMail(k, "ines@mail.example", "ready") {
		t.Error("no welcome")
	}
}

func TestATakenAddressIsToldOnlyToWhoReadsItsMail(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Register()
	b := k.Browser()
	v := b.Post("/v1/registrations", map[string]any{"email": c.Email, "password": testkit.Password}).Verification()
	b.Codes(v.ID, map[string]string{"email": testkit.Wrong(k.Code(c.Email))}).Refused("code_wrong")
	b.Codes(v.ID, map[string]string{"email": k.Code(c.Email)}).Refused("email_taken")
	if n := k.Count()["accounts"]; n != 1 {
		t.Errorf("%d accounts", n)
	}
}

func TestWeakPasswordsAreRefusedByName(t *testing.T) {
	t.Parallel()
	b := testkit.New(t).Browser()
	for password, code := range map[string]string{"1234567": "password_too_short", strings.Repeat("é", 129): "password_too_long", "password1": "password_common"} {
		b.Post("/v1/registrations", map[string]any{"email": "a@mail.example", "password": password}).Refused(code)
	}
	b.Post("/v1/registrations", map[string]any{"email": "a@mail.example", "password": strings.Repeat("éß日 ", 31) + "ende"}).OK()
}

// The code is asked of the authenticator if bound, else by SMS, else by e-mail, and one neutral step asks for it.
func TestLoginByCodesAsksTheBestFactorAndShowsNone(t *testing.T) {
	t.Parallel()
	for name, kinds := range map[string][]policy.Kind{
		"email":                   nil,
		"phone":                   {policy.Phone},
		"authenticator":           {policy.Authenticator},
		"phone and authenticator": {policy.Phone, policy.Authenticator},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := testkit.New(t)
			c := k.Customer(kinds...)
			k.Deliver()
			sent := len(k.Inbox.All())
			b := k.Browser()
			v := b.StartLogin(strings.ToUpper(c.Email), c.Password).Verification()
			if len(v.Factors) != 1 || v.Factors[0].Kind != "any" || v.Factors[0].Hint != "" || v.Password != nil {
				t.Errorf("the step is not neutral: %+v", v)
			}
			k.Deliver()
			if got := k.Inbox.All()[:len(k.Inbox.All())-sent]; c.App != nil && len(got) != 0 {
				t.Errorf("%d messages although the app has the code", len(got))
			} else if c.App == nil && (len(got) != 1 || got[0].Code == "") {
				t.Errorf("%d messages", len(got))
			}
			done := b.Codes(v.ID, map[string]string{"any": c.LoginCode()}).Verification()
			if done.Status != "done" || done.Result.Session.Method != "codes" {
				t.Errorf("%+v", done)
			}
			if s := c.On(b).Account().Session; s.ID != done.Result.Session.ID {
				t.Errorf("signed in as %+v", s)
			}
			if c.Number != "" {
				b := k.Browser()
				v := b.StartLogin(c.Number, c.Password).Verification()
				b.Codes(v.ID, map[string]string{"any": c.LoginCode()}).OK()
			}
		})
	}
}

func TestAnOperatorCanLeaveOnlyCodesForSigningIn(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, func(c *app.Config) {
		var err error
		if c.Policy, _, err = policy.Tighten(c.Policy, c.Holds, []policy.Purpose{policy.Login}); err != nil {
			t.Fatal(err)
		}
	})
	c := k.Full()
	c.CreatePasskey()
	c.LoginByPasskey(k.Browser()).Refused("way_not_allowed")
	c.LoginByCodes(k.Browser()).OK()
}

func TestAWrongPasswordNeverSignsInWhateverTheCode(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	for _, c := range []*testkit.Customer{k.Customer(), k.Customer(policy.Authenticator)} {
		k.Deliver()
		before := len(k.Inbox.All())
		b := k.Browser()
		v := b.StartLogin(c.Email, "copper heron forty-two").Verification()
		k.Deliver()
		if len(k.Inbox.All()) != before {
			t.Error("a message is sent although the password was wrong")
		}
		code := "000000"
		if c.App != nil {
			code = c.AppCode()
		}
		b.Codes(v.ID, map[string]string{"any": code}).Refused("login_refused")
		b.Get("/v1/account").Refused("unauthenticated")
	}
}

func TestLoginByPasskeyAsksForNothingElse(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	p := c.CreatePasskey()
	before := k.Count()
	b := k.Browser()
	options := b.LoginOptions()
	if after := k.Count(); after["ceremonies"] != before["ceremonies"] || after["spent_challenges"] != before["spent_challenges"] || after["verifications"] != before["verifications"] {
		t.Error("issuing options has stored something")
	}
	if strings.Contains(string(options), "allowCredentials") || !strings.Contains(string(options), `"userVerification":"required"`) {
		t.Errorf("%s", options)
	}
	var s testkit.Session
	b.LoginWith(c.Assert(options)).OK().Into(&s)
	if s.Method != "passkey" || s.AccountID != c.ID || s.Token != "" {
		t.Errorf("%+v", s)
	}
	var one testkit.Passkey
	b.Get("/v1/passkeys/" + p.ID).OK().Into(&one)
	if !one.Current || one.LastUsedAt == nil {
		t.Errorf("%+v", one)
	}
	if !hasMail(k, c.Email, "sign-in") {
		t.Error("a new device is not told")
	}
}

func TestASyncedPasskeyWorksFromAnotherDevice(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	other := softkey.New(testkit.RPID, testkit.Origin)
	if err := other.Import(c.Device.Export()[0]); err != nil {
		t.Fatal(err)
	}
	c.Device = other
	b := k.Browser()
	c.LoginByPasskey(b).OK()
	c = c.On(b)
	c.Prove(c.Approval(c.Withdraw("20"))).OK()
}

func TestAnAppGetsItsTokenInTheBody(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	c.CreatePasskey()
	app := k.Browser()
	app.Origin = ""
	credential := c.Assert(app.LoginOptions())
	a := app.Send("POST", "/v1/login/passkey", `{"credential":`+string(credential)+`}`, map[string]string{"X-Session-Transport": "bearer"})
	var s testkit.Session
	a.OK().Into(&s)
	if s.Token == "" || strings.Contains(strings.Join(a.Header.Values("Set-Cookie"), " "), "session") {
		t.Errorf("token %q, cookies %v", s.Token, a.Header.Values("Set-Cookie"))
	}
	bare := k.Browser()
	bare.Send("GET", "/v1/account", nil, map[string]string{"Authorization": "Bearer " + s.Token}).OK()
	bare.Send("GET", "/v1/account", nil, map[string]string{"Authorization": "Bearer " + s.Token + "x"}).Refused("unauthenticated")
}

func TestSessionCookiesAreHeldToThisHost(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	c.CreatePasskey()
	a := c.LoginByPasskey(k.Browser()).OK()
	for _, line := range a.Header.Values("Set-Cookie") {
		for _, want := range []string{"__Host-", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"} {
			if !strings.Contains(line, want) {
				t.Errorf("%s is not in %q", want, line)
			}
		}
		if strings.Contains(line, "Domain") {
			t.Error(line)
		}
	}
	if a.Header.Get("Strict-Transport-Security") == "" || a.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Errorf("%v", a.Header)
	}
}

func TestSessionsLastThirtyDaysIdleAndNinetyInAll(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Register()
	for range 3 {
		k.Clock.Advance(29 * 24 * time.Hour)
		c.Get("/v1/account").OK()
	}
	k.Clock.Advance(3*24*time.Hour - time.Second)
	c.Get("/v1/account").OK()
	k.Clock.Advance(time.Second)
	c.Get("/v1/account").Refused("unauthenticated")

	d := k.Register()
	k.Clock.Advance(30*24*time.Hour + time.Minute)
	d.Get("/v1/account").Refused("unauthenticated")
}

func TestEverySignInHasANewToken(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	c.CreatePasskey()
	thief := c.Copy()
	before := c.Cookie("__Host-session")
	c.LoginByPasskey(c.Browser).OK()
	if c.Cookie("__Host-session") == before {
		t.Error("the token stays")
	}
	thief.Get("/v1/account").Refused("unauthenticated")
	for _, row := range k.Query(`SELECT token_hash FROM sessions`) {
		if row == before || strings.Contains(k.Dump(), c.Cookie("__Host-session")) {
			t.Error("a token is stored as it is")
		}
	}
}

func TestSigningOutEndsTheSession(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Register()
	thief := c.Copy()
	c.Send("DELETE", "/v1/sessions/current", nil, nil).OK()
	c.Get("/v1/account").Refused("unauthenticated")
	thief.Get("/v1/account").Refused("unauthenticated")
}

func TestTheCodeOfTheNextAndTheFormerStepIsTaken(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	for _, c2 := range []struct {
		off time.Duration
		ok  bool
	}{{-60 * time.Second, false}, {-30 * time.Second, true}, {30 * time.Second, true}, {60 * time.Second, false}} {
		k.Clock.Advance(5 * time.Minute)
		b := k.Browser()
		v := b.StartLogin(c.Email, c.Password).Verification()
		a := b.Codes(v.ID, map[string]string{"any": totp.Code(c.App, k.Clock.Now().Add(c2.off))})
		if (a.Status == 200) != c2.ok {
			t.Errorf("off by %v: %d", c2.off, a.Status)
		}
	}
}
