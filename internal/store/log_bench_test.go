package store

import "testing"

// BenchmarkLogRow is what the log adds to the recording of an event, but for three columns.
func BenchmarkLogRow(b *testing.B) {
	f := open(b)
	tx := &Tx{Now: start, keys: f.keys}
	e := Event{AccountID: "acc_06eeqaw79112c0gkmtmfb2pn30", Kind: "login", OK: true, SessionID: "ses_06eeqaw79112c0gkmtmfb2pn30", Browser: "Safari on iPhone", Address: "203.0.113.7", Data: map[string]string{"method": "passkey"}}
	for b.Loop() {
		if _, err := tx.logRow(e); err != nil {
			b.Fatal(err)
		}
	}
}
