// Command manypasskeys gives an account of a demo's folder many passkeys, while the demo does not run. Creating 10,000 by
// the flow would take 10,000 codes of an authenticator app, half a minute each.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"countersign/internal/policy"
	"countersign/internal/secret"
	"countersign/internal/store"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manypasskeys:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: manypasskeys FOLDER EMAIL COUNT")
	}
	count, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	master, err := os.ReadFile(filepath.Join(args[0], "master.key"))
	if err != nil {
		return err
	}
	keys, err := secret.ParseKeys(string(master))
	if err != nil {
		return err
	}
	ctx := context.Background()
	db, err := store.Open(ctx, filepath.Join(args[0], "demo.db"), keys, time.Now)
	if err != nil {
		return err
	}
	return errors.Join(add(ctx, db, args[1], count), db.Close())
}

func add(ctx context.Context, db *store.DB, email string, count int) error {
	return db.Update(ctx, func(tx *store.Tx) error {
		owner, err := tx.FactorOwner(policy.Email, email)
		if err != nil {
			return err
		}
		for i := range count {
			// Older than the passkeys that are there, and used before them, so that those stay the last used.
			made := tx.Now.Add(-time.Duration(count-i) * time.Minute)
			p := &store.Passkey{Key: store.Key{ID: secret.NewID("pk", made), AccountID: owner, CredentialID: secret.Random(32), PublicKey: secret.Random(77), Algorithm: -7,
				BackupEligible: true, BackupState: true, Name: fmt.Sprintf("Phone %d", i+1), WithdrawalPower: true},
				AAGUID: make([]byte, 16), Transports: []string{"internal"}, Format: "none", RPID: "localhost", AttestationObject: []byte{}, ClientDataJSON: []byte{},
				CreatedAt: made, CreatedOn: "Safari on iPhone"}
			if err := tx.AddPasskey(p); err != nil {
				return err
			}
		}
		return nil
	})
}
