package flowtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/policy"
	"countersign/internal/testkit"
)

var (
	anID    = regexp.MustCompile(`"[a-z]+_[0-9a-z]{26}"|"[0-9a-f]{16}"`)
	cookie  = regexp.MustCompile(`=[A-Za-z0-9_-]{43};`)
	dateish = regexp.MustCompile(`Date:\[[^\]]*\]|X-Request-Id:\[[0-9a-f]*\]`)
)

// seen is all of an answer that a stranger can see, but for what is random in each.
func seen(a *testkit.Answer) string {
	header := cookie.ReplaceAllString(fmt.Sprint(a.Header), "=…;")
	return fmt.Sprint(a.Status, " ", dateish.ReplaceAllString(header, ""), " ", anID.ReplaceAllString(string(a.Body), `"…"`))
}

// written is by how much each table has grown.
func written(k *testkit.Kit, do func()) map[string]int {
	before := k.Count()
	do()
	after := k.Count()
	for table, n := range before {
		if after[table] -= n; after[table] == 0 {
			delete(after, table)
		}
	}
	return after
}

// subject is somebody that a stranger asks about, on an installation of their own.
type subject struct {
	kit                  *testkit.Kit
	identifier, password string
}

// subjects are people who exist and people who do not, with right and wrong passwords, at one installation. All addresses
// have one mask.
func subjects(t *testing.T) (*testkit.Kit, map[string]subject) {
	k := testkit.New(t)
	out := map[string]subject{}
	for name, kinds := range map[string][]policy.Kind{"e-mail": nil, "phone": {policy.Phone}, "app": {policy.Authenticator}, "phone and app": {policy.Phone, policy.Authenticator}} {
		c := k.Customer(kinds...)
		out[name+", password right"] = subject{k, c.Email, c.Password}
		if slices.Contains(kinds, policy.Phone) {
			continue
		}
		c = k.Customer(kinds...)
		out[name+", password wrong"] = subject{k, c.Email, "some other words"}
	}
	c := k.Customer(policy.Authenticator)
	k.Exec(`UPDATE accounts SET frozen = 1, hold_until = 9999999999999, hold_since = 1, hold_reason = 'unfrozen' WHERE id = $1`, c.ID)
	out["frozen"] = subject{k, c.Email, c.Password}
	out["unknown"] = subject{k, "person99@mail.example", testkit.Password}
	k.Exec(`DELETE FROM budgets`)
	// Somebody else, from the same address, so that everybody meets the same shared budgets.
	k.Browser().StartLogin("somebody@mail.example", "a guess").OK()
	k.Browser().Codes("ver_unknown", nil).Refused("not_found")
	return k, out
}

// alike does the same to everybody and fails if what is seen or written tells them apart.
func alike(t *testing.T, people map[string]subject, do func(s subject) string) {
	t.Helper()
	var first, name string
	for _, who := range slices.Sorted(maps.Keys(people)) {
		s := people[who]
		var got string
		// What the worker writes as it hands out messages is not part of any answer.
		s.kit.Deliver()
		wrote := written(s.kit, func() { got = do(s) })
		// A reset has a row for each factor that it will ask in the end: a matter of microseconds beside the commit.
		if strings.Contains(got, `"password.reset"`) {
			delete(wrote, "verification_factors")
		}
		// The e-mail about used-up guesses, which only an account gets, has a link: the same matter.
		delete(wrote, "freeze_links")
		got += "\nwrote " + fmt.Sprint(wrote)
		if first == "" {
			first, name = got, who
		} else if got != first {
			t.Fatalf("%s:\n%s\n%s:\n%s", name, first, who, got)
		}
	}
}

