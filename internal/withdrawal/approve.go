package withdrawal

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"countersign/approval"
	"countersign/internal/asset"
	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/verification"
)

func (s *Service) beginApproval(tx *store.Tx, a *store.Account, _ verification.Caller, r *verification.Request) (verification.Payload, *verification.NewFactor, error) {
	_, err := s.open(tx, a.ID, r.Object)
	return verification.Payload{}, nil, err
}

// open reads a withdrawal that can still be approved.
func (s *Service) open(tx *store.Tx, accountID, id string) (*store.Withdrawal, error) {
	w, err := tx.Withdrawal(accountID, id)
	if err != nil {
		return nil, missing(err)
	}
	switch {
	case w.State == store.Requested && !w.ExpiresAt.After(tx.Now), w.State == store.Expired:
		return nil, refusal.New("withdrawal_expired", "The time to approve this withdrawal is over. Nothing was sent. Request it again.")
	case w.State != store.Requested:
		return nil, refusal.New("withdrawal_not_requested", "This withdrawal is "+w.State+" and cannot be approved.").With("state", w.State)
	case w.WaitsUntil.After(tx.Now):
		return nil, refusal.New("address_waiting", "New addresses wait before anything is sent to them.").With("until", w.WaitsUntil).Until(w.WaitsUntil)
	}
	return w, nil
}

func (s *Service) checkApproval(tx *store.Tx, a *store.Account, v *store.Verification) error {
	_, err := s.open(tx, a.ID, v.Object)
	return err
}

func (s *Service) details(tx *store.Tx, a *store.Account, v *store.Verification) ([]byte, error) {
	w, err := s.open(tx, a.ID, v.Object)
	if err != nil {
		return nil, err
	}
	return s.canonical(w)
}

func (s *Service) reviewed(tx *store.Tx, a *store.Account, v *store.Verification) (any, error) {
	w, err := tx.Withdrawal(a.ID, v.Object)
	if err != nil {
		return nil, missing(err)
	}
	return s.view(tx, w)
}

// line is what a code's message says: amount and the ends of the address.
func (s *Service) line(tx *store.Tx, a *store.Account, v *store.Verification) (*delivery.WithdrawalLine, error) {
	w, err := tx.Withdrawal(a.ID, v.Object)
	if err != nil {
		return nil, missing(err)
	}
	start, end := ends(w.Address)
	return &delivery.WithdrawalLine{Amount: w.Amount, Asset: w.Asset, AddressStart: start, AddressEnd: end}, nil
}

// ends are what a message shows of an address.
func ends(address string) (start, end string) {
	n := min(6, len(address)/2)
	return address[:n], address[len(address)-n:]
}

// facts are what a security e-mail says of a withdrawal.
func facts(w *store.Withdrawal) [][2]string {
	start, end := ends(w.Address)
	return [][2]string{{"Amount", w.Amount + " " + w.Asset}, {"To", start + "…" + end}}
}

// finishApproval is the one place where a withdrawal becomes approved. It runs in the transaction that consumes the proof,
// checks again all that the proof was asked for, and leaves the record by which anybody can check it.
func (s *Service) finishApproval(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	w, err := s.open(tx, c.Account.ID, c.V.Object)
	if err != nil {
		return nil, err
	}
	if err := s.allowed(c, tx); err != nil {
		return nil, err
	}
	as, network, err := s.lookUp(w.Asset, w.Network)
	if err != nil {
		return nil, err
	}
	if err := s.affordable(tx, w.AccountID, as, network, w.Amount); err != nil {
		return nil, err
	}
	document, signature, err := s.record(tx, c, w)
	if err != nil {
		return nil, err
	}
	name := ""
	if c.Passkey != nil {
		name = c.Passkey.Name
	}
	ok, err := tx.MoveWithdrawal(w.ID, store.Requested, store.Approved, c.Way, name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, refusal.New("withdrawal_not_requested", "This withdrawal was decided meanwhile.")
	}
	until := tx.Now.Add(s.HandOverLife)
	if err := tx.SetHandOverUntil(w.ID, until); err != nil {
		return nil, err
	}
	if err := book(tx, w, asset.Amount.Sub); err != nil {
		return nil, err
	}
	body, err := document.Marshal()
	if err != nil {
		return nil, err
	}
	fingerprint, err := document.Fingerprint()
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(signature)
	record, err := tx.RecordAbout(c.Caller.Event(w.AccountID, "withdrawal.approved", true, map[string]string{"withdrawal": w.ID, "asset": w.Asset, "amount": w.Amount, "way": c.Way,
		"fingerprint": hex.EncodeToString(fingerprint[:]), store.HandOverUntil: store.FormatEventTime(until)}), func(opening [32]byte) [32]byte { return approval.ApprovalCommitment(opening, fingerprint) })
	if err != nil {
		return nil, err
	}
	if err := tx.AddApproval(w.ID, c.V.ID, body, fingerprint[:], hash[:], record); err != nil {
		return nil, err
	}
	if c.Passkey != nil {
		if err := tx.SetApprovalRegistration(w.ID, c.Passkey.CredentialID); err != nil {
			return nil, err
		}
	}
	if w, err = tx.Withdrawal(w.AccountID, w.ID); err != nil {
		return nil, err
	}
	view, err := s.view(tx, w)
	if err != nil {
		return nil, err
	}
	return &verification.Result{Withdraw: view}, s.Engine.Notifier.Alert(tx, c.Account, "withdrawal.approved", c.Caller.From(), facts(w)...)
}

