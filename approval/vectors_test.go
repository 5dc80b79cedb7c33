package approval

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/vectors anew")

// vector is one line of testdata/vectors/index.json.
type vector struct {
	Name    string        `json:"name"`
	Why     string        `json:"why"`
	Options vectorOptions `json:"options"`
	// Accept is the verdict. A verifier need not name the same member, but must give the same verdict.
	Accept      bool   `json:"accept"`
	Member      string `json:"member,omitempty"`
	Way         string `json:"way,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`

	document []byte
}

type vectorOptions struct {
	RelyingParty  string   `json:"relying_party,omitempty"`
	Origins       []string `json:"origins,omitempty"`
	LogKeys       []string `json:"log_keys,omitempty"`
	PublicKeys    []string `json:"public_keys,omitempty"`
	Recorded      bool     `json:"recorded,omitempty"`
	ServerKeys    []string `json:"server_keys,omitempty"`
	Way           string   `json:"way,omitempty"`
	Now           string   `json:"now,omitempty"`
	MaxAgeSeconds int      `json:"max_age_seconds,omitempty"`
}

func (o vectorOptions) options(t *testing.T) Options {
	out := Options{RelyingParty: o.RelyingParty, Origins: o.Origins, LogKeys: o.LogKeys, Recorded: o.Recorded, PublicKeys: o.PublicKeys, ServerKeys: o.ServerKeys, Way: o.Way, MaxAge: time.Duration(o.MaxAgeSeconds) * time.Second}
	if o.Now != "" {
		now, err := time.Parse(timeLayout, o.Now)
		if err != nil {
			t.Fatal(err)
		}
		out.Now = now
	}
	return out
}

