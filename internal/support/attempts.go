package support

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// The operations that an attempt can be at.
const (
	Create  = "create"
	SignIn  = "sign_in"
	Confirm = "confirm"
)

// The steps that only the customer's device can tell of.
const (
	stepPrompted = "prompted"
	stepFailed   = "failed"
)

const (
	// reportable is how long ago a step may have been when it is told.
	reportable = 15 * time.Minute
	maxEvents  = 20
	maxSteps   = 100
)

// failures are the codes of what goes wrong between a page and the device (PasskeyErrorCode in the web app).
var failures = []string{"aborted", "cancelled", "no_passkey_here", "timed_out", "closed_early", "needs_tap", "already_registered", "screen_lock_required", "verification_unavailable",
	"not_supported", "provider_error", "in_app_browser", "blocked_by_policy", "wrong_domain", "bad_request", "offline", "unknown"}

// reports is how many reports one network may send.
var reports = store.Allowance{Limit: 120, Window: time.Hour}

// Observe notes the steps of a verification, in the transaction that takes them. A creation is an attempt from its beginning; the approval
// of a withdrawal from when a passkey is asked for, as codes are no ceremony.
func (s *Service) Observe(tx *store.Tx, c verification.Caller, v *store.Verification, step string, data map[string]string) error {
	operation := map[policy.Purpose]string{policy.CreatePasskey: Create, policy.ApproveWithdrawal: Confirm}[v.Purpose]
	if operation == "" {
		return nil
	}
	a, err := tx.AttemptOf(v.ID)
	if errors.Is(err, store.ErrNotFound) {
		begins := operation == Create && step == verification.StepOpened || operation == Confirm && step == verification.StepOptionsIssued
		if !begins {
			return nil
		}
		a = &store.Attempt{AccountID: v.AccountID, VerificationID: v.ID, DeviceHash: c.DeviceHash, Operation: operation, App: c.App, Environment: "{}", BegunAt: tx.Now}
		err = tx.AddAttempt(a)
	}
	if err != nil {
		return err
	}
	return add(tx, a, store.AttemptStep{At: tx.Now, Step: step, Data: data})
}

// add adds a step, and what it says of the attempt as a whole.
func add(tx *store.Tx, a *store.Attempt, step store.AttemptStep) error {
	switch step.Step {
	case verification.StepCodesMatched:
		a.CodesAt = step.At
	case stepPrompted:
		a.PromptedAt = step.At
	case stepFailed, verification.StepRefused:
		if a.Outcome != verification.StepDone {
			a.EndedAt, a.Outcome = step.At, step.Data["code"]
		}
	case verification.StepDone:
		a.EndedAt, a.Outcome = step.At, verification.StepDone
	}
	// Beyond some number, more of the same tells nobody anything, and refusals cost nothing to bring about.
	if step.Step == stepFailed || step.Step == verification.StepRefused || step.Step == stepPrompted {
		told, err := tx.AttemptSteps(a.ID)
		if err != nil {
			return err
		}
		if len(told) >= maxSteps {
			return nil
		}
	}
	if err := tx.AddAttemptStep(a.ID, step); err != nil {
		return err
	}
	return tx.SetAttempt(a)
}

// Event is one step as a device tells it.
type Event struct {
	Step string `json:"step"`
	// AgoMS is how long ago it was, in milliseconds: devices' clocks are their own.
	AgoMS int64 `json:"at_ms_ago"`
	// Error is the name of a DOMException; Code what the app made of it. ElapsedMS is how long the ceremony had been running.
	Error     string `json:"error"`
	Code      string `json:"code"`
	ElapsedMS int64  `json:"elapsed_ms"`
}

// Report is what a device tells of one attempt.
type Report struct {
	Operation    string      `json:"operation"`
	Verification *string     `json:"verification"`
	Events       []Event     `json:"events"`
	Environment  Environment `json:"environment"`
}

// Reported names the attempt that a report went to.
type Reported struct {
	ID        string `json:"id"`
	Reference string `json:"reference"`
}

// Attempt reads an attempt of the caller's: what goes along with a request is to be read before it is sent.
func (s *Service) Attempt(ctx context.Context, c verification.Caller, id string) (out *AttemptView, err error) {
	err = s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		a, err := tx.Attempt(id)
		if err != nil {
			return missing(err, "attempt")
		}
		if !own(c, a.AccountID, a.DeviceHash) {
			return refusal.NotFound("attempt")
		}
		out, err = attemptView(tx, a)
		return err
	})
	return out, err
}

