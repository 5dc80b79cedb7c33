package flowtest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/asset"
	"countersign/internal/policy"
	"countersign/internal/testkit"
	"countersign/internal/totp"
)

// stepCode is the code of the step that is off by n from the present one.
func stepCode(c *testkit.Customer, n time.Duration) string {
	return totp.Code(c.App, c.Kit.Clock.Now().Add(n*totp.Period))
}

const other = "slow green harbour"

func TestChangingThePasswordEndsOtherSessions(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"codes", "passkey"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			k := testkit.New(t)
			c := k.Customer(policy.Authenticator)
			c.CreatePasskey()
			b := k.Browser()
			c.LoginByPasskey(b).OK()
			c.Begin(policy.ChangePassword, "", "short").Refused("password_too_short")
			v := c.Begin(policy.ChangePassword, "", other).Verification()
			if way == "passkey" {
				v = c.Prove(v).Verification()
			} else {
				v = c.Answer(v).Verification()
			}
			if v.Status != "done" || v.Result.Hold != nil {
				t.Errorf("%+v", v)
			}
			b.Get("/v1/account").Refused("unauthenticated")
			c.Get("/v1/account").OK()
			c.LoginByCodes(k.Browser()).Refused("login_refused")
			c.Password = other
			c.LoginByCodes(k.Browser()).OK()
			if !hasMail(k, c.Email, "password was changed") {
				t.Error("no e-mail")
			}
		})
	}
}

func TestAResetTakesEveryFactorAndGivesNoSession(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	p := c.CreatePasskey()
	b := k.Browser()
	v := b.Post("/v1/password-resets", map[string]string{"email": c.Email}).Verification()
	if len(v.Factors) != 1 || v.Factors[0].Kind != "email" {
		t.Errorf("the other factors show before the e-mail is proven: %+v", v.Factors)
	}
	b.SendCode(v.ID, "phone").Refused("invalid_request")
	b.Finish(v.ID, other, "all").Refused("conflict")
	v = b.Codes(v.ID, map[string]string{"email": k.Code(c.Email)}).Verification()
	if len(v.Factors) != 3 || next(v) != "proof" {
		t.Fatalf("%+v", v)
	}
	b.Finish(v.ID, other, "all").Refused("conflict")
	v = c.On(b).Answer(v).Verification()
	if next(v) != "finish" || v.Passkeys == nil || v.Passkeys.Total != 1 {
		t.Fatalf("%+v", v)
	}
	b.Finish(v.ID, "", "all").Refused("invalid_request")
	b.Finish(v.ID, "password1", "all").Refused("password_common")
	b.Post("/v1/verifications/"+v.ID+"/finish", map[string]string{"password": other}).Refused("invalid_request")
	v = b.Finish(v.ID, other, "all").Verification()
	if v.Status != "done" || v.Result.Session != nil || v.Result.Hold.Reason != "password_reset" {
		t.Errorf("%+v", v.Result)
	}
	b.Get("/v1/account").Refused("unauthenticated")
	c.Get("/v1/account").Refused("unauthenticated")
	c.LoginByCodes(k.Browser()).Refused("login_refused")
	c.Password = other
	c.LoginByCodes(c.Browser).OK()
	if a := c.Account(); a.Passkeys.Total != 1 || a.Hold == nil || a.Hold.Until.Sub(a.Hold.Since) != day {
		t.Errorf("%+v", a)
	}
	c.Get("/v1/passkeys/" + p.ID).OK()
}

func TestAResetDropsThePasskeysThatAreNotKept(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	c.CreatePasskey()
	b := k.Browser()
	v := b.Post("/v1/password-resets", map[string]string{"email": c.Email}).Verification()
	v = b.Codes(v.ID, map[string]string{"email": k.Code(c.Email), "authenticator": c.AppCode()}).Verification()
	if next(v) != "finish" {
		v = c.On(b).Answer(v).Verification()
	}
	b.Finish(v.ID, other, "none").OK()
	c.LoginByPasskey(k.Browser()).Refused("passkey_refused")
}

