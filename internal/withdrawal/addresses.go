package withdrawal

import (
	"context"
	"errors"
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

	savedAt time.Time // zero unless it is saved
	used    bool      // whether or not it is saved too
}

// known tells whether an address is saved, was used, or is new to the account. Another memo is another recipient.
func (s *Service) known(tx *store.Tx, accountID, network, address, memo string) (AddressCheck, error) {
	out := AddressCheck{OK: true, Address: address, Groups: asset.Groups(address), Known: "new"}
	if _, err := tx.UsedAddress(accountID, network, address, memo); err == nil {
		out.Known, out.used = "used", true
	} else if !errors.Is(err, store.ErrNotFound) {
		return out, err
	}
	if a, err := tx.SavedAddress(accountID, network, address, memo); err == nil {
		out.Known, out.Label, out.savedAt = "saved", a.Label, a.CreatedAt
	} else if !errors.Is(err, store.ErrNotFound) {
		return out, err
	}
	return out, nil
}

// addressBook reads an account's book, and where it has sent to, when it is first asked for. Every address has to be opened, so a page reads it once.
type addressBook struct {
	saved []store.Address
	used  map[store.Recipient]time.Time
}

func (b *addressBook) open(tx *store.Tx, accountID string) (err error) {
	if b.used != nil {
		return nil
	}
	if b.saved, err = tx.Addresses(accountID); err != nil {
		return err
	}
	b.used, err = tx.UsedAddresses(accountID)
	return err
}

// lookalike finds a saved or used address that a new one could be mistaken for: address poisoning counts on matching ends. Of
// the used ones it is the last.
func lookalike(tx *store.Tx, b *addressBook, accountID, network, address string) (*Lookalike, error) {
	if err := b.open(tx, accountID); err != nil {
		return nil, err
	}
	for _, a := range b.saved {
		if a.Network == network && asset.Lookalike(a.Address, address) {
			return &Lookalike{Address: a.Address, Label: a.Label, Groups: asset.Groups(a.Address)}, nil
		}
	}
	var found *Lookalike
	var last time.Time
	for to, at := range b.used {
		if to.Network == network && at.After(last) && asset.Lookalike(to.Address, address) {
			found, last = &Lookalike{Address: to.Address, Groups: asset.Groups(to.Address)}, at
		}
	}
	return found, nil
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
		out.Lookalike, err = lookalike(tx, &addressBook{}, c.AccountID(), network, canonical)
		return err
	})
	return &out, err
}

// maxAddresses is how many entries an address book has at most: it is read whole, to look for look-alikes.
const maxAddresses = 500

// room refuses where the book is full.
func room(tx *store.Tx, accountID string) error {
	n, err := tx.CountAddresses(accountID)
	if err == nil && n >= maxAddresses {
		err = refusal.Field("address_book_full", "address", "The address book has as many entries as it can have. Delete one first.")
	}
	return err
}

// Addresses lists the address book.
func (s *Service) Addresses(ctx context.Context, c verification.Caller) (*verification.Page[AddressView], error) {
	page := &verification.Page[AddressView]{Items: []AddressView{}}
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		list, err := tx.Addresses(c.AccountID())
		if err != nil {
			return err
		}
		used, err := tx.UsedAddresses(c.AccountID())
		if err != nil {
			return err
		}
		for i := range list {
			v := viewAddress(&list[i])
			if last, ok := used[store.Recipient{Network: v.Network, Address: v.Address, Memo: v.Memo}]; ok {
				v.LastUsedAt = &last
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
		if err := verification.Live(tx, c); err != nil {
			return err
		}
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
		if err := tx.Record(c.Event(a.ID, "address.deleted", true, map[string]string{"entry": id})); err != nil {
			return err
		}
		// An entry that is gone warns of no look-alike any more.
		return s.Engine.Notifier.Alert(tx, a, "address.deleted", c.From())
	})
}

func (s *Service) beginSave(tx *store.Tx, a *store.Account, _ verification.Caller, r *verification.Request) (verification.Payload, *verification.NewFactor, error) {
	var none verification.Payload
	in := r.Address
	if in == nil {
		return none, nil, refusal.Field("invalid_request", "address", "Give the entry: label, network, address and, where the network has one, memo.")
	}
	label, err := verification.TidyName("address.label", in.Label)
	if err != nil {
		return none, nil, err
	}
	network, ok := s.network(in.Network)
	if !ok {
		return none, nil, refusal.Field("invalid_request", "address.network", "There is no such network here. GET /v1/assets lists them.")
	}
	canonical, err := address(network, in.Address, in.Memo)
	if err != nil {
		return none, nil, err
	}
	if err := room(tx, a.ID); err != nil {
		return none, nil, err
	}
	return verification.Payload{Address: &verification.AddressInput{Label: label, Network: in.Network, Address: canonical, Memo: in.Memo}}, nil, nil
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
	// Again: others may have been saved meanwhile.
	if err := room(tx, c.Account.ID); err != nil {
		return nil, err
	}
	entry := &store.Address{ID: secret.NewID("adr", tx.Now), AccountID: c.Account.ID, Label: in.Label, Network: in.Network, Address: in.Address, Memo: in.Memo, CreatedAt: tx.Now}
	if err := tx.AddAddress(entry); errors.Is(err, store.ErrExists) {
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
