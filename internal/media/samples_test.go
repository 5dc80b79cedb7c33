package media

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
)

func be32(v ...uint32) []byte {
	var out []byte
	for _, x := range v {
		out = binary.BigEndian.AppendUint32(out, x)
	}
	return out
}

func box(kind string, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	return slices.Concat(be32(uint32(8+len(body))), []byte(kind), body)
}

// film makes an MP4 as cameras write it: n samples of a length in ticks of a thousandth of a second.
func film(brand string, n, ticks uint32, media []byte) []byte {
	trak := box("trak",
		box("tkhd", be32(3, 0, 0, 1, 0, n*ticks), make([]byte, 60)),
		box("mdia",
			box("mdhd", be32(0, 0, 0, 1000, n*ticks, 0)),
			box("hdlr", be32(0, 0), []byte("vide"), make([]byte, 13)),
			box("minf", box("vmhd", make([]byte, 12)), box("stbl", box("stsd", make([]byte, 8)), box("stts", be32(0, 1, n, ticks)), box("stsz", make([]byte, 12))))))
	return slices.Concat(box("ftyp", []byte(brand), be32(512), []byte(brand)), box("wide"), box("mdat", media),
		box("moov", box("mvhd", be32(0, 0, 0, 1000, n*ticks), make([]byte, 80)), trak, box("udta", be32(0))))
}

// fragments makes an MP4 as recorders in browsers write it: what it describes is empty, and the samples come in fragments of a second.
func fragments(seconds int) []byte {
	out := slices.Concat(box("ftyp", []byte("isom"), be32(1), []byte("iso6mp41")), box("moov", box("mvhd", be32(0, 0, 0, 1000, 0), make([]byte, 80)),
		box("trak", box("tkhd", be32(3, 0, 0, 7, 0, 0), make([]byte, 60)), box("mdia", box("mdhd", be32(0, 0, 0, 30000, 0, 0)), box("hdlr", be32(0, 0), []byte("vide"), make([]byte, 13)),
			box("minf", box("stbl", box("stts", be32(0, 0)))))),
		box("mvex", box("trex", be32(0, 7, 1, 1000, 0, 0)))))
	for i := range seconds {
		run := be32(0x101, 30, 0)
		for range 30 {
			run = append(run, be32(1000)...)
		}
		out = append(out, box("moof", box("mfhd", be32(0, uint32(i))), box("traf", box("tfhd", be32(0x20000, 7)), box("tfdt", be32(1<<24, 0, uint32(i)*30000)), box("trun", run)))...)
		out = append(out, box("mdat", []byte("thirty pictures"))...)
	}
	return out
}

func el(id uint32, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	size := make([]byte, 8)
	binary.BigEndian.PutUint64(size, 1<<56|uint64(len(body)))
	return slices.Concat(name(id), size, body)
}

// open is an element that does not say its length.
func open(id uint32, parts ...[]byte) []byte {
	return slices.Concat(name(id), []byte{0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, slices.Concat(parts...))
}

func name(id uint32) []byte { return bytes.TrimLeft(be32(id), "\x00") }

func num(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

func ebml(docType string) []byte {
	return el(idEBML, el(0x4286, []byte{1}), el(idMaxIDLength, []byte{4}), el(idMaxSizeLength, []byte{8}), el(idDocType, []byte(docType)))
}

func block(after int16) []byte {
	return el(idSimpleBlock, slices.Concat([]byte{0x81}, binary.BigEndian.AppendUint16(nil, uint16(after)), []byte{0x80}, []byte("a picture")))
}

var (
	infoOf   = el(idInfo, el(idTimestampScale, num(1_000_000)), el(0x4D80, []byte("a browser")))
	tracksOf = el(idTracks, el(idTrackEntry, el(0xD7, []byte{1}), el(idTrackType, []byte{1}), el(0x86, []byte("V_VP9"))))
)

// live makes a WebM as recorders in browsers write it: neither the whole nor a cluster says its length.
func live(seconds int) []byte {
	var clusters [][]byte
	for i := range seconds {
		clusters = append(clusters, open(idCluster, el(idTimestamp, num(uint64(i)*1000)), block(0), block(500), block(1000)))
	}
	return slices.Concat(ebml("webm"), open(idSegment, infoOf, tracksOf, slices.Concat(clusters...)))
}

// filed makes a WebM as programs write it that may go back to its beginning.
func filed(seconds float64, more ...[]byte) []byte {
	group := el(idBlockGroup, el(idBlock, []byte{0x81, 0, 100, 0, 1, 2, 3}), el(idBlockDuration, []byte{40}))
	return slices.Concat(ebml("webm"), el(idSegment, el(idSeekHead), el(idInfo, el(idTimestampScale, num(1_000_000)), el(idDuration, num(math.Float64bits(seconds*1000)))), tracksOf,
		el(idVoid, make([]byte, 20)), el(idCluster, el(idTimestamp, num(0)), block(0), group), el(idCues), slices.Concat(more...)))
}

// zipped is an archive with one file in it.
func zipped() []byte {
	local := slices.Concat([]byte("PK\x03\x04"), make([]byte, 26))
	directory := slices.Concat([]byte("PK\x01\x02"), make([]byte, 42))
	end := slices.Concat([]byte("PK\x05\x06"), make([]byte, 8), binary.LittleEndian.AppendUint32(nil, uint32(len(directory))), make([]byte, 6))
	return slices.Concat(local, directory, end)
}
