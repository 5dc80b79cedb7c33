package passkey_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"
)

// The whole of a verified assertion, beside the one operation in it that cannot be avoided.
func BenchmarkAssertion(b *testing.B) {
	f := newFixture(b)
	answer := f.get()
	b.Run("ParseAndVerify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := f.verify(answer); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Parse", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			parse(b, answer)
		}
	})
	b.Run("Options", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := f.assertion.Options(nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("BareES256", func(b *testing.B) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		digest := sha256.Sum256(answer)
		sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) {
				b.Fatal("a good signature was refused")
			}
		}
	})
}
