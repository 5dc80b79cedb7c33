package withdrawal

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// apiKeyPrefix is before every API key, so that scanners of repositories and logs find one that went astray.
const apiKeyPrefix = "csk_"

var errAPIKey = refusal.New("api_key_invalid", "Send the header Authorization: Bearer with an API key that was not revoked. `countersign api-keys create` makes one.")

// CreateAPIKey makes a key for one of the business's systems; name, 1 to 60 printable characters, says which. The key is not kept: it
// is shown now, or never. It is for the command alone: no request reaches it.
func (s *Service) CreateAPIKey(ctx context.Context, name string) (key string, made *store.APIKey, err error) {
	if n := utf8.RuneCountInString(name); n == 0 || n > 60 || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", nil, refusal.Field("invalid_request", "name", "Name the system that will use the key, with 1 to 60 printable characters.")
	}
	token, _ := secret.NewToken()
	key = apiKeyPrefix + token
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		made = &store.APIKey{ID: secret.NewID("key", tx.Now), Name: name, CreatedAt: tx.Now}
		hash := secret.HashToken(key)
		if err := tx.AddAPIKey(made, hash); err != nil {
			return err
		}
		// With the hash, so that audit verify finds a key that somebody else put in its row's place.
		return tx.Record(store.Event{Kind: "api_key.created", OK: true, Internal: hex.EncodeToString(hash), Data: map[string]string{"api_key": made.ID, "by": "command"}})
	})
	return key, made, err
}

// RevokeAPIKey ends a key, at once and on every copy.
func (s *Service) RevokeAPIKey(ctx context.Context, id string) error {
	return s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		ok, err := tx.RevokeAPIKey(id)
		if err != nil {
			return err
		}
		if !ok {
			return refusal.NotFound("API key that was not revoked before")
		}
		return tx.Record(store.Event{Kind: "api_key.revoked", OK: true, Data: map[string]string{"api_key": id, "by": "command"}})
	})
}

// APIKeys reads all keys, without what they are.
func (s *Service) APIKeys(ctx context.Context) (list []store.APIKey, err error) {
	err = s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		list, err = tx.APIKeys()
		return err
	})
	return list, err
}

// AuthenticateAPIKey finds out which system of the business calls.
func (s *Service) AuthenticateAPIKey(ctx context.Context, key string) (found *store.APIKey, err error) {
	if !strings.HasPrefix(key, apiKeyPrefix) || len(key) != len(apiKeyPrefix)+43 {
		return nil, errAPIKey
	}
	err = s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		found, err = tx.APIKeyByHash(secret.HashToken(key))
		if errors.Is(err, store.ErrNotFound) {
			return errAPIKey
		}
		return err
	})
	return found, err
}

// liveAPIKey asks again within a transaction: a key that was revoked while its request arrived decides nothing.
func liveAPIKey(tx *store.Tx, k *store.APIKey) error {
	ok, err := tx.WorkingAPIKey(k.ID)
	if err == nil && !ok {
		err = errAPIKey
	}
	return err
}
