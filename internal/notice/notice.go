// Package notice queues what the service tells people: codes, and the e-mails that follow security events.
package notice

import (
	"time"

	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// From is where a request came from, as far as a person can recognise it.
type From struct{ Browser, Address string }

// Notifier composes messages and queues them in the transaction that gives cause to them.
type Notifier struct{ Brand delivery.Brand }

// Code queues a code by e-mail or SMS.
func (n Notifier) Code(tx *store.Tx, accountID string, kind policy.Kind, to string, c delivery.CodeInfo) error {
	return tx.Queue(accountID, n.compose(kind, to, c), c.ExpiresAt)
}

// Decoy composes and queues what Code would, and lets the worker drop it: whether a message was made is not to be told by
// the time that an answer takes.
func (n Notifier) Decoy(tx *store.Tx, kind policy.Kind, c delivery.CodeInfo) error {
	m := n.compose(kind, "nobody@invalid", c)
	m.Channel = delivery.ChannelNone
	return tx.Queue("", m, c.ExpiresAt)
}

func (n Notifier) compose(kind policy.Kind, to string, c delivery.CodeInfo) delivery.Message {
	if kind == policy.Phone {
		return n.Brand.CodeSMS(to, c)
	}
	return n.Brand.CodeEmail(to, c)
}

// Alert queues a security e-mail to the bound address and to those replaced within the last 30 days, each with a
// link of its own that freezes the account, unless the event is that it was frozen or erased, or a former address may not any more.
func (n Notifier) Alert(tx *store.Tx, a *store.Account, event string, from From, facts ...[2]string) error {
	return n.alert(tx, a, event, from, time.Time{}, facts)
}

// AlertHold is Alert for an event that put on a hold.
func (n Notifier) AlertHold(tx *store.Tx, a *store.Account, event string, from From, hold time.Time, facts ...[2]string) error {
	return n.alert(tx, a, event, from, hold, facts)
}

func (n Notifier) alert(tx *store.Tx, a *store.Account, event string, from From, hold time.Time, facts [][2]string) error {
	former, err := tx.FormerEmails(a.ID)
	if err != nil {
		return err
	}
	// A former address may be somebody else's by now: it is told what happened, but not the phrase.
	phrases, mute := map[string]string{}, map[string]bool{}
	for _, f := range former {
		phrases[f.Address], mute[f.Address] = "", !f.MayFreeze
	}
	factors, err := tx.Factors(a.ID)
	if err != nil {
		return err
	}
	for i := range factors {
		if factors[i].Kind != policy.Email {
			continue
		}
		current, err := tx.FactorValue(&factors[i])
		if err != nil {
			return err
		}
		mute[current] = false
		if phrases[current], err = tx.Phrase(a); err != nil {
			return err
		}
	}
	for address, phrase := range phrases {
		info := delivery.AlertInfo{Event: event, At: tx.Now, Browser: from.Browser, Address: from.Address, Facts: facts, Phrase: phrase, HoldUntil: hold}
		// Of a frozen account there is nothing more to freeze, and of an erased one nothing at all.
		if event != "account.frozen" && event != "account.erased" && !mute[address] {
			token, hash := secret.NewToken()
			link := store.FreezeLink{AccountID: a.ID, Event: event, At: tx.Now, Browser: from.Browser, Address: from.Address, ExpiresAt: tx.Now.Add(delivery.NotMeLifetime)}
			if err := tx.AddFreezeLink(hash, link); err != nil {
				return err
			}
			// In the fragment, which no server, proxy or referrer sees.
			info.NotMeURL = n.Brand.BaseURL + "/not-me#" + token
		}
		if err := tx.Queue(a.ID, n.Brand.AlertEmail(address, info), tx.Now.Add(delivery.NotMeLifetime)); err != nil {
			return err
		}
	}
	return nil
}
