// Package support is what happens when something fails: what is known of the ceremony that failed.
//
// A map of the room:
//
//	attempts.go    ceremonies step by step: what the engine tells (Observe), and what the customer's device adds (Report)
//	environment.go what a device may say of itself: short lists and patterns, never free text
//
// An attempt is one try at a ceremony. Nothing in it is personal data; it is kept for half a year.
package support
