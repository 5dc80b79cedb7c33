package support

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"countersign/internal/refusal"
	"countersign/internal/store"
)

// OpenedRecording is a recording that is read. It decrypts only the pieces that are asked for, and is good as long as the context
// that it was opened with.
type OpenedRecording struct {
	*io.SectionReader        // Read, Seek, ReadAt, Size
	AccountID         string // whose it is; "" of somebody without one
	TicketID          string // the request that it was sent with; "" while it was not
	MediaType         string
	CreatedAt         time.Time
}

// Open opens a recording for somebody who may see it: whether they may is the caller's to know. One that is not ready, or not any
// more, is not there.
func (s *Recordings) Open(ctx context.Context, id string) (*OpenedRecording, error) {
	var r *store.Recording
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) (err error) { r, err = tx.Recording(id); return err })
	if errors.Is(err, store.ErrNotFound) || err == nil && r.State != store.RecordingReady {
		return nil, refusal.NotFound("recording")
	}
	if err != nil {
		return nil, err
	}
	return &OpenedRecording{SectionReader: io.NewSectionReader(s.reader(ctx, r), 0, r.Bytes), AccountID: r.AccountID, TicketID: r.TicketID, MediaType: r.MediaType, CreatedAt: r.CreatedAt}, nil
}

// OpenSent opens a recording for the desk: one that its owner has not sent with a request is not there.
func (s *Recordings) OpenSent(ctx context.Context, id string) (*OpenedRecording, error) {
	r, err := s.Open(ctx, id)
	if err == nil && r.TicketID == "" {
		return nil, refusal.NotFound("recording")
	}
	return r, err
}

// pieces reads a recording by its pieces, of which it keeps the last few.
type pieces struct {
	ctx context.Context //nolint:containedctx // ReadAt has none, and this lives as long as one request
	s   *Recordings
	r   *store.Recording

	mu     sync.Mutex
	recent []opened
}

type opened struct {
	n int64
	b []byte
}

func (s *Recordings) reader(ctx context.Context, r *store.Recording) *pieces {
	return &pieces{ctx: ctx, s: s, r: r}
}

// piece reads the piece of a number.
func (p *pieces) piece(n int64) ([]byte, error) {
	for _, o := range p.recent {
		if o.n == n {
			return o.b, nil
		}
	}
	at := key(p.r.ID, n, p.r.Pieces[n*nameLength:(n+1)*nameLength])
	sealed, err := p.s.Blobs.Get(p.ctx, at)
	if err != nil {
		return nil, fmt.Errorf("read a piece: %w", err)
	}
	b, err := p.s.Engine.Keys.Open(place(at), sealed)
	if err != nil {
		return nil, fmt.Errorf("read a piece: %w", err)
	}
	if int64(len(b)) != min(Piece, p.r.Bytes-n*Piece) {
		return nil, errors.New("read a piece: it has the wrong length")
	}
	const few = 2
	p.recent = append(p.recent, opened{n, b})
	if len(p.recent) > few {
		p.recent = p.recent[1:]
	}
	return b, nil
}

// ReadAt reads as io.ReaderAt has it.
func (p *pieces) ReadAt(b []byte, at int64) (done int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at < 0 {
		return 0, errors.New("read a piece: before the beginning")
	}
	for done < len(b) {
		if at >= p.r.Bytes {
			return done, io.EOF
		}
		piece, err := p.piece(at / Piece)
		if err != nil {
			return done, err
		}
		n := copy(b[done:], piece[at%Piece:])
		done, at = done+n, at+int64(n)
	}
	return done, nil
}
