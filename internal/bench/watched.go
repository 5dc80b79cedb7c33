package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
)

// measureWatched compares logins at servers that differ only in who watches them, in turns within one run. Every login is traced.
func measureWatched(logins int) error {
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer collector.Close()
	fmt.Printf("%d cores, %s\n", runtime.NumCPU(), runtime.Version())
	var servers []*server
	for _, s := range []setup{{}, {}, {metrics: true}, {metrics: true, traces: collector.URL}} {
		s.accounts, s.passkeys = 1000, 1
		r, err := start(s)
		if err != nil {
			return err
		}
		defer r.stop()
		servers = append(servers, r)
	}
	var bare series
	took := make([]series, len(servers))
	for range rounds {
		bare.add(bareVerification())
		for i, r := range servers {
			if err := took[i].logins(r, r.devices, logins/rounds); err != nil {
				return err
			}
		}
	}
	for i, what := range []string{"not watched", "not watched, once more", "metrics", "metrics, and a trace of every request"} {
		fmt.Printf("%-42s login / bare verification %5.2f   login / not watched %5.2f\n", what, ratio(took[i], bare), ratio(took[i], took[0]))
	}
	return nil
}