func TestThePhraseIsInEveryMailAndNowhereElse(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Phone)
	for _, bad := range []string{"abc", strings.Repeat("x", 33), "two\nlines"} {
		c.Begin(policy.SetPhrase, "", bad).Refused("invalid_request")
	}
	c.Do(policy.SetPhrase, "", "copper heron")
	if !c.Account().PhraseSet {
		t.Error("it is not set")
	}
	if a := c.Get("/v1/account"); strings.Contains(string(a.Body), "copper heron") {
		t.Error("the overview shows it")
	}
	k.Deliver()
	before := len(k.Inbox.All())
	c.Do(policy.ChangePassword, "", other)
	k.Deliver()
	for _, m := range k.Inbox.All()[:len(k.Inbox.All())-before] {
		if has := strings.Contains(m.Text, "copper heron"); has != (m.Channel == "email") {
			t.Errorf("%s %q: phrase %t", m.Channel, m.Subject, has)
		}
	}
	c.Do(policy.SetPhrase, "", "")
	if c.Account().PhraseSet {
		t.Error("it is not removed")
	}
}

func TestEndingSessionsTakesProofAndEndsNoOthers(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Customer(policy.Authenticator), k.Register()
	b1, b2, b3 := k.Browser(), k.Browser(), k.Browser()
	for _, b := range []*testkit.Browser{b1, b2, b3} {
		c.LoginByCodes(b).OK()
	}
	c.Begin(policy.EndSessions, d.Account().Session.ID, "").Refused("not_found")
	id := c.On(b1).Account().Session.ID
	c.Do(policy.EndSessions, id, "")
	b1.Get("/v1/account").Refused("unauthenticated")
	b2.Get("/v1/account").OK()
	c.Do(policy.EndSessions, "others", "")
	b2.Get("/v1/account").Refused("unauthenticated")
	b3.Get("/v1/account").Refused("unauthenticated")
	c.Get("/v1/account").OK()
	d.Get("/v1/account").OK()
	var list struct {
		Items []struct{ Current bool } `json:"items"`
	}
	c.Get("/v1/sessions").OK().Into(&list)
	if len(list.Items) != 1 || !list.Items[0].Current {
		t.Errorf("%+v", list)
	}
}

func TestACopyOfASessionEndsWithTheOtherSessions(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	spare := c.CreatePasskey()
	changes := map[string]func(){
		"password.change": func() { c.Do(policy.ChangePassword, "", other); c.Password = other },
		"sessions.end":    func() { c.Do(policy.EndSessions, "others", "") },
		"sessions.end (one)": func() {
			b := k.Browser()
			c.LoginByCodes(b).OK()
			c.Do(policy.EndSessions, c.On(b).Account().Session.ID, "")
		},
		"passkey.delete": func() { c.Do(policy.DeletePasskey, spare.ID, "") },
		"factor.replace": func() {
			number := k.FreshNumber()
			c.ProveNew(c.Do(policy.ReplaceFactor, "phone", number), number).OK()
		},
		"factor.unbind": func() { c.Do(policy.UnbindFactor, "phone", "") },
	}
	order := append(slices.Sorted(maps.Keys(changes)), "factor.bind", "account.unfreeze")
	changes["factor.bind"] = func() { c.Bind(policy.Phone) }
	changes["account.unfreeze"] = func() {
		if v := c.Do(policy.Unfreeze, "", ""); v.Status != "done" {
			c.Finish(v.ID, "", "all").OK()
		}
	}
	for _, change := range order {
		if change == "account.unfreeze" {
			c.Post("/v1/account/freeze", "{}").OK()
			c.LoginByCodes(c.Browser).OK()
		}
		thief, before := c.Copy(), c.Account().Session.ID
		thief.Get("/v1/account").OK()
		changes[change]()
		thief.Get("/v1/account").Refused("unauthenticated")
		if after := c.Account().Session.ID; after != before {
			t.Errorf("%s: the session is another one", change)
		}
	}
}

