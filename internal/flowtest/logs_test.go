package flowtest

import (
	"bytes"
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/app"
	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/softkey"
	"countersign/internal/testkit"
	"countersign/internal/totp"
)

// lines keeps what is logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// flaky refuses every third message, with an error that names whom it was for and what it said.
type flaky struct {
	delivery.Carrier
	mu sync.Mutex
	n  int
}

func (f *flaky) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	f.mu.Lock()
	f.n++
	refuse := f.n%3 == 0
	f.mu.Unlock()
	if receipt, err := f.Carrier.Send(ctx, m); err != nil || !refuse {
		return receipt, err
	}
	// For good: a code that came again later, beside newer ones, would be taken for the newest.
	return delivery.Receipt{}, fmt.Errorf("%w: 550 <%s>: rejected, it said %s", delivery.ErrPermanent, m.To, m.Code)
}

func TestNothingSecretOrPersonalIsLoggedCountedOrTraced(t *testing.T) {
	t.Parallel()
	log := &lines{}
	outside := watchFromOutside(t, true)
	k := testkit.New(t, outside.watches, func(c *app.Config) {
		c.LogAddresses, c.TrustedProxies = "masked", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		for channel, carrier := range c.Carriers {
			c.Carriers[channel] = &flaky{Carrier: carrier}
		}
	})
	secrets := map[string]bool{testkit.Password: true, other: true, testkit.Tron: true, "copper heron": true, "a wrong password": true}
	note := func(b *testkit.Browser) {
		for _, name := range []string{"__Host-session", "__Host-device"} {
			if v := b.Cookie(name); v != "" {
				secrets[v] = true
			}
		}
	}
	c := k.Full()
	note(c.Browser)
	c.From("203.0.113.77")
	c.CreatePasskey()
	c.Do(policy.SetPhrase, "", "copper heron")
	c.Answer(saveAddress(c, "Cold storage", testkit.Tron).Verification()).OK()
	secrets["Cold storage"] = true
	c.Prove(c.Approval(c.Withdraw("20"))).OK()
	c.Prove(c.Approval(c.Withdraw("20")), softkey.ZeroSignature()).Refused("passkey_refused")
	b := k.Browser()
	c.LoginByCodes(b).OK()
	note(b)
	login := b.StartLogin(c.Email, "a wrong password").Verification()
	b.Codes(login.ID, map[string]string{"any": "918273"}).Refused("login_refused")
	secrets["918273"] = true
	c.LoginByPasskey(b).OK()
	note(b)
	c.Post("/v1/login", `{"identifier":"`+c.Email+`","password":"`+other+`","`+c.Number+`":1}`).Refused("invalid_request")
	c.Get("/v1/withdrawals/" + c.Number).Refused("not_found")
	c.Get("/v1/nothing/" + c.Email).Refused("not_found")
	former := c.Number
	number := k.FreshNumber()
	c.ProveNew(c.Do(policy.ReplaceFactor, "phone", number), number).OK()
	c.Do(policy.ChangePassword, "", other)
	c.Password = other
	token := link(k, c.Email)
	secrets[token] = true
	b.Post("/v1/not-me/lookup", map[string]string{"token": token}).OK()
	b.Post("/v1/not-me/freeze", map[string]string{"token": token}).OK()
	c.LoginByCodes(c.Browser).OK()
	note(c.Browser)
	v := c.Answer(c.Begin(policy.Unfreeze, "", "").Verification()).Verification()
	c.Finish(v.ID, "", "none").OK()
	reset := b.Post("/v1/password-resets", map[string]string{"email": c.Email}).Verification()
	b.Codes(reset.ID, map[string]string{"email": k.Code(c.Email)}).OK()
	// Requests for help, with a session and by the link that was sent.
	secrets["the sheet with walnut"] = true
	secrets["chestnut report"] = true
	secrets["stranger@help.example"] = true
	help := b.Post("/v1/tickets", map[string]any{"topic": "other", "body": "I saw the sheet with walnut.", "email": "stranger@help.example", "report": map[string]any{"x": "chestnut report"}}).OK()
	if !strings.Contains(string(help.Body), "CS-") {
		t.Errorf("%s", help.Body)
	}
	ask(c.Browser, "other", "I saw the sheet with walnut.")
	linkToken := ticketLink(k, "stranger@help.example")
	secrets[linkToken] = true
	b.Post("/v1/tickets/lookup", map[string]any{"token": linkToken}).OK()
	b.Post("/v1/tickets/lookup/messages", map[string]any{"token": linkToken, "body": "the sheet with walnut"}).OK()
	b.Post("/v1/tickets/lookup", map[string]any{"token": linkToken[:42]}).Refused("not_found")
	// An internal error, with everything in it that the request had.
	k.Exec(`UPDATE factors SET value_sealed = $1 WHERE kind = 'phone'`, []byte{0})
	if a := c.SendCode(c.Begin(policy.SetPhrase, "", "copper heron").Verification().ID, "phone"); a.Code() != "internal" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	k.Clock.Advance(time.Hour)
	k.Deliver()

	for _, s := range []string{c.Email, c.Number, former, base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(c.App), hex.EncodeToString(c.App), totp.Code(c.App, k.Clock.Now()),
		base64.RawURLEncoding.EncodeToString(c.Device.Export()[0].UserHandle), strings.TrimPrefix(c.Number, "+")} {
		secrets[s] = true
	}
	codes := 0
	for _, m := range k.Inbox.All() {
		if m.Code != "" {
			secrets[m.Code] = true
			codes++
		}
		for _, found := range notMe.FindAllStringSubmatch(m.Text, -1) {
			secrets[found[1]] = true
		}
	}
	secrets[c.ID] = true
	for _, name := range []string{"203.0.113.77", "Safari on iPhone", "Mozilla"} {
		secrets[name] = true
	}
	outside.tellsNobody(secrets)
	log.mu.Lock()
	defer log.mu.Unlock()
	text := log.text.String()
	for s := range secrets {
		// Six digits may stand in a number that has more; whole words count.
		if len(s) == 6 {
			if containsWord(text, s) {
				t.Errorf("the log has the code %s", s)
			}
		} else if strings.Contains(text, s) {
			t.Errorf("the log has %q", s)
		}
	}
	if n := strings.Count(text, "msg=request"); n < 50 || codes < 15 || !strings.Contains(text, "message not sent") || !strings.Contains(text, "level=ERROR") {
		t.Errorf("the test has seen %d requests and %d codes:\n%s", n, codes, text)
	}
	if !strings.Contains(text, "client=203.0.113.0/24") || !strings.Contains(text, "problem=login_refused") {
		t.Error("the log lacks the client's network, or a problem's code")
	}
	// What is logged names routes, not paths.
	if strings.Contains(text, "ver_") || strings.Contains(text, "wd_") {
		t.Error("the log has ids of verifications or withdrawals")
	}
}

// containsWord tells whether digits stand in a text with no letter, digit or point beside them.
func containsWord(text, digits string) bool {
	part := func(b byte) bool {
		return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '.'
	}
	for at := 0; ; {
		i := strings.Index(text[at:], digits)
		if i < 0 {
			return false
		}
		i += at
		end := i + len(digits)
		if (i == 0 || !part(text[i-1])) && (end == len(text) || !part(text[end])) {
			return true
		}
		at = i + 1
	}
}
