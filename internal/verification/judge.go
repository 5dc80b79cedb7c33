package verification

import (
	"strings"

	"countersign/internal/policy"
	"countersign/internal/store"
	"countersign/internal/totp"
)

type judge struct {
	e       *Engine
	tx      *store.Tx
	v       *store.Verification
	a       *store.Account
	left    int
	wrong   int
	results map[string]string
}

func (j *judge) all(answers Answers, passwordOK bool) error {
	if answers.Password != "" && j.v.PasswordAsked && !j.v.PasswordMatched {
		// A change of the password since it was checked has voided the verification by its security version.
		if !passwordOK {
			j.fail("password", Wrong)
		} else if err := j.tx.NotePassword(j.v.ID); err != nil {
			return err
		} else {
			j.v.PasswordMatched = true
			j.results["password"] = Matched
		}
	}
	factors, err := j.tx.VerificationFactors(j.v.ID)
	if err != nil {
		return err
	}
	for _, name := range answerNames {
		code, given := answers.Codes[name]
		if !given {
			continue
		}
		f := find(factors, j.v.Purpose, name)
		switch {
		case f == nil || !j.e.mayAsk(j.v, f, factors):
			j.results[name] = NotAsked
		case !f.MatchedAt.IsZero():
			j.results[name] = Matched
			continue // counted when it matched
		case j.wrong >= j.left:
			j.results[name] = Wrong
			j.wrong++
		default:
			if err := j.one(name, f, digits(code)); err != nil {
				return err
			}
		}
		if verdict := j.results[name]; f != nil {
			j.e.Count(j.tx, func(m Meter) { m.CodeChecked(channel(f.Kind), verdict) })
		}
	}
	return nil
}

func (j *judge) one(name string, f *store.VerificationFactor, code string) error {
	verdict, step, err := j.verdict(f, code)
	if err != nil {
		return err
	}
	if verdict != Matched {
		j.fail(name, verdict)
		return nil
	}
	ok, err := j.tx.MatchFactor(f, step)
	if err != nil {
		return err
	}
	if !ok {
		j.fail(name, Wrong)
		return nil
	}
	j.results[name] = Matched
	return nil
}

// fail counts a wrong answer. What expired or was never sent is no guess at a code that lives, but is counted
// all the same: nothing may be tried for free.
func (j *judge) fail(name, verdict string) {
	j.results[name] = verdict
	j.wrong++
}

func (j *judge) verdict(f *store.VerificationFactor, code string) (string, int64, error) {
	if len(code) != 6 {
		return Wrong, 0, nil
	}
	if f.Kind == policy.Authenticator && !j.v.Decoy {
		return j.totp(f, code)
	}
	switch {
	case f.CodeMAC == nil:
		return NotSent, 0, nil
	case !f.CodeExpiresAt.After(j.tx.Now):
		return Stale, 0, nil
	// Only here, as a decoy's code expires like any other.
	case j.v.Decoy || !j.e.checkCode(j.v, f, code):
		return Wrong, 0, nil
	}
	return Matched, 0, nil
}

func (j *judge) totp(f *store.VerificationFactor, code string) (string, int64, error) {
	if f.Target == store.New {
		p, err := payload(j.tx, j.v)
		if err != nil || p.Secret == nil {
			return Wrong, 0, err
		}
		step, ok := totp.Match(p.Secret, code, j.tx.Wall, 0)
		if !ok {
			return Wrong, 0, nil
		}
		return Matched, step, nil
	}
	factors, err := j.tx.Factors(j.v.AccountID)
	if err != nil {
		return Wrong, 0, err
	}
	for i := range factors {
		if factors[i].Kind != policy.Authenticator {
			continue
		}
		key, err := j.tx.FactorValue(&factors[i])
		if err != nil {
			return Wrong, 0, err
		}
		step, ok := totp.Match([]byte(key), code, j.tx.Wall, factors[i].LastStep)
		if !ok {
			if _, once := totp.Match([]byte(key), code, j.tx.Wall, 0); once {
				return Used, 0, nil
			}
			return Wrong, 0, nil
		}
		if ok, err = j.tx.SpendStep(j.v.AccountID, step); err != nil || !ok {
			return Used, 0, err
		}
		return Matched, step, nil
	}
	return Wrong, 0, nil
}

// digits takes out what people put between digits. Other scripts' digits are the client's to normalise.
func digits(code string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\u00a0' {
			return -1
		}
		return r
	}, code)
}
