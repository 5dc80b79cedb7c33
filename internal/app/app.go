// Package app puts the parts together: database, engine, flows, API and workers. `serve`, `demo` and the tests all start it.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"countersign/api"
	"countersign/approval"
	"countersign/internal/account"
	"countersign/internal/asset"
	"countersign/internal/auditlog"
	"countersign/internal/blob"
	"countersign/internal/delivery"
	"countersign/internal/desk"
	"countersign/internal/httpapi"
	"countersign/internal/notice"
	"countersign/internal/observe"
	"countersign/internal/passkey"
	"countersign/internal/password"
	"countersign/internal/policy"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/support"
	"countersign/internal/verification"
	"countersign/internal/withdrawal"
)

// AppVersion is a native client: the newest version that there is, and the oldest that still takes part in ceremonies.
type AppVersion = httpapi.AppVersion

// LoadApps reads a list of native clients, as JSON, and says what is wrong with it.
func LoadApps(r io.Reader) ([]AppVersion, error) { return httpapi.LoadApps(r) }

// LogAddresses is how much of a client's address is logged.
type LogAddresses = httpapi.LogAddresses

// ParseLogAddresses reads how much of a client's address is to be logged.
func ParseLogAddresses(text string) (LogAddresses, error) { return httpapi.ParseLogAddresses(text) }

// Config is what an installation decides. Every field must be set unless it says otherwise.
type Config struct {
	Database string // path of the SQLite file, or postgres://…
	Keys     *secret.Keys
	// Name is shown to people and in password managers.
	Name string
	RPID string
	// Origins are the web origins served; the first one is put into links.
	Origins        []string
	TrustedProxies []netip.Prefix // may be empty
	Policy         policy.Table
	Holds          policy.Holds
	Limits         verification.Limits
	Catalogue      asset.Catalogue
	// HandOverLife is how long an approved withdrawal waits for the payout system; 0 is withdrawal.HandOverLife.
	HandOverLife time.Duration
	// WithdrawalRetention is how long decided withdrawals and their approvals are kept; 0 is for good.
	WithdrawalRetention time.Duration
	// EventRetention is how long audit events keep what they tell, by kind; those of withdrawals go by WithdrawalRetention. nil keeps all for good.
	EventRetention store.Retention
	// Carriers deliver messages, by channel.
	Carriers map[string]delivery.Carrier
	// Spending bounds text messages; nil is delivery.DefaultSpending.
	Spending *delivery.Spending
	Clock    func() time.Time
	Logger   *slog.Logger
	// LogAddresses is how much of a client's address is logged; "" is nothing.
	LogAddresses LogAddresses
	// Observer watches from outside; nil where nobody does.
	Observer *observe.Observer
	Build    string
	// Web serves what is not the API; nil for none.
	Web http.Handler
	// Fiat makes the demo's figures; nil elsewhere.
	Fiat func(assetCode, amount string) (asset.Amount, bool)
	Demo bool
	// Apps are the native clients that there are; empty for none.
	Apps []AppVersion
	// SupportRetention is how long a request for help is kept after it was resolved, and its recordings, in whole days; 0 is
	// support.DefaultRetention.
	SupportRetention time.Duration
	// Outside is how the desk's check fetches the public addresses back; nil is the network.
	Outside http.RoundTripper
	// Recordings is where recordings lie: a folder, or s3://bucket/prefix with RecordingsAccess; "" is the folder "recordings" beside
	// the database. RecordingsStore, where it is set, takes the place of both.
	Recordings       string
	RecordingsAccess blob.Access
	RecordingsStore  blob.Store
	// RecordingLimits are how much is taken; nil is support.DefaultRecordingLimits. Their Retention is SupportRetention, whatever it says.
	RecordingLimits *support.RecordingLimits
	// HideLog keeps the audit log's tiles from being read over HTTP.
	HideLog bool
	// Witnesses cosign the audit log's checkpoints; empty for none.
	Witnesses []auditlog.Witness
	// PieceTime is how long a piece of a recording may take to arrive; 0 is a minute.
	PieceTime time.Duration
}

