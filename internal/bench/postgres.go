package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"countersign/internal/testkit/pgserver"
)

// measurePostgres measures what a login costs the service, not the database, on PostgreSQL, beside one on SQLite, in turns within one
// run. The cluster is the machine's own, with fsync on.
func measurePostgres(logins int, profile string) error {
	cluster, err := pgserver.New()
	if err != nil {
		return err
	}
	defer cluster.Stop()
	fmt.Printf("%d cores, %s\n", runtime.NumCPU(), runtime.Version())
	lite, err := start(setup{accounts: 1000, passkeys: 1})
	if err != nil {
		return err
	}
	defer lite.stop()
	remote, err := start(setup{accounts: 1000, passkeys: 1, database: cluster.URL("postgres"), profile: profile})
	if err != nil {
		return err
	}
	defer remote.stop()
	var bare, ofLite, ofRemote series
	var took time.Duration
	sample := logins / rounds
	for range rounds {
		bare.add(bareVerification())
		if err := ofLite.logins(lite, lite.devices, sample); err != nil {
			return err
		}
		before := time.Now()
		if err := ofRemote.logins(remote, remote.devices, sample); err != nil {
			return err
		}
		took += time.Since(before)
	}
	rate := float64(sample*rounds) / took.Seconds()
	times, err := remote.load(remote.devices, min(logins, int(rate/2*4)), rate/2)
	if err != nil {
		return err
	}
	slices.Sort(times)
	fmt.Printf("SQLite      login / bare verification %5.2f (at most 3)\n", ratio(ofLite, bare))
	fmt.Printf("PostgreSQL  login / bare verification %5.2f (at most 4)\n", ratio(ofRemote, bare))
	fmt.Printf("PostgreSQL  %.0f logins a second, with load and database on the same machine; p99 at half of it %.1f ms\n", rate, millis(times[len(times)*99/100]))
	return nil
}
