package auditlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"countersign/approval"
	"countersign/internal/secret"
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
	doc, err := approval.Parse(a.Document)
	if err != nil {
		return err
	}
	if doc.Passkey != nil {
		known, err := About(v.tx, v.keys, a.Registration, "passkey.created", a.AccountID, Credential(a.AccountID, doc.Passkey))
		if err != nil {
			return err
		}
		if _, erased := v.erased[a.AccountID]; !known && !erased {
			v.report.found(Finding{What: "an approval by a passkey that the log does not know", Leaf: r.Leaf, ID: r.ID, Kind: r.Kind, Detail: data["withdrawal"]})
			return nil
		}
	}
	v.report.Approvals++
	return nil
}

// About tells whether an event is one of this service's, which nobody can write without the master key, of this kind and account, done, and
// about this subject. Where keys is nil it takes the database's word for whose it is.
func About(tx *store.Tx, keys *secret.Keys, event int64, kind, accountID string, subject func(opening [32]byte) [32]byte) (bool, error) {
	r, err := tx.LogEvent(event)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	want := subject(r.Opening())
	return (keys == nil || r.Ours(keys)) && r.Kind == kind && r.OK && r.AccountID == accountID && bytes.Equal(r.Subject, want[:]), nil
}

// Credential is the subject of the event by which the passkey of an approval came, one that was parsed.
func Credential(accountID string, p *approval.PasskeyEvidence) func(opening [32]byte) [32]byte {
	return func(opening [32]byte) [32]byte {
		id, errID := base64.RawURLEncoding.DecodeString(p.CredentialID)
		key, errKey := base64.RawURLEncoding.DecodeString(p.PublicKey)
		if errors.Join(errID, errKey) != nil {
			return [32]byte{}
		}
		return approval.CredentialCommitment(opening, accountID, p.RelyingParty, id, key)
	}
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
		for _, r := range events {
			if data, err := parseObject([]byte(r.Data)); err == nil {
				ids[r.AccountID+" "+data["passkey"]] = true
			}
		}
	}
	for account, id := "", ""; ; {
		passkeys, err := v.tx.PasskeyRows(account, id, page)
		if err != nil {
			return err
		}
		for _, p := range passkeys {
			account, id = p.AccountID, p.ID
			known, err := About(v.tx, v.keys, p.Registration, "passkey.created", p.AccountID, func(opening [32]byte) [32]byte {
				return approval.CredentialCommitment(opening, p.AccountID, p.RPID, p.CredentialID, p.PublicKey)
			})
			name := p.AccountID + " " + p.ID
			switch {
			case err != nil:
				return err
			case !known:
				v.report.wrong("a passkey that the log does not know", "%s", name)
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

// frozen compares accounts with the last event that froze or unfroze them.
func (v *rowCheck) frozen() error {
	last := map[string]int64{}
	for _, kind := range []string{"account.frozen", "account.unfrozen"} {
		events, err := v.tx.EventsOfKind(kind)
		if err != nil {
			return err
		}
		for _, r := range events {
			switch {
			case !r.OK:
			case kind == "account.frozen":
				last[r.AccountID] = r.ID
			case r.ID > last[r.AccountID]:
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
