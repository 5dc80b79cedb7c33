package auditlog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	err = db.View(ctx, func(tx *store.Tx) error {
		state, err := tx.LogState()
		if err != nil {
			return err
		}
		v := &rowCheck{tx: tx, keys: keys, size: state.Size, proofs: proofs}
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
		if err := v.apiKeys(); err != nil {
			return err
		}
		return v.approvals()
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
		err = fmt.Errorf("it says that %d places are filled, want %d", had, width)
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
	erased   map[string]int64 // accounts, and the leaf that says so
	redacted []permission
	approved int64 // approvals that their event was found for
}

// A permission is an entry by which rows of a kind were redacted.
type permission struct {
	kind  string
	until time.Time
}

// Kinds of events by which rows may be redacted. Of log.redacted the data name kind (store.Covers) and until (RFC 3339): rows of the
// kind from before then.
const (
	KindErased   = "account.erased"
	KindRedacted = "log.redacted"
)

func (v *rowCheck) permissions() error {
	v.erased, v.bundle = map[string]int64{}, -1
	erased, err := v.tx.EventsOfKind(KindErased)
	if err != nil {
		return err
	}
	for _, r := range erased {
		if r.Leaf >= 0 && r.OK {
			v.erased[r.AccountID] = r.Leaf
		}
	}
	redacted, err := v.tx.EventsOfKind(KindRedacted)
	if err != nil {
		return err
	}
	for _, r := range redacted {
		data, err := parseObject([]byte(r.Data))
		if err != nil || r.Leaf < 0 || !r.OK {
			continue
		}
		until, err := time.Parse(time.RFC3339, data["until"])
		if kind, named := data["kind"]; err == nil && named {
			v.redacted = append(v.redacted, permission{kind, until})
		}
	}
	return nil
}

func (v *rowCheck) permitted(r *store.LogRow) bool {
	if leaf, erased := v.erased[r.AccountID]; erased && r.Leaf <= leaf {
		return true
	}
	for _, p := range v.redacted {
		if store.Covers(p.kind, r.Kind) && r.At.Before(p.until) {
			return true
		}
	}
	return false
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
	var differs []string
	for _, c := range []struct {
		name string
		same bool
	}{{"account", r.AccountID == says.Account}, {"at", r.At.Equal(says.At)}, {"kind", r.Kind == says.Kind}, {"ok", r.OK == says.OK}, {"subject", bytes.Equal(r.Subject, says.Subject)}} {
		if !c.same {
			differs = append(differs, c.name)
		}
	}
	if len(r.Salt) == 0 || !r.RedactedAt.IsZero() {
		switch {
		case !v.permitted(r):
			v.report.found(Finding{What: "a row was redacted without an entry that permits it", Leaf: leaf, ID: r.ID, Kind: r.Kind})
		case len(differs) > 0:
			v.report.found(Finding{What: "a row was edited", Leaf: leaf, ID: r.ID, Kind: r.Kind, Detail: strings.Join(differs, ", ")})
		default:
			v.report.Redacted++
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
	if err := v.ended(r); err != nil {
		return err
	}
	return v.approval(r)
}

// ends are the kinds of events that end a withdrawal, and the states that they leave it in.
var ends = map[string]string{
	"withdrawal.handed_over": store.HandedOver,
	"withdrawal.declined":    store.Declined,
	"withdrawal.cancelled":   store.Cancelled,
	"withdrawal.expired":     store.Expired,
}

// ended compares a withdrawal with the event that says how it ended: one that was made approved again would be paid twice, or although it
// was stopped.
func (v *rowCheck) ended(r *store.LogRow) error {
	end, is := ends[r.Kind]
	if !is || !r.OK {
		return nil
	}
	data, err := parseObject([]byte(r.Data))
	if err != nil {
		v.report.found(Finding{What: "an event's data are none", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind})
		return nil
	}
	state, at, err := v.tx.HandedOver(data["withdrawal"])
	switch {
	case errors.Is(err, store.ErrNotFound):
		if _, erased := v.erased[r.AccountID]; !erased && !v.permitted(r) {
			v.report.found(Finding{What: "a withdrawal was removed", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind, Detail: data["withdrawal"]})
		}
	case err != nil:
		return err
	case state != end || end == store.HandedOver && !at.Equal(r.At):
		v.report.found(Finding{What: "a withdrawal that had ended was changed", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind, Detail: data["withdrawal"] + " is " + state + ": look whether it was paid, and how often"})
	}
	return nil
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

// approval compares the record of an approval with its event.
func (v *rowCheck) approval(r *store.LogRow) error {
	if r.Kind != "withdrawal.approved" || !r.OK {
		return nil
	}
	data, err := parseObject([]byte(r.Data))
	if err != nil {
		v.report.found(Finding{What: "an event's data are none", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind})
		return nil
	}
	a, err := v.tx.ApprovalRow(data["withdrawal"])
	if errors.Is(err, store.ErrNotFound) {
		if _, erased := v.erased[r.AccountID]; !erased && !v.permitted(r) {
			v.report.found(Finding{What: "the record of an approval was removed", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind, Detail: data["withdrawal"]})
		}
		return nil
	}
	if err != nil {
		return err
	}
	v.approved++
	sum := sha256.Sum256(a.Document)
	subject := approval.ApprovalCommitment(r.Opening(), sum)
	if !bytes.Equal(sum[:], a.Fingerprint) || hex.EncodeToString(sum[:]) != data["fingerprint"] || !bytes.Equal(subject[:], r.Subject) || a.Record != r.ID || a.AccountID != r.AccountID {
		v.report.found(Finding{What: "the record of an approval was changed", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind, Detail: data["withdrawal"]})
		return nil
	}
	if _, err := v.proofs.Verify(a.Document); err != nil {
		v.report.found(Finding{What: "an approval proves nothing", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind, Detail: fmt.Sprintf("%s: %v", data["withdrawal"], err)})
		return nil
	}
	v.report.Approvals++
	return nil
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
	const page = 1000
	for after := int64(math.MinInt64); ; {
		rows, err := v.tx.EventsOutside(v.size, after, page)
		if err != nil {
			return err
		}
		v.read += int64(len(rows))
		for i := range rows {
			r := &rows[i]
			after = r.ID
			ours := v.keys == nil || r.Ours(v.keys)
			switch {
			case r.Leaf == store.Unsequenced && ours:
				v.report.Waiting++
				if err := v.ended(r); err != nil {
					return err
				}
				if err := v.approval(r); err != nil {
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

// apiKeys compares the keys of the payout systems with the events of their creation and their end: who has the database could give
// himself one.
func (v *rowCheck) apiKeys() error {
	// Of a redacted event its time alone is left, which is that of the key's row.
	hashes, redacted, revoked := map[string]string{}, map[int64]bool{}, map[string]bool{}
	for _, kind := range []string{"api_key.created", "api_key.revoked"} {
		events, err := v.tx.EventsOfKind(kind)
		if err != nil {
			return err
		}
		for i := range events {
			r := &events[i]
			data, err := parseObject([]byte(r.Data))
			switch {
			case err != nil || !r.OK || r.Leaf < 0 && r.Leaf != store.Unsequenced:
			case kind == "api_key.revoked":
				revoked[data["api_key"]] = true
			case !r.RedactedAt.IsZero():
				redacted[r.At.UnixMilli()] = true
			default:
				hashes[data["api_key"]] = r.Internal
			}
		}
	}
	const page = 500
	for after := ""; ; {
		keys, err := v.tx.APIKeyRows(after, page)
		if err != nil {
			return err
		}
		for _, k := range keys {
			after = k.ID
			switch hash, known := hashes[k.ID]; {
			case known && hash != hex.EncodeToString(k.SecretHash):
				v.report.wrong("an API key was put in another's place", "%s", k.ID)
			case !known && !redacted[k.CreatedAt.UnixMilli()]:
				v.report.wrong("an API key that the log does not know", "%s", k.ID)
			case revoked[k.ID] && k.RevokedAt.IsZero():
				v.report.wrong("an API key that was revoked opens again", "%s", k.ID)
			}
		}
		if len(keys) < page {
			return nil
		}
	}
}

// approvals looks for records of approvals of which the log knows nothing.
func (v *rowCheck) approvals() error {
	const page = 500
	n, err := v.tx.CountApprovals()
	if err != nil || n == v.approved {
		return err
	}
	for after := ""; ; {
		records, err := v.tx.ApprovalRows(after, page)
		if err != nil {
			return err
		}
		for _, a := range records {
			after = a.WithdrawalID
			known, err := v.knows(&a)
			if err != nil {
				return err
			}
			if !known {
				v.report.wrong("the record of an approval that the log does not know", "%s", a.WithdrawalID)
				continue
			}
			// Where the event with its fingerprint was redacted, the document itself is left to ask.
			sum := sha256.Sum256(a.Document)
			proved, err := v.proofs.Verify(a.Document)
			switch {
			case err != nil:
				v.report.wrong("an approval proves nothing", "%s: %v", a.WithdrawalID, err)
			case !bytes.Equal(sum[:], a.Fingerprint) || proved.Details.Withdrawal != a.WithdrawalID || proved.Details.Account != a.AccountID:
				v.report.wrong("the record of an approval was changed", "%s", a.WithdrawalID)
			}
		}
		if len(records) < page {
			return nil
		}
	}
}

// knows tells whether there is an event of an approval, or one that was redacted and may be it.
func (v *rowCheck) knows(a *store.ApprovalRow) (bool, error) {
	const page = 500
	for after := int64(0); ; {
		rows, err := v.tx.EventsOfAccount(a.AccountID, after, page)
		if err != nil {
			return false, err
		}
		for i := range rows {
			r := &rows[i]
			after = r.ID
			if r.Kind != "withdrawal.approved" {
				continue
			}
			if data, err := parseObject([]byte(r.Data)); err == nil && data["withdrawal"] == a.WithdrawalID || !r.RedactedAt.IsZero() {
				return true, nil
			}
		}
		if len(rows) < page {
			return false, nil
		}
	}
}
