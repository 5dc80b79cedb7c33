package demo

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start opens a demo in its folder.
func start(t *testing.T, folder string) *Demo {
	t.Helper()
	d, err := New(t.Context(), Config{Folder: folder, Port: 8080, Clock: time.Now, Logger: slog.New(slog.DiscardHandler), Build: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.App.Close() })
	return d
}

func TestTheDemoAnswersUnderTheNameOfThisMachineOnly(t *testing.T) {
	d := start(t, t.TempDir())
	ask := func(method, host, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://"+host+path, nil)
		w := httptest.NewRecorder()
		d.Handler.ServeHTTP(w, r)
		return w
	}
	if w := ask("GET", "localhost:8080", "/demo/v1/inbox"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), Accounts[0].Email) {
		t.Errorf("localhost: %d %s", w.Code, w.Body)
	}
	for _, host := range []string{"127.0.0.1:8080", "[::1]:8080"} {
		w := ask("GET", host, "/demo/inbox?x=1")
		if to := w.Header().Get("Location"); w.Code != http.StatusTemporaryRedirect || to != "http://localhost:8080/demo/inbox?x=1" {
			t.Errorf("%s: %d to %q", host, w.Code, to)
		}
		if w := ask("POST", host, "/v1/login"); w.Code != http.StatusMisdirectedRequest {
			t.Errorf("a write to %s: %d", host, w.Code)
		}
	}
	// A page whose name was pointed at this machine must not read the codes.
	for _, host := range []string{"evil.example:8080", "localhost.evil.example:8080", "localhost", "localhost:8081", "127.0.0.1.evil.example:8080"} {
		w := ask("GET", host, "/demo/v1/inbox")
		if w.Code != http.StatusMisdirectedRequest || strings.Contains(w.Body.String(), Accounts[0].Email) {
			t.Errorf("%s: %d %s", host, w.Code, w.Body)
		}
	}
}

func TestTheDemosSecretsAreItsOwnersAloneAndStay(t *testing.T) {
	folder := t.TempDir()
	key := filepath.Join(folder, "master.key")
	start(t, folder).App.Close()
	before, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
		if strings.HasSuffix(f.Name(), ".new") {
			t.Errorf("%s was left behind", f.Name())
		}
	}
	d := start(t, folder)
	if after, err := os.ReadFile(key); err != nil || string(after) != string(before) {
		t.Errorf("the key was replaced: %v", err)
	}
	if n := len(d.phone.codes(time.Now())); n != 2 {
		t.Errorf("the pretend phone has %d entries after a restart", n)
	}
}
