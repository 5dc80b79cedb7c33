// Package flowtest has the tests of whole flows, over HTTP, as customers and attackers go through them. Each name says what
// is promised.
package flowtest
