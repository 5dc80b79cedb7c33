package app

import (
	"context"

	"countersign/internal/store"
	"countersign/internal/verification"
	"countersign/internal/withdrawal"
)

// APIKeys is what makes and revokes API keys.
type APIKeys = withdrawal.Service

// OpenAPIKeys opens the database of a service that may be running meanwhile; close Engine.DB at the end. Of the configuration it needs
// Database, Keys and Clock.
func OpenAPIKeys(ctx context.Context, c Config) (*APIKeys, error) {
	db, err := store.Open(ctx, c.Database, c.Keys, c.Clock)
	if err != nil {
		return nil, err
	}
	return &withdrawal.Service{Engine: &verification.Engine{DB: db, Keys: c.Keys}}, nil
}