func TestAThiefsBrowserIsANewOneAfterItWasShutOut(t *testing.T) {
	t.Parallel()
	for name, shutOut := range map[string]func(*testkit.Kit, *testkit.Customer){
		"reset": func(k *testkit.Kit, c *testkit.Customer) {
			v := c.Post("/v1/password-resets", map[string]string{"email": c.Email}).Verification()
			c.Codes(v.ID, map[string]string{"email": k.Code(c.Email)}).OK()
			c.Codes(v.ID, map[string]string{"authenticator": c.AppCode()}).OK()
			c.Finish(v.ID, other, "all").OK()
			c.Password = other
		},
		"freeze":       func(_ *testkit.Kit, c *testkit.Customer) { c.Post("/v1/account/freeze", "{}").OK() },
		"sessions.end": func(_ *testkit.Kit, c *testkit.Customer) { c.Do(policy.EndSessions, "others", "") },
		"factor.replace": func(_ *testkit.Kit, c *testkit.Customer) {
			c.ProveNew(c.Do(policy.ReplaceFactor, "authenticator", ""), "").OK()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := testkit.New(t)
			c := k.Customer(policy.Authenticator)
			thief := k.Browser()
			c.LoginByCodes(thief).OK()
			shutOut(k, c)
			k.Deliver()
			told := func() int {
				return len(slices.DeleteFunc(k.Mails(c.Email), func(subject string) bool { return !strings.Contains(subject, "New sign-in") }))
			}
			before := told()
			c.LoginByCodes(c.Browser).OK()
			if told() != before {
				t.Error("the owner's own browser is a new one")
			}
			c.LoginByCodes(thief).OK()
			if told() != before+1 {
				t.Errorf("the thief's browser is still known: %v", k.Mails(c.Email))
			}
		})
	}
}

func TestARenewedTokenComesByTheWayOfTheFormerOne(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	bearer := map[string]string{"X-Session-Transport": "bearer"}
	// A page asks for the token that its cookie hides.
	v := c.Begin(policy.EndSessions, "others", "").Verification()
	c.SendCode(v.ID, "email").OK()
	codes := map[string]any{"codes": map[string]string{"email": k.Code(c.Email), "authenticator": c.AppCode()}}
	v = c.Send("POST", "/v1/verifications/"+v.ID+"/codes", codes, bearer).Verification()
	if v.Status != "done" || v.Result.Session.Token != "" {
		t.Errorf("%+v", v)
	}
	c.Get("/v1/account").OK()
	// An app gets it in the body, also without saying again how it has it.
	app := k.Browser()
	app.Origin = ""
	login := app.StartLogin(c.Email, c.Password).Verification()
	token := app.Send("POST", "/v1/verifications/"+login.ID+"/codes", map[string]any{"codes": map[string]string{"any": c.AppCode()}}, bearer).Verification().Result.Session.Token
	auth := map[string]string{"Authorization": "Bearer " + token}
	v = app.Send("POST", "/v1/verifications", map[string]any{"purpose": policy.EndSessions, "object": "others"}, auth).Verification()
	k.Deliver()
	app.Send("POST", "/v1/verifications/"+v.ID+"/send", map[string]string{"factor": "email"}, auth).OK()
	codes = map[string]any{"codes": map[string]string{"email": k.Code(c.Email), "authenticator": c.AppCode()}}
	fresh := app.Send("POST", "/v1/verifications/"+v.ID+"/codes", codes, auth).Verification().Result.Session.Token
	if fresh == "" || fresh == token || app.Cookie("__Host-session") != "" {
		t.Errorf("the token after the change is %q, the cookie %q", fresh, app.Cookie("__Host-session"))
	}
	app.Send("GET", "/v1/account", nil, auth).Refused("unauthenticated")
	app.Send("GET", "/v1/account", nil, map[string]string{"Authorization": "Bearer " + fresh}).OK()
}

func TestNamesAndLocalesHoldNothingThatDeceivesTheEye(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	p := c.CreatePasskey()
	for _, name := range []string{"\u202eenohPi no irafaS", "a\u200bb", "\u2066x", "x\u0085y"} {
		c.Send("PATCH", "/v1/passkeys/"+p.ID, map[string]string{"name": name}, nil).Refused("invalid_request")
		c.Send("PATCH", "/v1/account", map[string]string{"name": name}, nil).Refused("invalid_request")
		saveAddress(c, name, testkit.Tron).Refused("invalid_request")
		c.Begin(policy.SetPhrase, "", name+"abcd").Refused("invalid_request")
	}
	c.Send("PATCH", "/v1/passkeys/"+p.ID, map[string]string{"name": "👩\u200d💻 می\u200cخواهم"}, nil).OK()
	for _, bad := range []string{"", "\x00\r\nX: y<script>", "en\r\n", "en-", "english", strings.Repeat("a", 36), "en\u2028"} {
		c.Send("PATCH", "/v1/account", map[string]string{"locale": bad}, nil).Refused("invalid_request")
		if bad != "" {
			k.Browser().Post("/v1/registrations", map[string]string{"email": "new@mail.example", "password": testkit.Password, "locale": bad}).Refused("invalid_request")
		}
	}
	for _, good := range []string{"de", "zh-Hant", "pt-BR"} {
		c.Send("PATCH", "/v1/account", map[string]string{"locale": good}, nil).OK()
		var a struct{ Locale string }
		if c.Get("/v1/account").OK().Into(&a); a.Locale != good {
			t.Errorf("%s is stored as %s", good, a.Locale)
		}
	}
}

