package flowtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/policy"
	"countersign/internal/softkey"
	"countersign/internal/testkit"
)

func TestAPasskeyMadeWithAllThreeFactorsCanWithdraw(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	v := c.Begin(policy.CreatePasskey, "", "").Verification()
	if len(v.Factors) != 3 || v.HoldAfter != nil || slices.Contains(v.Ways, "passkey") {
		t.Errorf("%+v", v)
	}
	c.Post("/v1/verifications/"+v.ID+"/challenge", "{}").Refused("conflict")
	v = c.Answer(v).Verification()
	if next(v) != "create_passkey" {
		t.Fatal(next(v))
	}
	ch := c.Challenge(v.ID)
	if ch.Kind != "create" || !strings.Contains(string(ch.PublicKey), `"attestation":"none"`) || !strings.Contains(string(ch.PublicKey), `"userVerification":"required"`) {
		t.Errorf("%s", ch.PublicKey)
	}
	a := c.Post("/v1/verifications/"+v.ID+"/passkey", map[string]any{"credential": json.RawMessage(c.Attest(ch)), "name": "My phone"})
	p := a.Verification().Result.Passkey
	if p.Name != "My phone" || !p.WithdrawalPower || !p.Synced {
		t.Errorf("%+v", p)
	}
	if o := c.Account(); o.Passkeys.Total != 1 || o.Passkeys.Powerful != 1 || !o.PasskeyWithdrawals.Available || o.Hold != nil {
		t.Errorf("%+v", o)
	}
	if !hasMail(k, c.Email, "passkey was created") {
		t.Error("no e-mail")
	}
}

func TestWithTwoFactorsAPasskeySignsInOnly(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	c.SetBalance("USDT", "1000")
	if p := c.CreatePasskey(); p.WithdrawalPower {
		t.Error("it can withdraw")
	}
	c.LoginByPasskey(c.Browser).OK()
	o := c.Account()
	if o.PasskeyWithdrawals.Available || !o.CodeWithdrawals.Available || o.PasskeyWithdrawals.Blocks[0].Code != "factors_incomplete" ||
		!slices.Equal(o.PasskeyWithdrawals.Blocks[0].Missing, []policy.Kind{policy.Phone}) {
		t.Errorf("%+v", o)
	}
	v := c.Approval(c.Withdraw("20"))
	if slices.Contains(v.Ways, "passkey") || !slices.Contains(v.Ways, "codes") || v.PasskeyBlocked == nil || v.PasskeyBlocked.Code != "factors_incomplete" {
		t.Errorf("%+v", v)
	}
	c.Post("/v1/verifications/"+v.ID+"/challenge", "{}").Refused("factors_incomplete")
	c.Answer(v).OK()
}

func TestWithOneFactorNoPasskeyIsMade(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Register()
	var p struct{ Missing []policy.Kind }
	c.Begin(policy.CreatePasskey, "", "").Refused("factors_incomplete").Into(&p)
	if !slices.Equal(p.Missing, []policy.Kind{policy.Phone, policy.Authenticator}) {
		t.Errorf("missing %v", p.Missing)
	}
}

func TestPowerToWithdrawDoesNotOutliveAFactor(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	kept := c.CreatePasskey()
	c.Device = softkey.New(testkit.RPID, testkit.Origin)
	dropped := c.CreatePasskey()
	c.Do(policy.UnbindFactor, "phone", "")
	if o := c.Account(); o.Passkeys.Total != 2 || o.Passkeys.Powerful != 0 {
		t.Errorf("after a factor was unbound: %+v", o.Passkeys)
	}
	k.Clock.Advance(day + time.Second)
	number := k.FreshNumber()
	v := c.ProveNew(c.Do(policy.BindFactor, "phone", number), number).Verification()
	if next(v) != "finish" || v.Passkeys == nil || v.Passkeys.Total != 2 {
		t.Fatalf("it is not asked which passkeys may approve withdrawals: %+v", v)
	}
	c.Finish(v.ID, "", []string{kept.ID}).OK()
	for id, want := range map[string]bool{kept.ID: true, dropped.ID: false} {
		var p testkit.Passkey
		if c.Get("/v1/passkeys/" + id).OK().Into(&p); p.WithdrawalPower != want {
			t.Errorf("%s has power: %t", id, p.WithdrawalPower)
		}
	}
}

