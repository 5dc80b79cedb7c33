package testkit

import (
	"encoding/base32"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"countersign/internal/policy"
	"countersign/internal/softkey"
	"countersign/internal/store"
	"countersign/internal/totp"
)

// Password is everybody's.
const Password = "copper heron forty-one"

// Customer is a person with an account, their browser, their authenticator app and the device that holds their passkeys.
type Customer struct {
	*Browser
	Email, Number, Password string
	// App is the secret in the authenticator app, nil before it is bound.
	App    []byte
	Device *softkey.Authenticator
	ID     string
}

// Register makes an account by its flow, with the e-mail address as its only factor.
func (k *Kit) Register() *Customer {
	k.T.Helper()
	k.mu.Lock()
	k.browser++
	n := k.browser
	k.mu.Unlock()
	c := &Customer{Browser: k.Browser(), Email: fmt.Sprintf("person%d@mail.example", n), Password: Password, Device: softkey.New(RPID, Origin)}
	v := c.Post("/v1/registrations", map[string]any{"email": c.Email, "password": c.Password}).Verification()
	v = c.Codes(v.ID, map[string]string{"email": k.Code(c.Email)}).Verification()
	c.ID = v.Result.Session.AccountID
	return c
}

// Customer makes an account with factors bound beside the e-mail address. It is older than a day, and its hold, if there was
// one, is over.
func (k *Kit) Customer(kinds ...policy.Kind) *Customer {
	k.T.Helper()
	c := k.Register()
	for _, kind := range kinds {
		c.Bind(kind)
	}
	k.Clock.Advance(25 * time.Hour)
	return c
}

// Full is a customer with all three factors and money.
func (k *Kit) Full() *Customer {
	k.T.Helper()
	c := k.Customer(policy.Phone, policy.Authenticator)
	c.SetBalance("USDT", "1000")
	return c
}

// FreshNumber is a phone number that nobody has.
func (k *Kit) FreshNumber() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.browser++
	return fmt.Sprintf("+4479460%05d", k.browser)
}

// SetBalance tells what the business says the account has.
func (c *Customer) SetBalance(asset, available string) {
	c.Kit.T.Helper()
	c.Kit.Update(func(tx *store.Tx) error { return tx.SetBalance(c.ID, asset, available) })
}

// Balance is what the account has available.
func (c *Customer) Balance(asset string) string {
	c.Kit.T.Helper()
	var out string
	c.Kit.Update(func(tx *store.Tx) (err error) { out, err = tx.Balance(c.ID, asset); return err })
	return out
}

// Account reads the overview.
func (c *Customer) Account() *Account {
	c.Kit.T.Helper()
	a := &Account{}
	c.Get("/v1/account").OK().Into(a)
	return a
}

// Codes answers a verification with codes.
func (b *Browser) Codes(id string, codes map[string]string) *Answer {
	b.Kit.T.Helper()
	return b.Post("/v1/verifications/"+id+"/codes", map[string]any{"codes": codes})
}

// SendCode asks for a code by e-mail or SMS. What was queued before is delivered first, so that the newest message is this one.
func (b *Browser) SendCode(id, factor string) *Answer {
	b.Kit.T.Helper()
	b.Kit.Deliver()
	return b.Post("/v1/verifications/"+id+"/send", map[string]any{"factor": factor})
}

// AppCode is the code that the authenticator app shows, after the clock has gone on to a step that was not used.
func (c *Customer) AppCode() string {
	c.Kit.Clock.Advance(totp.Period)
	return totp.Code(c.App, c.Kit.Clock.Now())
}

// Begin begins a verification.
func (b *Browser) Begin(purpose policy.Purpose, object, value string) *Answer {
	b.Kit.T.Helper()
	body := map[string]any{"purpose": purpose}
	if object != "" {
		body["object"] = object
	}
	if value != "" {
		body["value"] = value
	}
	return b.Post("/v1/verifications", body)
}

// Proof collects the codes that a verification asks of the bound factors, sending what has to be sent.
func (c *Customer) Proof(v *Verification) map[string]any {
	c.Kit.T.Helper()
	codes := map[string]string{}
	for _, f := range v.Factors {
		if f.Matched {
			continue
		}
		switch {
		case f.Kind == string(policy.Authenticator):
			codes[f.Kind] = c.AppCode()
			continue
		case f.SentAt == nil:
			c.SendCode(v.ID, f.Kind).OK()
		}
		codes[f.Kind] = c.Kit.Code(c.destination(f.Kind))
	}
	body := map[string]any{"codes": codes}
	if v.Password != nil && !v.Password.Matched {
		body["password"] = c.Password
	}
	return body
}

