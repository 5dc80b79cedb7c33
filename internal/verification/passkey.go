package verification

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"countersign/approval"
	"countersign/internal/passkey"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// Challenge is what a browser's credential API is called with.
type Challenge struct {
	Kind      string          `json:"kind"` // create | get
	PublicKey json.RawMessage `json:"public_key"`
	ExpiresAt time.Time       `json:"expires_at"`
}

// Challenge begins a ceremony: an assertion as the proof, or, after the codes, the creation of a passkey.
// A verification has MaxChallenges of them; an earlier one stays good until it is spent or expires.
func (e *Engine) Challenge(ctx context.Context, c Caller, id string) (*Challenge, error) {
	var out *Challenge
	err := e.step(ctx, c, id, func(tx *store.Tx, v *store.Verification, a *store.Account, state policy.State) error {
		if err := e.mayHaveChallenge(v, state); err != nil {
			return err
		}
		ok, err := tx.CountChallenge(v.ID, MaxChallenges)
		if err != nil {
			return err
		}
		if !ok {
			return refusal.New("challenges_exhausted", "This verification has used up its challenges. Nothing was changed. Begin again.")
		}
		if ceremonyKind(v) == "create" {
			out, err = e.creation(tx, c, v, a)
		} else {
			out, err = e.assertion(tx, c, v, a)
		}
		if err != nil {
			return err
		}
		e.Count(tx, func(m Meter) { m.Challenged(string(v.Purpose)) })
		return e.observe(tx, c, v, StepOptionsIssued)
	})
	return out, err
}

// ceremonyKind is the one ceremony that a verification has.
func ceremonyKind(v *store.Verification) string {
	if v.Purpose == policy.CreatePasskey {
		return "create"
	}
	return "get"
}

// mayHaveChallenge refuses where no ceremony is due. It is asked again when the answer comes.
func (e *Engine) mayHaveChallenge(v *store.Verification, state policy.State) error {
	req := e.Policy.Require(v.Purpose, state)
	switch {
	case v.AccountID == "" || e.Policy[v.Purpose].WithoutSession:
		return Blocked(&policy.Block{Code: policy.WayNotAllowed})
	case v.Purpose == policy.CreatePasskey && !req.CodesOpen():
		return Blocked(req.CodesBlock)
	case v.Purpose == policy.CreatePasskey && v.ProvenBy != "codes":
		return refusal.New("conflict", "The codes come first. A passkey is created after they all match.")
	case v.Purpose == policy.CreatePasskey:
		return nil
	case v.ProvenBy != "":
		return refusal.New("conflict", "The proof is complete; this verification waits for another step.")
	case !req.PasskeyOpen():
		return Blocked(req.Passkey)
	}
	return nil
}

func (e *Engine) creation(tx *store.Tx, c Caller, v *store.Verification, a *store.Account) (*Challenge, error) {
	cer, err := e.newCeremony(tx, c, v, "create", secret.Random(32), nil, ChallengeLife)
	if err != nil {
		return nil, err
	}
	// A browser refuses longer lists; those used last are the likeliest to be on this device.
	last, err := tx.PasskeysLastUsed(a.ID, passkey.MaxDescriptors)
	if err != nil {
		return nil, err
	}
	factors, err := tx.Factors(a.ID)
	if err != nil {
		return nil, err
	}
	// The e-mail address, which comes first and is never unbound: by it people tell their accounts apart.
	email, err := tx.FactorValue(&factors[0])
	if err != nil {
		return nil, err
	}
	display := a.Name
	if display == "" {
		display = email
	}
	options, err := e.registration(cer, a).Options(email, display, descriptors(last))
	return &Challenge{Kind: cer.Kind, PublicKey: options, ExpiresAt: cer.ExpiresAt}, err
}

func (e *Engine) assertion(tx *store.Tx, c Caller, v *store.Verification, a *store.Account) (*Challenge, error) {
	var nonce []byte
	challenge, life := secret.Random(32), ChallengeLife
	if bind := e.Actions[v.Purpose].Details; bind != nil {
		canonical, err := bind(tx, a, v)
		if err != nil {
			return nil, err
		}
		nonce, life = secret.Random(32), WithdrawalChallengeLife
		sum, err := approval.Challenge(nonce, canonical)
		if err != nil {
			return nil, err
		}
		challenge = sum[:]
	}
	cer, err := e.newCeremony(tx, c, v, "get", challenge, nonce, life)
	if err != nil {
		return nil, err
	}
	// All of them, or none: with a partial list a browser would hide the rest.
	var allow []passkey.Descriptor
	if a.Passkeys <= passkey.MaxDescriptors {
		list, err := tx.PasskeysLastUsed(a.ID, passkey.MaxDescriptors)
		if err != nil {
			return nil, err
		}
		allow = descriptors(list)
	}
	options, err := passkey.Assertion{RP: e.RP, Origin: cer.Origin, Challenge: cer.Challenge, Timeout: life}.Options(allow)
	return &Challenge{Kind: cer.Kind, PublicKey: options, ExpiresAt: cer.ExpiresAt}, err
}

