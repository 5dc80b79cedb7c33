package approval

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"testing"
)

// BenchmarkVerify has the whole check beside the bare signature's, on the same key and bytes.
func BenchmarkVerify(b *testing.B) {
	r := registered(es256Key(11))
	r.log.size, r.log.index = 1000, 617
	a := r.approval()
	c := contents{}
	if err := a.Passkey.check(&c, r.rpID); err != nil {
		b.Fatal(err)
	}
	client := sha256.Sum256(c.clientData)
	digest := sha256.Sum256(append(c.authData, client[:]...))
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, c.publicKey[10:42]...), c.publicKey[45:]...))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("bare signature", func(b *testing.B) {
		for b.Loop() {
			if !ecdsa.VerifyASN1(public, digest[:], c.signature) {
				b.Fatal("does not fit")
			}
		}
	})
	whole := func(name string, document []byte, o Options) {
		v := verifier(b, o)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.ReportMetric(float64(len(document)), "bytes")
			for b.Loop() {
				if _, err := v.Verify(document); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	o := strict()
	whole("registered", r.document(), o)
	r.log.record = 800
	whole("recorded", r.document(), o)
	o.LogKeys, o.ServerKeys = nil, nil
	a.Log = nil
	whole("alone", a.append(nil), o)
	whole("codes", codesDocument(), o)
}
