package passkey

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// Assertion is a begun request ceremony, as stored by the caller or kept in a sealed challenge.
type Assertion struct {
	RP     RelyingParty
	Origin string // the one origin (or app) that the ceremony was begun for, compared byte for byte
	// Challenge is at least 16 bytes that nobody could foresee, for this ceremony only.
	Challenge []byte
	// Discoverable says that nobody was named when the ceremony was begun. The response must then name its user
	// (§7.2 step 6).
	Discoverable bool
	// Timeout is for the browser only; zero is [DefaultTimeout].
	Timeout time.Duration
}

// Response is an AuthenticationResponseJSON, taken apart. Nothing in it is proven: it serves to look up the
// ceremony and the stored credential that [Assertion.Verify] then takes.
type Response struct {
	CredentialID []byte
	UserHandle   []byte // nil when absent
	Challenge    []byte // as claimed in the client data
	// As received; these are what the signature is over, and what to keep as evidence.
	ClientDataJSON, AuthenticatorData, Signature []byte
}

// Result is what an accepted assertion says.
type Result struct {
	SignCount   uint32
	BackupState bool
	// CounterRegressed is set for a credential that cannot leave its authenticator, when the signature counter,
	// where either value is not zero, did not grow: there may be a copy (§7.2 step 22). Synced credentials
	// have no one counter, so it is never set for them.
	CounterRegressed bool
}

// ParseResponse checks form and limits, and no more. It reads at most 64 KiB of JSON.
func ParseResponse(credentialJSON []byte) (*Response, error) {
	at := &assertionSteps
	e, err := readEnvelope(credentialJSON, at)
	if err != nil {
		return nil, err
	}
	client, err := readClientData(e.clientData, at)
	if err != nil {
		return nil, err
	}
	return &Response{
		CredentialID:      e.credentialID,
		UserHandle:        e.user,
		Challenge:         client.challenge,
		ClientDataJSON:    e.clientData,
		AuthenticatorData: e.authenticatorData,
		Signature:         e.signature,
	}, nil
}

// Verify carries out §7.2 on a response, with the stored key and the user handle of the account that owns it. Of
// key it uses ID, PublicKey, Algorithm, SignCount and BackupEligible.
//
// [ErrUserNotVerified] and [ErrBackupEligibleChanged] are reported only once the signature was found valid. A counter
// that went back is no refusal here: see [Result.CounterRegressed].
func (a Assertion) Verify(resp *Response, key Credential, userHandle []byte) (*Result, error) {
	if err := a.usable(); err != nil {
		return nil, err
	}
	if resp == nil || len(userHandle) == 0 || len(key.ID) == 0 || !slices.Contains(algorithms, key.Algorithm) {
		return nil, errors.New("passkey: an assertion is verified with a response, a whole stored key and its owner's user handle")
	}
	at := &assertionSteps
	if err := a.verifyOwner(resp, key, userHandle); err != nil {
		return nil, err
	}
	client, err := readClientData(resp.ClientDataJSON, at)
	if err != nil {
		return nil, err
	}
	if err := client.verify(a.Challenge, a.Origin, at); err != nil {
		return nil, err
	}
	auth, err := readAuthenticatorData(resp.AuthenticatorData)
	if err != nil {
		return nil, err
	}
	if err := verifyFlags(&auth, a.RP.ID, at); err != nil {
		return nil, err
	}
	if err := verifySignature(resp, key); err != nil {
		return nil, err
	}
	if err := verifyUser(&auth, at); err != nil {
		return nil, err
	}
	if auth.Flags.HasBackupEligible() != key.BackupEligible {
		return nil, &Refusal{Reason: "backup_eligibility_changed", Step: "§7.2 step 19", kind: ErrBackupEligibleChanged}
	}
	counts := auth.Counter != 0 || key.SignCount != 0
	return &Result{
		SignCount:        auth.Counter,
		BackupState:      auth.Flags.HasBackupState(),
		CounterRegressed: !key.BackupEligible && counts && auth.Counter <= key.SignCount,
	}, nil
}

func (a Assertion) usable() error { return usable(a.RP, a.Origin, a.Challenge) }

// verifyOwner checks step 6: the response is by this key, and of this user where it names one.
func (a Assertion) verifyOwner(resp *Response, key Credential, userHandle []byte) error {
	switch {
	case !bytes.Equal(resp.CredentialID, key.ID):
		return refuse("credential_id", assertionSteps.credentialID)
	case resp.UserHandle == nil && a.Discoverable:
		return refuse("user_handle_missing", assertionSteps.credentialID)
	case resp.UserHandle != nil && subtle.ConstantTimeCompare(resp.UserHandle, userHandle) != 1:
		return refuse("user_handle", assertionSteps.credentialID)
	}
	return nil
}

// verifySignature checks step 21: the signature over the authenticator data and the hash of the client data.
func verifySignature(resp *Response, key Credential) error {
	hash := sha256.Sum256(resp.ClientDataJSON)
	signed := append(slices.Clip(resp.AuthenticatorData), hash[:]...)
	bad := refuse("signature", assertionSteps.signature)
	if key.Algorithm == algES256 {
		public, err := parseES256(key.PublicKey)
		if err != nil {
			return err
		}
		// It takes DER and nothing else (§6.5.5).
		if digest := sha256.Sum256(signed); !ecdsa.VerifyASN1(public, digest[:], resp.Signature) {
			return bad
		}
		return nil
	}
	var declared webauthncose.PublicKeyData
	if err := webauthncbor.Unmarshal(key.PublicKey, &declared); err != nil || declared.Algorithm != key.Algorithm {
		return errStoredKey
	}
	public, err := webauthncose.ParsePublicKey(key.PublicKey)
	if err != nil {
		return errStoredKey
	}
	if ok, err := webauthncose.VerifySignature(public, signed, resp.Signature); err != nil || !ok {
		return bad
	}
	return nil
}
