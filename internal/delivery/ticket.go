package delivery

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// TicketNews is what an e-mail about a request for help has to tell.
type TicketNews int

// The news.
const (
	TicketReceived TicketNews = iota
	TicketAnswered
	TicketResolved
	TicketReopened
)

// TicketInfo is what an e-mail about a request for help says.
type TicketInfo struct {
	News TicketNews
	// Number is as people read it: "CS-2041".
	Number string
	At     time.Time
	// Answer is what support wrote, of an answer. Nothing that the customer wrote is repeated.
	Answer string
	// DeleteAt is when a resolved request is deleted, with all that belongs to it.
	DeleteAt time.Time
	// Locale is the language tag of whoever asked.
	Locale string
	// Phrase is the account's anti-phishing phrase; "" if none is set, or without an account.
	Phrase string
	// URL opens the request. ByLink says that it opens it for whoever has it.
	URL    string
	ByLink bool
}

// TicketEmail words the e-mail about a request.
func (b Brand) TicketEmail(to string, t TicketInfo) Message {
	say := languageOf(t.Locale)
	l := letter{Brand: b, Language: say, Phrase: clean(t.Phrase), Rows: []row{{say.request, clean(t.Number)}, {say.when, say.instant(t.At)}}, After: say.answer, Link: &link{Text: say.open, URL: t.URL}}
	var title, lead string
	switch t.News {
	case TicketReceived:
		title, lead, l.After = say.received, say.receivedLead, say.receivedAfter
	case TicketAnswered:
		title, l.Quote = say.answered, paragraphs(t.Answer)
	case TicketResolved:
		title, lead, l.After = say.resolved, say.resolvedLead, say.resolvedAfter
		l.Rows = append(l.Rows, row{say.deleted, say.instant(t.DeleteAt)})
	case TicketReopened:
		title, lead = say.reopened, say.reopenedLead
	}
	l.Title = strings.Replace(title, "%s", clean(t.Number), 1)
	if lead != "" {
		l.Lead = []span{{Text: lead}}
	}
	if t.ByLink {
		// Who has set a phrase knows every genuine e-mail by it, and must be told why this one has none.
		l.Note = say.byLink
	}
	return l.message(to)
}

// paragraphs makes a text of several lines fit to be shown: no line can pretend to be another part of the letter.
func paragraphs(text string) []string {
	const most = 4000
	var out []string
	for line := range strings.Lines(text) {
		line = strings.Map(func(r rune) rune {
			switch {
			case unicode.IsSpace(r):
				return ' '
			case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Cf, r):
				return -1
			}
			return r
		}, line)
		if line = strings.Join(strings.Fields(line), " "); line != "" && len(out) < most {
			out = append(out, line)
		}
	}
	return out
}
