package support

import (
	"regexp"

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
	ability   = regexp.MustCompile(`^[A-Za-z0-9:_-]{1,80}$`)
	language  = regexp.MustCompile(`^[A-Za-z0-9-]{0,35}$`)
)

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
	if len(e.Capabilities) > 100 {
		return refusal.Field("invalid_request", "environment.capabilities", "Name 100 at most.")
	}
	for name := range e.Capabilities {
		if !ability.MatchString(name) {
			return refusal.Field("invalid_request", "environment.capabilities", "Name them as the browser does.")
		}
	}
	return nil
}
