package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/secret"
)

// What the command needs is the database, its key and the origin: no carrier, and nothing of what serve asks for.
func TestOperatorsInviteNeedsTheDatabaseTheKeyAndTheOriginAlone(t *testing.T) {
	key, database := secret.NewMaster(), filepath.Join(t.TempDir(), "new.db")
	getenv := func(name string) string {
		return map[string]string{"COUNTERSIGN_MASTER_KEY": key, "COUNTERSIGN_DATABASE": database, "COUNTERSIGN_ORIGIN": "https://bank.example"}[name]
	}
	invite := func(args ...string) (string, error) {
		var out, complaints strings.Builder
		err := runOperators(t.Context(), args, getenv, time.Now, &out, &complaints)
		return out.String(), err
	}
	out, err := invite("invite", "Tomas Keller", "tomas@bank.example", "admin")
	if err != nil || !strings.HasPrefix(out, "https://bank.example/operator/accept#") || !strings.Contains(out, "Tomas Keller") {
		t.Fatalf("%s, %v", out, err)
	}
	again, err := invite("invite", "Tomas Keller", "Tomas@bank.example", "admin")
	if err != nil || strings.Fields(again)[0] == strings.Fields(out)[0] {
		t.Errorf("%s, %v", again, err)
	}
	for _, args := range [][]string{{}, {"list"}, {"invite"}, {"invite", "Tomas", "tomas@bank.example"}, {"invite", "Tomas", "tomas@bank.example", "root"}, {"invite", "Tomas", "nowhere", "admin"},
		{"invite", "Tomas Keller", "tomas@bank.example", "support"}} {
		if out, err := invite(args...); err == nil || out != "" {
			t.Errorf("%q: %s", args, out)
		}
	}
	if _, err := invite("invite", "-origin", "http://bank.example", "A", "a@bank.example", "admin"); err == nil || !strings.Contains(err.Error(), "origin") {
		t.Errorf("%v", err)
	}
}
