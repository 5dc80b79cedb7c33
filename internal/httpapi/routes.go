package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"countersign/internal/desk"
	"countersign/internal/password"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
	"countersign/internal/verification"
	"countersign/internal/withdrawal"
)

// Routes is every operation of the API.
func (s *Server) Routes() []Route {
	const get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
	return []Route{
		// Without a session.
		{get, "/v1/config", Public, 0, plain(s.config)},
		{get, "/v1/session", Public, 0, plain(s.signedIn)},
		{post, "/v1/registrations", Browser, 201, take(s.register)},
		{post, "/v1/login", Browser, 201, take(s.login)},
		{post, "/v1/login/passkey/options", Browser, 0, s.current(take(s.loginOptions))},
		{post, "/v1/login/passkey", Browser, 0, s.current(take(s.loginPasskey))},
		{post, "/v1/password-resets", Browser, 201, take(s.resetPassword)},
		{post, "/v1/not-me/lookup", Public, 0, take(s.notMe)},
		{post, "/v1/not-me/freeze", Public, 0, take(s.notMeFreeze)},

		// Verifications: by the session, or by the browser, that began them.
		{post, "/v1/verifications", SignedIn, 201, take(s.begin)},
		{get, "/v1/verifications/{id}", Public, 0, plain(s.verification)},
		{del, "/v1/verifications/{id}", Public, 0, plain(s.abandon)},
		{post, "/v1/verifications/{id}/send", Public, 0, take(s.send)},
		{post, "/v1/verifications/{id}/codes", Public, 0, take(s.codes)},
		{post, "/v1/verifications/{id}/challenge", SignedIn, 0, s.current(take(s.challenge))},
		{post, "/v1/verifications/{id}/passkey", SignedIn, 0, s.current(take(s.passkeyAnswer))},
		{get, "/v1/verifications/{id}/passkeys", Public, 0, plain(s.choices)},
		{post, "/v1/verifications/{id}/finish", Public, 0, take(s.finish)},

		// The account.
		{get, "/v1/account", SignedIn, 0, plain(s.overview)},
		{patch, "/v1/account", SignedIn, 0, take(s.setProfile)},
		{post, "/v1/account/freeze", SignedIn, 0, take(s.freeze)},
		{get, "/v1/passkeys", SignedIn, 0, plain(s.passkeys)},
		{get, "/v1/passkeys/{id}", SignedIn, 0, plain(s.passkey)},
		{patch, "/v1/passkeys/{id}", SignedIn, 0, take(s.renamePasskey)},
		{get, "/v1/sessions", SignedIn, 0, plain(s.sessions)},
		{del, "/v1/sessions/current", SignedIn, 0, s.signOut},
		{get, "/v1/activity", SignedIn, 0, plain(s.activity)},

		// Money.
		{get, "/v1/assets", SignedIn, 0, plain(s.assets)},
		{get, "/v1/balances", SignedIn, 0, plain(s.balances)},
		{get, "/v1/addresses", SignedIn, 0, plain(s.addresses)},
		{post, "/v1/addresses/check", SignedIn, 0, take(s.checkAddress)},
		{del, "/v1/addresses/{id}", SignedIn, 0, plain(s.deleteAddress)},
		{post, "/v1/withdrawals", SignedIn, 201, take(s.withdraw)},
		{get, "/v1/withdrawals", SignedIn, 0, plain(s.withdrawals)},
		{get, "/v1/withdrawals/{id}", SignedIn, 0, plain(s.withdrawal)},
		{post, "/v1/withdrawals/{id}/cancel", SignedIn, 0, take(s.cancelWithdrawal)},
		{get, "/v1/withdrawals/{id}/approval", SignedIn, 0, plain(s.approval)},

		// When something fails.
		{post, "/v1/attempts", Browser, 0, take(s.reportAttempt)},
		{get, "/v1/attempts/{id}", Public, 0, plain(s.attempt)},
		{post, "/v1/tickets", Browser, 201, take(s.openTicket)},
		{get, "/v1/tickets", SignedIn, 0, plain(s.tickets)},
		{get, "/v1/tickets/{id}", SignedIn, 0, plain(s.ticket)},
		{post, "/v1/tickets/{id}/messages", SignedIn, 201, take(s.writeTicket)},
		{post, "/v1/tickets/lookup", Public, 0, take(s.lookUpTicket)},
		{post, "/v1/tickets/lookup/messages", Public, 201, take(s.writeTicketByLink)},
		{get, "/v1/recordings/{id}", Public, 0, plain(s.recording)},
		{post, "/v1/recordings", Browser, 201, take(s.beginRecording)},
		{patch, "/v1/recordings/{id}", Public, 0, s.appendPiece},
		{del, "/v1/recordings/{id}", Public, 0, plain(s.deleteRecording)},

		// The desk: for operators. What each route needs of a role is said here, and what roles have in desk.Roles.
		{post, "/v1/desk/invitations/lookup", Public, 0, take(s.invitation)},
		{post, "/v1/desk/invitations/options", Public, 0, take(s.invitationOptions)},
		{post, "/v1/desk/invitations/accept", Public, 201, take(s.acceptInvitation)},
		{post, "/v1/desk/login/options", Public, 0, take(s.operatorLoginOptions)},
		{post, "/v1/desk/login", Public, 201, take(s.operatorLogin)},
		{get, "/v1/desk/session", Public, 0, plain(s.operatorSignedIn)},
		{get, "/v1/desk/me", Operator(desk.Self), 0, plain(s.operatorMe)},
		{del, "/v1/desk/session", Operator(desk.Self), 0, s.operatorSignOut},
		{post, "/v1/desk/accounts/find", Operator(desk.ReadAccounts), 0, take(s.findAccount)},
		{get, "/v1/desk/accounts/{id}", Operator(desk.ReadAccounts), 0, plain(s.deskAccount)},
		{get, "/v1/desk/accounts/{id}/events", Operator(desk.ReadAccounts), 0, plain(s.deskEvents)},
		{post, "/v1/desk/accounts/{id}/end-sessions", Operator(desk.ActAccounts), 0, take(s.deskEndSessions)},
		{post, "/v1/desk/accounts/{id}/hold", Operator(desk.ActAccounts), 0, take(s.deskHold)},
		{get, "/v1/desk/tickets", Operator(desk.Tickets), 0, plain(s.deskTickets)},
		{get, "/v1/desk/tickets/{id}", Operator(desk.Tickets), 0, plain(s.deskTicket)},
		{post, "/v1/desk/tickets/{id}/assign", Operator(desk.Tickets), 0, take(s.assignTicket)},
		{post, "/v1/desk/tickets/{id}/messages", Operator(desk.Tickets), 201, take(s.answerTicket)},
		{post, "/v1/desk/tickets/{id}/state", Operator(desk.Tickets), 0, take(s.setTicketState)},
		{get, "/v1/desk/templates", Operator(desk.Tickets), 0, plain(s.templates)},
		{get, "/v1/desk/recordings/{id}/content", Operator(desk.Tickets), 0, s.watchRecording},
		{get, "/v1/desk/numbers", Operator(desk.SeeNumbers), 0, plain(s.numbers)},
		{get, "/v1/desk/check", Operator(desk.RunCheck), 0, plain(s.check)},
		{post, "/v1/desk/check/mail", Operator(desk.RunCheck), 204, take(s.testMail)},
		{get, "/v1/desk/log", Operator(desk.ReadLog), 0, plain(s.operatorLog)},
		{get, "/v1/desk/operators", Operator(desk.Self), 0, plain(s.operators)},
		{post, "/v1/desk/operators", Operator(desk.Operators), 201, take(s.inviteOperator)},
		{patch, "/v1/desk/operators/{id}", Operator(desk.Operators), 0, take(s.setRole)},
		{post, "/v1/desk/operators/{id}/end", Operator(desk.Operators), 0, take(s.endOperator)},
		{post, "/v1/desk/operators/{id}/invite", Operator(desk.Operators), 0, take(s.inviteAgain)},

		// For the business's payout system.
		{get, "/v1/payouts", Business, 0, plain(s.payouts)},
		{get, "/v1/payouts/{id}", Business, 0, plain(s.payout)},
		{post, "/v1/payouts/{id}/hand-over", Business, 0, take(s.handOver)},

		// For machines.
		{post, "/v1/carriers/{id}/status", Public, 204, s.carrierStatus},
		{get, "/log/checkpoint", Public, 0, s.logCheckpoint},
		{get, "/log/tile/{level}/{tile}", Public, 0, s.logTile},
		{get, "/openapi.json", Public, 0, plain(s.openapi)},
		{get, "/healthz", Public, 0, plain(s.healthy)},
		{get, "/readyz", Public, 0, plain(s.ready)},
		{get, "/.well-known/passkey-endpoints", Public, 0, plain(s.passkeyEndpoints)},
		{get, "/.well-known/change-password", Public, http.StatusFound, s.changePassword},
	}
}

