package auditlog_test

import (
	"context"
	"fmt"
	"testing"

	"countersign/internal/auditlog"
	"countersign/internal/store"
)

// BenchmarkSequence is how many events get their places in a second, at a log of some length.
func BenchmarkSequence(b *testing.B) {
	for _, batch := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("batch %d", batch), func(b *testing.B) {
			f := open(b)
			f.Batch = batch
			fill := func(n int) {
				for n > 0 {
					f.update(func(tx *store.Tx) error {
						for ; n > 0; n-- {
							if err := tx.Record(store.Event{AccountID: "acc_06eeqaw79112c0gkmtmfb2pn30", Kind: "login", OK: true, SessionID: "ses_06eeqaw79112c0gkmtmfb2pn30", Browser: "Safari on iPhone", Address: "203.0.113.7", Data: map[string]string{"method": "passkey"}}); err != nil {
								return err
							}
							if n%1000 == 1 {
								n--
								return nil
							}
						}
						return nil
					})
				}
			}
			fill(700)
			f.sequence()
			fill(b.N)
			b.ResetTimer()
			f.sequence()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

// BenchmarkVerify is how many events `countersign audit verify` compares in a second.
func BenchmarkVerify(b *testing.B) {
	f := open(b)
	f.record(5000)
	f.sequence()
	b.ResetTimer()
	for b.Loop() {
		r, err := auditlog.Verify(context.Background(), f.DB, f.Keys, auditlog.Options{})
		if err != nil || len(r.Findings) > 0 {
			b.Fatal(err, said(r))
		}
	}
	b.ReportMetric(float64(5000*b.N)/b.Elapsed().Seconds(), "entries/s")
}
