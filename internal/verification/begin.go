package verification

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// Begin begins a verification for the signed-in caller.
func (e *Engine) Begin(ctx context.Context, c Caller, r Request) (*View, error) {
	row, known := e.Policy[r.Purpose]
	action, acts := e.Actions[r.Purpose]
	if !known || !acts || row.WithoutSession {
		return nil, refusal.Field("invalid_request", "purpose", "This is not a purpose that a signed-in customer can begin.")
	}
	var view *View
	err := e.DB.Update(ctx, func(tx *store.Tx) error {
		if err := Live(tx, c); err != nil {
			return err
		}
		// Each is a row, and so is each that the policy refuses.
		if err := e.allow(tx, e.Limits.InSession, "in-session", []byte(c.sessionID())); err != nil {
			return err
		}
		a, state, err := e.account(tx, c.AccountID())
		if err != nil {
			return err
		}
		req := e.Policy.Require(r.Purpose, state)
		if !req.PasskeyOpen() && !req.CodesOpen() {
			if err := tx.Record(c.Event(a.ID, "verification.refused", false, map[string]string{"purpose": string(r.Purpose), "code": req.CodesBlock.Code})); err != nil {
				return err
			}
			return store.Keep(Blocked(req.CodesBlock))
		}
		payload, fresh, err := action.Begin(tx, a, c, &r)
		if err != nil {
			return err
		}
		v := &store.Verification{AccountID: a.ID, Purpose: r.Purpose, Object: r.Object, SessionID: c.sessionID(), SecurityVersion: a.SecurityVersion,
			BudgetKey: e.sessionBudget(a.ID), PasswordAsked: req.Password}
		if err := e.add(tx, c, v, payload, req.Codes, "", fresh); err != nil {
			return err
		}
		view, err = e.view(tx, c, v, a)
		return err
	})
	return view, err
}

// Opening is a verification begun without a session.
type Opening struct {
	Purpose policy.Purpose
	// Account is nil for a registration and for what does not exist.
	Account *store.Account
	Payload Payload
	Kinds   []policy.Kind
	// Hint is shown for an e-mail address, whether or not an account has it; To is where the first factor's code goes at once,
	// "" for an authenticator.
	Hint, To string
	// Subject is what guesses count against where there is no account: the identifier as it was typed, normalised.
	Subject  string
	Decoy    bool
	Password bool // asked, and matched or not by now
}

// Open begins a verification for a browser that has no session, in the caller's transaction.
// Whether or not anything of what was typed is right, the same rows are written.
func (e *Engine) Open(tx *store.Tx, c Caller, o Opening) (*View, error) {
	v := &store.Verification{Purpose: o.Purpose, DeviceHash: c.DeviceHash, Decoy: o.Decoy, PasswordAsked: o.Password, PasswordMatched: o.Password}
	var err error
	if v.BudgetKey, err = e.visibleBudget(tx, c, o); err != nil {
		return nil, err
	}
	if o.Account != nil {
		v.AccountID, v.SecurityVersion = o.Account.ID, o.Account.SecurityVersion
	}
	if _, err := e.guessesLeft(tx, v); err != nil {
		return nil, err
	}
	if err := e.add(tx, c, v, o.Payload, o.Kinds, o.Hint, nil); err != nil {
		return nil, err
	}
	factors, err := tx.VerificationFactors(v.ID)
	if err != nil {
		return nil, err
	}
	f := &factors[0]
	switch {
	case v.Decoy || o.To == "":
		err = e.decoySend(tx, c, v, f)
	default:
		err = e.send(tx, c, v, o.Account, f, o.To)
	}
	if err != nil {
		return nil, err
	}
	return e.view(tx, c, v, o.Account)
}