type empty struct{}

func (s *Server) config(context.Context, *request) (any, error) {
	var fiat *string
	if s.Config.Fiat != "" {
		fiat = &s.Config.Fiat
	}
	return map[string]any{"name": s.Config.Name, "rp_id": s.Engine.RP.ID, "rp_name": s.Engine.RP.Name, "demo": s.Config.Demo, "build": s.Config.Build, "password_min": password.MinLength, "fiat": fiat,
		"apps": append([]AppVersion{}, s.Config.Apps...), "support": s.Recordings.Limits.Figures()}, nil
}

// signedIn answers an app that opens: GET /v1/account would refuse, and browsers write refusals into their consoles.
func (s *Server) signedIn(_ context.Context, rq *request) (any, error) {
	return map[string]bool{"signed_in": rq.session() != nil}, nil
}

type registerInput struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Locale   string `json:"locale"`
}

func (s *Server) register(ctx context.Context, rq *request, in registerInput) (any, error) {
	if in.Locale == "" {
		in.Locale = "en"
	}
	return s.Accounts.Register(ctx, rq.caller, in.Email, in.Password, in.Locale)
}

type loginInput struct {
	Identifier string `json:"identifier"`
	Password   string `json:"password"`
}

func (s *Server) login(ctx context.Context, rq *request, in loginInput) (any, error) {
	switch {
	case in.Identifier == "" || len(in.Identifier) > 254:
		return nil, refusal.Field("invalid_request", "identifier", "Enter your e-mail address or phone number.")
	case in.Password == "" || len(in.Password) > 1024:
		return nil, refusal.Field("invalid_request", "password", "Enter your password.")
	}
	return s.Accounts.Login(ctx, rq.caller, in.Identifier, in.Password)
}