func TestSigningInTellsAStrangerNothing(t *testing.T) {
	t.Parallel()
	k, people := subjects(t)
	browsers, ids := map[string]*testkit.Browser{}, map[string]string{}
	for _, s := range people {
		browsers[s.identifier] = k.Browser()
	}
	alike(t, people, func(s subject) string {
		a := browsers[s.identifier].StartLogin(s.identifier, s.password)
		ids[s.identifier] = a.Verification().ID
		return seen(a)
	})
	alike(t, people, func(s subject) string {
		return seen(browsers[s.identifier].Get("/v1/verifications/" + ids[s.identifier]))
	})
	alike(t, people, func(s subject) string {
		return seen(browsers[s.identifier].SendCode(ids[s.identifier], "any"))
	})
	k.Clock.Advance(time.Minute)
	alike(t, people, func(s subject) string { return seen(browsers[s.identifier].SendCode(ids[s.identifier], "any")) })
	for _, codes := range []map[string]string{{"any": "000000"}, {"any": "00000"}, {"any": ""}, {"authenticator": "000000"}, {"email": "000000"}, {"new": "000000"}, {}, {"x": "1"}} {
		alike(t, people, func(s subject) string { return seen(browsers[s.identifier].Codes(ids[s.identifier], codes)) })
	}
	alike(t, people, func(s subject) string { return seen(browsers[s.identifier].Finish(ids[s.identifier], other, "all")) })
	k.Clock.Advance(10 * time.Minute)
	alike(t, people, func(s subject) string {
		return seen(browsers[s.identifier].Codes(ids[s.identifier], map[string]string{"any": "000000"}))
	})
	for range 7 {
		alike(t, people, func(s subject) string {
			a := browsers[s.identifier].StartLogin(s.identifier, s.password)
			if a.Status == 201 {
				ids[s.identifier] = a.Verification().ID
				a = browsers[s.identifier].Codes(ids[s.identifier], map[string]string{"any": "000000"})
			}
			return seen(a)
		})
	}
}

func TestSendingWithoutEndTellsAStrangerNothing(t *testing.T) {
	t.Parallel()
	_, people := subjects(t)
	maps.DeleteFunc(people, func(name string, _ subject) bool {
		return !slices.Contains([]string{"unknown", "e-mail, password wrong", "phone, password right", "app, password wrong"}, name)
	})
	for i := range 13 {
		alike(t, people, func(s subject) string {
			if i == 11 {
				return seen(s.kit.Browser().Post("/v1/password-resets", map[string]string{"email": s.identifier}))
			}
			return seen(s.kit.Browser().StartLogin(s.identifier, s.password))
		})
	}
}

func TestResettingTellsAStrangerNothing(t *testing.T) {
	t.Parallel()
	k, people := subjects(t)
	maps.DeleteFunc(people, func(name string, _ subject) bool { return strings.Contains(name, "wrong") })
	browsers, ids := map[string]*testkit.Browser{}, map[string]string{}
	alike(t, people, func(s subject) string {
		b := s.kit.Browser()
		a := b.Post("/v1/password-resets", map[string]string{"email": s.identifier})
		browsers[s.identifier], ids[s.identifier] = b, a.Verification().ID
		return seen(a)
	})
	for _, codes := range []map[string]string{{"email": "000000"}, {"phone": "000000"}, {"email": "000000", "authenticator": "000000"}, {}} {
		alike(t, people, func(s subject) string { return seen(browsers[s.identifier].Codes(ids[s.identifier], codes)) })
	}
	for _, factor := range []string{"email", "phone", "any", "new"} {
		alike(t, people, func(s subject) string { return seen(browsers[s.identifier].SendCode(ids[s.identifier], factor)) })
	}
	k.Clock.Advance(10*time.Minute + time.Second)
	alike(t, people, func(s subject) string {
		return seen(browsers[s.identifier].Codes(ids[s.identifier], map[string]string{"email": "000000"}))
	})
	alike(t, people, func(s subject) string {
		return seen(browsers[s.identifier].Get("/v1/verifications/" + ids[s.identifier]))
	})
	k.Clock.Advance(6 * time.Minute)
	alike(t, people, func(s subject) string {
		return seen(browsers[s.identifier].Codes(ids[s.identifier], map[string]string{"email": "000000"}))
	})
}

