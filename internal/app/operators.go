package app

import (
	"context"
	"errors"

	"countersign/internal/delivery"
	"countersign/internal/desk"
	"countersign/internal/notice"
	"countersign/internal/passkey"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// InviteOperator makes an operator, or a new invitation for one, on the database of a service that may be running meanwhile. Of the
// configuration it needs Database, Keys, Name, RPID, Origins and Clock. mail queues the link for the service's carriers.
func InviteOperator(ctx context.Context, c Config, p desk.Person, mail bool) (*desk.Invited, error) {
	db, err := store.Open(ctx, c.Database, c.Keys, c.Clock)
	if err != nil {
		return nil, err
	}
	engine := &verification.Engine{DB: db, Keys: c.Keys, RP: passkey.RelyingParty{ID: c.RPID, Name: c.Name},
		Notifier: notice.Notifier{Brand: delivery.Brand{Name: c.Name, Domain: c.RPID, BaseURL: c.Origins[0]}}}
	out, err := (&desk.Service{Engine: engine, Origins: c.Origins}).InviteByCommand(ctx, p, mail)
	return out, errors.Join(err, db.Close())
}
