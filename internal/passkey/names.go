package passkey

import (
	"encoding/hex"
	"slices"
	"strings"
)

// providers names the passkey providers whose AAGUIDs are publicly known. An AAGUID without attestation is whatever
// the client says, so it names a row in a list and decides nothing.
var providers = map[[16]byte]provider{
	aaguid("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4"): {name: "Google Password Manager"},
	aaguid("fbfc3007-154e-4ecc-8c0b-6e020557d7bd"): {name: "Apple Passwords"},
	aaguid("dd4ec289-e01d-41c9-bb89-70fa845d4bf2"): {name: "iCloud Keychain (managed)"},
	aaguid("adce0002-35bc-c60a-648b-0b25f1f05503"): {name: "Chrome on Mac", device: "computer"},
	aaguid("08987058-cadc-4b81-b6e1-30de50dcbe96"): {name: "Windows Hello", device: "computer"},
	aaguid("9ddd1817-af5a-4672-a2b9-3e3dd95000a9"): {name: "Windows Hello", device: "computer"},
	aaguid("6028b017-b1d4-4c02-b4b3-afcdafc96bb2"): {name: "Windows Hello", device: "computer"},
	aaguid("53414d53-554e-4700-0000-000000000000"): {name: "Samsung Pass", device: "phone"},
	aaguid("bada5566-a7aa-401f-bd96-45619a55120d"): {name: "1Password", device: "unknown"},
	aaguid("d548826e-79b4-db40-a3d8-11116f7e8349"): {name: "Bitwarden", device: "unknown"},
	aaguid("531126d6-e717-415c-9320-3d9aa6981239"): {name: "Dashlane", device: "unknown"},
	aaguid("50726f74-6f6e-5061-7373-50726f746f6e"): {name: "Proton Pass", device: "unknown"},
	aaguid("b84e4048-15dc-4dd0-8640-f4f60813c8af"): {name: "NordPass", device: "unknown"},
	aaguid("0ea242b4-43c4-4a1b-8b17-dd6d0b6baec6"): {name: "Keeper", device: "unknown"},
	aaguid("d3452668-01fd-4c12-926c-83a4204853aa"): {name: "Microsoft Password Manager", device: "unknown"},
	aaguid("b78a0a55-6ef8-d246-a042-ba0f6d55050c"): {name: "LastPass", device: "unknown"},
}

// provider is one row; device is set where the provider tells more than the transports do ("unknown" for a
// password manager that runs on anything).
type provider struct{ name, device string }

// aaguid reads the customary spelling. It is for the constants above only.
func aaguid(text string) (id [16]byte) {
	if n, err := hex.Decode(id[:], []byte(strings.ReplaceAll(text, "-", ""))); err != nil || n != len(id) {
		panic("passkey: malformed AAGUID " + text)
	}
	return id
}

// ProviderName is the name of the provider with this AAGUID, or "" when it is not known.
func ProviderName(aaguid [16]byte) string { return providers[aaguid].name }

// DeviceKind guesses what a credential lives on: "phone", "computer", "security_key" or "unknown". It is for an icon
// and a first name, and may be wrong.
func DeviceKind(transports []string, aaguid [16]byte, backupEligible bool) string {
	if d := providers[aaguid].device; d != "" {
		return d
	}
	has := func(t string) bool { return slices.Contains(transports, t) }
	switch {
	case has("hybrid"): // reached from another device by scanning a code
		return "phone"
	case has("internal"):
		return "unknown"
	case !backupEligible && (has("usb") || has("nfc") || has("ble") || has("smart-card")):
		return "security_key"
	}
	return "unknown"
}
