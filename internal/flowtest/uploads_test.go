package flowtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"countersign/internal/app"
	"countersign/internal/blob"
	"countersign/internal/desk"
	"countersign/internal/support"
	"countersign/internal/testkit"
	"countersign/internal/testkit/s3server"
)

// line is a connection on which a test says each byte itself.
type line struct {
	net.Conn
	t *testing.T
}

// sayPatch begins a piece on a connection of its own, and leaves its body to the test.
func sayPatch(t *testing.T, k *testkit.Kit, b *testkit.Browser, id string, offset int64, length string) line {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(k.Server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "PATCH /v1/recordings/%s HTTP/1.1\r\nHost: bank.example\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: %d\r\n%s\r\nCookie: __Host-device=%s\r\n\r\n",
		id, offset, length, b.Cookie("__Host-device"))
	return line{conn, t}
}

// answer is the code of the problem that comes, or "" for a success; "closed" where nothing comes any more.
func (l line) answer() string {
	l.t.Helper()
	if err := l.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		l.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(l), nil)
	if err != nil {
		var slow net.Error
		if errors.As(err, &slow) && slow.Timeout() {
			l.t.Fatal("the connection is kept, and nothing is answered")
		}
		return "closed"
	}
	defer resp.Body.Close()
	var p struct {
		Code string `json:"code"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		l.t.Fatal(err)
	}
	return p.Code
}

// storeOf is where the recordings of an installation lie.
func storeOf(k *testkit.Kit) string { return k.Recordings }

func TestAByteAtATimeIsCutOffAndNothingOfItStays(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, func(c *app.Config) { c.PieceTime = 300 * time.Millisecond })
	b := k.Browser()
	file := webm(support.Piece+1000, time.Second)
	r := begin(b, int64(len(file)))
	for _, length := range []string{"Content-Length: " + strconv.Itoa(support.Piece), "Transfer-Encoding: chunked"} {
		l := sayPatch(t, k, b, r.ID, 0, length)
		var stop atomic.Bool
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			one := "x"
			if strings.HasPrefix(length, "Transfer") {
				one = "1\r\nx\r\n"
			}
			for tick := time.NewTicker(20 * time.Millisecond); !stop.Load(); <-tick.C {
				if _, err := io.WriteString(l, one); err != nil {
					return
				}
			}
		}()
		if code := l.answer(); code != "upload_interrupted" && code != "closed" {
			t.Errorf("%s: %s", length, code)
		}
		stop.Store(true)
		<-ended
		if left := filesIn(t, storeOf(k)); len(left) != 0 {
			t.Errorf("%s: %v", length, left)
		}
	}
	// Nor does a refused body keep a connection.
	l := sayPatch(t, k, b, "rec_nobody", 0, "Content-Length: "+strconv.Itoa(support.Piece))
	if code := l.answer(); code != "not_found" && code != "closed" {
		t.Errorf("%s", code)
	}
	appendPiece(b, r.ID, 0, pieceOf(file, 0)).OK()
	if appendPiece(b, r.ID, support.Piece, pieceOf(file, support.Piece)).OK().Into(r); r.State != "ready" {
		t.Errorf("%+v", r)
	}
}

func TestAnUploadThatBrokeOffGoesOnAtOnce(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	b := k.Browser()
	file := webm(2*support.Piece, time.Second)
	r := begin(b, int64(len(file)))
	// Broken off: the server learns it.
	l := sayPatch(t, k, b, r.ID, 0, "Content-Length: "+strconv.Itoa(support.Piece))
	if _, err := l.Write(file[:support.Piece/2]); err != nil {
		t.Fatal(err)
	}
	l.Close()
	// Gone without a word: the server still waits, for a few of them, and gives the oldest up for a new one.
	var silent []line
	for range 3 {
		l := sayPatch(t, k, b, r.ID, 0, "Expect: 100-continue\r\nContent-Length: "+strconv.Itoa(support.Piece))
		const goOn = "HTTP/1.1 100 Continue\r\n\r\n" // it reads the body from now on
		answered := make([]byte, len(goOn))
		if _, err := io.ReadFull(l, answered); err != nil || string(answered) != goOn {
			t.Fatalf("%q, %v", answered, err)
		}
		if _, err := l.Write(file[:support.Piece/2]); err != nil {
			t.Fatal(err)
		}
		silent = append(silent, l)
	}
	appendPiece(b, r.ID, 0, pieceOf(file, 0)).OK()
	if code := silent[0].answer(); code != "upload_interrupted" && code != "closed" {
		t.Errorf("the oldest is answered %q", code)
	}
	// One that comes to life again says the same once more.
	if _, err := silent[2].Write(file[support.Piece/2 : support.Piece]); err != nil {
		t.Fatal(err)
	}
	if code := silent[2].answer(); code != "" {
		t.Errorf("the newest is answered %q", code)
	}
	if appendPiece(b, r.ID, support.Piece, pieceOf(file, support.Piece)).OK().Into(r); r.State != "ready" {
		t.Errorf("%+v", r)
	}
	if w := play(k, r.ID, "bytes=0-"); !bytes.Equal(w.Body.Bytes(), file) {
		t.Errorf("%d bytes", w.Body.Len())
	}
}

// failing is a store that fails as it is told.
type failing struct {
	blob.Store
	put, get, remove atomic.Pointer[error]
}

func (f *failing) fail(at *atomic.Pointer[error], err error) {
	at.Store(&err)
}

func failure(at *atomic.Pointer[error]) error {
	if err := at.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *failing) Put(ctx context.Context, key string, b []byte) error {
	if err := failure(&f.put); err != nil {
		return err
	}
	return f.Store.Put(ctx, key, b)
}

func (f *failing) Get(ctx context.Context, key string) ([]byte, error) {
	if err := failure(&f.get); err != nil {
		return nil, err
	}
	return f.Store.Get(ctx, key)
}

func (f *failing) Delete(ctx context.Context, folder string) error {
	if err := failure(&f.remove); err != nil {
		return err
	}
	return f.Store.Delete(ctx, folder)
}

func TestOneNetworkDoesNotHoldUpTheUploadsOfAllOthers(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, behindProxy, func(c *app.Config) { c.RecordingLimits.PerNetwork.Limit = 100 })
	file := webm(2000, time.Second)
	slow := func(b *testkit.Browser, id string) line {
		l := sayPatch(t, k, b, id, 0, "X-Forwarded-For: "+b.Address+"\r\nExpect: 100-continue\r\nContent-Length: "+strconv.Itoa(len(file)))
		told := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
		if _, err := io.ReadFull(l, told); err != nil || !bytes.HasPrefix(told, []byte("HTTP/1.1 100")) {
			t.Fatalf("%q, %v", told, err)
		}
		return l
	}
	// Somebody with many browsers, or accounts, opens as many pieces as the service takes at once, and sends none of them.
	var first line
	for i := range 12 {
		b := k.Browser().From("203.0.113.9")
		r := begin(b, int64(len(file)))
		for j := range 3 {
			if l := slow(b, r.ID); i+j == 0 {
				first = l
			}
		}
	}
	if code := first.answer(); code != "upload_interrupted" {
		t.Errorf("the oldest: %s", code)
	}
	other := k.Browser().From("198.51.100.7")
	r := begin(other, int64(len(file)))
	if appendPiece(other, r.ID, 0, file).OK().Into(r); r.State != "ready" {
		t.Errorf("%+v", r)
	}
	// Nor the neighbours there.
	neighbour := k.Browser().From("203.0.113.9")
	r = begin(neighbour, int64(len(file)))
	if appendPiece(neighbour, r.ID, 0, file).OK().Into(r); r.State != "ready" {
		t.Errorf("%+v", r)
	}
}

func TestAStoreThatFailsForAWhileLosesNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	disk, err := blob.New(folder, blob.Access{})
	if err != nil {
		t.Fatal(err)
	}
	f := &failing{Store: disk}
	k := testkit.New(t, func(c *app.Config) { c.RecordingsStore = f })
	c := k.Register()
	file := webm(2*support.Piece, time.Second)
	r := begin(c.Browser, int64(len(file)))
	down := errors.New("the store does not answer")
	f.fail(&f.put, down)
	appendPiece(c.Browser, r.ID, 0, pieceOf(file, 0)).Refused("storage_unavailable")
	f.fail(&f.put, nil)
	appendPiece(c.Browser, r.ID, 0, pieceOf(file, 0)).OK()
	f.fail(&f.get, down)
	appendPiece(c.Browser, r.ID, support.Piece, pieceOf(file, support.Piece)).Refused("storage_unavailable")
	if c.Get("/v1/recordings/" + r.ID).OK().Into(r); r.State != "uploading" || r.Stored != support.Piece {
		t.Errorf("%+v", r)
	}
	f.fail(&f.get, nil)
	if appendPiece(c.Browser, r.ID, support.Piece, pieceOf(file, support.Piece)).OK().Into(r); r.State != "ready" {
		t.Errorf("%+v", r)
	}
	f.fail(&f.remove, down)
	c.Send("DELETE", "/v1/recordings/"+r.ID, nil, nil).Refused("storage_unavailable")
	// It is out of reach at once, and the contents go as soon as they can.
	if _, err := k.App.Recordings.Open(t.Context(), r.ID); err == nil {
		t.Error("it is still played")
	}
	f.fail(&f.remove, nil)
	if err := k.App.Recordings.Sweep(t.Context()); err != nil || len(filesIn(t, folder)) != 0 {
		t.Errorf("%v, and %v is left", err, filesIn(t, folder))
	}
	// A piece that the store has altered or lost is noticed, and the recording is not taken.
	for name, harm := range map[string]func(path string) error{"altered": func(path string) error { return os.WriteFile(path, []byte("something else"), 0o600) }, "lost": os.Remove} {
		b := k.Browser()
		r := begin(b, int64(len(file)))
		appendPiece(b, r.ID, 0, pieceOf(file, 0)).OK()
		if err := harm(filesIn(t, filepath.Join(folder, r.ID))[0]); err != nil {
			t.Fatal(err)
		}
		if appendPiece(b, r.ID, support.Piece, pieceOf(file, support.Piece)).OK().Into(r); r.State != "refused" || *r.Reason != "broken" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestAStoreThatIsAwayAtTheStartStopsRecordingsAlone(t *testing.T) {
	t.Parallel()
	address := s3server.Address(t)
	said := make(chan string, 100)
	k := testkit.New(t, func(c *app.Config) {
		c.Recordings = "s3://" + s3server.Bucket
		c.RecordingsAccess = blob.Access{Endpoint: "http://" + address, Region: s3server.Region, AccessKey: s3server.AccessKey, SecretKey: s3server.SecretKey}
		c.Logger = slog.New(slog.NewTextHandler(told(said), &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	c, o := k.Full(), k.Operator(desk.Security)
	c.CreatePasskey()
	c.LoginByPasskey(k.Browser()).OK()
	c.LoginByCodes(k.Browser()).OK()
	file := webm(support.Piece+5, time.Second)
	r := begin(c.Browser, int64(len(file)))
	if a := appendPiece(c.Browser, r.ID, 0, pieceOf(file, 0)).Refused("storage_unavailable"); a.Status != 503 {
		t.Errorf("%d", a.Status)
	}
	if got := check(o)["recordings"]; got != "fail" {
		t.Errorf("the check finds %s", got)
	}
	if line := <-said; !strings.Contains(line, "storage_unavailable") || !strings.Contains(line, "connection refused") || strings.Contains(line, s3server.SecretKey) {
		t.Errorf("the log has %s", line)
	}
	s3server.StartAt(t, address)
	appendPiece(c.Browser, r.ID, 0, pieceOf(file, 0)).OK()
	if appendPiece(c.Browser, r.ID, support.Piece, pieceOf(file, support.Piece)).OK().Into(r); r.State != "ready" {
		t.Errorf("%+v", r)
	}
	if got := check(o)["recordings"]; got != "ok" {
		t.Errorf("the check finds %s", got)
	}
	k.Close()
	close(said)
	for line := range said {
		t.Errorf("the log has too: %s", line)
	}
}

func TestTheLogSaysOnceThatTheStoreIsAway(t *testing.T) {
	t.Parallel()
	said := make(chan string, 100)
	disk, err := blob.New(t.TempDir(), blob.Access{})
	if err != nil {
		t.Fatal(err)
	}
	f := &failing{Store: disk}
	f.fail(&f.put, errors.New("the store does not answer"))
	k := testkit.New(t, func(c *app.Config) {
		c.RecordingsStore = f
		c.Logger = slog.New(slog.NewTextHandler(told(said), &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); k.App.Run(ctx) }()
	if line := <-said; !strings.Contains(line, "recordings cannot be stored") || !strings.Contains(line, "the store does not answer") {
		t.Error(line)
	}
	k.Browser().StartLogin("nobody@mail.example", "x").OK() // people sign in meanwhile
	stop()
	<-ended
	close(said)
	for line := range said {
		t.Errorf("and then: %s", line)
	}
}

// told hands on what is logged, line by line.
type told chan<- string

func (l told) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

func TestAFullDiskRefusesRecordingsAndNothingElse(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=1536k"); err != nil {
		t.Logf("no small file system can be mounted here (%v): a store that says it is full takes its place", err)
		disk, err := blob.New(folder, blob.Access{})
		if err != nil {
			t.Fatal(err)
		}
		f := &failing{Store: disk}
		fullDisk(t, func(c *app.Config) { c.RecordingsStore = f }, func() { f.fail(&f.put, blob.ErrFull) })
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	// Room for one piece: it is full by itself.
	fullDisk(t, func(c *app.Config) { c.Recordings, c.RecordingLimits.Reserve = folder, -1<<40 }, func() {})
}

func fullDisk(t *testing.T, change func(*app.Config), fill func()) {
	k := testkit.New(t, change)
	c := k.Full()
	c.CreatePasskey()
	file := webm(2*support.Piece, time.Second)
	r := begin(c.Browser, int64(len(file)))
	appendPiece(c.Browser, r.ID, 0, pieceOf(file, 0)).OK()
	fill()
	for range 3 {
		if a := appendPiece(c.Browser, r.ID, support.Piece, pieceOf(file, support.Piece)).Refused("storage_full"); a.Status != 507 {
			t.Errorf("%d", a.Status)
		}
	}
	c.LoginByPasskey(k.Browser()).OK()
	c.LoginByCodes(k.Browser()).OK()
	c.Prove(c.Approval(c.Withdraw("20"))).OK()
	if c.Get("/v1/recordings/" + r.ID).OK().Into(r); r.State != "uploading" || r.Stored != support.Piece {
		t.Errorf("%+v", r)
	}
	c.Send("DELETE", "/v1/recordings/"+r.ID, nil, nil).OK()
}

func TestRecordingsLeaveRoomForTheDatabase(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, func(c *app.Config) { c.RecordingLimits.Reserve = 1 << 60 })
	k.Register().Post("/v1/recordings", `{"bytes":1,"captured":"screen"}`).Refused("storage_full")
}

// TestKillingTheServerLosesNoPieceThatWasAnswered kills it without warning, again and again, in the middle of an upload.
func TestKillingTheServerLosesNoPieceThatWasAnswered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crash.db")
	file := webm(12*support.Piece+777, time.Minute)
	var id, device string
	send := func(method, url string, body io.Reader, offset int64) (int, []byte, error) {
		r, err := http.NewRequest(method, url, body)
		if err != nil {
			return 0, nil, err
		}
		r.Header.Set("Origin", testkit.Origin)
		r.Header.Set("Content-Type", "application/offset+octet-stream")
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/json")
		}
		r.Header.Set("Upload-Offset", strconv.FormatInt(offset, 10))
		r.AddCookie(&http.Cookie{Name: "__Host-device", Value: device})
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, nil, err
		}
		defer resp.Body.Close()
		for _, c := range resp.Cookies() {
			if c.Name == "__Host-device" {
				device = c.Value
			}
		}
		b, err := io.ReadAll(resp.Body)
		return resp.StatusCode, b, err
	}
	var answered recording
	kills := 0
	for answered.State != "ready" {
		cmd, address := startServer(t, path)
		base := "http://" + address + "/v1/recordings"
		if id == "" {
			status, b, err := send(http.MethodPost, base, strings.NewReader(fmt.Sprintf(`{"bytes":%d,"captured":"screen"}`, len(file))), 0)
			if err != nil || status != http.StatusCreated || json.Unmarshal(b, &answered) != nil {
				t.Fatalf("%d %s, %v", status, b, err)
			}
			id = answered.ID
		}
		var now recording
		if status, b, err := send(http.MethodGet, base+"/"+id, nil, 0); err != nil || status != http.StatusOK || json.Unmarshal(b, &now) != nil || now.Stored < answered.Stored {
			t.Fatalf("%d %s, %v: %d bytes were answered", status, b, err, answered.Stored)
		}
		// Killed while a piece is on its way, being stored or just answered.
		killed := make(chan struct{})
		if kills < 10 {
			time.AfterFunc(time.Duration(rand.IntN(40_000))*time.Microsecond, func() {
				_ = cmd.Process.Kill()
				close(killed)
			})
		}
		// What is stored is for the server to say: a kill may have come between the last piece and its answer.
		answered = now
		at := now.Stored
		for answered.State != "ready" {
			status, b, err := send(http.MethodPatch, base+"/"+id, bytes.NewReader(pieceOf(file, at)), at)
			if err != nil {
				break
			}
			if status != http.StatusOK || json.Unmarshal(b, &answered) != nil {
				t.Fatalf("%d %s", status, b)
			}
			at = answered.Stored
		}
		if kills < 10 {
			<-killed
		} else if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		kills++
		_ = cmd.Wait() // it was killed
	}
	k := testkit.Open(t, path, testkit.NewClock(time.Now()), func(c *app.Config) {
		config, err := testkit.Config(path, "crash", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Keys = config.Keys
	})
	if w := play(k, id, "bytes=0-"); !bytes.Equal(w.Body.Bytes(), file) {
		t.Errorf("%d bytes after %d kills", w.Body.Len(), kills)
	}
	if got := k.Query(`PRAGMA integrity_check`); len(got) != 1 || got[0] != "ok" {
		t.Errorf("%v", got)
	}
	// What a kill left half written goes with the rest, and what it left of trials of the store a day later.
	k.Clock.Advance(25 * time.Hour)
	if err := errors.Join(k.App.Recordings.Sweep(t.Context()), k.App.Recordings.SweepStrays(t.Context())); err != nil || len(filesIn(t, storeOf(k))) != 0 {
		t.Errorf("%v, and %v is left", err, filesIn(t, storeOf(k)))
	}
	t.Logf("%d kills", kills)
}

// meeting is a store at which pieces wait for each other: none is stored before as many are there as are to meet.
type meeting struct {
	blob.Store
	mu      sync.Mutex
	missing int
	all     chan struct{}
}

// meet lets the next n pieces meet.
func (m *meeting) meet(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.missing, m.all = n, make(chan struct{})
}

func (m *meeting) Put(ctx context.Context, key string, b []byte) error {
	m.mu.Lock()
	all := m.all
	if m.missing--; m.missing == 0 {
		close(all)
	}
	m.mu.Unlock()
	select {
	case <-all:
		return m.Store.Put(ctx, key, b)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestCopiesThatTakeOnePieceAtOnceKeepWhatWasChecked sends different bytes for one piece to two copies of the service, each of which
// has seen that the piece is the next before either stores it.
func TestCopiesThatTakeOnePieceAtOnceKeepWhatWasChecked(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	disk, err := blob.New(folder, blob.Access{})
	if err != nil {
		t.Fatal(err)
	}
	at := &meeting{Store: disk}
	change := func(c *app.Config) { c.RecordingsStore, c.RecordingLimits.PerNetwork.Limit = at, 100 }
	k := testkit.New(t, change)
	copies := []*testkit.Kit{k, testkit.Open(t, k.Path, k.Clock, change)}
	b := k.Browser()
	good := webm(support.Piece+4000, time.Second)
	other := slices.Clone(good) // with another picture
	other[len(other)-1] ^= 1
	bad := bytes.Repeat([]byte("no recording"), len(good)/12+1)[:len(good)]
	// send has each copy take a piece of one of these at the same moment, and tells which of them were answered with success.
	send := func(id string, offset int64, files ...[]byte) (taken []int) {
		t.Helper()
		at.meet(len(copies))
		var lines []line
		for i, file := range files {
			piece := pieceOf(file, offset)
			l := sayPatch(t, copies[i], b, id, offset, "Content-Length: "+strconv.Itoa(len(piece)))
			if _, err := l.Write(piece); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, l)
		}
		for i, l := range lines {
			switch code := l.answer(); code {
			case "":
				taken = append(taken, i)
			case "upload_offset":
			default:
				t.Errorf("%s", code)
			}
		}
		return taken
	}
	for range 12 {
		r := begin(b, int64(len(good)))
		// The first piece: one of two is taken, and the other copy says that it is not the one.
		files := [][]byte{good, bad}
		taken := send(r.ID, 0, files...)
		if len(taken) != 1 {
			t.Fatalf("%v were taken", taken)
		}
		first := pieceOf(files[taken[0]], 0)
		// The last: what is there afterwards is what the one that was taken makes of the whole, and is still that.
		files = [][]byte{good, other}
		taken = send(r.ID, support.Piece, files...)
		b.Get("/v1/recordings/" + r.ID).OK().Into(r)
		switch {
		case r.State == "refused" && !bytes.Equal(first, pieceOf(good, 0)):
		case r.State != "ready" || len(taken) != 1:
			t.Fatalf("%+v, and %v were taken", r, taken)
		default:
			want := slices.Concat(first, pieceOf(files[taken[0]], support.Piece))
			if w := play(k, r.ID, "bytes=0-"); !bytes.Equal(w.Body.Bytes(), want) {
				t.Fatal("what is played is not what was checked")
			}
		}
		if left := filesIn(t, folder); r.State == "ready" && len(left) != 2 || r.State == "refused" && len(left) != 0 {
			t.Errorf("%s, and there are %v", r.State, left)
		}
		b.Send("DELETE", "/v1/recordings/"+r.ID, nil, nil).OK()
	}
	// The same bytes twice are no quarrel: a client that was not answered sends them again, to whichever copy.
	r := begin(b, int64(len(good)))
	for _, offset := range []int64{0, support.Piece} {
		if taken := send(r.ID, offset, good, good); len(taken) != 2 {
			t.Errorf("%v were taken", taken)
		}
	}
	if w := play(k, r.ID, "bytes=0-"); !bytes.Equal(w.Body.Bytes(), good) {
		t.Errorf("%d bytes", w.Body.Len())
	}
}
