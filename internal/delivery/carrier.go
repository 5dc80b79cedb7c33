package delivery

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"
)

var (
	// ErrPermanent is wrapped by a Carrier's error when trying again cannot help: the recipient was refused.
	ErrPermanent = errors.New("refused for good")
	// ErrElsewhere is wrapped when the carrier answered, and does not take this message, or none just now: another carrier may. It says
	// nothing against the carrier.
	ErrElsewhere = errors.New("not by this carrier now")
)

// Carrier takes a message to where it goes.
//
// Send returns nil once somebody else has taken responsibility for the message. It ends when ctx does, may be called
// from several goroutines at once, and its errors name neither recipient, text nor code: they go into logs.
type Carrier interface {
	Send(ctx context.Context, m Message) (Receipt, error)
}

// Receipt is a carrier's yes.
type Receipt struct {
	// Carrier is its name in the settings, "" where there is but one.
	Carrier string
	// ID is what the carrier calls the message, "" if it did not say.
	ID string
}

// Report is what a carrier tells of a message later.
type Report struct {
	Receipt
	// Delivered is false where the carrier has given the message up.
	Delivered bool
	// Reason is the carrier's code, such as "smpp UNDELIV 034".
	Reason string
}

// Checker is a Carrier that can tell whether it would be heard, without sending anything. Its errors name no recipient either.
type Checker interface {
	Check(ctx context.Context) error
}

// Runner is a Carrier with something to do while nothing is sent, such as hearing how messages fared. Run returns when ctx is done, and
// Send need not work after that. An error of report means that nothing was noted, and that the carrier should tell it again.
type Runner interface {
	Run(ctx context.Context, report func(context.Context, Report) error)
}

// Wait is the error of a message that was not tried, as it cannot go before Until.
type Wait struct {
	Until  time.Time
	Reason string
}

func (w *Wait) Error() string { return w.Reason }

// loopback tells whether a host is this machine, so that nothing between can listen.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
