package testkit

import (
	"context"
	"runtime"
	"time"
)

// alone holds an installation to one connection for each transaction: where one waits for another while it has its own, as many as there
// are connections wait for ever. It looks from where the store calls out: its clock when a view begins, its observer after an update.
type alone struct{ report func(what string) }

func (a alone) clock(now func() time.Time) func() time.Time {
	return func() time.Time {
		a.look(2)
		return now()
	}
}

// look tells of a transaction within another. least is how many frames of transactions there are where one alone is under way and calls.
func (a alone) look(least int) {
	var pcs [256]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	views, writers := 0, 0
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		switch f.Function {
		case "countersign/internal/store.(*DB).View":
			views++
		case "countersign/internal/store.(*writer).run":
			writers++
		}
	}
	if views+writers >= least {
		var stack [16 << 10]byte
		a.report("a transaction within another:\n" + string(stack[:runtime.Stack(stack[:], false)]))
	}
}

// Updated is of store.Observer. It is called by whoever wanted the update.
func (a alone) Updated(context.Context, time.Time, time.Duration, error) { a.look(1) }

// Committed is of store.Observer.
func (a alone) Committed(int, time.Duration) {}

// Retried is of store.Observer.
func (a alone) Retried(string) {}