// How many passwords are hashed at once, each with 19 MiB and most of a core, and how many more may wait for that.
const (
	hashers   = 2
	hashQueue = 64
)

// App is a running installation, but for its listener.
type App struct {
	DB          *store.DB
	Engine      *verification.Engine
	Accounts    *account.Service
	Withdrawals *withdrawal.Service
	Support     *support.Service
	Desk        *desk.Service
	Recordings  *support.Recordings
	API         *httpapi.Server
	Handler     http.Handler
	Worker      *delivery.Worker
	Log         *auditlog.Log
	Witnesses   *auditlog.Witnesses // nil where there are none

	logger *slog.Logger
	clock  func() time.Time
	hasher *password.Hasher
	// retention is of audit events.
	retention store.Retention
	observer  *observe.Observer // nil where nobody watches
}

// Open opens the database, and refuses a master key that is not its own. Of the configuration it needs Database, Keys and Clock.
func Open(ctx context.Context, c Config) (*store.DB, error) {
	db, err := store.Open(ctx, c.Database, c.Keys, c.Clock)
	if err != nil {
		return nil, err
	}
	if err := auditlog.Fits(ctx, db, c.Keys); err != nil {
		return nil, errors.Join(fmt.Errorf("setting master-key-file: %w", err), db.Close())
	}
	return db, nil
}

// New opens the database and puts everything together. Run starts what works in the background.
func New(ctx context.Context, c Config) (*App, error) {
	if c.SupportRetention == 0 {
		c.SupportRetention = support.DefaultRetention
	}
	if c.HandOverLife == 0 {
		c.HandOverLife = withdrawal.HandOverLife
	}
	if c.Spending == nil {
		c.Spending = delivery.DefaultSpending()
	}
	db, err := Open(ctx, c)
	if err != nil {
		return nil, err
	}
	a := &App{DB: db, logger: c.Logger, clock: c.Clock, hasher: password.NewHasher(hashers, hashQueue), Log: &auditlog.Log{DB: db, Keys: c.Keys, RPID: c.RPID}}
	a.retention = maps.Clone(c.EventRetention)
	if c.WithdrawalRetention > 0 {
		if a.retention == nil {
			a.retention = store.Retention{}
		}
		a.retention[store.RetainWithdrawals] = c.WithdrawalRetention
	}
	a.Engine = &verification.Engine{
		DB: db, Keys: c.Keys, Policy: c.Policy, RP: passkey.RelyingParty{ID: c.RPID, Name: c.Name}, Hasher: a.hasher, Limits: c.Limits, Spending: c.Spending,
		Notifier:    notice.Notifier{Brand: delivery.Brand{Name: c.Name, Domain: c.RPID, BaseURL: c.Origins[0]}},
		PasskeyList: account.ListPasskeys,
	}
	proven, err := genuine(c)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	a.Withdrawals = &withdrawal.Service{Engine: a.Engine, Catalogue: c.Catalogue, Holds: c.Holds, HandOverLife: c.HandOverLife, Retention: c.WithdrawalRetention, Genuine: proven, Fiat: c.Fiat}
	a.Accounts = &account.Service{Engine: a.Engine, Holds: c.Holds, CancelOpen: a.Withdrawals.CancelOpen}
	a.Engine.Actions = a.Accounts.Actions()
	maps.Copy(a.Engine.Actions, a.Withdrawals.Actions())
	a.Support = &support.Service{Engine: a.Engine, Retention: c.SupportRetention, Limits: support.DefaultLimits()}
	a.Engine.Observe = a.Support.Observe
	if a.Recordings, err = recordings(c, a.Engine); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	a.Desk = &desk.Service{Engine: a.Engine, Holds: c.Holds, Origins: c.Origins, Build: c.Build, Demo: c.Demo, Carriers: c.Carriers, Outside: c.Outside}
	a.Desk.OpenRecording = func(ctx context.Context, id string) (*desk.Recording, error) {
		r, err := a.Recordings.OpenSent(ctx, id)
		if err != nil {
			return nil, err
		}
		return &desk.Recording{ReadSeeker: r, AccountID: r.AccountID, MediaType: r.MediaType, CreatedAt: r.CreatedAt}, nil
	}
	if !store.IsPostgres(c.Database) {
		a.Desk.DiskFree = func() (int64, bool, error) { return blob.FreeAt(filepath.Dir(c.Database)) }
	}
	a.Desk.TryStore = a.Recordings.TryStore
	a.API = &httpapi.Server{
		Config: httpapi.Config{Origins: c.Origins, TrustedProxies: c.TrustedProxies, Name: c.Name, Demo: c.Demo, Build: c.Build, Apps: c.Apps, PieceTime: c.PieceTime, LogAddresses: c.LogAddresses},
		Engine: a.Engine, Accounts: a.Accounts, Withdrawals: a.Withdrawals, Support: a.Support, Recordings: a.Recordings, Desk: a.Desk, Logger: c.Logger, App: c.Web, OpenAPI: api.OpenAPI,
	}
	if len(c.Witnesses) > 0 {
		a.Witnesses = &auditlog.Witnesses{Log: a.Log, List: c.Witnesses}
	}
	if !c.HideLog {
		a.API.Log = a.Log
	}
	if c.Fiat != nil {
		a.API.Config.Fiat = "USD"
	}
	a.Worker = &delivery.Worker{Outbox: db, Carriers: c.Carriers, Spending: c.Spending, Now: db.Now, Logger: c.Logger, Wake: db.Wake(), Poll: time.Second}
	a.Desk.Limits = a.Worker.Limits
	a.API.CarrierStatus = func(ctx context.Context, carrier string, form url.Values, signature string) (bool, error) {
		report, genuine := delivery.Callback(c.Carriers, carrier, form, signature)
		if report == nil {
			return genuine, nil
		}
		return true, a.Worker.Report(ctx, *report)
	}
	a.Handler = a.API.Handler()
	if c.Observer != nil {
		a.watch(c.Observer)
	}
	return a, nil
}

