package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"countersign/internal/desk"
	"countersign/internal/refusal"
)

// deskCaller is a request's sender as the desk knows them. Nothing of a customer's session is in it.
func (rq *request) deskCaller() desk.Caller {
	c := rq.desk
	c.Browser, c.Address, c.Origin = rq.caller.Browser, rq.caller.Address, rq.caller.Origin
	return c
}

// recognise reads the operator's cookie. Operators have no bearer tokens: they work in a browser.
func (s *Server) recognise(rq *request) error {
	c, err := rq.http.Cookie(s.cookieName("operator"))
	if err != nil {
		return nil
	}
	rq.desk.Operator, rq.desk.Session, err = s.Desk.Authenticate(rq.http.Context(), c.Value)
	return err
}

// admit lets an operator in whose role has the route's permission.
func (s *Server) admit(rt Route, rq *request) error {
	if err := s.recognise(rq); err != nil {
		return err
	}
	rq.desk.Needs = rt.Access.Permission
	c := rq.deskCaller()
	switch {
	case c.Operator == nil:
		return refusal.New("unauthenticated", "Sign in at the support desk first.")
	case !c.May(rt.Access.Permission):
		return s.Desk.Refuse(rq.http.Context(), c, rt.Method+" "+rt.Path, rt.Access.Permission)
	}
	return nil
}

