package flowtest

import (
	"slices"
	"strings"
	"testing"

	"countersign/internal/desk"
	"countersign/internal/policy"
	"countersign/internal/softkey"
	"countersign/internal/testkit"
)

// Whatever is done to an account, its owner hears of it by e-mail, with a link by which it can be stopped.
func TestEverySecurityEventIsToldByEmail(t *testing.T) {
	t.Parallel()
	for subject, do := range map[string]func(c *testkit.Customer){
		"New sign-in to your account":           func(c *testkit.Customer) { c.LoginByCodes(c.Kit.Browser()).OK() },
		"A passkey was created":                 func(c *testkit.Customer) { c.CreatePasskey() },
		"A passkey was deleted":                 func(c *testkit.Customer) { c.Do(policy.DeletePasskey, c.CreatePasskey().ID, "") },
		"Your phone number was removed":         func(c *testkit.Customer) { c.Do(policy.UnbindFactor, "phone", "") },
		"Your password was changed":             func(c *testkit.Customer) { c.Do(policy.ChangePassword, "", other) },
		"Devices were signed out":               func(c *testkit.Customer) { c.Do(policy.EndSessions, "others", "") },
		"Your anti-phishing phrase was changed": func(c *testkit.Customer) { c.Do(policy.SetPhrase, "", "copper heron") },
		"A withdrawal address was saved":        func(c *testkit.Customer) { c.Answer(saveAddress(c, "Cold", testkit.Tron).Verification()).OK() },
		"A withdrawal was approved":             func(c *testkit.Customer) { c.Answer(c.Approval(c.Withdraw("20"))).OK() },
		"Your account is frozen":                func(c *testkit.Customer) { c.Post("/v1/account/freeze", "{}").OK() },
		"Your authenticator app was replaced":   func(c *testkit.Customer) { c.ProveNew(c.Do(policy.ReplaceFactor, "authenticator", ""), "").OK() },
		"Your phone number was added": func(c *testkit.Customer) {
			c.Do(policy.UnbindFactor, "phone", "")
			c.Bind(policy.Phone)
		},
		"Your account is unfrozen": func(c *testkit.Customer) {
			c.Post("/v1/account/freeze", "{}").OK()
			c.LoginByCodes(c.Browser).OK()
			c.Do(policy.Unfreeze, "", "")
		},
		"Your password was reset": func(c *testkit.Customer) {
			b := c.Kit.Browser()
			v := b.Post("/v1/password-resets", map[string]string{"email": c.Email}).Verification()
			v = b.Codes(v.ID, map[string]string{"email": c.Kit.Code(c.Email)}).Verification()
			b.Finish(c.On(b).Answer(v).Verification().ID, other, "all").OK()
		},
		"A passkey was suspended": func(c *testkit.Customer) {
			c.Device = softkey.New(testkit.RPID, testkit.Origin, softkey.DeviceBound())
			c.CreatePasskey()
			c.LoginByPasskey(c.Browser).OK()
			c.LoginByPasskey(c.Browser, softkey.CounterAt(1)).Refused("passkey_suspended")
		},
		"A withdrawal address was deleted": func(c *testkit.Customer) {
			c.Answer(saveAddress(c, "Cold", testkit.Tron).Verification()).OK()
			var page struct{ Items []struct{ ID string } }
			c.Get("/v1/addresses").OK().Into(&page)
			c.Send("DELETE", "/v1/addresses/"+page.Items[0].ID, nil, nil).OK()
		},
		"Support signed out your devices": func(c *testkit.Customer) {
			c.Kit.Operator(desk.Security).Post("/v1/desk/accounts/"+c.ID+"/end-sessions", map[string]any{"reason": "asked by phone"}).OK()
		},
		"Support paused your withdrawals": func(c *testkit.Customer) {
			c.Kit.Operator(desk.Security).Post("/v1/desk/accounts/"+c.ID+"/hold", map[string]any{"hours": 24, "reason": "asked by phone"}).OK()
		},
		"Too many wrong codes": func(c *testkit.Customer) {
			v := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
			for range 5 {
				c.Codes(v.ID, map[string]string{"authenticator": "000000"}).Refused("code_wrong")
			}
		},
	} {
		t.Run(subject, func(t *testing.T) {
			t.Parallel()
			k := testkit.New(t)
			c := k.Full()
			if got := k.Mails(c.Email); !slices.Contains(got, "Your account is ready") {
				t.Errorf("after registering there are %q", got)
			}
			before := len(k.Inbox.All())
			do(c)
			k.Deliver()
			told := 0
			for _, m := range k.Inbox.All()[:len(k.Inbox.All())-before] {
				if m.To == c.Email && m.Subject == subject {
					told++
					if frozen := subject == "Your account is frozen"; strings.Contains(m.Text, "/not-me#") == frozen || strings.Contains(m.Text, "Sign in: ") != frozen {
						t.Errorf("it leads elsewhere: %s", m.Text)
					}
				}
			}
			if told != 1 {
				t.Errorf("told %d times, of %q", told, k.Mails(c.Email))
			}
		})
	}
}
