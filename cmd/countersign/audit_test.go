package main

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign/internal/auditlog"
	"countersign/internal/secret"
	"countersign/internal/testkit"
)

// audit runs the command, and returns what it says and its exit code.
func audit(t *testing.T, k *testkit.Kit, master string, args ...string) (string, int) {
	t.Helper()
	env := map[string]string{"COUNTERSIGN_DATABASE": k.Path, "COUNTERSIGN_MASTER_KEY": master}
	var out bytes.Buffer
	err := runAudit(t.Context(), args, func(name string) string { return env[name] }, k.Clock.Now, &out, io.Discard)
	if coded := new(exitError); errors.As(err, &coded) {
		return out.String() + err.Error(), coded.code
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), 0
}

func TestAuditVerifiesShowsAndPrints(t *testing.T) {
	k := testkit.New(t)
	master := masterOf(t)
	if _, code := audit(t, k, master, "checkpoint"); code != 2 {
		t.Errorf("without a checkpoint: exit code %d", code)
	}
	c := k.Full()
	c.CreatePasskey()
	w := c.Withdraw("20")
	if err := k.App.Log.SequenceAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkpoint, code := audit(t, k, master, "checkpoint")
	if code != 0 || !strings.HasPrefix(checkpoint, testkit.RPID+"/countersign-audit/1\n") {
		t.Fatalf("%d %s", code, checkpoint)
	}
	kept := filepath.Join(t.TempDir(), "checkpoint")
	if err := os.WriteFile(kept, []byte(checkpoint), 0o600); err != nil {
		t.Fatal(err)
	}
	r := c.Approval(w)
	c.SubmitPasskey(r.ID, c.Assert(c.Challenge(r.ID).PublicKey)).Verification()
	if err := k.App.Log.SequenceAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys, code := audit(t, k, master, "key")
	fields := strings.Fields(keys)
	if code != 0 || len(fields) != 4 || fields[0] != "log-key" || fields[2] != "server-key" {
		t.Fatalf("%d %s", code, keys)
	}
	if out, code := audit(t, k, secret.NewMaster(), "key"); code != 1 {
		t.Errorf("by another master key: exit code %d, %s", code, out)
	}
	if out, code := audit(t, k, master, "verify", "-checkpoint", kept); code != 0 || !strings.Contains(out, "goes on from the checkpoint of size") || !strings.Contains(out, "1 record of approvals") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if out, code := audit(t, k, "", "verify", "-log-key", fields[1]); code != 0 || !strings.Contains(out, "no older checkpoint was given") {
		t.Errorf("without the master key: exit code %d\n%s", code, out)
	}
	web := httptest.NewServer(k.App.Handler)
	defer web.Close()
	if out, code := audit(t, k, "", "verify", "-log="+web.URL+"/log/", "-log-key", fields[1], "-checkpoint", kept); code != 0 || !strings.Contains(out, "goes on from") {
		t.Errorf("over HTTP: exit code %d\n%s", code, out)
	}
	account := k.Query(`SELECT id FROM accounts`)[0]
	out, code := audit(t, k, master, "show", "-account", account)
	for _, want := range []string{"Saturday, 14 March 2026 (UTC)", "The account was opened.", "was created, by codes.", "was requested: 20 USDT.", "was approved: 20 USDT, by passkey, to be handed over until 2026-03-16T", "[leaf 0]"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit code %d, and not %q in\n%s", code, want, out)
		}
	}
	if strings.Contains(out, "{") {
		t.Errorf("a place in a sentence was left empty:\n%s", out)
	}
	key := k.Payout().ID
	if out, code := audit(t, k, master, "show"); code != 0 || !strings.Contains(out, "API key "+key+" was made, by command.  [not yet in the log]") || strings.Contains(out, "note:") || strings.Contains(out, "account was opened") {
		t.Errorf("of no account: exit code %d\n%s", code, out)
	}
	k.Exec(`UPDATE audit_events SET browser = 'Chrome' WHERE kind = 'account.created'`)
	if out, code := audit(t, k, master, "verify"); code != 1 || !strings.Contains(out, "FOUND a row was edited, leaf 0") {
		t.Errorf("bent: exit code %d\n%s", code, out)
	}
	if out, code := audit(t, k, master, "show", "-account", account); code != 1 || !strings.Contains(out, "[leaf 0, AND NOT WHAT THE LOG HAS THERE]") {
		t.Errorf("bent: exit code %d\n%s", code, out)
	}
	for _, wrong := range [][]string{{}, {"nothing"}, {"show", "-account", ""}, {"show", "-account", account, "-account", account}, {"show", "-account", "acc_none"}, {"verify", "-checkpoint"}, {"verify", "-checkpoint", "/none"}, {"verify", "-log", web.URL + "/log"}, {"verify", "x"}, {"verify", "-log-key", "x"}} {
		if out, code := audit(t, k, master, wrong...); code != 2 {
			t.Errorf("%v: exit code %d, %s", wrong, code, out)
		}
	}
}

func TestTheLogsSettingsAreChecked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "witnesses.json")
	if err := os.WriteFile(file, []byte(`[{"key":"x","url":"y"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loaded(file, nil, auditlog.LoadWitnesses); err == nil {
		t.Error("a witness without a key is taken")
	}
	if list, err := loaded("", nil, auditlog.LoadWitnesses); err != nil || list != nil {
		t.Errorf("none: %v, %v", list, err)
	}
	if _, err := hidden("maybe"); err == nil {
		t.Error("log-tiles = maybe is taken")
	}
	if off, err := hidden("off"); err != nil || !off {
		t.Errorf("off: %v, %v", off, err)
	}
}
