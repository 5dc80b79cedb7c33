package auditlog_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/internal/auditlog"

	"golang.org/x/mod/sumdb/note"
)

const witnessName = "witness.example/one"

func witnessKey(public ed25519.PublicKey) string {
	key := append([]byte{4}, public...)
	sum := sha256.Sum256(append([]byte(witnessName+"\n"), key...))
	return fmt.Sprintf("%s+%x+%s", witnessName, sum[:4], base64.StdEncoding.EncodeToString(key))
}

func listed(t *testing.T, key, url string) []auditlog.Witness {
	t.Helper()
	list, err := auditlog.LoadWitnesses(strings.NewReader(fmt.Sprintf(`[{"key": %q, "url": %q}]`, key, url)))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// litewitness starts a real witness that knows the logs of these keys, and returns its key and address. Its key is with a real ssh-agent.
func litewitness(t *testing.T, logKeys ...string) (key, url string) {
	t.Helper()
	out, err := exec.Command("../../scripts/need-litewitness").Output()
	if err != nil {
		t.Fatalf("install litewitness: %v", err)
	}
	folder, err := os.MkdirTemp("", "wit") // sockets have short names
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	file, socket := filepath.Join(folder, "key"), filepath.Join(folder, "agent")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v %s", err, out)
	}
	text, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	blob, err := base64.StdEncoding.DecodeString(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	public := ed25519.PublicKey(blob[len(blob)-ed25519.PublicKeySize:])
	begin := func(name string, args ...string) {
		cmd := exec.Command(name, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	}
	begin("ssh-agent", "-D", "-a", socket)
	wait(t, "the agent", func() error { _, err := os.Stat(socket); return err })
	add := exec.Command("ssh-add", file)
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("ssh-add: %v %s", err, out)
	}
	// As `witnessctl add-log` and `add-key` do, which needs a module that is not to be had everywhere.
	db, err := sql.Open("sqlite", filepath.Join(folder, "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE log (origin TEXT PRIMARY KEY, tree_size INTEGER NOT NULL, tree_hash TEXT NOT NULL); CREATE TABLE key (origin TEXT NOT NULL, key TEXT NOT NULL, FOREIGN KEY(origin) REFERENCES log(origin))`); err != nil {
		t.Fatal(err)
	}
	empty := sha256.Sum256(nil)
	for _, k := range logKeys {
		origin, _, _ := strings.Cut(k, "+")
		if _, err := db.Exec(`INSERT INTO log VALUES ($1, 0, $2); INSERT INTO key VALUES ($1, $3)`, origin, base64.StdEncoding.EncodeToString(empty[:]), k); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := listener.Addr().String()
	listener.Close()
	fingerprint := sha256.Sum256(blob)
	begin(strings.TrimSpace(string(out)), "-db", filepath.Join(folder, "db"), "-name", witnessName, "-key", "SHA256:"+base64.RawStdEncoding.EncodeToString(fingerprint[:]), "-ssh-agent", socket, "-listen", at)
	wait(t, "the witness", func() error {
		c, err := net.Dial("tcp", at)
		if err == nil {
			c.Close()
		}
		return err
	})
	return witnessKey(public), "http://" + at
}

func wait(t *testing.T, what string, there func() error) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := there()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not come: %v", what, err)
		}
	}
}

