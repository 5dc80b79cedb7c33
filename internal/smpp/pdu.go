package smpp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The commands that are spoken (SMPP 3.4, 5.1.2.1). An answer has the bit response set.
const (
	genericNack     uint32 = 0x80000000
	bindTransceiver uint32 = 0x00000009
	submitSM        uint32 = 0x00000004
	deliverSM       uint32 = 0x00000005
	dataSM          uint32 = 0x00000103
	unbind          uint32 = 0x00000006
	enquireLink     uint32 = 0x00000015
	alert           uint32 = 0x00000102
	response        uint32 = 0x80000000
)

// The statuses that this client gives (5.1.3).
const (
	statusOK             uint32 = 0x00
	statusInvalidCommand uint32 = 0x03
	// statusTemporary asks the centre to deliver again later.
	statusTemporary uint32 = 0x64
)

const (
	headerLength = 16
	// maxPDU is far above any that a centre has reason to send.
	maxPDU = 64 << 10
)

// pdu is one message of the protocol.
type pdu struct {
	command, status, sequence uint32
	body                      []byte
}

func (p pdu) bytes() []byte {
	out := make([]byte, headerLength, headerLength+len(p.body))
	binary.BigEndian.PutUint32(out[0:], uint32(headerLength+len(p.body)))
	binary.BigEndian.PutUint32(out[4:], p.command)
	binary.BigEndian.PutUint32(out[8:], p.status)
	binary.BigEndian.PutUint32(out[12:], p.sequence)
	return append(out, p.body...)
}

func readPDU(r io.Reader) (pdu, error) {
	var head [headerLength]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return pdu{}, err
	}
	length := binary.BigEndian.Uint32(head[0:])
	if length < headerLength || length > maxPDU {
		return pdu{}, fmt.Errorf("smpp: a PDU of %d octets", length)
	}
	p := pdu{command: binary.BigEndian.Uint32(head[4:]), status: binary.BigEndian.Uint32(head[8:]), sequence: binary.BigEndian.Uint32(head[12:]), body: make([]byte, length-headerLength)}
	_, err := io.ReadFull(r, p.body)
	return p, err
}

// writer puts fields of a body one after another.
type writer struct{ bytes.Buffer }

func (w *writer) text(s string) {
	w.WriteString(s)
	w.WriteByte(0)
}

func (w *writer) octets(b ...byte) { w.Write(b) }

var errShort = errors.New("smpp: a PDU ends early")

// reader takes fields of a body one after another; its error stays.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) text() string {
	end := bytes.IndexByte(r.rest, 0)
	if end < 0 {
		r.err, r.rest = errShort, nil
		return ""
	}
	s := string(r.rest[:end])
	r.rest = r.rest[end+1:]
	return s
}

func (r *reader) octets(n int) []byte {
	if n > len(r.rest) {
		r.err, r.rest = errShort, nil
		return make([]byte, min(n, 256))
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// options are the optional parameters at the end of a body.
func (r *reader) options() map[uint16][]byte {
	out := map[uint16][]byte{}
	for r.err == nil && len(r.rest) > 0 {
		head := r.octets(4)
		out[binary.BigEndian.Uint16(head)] = r.octets(int(binary.BigEndian.Uint16(head[2:])))
	}
	return out
}

// StatusError is a centre's refusal.
type StatusError struct {
	Command string
	Status  uint32
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("smpp: %s was answered with 0x%08x", e.Command, e.Status)
}
