package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/policy"
)

var until = time.Date(2026, 3, 15, 9, 0, 0, 0, time.UTC)

// promised is the table of PRODUCT.md section 2, written down once more in words, one line for each purpose:
// purpose | by passkey | codes | password | further.
const promised = `
register           | no       | new address | never      | stranger
login              | any      | one         | always     | stranger, frozen
password.reset     | no       | every       | never      | stranger, frozen
passkey.create     | no       | every of 2  | never      |
passkey.delete     | any      | every       | if only    |
withdrawal.approve | powerful | every of 2  | never      | hold
factor.bind        | no       | every       | if only    | new factor
factor.replace     | powerful | every       | if only    | new factor
factor.unbind      | powerful | every       | if only    |
password.change    | any      | every       | if only    |
sessions.end       | any      | every       | if only    |
phrase.set         | any      | every       | if only    |
address.save       | any      | every       | if only    |
account.unfreeze   | no       | every       | always     | frozen
`

type row struct{ purpose, passkey, codes, password, further string }

func rows() []row {
	var out []row
	for line := range strings.Lines(promised) {
		f := strings.Split(line, "|")
		if len(f) != 5 {
			continue
		}
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		out = append(out, row{f[0], f[1], f[2], f[3], f[4]})
	}
	return out
}

func TestTableHasExactlyThePurposesThatArePromised(t *testing.T) {
	table := policy.Default()
	for _, r := range rows() {
		if _, ok := table[policy.Purpose(r.purpose)]; !ok {
			t.Errorf("%s is missing", r.purpose)
		}
		delete(table, policy.Purpose(r.purpose))
	}
	for p := range table {
		t.Errorf("%s is not promised", p)
	}
}

// states are all combinations of bound factors, frozen, hold, and passkeys.
func states() map[string]policy.State {
	out := map[string]policy.State{}
	for bits := range 8 {
		var bound []policy.Kind
		for i, k := range policy.Kinds {
			if bits&(1<<i) != 0 {
				bound = append(bound, k)
			}
		}
		for _, frozen := range []bool{false, true} {
			for _, hold := range []bool{false, true} {
				for _, keys := range [][2]int{{0, 0}, {2, 0}, {2, 1}} {
					s := policy.State{Bound: bound, Frozen: frozen, Passkeys: keys[0], Powerful: keys[1]}
					if hold {
						s.HoldUntil, s.HoldReason = until, "factor_replaced"
					}
					out[fmt.Sprintf("%v frozen=%t hold=%t passkeys=%v", bound, frozen, hold, keys)] = s
				}
			}
		}
	}
	return out
}

func code(b *policy.Block) string {
	if b == nil {
		return "open"
	}
	return b.Code
}

// wantPasskey says what the promise means for the passkey way.
func wantPasskey(r row, s policy.State) string {
	frozen, held := s.Frozen && !strings.Contains(r.further, "frozen"), !s.HoldUntil.IsZero()
	switch {
	case frozen:
		return policy.AccountFrozen
	case held && strings.Contains(r.further, "hold"):
		return policy.WithdrawalsOnHold
	case r.passkey == "no":
		return policy.WayNotAllowed
	case r.passkey == "powerful" && len(s.Bound) < 3:
		return policy.FactorsIncomplete
	case r.passkey == "powerful" && held:
		return policy.WithdrawalsOnHold
	case s.Passkeys == 0:
		return policy.NoPasskeyYet
	case r.passkey == "powerful" && s.Powerful == 0:
		return policy.PasskeyWithoutPower
	}
	return "open"
}

func wantCodes(r row, s policy.State) (block string, kinds []policy.Kind) {
	switch r.codes {
	case "new address":
		kinds = []policy.Kind{policy.Email}
	case "one":
		for _, k := range []policy.Kind{policy.Email, policy.Phone, policy.Authenticator} {
			if slices.Contains(s.Bound, k) {
				kinds = []policy.Kind{k}
			}
		}
	default:
		kinds = s.Bound
	}
	switch {
	case s.Frozen && !strings.Contains(r.further, "frozen"):
		block = policy.AccountFrozen
	case !s.HoldUntil.IsZero() && strings.Contains(r.further, "hold"):
		block = policy.WithdrawalsOnHold
	case len(kinds) == 0:
		block = policy.WayNotAllowed
	case strings.HasSuffix(r.codes, "of 2") && len(s.Bound) < 2:
		block = policy.FactorsIncomplete
	default:
		block = "open"
	}
	return block, kinds
}

func TestEveryRowInEveryStateOfAnAccount(t *testing.T) {
	table := policy.Default()
	for _, r := range rows() {
		for name, s := range states() {
			got := table.Require(policy.Purpose(r.purpose), s)
			fail := func(what string, got, want any) {
				t.Helper()
				t.Errorf("%s with %s: %s %v, want %v", r.purpose, name, what, got, want)
			}
			if want := wantPasskey(r, s); code(got.Passkey) != want {
				fail("passkey", code(got.Passkey), want)
			}
			if want := r.passkey != "no" && wantPasskey(r, s) == "open"; got.PasskeyOpen() != want {
				fail("passkey open", got.PasskeyOpen(), want)
			}
			block, kinds := wantCodes(r, s)
			if code(got.CodesBlock) != block || got.CodesOpen() != (block == "open") {
				fail("codes", code(got.CodesBlock), block)
			}
			if !slices.Equal(got.Codes, kinds) {
				fail("codes of", got.Codes, kinds)
			}
			if want := r.password == "always" || r.password == "if only" && len(s.Bound) <= 1; got.Password != want {
				fail("password", got.Password, want)
			}
			if want := r.further == "new factor"; got.NewFactor != want {
				fail("new factor", got.NewFactor, want)
			}
			for _, b := range []*policy.Block{got.Passkey, got.CodesBlock} {
				explained(t, b, s)
			}
		}
	}
}

