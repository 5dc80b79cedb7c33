package delivery

import (
	"context"
	"errors"
	"net"
	"strings"
)

// ErrPermanent is wrapped by a Carrier's error when trying again cannot help: the recipient was refused.
var ErrPermanent = errors.New("refused for good")

// Carrier takes a message to where it goes.
//
// Send returns nil once somebody else has taken responsibility for the message. It ends when ctx does, may be called
// from several goroutines at once, and its errors name neither recipient, text nor code: they go into logs.
type Carrier interface {
	Send(ctx context.Context, m Message) error
}

// Checker is a Carrier that can tell whether it would be heard, without sending anything. Its errors name no recipient either.
type Checker interface {
	Check(ctx context.Context) error
}

// loopback tells whether a host is this machine, so that nothing between can listen.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