// add inserts a verification with the factors it asks. hint is that of an e-mail address which no account is known to have.
func (e *Engine) add(tx *store.Tx, c Caller, v *store.Verification, p Payload, kinds []policy.Kind, hint string, fresh *NewFactor) error {
	v.ID, v.Epoch, v.Status = secret.NewID("ver", tx.Now), tx.Epoch(), store.Pending
	v.Browser, v.Address = c.Browser, c.Address
	v.CreatedAt, v.ExpiresAt = tx.Now, tx.Now.Add(Life)
	if fresh != nil {
		p.Value = fresh.Value
	}
	payload, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := tx.AddVerification(v, payload); err != nil {
		return err
	}
	hints := map[policy.Kind]string{policy.Email: hint}
	if v.AccountID != "" {
		factors, err := tx.Factors(v.AccountID)
		if err != nil {
			return err
		}
		for _, f := range factors {
			hints[f.Kind] = f.Hint
		}
	}
	for _, kind := range kinds {
		if err := tx.AddVerificationFactor(&store.VerificationFactor{VerificationID: v.ID, Target: store.Bound, Kind: kind, Hint: hints[kind]}); err != nil {
			return err
		}
	}
	if fresh != nil {
		return tx.AddVerificationFactor(&store.VerificationFactor{VerificationID: v.ID, Target: store.New, Kind: fresh.Kind, Hint: fresh.Hint})
	}
	return nil
}

// Send sends a code of a verification by e-mail or SMS; target "new" is the factor being bound.
func (e *Engine) Send(ctx context.Context, c Caller, id, target string) (*View, error) {
	var view *View
	err := e.DB.Update(ctx, func(tx *store.Tx) error {
		v, a, _, err := e.open(tx, c, id)
		if err != nil {
			return err
		}
		factors, err := tx.VerificationFactors(v.ID)
		if err != nil {
			return err
		}
		f := find(factors, v.Purpose, target)
		// Before a session, a factor whose turn has not come is one that does not exist: a stranger must not learn what is bound.
		if f == nil || f.Kind == policy.Authenticator && v.Purpose != policy.Login || e.Policy[v.Purpose].WithoutSession && !e.mayAsk(v, f, factors) {
			return refusal.Field("invalid_request", "factor", "This verification sends no code to that factor.")
		}
		if !e.mayAsk(v, f, factors) {
			return refusal.Field("invalid_request", "factor", "The codes of the factors bound so far come first.")
		}
		if !f.MatchedAt.IsZero() {
			return refusal.Field("conflict", "factor", "This code matched already.")
		}
		if at := f.SentAt.Add(ResendAfter); !f.SentAt.IsZero() && at.After(tx.Now) {
			return refusal.New("resend_too_soon", "A code was sent a moment ago. Wait before you ask for another.").Until(at)
		}
		if v.Decoy || v.Purpose == policy.Login && f.Kind == policy.Authenticator {
			err = e.decoySend(tx, c, v, f)
		} else {
			var to string
			if to, err = e.destination(tx, v, f); err == nil {
				err = e.send(tx, c, v, a, f, to)
			}
		}
		if err != nil {
			return err
		}
		view, err = e.view(tx, c, v, a)
		return err
	})
	return view, err
}

// destination is where a factor's code goes.
func (e *Engine) destination(tx *store.Tx, v *store.Verification, f *store.VerificationFactor) (string, error) {
	if f.Target == store.New || v.AccountID == "" {
		p, err := payload(tx, v)
		return p.Value, err
	}
	factors, err := tx.Factors(v.AccountID)
	if err != nil {
		return "", err
	}
	for i := range factors {
		if factors[i].Kind == f.Kind {
			return tx.FactorValue(&factors[i])
		}
	}
	return "", void()
}

// send makes a code, stores its MAC and queues the message.
func (e *Engine) send(tx *store.Tx, c Caller, v *store.Verification, a *store.Account, f *store.VerificationFactor, to string) error {
	really, err := e.allowSend(tx, c, v, to)
	if err != nil {
		return err
	}
	if !really {
		return e.pretend(tx, c, v, f)
	}
	code := secret.NewCode()
	info := e.codeInfo(tx, c, v, code)
	switch v.Purpose {
	case policy.BindFactor, policy.ReplaceFactor, policy.UnbindFactor:
		info.Factor = v.Object
	}
	if a != nil {
		// The phrase proves our mails to its owner, so it goes to no address that is not theirs yet.
		if f.Target == store.Bound && f.Kind == policy.Email {
			if info.Phrase, err = tx.Phrase(a); err != nil {
				return err
			}
		}
		if line := e.Actions[v.Purpose].Line; line != nil {
			if info.Withdrawal, err = line(tx, a, v); err != nil {
				return err
			}
		}
		bound, err := boundKinds(tx, a.ID)
		if err != nil {
			return err
		}
		info.PowerToWithdraw = v.Purpose == policy.CreatePasskey && len(bound) == len(policy.Kinds)
	}
	if err := tx.SetCode(f, e.codeMAC(v, f, code), tx.Now.Add(CodeLife)); err != nil {
		return err
	}
	return e.Notifier.Code(tx, v.AccountID, f.Kind, to, info)
}

