package passkey_test

import (
	"testing"

	"countersign/internal/passkey"
)

func TestAPasskeyIsNamedAfterItsProviderAndDrawnAsItsDevice(t *testing.T) {
	google := [16]byte{0xea, 0x9b, 0x8d, 0x66, 0x4d, 0x01, 0x1d, 0x21, 0x3c, 0xe4, 0xb6, 0xb4, 0x8c, 0xb5, 0x75, 0xd4}
	windows := [16]byte{0x08, 0x98, 0x70, 0x58, 0xca, 0xdc, 0x4b, 0x81, 0xb6, 0xe1, 0x30, 0xde, 0x50, 0xdc, 0xbe, 0x96}
	bitwarden := [16]byte{0xd5, 0x48, 0x82, 0x6e, 0x79, 0xb4, 0xdb, 0x40, 0xa3, 0xd8, 0x11, 0x11, 0x6f, 0x7e, 0x83, 0x49}
	tests := []struct {
		aaguid     [16]byte
		transports []string
		eligible   bool
		name, kind string
	}{
		{google, []string{"internal", "hybrid"}, true, "Google Password Manager", "phone"},
		{windows, []string{"internal"}, false, "Windows Hello", "computer"},
		{bitwarden, []string{"internal", "hybrid"}, true, "Bitwarden", "unknown"},
		{[16]byte{}, []string{"usb", "nfc"}, false, "", "security_key"},
		{[16]byte{}, []string{"usb"}, true, "", "unknown"},
		{[16]byte{}, []string{"internal"}, false, "", "unknown"},
		{[16]byte{}, nil, false, "", "unknown"},
	}
	for _, tt := range tests {
		if got := passkey.ProviderName(tt.aaguid); got != tt.name {
			t.Errorf("%x: %q, want %q", tt.aaguid, got, tt.name)
		}
		if got := passkey.DeviceKind(tt.transports, tt.aaguid, tt.eligible); got != tt.kind {
			t.Errorf("%q over %v: %q, want %q", tt.name, tt.transports, got, tt.kind)
		}
	}
}
