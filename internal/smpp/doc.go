// Package smpp is a client of SMPP 3.4, the protocol by which carriers take text messages: as much of it as it takes to hand
// over a message and to hear how it fared.
//
// A Client keeps one connection, bound as a transceiver. Submit splits a text into parts, sends each, and waits for the answers; several
// may do so at once, as many as the window allows. Receipts come on the same connection and go to a function of the caller's, each on a
// goroutine of its own: whatever that function waits for, the connection goes on being read. Nothing here logs, and no error names a
// number or a text.
package smpp
