package httpapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign/internal/account"
	"countersign/internal/desk"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/verification"

	"github.com/mileusna/useragent"
)

// request is what the adapter knows of one request; its one log line is made from it.
type request struct {
	http   *http.Request
	id     string
	route  string // its template: a path may hold an identifier
	caller verification.Caller
	desk   desk.Caller   // on the routes of the desk
	apiKey *store.APIKey // on the routes of the business
	bearer bool          // the session's token came in an Authorization header
	token  string        // what came there
	device string        // the browser's secret, to be set as a cookie where it is new
	code   string        // of the problem answered
	cause  error         // of an internal error
}

func (rq *request) session() *store.Session { return rq.caller.Session }

const deviceLife = 400 * 24 * time.Hour

// cookieName: browsers hold __Host- cookies to https, to this host and to the whole of it. On http://localhost Safari
// drops Secure cookies, so there the names are plain.
func (s *Server) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

func (s *Server) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{Name: s.cookieName(name), Value: value, Path: "/", MaxAge: int(life.Seconds()), Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// read finds out who sends a request: the session, the browser's secret, its name, its address and its origin.
func (s *Server) read(rq *request) error {
	r := rq.http
	rq.caller = verification.Caller{Browser: s.browsers.name(r.UserAgent()), Address: s.address(r), Origin: s.Config.Origins[0]}
	if origin := r.Header.Get("Origin"); origin != "" && r.Method != http.MethodGet && r.Method != http.MethodHead {
		if !slices.Contains(s.Config.Origins, origin) {
			return refusal.New("cross_origin", "This origin is not one of the service's own.")
		}
		rq.caller.Origin = origin
	}
	if c, err := r.Cookie(s.cookieName("device")); err == nil && len(c.Value) == 43 {
		rq.caller.DeviceHash = secret.HashToken(c.Value)
	}
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer {
		token = ""
		if c, err := r.Cookie(s.cookieName("session")); err == nil {
			token = c.Value
		}
	}
	if !storable(token) {
		token = "" // it names nobody
	}
	if rq.bearer = bearer; bearer {
		rq.token = token
	}
	session, err := s.Accounts.Authenticate(r.Context(), token)
	rq.caller.Session = session
	return err
}

// ensureDevice gives a browser the secret that verifications without a session are bound to.
func (rq *request) ensureDevice() {
	if rq.caller.DeviceHash == nil {
		rq.device, rq.caller.DeviceHash = secret.NewToken()
	}
}

// deliver hands a token over: that of a new session as a cookie, or in the body to an app that asked for a bearer token, and a
// renewed one by the way that the former one came, so that no page can ask for what its cookie hides.
func (s *Server) deliver(w http.ResponseWriter, rq *request, in *account.SignedIn) {
	bearer := rq.http.Header.Get("X-Session-Transport") == "bearer"
	if old := rq.session(); old != nil && old.ID == in.ID {
		bearer = rq.bearer
	}
	if bearer {
		return
	}
	s.setCookie(w, "session", in.Token, policy.SessionAbsolute)
	in.Token = ""
}

// address is the client's, read from the right of X-Forwarded-For as far as the proxies are known.
func (s *Server) address(r *http.Request) string {
	host, ok := hostOf(r.RemoteAddr)
	if !ok {
		return r.RemoteAddr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusted(host); i-- {
		hop, ok := hostOf(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		host = hop
	}
	return host.String()
}

// hostOf reads an address in any of the ways in which proxies write it: with a port or without, IPv6 in brackets or not. It has one
// form whichever that was, as budgets count by it.
func hostOf(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		var with netip.AddrPort
		with, err = netip.ParseAddrPort(text)
		addr = with.Addr()
	}
	return addr.Unmap().WithZone(""), err == nil
}

func (s *Server) trusted(addr netip.Addr) bool {
	return slices.ContainsFunc(s.Config.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// browserNames are the browsers that are told by name, as the parser names them and as people do.
var browserNames = map[string]string{
	useragent.Chrome: "Chrome", useragent.HeadlessChrome: "Headless Chrome", useragent.Edge: "Edge", useragent.Firefox: "Firefox", useragent.Safari: "Safari",
	useragent.MobileSafari: "Safari", useragent.Opera: "Opera", useragent.OperaMini: "Opera Mini", useragent.OperaTouch: "Opera Touch", useragent.Vivaldi: "Vivaldi",
	useragent.SamsungBrowser: "Samsung Internet", useragent.InternetExplorer: "Internet Explorer", "Huawei Browser": "Huawei Browser", "Miui Browser": "Mi Browser",
	"YaBrowser": "Yandex Browser", "DuckDuckGo": "DuckDuckGo", "Brave": "Brave",
}

// systemNames are the same of operating systems.
var systemNames = map[string]string{
	useragent.Windows: "Windows", useragent.MacOS: "Mac", useragent.Linux: "Linux", useragent.Android: "Android", useragent.IOS: "iOS", useragent.ChromeOS: "ChromeOS",
	useragent.FreeBSD: "FreeBSD", useragent.Harmony: "HarmonyOS",
}

// browsers remembers the names of browsers by their User-Agent headers, of which most requests bring one of a few.
type browsers struct {
	mu    sync.Mutex
	names map[string]string
}

// maxBrowsers bounds what is remembered: at most half a mebibyte, however many headers are made up.
const maxBrowsers = 1024

func (b *browsers) name(userAgent string) string {
	if len(userAgent) > 512 {
		userAgent = userAgent[:512]
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	name, known := b.names[userAgent]
	if !known {
		if b.names == nil || len(b.names) == maxBrowsers {
			b.names = map[string]string{}
		}
		name = browserName(userAgent)
		b.names[strings.Clone(userAgent)] = name
	}
	return name
}

// browserName is a browser as people know it: "Safari on iPhone". No word of it is the client's own: it stands in e-mails, which
// would otherwise tell people whatever a stranger wrote into a User-Agent header.
func browserName(userAgent string) string {
	ua := useragent.Parse(userAgent)
	name, system := browserNames[ua.Name], systemNames[ua.OS]
	if ua.OS == useragent.IOS && (ua.Device == "iPhone" || ua.Device == "iPad") {
		system = ua.Device
	}
	if name == "" {
		name = "an unknown browser"
	}
	if system == "" {
		return name
	}
	return name + " on " + system
}
