// Recordings of screens. A recording is uploaded in pieces, of which each is sealed and durable before its row says that it is there;
// so that whatever ends an upload, it goes on from the last piece that was answered. When it is whole, its type is checked by its
// content, and what is no recording is deleted at once. Whose it is: the account's that began it, or, without a session, the
// browser's by its own secret. It goes when its time is over, whatever becomes of it until then.

package support

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"strconv"
	"time"

	"countersign/internal/blob"
	"countersign/internal/media"
	"countersign/internal/refusal"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/verification"
)

// Piece is the length of every piece of a recording but the last.
const Piece = 1 << 20

// TooLong is why a recording is refused that plays longer than is allowed; the other reasons are those of package media.
const TooLong = "too_long"

// RecordingLimits are how much is taken, and for how long it is kept.
type RecordingLimits struct {
	Bytes, BytesWithoutSession int64
	Duration                   time.Duration
	// AtOnce is how many an account may have that no request took along; without a session, a browser.
	AtOnce, AtOnceWithoutSession int
	PerAccount, PerNetwork       store.Allowance // of beginnings; the latter without a session
	// AllWithoutSession are the bytes, stored and kept, of everybody without a session together: strangers, of whom there are any
	// number, take no room from accounts, and fill no store that has no end.
	AllWithoutSession int64
	// Loose is how long a recording is kept that no request takes along, whole or not; Retention one that a request took along, after
	// that was resolved: as long as the request itself.
	Loose, Retention time.Duration
	// Reserve is the room, in bytes, that recordings leave to everything else, such as a database on the same disk.
	Reserve int64
}

// DefaultRecordingLimits are what holds where the operator says nothing else.
func DefaultRecordingLimits() RecordingLimits {
	return RecordingLimits{
		Bytes: 100 << 20, BytesWithoutSession: 50 << 20, Duration: 5 * time.Minute, AtOnce: 3, AtOnceWithoutSession: 1,
		PerAccount: store.Allowance{Limit: 20, Window: time.Hour}, PerNetwork: store.Allowance{Limit: 3, Window: time.Hour},
		AllWithoutSession: 5 << 30, Loose: 24 * time.Hour, Retention: DefaultRetention, Reserve: 512 << 20,
	}
}

// Figures are what people are told before they ask for help: how much is taken, and for how long it is kept.
type Figures struct {
	RetentionDays       int   `json:"retention_days"`
	RecordingBytes      int64 `json:"recording_bytes"`
	RecordingSeconds    int   `json:"recording_seconds"`
	GuestRecordingBytes int64 `json:"guest_recording_bytes"`
	PieceBytes          int64 `json:"piece_bytes"`
}

// Figures are those of these limits.
func (l RecordingLimits) Figures() Figures {
	return Figures{RetentionDays: int(l.Retention / (24 * time.Hour)), RecordingBytes: l.Bytes, RecordingSeconds: int(l.Duration / time.Second),
		GuestRecordingBytes: l.most(false), PieceBytes: Piece}
}

// most is how many bytes a recording may have.
func (l RecordingLimits) most(signedIn bool) int64 {
	if signedIn {
		return l.Bytes
	}
	return min(l.Bytes, l.BytesWithoutSession)
}

// Recordings takes, keeps and deletes recordings. Its fields are set once.
type Recordings struct {
	Engine *verification.Engine
	Blobs  blob.Store
	Limits RecordingLimits

	locks locks
}

// RecordingInput is what a recording is begun with.
type RecordingInput struct {
	Bytes     int64
	MediaType string // as the browser says; "" where it does not know
	Captured  string // screen | file
	Started   bool   // whether it is known when it began
	AgoMS     int64  // how long ago
}