func TestBindingTheThirdFactorGivesPowerToThoseKeptOnly(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	c.SetBalance("USDT", "1000")
	kept := c.CreatePasskey()
	c.Device = softkey.New(testkit.RPID, testkit.Origin)
	left := c.CreatePasskey()

	number := k.FreshNumber()
	v := c.Do(policy.BindFactor, "phone", number)
	v = c.ProveNew(v, number).Verification()
	if next(v) != "finish" || v.Passkeys == nil || v.Passkeys.Total != 2 || len(v.Passkeys.Items) != 2 {
		t.Fatalf("%+v", v)
	}
	if c.Account().Factors[policy.Phone].Bound {
		t.Error("bound before the choice")
	}
	c.Finish(v.ID, "", []string{kept.ID, "pk_06ef22a6z3avyp0awjn207bfc4"}).Refused("invalid_request")
	v = c.Finish(v.ID, "", []string{kept.ID}).Verification()
	if v.Status != "done" {
		t.Fatalf("%+v", v)
	}
	for id, want := range map[string]bool{kept.ID: true, left.ID: false} {
		var p testkit.Passkey
		c.Get("/v1/passkeys/" + id).OK().Into(&p)
		if p.WithdrawalPower != want {
			t.Errorf("%s has power: %t", id, p.WithdrawalPower)
		}
	}
	w := c.Withdraw("20")
	approval := c.Approval(w)
	c.Prove(approval).Refused("passkey_without_power")
	if got := c.Withdrawal(w.ID).State; got != "requested" {
		t.Error(got)
	}
	c.LoginByPasskey(c.Browser).OK()
}

