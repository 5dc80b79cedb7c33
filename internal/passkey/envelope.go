package passkey

import (
	"encoding/base64"
	"strings"
)

// Limits of one message, in bytes after decoding. The largest seen in the field are given in parentheses.
const (
	maxEnvelope          = 64 << 10
	maxClientData        = 4 << 10  // (700)
	maxAttestationObject = 16 << 10 // (8.6 KB, with a chain of certificates)
	maxAuthenticatorData = 1 << 10  // in an assertion, where attested data is the exception
	maxSignature         = 8 << 10  // (4,627 for ML-DSA-87)
	maxUserHandle        = 64       // §5.4.3
	maxCredentialID      = 1023     // §4, Credential ID
	maxTransports        = 8
	maxTransport         = 32
	minChallenge         = 16 // §13.4.3
)

// envelope is a RegistrationResponseJSON or AuthenticationResponseJSON (§5.1), taken apart and no more.
type envelope struct {
	credentialID, clientData           []byte
	attestationObject                  []byte
	authenticatorData, signature, user []byte
	transports                         []string
}

// The members that mean something here. The convenience members of toJSON (publicKey, publicKeyAlgorithm, and
// authenticatorData beside an attestation object) repeat, unauthenticated, what the attestation object says, so they
// are never read.
var (
	envelopeMembers = []string{"id", "rawId", "type", "response", "clientExtensionResults", "authenticatorAttachment"}
	responseMembers = []string{"clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle", "transports"}
)

// readEnvelope reads the JSON that a browser's toJSON makes of a credential. It refuses a response of the other
// ceremony.
func readEnvelope(text []byte, at *steps) (*envelope, error) {
	if len(text) > maxEnvelope {
		return nil, refuse(string(faultTooLarge), at.response)
	}
	var (
		e           envelope
		rawID, kind string
		s           = newScanner(text)
		create      = at == &registrationSteps
	)
	response := func(i int) {
		switch i {
		case 0:
			e.clientData = s.base64(maxClientData)
		case 1:
			if !s.null() {
				e.attestationObject = s.base64(maxAttestationObject)
			}
		case 2:
			if create {
				s.skip()
			} else {
				e.authenticatorData = s.base64(maxAuthenticatorData)
			}
		case 3:
			e.signature = s.base64(maxSignature)
		case 4:
			if !s.null() {
				e.user = s.base64(maxUserHandle)
			}
		case 5:
			if !s.null() {
				e.transports = s.transports()
			}
		}
	}
	var id string
	s.object(envelopeMembers, func(i int) {
		switch i {
		case 0:
			id = s.string()
		case 1:
			rawID = s.string()
		case 2:
			kind = s.string()
		case 3:
			s.object(responseMembers, response)
		case 4:
			// The outputs may be anything an extension likes, but they are an object.
			if s.peek() != '{' {
				s.fail(faultType)
			}
			s.skip()
		case 5:
			if !s.null() {
				s.string()
			}
		}
	})
	if f := s.end(); f != "" {
		return nil, refuse(string(f), at.response)
	}
	if kind != "public-key" {
		return nil, refuse("credential_type", at.response)
	}
	var f fault
	if e.credentialID, f = decodeBase64(id, maxCredentialID); f == "" && len(e.credentialID) == 0 {
		f = faultMissing
	}
	if f != "" {
		return nil, refuse(string(f), at.credentialID)
	}
	// One base64url spelling per value, so equal text is equal bytes.
	if id != rawID {
		return nil, refuse("credential_id", at.credentialID)
	}
	return &e, e.complete(create, at)
}

// complete checks that the response is of this ceremony and has all it needs.
func (e *envelope) complete(create bool, at *steps) error {
	if create == (len(e.signature) > 0) || create != (len(e.attestationObject) > 0) {
		return refuse("response_kind", at.response)
	}
	if len(e.clientData) == 0 || !create && len(e.authenticatorData) == 0 {
		return refuse(string(faultMissing), at.response)
	}
	return nil
}

// base64 reads a string of strict base64url of at most max bytes. Empty text gives nil.
func (s *scanner) base64(max int) []byte {
	b, f := decodeBase64(s.string(), max)
	if f != "" {
		s.fail(f)
	}
	return b
}

var strictBase64 = base64.RawURLEncoding.Strict()

// decodeBase64 takes the one spelling that RFC 4648 §5 has for a value when padding is omitted. The decoder of
// encoding/base64 skips line breaks even when strict, so they are looked for here.
func decodeBase64(text string, max int) ([]byte, fault) {
	if text == "" {
		return nil, ""
	}
	if base64.RawURLEncoding.DecodedLen(len(text)) > max {
		return nil, faultTooLarge
	}
	b, err := strictBase64.DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, faultBase64
	}
	return b, ""
}

// transports reads the hints of §5.8.4, unknown ones included, as they are to be given back in descriptors.
func (s *scanner) transports() (list []string) {
	s.array(func() {
		t := s.string()
		if len(list) == maxTransports || len(t) > maxTransport {
			s.fail(faultTooLarge)
			return
		}
		if t == "cable" { // what "hybrid" was called while it was new
			t = "hybrid"
		}
		list = append(list, t)
	})
	return list
}
