package delivery

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign/internal/policy"
	"countersign/internal/smpp"
)

var (
	brand = Brand{Name: "Countersign", Domain: "countersign.example", BaseURL: "https://countersign.example"}
	noon  = time.Date(2026, 11, 23, 14, 25, 0, 0, time.FixedZone("elsewhere", 5*3600))
)

// events are those that AlertEmail has words for.
var events = []string{
	"account.created", "login.new_device", "passkey.created", "passkey.deleted", "passkey.suspended",
	"factor.bound", "factor.replaced", "factor.unbound", "password.changed", "password.reset", "sessions.ended",
	"phrase.set", "address.saved", "address.deleted", "withdrawal.approved", "withdrawal.declined", "withdrawal.expired", "account.frozen", "account.erased",
	"account.unfrozen", "guesses.exhausted",
}

func codeInfo(purpose policy.Purpose) CodeInfo {
	return CodeInfo{Purpose: string(purpose), Code: "482913", ExpiresAt: noon, Phrase: "copper heron 41", Browser: "Safari on iPhone", Address: "203.0.113.7"}
}

func TestACodeNamesItsPurpose(t *testing.T) {
	want := map[policy.Purpose]string{
		policy.Register:          "confirm this e-mail",
		policy.Login:             "sign in",
		policy.ResetPassword:     "reset your password",
		policy.CreatePasskey:     "create a passkey",
		policy.DeletePasskey:     "delete a passkey",
		policy.ApproveWithdrawal: "approve a withdrawal",
		policy.BindFactor:        "add a way to verify you",
		policy.ReplaceFactor:     "replace your way to verify you",
		policy.UnbindFactor:      "remove your way to verify you",
		policy.ChangePassword:    "change your password",
		policy.EndSessions:       "sign out other devices",
		policy.SetPhrase:         "change your anti-phishing phrase",
		policy.SaveAddress:       "save a withdrawal address",
		policy.Unfreeze:          "unfreeze your account",
	}
	titles := map[string]policy.Purpose{}
	for purpose := range policy.Default() {
		words, ok := want[purpose]
		if !ok {
			t.Errorf("%s: this test has no words for it", purpose)
			continue
		}
		sms := brand.CodeSMS("+447700900078", codeInfo(purpose))
		if !strings.HasPrefix(sms.Text, "Countersign code to "+words+": 482913.") {
			t.Errorf("%s: the text message is %q", purpose, sms.Text)
		}
		mail := brand.CodeEmail("ines@halloran.example", codeInfo(purpose))
		title := "Your code to " + words
		if purpose == policy.Login {
			title = "Your sign-in code"
		}
		if mail.Subject != title || !strings.Contains(mail.Text, title) || !strings.Contains(mail.HTML, title) {
			t.Errorf("%s: the subject is %q", purpose, mail.Subject)
		}
		if other, twice := titles[mail.Subject]; twice {
			t.Errorf("%s and %s are worded alike", purpose, other)
		}
		titles[mail.Subject] = purpose
		for _, fact := range []string{"482913", "09:25 UTC", "Safari on iPhone", "203.0.113.7", "copper heron 41", "Not you?"} {
			if !strings.Contains(mail.Text, fact) {
				t.Errorf("%s: %q is missing from the text", purpose, fact)
			}
		}
		if strings.Contains(mail.Subject, "482913") {
			t.Errorf("%s: the subject, which a locked phone shows, has the code", purpose)
		}
	}
}

func TestACodeNamesItsFactor(t *testing.T) {
	for factor, words := range map[string]string{"email": "e-mail address", "phone": "phone number", "authenticator": "authenticator app"} {
		c := codeInfo(policy.ReplaceFactor)
		c.Factor = factor
		if got := brand.CodeEmail("a@b.example", c).Subject; got != "Your code to replace your "+words {
			t.Errorf("%s: %q", factor, got)
		}
	}
}

func TestACodeForAWithdrawalShowsAmountAndEnds(t *testing.T) {
	c := codeInfo(policy.ApproveWithdrawal)
	c.Withdrawal = &WithdrawalLine{Amount: "250", Asset: "USDT", AddressStart: "TQ5m", AddressEnd: "9xKf"}
	mail, sms := brand.CodeEmail("a@b.example", c), brand.CodeSMS("+447700900078", c)
	for name, text := range map[string]string{"text": mail.Text, "HTML": mail.HTML, "SMS": sms.Text} {
		if !strings.Contains(text, "250 USDT") || !strings.Contains(text, "TQ5m...9xKf") {
			t.Errorf("%s: %q", name, text)
		}
	}
}

func TestACodeForAPowerfulPasskeySaysSo(t *testing.T) {
	c := codeInfo(policy.CreatePasskey)
	c.PowerToWithdraw = true
	if mail := brand.CodeEmail("a@b.example", c); !strings.Contains(mail.Text, "adds a passkey that can withdraw") {
		t.Error(mail.Text)
	}
	if sms := brand.CodeSMS("+447700900078", c); !strings.Contains(sms.Text, "create a passkey that can withdraw") {
		t.Error(sms.Text)
	}
}

