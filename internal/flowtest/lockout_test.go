package flowtest

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"countersign/internal/app"
	"countersign/internal/policy"
	"countersign/internal/testkit"
)

// behindProxy lets browsers come from addresses of their own.
func behindProxy(c *app.Config) {
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

func TestAnotherCustomerCannotUseUpACustomersMessages(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	for range 3 {
		mallory := k.Register()
		for range 4 {
			// Whoever has an account may claim any address; the owner's own codes are counted apart from that.
			v := mallory.Begin(policy.ReplaceFactor, "email", c.Email).Verification()
			mallory.Answer(v)
		}
	}
	mallory := k.Register()
	mallory.Answer(mallory.Begin(policy.ReplaceFactor, "email", c.Email).Verification()).Refused("rate_limited")
	v := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	c.Answer(v).Verification()
}

func TestAStrangerCannotSilenceADeviceThatTheAccountKnows(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, behindProxy)
	c := k.Customer(policy.Phone)
	for i := range 40 {
		b := k.Browser().From(fmt.Sprintf("198.51.100.%d", i))
		b.Post("/v1/password-resets", map[string]string{"email": c.Email}).OK()
		b.StartLogin(c.Email, c.Password).OK()
	}
	k.Deliver()
	before := len(k.Inbox.All())
	v := c.StartLogin(c.Email, c.Password).Verification()
	k.Deliver()
	if len(k.Inbox.All()) != before+1 {
		t.Fatal("no code went out to the device that signed in before")
	}
	c.Codes(v.ID, map[string]string{"any": k.Code(c.Number)}).OK()
	reset := c.Post("/v1/password-resets", map[string]string{"email": c.Email}).Verification()
	c.Codes(reset.ID, map[string]string{"email": k.Code(c.Email)}).OK()
}

func TestOneNetworkAloneCannotSilenceAnAccount(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, behindProxy)
	c := k.Customer()
	stranger := k.Browser().From("198.51.100.7")
	for range 30 {
		stranger.Post("/v1/password-resets", map[string]string{"email": c.Email})
	}
	k.Deliver()
	owner := k.Browser().From("203.0.113.9")
	v := owner.Post("/v1/password-resets", map[string]string{"email": c.Email}).Verification()
	owner.Codes(v.ID, map[string]string{"email": k.Code(c.Email)}).OK()
}

func TestANeighbourCannotUseUpWhatSignedInCustomersAndKnownDevicesNeed(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, func(c *app.Config) { c.Limits.SendFrom.Limit, c.Limits.Begins.Limit = 60, 60 })
	c := k.Full()
	k.Exec(`DELETE FROM budgets`)
	for i := range 70 {
		k.Browser().Post("/v1/password-resets", map[string]string{"email": fmt.Sprintf("nobody%d@mail.example", i)})
	}
	k.Browser().StartLogin(c.Email, c.Password).Refused("rate_limited")
	v := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	c.SendCode(v.ID, "phone").OK()
	c.LoginByCodes(c.Browser).OK()
}

func TestSlowGuessesAreBoundedByTheDayAndTheOwnerIsTold(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, manySends)
	c := k.Customer(policy.Authenticator)
	k.Deliver()
	told := len(k.Inbox.All())
	thief := k.Browser()
	guess := func(n int) string {
		v := thief.StartLogin(c.Email, c.Password).Verification()
		for range n {
			thief.Codes(v.ID, map[string]string{"any": "000000"}).Refused("login_refused")
		}
		return v.ID
	}
	guess(5)
	k.Deliver()
	if got := len(k.Inbox.All()) - told; got != 1 {
		t.Fatalf("%d e-mails after somebody with the password failed five codes", got)
	}
	for range 5 {
		k.Clock.Advance(time.Hour + time.Second)
		guess(5)
	}
	// Thirty in a day: what comes then is a decoy, and the right code is wrong.
	k.Clock.Advance(time.Hour + time.Second)
	v := thief.StartLogin(c.Email, c.Password).Verification()
	thief.Codes(v.ID, map[string]string{"any": c.AppCode()}).Refused("login_refused")
	c.LoginByCodes(c.Browser).OK()
	k.Clock.Advance(24 * time.Hour)
	c.LoginByCodes(k.Browser()).OK()
}

func TestGuessesInOneSessionAreNotTakenFromAnother(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	thief := c.On(k.Browser())
	c.LoginByCodes(thief.Browser).OK()
	for range 2 {
		v := thief.Begin(policy.SetPhrase, "", "blue lamp").Verification()
		for range 5 {
			thief.Codes(v.ID, map[string]string{"authenticator": "000000"}).Refused("code_wrong")
		}
	}
	thief.Codes(thief.Begin(policy.SetPhrase, "", "blue lamp").Verification().ID, map[string]string{"authenticator": "000000"}).Refused("tries_exhausted")
	c.Do(policy.SetPhrase, "", "copper heron")
}

func TestAChangeOfThePasswordIsHashedForThoseOnlyWhoMayMakeIt(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, frozen := k.Customer(policy.Phone), k.Customer(policy.Phone)
	frozen.Post("/v1/account/freeze", "{}").OK()
	frozen.LoginByCodes(frozen.Browser).OK()
	for range k.Limits.NewPasswords.Limit {
		c.Begin(policy.ChangePassword, "", other).OK()
	}
	second := c.On(k.Browser())
	c.LoginByCodes(second.Browser).OK()
	k.App.Engine.Hasher = nil // whoever comes as far as to a hash gets an internal error from here on
	c.Begin(policy.ChangePassword, "", other).Refused("rate_limited")
	second.Begin(policy.ChangePassword, "", other).Refused("rate_limited")
	frozen.Begin(policy.ChangePassword, "", other).Refused("account_frozen")
	k.Clock.Advance(time.Hour)
	c.Begin(policy.ChangePassword, "", other).Refused("internal")
}
