// Package testkit starts a whole installation for a test: the app on a database of its own, a clock that the test moves,
// an inbox in place of carriers, and browsers that speak HTTP.
package testkit

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"countersign/internal/app"
	"countersign/internal/asset"
	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/support"
	"countersign/internal/testkit/pgserver"
	"countersign/internal/verification"
)

// RPID and Origin are those of every installation that New starts; Second is another origin that it serves.
const (
	RPID   = "bank.example"
	Origin = "https://bank.example"
	Second = "https://app.bank.example"
)

// Start is when the clock of every installation begins.
var Start = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

// Kit is an installation under test.
type Kit struct {
	T      testing.TB
	App    *app.App
	Clock  *Clock
	Server *httptest.Server
	Keys   *secret.Keys
	Inbox  *delivery.Capture
	// Path is the database's file, or its address.
	Path string
	// Recordings is the folder where recordings lie.
	Recordings string
	// Limits are those that the installation was started with.
	Limits verification.Limits
	// Outside is how the installation looks from outside.
	Outside *Outside
	// Copies tells that other processes, on the same database, carry out messages too.
	Copies bool

	mu      sync.Mutex
	browser int
	beside  *sql.DB // past the installation
}

// New starts an installation and ends it with the test. Each change is made to the configuration before the start.
func New(t testing.TB, changes ...func(*app.Config)) *Kit {
	t.Helper()
	return Open(t, Location(t), NewClock(Start), changes...)
}

// Location is where an empty database is to be: a file, or on the PostgreSQL server that the tests run on.
func Location(t testing.TB) string {
	if pgserver.Wanted != nil {
		return pgserver.Wanted.Database(t)
	}
	return filepath.Join(t.TempDir(), "test.db")
}

// SQLiteOnly skips what only a database in a file has.
func SQLiteOnly(t testing.TB) {
	t.Helper()
	if pgserver.Wanted != nil {
		t.Skip("about SQLite")
	}
}

// Open starts an installation on a database that may exist already. The master key follows from the name of the test,
// so that an installation which is opened again reads what it sealed.
func Open(t testing.TB, path string, clock *Clock, changes ...func(*app.Config)) *Kit {
	t.Helper()
	inbox := &delivery.Capture{Now: clock.Now, Max: 5000}
	config, err := Config(path, t.Name(), clock.Now, inbox)
	if err != nil {
		t.Fatal(err)
	}
	config.Recordings = filepath.Join(filepath.Dir(path), "recordings")
	if store.IsPostgres(path) {
		config.Recordings = t.TempDir()
	}
	outside := &Outside{now: clock.Now, Valid: 60 * 24 * time.Hour}
	config.Outside = outside
	for _, change := range changes {
		change(&config)
	}
	watch := alone{func(what string) { t.Error(what) }}
	config.Clock = watch.clock(config.Clock)
	a, err := app.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if a.DB.Observer == nil {
		a.DB.Observer = watch
	}
	outside.handler = a.Handler
	k := &Kit{T: t, Outside: outside, App: a, Clock: clock, Keys: config.Keys, Inbox: inbox, Path: path, Recordings: config.Recordings, Limits: config.Limits, Server: httptest.NewServer(a.Handler)}
	t.Cleanup(k.Close)
	return k
}

// Config is how an installation is set up; its master key follows from name.
func Config(path, name string, clock func() time.Time, carrier delivery.Carrier) (app.Config, error) {
	master := sha256.Sum256([]byte(name))
	keys, err := secret.NewKeys(master[:])
	limits := verification.DefaultLimits()
	// One address stands for many people here; the limits of one account, one destination and of guesses stay.
	limits.Begins.Limit, limits.SendFrom.Limit = 100_000, 100_000
	recordings := support.DefaultRecordingLimits()
	recordings.Reserve = 0 // whatever this machine has left
	return app.Config{
		Database: path, Keys: keys, Name: "Bank", RPID: RPID, Origins: []string{Origin, Second}, Policy: policy.Default(), Holds: policy.DefaultHolds(),
		Limits: limits, Catalogue: asset.Default(), Clock: clock, Logger: slog.New(slog.DiscardHandler), Build: "test",
		RecordingLimits: &recordings,
		Carriers:        map[string]delivery.Carrier{delivery.ChannelEmail: carrier, delivery.ChannelSMS: carrier},
	}, err
}

// Close ends the installation; a second time it does nothing.
func (k *Kit) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.Server == nil {
		return
	}
	k.Server.Close()
	k.Server = nil
	for _, m := range k.Inbox.All() {
		if m.Subject == "Your account was changed" || m.Subject == "Your code to confirm a change" {
			k.T.Errorf("a message to %s has no words of its own: %q", m.To, m.Text)
		}
	}
	if k.beside != nil {
		if err := k.beside.Close(); err != nil {
			k.T.Error(err)
		}
	}
	if err := k.App.Close(); err != nil {
		k.T.Error(err)
	}
}

// Deliver carries out what is queued.
func (k *Kit) Deliver() {
	k.T.Helper()
	if _, err := k.App.Worker.Drain(context.Background()); err != nil {
		k.T.Fatal(err)
	}
	if !k.Copies {
		return
	}
	// What another process has claimed is on its way. It is told of as sent after the carrier has it.
	for deadline := time.Now().Add(30 * time.Second); k.Query(`SELECT count(*) FROM outbox WHERE state = 'queued'`)[0] != "0"; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			k.T.Fatal("messages are not carried out")
		}
	}
}

// Code is the newest code that was sent to an address or number, "" if none was.
func (k *Kit) Code(to string) string {
	k.T.Helper()
	k.Deliver()
	for _, m := range k.Inbox.All() {
		if m.To == to && m.Code != "" {
			return m.Code
		}
	}
	return ""
}

// Mails are the subjects of what was sent to an address, newest first, codes left out.
func (k *Kit) Mails(to string) []string {
	k.T.Helper()
	k.Deliver()
	var out []string
	for _, m := range k.Inbox.All() {
		if m.To == to && m.Code == "" {
			out = append(out, m.Subject)
		}
	}
	return out
}

// Update runs fn in a transaction of the installation, past the API.
func (k *Kit) Update(fn func(tx *store.Tx) error) {
	k.T.Helper()
	if err := k.App.DB.Update(context.Background(), fn); err != nil {
		k.T.Fatal(err)
	}
}