func (e *Engine) newCeremony(tx *store.Tx, c Caller, v *store.Verification, kind string, challenge, nonce []byte, life time.Duration) (*store.Ceremony, error) {
	cer := &store.Ceremony{ID: secret.NewID("cer", tx.Now), VerificationID: v.ID, Kind: kind, Challenge: challenge, Nonce: nonce, Origin: c.Origin, RPID: e.RP.ID,
		CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(life)}
	return cer, tx.AddCeremony(cer)
}

func (e *Engine) registration(cer *store.Ceremony, a *store.Account) passkey.Registration {
	return passkey.Registration{RP: passkey.RelyingParty{ID: cer.RPID, Name: e.RP.Name}, Origin: cer.Origin, Challenge: cer.Challenge, UserHandle: a.Handle}
}

func descriptors(list []store.Passkey) []passkey.Descriptor {
	out := make([]passkey.Descriptor, len(list))
	for i, p := range list {
		out[i] = passkey.Descriptor{ID: p.CredentialID, Transports: p.Transports}
	}
	return out
}

// SubmitPasskey takes the browser's answer to a challenge. The challenge is spent first, whatever comes of the answer.
func (e *Engine) SubmitPasskey(ctx context.Context, c Caller, id string, credential json.RawMessage, name string) (*View, error) {
	var view *View
	err := e.DB.Update(ctx, func(tx *store.Tx) error {
		v, err := e.Owned(tx, c, id)
		if err != nil {
			return e.keepRefusal(tx, c, nil, err)
		}
		cer, spent := e.spend(tx, v, ceremonyKind(v), credential)
		a, state, err := e.current(tx, v)
		if err == nil {
			err = spent
		}
		if err == nil {
			err = e.mayHaveChallenge(v, state)
		}
		if err != nil {
			return e.refusePasskey(tx, c, v, err)
		}
		var done *Completed
		if cer.Kind == "create" {
			done, err = e.created(cer, a, credential, name)
		} else {
			done, err = e.asserted(tx, c, v, a, cer, credential)
		}
		if err != nil {
			return e.refusePasskey(tx, c, v, err)
		}
		if view, err = e.advance(tx, c, v, a, done); err != nil && !store.Kept(err) {
			return e.refusePasskey(tx, c, v, err)
		}
		e.CountCeremony(tx, v.Purpose, err)
		return err
	})
	return view, err
}

// spend consumes the ceremony whose challenge the answer claims. Only then is the answer looked into.
func (e *Engine) spend(tx *store.Tx, v *store.Verification, kind string, credential []byte) (*store.Ceremony, error) {
	claimed, err := passkey.ClaimedChallenge(credential, kind == "create")
	if err != nil {
		return nil, err
	}
	cer, err := tx.CeremonyByChallenge(v.ID, claimed)
	if errors.Is(err, store.ErrNotFound) {
		return nil, &passkey.Refusal{Reason: "challenge is not one of this verification", Step: "challenge"}
	}
	if err != nil {
		return nil, err
	}
	ok, err := tx.SpendCeremony(cer.ID)
	switch {
	case err != nil:
		return nil, err
	case !ok && !cer.ConsumedAt.IsZero():
		return nil, refusal.New("challenge_used", "This answer was given before. Nothing was changed. Try again.")
	case !ok:
		return nil, refusal.New("challenge_expired", "The request expired. Nothing was changed. Try again.")
	case cer.Kind != kind:
		return nil, &passkey.Refusal{Reason: "challenge is of another ceremony", Step: "challenge"}
	}
	return cer, nil
}

func (e *Engine) created(cer *store.Ceremony, a *store.Account, credential []byte, name string) (*Completed, error) {
	key, err := e.registration(cer, a).Verify(credential)
	if err != nil {
		return nil, err
	}
	return &Completed{Credential: key, Ceremony: cer, Name: name}, nil
}

