package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"countersign/internal/refusal"
)

// AppVersion is a native client: the newest version that there is, and the oldest that still takes part in ceremonies.
type AppVersion struct {
	Platform string `json:"platform"` // ios, android, …
	Newest   string `json:"newest"`
	Oldest   string `json:"oldest"`
	URL      string `json:"url"` // where to update
}

var (
	platformName = regexp.MustCompile(`^[a-z][a-z0-9]{1,15}$`)
	versionName  = regexp.MustCompile(`^(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){0,3}$`)
)

// LoadApps reads a list of native clients, as JSON, and says what is wrong with it.
func LoadApps(r io.Reader) ([]AppVersion, error) {
	var apps []AppVersion
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&apps); err != nil {
		return nil, fmt.Errorf("not a list of apps: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after the list of apps")
	}
	seen := map[string]bool{}
	for _, a := range apps {
		u, err := url.Parse(a.URL)
		switch {
		case !platformName.MatchString(a.Platform):
			return nil, fmt.Errorf("platform %q: write it as ios or android, in lower case", a.Platform)
		case seen[a.Platform]:
			return nil, fmt.Errorf("platform %s is there twice", a.Platform)
		case !versionName.MatchString(a.Newest), !versionName.MatchString(a.Oldest):
			return nil, fmt.Errorf("platform %s: versions are numbers with dots between them, such as 3.2.1", a.Platform)
		case compareVersions(a.Oldest, a.Newest) > 0:
			return nil, fmt.Errorf("platform %s: the oldest version that is allowed, %s, is newer than the newest, %s", a.Platform, a.Oldest, a.Newest)
		case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil:
			return nil, fmt.Errorf("platform %s: url is to be the https address where people update", a.Platform)
		}
		seen[a.Platform] = true
	}
	return apps, nil
}

// compareVersions compares numbers with dots between them; what is missing is 0.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		var x, y int
		if i < len(as) {
			x, _ = strconv.Atoi(as[i])
		}
		if i < len(bs) {
			y, _ = strconv.Atoi(bs[i])
		}
		if x != y {
			return x - y
		}
	}
	return 0
}

// readApp takes the name of a native client from its request: X-App: ios/3.2.1.
func readApp(r *http.Request) (string, error) {
	values := r.Header.Values("X-App")
	if len(values) == 0 {
		return "", nil
	}
	platform, version, _ := strings.Cut(values[0], "/")
	if len(values) > 1 || !platformName.MatchString(platform) || !versionName.MatchString(version) {
		return "", refusal.Field("invalid_request", "X-App", "Name the app in the X-App header as platform/version: ios/3.2.1.")
	}
	return values[0], nil
}

type serve = func(context.Context, *request, http.ResponseWriter) (any, error)

// current serves a ceremony's route only to clients that are not too old for it.
func (s *Server) current(next serve) serve {
	return func(ctx context.Context, rq *request, w http.ResponseWriter) (any, error) {
		platform, version, _ := strings.Cut(rq.caller.App, "/")
		for _, a := range s.Config.Apps {
			if a.Platform == platform && compareVersions(version, a.Oldest) < 0 {
				return nil, refusal.New("update_required", "This version of the app is too old for passkeys. Nothing was changed. Update it first.").
					With("platform", a.Platform).With("oldest", a.Oldest).With("newest", a.Newest).With("url", a.URL)
			}
		}
		return next(ctx, rq, w)
	}
}
