package auditlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign/internal/store"

	"golang.org/x/mod/sumdb/tlog"
)

// cosignedFor is how long a checkpoint with witnesses' names on it is shown in place of a newer one without: witnesses that are away
// hold nothing up for longer.
const cosignedFor = time.Minute

// Newest is the checkpoint that is shown; ErrNoTile where there is none yet.
func (l *Log) Newest(ctx context.Context) (text string, err error) {
	err = l.DB.View(ctx, func(tx *store.Tx) error {
		s, err := tx.LogState()
		text = s.Checkpoint
		newest, _, _ := strings.Cut(s.Checkpoint, "\n\n")
		recent := tx.Now.Sub(s.CosignedAt).Abs() < cosignedFor // another copy's clock may be ahead
		if s.Cosigned != "" && (recent || strings.HasPrefix(s.Cosigned, newest+"\n\n")) && l.cosignedOurs(&s) {
			text = s.Cosigned
		}
		if err == nil && text == "" {
			err = ErrNoTile
		}
		return err
	})
	return text, err
}

// cosignedOurs tells whether what is kept as cosigned is a checkpoint of this log: others read what is shown as the log's word. Where the master
// key is not known, it goes by what it says.
func (l *Log) cosignedOurs(s *store.LogState) bool {
	c, err := ReadCheckpoint(s.Cosigned)
	newest, err2 := ReadCheckpoint(s.Checkpoint)
	if err != nil || err2 != nil || c.Origin != newest.Origin || c.Size > newest.Size {
		return false
	}
	if l.Keys == nil {
		return true
	}
	by, err := verifiers(l.Keys, c.Origin)
	if err != nil {
		return false
	}
	_, err = OpenCheckpoint(s.Cosigned, by...)
	return err == nil
}

// Serve reads what c2sp.org/tlog-tiles has below tile/: level is a number or "entries", path the tile's number, with ".p/W" behind it
// where it is partial.
func (l *Log) Serve(ctx context.Context, level, path string) (data []byte, err error) {
	at := entriesLevel
	if level != "entries" {
		n, err := strconv.Atoi(level)
		if err != nil || n < 0 || n > 63 || strconv.Itoa(n) != level {
			return nil, ErrNoTile
		}
		at = n
	}
	number, width, ok := parseTilePath(path)
	if !ok {
		return nil, ErrNoTile
	}
	err = l.DB.View(ctx, func(tx *store.Tx) error {
		_, stored, err := tx.Tile(at, number)
		if errors.Is(err, store.ErrNotFound) {
			return ErrNoTile
		}
		if err != nil {
			return err
		}
		var enough bool
		if at == entriesLevel {
			data, enough = cut(stored, width)
		} else if enough = len(stored) >= width*tlog.HashSize; enough {
			data = stored[:width*tlog.HashSize]
		}
		if !enough {
			return ErrNoTile
		}
		return nil
	})
	return data, err
}

// parseTilePath reads a tile's number and width: "x001/x234/067" is 1234067, and ".p/5" behind it the first five places.
func parseTilePath(path string) (number int64, width int, ok bool) {
	width = tileWidth
	if before, after, partial := strings.Cut(path, ".p/"); partial {
		n, err := strconv.Atoi(after)
		if err != nil || n < 1 || n >= tileWidth || strconv.Itoa(n) != after {
			return 0, 0, false
		}
		path, width = before, n
	}
	if len(path) > 40 {
		return 0, 0, false
	}
	for group := range strings.SplitSeq(strings.ReplaceAll(path, "x", ""), "/") {
		n, err := strconv.Atoi(group)
		if err != nil || len(group) != 3 || n < 0 || number > 1<<40 {
			return 0, 0, false
		}
		number = number*1000 + int64(n)
	}
	return number, width, numberPath(number) == path
}

func numberPath(number int64) string {
	text := fmt.Sprintf("%03d", number%1000)
	for number /= 1000; number > 0; number /= 1000 {
		text = fmt.Sprintf("x%03d/%s", number%1000, text)
	}
	return text
}

// web is a log that is read over HTTP.
type web struct {
	ctx    context.Context
	prefix string
	client *http.Client
}

// Web reads a log over HTTP: prefix is the address that "/checkpoint" and "/tile/" stand behind.
func Web(ctx context.Context, prefix string) Source {
	return &web{ctx, strings.TrimSuffix(prefix, "/"), &http.Client{Timeout: time.Minute}}
}

// maxTile is how large a bundle of entries can be.
const maxTile = tileWidth * (2 + maxEntry)

func (w *web) get(path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(w.ctx, http.MethodGet, w.prefix+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := w.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotFound {
		return nil, ErrNoTile
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s%s answers %s", w.prefix, path, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, maxTile))
}

func (w *web) Checkpoint() (string, error) {
	b, err := w.get("/checkpoint")
	return string(b), err
}

func (w *web) Tile(level int, number int64, width int) ([]byte, error) {
	name := strconv.Itoa(level)
	if level == entriesLevel {
		name = "entries"
	}
	path := "/tile/" + name + "/" + numberPath(number)
	if width == tileWidth {
		return w.get(path)
	}
	return w.get(path + ".p/" + strconv.Itoa(width))
}
