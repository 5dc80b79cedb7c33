package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/testkit"
)

func TestDeclineEndsARequestAndNeedsNoCarriers(t *testing.T) {
	database := filepath.Join(t.TempDir(), "countersign.db")
	k := testkit.Open(t, database, testkit.NewClock(time.Now()))
	c := k.Full()
	w := c.Withdraw("20")
	env := environment(t, database)
	run := func(args ...string) (string, error) {
		var out, complaints strings.Builder
		err := runDecline(t.Context(), args, func(name string) string { return env[name] }, k.Clock.Now, &out, &complaints)
		return out.String(), err
	}
	for name, args := range map[string][]string{"no reason": {w.ID}, "an empty reason": {w.ID, ""}, "another": {w.ID + "x", "sanctions"}, "a word too many": {w.ID, "sanctions", "list"}} {
		if out, err := run(args...); err == nil {
			t.Errorf("%s is taken: %s", name, out)
		}
	}
	if state := c.Withdrawal(w.ID).State; state != "requested" {
		t.Fatalf("it is %s", state)
	}
	if out, err := run(w.ID, "sanctions list"); err != nil || out != "declined "+w.ID+"\n" {
		t.Fatalf("%q, %v", out, err)
	}
	k.Deliver()
	if state := c.Withdrawal(w.ID).State; state != "declined" || !slices.ContainsFunc(k.Mails(c.Email), func(subject string) bool { return strings.Contains(subject, "declined") }) {
		t.Errorf("it is %s, and the letters are %q", state, k.Mails(c.Email))
	}
	if _, err := run(w.ID, "sanctions list"); err == nil {
		t.Error("declined twice")
	}
}
