package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"countersign/internal/policy"
	"countersign/internal/testkit"
)

// putBack restores a backup over the database of an installation that is closed, and takes up the service again.
func putBack(t *testing.T, k *testkit.Kit, backup string, restored bool) *testkit.Kit {
	t.Helper()
	k.Close()
	for _, beside := range []string{"-wal", "-shm"} {
		os.Remove(k.Path + beside)
	}
	b, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(k.Path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if restored {
		restore(t, k.Path, k.Clock)
	}
	return testkit.Open(t, k.Path, k.Clock)
}

func restore(t *testing.T, path string, clock *testkit.Clock) string {
	t.Helper()
	env := environment(t, path)
	var said strings.Builder
	if err := runRestored(t.Context(), nil, func(name string) string { return env[name] }, clock.Now, &said, io.Discard); err != nil {
		t.Fatal(err)
	}
	return said.String()
}

func TestWhatEndedStaysEndedWhenABackupIsRestored(t *testing.T) {
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	open := c.Begin(policy.SetPhrase, "", "copper heron").Verification()
	c.SendCode(open.ID, "email").OK()
	code := k.Code(c.Email)
	stranger := k.Browser()
	login := stranger.StartLogin(c.Email, c.Password).Verification()
	challenge := c.Assert(stranger.LoginOptions())
	backup := filepath.Join(t.TempDir(), "backup.db")
	k.Exec(`VACUUM INTO '` + backup + `'`)
	thief := c.Copy()
	c.Send("DELETE", "/v1/sessions/current", nil, nil).OK()
	thief.Get("/v1/account").Refused("unauthenticated")
	k = putBack(t, k, backup, false)
	thief.Kit, stranger.Kit, c.Kit = k, k, k
	thief.Get("/v1/account").OK() // which is why the command is there

	k = putBack(t, k, backup, true)
	thief.Kit, stranger.Kit, c.Browser = k, k, k.Browser()
	thief.Get("/v1/account").Refused("unauthenticated")
	stranger.LoginWith(challenge).Refused("passkey_refused")
	stranger.Codes(login.ID, map[string]string{"any": c.AppCode()}).Refused("verification_void")
	c.LoginByPasskey(c.Browser).OK()
	c.Codes(open.ID, map[string]string{"email": code}).Refused("not_found")
	if n := c.Account().Sessions; n != 1 {
		t.Errorf("%d sessions are listed, want the new one alone", n)
	}
}

func TestNoEpochIsGivenTwice(t *testing.T) {
	k := testkit.New(t)
	k.Close()
	if one, two := restore(t, k.Path, k.Clock), restore(t, k.Path, k.Clock); one == two || !strings.HasPrefix(one, "epoch ") {
		t.Errorf("%q, then %q", one, two)
	}
}

func TestRestoredMakesNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.db")
	env := map[string]string{"COUNTERSIGN_DATABASE": path, "COUNTERSIGN_MASTER_KEY": strings.Repeat("ab", 32)}
	if err := runRestored(t.Context(), nil, func(name string) string { return env[name] }, testkit.NewClock(testkit.Start).Now, io.Discard, io.Discard); err == nil {
		t.Error("it answers as if there were one")
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("it has made one")
	}
}
