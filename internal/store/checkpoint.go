package store

import (
	"context"
	"database/sql"
)

// A checkpoint carries what the write-ahead log has gathered into the database, so that the log can begin anew. It forces both
// to the disk, for which no update should wait: a connection of its own does the bulk beside the writer, and the writer
// the rest, which is what has come in meanwhile. SQLite's own checkpoint, by the writer alone, stays as the bound of the log.
type checkpoints struct {
	conn    *sql.Conn
	updates int           // since the last one; the writer's own
	due     chan struct{} // for the goroutine that checkpoints
	rest    chan struct{} // for the writer
}

// checkpointEvery is after how many updates a checkpoint is due, and checkpointAt after how many pages at the latest.
const (
	checkpointEvery = 1000
	checkpointAt    = 16000
)

const checkpoint = `PRAGMA wal_checkpoint(PASSIVE)` // waits for nobody, and keeps nobody waiting

// count asks for a checkpoint when it is due.
func (c *checkpoints) count(updates int) {
	if c.updates += updates; c.updates < checkpointEvery {
		return
	}
	c.updates = 0
	select {
	case c.due <- struct{}{}:
	default: // one is under way
	}
}

// run checkpoints until the writer has ended. What fails is tried again by the next.
func (c *checkpoints) run(done <-chan struct{}) {
	for {
		select {
		case <-c.due:
			if _, err := c.conn.ExecContext(context.Background(), checkpoint); err != nil {
				continue
			}
			select {
			case c.rest <- struct{}{}:
			case <-done:
				return
			}
		case <-done:
			return
		}
	}
}
