package flowtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/approval"
	"countersign/internal/app"
	"countersign/internal/asset"
	"countersign/internal/policy"
	"countersign/internal/testkit"
)

// proof reads the record of an approval and checks what binds it to the withdrawal.
func proof(t *testing.T, c *testkit.Customer, w *testkit.Withdrawal) approval.Approval {
	t.Helper()
	var doc approval.Approval
	a := c.Get("/v1/withdrawals/" + w.ID + "/approval").OK()
	a.Into(&doc)
	details, err := approval.ParseDetails([]byte(doc.Details))
	if err != nil {
		t.Fatal(err)
	}
	want := approval.Details{Withdrawal: w.ID, Account: c.ID, RelyingParty: testkit.RPID, Asset: "USDT", Network: "tron", Address: testkit.Tron, Amount: w.Amount, Fee: "1",
		Expires: approval.FormatTime(w.ExpiresAt)}
	if details != want {
		t.Errorf("details %+v, want %+v", details, want)
	}
	now := c.Withdrawal(w.ID)
	sum := sha256.Sum256([]byte(doc.Details))
	fingerprint, err := doc.Fingerprint()
	if err != nil || now.Fingerprint == nil || *now.Fingerprint != hex.EncodeToString(fingerprint[:]) || now.DetailsDigest != hex.EncodeToString(sum[:]) {
		t.Errorf("fingerprint %v, digest %s, %v", now.Fingerprint, now.DetailsDigest, err)
	}
	return doc
}

func TestOneScanApprovesExactlyThisWithdrawal(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	p := c.CreatePasskey()
	w := c.Withdraw("250")
	if w.State != "requested" || w.Fee != "1" || w.Receives != "249" || w.AddressKnown != "new" || w.ExpiresAt.Sub(k.Clock.Now()) != 10*time.Minute {
		t.Errorf("%+v", w)
	}
	v := c.Approval(w)
	if !slices.Equal(v.Ways, []string{"passkey", "codes"}) || v.Withdrawal == nil || v.Withdrawal.ID != w.ID {
		t.Errorf("%+v", v)
	}
	ch := c.Challenge(v.ID)
	if ch.ExpiresAt.Sub(k.Clock.Now()) != 3*time.Minute || !strings.Contains(string(ch.PublicKey), base64.RawURLEncoding.EncodeToString(c.Device.Export()[0].ID)) {
		t.Errorf("%+v", ch)
	}
	v = c.SubmitPasskey(v.ID, c.Assert(ch.PublicKey)).Verification()
	got := v.Result.Withdrawal
	if got.State != "approved" || got.ApprovedBy.Way != "passkey" || got.ApprovedBy.Passkey != p.Name || c.Balance("USDT") != "750" {
		t.Errorf("%+v, balance %s", got, c.Balance("USDT"))
	}
	doc := proof(t, c, w)
	if doc.Passkey == nil || doc.Codes != nil {
		t.Fatalf("%+v", doc)
	}
	// The signed client data commits to the details.
	nonce, _ := base64.RawURLEncoding.DecodeString(doc.Passkey.Nonce)
	client, _ := base64.RawURLEncoding.DecodeString(doc.Passkey.ClientDataJSON)
	sum, err := approval.Challenge(nonce, []byte(doc.Details))
	if err != nil || len(nonce) != 32 || !bytes.Contains(client, []byte(base64.RawURLEncoding.EncodeToString(sum[:]))) {
		t.Errorf("the challenge does not commit to the details: %s, %v", client, err)
	}
	if !hasMail(k, c.Email, "ithdrawal") {
		t.Error("no e-mail")
	}
	if again := c.Withdraw("20"); again.AddressKnown != "used" {
		t.Errorf("the address is %s", again.AddressKnown)
	}
}

