package account

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"countersign/internal/contact"
	"countersign/internal/passkey"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// SignedIn is a new session, with its token: the one time that the token is known.
type SignedIn struct {
	ID        string    `json:"id"`
	AccountID string    `json:"account_id"`
	Method    string    `json:"method"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Token     string    `json:"token,omitempty"`
}

// signInByCodes makes a session, and tells the customer about a browser that was not seen before.
func (s *Service) signInByCodes(tx *store.Tx, accountID string, c verification.Caller, took time.Duration) (*SignedIn, error) {
	known, err := tx.KnowsDevice(accountID, c.DeviceHash)
	if err != nil {
		return nil, err
	}
	return s.signIn(tx, accountID, c, known, "codes", "", took)
}

// signIn makes a session with a fresh token. known is whether the browser was seen before; if not, the customer is told.
// took is how long it took since it was begun; 0 if nobody was signing in.
func (s *Service) signIn(tx *store.Tx, accountID string, c verification.Caller, known bool, method, passkeyID string, took time.Duration) (*SignedIn, error) {
	session := &store.Session{ID: secret.NewID("ses", tx.Now), AccountID: accountID, Method: method, PasskeyID: passkeyID, Epoch: tx.Epoch(), Browser: c.Browser, Address: c.Address,
		CreatedAt: tx.Now, LastSeenAt: tx.Now, ExpiresAt: tx.Now.Add(policy.SessionAbsolute), Took: took}
	token, err := tx.AddSession(session)
	if err != nil {
		return nil, err
	}
	if c.Session != nil {
		// The browser's former session is replaced, not left behind, whosever it was.
		if _, err := tx.EndSession(c.Session.AccountID, c.Session.ID); err != nil {
			return nil, err
		}
	}
	c.Session = session
	if !known {
		if err := s.meetDevice(tx, accountID, c); err != nil {
			return nil, err
		}
	}
	if err := tx.Record(c.Event(accountID, "login", true, map[string]string{"method": method, "passkey": passkeyID})); err != nil {
		return nil, err
	}
	return &SignedIn{ID: session.ID, AccountID: accountID, Method: method, CreatedAt: session.CreatedAt, ExpiresAt: session.ExpiresAt, Token: token}, nil
}

// since is how long ago something was begun, and never 0, which is that nothing was.
func since(begun, now time.Time) time.Duration { return max(now.Sub(begun), time.Millisecond) }

// meetDevice remembers a new browser, of which the customer is told unless it is the one that has just made the account.
func (s *Service) meetDevice(tx *store.Tx, accountID string, c verification.Caller) error {
	if len(c.DeviceHash) == 0 {
		return nil
	}
	a, err := tx.Account(accountID)
	if err != nil {
		return err
	}
	if err := tx.AddDevice(accountID, c.DeviceHash); err != nil || a.CreatedAt.Equal(tx.Now) {
		return err
	}
	return s.Engine.Notifier.Alert(tx, a, "login.new_device", c.From())
}

// Login begins signing in with a password and a code. Identifier is an e-mail address or a phone number.
// The answer is the same neutral step whoever asks, with the same writes, after the same work.
func (s *Service) Login(ctx context.Context, c verification.Caller, identifier, pw string) (*verification.View, error) {
	var found *store.Account
	subject := strings.ToLower(strings.TrimSpace(identifier))
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		var err error
		found, subject, err = lookUp(tx, subject)
		return err
	})
	if err != nil {
		return nil, err
	}
	hash := s.Engine.Hasher.Dummy()
	if found != nil {
		hash = found.PasswordHash
	}
	if err := s.admit(ctx, c, found); err != nil {
		return nil, err
	}
	matched, err := s.Engine.Hasher.Verify(ctx, hash, pw)
	if err != nil {
		return nil, err
	}
	var view *verification.View
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		o := verification.Opening{Purpose: policy.Login, Kinds: []policy.Kind{policy.Email}, Subject: subject, Password: true, Decoy: true}
		if found != nil {
			now, err := tx.Account(found.ID)
			if err != nil {
				return err
			}
			// A password that changed while the hash ran has not matched.
			o.Account, o.Decoy = now, !matched || now.PasswordHash != hash
			factors, err := tx.Factors(now.ID)
			if err != nil {
				return err
			}
			if err := s.route(tx, &o, factors); err != nil {
				return err
			}
		}
		view, err = s.Engine.Open(tx, c, o)
		return err
	})
	return view, err
}

// admit counts a beginning against the client's network, before the slow hash that it asks for.
func (s *Service) admit(ctx context.Context, c verification.Caller, found *store.Account) error {
	id := ""
	if found != nil {
		id = found.ID
	}
	return s.Engine.DB.Update(ctx, func(tx *store.Tx) error { return s.Engine.Admit(tx, c, id) })
}

// route picks the factor whose code is asked, and where that code goes.
func (s *Service) route(tx *store.Tx, o *verification.Opening, factors []store.Factor) error {
	bound := make([]policy.Kind, len(factors))
	for i, f := range factors {
		bound[i] = f.Kind
	}
	o.Kinds = s.Engine.Policy.Require(policy.Login, policy.State{Bound: bound}).Codes
	for i := range factors {
		if factors[i].Kind == o.Kinds[0] && factors[i].Kind != policy.Authenticator {
			to, err := tx.FactorValue(&factors[i])
			if err != nil {
				return err
			}
			o.To = to
		}
	}
	return nil
}

// lookUp finds the account of an identifier; nil if there is none. subject is the identifier in its one form.
func lookUp(tx *store.Tx, identifier string) (*store.Account, string, error) {
	kind, value := policy.Email, identifier
	if address, err := contact.NormalizeEmail(identifier); err == nil {
		value = address
	} else if number, err := contact.NormalizePhone(identifier, ""); err == nil {
		kind, value = policy.Phone, number
	}
	id, err := tx.FactorOwner(kind, value)
	if errors.Is(err, store.ErrNotFound) {
		return nil, value, nil
	}
	if err != nil {
		return nil, value, err
	}
	a, err := tx.Account(id)
	return a, value, err
}

func (s *Service) finishLogin(tx *store.Tx, c *verification.Completed) (*verification.Result, error) {
	signedIn, err := s.signInByCodes(tx, c.Account.ID, c.Caller, since(c.V.CreatedAt, tx.Now))
	return &verification.Result{Session: signedIn}, err
}

// LoginOptions makes the options for signing in with a discoverable passkey. It stores nothing.
func (s *Service) LoginOptions(c verification.Caller) (json.RawMessage, error) {
	e := s.Engine
	if e.Meter != nil {
		e.Meter.Challenged(string(policy.Login))
	}
	challenge := verification.SealChallenge(e.Keys, e.DB.Epoch(), e.DB.Now(), verification.LoginChallenge, c.Origin, e.RP.ID)
	return passkey.Assertion{RP: e.RP, Origin: c.Origin, Challenge: challenge}.Options(nil)
}

// LoginWithPasskey takes the browser's answer. In one transaction it spends the challenge, verifies, decides and records.
func (s *Service) LoginWithPasskey(ctx context.Context, c verification.Caller, credential json.RawMessage) (*SignedIn, error) {
	e := s.Engine
	resp, err := passkey.ParseResponse(credential)
	if err != nil {
		return nil, loginRefused(err)
	}
	var (
		signedIn         *SignedIn
		expires          time.Time
		genuine, expired bool
		answered         func() *store.Answered
	)
	err = e.DB.UpdateAsking(ctx, resp.UserHandle, func(tx *store.Tx) (err error) {
		var nonce []byte
		nonce, expires, genuine, expired = verification.OpenChallenge(e.Keys, tx.Epoch(), tx.Now, verification.LoginChallenge, c.Origin, e.RP.ID, resp.Challenge)
		if genuine && !expired {
			answered, err = tx.AskLogin(nonce, expires, resp.UserHandle, resp.CredentialID, c.DeviceHash)
		}
		return err
	}, func(tx *store.Tx) error {
		if !genuine {
			return s.refuseLogin(tx, c, "", &passkey.Refusal{Reason: "challenge is not ours for this origin", Step: "WebAuthn L3 §7.2 step 11"})
		}
		if expired {
			return s.refuseLogin(tx, c, "", refusal.New("challenge_expired", "The request expired. Nothing was changed. Try again."))
		}
		a := answered()
		if !a.Spent {
			return s.refuseLogin(tx, c, "", refusal.New("challenge_used", "This answer was given before. Try again."))
		}
		if !a.Found {
			return s.refuseUnknown(tx, c, resp)
		}
		k := &a.Key
		use, err := e.CheckPasskey(tx, c, k, resp.UserHandle, policy.Login, resp, passkey.Assertion{RP: e.RP, Origin: c.Origin, Challenge: resp.Challenge, Discoverable: true})
		if err == nil {
			err = use()
		}
		if err != nil {
			return s.refuseLogin(tx, c, k.AccountID, err)
		}
		if signedIn, err = s.signIn(tx, k.AccountID, c, a.Known, "passkey", k.ID, since(expires.Add(-verification.ChallengeLife), tx.Now)); err == nil {
			e.Count(tx, func(m verification.Meter) {
				m.Ceremony(string(policy.Login), "ok")
				m.Completed(string(policy.Login), "passkey")
			})
		}
		return err
	})
	return signedIn, err
}

// refuseUnknown refuses a login by a passkey that is not there; the audit log has the account, if it is one.
func (s *Service) refuseUnknown(tx *store.Tx, c verification.Caller, resp *passkey.Response) error {
	a, err := tx.AccountByHandle(resp.UserHandle)
	if errors.Is(err, store.ErrNotFound) {
		return s.refuseLogin(tx, c, "", &passkey.Refusal{Reason: "user handle is not known", Step: "WebAuthn L3 §7.2 step 6"})
	}
	if err != nil {
		return err
	}
	return s.refuseLogin(tx, c, a.ID, verification.NotOfThisAccount())
}

// refuseLogin commits the spent challenge, what a regressed counter brings about, and the audit event.
func (s *Service) refuseLogin(tx *store.Tx, c verification.Caller, accountID string, cause error) error {
	suspended, err := s.Engine.Suspend(tx, c, accountID, cause)
	if err != nil {
		return err
	}
	if suspended != nil {
		s.Engine.CountCeremony(tx, policy.Login, suspended)
		return store.Keep(suspended)
	}
	r, reason := verification.Refused(cause)
	if r == nil {
		return cause
	}
	s.Engine.CountCeremony(tx, policy.Login, r)
	event := c.Event(accountID, "login.refused", false, map[string]string{"method": "passkey", "code": r.Code})
	event.Internal = reason
	if err := s.Engine.Note(tx, c, event); err != nil {
		return err
	}
	return store.Keep(loginRefused(cause))
}

// loginRefused answers a stranger with one code for whatever does not fit; only what a genuine signature has shown is told apart.
func loginRefused(cause error) error {
	r, _ := verification.Refused(cause)
	if r == nil {
		return cause
	}
	if r.Code == "passkey_refused" {
		return refusal.New("passkey_refused", "This passkey was not accepted. Try again, or sign in with a code.")
	}
	return r
}