func (c *Customer) destination(kind string) string {
	if kind == string(policy.Phone) {
		return c.Number
	}
	return c.Email
}

// Answer gives all the codes that a verification asks of the bound factors.
func (c *Customer) Answer(v *Verification) *Answer {
	c.Kit.T.Helper()
	return c.Post("/v1/verifications/"+v.ID+"/codes", c.Proof(v))
}

// Do begins a verification and proves it by codes.
func (c *Customer) Do(purpose policy.Purpose, object, value string) *Verification {
	c.Kit.T.Helper()
	return c.Answer(c.Begin(purpose, object, value).Verification()).Verification()
}

// Bind binds a factor by its flow. Where passkeys wait for a choice, it keeps all.
func (c *Customer) Bind(kind policy.Kind) *Verification {
	c.Kit.T.Helper()
	value := ""
	if kind == policy.Phone {
		value = c.Kit.FreshNumber()
	}
	v := c.ProveNew(c.Do(policy.BindFactor, string(kind), value), value).Verification()
	if v.Next != nil && *v.Next == "finish" {
		v = c.Finish(v.ID, "", "all").Verification()
	}
	return v
}

// ProveNew answers with the new factor's code, and takes it up if that was right.
func (c *Customer) ProveNew(v *Verification, value string) *Answer {
	c.Kit.T.Helper()
	if v.NewFactor == nil {
		c.Kit.T.Fatalf("%s has no new factor", v.Purpose)
	}
	if v.NewFactor.Secret == nil {
		a := c.Codes(v.ID, map[string]string{"new": c.Kit.Code(value)})
		if a.Status == 200 && v.NewFactor.Kind == string(policy.Phone) {
			c.Number = value
		} else if a.Status == 200 {
			c.Email = value
		}
		return a
	}
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(*v.NewFactor.Secret)
	if err != nil {
		c.Kit.T.Fatal(err)
	}
	a := c.Codes(v.ID, map[string]string{"new": totp.Code(key, c.Kit.Clock.Now())})
	if a.Status == 200 {
		c.App = key
	}
	return a
}

// Finish makes the last choice; keep is "all", "none" or a list of ids.
func (b *Browser) Finish(id, password string, keep any) *Answer {
	b.Kit.T.Helper()
	body := map[string]any{"keep_passkeys": keep}
	if password != "" {
		body["password"] = password
	}
	return b.Post("/v1/verifications/"+id+"/finish", body)
}

// Challenge asks for a challenge of a verification.
func (b *Browser) Challenge(id string) *Challenge {
	b.Kit.T.Helper()
	ch := &Challenge{}
	b.Post("/v1/verifications/"+id+"/challenge", "{}").OK().Into(ch)
	return ch
}

// SubmitPasskey gives a credential to a verification.
func (b *Browser) SubmitPasskey(id string, credential []byte) *Answer {
	b.Kit.T.Helper()
	return b.Post("/v1/verifications/"+id+"/passkey", map[string]any{"credential": json.RawMessage(credential)})
}

// CreatePasskey creates a passkey on the customer's device by its flow.
func (c *Customer) CreatePasskey() *Passkey {
	c.Kit.T.Helper()
	v := c.Do(policy.CreatePasskey, "", "")
	return c.SubmitPasskey(v.ID, c.Attest(c.Challenge(v.ID))).Verification().Result.Passkey
}

// Attest answers a creation challenge with a new key of the device.
func (c *Customer) Attest(ch *Challenge, tweaks ...softkey.Tweak) []byte {
	c.Kit.T.Helper()
	credential, err := c.Device.Create(ch.PublicKey, tweaks...)
	if err != nil {
		c.Kit.T.Fatal(err)
	}
	return credential
}

// Assert answers request options with a key of the device.
func (c *Customer) Assert(publicKey json.RawMessage, tweaks ...softkey.Tweak) []byte {
	c.Kit.T.Helper()
	credential, err := c.Device.Get(publicKey, tweaks...)
	if err != nil {
		c.Kit.T.Fatal(err)
	}
	return credential
}

