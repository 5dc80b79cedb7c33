// Package approval defines what a customer approves when money leaves an
// account, and the document that proves afterwards that they did.
//
// It is the only place that makes these bytes. The server that asks for an
// approval, the payout system that consumes it and the signing machine that
// demands it all import this package, so that none of them can disagree about
// what was signed. It depends on the standard library alone.
//
// These bytes are made here:
//
//   - the canonical details of a withdrawal ([Details.Canonical]): RFC 8785
//     JSON in which every value is a string and every member is present;
//   - the WebAuthn challenge that commits to them ([Challenge]):
//     SHA-256("countersign/withdrawal/v1" || 0x00 || nonce || details);
//   - the statement that the server signs where codes, not a passkey, gave the
//     approval ([SignCodes]);
//   - the document that remains ([Approval.Marshal]), with what the audit log
//     holds of it ([Log]);
//   - what the log's entries say of a passkey ([CredentialCommitment]) and of an
//     approval ([ApprovalCommitment]).
//
// [Verifier] checks a document that was made so, and owes nothing to the server
// that made it. docs/approval.md has the form to its last byte, and
// testdata/vectors what a verifier in any language must say.
//
// Whatever is not in its one permitted form is refused and never mended: a
// value that two parties could write differently is a value that a customer
// did not sign.
package approval
