package auditlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"countersign/approval"
	"countersign/internal/secret"
	"countersign/internal/store"

	"golang.org/x/mod/sumdb/note"
)

// slack is how much earlier than an event before it one may claim to be: updates take ten seconds at most, and copies' clocks differ.
const slack = time.Minute

// Verify verifies the log and everything in the database that it vouches for, on one snapshot. Where keys is nil, the master key is not
// known, and only o.Keys are.
func Verify(ctx context.Context, db *store.DB, keys *secret.Keys, o Options) (r *Report, err error) {
	proofs, err := approval.NewVerifier(approval.Options{})
	if err != nil {
		return nil, err
	}
	err = db.Survey(ctx, func(tx *store.Tx) error {
		state, err := tx.LogState()
		if err != nil {
			return err
		}
		v := &rowCheck{tx: tx, keys: keys, size: state.Size, proofs: proofs, holds: map[string]hold{}}
		if err := v.permissions(); err != nil {
			return err
		}
		if state.Size == 0 && state.Checkpoint == "" && len(o.Older) == 0 {
			r = &Report{}
		} else {
			verifiersOf := func(origin string) ([]note.Verifier, error) {
				if keys == nil {
					return o.Keys, nil
				}
				own, err := verifiers(keys, origin)
				return append(own, o.Keys...), err
			}
			v.report = &Report{} // what rows have; the tree's report takes it over
			r, err = verifyTree(&database{tx: tx, state: state}, o, verifiersOf, v.leaf)
			if err != nil {
				return err
			}
		}
		v.take(r)
		if c := r.Checkpoint; c != nil && c.Size != state.Size {
			r.wrong("the log's checkpoint", "it is of size %d, and the log says that it has %d", c.Size, state.Size)
		}
		if err := v.tiles(); err != nil {
			return err
		}
		if err := v.outside(); err != nil {
			return err
		}
		for _, check := range []func() error{v.copied, v.apiKeys, v.passkeys, v.frozen, v.approvals} {
			if err := check(); err != nil {
				return err
			}
		}
		return nil
	})
	return r, err
}

// database is a log in a database as a source.
type database struct {
	tx    *store.Tx
	state store.LogState
}

func (d *database) Checkpoint() (string, error) {
	if d.state.Checkpoint == "" {
		return "", fmt.Errorf("the log has no checkpoint")
	}
	return d.state.Checkpoint, nil
}

func (d *database) Tile(level int, number int64, width int) ([]byte, error) {
	had, data, err := d.tx.Tile(level, number)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNoTile
	}
	if err == nil && had != width {
		err = fmt.Errorf("%w: it says that %d places are filled, want %d", errTile, had, width)
	}
	return data, err
}

// rowCheck compares rows with leaves.
type rowCheck struct {
	tx     *store.Tx
	keys   *secret.Keys
	size   int64
	report *Report
	read   int64 // rows of events, whatever became of them
	proofs *approval.Verifier

	rows     map[int64][]store.LogRow // of the bundle under way, by leaf
	bundle   int64
	latest   time.Time
	erased   map[string]erasure   // by account
	redacted map[string]time.Time // until when, by kind, rows may be redacted
	holds    map[string]hold      // by account, as far as the events have told so far
}

// erasure is an account's: the leaf of its event, and whether its withdrawals are kept.
type erasure struct {
	leaf int64
	kept bool
}

// hold is one that is on, or was: from when, and until when as store.FormatEventTime has it.
type hold struct {
	since time.Time
	until string
}

// Kinds of events by which rows may be redacted. Of log.redacted the data name kind (store.Covers) and until (RFC 3339): rows of the
// kind from before then.
const (
	KindErased   = "account.erased"
	KindRedacted = "log.redacted"
)

func (v *rowCheck) permissions() error {
	v.erased, v.redacted, v.bundle = map[string]erasure{}, map[string]time.Time{}, -1
	erased, err := v.tx.EventsOfKind(KindErased)
	if err != nil {
		return err
	}
	for i := range erased {
		r := &erased[i]
		data, err := parseObject([]byte(r.Data))
		if err != nil || !v.placed(r) {
			continue
		}
		e := erasure{leaf: r.Leaf, kept: data["withdrawals"] == "kept"}
		if r.Leaf == store.Unsequenced {
			e.leaf = math.MaxInt64
		}
		v.erased[r.AccountID] = e
	}
	redacted, err := v.tx.EventsOfKind(KindRedacted)
	if err != nil {
		return err
	}
	for i := range redacted {
		r := &redacted[i]
		data, err := parseObject([]byte(r.Data))
		if err != nil || !v.placed(r) {
			continue
		}
		until, err := time.Parse(time.RFC3339, data["until"])
		if kind, named := data["kind"]; err == nil && named && until.After(v.redacted[kind]) {
			v.redacted[kind] = until
		}
	}
	return nil
}

// ours tells whether the service wrote a row, as far as that can be told.
func (v *rowCheck) ours(r *store.LogRow) bool { return v.keys == nil || r.Ours(v.keys) }

// placed tells whether a row counts as an event that happened: it has its place in the tree, or will get it.
func (v *rowCheck) placed(r *store.LogRow) bool {
	return r.OK && (r.Leaf >= 0 || r.Leaf == store.Unsequenced && v.ours(r))
}

// permitted tells whether an entry permits that a row was redacted.
func (v *rowCheck) permitted(r *store.LogRow) bool {
	if e, erased := v.erased[r.AccountID]; erased && r.Leaf <= e.leaf {
		return true
	}
	return v.retired(r)
}

func (v *rowCheck) retired(r *store.LogRow) bool {
	for kind, until := range v.redacted {
		if store.Covers(kind, r.Kind) && r.At.Before(until) {
			return true
		}
	}
	return false
}

