package media

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func check(b []byte) (Info, error) { return Check(bytes.NewReader(b), int64(len(b))) }

func TestRecordingsAreKnownByTheirContent(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		want Info
	}{
		"WebM of a browser's recorder":  {live(3), Info{WebM, 3 * time.Second}},
		"WebM that was closed properly": {filed(4), Info{WebM, 4 * time.Second}},
		"WebM that says less than it has": {slices.Concat(ebml("webm"), open(idSegment, el(idInfo, el(idDuration, num(0))), tracksOf,
			el(idCluster, el(idTimestamp, num(60_000)), block(20)))), Info{WebM, 60_020 * time.Millisecond}},
		"MP4 of a camera":             {film("isom", 30, 40, []byte("pictures")), Info{MP4, 1200 * time.Millisecond}},
		"MOV of a phone":              {film("qt  ", 30, 40, []byte("pictures")), Info{QuickTime, 1200 * time.Millisecond}},
		"MP4 of a browser's recorder": {fragments(3), Info{MP4, 3 * time.Second}},
		"hours by its samples":        {film("mp42", 9000, 1000, []byte("x")), Info{MP4, 9000 * time.Second}},
		"a long mdat": {slices.Concat(box("ftyp", []byte("qt  "), be32(0)), be32(1), []byte("mdat"), num(20), []byte("long"),
			film("qt  ", 10, 100, nil)[20:]), Info{QuickTime, time.Second}},
	} {
		got, err := check(c.file)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

func TestWhatIsNoRecordingIsRefused(t *testing.T) {
	mp4, webm := film("isom", 30, 40, []byte("pictures")), filed(4)
	lying := slices.Clone(mp4)
	at := bytes.Index(lying, []byte("stts"))
	copy(lying[at+8:], be32(2))
	deep := []byte{}
	for range 5000 {
		deep = box("moov", deep)
	}
	nested := []byte{}
	for range 5000 {
		nested = box("udta", nested)
	}
	tiny := bytes.Repeat(box("free"), 1_000_000)
	ftyp := mp4[:20]
	html := []byte("<!DOCTYPE html><script>alert(1)</script>")
	for name, c := range map[string]struct {
		file   []byte
		reason string
	}{
		"nothing":                             {nil, Unsupported},
		"one byte":                            {[]byte{0}, Unsupported},
		"SVG":                                 {[]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), Unsupported},
		"HTML":                                {html, Unsupported},
		"ZIP":                                 {zipped(), Disguised},
		"a picture":                           {[]byte("\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 60)), Unsupported},
		"a picture in boxes":                  {slices.Concat(box("ftyp", []byte("heic"), be32(0), []byte("mif1heic")), box("mdat", html)), Unsupported},
		"a sound alone":                       {bytes.ReplaceAll(mp4, []byte("vide"), []byte("soun")), Unsupported},
		"Matroska":                            {slices.Concat(ebml("matroska"), open(idSegment, infoOf, tracksOf, open(idCluster, block(0)))), Unsupported},
		"MP4 with a ZIP after it":             {slices.Concat(mp4, zipped()), Disguised},
		"MP4 with a ZIP in its last box":      {slices.Concat(mp4, box("free", zipped())), Disguised},
		"MP4 with a ZIP and a comment":        {slices.Concat(mp4, box("free", zipped(), make([]byte, 60_000))), Disguised},
		"WebM with a ZIP in its padding":      {filed(1, el(idVoid, zipped())), Disguised},
		"WebM with a ZIP after it":            {slices.Concat(webm, zipped()), Disguised},
		"MP4 that is a PDF":                   {slices.Concat(ftyp, box("free", []byte("%PDF-1.7")), mp4[20:]), Disguised},
		"MP4 that is a TAR":                   {slices.Concat(ftyp, box("free", make([]byte, 257-28), []byte("ustar")), mp4[20:]), Disguised},
		"MP4 with HTML after it":              {slices.Concat(mp4, html), Broken},
		"WebM with HTML after it":             {slices.Concat(webm, html), Broken},
		"live WebM with HTML after it":        {slices.Concat(live(1), html), Broken},
		"live WebM with a ZIP's start":        {slices.Concat(live(1), zipped()[:40]), Broken},
		"HTML with MP4 after it":              {slices.Concat(html, mp4), Unsupported},
		"HTML with WebM after it":             {slices.Concat(html, live(1)), Unsupported},
		"WebM with files attached":            {filed(1, el(0x1941A469, html)), Disguised},
		"two WebM":                            {slices.Concat(live(1), live(1)), Disguised},
		"MP4 cut off":                         {mp4[:len(mp4)-1], Broken},
		"MP4 cut off after its pictures":      {mp4[:bytes.Index(mp4, []byte("moov"))-4], Broken},
		"MP4 without pictures":                {film("isom", 30, 40, nil), Broken},
		"WebM cut off":                        {webm[:len(webm)-1], Broken},
		"live WebM cut off":                   {live(2)[:len(live(2))-1], Broken},
		"WebM without pictures":               {live(0), Unsupported},
		"a table longer than its box":         {lying, Broken},
		"a box larger than the file":          {slices.Concat(ftyp, be32(1<<31), []byte("mdat")), Broken},
		"a box of no size":                    {slices.Concat(mp4, be32(0), []byte("mdat"), html), Broken},
		"a box smaller than its head":         {slices.Concat(ftyp, be32(4), []byte("mdat")), Broken},
		"a long size beyond counting":         {slices.Concat(ftyp, be32(1), []byte("mdat"), num(1<<63+5)), Broken},
		"a box without a name":                {slices.Concat(mp4, box("\x00\x00\x00\x00")), Broken},
		"two descriptions":                    {slices.Concat(mp4, mp4[bytes.Index(mp4, []byte("moov"))-4:]), Broken},
		"two beginnings":                      {slices.Concat(mp4, ftyp), Broken},
		"descriptions in descriptions":        {slices.Concat(ftyp, deep), Broken},
		"boxes in boxes, and nothing else":    {slices.Concat(ftyp, nested), Broken},
		"a million tiny boxes":                {slices.Concat(mp4, tiny), Broken},
		"a million tiny elements":             {filed(1, bytes.Repeat([]byte{0xEC, 0x80}, 1_000_000)), Broken},
		"a fragment of no track":              {slices.Concat(mp4, box("moof", box("traf", box("trun", be32(0, 1))))), Broken},
		"a fragment before its description":   {slices.Concat(ftyp, box("moof"), mp4[20:]), Broken},
		"WebM whose length is no number":      {bytes.Replace(webm, num(0x40AF400000000000), num(0x7FF8000000000001), 1), Broken},
		"a cluster inside a cluster's length": {filed(1, el(idCluster, open(idCluster))), Broken},
		"many ends of archives":               {slices.Concat(mp4, box("free", bytes.Repeat(slices.Concat([]byte("PK\x05\x06"), make([]byte, 8), []byte{9, 0, 0, 0}), 3000), make([]byte, 22))), Disguised},
	} {
		_, err := check(c.file)
		var refused *Refused
		if !errors.As(err, &refused) || refused.Reason != c.reason {
			t.Errorf("%s: %v, want %s", name, err, c.reason)
		}
	}
}

func TestAnAbsurdLengthIsTooLongAndNotShort(t *testing.T) {
	for name, file := range map[string][]byte{
		"samples":    film("isom", 1<<31, 1<<31, []byte("x")),
		"timestamps": slices.Concat(ebml("webm"), open(idSegment, infoOf, tracksOf, open(idCluster, el(idTimestamp, num(1<<64-1)), block(1000)))),
		"a float":    filed(1e300),
	} {
		if got, err := check(file); err != nil || got.Duration < 24*time.Hour {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// counting counts what is read of it, and from how many places.
type counting struct {
	io.ReaderAt
	bytes, reads int
}

func (c *counting) ReadAt(b []byte, at int64) (int, error) {
	c.bytes, c.reads = c.bytes+len(b), c.reads+1
	return c.ReaderAt.ReadAt(b, at)
}

// zeros is a file of any size that takes no room.
type zeros struct{ head []byte }

func (z zeros) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	if at < int64(len(z.head)) {
		copy(b, z.head[at:])
	}
	return len(b), nil
}

func TestTheWorkIsBoundedWhateverTheFileSays(t *testing.T) {
	const size = 100 << 20
	mp4 := film("isom", 1, 1, []byte("x"))
	n := uint32((size - 2000) / 8)
	for name, file := range map[string]io.ReaderAt{
		"a table that fills it": zeros{head: slices.Concat(mp4[:20], be32(size-20), []byte("moov"), be32(size-28), []byte("trak"), be32(size-36), []byte("mdia"),
			be32(size-44), []byte("minf"), be32(size-52), []byte("stbl"), be32(n*8+16), []byte("stts"), be32(0, n))},
		"boxes that fill it":    bytes.NewReader(slices.Concat(mp4, bytes.Repeat(box("free"), (size-len(mp4))/8))),
		"elements that fill it": bytes.NewReader(slices.Concat(live(1), bytes.Repeat([]byte{0xEC, 0x80}, (size-len(live(1)))/2))),
	} {
		c := &counting{ReaderAt: file}
		s := int64(size)
		if b, ok := file.(*bytes.Reader); ok {
			s = b.Size()
		}
		if _, err := Check(c, s); err == nil || c.bytes > maxRead+1<<20 || c.reads > 2*maxParts {
			t.Errorf("%s: %v after %d bytes in %d reads", name, err, c.bytes, c.reads)
		}
	}
}

func TestAFaultOfTheStoreIsNoVerdict(t *testing.T) {
	fault := errors.New("the store does not answer")
	_, err := Check(readerFunc(func([]byte, int64) (int, error) { return 0, fault }), 1000)
	var refused *Refused
	if !errors.Is(err, fault) || errors.As(err, &refused) {
		t.Errorf("%v", err)
	}
}

type readerFunc func([]byte, int64) (int, error)

func (f readerFunc) ReadAt(b []byte, at int64) (int, error) { return f(b, at) }

func FuzzCheckEndsWithAVerdict(f *testing.F) {
	for _, b := range [][]byte{live(2), filed(1), film("qt  ", 3, 4, []byte("x")), fragments(2), zipped(), slices.Concat(live(1), zipped())} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &counting{ReaderAt: bytes.NewReader(b)}
		info, err := Check(c, int64(len(b)))
		var refused *Refused
		switch {
		case err != nil && !errors.As(err, &refused):
			t.Errorf("neither taken nor refused: %v", err)
		case err == nil && (info.Type == "" || info.Duration < 0):
			t.Errorf("%+v", info)
		case c.bytes > maxRead+1<<20 || c.reads > 2*maxParts:
			t.Errorf("%d bytes in %d reads", c.bytes, c.reads)
		}
	})
}
