package withdrawal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"countersign/approval"
	"countersign/internal/auditlog"
	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// HandOverLife is how long an approved withdrawal waits for the payout system, where the settings say nothing else.
const HandOverLife = 24 * time.Hour

// Details are what a payout system is about to pay: the members of package approval, every one a string. An empty memo is given as
// such, so that one that was forgotten does not pass for it.
type Details struct {
	approval.Details
	Memo *string `json:"memo"`
}

// Payout is a withdrawal as the business's payout system sees it. Details are the canonical bytes that were approved.
type Payout struct {
	ID            string          `json:"id"`
	State         string          `json:"state"`
	Details       string          `json:"details"`
	ApprovedAt    *time.Time      `json:"approved_at"`
	HandOverUntil *time.Time      `json:"hand_over_until"`
	HandedOverAt  *time.Time      `json:"handed_over_at"`
	HandedOverBy  string          `json:"handed_over_by"`
	Fingerprint   *string         `json:"fingerprint"`
	Approval      json.RawMessage `json:"approval,omitempty"`
}

func (s *Service) payout(w *store.Withdrawal) (*Payout, error) {
	canonical, err := s.canonical(w)
	if err != nil {
		return nil, err
	}
	p := &Payout{ID: w.ID, State: w.State, Details: string(canonical), HandedOverBy: w.HandedOverBy}
	if w.Fingerprint != nil {
		fingerprint := hex.EncodeToString(w.Fingerprint)
		p.ApprovedAt, p.HandOverUntil, p.Fingerprint = &w.ApprovedAt, &w.HandOverUntil, &fingerprint
	}
	if !w.HandedOverAt.IsZero() {
		p.HandedOverAt = &w.HandedOverAt
	}
	return p, nil
}

// ToHandOver reads what is approved and not handed over yet, of all accounts, the most urgent first. limit is 1 to 100.
func (s *Service) ToHandOver(ctx context.Context, cursor string, limit int) (*verification.Page[Payout], error) {
	until, after, err := afterCursor(cursor)
	if err != nil {
		return nil, err
	}
	page := &verification.Page[Payout]{Items: []Payout{}}
	err = s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		list, err := tx.WithdrawalsToHandOver(until, after, limit+1)
		if err != nil {
			return err
		}
		if len(list) > limit {
			list = list[:limit]
			last := &list[limit-1]
			next := strconv.FormatInt(last.HandOverUntil.UnixMilli(), 10) + "." + last.ID
			page.Next = &next
		}
		for i := range list {
			p, err := s.payout(&list[i])
			if err != nil {
				return err
			}
			page.Items = append(page.Items, *p)
		}
		return nil
	})
	return page, err
}

// afterCursor reads where a page begins: after a deadline, and among those of one, after an id.
func afterCursor(cursor string) (until time.Time, id string, err error) {
	if cursor == "" {
		return until, "", nil
	}
	ms, id, ok := strings.Cut(cursor, ".")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil || !ok || n < 0 || len(id) > 64 {
		return until, "", refusal.Field("invalid_request", "cursor", "Give the member next of the page before, as it is.")
	}
	return time.UnixMilli(n), id, nil
}

// Payout reads one withdrawal, in whatever state, with the approval's document where there is one.
func (s *Service) Payout(ctx context.Context, id string) (*Payout, error) {
	var out *Payout
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		w, err := anyones(tx, id)
		if err != nil {
			return err
		}
		out, err = s.withDocument(tx, w)
		return err
	})
	return out, err
}

func (s *Service) withDocument(tx *store.Tx, w *store.Withdrawal) (*Payout, error) {
	p, err := s.payout(w)
	if err != nil {
		return nil, err
	}
	if p.Approval, err = served(tx, w.ID); errors.Is(err, store.ErrNotFound) {
		return p, nil
	}
	return p, err
}

// anyones reads a withdrawal whoever's it is.
func anyones(tx *store.Tx, id string) (*store.Withdrawal, error) {
	owner, err := tx.WithdrawalOwner(id)
	if err != nil {
		return nil, missing(err)
	}
	w, err := tx.Withdrawal(owner, id)
	return w, missing(err)
}