// allowed asks the policy once more, with what is true in this transaction.
func (s *Service) allowed(c *verification.Completed, tx *store.Tx) error {
	req := s.Engine.Policy.Require(policy.ApproveWithdrawal, verification.StateOf(c.Account, c.Bound, tx.Now))
	switch {
	case c.Way == "passkey" && !req.PasskeyOpen():
		return verification.Blocked(req.Passkey)
	case c.Way == "passkey" && !s.Engine.Policy.ServesPasskey(policy.ApproveWithdrawal, c.Passkey.WithdrawalPower):
		return verification.Blocked(&policy.Block{Code: policy.PasskeyWithoutPower})
	case c.Way == "codes" && !req.CodesOpen():
		return verification.Blocked(req.CodesBlock)
	case c.Way == "codes" && len(c.Kinds) != len(req.Codes):
		return verification.Blocked(&policy.Block{Code: policy.FactorsIncomplete})
	}
	return nil
}

// record makes the approval's document. signature is the passkey's, or the server's where codes were given.
func (s *Service) record(tx *store.Tx, c *verification.Completed, w *store.Withdrawal) (doc approval.Approval, signature []byte, err error) {
	canonical, err := s.canonical(w)
	if err != nil {
		return doc, nil, err
	}
	doc = approval.Approval{Version: approval.Version, Details: string(canonical), ApprovedAt: approval.FormatTime(tx.Now)}
	b64 := base64.RawURLEncoding.EncodeToString
	if c.Way == "passkey" {
		doc.Passkey = &approval.PasskeyEvidence{RelyingParty: c.Ceremony.RPID, Origin: c.Ceremony.Origin, CredentialID: b64(c.Passkey.CredentialID), PublicKey: b64(c.Passkey.PublicKey),
			Algorithm: c.Passkey.Algorithm, Nonce: b64(c.Ceremony.Nonce), AuthenticatorData: b64(c.Response.AuthenticatorData), ClientDataJSON: b64(c.Response.ClientDataJSON),
			Signature: b64(c.Response.Signature)}
		return doc, c.Response.Signature, nil
	}
	factors := make([]string, len(c.Kinds))
	for i, k := range c.Kinds {
		factors[i] = string(k)
	}
	id, key := s.Engine.Keys.Signer()
	if doc.Codes, err = approval.SignCodes(key, id, canonical, factors, tx.Now); err != nil {
		return doc, nil, err
	}
	signature, err = base64.RawURLEncoding.DecodeString(doc.Codes.Signature)
	return doc, signature, err
}

// book takes the amount off the balance that the business has told (Amount.Sub), or gives it back (Amount.Add). It does
// not ask the catalogue: an asset that is offered no longer must not keep an account from being frozen.
func book(tx *store.Tx, w *store.Withdrawal, change func(balance, amount asset.Amount) asset.Amount) error {
	text, err := tx.Balance(w.AccountID, w.Asset)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	available, err := asset.ParseAmount(text, asset.MaxDecimals)
	if err != nil {
		return err
	}
	amount, err := asset.ParseAmount(w.Amount, asset.MaxDecimals)
	if err != nil {
		return err
	}
	return tx.SetBalance(w.AccountID, w.Asset, change(available, amount).String())
}

