// Command bench measures a complete passkey login (options and finish, over HTTP, with a real signature and a durable commit)
// against one bare ES256 verification, in one run on one machine: `make bench`. docs/performance.md has the figures.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"syscall"
	"time"

	"countersign/internal/app"
	"countersign/internal/asset"
	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/secret"
	"countersign/internal/verification"
)

func main() {
	child := flag.String("serve", "", "serve the database in this folder (the measured process)")
	logins := flag.Int("logins", 6000, "logins in one measurement")
	most := flag.Int("accounts", 1_000_000, "accounts in the large database")
	flag.Parse()
	var err error
	if *child != "" {
		err = serve(*child)
	} else {
		err = measure(*logins, *most)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// config is a production-like installation on localhost, whose messages go nowhere.
func config(folder, origin string) (app.Config, error) {
	b, err := os.ReadFile(filepath.Join(folder, "master.key"))
	if err != nil {
		return app.Config{}, err
	}
	keys, err := secret.ParseKeys(string(b))
	sink := &delivery.Capture{Now: time.Now, Max: 1}
	return app.Config{Database: filepath.Join(folder, "bench.db"), Keys: keys, Name: "Bench", RPID: "localhost", Origins: []string{origin}, Policy: policy.Default(),
		Holds: policy.DefaultHolds(), Limits: verification.DefaultLimits(), Catalogue: asset.Default(), Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
		Carriers: map[string]delivery.Carrier{delivery.ChannelEmail: sink, delivery.ChannelSMS: sink}}, err
}

const origin = "http://localhost:8089"

func serve(folder string) error {
	ctx := context.Background()
	c, err := config(folder, origin)
	if err != nil {
		return err
	}
	a, err := app.New(ctx, c)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "address"), []byte(l.Addr().String()), 0o600); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	if name := os.Getenv("BENCH_PROFILE"); name != "" {
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	go a.Run(ctx)
	go http.Serve(l, a.Handler)
	<-ctx.Done()
	return nil
}

func measure(logins, most int) error {
	bare := bareVerification()
	fmt.Printf("%d cores, %s\n", runtime.NumCPU(), runtime.Version())
	fmt.Printf("%-52s %8.1f µs\n", "bare ES256 verification", micros(bare))

	small, err := run(bare, "1,000 accounts", setup{accounts: 1000}, logins, true)
	if err != nil {
		return err
	}
	many, err := run(bare, "1,000 accounts, of one with 10,000 passkeys", setup{accounts: 1000, passkeys: 10_000}, logins/2, false)
	if err != nil {
		return err
	}
	large, err := run(bare, fmt.Sprintf("%d accounts", most), setup{accounts: most}, logins, false)
	if err != nil {
		return err
	}
	fmt.Printf("\n%-52s %8.2f   (at most 3)\n", "server CPU of a login / bare verification", ratio(small.cpu, bare))
	fmt.Printf("%-52s %8.2f   (at most 1.1)\n", "login with 10,000 passkeys / with 1", ratio(many.cpu, small.cpu))
	fmt.Printf("%-52s %8.2f   (at most 1.2)\n", "login at the large number of accounts / at 1,000", ratio(large.cpu, small.cpu))
	fmt.Printf("%-52s %8.1f ms (under 10)\n", "p99 of a login at half the saturating load", float64(small.p99.Microseconds())/1000)
	fmt.Printf("%-52s %8.0f ms (under 300)\n", "start to first answer", float64(small.start.Microseconds())/1000)
	fmt.Printf("%-52s %8.1f MB (under 50)\n", "idle resident memory", float64(small.idle)/1e6)
	return nil
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }
func micros(d time.Duration) float64   { return float64(d.Nanoseconds()) / 1000 }
func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// bareVerification is the median of batches of verifications by one goroutine.
func bareVerification() time.Duration {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	digest := sha256.Sum256([]byte("bench"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		panic(err)
	}
	const batch = 500
	var batches []time.Duration
	for range 15 {
		start := time.Now()
		for range batch {
			if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
				panic("the signature does not verify")
			}
		}
		batches = append(batches, time.Since(start)/batch)
	}
	return median(batches)
}
