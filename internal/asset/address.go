package asset

import (
	"bytes"
	"encoding/hex"
	"strings"

	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/btcsuite/btcd/btcutil/bech32"
	"golang.org/x/crypto/sha3"
)

// The networks whose addresses are known.
const (
	Bitcoin  = "bitcoin"
	Ethereum = "ethereum"
	Tron     = "tron"
	Solana   = "solana"
)

// maxAddress is more than the longest address here (a BIP 173 string has at
// most 90 characters): base58 takes time by the square of the length.
const maxAddress = 100

// A network's addresses. read returns the canonical form and the bytes paid to,
// or ok == false.
type notation struct {
	name   string // as in "This is a TRON address"
	remedy string
	read   func(address string) (canonical string, payload []byte, ok bool)
}

var networks = map[string]notation{
	Bitcoin:  {"Bitcoin", "It begins with bc1, 1 or 3.", readBitcoin},
	Ethereum: {"Ethereum", "It begins with 0x and has 42 characters.", readEthereum},
	Tron:     {"TRON", "It begins with T and has 34 characters.", readTron},
	Solana:   {"Solana", "It has 32 to 44 letters and digits.", readSolana},
}

// CheckAddress returns the canonical form of an address of the given network,
// or an *Error:
//
//   - bitcoin, main network only: witness version 0 in bech32 (BIP 173) and
//     version 1 in bech32m (BIP 350), returned in lower case; Base58Check with
//     version 0x00 or 0x05. Later witness versions are not spendable by rules
//     that exist, and are refused.
//   - ethereum: returned with the EIP-55 checksum in its letter case. One in
//     mixed case must have the right one; one all in lower or upper case has
//     none to check.
//   - tron: Base58Check with prefix 0x41.
//   - solana: base58 of 32 bytes. It has no checksum: a mistyped character is
//     often not noticed.
//
// Addresses of zeros alone are refused on every network, since what is sent
// there is lost. White space around an address is dropped.
func CheckAddress(network, address string) (canonical string, err error) {
	refuse := func(message string) (string, error) {
		return "", &Error{"address", CodeAddressInvalid, message}
	}
	wanted, ok := networks[network]
	if !ok {
		return "", &Error{"network", CodeInvalidRequest, "This network is not offered. Choose one from the list."}
	}
	address = strings.Trim(address, " \t\r\n")
	if address == "" {
		return refuse("Enter the address that the recipient gave you.")
	}
	if len(address) <= maxAddress {
		canonical, payload, ok := wanted.read(address)
		if ok && zeros(payload) {
			return refuse("Nobody can spend what is sent to this address. Ask the recipient for theirs.")
		}
		if ok {
			return canonical, nil
		}
		for _, id := range []string{Bitcoin, Ethereum, Tron, Solana} {
			if _, _, ok := networks[id].read(address); ok && id != network {
				return refuse("This address is for " + networks[id].name + ", not for " + wanted.name +
					". Choose the other network, or ask the recipient for another address.")
			}
		}
	}
	return refuse("This is no " + wanted.name + " address. " + wanted.remedy + " Copy it again from the recipient.")
}

func zeros(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

func readBitcoin(address string) (string, []byte, bool) {
	if len(address) >= 3 && strings.EqualFold(address[:3], "bc1") {
		return readSegWit(address)
	}
	payload, version, ok := readBase58Check(address)
	return address, payload, ok && (version == 0x00 || version == 0x05)
}

func readSegWit(address string) (string, []byte, bool) {
	hrp, data, encoding, err := bech32.DecodeGeneric(address)
	if err != nil || hrp != "bc" || len(data) == 0 {
		return "", nil, false
	}
	program, err := bech32.ConvertBits(data[1:], 5, 8, false)
	if err != nil {
		return "", nil, false
	}
	switch witness := data[0]; {
	case witness == 0 && encoding == bech32.Version0 && (len(program) == 20 || len(program) == 32):
	case witness == 1 && encoding == bech32.VersionM && len(program) == 32:
	default:
		return "", nil, false
	}
	return strings.ToLower(address), program, true
}

// readBase58Check accepts an address of 20 bytes in the one spelling that its
// bytes have.
func readBase58Check(address string) (payload []byte, version byte, ok bool) {
	payload, version, err := base58.CheckDecode(address)
	if err != nil || len(payload) != 20 || base58.CheckEncode(payload, version) != address {
		return nil, 0, false
	}
	return payload, version, true
}

func readTron(address string) (string, []byte, bool) {
	payload, version, ok := readBase58Check(address)
	return address, payload, ok && version == 0x41
}

func readSolana(address string) (string, []byte, bool) {
	if len(address) < 32 || len(address) > 44 {
		return "", nil, false
	}
	payload := base58.Decode(address)
	return address, payload, len(payload) == 32 && base58.Encode(payload) == address
}

func readEthereum(address string) (string, []byte, bool) {
	digits, ok := strings.CutPrefix(address, "0x")
	if !ok || len(digits) != 40 {
		return "", nil, false
	}
	payload, err := hex.DecodeString(digits)
	if err != nil {
		return "", nil, false
	}
	canonical := eip55(strings.ToLower(digits))
	if digits != strings.ToLower(digits) && digits != strings.ToUpper(digits) && digits != canonical[2:] {
		return "", nil, false
	}
	return canonical, payload, true
}

// eip55 writes 40 lower-case hex digits with a letter in upper case where the
// nibble of the digits' Keccak-256 hash is 8 or more.
func eip55(digits string) string {
	keccak := sha3.NewLegacyKeccak256()
	keccak.Write([]byte(digits))
	hash := hex.EncodeToString(keccak.Sum(nil))
	out := []byte("0x" + digits)
	for i, c := range []byte(digits) {
		if c >= 'a' && hash[i] >= '8' {
			out[i+2] = c - 'a' + 'A'
		}
	}
	return string(out)
}