// vectors makes all of them. Each bad one differs from a good one in what its name says, and is signed as it stands
// wherever that can be, so that nothing but the check it is for refuses it.
func vectors() []vector {
	all := vectorOptions{RelyingParty: "halloran.example", Origins: []string{"https://other.example", testOrigin}, LogKeys: []string{verifierKey("elsewhere.example/log", strangeLogKey), verifierKey(testLog, testLogKey)},
		ServerKeys: []string{testServerKey}, Now: "2026-03-14T14:35:00Z", MaxAgeSeconds: 600}
	var out []vector
	add := func(name, why, member string, o vectorOptions, document []byte) {
		out = append(out, vector{Name: name, Why: why, Options: o, Accept: strings.HasPrefix(name, "good-"), Member: member, document: document})
	}
	good := func(name, why string, o vectorOptions, document []byte) { add(name, why, "", o, document) }
	es, ed, rs := es256Key(11), ed25519Key(12), rs256Key()
	made := func(change func(*recipe)) []byte {
		r := registered(es)
		change(r)
		return r.document()
	}
	bad := func(name, why, member string, change func(*recipe)) { add(name, why, member, all, made(change)) }
	text := func(name, why, member, old, new string) {
		bad(name, why, member, func(r *recipe) { r.text = replace(old, new) })
	}

	none := vectorOptions{}
	noLog := all
	noLog.LogKeys, noLog.ServerKeys = nil, nil
	pinned := noLog
	pinned.PublicKeys = []string{"ac_01HZX3:" + encode(es.cose)}

	good("good-es256", "an ES256 passkey, with its registration, and everything asked", all, registered(es).document())
	good("good-eddsa", "an Ed25519 passkey", all, registered(ed).document())
	good("good-rs256", "an RS256 passkey", all, registered(rs).document())
	good("good-codes", "codes, signed by the server", all, codesDocument())
	good("good-nothing-asked", "the same document as good-es256; nothing is asked, so less is proved", none, registered(es).document())
	good("good-without-registration", "as the service keeps it; no log key is given", noLog, newRecipe(es).document())
	good("good-pinned", "no registration, and the key is given", pinned, newRecipe(es).document())
	good("good-codes-nothing-asked", "codes; whose key signed is not asked", none, codesDocument())
	good("good-device-bound", "flags BE and BS unset: a passkey that cannot leave its authenticator", all, made(func(r *recipe) { r.flags = 0x05 }))
	good("good-reserved-flags", "flags that are reserved for future use are set", all, made(func(r *recipe) { r.flags |= 0x22 }))
	good("good-extensions", "authenticator data with extensions", all, made(func(r *recipe) { r.flags |= 0x80; r.authTail = []byte("\xa2\x61x\x82\x01\xf5\x61y\xa0") }))
	good("good-attested-data", "authenticator data with attested data, as some old authenticators send", all, made(func(r *recipe) {
		r.flags |= 0x40
		r.authTail = bytes.Join([][]byte{make([]byte, 16), {0, 2}, []byte("id"), es.cose}, nil)
	}))
	good("good-new-client-data", "client data with members that are not known yet, white space and escapes", all, made(func(r *recipe) {
		r.extra = ",\n\t\"other_keys_can_be_added_here\" : [1e2, {\"a\":null}], \"tokenBinding\":{}"
		r.clientText = replace(`"type":"webauthn.get"`, `"ty\u0070e": "web\u0061uthn.get"`)
	}))
	good("good-client-data-bom", "client data that begins with a byte order mark", all, made(func(r *recipe) { r.clientText = func(s string) string { return "\ufeff" + s } }))
	good("good-client-data-no-cross-origin", "client data without crossOrigin", all, made(func(r *recipe) { r.crossOrigin = "" }))
	good("good-memo", "a memo with quotes, a reverse solidus and letters beyond ASCII", all, made(func(r *recipe) { r.details.Memo = `<b> & "quotes" \ é 🔑` }))
	good("good-long-amount", "36 digits before the point, 18 after it", all, made(func(r *recipe) { r.details.Amount = "123456789012345678901234567890123456.123456789012345678" }))
	good("good-first-of-one", "a log of one entry", all, made(func(r *recipe) { r.log.size, r.log.index = 1, 0 }))
	good("good-last", "the last entry of a log whose size is no power of two", all, made(func(r *recipe) { r.log.size, r.log.index = 13, 12 }))
	good("good-large-log", "a log of a thousand entries", all, made(func(r *recipe) { r.log.size, r.log.index = 1000, 617 }))
	good("good-extension-line", "a checkpoint with a line after its root", all, made(func(r *recipe) {
		r.log.note = func(s string) string {
			text, _, _ := cutNote(s)
			return signNote(text+"an extension \"line\"\n", testLog, testLogKey)
		}
	}))
	good("good-registered-in-the-same-second", "the entry has milliseconds, the approval has none", all, made(func(r *recipe) { r.log.at = "2026-03-14T14:31:02.999Z" }))
	good("good-approved-at-expiry", "approved in the last second", all, made(func(r *recipe) {
		r.approvedAt = r.details.Expires
		r.details.Expires = "2026-03-14T14:31:02Z"
		r.approvedAt = r.details.Expires
	}))

	// The document's form.
	text("bad-white-space", "white space after a comma", "details", `,"details"`, `, "details"`)
	text("bad-order", "version first", "approved_at", `{"approved_at":"2026-03-14T14:31:02Z",`, `{"version":"countersign/approval/v1","approved_at":"2026-03-14T14:31:02Z",`)
	text("bad-escape", "an escape that RFC 8785 does not have", "details", `wd_7Q2M4K`, `wd\u005f7Q2M4K`)
	text("bad-escaped-solidus", "a solidus with an escape", "passkey.origin", `"https://accounts`, `"https:\/\/accounts`)
	text("bad-member-twice", "approved_at twice", "details", `,"details"`, `,"approved_at":"2026-03-14T14:31:02Z","details"`)
	text("bad-unknown-member", "a member that version 1 has not", "version", `,"version"`, `,"seal":"","version"`)
	text("bad-version", "version 2", "version", `approval/v1`, `approval/v2`)
	text("bad-algorithm-as-string", "the algorithm as a string", "passkey.algorithm", `:-7,`, `:"-7",`)
	text("bad-algorithm-leading-zero", "the algorithm as -07", "passkey.algorithm", `:-7,`, `:-07,`)
	text("bad-line-end-raw", "a line end of the checkpoint without an escape", "", `\n7\n`, "\n7\\n")
	text("bad-base64-line-end", "a line end in base64url", "passkey.signature", `"signature":"M`, `"signature":"\nM`)
	text("bad-algorithm-as-float", "the algorithm as -7.0", "passkey.authenticator_data", `:-7,`, `:-7.0,`)
	text("bad-time-with-offset", "an offset for Z", "approved_at", `"2026-03-14T14:31:02Z"`, `"2026-03-14T14:31:02+00:00"`)
	text("bad-time-with-fraction", "a fraction of a second", "approved_at", `14:31:02Z`, `14:31:02.5Z`)
	text("bad-day", "the 30th of February", "approved_at", `2026-03-14T14:31:02Z`, `2026-02-30T14:31:02Z`)
	bad("bad-trailing-newline", "a line end after the document", "", func(r *recipe) { r.text = func(s string) string { return s + "\n" } })
	bad("bad-trailing-document", "a second document after it", "", func(r *recipe) { r.text = func(s string) string { return s + s } })
	bad("bad-bom", "a byte order mark before the document", "approved_at", func(r *recipe) { r.text = func(s string) string { return "\ufeff" + s } })
	bad("bad-utf8", "bytes that are not UTF-8", "", func(r *recipe) { r.text = replace(`"memo`, "\"m\xffemo") })
	bad("bad-truncated", "the last byte is missing", "version", func(r *recipe) { r.text = func(s string) string { return s[:len(s)-1] } })
	bad("bad-empty", "no bytes at all", "approved_at", func(r *recipe) { r.text = func(string) string { return "" } })
	bad("bad-base64-padding", "padded base64url", "passkey.nonce", func(r *recipe) { r.text = replace(`","origin"`, `=","origin"`) })
	bad("bad-base64-bits", "loose bits in the last letter of the nonce", "passkey.nonce", func(r *recipe) { r.text = replace(`U","origin"`, `V","origin"`) })
	bad("bad-both-ways", "codes and a passkey", "", func(r *recipe) {
		codes := string(codesDocument())
		r.text = replace(`,"details":`, codes[strings.Index(codes, `,"codes"`):strings.Index(codes, `,"details"`)]+`,"details":`)
	})
	bad("bad-neither-way", "no evidence", "", func(r *recipe) {
		r.text = func(s string) string {
			return s[:strings.Index(s, `,"passkey"`)] + `,"version":"countersign/approval/v1"}`
		}
	})

	// The details.
	for _, v := range [][3]string{{"amount-point-zero", "1.0", "amount"}, {"amount-leading-zero", "01", "amount"}, {"amount-exponent", "1e0", "amount"}, {"amount-plus", "+1", "amount"}, {"amount-zero", "0", "amount"},
		{"amount-negative", "-1", "amount"}, {"amount-point", "1.", "amount"}, {"amount-19-digits", "1.0000000000000000001", "amount"}, {"amount-comma", "1,5", "amount"}, {"amount-wide-digits", "１", "amount"}} {
		bad("bad-"+v[0], "the amount "+v[1], "details.amount", func(r *recipe) { r.text = replace(`\"amount\":\"250\"`, `\"amount\":\"`+v[1]+`\"`) })
	}
	text("bad-fee", "the fee is all of the amount", "details.fee", `\"fee\":\"1\"`, `\"fee\":\"250\"`)
	text("bad-amount-as-number", "the amount is a number", "details", `\"250\"`, `250`)
	text("bad-memo-direction", "a memo that turns the direction of text", "details.memo", `\"memo\":\"\"`, "\\\"memo\\\":\\\"\u202e\\\"")
	text("bad-address-look-alike", "a Cyrillic letter in the address", "details.address", `TR7NHq`, `ТR7NHq`)
	text("bad-details-order", "fee before expires", "details", `\"expires\":\"2026-03-14T14:41:00Z\",\"fee\":\"1\"`, `\"fee\":\"1\",\"expires\":\"2026-03-14T14:41:00Z\"`)
	text("bad-another-amount", "another amount than was signed", "passkey.client_data_json", `\"250\"`, `\"251\"`)
	text("bad-another-address", "one letter of the address in another case", "passkey.client_data_json", `TR7NHqjeKQ`, `Tr7NHqjeKQ`)
	text("bad-shifted-field", "a letter moved from the asset to the network", "passkey.client_data_json", `\"asset\":\"USDT\"`, `\"asset\":\"USD\"`)

	// The ceremony.
	bad("bad-type", "client data of a creation", "passkey.client_data_json", func(r *recipe) { r.kind = "webauthn.create" })
	bad("bad-client-origin", "client data of another origin than the document's", "passkey.client_data_json", func(r *recipe) { r.clientOrigin = "https://accounts.halloran.example." })
	bad("bad-origin", "an origin that is not allowed", "passkey.origin", func(r *recipe) { r.origin, r.clientOrigin = "https://evil.example", "https://evil.example" })
	bad("bad-cross-origin", "in a frame of another origin", "passkey.client_data_json", func(r *recipe) { r.crossOrigin = `,"crossOrigin":true` })
	bad("bad-cross-origin-null", "crossOrigin is null", "passkey.client_data_json", func(r *recipe) { r.crossOrigin = `,"crossOrigin":null` })
	bad("bad-top-origin", "topOrigin is there", "passkey.client_data_json", func(r *recipe) { r.extra = `,"topOrigin":"https://accounts.halloran.example"` })
	bad("bad-client-data-twice", "crossOrigin twice", "passkey.client_data_json", func(r *recipe) { r.extra = `,"crossOrigin":false` })
	bad("bad-client-data-escaped-twice", "origin twice, once with an escape", "passkey.client_data_json", func(r *recipe) { r.extra = `,"\u006frigin":"https://evil.example"` })
	bad("bad-client-data-case", "Origin beside origin", "passkey.client_data_json", func(r *recipe) { r.extra = `,"Origin":"https://evil.example"` })
	bad("bad-client-data-folding", "a name that is crossOrigin without regard to case", "passkey.client_data_json", func(r *recipe) { r.extra = `,"croſſOrigin":true` })
	bad("bad-client-data-utf8", "client data that is not UTF-8", "passkey.client_data_json", func(r *recipe) { r.extra = ",\"x\":\"\xff\"" })
	bad("bad-client-data-surrogate", "half of a surrogate pair", "passkey.client_data_json", func(r *recipe) { r.extra = `,"x":"\ud83d"` })
	bad("bad-client-data-trailing", "bytes after the client data", "passkey.client_data_json", func(r *recipe) { r.clientText = func(s string) string { return s + "{}" } })
	bad("bad-client-data-deep", "client data that nests deeply", "passkey.client_data_json", func(r *recipe) { r.extra = `,"x":` + strings.Repeat("[", 9) + strings.Repeat("]", 9) })
	bad("bad-client-data-number", "a number with a leading zero", "passkey.client_data_json", func(r *recipe) { r.extra = `,"x":01` })
	bad("bad-client-data-array", "client data that is no object", "passkey.client_data_json", func(r *recipe) { r.clientText = func(s string) string { return "[" + s + "]" } })
	bad("bad-nonce", "another nonce", "passkey.client_data_json", func(r *recipe) { r.text = replace(`"nonce":"paWl`, `"nonce":"paWk`) })
	bad("bad-rp-hash", "authenticator data of another relying party", "passkey.authenticator_data", func(r *recipe) { r.rpID = "evil.example" })
	bad("bad-relying-party", "a relying party that was not given", "details.relying_party", func(r *recipe) {
		r.details.RelyingParty, r.rpID, r.log.relyingParty = "evil.example", "evil.example", "evil.example"
	})
	text("bad-evidence-relying-party", "the evidence names another relying party than the details", "passkey.relying_party", `"relying_party":"halloran`, `"relying_party":"evil`)
	bad("bad-not-present", "flag UP unset", "passkey.authenticator_data", func(r *recipe) { r.flags &^= 0x01 })
	bad("bad-not-verified", "flag UV unset", "passkey.authenticator_data", func(r *recipe) { r.flags &^= 0x04 })
	bad("bad-backup-state", "BS without BE", "passkey.authenticator_data", func(r *recipe) { r.flags = 0x15 })
	bad("bad-auth-data-trailing", "bytes after the authenticator data", "passkey.authenticator_data", func(r *recipe) { r.authTail = []byte{0} })
	bad("bad-extensions-missing", "flag ED without extensions", "passkey.authenticator_data", func(r *recipe) { r.flags |= 0x80 })
	bad("bad-extensions-no-map", "extensions that are no map", "passkey.authenticator_data", func(r *recipe) { r.flags |= 0x80; r.authTail = []byte{0xf6} })
	bad("bad-extensions-twice", "an extension twice", "passkey.authenticator_data", func(r *recipe) { r.flags |= 0x80; r.authTail = []byte("\xa2\x61x\x01\x61x\x02") })
	bad("bad-extensions-indefinite", "extensions of indefinite length", "passkey.authenticator_data", func(r *recipe) { r.flags |= 0x80; r.authTail = []byte("\xbf\x61x\x01\xff") })
	bad("bad-extensions-deep", "extensions that nest deeply", "passkey.authenticator_data", func(r *recipe) {
		r.flags |= 0x80
		r.authTail = []byte("\xa1\x61x" + strings.Repeat("\x81", 6) + "\x01")
	})
	bad("bad-attested-data-cut", "attested data that ends early", "passkey.authenticator_data", func(r *recipe) { r.flags |= 0x40; r.authTail = make([]byte, 17) })

	// Key and signature.
	flipped := func(s []byte) []byte { s[len(s)-1] ^= 1; return s }
	bad("bad-signature-es256", "one bit of the signature", "passkey.signature", func(r *recipe) { r.signature = flipped })
	bad("bad-signature-eddsa", "one bit of an Ed25519 signature", "passkey.signature", func(r *recipe) { r.key, r.signature = ed, flipped })
	bad("bad-signature-rs256", "one bit of an RS256 signature", "passkey.signature", func(r *recipe) { r.key, r.signature = rs, flipped })
	bad("bad-signature-ber", "a length in its long form, which DER forbids", "passkey.signature", func(r *recipe) {
		r.signature = func(der []byte) []byte { return append([]byte{0x30, 0x81, der[1]}, der[2:]...) }
	})
	bad("bad-signature-trailing", "a byte after the signature", "passkey.signature", func(r *recipe) { r.signature = func(der []byte) []byte { return append(der, 0) } })
	bad("bad-signature-raw", "r and s without DER", "passkey.signature", func(r *recipe) { r.signature = func([]byte) []byte { return make([]byte, 64) } })
	bad("bad-signature-zero", "r and s are 0", "passkey.signature", func(r *recipe) { r.signature = func([]byte) []byte { return []byte{0x30, 6, 2, 1, 0, 2, 1, 0} } })
	bad("bad-another-key", "the signature of another passkey", "passkey.signature", func(r *recipe) { r.key.signer = es256Key(13).signer })
	bad("bad-algorithm", "an algorithm that is not permitted (ES384)", "passkey.algorithm", func(r *recipe) { r.key.algorithm = -35 })
	bad("bad-algorithm-of-key", "another algorithm than the key's", "passkey.public_key", func(r *recipe) { r.key.algorithm = -8 })
	key := func(name, why string, base keyPair, change func(cose []byte) []byte) {
		bad(name, why, "passkey.public_key", func(r *recipe) { r.key = base; r.key.cose = change(bytes.Clone(base.cose)) })
	}
	key("bad-key-off-curve", "a point that is not on the curve", es, func(c []byte) []byte { c[len(c)-1] ^= 1; return c })
	key("bad-key-trailing", "a byte after the key", es, func(c []byte) []byte { return append(c, 0) })
	key("bad-key-indefinite", "a map of indefinite length", es, func(c []byte) []byte { c[0] = 0xbf; return append(c, 0xff) })
	key("bad-key-order", "members not in CTAP2's order", es, func(c []byte) []byte {
		return bytes.Join([][]byte{{0xa5, 3, 0x26, 1, 2}, c[5:]}, nil)
	})
	key("bad-key-private", "a sixth member", es, func(c []byte) []byte { c[0]++; return append(c, 0x23, 0x41, 1) })
	key("bad-key-low-order", "an Ed25519 key under which one signature fits many messages", ed, func(c []byte) []byte { return append(c[:10], append([]byte{1}, make([]byte, 31)...)...) })
	key("bad-key-not-reduced", "an Ed25519 key whose y is not below the prime", ed, func(c []byte) []byte {
		return append(c[:10], append(append([]byte{0xf0}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f)...)
	})
	key("bad-key-small-rsa", "an RSA key of 1024 bits", rs, func(c []byte) []byte {
		return bytes.Join([][]byte{c[:9], {0, 128}, c[11:139], c[len(c)-5:]}, nil)
	})
	key("bad-key-rsa-exponent-one", "an RSA key with exponent 1", rs, func(c []byte) []byte { return append(c[:len(c)-4], 0x41, 1) })

	// Trust, time and what else was asked.
	add("bad-no-registration", "log keys are given, and the document has no registration", "log.registration", all, newRecipe(es).document())
	other := pinned
	other.PublicKeys = []string{"ac_other:" + encode(es.cose)}
	add("bad-pinned-for-another-account", "the key is given, but for another account", "passkey.public_key", other, newRecipe(es).document())
	log := func(name, why, member string, change func(*logRecipe)) {
		if member != "checkpoint" {
			member = "registration." + member
		}
		bad(name, why, "log."+member, func(r *recipe) { change(&r.log) })
	}
	log("bad-entry-kind", "an entry of another kind", "entry", func(l *logRecipe) { l.kind = "passkey.deleted" })
	log("bad-entry-refused", "an entry of a creation that failed", "entry", func(l *logRecipe) { l.ok = "false" })
	log("bad-entry-account", "an entry of another account", "entry", func(l *logRecipe) { l.account, l.boundAccount = "ac_other", "ac_01HZX3" })
	log("bad-entry-bound-account", "an entry that names the account, with the commitment of another", "entry", func(l *logRecipe) { l.boundAccount = "ac_other" })
	log("bad-entry-later", "registered after the approval", "entry", func(l *logRecipe) { l.at = "2026-03-14T14:31:03.000Z" })
	log("bad-entry-time", "a time without milliseconds", "entry", func(l *logRecipe) { l.at = "2026-01-02T03:04:05Z" })
	log("bad-entry-other-key", "an entry of another key", "entry", func(l *logRecipe) { l.publicKey = es256Key(13).cose })
	log("bad-entry-other-credential", "an entry of another credential id", "entry", func(l *logRecipe) { l.credentialID = []byte("another") })
	log("bad-entry-other-relying-party", "an entry of another relying party", "entry", func(l *logRecipe) { l.relyingParty = "other.example" })
	shown := func(name, why, member string, change func(*Inclusion)) {
		log(name, why, member, func(l *logRecipe) { l.shown = func(l *Log) { change(l.Registration) } })
	}
	shown("bad-opening", "another opening", "entry", func(g *Inclusion) { g.Opening = encode(make([]byte, 32)) })
	shown("bad-opening-short", "an opening of 31 bytes", "opening", func(g *Inclusion) { g.Opening = encode(make([]byte, 31)) })
	shown("bad-index", "another index", "proof", func(g *Inclusion) { g.Index = "3" })
	shown("bad-index-beyond", "an index behind the end of the log", "proof", func(g *Inclusion) { g.Index = "7" })
	shown("bad-index-form", "an index with a leading zero", "index", func(g *Inclusion) { g.Index = "04" })
	shown("bad-proof-short", "a proof without its last hash", "proof", func(g *Inclusion) { g.Proof = g.Proof[:len(g.Proof)-1] })
	shown("bad-proof-long", "a proof with a hash more", "proof", func(g *Inclusion) { g.Proof = append(g.Proof, g.Proof[0]) })
	shown("bad-proof-order", "a proof from the top", "proof", func(g *Inclusion) { g.Proof[0], g.Proof[1] = g.Proof[1], g.Proof[0] })
	shown("bad-proof-empty", "no proof", "proof", func(g *Inclusion) { g.Proof = nil })
	shown("bad-entry-altered", "an entry that is not in the log", "proof", func(g *Inclusion) {
		b, _ := decode(g.Entry, 1, maxEntry)
		g.Entry = encode(bytes.Replace(b, []byte("05.678Z"), []byte("05.679Z"), 1))
	})
	note := func(name, why string, change func(string) string) {
		log(name, why, "checkpoint", func(l *logRecipe) { l.note = change })
	}
	log("bad-checkpoint-stranger", "a checkpoint signed by another key under the log's name", "checkpoint", func(l *logRecipe) { l.signer = strangeLogKey })
	log("bad-checkpoint-other-log", "a checkpoint of another log of the same key", "checkpoint", func(l *logRecipe) { l.name = "halloran.example/countersign-audit/2" })
	note("bad-checkpoint-signature", "one letter of the checkpoint's signature", func(s string) string {
		i := len(s) - 20
		return s[:i] + string(s[i]^1) + s[i+1:]
	})
	note("bad-checkpoint-cosigned", "a second signature, which a verifier could not check", func(s string) string {
		text, _, _ := cutNote(s)
		_, line, _ := cutNote(signNote(text, "witness.example", strangeLogKey))
		return s + line
	})
	add("bad-checkpoint-plus", "an origin that no log key can name", "log.checkpoint", none, made(func(r *recipe) { r.log.name = "halloran.example+audit" }))
	note("bad-checkpoint-unsigned", "a checkpoint without a signature", func(s string) string { text, _, _ := cutNote(s); return text + "\n" })
	note("bad-checkpoint-size", "a size with a leading zero, signed so", func(s string) string {
		text, _, _ := cutNote(s)
		return signNote(strings.Replace(text, "\n7\n", "\n07\n", 1), testLog, testLogKey)
	})
	log("bad-checkpoint-other-root", "the root of another tree, signed by the log", "proof", func(l *logRecipe) {
		l.note = func(s string) string {
			lines := strings.SplitN(s, "\n", 4)
			return signNote(lines[0]+"\n"+lines[1]+"\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", testLog, testLogKey)
		}
	})
	add("bad-approved-late", "approved after the expiry", "approved_at", none, made(func(r *recipe) { r.approvedAt = "2026-03-14T14:41:01Z" }))
	bad("bad-approved-in-the-future", "approved more than a minute from now", "approved_at", func(r *recipe) { r.approvedAt = "2026-03-14T14:36:01Z" })
	bad("bad-old", "approved longer ago than was asked", "approved_at", func(r *recipe) { r.approvedAt = "2026-03-14T14:24:59Z" })
	passkeyOnly := all
	passkeyOnly.Way = "passkey"
	add("bad-way", "codes, where a passkey is asked", "codes", passkeyOnly, codesDocument())

	// Codes.
	codes := func(name, why, member, old, new string) {
		add(name, why, member, all, []byte(replace(old, new)(string(codesDocument()))))
	}
	strangeServer := all
	strangeServer.ServerKeys = []string{encode(strangeLogKey.Public().(ed25519.PublicKey))}
	add("bad-codes-stranger", "signed by a key that is not the server's", "codes.public_key", strangeServer, codesDocument())
	otherID := all
	otherID.ServerKeys = []string{"k2:" + encode(testKey.Public().(ed25519.PublicKey))}
	add("bad-codes-other-key-id", "the server's key under another id", "codes.public_key", otherID, codesDocument())
	codes("bad-codes-amount", "another amount than was signed", "codes.signature", `\"250\"`, `\"251\"`)
	codes("bad-codes-time", "another time than was signed", "codes.signature", `14:31:02Z`, `14:31:03Z`)
	codes("bad-codes-factor-dropped", "a factor less than was signed", "codes.signature", `,"phone"`, ``)
	codes("bad-codes-one-factor", "one factor", "codes.factors", `"authenticator","email","phone"`, `"email"`)
	codes("bad-codes-factor-twice", "a factor twice", "codes.factors", `"email","phone"`, `"email","email"`)
	codes("bad-codes-factor-unknown", "a factor that is not known", "codes.factors", `"phone"`, `"post"`)
	lowOrder := newCodes(encode(append([]byte{1}, make([]byte, 31)...)), encode(append([]byte{1}, make([]byte, 63)...)))
	add("bad-codes-low-order", "a key and a signature that fit every message", "codes.public_key", none, lowOrder)
	codes("bad-codes-attested-by", "attested by somebody else", "codes.attested_by", `"server"`, `"customer"`)
	codes("bad-codes-signature", "one letter of the signature", "codes.signature", `"signature":"`, `"signature":"A`)
	add("bad-codes-with-registration", "codes with a registration", "log.registration", all, codesRecorded(func(l *logRecipe) { l.withoutRegistration = false }))

	// The approval's own entry.
	strictly := all
	strictly.Recorded = true
	good("good-recorded", "the log holds the approval too, and it is asked for", strictly, recorded(es).document())
	good("good-recorded-pinned", "the log holds the approval, and the key is given", vectorOptions{LogKeys: all.LogKeys, Recorded: true, PublicKeys: pinned.PublicKeys}, made(func(r *recipe) { r.log.record, r.log.withoutRegistration = 6, true }))
	good("good-recorded-nothing-asked", "the same document as good-recorded; nothing is asked", none, recorded(es).document())
	good("good-codes-recorded", "codes, and the log holds the approval", strictly, codesRecorded(nil))
	logOnly, serverOnly := vectorOptions{LogKeys: all.LogKeys}, vectorOptions{ServerKeys: all.ServerKeys}
	good("good-codes-recorded-alone", "codes that the log vouches for; no server key is given", logOnly, codesRecorded(nil))
	add("bad-codes-nobody-vouches", "codes by whoever it may be: log keys are given, and the log holds nothing", "codes.public_key", logOnly, codesDocument())
	add("bad-codes-recorded-stranger", "codes that the log holds, by another key than the given server's", "codes.public_key", strangeServer, codesRecorded(nil))
	add("bad-passkey-nobody-vouches", "a passkey of whoever it may be: a server key alone is given", "passkey.public_key", serverOnly, newRecipe(es).document())
	good("good-checkpoint-empty-lines", "a checkpoint with empty lines of its own: the last one divides", all, made(func(r *recipe) {
		r.log.note = func(s string) string {
			text, _, _ := cutNote(s)
			return signNote(text+"one\n\ntwo\n", testLog, testLogKey)
		}
	}))
	for _, v := range [][2]string{{"empty-string", `""`}, {"number", `0`}, {"null", `null`}} {
		add("bad-log-"+v[0], "something that is no object for log", "version", none, []byte(replace(`,"passkey":{`, `,"log":`+v[1]+`,"passkey":{`)(string(newRecipe(es).document()))))
	}
	add("bad-not-recorded", "a record is asked for, and there is none", "log.record", strictly, registered(es).document())
	add("bad-codes-not-recorded", "a record is asked for, and codes have none", "log.record", strictly, codesDocument())
	record := func(name, why, member string, o vectorOptions, change func(*recipe)) {
		r := recorded(es)
		change(r)
		add(name, why, "log."+member, o, r.document())
	}
	altered := func(name, why, old, new string) {
		record(name, why, "record.entry", none, func(r *recipe) { r.text = replace(old, new) })
	}
	altered("bad-recorded-time", "another time than was recorded, within the same expiry", `"approved_at":"2026-03-14T14:31:02Z"`, `"approved_at":"2026-03-14T14:31:03Z"`)
	record("bad-recorded-credential-id", "another credential id than was recorded; the key is given", "record.entry", vectorOptions{LogKeys: all.LogKeys, PublicKeys: pinned.PublicKeys}, func(r *recipe) {
		r.log.withoutRegistration = true
		r.text = replace(`"credential_id":"Y`, `"credential_id":"Z`)
	})
	record("bad-record-of-another-document", "a record of another document", "record.entry", none, func(r *recipe) {
		r.log.recorded = func(f [32]byte) [32]byte { f[0] ^= 1; return f }
	})
	entry := func(name, why, old, new string) {
		record(name, why, "record.entry", none, func(r *recipe) { r.log.recordEntry = replace(old, new) })
	}
	entry("bad-record-kind", "an entry of a withdrawal that was declined", "withdrawal.approved", "withdrawal.declined")
	entry("bad-record-refused", "an entry of an approval that failed", `"ok":"true"`, `"ok":"false"`)
	entry("bad-record-account", "an entry of another account", `"account":"ac_01HZX3"`, `"account":"ac_other"`)
	entry("bad-record-time", "an entry of another time, of this document", `14:31:02.004Z`, `14:31:03.004Z`)
	entry("bad-record-order", "an entry whose members are in another order", `"kind":"withdrawal.approved","ok":"true"`, `"ok":"true","kind":"withdrawal.approved"`)
	record("bad-record-before-registration", "the approval's entry is before the passkey's", "registration.index", none, func(r *recipe) { r.log.record = 3 })
	record("bad-record-as-registration", "the two entries in each other's place", "registration.entry", none, func(r *recipe) {
		r.log.shown = func(l *Log) { l.Record, l.Registration = l.Registration, l.Record }
	})
	record("bad-record-proof", "the registration's path under the record", "record.proof", none, func(r *recipe) {
		r.log.shown = func(l *Log) { l.Record.Proof = l.Registration.Proof }
	})
	record("bad-record-index", "another index", "record.proof", none, func(r *recipe) { r.log.shown = func(l *Log) { l.Record.Index = "6" } })
	record("bad-record-opening", "the registration's opening under the record", "record.entry", none, func(r *recipe) {
		r.log.shown = func(l *Log) { l.Record.Opening = l.Registration.Opening }
	})
	record("bad-log-empty", "a checkpoint, and no entry under it", "", none, func(r *recipe) {
		r.log.shown = func(l *Log) { l.Record, l.Registration = nil, nil }
	})
	out[len(out)-1].Member = "log"
	record("bad-log-order", "the registration before the record", "", none, func(r *recipe) {
		r.text = func(s string) string {
			from, middle, to := strings.Index(s, `,"record"`), strings.Index(s, `,"registration"`), strings.Index(s, `},"passkey"`)
			return s[:from] + s[middle:to] + s[from:middle] + s[to:]
		}
	})
	out[len(out)-1].Member = "log"
	add("bad-codes-record-of-another-document", "codes with a record of another document", "log.record.entry", none, codesRecorded(func(l *logRecipe) { l.recorded = func(f [32]byte) [32]byte { f[31] ^= 1; return f } }))
	add("bad-codes-record-stranger", "codes under a checkpoint of another key", "log.checkpoint", all, codesRecorded(func(l *logRecipe) { l.signer = strangeLogKey }))
	return out
}

func newCodes(key, signature string) []byte {
	a := must(Parse(codesDocument()))
	a.Codes.PublicKey, a.Codes.Signature = key, signature
	return a.append(nil)
}

const vectorsFolder = "testdata/vectors"

func TestVectors(t *testing.T) {
	list := vectors()
	seen := map[string]bool{}
	for i := range list {
		v := &list[i]
		if seen[v.Name] {
			t.Fatalf("%s is there twice", v.Name)
		}
		seen[v.Name] = true
		verdict, err := verifier(t, v.Options.options(t)).Verify(v.document)
		if member := memberOf(err); v.Accept != (err == nil) || member != v.Member {
			t.Errorf("%s (%s): %v, at %q", v.Name, v.Why, err, member)
		}
		if err == nil {
			v.Way, v.Fingerprint = verdict.Way, hex.EncodeToString(verdict.Fingerprint[:])
		}
	}
	index, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	index = append(index, '\n')
	if *update && !t.Failed() {
		if err := os.RemoveAll(vectorsFolder); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(vectorsFolder, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, b := range filesOf(list, index) {
			if err := os.WriteFile(filepath.Join(vectorsFolder, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := filesOf(list, index)
	entries, err := os.ReadDir(vectorsFolder)
	if err != nil || len(entries) != len(want) {
		t.Fatalf("%d files, want %d, %v; run this test with -update", len(entries), len(want), err)
	}
	for name, b := range want {
		if got, err := os.ReadFile(filepath.Join(vectorsFolder, name)); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s is not what this test makes (%v); run it with -update", name, err)
		}
	}
}

func filesOf(list []vector, index []byte) map[string][]byte {
	out := map[string][]byte{"index.json": index}
	for _, v := range list {
		out[v.Name+".json"] = v.document
	}
	return out
}

func memberOf(err error) string {
	var e *Error
	var d *DetailsError
	switch {
	case errors.As(err, &e):
		return e.Member
	case errors.As(err, &d) && d.Field != "":
		return "details." + d.Field
	case errors.As(err, &d):
		return "details"
	}
	return ""
}

// TestAVerifierInAnotherLanguageAgrees runs one that was written from docs/approval.md alone.
func TestAVerifierInAnotherLanguageAgrees(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("the verifier in another language needs node, as the web app does")
	}
	out, err := exec.Command(node, "testdata/verify.mjs", vectorsFolder).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := "vectors: all as they should be"; !strings.Contains(string(out), want) {
		t.Fatalf("%s", out)
	}
}
