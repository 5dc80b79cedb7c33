package flowtest

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/app"
	"countersign/internal/delivery"
	"countersign/internal/desk"
	"countersign/internal/policy"
	"countersign/internal/testkit"
)

// stuck is a carrier that can hang: then it answers nothing until the test ends.
type stuck struct {
	delivery.Carrier
	hangs          atomic.Bool
	inside, gotOut atomic.Int32
}

func (s *stuck) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	if !s.hangs.Load() {
		return s.Carrier.Send(ctx, m)
	}
	s.inside.Add(1)
	<-ctx.Done()
	s.gotOut.Add(1)
	return delivery.Receipt{}, ctx.Err()
}

func TestCarriersThatHangSlowNobody(t *testing.T) {
	t.Parallel()
	carrier := &stuck{}
	k := testkit.New(t, func(c *app.Config) {
		carrier.Carrier = c.Carriers[delivery.ChannelSMS]
		for channel := range c.Carriers {
			c.Carriers[channel] = carrier
		}
	})
	c := k.Full()
	c.CreatePasskey()
	k.Deliver()
	carrier.hangs.Store(true)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = k.App.Worker.Run(ctx) }()
	defer func() { stop(); <-done }()
	// Of what follows, everything queues messages, and nothing gets out of the carrier before the end.
	for i := range 20 {
		c.LoginByPasskey(k.Browser()).OK()
		if i >= 4 { // what one account may have sent within an hour
			continue
		}
		b := k.Browser()
		login := b.StartLogin(c.Email, c.Password).Verification()
		b.Codes(login.ID, map[string]string{"any": c.AppCode()}).OK()
		v := c.Begin(policy.SetPhrase, "", fmt.Sprint("phrase ", i)).Verification()
		for _, factor := range []string{"email", "phone"} {
			c.Post("/v1/verifications/"+v.ID+"/send", map[string]any{"factor": factor}).OK()
		}
	}
	for deadline := time.Now().Add(20 * time.Second); carrier.inside.Load() < 8; <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d messages hang", carrier.inside.Load())
		}
	}
	c.LoginByPasskey(k.Browser()).OK()
	if n := carrier.gotOut.Load(); n != 0 {
		t.Errorf("%d messages were given up while people signed in: it took too long to say", n)
	}
}

func TestTheCheckShowsWhichCarrierRests(t *testing.T) {
	t.Parallel()
	outside := watchFromOutside(t, false)
	k := testkit.New(t, outside.watches, func(c *app.Config) {
		away := &stuck{Carrier: c.Carriers[delivery.ChannelSMS]}
		away.hangs.Store(true)
		setup := delivery.Setup{SMS: []delivery.Member{{Name: "away", Carrier: away, Timeout: time.Millisecond}, {Name: "well", Carrier: c.Carriers[delivery.ChannelSMS]}}}
		carriers, err := setup.Carriers(c.Clock, c.Logger)
		if err != nil {
			t.Fatal(err)
		}
		c.Carriers[delivery.ChannelSMS] = carriers[delivery.ChannelSMS]
		c.Spending = &delivery.Spending{Country: delivery.Ceiling{Hour: 5, Day: 100}, Total: delivery.Ceiling{Hour: 100, Day: 100}}
	})
	o := k.Operator(desk.Admin)
	before := check(o)
	if before["carrier/sms/away"] != "ok" || before["carrier/sms/well"] != "ok" || before["spending"] != "ok" {
		t.Errorf("%v", before)
	}
	c := k.Register()
	for range 5 {
		number := k.FreshNumber()
		c.Answer(c.Begin(policy.BindFactor, "phone", number).Verification()).OK()
		if k.Code(number) == "" {
			t.Error("nothing came by the other carrier")
		}
	}
	if after := check(o); after["carrier/sms/away"] != "warn" || after["carrier/sms/well"] != "ok" || after["spending"] != "warn" {
		t.Errorf("%v", after)
	}
	metrics := outside.scrape()
	for name, want := range map[string]string{
		`countersign_carrier_resting{carrier="away",channel="sms"}`:                   "1",
		`countersign_carrier_resting{carrier="well",channel="sms"}`:                   "0",
		`countersign_deliveries_total{carrier="away",channel="sms",outcome="failed"}`: "5",
		`countersign_deliveries_total{carrier="well",channel="sms",outcome="sent"}`:   "5",
	} {
		if got := series(metrics, name); got != want {
			t.Errorf("%s is %q, want %s", name, got, want)
		}
	}
}

