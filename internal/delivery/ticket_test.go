package delivery

import (
	"strings"
	"testing"
)

func TestMailsAboutRequestsLeadToThem(t *testing.T) {
	received := brand.TicketEmail("a@b.example", TicketInfo{Number: "CS-2041", At: noon, URL: "https://countersign.example/support/tkt_1", Phrase: "copper heron 41"})
	answered := brand.TicketEmail("a@b.example", TicketInfo{Number: "CS-2041", At: noon, URL: "https://countersign.example/support#token", ByLink: true, News: TicketAnswered, Answer: "First line.\n\nSecond line."})
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
	m := brand.TicketEmail("a@b.example", TicketInfo{Number: evil, At: noon, URL: "javascript:alert(1)", News: TicketAnswered, Answer: evil})
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

func TestMailsAboutRequestsSpeakTheCustomersLanguage(t *testing.T) {
	for locale, want := range map[string][]string{
		"en":    {`lang="en" dir="ltr"`, "We resolved your request CS-2041", "Deleted on: 23 Dec 2026, 09:25 UTC", "Your phrase: copper heron 41. An e-mail", "We never ask for a password"},
		"es-MX": {`lang="es" dir="ltr"`, "Hemos resuelto su solicitud CS-2041", "Se borra el: 23 dic 2026, 09:25 UTC", "Su frase: copper heron 41.", "Nunca pedimos"},
		"zh":    {`lang="zh-Hant" dir="ltr"`, "我們已解決您的請求 CS-2041", "刪除時間: 2026年12月23日, 09:25 UTC", "您的短語: copper heron 41", "我們絕不會"},
		"ar":    {`lang="ar" dir="rtl"`, "انتهينا من طلبك CS-2041", "موعد الحذف: 23 ديسمبر 2026, 09:25 UTC", "عبارتك: copper heron 41", "لا نطلب أبدًا"},
		"fr-CA": {`lang="en" dir="ltr"`, "We resolved your request CS-2041"},
	} {
		m := brand.TicketEmail("a@b.example", TicketInfo{News: TicketResolved, Number: "CS-2041", At: noon, DeleteAt: noon.AddDate(0, 1, 0), Locale: locale, Phrase: "copper heron 41", URL: "https://countersign.example/support"})
		for _, text := range want {
			if !strings.Contains(m.HTML+m.Subject+m.Text, text) {
				t.Errorf("%s: there is no %q in %s\n%s", locale, text, m.Subject, m.Text)
			}
		}
	}
}

func TestNoLanguageHasAGap(t *testing.T) {
	subjects := map[string]bool{}
	for tag := range languages {
		for _, news := range []TicketNews{TicketReceived, TicketAnswered, TicketResolved, TicketReopened} {
			m := brand.TicketEmail("a@b.example", TicketInfo{News: news, Number: "CS-1", At: noon, DeleteAt: noon, Answer: "Words.", Locale: tag, Phrase: "p", URL: "https://countersign.example/", ByLink: true})
			for line := range strings.Lines(m.Text) {
				if strings.HasPrefix(line, ": ") || strings.Contains(line, "%") || strings.HasPrefix(line, ", ") {
					t.Errorf("%s, %d: %q", tag, news, line)
				}
			}
			if subjects[m.Subject] || !strings.Contains(m.Subject, "CS-1") || strings.Contains(m.Text, "\n\n\n") || strings.Contains(m.HTML, "ZgotmplZ") {
				t.Errorf("%s, %d: %s\n%s", tag, news, m.Subject, m.Text)
			}
			subjects[m.Subject] = true
		}
	}
}
