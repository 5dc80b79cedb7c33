package flowtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/internal/app"
	"countersign/internal/blob"
	"countersign/internal/media"
	"countersign/internal/store"
	"countersign/internal/support"
	"countersign/internal/testkit"
	"countersign/internal/testkit/s3server"
)

// recording is a recording as the API answers it.
type recording struct {
	ID         string    `json:"id"`
	State      string    `json:"state"`
	Bytes      int64     `json:"bytes"`
	Stored     int64     `json:"stored"`
	Piece      int64     `json:"piece"`
	MediaType  string    `json:"media_type"`
	DurationMS *int64    `json:"duration_ms"`
	CreatedAt  time.Time `json:"created_at"`
	DeleteAt   time.Time `json:"delete_at"`
	Reason     *string   `json:"reason"`
}

// webm is a recording of a size, as a recorder in a browser writes it.
func webm(size int, length time.Duration) []byte {
	element := func(id string, parts ...[]byte) []byte {
		body := slices.Concat(parts...)
		return slices.Concat([]byte(id), binary.BigEndian.AppendUint64(nil, 1<<56|uint64(len(body))), body)
	}
	open := func(id string, parts ...[]byte) []byte {
		return slices.Concat([]byte(id), []byte("\x01\xff\xff\xff\xff\xff\xff\xff"), slices.Concat(parts...))
	}
	make := func(picture []byte) []byte {
		return slices.Concat(element("\x1a\x45\xdf\xa3", element("\x42\x82", []byte("webm"))), open("\x18\x53\x80\x67",
			element("\x15\x49\xa9\x66", element("\x2a\xd7\xb1", binary.BigEndian.AppendUint64(nil, 1_000_000))),
			element("\x16\x54\xae\x6b", element("\xae", element("\x83", []byte{1}))),
			open("\x1f\x43\xb6\x75", element("\xe7", binary.BigEndian.AppendUint64(nil, uint64(length.Milliseconds()))), element("\xa3", []byte{0x81, 0, 0, 0x80}, picture))))
	}
	picture := bytes.Repeat([]byte("a picture of a balance; "), size/24+1)
	return make(picture[:size-len(make(nil))])
}

func begin(b *testkit.Browser, size int64) *recording {
	b.Kit.T.Helper()
	r := &recording{}
	b.Post("/v1/recordings", map[string]any{"bytes": size, "media_type": "video/webm;codecs=vp9", "captured": "screen", "started_ms_ago": 12_000}).OK().Into(r)
	return r
}

func appendPiece(b *testkit.Browser, id string, offset int64, piece []byte) *testkit.Answer {
	b.Kit.T.Helper()
	return b.Send("PATCH", "/v1/recordings/"+id, piece, map[string]string{"Content-Type": "application/offset+octet-stream", "Upload-Offset": strconv.FormatInt(offset, 10)})
}

func pieceOf(file []byte, offset int64) []byte {
	return file[offset:min(int64(len(file)), offset+support.Piece)]
}

// upload uploads a file from its beginning.
func upload(b *testkit.Browser, file []byte) *recording {
	b.Kit.T.Helper()
	r := begin(b, int64(len(file)))
	for r.State == "uploading" {
		piece := pieceOf(file, r.Stored)
		want := r.Stored + int64(len(piece))
		if appendPiece(b, r.ID, r.Stored, piece).OK().Into(r); r.Stored != want {
			b.Kit.T.Fatalf("%+v", r)
		}
	}
	return r
}

// inBoth runs a test with recordings in a folder and in an S3 store; left is what lies in either, by its path.
func inBoth(t *testing.T, test func(k *testkit.Kit, left func() []string)) {
	t.Run("disk", func(t *testing.T) {
		t.Parallel()
		k := testkit.New(t)
		test(k, func() []string { return filesIn(t, filepath.Join(filepath.Dir(k.Path), "recordings")) })
	})
	t.Run("s3", func(t *testing.T) {
		t.Parallel()
		server := s3server.Start(t)
		k := testkit.New(t, func(c *app.Config) {
			c.Recordings = "s3://" + s3server.Bucket + "/support"
			c.RecordingsAccess = blob.Access{Endpoint: server.Endpoint, Region: s3server.Region, AccessKey: s3server.AccessKey, SecretKey: s3server.SecretKey}
		})
		test(k, func() []string { return filesIn(t, filepath.Join(server.Folder, "support")) })
	})
}

