package flowtest

import (
	"context"
	"testing"

	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/testkit"
	"countersign/internal/verification"
)

func TestASessionThatEndsAfterARequestWasLetInDoesNothing(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Full()
	c.Answer(saveAddress(c, "Cold", testkit.Tron).Verification()).OK()
	entry := k.Query(`SELECT id FROM addresses`)[0]
	p := c.CreatePasskey()
	w := c.Withdraw("20")
	// The request stands where the session has been found, and the owner signs out.
	id := c.Account().Session.ID
	var session *store.Session
	k.Update(func(tx *store.Tx) (err error) { session, err = tx.Session(c.ID, id); return err })
	letIn := verification.Caller{Session: session, Browser: "Safari on iPhone", Origin: testkit.Origin}
	c.Send("DELETE", "/v1/sessions/current", nil, nil).OK()
	name := "Mine"
	for what, act := range map[string]func(context.Context) error{
		"freeze":  func(ctx context.Context) error { return k.App.Accounts.Freeze(ctx, letIn) },
		"profile": func(ctx context.Context) error { return k.App.Accounts.SetProfile(ctx, letIn, &name, nil) },
		"rename": func(ctx context.Context) error {
			_, err := k.App.Accounts.RenamePasskey(ctx, letIn, p.ID, name)
			return err
		},
		"delete an address": func(ctx context.Context) error { return k.App.Withdrawals.DeleteAddress(ctx, letIn, entry) },
		"cancel": func(ctx context.Context) error {
			_, err := k.App.Withdrawals.Cancel(ctx, letIn, w.ID)
			return err
		},
		"begin": func(ctx context.Context) error {
			_, err := k.App.Engine.Begin(ctx, letIn, verification.Request{Purpose: policy.EndSessions, Object: "others"})
			return err
		},
	} {
		if r := refusal.As(act(t.Context())); r == nil || r.Code != "unauthenticated" {
			t.Errorf("%s: %v", what, r)
		}
	}
	c.LoginByPasskey(c.Browser).OK()
	if got := c.Account().Status; got != "active" {
		t.Errorf("the account is %s", got)
	}
}
