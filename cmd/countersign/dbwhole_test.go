package main

import (
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/auditlog"
	"countersign/internal/policy"
	"countersign/internal/testkit"
	"countersign/internal/testkit/pgserver"
)

// TestEveryTableIsCopiedByACopyThatIsKilled fills every table by the flows that write to it, and kills the program at any moment.
func TestEveryTableIsCopiedByACopyThatIsKilled(t *testing.T) {
	server, err := pgserver.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	k := testkit.Open(t, filepath.Join(t.TempDir(), "countersign.db"), lately())
	p := live(t, k)
	p.goOn(t)
	c := p.c
	c.LoginByPasskey(c.Browser).OK()
	v := c.Post("/v1/verifications", map[string]any{"purpose": policy.SaveAddress, "address": map[string]string{"label": "Cold", "network": "tron", "address": testkit.Tron}}).Verification()
	c.Answer(v).OK()
	c.Post("/v1/tickets", map[string]any{"topic": "lost_device", "body": "It is gone."}).OK()
	c.Post("/v1/recordings", map[string]any{"bytes": 1000, "media_type": "video/webm", "captured": "screen", "started_ms_ago": 0}).OK()
	c.Codes(c.Begin(policy.SetPhrase, "", "red door").Verification().ID, map[string]string{"authenticator": "000000"}).Refused("code_wrong")
	other := k.Full()
	address := "moved@mail.example"
	other.ProveNew(other.Do(policy.ReplaceFactor, "email", address), address).OK()
	payouts := k.Payout()
	k.Deliver()
	if err := k.App.Log.SequenceAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	for table, n := range k.Count() {
		if n == 0 {
			t.Errorf("nothing is in %s", table)
		}
	}
	crowded(t, k, 5_000)
	k.Close()
	target := server.Database(t)
	kills := 0
	for range 8 {
		_, said, err := runCopy(t, k.Path, target, 0, func(cmd *exec.Cmd) {
			<-time.After(time.Duration(rand.IntN(150)) * time.Millisecond)
			killCopy(cmd)
		})
		if err == nil || strings.Contains(said, "holds rows already") {
			break
		}
		kills++
	}
	t.Logf("killed %d times", kills)
	if kills == 0 {
		t.Error("nothing was killed")
	}
	if _, said, err := runCopy(t, k.Path, target, -1, nil); err != nil && !strings.Contains(said, "holds rows already") {
		t.Fatalf("%v: %s", err, said)
	}
	args := []string{"verify", "-from", k.Path, "-to", target}
	var said strings.Builder
	if err := runDB(t.Context(), args, time.Now, &said, &said); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}

	k = testkit.Open(t, target, k.Clock)
	c.Kit, c.Browser = k, k.Browser()
	c.LoginByPasskey(c.Browser).OK()
	var book struct{ Items []struct{ Address string } }
	if c.Get("/v1/addresses").OK().Into(&book); len(book.Items) != 1 || book.Items[0].Address != testkit.Tron {
		t.Errorf("the address book has %+v", book)
	}
	w := c.Withdraw("20")
	c.Prove(c.Approval(w)).OK()
	payouts.Browser = k.Browser()
	payouts.HandOver(w.ID, "payment-0001", payouts.Details(w.ID)).OK()
	// The log came along whole, and goes on from where it was. The crowd's passkeys are in no log: it was put in by hand.
	k.Exec(`DELETE FROM passkeys WHERE id LIKE 'pk_crowd%'`)
	if err := k.App.Log.SequenceAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := auditlog.Verify(t.Context(), k.App.DB, k.App.Engine.Keys, auditlog.Options{}); err != nil || len(r.Findings) > 0 || r.Rows == 0 || r.Waiting > 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
