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

// exchangeEvery is how often copies keep their time. One that starts listens for others for some of these rounds.
var exchangeEvery = 500 * time.Millisecond

const listen = 4

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
	for deadline := time.After(listen * exchangeEvery); ; {
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

// step is a clock that jumped ahead while its copy served. As at the start, the others are not to take that over.
type step struct {
	by     time.Duration
	heard  int64 // the others' time as it was kept last
	silent int   // rounds since it last went on
}

// silence is after how many rounds without another copy's time there is none.
const silence = 10

// stepped is how far a clock has jumped ahead, 0 for what clocks do: by so much it differs from what passed by the machine's own count of
// time, which nobody sets. A clock without one is believed. While it lasts, time goes on by what passes.
func (db *DB) stepped(wall time.Time, passed int64) time.Duration {
	counts := func(t time.Time) bool { return t != t.Round(0) }
	by := time.Duration(wall.UnixMilli()-db.highWater-max(passed, 0)) * time.Millisecond
	if db.lite != nil || by <= maxAhead || !counts(wall) || !counts(db.seen) {
		db.step.heard, db.step.silent = 0, 0
		return 0
	}
	return by
}

// Ahead is how far this machine's clock has jumped ahead of the copies that serve.
func (db *DB) Ahead() time.Duration {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.step.by
}

// hear takes down what the others' time is while this machine's clock is ahead of it. A machine that slept has a clock that jumped: if
// no other copy goes on meanwhile, it is right. The caller holds mu.
func (db *DB) hear(stored int64) {
	if db.step.silent++; stored != db.step.heard {
		db.step.heard, db.step.silent = stored, 0
	}
	if db.step.silent >= silence {
		db.seen = db.clock()
		db.highWater, db.step = max(db.highWater, db.seen.UnixMilli()), step{}
	}
}