// Report adds what a device tells to the attempt of its verification or, at a sign-in, to the one of this browser that is under way.
func (s *Service) Report(ctx context.Context, c verification.Caller, r Report) (*Reported, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	r.Environment.reduce()
	environment, err := json.Marshal(r.Environment)
	if err != nil {
		return nil, err
	}
	var out *Reported
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		if err := s.Engine.Allow(tx, reports, "attempts", []byte(c.Network())); err != nil {
			return err
		}
		a, err := s.attempt(tx, c, &r)
		if err != nil {
			return err
		}
		a.Platform, a.Browser, a.App, a.Environment = r.Environment.Platform, r.Environment.Browser, r.Environment.App, string(environment)
		for _, e := range r.Events {
			if err := add(tx, a, e.step(tx.Now, a.BegunAt)); err != nil {
				return err
			}
		}
		out = &Reported{ID: a.ID, Reference: a.Reference}
		return tx.SetAttempt(a)
	})
	return out, err
}

// attempt finds the attempt that a report is about, or begins one.
func (s *Service) attempt(tx *store.Tx, c verification.Caller, r *Report) (*store.Attempt, error) {
	begun := tx.Now.Add(-time.Duration(r.Events[0].AgoMS) * time.Millisecond)
	a := &store.Attempt{AccountID: c.AccountID(), DeviceHash: c.DeviceHash, Operation: r.Operation, Environment: "{}", BegunAt: begun}
	if r.Verification != nil {
		v, err := s.Engine.Owned(tx, c, *r.Verification)
		if err != nil {
			return nil, err
		}
		if found, err := tx.AttemptOf(v.ID); !errors.Is(err, store.ErrNotFound) {
			return found, err
		}
		a.AccountID, a.VerificationID = v.AccountID, v.ID
		return a, tx.AddAttempt(a)
	}
	found, err := tx.LastAttempt(c.AccountID(), c.DeviceHash, r.Operation, tx.Now.Add(-reportable))
	if err == nil && found.Outcome != verification.StepDone || err != nil && !errors.Is(err, store.ErrNotFound) {
		return found, err
	}
	return a, tx.AddAttempt(a)
}

// step is the event at its time, which is never before the attempt's beginning.
func (e Event) step(now, begun time.Time) store.AttemptStep {
	at := now.Add(-time.Duration(e.AgoMS) * time.Millisecond)
	if at.Before(begun) {
		at = begun
	}
	data := map[string]string{}
	for name, value := range map[string]string{"error": e.Error, "code": e.Code} {
		if value != "" {
			data[name] = value
		}
	}
	if e.Step == stepFailed {
		data["elapsed_ms"] = strconv.FormatInt(e.ElapsedMS, 10)
	}
	return store.AttemptStep{At: at, Step: e.Step, Data: data}
}

func (r *Report) check() error {
	switch {
	case r.Operation != Create && r.Operation != SignIn && r.Operation != Confirm:
		return refusal.Field("invalid_request", "operation", "Say create, sign_in or confirm.")
	case (r.Operation == SignIn) != (r.Verification == nil):
		return refusal.Field("invalid_request", "verification", "Every attempt but a sign-in has a verification.")
	case len(r.Events) == 0 || len(r.Events) > maxEvents:
		return refusal.Field("invalid_request", "events", "Tell 1 to 20 steps.")
	}
	for _, e := range r.Events {
		if err := e.check(r.Operation); err != nil {
			return err
		}
	}
	return r.Environment.check()
}

func (e *Event) check(operation string) error {
	// What the server sees by itself is not for the device to tell.
	fits := e.Step == stepPrompted || e.Step == stepFailed || operation == SignIn && (e.Step == verification.StepRefused || e.Step == verification.StepDone)
	switch {
	case !fits:
		return refusal.Field("invalid_request", "events.step", "This is not a step that a device tells of.")
	case e.AgoMS < 0 || e.AgoMS > reportable.Milliseconds():
		return refusal.Field("invalid_request", "events.at_ms_ago", "A step is told within 15 minutes.")
	case e.ElapsedMS < 0 || e.ElapsedMS > time.Hour.Milliseconds():
		return refusal.Field("invalid_request", "events.elapsed_ms", "No ceremony takes so long.")
	case !errorName.MatchString(e.Error):
		return refusal.Field("invalid_request", "events.error", "Give the error's name alone.")
	case e.Step == stepFailed && !slices.Contains(failures, e.Code), e.Step == stepPrompted && (e.Error != "" || e.Code != ""):
		return refusal.Field("invalid_request", "events.code", "This is not one of the codes of what goes wrong on a device.")
	case !codeName.MatchString(e.Code) || e.Code == "" && (e.Step == stepFailed || e.Step == verification.StepRefused):
		return refusal.Field("invalid_request", "events.code", "Give the code of what went wrong.")
	}
	return nil
}