func TestTextsToACountryThatHasHadItsShareArePaused(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, func(c *app.Config) {
		c.Spending = &delivery.Spending{Country: delivery.Ceiling{Hour: 3, Day: 100}, Total: delivery.Ceiling{Hour: 100, Day: 100}}
	})
	c := k.Customer(policy.Phone)
	d, e := k.Customer(policy.Phone), k.Customer()
	var begun []string
	for i := range 5 {
		begun = append(begun, c.Begin(policy.SetPhrase, "", fmt.Sprint("phrase ", i)).Verification().ID)
	}
	for _, id := range begun[:3] {
		c.SendCode(id, "phone").OK()
	}
	k.Deliver()
	var p struct {
		RetryAt time.Time `json:"retry_at"`
	}
	c.SendCode(begun[3], "phone").Refused("texts_paused").Into(&p)
	if wait := p.RetryAt.Sub(k.Clock.Now()); wait <= 0 || wait > time.Hour {
		t.Errorf("it opens in %v", wait)
	}
	// Everybody's there, another country's not, and no mail.
	d.SendCode(d.Begin(policy.SetPhrase, "", "copper heron").Verification().ID, "phone").Refused("texts_paused")
	c.SendCode(begun[3], "email").OK()
	const abroad = "+4915123456789"
	e.ProveNew(e.Do(policy.BindFactor, "phone", abroad), abroad).OK()

	// Before a session nothing tells: the message ends where it would be sent.
	k.Deliver()
	before := len(k.Inbox.All())
	b := k.Browser()
	login := b.StartLogin(c.Email, c.Password).Verification()
	stranger := k.Browser().StartLogin(c.Email, "a wrong password").Verification()
	if *login.Next != *stranger.Next || fmt.Sprint(login.Ways) != fmt.Sprint(stranger.Ways) || len(login.Factors) != 1 || len(stranger.Factors) != 1 || login.Factors[0].Hint != stranger.Factors[0].Hint {
		t.Errorf("%+v, %+v", login, stranger)
	}
	k.Deliver()
	if n := len(k.Inbox.All()) - before; n != 0 {
		t.Errorf("%d messages went out", n)
	}
	if got := k.Query(`SELECT count(*) FROM outbox WHERE state = 'failed' AND reason = 'spending limit +44 hour'`); got[0] != "1" {
		t.Errorf("%s messages ended at the limit", got[0])
	}
	if limits := k.App.Worker.Limits(); len(limits) != 1 || limits[0].Label != "+44 hour" || limits[0].Refused != 1 {
		t.Errorf("%+v", limits)
	}
	k.Clock.Advance(time.Hour)
	c.SendCode(c.Begin(policy.SetPhrase, "", "copper heron").Verification().ID, "phone").OK()
	k.Deliver() // messages that go out together arrive in any order
	c.LoginByCodes(k.Browser()).OK()
}

func TestACarriersWordReachesTheOutbox(t *testing.T) {
	t.Parallel()
	const name, token = "twilio", "t0ken"
	address := testkit.Origin + delivery.CallbackPath(name)
	var sid, callback atomic.Value
	gateway := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := fmt.Sprintf("SM%d", time.Now().UnixNano())
		sid.Store(id)
		callback.Store(r.PostFormValue("StatusCallback"))
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"sid":"`+id+`","status":"queued"}`)
	}))
	defer gateway.Close()
	roots := x509.NewCertPool()
	roots.AddCert(gateway.Certificate())
	k := testkit.New(t, func(c *app.Config) {
		twilio, err := delivery.NewTwilio(delivery.TwilioConfig{URL: gateway.URL, Account: "AC1", Password: token, From: "Bank", Callback: address, AuthToken: token, RootCAs: roots, Now: c.Clock})
		if err != nil {
			t.Fatal(err)
		}
		setup := delivery.Setup{SMS: []delivery.Member{{Name: name, Kind: "twilio", Carrier: twilio}}}
		carriers, err := setup.Carriers(c.Clock, c.Logger)
		if err != nil {
			t.Fatal(err)
		}
		c.Carriers[delivery.ChannelSMS] = carriers[delivery.ChannelSMS]
	})
	c := k.Register()
	c.Proof(c.Begin(policy.BindFactor, "phone", k.FreshNumber()).Verification())
	v := c.Begin(policy.BindFactor, "phone", k.FreshNumber()).Verification()
	c.Answer(v).OK() // the new number gets its code
	k.Deliver()
	state := func() string {
		return k.Query(`SELECT state || ' ' || carrier || ' ' || reason FROM outbox WHERE carrier_id = $1`, sid.Load())[0]
	}
	if got := state(); got != "sent twilio " || callback.Load() != address {
		t.Fatalf("%s, callback %v", got, callback.Load())
	}
	tell := func(path, secret string, form url.Values) *testkit.Answer {
		text := address
		for _, field := range []string{"MessageSid", "MessageStatus"} {
			text += field + form.Get(field)
		}
		mac := hmac.New(sha1.New, []byte(secret))
		mac.Write([]byte(text))
		return k.Browser().Send("POST", path, form.Encode(), map[string]string{
			"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": base64.StdEncoding.EncodeToString(mac.Sum(nil)), "Origin": "", "Sec-Fetch-Site": "",
		})
	}
	delivered := url.Values{"MessageSid": {sid.Load().(string)}, "MessageStatus": {"delivered"}}
	tell(delivery.CallbackPath(name), "guess", delivered).Refused("not_found")
	tell(delivery.CallbackPath("other"), token, delivered).Refused("not_found")
	if got := state(); got != "sent twilio " {
		t.Errorf("a stranger was believed: %s", got)
	}
	tell(delivery.CallbackPath(name), token, url.Values{"MessageSid": {sid.Load().(string)}, "MessageStatus": {"sent"}}).OK()
	tell(delivery.CallbackPath(name), token, delivered).OK()
	if got := state(); got != "delivered twilio twilio delivered" {
		t.Errorf("%s", got)
	}
}
