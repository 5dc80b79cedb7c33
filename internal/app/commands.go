package app

import (
	"context"
	"errors"

	"countersign/internal/account"
	"countersign/internal/delivery"
	"countersign/internal/desk"
	"countersign/internal/notice"
	"countersign/internal/passkey"
	"countersign/internal/verification"
	"countersign/internal/withdrawal"
)

// beside makes an engine for a command, on the database of a service that may be running meanwhile. Of the configuration it needs
// Database, Keys and Clock; where messages are queued, for the service's carriers, also Name, RPID and Origins. Close its DB at the end.
func beside(ctx context.Context, c Config) (*verification.Engine, error) {
	db, err := Open(ctx, c)
	if err != nil {
		return nil, err
	}
	e := &verification.Engine{DB: db, Keys: c.Keys, RP: passkey.RelyingParty{ID: c.RPID, Name: c.Name}}
	if len(c.Origins) > 0 {
		e.Notifier = notice.Notifier{Brand: delivery.Brand{Name: c.Name, Domain: c.RPID, BaseURL: c.Origins[0]}}
	}
	return e, nil
}

// InviteOperator makes an operator, or a new invitation for one. Of the configuration it needs Database, Keys, Name, RPID, Origins and
// Clock. mail queues the link for the service's carriers.
func InviteOperator(ctx context.Context, c Config, p desk.Person, mail bool) (*desk.Invited, error) {
	e, err := beside(ctx, c)
	if err != nil {
		return nil, err
	}
	out, err := (&desk.Service{Engine: e, Origins: c.Origins}).InviteByCommand(ctx, p, mail)
	return out, errors.Join(err, e.DB.Close())
}

// EraseAccount erases an account, with its withdrawals or without (account.Service.Erase). It needs of the configuration what
// InviteOperator needs.
func EraseAccount(ctx context.Context, c Config, id string, withdrawals bool) error {
	e, err := beside(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join((&account.Service{Engine: e}).Erase(ctx, id, withdrawals), e.DB.Close())
}

// DeclineWithdrawal ends a requested withdrawal (withdrawal.Service.Decline). It needs of the configuration what InviteOperator needs.
func DeclineWithdrawal(ctx context.Context, c Config, id, reason string) error {
	e, err := beside(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join((&withdrawal.Service{Engine: e}).Decline(ctx, id, reason), e.DB.Close())
}

// APIKeys makes, lists and revokes API keys.
type APIKeys = withdrawal.Service

// OpenAPIKeys opens the database for that; close Engine.DB at the end. Of the configuration it needs Database, Keys and Clock.
func OpenAPIKeys(ctx context.Context, c Config) (*APIKeys, error) {
	e, err := beside(ctx, c)
	if err != nil {
		return nil, err
	}
	return &withdrawal.Service{Engine: e}, nil
}