// filesIn are the files in a folder, whatever its depth.
func filesIn(t *testing.T, folder string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// play asks for a part of a recording as a player does, at the desk's side.
func play(k *testkit.Kit, id, span string) *httptest.ResponseRecorder {
	k.T.Helper()
	file, err := k.App.Recordings.Open(context.Background(), id)
	if err != nil {
		k.T.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Range", span)
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", file.MediaType)
	http.ServeContent(w, r, "", file.CreatedAt, file)
	return w
}

func TestARecordingArrivesInPiecesAndIsPlayedFromAnywhere(t *testing.T) {
	t.Parallel()
	inBoth(t, func(k *testkit.Kit, left func() []string) {
		c := k.Register()
		file := webm(2*support.Piece+12345, 4*time.Second)
		r := begin(c.Browser, int64(len(file)))
		if r.State != "uploading" || r.Stored != 0 || r.Piece != 1<<20 || r.DurationMS != nil || r.Reason != nil || r.DeleteAt.Sub(r.CreatedAt) != 24*time.Hour {
			k.T.Errorf("%+v", r)
		}
		for offset := int64(0); offset < int64(len(file)); offset += support.Piece {
			appendPiece(c.Browser, r.ID, offset, pieceOf(file, offset)).OK()
		}
		c.Get("/v1/recordings/" + r.ID).OK().Into(r)
		if r.State != "ready" || r.Stored != r.Bytes || r.MediaType != media.WebM || r.DurationMS == nil || *r.DurationMS != 4000 {
			k.T.Errorf("%+v", r)
		}
		for _, span := range [][2]int64{{0, 9}, {support.Piece - 5, support.Piece + 5}, {2*support.Piece + 100, int64(len(file)) - 1}, {0, int64(len(file)) - 1}} {
			w := play(k, r.ID, fmt.Sprintf("bytes=%d-%d", span[0], span[1]))
			if w.Code != http.StatusPartialContent || !bytes.Equal(w.Body.Bytes(), file[span[0]:span[1]+1]) {
				k.T.Errorf("%v: %d, %d bytes", span, w.Code, w.Body.Len())
			}
		}
		if n := len(left()); n != 3 {
			k.T.Errorf("%d pieces lie in the store: %v", n, left())
		}
		for _, path := range left() {
			if b, err := os.ReadFile(path); err != nil || bytes.Contains(b, []byte("balance")) || bytes.Contains(b, []byte("webm")) {
				k.T.Errorf("%s can be read: %v", path, err)
			}
		}
		for range 2 {
			c.Send("DELETE", "/v1/recordings/"+r.ID, nil, nil).OK()
		}
		if c.Get("/v1/recordings/" + r.ID).OK().Into(r); r.State != "deleted" || len(left()) != 0 {
			k.T.Errorf("%+v, and %v is left", r, left())
		}
		if _, err := k.App.Recordings.Open(context.Background(), r.ID); err == nil {
			k.T.Error("a deleted recording is played")
		}
		appendPiece(c.Browser, r.ID, 0, pieceOf(file, 0)).Refused("conflict")
	})
}

func TestAPieceWhoseAnswerWasLostComesAgainAndDoublesNothing(t *testing.T) {
	t.Parallel()
	inBoth(t, func(k *testkit.Kit, left func() []string) {
		b := k.Browser()
		file := webm(2*support.Piece+5, time.Second)
		r := begin(b, int64(len(file)))
		at := func(want int64, a *testkit.Answer) {
			k.T.Helper()
			var p struct {
				Stored int64 `json:"stored"`
			}
			if a.Into(&p); p.Stored != want {
				k.T.Errorf("%d %s, want %d stored", a.Status, a.Body, want)
			}
		}
		for range 3 {
			at(1<<20, appendPiece(b, r.ID, 0, pieceOf(file, 0)).OK())
		}
		at(1<<20, appendPiece(b, r.ID, 0, pieceOf(file, 1)).Refused("upload_offset")) // not the piece that is there
		for _, offset := range []int64{1, 1<<20 - 1, 2 << 20, 3 << 20, 1 << 40} {
			at(1<<20, appendPiece(b, r.ID, offset, pieceOf(file, 0)).Refused("upload_offset"))
		}
		for range 2 {
			at(2<<20, appendPiece(b, r.ID, 1<<20, pieceOf(file, 1<<20)).OK())
		}
		for range 2 {
			appendPiece(b, r.ID, 2<<20, pieceOf(file, 2<<20)).OK().Into(r)
			if r.State != "ready" {
				k.T.Errorf("%+v", r)
			}
		}
		at(r.Bytes, appendPiece(b, r.ID, 2<<20, []byte("other")).Refused("upload_offset"))
		if w := play(k, r.ID, "bytes=0-"); !bytes.Equal(w.Body.Bytes(), file) || len(left()) != 3 {
			k.T.Errorf("%d bytes, %v", w.Body.Len(), left())
		}
	})
}

func TestWhatIsNoRecordingIsDeletedAtOnce(t *testing.T) {
	t.Parallel()
	inBoth(t, func(k *testkit.Kit, left func() []string) {
		c := k.Register()
		polyglot := slices.Concat(webm(support.Piece, time.Second), []byte("<!DOCTYPE html><script>alert(1)</script>"))
		for name, w := range map[string]struct {
			file   []byte
			reason string
		}{
			"SVG":               {[]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), media.Unsupported},
			"HTML after a WebM": {polyglot, media.Broken},
			"HTML of two MiB":   {bytes.Repeat([]byte("<p>hello</p>"), 2<<20/12), media.Unsupported},
			"ten minutes":       {webm(5000, 10*time.Minute), support.TooLong},
			"cut off":           {webm(5000, time.Second)[:4000], media.Broken},
		} {
			r := upload(c.Browser, w.file)
			if r.State != "refused" || r.Reason == nil || *r.Reason != w.reason || r.Stored != r.Bytes {
				k.T.Errorf("%s: %+v", name, r)
			}
			// The answer was lost: the verdict is told once more.
			offset := (r.Bytes - 1) / support.Piece * support.Piece
			if appendPiece(c.Browser, r.ID, offset, pieceOf(w.file, offset)).OK().Into(r); r.State != "refused" {
				k.T.Errorf("%s: %+v", name, r)
			}
			if _, err := k.App.Recordings.Open(context.Background(), r.ID); err == nil || len(left()) != 0 {
				k.T.Errorf("%s: %v is left, and opens: %v", name, left(), err)
			}
		}
		if n := k.Query(`SELECT count(*) FROM recordings WHERE state = 'refused' AND reason <> '' AND deleted_at > 0`)[0]; n != "5" {
			k.T.Errorf("%s rows", n)
		}
	})
}

func TestARecordingIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, d, b := k.Register(), k.Register(), k.Browser()
	file := webm(3000, time.Second)
	ofAccount, ofBrowser := begin(c.Browser, 3000), begin(b, 3000)
	other := c.On(k.Browser())
	c.LoginByCodes(other.Browser).OK()
	other.Get("/v1/recordings/" + ofAccount.ID).OK() // at another browser of the same account
	before := k.Dump("settings", "sessions")
	for who, p := range map[string]*testkit.Browser{"another account": d.Browser, "a stranger": k.Browser(), "another browser": b} {
		for _, id := range []string{ofAccount.ID, ofAccount.ID[:len(ofAccount.ID)-1] + "0", "rec_", "%2e%2e%2f", strings.Repeat("x", 300)} {
			for name, a := range map[string]*testkit.Answer{"read": p.Get("/v1/recordings/" + id), "upload": appendPiece(p, id, 0, file), "delete": p.Send("DELETE", "/v1/recordings/"+id, nil, nil)} {
				if a.Code() != "not_found" {
					t.Errorf("%s by %s of %s: %d %s", name, who, id, a.Status, a.Body)
				}
			}
		}
	}
	c.Get("/v1/recordings/" + ofBrowser.ID).Refused("not_found")
	// The session's cookie alone is no substitute for the browser's secret, nor that for the session.
	thief := k.Browser()
	thief.SetCookie("__Host-device", c.Cookie("__Host-device"))
	thief.Get("/v1/recordings/" + ofAccount.ID).Refused("not_found")
	if after := k.Dump("settings", "sessions"); after != before {
		t.Errorf("something was written:\n%s", difference(before, after))
	}
	appendPiece(b, ofBrowser.ID, 0, file).OK()
	appendPiece(c.Browser, ofAccount.ID, 0, file).OK()
}

