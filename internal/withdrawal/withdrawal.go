// Package withdrawal has the flow of money leaving: requested, reviewed, approved, and nothing twice.
//
//	requested ──approve──► approved ──hand over──► handed_over
//	    │ │ │                 ├─cancel (a freeze)─► cancelled
//	    │ │ │                 └─expire────────────► expired
//	    │ │ └─decline──► declined
//	    │ └───cancel───► cancelled
//	    └─────expire───► expired
//
// Every arrow is one conditional update of the state, so that of two at once one finds it gone. What happens on the
// chain is not ours to claim.
package withdrawal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"time"

	"countersign/approval"
	"countersign/internal/asset"
	"countersign/internal/auditlog"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/verification"
)

const (
	// Life is how long a requested withdrawal waits for its approval.
	Life = 10 * time.Minute
	// WaitedLife is how long it does after the wait of a new address: nobody sits there when that ends.
	WaitedLife = 24 * time.Hour
)

// Service runs the flow. Its fields are set once.
type Service struct {
	Engine    *verification.Engine
	Catalogue asset.Catalogue
	Holds     policy.Holds
	// HandOverLife is how long an approved withdrawal waits for the payout system.
	HandOverLife time.Duration
	// Retention is how long a decided withdrawal is kept; 0 is for good.
	Retention time.Duration
	// Genuine checks an approval's document and gives the canonical details that it proves.
	Genuine func(document []byte) (details string, err error)
	// Fiat gives a demo figure for an amount; nil where no prices are known.
	Fiat func(assetCode, amount string) (fiat asset.Amount, known bool)
}

// Actions are what this package does at the end of verifications.
func (s *Service) Actions() map[policy.Purpose]verification.Action {
	return map[policy.Purpose]verification.Action{
		policy.ApproveWithdrawal: {Begin: s.beginApproval, Check: s.checkApproval, Details: s.details, Finish: s.finishApproval, View: s.reviewed, Line: s.line},
		policy.SaveAddress:       {Begin: s.beginSave, Finish: s.finishSave},
	}
}

// Input is a request to withdraw.
type Input struct{ Asset, Network, Address, Memo, Amount string }

// View is a withdrawal as its owner sees it.
type View struct {
	ID              string      `json:"id"`
	State           string      `json:"state"`
	Asset           string      `json:"asset"`
	Network         string      `json:"network"`
	NetworkName     string      `json:"network_name"`
	Standard        string      `json:"standard"`
	Address         string      `json:"address"`
	Groups          []string    `json:"groups"`
	Memo            string      `json:"memo"`
	Amount          string      `json:"amount"`
	Fee             string      `json:"fee"`
	Receives        string      `json:"receives"`
	Fiat            *string     `json:"fiat"`
	AddressKnown    string      `json:"address_known"`
	Label           string      `json:"label"`
	Lookalike       *Lookalike  `json:"lookalike"`
	RequestedAt     time.Time   `json:"requested_at"`
	ExpiresAt       time.Time   `json:"expires_at"`
	DecidedAt       *time.Time  `json:"decided_at"`
	ApprovedAt      *time.Time  `json:"approved_at"`
	HandedOverAt    *time.Time  `json:"handed_over_at"`
	ApprovedBy      *ApprovedBy `json:"approved_by"`
	Fingerprint     *string     `json:"fingerprint"`
	DetailsDigest   string      `json:"details_digest"`
	SignatureDigest *string     `json:"signature_digest"`
	WaitsUntil      *time.Time  `json:"waits_until"`
}

// ApprovedBy names the way and, for a passkey, its name at that time.
type ApprovedBy struct {
	Way     string `json:"way"`
	Passkey string `json:"passkey"`
}

// Lookalike is a saved or used address that an entered one could be mistaken for; Label is "" for one that is not saved.
type Lookalike struct {
	Address string   `json:"address"`
	Label   string   `json:"label"`
	Groups  []string `json:"groups"`
}

var idempotencyKey = regexp.MustCompile(`^[\x21-\x7e]{8,128}$`)

// Request records a withdrawal. The same key with the same input answers the same withdrawal again, with other input a refusal.
func (s *Service) Request(ctx context.Context, c verification.Caller, key string, in Input) (*View, error) {
	if !idempotencyKey.MatchString(key) {
		return nil, refusal.Field("invalid_request", "Idempotency-Key", "Send an Idempotency-Key header of 8 to 128 visible ASCII characters, a new one for each withdrawal.")
	}
	b, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(b)
	var view *View
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		if err := verification.Live(tx, c); err != nil {
			return err
		}
		if before, err := tx.WithdrawalByKey(c.AccountID(), key); err == nil {
			if string(before.RequestHash) != string(hash[:]) {
				return refusal.Field("idempotency_mismatch", "Idempotency-Key", "This key was used for another withdrawal. Use a new one.")
			}
			view, err = s.view(tx, before)
			return err
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := s.admit(tx, c.AccountID()); err != nil {
			return err
		}
		a, err := tx.Account(c.AccountID())
		if err != nil {
			return err
		}
		w, err := s.check(tx, a, in)
		if err != nil {
			return err
		}
		w.IdempotencyKey, w.RequestHash = key, hash[:]
		if err := tx.AddWithdrawal(w); err != nil {
			return err
		}
		if err := tx.Record(c.Event(a.ID, "withdrawal.requested", true, map[string]string{"withdrawal": w.ID, "asset": w.Asset, "amount": w.Amount})); err != nil {
			return err
		}
		view, err = s.view(tx, w)
		return err
	})
	return view, err
}

