package approval

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxSize is how many bytes a document may have: more than any needs whose
// members keep to their bounds.
const MaxSize = 64 << 10

// Error says which member of a document is at fault. It never repeats a value.
type Error struct {
	// Member is the path of the member, such as "passkey.signature"; empty if
	// the document as a whole is at fault.
	Member string
	Reason string
}

func (e *Error) Error() string {
	if e.Member == "" {
		return "approval: the document " + e.Reason
	}
	return "approval: " + e.Member + " " + e.Reason
}

func fault(member, reason string) *Error { return &Error{Member: member, Reason: reason} }

// Parse reads a document. It accepts exactly the bytes that [Approval.Marshal]
// makes: one order of members, no white space, one spelling of every string and
// number, nothing before or after. It does not check signatures; [Verifier]
// does.
func Parse(document []byte) (Approval, error) {
	a, _, _, err := parse(document)
	return a, err
}

// parse also returns what the members say, taken apart.
func parse(document []byte) (Approval, Details, *contents, error) {
	if len(document) > MaxSize {
		return Approval{}, Details{}, nil, fault("", "is too long")
	}
	a, r := Approval{}, reader{rest: string(document)}
	if !utf8.ValidString(r.rest) {
		return Approval{}, Details{}, nil, fault("", "is not valid UTF-8")
	}
	if hasControl(r.rest) {
		return Approval{}, Details{}, nil, fault("", "holds a control character")
	}
	r.text(`{"approved_at":`, "approved_at", &a.ApprovedAt)
	if r.has(`,"codes":{`) {
		c := &CodesEvidence{}
		a.Codes = c
		r.text(`"attested_by":`, "codes.attested_by", &c.AttestedBy)
		c.Factors = r.list(`,"factors":[`, "codes.factors", 3)
		r.text(`,"key_id":`, "codes.key_id", &c.KeyID)
		r.text(`,"public_key":`, "codes.public_key", &c.PublicKey)
		r.text(`,"signature":`, "codes.signature", &c.Signature)
		r.literal("}", "codes")
	}
	r.text(`,"details":`, "details", &a.Details)
	beforeLog := len(r.rest)
	if r.has(`,"log":{`) {
		l := &Log{}
		a.Log = l
		r.text(`"checkpoint":`, "log.checkpoint", &l.Checkpoint)
		l.Record = r.inclusion(`,"record":{`, withinRecord)
		l.Registration = r.inclusion(`,"registration":{`, withinRegistration)
		r.literal("}", "log")
	}
	afterLog := len(r.rest)
	if r.has(`,"passkey":{`) {
		p := &PasskeyEvidence{}
		a.Passkey = p
		r.literal(`"algorithm":`, "passkey.algorithm")
		p.Algorithm = r.integer("passkey.algorithm")
		r.text(`,"authenticator_data":`, "passkey.authenticator_data", &p.AuthenticatorData)
		r.text(`,"client_data_json":`, "passkey.client_data_json", &p.ClientDataJSON)
		r.text(`,"credential_id":`, "passkey.credential_id", &p.CredentialID)
		r.text(`,"nonce":`, "passkey.nonce", &p.Nonce)
		r.text(`,"origin":`, "passkey.origin", &p.Origin)
		r.text(`,"public_key":`, "passkey.public_key", &p.PublicKey)
		r.text(`,"relying_party":`, "passkey.relying_party", &p.RelyingParty)
		r.text(`,"signature":`, "passkey.signature", &p.Signature)
		r.literal("}", "passkey")
	}
	r.text(`,"version":`, "version", &a.Version)
	r.literal("}", "version")
	if r.rest != "" {
		r.fail("", "goes on after its end")
	}
	if r.err != nil {
		return Approval{}, Details{}, nil, r.err
	}
	details, c, err := a.check()
	if err != nil {
		return Approval{}, Details{}, nil, err
	}
	h := sha256.New()
	h.Write(document[:len(document)-beforeLog])
	h.Write(document[len(document)-afterLog:])
	h.Sum(c.fingerprint[:0])
	return a, details, c, nil
}

