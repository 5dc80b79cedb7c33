package verification

import (
	"countersign/internal/policy"
	"countersign/internal/store"
)

// answerNames are the names that codes are given under: the kinds of factors, "any" at a login, "new" for the one being bound.
var answerNames = []string{"email", "phone", "authenticator", "any", "new"}

// find picks a factor by the name that the API gives it: "any" is the one of a login, "new" the one being bound.
func find(factors []store.VerificationFactor, purpose policy.Purpose, name string) *store.VerificationFactor {
	for i := range factors {
		f := &factors[i]
		if f.Target == store.New && name == "new" || f.Target == store.Bound && (string(f.Kind) == name && purpose != policy.Login || purpose == policy.Login && name == "any") {
			return f
		}
	}
	return nil
}

// mayAsk tells whether it is this factor's turn: a new factor's comes after the proof by what is bound, and in a reset
// the other factors' turn comes after the e-mail's.
func (e *Engine) mayAsk(v *store.Verification, f *store.VerificationFactor, all []store.VerificationFactor) bool {
	if f.Target == store.New {
		return v.ProvenBy != ""
	}
	if e.Policy[v.Purpose].Codes == policy.EmailThenRest && f.Kind != policy.Email {
		for _, o := range all {
			if o.Kind == policy.Email && o.MatchedAt.IsZero() {
				return false
			}
		}
	}
	return true
}

// complete tells whether every bound factor, and the password where it is asked, has answered. Nothing asked is never complete.
func complete(v *store.Verification, factors []store.VerificationFactor) bool {
	n := 0
	for _, f := range factors {
		if f.Target != store.Bound {
			continue
		}
		if f.MatchedAt.IsZero() {
			return false
		}
		n++
	}
	return n > 0 && (!v.PasswordAsked || v.PasswordMatched) && !v.Decoy
}

func newFactor(factors []store.VerificationFactor) *store.VerificationFactor {
	for i := range factors {
		if factors[i].Target == store.New {
			return &factors[i]
		}
	}
	return nil
}
