// Package refusal has the one error type by which the service says no.
//
// A refusal is a result, not a fault: it has a stable code that clients act upon, and a sentence that
// says what to do. Everything else that goes wrong is an ordinary error and is never shown to a client.
package refusal

import (
	"errors"
	"time"
)

// Refusal is an answer of the rules. Code is one of the codes in the API's catalogue of problems.
type Refusal struct {
	Code   string
	Detail string // for people, without personal data
	Field  string // the request's member that is at fault, if one is
	// RetryAt is when the same request may succeed; zero if time does not help.
	RetryAt time.Time
	// Extra are further members of the problem document.
	Extra map[string]any
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }

// New makes a refusal.
func New(code, detail string) *Refusal { return &Refusal{Code: code, Detail: detail} }

// Field makes a refusal that names a member of the request.
func Field(code, field, detail string) *Refusal {
	return &Refusal{Code: code, Field: field, Detail: detail}
}

// With returns a copy with one more extra member.
func (r *Refusal) With(name string, value any) *Refusal {
	c := *r
	c.Extra = map[string]any{name: value}
	for k, v := range r.Extra {
		c.Extra[k] = v
	}
	return &c
}

// Until returns a copy that says when to try again.
func (r *Refusal) Until(at time.Time) *Refusal {
	c := *r
	c.RetryAt = at
	return &c
}

// As returns the refusal in err's chain, or nil.
func As(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}

// NotFound is the one answer for what is not there and for what is another's.
func NotFound(what string) *Refusal { return New("not_found", "There is no such "+what+" here.") }
