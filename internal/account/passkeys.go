package account

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"countersign/approval"
	"countersign/internal/passkey"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// maxSignalled bounds the complete list of credentials that goes to a password manager.
const maxSignalled = 1000

// PasskeyView is a passkey as its owner sees it.
type PasskeyView struct {
	ID              string     `json:"id"`
	Name            string     `json:"name"`
	Provider        string     `json:"provider"`
	Device          string     `json:"device"`
	Synced          bool       `json:"synced"`
	BackupEligible  bool       `json:"backup_eligible"`
	WithdrawalPower bool       `json:"withdrawal_power"`
	Suspended       bool       `json:"suspended"`
	CreatedAt       time.Time  `json:"created_at"`
	CreatedOn       string     `json:"created_on"`
	LastUsedAt      *time.Time `json:"last_used_at"`
	LastUsedFrom    string     `json:"last_used_from"`
	Current         bool       `json:"current"`
	Seal            string     `json:"seal"`
}

func viewPasskey(p *store.Passkey, c verification.Caller) PasskeyView {
	var aaguid [16]byte
	copy(aaguid[:], p.AAGUID)
	sum := sha256.Sum256(p.PublicKey)
	v := PasskeyView{ID: p.ID, Name: p.Name, Provider: passkey.ProviderName(aaguid), Device: passkey.DeviceKind(p.Transports, aaguid, p.BackupEligible), Synced: p.BackupState,
		BackupEligible: p.BackupEligible, WithdrawalPower: p.WithdrawalPower, Suspended: !p.SuspendedAt.IsZero(), CreatedAt: p.CreatedAt, CreatedOn: p.CreatedOn,
		LastUsedFrom: p.LastUsedFrom, Current: c.Session != nil && c.Session.PasskeyID == p.ID, Seal: hex.EncodeToString(sum[:])}
	if !p.LastUsedAt.IsZero() {
		v.LastUsedAt = &p.LastUsedAt
	}
	return v
}

// Passkeys lists the account's passkeys, the newest first. limit is 1 to 100.
func (s *Service) Passkeys(ctx context.Context, c verification.Caller, cursor string, limit int) (page any, err error) {
	err = s.Engine.DB.View(ctx, func(tx *store.Tx) (err error) {
		page, err = ListPasskeys(tx, c.AccountID(), c, cursor, limit)
		return err
	})
	return page, err
}

// ListPasskeys is one page of an account's passkeys, the newest first, and how many there are in all.
func ListPasskeys(tx *store.Tx, accountID string, c verification.Caller, cursor string, limit int) (any, error) {
	a, err := tx.Account(accountID)
	if err != nil {
		return nil, err
	}
	list, err := tx.PasskeysPage(accountID, cursor, limit+1)
	if err != nil {
		return nil, err
	}
	page := &verification.Page[PasskeyView]{Items: []PasskeyView{}, Total: &a.Passkeys}
	if len(list) > limit {
		list = list[:limit]
		page.Next = &list[limit-1].ID
	}
	for i := range list {
		page.Items = append(page.Items, viewPasskey(&list[i], c))
	}
	return page, nil
}

// Passkey reads one passkey.
func (s *Service) Passkey(ctx context.Context, c verification.Caller, id string) (*PasskeyView, error) {
	var v PasskeyView
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		p, err := tx.Passkey(c.AccountID(), id)
		if err == nil {
			v = viewPasskey(p, c)
		}
		return notFound(err, "passkey")
	})
	return &v, err
}

// RenamePasskey sets a passkey's name: 1 to 64 bytes after trimming. The session suffices.
func (s *Service) RenamePasskey(ctx context.Context, c verification.Caller, id, name string) (*PasskeyView, error) {
	name, err := verification.TidyName("name", name)
	if err != nil {
		return nil, err
	}
	var v PasskeyView
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		if err := thawed(tx, c); err != nil {
			return err
		}
		ok, err := tx.RenamePasskey(c.AccountID(), id, name)
		if err != nil {
			return err
		}
		if !ok {
			return refusal.NotFound("passkey")
		}
		p, err := tx.Passkey(c.AccountID(), id)
		if err != nil {
			return err
		}
		v = viewPasskey(p, c)
		return tx.Record(c.Event(c.AccountID(), "passkey.renamed", true, map[string]string{"passkey": id}))
	})
	return &v, err
}

func (s *Service) beginCreatePasskey(*store.Tx, *store.Account, verification.Caller, *verification.Request) (verification.Payload, *verification.NewFactor, error) {
	return verification.Payload{}, nil, nil
}

