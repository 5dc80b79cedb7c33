package store

import (
	"context"

	"countersign/internal/totp"
)

// NextEpoch begins a new epoch, after a restore from a backup: what an older one issued is void, and its sessions have ended. It
// holds for those who open the database from now on. An epoch is no number that was given before, not even by another copy of the
// same backup: one that was restored twice must not take up what was issued between.
func (db *DB) NextEpoch(ctx context.Context) (epoch int64, err error) {
	err = db.Update(ctx, func(tx *Tx) error {
		epoch = max(tx.Epoch()+1, tx.Now.Unix())
		if err := tx.set("epoch", epoch); err != nil {
			return err
		}
		if err := tx.run(`UPDATE operator_sessions SET ended_at = $1 WHERE ended_at = 0`, millis(tx.Now)); err != nil {
			return err
		}
		// The links too: one that was spent since the backup would be good again.
		if err := tx.run(`UPDATE operator_invitations SET used_at = $1 WHERE used_at = 0`, millis(tx.Now)); err != nil {
			return err
		}
		if err := tx.nextGeneration(epoch); err != nil {
			return err
		}
		// A code of an authenticator app that was used since the backup is shown for some time yet, and so is the next.
		if err := tx.run(`UPDATE factors SET last_step = $1 WHERE kind = 'authenticator' AND last_step < $1`, totp.Step(tx.Wall)+1); err != nil {
			return err
		}
		return tx.run(`UPDATE sessions SET ended_at = $1 WHERE ended_at = 0`, millis(tx.Now))
	})
	return epoch, err
}

// set writes a number that the installation keeps under a name.
func (tx *Tx) set(name string, value int64) error {
	return tx.run(`INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
}