// removed tells whether an entry permits that a withdrawal was removed, of which a row tells.
func (v *rowCheck) removed(r *store.LogRow) bool {
	e, erased := v.erased[r.AccountID]
	return erased && !e.kept && r.Leaf <= e.leaf || v.retired(r)
}

// take goes on with the tree's report.
func (v *rowCheck) take(r *Report) {
	if v.report != nil {
		r.Rows, r.Redacted, r.Approvals = v.report.Rows, v.report.Redacted, v.report.Approvals
		for _, f := range v.report.Findings {
			r.found(f)
		}
		r.More += v.report.More
	}
	v.report = r
}

// leaf compares a leaf with the row that claims it.
func (v *rowCheck) leaf(leaf int64, entry []byte) error {
	if number := leaf / tileWidth; v.rows == nil || number != v.bundle {
		rows, err := v.tx.EventsByLeaf(number*tileWidth, min((number+1)*tileWidth, v.size))
		if err != nil {
			return err
		}
		v.read += int64(len(rows))
		v.rows, v.bundle = map[int64][]store.LogRow{}, number
		for _, r := range rows {
			v.rows[r.Leaf] = append(v.rows[r.Leaf], r)
		}
	}
	rows := v.rows[leaf]
	says := &Leaf{}
	if entry != nil {
		var err error
		if says, err = ParseEntry(entry); err != nil {
			v.report.found(Finding{What: "an entry is not one of this log", Leaf: leaf, ID: -1})
			return nil
		}
		if says.At.Before(v.latest.Add(-slack)) {
			v.report.found(Finding{What: "back-dated", Leaf: leaf, ID: idOf(rows), Kind: says.Kind, Detail: fmt.Sprintf("it says %s, and came after %s", store.FormatEventTime(says.At), store.FormatEventTime(v.latest))})
		}
		if says.At.After(v.latest) {
			v.latest = says.At
		}
	}
	if len(rows) == 0 {
		v.report.found(Finding{What: "a row was removed", Leaf: leaf, ID: -1, Kind: says.Kind, Detail: "of " + nobody(says.Account)})
		return nil
	}
	for i := range rows[1:] {
		v.report.found(Finding{What: "two rows claim one leaf", Leaf: leaf, ID: rows[i+1].ID, Kind: rows[i+1].Kind})
	}
	v.report.Rows++
	if entry == nil {
		return nil // which was said
	}
	r := &rows[0]
	differs := says.differing(r)
	if len(r.Salt) == 0 || !r.RedactedAt.IsZero() {
		if len(differs) == 0 && !r.Blank() {
			differs = []string{"it was redacted, and tells something"}
		}
		switch {
		case !v.permitted(r):
			v.report.found(Finding{What: "a row was redacted without an entry that permits it", Leaf: leaf, ID: r.ID, Kind: r.Kind})
		case len(differs) > 0:
			v.report.found(Finding{What: "a row was edited", Leaf: leaf, ID: r.ID, Kind: r.Kind, Detail: strings.Join(differs, ", ")})
		default:
			v.report.Redacted++
			return v.vouches(r)
		}
		return nil
	}
	if commitment := r.Commitment(); !bytes.Equal(commitment[:], says.Commitment) || len(differs) > 0 {
		if len(differs) == 0 {
			differs = []string{"its commitment: session, browser, address, data, internal, operator or salt"}
		}
		v.report.found(Finding{What: "a row was edited", Leaf: leaf, ID: r.ID, Kind: r.Kind, Detail: strings.Join(differs, ", ")})
		return nil
	}
	return v.vouches(r)
}

func idOf(rows []store.LogRow) int64 {
	if len(rows) == 0 {
		return -1
	}
	return rows[0].ID
}

func nobody(account string) string {
	if account == "" {
		return "no account"
	}
	return account
}

// copied looks for events that are there twice: a copy has its MAC as well.
func (v *rowCheck) copied() error {
	ids, err := v.tx.Copied()
	for _, id := range ids {
		v.report.found(Finding{What: "a row is a copy of another", Leaf: -1, ID: id})
	}
	return err
}

// tiles looks for tiles that a tree of this size has not.
func (v *rowCheck) tiles() error {
	var want int64
	for n := v.size; n > 0; n /= tileWidth {
		want += (n + tileWidth - 1) / tileWidth
	}
	want += (v.size + tileWidth - 1) / tileWidth
	n, err := v.tx.TileCount()
	if err == nil && n > want {
		v.report.wrong("tiles that the tree does not have", "%d are there, want %d", n, want)
	}
	return err
}

// outside looks at the rows that have no leaf.
func (v *rowCheck) outside() error {
	for after := int64(math.MinInt64); ; {
		rows, err := v.tx.EventsOutside(v.size, after, page)
		if err != nil {
			return err
		}
		v.read += int64(len(rows))
		for i := range rows {
			r := &rows[i]
			after = r.ID
			switch {
			case r.Leaf == store.Unsequenced && v.ours(r):
				v.report.Waiting++
				if err := v.vouches(r); err != nil {
					return err
				}
			case r.Leaf == store.Unsequenced, r.Leaf == store.Refused:
				v.report.found(Finding{What: "a row that the service did not write, or that was changed before it had its place", Leaf: -1, ID: r.ID, Kind: r.Kind})
			default:
				v.report.found(Finding{What: "a row claims a place that the log does not have", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind})
			}
		}
		if len(rows) < page {
			break
		}
	}
	// Who may change the table itself can have rows that no question of these finds.
	n, err := v.tx.CountEvents()
	if err == nil && n != v.read && len(v.report.Findings) == 0 {
		v.report.wrong("rows that have neither a place nor wait for one", "%d rows more than were read", n-v.read)
	}
	return err
}