func TestSizeNumberAndPaceOfRecordingsAreLimited(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Register()
	body := func(bytes any, more string) string {
		return fmt.Sprintf(`{"bytes":%v,"captured":"screen"%s}`, bytes, more)
	}
	for _, p := range []struct{ body, code string }{
		{body(0, ""), "invalid_request"}, {body(-1, ""), "invalid_request"}, {body(1.5, ""), "invalid_request"}, {body(100<<20+1, ""), "too_large"}, {body("1e300", ""), "invalid_request"},
		{body(uint64(1)<<63, ""), "invalid_request"}, {`{"captured":"screen"}`, "invalid_request"}, {`{"bytes":1}`, "invalid_request"}, {`{"bytes":1,"captured":"camera"}`, "invalid_request"},
		{body(1, `,"media_type":"image/svg+xml"`), "invalid_request"}, {body(1, `,"media_type":"../../etc/passwd"`), "invalid_request"}, {body(1, `,"name":"../x.mp4"`), "invalid_request"},
		{body(1, `,"started_ms_ago":"yesterday"`), "invalid_request"}, {body(1, `,"started_ms_ago":-1`), "invalid_request"}, {body(1, `,"started_at":"2026-03-14T09:26:00Z"`), "invalid_request"},
	} {
		c.Post("/v1/recordings", p.body).Refused(p.code)
	}
	c.Post("/v1/recordings", body(100<<20, `,"media_type":"","started_ms_ago":9223372036854775807`)).OK()
	begin(c.Browser, 10)
	r := begin(c.Browser, 10)
	c.Post("/v1/recordings", body(1, "")).Refused("too_many_recordings")
	c.Send("DELETE", "/v1/recordings/"+r.ID, nil, nil).OK()
	begin(c.Browser, 10)

	b := k.Browser().From("192.0.2.7")
	b.Post("/v1/recordings", body(50<<20+1, "")).Refused("too_large")
	first := begin(b, 50<<20)
	b.Post("/v1/recordings", body(1, "")).Refused("too_many_recordings")
	b.Send("DELETE", "/v1/recordings/"+first.ID, nil, nil).OK()
	begin(b, 1)
	begin(k.Browser(), 1)
	k.Browser().Post("/v1/recordings", body(1, "")).Refused("rate_limited")
	k.Clock.Advance(time.Hour)
	begin(k.Browser(), 1)

	for i := range 30 {
		k.Exec(`DELETE FROM recordings WHERE account_id = $1`, c.ID)
		a := c.Post("/v1/recordings", body(1, ""))
		if want := i < 20; want != (a.Status == 201) || !want && a.Code() != "rate_limited" {
			t.Errorf("the %dth in an hour: %d %s", i+1, a.Status, a.Body)
		}
	}
}