func TestCodesApproveAsWell(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	for _, kinds := range [][]policy.Kind{{policy.Phone, policy.Authenticator}, {policy.Phone}} {
		c := k.Customer(kinds...)
		c.SetBalance("USDT", "1000")
		w := c.Withdraw("250")
		v := c.Approval(w)
		if len(v.Factors) != len(kinds)+1 || v.Password != nil {
			t.Errorf("%+v", v)
		}
		v = c.Answer(v).Verification()
		if v.Result.Withdrawal.State != "approved" || v.Result.Withdrawal.ApprovedBy.Way != "codes" || c.Balance("USDT") != "750" {
			t.Errorf("%+v", v.Result)
		}
		doc := proof(t, c, w)
		if doc.Passkey != nil || doc.Codes == nil || doc.Codes.Verify([]byte(doc.Details), doc.ApprovedAt) != nil {
			t.Errorf("%+v", doc)
		}
		for _, m := range k.Inbox.All() {
			if m.To == c.Number && strings.Contains(m.Text, "withdraw") {
				if !strings.Contains(m.Text, "250 USDT") || !strings.Contains(m.Text, testkit.Tron[:6]) || !strings.Contains(m.Text, testkit.Tron[len(testkit.Tron)-6:]) || strings.Contains(m.Text, testkit.Tron) {
					t.Errorf("the message says %q", m.Text)
				}
			}
		}
	}
}

func TestWithOneFactorNothingIsWithdrawn(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Customer()
	c.SetBalance("USDT", "1000")
	c.Begin(policy.ApproveWithdrawal, c.Withdraw("20").ID, "").Refused("factors_incomplete")
}

func TestAKeyStandsForOneWithdrawal(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Full(), k.Full()
	const key = "3fd6c7a0-0001"
	var one, two testkit.Withdrawal
	c.RequestWithdrawal(key, "20").OK().Into(&one)
	c.RequestWithdrawal(key, "20").OK().Into(&two)
	if one.ID != two.ID {
		t.Error("two withdrawals under one key")
	}
	c.RequestWithdrawal(key, "21").Refused("idempotency_mismatch")
	d.RequestWithdrawal(key, "20").OK().Into(&two)
	if one.ID == two.ID {
		t.Error("another account was given this one's")
	}
	for _, bad := range []string{"", "short", strings.Repeat("x", 129), "with a space"} {
		c.RequestWithdrawal(bad, "20").Refused("invalid_request")
	}
	if n := len(k.Query(`SELECT id FROM withdrawals`)); n != 2 {
		t.Errorf("%d withdrawals", n)
	}
}

func TestAKeyUsedAHundredTimesAtOnceStandsForOneWithdrawal(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	var ids sync.Map
	n := at100(t, func() *testkit.Answer {
		var w testkit.Withdrawal
		a := c.RequestWithdrawal("3fd6c7a0-0100", "20").Into(&w)
		ids.Store(w.ID, true)
		return a
	})
	different := 0
	ids.Range(func(any, any) bool { different++; return true })
	if rows := len(k.Query(`SELECT id FROM withdrawals`)); n != 100 || different != 1 || rows != 1 {
		t.Errorf("%d of 100 were answered, with %d withdrawals, of which %d are there", n, different, rows)
	}
}

func TestAnAccountRequestsSoManyWithdrawalsAtOnceAndAnHour(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Full(), k.Full()
	var p struct {
		RetryAt time.Time `json:"retry_at"`
	}
	again := func() time.Duration { return p.RetryAt.Sub(k.Clock.Now()).Round(time.Second) }
	first := c.Withdraw("20")
	k.Clock.Advance(time.Minute)
	for range 19 {
		c.Withdraw("20")
	}
	if c.RequestWithdrawal("one-too-many", "20").Refused("rate_limited").Into(&p); again() != 9*time.Minute {
		t.Errorf("again in %v, want when the first expires", again())
	}
	c.Post("/v1/withdrawals/"+first.ID+"/cancel", "{}").OK()
	c.RequestWithdrawal("one-too-many", "20").OK()
	c.RequestWithdrawal("one-too-many", "20").OK() // the same one again
	c.RequestWithdrawal("twenty-second", "20").Refused("rate_limited")
	d.Withdraw("20")
	// What has expired waits no more, whether or not it was marked.
	for range 2 {
		k.Clock.Advance(10 * time.Minute)
		for range 20 - 1 {
			c.Withdraw("20")
		}
	}
	k.Clock.Advance(10 * time.Minute)
	c.Withdraw("20")
	if c.RequestWithdrawal("sixty-first", "20").Refused("rate_limited").Into(&p); again() != 29*time.Minute {
		t.Errorf("again in %v, want an hour after the first", again())
	}
	k.Clock.Advance(29 * time.Minute)
	c.RequestWithdrawal("sixty-first", "20").OK()
}