// RecordingView is a recording as its owner sees it.
type RecordingView struct {
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

// ViewRecording makes the view of a recording.
func ViewRecording(r *store.Recording) RecordingView {
	v := RecordingView{ID: r.ID, State: r.State, Bytes: r.Bytes, Stored: r.Stored, Piece: Piece, MediaType: r.MediaType, CreatedAt: r.CreatedAt, DeleteAt: r.DeleteAt}
	if r.State == store.RecordingReady {
		ms := r.Duration.Milliseconds()
		v.DurationMS = &ms
	}
	if r.Reason != "" {
		v.Reason = &r.Reason
	}
	return v
}

// Begin begins a recording: the client says how long it will be.
func (s *Recordings) Begin(ctx context.Context, c verification.Caller, in RecordingInput) (*RecordingView, error) {
	most, atOnce := s.Limits.most(c.Session != nil), s.Limits.AtOnce
	if c.Session == nil {
		atOnce = s.Limits.AtOnceWithoutSession
	}
	kind, err := declared(in.MediaType)
	switch {
	case in.Bytes <= 0:
		return nil, refusal.Field("invalid_request", "bytes", "Say how many bytes the recording has.")
	case in.Bytes > most:
		return nil, refusal.Field("too_large", "bytes", fmt.Sprintf("A recording has %d MiB at most.", most>>20))
	case err != nil:
		return nil, err
	case in.Captured != "screen" && in.Captured != "file":
		return nil, refusal.Field("invalid_request", "captured", `Say "screen" or "file".`)
	case in.AgoMS < 0:
		return nil, refusal.Field("invalid_request", "started_ms_ago", "A recording began before it was sent.")
	}
	if err := s.room(ctx, in.Bytes); err != nil {
		return nil, err
	}
	var r store.Recording
	err = s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		r = store.Recording{ID: secret.NewID("rec", tx.Now), AccountID: c.AccountID(), State: store.Uploading, MediaType: kind, Captured: in.Captured, Bytes: in.Bytes,
			CreatedAt: tx.Now, DeleteAt: tx.Now.Add(s.Limits.Loose)}
		if r.AccountID == "" {
			r.DeviceHash = c.DeviceHash
		}
		// By this clock, as the steps are whose times lead into it: the device's may be wrong by anything.
		if in.Started && in.AgoMS < s.Limits.Loose.Milliseconds() {
			r.StartedAt = tx.Now.Add(-time.Duration(in.AgoMS) * time.Millisecond)
		}
		n, err := tx.LooseRecordings(r.AccountID, r.DeviceHash)
		if err != nil {
			return err
		}
		if n >= atOnce {
			return refusal.New("too_many_recordings", "Send or delete what is uploaded first.")
		}
		if r.AccountID != "" {
			err = s.Engine.Allow(tx, s.Limits.PerAccount, "recordings", []byte(r.AccountID))
		} else {
			err = s.roomOutside(tx)
			if err == nil {
				err = s.Engine.AllowOutside(tx, c, s.Limits.PerNetwork, "recordings-open")
			}
		}
		if err != nil {
			return err
		}
		return tx.AddRecording(&r)
	})
	if err != nil {
		return nil, err
	}
	v := ViewRecording(&r)
	return &v, nil
}

// declared reads the type that a client says; it counts for nothing in the end, and only what cannot come to anything is refused.
func declared(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	kind, _, err := mime.ParseMediaType(text)
	if len(text) > 200 || err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) || kind != media.MP4 && kind != media.QuickTime && kind != media.WebM {
		return "", refusal.Field("invalid_request", "media_type", "Recordings are MP4, MOV or WebM.")
	}
	return kind, nil
}

func (s *Recordings) room(ctx context.Context, bytes int64) error {
	free, known, err := s.Blobs.Free(ctx)
	if err != nil {
		return away(ctx, err)
	}
	if known && free-bytes < s.Limits.Reserve {
		return storageFull()
	}
	return nil
}

func (s *Recordings) roomOutside(tx *store.Tx) error {
	kept, err := tx.KeptOutside()
	if err == nil && kept >= s.Limits.AllWithoutSession {
		err = storageFull()
	}
	return err
}

func storageFull() error {
	return refusal.New("storage_full", "There is no room for recordings now. Try again later.")
}

// away answers that the store of recordings fails, and keeps why for the log. Where the caller has gone it is none of the store's.
func away(ctx context.Context, cause error) error {
	if ctx.Err() != nil {
		return cause
	}
	return fmt.Errorf("%w: %w", refusal.New("storage_unavailable", "Recordings cannot be stored now. What was stored is kept. Try again in a moment."), cause)
}

// trial is the prefix of the folders in which the store is tried, by any copy.
const trial = "trial"

