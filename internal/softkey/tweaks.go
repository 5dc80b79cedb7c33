package softkey

import (
	"bytes"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// Flags sets the four flags that carry meaning: user present, user verified, backup eligible, backup state.
func Flags(up, uv, be, bs bool) Tweak {
	return func(y *Ceremony) { y.UserPresent, y.UserVerified, y.BackupEligible, y.BackupState = up, uv, be, bs }
}

// NotVerified leaves flag UV unset.
func NotVerified() Tweak { return func(y *Ceremony) { y.UserVerified = false } }

// NotPresent leaves flag UP unset.
func NotPresent() Tweak { return func(y *Ceremony) { y.UserPresent = false } }

// CounterAt sets the signature counter of this answer only.
func CounterAt(n uint32) Tweak { return func(y *Ceremony) { y.Counter = n } }

// Origin claims that the page had another origin.
func Origin(origin string) Tweak { return func(y *Ceremony) { y.Origin = origin } }

// Type sets the type of the client data.
func Type(kind string) Tweak { return func(y *Ceremony) { y.Type = kind } }

// Challenge answers another challenge.
func Challenge(c []byte) Tweak { return func(y *Ceremony) { y.Challenge = c } }

// CrossOrigin sets crossOrigin to any JSON value; nil omits it.
func CrossOrigin(value any) Tweak { return func(y *Ceremony) { y.CrossOrigin = value } }

// Member adds a member to the client data, or replaces one.
func Member(name string, value any) Tweak {
	return func(y *Ceremony) {
		if y.Extra == nil {
			y.Extra = map[string]any{}
		}
		y.Extra[name] = value
	}
}

// TopOrigin adds topOrigin, as a browser does inside a frame.
func TopOrigin(origin string) Tweak { return Member("topOrigin", origin) }

// RPID makes an answer for another relying party id.
func RPID(id string) Tweak {
	return func(y *Ceremony) { h := sha256.Sum256([]byte(id)); y.RPIDHash = h[:] }
}

// BOM puts a byte order mark before the client data; the signature covers it.
func BOM() Tweak {
	return func(y *Ceremony) {
		y.ClientData = func(b []byte) []byte { return append([]byte("\uFEFF"), b...) }
	}
}

// ClientDataText replaces old by new in the client data, once, before it is signed.
func ClientDataText(old, new string) Tweak {
	return func(y *Ceremony) {
		y.ClientData = func(b []byte) []byte { return []byte(strings.Replace(string(b), old, new, 1)) }
	}
}

// EnvelopeText replaces old by new in the final JSON, once.
func EnvelopeText(old, new string) Tweak {
	return func(y *Ceremony) {
		y.JSON = func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) }
	}
}

// Padded writes base64url with its padding.
func Padded() Tweak { return func(y *Ceremony) { y.Base64 = base64.URLEncoding.EncodeToString } }

// NoUserHandle omits the user handle.
func NoUserHandle() Tweak { return func(y *Ceremony) { y.UserHandle = nil } }

// UserHandle answers for another user.
func UserHandle(h []byte) Tweak { return func(y *Ceremony) { y.UserHandle = h } }

// EnvelopeID puts another credential id on the outside only.
func EnvelopeID(id []byte) Tweak { return func(y *Ceremony) { y.ID = id } }

// CredentialID replaces the credential id everywhere in this answer.
func CredentialID(id []byte) Tweak { return func(y *Ceremony) { y.ID, y.CredentialID = id, id } }

// TrailingAuthData appends bytes to the authenticator data, under the signature.
func TrailingAuthData(extra ...byte) Tweak {
	return func(y *Ceremony) { y.AuthData = func(b []byte) []byte { return append(b, extra...) } }
}

// AttestedData adds attested data to an assertion, as an old Touch ID did.
func AttestedData() Tweak { return func(y *Ceremony) { y.AttestedData = true } }

// UnsolicitedExtensions adds outputs that nobody asked for, on both sides.
func UnsolicitedExtensions() Tweak {
	return func(y *Ceremony) {
		y.ClientExtensions = map[string]any{"credProps": map[string]any{"rk": true}, "appid": true, "unheardOf": []any{1, "x", nil}}
		out, err := webauthncbor.Marshal(map[string]any{"credProtect": 2, "unheardOf": true})
		if err != nil {
			panic("softkey: " + err.Error())
		}
		y.Extensions = out
	}
}

// Extensions sets the extension data of the authenticator to any bytes.
func Extensions(cbor []byte) Tweak { return func(y *Ceremony) { y.Extensions = cbor } }

// Key changes the public key of a creation before it is encoded.
func Key(change func(COSEKey)) Tweak { return func(y *Ceremony) { change(y.Key) } }

// KeyLabel sets one label of the public key.
func KeyLabel(label int64, value any) Tweak { return Key(func(k COSEKey) { k[label] = value }) }

// Attestation sends a statement of this format.
func Attestation(format string, statement any) Tweak {
	return func(y *Ceremony) { y.Format, y.Statement = format, statement }
}

// Signature changes a signature once it is made.
func Signature(change func([]byte) []byte) Tweak { return func(y *Ceremony) { y.Signature = change } }

type ecdsaSignature struct{ R, S *big.Int }

// ecdsaParts changes the two integers of an ECDSA signature.
func ecdsaParts(change func(*ecdsaSignature)) Tweak {
	return Signature(func(der []byte) []byte {
		var s ecdsaSignature
		if _, err := asn1.Unmarshal(der, &s); err != nil {
			panic("softkey: not an ECDSA signature: " + err.Error())
		}
		change(&s)
		out, err := asn1.Marshal(s)
		if err != nil {
			panic("softkey: " + err.Error())
		}
		return out
	})
}

// HighS replaces s by the greater of s and n−s, which is as valid.
func HighS() Tweak {
	return ecdsaParts(func(s *ecdsaSignature) {
		if other := new(big.Int).Sub(elliptic.P256().Params().N, s.S); other.Cmp(s.S) > 0 {
			s.S = other
		}
	})
}

// OverflowS adds the order of the curve to s, which is then out of its range.
func OverflowS() Tweak {
	return ecdsaParts(func(s *ecdsaSignature) { s.S.Add(s.S, elliptic.P256().Params().N) })
}

// NegativeS negates s.
func NegativeS() Tweak { return ecdsaParts(func(s *ecdsaSignature) { s.S.Neg(s.S) }) }

// ZeroSignature sets r and s to 0.
func ZeroSignature() Tweak {
	return ecdsaParts(func(s *ecdsaSignature) { s.R, s.S = new(big.Int), new(big.Int) })
}

// BERSignature encodes the length of an ECDSA signature in the long form, which DER forbids.
func BERSignature() Tweak {
	return Signature(func(der []byte) []byte { return append([]byte{0x30, 0x81, der[1]}, der[2:]...) })
}