// decoySend does what send does, for nobody: the same budgets, work and writes, or their absence would tell a stranger something.
func (e *Engine) decoySend(tx *store.Tx, c Caller, v *store.Verification, f *store.VerificationFactor) error {
	if _, err := e.allowSend(tx, c, v, ""); err != nil {
		return err
	}
	return e.pretend(tx, c, v, f)
}

// pretend composes a message that goes nowhere.
func (e *Engine) pretend(tx *store.Tx, c Caller, v *store.Verification, f *store.VerificationFactor) error {
	code := secret.NewCode()
	if err := tx.SetCode(f, e.codeMAC(v, f, code), tx.Now.Add(CodeLife)); err != nil {
		return err
	}
	return e.Notifier.Decoy(tx, f.Kind, e.codeInfo(tx, c, v, code))
}

func (e *Engine) codeInfo(tx *store.Tx, c Caller, v *store.Verification, code string) delivery.CodeInfo {
	return delivery.CodeInfo{Purpose: string(v.Purpose), Code: code, ExpiresAt: tx.Now.Add(CodeLife), Browser: c.Browser, Address: c.Address}
}

// codeMAC binds a code to the verification, and so to its account, purpose, object and session, and to one factor of it.
func (e *Engine) codeMAC(v *store.Verification, f *store.VerificationFactor, code string) []byte {
	return e.Keys.MAC("code", []byte(v.ID), []byte(v.Purpose), []byte(v.Object), []byte(f.Target), []byte(f.Kind), []byte(code))
}

func (e *Engine) checkCode(v *store.Verification, f *store.VerificationFactor, code string) bool {
	return e.Keys.CheckMAC(f.CodeMAC, "code", []byte(v.ID), []byte(v.Purpose), []byte(v.Object), []byte(f.Target), []byte(f.Kind), []byte(code))
}

func payload(tx *store.Tx, v *store.Verification) (Payload, error) {
	var p Payload
	b, err := tx.Payload(v)
	if err == nil && b != nil {
		err = json.Unmarshal(b, &p)
	}
	return p, err
}

// account reads an account and what the policy looks at.
func (e *Engine) account(tx *store.Tx, id string) (*store.Account, policy.State, error) {
	a, err := tx.Account(id)
	if err != nil {
		return nil, policy.State{}, err
	}
	bound, err := boundKinds(tx, id)
	if err != nil {
		return nil, policy.State{}, err
	}
	return a, StateOf(a, bound, tx.Now), nil
}

// StateOf is what the policy looks at in an account.
func StateOf(a *store.Account, bound []policy.Kind, now time.Time) policy.State {
	s := policy.State{Bound: bound, Frozen: a.Frozen, Passkeys: a.Usable, Powerful: a.Powerful}
	if a.HoldUntil.After(now) {
		s.HoldUntil, s.HoldReason = a.HoldUntil, a.HoldReason
	}
	return s
}

func boundKinds(tx *store.Tx, accountID string) ([]policy.Kind, error) {
	factors, err := tx.Factors(accountID)
	if err != nil {
		return nil, err
	}
	kinds := make([]policy.Kind, len(factors))
	for i, f := range factors {
		kinds[i] = f.Kind
	}
	return kinds, nil
}

