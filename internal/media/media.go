// Package media tells what a recording is, by its content: MP4, QuickTime or WebM with a picture in it, whole, and nothing else beside
// it. What a file is called and what its sender says of it count for nothing.
//
// It reads structure alone, no picture: the boxes of ISO/IEC 14496-12, the elements of RFC 8794 and RFC 9559. Work and memory are
// bounded whatever the file says of itself.
package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// The types that are taken.
const (
	MP4       = "video/mp4"
	QuickTime = "video/quicktime"
	WebM      = "video/webm"
)

// Info is what a recording is.
type Info struct {
	Type string
	// Duration is how long it plays, by its samples and by what it says, whichever is more.
	Duration time.Duration
}

// Refused is why a file is not taken. Reason is one of the constants; Detail says it in words, without anything from the file.
type Refused struct{ Reason, Detail string }

func (r *Refused) Error() string { return "media: " + r.Reason + ": " + r.Detail }

// Why a file is refused.
const (
	Unsupported = "unsupported" // something else than the three types
	Broken      = "broken"      // cut off, or at odds with itself
	Disguised   = "disguised"   // something else as well
)

func unsupported(detail string) error { return &Refused{Unsupported, detail} }
func broken(detail string) error      { return &Refused{Broken, detail} }
func disguised(detail string) error   { return &Refused{Disguised, detail} }

// Bounds of the work that one file may make.
const (
	maxParts = 200_000 // boxes or elements
	maxRead  = 24 << 20
	maxTable = 1 << 20 // entries of one table of samples
)

const forever = time.Duration(1<<63 - 1)

// Check looks at a file of size bytes. It returns a *Refused for a file that is not taken, and any other error where it could
// not be read.
func Check(r io.ReaderAt, size int64) (Info, error) {
	f := &file{r: r, size: size}
	head := make([]byte, min(size, 1024))
	if err := f.read(head, 0); err != nil {
		return Info{}, err
	}
	if err := f.hidden(head); err != nil {
		return Info{}, err
	}
	switch {
	case len(head) >= 12 && string(head[4:8]) == "ftyp":
		return f.boxes()
	case len(head) >= 4 && binary.BigEndian.Uint32(head) == idEBML:
		return f.matroska()
	}
	return Info{}, unsupported("This is no MP4, MOV or WebM.")
}

// hidden looks for what other programs would take the file for, beside what it begins as.
func (f *file) hidden(head []byte) error {
	if bytes.Contains(head, []byte("%PDF-")) {
		return disguised("It would open as a PDF, too.")
	}
	if len(head) >= 262 && string(head[257:262]) == "ustar" {
		return disguised("It would open as an archive, too.")
	}
	// A ZIP is found from its end: a directory, then its record, then a comment of 65,535 bytes at most.
	tail := make([]byte, min(f.size, 22+65535))
	start := f.size - int64(len(tail))
	if err := f.read(tail, start); err != nil {
		return err
	}
	for at, tries := 0, 0; ; at++ {
		i := bytes.Index(tail[at:], []byte("PK\x05\x06"))
		if i < 0 {
			return nil
		}
		at += i
		if len(tail)-at < 22 {
			return nil
		}
		length := int64(binary.LittleEndian.Uint32(tail[at+12:]))
		directory := start + int64(at) - length
		if tries++; tries > 16 || length == 0 || length == 1<<32-1 {
			return disguised("It would open as an archive, too.")
		}
		var mark [4]byte
		if directory < 0 {
			continue
		}
		if err := f.read(mark[:], directory); err != nil {
			return err
		}
		if string(mark[:]) == "PK\x01\x02" {
			return disguised("It would open as an archive, too.")
		}
	}
}

// file is a file that is looked into, and how much work it has made.
type file struct {
	r     io.ReaderAt
	size  int64
	parts int
	bytes int64
}

// read fills b from an offset; what lies beyond the end is missing.
func (f *file) read(b []byte, at int64) error {
	if at < 0 || int64(len(b)) > f.size-at {
		return broken("It ends too early.")
	}
	if f.bytes += int64(len(b)); f.bytes > maxRead {
		return broken("It has more tables than a recording needs.")
	}
	n, err := f.r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF // there is less than was counted: a fault
	}
	return err
}

func (f *file) part() error {
	if f.parts++; f.parts > maxParts {
		return broken("It has more parts than a recording needs.")
	}
	return nil
}

func (f *file) uint32(at int64) (uint32, error) {
	var b [4]byte
	err := f.read(b[:], at)
	return binary.BigEndian.Uint32(b[:]), err
}

func (f *file) uint64(at int64) (uint64, error) {
	var b [8]byte
	err := f.read(b[:], at)
	return binary.BigEndian.Uint64(b[:]), err
}

// span turns ticks into time; what is too much is forever.
func span(ticks uint64, perSecond uint64) time.Duration {
	if perSecond == 0 {
		return 0
	}
	seconds, rest := ticks/perSecond, ticks%perSecond
	if seconds > uint64(forever/time.Second)-1 {
		return forever
	}
	return time.Duration(seconds)*time.Second + time.Duration(float64(rest)/float64(perSecond)*float64(time.Second))
}

// add adds without wrapping around.
func add(a, b uint64) uint64 {
	if a+b < a {
		return 1<<64 - 1
	}
	return a + b
}
