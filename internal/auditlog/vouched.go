package auditlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"countersign/approval"
	"countersign/internal/store"
)

// page is how many rows are read at once.
const page = 500

// ends are the kinds of events that end a withdrawal, and the states that they leave it in.
var ends = map[string]string{
	"withdrawal.handed_over": store.HandedOver,
	"withdrawal.declined":    store.Declined,
	"withdrawal.cancelled":   store.Cancelled,
	"withdrawal.expired":     store.Expired,
}

// vouches looks at what an event vouches for: it is to be there, and as the event left it.
func (v *rowCheck) vouches(r *store.LogRow) error {
	switch _, ended := ends[r.Kind]; {
	case !r.OK:
	case r.Kind == "withdrawal.approved":
		// One that was approved beside the hold's own transaction may claim to be a little later.
		if h, held := v.holds[r.AccountID]; held && r.At.After(h.since.Add(slack)) && store.FormatEventTime(r.At) < h.until {
			v.report.found(Finding{What: "a withdrawal was approved during a hold", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind, Detail: inData(r, "withdrawal") + ": look whether it was paid"})
		}
		there, err := v.tx.Recorded(r.ID)
		if err == nil && !there && !v.removed(r) {
			v.report.found(Finding{What: "the record of an approval was removed", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind})
		}
		return err
	case ended && r.RedactedAt.IsZero():
		return v.ended(r)
	case strings.Contains(r.Data, store.HeldUntil): // as not to parse the data of all
		return v.held(r)
	}
	return nil
}

// held compares an account with an event that put a hold on: a hold ends by its time alone, and is never made shorter.
func (v *rowCheck) held(r *store.LogRow) error {
	until := inData(r, store.HeldUntil)
	if until == "" {
		return nil
	}
	h := v.holds[r.AccountID]
	if h.until <= store.FormatEventTime(r.At) {
		h.since = r.At
	}
	h.until = max(h.until, until)
	v.holds[r.AccountID] = h
	if _, erased := v.erased[r.AccountID]; erased {
		return nil // and nothing leaves it any more
	}
	a, err := v.tx.Account(r.AccountID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		v.report.found(Finding{What: "an account was removed", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind, Detail: r.AccountID})
	case err != nil:
		return err
	case store.FormatEventTime(a.HoldUntil) < until:
		v.report.found(Finding{What: "a hold was shortened", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind, Detail: r.AccountID})
	}
	return nil
}

// ended compares a withdrawal with the event that says how it ended: one that was made approved again would be paid twice, or although it
// was stopped.
func (v *rowCheck) ended(r *store.LogRow) error {
	data, err := parseObject([]byte(r.Data))
	if err != nil {
		v.report.found(Finding{What: "an event's data are none", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind})
		return nil
	}
	state, at, err := v.tx.HandedOver(data["withdrawal"])
	switch end := ends[r.Kind]; {
	case errors.Is(err, store.ErrNotFound):
		if !v.removed(r) {
			v.report.found(Finding{What: "a withdrawal was removed", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind, Detail: data["withdrawal"]})
		}
	case err != nil:
		return err
	case state != end || end == store.HandedOver && !at.Equal(r.At):
		v.report.found(Finding{What: "a withdrawal that had ended was changed", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind, Detail: data["withdrawal"] + " is " + state + ": look whether it was paid, and how often"})
	}
	return nil
}

