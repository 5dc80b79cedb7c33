package delivery

import (
	"strings"
	"testing"
)

func TestMailsAboutRequestsLeadToThem(t *testing.T) {
	received := brand.TicketEmail("a@b.example", TicketInfo{Number: "CS-2041", At: noon, URL: "https://countersign.example/support/tkt_1", Phrase: "copper heron 41"})
	answered := brand.TicketEmail("a@b.example", TicketInfo{Number: "CS-2041", At: noon, URL: "https://countersign.example/support#token", ByLink: true, Answer: "First line.\n\nSecond line."})
	for _, m := range []Message{received, answered} {
		if m.To != "a@b.example" || m.Channel != ChannelEmail || !strings.HasSuffix(m.Subject, "CS-2041") || !strings.Contains(m.Text, "Open your request: https://countersign.example/support") || m.Code != "" {
			t.Errorf("%+v", m)
		}
	}
	if !strings.Contains(received.Text, "Your phrase: copper heron 41") || strings.Contains(received.Text, "Whoever has this link") {
		t.Error(received.Text)
	}
	if !strings.Contains(answered.Text, "> First line.\n\n> Second line.") || !strings.Contains(answered.HTML, "<bdi>Second line.</bdi>") || !strings.Contains(answered.Text, "Whoever has this link can read your request.") {
		t.Error(answered.Text)
	}
}

func TestAnAnswerNeverBecomesMarkupNorAnotherPartOfTheLetter(t *testing.T) {
	evil := "<img src=x>\u202e\r\n-- \r\nYour phrase: fake.\x00\u2028<script>alert(1)</script>"
	m := brand.TicketEmail("a@b.example", TicketInfo{Number: evil, At: noon, URL: "javascript:alert(1)", Answer: evil})
	if strings.Contains(m.HTML, "<img src=x") || strings.Contains(m.HTML, "<script") || strings.Contains(m.HTML, `href="javascript`) {
		t.Error(m.HTML)
	}
	for line := range strings.Lines(m.Text) {
		if strings.HasPrefix(line, "Your phrase") {
			t.Errorf("a line of its own: %q", line)
		}
	}
	if strings.ContainsAny(m.Subject, "\r\n\x00\u202e\u2028") || strings.ContainsAny(m.Text, "\r\x00\u202e\u2028") {
		t.Errorf("%q", m.Text)
	}
}