// setOperatorCookie is stricter than a customer's: nothing leads into the desk from elsewhere.
func (s *Server) setOperatorCookie(w http.ResponseWriter, token string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{Name: s.cookieName("operator"), Value: token, Path: "/", MaxAge: int(life.Seconds()), Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

func (s *Server) invitation(ctx context.Context, _ *request, in tokenInput) (any, error) {
	return s.Desk.LookUpInvitation(ctx, in.Token)
}

func (s *Server) invitationOptions(ctx context.Context, rq *request, in tokenInput) (any, error) {
	options, err := s.Desk.InvitationOptions(ctx, rq.deskCaller(), in.Token)
	return map[string]any{"public_key": options}, err
}

func (s *Server) acceptInvitation(ctx context.Context, rq *request, in struct {
	Token      string          `json:"token"`
	Credential json.RawMessage `json:"credential"`
}) (any, error) {
	if err := (credentialInput{Credential: in.Credential}).check(); err != nil {
		return nil, err
	}
	if err := s.recognise(rq); err != nil {
		return nil, err
	}
	return s.Desk.AcceptInvitation(ctx, rq.deskCaller(), in.Token, in.Credential)
}

func (s *Server) operatorLoginOptions(_ context.Context, rq *request, _ empty) (any, error) {
	options, err := s.Desk.LoginOptions(rq.deskCaller())
	return map[string]any{"public_key": options}, err
}

func (s *Server) operatorLogin(ctx context.Context, rq *request, in struct {
	Credential json.RawMessage `json:"credential"`
}) (any, error) {
	if err := (credentialInput{Credential: in.Credential}).check(); err != nil {
		return nil, err
	}
	if err := s.recognise(rq); err != nil {
		return nil, err
	}
	return s.Desk.Login(ctx, rq.deskCaller(), in.Credential)
}

// operatorSignedIn answers a desk that opens, as signedIn does an app.
func (s *Server) operatorSignedIn(_ context.Context, rq *request) (any, error) {
	if err := s.recognise(rq); err != nil {
		return nil, err
	}
	return map[string]bool{"signed_in": rq.desk.Operator != nil}, nil
}

func (s *Server) operatorMe(_ context.Context, rq *request) (any, error) {
	return s.Desk.Me(rq.deskCaller()), nil
}

func (s *Server) operatorSignOut(ctx context.Context, rq *request, w http.ResponseWriter) (any, error) {
	if err := s.Desk.SignOut(ctx, rq.deskCaller()); err != nil {
		return nil, err
	}
	s.setOperatorCookie(w, "", -time.Second)
	return nil, nil
}

func (s *Server) findAccount(ctx context.Context, rq *request, in struct {
	By    string `json:"by"`
	Value string `json:"value"`
}) (any, error) {
	if in.Value == "" || len(in.Value) > 254 {
		return nil, refusal.Field("invalid_request", "value", "Give it whole and as it is written: nothing is found by a part.")
	}
	id, err := s.Desk.Find(ctx, rq.deskCaller(), in.By, in.Value)
	return map[string]string{"id": id}, err
}

func (s *Server) deskAccount(ctx context.Context, rq *request) (any, error) {
	return s.Desk.Account(ctx, rq.deskCaller(), rq.http.PathValue("id"))
}

func (s *Server) deskEvents(ctx context.Context, rq *request) (any, error) {
	cursor, limit, err := rq.page()
	if err != nil {
		return nil, err
	}
	return s.Desk.Events(ctx, rq.deskCaller(), rq.http.PathValue("id"), cursor, limit)
}

func (s *Server) deskEndSessions(ctx context.Context, rq *request, in struct {
	Reason string `json:"reason"`
}) (any, error) {
	return s.Desk.EndSessions(ctx, rq.deskCaller(), rq.http.PathValue("id"), in.Reason)
}

func (s *Server) deskHold(ctx context.Context, rq *request, in struct {
	Hours  int    `json:"hours"`
	Reason string `json:"reason"`
}) (any, error) {
	return s.Desk.Hold(ctx, rq.deskCaller(), rq.http.PathValue("id"), in.Hours, in.Reason)
}

func (s *Server) numbers(ctx context.Context, rq *request) (any, error) {
	days := 28
	if text := rq.http.URL.Query().Get("days"); text != "" {
		days, _ = strconv.Atoi(text) // 0 is refused, and written down
	}
	return s.Desk.Numbers(ctx, rq.deskCaller(), days)
}

func (s *Server) check(ctx context.Context, rq *request) (any, error) {
	return s.Desk.Check(ctx, rq.deskCaller())
}

func (s *Server) testMail(ctx context.Context, rq *request, _ empty) (any, error) {
	return nil, s.Desk.SendTestMail(ctx, rq.deskCaller())
}

func (s *Server) operatorLog(ctx context.Context, rq *request) (any, error) {
	cursor, limit, err := rq.page()
	if err != nil {
		return nil, err
	}
	return s.Desk.Log(ctx, rq.deskCaller(), cursor, limit)
}

func (s *Server) operators(ctx context.Context, rq *request) (any, error) {
	return s.Desk.List(ctx, rq.deskCaller())
}

func (s *Server) inviteOperator(ctx context.Context, rq *request, in struct {
	Name  string    `json:"name"`
	Email string    `json:"email"`
	Role  desk.Role `json:"role"`
}) (any, error) {
	return s.Desk.Invite(ctx, rq.deskCaller(), desk.Person{Name: in.Name, Email: in.Email, Role: in.Role})
}

func (s *Server) setRole(ctx context.Context, rq *request, in struct {
	Role desk.Role `json:"role"`
}) (any, error) {
	return s.Desk.SetRole(ctx, rq.deskCaller(), rq.http.PathValue("id"), in.Role)
}

func (s *Server) endOperator(ctx context.Context, rq *request, _ empty) (any, error) {
	return s.Desk.End(ctx, rq.deskCaller(), rq.http.PathValue("id"))
}

func (s *Server) inviteAgain(ctx context.Context, rq *request, _ empty) (any, error) {
	return s.Desk.InviteAgain(ctx, rq.deskCaller(), rq.http.PathValue("id"))
}

// watching is how long one range of a recording may take to be sent.
const watching = 10 * time.Minute

// players are what a recording may be fetched for: never to be shown as a page, a frame or a plug-in.
var players = []string{"", "empty", "video"}

// extensions are of the types that recordings have, by content.
var extensions = map[string]string{"video/mp4": ".mp4", "video/quicktime": ".mov", "video/webm": ".webm"}

// uncached keeps answers out of caches, also those of which http.ServeContent takes the header away.
type uncached struct{ http.ResponseWriter }

func (u uncached) WriteHeader(status int) {
	u.Header().Set("Cache-Control", "no-store")
	u.ResponseWriter.WriteHeader(status)
}

// watchRecording sends a recording, or a range of it. What a stranger made never becomes a document of this origin.
func (s *Server) watchRecording(ctx context.Context, rq *request, w http.ResponseWriter) (any, error) {
	if !slices.Contains(players, rq.http.Header.Get("Sec-Fetch-Dest")) {
		return nil, s.Desk.Refuse(ctx, rq.deskCaller(), "GET /v1/desk/recordings/{id}/content", "recordings.document")
	}
	r, err := s.Desk.Watch(ctx, rq.deskCaller(), rq.http.PathValue("id"))
	if err != nil {
		return nil, err
	}
	kind, known := r.MediaType, false
	var ext string
	if ext, known = extensions[kind]; !known {
		kind = "application/octet-stream"
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(watching)) //nolint:forbidigo // of a connection, by the machine's clock
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+"recording-"+rq.id+ext+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	http.ServeContent(uncached{w}, rq.http, "", time.Time{}, r)
	return written{}, nil
}
