// Package support is what happens when something fails: what is known of the ceremony that failed, and the requests by which
// people ask for help.
//
// A map of the room:
//
//	support.go     the Service, its limits, and whose something is
//	attempts.go    ceremonies step by step: what the engine tells (Observe), and what the customer's device adds (Report)
//	environment.go what a device may say of itself: short lists and patterns, never free text
//	tickets.go     requests: opened with a session or without one, read, answered
//	views.go       a request as its customer sees it
//	link.go        the request of somebody without a session, by the link that was sent to their address
//	desk.go        what operators do with requests; the desk (internal/desk) asks who they are and what they may do
//	templates.go   the beginnings of their answers
//	recordings.go  recordings of screens: begun, taken in pieces, sealed, checked when they are whole; locks.go: one piece at a time
//	pieces.go      recordings read again, of which only the pieces that are asked for are unsealed
//	sweep.go       recordings deleted: by their owner, and when their time is over
//
// Words: an attempt is one try at a ceremony. A ticket is what people see as a request, with a number such as CS-2041.
package support
