package main

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"countersign/internal/store"
	"countersign/internal/testkit"
	"countersign/internal/testkit/pgserver"
)

func TestACopyHoldsTheSameAndServesAndWhatIsChangedInItIsNamed(t *testing.T) {
	server, err := pgserver.New()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	target := server.Database(t)
	k := testkit.New(t)
	c := k.Full()
	c.CreatePasskey()
	c.SetBalance("BTC", "1")
	args := []string{"copy", "-from", k.Path, "-to", target}
	if err := runDB(t.Context(), args, time.Now, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("a source that is served: %v", err)
	}
	k.Close()
	// Interrupted after the first batch.
	ctx, stop := context.WithCancel(t.Context())
	if _, err := store.Copy(ctx, k.Path, target, time.Now(), func(store.CopyStep) { stop() }); err == nil {
		t.Fatal("nothing was interrupted")
	}
	if _, err := store.Migrate(t.Context(), target, time.Now()); err == nil || !strings.Contains(err.Error(), "has not ended") {
		t.Errorf("half a copy is opened: %v", err)
	}
	var said strings.Builder
	if err := runDB(t.Context(), args, time.Now, &said, io.Discard); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), "both hold the same") {
		t.Error(said.String())
	}
	if err := runDB(t.Context(), args, time.Now, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "holds rows already") {
		t.Errorf("a target that is full: %v", err)
	}
	db, err := sql.Open("pgx", target)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var id string
	if err := db.QueryRow(`UPDATE balances SET available = '2' WHERE asset = 'BTC' RETURNING account_id`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	args[0] = "verify"
	if err := runDB(t.Context(), args, time.Now, io.Discard, io.Discard); !errors.Is(err, store.ErrDiffers) || !strings.Contains(err.Error(), "balances, account_id="+id+" asset=BTC: not the same") {
		t.Errorf("a changed row: %v", err)
	}
	if _, err := db.Exec(`UPDATE balances SET available = '1' WHERE asset = 'BTC'`); err != nil {
		t.Fatal(err)
	}
	k = testkit.Open(t, target, k.Clock)
	c.Kit = k
	c.LoginByPasskey(k.Browser()).OK()
}