func TestATextMessageEndsOriginBound(t *testing.T) {
	basic := regexp.MustCompile(`^[A-Za-z0-9 @#.,:!?'()\n-]+$`)
	for purpose := range policy.Default() {
		c := codeInfo(purpose)
		c.PowerToWithdraw = true
		if purpose == policy.ApproveWithdrawal {
			c.Withdrawal = &WithdrawalLine{Amount: "12345.678901", Asset: "USDT", AddressStart: "TQ5m", AddressEnd: "9xKf"}
		}
		m := brand.CodeSMS("+447700900078", c)
		lines := strings.Split(m.Text, "\n")
		if last := lines[len(lines)-1]; last != "@countersign.example #482913" {
			t.Errorf("%s: the last line is %q", purpose, last)
		}
		if !basic.MatchString(m.Text) || smpp.Fits(m.Text) != 1 {
			t.Errorf("%s: not one message of the basic alphabet (%d): %q", purpose, len(m.Text), m.Text)
		}
		if strings.Contains(m.Text, "copper") {
			t.Errorf("%s: the phrase is in a text message", purpose)
		}
		if m.Channel != ChannelSMS || m.Code != "482913" || m.HTML != "" {
			t.Errorf("%s: %+v", purpose, m)
		}
	}
}

// The longest that a withdrawal can be: 18 digits, a point and 18 more, and a memorable name of a service.
func TestALongTextMessageKeepsItsLastLine(t *testing.T) {
	long := codeInfo(policy.ApproveWithdrawal)
	long.Withdrawal = &WithdrawalLine{Amount: "123456789012345678.123456789012345678", Asset: "USDT", AddressStart: "bc1qxy", AddressEnd: "x0wlh"}
	m := Brand{Name: "Börse für digitale Werte", Domain: "accounts.exchange.example"}.CodeSMS("+447700900078", long)
	if n := smpp.Fits(m.Text); n == 0 || n > 2 || !strings.HasSuffix(m.Text, "\n\n@accounts.exchange.example #482913") {
		t.Errorf("%d parts: %q", n, m.Text)
	}
	if m := (Brand{Name: "Биржа", Domain: "accounts.exchange.example"}).CodeSMS("+447700900078", codeInfo(policy.Login)); smpp.Fits(m.Text) != 0 {
		t.Errorf("%q is not in the alphabet", m.Text)
	}
}

func TestAlertsSayWhatWhenAndFromWhere(t *testing.T) {
	subjects := map[string]string{}
	for _, event := range events {
		m := brand.AlertEmail("ines@halloran.example", AlertInfo{
			Event: event, At: noon, Browser: "Safari on iPhone", Address: "203.0.113.7", Factor: "phone", Phrase: "copper heron 41",
			Facts: [][2]string{{"Amount", "250 USDT"}}, NotMeURL: "https://countersign.example/not-me#t0ken", HoldUntil: noon.Add(24 * time.Hour),
		})
		for _, fact := range []string{
			"What: ", "When: 23 Nov 2026, 09:25 UTC", "Device: Safari on iPhone", "IP address: 203.0.113.7", "Amount: 250 USDT",
			"paused until 24 Nov 2026, 09:25 UTC", "https://countersign.example/not-me#t0ken", "72 hours", "Your phrase: copper heron 41.",
		} {
			if !strings.Contains(m.Text, fact) {
				t.Errorf("%s: %q is missing from\n%s", event, fact, m.Text)
			}
		}
		if other, twice := subjects[m.Subject]; twice {
			t.Errorf("%s and %s are worded alike", event, other)
		}
		subjects[m.Subject] = event
		if m.Code != "" || m.Channel != ChannelEmail || strings.Count(m.HTML, "<a ") != 1 {
			t.Errorf("%s: not a news e-mail with one link", event)
		}
	}
	if NotMeLifetime != 72*time.Hour {
		t.Error("the e-mails say 72 hours")
	}
}

func TestAnAlertNamesItsFactor(t *testing.T) {
	for label, title := range map[string]string{
		"E-mail": "Your e-mail address was replaced", "Phone": "Your phone number was replaced",
		"Authenticator app": "Your authenticator app was replaced", "Carrier pigeon": "Your way to verify you was replaced",
	} {
		m := brand.AlertEmail("a@b.example", AlertInfo{Event: "factor.replaced", At: noon, Facts: [][2]string{{"Factor", label}, {"Note", "kept"}}})
		if m.Subject != title || !strings.Contains(m.Text, "Note: kept") {
			t.Errorf("%s: %s\n%s", label, m.Subject, m.Text)
		}
	}
}

func TestWhatHasNoWordsIsStillTold(t *testing.T) {
	alert := brand.AlertEmail("a@b.example", AlertInfo{Event: "account.painted", At: noon, Address: "203.0.113.7"})
	code := brand.CodeEmail("a@b.example", CodeInfo{Purpose: "account.paint", Code: "482913"})
	if alert.Subject != "Your account was changed" || !strings.Contains(alert.Text, "IP address: 203.0.113.7") || code.Subject != "Your code to confirm a change" {
		t.Errorf("%q, %q", alert.Subject, code.Subject)
	}
}

