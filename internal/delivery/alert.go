package delivery

import (
	"strings"
	"time"
)

// AlertInfo is what a security e-mail says: what happened, when, and from where.
type AlertInfo struct {
	// Event is one that copy has words for. Another one is worded in general terms: a customer told vaguely is better off
	// than one not told.
	Event string
	At    time.Time
	// Browser ("Safari on iPhone") and Address (IP) say where it came from; "" where it was the business itself.
	Browser, Address string
	// Facts are further rows, label and value, between what and when.
	Facts [][2]string
	// Phrase is the account's anti-phishing phrase, "" if none is set.
	Phrase string
	// NotMeURL is the link that freezes the account; it works for NotMeLifetime. "" leaves it out: where the account is frozen
	// already there is a link to sign in instead, and where it was erased one to support.
	NotMeURL string
	// HoldUntil is when withdrawals go on; zero if they were not paused.
	HoldUntil time.Time
	// Factor is "email", "phone" or "authenticator" for factor.* events. If it is "", a fact labelled "Factor" tells;
	// without one the event is worded in general terms.
	Factor string
}

// eventCopy is how an event is worded. Change marks a change to what protects the account.
type eventCopy struct {
	Title, What, Lead string
	Change            bool
	// After replaces "If this was you, there's nothing to do."
	After string
}

func (a AlertInfo) copy() eventCopy {
	factor := factorNoun(a.Factor)
	switch a.Event {
	case "account.created":
		c := eventCopy{Title: "Your account is ready", What: "Account created"}
		if a.Phrase == "" {
			c.Lead = "Next, choose an anti-phishing phrase: every genuine e-mail from us then carries it."
		}
		return c
	case "login.new_device":
		return eventCopy{Title: "New sign-in to your account", What: "Sign-in from a new device", Lead: "A device that we had not seen before signed in."}
	case "passkey.created":
		return eventCopy{Title: "A passkey was created", What: "Passkey created", Change: true, Lead: "It signs in to your account with a face, fingerprint or screen lock."}
	case "passkey.deleted":
		return eventCopy{Title: "A passkey was deleted", What: "Passkey deleted", Change: true, Lead: "It can no longer sign in or approve withdrawals."}
	case "passkey.suspended":
		return eventCopy{
			Title: "A passkey was suspended", What: "Passkey suspended", Change: true,
			Lead:  "It answered the way a copy of it would, so we refused it. It can no longer sign in or approve withdrawals.",
			After: "If this was you, delete this passkey and create a new one. Your codes still work.",
		}
	case "guesses.exhausted":
		return eventCopy{
			Title: "Too many wrong codes", What: "Too many wrong codes", Lead: "Somebody tried codes for your account until we stopped them. Nothing was changed.",
			After: "If this was you, wait a while, or use a passkey.",
		}
	case "factor.bound":
		return eventCopy{Title: "Your " + factor.plain + " was added", What: factor.capital + " added", Change: true, Lead: "We also ask for its code from now on."}
	case "factor.replaced":
		return eventCopy{Title: "Your " + factor.plain + " was replaced", What: factor.capital + " replaced", Change: true, Lead: "The old one no longer works."}
	case "factor.unbound":
		return eventCopy{Title: "Your " + factor.plain + " was removed", What: factor.capital + " removed", Change: true, Lead: "Without it, passkeys cannot approve withdrawals."}
	case "password.changed":
		return eventCopy{Title: "Your password was changed", What: "Password changed", Change: true, Lead: "The old one no longer works."}
	case "password.reset":
		return eventCopy{Title: "Your password was reset", What: "Password reset", Change: true, Lead: "All devices were signed out."}
	case "sessions.ended":
		return eventCopy{Title: "Devices were signed out", What: "Sessions ended", Change: true, Lead: "They have to sign in again."}
	case "desk.sessions_ended":
		return eventCopy{
			Title: "Support signed out your devices", What: "Sessions ended by support", Change: true, Lead: "All your devices have to sign in again. Your password and passkeys are as they were.",
			After: "If you did not expect this, ask us in the app. We never ask for a code or a password.",
		}
	case "desk.hold":
		return eventCopy{
			Title: "Support paused your withdrawals", What: "Withdrawals paused by support", Change: true,
			After: "If you did not expect this, ask us in the app. We never ask for a code or a password.",
		}
	case "phrase.set":
		// The phrase of this e-mail is the one before the change, so it does not tell whether one was set or removed.
		return eventCopy{Title: "Your anti-phishing phrase was changed", What: "Anti-phishing phrase changed", Change: true, Lead: "Genuine e-mails after this one carry the new phrase, or none if it was removed."}
	case "address.saved":
		return eventCopy{Title: "A withdrawal address was saved", What: "Withdrawal address saved", Change: true, Lead: "It can be chosen for withdrawals."}
	case "withdrawal.declined":
		return eventCopy{
			Title: "A withdrawal was declined", What: "Withdrawal declined", Lead: "Nothing was sent, and your balance is as it was.",
			After: "If you did not ask for it, freeze your account.",
		}
	case "withdrawal.expired":
		return eventCopy{
			Title: "A withdrawal was not paid in time", What: "Withdrawal not paid", Lead: "You approved it, and it was not paid out before its time was over. Nothing was sent, and your balance is as it was.",
			After: "If you still want it, request it again.",
		}
	case "address.deleted":
		return eventCopy{Title: "A withdrawal address was deleted", What: "Withdrawal address deleted", Change: true, Lead: "It is in your address book no more."}
	case "withdrawal.approved":
		return eventCopy{Title: "A withdrawal was approved", What: "Withdrawal approved", Lead: "Check that these are the details you meant."}
	case "account.frozen":
		return eventCopy{
			Title: "Your account is frozen", What: "Account frozen", Lead: "Nothing can be withdrawn, and all devices were signed out.",
			After: "To unfreeze it, sign in. We ask for your password and a code from everything you have set up.",
		}
	case "account.erased":
		return eventCopy{
			Title: "Your account was erased", What: "Account erased", Lead: "Your name, contacts, passkeys and history are deleted. What the law makes us keep is kept until its time is over.",
			After: "Nobody can sign in to it any more. If you did not ask for this, write to us at once.",
		}
	case "account.unfrozen":
		return eventCopy{Title: "Your account is unfrozen", What: "Account unfrozen", Change: true}
	}
	return eventCopy{Title: "Your account was changed", What: "Security settings changed", Change: true}
}

