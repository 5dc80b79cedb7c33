// Package contact brings e-mail addresses and phone numbers into the one form
// in which they are unique, stored and sent to, and makes the masked form in
// which they are shown.
package contact

// Error is why an address or a number was refused. Both texts are fit to be
// shown to the customer: they name the remedy and never repeat the input.
type Error struct {
	Field   string // "email" or "phone"
	Message string
}

func (e *Error) Error() string { return e.Field + ": " + e.Message }
