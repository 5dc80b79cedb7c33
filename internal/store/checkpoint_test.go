package store

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

func TestTheLogBeginsAnewWhileUpdatesGoOn(t *testing.T) {
	sqliteOnly(t)
	f := open(t)
	const round, writers, page = checkpointEvery / 2, 16, 4096
	n := 0
	// A log that has begun anew grows no more for a while; SQLite itself would let it at checkpointAt, which is too late to count.
	for before := int64(-1); ; {
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range round / writers {
					name := fmt.Sprintf("%d/%d/%d/%s", n, w, i, strings.Repeat("x", page))
					if err := f.Update(context.Background(), func(tx *Tx) error { return put(tx, name) }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		n++
		info, err := os.Stat(f.path + "-wal")
		switch {
		case err != nil:
			t.Fatal(err)
		case info.Size() == before:
			return
		case info.Size() >= checkpointAt*page:
			t.Fatalf("the log has grown to %d bytes in %d rounds", info.Size(), n)
		}
		before = info.Size()
	}
}
