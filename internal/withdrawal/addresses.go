package withdrawal

import (
	"context"
	"errors"
	"strings"
	"time"

	"countersign/internal/asset"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// AddressView is an entry of the address book.
type AddressView struct {
	ID         string     `json:"id"`
	Label      string     `json:"label"`
	Network    string     `json:"network"`
	Address    string     `json:"address"`
	Groups     []string   `json:"groups"`
	Memo       string     `json:"memo"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// AddressCheck is what the service has to say about an address before it is used.
type AddressCheck struct {
	OK        bool       `json:"ok"`
	Problem   *string    `json:"problem"`
	Address   string     `json:"address"`
	Groups    []string   `json:"groups"`
	Known     string     `json:"known"`
	Label     string     `json:"label"`
	Lookalike *Lookalike `json:"lookalike"`

	savedAt time.Time
}

// known tells whether an address is saved, was used, or is new to the account. Another memo is another recipient.
func (s *Service) known(tx *store.Tx, accountID, network, address, memo string) (AddressCheck, error) {
	list, err := tx.Addresses(accountID)
	if err != nil {
		return AddressCheck{}, err
	}
	out := AddressCheck{OK: true, Address: address, Groups: asset.Groups(address), Known: "new"}
	for _, a := range list {
		if a.Network == network && a.Address == address && a.Memo == memo {
			out.Known, out.Label, out.savedAt = "saved", a.Label, a.CreatedAt
			return out, nil
		}
	}
	if _, err := tx.UsedAddress(accountID, network, address, memo); err == nil {
		out.Known = "used"
	} else if !errors.Is(err, store.ErrNotFound) {
		return out, err
	}
	return out, nil
}

// lookalike finds a saved address that a new one could be mistaken for: address poisoning counts on matching ends.
func (s *Service) lookalike(tx *store.Tx, accountID, network, address string) (*Lookalike, error) {
	list, err := tx.Addresses(accountID)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		if a.Network == network && asset.Lookalike(a.Address, address) {
			return &Lookalike{Address: a.Address, Label: a.Label, Groups: asset.Groups(a.Address)}, nil
		}
	}
	return nil, nil
}

// CheckAddress judges an address for the form that it is being entered in.
func (s *Service) CheckAddress(ctx context.Context, c verification.Caller, network, address, memo string) (*AddressCheck, error) {
	canonical, err := asset.CheckAddress(network, address)
	if r := refusal.As(assetRefusal(err)); r != nil {
		return &AddressCheck{Problem: &r.Detail, Address: address, Groups: asset.Groups(address)}, nil
	}
	if err != nil {
		return nil, err
	}
	var out AddressCheck
	err = s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		var err error
		if out, err = s.known(tx, c.AccountID(), network, canonical, memo); err != nil || out.Known != "new" {
			return err
		}
		out.Lookalike, err = s.lookalike(tx, c.AccountID(), network, canonical)
		return err
	})
	return &out, err
}

// Addresses lists the address book, 500 entries at most.
func (s *Service) Addresses(ctx context.Context, c verification.Caller) (*verification.Page[AddressView], error) {
	page := &verification.Page[AddressView]{Items: []AddressView{}}
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		list, err := tx.Addresses(c.AccountID())
		if err != nil {
			return err
		}
		for i := range list {
			v := viewAddress(&list[i])
			last, err := tx.UsedAddress(c.AccountID(), v.Network, v.Address, v.Memo)
			if err == nil {
				v.LastUsedAt = &last
			} else if !errors.Is(err, store.ErrNotFound) {
				return err
			}
			page.Items = append(page.Items, v)
		}
		return nil
	})
	return page, err
}

func viewAddress(a *store.Address) AddressView {
	return AddressView{ID: a.ID, Label: a.Label, Network: a.Network, Address: a.Address, Groups: asset.Groups(a.Address), Memo: a.Memo, CreatedAt: a.CreatedAt}
}

// DeleteAddress takes an entry out of the book. The session suffices: it only makes sending harder.
func (s *Service) DeleteAddress(ctx context.Context, c verification.Caller, id string) error {
	return s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		a, err := tx.Account(c.AccountID())
		if err != nil {
			return err
		}
		if a.Frozen {
			return verification.Blocked(&policy.Block{Code: policy.AccountFrozen})
		}
		ok, err := tx.DeleteAddress(c.AccountID(), id)
		if err != nil {
			return err
		}
		if !ok {
			return refusal.NotFound("address")
		}
		return tx.Record(c.Event(c.AccountID(), "address.deleted", true, map[string]string{"entry": id}))
	})
}

func (s *Service) beginSave(_ *store.Tx, _ *store.Account, _ verification.Caller, r *verification.Request) (verification.Payload, *verification.NewFactor, error) {
	var none verification.Payload
	in := r.Address
	if in == nil {
		return none, nil, refusal.Field("invalid_request", "address", "Give the entry: label, network, address and, where the network has one, memo.")
	}
	in.Label = strings.TrimSpace(in.Label)
	if in.Label == "" || len(in.Label) > 64 || strings.ContainsFunc(in.Label, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return none, nil, refusal.Field("invalid_request", "address.label", "A label has 1 to 64 bytes and no control characters.")
	}
	network, ok := s.network(in.Network)
	if !ok {
		return none, nil, refusal.Field("invalid_request", "address.network", "There is no such network here. GET /v1/assets lists them.")
	}
	canonical, err := address(network, in.Address, in.Memo)
	if err != nil {
		return none, nil, err
	}
	return verification.Payload{Address: &verification.AddressInput{Label: in.Label, Network: in.Network, Address: canonical, Memo: in.Memo}}, nil, nil
}

// network finds a network by its id, whichever asset it carries.
func (s *Service) network(id string) (asset.Network, bool) {
	for _, as := range s.Catalogue.Assets {
		if n, ok := as.Network(id); ok {
			return n, true
		}
	}
	return asset.Network{}, false
}

func (s *Service) finishSave(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	in := c.Payload.Address
	entry := &store.Address{ID: secret.NewID("adr", tx.Now), AccountID: c.Account.ID, Label: in.Label, Network: in.Network, Address: in.Address, Memo: in.Memo, CreatedAt: tx.Now}
	if err := tx.AddAddress(entry); err == store.ErrExists {
		return nil, refusal.Field("conflict", "address", "This address is in the book already.")
	} else if err != nil {
		return nil, err
	}
	if err := tx.Record(c.Caller.Event(c.Account.ID, "address.saved", true, map[string]string{"entry": entry.ID, "network": entry.Network, "way": c.Way})); err != nil {
		return nil, err
	}
	return &verification.Result{}, s.Engine.Notifier.Alert(tx, c.Account, "address.saved", c.Caller.From(), [2]string{"Label", entry.Label})
}

// BalanceView is a balance; Fiat is a demo figure, and absent elsewhere.
type BalanceView struct {
	Asset     string  `json:"asset"`
	Available string  `json:"available"`
	Fiat      *string `json:"fiat"`
}

// BalancesView are the balances that the business has told. Demo says that the figures in fiat are the demo's.
type BalancesView struct {
	Items     []BalanceView `json:"items"`
	TotalFiat *string       `json:"total_fiat"`
	Demo      bool          `json:"demo"`
}

// Balances lists what the business has told of the account's balances.
func (s *Service) Balances(ctx context.Context, c verification.Caller) (*BalancesView, error) {
	out := &BalancesView{Items: []BalanceView{}, Demo: s.Fiat != nil}
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		list, err := tx.Balances(c.AccountID())
		if err != nil || s.Fiat == nil {
			for _, b := range list {
				out.Items = append(out.Items, BalanceView{Asset: b.Asset, Available: b.Available})
			}
			return err
		}
		var total asset.Amount
		for _, b := range list {
			fiat, known := s.Fiat(b.Asset, b.Available)
			v := BalanceView{Asset: b.Asset, Available: b.Available}
			if known {
				total = total.Add(fiat)
				text := fiat.Fixed(2)
				v.Fiat = &text
			}
			out.Items = append(out.Items, v)
		}
		text := total.Fixed(2)
		out.TotalFiat = &text
		return nil
	})
	return out, err
}