func saveAddress(c *testkit.Customer, label, address string) *testkit.Answer {
	return c.Post("/v1/verifications", map[string]any{"purpose": "address.save", "address": map[string]string{"label": label, "network": "tron", "address": address, "memo": ""}})
}

func TestAnAddressIsSavedByProofOnceAndForItsAccountOnly(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Full(), k.Full()
	saveAddress(c, "", testkit.Tron).Refused("invalid_request")
	saveAddress(c, "Cold", "TQm7Vh3Kx9Zd4RpNbE6wY2sJ4875Pr8aXf").Refused("address_invalid")
	v := saveAddress(c, "Cold", testkit.Tron).Verification()
	if v = c.Answer(v).Verification(); v.Status != "done" {
		t.Fatalf("%+v", v)
	}
	var list struct {
		Items []struct{ ID, Label, Address string } `json:"items"`
	}
	c.Get("/v1/addresses").OK().Into(&list)
	if len(list.Items) != 1 || list.Items[0].Address != testkit.Tron || list.Items[0].Label != "Cold" {
		t.Fatalf("%+v", list)
	}
	if w := c.Withdraw("20"); w.AddressKnown != "saved" {
		t.Errorf("%+v", w)
	}
	c.Answer(saveAddress(c, "Again", testkit.Tron).Verification()).Refused("conflict")
	d.Send("DELETE", "/v1/addresses/"+list.Items[0].ID, nil, nil).Refused("not_found")
	c.Send("DELETE", "/v1/addresses/"+list.Items[0].ID, nil, nil).OK()
	c.Send("DELETE", "/v1/addresses/"+list.Items[0].ID, nil, nil).Refused("not_found")
}

func TestFreezingStopsEverythingAndUnfreezingPauses(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	p := c.CreatePasskey()
	requested, approved := c.Withdraw("20"), c.Withdraw("30")
	c.Prove(c.Approval(approved)).OK()
	open := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	b := k.Browser()
	c.LoginByPasskey(b).OK()

	c.Post("/v1/account/freeze", "{}").OK()
	c.Get("/v1/account").Refused("unauthenticated")
	b.Get("/v1/account").Refused("unauthenticated")
	c.LoginByPasskey(c.Browser).OK()
	c.Get("/v1/verifications/" + open.ID).Refused("not_found")
	for _, w := range []*testkit.Withdrawal{requested, approved} {
		if got := c.Withdrawal(w.ID).State; got != "cancelled" {
			t.Errorf("a withdrawal of %s is %s", w.Amount, got)
		}
	}
	if got := c.Balance("USDT"); got != "1000" {
		t.Errorf("the balance is %s", got)
	}
	a := c.Account()
	if a.Status != "frozen" || a.PasskeyWithdrawals.Available || a.CodeWithdrawals.Available {
		t.Errorf("%+v", a)
	}
	c.RequestWithdrawal("a-fresh-key", "20").Refused("account_frozen")
	for purpose, object := range map[policy.Purpose]string{policy.CreatePasskey: "", policy.DeletePasskey: p.ID, policy.ChangePassword: "", policy.SetPhrase: "", policy.EndSessions: "others",
		policy.UnbindFactor: "phone", policy.ApproveWithdrawal: requested.ID} {
		c.Begin(purpose, object, other).Refused("account_frozen")
	}
	c.Send("PATCH", "/v1/passkeys/"+p.ID, map[string]string{"name": "x"}, nil).Refused("account_frozen")
	c.Send("PATCH", "/v1/account", map[string]string{"name": "x"}, nil).Refused("account_frozen")
	c.Get("/v1/activity").OK()

	v := c.Begin(policy.Unfreeze, "", "").Verification()
	if slices.Contains(v.Ways, "passkey") || v.Password == nil || v.HoldAfter == nil || *v.HoldAfter != "72h" {
		t.Errorf("%+v", v)
	}
	c.Post("/v1/verifications/"+v.ID+"/challenge", "{}").Refused("way_not_allowed")
	v = c.Answer(v).Verification()
	if next(v) != "finish" || v.Passkeys.Total != 1 {
		t.Fatalf("%+v", v)
	}
	v = c.Finish(v.ID, "", []string{p.ID}).Verification()
	if v.Result.Hold.Reason != "unfrozen" || v.Result.Hold.Until.Sub(k.Clock.Now()) != 72*time.Hour {
		t.Errorf("%+v", v.Result.Hold)
	}
	c.Begin(policy.ApproveWithdrawal, c.Withdraw("20").ID, "").Refused("withdrawals_on_hold")
	// Nor does the passkey change what protects the account meanwhile: codes do.
	paused := c.Begin(policy.ReplaceFactor, "authenticator", "").Verification()
	if slices.Contains(paused.Ways, "passkey") || paused.PasskeyBlocked == nil || paused.PasskeyBlocked.Code != "withdrawals_on_hold" || paused.PasskeyBlocked.Reason != "unfrozen" {
		t.Errorf("%+v", paused)
	}
	k.Clock.Advance(72*time.Hour - time.Second)
	c.Begin(policy.ApproveWithdrawal, c.Withdraw("20").ID, "").Refused("withdrawals_on_hold")
	k.Clock.Advance(time.Second)
	c.Prove(c.Approval(c.Withdraw("20"))).OK()
	c.Begin(policy.Unfreeze, "", "").Refused("conflict")
}