func (e *Engine) asserted(tx *store.Tx, c Caller, v *store.Verification, a *store.Account, cer *store.Ceremony, credential []byte) (*Completed, error) {
	resp, err := passkey.ParseResponse(credential)
	if err != nil {
		return nil, err
	}
	if cer.Nonce != nil {
		if err := e.sameDetails(tx, v, a, cer); err != nil {
			return nil, err
		}
	}
	k, err := tx.KeyByCredential(a.ID, resp.CredentialID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, NotOfThisAccount()
	}
	if err != nil {
		return nil, err
	}
	use, err := e.CheckPasskey(tx, c, k, a.Handle, v.Purpose, resp, passkey.Assertion{RP: passkey.RelyingParty{ID: cer.RPID, Name: e.RP.Name}, Origin: cer.Origin, Challenge: cer.Challenge})
	if err != nil {
		return nil, err
	}
	return &Completed{Way: "passkey", Passkey: k, Ceremony: cer, Response: resp, use: use}, nil
}

// sameDetails derives the challenge anew from what the object is now.
func (e *Engine) sameDetails(tx *store.Tx, v *store.Verification, a *store.Account, cer *store.Ceremony) error {
	canonical, err := e.Actions[v.Purpose].Details(tx, a, v)
	if err != nil {
		return err
	}
	sum, err := approval.Challenge(cer.Nonce, canonical)
	if err != nil {
		return err
	}
	if string(sum[:]) != string(cer.Challenge) {
		return refusal.New("details_changed", "The details changed after they were shown. Nothing was sent. Review them again.")
	}
	return nil
}

// NotOfThisAccount refuses an assertion by a credential that the account does not have.
func NotOfThisAccount() error {
	return &passkey.Refusal{Reason: "credential is not one of this account", Step: "WebAuthn L3 §7.2 step 6"}
}

// CheckPasskey verifies an assertion by a key of the account that has the handle. use records that it was used: it is called only once
// nothing else can refuse what the assertion is for (WebAuthn L3 §7.2 steps 22 to 24).
func (e *Engine) CheckPasskey(tx *store.Tx, c Caller, k *store.Key, handle []byte, purpose policy.Purpose, resp *passkey.Response, with passkey.Assertion) (use func() error, err error) {
	result, err := with.Verify(resp, passkey.Credential{ID: k.CredentialID, PublicKey: k.PublicKey, Algorithm: k.Algorithm, SignCount: k.SignCount,
		BackupEligible: k.BackupEligible, BackupState: k.BackupState}, handle)
	if err != nil {
		return nil, err
	}
	if !k.SuspendedAt.IsZero() {
		return nil, suspended()
	}
	if result.CounterRegressed {
		return nil, &regressed{key: k}
	}
	switch {
	case e.Policy[purpose].Passkey == policy.NoPasskey:
		return nil, Blocked(&policy.Block{Code: policy.WayNotAllowed})
	case !e.Policy.ServesPasskey(purpose, k.WithdrawalPower):
		return nil, Blocked(&policy.Block{Code: policy.PasskeyWithoutPower})
	}
	return func() error { return tx.UsePasskey(k, result.SignCount, result.BackupState, c.Browser) }, nil
}

// regressed is a device-bound key whose counter did not grow: the key may have been copied.
type regressed struct{ key *store.Key }

func (*regressed) Error() string { return "verification: signature counter did not grow" }

// Suspend takes a passkey out of use after its counter went back, and tells the customer. It returns the refusal to answer,
// or nil if err is about something else.
func (e *Engine) Suspend(tx *store.Tx, c Caller, accountID string, err error) (*refusal.Refusal, error) {
	var r *regressed
	if !errors.As(err, &r) {
		return nil, nil
	}
	a, err := tx.Account(accountID)
	if err != nil {
		return nil, err
	}
	if err := tx.SuspendPasskey(a.ID, r.key.ID); err != nil {
		return nil, err
	}
	if err := tx.BumpSecurity(a.ID); err != nil {
		return nil, err
	}
	if err := tx.Record(c.Event(a.ID, "passkey.suspended", false, map[string]string{"passkey": r.key.ID})); err != nil {
		return nil, err
	}
	return suspended(), e.Notifier.Alert(tx, a, "passkey.suspended", c.From(), [2]string{"Passkey", r.key.Name})
}

// refusePasskey commits a refused answer: the spent challenge, the audit event, and what a regressed counter brings about.
func (e *Engine) refusePasskey(tx *store.Tx, c Caller, v *store.Verification, cause error) error {
	r, err := e.Suspend(tx, c, v.AccountID, cause)
	if err != nil {
		return err
	}
	reason := ""
	if r == nil {
		if r, reason = Refused(cause); r == nil {
			return cause
		}
	}
	e.CountCeremony(tx, v.Purpose, r)
	event := c.Event(v.AccountID, "passkey.refused", false, map[string]string{"purpose": string(v.Purpose), "code": r.Code})
	event.Internal = reason
	if err := e.Note(tx, c, event); err != nil {
		return err
	}
	if err := e.observeRefusal(tx, c, v, r.Code); err != nil {
		return err
	}
	return store.Keep(r)
}