// event reads an event of this kind and account that the service wrote; nil if there is none. What has a place was compared with its leaf.
func (v *rowCheck) event(id int64, kind, accountID string) (*store.LogRow, error) {
	r, err := v.tx.LogEvent(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil || r.Kind != kind || !r.OK || r.AccountID != accountID {
		return nil, err
	}
	if r.Leaf >= 0 || r.Leaf == store.Unsequenced && v.ours(r) {
		return r, nil
	}
	return nil, nil
}

// approvals compares every record of an approval with its event, its passkey's, and its withdrawal; and looks for withdrawals that nobody
// approved.
func (v *rowCheck) approvals() error {
	for after := ""; ; {
		records, err := v.tx.ApprovalRows(after, page)
		if err != nil {
			return err
		}
		for i := range records {
			a := &records[i]
			after = a.WithdrawalID
			if err := v.approval(a); err != nil {
				return err
			}
		}
		if len(records) < page {
			break
		}
	}
	unapproved, err := v.tx.Unapproved()
	for _, id := range unapproved {
		v.report.wrong("a withdrawal that nobody approved is to be paid, or was", "%s", id)
	}
	return err
}

func (v *rowCheck) approval(a *store.ApprovalRow) error {
	r, err := v.event(a.Record.Event, "withdrawal.approved", a.AccountID)
	if err != nil {
		return err
	}
	if r == nil {
		v.report.wrong("the record of an approval that the log does not know", "%s", a.WithdrawalID)
		return nil
	}
	found := func(what, detail string, args ...any) {
		v.report.found(Finding{What: what, Leaf: r.Leaf, ID: r.ID, Kind: r.Kind, Detail: a.WithdrawalID + fmt.Sprintf(detail, args...)})
	}
	sum := sha256.Sum256(a.Document)
	if !bytes.Equal(sum[:], a.Fingerprint) || !bytes.Equal(Recorded(a.Record, sum), r.Subject) {
		found("the record of an approval was changed", "")
		return nil
	}
	proved, err := v.proofs.Verify(a.Document)
	if err != nil {
		found("an approval proves nothing", ": %v", err)
		return nil
	}
	doc, err := approval.Parse(a.Document)
	if err != nil {
		return err
	}
	var signature string
	if p := doc.Passkey; p != nil {
		signature = p.Signature
		event, err := v.event(a.Registration.Event, "passkey.created", a.AccountID)
		if err != nil {
			return err
		}
		if event == nil || !bytes.Equal(event.Subject, Registered(a.Registration, a.AccountID, p)) {
			found("an approval by a passkey that the log does not know", "")
			return nil
		}
	} else {
		signature = doc.Codes.Signature
	}
	w, err := v.tx.Withdrawal(a.AccountID, a.WithdrawalID)
	if err != nil {
		return err
	}
	raw, err := decode(signature)
	if hash := sha256.Sum256(raw); err != nil || !bytes.Equal(hash[:], a.SignatureHash) {
		found("the record of an approval was changed", ": the hash of its signature")
		return nil
	}
	d := proved.Details
	is := approval.Details{Withdrawal: w.ID, Account: w.AccountID, RelyingParty: d.RelyingParty, Asset: w.Asset, Network: w.Network, Address: w.Address, Memo: w.Memo, Amount: w.Amount, Fee: w.Fee,
		Expires: approval.FormatTime(w.ExpiresAt)}
	until := inData(r, store.HandOverUntil)
	switch {
	case is != d || w.ApprovedWay != proved.Way:
		found("a withdrawal is not what was approved", "")
		return nil
	case w.State == store.Requested:
		found("a withdrawal that was approved is to be approved again", "")
		return nil
	case until != "" && until != store.FormatEventTime(w.HandOverUntil):
		found("the time to hand a withdrawal over was changed", "")
		return nil
	case w.State == store.HandedOver:
		known, err := v.handedOver(w)
		if err != nil {
			return err
		}
		if !known {
			found("a hand-over that the log does not know", ": look whether it was paid, and how often")
			return nil
		}
		if until != "" && store.FormatEventTime(w.HandedOverAt) >= until {
			found("a withdrawal was handed over after the time for it", ": look whether it was paid")
			return nil
		}
	}
	v.report.Approvals++
	return nil
}

func (v *rowCheck) handedOver(w *store.Withdrawal) (bool, error) {
	r, err := v.event(w.HandedOverEvent, "withdrawal.handed_over", w.AccountID)
	if err != nil || r == nil || !r.At.Equal(w.HandedOverAt) {
		return false, err
	}
	return v.keys == nil || slices.ContainsFunc(HandedOver(v.keys, w.ID, w.HandedOverBy, w.HandedOverKey), func(subject []byte) bool { return bytes.Equal(subject, r.Subject) }), nil
}

// passkeys compares the passkeys with the events of their creation and their end: who has the database could put one of his own into
// somebody's account, or bring back one that was deleted.
func (v *rowCheck) passkeys() error {
	ended := map[string]map[string]bool{"passkey.deleted": {}, "passkey.suspended": {}}
	for kind, ids := range ended {
		events, err := v.tx.EventsOfKind(kind)
		if err != nil {
			return err
		}
		for i := range events {
			ids[events[i].AccountID+" "+inData(&events[i], "passkey")] = true
		}
	}
	for account, id := "", ""; ; {
		passkeys, err := v.tx.PasskeyRows(account, id, page)
		if err != nil {
			return err
		}
		for _, p := range passkeys {
			account, id = p.AccountID, p.ID
			event, err := v.event(p.Registration.Event, "passkey.created", p.AccountID)
			name := p.AccountID + " " + p.ID
			switch {
			case err != nil:
				return err
			case event == nil || !bytes.Equal(event.Subject, credential(p.Registration, p.AccountID, p.RPID, p.CredentialID, p.PublicKey)):
				v.report.wrong("a passkey that the log does not know", "%s", name)
			case !event.RedactedAt.IsZero():
				v.report.wrong("a passkey of an erased account is there again", "%s", name)
			case inData(event, "passkey") != p.ID:
				v.report.wrong("a passkey stands under another's id", "%s", name)
			case ended["passkey.deleted"][name]:
				v.report.wrong("a passkey that was deleted is there again", "%s", name)
			case ended["passkey.suspended"][name] && p.SuspendedAt.IsZero():
				v.report.wrong("a passkey that was suspended works again", "%s", name)
			}
		}
		if len(passkeys) < page {
			return nil
		}
	}
}

// inData is a member of an event's data, "" where they have none such, as of a redacted one.
func inData(r *store.LogRow, name string) string {
	data, err := parseObject([]byte(r.Data))
	if err != nil {
		return ""
	}
	return data[name]
}

// later tells whether an event stands after another: by their leaves, which the tree has, and not by their ids, which are the database's.
// What has no leaf yet comes after, in the order of ids.
func later(r, than *store.LogRow) bool {
	switch {
	case r.Leaf < 0 && than.Leaf < 0:
		return r.ID > than.ID
	case r.Leaf < 0 || than.Leaf < 0:
		return r.Leaf < 0
	}
	return r.Leaf > than.Leaf
}

// frozen compares accounts with the last event that froze or unfroze them.
func (v *rowCheck) frozen() error {
	last := map[string]*store.LogRow{}
	for _, kind := range []string{"account.frozen", "account.unfrozen"} {
		events, err := v.tx.EventsOfKind(kind)
		if err != nil {
			return err
		}
		for i := range events {
			r := &events[i]
			before := last[r.AccountID]
			switch {
			case !v.placed(r):
			case kind == "account.frozen" && (before == nil || later(r, before)):
				last[r.AccountID] = r
			case kind == "account.unfrozen" && before != nil && later(r, before):
				delete(last, r.AccountID)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(last)) {
		a, err := v.tx.Account(id)
		if err == nil && a.Frozen {
			continue
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		v.report.wrong("an account that was frozen is not any more", "%s", id)
	}
	return nil
}

// apiKeys compares the keys of the payout systems with the events of their creation and their end: who has the database could give
// himself one.
func (v *rowCheck) apiKeys() error {
	hashes, revoked := map[string]string{}, map[string]bool{}
	for _, kind := range []string{"api_key.created", "api_key.revoked"} {
		events, err := v.tx.EventsOfKind(kind)
		if err != nil {
			return err
		}
		for i := range events {
			r := &events[i]
			data, err := parseObject([]byte(r.Data))
			switch {
			case err != nil || !v.placed(r):
			case kind == "api_key.revoked":
				revoked[data["api_key"]] = true
			default:
				hashes[data["api_key"]] = r.Internal
			}
		}
	}
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
			case !known:
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
