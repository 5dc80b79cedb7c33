package store

import "time"

// APIKey is how a system of the business is known. The key itself is shown once, and only its hash kept.
type APIKey struct {
	ID, Name             string
	CreatedAt, RevokedAt time.Time
}

const apiKeyColumns = `id, name, created_at, revoked_at`

func (k *APIKey) fields() []any {
	return []any{&k.ID, &k.Name, at{&k.CreatedAt}, at{&k.RevokedAt}}
}

// AddAPIKey keeps a key by its hash.
func (tx *Tx) AddAPIKey(k *APIKey, hash []byte) error {
	return tx.add(`INSERT INTO api_keys (id, secret_hash, name, created_at) VALUES ($1, $2, $3, $4)`, k.ID, hash, k.Name, millis(k.CreatedAt))
}

// APIKeyByHash reads the key with this hash, unless it was revoked.
func (tx *Tx) APIKeyByHash(hash []byte) (*APIKey, error) {
	var k APIKey
	return &k, tx.row(k.fields(), `SELECT `+apiKeyColumns+` FROM api_keys WHERE secret_hash = $1 AND revoked_at = 0`, hash)
}

// WorkingAPIKey tells whether there is such a key, and it was not revoked.
func (tx *Tx) WorkingAPIKey(id string) (bool, error) {
	var n int
	err := tx.row([]any{&n}, `SELECT count(*) FROM api_keys WHERE id = $1 AND revoked_at = 0`, id)
	return n > 0, err
}

// APIKeys reads all keys, revoked ones too, the oldest first, 1000 at most.
func (tx *Tx) APIKeys() ([]APIKey, error) {
	return rows(tx, (*APIKey).fields, `SELECT `+apiKeyColumns+` FROM api_keys ORDER BY id LIMIT 1000`)
}

// APIKeyRow is a key with what the log says of it.
type APIKeyRow struct {
	ID                   string
	SecretHash           []byte
	CreatedAt, RevokedAt time.Time
}

// APIKeyRows reads keys by their ids, after the one named; "" begins.
func (tx *Tx) APIKeyRows(id string, limit int) ([]APIKeyRow, error) {
	return rows(tx, func(k *APIKeyRow) []any { return []any{&k.ID, &k.SecretHash, at{&k.CreatedAt}, at{&k.RevokedAt}} },
		`SELECT id, secret_hash, created_at, revoked_at FROM api_keys WHERE id `+after(id)+` $1 ORDER BY id LIMIT $2`, id, limit)
}

// RevokeAPIKey ends a key; false if there is none, or it was revoked before.
func (tx *Tx) RevokeAPIKey(id string) (bool, error) {
	return tx.once(`UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at = 0`, id, millis(tx.Now))
}