func TestALastChoiceIsMadeFromAllPasskeysAndCostsNoneThatWasNotNamed(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Full(), k.Full()
	strange := d.CreatePasskey()
	var all []string
	for range 3 {
		all = append(all, c.CreatePasskey().ID)
		c.Device = softkey.New(testkit.RPID, testkit.Origin)
	}
	reset := func() *testkit.Verification {
		t.Helper()
		k.Deliver()
		v := c.Post("/v1/password-resets", map[string]string{"email": c.Email}).Verification()
		for v.Next == nil || *v.Next != "finish" {
			v = c.Answer(v).Verification()
		}
		return v
	}
	v := reset()
	for _, bad := range []any{"some", nil, []string{"pk_mistyped"}, []string{strange.ID}, map[string]any{"except": []string{strange.ID}}, map[string]any{"except": nil}, map[string]any{"but": all}, make([]string, 1001)} {
		c.Finish(v.ID, other, bad).Refused("invalid_request")
	}
	var listed []string
	for cursor := ""; ; {
		var page struct {
			Items []testkit.Passkey
			Next  *string
			Total int
		}
		c.Get("/v1/verifications/" + v.ID + "/passkeys?limit=2&cursor=" + cursor).OK().Into(&page)
		if page.Total != len(all) {
			t.Fatal(page.Total)
		}
		for _, p := range page.Items {
			listed = append(listed, p.ID)
		}
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	slices.Reverse(listed)
	if !slices.Equal(listed, all) {
		t.Fatalf("%v, want %v", listed, all)
	}
	k.Browser().Get("/v1/verifications/" + v.ID + "/passkeys").Refused("not_found")
	c.Finish(v.ID, other, map[string]any{"except": all[1:2]}).Verification()
	c.Get("/v1/verifications/" + v.ID + "/passkeys").Refused("verification_used")
	if got := k.Query(`SELECT id FROM passkeys WHERE account_id = $1 ORDER BY id`, c.ID); len(got) != 2 || !strings.Contains(fmt.Sprint(got), all[0]) || !strings.Contains(fmt.Sprint(got), all[2]) {
		t.Errorf("%v is left, want the first and the last of %v", got, all)
	}
	c.Password = other
	c.Finish(reset().ID, "yet some other words", "none").Verification()
	if got := k.Query(`SELECT id FROM passkeys WHERE account_id = $1`, c.ID); len(got) != 0 {
		t.Errorf("%v is left of none", got)
	}
}

func TestNoPasskeyIsMadeTwice(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Customer(policy.Authenticator), k.Customer(policy.Authenticator)
	c.CreatePasskey()
	id := c.Device.Export()[0].ID
	v := c.Do(policy.CreatePasskey, "", "")
	if ch := c.Challenge(v.ID); !strings.Contains(string(ch.PublicKey), base64.RawURLEncoding.EncodeToString(id)) {
		t.Error("the device is not told which it has")
	} else if _, err := c.Device.Create(ch.PublicKey); err != softkey.ErrExcluded {
		t.Error(err)
	}
	// A hostile authenticator gives another's id.
	before := k.Query(`SELECT * FROM passkeys`)
	v = d.Do(policy.CreatePasskey, "", "")
	d.SubmitPasskey(v.ID, d.Attest(d.Challenge(v.ID), softkey.CredentialID(id))).Refused("passkey_exists")
	if after := k.Query(`SELECT * FROM passkeys`); !slices.Equal(before, after) {
		t.Error("the passkey was replaced")
	}
}

func TestProvenCodesStayProvenForFiveChallenges(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	v := c.Do(policy.CreatePasskey, "", "")
	var ch *testkit.Challenge
	for i := range 4 {
		ch = c.Challenge(v.ID)
		if i == 1 {
			c.SubmitPasskey(v.ID, c.Attest(ch, softkey.NotVerified())).Refused("user_not_verified")
		}
	}
	var again testkit.Verification
	c.Get("/v1/verifications/" + v.ID).OK().Into(&again)
	if next(&again) != "create_passkey" || again.ChallengesLeft != 1 {
		t.Errorf("%+v", again)
	}
	ch = c.Challenge(v.ID)
	c.Post("/v1/verifications/"+v.ID+"/challenge", "{}").Refused("challenges_exhausted")
	c.SubmitPasskey(v.ID, c.Attest(ch)).OK()
}

func TestRenamingTakesTheSessionDeletingTakesProof(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Full(), k.Full()
	p, foreign := c.CreatePasskey(), d.CreatePasskey()
	second := softkey.New(testkit.RPID, testkit.Origin)
	c.Device, second = second, c.Device
	q := c.CreatePasskey()

	var renamed testkit.Passkey
	c.Send("PATCH", "/v1/passkeys/"+p.ID, map[string]string{"name": "  Blue phone "}, nil).OK().Into(&renamed)
	if renamed.Name != "Blue phone" {
		t.Error(renamed.Name)
	}
	for _, name := range []string{"", "   ", strings.Repeat("x", 65), "a\nb"} {
		c.Send("PATCH", "/v1/passkeys/"+p.ID, map[string]string{"name": name}, nil).Refused("invalid_request")
	}
	c.Send("PATCH", "/v1/passkeys/"+foreign.ID, map[string]string{"name": "mine"}, nil).Refused("not_found")
	c.Begin(policy.DeletePasskey, foreign.ID, "").Refused("not_found")

	v := c.Begin(policy.DeletePasskey, p.ID, "").Verification()
	if v.HoldAfter != nil {
		t.Error("deleting puts a hold on")
	}
	v = c.Prove(v).Verification()
	var accepted struct {
		CredentialIDs []string `json:"credential_ids"`
	}
	if err := json.Unmarshal(v.Result.Accepted, &accepted); err != nil || len(accepted.CredentialIDs) != 1 {
		t.Errorf("%s, %v", v.Result.Accepted, err)
	}
	c.Get("/v1/passkeys/" + p.ID).Refused("not_found")
	c.Device = second
	c.LoginByPasskey(k.Browser()).Refused("passkey_refused")
	c.Do(policy.DeletePasskey, q.ID, "")
	if o := c.Account(); o.Passkeys.Total != 0 || o.Hold != nil {
		t.Errorf("%+v", o)
	}
}

// grow gives the only account so many passkeys in all, as copies of its own with other ids.
func grow(k *testkit.Kit, total int) {
	k.Exec(`WITH RECURSIVE n (i) AS (SELECT (SELECT count(*) FROM passkeys) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $1)
		INSERT INTO passkeys (id, account_id, credential_id, public_key, algorithm, aaguid, transports, sign_count,
		backup_eligible, backup_state, format, rp_id, attestation_object, client_data_json, name, withdrawal_power, suspended_at, created_at, created_session, created_on,
		last_used_at, last_used_from)
		SELECT 'pk_0000000000000000' || (1000000000 + n.i), p.account_id, `+k.Bytes(`'credential ' || n.i`)+`, public_key, algorithm, aaguid, transports, sign_count,
		backup_eligible, backup_state, format, rp_id, attestation_object, client_data_json, name, withdrawal_power, suspended_at, created_at, created_session, created_on,
		last_used_at, last_used_from FROM n, (SELECT * FROM passkeys ORDER BY id DESC LIMIT 1) AS p`, total)
	k.Exec(`UPDATE accounts SET passkeys = $1, usable = $1, powerful = powerful * $1`, total)
}

func TestTheAllowListHoldsEveryPasskeyUpToSixtyFourAndNoneBeyond(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	for _, n := range [][2]int{{64, 64}, {65, 0}} {
		total, want := n[0], n[1]
		grow(k, total)
		v := c.Approval(c.Withdraw("20"))
		var options struct {
			Allow []struct{ ID string } `json:"allowCredentials"`
		}
		ch := c.Challenge(v.ID)
		if err := json.Unmarshal(ch.PublicKey, &options); err != nil || len(options.Allow) != want {
			t.Errorf("of %d passkeys %d are allowed, want %d, %v", total, len(options.Allow), want, err)
		}
		c.SubmitPasskey(v.ID, c.Assert(ch.PublicKey)).OK()
	}
}

// A password manager drops what a list does not name.
func TestTheListForPasswordManagersIsCompleteOrLeftOut(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	c.CreatePasskey()
	for _, want := range []struct{ before, named int }{{1002, 0}, {1001, 1000}, {2, 1}} {
		k.Exec(`DELETE FROM passkeys WHERE id LIKE 'pk_0000000000000000%'`)
		grow(k, want.before)
		last := k.Query(`SELECT id FROM passkeys WHERE id LIKE 'pk_0000000000000000%' LIMIT 1`)[0]
		result := c.Do(policy.DeletePasskey, last, "").Result
		var accepted struct {
			IDs []string `json:"credential_ids"`
		}
		if want.named == 0 && len(result.Accepted) != 0 {
			t.Errorf("of %d left a list is given: %.80s", want.before-1, result.Accepted)
		} else if want.named > 0 {
			if err := json.Unmarshal(result.Accepted, &accepted); err != nil || len(accepted.IDs) != want.named {
				t.Errorf("of %d left the list names %d, %v", want.before-1, len(accepted.IDs), err)
			}
		}
	}
}

func TestCreatingAndDeletingAPasskeyPausesNothing(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	p := c.CreatePasskey()
	c.Prove(c.Approval(c.Withdraw("20"))).OK()
	c.Do(policy.DeletePasskey, p.ID, "")
	if h := c.Account().Hold; h != nil {
		t.Errorf("%+v", h)
	}
	c.Answer(c.Approval(c.Withdraw("20"))).OK()
}

func TestListsComeInPages(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer(policy.Authenticator)
	c.CreatePasskey()
	grow(k, 70)
	seen, cursor, pages := map[string]bool{}, "", 0
	for {
		var page testkit.Passkeys
		c.Get("/v1/passkeys?limit=25&cursor=" + cursor).OK().Into(&page)
		for _, p := range page.Items {
			seen[p.ID] = true
		}
		if pages++; page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	if len(seen) != 70 || pages != 3 {
		t.Errorf("%d passkeys on %d pages", len(seen), pages)
	}
	for _, limit := range []string{"0", "101", "-1", "x"} {
		c.Get("/v1/passkeys?limit=" + limit).Refused("invalid_request")
	}

	// Above 64 the allow-list is empty, never partial; the owner is checked all the same.
	k.Clock.Advance(time.Minute)
	v := c.Begin(policy.SetPhrase, "", "blue lamp").Verification()
	ch := c.Challenge(v.ID)
	if strings.Contains(string(ch.PublicKey), "allowCredentials") {
		t.Error("a partial list")
	}
	c.SubmitPasskey(v.ID, c.Assert(ch.PublicKey)).OK()
	v = c.Do(policy.CreatePasskey, "", "")
	var options struct {
		Exclude []json.RawMessage `json:"excludeCredentials"`
	}
	if err := json.Unmarshal(c.Challenge(v.ID).PublicKey, &options); err != nil || len(options.Exclude) != 64 {
		t.Errorf("%d excluded, %v", len(options.Exclude), err)
	}
}
