package desk

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/passkey"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// The purposes of the challenges of the desk. A challenge for an invitation names that invitation.
const signInChallenge = "operator-login"

func acceptChallenge(tokenHash []byte) string {
	return "operator-invitation/" + base64.RawURLEncoding.EncodeToString(tokenHash)
}

// SessionView is an operator's session. Token is in the cookie and never in an answer.
type SessionView struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Me is the operator who is signed in, and what they may do.
type Me struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Initials    string       `json:"initials"`
	Role        Role         `json:"role"`
	Permissions []Permission `json:"permissions"`
	Session     SessionView  `json:"session"`

	// Token is that of a new session, "" otherwise: the one time that it is known.
	Token string `json:"-"`
}

func me(o *store.Operator, s *store.OperatorSession) *Me {
	m := &Me{ID: o.ID, Name: o.Name, Initials: initials(o.Name), Role: Role(o.Role), Permissions: []Permission{}, Session: SessionView{ID: s.ID, CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt}}
	for _, p := range Roles[m.Role] {
		if p != Self {
			m.Permissions = append(m.Permissions, p)
		}
	}
	return m
}

// Me tells the caller who they are. It shows nothing of anybody else, and is the one request that leaves no line in the log: pages ask
// it each time they open.
func (s *Service) Me(c Caller) *Me { return me(c.Operator, c.Session) }

// Authenticate finds the operator and the session of a token; nil where the session is unknown, ended, idle, expired or of an older
// epoch, or the operator has ended.
func (s *Service) Authenticate(ctx context.Context, token string) (operator *store.Operator, session *store.OperatorSession, err error) {
	if token == "" {
		return nil, nil, nil
	}
	var stale bool
	err = s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		found, err := tx.OperatorSessionByToken(token)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		o, err := tx.Operator(found.OperatorID)
		if err != nil {
			return err
		}
		if alive(tx, found) && o.EndedAt.IsZero() {
			operator, session, stale = o, found, tx.Now.Sub(found.LastSeenAt) > seenEvery
		}
		return nil
	})
	if err == nil && stale {
		err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error { return tx.SeeOperatorSession(session.OperatorID, session.ID) })
	}
	return operator, session, err
}

// alive tells whether a session goes on.
func alive(tx *store.Tx, s *store.OperatorSession) bool {
	return s.EndedAt.IsZero() && s.ExpiresAt.After(tx.Now) && s.LastSeenAt.Add(SessionIdle).After(tx.Now) && s.Epoch == tx.Epoch()
}

func expiredInvitation() *refusal.Refusal {
	return refusal.New("link_expired", "This invitation is not valid any more. Ask an admin for a new one.")
}

// invited reads the operator of an invitation that is still good.
func invited(tx *store.Tx, hash []byte) (*store.Operator, *store.Invitation, error) {
	i, err := tx.Invitation(hash)
	if errors.Is(err, store.ErrNotFound) || err == nil && (!i.UsedAt.IsZero() || !i.ExpiresAt.After(tx.Now)) {
		return nil, nil, expiredInvitation()
	}
	if err != nil {
		return nil, nil, err
	}
	o, err := tx.Operator(i.OperatorID)
	if err == nil && !o.EndedAt.IsZero() {
		err = expiredInvitation()
	}
	return o, i, err
}

// InvitationView is what the page behind an invitation shows.
type InvitationView struct {
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	ExpiresAt time.Time `json:"expires_at"`
}

// LookUpInvitation reads an invitation. It changes nothing, as mail scanners open links too.
func (s *Service) LookUpInvitation(ctx context.Context, token string) (*InvitationView, error) {
	var out *InvitationView
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		o, i, err := invited(tx, secret.HashToken(token))
		if err == nil {
			out = &InvitationView{Name: o.Name, Role: Role(o.Role), ExpiresAt: i.ExpiresAt}
		}
		return err
	})
	return out, err
}

// InvitationOptions makes the options for the creation of an operator's passkey. It stores nothing.
func (s *Service) InvitationOptions(ctx context.Context, c Caller, token string) (json.RawMessage, error) {
	var out json.RawMessage
	hash := secret.HashToken(token)
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		o, _, err := invited(tx, hash)
		if err != nil {
			return err
		}
		challenge := verification.SealChallenge(s.Engine.Keys, tx.Epoch(), tx.Now, acceptChallenge(hash), c.Origin, s.Engine.RP.ID)
		name := o.Name + " (support desk)"
		out, err = s.registration(c, o, challenge).Options(name, name, nil)
		return err
	})
	return out, err
}

func (s *Service) registration(c Caller, o *store.Operator, challenge []byte) passkey.Registration {
	return passkey.Registration{RP: s.Engine.RP, Origin: c.Origin, Challenge: challenge, UserHandle: o.Handle}
}