func TestARealWitnessCosigns(t *testing.T) {
	f := open(t)
	logKeys, err := auditlog.VerifierKeys(f.Keys, auditlog.Origin(rpID, 1))
	if err != nil {
		t.Fatal(err)
	}
	key, url := litewitness(t, logKeys...)
	w := &auditlog.Witnesses{Log: f.Log, List: listed(t, key, url)}
	if err := w.Cosign(t.Context()); err != nil || f.state().Cosigned != "" {
		t.Fatalf("before the first checkpoint: %v", err)
	}
	newest := func() string {
		text, err := f.Newest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, n := range []int{3, 300, 1} {
		f.record(n)
		f.sequence()
		if err := w.Cosign(t.Context()); err != nil {
			t.Fatal(err)
		}
		text := newest()
		if !strings.HasPrefix(text, f.state().Checkpoint) || strings.Count(text, "— "+witnessName+" ") != 1 {
			t.Fatalf("shown is\n%s", text)
		}
		// Those who verify the log alone read it as well.
		if _, err := auditlog.OpenCheckpoint(text, f.keys()...); err != nil {
			t.Error(err)
		}
	}
	// Another copy does not know what the witness has seen, and is told.
	f.record(2)
	f.sequence()
	if err := (&auditlog.Witnesses{Log: f.Log, List: listed(t, key, url)}).Cosign(t.Context()); err != nil || !strings.Contains(newest(), witnessName) {
		t.Errorf("%v\n%s", err, newest())
	}
	// A log made anew under the same name is not cosigned: that is what a witness is for.
	f.exec(`DELETE FROM log_tiles; DELETE FROM log_state; DELETE FROM audit_events WHERE leaf = 4; UPDATE audit_events SET leaf = -1`)
	f.record(10)
	f.sequence()
	if err := w.Cosign(t.Context()); err == nil || strings.Contains(newest(), witnessName) {
		t.Errorf("%v\n%s", err, newest())
	}
}

func TestAWitnessThatIsAwayHoldsNothingUp(t *testing.T) {
	f := open(t)
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer hangs.Close()
	defer close(release)
	lies := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "— %s %s\n", witnessName, base64.StdEncoding.EncodeToString(make([]byte, 76)))
	}))
	defer lies.Close()
	for name, url := range map[string]string{"hangs": hangs.URL, "lies": lies.URL, "is not there": "http://127.0.0.1:1"} {
		w := &auditlog.Witnesses{Log: f.Log, List: listed(t, witnessKey(public), url), Timeout: 200 * time.Millisecond}
		f.record(1)
		done := make(chan error, 1)
		f.sequence()
		go func() { done <- w.Cosign(context.Background()) }()
		f.record(1)
		f.sequence()
		if err := <-done; err == nil || errors.Is(err, auditlog.ErrUnsound) {
			t.Errorf("%s: %v", name, err)
		}
		if text, err := f.Newest(t.Context()); err != nil || text != f.state().Checkpoint {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// Who has put its name to a checkpoint stays on it while it is away, and however a witness spells its signature, those who verify read it.
func TestEachWitnesssNameStaysOnACheckpoint(t *testing.T) {
	f := open(t)
	f.record(3)
	f.sequence()
	var list []auditlog.Witness
	away := make([]bool, 2)
	for i := range away {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		key := witnessKey(public)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, note, _ := strings.Cut(string(body), "\n\n")
			text, _, _ := strings.Cut(note, "\n\n")
			if away[i] || text == "" {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			var b []byte
			b = binary.BigEndian.AppendUint32(b, hashOf(t, key))
			b = binary.BigEndian.AppendUint64(b, 1)
			b = append(b, ed25519.Sign(private, fmt.Appendf(nil, "cosignature/v1\ntime 1\n%s\n", text))...)
			signature := base64.StdEncoding.EncodeToString(b)
			// The last letter before the padding has bits that say nothing.
			at := strings.IndexByte(signature, '=') - 1
			letters := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
			other := letters[strings.IndexByte(letters, signature[at])+1]
			fmt.Fprintf(w, "— %s %s\n", witnessName, signature[:at]+string(other)+signature[at+1:])
		}))
		defer server.Close()
		list = append(list, listed(t, key, server.URL)...)
	}
	w := &auditlog.Witnesses{Log: f.Log, List: list}
	for i, want := range []int{1, 2, 2} {
		away[0], away[1] = i > 0, i != 1
		if err := w.Cosign(t.Context()); (err == nil) == (i == 0) {
			t.Errorf("round %d: %v", i, err)
		}
		text, err := f.Newest(t.Context())
		if err != nil || strings.Count(text, "— "+witnessName+" ") != want {
			t.Errorf("round %d: %v\n%s", i, err, text)
		}
		if _, err := auditlog.OpenCheckpoint(text, f.keys()...); err != nil {
			t.Errorf("round %d: %v", i, err)
		}
	}
}

func hashOf(t *testing.T, key string) uint32 {
	n, err := strconv.ParseUint(strings.Split(key, "+")[1], 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

func TestAListOfWitnessesIsReadStrictly(t *testing.T) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := witnessKey(public)
	for _, bad := range []string{``, `{}`, `[{"key":"x","url":"https://a.example"}]`, `[{"key":"` + key + `"}]`, `[{"key":"` + key + `","url":"http://a.example"}]`, `[{"key":"` + key + `","url":"https://a.example","x":1}]`, `[{"key":"` + key[:len(key)-2] + `A=","url":"https://a.example"}]`} {
		if _, err := auditlog.LoadWitnesses(strings.NewReader(bad)); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

// What is kept as cosigned is shown as the log's word: somebody who has the database could put another's there.
func TestOnlyThisLogsOwnCheckpointIsShownAsCosigned(t *testing.T) {
	f := open(t)
	f.record(3)
	f.sequence()
	older := f.state().Checkpoint
	f.record(1)
	f.sequence()
	newest := f.state().Checkpoint
	secret, _, err := note.GenerateKey(rand.Reader, auditlog.Origin(rpID, 1))
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(older, "\n\n")
	forged, err := note.Sign(&note.Note{Text: text + "\n"}, foreign)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixMilli()
	for _, c := range []struct {
		name, newest, cosigned string
		at                     int64
		shown                  string
	}{
		{"an older one", newest, older, now, older},
		{"an older one by a clock that is ahead a little", newest, older, now + 2000, older},
		{"one from long ago", newest, older, 1, newest},
		{"one from days ahead", newest, older, now + 1e9, newest},
		{"one by another key", newest, string(forged), now, newest},
		{"one that was altered", newest, strings.Replace(older, "\n3\n", "\n2\n", 1), now, newest},
		{"of another log", newest, strings.Replace(older, "/1\n", "/2\n", 1), now, newest},
		{"larger than the log", older, newest, now, older},
		{"no checkpoint", newest, "Good morning", now, newest},
	} {
		f.exec(`UPDATE log_state SET checkpoint = $1, cosigned = $2, cosigned_at = $3`, c.newest, c.cosigned, c.at)
		if text, err := f.Newest(t.Context()); err != nil || text != c.shown {
			t.Errorf("%s: %v\n%s", c.name, err, text)
		}
	}
}