func TestRegisteringTellsAStrangerNothing(t *testing.T) {
	t.Parallel()
	_, people := subjects(t)
	browsers, ids := map[string]*testkit.Browser{}, map[string]string{}
	alike(t, people, func(s subject) string {
		b := s.kit.Browser()
		a := b.Post("/v1/registrations", map[string]string{"email": s.identifier, "password": testkit.Password})
		browsers[s.identifier], ids[s.identifier] = b, a.Verification().ID
		return seen(a)
	})
	wrong := map[string]string{"email": "00000"}
	for range 5 {
		alike(t, people, func(s subject) string { return seen(browsers[s.identifier].Codes(ids[s.identifier], wrong)) })
	}
	// What registering uses up is not what signing in and resetting have left.
	for range 2 {
		alike(t, people, func(s subject) string {
			b := s.kit.Browser()
			a := b.Post("/v1/registrations", map[string]string{"email": s.identifier, "password": testkit.Password})
			if a.Status == 201 {
				id := a.Verification().ID
				for range 5 {
					a = b.Codes(id, wrong)
				}
			}
			return seen(a)
		})
	}
	alike(t, people, func(s subject) string { return seen(s.kit.Browser().StartLogin(s.identifier, s.password)) })
}

// What somebody else begins is bound to their browser.
func TestAVerificationIsBoundToTheBrowserThatBeganIt(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer()
	b, thief := k.Browser(), k.Browser()
	login := b.StartLogin(c.Email, c.Password).Verification()
	code := k.Code(c.Email)
	thief.Codes(login.ID, map[string]string{"any": code}).Refused("not_found")
	thief.StartLogin(c.Email, "no").OK() // has a device secret of its own now
	thief.Codes(login.ID, map[string]string{"any": code}).Refused("not_found")
	thief.Get("/v1/verifications/" + login.ID).Refused("not_found")
	thief.Send("DELETE", "/v1/verifications/"+login.ID, nil, nil).Refused("not_found")
	// A session of the same account is no substitute for the browser.
	c.Codes(login.ID, map[string]string{"any": code}).Refused("not_found")
	b.Codes(login.ID, map[string]string{"any": code}).OK()

	for _, table := range []string{"verifications", "devices", "sessions"} {
		if dump, err := json.Marshal(k.Query(`SELECT * FROM ` + table)); err != nil || strings.Contains(string(dump), b.Cookie("__Host-device")) {
			t.Errorf("%s has the browser's secret as it is", table)
		}
	}
}

func TestUnknownPasskeysAndBadSignaturesAreAlike(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, gone := k.Customer(policy.Authenticator), k.Customer(policy.Authenticator)
	c.CreatePasskey()
	gone.CreatePasskey()
	k.Exec(`DELETE FROM passkeys WHERE account_id = $1`, gone.ID)
	k.Exec(`UPDATE accounts SET passkeys = 0, usable = 0, powerful = 0 WHERE id = $1`, gone.ID)
	want := ""
	for name, a := range map[string]func(b *testkit.Browser) *testkit.Answer{
		"a deleted passkey": func(b *testkit.Browser) *testkit.Answer { return gone.LoginByPasskey(b) },
		"a bad signature":   func(b *testkit.Browser) *testkit.Answer { return c.LoginByPasskey(b, zeroSignature) },
		"an unknown user":   func(b *testkit.Browser) *testkit.Answer { return c.LoginByPasskey(b, nobodysHandle) },
		"no user":           func(b *testkit.Browser) *testkit.Answer { return c.LoginByPasskey(b, noHandle) },
		"another origin":    func(b *testkit.Browser) *testkit.Answer { return c.LoginByPasskey(b, evil) },
	} {
		b := k.Browser()
		b.LoginOptions()
		got := seen(a(b))
		if want == "" {
			want = got
		}
		if got != want || !strings.HasPrefix(got, "401 ") {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