// admit bounds what an account may request: in an hour, and at once.
func (s *Service) admit(tx *store.Tx, accountID string) error {
	if err := s.Engine.AdmitWithdrawal(tx, accountID); err != nil {
		return err
	}
	waiting, first, err := tx.Waiting(accountID)
	if err == nil && waiting >= s.Engine.Limits.Requested {
		err = refusal.New("rate_limited", "Too many withdrawals wait for approval. Approve some of them, or cancel them.").Until(first)
	}
	return err
}

// check judges the input and what the account may do now, and makes the row.
func (s *Service) check(tx *store.Tx, a *store.Account, in Input) (*store.Withdrawal, error) {
	if a.Frozen {
		return nil, verification.Blocked(&policy.Block{Code: policy.AccountFrozen})
	}
	as, network, err := s.lookUp(in.Asset, in.Network)
	if err != nil {
		return nil, err
	}
	address, err := address(network, in.Address, in.Memo)
	if err != nil {
		return nil, err
	}
	if err := s.affordable(tx, a.ID, as, network, in.Amount); err != nil {
		return nil, err
	}
	known, err := s.known(tx, a.ID, network.ID, address, in.Memo)
	if err != nil {
		return nil, err
	}
	w := &store.Withdrawal{ID: secret.NewID("wd", tx.Now), AccountID: a.ID, State: store.Requested, Asset: as.Code, Network: network.ID, Address: address, Memo: in.Memo,
		Amount: in.Amount, Fee: network.Fee.String(), AddressKnown: known.Known, Label: known.Label, RequestedAt: tx.Now, ExpiresAt: tx.Now.Add(Life)}
	if !known.used && s.Holds.NewAddress > 0 {
		if until := known.savedAt.Add(s.Holds.NewAddress); known.Known == "new" {
			w.WaitsUntil = tx.Now.Add(s.Holds.NewAddress)
		} else if until.After(tx.Now) {
			w.WaitsUntil = until
		}
	}
	if !w.WaitsUntil.IsZero() {
		w.ExpiresAt = w.WaitsUntil.Add(WaitedLife)
	}
	// Whatever a proof could be made from must be expressible: refuse here what the canonical form refuses.
	if _, err := s.canonical(w); err != nil {
		return nil, refusal.Field("invalid_request", "amount", "These details have no canonical form: "+err.Error())
	}
	return w, nil
}

func (s *Service) lookUp(code, networkID string) (asset.Asset, asset.Network, error) {
	as, network, err := s.Catalogue.Lookup(code, networkID)
	return as, network, assetRefusal(err)
}

// address is the one form of an address, if it and the memo are good for the network.
func address(network asset.Network, text, memo string) (string, error) {
	canonical, err := asset.CheckAddress(network.ID, text)
	if err != nil {
		return "", assetRefusal(err)
	}
	return canonical, assetRefusal(asset.CheckMemo(network.Memo, memo))
}

func assetRefusal(err error) error {
	var ae *asset.Error
	if errors.As(err, &ae) {
		return refusal.Field(ae.Code, ae.Field, ae.Message)
	}
	return err
}

// affordable holds the amount against the network's minimum and the balance, where the business has told one.
func (s *Service) affordable(tx *store.Tx, accountID string, as asset.Asset, network asset.Network, text string) error {
	amount, err := asset.ParseAmount(text, as.Decimals)
	if err != nil {
		return assetRefusal(err)
	}
	if err := network.CheckMinimum(amount); err != nil {
		return assetRefusal(err)
	}
	text, err = tx.Balance(accountID, as.Code)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	available, err := asset.ParseAmount(text, as.Decimals)
	if err != nil {
		return err
	}
	if amount.Cmp(available) > 0 {
		return refusal.Field("insufficient_balance", "amount", "This is more than the account has. Available: "+text+" "+as.Code+".").With("available", text)
	}
	return nil
}

// canonical are the bytes that an approval commits to.
func (s *Service) canonical(w *store.Withdrawal) ([]byte, error) {
	return approval.Details{Withdrawal: w.ID, Account: w.AccountID, RelyingParty: s.Engine.RP.ID, Asset: w.Asset, Network: w.Network, Address: w.Address, Memo: w.Memo,
		Amount: w.Amount, Fee: w.Fee, Expires: approval.FormatTime(w.ExpiresAt)}.Canonical()
}

// Get reads one withdrawal.
func (s *Service) Get(ctx context.Context, c verification.Caller, id string) (*View, error) {
	var view *View
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		w, err := tx.Withdrawal(c.AccountID(), id)
		if err != nil {
			return missing(err)
		}
		view, err = s.view(tx, w)
		return err
	})
	return view, err
}