// reader takes canonical text apart from its beginning. After the first fault
// it does nothing more.
type reader struct {
	rest   string
	within string // put before the member that a fault names
	err    error
}

func (r *reader) fail(member, reason string) {
	if r.err == nil {
		r.err, r.rest = fault(r.within+member, reason), ""
	}
}

// has consumes the text if it is next, and tells whether it was.
func (r *reader) has(next string) bool {
	rest, ok := strings.CutPrefix(r.rest, next)
	if ok && r.err == nil {
		r.rest = rest
	}
	return ok && r.err == nil
}

func (r *reader) literal(next, member string) {
	if !r.has(next) {
		r.fail(member, "is not where or what the canonical form has")
	}
}

// text reads the name that is next, and a string. Of the escapes there are
// three, as no value holds another control character than a line's end; that
// none is there as itself is for the caller to see to.
func (r *reader) text(name, member string, value *string) {
	r.literal(name, member)
	r.literal(`"`, member)
	end := strings.IndexByte(r.rest, '"')
	if end >= 0 && strings.IndexByte(r.rest[:end], '\\') < 0 {
		*value, r.rest = r.rest[:end], r.rest[end+1:]
		return
	}
	var out strings.Builder
	out.Grow(512)
	for plain, i := 0, 0; i+1 < len(r.rest); i++ {
		switch c, next := r.rest[i], r.rest[i+1]; {
		case c != '"' && c != '\\':
			continue
		case c == '"':
			out.WriteString(r.rest[plain:i])
			*value, r.rest = out.String(), r.rest[i+1:]
			return
		case next == '"', next == '\\':
			out.WriteString(r.rest[plain:i])
			plain = i + 1
		case next == 'n':
			out.WriteString(r.rest[plain:i])
			out.WriteByte('\n')
			plain = i + 2
		default:
			r.fail(member, "holds an escape that the canonical form has not")
			return
		}
		i++
	}
	r.fail(member, "is a string without an end")
}

// hasControl looks for a byte below that of a space, eight at a time: the
// subtraction borrows into a byte's highest bit, which the byte itself must not
// have. A borrow that runs on begins at such a byte, so that none is invented.
func hasControl(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		if (w-0x2020202020202020)&^w&0x8080808080808080 != 0 {
			return true
		}
	}
	for i := range len(s) {
		if s[i] < ' ' {
			return true
		}
	}
	return false
}

// list reads strings up to the closing bracket.
func (r *reader) list(name, member string, most int) []string {
	r.literal(name, member)
	out := make([]string, 0, min(most, 24)) // the proofs of 2^24 entries and more
	for r.err == nil && !r.has("]") {
		if len(out) == most {
			r.fail(member, "has too many elements")
			break
		}
		separator, value := "", ""
		if len(out) > 0 {
			separator = ","
		}
		r.text(separator, member, &value)
		out = append(out, value)
	}
	return out
}

// inclusion reads an inclusion if one is next.
func (r *reader) inclusion(next, within string) *Inclusion {
	if !r.has(next) {
		return nil
	}
	r.within = within
	i := &Inclusion{}
	r.text(`"entry":`, "entry", &i.Entry)
	r.text(`,"index":`, "index", &i.Index)
	r.text(`,"opening":`, "opening", &i.Opening)
	i.Proof = r.list(`,"proof":[`, "proof", maxProof)
	r.literal("}", "proof")
	r.within = ""
	return i
}

func (r *reader) integer(member string) int64 {
	end := 0
	for end < len(r.rest) && (r.rest[end] == '-' || r.rest[end] >= '0' && r.rest[end] <= '9') {
		end++
	}
	n, err := strconv.ParseInt(r.rest[:end], 10, 32)
	if err != nil || strconv.FormatInt(n, 10) != r.rest[:end] {
		r.fail(member, "is not a whole number in its shortest form")
		return 0
	}
	r.rest = r.rest[end:]
	return n
}
