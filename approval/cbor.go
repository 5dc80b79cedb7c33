package approval

import (
	"bytes"
	"unicode/utf8"
)

// maxNesting is how deeply CBOR may nest in authenticator data.
const maxNesting = 5

// cutCBOR skips one well-formed item of CBOR (RFC 8949) and returns what
// follows it. As CTAP2 asks, there is no indefinite length, no tag, and no name
// twice in a map.
func cutCBOR(b []byte, depth int) (rest []byte, ok bool) {
	major, n, rest, ok := cutHead(b)
	if !ok {
		return nil, false
	}
	switch major {
	case 0, 1, 7:
		return rest, true
	case 2, 3:
		if n > uint64(len(rest)) || major == 3 && !utf8.Valid(rest[:n]) {
			return nil, false
		}
		return rest[n:], true
	case 4, 5:
		// Each element takes a byte at least, so that the loop ends soon.
		if depth == 0 || n > uint64(len(rest)) {
			return nil, false
		}
		var names [][]byte
		for range n {
			if major == 5 {
				before := rest
				name, _, _, _ := cutHead(rest)
				if rest, ok = cutCBOR(rest, 0); !ok || name == 2 || name == 7 {
					return nil, false
				}
				names = append(names, canonicalName(before[:len(before)-len(rest)]))
			}
			if rest, ok = cutCBOR(rest, depth-1); !ok {
				return nil, false
			}
		}
		for i, name := range names {
			for _, other := range names[:i] {
				if bytes.Equal(name, other) {
					return nil, false
				}
			}
		}
		return rest, true
	}
	return nil, false
}

// canonicalName writes a name, an integer or a text, so that equal ones are
// equal bytes however long their lengths are written.
func canonicalName(b []byte) []byte {
	major, n, rest, _ := cutHead(b)
	out := []byte{major, byte(n >> 56), byte(n >> 48), byte(n >> 40), byte(n >> 32), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	return append(out, rest...)
}

// cutHead reads an item's major type and its argument.
func cutHead(b []byte) (major byte, n uint64, rest []byte, ok bool) {
	if len(b) == 0 {
		return 0, 0, nil, false
	}
	major, info := b[0]>>5, b[0]&31
	if b = b[1:]; info < 24 {
		return major, uint64(info), b, true
	}
	if info > 27 {
		return 0, 0, nil, false
	}
	size := 1 << (info - 24)
	if len(b) < size {
		return 0, 0, nil, false
	}
	for _, c := range b[:size] {
		n = n<<8 | uint64(c)
	}
	// A simple value below 32 has one byte (RFC 8949 section 3.3).
	return major, n, b[size:], major != 7 || info != 24 || n >= 32
}