func (s *Server) loginOptions(_ context.Context, rq *request, _ empty) (any, error) {
	options, err := s.Accounts.LoginOptions(rq.caller)
	return struct {
		PublicKey json.RawMessage `json:"public_key"`
	}{options}, err
}

type credentialInput struct {
	Credential json.RawMessage `json:"credential"`
	Name       string          `json:"name"`
}

func (in credentialInput) check() error {
	if len(in.Credential) == 0 || in.Credential[0] != '{' {
		return refusal.Field("invalid_request", "credential", "Give the credential as the browser's toJSON makes it.")
	}
	return nil
}

func (s *Server) loginPasskey(ctx context.Context, rq *request, in struct {
	Credential json.RawMessage `json:"credential"`
}) (any, error) {
	if err := (credentialInput{Credential: in.Credential}).check(); err != nil {
		return nil, err
	}
	return s.Accounts.LoginWithPasskey(ctx, rq.caller, in.Credential)
}

func (s *Server) resetPassword(ctx context.Context, rq *request, in struct {
	Email string `json:"email"`
}) (any, error) {
	return s.Accounts.ResetPassword(ctx, rq.caller, in.Email)
}

type tokenInput struct {
	Token string `json:"token"`
}

func (s *Server) notMe(ctx context.Context, _ *request, in tokenInput) (any, error) {
	return s.Accounts.LookUpNotMe(ctx, in.Token)
}

