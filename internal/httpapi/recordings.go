package httpapi

import (
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"countersign/internal/refusal"
	"countersign/internal/support"
)

// largeBodies are the routes whose bodies may be larger than maxBody.
var largeBodies = map[string]int64{"PATCH /v1/recordings/{id}": support.Piece}

const (
	pieceType = "application/offset+octet-stream"
	// pieceTime is how long a piece may take: 17 KB a second, as a phone with a bad connection has.
	pieceTime = time.Minute
	// answerTime is how long it may take to store a piece, to look into the whole, and to answer.
	answerTime = time.Minute
	// maxUploads bounds the memory that pieces take on their way: five times a piece each, while the whole is looked into.
	maxUploads = 32
)

func (s *Server) beginRecording(ctx context.Context, rq *request, in struct {
	Bytes     int64  `json:"bytes"`
	MediaType string `json:"media_type"`
	Captured  string `json:"captured"`
	AgoMS     *int64 `json:"started_ms_ago"`
}) (any, error) {
	input := support.RecordingInput{Bytes: in.Bytes, MediaType: in.MediaType, Captured: in.Captured}
	if in.AgoMS != nil {
		input.Started, input.AgoMS = true, *in.AgoMS
	}
	return s.Recordings.Begin(ctx, rq.caller, input)
}

func (s *Server) recording(ctx context.Context, rq *request) (any, error) {
	return s.Recordings.Show(ctx, rq.caller, rq.http.PathValue("id"))
}

func (s *Server) deleteRecording(ctx context.Context, rq *request) (any, error) {
	return nil, s.Recordings.Delete(ctx, rq.caller, rq.http.PathValue("id"))
}

// appendPiece takes the next piece of a recording. Whether there is one to take is known before the body is read.
func (s *Server) appendPiece(ctx context.Context, rq *request, w http.ResponseWriter) (any, error) {
	id := rq.http.PathValue("id")
	offset, size, err := s.expectPiece(ctx, rq, id)
	if err != nil {
		s.discard(rq, w)
		return nil, err
	}
	hurry(w, cmp.Or(s.Config.PieceTime, pieceTime)) // before anybody may cut it short
	deadlines := http.NewResponseController(w)
	this, ok := s.uploads.begin(id, rq.caller.Network(), func() { _ = deadlines.SetReadDeadline(time.Unix(1, 0)) })
	if !ok {
		s.discard(rq, w)
		return nil, refusal.New("unavailable", "The service is busy. Nothing was changed. Try again in a moment.")
	}
	defer s.uploads.end(this)
	piece, err := s.readPiece(rq, w, size)
	s.uploads.arrived(this)
	if err != nil {
		return nil, err
	}
	hurry(w, 0)
	if server, ok := ctx.Value(http.ServerContextKey).(*http.Server); ok && server.WriteTimeout > 0 {
		_ = deadlines.SetWriteDeadline(time.Now().Add(answerTime)) //nolint:forbidigo // a connection's, not a time that rules depend on
	}
	return s.Recordings.Append(ctx, rq.caller, id, offset, piece)
}

func (s *Server) expectPiece(ctx context.Context, rq *request, id string) (offset, size int64, err error) {
	if kind, _, err := mime.ParseMediaType(rq.http.Header.Get("Content-Type")); err != nil || kind != pieceType {
		return 0, 0, refusal.New("unsupported_media_type", "Send the piece as "+pieceType+".")
	}
	text := rq.http.Header.Get("Upload-Offset")
	offset, err = strconv.ParseInt(text, 10, 64)
	if err != nil || offset < 0 || strconv.FormatInt(offset, 10) != text {
		return 0, 0, refusal.Field("invalid_request", "Upload-Offset", "Say in this header at which byte the piece begins.")
	}
	size, err = s.Recordings.Expect(ctx, rq.caller, id, offset)
	return offset, size, err
}

// readPiece reads a piece of a size.
func (s *Server) readPiece(rq *request, w http.ResponseWriter, size int64) ([]byte, error) {
	wrong := refusal.New("invalid_request", "The piece at this offset has "+strconv.FormatInt(size, 10)+" bytes.")
	if n := rq.http.ContentLength; n >= 0 && n != size {
		s.discard(rq, w)
		return nil, wrong
	}
	piece := make([]byte, size)
	n, err := io.ReadFull(rq.http.Body, piece)
	if err == nil {
		var more [1]byte
		if m, _ := rq.http.Body.Read(more[:]); m > 0 {
			return nil, wrong
		}
		return piece, nil
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, err
	}
	// Of a body whose length was not said, its proper end may come too early.
	if rq.http.ContentLength < 0 && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && n == 0) {
		return nil, wrong
	}
	return nil, refusal.New("upload_interrupted", "The piece did not arrive whole, or not in time. Nothing of it was stored. Ask how much is, and go on there.")
}

// discard reads the rest of a body that is refused, or the server would end the connection before the client has read why.
func (s *Server) discard(rq *request, w http.ResponseWriter) {
	hurry(w, cmp.Or(s.Config.PieceTime, pieceTime)/6)
	if _, err := io.Copy(io.Discard, rq.http.Body); err == nil {
		hurry(w, 0)
	}
}

// hurry sets how long the connection may go on with the body; 0 takes the limit away, as the server sets its own for the next
// request. Where there is no connection, as in some tests, there is no limit.
func hurry(w http.ResponseWriter, d time.Duration) {
	var at time.Time
	if d > 0 {
		at = time.Now().Add(d) //nolint:forbidigo // a connection's, not a time that rules depend on
	}
	_ = http.NewResponseController(w).SetReadDeadline(at)
}

// uploads are the pieces that are on their way, the oldest first.
type uploads struct {
	mu  sync.Mutex
	all []*upload
}

type upload struct {
	recording, network string
	interrupt          func()
}

// What one recording, and one network, may have on the way at once; of more, the oldest are given up.
const (
	ofRecording = 3
	ofNetwork   = maxUploads / 4
)

// begin counts a piece of a recording in, unless there are too many. Where a client has broken off and begun anew, which the service
// learns late, both are on their way for a while; and one network that lets its pieces lie shall not have all the room.
func (u *uploads) begin(recording, network string, interrupt func()) (this *upload, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.all) >= maxUploads {
		return nil, false
	}
	this = &upload{recording, network, interrupt}
	u.all = append(u.all, this)
	u.give(ofRecording, func(other *upload) bool { return other.recording == recording })
	u.give(ofNetwork, func(other *upload) bool { return other.network == network })
	return this, true
}

// give gives up the oldest of some, of whom only so many may go on.
func (u *uploads) give(most int, of func(*upload) bool) {
	for i := len(u.all) - 1; i >= 0; i-- {
		if !of(u.all[i]) {
			continue
		}
		if most--; most < 0 {
			u.all[i].interrupt()
		}
	}
}

// arrived is said when the body was read: there is nothing to give up any more.
func (u *uploads) arrived(this *upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	this.interrupt = func() {}
}

// end counts a piece out.
func (u *uploads) end(this *upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all = slices.DeleteFunc(u.all, func(other *upload) bool { return other == this })
}
