package asset

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Memo is a network's rule for the text that accompanies a payment.
type Memo string

// The rules for memos.
const (
	MemoNone     Memo = "none"     // payments carry none
	MemoOptional Memo = "optional" // payments may carry one
)

// MaxMemo is the length of the longest memo in bytes of UTF-8.
const MaxMemo = 120

// Network is one way for an asset to leave. Its JSON form is the API's.
type Network struct {
	// ID is one of the networks whose addresses [CheckAddress] knows.
	ID       string `json:"id"`
	Name     string `json:"name"`     // "TRON"
	Standard string `json:"standard"` // "TRC-20"; "Mainnet" for a network's own asset
	// Fee is what each withdrawal costs, part of its amount, in the asset.
	Fee Amount `json:"fee"`
	// Minimum is the least amount of a withdrawal, fee included, in the asset.
	Minimum Amount `json:"minimum"`
	Memo    Memo   `json:"memo"`
	// Minutes is how long a withdrawal usually takes to arrive.
	Minutes int `json:"minutes"`
}

// Asset is something that balances are held in. Its JSON form is the API's.
type Asset struct {
	Code     string    `json:"code"` // "USDT"
	Name     string    `json:"name"` // "Tether"
	Decimals int       `json:"decimals"`
	Networks []Network `json:"networks"`
}

// Network returns the asset's network with the given id.
func (a Asset) Network(id string) (Network, bool) {
	i := slices.IndexFunc(a.Networks, func(n Network) bool { return n.ID == id })
	if i < 0 {
		return Network{}, false
	}
	return a.Networks[i], true
}

// Catalogue holds the assets that can be withdrawn, in the order in which they
// are offered. Callers do not change what it returns.
type Catalogue struct {
	Assets []Asset `json:"assets"`
}

//go:embed default.json
var defaultJSON []byte

// Default returns the built-in catalogue: BTC, ETH, USDT and SOL.
func Default() Catalogue {
	c, err := Load(bytes.NewReader(defaultJSON))
	if err != nil {
		panic("asset: the built-in catalogue: " + err.Error())
	}
	return c
}

// maxCatalogue bounds the file in bytes.
const maxCatalogue = 1 << 20

// Load reads a catalogue from a JSON object with the member "assets", of the
// form of [Asset]. It refuses unknown members, amounts that are not the
// shortest plain decimal or have more decimals than their asset, networks whose
// addresses it cannot check, duplicates, and a minimum that the fee would eat
// up. The error names the asset and the network.
func Load(r io.Reader) (Catalogue, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxCatalogue+1))
	if err != nil {
		return Catalogue{}, err
	}
	if len(b) > maxCatalogue {
		return Catalogue{}, errors.New("catalogue: larger than 1 MiB")
	}
	var c Catalogue
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return Catalogue{}, fmt.Errorf("catalogue: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Catalogue{}, errors.New("catalogue: more than one JSON value")
	}
	if err := c.check(); err != nil {
		return Catalogue{}, fmt.Errorf("catalogue: %w", err)
	}
	if err := feesGiven(b); err != nil {
		return Catalogue{}, fmt.Errorf("catalogue: %w", err)
	}
	return c, nil
}

// feesGiven refuses a document that leaves out a fee: a forgotten line would
// otherwise read as zero and be paid by the operator.
func feesGiven(b []byte) error {
	var given struct {
		Assets []struct {
			Code     string `json:"code"`
			Networks []struct {
				ID  string  `json:"id"`
				Fee *Amount `json:"fee"`
			} `json:"networks"`
		} `json:"assets"`
	}
	if err := json.Unmarshal(b, &given); err != nil {
		return err
	}
	for _, a := range given.Assets {
		for _, n := range a.Networks {
			if n.Fee == nil {
				return fmt.Errorf("asset %s, network %s: no fee", a.Code, n.ID)
			}
		}
	}
	return nil
}

// Asset returns the asset with the given code.
func (c Catalogue) Asset(code string) (Asset, bool) {
	i := slices.IndexFunc(c.Assets, func(a Asset) bool { return a.Code == code })
	if i < 0 {
		return Asset{}, false
	}
	return c.Assets[i], true
}

