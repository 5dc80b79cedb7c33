package main

import (
	"context"
	"fmt"
	"time"

	"countersign/internal/app"
	"countersign/internal/store"
)

// beside reads what a command needs that works on the database of a service, which may be running meanwhile.
func beside(ctx context.Context, v map[string]string, clock func() time.Time) (c app.Config, err error) {
	c = app.Config{Database: v["database"], Name: v["name"], Clock: clock}
	if c.Keys, err = masterKey(v); err != nil {
		return c, fmt.Errorf("setting master-key-file: %w", err)
	}
	// Opening makes a database where there is none, and what is done there would be for nobody.
	if err := store.Exists(ctx, c.Database); err != nil {
		return c, fmt.Errorf("setting database: %w; name the one that the service runs on, which makes it when it first starts", err)
	}
	return c, nil
}

// besideTelling is beside for a command of which somebody is told: a message has the origin in it.
func besideTelling(ctx context.Context, v map[string]string, clock func() time.Time) (c app.Config, err error) {
	if c, err = beside(ctx, v, clock); err != nil {
		return c, err
	}
	if c.Origins, c.RPID, err = origins(v["origin"], v["rp-id"]); err != nil {
		return c, fmt.Errorf("setting origin: %w", err)
	}
	return c, nil
}