var notMe = regexp.MustCompile(`/not-me#([A-Za-z0-9_-]{43})`)

// link is the token of the newest "this wasn't me" link that was sent to an address.
func link(k *testkit.Kit, to string) string {
	k.Deliver()
	for _, m := range k.Inbox.All() {
		if found := notMe.FindStringSubmatch(m.Text); m.To == to && found != nil {
			return found[1]
		}
	}
	return ""
}

func TestAnAccountCanBeFrozenAfterItsAssetLeftTheCatalogue(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.SetBalance("USDT", "1000")
	w := c.Withdraw("250")
	c.Answer(c.Approval(w)).OK()
	k.App.Withdrawals.Catalogue = asset.Catalogue{}
	c.Post("/v1/account/freeze", "{}").OK()
	if got := c.Balance("USDT"); got != "1000" {
		t.Errorf("the balance is %s after the cancelling, want 1000", got)
	}
}

func TestALinkFreezesOnceWithoutSigningIn(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.Do(policy.ChangePassword, "", other)
	token := link(k, c.Email)
	stranger := k.Browser()
	var page struct {
		What string
		Used bool
	}
	for range 2 { // mail scanners open links
		stranger.Post("/v1/not-me/lookup", map[string]string{"token": token}).OK().Into(&page)
	}
	if page.What != "password.changed" || page.Used || c.Account().Status != "active" {
		t.Errorf("%+v", page)
	}
	stranger.Post("/v1/not-me/freeze", map[string]string{"token": token[1:] + "x"}).Refused("link_expired")
	stranger.Post("/v1/not-me/freeze", map[string]string{"token": token}).OK()
	c.Get("/v1/account").Refused("unauthenticated")
	c.Password = other
	c.LoginByCodes(c.Browser).OK()
	if got := c.Account().Status; got != "frozen" {
		t.Error(got)
	}
	v := c.Do(policy.Unfreeze, "", "")
	if v.Status != "done" {
		t.Fatalf("%+v", v)
	}
	stranger.Post("/v1/not-me/freeze", map[string]string{"token": token}).Refused("link_expired")
	if got := c.Account().Status; got != "active" {
		t.Errorf("the link has frozen twice: %s", got)
	}
	fresh := link(k, c.Email)
	k.Clock.Advance(72 * time.Hour)
	stranger.Post("/v1/not-me/freeze", map[string]string{"token": fresh}).Refused("link_expired")
	stranger.Post("/v1/not-me/lookup", map[string]string{"token": fresh}).Refused("link_expired")
}