// AlertEmail words the e-mail about a security event.
func (b Brand) AlertEmail(to string, a AlertInfo) Message {
	if a.Factor == "" && strings.HasPrefix(a.Event, "factor.") {
		a.Factor, a.Facts = takeFactor(a.Facts)
	}
	c := a.copy()
	l := letter{Brand: b, Title: c.Title, Phrase: clean(a.Phrase), After: c.After}
	switch {
	case c.Change:
		l.Chip = "Security change"
	case a.Event == "login.new_device":
		l.Chip = "New device"
	}
	if l.After == "" {
		l.After = "If this was you, there’s nothing to do."
	}
	if c.Lead != "" {
		l.Lead = []span{{Text: c.Lead}}
	}
	if !a.HoldUntil.IsZero() {
		if len(l.Lead) > 0 {
			l.Lead = append(l.Lead, span{Text: " "})
		}
		l.Lead = append(l.Lead, span{Text: "Withdrawals are paused until "}, span{Text: instant(a.HoldUntil), Strong: true}, span{Text: "."})
	}
	l.Rows = append(l.Rows, row{"What", c.What})
	for _, f := range a.Facts {
		l.Rows = append(l.Rows, row{clean(f[0]), clean(f[1])})
	}
	l.Rows = append(l.Rows, row{"When", instant(a.At)})
	if a.Browser != "" || a.Address != "" {
		l.Rows = append(l.Rows, row{"Device", plainBrowser(a.Browser)}, row{"IP address", plainAddress(a.Address)})
	}
	switch {
	case a.NotMeURL != "":
		l.Link = &link{Text: "This wasn’t me", URL: a.NotMeURL, Freeze: true}
		l.Note = "It opens a page where you can freeze your account. No sign-in needed. The link works for 72 hours."
	case a.Event == "account.erased":
		l.Link = &link{Text: "Write to us", URL: b.BaseURL + "/support/new"}
	default:
		l.Link = &link{Text: "Sign in", URL: b.BaseURL + "/"}
	}
	return l.message(to)
}
