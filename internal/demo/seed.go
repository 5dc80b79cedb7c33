package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"countersign/internal/account"
	"countersign/internal/app"
	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/totp"
	"countersign/internal/verification"
	"countersign/internal/withdrawal"
)

// Person is one of the demo's accounts.
type Person struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Note     string `json:"note"`

	name, phone, phrase string
	balances            map[string]string
	withdrawals         []past
}

type past struct {
	ago                                    time.Duration
	label, asset, network, address, amount string
}

const day = 24 * time.Hour

// Accounts are the people that the demo is filled with. The first is ready for everything.
var Accounts = []Person{
	{
		Email: "ines@halloran.example", Password: "quiet harbour lantern", Note: "All three factors bound: create a passkey, sign in and withdraw with it.",
		name: "Ines Halloran", phone: "+447700900078", phrase: "copper heron 41",
		balances: map[string]string{"BTC": "0.4128", "ETH": "3.2075", "USDT": "6180", "SOL": "42.5"},
		withdrawals: []past{
			{9 * day, "Cold storage", "BTC", "bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "0.05"},
			{2 * day, "Ledger at home", "USDT", "tron", "TQm7Vh3Kx9Zd4RpNbE6wY2sJ4875Pr8aXe", "250"},
		},
	},
	{
		Email: "tom@okafor.example", Password: "slow green harbour", Note: "E-mail and authenticator only: a passkey signs in, but withdrawals take the codes until a phone is bound.",
		name: "Tom Okafor", balances: map[string]string{"BTC": "0.031", "USDT": "940.5"},
	},
}

// seed fills a new database by walking through the real flows with a clock that runs through the past.
// It works on a file of its own and moves it into place when all is there, so that a crash leaves nothing half-filled.
func seed(ctx context.Context, c app.Config, p *phone) error {
	if _, err := os.Stat(c.Database); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	final, fresh := c.Database, c.Database+".new"
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(fresh + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	real, now := c.Clock(), time.Time{}
	c.Database, c.Clock, c.Logger = fresh, func() time.Time { return now }, slog.New(slog.DiscardHandler)
	now = real.Add(-250 * day)
	a, err := app.New(ctx, c)
	if err != nil {
		return err
	}
	for i, person := range Accounts {
		now = real.Add(-250*day + time.Duration(i)*time.Hour)
		if i > 0 {
			now = real.Add(-40 * time.Minute)
		}
		h := hand{ctx: ctx, app: a, phone: p, real: real, now: &now, origin: c.Origins[0]}
		if err := h.live(person); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", person.Email, err), a.Close())
		}
	}
	if err := a.Close(); err != nil {
		return err
	}
	return os.Rename(fresh, final)
}

// hand does by the flows' own functions what a person does in the app.
type hand struct {
	ctx    context.Context
	app    *app.App
	phone  *phone
	real   time.Time
	now    *time.Time
	origin string
	caller verification.Caller
	totp   []byte
	codes  map[string]string // the newest code by channel
}

func (h *hand) live(p Person) error {
	_, device := secret.NewToken()
	h.caller = verification.Caller{DeviceHash: device, Browser: "Safari on iPhone", Address: "203.0.113.24", Origin: h.origin}
	view, err := h.app.Accounts.Register(h.ctx, h.caller, p.Email, p.Password, "en")
	if err != nil {
		return err
	}
	if view, err = h.answer(view, p, ""); err != nil {
		return err
	}
	if err := h.enter(view); err != nil {
		return err
	}
	if err := h.app.Accounts.SetProfile(h.ctx, h.caller, &p.name, nil); err != nil {
		return err
	}
	if err := h.prove(verification.Request{Purpose: policy.BindFactor, Object: string(policy.Authenticator)}, p); err != nil {
		return err
	}
	if p.phone != "" {
		if err := h.prove(verification.Request{Purpose: policy.BindFactor, Object: string(policy.Phone), Value: p.phone}, p); err != nil {
			return err
		}
	}
	if p.phrase != "" {
		if err := h.prove(verification.Request{Purpose: policy.SetPhrase, Value: p.phrase}, p); err != nil {
			return err
		}
	}
	for i, w := range p.withdrawals {
		*h.now = h.real.Add(-w.ago - day)
		if err := h.renew(p); err != nil {
			return err
		}
		in := &verification.AddressInput{Label: w.label, Network: w.network, Address: w.address}
		if err := h.prove(verification.Request{Purpose: policy.SaveAddress, Address: in}, p); err != nil {
			return err
		}
		*h.now = h.real.Add(-w.ago)
		if err := h.renew(p); err != nil {
			return err
		}
		made, err := h.app.Withdrawals.Request(h.ctx, h.caller, fmt.Sprintf("demo-seed-%d", i), withdrawal.Input{Asset: w.asset, Network: w.network, Address: w.address, Amount: w.amount})
		if err != nil {
			return err
		}
		if err := h.prove(verification.Request{Purpose: policy.ApproveWithdrawal, Object: made.ID}, p); err != nil {
			return err
		}
	}
	if err := h.collect(); err != nil {
		return err
	}
	return h.app.DB.Update(h.ctx, func(tx *store.Tx) error {
		for code, available := range p.balances {
			if err := tx.SetBalance(h.caller.AccountID(), code, available); err != nil {
				return err
			}
		}
		return nil
	})
}

// renew signs in again where the session has not lasted.
func (h *hand) renew(p Person) error {
	*h.now = h.now.Add(time.Minute)
	h.caller.Session = nil
	view, err := h.app.Accounts.Login(h.ctx, h.caller, p.Email, p.Password)
	if err != nil {
		return err
	}
	if view, err = h.app.Engine.Submit(h.ctx, h.caller, view.ID, verification.Answers{Codes: map[string]string{"any": totp.Code(h.totp, *h.now)}}); err != nil {
		return err
	}
	return h.enter(view)
}

// enter takes up the session that a verification has given.
func (h *hand) enter(view *verification.View) error {
	in, ok := view.Result.Session.(*account.SignedIn)
	if !ok {
		return errors.New("no session came of it")
	}
	session, err := h.app.Accounts.Authenticate(h.ctx, in.Token)
	h.caller.Session = session
	return err
}

// prove begins a verification and answers all that it asks.
func (h *hand) prove(r verification.Request, p Person) error {
	*h.now = h.now.Add(time.Minute)
	view, err := h.app.Engine.Begin(h.ctx, h.caller, r)
	if err != nil {
		return err
	}
	if view, err = h.answer(view, p, p.Password); err != nil {
		return err
	}
	if view.Status != store.Done {
		return fmt.Errorf("%s waits for %v", r.Purpose, *view.Next)
	}
	return nil
}

func (h *hand) answer(view *verification.View, p Person, pw string) (*verification.View, error) {
	answers := verification.Answers{Codes: map[string]string{}}
	if view.Password != nil {
		answers.Password = pw
	}
	for _, f := range view.Factors {
		code, err := h.code(view, f)
		if err != nil {
			return nil, err
		}
		answers.Codes[f.Kind] = code
	}
	view, err := h.app.Engine.Submit(h.ctx, h.caller, view.ID, answers)
	if err != nil || view.NewFactor == nil {
		return view, err
	}
	code := ""
	if link := view.NewFactor.OtpauthURL; link != nil {
		if err := h.phone.scan(*link); err != nil {
			return nil, err
		}
		h.totp = h.phone.apps[0].Secret
		code = totp.Code(h.totp, *h.now)
	} else if err := h.collect(); err != nil {
		return nil, err
	} else {
		code = h.codes[delivery.ChannelSMS]
	}
	return h.app.Engine.Submit(h.ctx, h.caller, view.ID, verification.Answers{Codes: map[string]string{"new": code}})
}

func (h *hand) code(view *verification.View, f verification.FactorView) (string, error) {
	if f.Kind == string(policy.Authenticator) {
		return totp.Code(h.totp, *h.now), nil
	}
	if f.SentAt == nil {
		if _, err := h.app.Engine.Send(h.ctx, h.caller, view.ID, f.Kind); err != nil {
			return "", err
		}
	}
	if err := h.collect(); err != nil {
		return "", err
	}
	if f.Kind == string(policy.Phone) {
		return h.codes[delivery.ChannelSMS], nil
	}
	return h.codes[delivery.ChannelEmail], nil
}

// collect empties the outbox, as a carrier would.
func (h *hand) collect() error {
	if h.codes == nil {
		h.codes = map[string]string{}
	}
	items, err := h.app.DB.Claim(h.ctx, *h.now, time.Minute, 100)
	if err != nil {
		return err
	}
	for _, item := range items {
		if item.Message.Code != "" {
			h.codes[item.Message.Channel] = item.Message.Code
		}
		if err := h.app.DB.Sent(h.ctx, item.ID, *h.now, delivery.Receipt{}); err != nil {
			return err
		}
	}
	return nil
}