// explained checks that a refusal says what to bind, or until when to wait.
func explained(t *testing.T, b *policy.Block, s policy.State) {
	t.Helper()
	switch code(b) {
	case policy.FactorsIncomplete:
		if !slices.Equal(b.Missing, s.Missing()) || len(b.Missing)+len(s.Bound) != 3 {
			t.Errorf("with %v missing %v", s.Bound, b.Missing)
		}
	case policy.WithdrawalsOnHold:
		if b.Until == nil || !b.Until.Equal(until) || b.Reason != "factor_replaced" {
			t.Errorf("a hold without its end and reason: %+v", b)
		}
	}
}

func TestARequirementThatComesOutEmptyRefuses(t *testing.T) {
	nobody := policy.State{Passkeys: 1, Powerful: 1}
	for p, row := range policy.Default() {
		if row.Codes == policy.NewEmail {
			continue
		}
		if req := policy.Default().Require(p, nobody); req.CodesOpen() {
			t.Errorf("%s with nothing bound asks for %v and is open", p, req.Codes)
		}
	}
	for name, table := range map[string]policy.Table{
		"an empty row":     {"x": {}},
		"no row":           {},
		"no table":         nil,
		"password alone":   {"x": {Password: policy.PasswordAlways}},
		"a new factor too": {"x": {NewFactor: true}},
	} {
		req := table.Require("x", policy.State{Bound: policy.Kinds, Passkeys: 1, Powerful: 1})
		if req.CodesOpen() || req.PasskeyOpen() {
			t.Errorf("%s: codes open %t, passkey open %t", name, req.CodesOpen(), req.PasskeyOpen())
		}
	}
}

func TestOnlyAPasskeyThatThePurposeTakesServesIt(t *testing.T) {
	for _, r := range rows() {
		for _, power := range []bool{false, true} {
			want := r.passkey == "any" || r.passkey == "powerful" && power
			if got := policy.Default().ServesPasskey(policy.Purpose(r.purpose), power); got != want {
				t.Errorf("%s by a passkey with power %t: %t", r.purpose, power, got)
			}
		}
	}
	if policy.Default().ServesPasskey("withdrawal.approve.all", true) {
		t.Error("a purpose that is not in the table is served")
	}
}

func TestTightenTakesThePasskeyWayOut(t *testing.T) {
	for p, row := range policy.Default() {
		table, _, err := policy.Tighten(policy.Default(), policy.DefaultHolds(), []policy.Purpose{p})
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		s := policy.State{Bound: policy.Kinds, Passkeys: 1, Powerful: 1}
		if table.Require(p, s).PasskeyOpen() {
			t.Errorf("%s is open to a passkey all the same", p)
		}
		if got := table.Require(p, s).CodesOpen(); got != policy.Default().Require(p, s).CodesOpen() || row.Codes != table[p].Codes {
			t.Errorf("%s: the codes changed", p)
		}
		for other := range table {
			if other != p && table[other] != policy.Default()[other] {
				t.Errorf("without passkeys for %s, %s changed too", p, other)
			}
		}
	}
}

func TestTightenRefusesWhatLoosens(t *testing.T) {
	shorter := func(change func(*policy.Holds)) policy.Holds {
		h := policy.DefaultHolds()
		change(&h)
		return h
	}
	least := time.Millisecond
	for name, h := range map[string]policy.Holds{
		"factor replaced": shorter(func(h *policy.Holds) { h.FactorReplaced -= least }),
		"factor unbound":  shorter(func(h *policy.Holds) { h.FactorUnbound -= least }),
		"password reset":  shorter(func(h *policy.Holds) { h.PasswordReset = 0 }),
		"second factor":   shorter(func(h *policy.Holds) { h.SecondFactor = -h.SecondFactor }),
		"unfrozen":        shorter(func(h *policy.Holds) { h.Unfrozen = 24 * time.Hour }),
		"new address":     shorter(func(h *policy.Holds) { h.NewAddress = -least }),
	} {
		if _, _, err := policy.Tighten(policy.Default(), h, nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := policy.Tighten(policy.Default(), policy.DefaultHolds(), []policy.Purpose{"withdraw"}); err == nil {
		t.Error("an unknown purpose is passed over in silence")
	}
	only := policy.Table{"x": {Passkey: policy.AnyPasskey}}
	if _, _, err := policy.Tighten(only, policy.DefaultHolds(), []policy.Purpose{"x"}); err == nil {
		t.Error("a purpose is left without any way")
	}
}

func TestTightenKeepsLongerHolds(t *testing.T) {
	want := policy.DefaultHolds()
	want.Unfrozen, want.NewAddress = 100*time.Hour, 24*time.Hour
	if _, got, err := policy.Tighten(policy.Default(), want, nil); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestHoldsLastAsPromised(t *testing.T) {
	const day = 24 * time.Hour
	if got, want := policy.DefaultHolds(), (policy.Holds{FactorReplaced: day, FactorUnbound: day, PasswordReset: day, SecondFactor: day, Unfrozen: 72 * time.Hour}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