func missing(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return refusal.NotFound("withdrawal")
	}
	return err
}

// List reads the account's withdrawals, the newest first. limit is 1 to 100.
func (s *Service) List(ctx context.Context, c verification.Caller, cursor string, limit int) (*verification.Page[View], error) {
	page := &verification.Page[View]{Items: []View{}}
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		list, err := tx.WithdrawalsPage(c.AccountID(), cursor, limit+1)
		if err != nil {
			return err
		}
		if len(list) > limit {
			list = list[:limit]
			page.Next = &list[limit-1].ID
		}
		var book addressBook
		for i := range list {
			v, err := s.viewWith(tx, &list[i], &book)
			if err != nil {
				return err
			}
			page.Items = append(page.Items, *v)
		}
		return nil
	})
	return page, err
}

// Proof reads the document that an approval left behind.
func (s *Service) Proof(ctx context.Context, c verification.Caller, id string) ([]byte, error) {
	var document []byte
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		if _, err := tx.Withdrawal(c.AccountID(), id); err != nil {
			return missing(err)
		}
		var err error
		if document, err = served(tx, id); errors.Is(err, store.ErrNotFound) {
			return refusal.NotFound("approval")
		}
		return err
	})
	return document, err
}

// served is an approval's document as it is handed out: with what the log holds of it by now. It is whole without.
// store.ErrNotFound where there is no approval.
func served(tx *store.Tx, id string) ([]byte, error) {
	row, err := tx.ApprovalRow(id)
	if err != nil {
		return nil, err
	}
	checkpoint, proofs, err := auditlog.Prove(tx, row.Record, row.Registration)
	switch {
	case errors.Is(err, auditlog.ErrUnsound), err == nil && proofs[0] == nil && proofs[1] == nil:
		return row.Document, nil
	case err != nil:
		return nil, err
	}
	doc, err := approval.Parse(row.Document)
	if err != nil {
		return nil, err
	}
	if doc.Log, err = approval.NewLog(checkpoint, proofs[0], proofs[1]); err != nil {
		return nil, err
	}
	return doc.Marshal()
}

func (s *Service) view(tx *store.Tx, w *store.Withdrawal) (*View, error) {
	return s.viewWith(tx, w, &addressBook{})
}

func (s *Service) viewWith(tx *store.Tx, w *store.Withdrawal, book *addressBook) (*View, error) {
	canonical, err := s.canonical(w)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(canonical)
	v := &View{ID: w.ID, State: w.State, Asset: w.Asset, Network: w.Network, NetworkName: w.Network, Address: w.Address, Groups: asset.Groups(w.Address), Memo: w.Memo,
		Amount: w.Amount, Fee: w.Fee, AddressKnown: w.AddressKnown, Label: w.Label, RequestedAt: w.RequestedAt, ExpiresAt: w.ExpiresAt, DetailsDigest: hex.EncodeToString(digest[:])}
	if w.State == store.Requested && !w.ExpiresAt.After(tx.Now) {
		v.State = store.Expired
	}
	if v.Receives, err = receives(w.Amount, w.Fee); err != nil {
		return nil, err
	}
	if _, network, err := s.lookUp(w.Asset, w.Network); err == nil {
		v.NetworkName, v.Standard = network.Name, network.Standard
	}
	if s.Fiat != nil {
		if fiat, known := s.Fiat(w.Asset, w.Amount); known {
			text := fiat.Fixed(2)
			v.Fiat = &text
		}
	}
	if !w.DecidedAt.IsZero() {
		v.DecidedAt = &w.DecidedAt
	}
	if !w.ApprovedAt.IsZero() {
		v.ApprovedAt = &w.ApprovedAt
	}
	if !w.HandedOverAt.IsZero() {
		v.HandedOverAt = &w.HandedOverAt
	}
	if !w.WaitsUntil.IsZero() {
		v.WaitsUntil = &w.WaitsUntil
	}
	if w.ApprovedWay != "" {
		v.ApprovedBy = &ApprovedBy{Way: w.ApprovedWay, Passkey: w.ApprovedName}
	}
	if w.Fingerprint != nil {
		fingerprint, signature := hex.EncodeToString(w.Fingerprint), hex.EncodeToString(w.SignatureHash)
		v.Fingerprint, v.SignatureDigest = &fingerprint, &signature
	}
	if w.State == store.Requested && w.AddressKnown == "new" {
		if v.Lookalike, err = lookalike(tx, book, w.AccountID, w.Network, w.Address); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// receives does not ask the catalogue: what was requested reads the same once its asset is offered no longer.
func receives(amount, fee string) (string, error) {
	a, err := asset.ParseAmount(amount, asset.MaxDecimals)
	if err != nil {
		return "", err
	}
	f, err := asset.ParseAmount(fee, asset.MaxDecimals)
	if err != nil {
		return "", err
	}
	return a.Sub(f).String(), nil
}
