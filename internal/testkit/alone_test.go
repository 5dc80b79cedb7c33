package testkit

import (
	"path/filepath"
	"testing"
	"time"

	"countersign/internal/secret"
	"countersign/internal/store"
)

func TestATransactionWithinAnotherIsSeen(t *testing.T) {
	keys, err := secret.ParseKeys(secret.NewMaster())
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 10)
	watch := alone{func(what string) { seen <- what }}
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), keys, watch.clock(time.Now))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.Observer = watch
	nothing := func(tx *store.Tx) error { _ = db.Now(); return nil }
	view := func(*store.Tx) error { return db.View(t.Context(), nothing) }
	for name, c := range map[string]struct {
		do     func() error
		nested bool
	}{
		"a view":              {func() error { return db.View(t.Context(), nothing) }, false},
		"an update":           {func() error { return db.Update(t.Context(), nothing) }, false},
		"a view in a view":    {func() error { return db.View(t.Context(), view) }, true},
		"a view in an update": {func() error { return db.Update(t.Context(), view) }, true},
		"an update in a view": {func() error {
			return db.View(t.Context(), func(*store.Tx) error { return db.Update(t.Context(), nothing) })
		}, true},
		"one after another":      {func() error { return db.View(t.Context(), nothing) }, false},
		"an update that follows": {func() error { return db.Update(t.Context(), nothing) }, false},
	} {
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if nested := len(seen) > 0; nested != c.nested {
			t.Errorf("%s: nested is %t", name, nested)
		}
		for len(seen) > 0 {
			<-seen
		}
	}
}
