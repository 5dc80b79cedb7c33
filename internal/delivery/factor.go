package delivery

import (
	"slices"
	"strings"

	"countersign/internal/policy"
)

// noun is how a kind of factor is named in a sentence.
type noun struct{ plain, indefinite, capital string }

func factorNoun(kind string) noun {
	switch policy.Kind(kind) {
	case policy.Email:
		return noun{"e-mail address", "an e-mail address", "E-mail address"}
	case policy.Phone:
		return noun{"phone number", "a phone number", "Phone number"}
	case policy.Authenticator:
		return noun{"authenticator app", "an authenticator app", "Authenticator app"}
	}
	return noun{"way to verify you", "a way to verify you", "Way to verify you"}
}

// takeFactor finds the kind of factor in a fact labelled "Factor" ("E-mail", "Phone", "Authenticator app"), and returns
// the facts without it: title and first row name it already.
func takeFactor(facts [][2]string) (kind string, rest [][2]string) {
	i := slices.IndexFunc(facts, func(f [2]string) bool { return f[0] == "Factor" })
	if i < 0 {
		return "", facts
	}
	first, _, _ := strings.Cut(strings.ToLower(facts[i][1]), " ")
	switch first {
	case "e-mail":
		kind = string(policy.Email)
	case string(policy.Phone), string(policy.Authenticator):
		kind = first
	default:
		return "", facts
	}
	return kind, slices.Delete(slices.Clone(facts), i, i+1)
}
