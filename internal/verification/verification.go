// Package verification is the heart of the service: somebody proves who they are, for one purpose with exact details,
// in one of the ways that the policy allows, before it expires, and once.
//
// A verification is a row. Its life, whatever the purpose:
//
//	Begin ──► proof by what is bound: codes (and password), or one passkey assertion
//	             │
//	             ├─ a new factor is bound ──► its code                 (next = new_factor)
//	             ├─ a passkey is created  ──► the new key's attestation (next = create_passkey)
//	             ├─ a last choice is due  ──► Finish                    (next = finish)
//	             ▼
//	          the Action, in the transaction that ends the verification
//
// There is no state called "verified" that outlives this row, and no other route to an Action. What was true when a
// verification began is checked again in the transaction that ends it: the policy, and the account's security version.
// A refusal commits its spend, its attempt and its audit event, and changes nothing else.
package verification

import (
	"net/netip"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/notice"
	"countersign/internal/passkey"
	"countersign/internal/password"
	"countersign/internal/policy"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// How long things live, and how much of them there is.
const (
	Life          = 15 * time.Minute
	CodeLife      = 10 * time.Minute
	ResendAfter   = time.Minute
	ChallengeLife = 5 * time.Minute
	// WithdrawalChallengeLife is shorter, as money waits behind it.
	WithdrawalChallengeLife = 3 * time.Minute
	MaxFailures             = 5
	MaxChallenges           = 5
)

// Caller is who sends a request, as far as the transport can tell. Nothing in it is proof of a person.
type Caller struct {
	// Session is nil for somebody who is not signed in.
	Session *store.Session
	// DeviceHash is the hash of the browser's own secret: it binds verifications that begin without a session.
	DeviceHash []byte
	Browser    string // as people know it: "Safari on iPhone"
	Address    string // IP address
	Origin     string // one of the configured origins
	App        string // a native client by its own word, as "ios/3.2.1"; "" for a browser
}

// From is the caller as a notice describes them.
func (c Caller) From() notice.From { return notice.From{Browser: c.Browser, Address: c.Address} }

func (c Caller) sessionID() string {
	if c.Session == nil {
		return ""
	}
	return c.Session.ID
}

// Network is what an address's budgets count: one IPv4 address, or the /64 that an IPv6 customer has to themselves.
func (c Caller) Network() string {
	addr, err := netip.ParseAddr(c.Address)
	if err != nil || addr.Unmap().Is4() {
		return c.Address
	}
	return netip.PrefixFrom(addr.WithZone(""), 64).Masked().String()
}

// AccountID is the signed-in account, "" if there is none.
func (c Caller) AccountID() string {
	if c.Session == nil {
		return ""
	}
	return c.Session.AccountID
}

// Event makes an audit event that names the caller.
func (c Caller) Event(accountID, kind string, ok bool, data map[string]string) store.Event {
	return store.Event{AccountID: accountID, Kind: kind, OK: ok, SessionID: c.sessionID(), Browser: c.Browser, Address: c.Address, Data: data}
}

// Request is what a verification is begun with.
type Request struct {
	Purpose policy.Purpose
	Object  string
	// Value is the new address, number, password or phrase.
	Value   string
	Address *AddressInput
}

// AddressInput is an entry for the address book.
type AddressInput struct{ Label, Network, Address, Memo string }

// NewFactor is a factor that is to be bound, as an Action's Begin gives it.
type NewFactor struct {
	Kind policy.Kind
	// Value is the normalised address or number; "" for an authenticator, whose secret is made when its turn comes.
	Value, Hint string
}

// Payload is what a verification keeps, sealed, for its Action.
type Payload struct {
	Value   string        `json:"value,omitempty"`
	Secret  []byte        `json:"secret,omitempty"` // of a new authenticator
	Address *AddressInput `json:"address,omitempty"`
	Locale  string        `json:"locale,omitempty"`
	Extra   string        `json:"extra,omitempty"`
}

// Choice is what a customer decides at the last step of some purposes.
type Choice struct {
	PasswordHash string
	Keep         store.Selection // of passkeys
}

// Completed is a verification that has everything it asked. An Action acts upon it.
type Completed struct {
	V       *store.Verification
	Account *store.Account // nil for a registration
	Payload Payload
	Caller  Caller
	// Way is "codes" or "passkey".
	Way string
	// Kinds are the factors whose codes answered, where the way was codes.
	Kinds []policy.Kind
	// Passkey, Ceremony and Response are the assertion, where the way was the passkey.
	Passkey  *store.Key
	Ceremony *store.Ceremony
	Response *passkey.Response
	// Credential is the new key of a passkey creation, Name the name its owner gave.
	Credential *passkey.Credential
	Name       string
	// NewStep is the time step by which a new authenticator proved itself.
	NewStep int64
	Choice  Choice
	// Bound are the factors bound when the transaction began.
	Bound []policy.Kind

	use func() error // records the use of Passkey, nil where there is none to record
}

// Result is what a completed verification answers.
type Result struct {
	Session  any `json:"session,omitempty"`
	Passkey  any `json:"passkey,omitempty"`
	Withdraw any `json:"withdrawal,omitempty"`
	Hold     any `json:"hold,omitempty"`
	Accepted any `json:"accepted_credentials,omitempty"`
}

// Action is what one purpose adds to the engine. Each function runs inside a transaction; nil means there is nothing to do.
type Action struct {
	// Begin checks the request and gives what to keep for Finish.
	Begin func(tx *store.Tx, a *store.Account, c Caller, r *Request) (Payload, *NewFactor, error)
	// Check tells whether the object is still there to be acted upon. It runs at every step.
	Check func(tx *store.Tx, a *store.Account, v *store.Verification) error
	// Details are the canonical bytes that a passkey's challenge commits to; nil where the purpose has none.
	Details func(tx *store.Tx, a *store.Account, v *store.Verification) ([]byte, error)
	// Choose tells whether the customer has a choice to make before Finish.
	Choose func(tx *store.Tx, a *store.Account, v *store.Verification, bound []policy.Kind) (bool, error)
	// Finish acts.
	Finish func(tx *store.Tx, c *Completed) (*Result, error)
	// HoldAfter is the hold that finishing will cause, 0 for none.
	HoldAfter func(a *store.Account, bound []policy.Kind, now time.Time) time.Duration
	// View describes the object for the one who is asked to approve it.
	View func(tx *store.Tx, a *store.Account, v *store.Verification) (any, error)
	// Line is what a code's message says of a withdrawal.
	Line func(tx *store.Tx, a *store.Account, v *store.Verification) (*delivery.WithdrawalLine, error)
}

// Limits are the budgets of failures and of sending.
type Limits struct {
	// Guesses are wrong codes, of one account before a session, of one known device, or of one session; GuessesInADay those of one
	// account before a session.
	Guesses, GuessesInADay store.Allowance
	// Begins are verifications begun without a session from one client address.
	Begins store.Allowance
	// InSession are verifications begun in one session.
	InSession store.Allowance
	// NewPasswords are passwords that one account has hashed for a change of it.
	NewPasswords store.Allowance
	// Withdrawals are withdrawals that one account requests, and Requested how many of them may wait for approval at once.
	Withdrawals store.Allowance
	Requested   int
	// SendTo, SendFor, SendFrom and SendAll are messages to one destination, for one account, from one client address, and in all.
	SendTo, SendFor, SendFrom, SendAll store.Allowance
	// SendOpen are messages about one identifier that one client address asks for without a session.
	SendOpen store.Allowance
	// Refusals are those that are written down, of one account or from one network.
	Refusals store.Allowance
}

// DefaultLimits are those of a production service.
func DefaultLimits() Limits {
	hour := time.Hour
	return Limits{
		Guesses:       store.Allowance{Limit: 10, Window: hour, Grow: true},
		Begins:        store.Allowance{Limit: 60, Window: 10 * time.Minute},
		GuessesInADay: store.Allowance{Limit: 30, Window: 24 * hour},
		SendOpen:      store.Allowance{Limit: 5, Window: hour},
		SendTo:        store.Allowance{Limit: 10, Window: hour},
		SendFor:       store.Allowance{Limit: 20, Window: hour},
		SendFrom:      store.Allowance{Limit: 60, Window: hour},
		SendAll:       store.Allowance{Limit: 20000, Window: hour},
		Refusals:      store.Allowance{Limit: 100, Window: hour},
		InSession:     store.Allowance{Limit: 120, Window: hour},
		NewPasswords:  store.Allowance{Limit: 10, Window: hour},
		Withdrawals:   store.Allowance{Limit: 60, Window: hour},
		Requested:     20,
	}
}

// Engine runs verifications. Its fields are set once, before the first request.
type Engine struct {
	DB       *store.DB
	Keys     *secret.Keys
	Policy   policy.Table
	RP       passkey.RelyingParty
	Notifier notice.Notifier
	Hasher   *password.Hasher
	Limits   Limits
	// Spending bounds text messages; nil bounds nothing.
	Spending *delivery.Spending
	Actions  map[policy.Purpose]Action
	// PasskeyList describes the passkeys that a last choice is made from, the newest first, in pages.
	PasskeyList func(tx *store.Tx, accountID string, c Caller, cursor string, limit int) (any, error)
	// Observe is told of every step that a verification takes, in the transaction that takes it; nil where nobody wants to know.
	Observe func(tx *store.Tx, c Caller, v *store.Verification, step string, data map[string]string) error
	// Meter counts what has happened, once it is durable; nil where nobody wants to know.
	Meter Meter
}

// The steps that Observe is told of.
const (
	StepOpened        = "opened"
	StepCodesMatched  = "codes_matched"
	StepOptionsIssued = "options_issued"
	// StepRefused has the refusal's code in its data.
	StepRefused = "refused"
	StepDone    = "done"
)

func (e *Engine) observe(tx *store.Tx, c Caller, v *store.Verification, step string) error {
	if e.Observe == nil {
		return nil
	}
	return e.Observe(tx, c, v, step, nil)
}

func (e *Engine) observeRefusal(tx *store.Tx, c Caller, v *store.Verification, code string) error {
	if v != nil {
		e.Count(tx, func(m Meter) { m.Refused(string(v.Purpose), code) })
	}
	if e.Observe == nil || v == nil {
		return nil
	}
	return e.Observe(tx, c, v, StepRefused, map[string]string{"code": code})
}
