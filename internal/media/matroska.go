package media

import (
	"encoding/binary"
	"math"
	"math/bits"
	"time"
)

// Elements of EBML (RFC 8794 §11) and Matroska (RFC 9559 §5) that a WebM has.
const (
	idEBML, idDocType, idMaxIDLength, idMaxSizeLength = 0x1A45DFA3, 0x4282, 0x42F2, 0x42F3
	idVoid, idCRC                                     = 0xEC, 0xBF
	idSegment                                         = 0x18538067
	idSeekHead, idInfo, idTracks, idCluster           = 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1F43B675
	idCues, idChapters, idTags                        = 0x1C53BB6B, 0x1043A770, 0x1254C367
	idTimestampScale, idDuration                      = 0x2AD7B1, 0x4489
	idTrackEntry, idTrackType                         = 0xAE, 0x83
	idTimestamp, idSimpleBlock, idBlockGroup, idBlock = 0xE7, 0xA3, 0xA0, 0xA1
	idPosition, idPrevSize, idSilent, idEncrypted     = 0xA7, 0xAB, 0x5854, 0xAF
	idBlockDuration                                   = 0x9B
)

// within is what may stand in the elements that are looked into; anything in any other is passed over, so that no nesting is
// deeper than this table. Attachments are left out on purpose: WebM has none.
var within = map[uint32]map[uint32]bool{
	idSegment: set(idSeekHead, idInfo, idTracks, idCluster, idCues, idChapters, idTags, idVoid, idCRC),
	idCluster: set(idTimestamp, idSimpleBlock, idBlockGroup, idPosition, idPrevSize, idSilent, idEncrypted, idVoid, idCRC),
}

func set(ids ...uint32) map[uint32]bool {
	out := map[uint32]bool{}
	for _, id := range ids {
		out[id] = true
	}
	return out
}

// element is where an element stands.
type element struct {
	id        uint32
	body, end int64
	unknown   bool // its end is not said
}

// segment is what is known of a WebM while it is read.
type segment struct {
	*file
	scale   uint64 // nanoseconds in a tick
	ticks   float64
	picture bool
	blocks  int
	cluster uint64 // its timestamp
	last    uint64 // the latest timestamp
}

func (f *file) matroska() (Info, error) {
	s := &segment{file: f, scale: 1_000_000}
	head, err := s.element(0, f.size)
	if err != nil {
		return Info{}, err
	}
	if head.unknown || head.end-head.body > 512 {
		return Info{}, broken("Its beginning has the wrong length.")
	}
	if err := s.each(head.body, head.end, s.header); err != nil {
		return Info{}, err
	}
	all, err := s.element(head.end, f.size)
	if err != nil {
		return Info{}, err
	}
	if all.id != idSegment || !all.unknown && all.end != f.size {
		return Info{}, broken("There is something beside its content.")
	}
	if err := s.segment(all.body); err != nil {
		return Info{}, err
	}
	if !s.picture || s.blocks == 0 {
		return Info{}, unsupported("There is no picture in it.")
	}
	declared := s.ticks * float64(s.scale)
	if math.IsNaN(declared) || declared < 0 {
		return Info{}, broken("It says no length that could be.")
	}
	info := Info{Type: WebM, Duration: forever}
	if high, low := bits.Mul64(s.last, s.scale); high == 0 && low < uint64(forever) && declared < float64(forever) {
		info.Duration = max(time.Duration(low), time.Duration(declared))
	}
	return info, nil
}

// element reads the head of an element that has to fit before an end.
func (s *segment) element(at, end int64) (element, error) {
	if err := s.part(); err != nil {
		return element{}, err
	}
	var b [12]byte
	n := min(int64(len(b)), end-at)
	if n < 2 {
		return element{}, broken("It ends too early.")
	}
	if err := s.read(b[:n], at); err != nil {
		return element{}, err
	}
	width := bits.LeadingZeros8(b[0]) + 1
	if width > 4 || int64(width) >= n {
		return element{}, broken("A part has no name.")
	}
	var e element
	for _, c := range b[:width] {
		e.id = e.id<<8 | uint32(c)
	}
	long := bits.LeadingZeros8(b[width]) + 1
	if long > 8 || int64(width+long) > n {
		return element{}, broken("A part does not say its length.")
	}
	size := uint64(b[width]) & (1<<(8-long) - 1)
	for _, c := range b[width+1 : width+long] {
		size = size<<8 | uint64(c)
	}
	e.body = at + int64(width+long)
	if size == 1<<(7*long)-1 {
		e.unknown, e.end = true, end
		return e, nil
	}
	if size > uint64(end-e.body) {
		return element{}, broken("A part does not fit where it stands.")
	}
	e.end = e.body + int64(size)
	return e, nil
}

