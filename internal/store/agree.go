package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// maxAhead is how far a clock may be ahead of the copies that serve, for a copy to join them.
const maxAhead = 5 * time.Minute

// exchangeEvery is how often copies keep their time, and hearFor how long one that starts listens for others: some of their rounds.
const (
	exchangeEvery = 500 * time.Millisecond
	hearFor       = 4 * exchangeEvery
)

// agree refuses to join copies whose time is far behind this machine's clock. They would take it over, and there is no way back: every
// session and code would be over, every hold too, and what is kept for a span would be purged. Where no other copy serves, the time
// since the last one is how long nobody did, and the clock's to tell.
func (db *DB) agree(ctx context.Context, pool *sql.DB) error {
	ahead := func() (stored int64, by time.Duration, err error) {
		err = pool.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = 'high_water'`).Scan(&stored)
		if errors.Is(err, sql.ErrNoRows) {
			return 0, 0, nil
		}
		return stored, db.clock().Sub(time.UnixMilli(stored)), err
	}
	first, by, err := ahead()
	if err != nil || by <= maxAhead {
		return err
	}
	ticker := time.NewTicker(exchangeEvery / 5)
	defer ticker.Stop()
	for deadline := time.After(hearFor); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return nil
		case <-ticker.C:
		}
		stored, by, err := ahead()
		switch {
		case err != nil || by <= maxAhead:
			return err
		case stored != first:
			return fmt.Errorf("this machine's clock is %s ahead of the copies that serve, which would take its time over: set it right, and start again", by.Round(time.Second))
		}
	}
}
