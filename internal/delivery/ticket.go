package delivery

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// TicketInfo is what an e-mail about a request for help says.
type TicketInfo struct {
	// Number is as people read it: "CS-2041".
	Number string
	At     time.Time
	// Answer is what support wrote; "" where the request was only received. Nothing that the customer wrote is repeated.
	Answer string
	// Phrase is the account's anti-phishing phrase; "" if none is set, or without an account.
	Phrase string
	// URL opens the request. ByLink says that it opens it for whoever has it.
	URL    string
	ByLink bool
}

// TicketEmail words the e-mail about a request.
func (b Brand) TicketEmail(to string, t TicketInfo) Message {
	number := clean(t.Number)
	l := letter{Brand: b, Title: "We have your request " + number, Phrase: clean(t.Phrase), Lead: []span{{Text: "A person reads it, and answers here and on the page of your request."}},
		Rows: []row{{"Request", number}, {"When", instant(t.At)}}, Link: &link{Text: "Open your request", URL: t.URL},
		After: "If you did not ask for help, there’s nothing to do. Nothing was changed."}
	if t.Answer != "" {
		l.Title, l.Lead, l.Quote = "We answered your request "+number, nil, paragraphs(t.Answer)
		l.After = "To write back, open your request. Don’t answer this e-mail."
	}
	if t.ByLink {
		// Who has set a phrase knows every genuine e-mail by it, and must be told why this one has none.
		l.Note = "Whoever has this link can read your request. Don’t pass it on. You asked without signing in, so this e-mail carries no anti-phishing phrase."
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