// Cancel takes back a requested withdrawal. The session suffices: nothing leaves by it.
func (s *Service) Cancel(ctx context.Context, c verification.Caller, id string) (*View, error) {
	var view *View
	err := s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		if err := verification.Live(tx, c); err != nil {
			return err
		}
		w, err := undecided(tx, c.AccountID(), id, "cancelled")
		if err != nil {
			return err
		}
		if err := s.end(tx, w, store.Cancelled, c, "customer", ""); err != nil {
			return err
		}
		if w, err = tx.Withdrawal(w.AccountID, id); err != nil {
			return err
		}
		view, err = s.view(tx, w)
		return err
	})
	return view, err
}

// undecided reads a requested withdrawal whose time is not over, or refuses what was to be done to it.
func undecided(tx *store.Tx, accountID, id, what string) (*store.Withdrawal, error) {
	w, err := tx.Withdrawal(accountID, id)
	switch {
	case err != nil:
		return nil, missing(err)
	case w.State != store.Requested:
		return nil, refusal.New("withdrawal_not_requested", "This withdrawal is "+w.State+" and cannot be "+what+".").With("state", w.State)
	case !w.ExpiresAt.After(tx.Now):
		return nil, refusal.New("withdrawal_expired", "The time to approve this withdrawal is over. Nothing was sent.")
	}
	return w, nil
}

// CancelOpen cancels, at a freeze, what is requested and what is approved but not handed over.
func (s *Service) CancelOpen(tx *store.Tx, a *store.Account, c verification.Caller) error {
	open, err := tx.OpenWithdrawals(a.ID)
	if err != nil {
		return err
	}
	for i := range open {
		if err := s.end(tx, &open[i], store.Cancelled, c, "freeze", ""); err != nil {
			return err
		}
	}
	return nil
}

// Decline is the business saying no to a requested withdrawal. The customer is told; reason, 1 to 200 printable characters, is
// for those who run the service alone.
func (s *Service) Decline(ctx context.Context, id, reason string) error {
	if n := utf8.RuneCountInString(reason); n == 0 || n > 200 || strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return refusal.Field("invalid_request", "reason", "Give a reason of 1 to 200 printable characters.")
	}
	return s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		owner, err := tx.WithdrawalOwner(id)
		if err != nil {
			return missing(err)
		}
		w, err := undecided(tx, owner, id, "declined")
		if err != nil {
			return err
		}
		if err := s.end(tx, w, store.Declined, verification.Caller{}, "business", reason); err != nil {
			return err
		}
		a, err := tx.Account(owner)
		if err != nil {
			return err
		}
		return s.Engine.Notifier.Alert(tx, a, "withdrawal.declined", verification.Caller{}.From(), facts(w)...)
	})
}

// ExpireOverdue moves to expired what was requested, or approved, and whose deadline has passed: 100 of each at most. It tells how many.
func (s *Service) ExpireOverdue(ctx context.Context) (n int, err error) {
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		overdue, err := tx.OverdueWithdrawals(100)
		if err != nil {
			return err
		}
		for i := range overdue {
			if err := s.end(tx, &overdue[i], store.Expired, verification.Caller{}, "deadline", ""); err != nil {
				return err
			}
		}
		late, err := s.expireHandOvers(tx)
		n = len(overdue) + late
		return err
	})
	return n, err
}

// RemoveOld deletes withdrawals, and their approvals, that were decided longer ago than Retention; 0 keeps them for good. The audit log
// says until when they were removed.
func (s *Service) RemoveOld(ctx context.Context) error {
	if s.Retention == 0 {
		return nil
	}
	for after, more := "", true; more; more = after != "" {
		err := s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
			before := tx.Now.Add(-s.Retention).Truncate(time.Second)
			removed, next, err := tx.RemoveWithdrawals(before, after, 500)
			if err != nil {
				return err
			}
			after = next
			if removed == 0 {
				return nil
			}
			return tx.Redacted(store.RetainWithdrawals, before)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// end moves a withdrawal to one of its final states, and gives back what an approval had taken off the balance.
func (s *Service) end(tx *store.Tx, w *store.Withdrawal, to string, c verification.Caller, by, reason string) error {
	ok, err := tx.MoveWithdrawal(w.ID, w.State, to, "", "")
	if err != nil || !ok {
		return err
	}
	if w.State == store.Approved {
		if err := book(tx, w, asset.Amount.Add); err != nil {
			return err
		}
	}
	event := c.Event(w.AccountID, "withdrawal."+to, true, map[string]string{"withdrawal": w.ID, "asset": w.Asset, "amount": w.Amount, "by": by})
	event.Internal = reason
	return tx.Record(event)
}