func (s *Server) notMeFreeze(ctx context.Context, rq *request, in tokenInput) (any, error) {
	return map[string]bool{"frozen": true}, s.Accounts.FreezeByLink(ctx, rq.caller, in.Token)
}

type beginInput struct {
	Purpose policy.Purpose `json:"purpose"`
	Object  string         `json:"object"`
	Value   string         `json:"value"`
	Address *struct {
		Label   string `json:"label"`
		Network string `json:"network"`
		Address string `json:"address"`
		Memo    string `json:"memo"`
	} `json:"address"`
}

func (s *Server) begin(ctx context.Context, rq *request, in beginInput) (any, error) {
	if len(in.Object) > 64 {
		return nil, refusal.Field("invalid_request", "object", "This is too long to name anything here.")
	}
	r := verification.Request{Purpose: in.Purpose, Object: in.Object, Value: in.Value}
	if a := in.Address; a != nil {
		r.Address = &verification.AddressInput{Label: a.Label, Network: a.Network, Address: a.Address, Memo: a.Memo}
	}
	if in.Purpose == policy.ChangePassword {
		if err := s.Engine.HashNewPassword(ctx, rq.caller, &r); err != nil {
			return nil, err
		}
	}
	return s.Engine.Begin(ctx, rq.caller, r)
}

func (s *Server) verification(ctx context.Context, rq *request) (any, error) {
	return s.Engine.Show(ctx, rq.caller, rq.http.PathValue("id"))
}

func (s *Server) abandon(ctx context.Context, rq *request) (any, error) {
	return nil, s.Engine.Abandon(ctx, rq.caller, rq.http.PathValue("id"))
}

func (s *Server) send(ctx context.Context, rq *request, in struct {
	Factor string `json:"factor"`
}) (any, error) {
	return s.Engine.Send(ctx, rq.caller, rq.http.PathValue("id"), in.Factor)
}

func (s *Server) codes(ctx context.Context, rq *request, in struct {
	Codes    map[string]string `json:"codes"`
	Password string            `json:"password"`
}) (any, error) {
	if len(in.Password) > 1024 {
		return nil, refusal.Field("invalid_request", "password", "Passwords have 128 characters at most.")
	}
	return s.Engine.Submit(ctx, rq.caller, rq.http.PathValue("id"), verification.Answers{Codes: in.Codes, Password: in.Password})
}

func (s *Server) challenge(ctx context.Context, rq *request, _ empty) (any, error) {
	return s.Engine.Challenge(ctx, rq.caller, rq.http.PathValue("id"))
}

func (s *Server) passkeyAnswer(ctx context.Context, rq *request, in credentialInput) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	return s.Engine.SubmitPasskey(ctx, rq.caller, rq.http.PathValue("id"), in.Credential, in.Name)
}

func (s *Server) choices(ctx context.Context, rq *request) (any, error) {
	cursor, limit, err := rq.page()
	if err != nil {
		return nil, err
	}
	return s.Engine.Choices(ctx, rq.caller, rq.http.PathValue("id"), cursor, limit)
}

func (s *Server) finish(ctx context.Context, rq *request, in struct {
	Password     string          `json:"password"`
	KeepPasskeys json.RawMessage `json:"keep_passkeys"`
}) (any, error) {
	keep, ok := selection(in.KeepPasskeys)
	if !ok {
		return nil, refusal.Field("invalid_request", "keep_passkeys", `Say which passkeys to keep: "all", "none", a list of their ids, or {"except": a list of ids}. A list has 1000 at most.`)
	}
	return s.Engine.Finish(ctx, rq.caller, rq.http.PathValue("id"), in.Password, verification.Choice{Keep: keep})
}

