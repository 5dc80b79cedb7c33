package notice

import (
	"time"

	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/store"
)

// ticketMail is how long an e-mail about a request is of use.
const ticketMail = 72 * time.Hour

// Ticket queues an e-mail about a request of an account's to its address, with its phrase.
func (n Notifier) Ticket(tx *store.Tx, a *store.Account, ticketID string, info delivery.TicketInfo) error {
	factors, err := tx.Factors(a.ID)
	if err != nil {
		return err
	}
	if info.Phrase, err = tx.Phrase(a); err != nil {
		return err
	}
	info.URL, info.Locale = n.Brand.BaseURL+"/support/"+ticketID, a.Locale
	for i := range factors {
		if factors[i].Kind != policy.Email {
			continue
		}
		to, err := tx.FactorValue(&factors[i])
		if err != nil {
			return err
		}
		return tx.Queue(a.ID, n.Brand.TicketEmail(to, info), tx.Now.Add(ticketMail))
	}
	return nil
}

// TicketByLink queues an e-mail about a request without an account, in info's language. Its link opens the request for whoever has it.
func (n Notifier) TicketByLink(tx *store.Tx, to *store.Contact, info delivery.TicketInfo) error {
	// In the fragment, which no server, proxy or referrer sees.
	info.URL, info.ByLink = n.Brand.BaseURL+"/support#"+to.Token, true
	return tx.Queue("", n.Brand.TicketEmail(to.Email, info), tx.Now.Add(ticketMail))
}
