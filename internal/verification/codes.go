package verification

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/totp"
)

// Answers are the codes that one request gives, by the factor's name in the API, and the password where it is asked.
type Answers struct {
	Codes    map[string]string
	Password string
}

// The verdicts on one answer.
const (
	Matched  = "matched"
	Wrong    = "wrong"
	Stale    = "expired"
	Used     = "used" // an authenticator's code whose time step was spent
	NotSent  = "not_sent"
	NotAsked = "not_asked"
)

// answerNames are the names that codes are given under: the kinds of factors, "any" at a login, "new" for the one being bound.
var answerNames = []string{"email", "phone", "authenticator", "any", "new"}

// Submit judges all codes of one request, each for itself: a wrong one never burns the others, and what matched stays
// matched for this verification. When nothing is missing any more, the verification goes on to its next step or acts.
func (e *Engine) Submit(ctx context.Context, c Caller, id string, answers Answers) (*View, error) {
	// Before anything is judged: a refusal that rolls back would give back what a wrong code has cost.
	for name := range answers.Codes {
		if !slices.Contains(answerNames, name) {
			return nil, refusal.Field("invalid_request", "codes."+name[:min(len(name), 40)], "There is no factor of this name.")
		}
	}
	passwordOK, err := e.checkPassword(ctx, c, id, answers.Password)
	if err != nil {
		return nil, err
	}
	var view *View
	err = e.DB.Update(ctx, func(tx *store.Tx) error {
		v, a, state, err := e.open(tx, c, id)
		if err != nil {
			return err
		}
		if a != nil {
			if req := e.Policy.Require(v.Purpose, state); !req.CodesOpen() && v.ProvenBy == "" {
				return Blocked(req.CodesBlock)
			}
		}
		left, err := e.guessesLeft(tx, v)
		if err != nil {
			return err
		}
		// What one request can get wrong is bounded by what is left, or a request with three guesses would overdraw.
		j := judge{e: e, tx: tx, v: v, a: a, left: left, results: map[string]string{}}
		if err := j.all(answers, passwordOK); err != nil {
			return err
		}
		if j.wrong > 0 {
			return e.refuseCodes(tx, c, v, a, j)
		}
		view, err = e.advance(tx, c, v, a, &Completed{Way: "codes", NewStep: j.newStep})
		if refusal.As(err) != nil && !store.Kept(err) {
			return store.Keep(err) // codes were judged, and stay spent
		}
		return err
	})
	return view, err
}

// refuseCodes commits what was matched, what was wrong, and the refusal.
func (e *Engine) refuseCodes(tx *store.Tx, c Caller, v *store.Verification, a *store.Account, j judge) error {
	if err := e.countWrong(tx, c, v, a, j.wrong); err != nil {
		return err
	}
	if err := tx.Record(c.Event(v.AccountID, "codes.wrong", false, map[string]string{"purpose": string(v.Purpose)})); err != nil {
		return err
	}
	// Whatever matched is proven, even where its neighbour was wrong; only what is asked next waits.
	view, err := e.view(tx, c, v, a)
	if err != nil {
		return err
	}
	r := refusal.New("code_wrong", "A code does not match. Those that matched are kept.").With("results", j.results)
	if v.Purpose == policy.Login {
		r = refusal.New("login_refused", "That did not work. Check what you entered, and the code.")
	}
	return store.Keep(r.With("verification", view).With("tries_left", view.TriesLeft))
}

// checkPassword runs the slow hash outside the transaction.
func (e *Engine) checkPassword(ctx context.Context, c Caller, id, given string) (bool, error) {
	if given == "" {
		return false, nil
	}
	var hash string
	err := e.DB.View(ctx, func(tx *store.Tx) error {
		v, a, _, err := e.open(tx, c, id)
		if err != nil {
			return err
		}
		if a == nil || !v.PasswordAsked || v.PasswordMatched || v.Failures >= MaxFailures {
			return nil
		}
		left, resets, err := tx.Left(v.BudgetKey, e.Limits.Guesses)
		if err == nil && left == 0 {
			err = exhausted(resets)
		}
		hash = a.PasswordHash
		return err
	})
	if err != nil || hash == "" {
		return false, err
	}
	return e.Hasher.Verify(ctx, hash, given)
}

