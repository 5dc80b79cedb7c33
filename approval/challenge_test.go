package approval

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

func mustCanonical(t *testing.T, d Details) []byte {
	t.Helper()
	canonical, err := d.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return canonical
}

func mustChallenge(t *testing.T, nonce []byte, d Details) [32]byte {
	t.Helper()
	c, err := Challenge(nonce, mustCanonical(t, d))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The constant was computed outside Go. A change of it breaks every verifier in
// the field.
func TestChallengeIsTheDocumentedHash(t *testing.T) {
	nonce := bytes.Repeat([]byte{0x2a}, NonceSize)
	got := mustChallenge(t, nonce, sample())
	want := sha256.Sum256([]byte("countersign/withdrawal/v1\x00" + string(nonce) + sampleCanonical))
	if got != want {
		t.Errorf("got %x, want %x", got, want)
	}
	const known = "47580beceb539bda6ddc6ac3c1ead8b27a63c3cb677bd72e059a266e22bee5f0"
	if hex.EncodeToString(got[:]) != known {
		t.Errorf("got %x, want %s", got, known)
	}
}

func TestChangingAnyCharacterChangesTheChallenge(t *testing.T) {
	nonce := make([]byte, NonceSize)
	base := sample()
	base.Memo, base.Fee = "invoice 7", "1.25"
	original := mustChallenge(t, nonce, base)
	canonical := mustCanonical(t, base)
	changed := 0
	for i := range canonical {
		for _, replacement := range []byte{canonical[i] ^ 1, canonical[i] ^ 0x20} {
			other := bytes.Clone(canonical)
			other[i] = replacement
			if c, err := Challenge(nonce, other); err == nil {
				changed++
				if c == original {
					t.Errorf("the challenge did not change with byte %d", i)
				}
			}
		}
	}
	if changed < 100 {
		t.Errorf("only %d changes gave a challenge at all", changed)
	}
	for i := range nonce {
		other := bytes.Clone(nonce)
		other[i] ^= 1
		if mustChallenge(t, other, base) == original {
			t.Errorf("the challenge did not change with byte %d of the nonce", i)
		}
	}
}

func TestTextCannotMoveFromOneFieldToAnother(t *testing.T) {
	nonce := make([]byte, NonceSize)
	seen := map[[32]byte]int{}
	for i, change := range []func(*Details){
		func(*Details) {},
		func(d *Details) { d.Address, d.Memo = d.Address[:33], d.Address[33:] },
		func(d *Details) { d.Asset, d.Network = "USDTt", "ron" },
		func(d *Details) { d.Asset, d.Network = "USD", "Ttron" },
		func(d *Details) { d.Withdrawal, d.Account = d.Account, d.Withdrawal },
		func(d *Details) { d.Memo = `","network":"ethereum` },
		func(d *Details) { d.Memo = `\",\"network\":\"ethereum` },
		func(d *Details) { d.Memo = `\` },
		func(d *Details) { d.Memo = `"` },
		func(d *Details) { d.Amount, d.Fee = "2501", "1" },
		func(d *Details) { d.Amount, d.Fee = "250", "11" },
		func(d *Details) { d.Amount = "25" },
		func(d *Details) { d.Amount = "2.5" },
	} {
		d := sample()
		change(&d)
		c := mustChallenge(t, nonce, d)
		if before, ok := seen[c]; ok {
			t.Errorf("changes %d and %d share a challenge", before, i)
		}
		seen[c] = i
	}
}

func FuzzDifferentMemosAndAddressesNeverShareAChallenge(f *testing.F) {
	f.Add("TQm7", "", "TQm", "7")
	f.Add("a", `","x":"`, "a", `\",\"x\":\"`)
	nonce := make([]byte, NonceSize)
	f.Fuzz(func(t *testing.T, address1, memo1, address2, memo2 string) {
		one, two := sample(), sample()
		one.Address, one.Memo = address1, memo1
		two.Address, two.Memo = address2, memo2
		b1, err1 := one.Canonical()
		b2, err2 := two.Canonical()
		if err1 != nil || err2 != nil {
			return
		}
		c1, err1 := Challenge(nonce, b1)
		c2, err2 := Challenge(nonce, b2)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if (one == two) != (c1 == c2) {
			t.Fatalf("%+v and %+v: equal challenges %v", one, two, c1 == c2)
		}
	})
}

func TestChallengeRefusesWhatItCannotBind(t *testing.T) {
	for _, size := range []int{0, 16, 31, 33, 64} {
		if _, err := Challenge(make([]byte, size), []byte(sampleCanonical)); err == nil {
			t.Errorf("accepted a nonce of %d bytes", size)
		}
	}
	if _, err := Challenge(make([]byte, NonceSize), []byte(sampleCanonical+" ")); err == nil {
		t.Error("accepted details that are not canonical")
	}
}
