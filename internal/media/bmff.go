package media

import (
	"encoding/binary"
	"slices"
	"time"
)

// parents are the boxes that are looked into, and where each may stand. A box of these names anywhere else is refused; all others
// are passed over, so that no nesting is deeper than this table.
var parents = map[string]string{"moov": "", "moof": "", "trak": "moov", "mvex": "moov", "mdia": "trak", "minf": "mdia", "stbl": "minf", "traf": "moof"}

var brands = []string{"isom", "iso2", "iso3", "iso4", "iso5", "iso6", "iso7", "iso8", "iso9", "mp41", "mp42", "mp71", "avc1", "hvc1", "av01", "dash", "M4V ", "MSNV", "qt  ", "3gp4", "3gp5", "3gp6", "3gp7"}

// track is one track, and how much of it there is in ticks.
type track struct {
	id, scale  uint32
	picture    bool
	declared   uint64 // what its header says
	table      uint64 // what its table of samples adds up to
	samples    uint64
	first, end uint64 // of its fragments
	begun      bool   // first is known
}

// movie is what is known of an MP4 while it is read.
type movie struct {
	*file
	brand     string
	moov      bool
	data      bool
	duration  time.Duration // by its own header
	tracks    []*track
	current   *track
	defaults  map[uint32]uint32 // of samples, by track
	perSample uint32            // of the fragment that is read
}

func (f *file) boxes() (Info, error) {
	m := &movie{file: f, defaults: map[uint32]uint32{}}
	if err := m.walk("", 0, f.size); err != nil {
		return Info{}, err
	}
	if !m.moov || !m.data {
		return Info{}, broken("It has no description, or no content.")
	}
	info := Info{Type: MP4, Duration: m.duration}
	if m.brand == "qt  " {
		info.Type = QuickTime
	}
	picture := false
	for _, t := range m.tracks {
		for _, ticks := range []uint64{t.declared, t.table, t.end - t.first} {
			info.Duration = max(info.Duration, span(ticks, uint64(t.scale)))
		}
		if t.scale == 0 {
			return Info{}, broken("A track does not say how fast its time goes.")
		}
		picture = picture || t.picture && t.samples > 0
	}
	if !picture {
		return Info{}, unsupported("There is no picture in it.")
	}
	return info, nil
}

// walk reads the boxes between two offsets: they fill the room to the last byte.
func (m *movie) walk(parent string, from, to int64) error {
	for at := from; at < to; {
		if err := m.part(); err != nil {
			return err
		}
		head := make([]byte, 8)
		if to-at < 8 {
			return broken("There is something after its last part.")
		}
		if err := m.read(head, at); err != nil {
			return err
		}
		size, kind, body := int64(binary.BigEndian.Uint32(head)), string(head[4:]), at+8
		if size == 1 {
			long, err := m.uint64(at + 8)
			if err != nil {
				return err
			}
			if long > 1<<62 {
				return broken("A part is larger than the file.")
			}
			size, body = int64(long), at+16
		}
		if size < body-at || size > to-at {
			return broken("A part does not fit where it stands.")
		}
		if err := m.box(parent, kind, at, body, at+size); err != nil {
			return err
		}
		at += size
	}
	return nil
}

func (m *movie) box(parent, kind string, at, body, end int64) error {
	if want, nests := parents[kind]; nests {
		if want != parent {
			return broken("A part stands where it may not.")
		}
		return m.nest(kind, body, end)
	}
	switch parent {
	case "":
		return m.top(kind, at, body, end)
	case "moov":
		if kind == "mvhd" {
			scale, ticks, err := m.header(body, end)
			m.duration = max(m.duration, span(ticks, uint64(scale)))
			return err
		}
	case "trak":
		if kind == "tkhd" {
			return m.trackHeader(body, end)
		}
	case "mdia":
		return m.media(kind, body, end)
	case "stbl":
		if kind == "stts" {
			return m.timeToSample(body, end)
		}
	case "mvex":
		if kind == "trex" {
			return m.trackExtends(body, end)
		}
	case "traf":
		return m.fragment(kind, body, end)
	}
	return nil
}