// AcceptInvitation takes the new passkey, which replaces what the operator had before, and signs in. The challenge is spent whatever
// comes of the answer, the invitation only by one that is accepted.
func (s *Service) AcceptInvitation(ctx context.Context, c Caller, token string, credential json.RawMessage) (*Me, error) {
	hash := secret.HashToken(token)
	claimed, err := passkey.ClaimedChallenge(credential, true)
	if err != nil {
		return nil, refusedPlainly(err)
	}
	var out *Me
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		if err := s.spend(tx, c, acceptChallenge(hash), claimed); err != nil {
			return s.refuseSignIn(tx, c, "desk.invitation_refused", nil, err)
		}
		o, _, err := invited(tx, hash)
		if err != nil {
			return s.refuseSignIn(tx, c, "desk.invitation_refused", nil, err)
		}
		key, err := s.registration(c, o, claimed).Verify(credential)
		if err != nil {
			return s.refuseSignIn(tx, c, "desk.invitation_refused", o, err)
		}
		// Refused, it leaves invitation and former passkey as they were, but not the challenge.
		if err := tx.Nested(func() error { return s.replacePasskey(tx, o, hash, key) }); err != nil {
			return s.refuseSignIn(tx, c, "desk.invitation_refused", o, err)
		}
		out, err = s.signIn(tx, c, o, "desk.invitation_accepted")
		return err
	})
	return out, err
}

// replacePasskey spends an invitation for a passkey, which is the only one of its operator from now on. The operator is told: whoever
// invites has seen the link.
func (s *Service) replacePasskey(tx *store.Tx, o *store.Operator, invitation []byte, key *passkey.Credential) error {
	ok, err := tx.UseInvitation(invitation)
	if err == nil && !ok {
		err = expiredInvitation()
	}
	if err != nil {
		return err
	}
	p := &store.OperatorPasskey{ID: secret.NewID("opk", tx.Now), OperatorID: o.ID, CredentialID: key.ID, PublicKey: key.PublicKey, Algorithm: key.Algorithm, SignCount: key.SignCount,
		BackupEligible: key.BackupEligible, BackupState: key.BackupState, CreatedAt: tx.Now}
	if err := tx.ReplaceOperatorPasskey(p); errors.Is(err, store.ErrExists) {
		return refusal.New("passkey_exists", "This passkey belongs to another operator.")
	} else if err != nil {
		return err
	}
	// Whoever had the former passkey is out.
	if err := tx.EndOperatorSessions(o.ID); err != nil || s.Carriers[delivery.ChannelEmail] == nil {
		return err
	}
	email, err := tx.OperatorEmail(o)
	if err != nil {
		return err
	}
	return tx.Queue("", s.Engine.Notifier.Brand.AcceptedEmail(email, o.Name, o.Passkeys > 0, tx.Now), tx.Now.Add(acceptedMail))
}

// acceptedMail is how long it is of use to an operator to be told of their passkey.
const acceptedMail = 72 * time.Hour

// LoginOptions makes the options for signing in with a discoverable passkey. It stores nothing.
func (s *Service) LoginOptions(c Caller) (json.RawMessage, error) {
	e := s.Engine
	challenge := verification.SealChallenge(e.Keys, e.DB.Epoch(), e.DB.Now(), signInChallenge, c.Origin, e.RP.ID)
	return passkey.Assertion{RP: e.RP, Origin: c.Origin, Challenge: challenge}.Options(nil)
}

// Login takes the browser's answer. In one transaction it spends the challenge, verifies, decides and records.
func (s *Service) Login(ctx context.Context, c Caller, credential json.RawMessage) (*Me, error) {
	resp, err := passkey.ParseResponse(credential)
	if err != nil {
		return nil, refusedPlainly(err)
	}
	var out *Me
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		if err := s.spend(tx, c, signInChallenge, resp.Challenge); err != nil {
			return s.refuseSignIn(tx, c, "desk.sign_in_refused", nil, err)
		}
		o, err := tx.OperatorByHandle(resp.UserHandle)
		if errors.Is(err, store.ErrNotFound) || len(resp.UserHandle) == 0 {
			return s.refuseSignIn(tx, c, "desk.sign_in_refused", nil, &passkey.Refusal{Reason: "user handle is no operator's", Step: "WebAuthn L3 §7.2 step 6"})
		}
		if err != nil {
			return err
		}
		if err := s.checkPasskey(tx, c, o, resp); err != nil {
			return s.refuseSignIn(tx, c, "desk.sign_in_refused", o, err)
		}
		out, err = s.signIn(tx, c, o, "desk.signed_in")
		return err
	})
	return out, err
}

