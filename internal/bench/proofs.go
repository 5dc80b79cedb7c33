package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"countersign/approval"
	"countersign/internal/passkey"
	"countersign/internal/secret"
	"countersign/internal/softkey"
)

// measureProofs compares the verification of whole approvals with bare ES256 verifications, in turns within one run, by the CPU time of
// the thread, and tells how large the documents are.
func measureProofs() error {
	fmt.Printf("%d cores, %s\n", runtime.NumCPU(), runtime.Version())
	const entries = 1 << 20
	logKey := ed25519.NewKeyFromSeed(secret.Random(32))
	kinds := []struct {
		name      string
		algorithm int64
		log       bool
		recorded  bool
		document  []byte
		took      series
	}{
		{name: "ES256", algorithm: softkey.ES256},
		{name: fmt.Sprintf("ES256, registered in a log of %d", entries), algorithm: softkey.ES256, log: true},
		{name: "ES256, registered and recorded", algorithm: softkey.ES256, log: true, recorded: true},
		{name: "Ed25519, registered", algorithm: softkey.EdDSA, log: true},
		{name: "RS256 (2048 bits), registered", algorithm: softkey.RS256, log: true},
		{name: "codes", algorithm: 0},
	}
	now := time.Now()
	name := "localhost/countersign-audit/1"
	raw := append([]byte{1}, logKey.Public().(ed25519.PublicKey)...)
	id := sha256.Sum256(append([]byte(name+"\n"), raw...))
	v, err := approval.NewVerifier(approval.Options{RelyingParty: "localhost", Origins: []string{origin}, Now: now, MaxAge: time.Hour})
	if err != nil {
		return err
	}
	trusting, err := approval.NewVerifier(approval.Options{RelyingParty: "localhost", Origins: []string{origin}, Now: now, MaxAge: time.Hour,
		LogKeys: []string{fmt.Sprintf("%s+%x+%s", name, id[:4], base64.StdEncoding.EncodeToString(raw))}})
	if err != nil {
		return err
	}
	for i := range kinds {
		k := &kinds[i]
		if k.document, err = proof(k.algorithm, now); err != nil {
			return err
		}
		if k.log {
			if k.document, err = enter(k.document, name, id[:4], logKey, entries, k.recorded); err != nil {
				return err
			}
		}
	}
	var bare series
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range 5 * rounds {
		bare.add(bareVerification())
		for i := range kinds {
			k, by := &kinds[i], v
			if k.log {
				by = trusting
			}
			const batch = 500
			before := threadTime()
			for range batch {
				if _, err := by.Verify(k.document); err != nil {
					return err
				}
			}
			k.took.add((threadTime() - before) / batch)
		}
	}
	fmt.Printf("%-42s %9s %12s %22s\n", "approval by", "bytes", "a second", "rate / bare ES256 rate")
	fmt.Printf("%-42s %9s %12.0f\n", "(bare ES256 verification)", "", 1/median(bare).Seconds())
	for _, k := range kinds {
		fmt.Printf("%-42s %9d %12.0f %22.2f\n", k.name, len(k.document), 1/median(k.took).Seconds(), ratio(bare, k.took))
	}
	return nil
}

