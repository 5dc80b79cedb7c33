package asset

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// The vectors of BIP 173, BIP 350 and EIP-55, and addresses that are well known
// on their networks.
func TestAddressesComeBackInTheirCanonicalForm(t *testing.T) {
	for _, tc := range []struct{ network, in, want string }{
		{Bitcoin, "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"},
		{Bitcoin, "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3", ""},
		{Bitcoin, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", ""},
		{Bitcoin, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", ""},
		{Bitcoin, "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", ""},
		{Ethereum, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", ""},
		{Ethereum, "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359", ""},
		{Ethereum, "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", ""},
		{Ethereum, "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb", ""},
		{Ethereum, "0x52908400098527886E0F7030069857D2E4169EE7", ""},
		{Ethereum, "0xde709f2102306220921060314715629080e2fb77", ""},
		{Ethereum, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
		{Ethereum, "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
		{Tron, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", ""},
		{Tron, " TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t\n", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"},
		{Solana, "So11111111111111111111111111111111111111112", ""},
		{Solana, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", ""},
		{Solana, "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", ""},
	} {
		want := tc.want
		if want == "" {
			want = tc.in
		}
		if got, err := CheckAddress(tc.network, tc.in); err != nil || got != want {
			t.Errorf("%s %s: got %q, %v", tc.network, tc.in, got, err)
		}
	}
}

func TestAddressesThatWouldLoseMoneyAreRefused(t *testing.T) {
	for _, tc := range []struct{ name, network, in string }{
		{"nothing", Bitcoin, ""},
		{"white space", Tron, " \n"},
		{"an endless one", Solana, strings.Repeat("1", 1_000_000)},
		{"bitcoin: test network, bech32", Bitcoin, "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"},
		{"bitcoin: test network, base58", Bitcoin, "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"},
		{"bitcoin: version 1 in bech32", Bitcoin, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd"},
		{"bitcoin: version 0 in bech32m", Bitcoin, "bc1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47"},
		{"bitcoin: a character outside bech32", Bitcoin, "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4"},
		{"bitcoin: version 17", Bitcoin, "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R"},
		{"bitcoin: version 16", Bitcoin, "BC1SW50QGDZ25J"},
		{"bitcoin: version 1 of 40 bytes", Bitcoin, "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y"},
		{"bitcoin: version 1 of 2 bytes", Bitcoin, "bc1pfeessrawgf"},
		{"bitcoin: version 1 of 1 byte", Bitcoin, "bc1pw5dgrnzv"},
		{"bitcoin: version 0 of 16 bytes", Bitcoin, "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P"},
		{"bitcoin: mixed case", Bitcoin, "bc1qW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"},
		{"bitcoin: surplus padding", Bitcoin, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf"},
		{"bitcoin: no data", Bitcoin, "bc1gmk9yu"},
		{"bitcoin: one character changed", Bitcoin, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"},
		{"bitcoin: one character too many", Bitcoin, "11A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"},
		{"bitcoin: zeros", Bitcoin, "1111111111111111111114oLvT2"},
		{"ethereum: the wrong checksum", Ethereum, "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
		{"ethereum: a character changed", Ethereum, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAee"},
		{"ethereum: no prefix", Ethereum, "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
		{"ethereum: the prefix in capitals", Ethereum, "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
		{"ethereum: too short", Ethereum, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe"},
		{"ethereum: too long", Ethereum, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0"},
		{"ethereum: not hexadecimal", Ethereum, "0xgaaeb6053f3e94c9b9a09f33669435e7ef1beaed"},
		{"ethereum: a name", Ethereum, "halloran.eth"},
		{"ethereum: zeros", Ethereum, "0x0000000000000000000000000000000000000000"},
		{"tron: one character changed", Tron, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u"},
		{"tron: in hexadecimal", Tron, "41a614f803b6fd780986a42c78ec9c7f77e6ded13c"},
		{"tron: small letters", Tron, "tr7nhqjekqxgtci8q8zy4pl8otszgjlj6t"},
		{"tron: zeros", Tron, "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb"},
		{"tron: a space inside", Tron, "TR7N HqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"},
		{"solana: too short", Solana, "So1111111111111111111111111111111111111111"},
		{"solana: a character outside base58", Solana, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt10"},
		{"solana: 33 bytes", Solana, "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"},
		{"solana: zeros", Solana, "11111111111111111111111111111111"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := CheckAddress(tc.network, tc.in)
			var refused *Error
			if !errors.As(err, &refused) || refused.Field != "address" || refused.Code != CodeAddressInvalid || refused.Message == "" {
				t.Fatalf("got %q, %v", got, err)
			}
		})
	}
	var refused *Error
	if _, err := CheckAddress("monero", "x"); !errors.As(err, &refused) || refused.Field != "network" {
		t.Errorf("an unknown network: %v", err)
	}
}

func TestAnAddressOfAnotherNetworkIsNamed(t *testing.T) {
	for _, tc := range []struct{ network, in, name string }{
		{Tron, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "Ethereum"},
		{Ethereum, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "TRON"},
		{Solana, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "Bitcoin"},
		{Bitcoin, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", "Solana"},
	} {
		if _, err := CheckAddress(tc.network, tc.in); err == nil || !strings.Contains(err.Error(), "is for "+tc.name+",") {
			t.Errorf("%s on %s: %v", tc.in, tc.network, err)
		}
	}
}

func TestAnyChangedCharacterOfACheckedAddressIsNoticed(t *testing.T) {
	for network, address := range map[string]string{
		Bitcoin: "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
		Tron:    "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
	} {
		for i := range address {
			for _, c := range "023456789acdefghjkmnpqrstuvwxyzABCDTXZ" {
				changed := address[:i] + string(c) + address[i+1:]
				if got, err := CheckAddress(network, changed); err == nil && changed != address {
					t.Errorf("%s was accepted as %s", changed, got)
				}
			}
		}
	}
}

func TestGroupsAreFoursAndLoseNothing(t *testing.T) {
	for in, want := range map[string][]string{
		"":                                   {},
		"abc":                                {"abc"},
		"abcd":                               {"abcd"},
		"abcdefghij":                         {"abcd", "efgh", "ij"},
		"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t": {"TR7N", "Hqje", "KQxG", "TCi8", "q8ZY", "4pL8", "otSz", "gjLj", "6t"},
	} {
		if got := Groups(in); !slices.Equal(got, want) {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestLookalikesShareTheirEnds(t *testing.T) {
	const tron, eth = "TQm7Vh3Kx9Zd4RpNbE6wY2sJuFcL8tGaXe", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	for _, tc := range []struct {
		name, a, b string
		want       bool
	}{
		{"the same", tron, tron, false},
		{"both ends", tron, "TQm7VkkkkkkkkkkkkkkkkkkkkkkkkkGaXe", true},
		{"both ends, other case", tron, "Tqm7vkkkkkkkkkkkkkkkkkkkkkkkkkgaXE", true},
		{"both ends, three after the prefix", tron, "TQm7kkkkkkkkkkkkkkkkkkkkkkkkkkGaXe", false},
		{"a long start", tron, "TQm7Vh3kkkkkkkkkkkkkkkkkkkkkkkkkkk", true},
		{"a long end", tron, "Tkkkkkkkkkkkkkkkkkkkkkkkkkkk8tGaXe", true},
		{"a short end", tron, "TkkkkkkkkkkkkkkkkkkkkkkkkkkkkkGaXe", false},
		{"one changed in the middle", tron, "TQm7Vh3Kx9Zd4RpNbE7wY2sJuFcL8tGaXe", true},
		{"nothing shared but the prefix", tron, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", false},
		{"ethereum: both ends", eth, "0x5aAe000000000000000000000000000000BeAed", true},
		{"ethereum: the same in another case", eth, strings.ToLower(eth), false},
		{"ethereum: the prefix alone", eth, "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", false},
		{"bitcoin: the prefix alone", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3", false},
		{"solana: both ends", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", "TokeaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaQ5DA", true},
		{"solana: four and three", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", "Tokeaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa5DA", false},
		{"nothing", "", "", false},
	} {
		if got := Lookalike(tc.a, tc.b); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
		if Lookalike(tc.a, tc.b) != Lookalike(tc.b, tc.a) {
			t.Errorf("%s: not the same both ways", tc.name)
		}
	}
}

func FuzzCanonicalAddressesStayAsTheyAre(f *testing.F) {
	f.Add(Bitcoin, "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4")
	f.Add(Ethereum, "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")
	f.Add(Tron, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
	f.Add(Solana, "So11111111111111111111111111111111111111112")
	f.Fuzz(func(t *testing.T, network, address string) {
		once, err := CheckAddress(network, address)
		if err != nil {
			return
		}
		twice, err := CheckAddress(network, once)
		if err != nil || twice != once {
			t.Fatalf("%q became %q and then %q, %v", address, once, twice, err)
		}
		if strings.Join(Groups(once), "") != once || Lookalike(once, once) {
			t.Fatalf("%q does not survive grouping", once)
		}
		for i := range len(once) {
			if once[i] <= ' ' || once[i] > '~' {
				t.Fatalf("%q became %q", address, once)
			}
		}
	})
}
