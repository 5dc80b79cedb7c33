package passkey

import (
	"bytes"
	"crypto/subtle"

	"github.com/go-webauthn/webauthn/protocol"
)

// clientData is what the browser says about the ceremony (§5.8.1), as read by the scanner.
type clientData struct {
	kind, origin string
	challenge    []byte
	crossOrigin  bool // absent means false
	topOrigin    bool // whether the member is there at all
}

// tokenBinding is not among these: Level 3 reserves the name, so it may hold anything.
var clientDataMembers = []string{"type", "challenge", "origin", "crossOrigin", "topOrigin"}

var byteOrderMark = []byte{0xEF, 0xBB, 0xBF}

// readClientData parses the bytes of clientDataJSON. "UTF-8 decode" in the specification drops one byte order mark;
// the caller's hash is over the bytes with it.
func readClientData(raw []byte, at *steps) (*clientData, error) {
	if len(raw) > maxClientData {
		return nil, refuse(string(faultTooLarge), at.json)
	}
	var (
		c    clientData
		have [3]bool
		s    = newScanner(bytes.TrimPrefix(raw, byteOrderMark))
	)
	s.object(clientDataMembers, func(i int) {
		switch i {
		case 0:
			c.kind = s.string()
		case 1:
			c.challenge = s.base64(maxClientData)
		case 2:
			c.origin = s.string()
		case 3:
			c.crossOrigin = s.bool()
		case 4:
			s.string()
			c.topOrigin = true
		}
		if i < len(have) {
			have[i] = true
		}
	})
	f := s.end()
	if f == "" && have != [3]bool{true, true, true} {
		f = faultMissing
	}
	switch {
	case f == faultUTF8:
		return nil, refuse(string(f), at.utf8)
	case f != "":
		return nil, refuse(string(f), at.json)
	}
	return &c, nil
}

// verify compares the client data with the ceremony, in the order of the specification.
func (c *clientData) verify(challenge []byte, origin string, at *steps) error {
	switch {
	case c.kind != at.ceremony:
		return refuse("client_data_type", at.kind)
	case subtle.ConstantTimeCompare(c.challenge, challenge) != 1:
		return refuse("challenge", at.challenge)
	case c.origin != origin:
		return refuse("origin", at.origin)
	case c.crossOrigin:
		return refuse("cross_origin", at.cross)
	case c.topOrigin:
		return refuse("top_origin", at.top)
	}
	return nil
}

// collected hands the members to the library, which does not get to parse the JSON itself.
func (c *clientData) collected() protocol.CollectedClientData {
	return protocol.CollectedClientData{
		Type:      protocol.CeremonyType(c.kind),
		Challenge: encodeBase64(c.challenge),
		Origin:    c.origin,
	}
}
