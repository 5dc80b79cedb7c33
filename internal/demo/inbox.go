package demo

import (
	"encoding/json"
	"net/http"
	"time"
)

type message struct {
	ID      string    `json:"id"`
	Channel string    `json:"channel"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	Code    *string   `json:"code"`
	At      time.Time `json:"at"`
	Account string    `json:"account"`
}

// inbox answers with all that the demo has "sent", and the codes of the pretend phone.
func (d *Demo) inbox(w http.ResponseWriter, _ *http.Request) {
	messages := []message{}
	for _, c := range d.capture.All() {
		m := message{ID: c.ID, Channel: c.Message.Channel, To: c.Message.To, Subject: c.Message.Subject, Text: c.Message.Text, HTML: c.Message.HTML, At: c.At, Account: c.Message.To}
		if c.Message.Code != "" {
			m.Code = &c.Message.Code
		}
		messages = append(messages, m)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	b, err := json.Marshal(map[string]any{"authenticators": d.phone.codes(d.capture.Now()), "accounts": Accounts, "messages": messages})
	if err != nil {
		http.Error(w, "The inbox cannot be shown.", http.StatusInternalServerError)
		return
	}
	w.Write(b)
}
