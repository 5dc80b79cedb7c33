// Package demo is the try-it-out installation: made-up people and money, an inbox instead of carriers, and a pretend phone.
//
// Only the command `countersign demo` imports it. Nothing of it can be switched on in `serve`.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"countersign/internal/app"
	"countersign/internal/asset"
	"countersign/internal/delivery"
	"countersign/internal/desk"
	"countersign/internal/policy"
	"countersign/internal/secret"
	"countersign/internal/verification"
)

// Config is what the demo is started with.
type Config struct {
	Folder string // of the database, the master key and the pretend phone
	Port   int
	Clock  func() time.Time
	Logger *slog.Logger
	Build  string
	Web    http.Handler
}

// Demo is a running demo, but for its listener.
type Demo struct {
	App     *app.App
	Handler http.Handler
	// Invitation is the link by which the first operator comes in; "" once there is one.
	Invitation string

	capture *delivery.Capture
	phone   *phone
	host    string
}

// New opens the demo in its folder, and fills it the first time.
func New(ctx context.Context, c Config) (*Demo, error) {
	keys, err := masterKey(filepath.Join(c.Folder, "master.key"))
	if err != nil {
		return nil, err
	}
	d := &Demo{host: net.JoinHostPort("localhost", strconv.Itoa(c.Port)), capture: &delivery.Capture{Now: c.Clock, Max: 200}}
	if d.phone, err = openPhone(filepath.Join(c.Folder, "phone.json")); err != nil {
		return nil, err
	}
	config := app.Config{
		Database: filepath.Join(c.Folder, "demo.db"), Keys: keys, Name: "Countersign", RPID: "localhost", Origins: []string{"http://" + d.host},
		Policy: policy.Default(), Holds: policy.DefaultHolds(), Limits: generous(), Catalogue: asset.Default(),
		Carriers: map[string]delivery.Carrier{delivery.ChannelEmail: d.capture, delivery.ChannelSMS: d.capture},
		Clock:    c.Clock, Logger: c.Logger, Build: c.Build, Web: c.Web, Fiat: fiat, Demo: true,
		// No payout system runs beside a demo: what was approved waits for whoever tries docs/payouts.md.
		HandOverLife: 30 * 24 * time.Hour,
	}
	if err := seed(ctx, config, d.phone); err != nil {
		return nil, fmt.Errorf("fill the demo: %w (delete the folder %s to start afresh)", err, c.Folder)
	}
	if d.App, err = app.New(ctx, config); err != nil {
		return nil, err
	}
	if d.Invitation, err = d.invite(ctx); err != nil {
		return nil, err
	}
	d.Handler = d.guard(d.routes())
	return d, nil
}

// invite makes the link for the demo's admin anew at each start, while no operator has come in.
func (d *Demo) invite(ctx context.Context) (string, error) {
	if empty, err := d.App.Desk.Empty(ctx); err != nil || !empty {
		return "", err
	}
	invited, err := d.App.Desk.InviteByCommand(ctx, desk.Person{Name: "Tomas Keller", Email: "tomas@countersign.example", Role: desk.Admin}, false)
	if err != nil {
		return "", err
	}
	return invited.Link, nil
}

// masterKey reads the demo's random key, or makes one: it lies beside the database, which no real installation should do.
func masterKey(path string) (*secret.Keys, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		b = []byte(secret.NewMaster() + "\n")
		err = write(path, b)
	}
	if err != nil {
		return nil, err
	}
	return secret.ParseKeys(string(b))
}

// write replaces a file for its owner alone. It is moved into place when all is there: a crash leaves the former one, or none.
func write(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// generous are budgets for somebody who tries everything twice; those of wrong codes stay as they are.
func generous() verification.Limits {
	l := verification.DefaultLimits()
	l.Begins.Limit, l.SendTo.Limit, l.SendFor.Limit, l.SendFrom.Limit, l.SendOpen.Limit = 1000, 1000, 1000, 1000, 1000
	l.InSession.Limit, l.Withdrawals.Limit = 1000, 1000
	return l
}

// prices are made up, and shown as the demo's.
var prices = map[string]string{"BTC": "86360", "ETH": "2840", "USDT": "1", "SOL": "138.2"}

func fiat(code, amount string) (asset.Amount, bool) {
	price, ok := prices[code]
	if !ok {
		return asset.Amount{}, false
	}
	a, err := asset.ParseAmount(amount, 18)
	if err != nil {
		return asset.Amount{}, false
	}
	p, err := asset.ParseAmount(price, 2)
	if err != nil {
		return asset.Amount{}, false
	}
	return a.Mul(p), true
}

// guard lets only http://localhost in. A page elsewhere whose name was pointed at this machine could read the inbox;
// the numeric addresses are sent to the name, as passkeys do not work at them.
func (d *Demo) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == d.host {
			next.ServeHTTP(w, r)
			return
		}
		host, _, err := net.SplitHostPort(r.Host)
		if err == nil && (host == "127.0.0.1" || host == "::1") && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			http.Redirect(w, r, "http://"+d.host+r.URL.RequestURI(), http.StatusTemporaryRedirect)
			return
		}
		http.Error(w, "The demo answers at http://"+d.host+" only.", http.StatusMisdirectedRequest)
	})
}

func (d *Demo) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /demo/v1/inbox", d.inbox)
	mux.Handle("/v1/verifications", d.App.Handler)
	mux.Handle("/v1/verifications/", d.phone.watch(d.App.Handler))
	mux.Handle("/", d.App.Handler)
	return mux
}