// spend consumes a challenge of one purpose: it is ours, for this origin, of this epoch, in time, and was not spent before.
func (s *Service) spend(tx *store.Tx, c Caller, purpose string, challenge []byte) error {
	nonce, expires, genuine, expired := verification.OpenChallenge(s.Engine.Keys, tx.Epoch(), tx.Now, purpose, c.Origin, s.Engine.RP.ID, challenge)
	if !genuine {
		return &passkey.Refusal{Reason: "challenge is not ours for this origin", Step: "WebAuthn L3 §7.2 step 11"}
	}
	if expired {
		return refusal.New("challenge_expired", "The request expired. Nothing was changed. Try again.")
	}
	err := tx.SpendLoginChallenge(nonce, expires)
	if errors.Is(err, store.ErrExists) {
		return refusal.New("challenge_used", "This answer was given before. Try again.")
	}
	return err
}

// errRegressed is a device-bound key whose counter did not grow: it may have been copied.
var errRegressed = refusal.New("passkey_suspended", "This passkey is suspended, because its counter went back: it may have been copied. Ask an admin for a new invitation.")

func (s *Service) checkPasskey(tx *store.Tx, c Caller, o *store.Operator, resp *passkey.Response) error {
	p, err := tx.OperatorPasskey(o.ID, resp.CredentialID)
	if errors.Is(err, store.ErrNotFound) {
		return &passkey.Refusal{Reason: "credential is not one of this operator", Step: "WebAuthn L3 §7.2 step 6"}
	}
	if err != nil {
		return err
	}
	with := passkey.Assertion{RP: s.Engine.RP, Origin: c.Origin, Challenge: resp.Challenge, Discoverable: true}
	result, err := with.Verify(resp, passkey.Credential{ID: p.CredentialID, PublicKey: p.PublicKey, Algorithm: p.Algorithm, SignCount: p.SignCount,
		BackupEligible: p.BackupEligible, BackupState: p.BackupState}, o.Handle)
	if err != nil {
		return err
	}
	if !p.SuspendedAt.IsZero() {
		return errRegressed
	}
	if result.CounterRegressed {
		if err := tx.SuspendOperatorPasskey(p.ID); err != nil {
			return err
		}
		// A copy may be signed in already.
		if err := tx.EndOperatorSessions(o.ID); err != nil {
			return err
		}
		return errRegressed
	}
	ok, err := tx.UseOperatorPasskey(p, result.SignCount, result.BackupState)
	if err == nil && !ok {
		err = refusal.New("passkey_refused", "This passkey was used elsewhere at the same moment. Try again.")
	}
	return err
}

// signIn makes a session with a fresh token; the browser's former one is replaced.
func (s *Service) signIn(tx *store.Tx, c Caller, o *store.Operator, kind string) (*Me, error) {
	session := &store.OperatorSession{OperatorID: o.ID, ID: secret.NewID("ops", tx.Now), Epoch: tx.Epoch(), Browser: c.Browser, Address: c.Address,
		CreatedAt: tx.Now, LastSeenAt: tx.Now, ExpiresAt: tx.Now.Add(SessionAbsolute)}
	token, err := tx.AddOperatorSession(session)
	if err != nil {
		return nil, err
	}
	if c.Session != nil {
		if err := tx.EndOperatorSession(c.Session.OperatorID, c.Session.ID); err != nil {
			return nil, err
		}
	}
	c.Operator, c.Session = o, session
	out := me(o, session)
	out.Token = token
	return out, tx.Record(c.Event("", kind, true, nil))
}

// refuseSignIn commits the spent challenge, what a regressed counter brings about, and the audit event. o is nil while nobody is known.
func (s *Service) refuseSignIn(tx *store.Tx, c Caller, kind string, o *store.Operator, cause error) error {
	r, reason := verification.Refused(cause)
	if r == nil {
		return cause
	}
	c.Operator, c.Session = o, nil
	event := c.Event("", kind, false, map[string]string{"code": r.Code})
	event.Internal = reason
	if err := s.Engine.Note(tx, c.outside(), event); err != nil {
		return err
	}
	return store.Keep(refusedPlainly(r))
}

// refusedPlainly answers a stranger with one code for whatever does not fit; only what a genuine signature has shown is told apart.
func refusedPlainly(cause error) error {
	r, _ := verification.Refused(cause)
	if r == nil {
		return cause
	}
	if r.Code == "passkey_refused" {
		return refusal.New("passkey_refused", "This passkey was not accepted. Try again, with the one that you made for the support desk.")
	}
	return r
}

// SignOut ends the caller's own session.
func (s *Service) SignOut(ctx context.Context, c Caller) error {
	return s.act(ctx, c, "", "desk.signed_out", nil, "", func(tx *store.Tx) error { return tx.EndOperatorSession(c.Operator.ID, c.Session.ID) })
}