// HandOver consumes an approval: whoever gets an answer pays, exactly once and exactly that. It is refused if the details that are
// about to be paid are not those that were approved, byte for byte, and if it was handed over before; the refusal is an audit event
// of its own. The same API key with the same idempotency key gets the same answer again.
func (s *Service) HandOver(ctx context.Context, apiKey *store.APIKey, key, id string, details *Details) (*Payout, error) {
	if !idempotencyKey.MatchString(key) {
		return nil, refusal.Field("invalid_request", "Idempotency-Key", "Send an Idempotency-Key header of 8 to 128 visible ASCII characters: one for each payment, kept before it is sent.")
	}
	presented, err := canonicalOf(details)
	if err != nil {
		return nil, err
	}
	var out *Payout
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		if err := liveAPIKey(tx, apiKey); err != nil {
			return err
		}
		w, err := anyones(tx, id)
		if err != nil {
			return err
		}
		err = s.consume(tx, apiKey, key, w, presented)
		if r := refusal.As(err); r != nil {
			event := store.Event{AccountID: w.AccountID, Kind: "hand_over.refused", Data: map[string]string{"withdrawal": w.ID, "code": r.Code, "api_key": apiKey.ID}}
			if err := tx.Record(event); err != nil {
				return err
			}
			return store.Keep(r)
		}
		if err != nil {
			return err
		}
		if w, err = tx.Withdrawal(w.AccountID, w.ID); err != nil {
			return err
		}
		out, err = s.withDocument(tx, w)
		return err
	})
	return out, err
}

// canonicalOf are the bytes that a payout system presents. What has no canonical form was approved by nobody.
func canonicalOf(d *Details) ([]byte, error) {
	if d == nil {
		return nil, refusal.Field("invalid_request", "details", "Give the details that are about to be paid: an object of ten strings, as docs/approval.md has them.")
	}
	if d.Memo == nil {
		return nil, refusal.Field("invalid_request", "details.memo", "This member is missing. Where the payment has no memo, give an empty one.")
	}
	d.Details.Memo = *d.Memo
	b, err := d.Canonical()
	var bad *approval.DetailsError
	if errors.As(err, &bad) {
		return nil, refusal.Field("invalid_request", "details."+bad.Field, "This member "+bad.Reason+".")
	}
	return b, err
}

// consume refuses before it writes anything.
func (s *Service) consume(tx *store.Tx, apiKey *store.APIKey, key string, w *store.Withdrawal, presented []byte) error {
	before, err := tx.WithdrawalByHandOver(apiKey.ID, key)
	again := err == nil
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	case again && before.ID != w.ID:
		return refusal.Field("idempotency_mismatch", "Idempotency-Key", "This key was used for another withdrawal. Use a new one.")
	}
	approved, err := s.canonical(w)
	if err != nil {
		return err
	}
	if field := differing(approved, presented); field != "" {
		return refusal.Field("details_mismatch", "details."+field, "This is not what was approved. Pay nothing; find out who changed it.")
	}
	switch {
	case again:
		return s.taken(tx, w, apiKey, key, approved)
	case w.State != store.Approved:
		return refusal.New("withdrawal_not_approved", "This withdrawal is "+w.State+" and is not to be paid.").With("state", w.State)
	case !w.HandOverUntil.After(tx.Now):
		return refusal.New("withdrawal_not_approved", "The time to hand this withdrawal over ended. It is not to be paid.").With("state", store.Expired)
	}
	if err := s.genuine(tx, w, approved); err != nil {
		return err
	}
	if err := s.ended(tx, w); err != nil {
		return err
	}
	event, err := tx.RecordAbout(store.Event{AccountID: w.AccountID, Kind: "withdrawal.handed_over", OK: true, Internal: apiKey.ID,
		Data: map[string]string{"withdrawal": w.ID, "asset": w.Asset, "amount": w.Amount, "by": "payout"}},
		func([32]byte) [32]byte { return [32]byte(auditlog.HandedOver(s.Engine.Keys, w.ID, apiKey.ID, key)[0]) })
	if err != nil {
		return err
	}
	ok, err := tx.HandOver(w.ID, apiKey.ID, key, event.Event)
	if err == nil && !ok {
		err = errors.New("a withdrawal that was read as approved is not")
	}
	return err
}