// selection reads "all", "none", a list of ids, or all but a list.
func selection(text json.RawMessage) (out store.Selection, ok bool) {
	const most = 1000
	var word string
	var but struct {
		Except []string `json:"except"`
	}
	switch {
	case len(text) == 0 || string(text) == "null":
		return out, false
	case json.Unmarshal(text, &word) == nil:
		return store.Selection{All: word == "all"}, word == "all" || word == "none"
	case json.Unmarshal(text, &out.IDs) == nil:
		return out, len(out.IDs) <= most
	case decode(text, &but) == nil:
		return store.Selection{All: true, IDs: but.Except}, but.Except != nil && len(but.Except) <= most
	}
	return out, false
}

func (s *Server) overview(ctx context.Context, rq *request) (any, error) {
	return s.Accounts.Overview(ctx, rq.caller)
}

func (s *Server) setProfile(ctx context.Context, rq *request, in struct {
	Name   *string `json:"name"`
	Locale *string `json:"locale"`
}) (any, error) {
	if err := s.Accounts.SetProfile(ctx, rq.caller, in.Name, in.Locale); err != nil {
		return nil, err
	}
	return s.Accounts.Overview(ctx, rq.caller)
}

func (s *Server) freeze(ctx context.Context, rq *request, _ empty) (any, error) {
	return map[string]bool{"frozen": true}, s.Accounts.Freeze(ctx, rq.caller)
}

// page reads cursor and limit; the limit is 1 to 100, 50 if it is left out.
func (rq *request) page() (cursor string, limit int, err error) {
	q := rq.http.URL.Query()
	limit = 50
	if text := q.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > 100 {
			return "", 0, refusal.Field("invalid_request", "limit", "A page has 1 to 100 items.")
		}
	}
	if cursor = q.Get("cursor"); !storable(cursor) {
		return "", 0, refusal.Field("invalid_request", "cursor", "Give the cursor as the page before had it.")
	}
	return cursor, limit, nil
}

func (s *Server) passkeys(ctx context.Context, rq *request) (any, error) {
	cursor, limit, err := rq.page()
	if err != nil {
		return nil, err
	}
	return s.Accounts.Passkeys(ctx, rq.caller, cursor, limit)
}

func (s *Server) passkey(ctx context.Context, rq *request) (any, error) {
	return s.Accounts.Passkey(ctx, rq.caller, rq.http.PathValue("id"))
}

func (s *Server) renamePasskey(ctx context.Context, rq *request, in struct {
	Name string `json:"name"`
}) (any, error) {
	return s.Accounts.RenamePasskey(ctx, rq.caller, rq.http.PathValue("id"), in.Name)
}

func (s *Server) sessions(ctx context.Context, rq *request) (any, error) {
	return s.Accounts.Sessions(ctx, rq.caller)
}

func (s *Server) signOut(ctx context.Context, rq *request, w http.ResponseWriter) (any, error) {
	if err := s.Accounts.SignOut(ctx, rq.caller); err != nil {
		return nil, err
	}
	s.setCookie(w, "session", "", -time.Second)
	return nil, nil
}

func (s *Server) activity(ctx context.Context, rq *request) (any, error) {
	cursor, limit, err := rq.page()
	if err != nil {
		return nil, err
	}
	return s.Accounts.Activity(ctx, rq.caller, cursor, limit)
}

func (s *Server) assets(context.Context, *request) (any, error) {
	return map[string]any{"items": s.Withdrawals.Catalogue.Assets}, nil
}

func (s *Server) balances(ctx context.Context, rq *request) (any, error) {
	return s.Withdrawals.Balances(ctx, rq.caller)
}

func (s *Server) addresses(ctx context.Context, rq *request) (any, error) {
	return s.Withdrawals.Addresses(ctx, rq.caller)
}

