package passkey

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"
)

// DefaultTimeout is how long a browser is asked to wait for its user (§13.4.3 recommends 5 to 10 minutes).
const DefaultTimeout = 5 * time.Minute

// MaxDescriptors is the longest list of credentials that browsers take; Chromium throws on more.
const MaxDescriptors = 64

// RelyingParty is who a passkey is for. ID is the domain that it is bound to for its whole life; Name is for
// people.
type RelyingParty struct{ ID, Name string }

// Descriptor names one credential in the options of a ceremony. Transports are the hints that came with it.
type Descriptor struct {
	ID         []byte
	Transports []string
}

// These mirror PublicKeyCredentialCreationOptionsJSON and PublicKeyCredentialRequestOptionsJSON (§5.1.9, §5.1.10),
// as far as they are used.
type (
	creationOptions struct {
		RP struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"rp"`
		User struct {
			ID          string `json:"id"`
			Name        string `json:"name"`
			DisplayName string `json:"displayName"`
		} `json:"user"`
		Challenge  string                 `json:"challenge"`
		Parameters []credentialParameters `json:"pubKeyCredParams"`
		Timeout    int64                  `json:"timeout"`
		Exclude    []descriptorJSON       `json:"excludeCredentials"`
		Selection  struct {
			ResidentKey        string `json:"residentKey"`
			RequireResidentKey bool   `json:"requireResidentKey"`
			UserVerification   string `json:"userVerification"`
		} `json:"authenticatorSelection"`
		Attestation string          `json:"attestation"`
		Extensions  map[string]bool `json:"extensions"`
	}
	credentialParameters struct {
		Type      string `json:"type"`
		Algorithm int64  `json:"alg"`
	}
	requestOptions struct {
		Challenge        string           `json:"challenge"`
		Timeout          int64            `json:"timeout"`
		RPID             string           `json:"rpId"`
		Allow            []descriptorJSON `json:"allowCredentials,omitempty"`
		UserVerification string           `json:"userVerification"`
	}
	descriptorJSON struct {
		Type       string   `json:"type"`
		ID         string   `json:"id"`
		Transports []string `json:"transports,omitempty"`
	}
)

// Options returns PublicKeyCredentialCreationOptionsJSON: a discoverable credential with user verification, without
// attestation. exclude are up to [MaxDescriptors] credentials of the account, whose authenticators then refuse to
// make another.
func (r Registration) Options(userName, displayName string, exclude []Descriptor) (json.RawMessage, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	list, err := descriptors(exclude)
	if err != nil {
		return nil, err
	}
	var o creationOptions
	o.RP.ID, o.RP.Name = r.RP.ID, r.RP.Name
	o.User.ID, o.User.Name, o.User.DisplayName = encodeBase64(r.UserHandle), userName, displayName
	o.Challenge = encodeBase64(r.Challenge)
	for _, alg := range algorithms {
		o.Parameters = append(o.Parameters, credentialParameters{"public-key", alg})
	}
	o.Timeout = milliseconds(r.Timeout)
	o.Exclude = list
	o.Selection.ResidentKey, o.Selection.RequireResidentKey = "required", true
	o.Selection.UserVerification = "required"
	o.Attestation = "none"
	o.Extensions = map[string]bool{"credProps": true}
	return json.Marshal(o)
}

// Options returns PublicKeyCredentialRequestOptionsJSON with user verification. allow are up to [MaxDescriptors]
// credentials; none lets the user choose among all that the authenticators hold for the relying party.
func (a Assertion) Options(allow []Descriptor) (json.RawMessage, error) {
	if err := a.usable(); err != nil {
		return nil, err
	}
	list, err := descriptors(allow)
	if err != nil {
		return nil, err
	}
	return json.Marshal(requestOptions{
		Challenge:        encodeBase64(a.Challenge),
		Timeout:          milliseconds(a.Timeout),
		RPID:             a.RP.ID,
		Allow:            list,
		UserVerification: "required",
	})
}

func descriptors(list []Descriptor) ([]descriptorJSON, error) {
	if len(list) > MaxDescriptors {
		return nil, errors.New("passkey: more credentials in one list than browsers take")
	}
	out := make([]descriptorJSON, len(list))
	for i, d := range list {
		if len(d.ID) == 0 || len(d.ID) > maxCredentialID {
			return nil, errors.New("passkey: a descriptor without a usable credential id")
		}
		out[i] = descriptorJSON{"public-key", encodeBase64(d.ID), d.Transports}
	}
	return out, nil
}

// usable guards against a ceremony that was not filled in: a zero value must never match anything.
func usable(rp RelyingParty, origin string, challenge []byte) error {
	switch {
	case rp.ID == "":
		return errors.New("passkey: a ceremony without a relying party id")
	case origin == "":
		return errors.New("passkey: a ceremony without an origin")
	case len(challenge) < minChallenge:
		return errors.New("passkey: a ceremony whose challenge is shorter than 16 bytes")
	}
	return nil
}

func milliseconds(d time.Duration) int64 {
	if d == 0 {
		d = DefaultTimeout
	}
	return d.Milliseconds()
}

func encodeBase64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
