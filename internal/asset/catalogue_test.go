package asset

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestTheBuiltInCatalogueOffersFourAssets(t *testing.T) {
	c := Default()
	for _, tc := range []struct {
		code     string
		decimals int
		networks []string
	}{
		{"BTC", 8, []string{Bitcoin}}, {"ETH", 18, []string{Ethereum}}, {"USDT", 6, []string{Tron, Ethereum}}, {"SOL", 9, []string{Solana}},
	} {
		a, ok := c.Asset(tc.code)
		if !ok || a.Decimals != tc.decimals || len(a.Networks) != len(tc.networks) {
			t.Errorf("%s: %+v, %v", tc.code, a, ok)
		}
		for _, id := range tc.networks {
			if _, n, err := c.Lookup(tc.code, id); err != nil || n.ID != id {
				t.Errorf("%s on %s: %v", tc.code, id, err)
			}
		}
	}
	if len(c.Assets) != 4 {
		t.Errorf("%d assets", len(c.Assets))
	}
}

func TestTheCatalogueIsTheAPIsDocument(t *testing.T) {
	b, err := json.Marshal(Default().Assets[2].Networks[1])
	want := `{"id":"ethereum","name":"Ethereum","standard":"ERC-20","fee":"4.2","minimum":"20","memo":"none","minutes":6}`
	if err != nil || string(b) != want {
		t.Errorf("got  %s, %v\nwant %s", b, err, want)
	}
}

func TestWhatIsNotOfferedIsNotFound(t *testing.T) {
	for _, tc := range []struct{ asset, network, field string }{
		{"XMR", "monero", "asset"}, {"", "", "asset"}, {"usdt", "tron", "asset"},
		{"USDT", "bitcoin", "network"}, {"BTC", "tron", "network"}, {"BTC", "", "network"},
	} {
		_, _, err := Default().Lookup(tc.asset, tc.network)
		var refused *Error
		if !errors.As(err, &refused) || refused.Field != tc.field || refused.Code != CodeInvalidRequest {
			t.Errorf("%s on %s: %v", tc.asset, tc.network, err)
		}
	}
}

func TestAmountsBelowTheMinimumAreRefused(t *testing.T) {
	_, tron, err := Default().Lookup("USDT", Tron)
	if err != nil {
		t.Fatal(err)
	}
	for s, ok := range map[string]bool{"0": false, "1": false, "9.999999": false, "10": true, "250": true} {
		err := tron.CheckMinimum(mustAmount(t, s))
		var refused *Error
		if ok != (err == nil) || !ok && (!errors.As(err, &refused) || refused.Code != CodeBelowMinimum || !strings.Contains(refused.Message, "10")) {
			t.Errorf("%s: %v", s, err)
		}
	}
	if (Network{}).CheckMinimum(Amount{}) == nil {
		t.Error("zero was accepted where there is no minimum")
	}
}

func TestMemosFollowTheNetworksRule(t *testing.T) {
	for _, tc := range []struct {
		name string
		rule Memo
		memo string
		ok   bool
	}{
		{"none and empty", MemoNone, "", true},
		{"none and given", MemoNone, "7", false},
		{"optional and empty", MemoOptional, "", true},
		{"optional and given", MemoOptional, "invoice 7 / <a>", true},
		{"an unknown rule", "", "7", false},
		{"the longest", MemoOptional, strings.Repeat("7", 120), true},
		{"too long", MemoOptional, strings.Repeat("7", 121), false},
		{"a line break", MemoOptional, "7\n8", false},
		{"text turned around", MemoOptional, "\u202e7", false},
		{"a space at the end", MemoOptional, "7 ", false},
		{"a space alone", MemoOptional, " ", false},
	} {
		err := CheckMemo(tc.rule, tc.memo)
		var refused *Error
		if tc.ok != (err == nil) || !tc.ok && (!errors.As(err, &refused) || refused.Code != CodeMemoInvalid || refused.Field != "memo") {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestAFaultyCatalogueIsRefusedWithItsReason(t *testing.T) {
	const good = `{"assets":[{"code":"USDT","name":"Tether","decimals":6,"networks":[` +
		`{"id":"tron","name":"TRON","standard":"TRC-20","fee":"1","minimum":"10","memo":"none","minutes":2}]}]}`
	if _, err := Load(strings.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	network := good[strings.Index(good, `{"id"`) : strings.Index(good, `}]}`)+1]
	asset := good[strings.Index(good, `{"code"`) : len(good)-2]
	for _, tc := range []struct{ name, old, replacement, want string }{
		{"nothing", good, ``, "EOF"},
		{"no assets", asset, ``, "no assets"},
		{"no networks", network, ``, "no networks"},
		{"a misspelt member", `"fee"`, `"fees"`, "unknown field"},
		{"a forgotten fee", `"fee":"1",`, ``, "no fee"},
		{"a fee of null", `"fee":"1"`, `"fee":null`, "no fee"},
		{"a fee as a number", `"fee":"1"`, `"fee":1`, "number"},
		{"a fee not in its form", `"fee":"1"`, `"fee":"1.00"`, "amount"},
		{"a fee too fine", `"fee":"1"`, `"fee":"1.0000001"`, "decimals"},
		{"a fee above the minimum", `"fee":"1"`, `"fee":"10"`, "minimum"},
		{"a negative fee", `"fee":"1"`, `"fee":"-1"`, "amount"},
		{"a forgotten minimum", `"minimum":"10",`, ``, "minimum"},
		{"a network without addresses", `"tron"`, `"monero"`, "addresses"},
		{"a network twice", network, network + "," + network, "twice"},
		{"an asset twice", asset, asset + "," + asset, "twice"},
		{"a code in small letters", `"USDT"`, `"usdt"`, "code"},
		{"no name", `"Tether"`, `""`, "name"},
		{"no name of the network", `"TRON"`, `""`, "name"},
		{"too many decimals", `"decimals":6`, `"decimals":19`, "decimals"},
		{"an unknown rule for memos", `"none"`, `"required"`, "memo"},
		{"no minutes", `,"minutes":2`, ``, "minutes"},
		{"text after it", good, good + `x`, "more than one"},
		{"a second document", good, good + good, "more than one"},
		{"too much", good, strings.Repeat(" ", maxCatalogue) + good, "larger"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			document := strings.Replace(good, tc.old, tc.replacement, 1)
			if _, err := Load(strings.NewReader(document)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want one about %q", err, tc.want)
			}
		})
	}
}
