package support

import (
	"regexp"
	"strings"

	"countersign/internal/refusal"
)

// Environment is what a device says of itself: names and yes or no, never free text.
type Environment struct {
	// Platform and Browser are names with versions: "Android 16", "Chrome 148". App is the web app's build, or "ios/3.2.1".
	Platform string `json:"platform"`
	Browser  string `json:"browser"`
	App      string `json:"app"`
	// Capabilities are what the browser answers to questions of its own; null where it does not know.
	Capabilities map[string]*bool `json:"capabilities"`
	// InApp is the app whose browser it is, "" for a browser of its own.
	InApp      string `json:"in_app"`
	Standalone bool   `json:"standalone"`
	Secure     bool   `json:"secure"`
	Visible    bool   `json:"visible"`
	Locale     string `json:"locale"`
}

var (
	errorName = regexp.MustCompile(`^[A-Za-z]{0,40}$`)
	codeName  = regexp.MustCompile(`^[a-z_]{0,40}$`)
	product   = regexp.MustCompile(`^[A-Za-z0-9 ._-]{0,40}$`)
	build     = regexp.MustCompile(`^[A-Za-z0-9._/+-]{0,64}$`)
	ability   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,39}$`)
	language  = regexp.MustCompile(`^[A-Za-z0-9-]{0,35}$`)
)

// What platforms, browsers and apps with browsers in them are called. Another name is kept as other: a name that somebody made up may
// be anybody's.
var (
	systems  = []string{"Android", "iOS", "iPadOS", "macOS", "Windows", "ChromeOS", "Linux", "HarmonyOS", "FreeBSD"}
	browsers = []string{"Chrome", "Chromium", "Edge", "Opera", "Samsung Internet", "Firefox", "Safari", "Brave", "Vivaldi", "DuckDuckGo", "Huawei Browser", "Mi Browser", "WebView"}
	inApps   = []string{"Facebook", "Messenger", "Instagram", "LINE", "TikTok", "WeChat", "LinkedIn", "Snapchat", "Pinterest", "Telegram", "X", "WhatsApp", "Threads", "Reddit", "Discord", "Slack", "KakaoTalk",
		"Google", "unknown"}
	version = regexp.MustCompile(`^[0-9]{1,3}(?:\.[0-9]{1,3})?`)
)

const (
	other        = "Other"
	maxAbilities = 40
)

// plain is a name of a list with its version, of two numbers at most: that is what tells devices apart, and cannot be a telephone number.
func plain(text string, names []string) string {
	if text == "" {
		return ""
	}
	for _, name := range names {
		rest, ok := strings.CutPrefix(text, name)
		switch {
		case !ok:
		case rest == "":
			return name
		case rest[0] == ' ':
			return strings.TrimSpace(name + " " + version.FindString(rest[1:]))
		}
	}
	return other
}

// reduce leaves what is the same for many.
func (e *Environment) reduce() {
	e.Platform, e.Browser, e.InApp = plain(e.Platform, systems), plain(e.Browser, browsers), plain(e.InApp, inApps)
}

func (e *Environment) check() error {
	for _, part := range []struct {
		name, value string
		form        *regexp.Regexp
	}{
		{"platform", e.Platform, product}, {"browser", e.Browser, product}, {"app", e.App, build}, {"in_app", e.InApp, product}, {"locale", e.Locale, language},
	} {
		if !part.form.MatchString(part.value) {
			return refusal.Field("invalid_request", "environment."+part.name, "Give a short name: letters, digits and plain marks.")
		}
	}
	if len(e.Capabilities) > maxAbilities {
		return refusal.Field("invalid_request", "environment.capabilities", "Name 40 at most.")
	}
	for name := range e.Capabilities {
		if !ability.MatchString(name) {
			return refusal.Field("invalid_request", "environment.capabilities", "Name them as the browser does.")
		}
	}
	return nil
}