func TestStrangersTakeNoRoomFromAccounts(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, func(c *app.Config) {
		c.RecordingLimits.PerNetwork.Limit, c.RecordingLimits.AllWithoutSession = 100, 5000
	})
	file := webm(2000, time.Second)
	declared := map[string]any{"bytes": len(file), "media_type": "video/webm", "captured": "screen"}
	send := func(b *testkit.Browser) *recording {
		r := begin(b, int64(len(file)))
		appendPiece(b, r.ID, 0, file).OK().Into(r)
		return r
	}
	// What is begun and never sent takes nothing from anybody.
	late := k.Browser()
	waiting := begin(late, int64(len(file)))
	for range 10 {
		begin(k.Browser(), 50<<20)
	}
	first := k.Browser()
	kept := send(first)
	for range 2 {
		b := k.Browser()
		b.Post("/v1/tickets", map[string]any{"topic": "other", "body": "x", "email": "a@help.example", "recordings": []string{send(b).ID}}).OK()
	}
	k.Browser().Post("/v1/recordings", declared).Refused("storage_full")
	appendPiece(late, waiting.ID, 0, file).Refused("storage_full")
	c := k.Full()
	if r := send(c.Browser); r.State != "ready" {
		t.Errorf("%+v", r)
	}
	first.Send("DELETE", "/v1/recordings/"+kept.ID, nil, nil).OK()
	k.Browser().Post("/v1/recordings", declared).OK()
	appendPiece(late, waiting.ID, 0, file).OK()
}

