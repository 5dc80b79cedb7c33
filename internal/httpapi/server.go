// Package httpapi is the HTTP API: routes, the one adapter between HTTP and the flows, and problems.
//
// A request goes: watch (its id, its one line in the log) → the route that it matches → access (public, or a session) → decode → the
// flow → answer. The table in routes.go is the only place where routes are made.
package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"countersign/internal/account"
	"countersign/internal/auditlog"
	"countersign/internal/desk"
	"countersign/internal/refusal"
	"countersign/internal/support"
	"countersign/internal/verification"
	"countersign/internal/withdrawal"
)

// maxBody is the largest request in bytes, where its route says nothing else.
const maxBody = 64 << 10

// Config is how the API meets the world.
type Config struct {
	// Origins are the web origins that are served, exactly as browsers send them; the first is the canonical one.
	Origins []string
	// TrustedProxies may name the client's address in X-Forwarded-For.
	TrustedProxies []netip.Prefix
	Name           string
	Demo           bool
	Build          string
	// Fiat is the currency of demo figures, "" for none.
	Fiat string
	// Apps are the native clients that there are.
	Apps []AppVersion
	// PieceTime is how long one piece of a recording may take to arrive; 0 is a minute.
	PieceTime time.Duration
	// LogAddresses is how much of a client's address is logged.
	LogAddresses LogAddresses
}

// Server answers API requests. Its fields are set once, before Handler is called.
type Server struct {
	Config      Config
	Engine      *verification.Engine
	Accounts    *account.Service
	Withdrawals *withdrawal.Service
	Support     *support.Service
	Desk        *desk.Service
	Recordings  *support.Recordings
	// Log is the audit log; nil where its tiles are not to be read.
	Log    *auditlog.Log
	Logger *slog.Logger
	// CarrierStatus takes what a carrier tells of a message; it answers false where the carrier did not sign it.
	CarrierStatus func(ctx context.Context, carrier string, form url.Values, signature string) (bool, error)
	// App serves everything that is not the API.
	App http.Handler
	// OpenAPI is the API's description.
	OpenAPI []byte
	// Observer watches requests; nil where nobody does.
	Observer Observer

	build    []string // the value of X-Build
	secure   bool     // behind https: cookies are Secure, and browsers are told to stay there
	browsers browsers
	uploads  uploads
	stopping atomic.Bool
	underWay atomic.Int64
}

// Handler puts the routes together.
func (s *Server) Handler() http.Handler {
	s.secure = strings.HasPrefix(s.Config.Origins[0], "https://")
	s.build = []string{s.Config.Build}
	mux := http.NewServeMux()
	for _, rt := range s.Routes() {
		// A tile's number goes on behind slashes.
		mux.Handle(rt.Method+" "+strings.Replace(rt.Path, "{tile}", "{tile...}", 1), s.adapt(rt))
	}
	// Below these there are no pages.
	for _, path := range []string{"/v1/", "/log/"} {
		mux.Handle(path, s.adapt(Route{Path: path, Access: Public, serve: func(_ context.Context, rq *request, w http.ResponseWriter) (any, error) {
			if allowed := methods(mux, rq.http); len(allowed) > 0 {
				w.Header().Set("Allow", strings.Join(allowed, ", "))
				return nil, refusal.New("method_not_allowed", "This route takes "+strings.Join(allowed, ", ")+".")
			}
			return nil, refusal.New("not_found", "There is no such route. GET /openapi.json lists them.")
		}}))
	}
	if s.App != nil {
		mux.Handle("/", s.page())
	}
	guard := http.NewCrossOriginProtection()
	for _, origin := range s.Config.Origins {
		if err := guard.AddTrustedOrigin(origin); err != nil {
			panic(fmt.Sprintf("origin %q: %v", origin, err)) // refused when the configuration was read
		}
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.adapt(Route{Path: routeOf(mux, r), Access: Public, serve: func(context.Context, *request, http.ResponseWriter) (any, error) {
			return nil, refusal.New("cross_origin", "Writes from other origins are refused.")
		}}).ServeHTTP(w, r)
	}))
	return s.watch(s.headers(guard.Handler(mux)))
}

// methods are those by which a path has a route. They are not routes of their own, as "/v1/addresses/check" by every method
// would be at odds with "DELETE /v1/addresses/{id}".
func methods(mux *http.ServeMux, r *http.Request) []string {
	var out []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		other := *r
		other.Method = method
		if _, pattern := mux.Handler(&other); strings.HasPrefix(pattern, method+" ") {
			out = append(out, method)
		}
	}
	return out
}

// headers are on every answer. Their keys are in canonical form and their values shared, as nobody adds to these.
func (s *Server) headers(next http.Handler) http.Handler {
	always := http.Header{
		"X-Content-Type-Options":       {"nosniff"},
		"Referrer-Policy":              {"no-referrer"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
	}
	if s.secure {
		always["Strict-Transport-Security"] = []string{"max-age=63072000; includeSubDomains"}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), always)
		next.ServeHTTP(w, r)
	})
}

// ofAPI are on every answer of the API.
var ofAPI = http.Header{
	"Cache-Control":           {"no-store"},
	"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"},
}