func TestTheMailAboutAFrozenAccountLeadsToSigningIn(t *testing.T) {
	m := brand.AlertEmail("a@b.example", AlertInfo{Event: "account.frozen", At: noon})
	if !strings.Contains(m.Text, "Sign in: https://countersign.example/\n") || strings.Contains(m.Text, "not-me") || strings.Contains(m.HTML, "not-me") {
		t.Error(m.Text)
	}
}

func TestTheMailAboutAnErasedAccountLeadsToSupport(t *testing.T) {
	m := brand.AlertEmail("a@b.example", AlertInfo{Event: "account.erased", At: noon})
	if !strings.Contains(m.Text, "Write to us: https://countersign.example/support/new\n") || strings.Contains(m.Text, "Sign in") || strings.Contains(m.HTML, "Sign in") {
		t.Error(m.Text)
	}
}

func TestEmailsSpeakCalmly(t *testing.T) {
	bad := regexp.MustCompile(`(?i)!|\bemail|oops|please|\bsimply\b|\bjust\b|\beasy\b|log ?in\b`)
	var all []Message
	for _, e := range events {
		all = append(all, brand.AlertEmail("a@b.example", AlertInfo{Event: e, At: noon, Factor: "email"}))
	}
	for p := range policy.Default() {
		all = append(all, brand.CodeEmail("a@b.example", codeInfo(p)), brand.CodeSMS("+447700900078", codeInfo(p)))
	}
	for _, m := range all {
		if found := bad.FindString(m.Subject + "\n" + m.Text); found != "" {
			t.Errorf("%q in %q", found, m.Text)
		}
	}
}

func TestCustomerTextNeverBecomesMarkup(t *testing.T) {
	const evil = `<img src="http://evil.example/x"><script>alert(1)</script>" onload="x`
	c := codeInfo(policy.ApproveWithdrawal)
	c.Phrase, c.Browser, c.Address = evil, evil, evil
	c.Withdrawal = &WithdrawalLine{Amount: evil, Asset: evil, AddressStart: evil, AddressEnd: evil}
	b := Brand{Name: evil, Domain: evil, BaseURL: brand.BaseURL}
	for _, html := range []string{
		b.CodeEmail("a@b.example", c).HTML,
		b.AlertEmail("a@b.example", AlertInfo{Event: "passkey.created", At: noon, Browser: evil, Address: evil, Facts: [][2]string{{evil, evil}}, Phrase: evil, NotMeURL: `javascript:alert(1)`}).HTML,
	} {
		for _, piece := range []string{"<script", `<img src="http`, `" onload="`, `href="javascript`} {
			if strings.Contains(html, piece) {
				t.Errorf("%q is in the HTML", piece)
			}
		}
	}
}

func TestCustomerTextStaysOnItsLine(t *testing.T) {
	m := brand.AlertEmail("a@b.example", AlertInfo{
		Event: "passkey.created", At: noon, Browser: "Visit evil.example/now\r\nThis wasn’t me: http://evil.example", Address: "203.0.113.7\nX: y",
		Facts: [][2]string{{"Name", "iPhone\nThis wasn’t me: http://evil.example\u202e\u0000"}},
	})
	for _, line := range strings.Split(m.Text, "\n") {
		if strings.HasPrefix(line, "This wasn’t me") || strings.HasPrefix(line, "X:") {
			t.Errorf("a value became a line: %q", line)
		}
	}
	if !strings.Contains(m.Text, "Device: Visit evil example now This wasn t me http evil example\n") || !strings.Contains(m.Text, "IP address: Unknown\n") {
		t.Error(m.Text)
	}
	if strings.ContainsAny(m.Text, "\u202e\u0000") {
		t.Error("a character that reorders text went through")
	}
}

func TestEmailsLoadNothing(t *testing.T) {
	fetching := regexp.MustCompile(`(?i)(?:src|background|srcset|poster)\s*=\s*"([^"]*)"|url\(([^)]*)\)|@import|<link|<script|<form`)
	m := brand.AlertEmail("a@b.example", AlertInfo{Event: "factor.replaced", At: noon, Phrase: "copper heron 41", NotMeURL: "https://countersign.example/not-me#x"})
	for _, found := range fetching.FindAllStringSubmatch(m.HTML, -1) {
		if u, err := url.Parse(found[1]); err != nil || u.Scheme != "cid" {
			t.Errorf("the e-mail refers to %q", found[0])
		}
	}
	if n := len(artIn(m.HTML)); n != len(art) {
		t.Errorf("%d of %d pictures are referred to", n, len(art))
	}
	shown := SelfContained(m.HTML)
	if strings.Contains(shown, "cid:") || strings.Count(shown, "data:image/png;base64,") != len(art) {
		t.Error("a reference was left in the self-contained HTML")
	}
}

func TestPhraseIsShownOnlyWhenSet(t *testing.T) {
	c := codeInfo(policy.Login)
	c.Phrase = ""
	m := brand.CodeEmail("a@b.example", c)
	if strings.Contains(m.Text, "phrase") || strings.Contains(m.HTML, "phrase") {
		t.Error("an e-mail speaks of a phrase that is not set")
	}
}