func (m *movie) nest(kind string, body, end int64) error {
	switch kind {
	case "moov":
		if m.moov {
			return broken("It describes itself twice.")
		}
		m.moov = true
	case "trak":
		if len(m.tracks) == 16 {
			return broken("It has more tracks than a recording needs.")
		}
		m.current = &track{}
		m.tracks = append(m.tracks, m.current)
	case "traf":
		m.current = nil
	case "moof":
		if !m.moov {
			return broken("A fragment comes before the description.")
		}
	}
	return m.walk(kind, body, end)
}

func (m *movie) top(kind string, at, body, end int64) error {
	for _, c := range []byte(kind) {
		if c < ' ' || c > '~' {
			return broken("A part has no name.")
		}
	}
	switch kind {
	case "ftyp":
		if at != 0 {
			return broken("It begins twice.")
		}
		return m.fileType(body, end)
	case "mdat":
		m.data = m.data || end > body
	}
	return nil
}

func (m *movie) fileType(body, end int64) error {
	if end-body < 8 || end-body > 512 || (end-body)%4 != 0 {
		return broken("Its beginning has the wrong length.")
	}
	b := make([]byte, end-body)
	if err := m.read(b, body); err != nil {
		return err
	}
	m.brand = string(b[:4])
	for i := 0; i < len(b); i += 4 {
		if i != 4 && slices.Contains(brands, string(b[i:i+4])) {
			return nil
		}
	}
	return unsupported("It is of a kind that is not taken.")
}

// versioned tells whether a full box has the wide form of its times (version 1), and holds it to a length.
func (m *movie) versioned(body, end, narrow, wide int64) (bool, error) {
	v, err := m.uint32(body)
	if err != nil {
		return false, err
	}
	need := narrow
	if v>>24 == 1 {
		need = wide
	}
	if end-body < need {
		return false, broken("A header is too short.")
	}
	return v>>24 == 1, nil
}

// header reads time scale and duration of an mvhd or mdhd; a duration of all ones is not known.
func (m *movie) header(body, end int64) (scale uint32, ticks uint64, err error) {
	wide, err := m.versioned(body, end, 20, 32)
	if err != nil {
		return 0, 0, err
	}
	if wide {
		if scale, err = m.uint32(body + 20); err == nil {
			ticks, err = m.uint64(body + 24)
		}
		if ticks == 1<<64-1 {
			ticks = 0
		}
		return scale, ticks, err
	}
	short := uint32(0)
	if scale, err = m.uint32(body + 12); err == nil {
		short, err = m.uint32(body + 16)
	}
	if short == 1<<32-1 {
		short = 0
	}
	return scale, uint64(short), err
}

func (m *movie) trackHeader(body, end int64) error {
	wide, err := m.versioned(body, end, 24, 36)
	if err != nil {
		return err
	}
	at := body + 12
	if wide {
		at = body + 20
	}
	m.current.id, err = m.uint32(at)
	return err
}

func (m *movie) media(kind string, body, end int64) (err error) {
	switch kind {
	case "mdhd":
		m.current.scale, m.current.declared, err = m.header(body, end)
	case "hdlr":
		if end-body < 12 {
			return broken("A header is too short.")
		}
		var handler uint32
		handler, err = m.uint32(body + 8)
		m.current.picture = handler == 0x76696465 // vide
	}
	return err
}

// timeToSample adds up how long the samples of a track are.
func (m *movie) timeToSample(body, end int64) error {
	if end-body < 8 {
		return broken("A table is too short.")
	}
	n, err := m.uint32(body + 4)
	if err != nil {
		return err
	}
	if n > maxTable || int64(n)*8 != end-body-8 {
		return broken("A table has not the length that it says.")
	}
	return m.table(body+8, int64(n), 8, func(row []byte) {
		count := uint64(binary.BigEndian.Uint32(row))
		m.current.samples = add(m.current.samples, count)
		m.current.table = add(m.current.table, count*uint64(binary.BigEndian.Uint32(row[4:])))
	})
}