// taken asks the log whether this API key took a withdrawal under this idempotency key: a row that says so is anybody's who has the
// database, and would have it paid once more.
func (s *Service) taken(tx *store.Tx, w *store.Withdrawal, apiKey *store.APIKey, key string, approved []byte) error {
	for _, subject := range auditlog.HandedOver(s.Engine.Keys, w.ID, apiKey.ID, key) {
		ok, err := auditlog.About(tx, s.Engine.Keys, w.HandedOverEvent, "withdrawal.handed_over", w.AccountID, subject)
		if err != nil {
			return err
		}
		if ok {
			return s.genuine(tx, w, approved)
		}
	}
	return errNotGenuine
}

// ended refuses what has ended by the word of an event, or the time to hand it over by that of its approval, whatever its row says by now:
// whoever made it approved again would have it paid twice, or paid although it was stopped.
func (s *Service) ended(tx *store.Tx, w *store.Withdrawal) error {
	row, err := tx.ApprovalRow(w.ID)
	if err != nil {
		return err
	}
	events, err := tx.EndsOfWithdrawals(w.AccountID, row.Record.Event)
	if err != nil {
		return err
	}
	for i := range events {
		if s.told(&events[i], "withdrawal") == w.ID {
			return errNotGenuine
		}
	}
	r, err := tx.LogEvent(row.Record.Event)
	if err != nil {
		return err
	}
	if until := s.told(r, store.HandOverUntil); until != "" && store.FormatEventTime(tx.Now) >= until {
		return errNotGenuine
	}
	return nil
}

// told is a member of the data of an event that the service wrote, "" where it did not, or where they are gone.
func (s *Service) told(r *store.LogRow, member string) string {
	var data map[string]string
	if !r.OK || !r.Ours(s.Engine.Keys) || json.Unmarshal([]byte(r.Data), &data) != nil {
		return ""
	}
	return data[member]
}

var errNotGenuine = refusal.New("approval_invalid", "The approval of this withdrawal does not hold. Pay nothing; run `countersign audit verify`.")

// genuine asks the document itself whether these details were approved, and the log's events whether it was recorded so and its passkey
// registered here for this account: a row that somebody edited in the database pays nobody.
func (s *Service) genuine(tx *store.Tx, w *store.Withdrawal, approved []byte) error {
	row, err := tx.ApprovalRow(w.ID)
	if errors.Is(err, store.ErrNotFound) {
		return errNotGenuine
	}
	if err != nil {
		return err
	}
	details, err := s.Genuine(row.Document)
	if err != nil || details != string(approved) {
		return errNotGenuine
	}
	a, err := approval.Parse(row.Document)
	if err != nil {
		return errNotGenuine
	}
	ok, err := auditlog.About(tx, s.Engine.Keys, row.Record.Event, "withdrawal.approved", row.AccountID, auditlog.Recorded(row.Record, sha256.Sum256(row.Document)))
	if ok && err == nil && a.Passkey != nil {
		ok, err = auditlog.About(tx, s.Engine.Keys, row.Registration.Event, "passkey.created", row.AccountID, auditlog.Registered(row.Registration, row.AccountID, a.Passkey))
	}
	if err == nil && !ok {
		return errNotGenuine
	}
	return err
}

// differing names the first member by which two canonical forms differ, "" if they are the same.
func differing(a, b []byte) string {
	if string(a) == string(b) {
		return ""
	}
	var approved, presented map[string]string
	if json.Unmarshal(a, &approved) != nil || json.Unmarshal(b, &presented) != nil {
		return "details"
	}
	for _, name := range []string{"withdrawal", "account", "relying_party", "asset", "network", "address", "memo", "amount", "fee", "expires"} {
		if approved[name] != presented[name] {
			return name
		}
	}
	return "details"
}

// expireHandOvers ends approved withdrawals that nobody took in time, and tells their owners.
func (s *Service) expireHandOvers(tx *store.Tx) (int, error) {
	overdue, err := tx.OverdueHandOvers(100)
	if err != nil {
		return 0, err
	}
	for i := range overdue {
		w := &overdue[i]
		if err := s.end(tx, w, store.Expired, verification.Caller{}, "hand_over", ""); err != nil {
			return 0, err
		}
		a, err := tx.Account(w.AccountID)
		if err != nil {
			return 0, err
		}
		if err := s.Engine.Notifier.Alert(tx, a, "withdrawal.expired", verification.Caller{}.From(), facts(w)...); err != nil {
			return 0, err
		}
	}
	return len(overdue), nil
}