// genuine checks approvals' documents as anybody would who has the service's own keys: a row that was edited in the database proves nothing.
// Whether a passkey is the account's, and codes were given at all, the log is asked besides.
func genuine(c Config) (func(document []byte) (details string, err error), error) {
	byPasskey, err1 := approval.NewVerifier(approval.Options{RelyingParty: c.RPID, Origins: c.Origins, Way: approval.WayPasskey})
	byCodes, err2 := approval.NewVerifier(approval.Options{RelyingParty: c.RPID, ServerKeys: c.Keys.SignerKeys(), Way: approval.WayCodes})
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return func(document []byte) (string, error) {
		verdict, err := byPasskey.Verify(document)
		if err != nil {
			verdict, err = byCodes.Verify(document)
		}
		if err != nil {
			return "", err
		}
		details, err := verdict.Details.Canonical()
		return string(details), err
	}, nil
}

// recordings knows where recordings lie, and does not go there yet: Run does.
func recordings(c Config, e *verification.Engine) (*support.Recordings, error) {
	limits := support.DefaultRecordingLimits()
	if c.RecordingLimits != nil {
		limits = *c.RecordingLimits
	}
	limits.Retention = c.SupportRetention
	blobs := c.RecordingsStore
	if blobs == nil {
		at := cmp.Or(c.Recordings, filepath.Join(filepath.Dir(c.Database), "recordings"))
		var err error
		if blobs, err = blob.New(at, c.RecordingsAccess); err != nil {
			return nil, fmt.Errorf("recordings: %w", err)
		}
	}
	return &support.Recordings{Engine: e, Blobs: blobs, Limits: limits}, nil
}

