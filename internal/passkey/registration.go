package passkey

import (
	"bytes"
	"errors"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// Registration is a begun creation ceremony, as stored by the caller.
type Registration struct {
	RP     RelyingParty
	Origin string // the one origin (or app) that the ceremony was begun for, compared byte for byte
	// Challenge is at least 16 random bytes, for this ceremony only.
	Challenge []byte
	// UserHandle is the account's: 1 to 64 random bytes that never change and say nothing about a person.
	UserHandle []byte
	// Timeout is for the browser only; zero is [DefaultTimeout].
	Timeout time.Duration
}

// Credential is a public key credential, as verified at its creation.
type Credential struct {
	ID        []byte // 1 to 1023 bytes; the caller keeps it unique over all accounts
	PublicKey []byte // COSE_Key in CTAP2 canonical CBOR
	Algorithm int64  // COSE algorithm: −8, −7 or −257
	// AAGUID names the model of authenticator, or is zero. It is a claim: good for a name, never for a decision.
	AAGUID         [16]byte
	Transports     []string // hints for later descriptors
	SignCount      uint32
	BackupEligible bool
	BackupState    bool
	Format         string // of the attestation statement: "none" or "packed" (self attestation)
	// The evidence: both as received.
	AttestationObject, ClientDataJSON []byte
}

func (r Registration) usable() error {
	if len(r.UserHandle) == 0 || len(r.UserHandle) > maxUserHandle {
		return errors.New("passkey: a user handle is 1 to 64 bytes")
	}
	return usable(r.RP, r.Origin, r.Challenge)
}

// Verify carries out §7.1 on a RegistrationResponseJSON, up to and including step 25. The caller stores the
// credential for the account that r was begun for, if its id is new (steps 26 and 29).
func (r Registration) Verify(credentialJSON []byte) (*Credential, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	at := &registrationSteps
	e, err := readEnvelope(credentialJSON, at)
	if err != nil {
		return nil, err
	}
	client, err := readClientData(e.clientData, at)
	if err != nil {
		return nil, err
	}
	if err := client.verify(r.Challenge, r.Origin, at); err != nil {
		return nil, err
	}
	object, err := readAttestationObject(e.attestationObject)
	if err != nil {
		return nil, err
	}
	if err := verifyFlags(&object.AuthData, r.RP.ID, at); err != nil {
		return nil, err
	}
	attested := object.AuthData.AttData
	if !bytes.Equal(attested.CredentialID, e.credentialID) {
		return nil, refuse("credential_id", at.credentialID)
	}
	algorithm, err := checkNewKey(attested.CredentialPublicKey)
	if err != nil {
		return nil, err
	}
	if err := r.verifyWithLibrary(e, client, object); err != nil {
		return nil, err
	}
	if err := verifyUser(&object.AuthData, at); err != nil {
		return nil, err
	}
	return &Credential{
		ID:                e.credentialID,
		PublicKey:         attested.CredentialPublicKey,
		Algorithm:         algorithm,
		AAGUID:            [16]byte(attested.AAGUID),
		Transports:        e.transports,
		SignCount:         object.AuthData.Counter,
		BackupEligible:    object.AuthData.Flags.HasBackupEligible(),
		BackupState:       object.AuthData.Flags.HasBackupState(),
		Format:            object.Format,
		AttestationObject: e.attestationObject,
		ClientDataJSON:    e.clientData,
	}, nil
}

// readAttestationObject decodes §6.5.4's map, which has exactly three members. Only the two kinds of attestation
// that need no certificates get any further, so the library never comes to compare one with the system's clock.
func readAttestationObject(raw []byte) (*protocol.AttestationObject, error) {
	bad := refuse("attestation_object", "§7.1 step 13")
	var members map[string]webauthncbor.RawMessage
	if webauthncbor.Unmarshal(raw, &members) != nil || len(members) != 3 {
		return nil, bad
	}
	var o protocol.AttestationObject
	if webauthncbor.Unmarshal(members["fmt"], &o.Format) != nil ||
		webauthncbor.Unmarshal(members["authData"], &o.RawAuthData) != nil {
		return nil, bad
	}
	var err error
	if o.AuthData, err = readAuthenticatorData(o.RawAuthData); err != nil {
		return nil, err
	}
	if !o.AuthData.Flags.HasAttestedCredentialData() {
		return nil, bad
	}
	if o.Format != "none" && o.Format != "packed" {
		return nil, refuse("attestation_format", "§7.1 step 21")
	}
	if webauthncbor.Unmarshal(members["attStmt"], &o.AttStatement) != nil || o.AttStatement == nil {
		return nil, refuse("attestation_statement", "§7.1 step 22")
	}
	if o.Format == "packed" && !isSelfAttestation(o.AttStatement) {
		return nil, refuse("attestation_not_self", "§7.1 step 24")
	}
	return &o, nil
}

// isSelfAttestation tells whether a packed statement has no more than an algorithm and a signature (§8.2).
func isSelfAttestation(statement map[string]any) bool {
	_, alg := statement["alg"]
	_, sig := statement["sig"]
	return alg && sig && len(statement) == 2
}

// verifyWithLibrary runs the library's own §7.1 over what was read. User verification is asked for afterwards, to
// tell it from other refusals.
func (r Registration) verifyWithLibrary(e *envelope, client *clientData, object *protocol.AttestationObject) error {
	parsed := protocol.ParsedCredentialCreationData{
		ParsedPublicKeyCredential: protocol.ParsedPublicKeyCredential{RawID: e.credentialID},
		Response:                  protocol.ParsedAttestationResponse{CollectedClientData: client.collected(), AttestationObject: *object},
	}
	parsed.Raw.AttestationResponse.ClientDataJSON = e.clientData
	_, err := parsed.Verify(encodeBase64(r.Challenge), r.RP.ID, []string{r.Origin}, nil, nil,
		protocol.TopOriginExplicitVerificationMode, false, false, true, nil, libraryParameters,
		protocol.AttestationPolicy{}, protocol.SignaturePolicy{ECDSAEncoding: protocol.ECDSASignatureEncodingDER})
	if err != nil {
		return refuse("attestation", registrationSteps.signature)
	}
	return nil
}

var libraryParameters = func() (list []protocol.CredentialParameter) {
	for _, alg := range algorithms {
		list = append(list, protocol.CredentialParameter{
			Type:      protocol.PublicKeyCredentialType,
			Algorithm: webauthncose.COSEAlgorithmIdentifier(alg),
		})
	}
	return list
}()