func TestWhatCannotBeSentIsRefusedByName(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	good := map[string]any{"asset": "USDT", "network": "tron", "address": testkit.Tron, "amount": "20", "memo": ""}
	for _, bad := range []struct {
		field string
		value any
		code  string
	}{
		{"amount", "1000.000001", "insufficient_balance"}, {"amount", "9.999999", "below_minimum"}, {"amount", "20.0", "amount_invalid"}, {"amount", "020", "amount_invalid"},
		{"amount", "+20", "amount_invalid"}, {"amount", "2e1", "amount_invalid"}, {"amount", "-20", "amount_invalid"}, {"amount", "20.0000001", "amount_invalid"},
		{"amount", " 20", "amount_invalid"}, {"amount", "", "amount_invalid"}, {"amount", 20, "invalid_request"},
		{"address", testkit.Tron + "x", "address_invalid"}, {"address", "0x52908400098527886E0F7030069857D2E4169EE7", "address_invalid"},
		{"memo", "x", "memo_invalid"}, {"asset", "usdt", "invalid_request"}, {"network", "bitcoin", "invalid_request"},
	} {
		body := map[string]any{}
		for name, value := range good {
			body[name] = value
		}
		body[bad.field] = bad.value
		var p struct{ Field string }
		c.Send("POST", "/v1/withdrawals", body, map[string]string{"Idempotency-Key": "a-fresh-key"}).Refused(bad.code).Into(&p)
		if p.Field != bad.field {
			t.Errorf("%v in %s: the field is %q", bad.value, bad.field, p.Field)
		}
	}
}

func TestOnlyWhatIsRequestedIsCancelled(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d := k.Full(), k.Full()
	w := c.Withdraw("20")
	v := c.Approval(w)
	d.Post("/v1/withdrawals/"+w.ID+"/cancel", "{}").Refused("not_found")
	c.Post("/v1/withdrawals/"+w.ID+"/cancel", "{}").OK()
	c.Post("/v1/withdrawals/"+w.ID+"/cancel", "{}").Refused("withdrawal_not_requested")
	c.SendCode(v.ID, "email").Refused("withdrawal_not_requested")
	c.Begin(policy.ApproveWithdrawal, w.ID, "").Refused("withdrawal_not_requested")
	approved := c.Withdraw("20")
	c.Answer(c.Approval(approved)).OK()
	c.Post("/v1/withdrawals/"+approved.ID+"/cancel", "{}").Refused("withdrawal_not_requested")
	c.Begin(policy.ApproveWithdrawal, approved.ID, "").Refused("withdrawal_not_requested")
	if got := c.Balance("USDT"); got != "980" {
		t.Error(got)
	}
}

func TestARequestExpires(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	w := c.Withdraw("20")
	v := c.Approval(w)
	ch := c.Challenge(v.ID)
	k.Clock.Advance(10*time.Minute - time.Second)
	late := c.Challenge(v.ID)
	k.Clock.Advance(time.Second)
	c.SubmitPasskey(v.ID, c.Assert(late.PublicKey)).Refused("withdrawal_expired")
	c.SubmitPasskey(v.ID, c.Assert(ch.PublicKey)).Refused("withdrawal_expired")
	if got := c.Withdrawal(w.ID).State; got != "expired" {
		t.Error(got)
	}
	// The clock goes back; the background work has not run yet.
	k.Clock.Advance(-5 * time.Minute)
	c.Begin(policy.ApproveWithdrawal, w.ID, "").Refused("withdrawal_expired")
	if n, err := k.App.Withdrawals.ExpireOverdue(context.Background()); n != 1 || err != nil {
		t.Errorf("%d expired, %v", n, err)
	}
	c.Begin(policy.ApproveWithdrawal, w.ID, "").Refused("withdrawal_expired")
	c.Get("/v1/withdrawals/" + w.ID + "/approval").Refused("not_found")
}