// table reads rows of a width, some thousand at a time.
func (m *movie) table(at, n, width int64, each func([]byte)) error {
	const some = 4096
	b := make([]byte, min(n, some)*width)
	for n > 0 {
		b = b[:min(n, some)*width]
		if err := m.read(b, at); err != nil {
			return err
		}
		for row := b; len(row) > 0; row = row[width:] {
			each(row[:width])
		}
		at += int64(len(b))
		n -= int64(len(b)) / width
	}
	return nil
}

func (m *movie) trackExtends(body, end int64) error {
	if end-body < 24 {
		return broken("A header is too short.")
	}
	id, err := m.uint32(body + 4)
	if err != nil {
		return err
	}
	m.defaults[id], err = m.uint32(body + 12)
	if len(m.defaults) > 16 {
		return broken("It has more tracks than a recording needs.")
	}
	return err
}

// fragment reads the boxes of one track's part of a fragment (ISO/IEC 14496-12 §8.8).
func (m *movie) fragment(kind string, body, end int64) error {
	switch kind {
	case "tfhd":
		return m.fragmentHeader(body, end)
	case "tfdt":
		wide, err := m.versioned(body, end, 8, 12)
		if err != nil || m.current == nil {
			return err
		}
		var start uint64
		if wide {
			start, err = m.uint64(body + 4)
		} else {
			var short uint32
			short, err = m.uint32(body + 4)
			start = uint64(short)
		}
		if !m.current.begun || start < m.current.first {
			m.current.first, m.current.begun = start, true
		}
		m.current.end = max(m.current.end, start)
		return err
	case "trun":
		return m.run(body, end)
	}
	return nil
}

func (m *movie) fragmentHeader(body, end int64) error {
	if end-body < 8 {
		return broken("A header is too short.")
	}
	flags, err := m.uint32(body)
	if err != nil {
		return err
	}
	id, err := m.uint32(body + 4)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(m.tracks, func(t *track) bool { return t.id == id })
	if i < 0 {
		return broken("A fragment is of no track.")
	}
	m.current, m.perSample = m.tracks[i], m.defaults[id]
	if flags&0x08 == 0 {
		return nil
	}
	at := body + 8
	if flags&0x01 != 0 {
		at += 8
	}
	if flags&0x02 != 0 {
		at += 4
	}
	if at+4 > end {
		return broken("A header is too short.")
	}
	m.perSample, err = m.uint32(at)
	return err
}

// run adds up a run of samples.
func (m *movie) run(body, end int64) error {
	if m.current == nil {
		return broken("A fragment is of no track.")
	}
	if end-body < 8 {
		return broken("A table is too short.")
	}
	flags, err := m.uint32(body)
	if err != nil {
		return err
	}
	n, err := m.uint32(body + 4)
	if err != nil {
		return err
	}
	at, width := body+8, int64(0)
	for _, flag := range []uint32{0x01, 0x04} {
		if flags&flag != 0 {
			at += 4
		}
	}
	for _, flag := range []uint32{0x100, 0x200, 0x400, 0x800} {
		if flags&flag != 0 {
			width += 4
		}
	}
	if n > maxTable || at+int64(n)*width != end {
		return broken("A table has not the length that it says.")
	}
	t := m.current
	t.samples = add(t.samples, uint64(n))
	if flags&0x100 == 0 {
		t.end = add(t.end, uint64(n)*uint64(m.perSample))
		return nil
	}
	return m.table(at, int64(n), width, func(row []byte) { t.end = add(t.end, uint64(binary.BigEndian.Uint32(row))) })
}
