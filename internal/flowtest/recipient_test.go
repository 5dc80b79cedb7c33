package flowtest

import (
	"testing"
	"time"

	"countersign/internal/app"
	"countersign/internal/softkey"
	"countersign/internal/testkit"
)

// On networks with memos many recipients share one address.
func TestASavedAddressWithAnotherMemoIsNew(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, func(c *app.Config) { c.Holds.NewAddress = 24 * time.Hour })
	c := k.Full()
	const address = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
	entry := map[string]any{"purpose": "address.save", "address": map[string]string{"label": "My exchange", "network": "solana", "address": address, "memo": "1111"}}
	c.Answer(c.Post("/v1/verifications", entry).Verification()).OK()
	k.Clock.Advance(25 * time.Hour)
	for memo, want := range map[string]string{"1111": "saved", "666666": "new", "": "new"} {
		var check struct {
			Known string `json:"known"`
			Label string `json:"label"`
		}
		c.Post("/v1/addresses/check", map[string]string{"network": "solana", "address": address, "memo": memo}).OK().Into(&check)
		if check.Known != want || (check.Label == "My exchange") != (want == "saved") {
			t.Errorf("memo %q: %+v", memo, check)
		}
	}
}

// Anybody can send rubbish to the login: it must not fill the log.
func TestRefusedPasskeyLoginsAreNotedWithinBounds(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, func(c *app.Config) { c.Limits.Refusals.Limit = 3 })
	c := k.Full()
	c.CreatePasskey()
	for range 5 {
		c.LoginByPasskey(k.Browser(), softkey.ZeroSignature()).Refused("passkey_refused")
	}
	if n := k.Query(`SELECT count(*) FROM audit_events WHERE kind = 'login.refused'`)[0]; n != "3" {
		t.Errorf("%s of 5 refusals are noted", n)
	}
	if n := k.Query(`SELECT count(*) FROM spent_challenges`)[0]; n != "5" {
		t.Errorf("%s of 5 challenges are spent", n)
	}
	c.LoginByPasskey(k.Browser()).OK()
}
