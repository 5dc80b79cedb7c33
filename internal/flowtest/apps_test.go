package flowtest

import (
	"net/http"
	"strings"
	"testing"

	"countersign/internal/app"
	"countersign/internal/policy"
	"countersign/internal/testkit"
)

func TestOldAppsUpdateBeforeACeremony(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, func(c *app.Config) {
		c.Apps = []app.AppVersion{{Platform: "ios", Newest: "3.10.0", Oldest: "3.2", URL: "https://apps.example/bank"}}
	})
	c := k.Full()
	v := c.Do(policy.CreatePasskey, "", "")
	ceremonies := map[string]any{"/v1/login/passkey/options": "{}", "/v1/login/passkey": `{"credential":{}}`, "/v1/verifications/" + v.ID + "/challenge": "{}", "/v1/verifications/" + v.ID + "/passkey": `{"credential":{}}`}
	for path, body := range ceremonies {
		for _, app := range []string{"ios/3.1.9", "ios/3", "ios/0.99.99", "ios/3.1"} {
			a := c.Send(http.MethodPost, path, body, map[string]string{"X-App": app}).Refused("update_required")
			var p struct{ Platform, Oldest, Newest, URL string }
			if a.Into(&p); a.Status != 426 || p.Platform != "ios" || p.Oldest != "3.2" || p.Newest != "3.10.0" || p.URL != "https://apps.example/bank" {
				t.Errorf("%s %s: %d %s", path, app, a.Status, a.Body)
			}
		}
		for _, app := range []string{"ios", "ios/", "iOS/3.2.1", "ios/3.2.1-beta", "ios/03.2", "ios/3.2.1.0.0", "ios/3..2", "/3.2", "ios/3.2 ", "ios/9999999", "ios/3,2", strings.Repeat("a", 40) + "/1"} {
			if a := c.Send(http.MethodPost, path, body, map[string]string{"X-App": app}); app != "ios/3.2 " && a.Code() != "invalid_request" {
				t.Errorf("%s is read: %d %s", app, a.Status, a.Body)
			}
		}
	}
	// Nothing was spent by it, and newer ones go on, as does what no list names.
	for _, app := range []string{"ios/3.2", "ios/3.2.0", "ios/3.10.1", "ios/4", "android/1.0"} {
		c.Send(http.MethodPost, "/v1/login/passkey/options", "{}", map[string]string{"X-App": app}).OK()
	}
	c.SubmitPasskey(v.ID, c.Attest(c.Challenge(v.ID))).OK()
	c.Send(http.MethodGet, "/v1/account", nil, map[string]string{"X-App": "ios/1.0"}).OK()
	var config struct {
		Build string
		Apps  []struct{ Platform, Oldest, Newest, URL string }
	}
	a := c.Get("/v1/config").OK().Into(&config)
	if len(config.Apps) != 1 || config.Apps[0].Oldest != "3.2" || a.Header.Get("X-Build") != "test" || config.Build != "test" {
		t.Errorf("%s %v", a.Body, a.Header)
	}
	for _, answer := range []*testkit.Answer{c.Get("/v1/nothing"), k.Browser().Get("/v1/account"), c.Post("/v1/login", "rubbish")} {
		if answer.Header.Get("X-Build") != "test" {
			t.Errorf("%d without a build", answer.Status)
		}
	}
}
