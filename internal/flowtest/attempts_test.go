package flowtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/policy"
	"countersign/internal/softkey"
	"countersign/internal/store"
	"countersign/internal/testkit"
)

// report is what a device tells of an attempt.
func report(operation, verification string, events ...map[string]any) map[string]any {
	r := map[string]any{"operation": operation, "verification": nil, "events": events,
		"environment": map[string]any{"platform": "Android 16", "browser": "Chrome 148", "app": "test", "capabilities": map[string]any{"uvpaa": false, "conditional": nil},
			"standalone": false, "secure": true, "visible": true, "locale": "en"}}
	if verification != "" {
		r["verification"] = verification
	}
	return r
}

// attempt reads the only attempt with its steps.
func attempt(k *testkit.Kit) (a store.Attempt, steps []string) {
	k.T.Helper()
	k.Update(func(tx *store.Tx) error {
		ids := k.Query(`SELECT id FROM attempts`)
		if len(ids) != 1 {
			return fmt.Errorf("%d attempts", len(ids))
		}
		found, err := tx.Attempt(ids[0])
		if err != nil {
			return err
		}
		list, err := tx.AttemptSteps(found.ID)
		for _, s := range list {
			steps = append(steps, strings.TrimSpace(s.Step+" "+s.Data["error"]+" "+s.Data["code"]))
		}
		a = *found
		return err
	})
	return a, steps
}

func TestACreationThatFailsIsKnownStepByStep(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	v := c.Begin(policy.CreatePasskey, "", "").Verification()
	c.Codes(v.ID, map[string]string{"authenticator": "000000"}).Refused("code_wrong")
	c.Answer(v).Verification()
	ch := c.Challenge(v.ID)
	k.Clock.Advance(10 * time.Second)
	var told struct{ ID, Reference string }
	c.Post("/v1/attempts", report("create", v.ID, map[string]any{"step": "prompted", "at_ms_ago": 9000},
		map[string]any{"step": "failed", "at_ms_ago": 8600, "error": "NotAllowedError", "code": "screen_lock_required", "elapsed_ms": 400})).OK().Into(&told)
	a, steps := attempt(k)
	want := []string{"opened", "refused  code_wrong", "codes_matched", "options_issued", "prompted", "failed NotAllowedError screen_lock_required"}
	if !slices.Equal(steps, want) {
		t.Errorf("%q, want %q", steps, want)
	}
	if a.ID != told.ID || len(told.Reference) != 7 || a.Reference != told.Reference || a.Operation != "create" || a.AccountID != c.ID || a.Platform != "Android 16" || a.Outcome != "screen_lock_required" ||
		a.CodesAt.IsZero() || a.PromptedAt.IsZero() || !a.EndedAt.After(a.PromptedAt) {
		t.Errorf("%+v", a)
	}
	c.SubmitPasskey(v.ID, c.Attest(ch)).OK()
	if a, steps = attempt(k); a.Outcome != "done" || steps[len(steps)-1] != "done" {
		t.Errorf("%s, %q", a.Outcome, steps)
	}
	// What comes late changes nothing of how it ended.
	c.Post("/v1/attempts", report("create", v.ID, map[string]any{"step": "failed", "code": "cancelled", "elapsed_ms": 1})).OK()
	if a, _ = attempt(k); a.Outcome != "done" {
		t.Error(a.Outcome)
	}
}

func TestAnApprovalIsAnAttemptOnceAPasskeyIsAskedFor(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	k.Exec(`DELETE FROM attempts`)
	c.Answer(c.Approval(c.Withdraw("20"))).OK()
	if n := k.Query(`SELECT count(*) FROM attempts`)[0]; n != "0" {
		t.Errorf("codes made %s attempts", n)
	}
	c.Prove(c.Approval(c.Withdraw("20")), softkey.NotVerified()).Refused("user_not_verified")
	if a, steps := attempt(k); a.Operation != "confirm" || a.Outcome != "user_not_verified" || !slices.Equal(steps, []string{"options_issued", "refused  user_not_verified"}) {
		t.Errorf("%+v, %q", a, steps)
	}
}

func TestASignInIsAnAttemptOnlyWhereTheDeviceTellsOfIt(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	k.Exec(`DELETE FROM attempts`)
	b := k.Browser()
	c.LoginByPasskey(b).OK()
	if n := k.Query(`SELECT count(*) FROM attempts`)[0]; n != "0" {
		t.Errorf("a login made %s attempts", n)
	}
	stranger := k.Browser()
	failed := map[string]any{"step": "failed", "error": "NotAllowedError", "code": "no_passkey_here", "elapsed_ms": 3000}
	var first, second struct{ ID string }
	stranger.Post("/v1/attempts", report("sign_in", "", map[string]any{"step": "prompted", "at_ms_ago": 3000}, failed)).OK().Into(&first)
	stranger.Post("/v1/attempts", report("sign_in", "", failed)).OK().Into(&second)
	if a, steps := attempt(k); first.ID != second.ID || a.AccountID != "" || len(steps) != 3 {
		t.Errorf("%+v, %q", a, steps)
	}
	k.Browser().Post("/v1/attempts", report("sign_in", "", failed)).OK().Into(&second)
	if first.ID == second.ID {
		t.Error("another browser was given the attempt of the first")
	}
	k.Clock.Advance(16 * time.Minute)
	stranger.Post("/v1/attempts", report("sign_in", "", failed)).OK().Into(&second)
	if first.ID == second.ID {
		t.Error("an attempt of a quarter of an hour ago goes on")
	}
}