// Access is who may call a route. Its zero value is SignedIn.
type Access struct {
	who string
	// Permission is what an operator's role must have, "" where the route is no operator's.
	Permission desk.Permission
}

var (
	// SignedIn takes a customer's session.
	SignedIn = Access{}
	// Browser takes no session, and gives the browser a secret of its own if it has none: verifications are bound to it.
	Browser = Access{who: "browser"}
	// Public takes anybody.
	Public = Access{who: "public"}
	// Business takes the API key of one of the business's own systems. A session is nothing to it.
	Business = Access{who: "business"}
)

// Operator takes an operator's session, of a role that has the permission. A customer's session is nothing to it.
func Operator(p desk.Permission) Access { return Access{who: "operator", Permission: p} }

// Route is one operation of the API.
type Route struct {
	Method, Path string
	Access       Access
	Status       int // of success; 0 is 200
	serve        func(context.Context, *request, http.ResponseWriter) (any, error)
}

// raw is an answer that is written as it is.
type raw struct {
	contentType string
	body        []byte
}

// written says that a route has written its answer itself.
type written struct{}

// adapt is the one way from HTTP to a flow and back.
func (s *Server) adapt(rt Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := w.(*recorder) // watch has made it
		rq := s.enter(rec, r, rt.Path)
		maps.Copy(rec.Header(), ofAPI)
		rec.Header()["X-Build"] = s.build
		rq.http.Body = http.MaxBytesReader(rec, rq.http.Body, cmp.Or(largeBodies[rt.Method+" "+rt.Path], maxBody))
		defer func() {
			if cause := recover(); cause != nil {
				rq.cause = fmt.Errorf("panic: %v", cause)
				s.problem(rec, rq, rq.cause)
			}
		}()
		err := s.read(rq)
		if err == nil && !storable(rq.http.URL.Path) {
			err = refusal.New("not_found", "Nothing has such a name.")
		}
		if err == nil {
			var out any
			if out, err = s.call(rt, rq, rec); err == nil {
				err = s.answer(rt, rq, rec, out)
			}
		}
		if err != nil {
			s.problem(rec, rq, err)
		}
	})
}

func (s *Server) call(rt Route, rq *request, w http.ResponseWriter) (any, error) {
	var err error
	if rq.caller.App, err = readApp(rq.http); err != nil {
		return nil, err
	}
	switch rt.Access {
	case SignedIn:
		if rq.session() == nil {
			return nil, refusal.New("unauthenticated", "Sign in first.")
		}
	case Browser:
		rq.ensureDevice()
	case Public:
	case Business:
		if rq.apiKey, err = s.Withdrawals.AuthenticateAPIKey(rq.http.Context(), rq.token); err != nil {
			return nil, err
		}
	default:
		if err := s.admit(rt, rq); err != nil {
			return nil, err
		}
	}
	return rt.serve(rq.http.Context(), rq, w)
}

func (s *Server) answer(rt Route, rq *request, w http.ResponseWriter, out any) error {
	if rq.device != "" {
		s.setCookie(w, "device", rq.device, deviceLife)
	}
	if view, ok := out.(*verification.View); ok && view.Result != nil {
		if in, ok := view.Result.Session.(*account.SignedIn); ok {
			s.deliver(w, rq, in)
		}
	}
	if in, ok := out.(*account.SignedIn); ok {
		s.deliver(w, rq, in)
	}
	if in, ok := out.(*desk.Me); ok && in.Token != "" {
		s.setOperatorCookie(w, in.Token, desk.SessionAbsolute)
	}
	if _, ok := out.(written); ok {
		return nil
	}
	if out == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	doc, ok := out.(raw)
	if !ok {
		b, err := json.Marshal(out)
		if err != nil {
			return err
		}
		doc = raw{"application/json", b}
	}
	w.Header().Set("Content-Type", doc.contentType)
	if rt.Status != 0 {
		w.WriteHeader(rt.Status)
	}
	_, err := w.Write(doc.body)
	if err != nil {
		rq.cause = err // the client has gone; what was done is done
	}
	return nil
}

// take makes a route's function from one that wants a decoded body.
func take[In any](fn func(context.Context, *request, In) (any, error)) func(context.Context, *request, http.ResponseWriter) (any, error) {
	return func(ctx context.Context, rq *request, _ http.ResponseWriter) (any, error) {
		var in In
		if kind := rq.http.Header.Get("Content-Type"); kind != "application/json" {
			if kind, _, err := mime.ParseMediaType(kind); err != nil || kind != "application/json" {
				return nil, refusal.New("unsupported_media_type", "Send the body as application/json.")
			}
		}
		body, err := io.ReadAll(rq.http.Body)
		if err != nil {
			return nil, err
		}
		if err := decode(body, &in); err != nil {
			return nil, err
		}
		return fn(ctx, rq, in)
	}
}

// plain makes a route's function from one that wants no body.
func plain(fn func(context.Context, *request) (any, error)) func(context.Context, *request, http.ResponseWriter) (any, error) {
	return func(ctx context.Context, rq *request, _ http.ResponseWriter) (any, error) { return fn(ctx, rq) }
}
