// Command bench measures a complete passkey login (options and finish, over HTTP, with a real signature and a durable commit)
// against one bare ES256 verification, in one run on one machine: `make bench`. Both are measured by the CPU time that they take, so
// that a busy machine flatters neither. docs/performance.md has the figures. Linux only.
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
	"countersign/internal/observe"
	"countersign/internal/policy"
	"countersign/internal/secret"
	"countersign/internal/softkey"
	"countersign/internal/verification"

	"golang.org/x/sys/unix"
)

func main() {
	child := flag.String("serve", "", "serve the database in this folder (the measured process)")
	logins := flag.Int("logins", 24000, "logins in one measurement")
	most := flag.Int("accounts", 1_000_000, "accounts in the large database")
	profile := flag.String("profile", "", "write a CPU profile of the server with the small database to this file")
	watched := flag.Bool("watched", false, "measure what metrics and traces cost, and nothing else")
	metrics := flag.Bool("metrics", false, "with -serve: keep metrics")
	traces := flag.String("traces", "", "with -serve: send traces to this collector")
	postgres := flag.Bool("postgres", false, "measure logins on PostgreSQL, and nothing else")
	proofs := flag.Bool("proofs", false, "measure the verification of approvals, and nothing else")
	flag.Parse()
	var err error
	switch {
	case *child != "":
		err = serve(*child, *profile, *metrics, *traces)
	case *postgres:
		err = measurePostgres(*logins, *profile)
	case *proofs:
		err = measureProofs()
	case *watched:
		err = measureWatched(*logins)
	default:
		err = measure(*logins, *most, *profile)
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
	database := filepath.Join(folder, "bench.db")
	if b, err := os.ReadFile(filepath.Join(folder, "database")); err == nil {
		database = string(b)
	}
	return app.Config{Database: database, Recordings: filepath.Join(folder, "recordings"), Keys: keys, Name: "Bench", RPID: "localhost", Origins: []string{origin}, Policy: policy.Default(),
		Holds: policy.DefaultHolds(), Limits: verification.DefaultLimits(), Catalogue: asset.Default(), Clock: time.Now, Logger: slog.New(slog.DiscardHandler),
		Carriers: map[string]delivery.Carrier{delivery.ChannelEmail: sink, delivery.ChannelSMS: sink}}, err
}

const origin = "http://localhost:8089"

func serve(folder, profile string, metrics bool, traces string) error {
	app.Tune()
	ctx := context.Background()
	c, err := config(folder, origin)
	if err != nil {
		return err
	}
	if metrics || traces != "" {
		to, err := observe.ParseTraces(traces, os.Getenv)
		if err != nil {
			return err
		}
		if c.Observer, err = observe.New(ctx, observe.Options{Build: "bench", Metrics: metrics, Traces: to, Logger: c.Logger}); err != nil {
			return err
		}
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
	if profile != "" {
		f, err := os.Create(profile)
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
	go app.Serving(a.Handler, c.Logger).Serve(l)
	<-ctx.Done()
	return nil
}

// A figure of the report is a ratio of CPU times that were measured in turns: each round verifies bare signatures, then logs in to
// each of the databases, so that what else the machine does meets all of them alike.
const rounds = 12

func measure(logins, most int, profile string) error {
	fmt.Printf("%d cores, %s\n", runtime.NumCPU(), runtime.Version())
	small, err := start(setup{accounts: 1000, passkeys: 1, profile: profile})
	if err != nil {
		return err
	}
	defer small.stop()
	many, err := start(setup{accounts: 1000, passkeys: 10_000})
	if err != nil {
		return err
	}
	defer many.stop()
	large, err := start(setup{accounts: most, passkeys: 1})
	if err != nil {
		return err
	}
	defer large.stop()

	sample := logins / rounds
	var bare, ofSmall, ofLarge, ofOne, ofMany series
	var took time.Duration
	for range rounds {
		bare.add(bareVerification())
		before := time.Now()
		if err := ofSmall.logins(small, small.devices, sample); err != nil {
			return err
		}
		took += time.Since(before)
		if err := ofLarge.logins(large, large.devices, sample); err != nil {
			return err
		}
		// The account with 10,000 passkeys is the first; the second has one.
		if err := ofMany.logins(many, many.devices[:1], sample/2); err != nil {
			return err
		}
		if err := ofOne.logins(many, many.devices[1:2], sample/2); err != nil {
			return err
		}
	}
	rate := float64(sample*rounds) / took.Seconds()
	times, err := small.load(small.devices, min(logins, int(rate/2*4)), rate/2)
	if err != nil {
		return err
	}
	slices.Sort(times)

	line := func(what, format string, value float64, bound string) {
		fmt.Printf("%-62s "+format+"  %s\n", what, value, bound)
	}
	line("bare ES256 verification, CPU", "%8.1f µs", micros(median(bare)), "")
	line("login at 1,000 accounts, CPU of the server", "%8.1f µs", micros(median(ofSmall)), "")
	line("logins a second, with the load on the same machine", "%8.0f   ", rate, "")
	line("CPU of a login / bare verification", "%8.2f   ", ratio(ofSmall, bare), "(at most 3)")
	line("CPU of a login, of one with 10,000 passkeys / with 1", "%8.2f   ", ratio(ofMany, ofOne), "(at most 1.1)")
	line(fmt.Sprintf("CPU of a login, at %d accounts / at 1,000", most), "%8.2f   ", ratio(ofLarge, ofSmall), "(at most 1.2)")
	line("a login at half the saturating load, median", "%8.1f ms", millis(times[len(times)/2]), "")
	line("a login at half the saturating load, p99", "%8.1f ms", millis(times[len(times)*99/100]), "(under 10)")
	line("start to first answer", "%8.0f ms", millis(small.started), "(under 300)")
	after, err := resident(small.process.Process.Pid)
	if err != nil {
		return err
	}
	line("resident memory after the load", "%8.1f MB", float64(after)/1e6, "")
	line("idle resident memory", "%8.1f MB", float64(small.idle)/1e6, "(under 50)")
	return nil
}

// series is the CPU time of one operation, round by round.
type series []time.Duration

func (s *series) add(d time.Duration) { *s = append(*s, d) }

// logins adds what the server spends on a login, on average over n of them.
func (s *series) logins(server *server, as []*softkey.Authenticator, n int) error {
	before, err := cpuTime(server.process.Process.Pid)
	if err != nil {
		return err
	}
	if _, err := server.load(as, n, 0); err != nil {
		return err
	}
	after, err := cpuTime(server.process.Process.Pid)
	s.add((after - before) / time.Duration(n))
	return err
}

// ratio is the median of the rounds' ratios: each compares what was measured within the same seconds.
func ratio(a, b series) float64 {
	each := make([]float64, len(a))
	for i := range a {
		each[i] = float64(a[i]) / float64(b[i])
	}
	slices.Sort(each)
	return each[len(each)/2]
}

func median(s series) time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[len(sorted)/2]
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// bareVerification is the CPU time of one ES256 verification, on average over a batch by one thread.
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
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const batch = 1000
	before := threadTime()
	for range batch {
		if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
			panic("the signature does not verify")
		}
	}
	return (threadTime() - before) / batch
}

// threadTime is the CPU time of the calling thread, to the nanosecond.
func threadTime() time.Duration { return clock(unix.CLOCK_THREAD_CPUTIME_ID) }

// cpuTime is the CPU time of all threads of a process, user and system, to the nanosecond (clock_getcpuclockid(3)).
func cpuTime(pid int) (time.Duration, error) {
	const perProcessScheduled = 2
	var t unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|perProcessScheduled), &t)
	return time.Duration(t.Nano()), err
}

func clock(id int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(id, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}
