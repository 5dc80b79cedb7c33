package passkey

import "errors"

// ErrUserNotVerified tells that the authenticator did not verify its user (flag UV). For an assertion the
// signature was valid: whoever sent it does hold the key.
var ErrUserNotVerified = errors.New("passkey: the user was not verified")

// ErrBackupEligibleChanged tells that a credential's backup eligibility (flag BE) is not what it was at its
// creation. The signature was valid and the user verified. The flag never changes in a conforming
// authenticator, so the stored one must not be rewritten; some password managers got it wrong in the past.
var ErrBackupEligibleChanged = errors.New("passkey: the backup eligibility of the credential changed")

// Refusal tells why a message was not accepted. It is for the audit log only: a stranger must not learn
// which step failed. Both members come from a small fixed set and hold nothing that was in the message.
//
// Every error of [ParseResponse], [Registration.Verify] and [Assertion.Verify] is a *Refusal, unless the
// stored side (ceremony or key) is unusable. errors.Is finds [ErrUserNotVerified] and
// [ErrBackupEligibleChanged] through it.
type Refusal struct {
	Reason string // such as "origin"
	Step   string // where WebAuthn Level 3 asks for it, such as "§7.2 step 12"

	kind error
}

func (r *Refusal) Error() string { return "passkey: " + r.Reason + " (" + r.Step + ")" }

func (r *Refusal) Unwrap() error { return r.kind }

func refuse(reason, step string) *Refusal { return &Refusal{Reason: reason, Step: step} }

// steps are the numbers under which one check stands in the two ceremonies.
type steps struct {
	ceremony                                                     string
	response, utf8, json, kind, challenge, origin, cross, top    string
	rpIDHash, present, verified, backup, signature, credentialID string
}

var (
	registrationSteps = steps{
		ceremony: "webauthn.create",
		response: "§7.1 step 3", utf8: "§7.1 step 5", json: "§7.1 step 6", kind: "§7.1 step 7",
		challenge: "§7.1 step 8", origin: "§7.1 step 9", cross: "§7.1 step 10", top: "§7.1 step 11",
		rpIDHash: "§7.1 step 14", present: "§7.1 step 15", verified: "§7.1 step 16", backup: "§7.1 step 17",
		signature: "§7.1 step 22", credentialID: "§7.1 step 25",
	}
	assertionSteps = steps{
		ceremony: "webauthn.get",
		response: "§7.2 step 3", utf8: "§7.2 step 8", json: "§7.2 step 9", kind: "§7.2 step 10",
		challenge: "§7.2 step 11", origin: "§7.2 step 12", cross: "§7.2 step 13", top: "§7.2 step 14",
		rpIDHash: "§7.2 step 15", present: "§7.2 step 16", verified: "§7.2 step 17", backup: "§7.2 step 18",
		signature: "§7.2 step 21", credentialID: "§7.2 step 6",
	}
)