// Lookup returns an asset and one of its networks, or an *Error about the one
// that there is not.
func (c Catalogue) Lookup(assetCode, networkID string) (Asset, Network, error) {
	a, ok := c.Asset(assetCode)
	if !ok {
		return Asset{}, Network{}, &Error{"asset", CodeInvalidRequest, "This asset is not offered. Choose one from the list."}
	}
	n, ok := a.Network(networkID)
	if !ok {
		return Asset{}, Network{}, &Error{"network", CodeInvalidRequest, fmt.Sprintf("%s cannot leave on this network. Choose one from the list.", a.Code)}
	}
	return a, n, nil
}

// CheckMinimum refuses with an *Error an amount below the network's minimum,
// zero included.
func (n Network) CheckMinimum(amount Amount) error {
	if amount.Cmp(n.Minimum) < 0 || amount.Cmp(n.Fee) <= 0 {
		return &Error{"amount", CodeBelowMinimum, fmt.Sprintf("The least that can be sent on %s is %s. Enter that or more.", n.Name, n.Minimum)}
	}
	return nil
}

// CheckMemo refuses with an *Error a memo that the rule does not allow, one of
// more than 120 bytes, and one with characters that do not show: package
// approval would refuse those later, when it is too late to correct them.
func CheckMemo(rule Memo, memo string) error {
	refuse := func(message string) error { return &Error{"memo", CodeMemoInvalid, message} }
	switch {
	case memo == "":
		return nil
	case rule != MemoOptional:
		return refuse("Payments on this network carry no memo. Leave it empty.")
	case len(memo) > MaxMemo:
		return refuse(fmt.Sprintf("This memo is too long. Use at most %d characters.", MaxMemo))
	}
	for i := range len(memo) {
		if memo[i] < ' ' || memo[i] > '~' {
			return refuse("Use only letters from A to Z, digits, spaces and signs in a memo.")
		}
	}
	if strings.TrimSpace(memo) != memo {
		return refuse("Leave out the spaces before and after the memo.")
	}
	return nil
}

func (c Catalogue) check() error {
	if len(c.Assets) == 0 {
		return errors.New("no assets")
	}
	var codes []string
	for _, a := range c.Assets {
		switch {
		case len(a.Code) < 2 || len(a.Code) > 12 || strings.Trim(a.Code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "":
			return fmt.Errorf("asset %q: the code is not 2 to 12 capitals and digits", a.Code)
		case slices.Contains(codes, a.Code):
			return fmt.Errorf("asset %s: twice", a.Code)
		case !shown(a.Name):
			return fmt.Errorf("asset %s: the name is not 1 to 40 characters", a.Code)
		case a.Decimals < 0 || a.Decimals > MaxDecimals:
			return fmt.Errorf("asset %s: decimals are not 0 to %d", a.Code, MaxDecimals)
		case len(a.Networks) == 0:
			return fmt.Errorf("asset %s: no networks", a.Code)
		}
		codes = append(codes, a.Code)
		var ids []string
		for _, n := range a.Networks {
			if slices.Contains(ids, n.ID) {
				return fmt.Errorf("asset %s, network %s: twice", a.Code, n.ID)
			}
			if err := n.check(a.Decimals); err != nil {
				return fmt.Errorf("asset %s, network %s: %w", a.Code, n.ID, err)
			}
			ids = append(ids, n.ID)
		}
	}
	return nil
}

func (n Network) check(decimals int) error {
	_, known := networks[n.ID]
	_, feeErr := ParseAmount(n.Fee.String(), decimals)
	_, minimumErr := ParseAmount(n.Minimum.String(), decimals)
	switch {
	case !known:
		return errors.New("its addresses cannot be checked")
	case !shown(n.Name) || !shown(n.Standard):
		return errors.New("name or standard is not 1 to 40 characters")
	case feeErr != nil || minimumErr != nil:
		return errors.New("fee or minimum has more decimals than the asset")
	case n.Minimum.Cmp(n.Fee) <= 0:
		return errors.New("the minimum is not more than the fee")
	case n.Memo != MemoNone && n.Memo != MemoOptional:
		return fmt.Errorf("memo is neither %q nor %q", MemoNone, MemoOptional)
	case n.Minutes < 1 || n.Minutes > 7*24*60:
		return errors.New("minutes are not 1 to 10080")
	}
	return nil
}

func shown(s string) bool {
	return s != "" && utf8.RuneCountInString(s) <= 40
}