type judge struct {
	e       *Engine
	tx      *store.Tx
	v       *store.Verification
	a       *store.Account
	left    int
	wrong   int
	newStep int64
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
		case j.wrong >= j.left:
			j.results[name] = Wrong
			j.wrong++
		default:
			if err := j.one(name, f, digits(code)); err != nil {
				return err
			}
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
	if f.Target == store.New {
		j.newStep = step
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

// advance takes a verification as far as its proofs reach: to its next step, or to its Action.
func (e *Engine) advance(tx *store.Tx, c Caller, v *store.Verification, a *store.Account, done *Completed) (*View, error) {
	factors, err := tx.VerificationFactors(v.ID)
	if err != nil {
		return nil, err
	}
	if v.ProvenBy == "" {
		way := done.Way
		if way == "codes" && !complete(v, factors) {
			return e.view(tx, c, v, a)
		}
		fresh := newFactor(factors)
		if fresh != nil && done.use != nil {
			if err := done.use(); err != nil {
				return nil, err
			}
		}
		if err := tx.NoteProof(v.ID, way); err != nil {
			return nil, err
		}
		v.ProvenBy = way
		if fresh != nil {
			// A message that may not go out now is asked for again later; the proof stays spent, and given.
			err := tx.Nested(func() error { return e.openNewFactor(tx, c, v, a, fresh) })
			if refusal.As(err) != nil {
				return nil, store.Keep(err)
			}
			if err != nil {
				return nil, err
			}
			return e.view(tx, c, v, a)
		}
	}
	if fresh := newFactor(factors); fresh != nil {
		if fresh.MatchedAt.IsZero() {
			return e.view(tx, c, v, a)
		}
		done.NewStep = fresh.LastStep
	}
	if v.Purpose == policy.CreatePasskey && done.Credential == nil {
		return e.view(tx, c, v, a)
	}
	if choose, err := e.mustChoose(tx, v, a); err != nil || choose {
		if err != nil {
			return nil, err
		}
		return e.view(tx, c, v, a)
	}
	return e.finish(tx, c, v, a, done)
}

func (e *Engine) mustChoose(tx *store.Tx, v *store.Verification, a *store.Account) (bool, error) {
	choose := e.Actions[v.Purpose].Choose
	if choose == nil || a == nil {
		return false, nil
	}
	bound, err := boundKinds(tx, a.ID)
	if err != nil {
		return false, err
	}
	return choose(tx, a, v, bound)
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

// openNewFactor begins the proof of the new factor: only now is a code sent to it, or its secret made.
func (e *Engine) openNewFactor(tx *store.Tx, c Caller, v *store.Verification, a *store.Account, f *store.VerificationFactor) error {
	p, err := payload(tx, v)
	if err != nil {
		return err
	}
	if f.Kind != policy.Authenticator {
		return e.send(tx, c, v, a, f, p.Value)
	}
	if p.Secret, err = totp.NewSecret(); err != nil {
		return err
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return tx.SetPayload(v, b)
}

// finish ends the verification and acts, in this transaction. A refusal of the action ends it too, and commits only that.
func (e *Engine) finish(tx *store.Tx, c Caller, v *store.Verification, a *store.Account, done *Completed) (*View, error) {
	p, err := payload(tx, v)
	if err != nil {
		return nil, err
	}
	factors, err := tx.VerificationFactors(v.ID)
	if err != nil {
		return nil, err
	}
	done.V, done.Account, done.Payload, done.Caller, done.Way = v, a, p, c, v.ProvenBy
	for _, f := range factors {
		if f.Target == store.Bound && v.ProvenBy == "codes" {
			done.Kinds = append(done.Kinds, f.Kind)
		}
	}
	if a != nil {
		if done.Bound, err = boundKinds(tx, a.ID); err != nil {
			return nil, err
		}
	}
	var result *Result
	err = tx.Nested(func() (err error) {
		if ok, err := tx.EndVerification(v.ID, store.Done); err != nil {
			return err
		} else if !ok {
			return refusal.New("verification_used", "This verification is complete and cannot be used again.")
		}
		if done.use != nil {
			if err := done.use(); err != nil {
				return err
			}
		}
		result, err = e.Actions[v.Purpose].Finish(tx, done)
		return err
	})
	if r := refusal.As(err); r != nil {
		// Codes stay proven where another key may be tried by another challenge; elsewhere the same proof would be refused again.
		if v.Purpose != policy.CreatePasskey {
			if _, err := tx.EndVerification(v.ID, store.Void); err != nil {
				return nil, err
			}
		}
		if err := tx.Record(c.Event(v.AccountID, string(v.Purpose)+".refused", false, map[string]string{"code": r.Code})); err != nil {
			return nil, err
		}
		return nil, store.Keep(r)
	}
	if err != nil {
		return nil, err
	}
	v.Status = store.Done
	if v.ProvenBy == "codes" {
		if err := tx.ClearBudget(v.BudgetKey); err != nil {
			return nil, err
		}
	}
	view, err := e.view(tx, c, v, a)
	if err != nil {
		return nil, err
	}
	view.Result = result
	return view, nil
}

// Finish makes the last choice of a verification whose proof is complete, and acts. newPassword, which a password reset
// alone takes, is hashed here, outside the transaction.
func (e *Engine) Finish(ctx context.Context, c Caller, id string, newPassword string, choice Choice) (*View, error) {
	err := e.DB.View(ctx, func(tx *store.Tx) error {
		v, a, _, err := e.open(tx, c, id)
		if err != nil {
			return err
		}
		return e.mayFinish(tx, v, a, newPassword)
	})
	if err != nil {
		return nil, err
	}
	if newPassword != "" {
		if choice.PasswordHash, err = e.HashPassword(ctx, "password", newPassword); err != nil {
			return nil, err
		}
	}
	var view *View
	err = e.DB.Update(ctx, func(tx *store.Tx) error {
		v, a, _, err := e.open(tx, c, id)
		if err != nil {
			return err
		}
		if err := e.mayFinish(tx, v, a, newPassword); err != nil {
			return err
		}
		view, err = e.finish(tx, c, v, a, &Completed{Choice: choice})
		return err
	})
	return view, err
}

func (e *Engine) mayFinish(tx *store.Tx, v *store.Verification, a *store.Account, newPassword string) error {
	next, err := e.next(tx, v, a)
	if err != nil {
		return err
	}
	if next != NextFinish {
		return refusal.New("conflict", "This verification does not wait for its last step.")
	}
	if wants := v.Purpose == policy.ResetPassword; wants != (newPassword != "") {
		return refusal.Field("invalid_request", "password", "A new password is given for a password reset, and for nothing else.")
	}
	return nil
}

// HashPassword checks a new password against the rules and hashes it.
func (e *Engine) HashPassword(ctx context.Context, field, pw string) (string, error) {
	if err := checkNewPassword(field, pw); err != nil {
		return "", err
	}
	return e.Hasher.Hash(ctx, pw)
}
