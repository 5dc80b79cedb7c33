package auditlog_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/approval"
	"countersign/internal/auditlog"
	"countersign/internal/store"
	"countersign/internal/testkit/pgserver"

	_ "github.com/jackc/pgx/v5/stdlib" // "pgx"
	"golang.org/x/mod/sumdb/note"
	_ "modernc.org/sqlite" // "sqlite"
)

// past opens the database past the service, as somebody with full access to it does.
func (f *fixture) past() *sql.DB {
	f.t.Helper()
	driver, path := "sqlite", f.path+"?_pragma=busy_timeout(5000)"
	if pgserver.Wanted != nil {
		driver, path = "pgx", f.path
	}
	db, err := sql.Open(driver, path)
	if err != nil {
		f.t.Fatal(err)
	}
	return db
}

func (f *fixture) exec(text string, args ...any) {
	f.t.Helper()
	db := f.past()
	defer db.Close()
	for _, one := range strings.Split(text, ";") {
		if _, err := db.Exec(one, args...); err != nil {
			f.t.Fatalf("%s: %v", one, err)
		}
	}
}

// newestRow is the id of the last event: PostgreSQL, unlike SQLite, gives none twice.
func (f *fixture) newestRow() (id string) {
	f.t.Helper()
	db := f.past()
	defer db.Close()
	if err := db.QueryRow(`SELECT max(id) FROM audit_events`).Scan(&id); err != nil {
		f.t.Fatal(err)
	}
	return id
}

