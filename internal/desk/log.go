package desk

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// EventView is an audit event as those who run the service see it.
type EventView struct {
	ID       string            `json:"id"`
	Kind     string            `json:"kind"`
	At       time.Time         `json:"at"`
	OK       bool              `json:"ok"`
	Browser  string            `json:"browser"`
	Address  string            `json:"address"`
	Data     map[string]string `json:"data"`
	Reason   string            `json:"reason"` // what its owner does not read: why exactly, or what a colleague noted
	Operator *Name             `json:"operator"`
	Account  *AccountName      `json:"account"`
}

// Name is an operator by name.
type Name struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// AccountName is an account by what is shown of its id.
type AccountName struct {
	ID     string `json:"id"`
	Masked string `json:"masked"`
}

func parseCursor(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	before, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || before < 1 {
		return 0, refusal.Field("invalid_request", "cursor", "This is not a cursor that a page of this list gave.")
	}
	return before, nil
}

// eventPage makes a page of one event more than it shows.
func eventPage(tx *store.Tx, list []store.Event, limit int) (*verification.Page[EventView], error) {
	page := &verification.Page[EventView]{Items: []EventView{}}
	if len(list) > limit {
		list = list[:limit]
		next := strconv.FormatInt(list[limit-1].ID, 10)
		page.Next = &next
	}
	names := map[string]string{}
	name := func(id string) (string, error) {
		if _, known := names[id]; !known {
			o, err := tx.Operator(id)
			if err != nil {
				return "", err
			}
			names[id] = o.Name
		}
		return names[id], nil
	}
	for _, e := range list {
		v := EventView{ID: strconv.FormatInt(e.ID, 10), Kind: e.Kind, At: e.At, OK: e.OK, Browser: e.Browser, Address: e.Address, Data: e.Data, Reason: e.Internal}
		if e.AccountID != "" {
			v.Account = &AccountName{ID: e.AccountID, Masked: secret.MaskID(e.AccountID)}
		}
		if e.OperatorID != "" {
			by, err := name(e.OperatorID)
			if err != nil {
				return nil, err
			}
			v.Operator = &Name{ID: e.OperatorID, Name: by}
		}
		// Whom it concerned is told by name: nobody knows a colleague by an id.
		for _, key := range []string{"operator", "to"} {
			id := e.Data[key]
			if !strings.HasPrefix(id, "opr_") {
				continue
			}
			whom, err := name(id)
			if errors.Is(err, store.ErrNotFound) {
				continue // asked for, and never there
			}
			if err != nil {
				return nil, err
			}
			v.Data[key] = whom
		}
		page.Items = append(page.Items, v)
	}
	return page, nil
}

// Log lists what operators did, the newest first. limit is 1 to 100.
func (s *Service) Log(ctx context.Context, c Caller, cursor string, limit int) (page *verification.Page[EventView], err error) {
	err = s.look(ctx, c, "", "desk.log_seen", nil, func(tx *store.Tx) error {
		before, err := parseCursor(cursor)
		if err != nil {
			return err
		}
		list, err := tx.OperatorEvents(before, limit+1)
		if err != nil {
			return err
		}
		page, err = eventPage(tx, list, limit)
		return err
	})
	return page, err
}