func (s *Server) checkAddress(ctx context.Context, rq *request, in struct {
	Network string `json:"network"`
	Address string `json:"address"`
	Memo    string `json:"memo"`
}) (any, error) {
	return s.Withdrawals.CheckAddress(ctx, rq.caller, in.Network, in.Address, in.Memo)
}

func (s *Server) deleteAddress(ctx context.Context, rq *request) (any, error) {
	return nil, s.Withdrawals.DeleteAddress(ctx, rq.caller, rq.http.PathValue("id"))
}

func (s *Server) withdraw(ctx context.Context, rq *request, in struct {
	Asset   string `json:"asset"`
	Network string `json:"network"`
	Address string `json:"address"`
	Memo    string `json:"memo"`
	Amount  string `json:"amount"`
}) (any, error) {
	return s.Withdrawals.Request(ctx, rq.caller, rq.http.Header.Get("Idempotency-Key"), withdrawal.Input(in))
}

func (s *Server) withdrawals(ctx context.Context, rq *request) (any, error) {
	cursor, limit, err := rq.page()
	if err != nil {
		return nil, err
	}
	return s.Withdrawals.List(ctx, rq.caller, cursor, limit)
}

func (s *Server) withdrawal(ctx context.Context, rq *request) (any, error) {
	return s.Withdrawals.Get(ctx, rq.caller, rq.http.PathValue("id"))
}

func (s *Server) cancelWithdrawal(ctx context.Context, rq *request, _ empty) (any, error) {
	return s.Withdrawals.Cancel(ctx, rq.caller, rq.http.PathValue("id"))
}

func (s *Server) approval(ctx context.Context, rq *request) (any, error) {
	document, err := s.Withdrawals.Proof(ctx, rq.caller, rq.http.PathValue("id"))
	return raw{"application/json", document}, err
}

func (s *Server) payouts(ctx context.Context, rq *request) (any, error) {
	cursor, limit, err := rq.page()
	if err != nil {
		return nil, err
	}
	return s.Withdrawals.ToHandOver(ctx, cursor, limit)
}

func (s *Server) payout(ctx context.Context, rq *request) (any, error) {
	return s.Withdrawals.Payout(ctx, rq.http.PathValue("id"))
}

func (s *Server) handOver(ctx context.Context, rq *request, in struct {
	Details *withdrawal.Details `json:"details"`
}) (any, error) {
	return s.Withdrawals.HandOver(ctx, rq.apiKey, rq.http.Header.Get("Idempotency-Key"), rq.http.PathValue("id"), in.Details)
}

func (s *Server) openapi(context.Context, *request) (any, error) {
	return raw{"application/json", s.OpenAPI}, nil
}

func (s *Server) healthy(context.Context, *request) (any, error) {
	return map[string]bool{"ok": true}, nil
}

// readyTime is how long the database may take to say that it is there.
const readyTime = 2 * time.Second

// ready answers whoever decides where requests go. A copy that stops says so before it stops: until that has been heard, requests come.
func (s *Server) ready(ctx context.Context, rq *request) (any, error) {
	if s.stopping.Load() {
		return nil, refusal.New("unavailable", "This copy is stopping.")
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if err := s.Engine.DB.Ready(ctx); err != nil {
		rq.cause = err
		return nil, refusal.New("unavailable", "The database does not answer, or lacks what this build needs.")
	}
	return map[string]bool{"ok": true}, nil
}

// Stopping makes the service unready, while it goes on answering.
func (s *Server) Stopping() { s.stopping.Store(true) }

func (s *Server) passkeyEndpoints(context.Context, *request) (any, error) {
	base := s.Config.Origins[0]
	return map[string]string{"enroll": base + "/security/passkeys/new", "manage": base + "/security/passkeys"}, nil
}

func (s *Server) changePassword(_ context.Context, _ *request, w http.ResponseWriter) (any, error) {
	w.Header().Set("Location", "/security/password")
	return raw{"text/plain", nil}, nil
}