func TestWhatExpiresIsMarkedInTheBackground(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	w := c.Withdraw("20")
	k.Clock.Advance(10 * time.Minute)
	fresh := c.Withdraw("20")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		k.App.Run(ctx)
	}()
	state := func(w *testkit.Withdrawal) string {
		return k.Query(`SELECT state FROM withdrawals WHERE id = $1`, w.ID)[0]
	}
	for deadline := time.Now().Add(30 * time.Second); state(w) != "expired" && time.Now().Before(deadline); {
		<-time.After(time.Millisecond)
	}
	stop()
	<-ended
	if state(w) != "expired" || state(fresh) != "requested" {
		t.Errorf("%s, and the fresh one is %s", state(w), state(fresh))
	}
	if n := k.Query(`SELECT count(*) FROM audit_events WHERE kind = 'withdrawal.expired' AND account_id = $1`, c.ID)[0]; n != "1" {
		t.Errorf("%s events", n)
	}
}

func TestTheBusinessDeclines(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	w := c.Withdraw("20")
	v := c.Approval(w)
	ch := c.Challenge(v.ID)
	for _, reason := range []string{"", "two\nlines", strings.Repeat("x", 201)} {
		if err := k.App.Withdrawals.Decline(context.Background(), w.ID, reason); err == nil {
			t.Errorf("the reason %q is taken", reason)
		}
	}
	if err := k.App.Withdrawals.Decline(context.Background(), w.ID, "risk case 77"); err != nil {
		t.Fatal(err)
	}
	k.Deliver()
	told := 0
	for _, m := range k.Inbox.All() {
		if m.To == c.Email && strings.Contains(m.Subject, "declined") && strings.Contains(m.Text, "20 USDT") {
			told++
		}
		if strings.Contains(m.Text, "case 77") {
			t.Error("the reason is told to the customer")
		}
	}
	if told != 1 {
		t.Errorf("%d e-mails tell of it", told)
	}
	if a := c.Get("/v1/activity").OK(); strings.Contains(string(a.Body), "case 77") {
		t.Error("the customer can read the reason")
	}
	c.SubmitPasskey(v.ID, c.Assert(ch.PublicKey)).Refused("withdrawal_not_requested")
	if got := c.Withdrawal(w.ID).State; got != "declined" {
		t.Error(got)
	}
	if err := k.App.Withdrawals.Decline(context.Background(), w.ID, "risk"); err == nil {
		t.Error("declined twice")
	}
	late := c.Withdraw("20")
	k.Clock.Advance(11 * time.Minute)
	c.Post("/v1/withdrawals/"+late.ID+"/cancel", "{}").Refused("withdrawal_expired")
	if err := k.App.Withdrawals.Decline(context.Background(), late.ID, "risk"); err == nil {
		t.Error("declined after its time was over")
	}
}

func TestTheBalanceIsCheckedAgainWhenItIsApproved(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	one, two := c.Withdraw("600"), c.Withdraw("600")
	v1, v2 := c.Approval(one), c.Approval(two)
	c.Prove(v1).OK()
	c.Prove(v2).Refused("insufficient_balance")
	if got := c.Balance("USDT"); got != "400" {
		t.Error(got)
	}
	if got := c.Withdrawal(two.ID).State; got != "requested" {
		t.Error(got)
	}
}

func TestNewAddressesWaitWhereTheOperatorSaysSo(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, func(c *app.Config) { c.Holds.NewAddress = day })
	c := k.Full()
	c.CreatePasskey()
	w := c.Withdraw("20")
	if w.WaitsUntil == nil || w.WaitsUntil.Sub(k.Clock.Now()) != day {
		t.Fatalf("%+v", w)
	}
	c.Begin(policy.ApproveWithdrawal, w.ID, "").Refused("address_waiting")
	c.Answer(saveAddress(c, "Cold", testkit.Tron).Verification()).OK()
	c.Begin(policy.ApproveWithdrawal, c.Withdraw("20").ID, "").Refused("address_waiting")
	k.Clock.Advance(day)
	c.Prove(c.Approval(c.Withdraw("20"))).OK()
	// The first one waited a day, and is there for another: nobody sits there when the wait ends.
	if w.ExpiresAt.Sub(*w.WaitsUntil) != day {
		t.Errorf("%+v", w)
	}
	k.Clock.Advance(w.ExpiresAt.Sub(k.Clock.Now()) - time.Second)
	c.Prove(c.Approval(w)).OK()
	// What was paid before waits no more, however it is called and whenever it was saved.
	var list struct{ Items []struct{ ID string } }
	c.Get("/v1/addresses").OK().Into(&list)
	c.Send("DELETE", "/v1/addresses/"+list.Items[0].ID, nil, nil).OK()
	c.Prove(c.Approval(c.Withdraw("20"))).OK()
	c.Answer(saveAddress(c, "Cold again", testkit.Tron).Verification()).OK()
	saved := c.Withdraw("20")
	if saved.AddressKnown != "saved" || saved.WaitsUntil != nil {
		t.Errorf("%+v", saved)
	}
	c.Prove(c.Approval(saved)).OK()
}

