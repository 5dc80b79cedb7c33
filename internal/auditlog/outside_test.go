package auditlog_test

import (
	"context"
	"strings"
	"testing"

	"countersign/internal/auditlog"
	"countersign/internal/testkit/pgserver"
)

// Somebody who has the database writes a row behind all others that are to come: the log refuses it, and grows.
func TestARowAtTheEndOfAllIdsHoldsNothingUp(t *testing.T) {
	f := open(t)
	f.record(3)
	f.exec(insertAs("9223372036854775807", "-1"))
	f.record(2)
	if _, err := f.Sequence(context.Background()); err != nil {
		t.Fatal(err)
	}
	f.sequence()
	if got := f.state().Size; got != 6 { // with log.refused
		t.Errorf("it has %d entries", got)
	}
	if got := said(f.verify()); !strings.Contains(got, "a row that the service did not write, or that was changed before it had its place, event 9223372036854775807, forged") {
		t.Errorf("it says\n%s", got)
	}
}

// insertAs is a row that the service did not write.
func insertAs(id, leaf string) string {
	set := ""
	if pgserver.Wanted != nil {
		set = " OVERRIDING SYSTEM VALUE"
	}
	return `INSERT INTO audit_events (id, account_id, kind, ok, at, session_id, browser, address, data, internal, salt, mac, leaf)` + set +
		` SELECT ` + id + `, account_id, 'forged', ok, at, session_id, browser, address, data, internal, salt, mac, ` + leaf + ` FROM audit_events WHERE id = 2`
}

func TestARowThatHidesFromTheVerifierIsFound(t *testing.T) {
	for _, id := range []string{"0", "-7", "-9223372036854775808"} {
		for _, leaf := range []string{"-2", "9000"} {
			f := open(t)
			f.record(5)
			f.sequence()
			f.exec(insertAs(id, leaf))
			if got := said(f.verify()); !strings.Contains(got, "event "+id+", forged") && !strings.Contains(got, "1 rows more than were read") {
				t.Errorf("%s at %s: it says\n%s", id, leaf, got)
			}
		}
	}
	if pgserver.Wanted == nil {
		return
	}
	// A column that may be empty after all.
	f := open(t)
	f.record(5)
	f.sequence()
	f.exec(`ALTER TABLE audit_events ALTER COLUMN leaf DROP NOT NULL; ` + insertAs("77", "NULL"))
	if got := said(f.verify()); !strings.Contains(got, "1 rows more") {
		t.Errorf("it says\n%s", got)
	}
}

// What somebody wrote into a row stays in its line, and no terminal obeys it.
func TestAFindingStaysInItsLine(t *testing.T) {
	f := open(t)
	f.record(5)
	f.sequence()
	f.exec(`UPDATE audit_events SET redacted_at = 1, kind = '` + "login\x1b[2K\nlog: all is well\u202e" + `' WHERE leaf = 3`)
	got := said(f.verify())
	if strings.ContainsAny(got, "\x1b\n\u202e") || !strings.Contains(got, `login\x1b[2K\nlog: all is well\u202e`) {
		t.Errorf("it says %q", got)
	}
	var told []auditlog.Line
	if err := auditlog.Story(context.Background(), f.DB, "acc_0", func(l auditlog.Line) error {
		told = append(told, l)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if l := told[1]; !l.Wrong || strings.ContainsAny(l.Text, "\x1b\n\u202e") {
		t.Errorf("it tells %+v", l)
	}
}
