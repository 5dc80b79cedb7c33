package testkit

import (
	"encoding/json"
	"net/http"
)

// Payout is the business's payout system: a client with an API key of its own.
type Payout struct {
	*Browser
	ID, Key string
}

// Payout makes an API key and who uses it.
func (k *Kit) Payout() *Payout {
	k.T.Helper()
	key, made, err := k.App.Withdrawals.CreateAPIKey(k.T.Context(), "Payouts")
	if err != nil {
		k.T.Fatal(err)
	}
	b := k.Browser()
	b.Origin = "" // no browser
	return &Payout{Browser: b, ID: made.ID, Key: key}
}

func (p *Payout) headers(key string) map[string]string {
	h := map[string]string{"Authorization": "Bearer " + p.Key}
	if key != "" {
		h["Idempotency-Key"] = key
	}
	return h
}

// Read reads a path of the API.
func (p *Payout) Read(path string) *Answer {
	p.Kit.T.Helper()
	return p.Send(http.MethodGet, path, nil, p.headers(""))
}

// Details are the approved details of a withdrawal, by member.
func (p *Payout) Details(id string) map[string]any {
	p.Kit.T.Helper()
	var seen struct{ Details string }
	p.Read("/v1/payouts/" + id).OK().Into(&seen)
	var details map[string]any
	if err := json.Unmarshal([]byte(seen.Details), &details); err != nil {
		p.Kit.T.Fatal(err)
	}
	return details
}

// HandOver presents details, to pay a withdrawal.
func (p *Payout) HandOver(id, key string, details any) *Answer {
	p.Kit.T.Helper()
	return p.Send(http.MethodPost, "/v1/payouts/"+id+"/hand-over", map[string]any{"details": details}, p.headers(key))
}
