// Package delivery words what the service tells its customers by e-mail and text message, and carries it out.
//
// A Brand words messages: codes (CodeEmail, CodeSMS) and news of what happened to an account (AlertEmail). A flow queues
// them in the transaction that does the deed, in an outbox that the database keeps. The Worker drains that outbox through
// one Carrier per channel: a Router before SMTP, HTTPSMS, Twilio and SMPP, or Capture, which keeps messages in memory for the
// demo and for tests. Load reads an installation's carriers from their file.
//
// Delivery is at least once: a copy that dies between a carrier's yes and the outbox's note sends the message again.
// Nothing in this package logs an address, a text or a code.
package delivery
