package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/secret"
	"countersign/internal/store"
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
	// A mistyped name makes no database, and no link that nobody serves.
	if out, err := invite("invite", "Tomas Keller", "tomas@bank.example", "admin"); err == nil || out != "" || !strings.Contains(err.Error(), "setting database") {
		t.Fatalf("%s, %v", out, err)
	}
	if _, err := os.Stat(database); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the database: %v", err)
	}
	master, err := secret.ParseKeys(key)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), database, master, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
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
