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

func TestAPIKeysAreMadeListedAndRevokedWithTheDatabaseAndItsKeyAlone(t *testing.T) {
	key, database := secret.NewMaster(), filepath.Join(t.TempDir(), "new.db")
	getenv := func(name string) string {
		return map[string]string{"COUNTERSIGN_MASTER_KEY": key, "COUNTERSIGN_DATABASE": database}[name]
	}
	run := func(args ...string) (string, error) {
		var out, complaints strings.Builder
		err := runAPIKeys(t.Context(), args, getenv, time.Now, &out, &complaints)
		return out.String(), err
	}
	// A mistyped name makes no database, and no key to nowhere.
	if out, err := run("create", "Payouts"); err == nil || out != "" || !strings.Contains(err.Error(), "setting database") {
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
	made, err := run("create", "Payouts of the treasury")
	if err != nil || !strings.HasPrefix(made, "csk_") {
		t.Fatalf("%s, %v", made, err)
	}
	id := made[strings.Index(made, "key_"):]
	id = id[:strings.Index(id, ".")]
	list, err := run("list")
	if err != nil || !strings.Contains(list, id) || !strings.Contains(list, "Payouts of the treasury") || strings.Contains(list, "csk_") {
		t.Errorf("%s, %v", list, err)
	}
	if out, err := run("revoke", id); err != nil || !strings.Contains(out, id) {
		t.Errorf("%s, %v", out, err)
	}
	if out, err := run("revoke", id); err == nil {
		t.Errorf("revoked twice: %s", out)
	}
	if list, err := run("list"); err != nil || !strings.Contains(list, time.Now().UTC().Format("2006-")) || strings.Contains(list, " -\n") {
		t.Errorf("%s, %v", list, err)
	}
	for _, args := range [][]string{{}, {"make"}, {"create"}, {"create", ""}, {"create", "two\nlines"}, {"create", strings.Repeat("x", 61)}, {"create", "a", "b"}, {"list", "x"}, {"revoke"}, {"revoke", "key_x"}} {
		if out, err := run(args...); err == nil || out != "" {
			t.Errorf("%q: %s", args, out)
		}
	}
}
