package app

import (
	"context"

	"countersign/internal/delivery"
	"countersign/internal/observe"
)

// watch tells every part of who watches. It comes before the first request.
func (a *App) watch(o *observe.Observer) {
	a.observer = o
	a.DB.Observer, a.API.Observer, a.Engine.Meter, a.Worker.Observer = o, o, o, o
	for _, c := range a.Worker.Carriers {
		if r, is := c.(*delivery.Router); is {
			r.Observer = o
		}
	}
	o.Watch(observe.Sources{
		UnderWay: a.API.UnderWay, Waiting: a.DB.Waiting, Hashing: a.hasher.Load, Behind: a.DB.Behind, Now: a.DB.Now,
		Log: func(ctx context.Context) (observe.LogStatus, error) {
			s, err := a.Log.Status(ctx)
			return observe.LogStatus{Entries: s.Size, Waiting: s.Waiting, Oldest: s.Oldest, Checkpoint: s.At}, err
		},
		Backlog: func(ctx context.Context) ([]observe.Backlog, error) {
			found, err := a.DB.Backlog(ctx)
			out := make([]observe.Backlog, len(found))
			for i, b := range found {
				out[i] = observe.Backlog(b)
			}
			return out, err
		},
		Carriers: func() (out []observe.Carrier) {
			for _, s := range delivery.Status(a.Worker.Carriers) {
				out = append(out, observe.Carrier{Channel: s.Channel, Name: s.Name, Resting: s.Resting, Connected: s.Connected})
			}
			return out
		},
	})
}