// open reads a pending verification for the one who began it. Whoever else asks learns only that there is none.
func (e *Engine) open(tx *store.Tx, c Caller, id string) (*store.Verification, *store.Account, policy.State, error) {
	v, err := e.owned(tx, c, id)
	if err != nil {
		return nil, nil, policy.State{}, err
	}
	switch {
	case v.Status == store.Done:
		return nil, nil, policy.State{}, refusal.New("verification_used", "This verification is complete and cannot be used again.")
	case v.Status == store.Void || v.Epoch != tx.Epoch():
		return nil, nil, policy.State{}, void()
	case !v.ExpiresAt.After(tx.Now):
		return nil, nil, policy.State{}, refusal.New("verification_expired", "This verification has expired. Nothing was changed. Begin again.")
	}
	if v.AccountID == "" {
		return v, nil, policy.State{}, nil
	}
	a, state, err := e.account(tx, v.AccountID)
	if err != nil {
		return nil, nil, policy.State{}, err
	}
	if outdated, err := e.outdated(tx, v, a); err != nil {
		return nil, nil, policy.State{}, err
	} else if outdated {
		return nil, nil, policy.State{}, void()
	}
	if check := e.Actions[v.Purpose].Check; check != nil {
		if err := check(tx, a, v); err != nil {
			return nil, nil, policy.State{}, err
		}
	}
	return v, a, state, nil
}

// Live refuses a session that ended after the request was let in.
func Live(tx *store.Tx, c Caller) error {
	s, err := tx.Session(c.AccountID(), c.sessionID())
	if errors.Is(err, store.ErrNotFound) || err == nil && !s.EndedAt.IsZero() {
		return refusal.New("unauthenticated", "This session has ended. Sign in again.")
	}
	return err
}

// outdated tells whether a change of security settings has voided a verification. Without a session, and as long as nothing has
// matched, it becomes a decoy instead: void, it would tell a stranger that there is an account, or that the password was right.
func (e *Engine) outdated(tx *store.Tx, v *store.Verification, a *store.Account) (bool, error) {
	if v.Decoy || a.SecurityVersion == v.SecurityVersion {
		return false, nil
	}
	if !e.Policy[v.Purpose].WithoutSession {
		return true, nil
	}
	factors, err := tx.VerificationFactors(v.ID)
	if err != nil {
		return false, err
	}
	for _, f := range factors {
		if !f.MatchedAt.IsZero() {
			return true, nil
		}
	}
	v.Decoy = true
	return false, nil
}

func (e *Engine) owned(tx *store.Tx, c Caller, id string) (*store.Verification, error) {
	v, err := tx.Verification(id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refusal.NotFound("verification")
	}
	if err != nil {
		return nil, err
	}
	if v.SessionID != "" {
		if v.SessionID != c.sessionID() || v.AccountID != c.AccountID() {
			return nil, refusal.NotFound("verification")
		}
		if err := Live(tx, c); err != nil {
			return nil, err
		}
	} else if len(c.DeviceHash) == 0 || string(v.DeviceHash) != string(c.DeviceHash) {
		return nil, refusal.NotFound("verification")
	}
	return v, nil
}

func void() *refusal.Refusal {
	return refusal.New("verification_void", "A security setting changed since this verification began, or it was given up. Nothing was changed. Begin again.")
}

func exhausted(resets time.Time) *refusal.Refusal {
	r := refusal.New("tries_exhausted", "Too many wrong codes. Try again later.")
	if !resets.IsZero() {
		r = r.Until(resets)
	}
	return r
}

// Blocked is the refusal for a way that is closed.
func Blocked(b *policy.Block) *refusal.Refusal {
	detail := map[string]string{
		policy.FactorsIncomplete:   "Not every factor that this takes is bound. Bind what is missing.",
		policy.WithdrawalsOnHold:   "Withdrawals are paused after a change of security settings.",
		policy.AccountFrozen:       "The account is frozen. Unfreeze it first.",
		policy.NoPasskeyYet:        "The account has no passkey that can be used. Use codes.",
		policy.PasskeyWithoutPower: "This passkey signs in but does not approve withdrawals. Use codes.",
		policy.WayNotAllowed:       "The policy does not let this be done that way.",
	}[b.Code]
	r := refusal.New(b.Code, detail)
	if len(b.Missing) > 0 {
		r = r.With("missing", b.Missing)
	}
	if b.Until != nil {
		r = r.With("until", b.Until.Format(time.RFC3339)).With("reason", b.Reason)
	}
	return r
}

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