// each reads the elements that fill the room between two offsets, each of a known size.
func (s *segment) each(from, to int64, do func(element) error) error {
	for at := from; at < to; {
		e, err := s.element(at, to)
		if err != nil {
			return err
		}
		if e.unknown {
			return broken("A part does not say its length.")
		}
		if err := do(e); err != nil {
			return err
		}
		at = e.end
	}
	return nil
}

func (s *segment) uint(e element) (v uint64, err error) {
	if e.end-e.body > 8 {
		return 0, broken("A number is too long.")
	}
	b := make([]byte, e.end-e.body)
	err = s.read(b, e.body)
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v, err
}

func (s *segment) header(e element) error {
	switch e.id {
	case idDocType:
		b := make([]byte, e.end-e.body) // 512 at most
		if err := s.read(b, e.body); err != nil {
			return err
		}
		if string(b) != "webm" {
			return unsupported("It is a Matroska file, but no WebM.")
		}
	case idMaxIDLength, idMaxSizeLength:
		most := uint64(4)
		if e.id == idMaxSizeLength {
			most = 8
		}
		if v, err := s.uint(e); err != nil || v != most {
			if err != nil {
				return err
			}
			return unsupported("It has names or lengths of a form that is not taken.")
		}
	}
	return nil
}

// segment reads the content. A cluster that does not say its length, as recorders in browsers write it, ends where something
// begins that cannot stand in one.
func (s *segment) segment(from int64) error {
	open := false // such a cluster
	for at := from; at < s.size; {
		e, err := s.element(at, s.size)
		if err != nil {
			return err
		}
		if open && within[idCluster][e.id] {
			if e.unknown {
				return broken("A part does not say its length.")
			}
			if err := s.inCluster(e); err != nil {
				return err
			}
			at = e.end
			continue
		}
		open = false
		if !within[idSegment][e.id] {
			return disguised("It has a part that a recording does not have.")
		}
		if e.unknown && e.id != idCluster {
			return broken("A part does not say its length.")
		}
		if open = e.unknown; open {
			s.cluster = 0
			at = e.body
			continue
		}
		if err := s.top(e); err != nil {
			return err
		}
		at = e.end
	}
	return nil
}

func (s *segment) top(e element) error {
	switch e.id {
	case idInfo:
		return s.each(e.body, e.end, s.info)
	case idTracks:
		return s.each(e.body, e.end, func(entry element) error {
			if entry.id != idTrackEntry {
				return nil
			}
			return s.each(entry.body, entry.end, s.entry)
		})
	case idCluster:
		s.cluster = 0
		return s.each(e.body, e.end, func(in element) error {
			if !within[idCluster][in.id] {
				return disguised("It has a part that a recording does not have.")
			}
			return s.inCluster(in)
		})
	}
	return nil
}

func (s *segment) info(e element) (err error) {
	switch e.id {
	case idTimestampScale:
		if s.scale, err = s.uint(e); err == nil && s.scale == 0 {
			return broken("It does not say how fast its time goes.")
		}
	case idDuration:
		var bits uint64
		if bits, err = s.uint(e); err != nil {
			return err
		}
		switch e.end - e.body {
		case 4:
			s.ticks = float64(math.Float32frombits(uint32(bits)))
		case 8:
			s.ticks = math.Float64frombits(bits)
		default:
			return broken("It says no length that could be.")
		}
	}
	return err
}

func (s *segment) entry(e element) error {
	if e.id != idTrackType {
		return nil
	}
	kind, err := s.uint(e)
	s.picture = s.picture || kind == 1
	return err
}

func (s *segment) inCluster(e element) (err error) {
	switch e.id {
	case idTimestamp:
		s.cluster, err = s.uint(e)
		s.last = max(s.last, s.cluster)
	case idSimpleBlock:
		_, err = s.block(e)
	case idBlockGroup:
		var start, long uint64
		err = s.each(e.body, e.end, func(in element) (err error) {
			switch in.id {
			case idBlock:
				start, err = s.block(in)
			case idBlockDuration:
				long, err = s.uint(in)
			}
			return err
		})
		s.last = max(s.last, add(start, long))
	}
	return err
}

// block reads when a block is: ticks after its cluster, signed.
func (s *segment) block(e element) (at uint64, err error) {
	var b [10]byte
	n := min(int64(len(b)), e.end-e.body)
	if err := s.read(b[:n], e.body); err != nil {
		return 0, err
	}
	width := bits.LeadingZeros8(b[0]) + 1
	if n == 0 || width > 8 || int64(width+2) > n || int64(width+3) > e.end-e.body {
		return 0, broken("A block is too short.")
	}
	s.blocks++
	at = s.cluster
	if after := int16(binary.BigEndian.Uint16(b[width:])); after > 0 {
		at = add(at, uint64(after))
	}
	s.last = max(s.last, at)
	return at, nil
}