// Prove answers a verification with a passkey.
func (c *Customer) Prove(v *Verification, tweaks ...softkey.Tweak) *Answer {
	c.Kit.T.Helper()
	return c.SubmitPasskey(v.ID, c.Assert(c.Challenge(v.ID).PublicKey, tweaks...))
}

// LoginOptions asks for the options of a login by passkey.
func (b *Browser) LoginOptions() json.RawMessage {
	b.Kit.T.Helper()
	var out struct {
		PublicKey json.RawMessage `json:"public_key"`
	}
	b.Post("/v1/login/passkey/options", "{}").OK().Into(&out)
	return out.PublicKey
}

// LoginWith signs in with a credential.
func (b *Browser) LoginWith(credential []byte) *Answer {
	b.Kit.T.Helper()
	return b.Post("/v1/login/passkey", map[string]any{"credential": json.RawMessage(credential)})
}

// LoginByPasskey signs in on a browser with a passkey of the customer's device.
func (c *Customer) LoginByPasskey(b *Browser, tweaks ...softkey.Tweak) *Answer {
	c.Kit.T.Helper()
	return b.LoginWith(c.Assert(b.LoginOptions(), tweaks...))
}

// StartLogin gives identifier and password.
func (b *Browser) StartLogin(identifier, password string) *Answer {
	b.Kit.T.Helper()
	return b.Post("/v1/login", map[string]any{"identifier": identifier, "password": password})
}

// LoginCode is the code that signing in asks for, after it was sent.
func (c *Customer) LoginCode() string {
	c.Kit.T.Helper()
	switch {
	case c.App != nil:
		return c.AppCode()
	case c.Number != "":
		return c.Kit.Code(c.Number)
	}
	return c.Kit.Code(c.Email)
}

// LoginByCodes signs in on a browser with password and code.
func (c *Customer) LoginByCodes(b *Browser) *Answer {
	c.Kit.T.Helper()
	v := b.StartLogin(c.Email, c.Password).Verification()
	return b.Codes(v.ID, map[string]string{"any": c.LoginCode()})
}

// On is the customer at another browser.
func (c *Customer) On(b *Browser) *Customer {
	d := *c
	d.Browser = b
	return &d
}

// Tron is an address that USDT can be sent to.
const Tron = "TQm7Vh3Kx9Zd4RpNbE6wY2sJ4875Pr8aXe"

// Withdraw requests a withdrawal of USDT.
func (c *Customer) Withdraw(amount string) *Withdrawal {
	c.Kit.T.Helper()
	w := &Withdrawal{}
	c.RequestWithdrawal(fmt.Sprintf("key-%d-%s", time.Now().UnixNano(), amount), amount).OK().Into(w)
	return w
}

// WithdrawTo requests a withdrawal of USDT to an address.
func (c *Customer) WithdrawTo(network, address, amount string) *Withdrawal {
	c.Kit.T.Helper()
	w := &Withdrawal{}
	body := map[string]any{"asset": "USDT", "network": network, "address": address, "amount": amount}
	c.Send("POST", "/v1/withdrawals", body, map[string]string{"Idempotency-Key": fmt.Sprintf("key-%d-%s", time.Now().UnixNano(), amount)}).OK().Into(w)
	return w
}

// RequestWithdrawal requests a withdrawal of USDT under an idempotency key.
func (c *Customer) RequestWithdrawal(key, amount string) *Answer {
	c.Kit.T.Helper()
	return c.Send("POST", "/v1/withdrawals", map[string]any{"asset": "USDT", "network": "tron", "address": Tron, "amount": amount}, map[string]string{"Idempotency-Key": key})
}

// Approval begins the approval of a withdrawal.
func (c *Customer) Approval(w *Withdrawal) *Verification {
	c.Kit.T.Helper()
	return c.Begin(policy.ApproveWithdrawal, w.ID, "").Verification()
}

// Withdrawal reads a withdrawal.
func (c *Customer) Withdrawal(id string) *Withdrawal {
	c.Kit.T.Helper()
	w := &Withdrawal{}
	c.Get("/v1/withdrawals/" + id).OK().Into(w)
	return w
}

// Wrong is a code that is not this one.
func Wrong(code string) string {
	if strings.HasPrefix(code, "0") {
		return "1" + code[1:]
	}
	return "0" + code[1:]
}
