package main

import (
	"countersign/internal/passkey"
	"countersign/internal/secret"
	"countersign/internal/softkey"
	"countersign/internal/store"
)

// register makes a passkey for an account by a real creation ceremony.
func register(a *store.Account) (*softkey.Authenticator, *store.Passkey, error) {
	device := softkey.New("localhost", origin)
	ceremony := passkey.Registration{RP: passkey.RelyingParty{ID: "localhost", Name: "Bench"}, Origin: origin, Challenge: secret.Random(32), UserHandle: a.Handle}
	options, err := ceremony.Options("bench", "bench", nil)
	if err != nil {
		return nil, nil, err
	}
	answer, err := device.Create(options)
	if err != nil {
		return nil, nil, err
	}
	key, err := ceremony.Verify(answer)
	if err != nil {
		return nil, nil, err
	}
	return device, &store.Passkey{Key: store.Key{CredentialID: key.ID, PublicKey: key.PublicKey, Algorithm: key.Algorithm, BackupEligible: key.BackupEligible, BackupState: key.BackupState},
		AttestationObject: key.AttestationObject, ClientDataJSON: key.ClientDataJSON}, nil
}
