package delivery

import (
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The channels that a Message travels by.
const (
	ChannelEmail = "email"
	ChannelSMS   = "sms"
	// ChannelNone is a decoy: queued and completed like any other message, never sent. It keeps an unknown account from
	// showing in what is written.
	ChannelNone = "none"
)

// NotMeLifetime is how long the link in a security e-mail works; the e-mail says so.
const NotMeLifetime = 72 * time.Hour

// Brand is who the messages come from.
type Brand struct {
	// Name is what customers know the service by.
	Name string
	// Domain is the relying party id; a text message ends in "@Domain #code", so that phones offer the code only there.
	Domain string
	// BaseURL is where the web app is, without a slash at the end.
	BaseURL string
}

// Message is one e-mail or text message, ready for a carrier.
type Message struct {
	// Channel is one of the Channel constants.
	Channel string
	// To is an e-mail address, or a phone number as E.164.
	To string
	// Subject and HTML are empty in a text message. Images in HTML are "cid:" references to the package's own art.
	Subject, Text, HTML string
	// Code is the code inside a code message, for Capture only; "" in every other message.
	Code string

	// ID is the outbox's for it, the same at every attempt; "" outside of an outbox.
	ID string `json:"-"`
	// ExpiresAt is when it is of no use any more; zero is never.
	ExpiresAt time.Time `json:"-"`
}

// clean makes text that a customer or a browser chose fit for one line: control characters, and those that reorder or
// hide text, would let a value pretend to be another line of the message.
func clean(s string) string {
	const most = 200
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most-1]) + "…"
	}
	return s
}

// plainBrowser keeps only what a browser's name is made of. Whoever sends a request chooses its User-Agent, and mail
// programs turn "evil.example" into a link.
func plainBrowser(s string) string {
	const most = 60
	s = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" -()", r) {
			return r
		}
		return ' '
	}, clean(s))
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		s = strings.TrimSpace(string(r[:most]))
	}
	if s == "" {
		return "Unknown"
	}
	return s
}

// plainAddress is an IP address in its usual form, without its zone.
func plainAddress(s string) string {
	ip, err := netip.ParseAddr(strings.TrimSpace(s))
	if err != nil {
		return "Unknown"
	}
	return ip.Unmap().WithZone("").String()
}

// clock and instant print times in UTC and say so: the server does not know where a customer is.
func clock(t time.Time) string   { return t.UTC().Format("15:04 UTC") }
func instant(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04 UTC") }
