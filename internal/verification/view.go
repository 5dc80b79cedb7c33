package verification

import (
	"context"
	"strconv"
	"time"

	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/totp"
)

// The steps that a client takes next.
const (
	NextProof         = "proof"
	NextNewFactor     = "new_factor"
	NextCreatePasskey = "create_passkey"
	NextFinish        = "finish"
)

// View is a verification as its owner sees it.
type View struct {
	ID             string         `json:"id"`
	Purpose        policy.Purpose `json:"purpose"`
	Object         string         `json:"object"`
	Status         string         `json:"status"`
	ExpiresAt      time.Time      `json:"expires_at"`
	Next           *string        `json:"next"`
	Ways           []string       `json:"ways"`
	PasskeyBlocked *policy.Block  `json:"passkey_blocked"`
	Password       *PasswordView  `json:"password"`
	Factors        []FactorView   `json:"factors"`
	NewFactor      *NewFactorView `json:"new_factor"`
	TriesLeft      int            `json:"tries_left"`
	ChallengesLeft int            `json:"challenges_left"`
	Passkeys       any            `json:"passkeys"`
	HoldAfter      *string        `json:"hold_after"`
	Withdrawal     any            `json:"withdrawal"`
	Result         *Result        `json:"result"`
}

// PasswordView tells whether the password has matched, where it is asked.
type PasswordView struct {
	Matched bool `json:"matched"`
}

// FactorView is the progress of one factor.
type FactorView struct {
	Kind          string     `json:"kind"`
	Hint          string     `json:"hint"`
	Matched       bool       `json:"matched"`
	SentAt        *time.Time `json:"sent_at"`
	ResendAt      *time.Time `json:"resend_at"`
	CodeExpiresAt *time.Time `json:"code_expires_at"`
}

// NewFactorView is the progress of the factor being bound, with the secret of a new authenticator once its turn has come.
type NewFactorView struct {
	FactorView
	Secret     *string `json:"secret"`
	OtpauthURL *string `json:"otpauth_url"`
}

// Page is one page of a list; Next is the cursor of the one after it.
type Page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
	Total *int    `json:"total,omitempty"`
}

// Show reads a verification for the one who began it.
func (e *Engine) Show(ctx context.Context, c Caller, id string) (*View, error) {
	var view *View
	err := e.DB.View(ctx, func(tx *store.Tx) error {
		v, err := e.Owned(tx, c, id)
		if err != nil {
			return err
		}
		var a *store.Account
		if v.AccountID != "" {
			if a, err = tx.Account(v.AccountID); err != nil {
				return err
			}
			outdated, err := e.outdated(tx, v, a)
			if err != nil {
				return err
			}
			if v.Status == store.Pending && (outdated || v.Epoch != tx.Epoch()) {
				v.Status = store.Void
			}
		}
		view, err = e.view(tx, c, v, a)
		return err
	})
	return view, err
}

// choicePage is how many passkeys a verification's own view shows of those that a last choice is made from.
const choicePage = 100

// Choices lists the passkeys that a verification's last choice is made from. limit is 1 to 100.
func (e *Engine) Choices(ctx context.Context, c Caller, id, cursor string, limit int) (any, error) {
	var list any
	err := e.DB.View(ctx, func(tx *store.Tx) error {
		v, a, _, err := e.open(tx, c, id)
		if err != nil {
			return err
		}
		next, err := e.next(tx, v, a)
		if err != nil {
			return err
		}
		if next != NextFinish || a == nil {
			return refusal.New("conflict", "This verification has no passkeys to choose from.")
		}
		list, err = e.PasskeyList(tx, a.ID, c, cursor, limit)
		return err
	})
	return list, err
}

// Abandon gives a verification up.
func (e *Engine) Abandon(ctx context.Context, c Caller, id string) error {
	return e.DB.Update(ctx, func(tx *store.Tx) error {
		v, err := e.Owned(tx, c, id)
		if err != nil {
			return err
		}
		_, err = tx.EndVerification(v.ID, store.Void)
		return err
	})
}

