package desk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/internal/contact"
	"countersign/internal/notice"
	"countersign/internal/passkey"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// How much of an account one page shows.
const (
	maxPasskeys = 50
	maxTickets  = 20
	eventsShown = 20
)

// AccountView is a customer's account as the desk sees it: nothing by which somebody could write to them, sign in or pay.
type AccountView struct {
	ID        string                       `json:"id"`
	Masked    string                       `json:"masked"`
	Name      string                       `json:"name"` // first name and initial
	Locale    string                       `json:"locale"`
	Status    string                       `json:"status"` // active | frozen
	CreatedAt time.Time                    `json:"created_at"`
	Factors   []FactorView                 `json:"factors"`
	Hold      *HoldView                    `json:"hold"`
	Passkeys  []PasskeyView                `json:"passkeys"` // the newest first, 50 at most
	Total     int                          `json:"passkeys_total"`
	Sessions  []SessionLine                `json:"sessions"`
	Events    verification.Page[EventView] `json:"events"`
	Tickets   []TicketLine                 `json:"tickets"`
	Phrase    bool                         `json:"phrase_set"`
}

// FactorView is a bound factor; Hint is masked.
type FactorView struct {
	Kind  policy.Kind `json:"kind"`
	Hint  string      `json:"hint"`
	Since time.Time   `json:"since"`
}

// HoldView is a hold that is on.
type HoldView struct {
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
}

// PasskeyView is a passkey of a customer.
type PasskeyView struct {
	ID              string     `json:"id"`
	Name            string     `json:"name"`
	Provider        string     `json:"provider"`
	Device          string     `json:"device"`
	Synced          bool       `json:"synced"`
	WithdrawalPower bool       `json:"withdrawal_power"`
	CreatedAt       time.Time  `json:"created_at"`
	LastUsedAt      *time.Time `json:"last_used_at"`
	SuspendedAt     *time.Time `json:"suspended_at"`
	Seal            string     `json:"seal"` // SHA-256 of the public key, in hexadecimal: what its owner sees drawn
}

