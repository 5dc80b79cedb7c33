package delivery

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"
)

// letter is an e-mail before it is laid out, as text and as HTML. Every string in it may come from a customer: the
// template escapes them, and no type of "safe" markup is built from them.
type letter struct {
	Brand Brand
	// Language is that of whoever reads it; nil is English.
	Language *language
	Title    string
	// Chip is a word or two above the title; "" for none.
	Chip string
	Lead []span
	// Code is set in large figures; "" for none.
	Code string
	Rows []row
	// Quote are paragraphs that somebody wrote.
	Quote []string
	After string
	Link  *link
	// Note is the small print under the link.
	Note   string
	Phrase string
}

type (
	span struct {
		Text   string
		Strong bool
	}
	row  struct{ Label, Value string }
	link struct {
		Text, URL string
		// Freeze draws the link as the button that stops things.
		Freeze bool
	}
)

//go:embed letter.html.tmpl
var letterSource string

// The ghost tables hold the width in Outlook for Windows, which knows no max-width. html/template drops comments from
// its source, so these come in as values; they are constants.
const (
	ghostOpen  = template.HTML(`<!--[if mso]><table role="presentation" width="600" align="center" cellpadding="0" cellspacing="0"><tr><td><![endif]-->`)
	ghostClose = template.HTML(`<!--[if mso]></td></tr></table><![endif]-->`)
)

var letterTemplate = template.Must(template.New("letter").Funcs(template.FuncMap{
	"ghostOpen":  func() template.HTML { return ghostOpen },
	"ghostClose": func() template.HTML { return ghostClose },
}).Parse(letterSource))

// CodeHead and CodeTail are the halves of the code. A gap is drawn between them, and no space written: what is copied
// is the six digits.
func (l letter) CodeHead() string { return l.Code[:len(l.Code)/2] }

// CodeTail is the second half of the code.
func (l letter) CodeTail() string { return l.Code[len(l.Code)/2:] }

func (l letter) message(to string) Message {
	if l.Language == nil {
		l.Language = english
	}
	l.Brand.Name, l.Brand.Domain = clean(l.Brand.Name), clean(l.Brand.Domain)
	return Message{Channel: ChannelEmail, To: to, Subject: l.Title, Text: l.text(), HTML: l.html(), Code: l.Code}
}

func (l letter) html() string {
	var out bytes.Buffer
	if err := letterTemplate.Execute(&out, l); err != nil {
		// The template takes strings from a struct; only a mistake in it can fail, and the tests run every branch.
		panic(fmt.Sprintf("delivery: letter template: %v", err))
	}
	// "14:32 UTC" does not break before its last word.
	return strings.ReplaceAll(out.String(), " UTC", "&nbsp;UTC")
}

// text is the same letter for mail programs that show no HTML, and for those who read one aloud.
func (l letter) text() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s\n\n%s\n", l.Brand.Name, l.Title)
	if len(l.Lead) > 0 {
		s.WriteString("\n")
		for _, part := range l.Lead {
			s.WriteString(part.Text)
		}
		s.WriteString("\n")
	}
	if l.Code != "" {
		fmt.Fprintf(&s, "\n%s\n", l.Code)
	}
	s.WriteString("\n")
	for _, r := range l.Rows {
		fmt.Fprintf(&s, "%s: %s\n", r.Label, r.Value)
	}
	for _, p := range l.Quote {
		fmt.Fprintf(&s, "\n> %s\n", p)
	}
	fmt.Fprintf(&s, "\n%s\n", l.After)
	if l.Link != nil {
		fmt.Fprintf(&s, "\n%s: %s\n", l.Link.Text, l.Link.URL)
	}
	if l.Note != "" {
		fmt.Fprintf(&s, "%s\n", l.Note)
	}
	s.WriteString("\n-- \n")
	if l.Phrase != "" {
		fmt.Fprintf(&s, "%s: %s%s\n", l.Language.Phrase, l.Phrase, l.Language.WithoutPhrase)
	}
	fmt.Fprintf(&s, "%s, %s%s\n", l.Brand.Name, l.Brand.Domain, l.Language.NeverAsk)
	return s.String()
}