func (f *fixture) verify(older ...string) *auditlog.Report {
	f.t.Helper()
	r, err := auditlog.Verify(context.Background(), f.DB, f.Keys, auditlog.Options{Older: older})
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func said(r *auditlog.Report) string {
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n")
}

// grown has a log of several tiles, an approval, and checkpoints kept elsewhere on the way.
func grown(t *testing.T) (f *fixture, kept []string) {
	f = open(t)
	for _, n := range []int{5, 250, 2, 299} {
		f.record(n)
		f.sequence()
		kept = append(kept, f.state().Checkpoint)
	}
	document, err := os.ReadFile("../../approval/testdata/vectors/good-without-registration.json")
	if err != nil {
		t.Fatal(err)
	}
	f.document = bytes.TrimSpace(document)
	doc, err := approval.Parse(f.document)
	if err != nil {
		t.Fatal(err)
	}
	d, err := approval.ParseDetails([]byte(doc.Details))
	if err != nil {
		t.Fatal(err)
	}
	expires, err := time.Parse(time.RFC3339, d.Expires)
	if err != nil {
		t.Fatal(err)
	}
	f.exec(`INSERT INTO accounts (id, name, locale, handle, password_hash, created_at) VALUES ($1, '', 'en', `+blob("01")+`, '', 1)`, d.Account)
	for i, w := range []struct{ id, state string }{{d.Withdrawal, store.Approved}, {"wd_2", store.Requested}} {
		f.exec(`INSERT INTO withdrawals (id, account_id, idempotency_key, request_hash, state, asset, network, address, address_index, memo, amount, fee, address_known, label, requested_at, expires_at, approved_way)
			VALUES ($1, $2, $3, `+blob("01")+`, $4, $5, $6, $7, `+blob("01")+`, $8, $9, $10, 'new', '', 1, $11, 'passkey')`,
			w.id, d.Account, strconv.Itoa(i), w.state, d.Asset, d.Network, d.Address, d.Memo, d.Amount, d.Fee, expires.UnixMilli())
	}
	sum := sha256.Sum256(f.document)
	raw := func(text string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	signature := sha256.Sum256(raw(doc.Passkey.Signature))
	f.signature = signature[:]
	f.update(func(tx *store.Tx) error {
		registration, err := tx.RecordAbout(store.Event{AccountID: d.Account, Kind: "passkey.created", OK: true, Data: map[string]string{"passkey": "pk_1"}}, func(opening [32]byte) [32]byte {
			return approval.CredentialCommitment(opening, d.Account, d.RelyingParty, raw(doc.Passkey.CredentialID), raw(doc.Passkey.PublicKey))
		})
		if err != nil {
			return err
		}
		if err := f.approve(tx, d.Account, d.Withdrawal, f.document, sum, signature[:]); err != nil {
			return err
		}
		if err := tx.AddPasskey(&store.Passkey{Key: store.Key{ID: "pk_1", AccountID: d.Account, CredentialID: raw(doc.Passkey.CredentialID), PublicKey: raw(doc.Passkey.PublicKey)}, RPID: d.RelyingParty, AAGUID: make([]byte, 16), ClientDataJSON: []byte("{}"), AttestationObject: []byte{0}}); err != nil {
			return err
		}
		if err := tx.SetRegistration(d.Account, "pk_1", registration); err != nil {
			return err
		}
		return tx.SetApprovalRegistration(d.Withdrawal, raw(doc.Passkey.CredentialID))
	})
	f.sequence()
	if r := f.verify(kept...); len(r.Findings) > 0 || r.Rows != 558 || r.Approvals != 1 || len(r.Older) != 4 {
		t.Fatalf("before anybody bent it: %d rows, %d approvals, %d checkpoints\n%s", r.Rows, r.Approvals, len(r.Older), said(r))
	}
	return f, kept
}

// approve leaves the record of an approval, and its event.
func (f *fixture) approve(tx *store.Tx, account, withdrawal string, document []byte, sum [32]byte, signature []byte) error {
	record, err := tx.RecordAbout(store.Event{AccountID: account, Kind: "withdrawal.approved", OK: true, Data: map[string]string{"withdrawal": withdrawal}},
		func(opening [32]byte) [32]byte { return approval.ApprovalCommitment(opening, sum) })
	if err != nil {
		return err
	}
	return tx.AddApproval(withdrawal, "ver_1", document, sum[:], signature, record)
}

// blob is bytes in SQL.
func blob(hex string) string {
	if pgserver.Wanted != nil {
		return `'\x` + hex + `'`
	}
	return `X'` + hex + `'`
}

func TestWhatWasBentIsFoundAndNamed(t *testing.T) {
	f, _ := grown(t)
	document := f.document
	later := f.state().Checkpoint
	// bend makes a change, verifies, and takes the change back.
	for _, bend := range []struct {
		name, change, back, want string
	}{
		{"edited kind", `UPDATE audit_events SET kind = 'x' WHERE leaf = 17`, `UPDATE audit_events SET kind = 'session.begun' WHERE leaf = 17`, "a row was edited, leaf 17, event 18, x: kind"},
		{"edited account", `UPDATE audit_events SET account_id = 'acc_x' WHERE leaf = 18`, `UPDATE audit_events SET account_id = 'acc_1' WHERE leaf = 18`, "a row was edited, leaf 18, event 19, session.begun: account"},
		{"edited ok", `UPDATE audit_events SET ok = 1 - ok WHERE leaf = 300`, `UPDATE audit_events SET ok = 1 - ok WHERE leaf = 300`, "leaf 300, event 301, session.begun: ok"},
		{"back-dated row", `UPDATE audit_events SET at = at - 86400000 WHERE leaf = 300`, `UPDATE audit_events SET at = at + 86400000 WHERE leaf = 300`, "leaf 300, event 301, session.begun: at"},
		{"edited browser", `UPDATE audit_events SET browser = 'Chrome' WHERE leaf = 257`, `UPDATE audit_events SET browser = 'Safari "on" iPhone' WHERE leaf = 257`, "leaf 257, event 258, session.begun: its commitment"},
		{"edited internal", `UPDATE audit_events SET internal = internal || 'x' WHERE leaf = 0`, `UPDATE audit_events SET internal = (SELECT internal FROM audit_events WHERE leaf = 1) WHERE leaf = 0`, "leaf 0, event 1, session.begun: its commitment"},
		{"edited operator", `UPDATE audit_events SET operator_id = 'op_1' WHERE leaf = 2`, `UPDATE audit_events SET operator_id = '' WHERE leaf = 2`, "leaf 2, event 3, session.begun: its commitment"},
		{"removed from its place", `UPDATE audit_events SET leaf = 9000 WHERE leaf = 256`, `UPDATE audit_events SET leaf = 256 WHERE leaf = 9000`, "a row was removed, leaf 256, session.begun"},
		{"swapped", `UPDATE audit_events SET leaf = 9000 WHERE leaf = 8; UPDATE audit_events SET leaf = 8 WHERE leaf = 9; UPDATE audit_events SET leaf = 9 WHERE leaf = 9000`,
			`UPDATE audit_events SET leaf = 9000 WHERE leaf = 8; UPDATE audit_events SET leaf = 8 WHERE leaf = 9; UPDATE audit_events SET leaf = 9 WHERE leaf = 9000`, "a row was edited, leaf 8, event 10"},
		{"two at one place", `DROP INDEX audit_events_by_leaf; UPDATE audit_events SET leaf = 8 WHERE leaf = 9`, `UPDATE audit_events SET leaf = 9 WHERE id = 10; CREATE UNIQUE INDEX audit_events_by_leaf ON audit_events (leaf) WHERE leaf >= 0`, "two rows claim one leaf, leaf 8, event 10"},
		{"made unsequenced", `UPDATE audit_events SET leaf = -1, kind = 'y' WHERE leaf = 30`, `UPDATE audit_events SET leaf = 30, kind = 'session.begun' WHERE leaf = -1`, "a row that the service did not write, or that was changed before it had its place, event 31, y"},
		{"inserted", `INSERT INTO audit_events (account_id, kind, ok, at, session_id, browser, address, data, internal, salt, mac) SELECT account_id, 'z', ok, at, session_id, browser, address, data, internal, salt, mac FROM audit_events WHERE leaf = 3`,
			`DELETE FROM audit_events WHERE kind = 'z'`, "did not write, or that was changed before it had its place, event {newest}, z"},
		{"copied", `INSERT INTO audit_events (account_id, kind, ok, at, session_id, browser, address, data, internal, salt, mac) SELECT account_id, kind, ok, at, session_id, browser, address, data, internal, salt, mac FROM audit_events WHERE leaf = 3`,
			`DELETE FROM audit_events WHERE leaf = -1`, "a row is a copy of another, event {newest}"},
		{"lost from the middle on", `UPDATE log_tiles SET number = number + 77 WHERE level <= 0 AND number > 0`, `UPDATE log_tiles SET number = number - 77 WHERE number > 70`, "the log ends before its size: nothing was looked at from leaf 256 on"},
		{"inserted past the end", `INSERT INTO audit_events (account_id, kind, ok, at, session_id, browser, address, data, internal, salt, mac, leaf) SELECT account_id, 'z', ok, at, session_id, browser, address, data, internal, salt, mac, 558 FROM audit_events WHERE leaf = 3`,
			`DELETE FROM audit_events WHERE kind = 'z'`, "a row claims a place that the log does not have, leaf 558"},
		{"redacted by nobody's leave", `UPDATE audit_events SET redacted_at = 1 WHERE leaf = 4`, `UPDATE audit_events SET redacted_at = 0 WHERE leaf = 4`, "a row was redacted without an entry that permits it, leaf 4, event 5"},
		{"an approval changed", `UPDATE approvals SET document = ` + blob("61"), `UPDATE approvals SET document = ` + blob(hex.EncodeToString(document)), "the record of an approval was changed, leaf 557"},
		{"an approval under another event", `UPDATE approvals SET record = 3`, `UPDATE approvals SET record = (SELECT id FROM audit_events WHERE leaf = 557)`, "the record of an approval was removed, leaf 557"},
		{"an approval's opening changed", `UPDATE approvals SET record_opening = registration_opening, registration_opening = record_opening`, `UPDATE approvals SET record_opening = registration_opening, registration_opening = record_opening`, "the record of an approval was changed, leaf 557"},
		{"an approval by another registration", `UPDATE approvals SET registration = 3`, `UPDATE approvals SET registration = (SELECT id FROM audit_events WHERE leaf = 556)`, "an approval by a passkey that the log does not know, leaf 557"},
		{"an approval's signature forgotten", `UPDATE approvals SET signature_hash = fingerprint`, `UPDATE approvals SET signature_hash = ` + blob(hex.EncodeToString(f.signature)), "the record of an approval was changed, leaf 557"},
		{"another address", `UPDATE withdrawals SET address = address || 'x'`, `UPDATE withdrawals SET address = substr(address, 1, length(address) - 1)`, "a withdrawal is not what was approved, leaf 557"},
		{"to be approved again", `UPDATE withdrawals SET state = 'requested'`, `UPDATE withdrawals SET state = 'approved' WHERE id <> 'wd_2'`, "a withdrawal that was approved is to be approved again, leaf 557"},
		{"handed over, and the log knows nothing", `UPDATE withdrawals SET state = 'handed_over', handed_over_by = 'key_1', handed_over_key = 'payment-0001', handed_over_at = 1 WHERE id <> 'wd_2'`, `UPDATE withdrawals SET state = 'approved' WHERE id <> 'wd_2'`, "a hand-over that the log does not know, leaf 557"},
		{"approved by nobody", `UPDATE withdrawals SET state = 'handed_over' WHERE id = 'wd_2'`, `UPDATE withdrawals SET state = 'requested' WHERE id = 'wd_2'`, "a withdrawal that nobody approved is to be paid, or was: wd_2"},
		{"an approval removed", `CREATE TABLE kept AS SELECT * FROM approvals; DELETE FROM approvals`, `INSERT INTO approvals SELECT * FROM kept; DROP TABLE kept`, "the record of an approval was removed, leaf 557"},
		{"an approval inserted", `INSERT INTO approvals (withdrawal_id, verification_id, document, fingerprint, signature_hash, created_at) SELECT 'wd_2', verification_id, document, fingerprint, signature_hash, created_at FROM approvals`,
			`DELETE FROM approvals WHERE withdrawal_id = 'wd_2'`, "the record of an approval that the log does not know: wd_2"},
		{"an approval of a withdrawal without an id", `UPDATE withdrawals SET id = '' WHERE id = 'wd_2'; INSERT INTO approvals (withdrawal_id, verification_id, document, fingerprint, signature_hash, created_at) SELECT '', verification_id, document, fingerprint, signature_hash, created_at FROM approvals`,
			`DELETE FROM approvals WHERE withdrawal_id = ''; UPDATE withdrawals SET id = 'wd_2' WHERE id = ''`, "the record of an approval that the log does not know"},
		{"a lost tile", `UPDATE log_tiles SET number = 77 WHERE level = 1`, `UPDATE log_tiles SET number = 0 WHERE level = 1`, "a tile: tile 1/0: auditlog: there is no such tile"},
		{"lost entries", `UPDATE log_tiles SET number = 77 WHERE level = -1 AND number = 1`, `UPDATE log_tiles SET number = 1 WHERE level = -1 AND number = 77`, "entries: bundle 1: auditlog: there is no such tile"},
		{"another width", `UPDATE log_tiles SET width = width - 1 WHERE level = 0 AND number = 2`, `UPDATE log_tiles SET width = width + 1 WHERE level = 0 AND number = 2`, "tile 0/2: it is not as it must be: it says that 45 places are filled, want 46"},
		{"one tile more", `INSERT INTO log_tiles (level, number, width, data) SELECT 5, number, width, data FROM log_tiles WHERE level = 1`, `DELETE FROM log_tiles WHERE level = 5`, "tiles that the tree does not have"},
		{"another size", `UPDATE log_state SET size = 557`, `UPDATE log_state SET size = 558`, "the log's checkpoint: it is of size 558, and the log says that it has 557"},
		{"no checkpoint's signature", `UPDATE log_state SET checkpoint = replace(checkpoint, '/1 ', '/1 A')`, `UPDATE log_state SET checkpoint = replace(checkpoint, '/1 A', '/1 ')`, "the log's checkpoint: "},
	} {
		t.Run(bend.name, func(t *testing.T) {
			f.exec(bend.change)
			r := f.verify(later)
			want := strings.ReplaceAll(bend.want, "{newest}", f.newestRow())
			if got := said(r); !strings.Contains(got, want) {
				t.Errorf("it says\n%s\nwant %q", got, want)
			}
			f.exec(bend.back)
			if r := f.verify(later); len(r.Findings) > 0 {
				t.Fatalf("taken back, and still\n%s", said(r))
			}
		})
	}
}

func TestAnApprovalThatProvesNothingIsFound(t *testing.T) {
	f, _ := grown(t)
	sum := sha256.Sum256([]byte("{}"))
	f.update(func(tx *store.Tx) error {
		account, err := tx.WithdrawalOwner("wd_2")
		if err != nil {
			return err
		}
		return f.approve(tx, account, "wd_2", []byte("{}"), sum, sum[:])
	})
	f.sequence()
	if got := said(f.verify()); !strings.Contains(got, "an approval proves nothing, leaf 558") {
		t.Errorf("it says\n%s", got)
	}
}

// Somebody with the database and the master key makes the whole log anew: only what was kept elsewhere tells.
func TestALogMadeAnewIsFoundByAnOlderCheckpoint(t *testing.T) {
	f, kept := grown(t)
	newest := f.state().Checkpoint
	for _, forge := range []struct{ name, change, want string }{
		{"a row edited", `UPDATE audit_events SET account_id = 'acc_other' WHERE leaf = 3`, "not the same log"},
		{"a row removed", `DELETE FROM audit_events WHERE leaf = 3`, "not the same log"},
		{"truncated", `DELETE FROM audit_events WHERE leaf > 400`, "the log is truncated: it has 401 entries, and a checkpoint that was given vouches for 556"},
		{"reordered", `UPDATE audit_events SET id = -id WHERE leaf = 4`, "not the same log"},
	} {
		t.Run(forge.name, func(t *testing.T) {
			if forge.name == "reordered" && pgserver.Wanted != nil {
				t.Skip("PostgreSQL numbers events itself: an id cannot be set")
			}
			f, kept := grown(t)
			f.exec(forge.change)
			f.exec(`DELETE FROM log_tiles; DELETE FROM log_state; UPDATE audit_events SET leaf = -1`)
			rewrite(f)
			f.sequence()
			if r := f.verify(); forge.name != "truncated" && len(r.Findings) > 0 {
				t.Fatalf("the forgery is bad:\n%s", said(r))
			}
			if got := said(f.verify(kept...)); !strings.Contains(got, forge.want) {
				t.Errorf("it says\n%s", got)
			}
		})
	}
	// The checkpoint of another log with the same keys: a split view.
	other := open(t)
	other.master, other.Keys = f.master, f.Keys
	other.DB = reopen(other)
	other.record(558)
	other.sequence()
	if got := said(f.verify(newest, other.state().Checkpoint)); !strings.Contains(got, "split view: two signed checkpoints of bank.example/countersign-audit/1 say of size 558") || !strings.Contains(got, "not the same log") {
		t.Errorf("of a split view it says\n%s", got)
	}
	if got := said(f.verify(strings.Replace(kept[0], "\n5\n", "\n6\n", 1))); !strings.Contains(got, "a checkpoint that was given: number 1: the signature") {
		t.Errorf("of a forged checkpoint it says\n%s", got)
	}
}

func reopen(f *fixture) *store.DB {
	f.t.Helper()
	db, err := store.Open(context.Background(), f.path, f.Keys, f.DB.Now)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { db.Close() })
	return db
}

// rewrite gives all rows MACs again, as who has the master key can.
func rewrite(f *fixture) {
	f.t.Helper()
	rows := []store.LogRow{}
	if err := f.DB.View(context.Background(), func(tx *store.Tx) (err error) {
		rows, err = tx.EventsOutside(0, -1<<40, 10000)
		return err
	}); err != nil {
		f.t.Fatal(err)
	}
	db := f.past()
	defer db.Close()
	for _, r := range rows {
		commitment := r.Commitment()
		if _, err := db.Exec(`UPDATE audit_events SET mac = $1 WHERE id = $2`, f.Keys.MAC("audit-event", commitment[:], r.Subject)[:16], r.ID); err != nil {
			f.t.Fatal(err)
		}
	}
}

func TestRowsMayGoWhereAnEntryPermitsIt(t *testing.T) {
	f := open(t)
	f.record(30)
	f.sequence()
	const redact = `UPDATE audit_events SET salt = NULL, mac = NULL, session_id = '', browser = '', address = '', data = '{}', internal = '', redacted_at = 1 WHERE `
	f.exec(redact + `account_id = 'acc_1'`)
	if got := said(f.verify()); strings.Count(got, "redacted without an entry") != 10 {
		t.Errorf("without an entry it says\n%s", got)
	}
	f.update(func(tx *store.Tx) error {
		return tx.Record(store.Event{AccountID: "acc_1", Kind: auditlog.KindErased, OK: true})
	})
	f.sequence()
	if r := f.verify(); len(r.Findings) > 0 || r.Redacted != 10 {
		t.Errorf("%d redacted\n%s", r.Redacted, said(r))
	}
	f.exec(redact + `account_id = 'acc_2' AND leaf < 9`)
	if got := said(f.verify()); strings.Count(got, "redacted without an entry") != 3 {
		t.Errorf("of another account it says\n%s", got)
	}
	f.update(func(tx *store.Tx) error {
		return tx.Record(store.Event{Kind: auditlog.KindRedacted, OK: true, Data: map[string]string{"kind": "session", "until": "2999-01-01T00:00:00Z"}})
	})
	f.sequence()
	if r := f.verify(); len(r.Findings) > 0 || r.Redacted != 13 {
		t.Errorf("%d redacted\n%s", r.Redacted, said(r))
	}
}

// memory is a log as a source, whose tiles a test changes.
type memory struct {
	checkpoint string
	tiles      map[string][]byte
}

func (m *memory) Checkpoint() (string, error) { return m.checkpoint, nil }

func (m *memory) Tile(level int, number int64, width int) ([]byte, error) {
	if data, ok := m.tiles[fmt.Sprintf("%d/%d", level, number)]; ok {
		return data, nil
	}
	return nil, auditlog.ErrNoTile
}

func (f *fixture) memory() *memory {
	f.t.Helper()
	m := &memory{checkpoint: f.state().Checkpoint, tiles: map[string][]byte{}}
	db := f.past()
	defer db.Close()
	found, err := db.Query(`SELECT level, number, data FROM log_tiles`)
	if err != nil {
		f.t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var level, number int64
		var data []byte
		if err := found.Scan(&level, &number, &data); err != nil {
			f.t.Fatal(err)
		}
		m.tiles[fmt.Sprintf("%d/%d", level, number)] = data
	}
	return m
}

func (f *fixture) keys() []note.Verifier {
	f.t.Helper()
	texts, err := auditlog.VerifierKeys(f.Keys, auditlog.Origin(rpID, 1))
	if err != nil {
		f.t.Fatal(err)
	}
	by, err := auditlog.ParseVerifiers(texts)
	if err != nil {
		f.t.Fatal(err)
	}
	return by
}

func TestEveryChangedByteOfATileIsFoundAndNamed(t *testing.T) {
	f := open(t)
	f.record(260)
	f.sequence()
	m, by := f.memory(), f.keys()
	if r, err := auditlog.VerifyTree(m, auditlog.Options{Keys: by}); err != nil || len(r.Findings) > 0 {
		t.Fatalf("%v\n%s", err, said(r))
	}
	n := 0
	for name, data := range m.tiles {
		level, number, _ := strings.Cut(name, "/")
		for i := range data {
			// Of the large bundle every 37th, as each costs a whole verification; of everything else every byte.
			if name == "-1/0" && i%37 != 0 {
				continue
			}
			changed := bytes.Clone(data)
			changed[i] ^= 1 << (i % 8)
			m.tiles[name] = changed
			r, err := auditlog.VerifyTree(m, auditlog.Options{Keys: by})
			if err != nil {
				t.Fatal(err)
			}
			want := "tile " + name + ","
			switch level {
			case "-1":
				want = "entries " + number + ","
				if strings.Contains(said(r), "bundle "+number) {
					want = "bundle " + number
				}
			case "0":
				want = fmt.Sprintf("tile 0/%s, place %d", number, i/32)
			}
			if got := said(r); !strings.Contains(got, want) {
				t.Fatalf("byte %d of tile %s changed: it says\n%s", i, name, got)
			}
			n++
		}
		m.tiles[name] = data
	}
	for i := range m.checkpoint {
		changed := []byte(m.checkpoint)
		changed[i] ^= 1
		r, err := auditlog.VerifyTree(&memory{string(changed), m.tiles}, auditlog.Options{Keys: by})
		if err == nil && len(r.Findings) == 0 {
			t.Fatalf("byte %d of the checkpoint changed, and nothing is found", i)
		}
		n++
	}
	t.Logf("%d changed bytes", n)
}

func TestVerifyingBetweenAnyTwoCheckpoints(t *testing.T) {
	f := open(t)
	var kept []string
	for n := range 40 {
		f.record(1 + n%17)
		f.sequence()
		kept = append(kept, f.state().Checkpoint)
	}
	m, by := f.memory(), f.keys()
	r, err := auditlog.VerifyTree(m, auditlog.Options{Older: kept, Keys: by})
	if err != nil || len(r.Findings) > 0 || len(r.Older) != len(kept) {
		t.Fatalf("%v, %d of %d\n%s", err, len(r.Older), len(kept), said(r))
	}
}