// Run delivers messages, expires withdrawals, deletes old recordings and purges until ctx is done.
func (a *App) Run(ctx context.Context) {
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := a.Worker.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			a.logger.Error("delivery stopped", "error", err)
		}
	})
	wait.Go(func() { a.every(ctx, 10*time.Second, "expire", a.expire) })
	wait.Go(func() { a.every(ctx, 10*time.Minute, "purge", a.DB.Purge) })
	wait.Go(func() { a.every(ctx, 10*time.Minute, "delete requests for help", a.deleteTickets) })
	wait.Go(func() { a.every(ctx, 10*time.Minute, "delete recordings", a.Recordings.Sweep) })
	wait.Go(func() { a.every(ctx, time.Hour, "remove old withdrawals", a.Withdrawals.RemoveOld) })
	wait.Go(func() { a.every(ctx, time.Hour, "redact old events", a.Retain) })
	wait.Go(func() { a.every(ctx, 10*time.Minute, "go on erasing", a.Accounts.GoOnErasing) })
	wait.Go(func() {
		a.awaitStore(ctx)
		a.every(ctx, 12*time.Hour, "delete stray recordings", a.Recordings.SweepStrays)
	})
	wait.Go(func() { a.every(ctx, time.Second, "sequence the audit log", a.Log.SequenceAll) })
	if a.Witnesses != nil {
		wait.Go(func() { a.every(ctx, 5*time.Second, "have the audit log cosigned", a.Witnesses.Cosign) })
	}
	wait.Go(func() { a.every(ctx, time.Minute, "watch the clock", a.watchClock) })
	wait.Wait()
}

// awaitStore waits until recordings can be stored, and says once that they cannot, and once that they can again.
func (a *App) awaitStore(ctx context.Context) {
	for said := false; ; {
		_, _, err := a.Recordings.TryStore(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && said:
			a.logger.Info("recordings can be stored again")
			return
		case err == nil:
			return
		case !said:
			said = true
			a.logger.Error("recordings cannot be stored: uploads are told to try again, and nothing else is affected; look at -recordings and -s3-…", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Minute):
		}
	}
}

func (a *App) expire(ctx context.Context) error {
	for {
		n, err := a.Withdrawals.ExpireOverdue(ctx)
		if err != nil || n == 0 {
			return err
		}
	}
}

// Retain redacts audit events whose time is over.
func (a *App) Retain(ctx context.Context) error { return a.DB.Retain(ctx, a.retention) }

func (a *App) deleteTickets(ctx context.Context) error {
	for {
		n, err := a.Support.DeleteOverdue(ctx)
		if err != nil || n == 0 {
			return err
		}
	}
}

// watchClock complains of a clock that was set back: codes and holds keep their spans, but begin and end too late.
func (a *App) watchClock(context.Context) error {
	if behind := a.DB.Behind(); behind > 5*time.Minute {
		return fmt.Errorf("the clock is %s behind what it was; set it right", behind.Round(time.Second))
	}
	if ahead := a.DB.Ahead(); ahead > 0 {
		return fmt.Errorf("the clock has jumped %s ahead of the copies that serve, which is not followed; set it right", ahead.Round(time.Second))
	}
	return nil
}

func (a *App) every(ctx context.Context, d time.Duration, name string, fn func(context.Context) error) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		err := fn(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			a.logger.Error("background work failed", "work", name, "error", err)
		}
		if a.observer != nil {
			a.observer.Worked(name, err == nil, a.clock())
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Tune lets the collector run less often than by default: what is live is small, so that a collection at each doubling of it would
// be a tenth of a login, and four times it is still little memory. GOGC in the environment has the last word.
func Tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// Serving is the HTTP server around a handler: its limits are those of a public service behind a proxy.
func Serving(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// Close closes the database. Call it after Run has returned and the listener is closed.
func (a *App) Close() error { return a.DB.Close() }