// finishCreatePasskey keeps the new key, in the transaction that consumes the challenge and the codes.
func (s *Service) finishCreatePasskey(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	a, key := c.Account, c.Credential
	name := c.Name
	if name == "" {
		name = defaultName(key, c.Caller.Browser)
	}
	name, err := verification.TidyName("name", name)
	if err != nil {
		return nil, err
	}
	p := &store.Passkey{Key: store.Key{ID: secret.NewID("pk", tx.Now), AccountID: a.ID, CredentialID: key.ID, PublicKey: key.PublicKey, Algorithm: key.Algorithm, SignCount: key.SignCount,
		BackupEligible: key.BackupEligible, BackupState: key.BackupState, Name: name,
		// Power to withdraw comes of all three factors having proven themselves here.
		WithdrawalPower: policy.GivesPower(c.Bound, c.Kinds)},
		AAGUID: key.AAGUID[:], Transports: key.Transports, Format: key.Format, RPID: c.Ceremony.RPID,
		AttestationObject: key.AttestationObject, ClientDataJSON: key.ClientDataJSON, CreatedAt: tx.Now, CreatedSession: c.V.SessionID, CreatedOn: c.Caller.Browser}
	if err := tx.AddPasskey(p); errors.Is(err, store.ErrExists) {
		return nil, refusal.New("passkey_exists", "This passkey is registered already. Nothing was changed.")
	} else if err != nil {
		return nil, err
	}
	if err := tx.BumpSecurity(a.ID); err != nil {
		return nil, err
	}
	event, err := tx.RecordAbout(c.Caller.Event(a.ID, "passkey.created", true, map[string]string{"passkey": p.ID, "format": p.Format, "way": c.Way}),
		func(opening [32]byte) [32]byte {
			return approval.CredentialCommitment(opening, a.ID, p.RPID, p.CredentialID, p.PublicKey)
		})
	if err != nil {
		return nil, err
	}
	if err := tx.SetRegistration(a.ID, p.ID, event); err != nil {
		return nil, err
	}
	v := viewPasskey(p, c.Caller)
	return &verification.Result{Passkey: v}, s.Engine.Notifier.Alert(tx, a, "passkey.created", c.Caller.From(), [2]string{"Passkey", name})
}

// defaultName is what a list shows until the owner gives a name.
func defaultName(key *passkey.Credential, browser string) string {
	if name := passkey.ProviderName(key.AAGUID); name != "" {
		return name
	}
	if _, device, ok := strings.Cut(browser, " on "); ok {
		return device
	}
	return "Passkey"
}

func (s *Service) beginDeletePasskey(tx *store.Tx, a *store.Account, _ verification.Caller, r *verification.Request) (verification.Payload, *verification.NewFactor, error) {
	_, err := tx.Passkey(a.ID, r.Object)
	return verification.Payload{}, nil, notFound(err, "passkey")
}

func (s *Service) finishDeletePasskey(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	a := c.Account
	p, err := tx.Passkey(a.ID, c.V.Object)
	if err != nil {
		return nil, notFound(err, "passkey")
	}
	if ok, err := tx.DeletePasskey(a.ID, p.ID); err != nil || !ok {
		return nil, notFound(err, "passkey")
	}
	result, err := s.endOthers(tx, c)
	if err != nil {
		return nil, err
	}
	if err := changed(tx, c, "passkey.deleted", map[string]string{"passkey": p.ID}); err != nil {
		return nil, err
	}
	ids, err := tx.CredentialIDs(a.ID, maxSignalled)
	if err != nil {
		return nil, err
	}
	if ids != nil || a.Passkeys == 1 {
		result.Accepted = accepted(p.RPID, a.Handle, ids)
	}
	return result, s.Engine.Notifier.Alert(tx, a, "passkey.deleted", c.Caller.From(), [2]string{"Passkey", p.Name})
}

// Accepted is the complete list of an account's credentials, for a password manager to drop the others.
type Accepted struct {
	RPID          string   `json:"rp_id"`
	UserID        string   `json:"user_id"`
	CredentialIDs []string `json:"credential_ids"`
}

func accepted(rpID string, handle []byte, ids [][]byte) *Accepted {
	b64 := base64.RawURLEncoding
	out := &Accepted{RPID: rpID, UserID: b64.EncodeToString(handle), CredentialIDs: []string{}}
	for _, id := range ids {
		out.CredentialIDs = append(out.CredentialIDs, b64.EncodeToString(id))
	}
	return out
}