func TestAWithdrawalReadsTheSameAfterItsAssetLeftTheCatalogue(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	w := c.Withdraw("250.5")
	k.App.Withdrawals.Catalogue = asset.Catalogue{}
	if got := c.Withdrawal(w.ID); got.Receives != "249.5" || got.Fee != w.Fee {
		t.Errorf("%+v", got)
	}
}

func TestALookalikeOfAnAddressUsedBeforeIsPointedOut(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	const twin = "TQm7Vh3Kx9Zd4RpNbGCBREL4Z7mLe58aXe"
	like := func() *testkit.Lookalike {
		t.Helper()
		var out struct{ Lookalike *testkit.Lookalike }
		c.Post("/v1/addresses/check", map[string]string{"network": "tron", "address": twin}).OK().Into(&out)
		return out.Lookalike
	}
	w := c.Withdraw("20")
	if got := like(); got != nil {
		t.Errorf("of one that was only requested: %+v", got)
	}
	c.Answer(c.Approval(w)).OK()
	if got := like(); got == nil || got.Address != testkit.Tron || got.Label != "" {
		t.Errorf("%+v", got)
	}
}

func TestALookalikeOfASavedAddressIsPointedOut(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.Answer(saveAddress(c, "Cold", testkit.Tron).Verification()).OK()
	check := func(address string) (out struct {
		OK        bool
		Known     string
		Lookalike *testkit.Lookalike
	}) {
		c.Post("/v1/addresses/check", map[string]string{"network": "tron", "address": address}).OK().Into(&out)
		return out
	}
	if got := check(testkit.Tron); !got.OK || got.Known != "saved" || got.Lookalike != nil {
		t.Errorf("the saved one: %+v", got)
	}
	const twin, stranger = "TQm7Vh3Kx9Zd4RpNbGCBREL4Z7mLe58aXe", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
	if got := check(twin); !got.OK || got.Known != "new" || got.Lookalike == nil || got.Lookalike.Address != testkit.Tron || got.Lookalike.Label != "Cold" {
		t.Errorf("one with the same ends: %+v", got)
	}
	if got := check(stranger); got.Lookalike != nil {
		t.Errorf("another one: %+v", got)
	}
	c.WithdrawTo("tron", twin, "20")
	c.WithdrawTo("tron", stranger, "20")
	var list struct{ Items []testkit.Withdrawal }
	c.Get("/v1/withdrawals").OK().Into(&list)
	for _, w := range list.Items {
		for _, seen := range []*testkit.Withdrawal{&w, c.Withdrawal(w.ID), c.Approval(&w).Withdrawal} {
			if (seen.Lookalike != nil) != (w.Address == twin) || seen.Lookalike != nil && seen.Lookalike.Address != testkit.Tron {
				t.Errorf("%+v", seen)
			}
		}
	}
	if len(list.Items) != 2 {
		t.Errorf("%d withdrawals", len(list.Items))
	}
}

func TestAnAddressBookHasFiveHundredEntriesAtMost(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	fill := func(n int) {
		k.Exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
			INSERT INTO addresses (id, account_id, label, network, address_sealed, address_index, memo, created_at) SELECT 'adr_' || i, $1, '', 'tron', $3, `+k.Bytes(`CAST(i AS TEXT)`)+`, '', 1 FROM n`, c.ID, n, []byte{})
	}
	fill(499)
	one := saveAddress(c, "Last", testkit.Tron).Verification()
	two := saveAddress(c, "One too many", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t").Verification()
	c.Answer(one).OK()
	saveAddress(c, "One too many", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t").Refused("address_book_full")
	c.Answer(two).Refused("address_book_full")
	if n := k.Query(`SELECT count(*) FROM addresses`)[0]; n != "500" {
		t.Errorf("%s entries", n)
	}
	c.Send("DELETE", "/v1/addresses/adr_1", nil, nil).OK()
	c.Answer(saveAddress(c, "Room again", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t").Verification()).OK()
}
