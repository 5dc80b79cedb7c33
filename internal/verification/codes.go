package verification

import (
	"context"
	"slices"

	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
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
	err = e.step(ctx, c, id, func(tx *store.Tx, v *store.Verification, a *store.Account, state policy.State) error {
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
		view, err = e.advance(tx, c, v, a, &Completed{Way: "codes"})
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
	if err := e.observeRefusal(tx, c, v, "code_wrong"); err != nil {
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

// checkPassword runs the slow hash outside the transaction. Where the step is going to be refused anyway, it runs none.
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
		if left, _, err := tx.Left(v.BudgetKey, e.Limits.Guesses); err != nil || left == 0 {
			return err
		}
		hash = a.PasswordHash
		return nil
	})
	if refusal.As(err) != nil || err == nil && hash == "" {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return e.Hasher.Verify(ctx, hash, given)
}