func (e *Engine) view(tx *store.Tx, c Caller, v *store.Verification, a *store.Account) (*View, error) {
	out := &View{ID: v.ID, Purpose: v.Purpose, Object: v.Object, Status: v.Status, ExpiresAt: v.ExpiresAt, Ways: []string{}, Factors: []FactorView{},
		TriesLeft: max(0, MaxFailures-v.Failures), ChallengesLeft: max(0, MaxChallenges-v.Challenges)}
	if v.Status == store.Pending && !v.ExpiresAt.After(tx.Now) {
		out.Status = "expired"
	}
	if v.PasswordAsked && !e.Policy[v.Purpose].WithoutSession {
		out.Password = &PasswordView{Matched: v.PasswordMatched}
	}
	if out.Status != store.Pending {
		return out, nil
	}
	if err := e.viewFactors(tx, v, out); err != nil {
		return nil, err
	}
	if err := e.viewAccount(tx, c, v, a, out); err != nil {
		return nil, err
	}
	return out, nil
}

func (e *Engine) viewFactors(tx *store.Tx, v *store.Verification, out *View) error {
	factors, err := tx.VerificationFactors(v.ID)
	if err != nil {
		return err
	}
	for i := range factors {
		f := &factors[i]
		one := FactorView{Kind: string(f.Kind), Hint: f.Hint, Matched: !f.MatchedAt.IsZero()}
		if !f.SentAt.IsZero() && !one.Matched {
			resend := f.SentAt.Add(ResendAfter)
			one.SentAt, one.ResendAt, one.CodeExpiresAt = &f.SentAt, &resend, &f.CodeExpiresAt
		}
		switch {
		case f.Target == store.New:
			fresh := &NewFactorView{FactorView: one}
			if err := e.viewSecret(tx, v, f, fresh); err != nil {
				return err
			}
			out.NewFactor = fresh
		case v.Purpose == policy.Login:
			// What is shown must not tell which factors an account has, nor whether there is one.
			one.Kind, one.Hint = "any", ""
			out.Factors = append(out.Factors, one)
		case e.mayAsk(v, f, factors):
			out.Factors = append(out.Factors, one)
		}
	}
	return nil
}

func (e *Engine) viewSecret(tx *store.Tx, v *store.Verification, f *store.VerificationFactor, out *NewFactorView) error {
	if f.Kind != policy.Authenticator || v.ProvenBy == "" || !f.MatchedAt.IsZero() {
		return nil
	}
	p, err := payload(tx, v)
	if err != nil || p.Secret == nil {
		return err
	}
	factors, err := tx.Factors(v.AccountID)
	if err != nil {
		return err
	}
	text, label := totp.Base32(p.Secret), e.RP.Name
	if len(factors) > 0 {
		label = factors[0].Hint
	}
	link := totp.URL(e.RP.Name, label, p.Secret)
	out.Secret, out.OtpauthURL = &text, &link
	return nil
}

func (e *Engine) viewAccount(tx *store.Tx, c Caller, v *store.Verification, a *store.Account, out *View) error {
	next, err := e.next(tx, v, a)
	if err != nil {
		return err
	}
	out.Next = &next
	if a == nil || e.Policy[v.Purpose].WithoutSession {
		out.Ways = []string{"codes"}
		if next == NextFinish && a != nil {
			out.Passkeys, err = e.PasskeyList(tx, a.ID, c, "", choicePage)
		}
		return err
	}
	_, state, err := e.account(tx, a.ID)
	if err != nil {
		return err
	}
	req := e.Policy.Require(v.Purpose, state)
	if req.PasskeyOpen() {
		out.Ways = append(out.Ways, "passkey")
	} else if req.HasPasskey {
		out.PasskeyBlocked = req.Passkey
	}
	if req.CodesOpen() {
		out.Ways = append(out.Ways, "codes")
	}
	if next == NextFinish {
		if out.Passkeys, err = e.PasskeyList(tx, a.ID, c, "", choicePage); err != nil {
			return err
		}
	}
	action := e.Actions[v.Purpose]
	if action.HoldAfter != nil {
		if d := action.HoldAfter(a, state.Bound, tx.Now); d > 0 {
			text := strconv.Itoa(int(d.Hours())) + "h"
			out.HoldAfter = &text
		}
	}
	if action.View != nil {
		out.Withdrawal, err = action.View(tx, a, v)
	}
	return err
}