func TestPiecesHaveTheLengthThatTheyMustHave(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c := k.Register()
	r := begin(c.Browser, support.Piece+100)
	for name, p := range map[string]struct {
		piece  []byte
		offset string
		kind   string
		code   string
	}{
		"too short":            {make([]byte, 100), "0", "", "invalid_request"},
		"empty":                {nil, "0", "", "invalid_request"},
		"one byte too many":    {make([]byte, support.Piece+1), "0", "", "invalid_request"},
		"far too many":         {make([]byte, 5*support.Piece), "0", "", "invalid_request"},
		"no offset":            {make([]byte, support.Piece), "", "", "invalid_request"},
		"a negative offset":    {make([]byte, support.Piece), "-1", "", "invalid_request"},
		"an offset with zeros": {make([]byte, support.Piece), "00", "", "invalid_request"},
		"an offset in words":   {make([]byte, support.Piece), "0x0", "", "invalid_request"},
		"JSON":                 {[]byte("{}"), "0", "application/json", "unsupported_media_type"},
		"a form":               {[]byte("a=b"), "0", "application/x-www-form-urlencoded", "unsupported_media_type"},
	} {
		headers := map[string]string{"Content-Type": "application/offset+octet-stream", "Upload-Offset": p.offset}
		if p.kind != "" {
			headers["Content-Type"] = p.kind
		}
		if a := c.Send("PATCH", "/v1/recordings/"+r.ID, p.piece, headers); a.Code() != p.code {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if c.Get("/v1/recordings/" + r.ID).OK().Into(r); r.Stored != 0 {
		t.Errorf("%+v", r)
	}
	c.Post("/v1/recordings", `{"bytes":1,"captured":"screen","media_type":"`+strings.Repeat("x", 64<<10)+`"}`).Refused("too_large")
}

func TestRecordingsGoWhenTheirTimeIsOver(t *testing.T) {
	t.Parallel()
	inBoth(t, func(k *testkit.Kit, left func() []string) {
		c := k.Register()
		sweep := func(want int) {
			k.T.Helper()
			if err := errors.Join(k.App.Recordings.Sweep(context.Background()), k.App.Recordings.SweepStrays(context.Background())); err != nil {
				k.T.Fatal(err)
			}
			if n := len(left()); n != want {
				k.T.Errorf("%d pieces are left, want %d", n, want)
			}
		}
		half := begin(c.Browser, support.Piece+10)
		appendPiece(c.Browser, half.ID, 0, make([]byte, support.Piece)).OK()
		loose, taken := upload(c.Browser, webm(3000, time.Second)), upload(c.Browser, webm(3000, time.Second))
		k.Update(func(tx *store.Tx) error {
			ok, err := tx.AttachRecording(taken.ID, "tkt_1", tx.Now.Add(30*24*time.Hour))
			if err == nil && !ok {
				err = errors.New("not attached")
			}
			return err
		})
		k.Clock.Advance(24*time.Hour - time.Second)
		sweep(3)
		k.Clock.Advance(time.Second)
		sweep(1)
		for id, want := range map[string]string{half.ID: "deleted", loose.ID: "deleted", taken.ID: "ready"} {
			var r recording
			if c.Get("/v1/recordings/" + id).OK().Into(&r); r.State != want {
				k.T.Errorf("%+v, want %s", r, want)
			}
		}
		k.Update(func(tx *store.Tx) error { return tx.KeepRecordings("tkt_1", tx.Now.Add(30*24*time.Hour)) })
		k.Clock.Advance(29*24*time.Hour + 23*time.Hour)
		sweep(1)
		k.Clock.Advance(time.Hour)
		sweep(0)
		// Of one that a restored backup knows nothing of, the contents go when their time is over too.
		stray := upload(k.Browser(), webm(3000, time.Second))
		k.Exec(`DELETE FROM recordings WHERE id = $1`, stray.ID)
		k.Clock.Advance(30 * 24 * time.Hour)
		sweep(1)
		k.Clock.Advance(24 * time.Hour)
		sweep(0)
	})
}

func TestTheFiguresThatAreToldAreThoseThatHold(t *testing.T) {
	t.Parallel()
	k := testkit.New(t, func(c *app.Config) {
		c.SupportRetention = 7 * 24 * time.Hour
		c.RecordingLimits.Bytes, c.RecordingLimits.BytesWithoutSession, c.RecordingLimits.Duration = 3<<20, 9<<20, 90*time.Second
	})
	var config struct{ Support support.Figures }
	k.Browser().Get("/v1/config").OK().Into(&config)
	told := config.Support
	if want := (support.Figures{RetentionDays: 7, RecordingBytes: 3 << 20, RecordingSeconds: 90, GuestRecordingBytes: 3 << 20, PieceBytes: support.Piece}); told != want {
		t.Errorf("%+v, want %+v", told, want)
	}
	c := k.Full()
	for b, most := range map[*testkit.Browser]int64{c.Browser: told.RecordingBytes, k.Browser(): told.GuestRecordingBytes} {
		b.Post("/v1/recordings", map[string]any{"bytes": most + 1, "captured": "file"}).Refused("too_large")
		b.Post("/v1/recordings", map[string]any{"bytes": most, "captured": "file"}).OK()
	}
	r := ask(c.Browser, "other", "x")
	if _, err := k.App.Support.SetState(t.Context(), answerer(k, "Lena"), r.ID, "resolved"); err != nil {
		t.Fatal(err)
	}
	c.Get("/v1/tickets/" + r.ID).OK().Into(r)
	if got := r.DeleteAt.Sub(k.Clock.Now()); got != time.Duration(told.RetentionDays)*24*time.Hour {
		t.Errorf("it goes in %v", got)
	}
}

func TestWhatBecomesOfARecordingIsWrittenDownWithoutItsContent(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	c, guest := k.Full(), k.Browser()
	made := upload(c.Browser, webm(2*support.Piece, time.Second))
	refused := upload(c.Browser, bytes.Repeat([]byte("<svg>"), 100))
	strangers := upload(guest, webm(5000, time.Second))
	for range 2 {
		c.Send("DELETE", "/v1/recordings/"+made.ID, nil, nil).OK()
		c.Send("DELETE", "/v1/recordings/"+refused.ID, nil, nil).OK()
	}
	left := begin(c.Browser, 5)
	k.Clock.Advance(24 * time.Hour)
	for range 2 {
		if err := k.App.Recordings.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	session := k.Query(`SELECT id FROM sessions WHERE account_id = $1`, c.ID)[0]
	var want []string
	for _, one := range []struct{ kind, ok, account, session, browser, data string }{
		{"recording.made", "1", c.ID, session, "127.0.0.1", `{"recording":"` + made.ID + `"}`},
		{"recording.refused", "0", c.ID, session, "127.0.0.1", `{"code":"unsupported","recording":"` + refused.ID + `"}`},
		{"recording.made", "1", "", "", "127.0.0.1", `{"recording":"` + strangers.ID + `"}`},
		{"recording.deleted", "1", c.ID, session, "127.0.0.1", `{"recording":"` + made.ID + `"}`},
		{"recording.expired", "1", "", "", "", `{"recording":"` + strangers.ID + `"}`},
		{"recording.expired", "1", c.ID, "", "", `{"recording":"` + left.ID + `"}`},
	} {
		want = append(want, strings.Join([]string{one.kind, one.ok, one.account, one.session, one.browser, one.data}, " "))
	}
	got := k.Query(`SELECT kind || ' ' || ok || ' ' || account_id || ' ' || session_id || ' ' || address || ' ' || data FROM audit_events WHERE kind LIKE 'recording.%' ORDER BY id`)
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
