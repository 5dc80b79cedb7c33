package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/testkit"
)

func TestEraseTakesAnAccountOutOfADatabaseThatIsNamed(t *testing.T) {
	database := filepath.Join(t.TempDir(), "countersign.db")
	k := testkit.Open(t, database, testkit.NewClock(time.Now()))
	c := k.Full()
	run := func(env map[string]string, args ...string) (string, error) {
		var out, complaints strings.Builder
		err := runErase(t.Context(), args, func(name string) string { return env[name] }, k.Clock.Now, &out, &complaints)
		return out.String(), err
	}
	env := environment(t, database)
	with := func(name, value string) map[string]string {
		other := map[string]string{}
		for n, v := range env {
			other[n] = v
		}
		other[name] = value
		return other
	}
	elsewhere := filepath.Join(t.TempDir(), "mistyped.db")
	for name, err := range map[string]error{
		"a mistyped database": second(run(with("COUNTERSIGN_DATABASE", elsewhere), c.ID)), "no origin": second(run(with("COUNTERSIGN_ORIGIN", ""), c.ID)),
		"no key": second(run(with("COUNTERSIGN_MASTER_KEY", ""), c.ID)), "nobody": second(run(env)), "somebody unknown": second(run(env, "acc_x")),
		"a word too many": second(run(env, c.ID, "withdrawals")),
	} {
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := os.Stat(elsewhere); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a database was made: %v", err)
	}
	c.Get("/v1/account").OK()
	if out, err := run(env, c.ID, "with-withdrawals"); err != nil || !strings.Contains(out, c.ID) {
		t.Fatalf("%s, %v", out, err)
	}
	c.Get("/v1/account").Refused("unauthenticated")
}

func second(_ string, err error) error { return err }
