package verification

import (
	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
)

// Meter counts what happens, by names of which there are few: purposes, ways, channels, and the codes of problems.
type Meter interface {
	Begun(purpose string)
	Completed(purpose, way string)
	Refused(purpose, problem string)
	Challenged(purpose string)
	// Ceremony is a passkey's answer; outcome is ok, or the code of the problem.
	Ceremony(purpose, outcome string)
	// CodeSent is a code that was queued (sent), or one that nobody may get (withheld).
	CodeSent(channel, outcome string)
	CodeChecked(channel, verdict string)
}

// Count has the meter told once the transaction is durable.
func (e *Engine) Count(tx *store.Tx, tell func(Meter)) {
	if e.Meter != nil {
		tx.Afterwards(func() { tell(e.Meter) })
	}
}

// CountCeremony counts a passkey's answer that was refused, or that was accepted where cause is nil.
func (e *Engine) CountCeremony(tx *store.Tx, p policy.Purpose, cause error) {
	if e.Meter == nil {
		return
	}
	outcome := "ok"
	if cause != nil {
		outcome = "internal"
		if r := refusal.As(cause); r != nil {
			outcome = r.Code
		}
	}
	e.Count(tx, func(m Meter) { m.Ceremony(string(p), outcome) })
}

// channel is the way by which a factor's codes come.
func channel(k policy.Kind) string {
	if k == policy.Phone {
		return delivery.ChannelSMS
	}
	return string(k)
}