// TryStore tries whether recordings can be stored, read and deleted, and tells how much room there is. That there is none is no error.
func (s *Recordings) TryStore(ctx context.Context) (free int64, known bool, err error) {
	if err := blob.Try(ctx, s.Blobs, secret.NewID(trial, s.Engine.DB.Now())); err != nil && !errors.Is(err, blob.ErrFull) {
		return 0, false, err
	}
	return s.Blobs.Free(ctx)
}

// ownRecording reads a recording of the caller's. Those of others are not there.
func ownRecording(tx *store.Tx, c verification.Caller, id string) (*store.Recording, error) {
	r, err := tx.Recording(id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if err != nil || !own(c, r.AccountID, r.DeviceHash) {
		return nil, refusal.NotFound("recording")
	}
	return r, nil
}

func (s *Recordings) read(ctx context.Context, c verification.Caller, id string) (r *store.Recording, err error) {
	err = s.Engine.DB.View(ctx, func(tx *store.Tx) (err error) { r, err = ownRecording(tx, c, id); return err })
	return r, err
}

// Show tells how far a recording is.
func (s *Recordings) Show(ctx context.Context, c verification.Caller, id string) (*RecordingView, error) {
	r, err := s.read(ctx, c, id)
	if err != nil {
		return nil, err
	}
	v := ViewRecording(r)
	return &v, nil
}

// Expect tells how many bytes the piece at an offset has, or refuses: so that no body is read for nothing. A piece that is stored
// already may come again, as its answer may have been lost.
func (s *Recordings) Expect(ctx context.Context, c verification.Caller, id string, offset int64) (int64, error) {
	r, err := s.read(ctx, c, id)
	if err != nil {
		return 0, err
	}
	return expect(r, offset)
}

func expect(r *store.Recording, offset int64) (int64, error) {
	switch {
	case r.State == store.RecordingDeleted:
		return 0, refusal.New("conflict", "This recording was deleted.")
	case offset < 0 || offset > r.Stored || offset%Piece != 0 || offset >= r.Bytes:
		return 0, wrongOffset(r)
	}
	return min(Piece, r.Bytes-offset), nil
}

func wrongOffset(r *store.Recording) error {
	return refusal.New("upload_offset", "Go on with the piece at the offset that is in `stored`.").With("stored", r.Stored)
}

// Append stores one piece, whose length is as Expect says. The last one is answered with the verdict on the whole.
func (s *Recordings) Append(ctx context.Context, c verification.Caller, id string, offset int64, piece []byte) (*RecordingView, error) {
	// One at a time, so that nothing is stored for nothing. What another copy of the service takes meanwhile is found out by the row.
	defer s.locks.lock(id)()
	for {
		view, err := s.append(ctx, c, id, offset, piece)
		if !errors.Is(err, errOvertaken) {
			return view, err
		}
	}
}

// errOvertaken is that a recording was changed while a piece was stored: what becomes of the piece is for its row to say.
var errOvertaken = errors.New("support: the recording was changed meanwhile")

func (s *Recordings) append(ctx context.Context, c verification.Caller, id string, offset int64, piece []byte) (*RecordingView, error) {
	r, err := s.read(ctx, c, id)
	if err != nil {
		return nil, err
	}
	size, err := expect(r, offset)
	if err != nil {
		return nil, err
	}
	if int64(len(piece)) != size {
		return nil, refusal.New("invalid_request", fmt.Sprintf("The piece at this offset has %d bytes.", size))
	}
	switch {
	case r.State == store.RecordingRefused:
		// Nothing is left to compare it with.
	case offset < r.Stored:
		if err := s.repeated(ctx, c, r, offset, piece); err != nil {
			return nil, err
		}
	default:
		if err := s.next(ctx, c, r, piece); err != nil {
			return nil, err
		}
	}
	v := ViewRecording(r)
	return &v, nil
}

// repeated refuses a piece that is not the one that is stored.
func (s *Recordings) repeated(ctx context.Context, c verification.Caller, r *store.Recording, offset int64, piece []byte) error {
	there, err := s.reader(ctx, r).piece(offset / Piece)
	if err != nil {
		return s.away(ctx, c, r, err)
	}
	if !bytes.Equal(there, piece) {
		return wrongOffset(r)
	}
	return nil
}

// away answers that the store fails, unless the recording was ended meanwhile: then its contents may have gone under somebody's hands.
func (s *Recordings) away(ctx context.Context, c verification.Caller, r *store.Recording, cause error) error {
	if now, err := s.read(ctx, c, r.ID); err == nil && now.State != r.State {
		return errOvertaken
	}
	return away(ctx, cause)
}

// next stores the next piece, and lets r say so. Each is stored under a name of its own, which nothing is stored under again: whichever
// the row takes is the piece, and what was checked is what is kept, however many copies of the service take it at once.
func (s *Recordings) next(ctx context.Context, c verification.Caller, r *store.Recording, piece []byte) error {
	if err := s.room(ctx, int64(len(piece))); err != nil {
		return err
	}
	if r.AccountID == "" {
		if err := s.Engine.DB.View(ctx, s.roomOutside); err != nil {
			return err
		}
	}
	name := newName()
	at := key(r.ID, r.Stored/Piece, name)
	if err := s.Blobs.Put(ctx, at, s.Engine.Keys.Seal(place(at), piece)); err != nil {
		if errors.Is(err, blob.ErrFull) {
			return storageFull()
		}
		return s.away(ctx, c, r, fmt.Errorf("store a piece: %w", err))
	}
	err := s.take(ctx, c, r, int64(len(piece)), name)
	if err != nil && !errors.Is(err, store.ErrUncertain) {
		// It is nobody's. If this fails too it goes with the recording.
		_ = s.Blobs.Remove(context.WithoutCancel(ctx), at)
	}
	if err != nil || r.State != store.RecordingRefused {
		return err
	}
	return s.erase(ctx, r.ID)
}

// take makes a piece that was stored the recording's own, with the verdict on the whole if it is the last one.
func (s *Recordings) take(ctx context.Context, c verification.Caller, r *store.Recording, size int64, name string) error {
	from := r.Stored
	r.Pieces += name
	if r.Stored += size; r.Stored < r.Bytes {
		return s.change(ctx, func(tx *store.Tx) (bool, error) { return tx.AdvanceRecording(r, from) })
	}
	if err := s.judge(ctx, r); err != nil {
		return err
	}
	return s.change(ctx, func(tx *store.Tx) (bool, error) {
		event := c.Event(r.AccountID, "recording.made", true, map[string]string{"recording": r.ID})
		if r.State == store.RecordingRefused {
			r.DeleteAt = tx.Now
			event = c.Event(r.AccountID, "recording.refused", false, map[string]string{"recording": r.ID, "code": r.Reason})
		}
		ok, err := tx.FinishRecording(r, from)
		if err == nil && ok {
			err = tx.Record(event)
		}
		return ok, err
	})
}

func (s *Recordings) change(ctx context.Context, fn func(tx *store.Tx) (bool, error)) error {
	return s.Engine.DB.Update(ctx, func(tx *store.Tx) error {
		ok, err := fn(tx)
		if err == nil && !ok {
			err = errOvertaken
		}
		return err
	})
}

// judge checks a whole recording by its content.
func (s *Recordings) judge(ctx context.Context, r *store.Recording) error {
	info, err := media.Check(s.reader(ctx, r), r.Bytes)
	var refused *media.Refused
	switch {
	case errors.As(err, &refused):
		r.State, r.Reason = store.RecordingRefused, refused.Reason
	case errors.Is(err, blob.ErrNotFound), errors.Is(err, secret.ErrSealed):
		// The store has lost or altered a piece; only from the beginning can this come to anything.
		r.State, r.Reason = store.RecordingRefused, media.Broken
	case err != nil:
		return away(ctx, err)
	// A recorder that is told to stop takes a moment.
	case info.Duration > s.Limits.Duration+2*time.Second:
		r.State, r.Reason = store.RecordingRefused, TooLong
	default:
		r.State, r.MediaType, r.Duration = store.RecordingReady, info.Type, info.Duration
	}
	return nil
}

// Names of pieces are of this length, so that a row has them one after another.
const nameLength = 16

func newName() string { return hex.EncodeToString(secret.Random(nameLength / 2)) }

// key is where the piece of a number and name lies.
func key(id string, n int64, name string) string {
	return id + "/" + strconv.FormatInt(n, 10) + "_" + name
}

func place(key string) secret.Place {
	return secret.Place{Table: "recordings", Column: "piece", Row: key}
}
