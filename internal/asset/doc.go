// Package asset knows what can be withdrawn and where to: exact amounts, the
// catalogue of assets and networks, and the addresses of each network.
//
// What a customer typed is accepted in one form or refused with an *Error that
// says what to do instead. An address may come back in another letter case than
// it was given: callers show the returned form before anyone approves it.
package asset

// The codes of an Error, as the API's problem documents carry them.
const (
	CodeAmountInvalid  = "amount_invalid"
	CodeBelowMinimum   = "below_minimum"
	CodeAddressInvalid = "address_invalid"
	CodeMemoInvalid    = "memo_invalid"
	CodeInvalidRequest = "invalid_request"
)

// Error is why an input was refused. Message names the remedy and is fit to be
// shown to the customer; it never repeats the input.
type Error struct {
	Field   string // "amount", "asset", "network", "address" or "memo"
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Field + ": " + e.Message }