// SessionLine is a session of a customer.
type SessionLine struct {
	Method     string    `json:"method"`
	Browser    string    `json:"browser"`
	Address    string    `json:"address"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
}

// TicketLine is a request of a customer.
type TicketLine struct {
	ID        string    `json:"id"`
	Number    string    `json:"number"`
	Topic     string    `json:"topic"`
	State     string    `json:"state"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Find finds an account by exactly what its owner has bound, or by its id. What was asked for is not written down, what was found is.
func (s *Service) Find(ctx context.Context, c Caller, by, value string) (id string, err error) {
	err = s.Engine.Audited(ctx, c.Event("", "desk.account_found", true, nil), func(tx *store.Tx, event *store.Event) error {
		if err := c.Live(tx); err != nil {
			return err
		}
		if slices.Contains([]string{"email", "phone", "id"}, by) {
			event.Data["by"] = by
		}
		if err := s.allow(tx, c, finds, "find"); err != nil {
			return err
		}
		id, err = find(tx, by, value)
		event.AccountID = id
		return err
	})
	return id, err
}

func find(tx *store.Tx, by, value string) (string, error) {
	value = strings.TrimSpace(value)
	var kind policy.Kind
	var err error
	switch by {
	case "email":
		kind = policy.Email
		value, err = contact.NormalizeEmail(value)
	case "phone":
		kind = policy.Phone
		value, err = contact.NormalizePhone(value, "")
	case "id":
		a, err := tx.Account(value)
		return a.ID, notFound(err, "account")
	default:
		return "", refusal.Field("invalid_request", "by", "Accounts are found by email, phone or id.")
	}
	if err != nil {
		return "", refusal.Field("invalid_request", "value", "Give it whole and as it is written: nothing is found by a part.")
	}
	id, err := tx.FactorOwner(kind, value)
	return id, notFound(err, "account")
}

// Account reads an account.
func (s *Service) Account(ctx context.Context, c Caller, id string) (*AccountView, error) {
	var v *AccountView
	err := s.look(ctx, c, id, "desk.account_seen", nil, func(tx *store.Tx) (err error) {
		v, err = view(tx, id)
		return err
	})
	return v, err
}

func view(tx *store.Tx, id string) (*AccountView, error) {
	a, err := tx.Account(id)
	if err != nil {
		return nil, notFound(err, "account")
	}
	v := &AccountView{ID: a.ID, Masked: secret.MaskID(a.ID), Name: shortName(a.Name), Locale: a.Locale, Status: "active", CreatedAt: a.CreatedAt, Factors: []FactorView{}, Hold: viewHold(a, tx.Now),
		Passkeys: []PasskeyView{}, Total: a.Passkeys, Sessions: []SessionLine{}, Tickets: []TicketLine{}, Phrase: a.PhraseSealed != nil}
	if a.Frozen {
		v.Status = "frozen"
	}
	factors, err := tx.Factors(id)
	if err != nil {
		return nil, err
	}
	for _, f := range factors {
		v.Factors = append(v.Factors, FactorView{Kind: f.Kind, Hint: f.Hint, Since: f.BoundAt})
	}
	passkeys, err := tx.PasskeysPage(id, "", maxPasskeys)
	if err != nil {
		return nil, err
	}
	for i := range passkeys {
		v.Passkeys = append(v.Passkeys, viewPasskey(&passkeys[i]))
	}
	sessions, err := tx.Sessions(id, policy.SessionIdle)
	if err != nil {
		return nil, err
	}
	for _, one := range sessions {
		v.Sessions = append(v.Sessions, SessionLine{Method: one.Method, Browser: one.Browser, Address: one.Address, CreatedAt: one.CreatedAt, LastSeenAt: one.LastSeenAt})
	}
	tickets, err := tx.TicketsPage(id, "", maxTickets)
	if err != nil {
		return nil, err
	}
	for _, t := range tickets {
		v.Tickets = append(v.Tickets, TicketLine{ID: t.ID, Number: store.TicketNumber(t.Number), Topic: t.Topic, State: t.State, UpdatedAt: t.UpdatedAt})
	}
	events, err := tx.AllEvents(id, 0, eventsShown+1)
	if err != nil {
		return nil, err
	}
	page, err := eventPage(tx, events, eventsShown)
	if err != nil {
		return nil, err
	}
	v.Events = *page
	return v, nil
}

// shortName is a name as colleagues need it to speak of a customer: "Ines Halloran" is "Ines H."
func shortName(name string) string {
	words := strings.Fields(name)
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	r, _ := utf8.DecodeRuneInString(words[len(words)-1])
	return words[0] + " " + string(r) + "."
}

func viewHold(a *store.Account, now time.Time) *HoldView {
	if !a.HoldUntil.After(now) {
		return nil
	}
	return &HoldView{Since: a.HoldSince, Until: a.HoldUntil, Reason: a.HoldReason}
}

func viewPasskey(p *store.Passkey) PasskeyView {
	var aaguid [16]byte
	copy(aaguid[:], p.AAGUID)
	seal := sha256.Sum256(p.PublicKey)
	return PasskeyView{ID: p.ID, Name: p.Name, Provider: passkey.ProviderName(aaguid), Device: passkey.DeviceKind(p.Transports, aaguid, p.BackupEligible), Synced: p.BackupState,
		WithdrawalPower: p.WithdrawalPower, CreatedAt: p.CreatedAt, LastUsedAt: stamp(p.LastUsedAt), SuspendedAt: stamp(p.SuspendedAt), Seal: hex.EncodeToString(seal[:])}
}

// Events lists an account's security events, the newest first, with what operators did and why. limit is 1 to 100.
func (s *Service) Events(ctx context.Context, c Caller, id, cursor string, limit int) (page *verification.Page[EventView], err error) {
	err = s.look(ctx, c, id, "desk.events_seen", nil, func(tx *store.Tx) error {
		before, err := parseCursor(cursor)
		if err != nil {
			return err
		}
		if _, err := tx.Account(id); err != nil {
			return notFound(err, "account")
		}
		list, err := tx.AllEvents(id, before, limit+1)
		if err != nil {
			return err
		}
		page, err = eventPage(tx, list, limit)
		return err
	})
	return page, err
}

// EndSessions signs a customer out everywhere, and tells them. What was begun before is void.
func (s *Service) EndSessions(ctx context.Context, c Caller, id, reason string) (*AccountView, error) {
	var v *AccountView
	data := map[string]string{}
	err := s.onAccount(ctx, c, id, "desk.sessions_ended", data, reason, func(tx *store.Tx, a *store.Account) error {
		n, err := tx.CountSessions(id, policy.SessionIdle)
		if err != nil {
			return err
		}
		data["sessions"] = strconv.Itoa(n)
		for _, do := range []func() error{
			func() error { return tx.EndSessions(id, "") },
			func() error { return tx.ForgetDevices(id, nil) },
			func() error { return tx.BumpSecurity(id) },
			func() error { return s.Engine.Notifier.Alert(tx, a, "desk.sessions_ended", nobody) },
		} {
			if err := do(); err != nil {
				return err
			}
		}
		v, err = view(tx, id)
		return err
	})
	return v, err
}

// The span that an operator may pause withdrawals for, in hours.
const (
	minHold = 1
	maxHold = 720
)

// Hold pauses withdrawals from now on, or lengthens a pause. Nobody can shorten one.
func (s *Service) Hold(ctx context.Context, c Caller, id string, hours int, reason string) (*AccountView, error) {
	var v *AccountView
	data := map[string]string{"hours": strconv.Itoa(hours)}
	err := s.onAccount(ctx, c, id, "desk.hold", data, reason, func(tx *store.Tx, a *store.Account) error {
		if hours < minHold || hours > maxHold {
			return refusal.Field("invalid_request", "hours", "Withdrawals are paused for 1 to 720 hours.")
		}
		until := tx.Now.Add(time.Duration(hours) * time.Hour)
		if !until.After(a.HoldUntil) {
			return refusal.New("conflict", "Withdrawals are paused for longer than that already. A pause is never shortened.")
		}
		data[store.HeldUntil] = store.FormatEventTime(until)
		if err := tx.Hold(id, "support", until); err != nil {
			return err
		}
		err := s.Engine.Notifier.AlertHold(tx, a, "desk.hold", nobody, until)
		if err != nil {
			return err
		}
		v, err = view(tx, id)
		return err
	})
	return v, err
}

// nobody stands in a customer's e-mail where the business itself acted: which colleague did, and from where, is not for it.
var nobody = notice.From{}

// onAccount acts upon an account, for a reason.
func (s *Service) onAccount(ctx context.Context, c Caller, id, kind string, data map[string]string, reason string, fn func(*store.Tx, *store.Account) error) error {
	reason, bad := line("reason", reason, maxReason)
	return s.act(ctx, c, id, kind, data, reason, func(tx *store.Tx) error {
		if bad != nil {
			return bad
		}
		a, err := tx.Account(id)
		if errors.Is(err, store.ErrNotFound) {
			return refusal.NotFound("account")
		}
		if err != nil {
			return err
		}
		return fn(tx, a)
	})
}
