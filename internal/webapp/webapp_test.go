package webapp

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func built() *handler {
	return newHandler(fstest.MapFS{
		".gitkeep":               {},
		"index.html":             {Data: []byte("<!doctype html>page")},
		"index.html.br":          {Data: []byte("brotli page")},
		"index.html.gz":          {Data: []byte("gzip page")},
		"theme.js":               {Data: []byte("theme")},
		"assets/app-1a2b3c4d.js": {Data: []byte("script")},
	})
}

func get(t *testing.T, h http.Handler, method, target string, header map[string]string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestPathsOfTheAppAnswerItsPage(t *testing.T) {
	for _, path := range []string{"/", "/sign-in", "/security/passkeys/pk_1", "/withdraw/../security"} {
		r := get(t, built(), "GET", path, nil)
		if r.StatusCode != 200 || body(t, r) != "<!doctype html>page" {
			t.Errorf("%s: %d, want the page", path, r.StatusCode)
		}
		if got := r.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q, want no-store", path, got)
		}
	}
}

func TestMissingFilesAreMissing(t *testing.T) {
	for _, path := range []string{"/assets/old-99.js", "/assets/old", "/favicon.ico", "/.gitkeep", "/index.html.br", "/robots.txt"} {
		if r := get(t, built(), "GET", path, nil); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d, want 404: a page in place of a script would break the app in silence", path, r.StatusCode)
		}
	}
}

func TestNamedAssetsAreKeptForGoodAndThePageNever(t *testing.T) {
	for path, want := range map[string]string{
		"/assets/app-1a2b3c4d.js": "public, max-age=31536000, immutable",
		"/theme.js":               "no-cache",
		"/index.html":             "no-store",
	} {
		if got := get(t, built(), "GET", path, nil).Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestTheSmallestFormThatTheBrowserTakesIsSent(t *testing.T) {
	for accept, want := range map[string]string{
		"":                        "<!doctype html>page",
		"gzip, deflate, br, zstd": "brotli page",
		"gzip":                    "gzip page",
		"br;q=0, gzip;q=0.5":      "gzip page",
		"br; q=0.0":               "<!doctype html>page",
		"identity":                "<!doctype html>page",
	} {
		r := get(t, built(), "GET", "/", map[string]string{"Accept-Encoding": accept})
		if got := body(t, r); got != want {
			t.Errorf("Accept-Encoding %q: %q, want %q", accept, got, want)
		}
		if r.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: no Vary, so a cache would mix the forms up", accept)
		}
	}
}

func TestEveryAnswerCarriesThePolicy(t *testing.T) {
	for _, target := range []string{"/", "/theme.js", "/assets/none.js"} {
		h := get(t, built(), "GET", target, nil).Header
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; script-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", target, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: missing headers: %v", target, h)
		}
		if !strings.Contains(h.Get("Permissions-Policy"), "publickey-credentials-get=(self)") {
			t.Errorf("%s: passkeys are not kept to this origin", target)
		}
	}
}

func TestNothingButReadingIsAnswered(t *testing.T) {
	if r := get(t, built(), "POST", "/", nil); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d, want 405", r.StatusCode)
	}
	r := get(t, built(), "HEAD", "/", nil)
	if r.StatusCode != 200 || body(t, r) != "" || r.Header.Get("Content-Length") == "0" {
		t.Errorf("HEAD: %d with %s bytes announced", r.StatusCode, r.Header.Get("Content-Length"))
	}
}

func TestUnbuiltAppSaysHowToBuildIt(t *testing.T) {
	r := get(t, newHandler(fstest.MapFS{".gitkeep": {}}), "GET", "/", nil)
	if text := body(t, r); r.StatusCode != 200 || !strings.Contains(text, "npm run build") {
		t.Errorf("%d %q", r.StatusCode, text)
	}
}

func TestEmbeddedFolderIsThere(t *testing.T) {
	if r := get(t, Handler(), "GET", "/", nil); r.StatusCode != 200 {
		t.Errorf("%d, want a page whether or not the app has been built", r.StatusCode)
	}
}
