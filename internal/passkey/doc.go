// Package passkey verifies WebAuthn messages: one creation ceremony ([Registration]) or one request
// ceremony ([Assertion]) at a time, against what was stored when the ceremony was begun.
//
// It knows the protocol and nothing else. A caller must still
//
//   - spend the challenge, once, before it verifies (Level 3 §13.4.3), and check its expiry by its own clock;
//   - keep credential ids unique over all accounts (§7.1 step 26);
//   - load the stored credential by account and credential id together (§7.2 step 6);
//   - act on [Result.CounterRegressed], and store the new counter and backup state only once everything
//     else about the operation was accepted (§7.2 steps 22 and 24);
//   - answer a stranger with one and the same refusal, whatever the [Refusal] says (§14.6.2).
//
// # Where this is stricter than the specification
//
// The library go-webauthn reads authenticator data, and verifies attestation statements and signatures; ES256 in assertions is crypto/ecdsa's.
// Around it stand rules of our own, each with a test:
//
//   - The origin is compared byte for byte; the library would also take a path, user information, another
//     case or a default port. Embedding in another site is refused: crossOrigin true, or any topOrigin.
//   - User presence and user verification are required in every ceremony.
//   - The JSON of the envelope and of the client data is read by a scanner that refuses what encoding/json
//     resolves in silence: repeated members, members in another case, invalid UTF-8, lone surrogates. Nesting
//     is limited to 8 levels. A byte order mark before the client data is skipped as §7.1 step 5 asks, and the
//     hash is taken over the bytes as received, mark included. The library never sees the JSON: it is handed
//     the members.
//   - base64url has no padding, no line breaks and no stray trailing bits.
//   - A new public key must be exactly what its algorithm needs and nothing more, so that a key that carries
//     its private part, lies off its curve, has a small order or an unusual RSA size is never stored.
//   - Attestation is accepted as "none" or as packed self attestation, neither of which proves a model.
//   - Extension outputs are ignored: they are neither asked about nor decided upon, credProps included.
//     So is tokenBinding, which Level 3 reserves, and attested data in an assertion.
package passkey