// proof makes an approval by a real ceremony, or by codes where there is no algorithm.
func proof(algorithm int64, now time.Time) ([]byte, error) {
	details := approval.Details{Withdrawal: "wd_01JQ8Z5T9M3K7V2B4N6P8R0S1T", Account: "ac_01JQ8Z5T9M3K7V2B4N6P8R0S1T", RelyingParty: "localhost", Asset: "USDT", Network: "tron",
		Address: "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", Amount: "1250.5", Fee: "1", Expires: approval.FormatTime(now.Add(10 * time.Minute))}
	canonical, err := details.Canonical()
	if err != nil {
		return nil, err
	}
	a := approval.Approval{Version: approval.Version, Details: string(canonical), ApprovedAt: approval.FormatTime(now)}
	if algorithm == 0 {
		if a.Codes, err = approval.SignCodes(ed25519.NewKeyFromSeed(secret.Random(32)), "k1", canonical, []string{approval.FactorEmail, approval.FactorPhone, approval.FactorAuthenticator}, now); err != nil {
			return nil, err
		}
		return a.Marshal()
	}
	device, handle, rp := softkey.New("localhost", origin, softkey.Algorithm(algorithm)), secret.Random(32), passkey.RelyingParty{ID: "localhost", Name: "Bench"}
	creation := passkey.Registration{RP: rp, Origin: origin, Challenge: secret.Random(32), UserHandle: handle}
	options, err := creation.Options("bench", "bench", nil)
	if err != nil {
		return nil, err
	}
	answer, err := device.Create(options)
	if err != nil {
		return nil, err
	}
	key, err := creation.Verify(answer)
	if err != nil {
		return nil, err
	}
	nonce := secret.Random(approval.NonceSize)
	challenge, err := approval.Challenge(nonce, canonical)
	if err != nil {
		return nil, err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	request, err := json.Marshal(map[string]any{"rpId": "localhost", "challenge": b64(challenge[:])})
	if err != nil {
		return nil, err
	}
	if answer, err = device.Get(request); err != nil {
		return nil, err
	}
	r, err := passkey.ParseResponse(answer)
	if err != nil {
		return nil, err
	}
	a.Passkey = &approval.PasskeyEvidence{RelyingParty: "localhost", Origin: origin, CredentialID: b64(key.ID), PublicKey: b64(key.PublicKey), Algorithm: key.Algorithm, Nonce: b64(nonce),
		AuthenticatorData: b64(r.AuthenticatorData), ClientDataJSON: b64(r.ClientDataJSON), Signature: b64(r.Signature)}
	return a.Marshal()
}

// enter adds what a log of 2ⁿ entries holds: the registration as its first entry and, if it is recorded, the approval as its last. Only the
// paths to these two are made.
func enter(document []byte, name string, keyID []byte, key ed25519.PrivateKey, entries uint64, recorded bool) ([]byte, error) {
	a, err := approval.Parse(document)
	if err != nil {
		return nil, err
	}
	details, err := approval.ParseDetails([]byte(a.Details))
	if err != nil {
		return nil, err
	}
	credentialID, err1 := base64.RawURLEncoding.DecodeString(a.Passkey.CredentialID)
	publicKey, err2 := base64.RawURLEncoding.DecodeString(a.Passkey.PublicKey)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	entry := func(at, kind string, subject [32]byte) []byte {
		return fmt.Appendf(nil, `{"account":"%s","at":"%s","commitment":"%s","kind":"%s","ok":"true","subject":"%s","version":"countersign/audit/v1"}`,
			details.Account, at, b64(secret.Random(32)), kind, b64(subject[:]))
	}
	node := func(left, right [32]byte) [32]byte {
		return sha256.Sum256(bytes.Join([][]byte{{1}, left[:], right[:]}, nil))
	}
	opening := [32]byte(secret.Random(32))
	first := entry("2026-01-02T03:04:05.678Z", "passkey.created", approval.CredentialCommitment(opening, details.Account, details.RelyingParty, credentialID, publicKey))
	last := entry(strings.TrimSuffix(a.ApprovedAt, "Z")+".678Z", "withdrawal.approved", approval.ApprovalCommitment(opening, sha256.Sum256(document)))
	left, right := sha256.Sum256(append([]byte{0}, first...)), sha256.Sum256(append([]byte{0}, last...))
	var toFirst, toLast [][32]byte
	for size := entries; size > 2; size /= 2 {
		other := [32]byte(secret.Random(32))
		toFirst, toLast = append(toFirst, other), append(toLast, other)
		left, right = node(left, other), node(other, right)
	}
	root := node(left, right)
	registration := approval.NewInclusion(first, 0, opening, append(toFirst, right))
	var record *approval.Inclusion
	if recorded {
		record = approval.NewInclusion(last, entries-1, opening, append(toLast, left))
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", name, entries, base64.StdEncoding.EncodeToString(root[:]))
	note := text + "\n— " + name + " " + base64.StdEncoding.EncodeToString(append(bytes.Clone(keyID), ed25519.Sign(key, []byte(text))...)) + "\n"
	if a.Log, err = approval.NewLog(note, record, registration); err != nil {
		return nil, err
	}
	return a.Marshal()
}