func TestAReportSaysNothingButWhatItIsAskedFor(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Full(), k.Full()
	v := c.Begin(policy.CreatePasskey, "", "").Verification()
	ok := map[string]any{"step": "failed", "error": "NotAllowedError", "code": "cancelled", "elapsed_ms": 2000}
	d.Post("/v1/attempts", report("create", v.ID, ok)).Refused("not_found")
	k.Browser().Post("/v1/attempts", report("create", v.ID, ok)).Refused("not_found")
	c.Post("/v1/attempts", report("create", "ver_unknown", ok)).Refused("not_found")
	with := func(change func(r, event, environment map[string]any)) map[string]any {
		event := map[string]any{"step": "failed", "error": "NotAllowedError", "code": "cancelled", "elapsed_ms": 2000}
		r := report("create", v.ID, event)
		change(r, event, r["environment"].(map[string]any))
		return r
	}
	for name, body := range map[string]map[string]any{
		"another operation":      with(func(r, _, _ map[string]any) { r["operation"] = "lunch" }),
		"a sign-in of something": with(func(r, _, _ map[string]any) { r["operation"] = "sign_in" }),
		"no step":                with(func(r, _, _ map[string]any) { r["events"] = []any{} }),
		"too many steps":         with(func(r, e, _ map[string]any) { r["events"] = slices.Repeat([]any{e}, 21) }),
		"a step of the server's": with(func(_, e, _ map[string]any) { e["step"] = "codes_matched" }),
		"done, by its own word":  with(func(_, e, _ map[string]any) { e["step"] = "done" }),
		"long ago":               with(func(_, e, _ map[string]any) { e["at_ms_ago"] = 900_001 }),
		"in the future":          with(func(_, e, _ map[string]any) { e["at_ms_ago"] = -1 }),
		"for ever":               with(func(_, e, _ map[string]any) { e["elapsed_ms"] = 3_600_001 }),
		"a message":              with(func(_, e, _ map[string]any) { e["error"] = "Error: ines@halloran.example" }),
		"no code":                with(func(_, e, _ map[string]any) { delete(e, "code") }),
		"text for a code":        with(func(_, e, _ map[string]any) { e["code"] = "call +44 20" }),
		"an address":             with(func(_, _, env map[string]any) { env["platform"] = "ines@halloran.example" }),
		"markup":                 with(func(_, _, env map[string]any) { env["browser"] = "<b>Chrome" }),
		"a long name":            with(func(_, _, env map[string]any) { env["in_app"] = strings.Repeat("x", 41) }),
		"a member of its own":    with(func(_, _, env map[string]any) { env["email"] = "a" }),
		"an ability of text":     with(func(_, _, env map[string]any) { env["capabilities"] = map[string]any{"a b": true} }),
	} {
		if a := c.Post("/v1/attempts", body); a.Code() != "invalid_request" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if _, steps := attempt(k); !slices.Equal(steps, []string{"opened"}) {
		t.Errorf("%q", steps)
	}
	refused := 0
	for range 130 {
		if c.Post("/v1/attempts", report("create", v.ID, ok)).Code() == "rate_limited" {
			refused++
		}
	}
	if _, steps := attempt(k); refused == 0 || len(steps) > 100 {
		t.Errorf("%d reports were refused, %d steps are kept", refused, len(steps))
	}
	k.Clock.Advance(181 * day)
	if err := k.App.DB.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := k.Query(`SELECT (SELECT count(*) FROM attempts) + (SELECT count(*) FROM attempt_steps)`)[0]; n != "0" {
		t.Errorf("%s rows are left after half a year", n)
	}
}

func TestAnAttemptKeepsNothingByWhichSomebodyIsKnown(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	b := k.Browser()
	send := func(platform, browser, inApp string, abilities map[string]any) *testkit.Answer {
		r := report("sign_in", "", map[string]any{"step": "failed", "code": "unknown"})
		env := r["environment"].(map[string]any)
		env["platform"], env["browser"], env["in_app"], env["capabilities"] = platform, browser, inApp, abilities
		return b.Post("/v1/attempts", r)
	}
	kept := func() string {
		return k.Query(`SELECT platform || '|' || browser || '|' || json_extract(environment, '$.in_app') FROM attempts`)[0]
	}
	for _, c := range []struct{ platform, browser, inApp, want string }{
		{"Android 16", "Samsung Internet 28.0", "Instagram", "Android 16|Samsung Internet 28.0|Instagram"},
		{"Windows 10.0.22631", "Chrome 148.0.7812.33", "", "Windows 10.0|Chrome 148.0|"},
		{"Ines Halloran", "pin 4471", "call 447946000001", "Other|Other|Other"},
		{"iOS 447946000001", "Safari Ines Halloran", "Androids", "iOS 447|Safari|Other"},
		{"", "", "unknown", "||unknown"},
	} {
		if send(c.platform, c.browser, c.inApp, nil).OK(); kept() != c.want {
			t.Errorf("%+v: %s", c, kept())
		}
	}
	if dump := k.Dump(); strings.Contains(dump, "Halloran") || strings.Contains(dump, "44794") {
		t.Error("what somebody wrote is kept")
	}
	many := map[string]any{}
	for i := range 41 {
		many[fmt.Sprintf("a%d", i)] = true
	}
	send("iOS 18", "Safari 18", "", many).Refused("invalid_request")
	send("iOS 18", "Safari 18", "", map[string]any{"seed-abandon-ability": true}).Refused("invalid_request")
}
