package delivery

import (
	"fmt"
	"strings"
	"time"

	"countersign/internal/policy"
)

// CodeInfo is what a code message says. The code goes out with its purpose, so that nobody can be talked into reading
// out a code for something else than they believe.
type CodeInfo struct {
	// Purpose is the policy's name of the purpose; an unknown one is worded in general terms.
	Purpose string
	// Code is six digits.
	Code      string
	ExpiresAt time.Time
	// Phrase is the account's anti-phishing phrase, "" if none is set. It never goes into a text message.
	Phrase string
	// Browser ("Safari on iPhone") and Address (IP) say where the code was asked for.
	Browser, Address string
	// Withdrawal is set for withdrawal.approve.
	Withdrawal *WithdrawalLine
	// PowerToWithdraw is set for passkey.create when the passkey will be able to approve withdrawals.
	PowerToWithdraw bool
	// Factor is "email", "phone" or "authenticator" where the purpose is about one; "" is worded in general terms.
	Factor string
}

// WithdrawalLine is what a code message tells of a withdrawal: the whole amount, and the ends of the address.
type WithdrawalLine struct {
	Amount, Asset            string
	AddressStart, AddressEnd string
}

func (w WithdrawalLine) amount() string { return clean(w.Amount + " " + w.Asset) }

// ends joins the ends of the address. Three full stops are in the alphabet of text messages, an ellipsis is not, and
// both channels are to show the same.
func (w WithdrawalLine) ends() string { return clean(w.AddressStart) + "..." + clean(w.AddressEnd) }

// purposeCopy is how a purpose is worded: Do completes "a code to …"; Not says what does not happen without the code.
type purposeCopy struct{ Do, Where, Not string }

func (c CodeInfo) copy() purposeCopy {
	factor := factorNoun(c.Factor)
	switch policy.Purpose(c.Purpose) {
	case policy.Register:
		return purposeCopy{"confirm this e-mail", "Enter it where you are creating your account.", "Without this code no account is created, so there’s nothing to do."}
	case policy.Login:
		return purposeCopy{"sign in", "Enter it where you are signing in.", "Someone may know your password. Without this code it is worth nothing to them, so don’t share it."}
	case policy.ResetPassword:
		return purposeCopy{"reset your password", "Enter it where you are resetting your password.", "Without this code your password stays as it is, so don’t share it."}
	case policy.CreatePasskey:
		if c.PowerToWithdraw {
			return purposeCopy{"create a passkey that can withdraw", "This code adds a passkey that can withdraw.", "Someone is trying to add their own device. Without this code they can’t, so don’t share it."}
		}
		return purposeCopy{"create a passkey", "This code adds a passkey.", "Someone is trying to add their own device. Without this code they can’t, so don’t share it."}
	case policy.DeletePasskey:
		return purposeCopy{"delete a passkey", "", "Without this code every passkey stays, so don’t share it."}
	case policy.ApproveWithdrawal:
		p := purposeCopy{"approve a withdrawal", "", "Without this code nothing is sent, so don’t share it."}
		if w := c.Withdrawal; w != nil {
			p.Where = fmt.Sprintf("It approves sending %s to %s.", w.amount(), w.ends())
		}
		return p
	case policy.BindFactor:
		return purposeCopy{"add " + factor.indefinite, "", "Without this code nothing is added, so don’t share it."}
	case policy.ReplaceFactor:
		return purposeCopy{"replace your " + factor.plain, "", "Without this code nothing is replaced, so don’t share it."}
	case policy.UnbindFactor:
		return purposeCopy{"remove your " + factor.plain, "", "Without this code nothing is removed, so don’t share it."}
	case policy.ChangePassword:
		return purposeCopy{"change your password", "", "Without this code your password stays as it is, so don’t share it."}
	case policy.EndSessions:
		return purposeCopy{"sign out other devices", "", "Without this code no device is signed out, so don’t share it."}
	case policy.SetPhrase:
		return purposeCopy{"change your anti-phishing phrase", "", "Without this code your phrase stays as it is, so don’t share it."}
	case policy.SaveAddress:
		return purposeCopy{"save a withdrawal address", "", "Without this code no address is saved, so don’t share it."}
	case policy.Unfreeze:
		return purposeCopy{"unfreeze your account", "", "Without this code your account stays frozen, so don’t share it."}
	}
	return purposeCopy{"confirm a change", "", "Without this code nothing changes, so don’t share it."}
}

// CodeEmail words an e-mail with a code. It names the purpose and, for a withdrawal, the amount and the ends of the address.
func (b Brand) CodeEmail(to string, c CodeInfo) Message {
	p := c.copy()
	title := "Your code to " + p.Do
	if policy.Purpose(c.Purpose) == policy.Login {
		title = "Your sign-in code"
	}
	if p.Where == "" {
		p.Where = "Enter it where you were asked for it."
	}
	l := letter{
		Brand: b, Title: title, Code: clean(c.Code), Phrase: clean(c.Phrase),
		Lead:  []span{{Text: p.Where + " It works once, until " + clock(c.ExpiresAt) + "."}},
		After: "Not you? " + p.Not,
	}
	if w := c.Withdrawal; w != nil {
		l.Rows = append(l.Rows, row{"Amount", w.amount()}, row{"To", w.ends()})
	}
	l.Rows = append(l.Rows, row{"Device", plainBrowser(c.Browser)}, row{"IP address", plainAddress(c.Address)}, row{"Works until", instant(c.ExpiresAt)})
	// Whoever registers or resets has no settings to open.
	if p := policy.Purpose(c.Purpose); p != policy.Register && p != policy.ResetPassword {
		l.Link = &link{Text: "Open your security settings", URL: b.BaseURL + "/security"}
	}
	return l.message(to)
}

// CodeSMS words a text message with a code. Its last line binds the code to the domain, so that a phone offers it there
// and nowhere else (the format of origin-bound one-time codes). It keeps to the basic alphabet of text messages, in
// which 160 characters are one message.
func (b Brand) CodeSMS(to string, c CodeInfo) Message {
	p := c.copy()
	var s strings.Builder
	fmt.Fprintf(&s, "%s code to %s: %s.", clean(b.Name), p.Do, clean(c.Code))
	if w := c.Withdrawal; w != nil {
		fmt.Fprintf(&s, " Sends %s to %s.", w.amount(), w.ends())
	}
	fmt.Fprintf(&s, " Never share it.\n\n@%s #%s", clean(b.Domain), clean(c.Code))
	return Message{Channel: ChannelSMS, To: to, Text: s.String(), Code: c.Code}
}
