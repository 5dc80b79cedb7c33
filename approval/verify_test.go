package approval

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// kinds are proofs of every kind, each whole and true.
func kinds() map[string][]byte {
	return map[string][]byte{
		"codes":            codesDocument(),
		"es256":            newRecipe(es256Key(11)).document(),
		"es256 registered": registered(es256Key(11)).document(),
		"eddsa registered": registered(ed25519Key(12)).document(),
		"rs256 registered": registered(rs256Key()).document(),
		"es256 recorded":   recorded(es256Key(11)).document(),
		"codes recorded":   codesRecorded(nil),
	}
}

func TestTrueProofsAreAccepted(t *testing.T) {
	for name, document := range kinds() {
		o := strict()
		if name == "es256" {
			o.LogKeys, o.ServerKeys = nil, nil
		}
		verdict, err := verifier(t, o).Verify(document)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		a, err := Parse(document)
		if err != nil {
			t.Fatal(err)
		}
		want, err := a.Fingerprint()
		if err != nil || verdict.Fingerprint != want || verdict.Details != sample() || verdict.ApprovedAt != testApprovedAt || len(verdict.Proved) == 0 || len(verdict.NotProved) == 0 {
			t.Errorf("%s: %+v, %v", name, verdict, err)
		}
		a.Log = nil
		if stored, err := a.Marshal(); err != nil || sha256.Sum256(stored) != verdict.Fingerprint {
			t.Errorf("%s: the fingerprint is not that of the document without its log (%v)", name, err)
		}
	}
}

// unsigned is what no signature covers: who alters these bytes is found by the fingerprint alone, and the verdict says so.
func unsigned(document []byte, member string) (from, to int) {
	name := `"` + member + `":"`
	from = strings.Index(string(document), name) + len(name)
	return from, from + strings.IndexByte(string(document[from:]), '"')
}

func TestNoChangedByteIsAccepted(t *testing.T) {
	for name, document := range kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := strict()
			if name == "es256" {
				o.LogKeys, o.ServerKeys = nil, nil
			}
			o.Recorded = strings.HasSuffix(name, "recorded")
			v := verifier(t, o)
			good, err := v.Verify(document)
			if err != nil {
				t.Fatal(err)
			}
			timeFrom, timeTo := unsigned(document, "approved_at")
			idFrom, idTo := 0, 0
			if name == "es256" {
				idFrom, idTo = unsigned(document, "credential_id")
			}
			try := func(what string, i int, altered []byte) {
				verdict, err := v.Verify(altered)
				if err != nil {
					return
				}
				// Nobody signed when the approval by a passkey was given, nor under which id its key is kept unless the log tells.
				sentence := ""
				switch {
				case strings.HasSuffix(name, "recorded"): // not one byte
				case name != "codes" && timeFrom <= i && i < timeTo:
					sentence = openTime
				case idFrom <= i && i < idTo:
					sentence = openCredentialID
				}
				if sentence == "" || verdict.Fingerprint == good.Fingerprint {
					t.Errorf("%s at %d is accepted: %.60q", what, i, altered[max(0, i-30):])
				} else if !strings.Contains(strings.Join(verdict.NotProved, "\n"), sentence) {
					t.Errorf("%s at %d: the verdict does not say %q", what, i, sentence)
				}
			}
			altered := make([]byte, 0, len(document)+1)
			for i, b := range document {
				for _, flip := range []byte{1, 2, 4, 8, 16, 32, 64, 128} {
					altered = append(altered[:0], document...)
					altered[i] = b ^ flip
					try("a flipped bit", i, altered)
				}
				altered = append(append(altered[:0], document[:i]...), document[i+1:]...)
				try("a dropped byte", i, altered)
				altered = append(append(altered[:0], document[:i+1]...), document[i:]...)
				try("a doubled byte", i, altered)
				try("a cut", i, document[:i])
			}
		})
	}
}

func TestTheVerdictSaysWhatWasNotAsked(t *testing.T) {
	document := registered(es256Key(11)).document()
	has := func(list []string, s string) bool {
		for _, l := range list {
			if l == s {
				return true
			}
		}
		return false
	}
	bare, err := verifier(t, Options{}).Verify(document)
	if err != nil {
		t.Fatal(err)
	}
	all, err := verifier(t, strict()).Verify(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct{ proved, open string }{{provedRegistration, openKey}, {provedRegistration, openCredentialID}, {provedOrigin, openOrigin}, {provedRelyingParty, openRelyingParty}, {provedAge, openAge}} {
		if !has(bare.NotProved, s.open) || has(bare.Proved, s.proved) || !has(all.Proved, s.proved) || has(all.NotProved, s.open) {
			t.Errorf("%q and %q", s.proved, s.open)
		}
	}
	asked := strict()
	asked.Recorded = true
	kept, err := verifier(t, asked).Verify(recorded(es256Key(11)).document())
	if err != nil || !has(kept.Proved, provedRecord) || !has(kept.NotProved, openClock) || has(kept.NotProved, openTime) || !has(kept.NotProved, openLog) {
		t.Errorf("%+v, %v", kept, err)
	}
	unasked, err := verifier(t, Options{}).Verify(recorded(es256Key(11)).document())
	if err != nil || has(unasked.Proved, provedRecord) || !has(unasked.NotProved, openTime) || !has(unasked.NotProved, openCredentialID) {
		t.Errorf("%+v, %v", unasked, err)
	}
	for _, s := range []string{openScreen, openPerson, openTime, openOnce} {
		if !has(bare.NotProved, s) || !has(all.NotProved, s) {
			t.Errorf("not always said: %q", s)
		}
	}
	byCodes, err := verifier(t, Options{}).Verify(codesDocument())
	if err != nil || !has(byCodes.NotProved, openCodes) || !has(byCodes.NotProved, openServer) || byCodes.Way != WayCodes {
		t.Errorf("%+v, %v", byCodes, err)
	}
	key := es256Key(11)
	pinned, err := verifier(t, Options{PublicKeys: []string{"ac_01HZX3:" + encode(key.cose)}}).Verify(newRecipe(key).document())
	if err != nil || !has(pinned.Proved, provedPinned) || has(pinned.NotProved, openKey) {
		t.Errorf("%+v, %v", pinned, err)
	}
	for _, other := range []string{"ac_other:" + encode(key.cose), "ac_01HZX3:" + encode(es256Key(12).cose)} {
		if _, err := verifier(t, Options{PublicKeys: []string{other}}).Verify(newRecipe(key).document()); err == nil {
			t.Error("a key that was not given for this account is accepted")
		}
	}
}

func TestOptionsThatAreNotWhatTheySeemAreRefused(t *testing.T) {
	vkey := verifierKey(testLog, testLogKey)
	for name, o := range map[string]Options{
		"a log key cut off":        {LogKeys: []string{vkey[:len(vkey)-4]}},
		"a log key of other bytes": {LogKeys: []string{strings.Replace(vkey, "/1+", "/2+", 1)}},
		"a log key without a name": {LogKeys: []string{"+" + strings.SplitN(vkey, "+", 2)[1]}},
		"an empty log key":         {LogKeys: []string{""}},
		"a server key cut off":     {ServerKeys: []string{"k1:AAAA"}},
		"a server key of order 1":  {ServerKeys: []string{encode(append([]byte{1}, make([]byte, 31)...))}},
		"a key of no account":      {PublicKeys: []string{encode(es256Key(1).cose)}},
		"an age without a time":    {MaxAge: time.Minute},
		"a negative age":           {MaxAge: -time.Minute, Now: testAt},
		"another way":              {Way: "post"},
		"a record in no log":       {Recorded: true},
	} {
		if _, err := NewVerifier(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestInclusionInTreesOfEverySize(t *testing.T) {
	for size := 1; size <= 33; size++ {
		leaves := make([][]byte, size)
		for i := range leaves {
			leaves[i] = fmt.Append(nil, i)
		}
		want := treeHash(leaves)
		for index := range leaves {
			proof := treePath(index, leaves)
			if root, ok := rootByInclusion(leaves[index], uint64(index), uint64(size), proof); !ok || root != want {
				t.Fatalf("leaf %d of %d", index, size)
			}
			for other := range leaves {
				if root, ok := rootByInclusion(leaves[index], uint64(other), uint64(size), proof); other != index && ok && root == want {
					t.Fatalf("leaf %d of %d passes for %d", index, size, other)
				}
			}
			if _, ok := rootByInclusion(leaves[index], uint64(index), uint64(size), append(proof, want)); ok {
				t.Fatalf("leaf %d of %d with a longer proof", index, size)
			}
			if len(proof) > 0 {
				if _, ok := rootByInclusion(leaves[index], uint64(index), uint64(size), proof[1:]); ok {
					t.Fatalf("leaf %d of %d with a shorter proof", index, size)
				}
			}
		}
		if _, ok := rootByInclusion(leaves[0], uint64(size), uint64(size), nil); ok {
			t.Fatal("a leaf behind the end")
		}
	}
}

func TestALogKeepsItsOwnSignatureAlone(t *testing.T) {
	l := recorded(es256Key(11)).approval().Log
	text, _, _ := cutNote(l.Checkpoint)
	witness := signNote(text, "witness.example", strangeLogKey)
	_, line, _ := cutNote(witness)
	for _, note := range []string{l.Checkpoint, l.Checkpoint + line, strings.Replace(l.Checkpoint, "\n\n", "\n\n"+line, 1)} {
		got, err := NewLog(note, l.Record, l.Registration)
		if err != nil || got.Checkpoint != l.Checkpoint || got.Record != l.Record || got.Registration != l.Registration {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if _, err := NewLog(witness, l.Record, nil); err == nil {
		t.Error("a checkpoint that the log did not sign")
	}
	if _, err := NewLog(l.Checkpoint, nil, nil); err == nil {
		t.Error("nothing under a checkpoint")
	}
	if _, err := NewLog("", l.Record, nil); err == nil {
		t.Error("no checkpoint")
	}
}

func TestAVerifierServesManyAtOnce(t *testing.T) {
	v := verifier(t, strict())
	var documents [][]byte
	for i := range 8 {
		r := registered(es256Key(byte(11 + i)))
		r.log.size = 7 + i
		documents = append(documents, r.document())
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 20 {
				for _, d := range documents {
					if _, err := v.Verify(d); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	v := verifier(t, strict())
	for i := range maxCheckpoints + 2 {
		note := signNote(fmt.Sprintf("%s\n%d\n%s\n", testLog, i, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), testLog, testLogKey)
		c, ok := parseCheckpoint(note)
		if !ok || !v.signed(note, c) {
			t.Fatal("a signed note is refused")
		}
	}
	if len(v.checkpoints) > maxCheckpoints {
		t.Errorf("%d checkpoints", len(v.checkpoints))
	}
}

func TestVerifyErrorsRepeatNoValue(t *testing.T) {
	r := registered(es256Key(11))
	r.origin, r.rpID = "https://private.example", "private.example"
	document := r.document()
	for _, d := range [][]byte{document, []byte(strings.Replace(string(document), `"version":"`, `"version":"private`, 1)), []byte(`{"approved_at":"private`)} {
		if _, err := verifier(t, strict()).Verify(d); err == nil || strings.Contains(err.Error(), "private") {
			t.Errorf("got %v", err)
		}
	}
}

// rubbish feeds a verifier that asks nothing, so that nothing shields the rest of it.
func rubbish(f *testing.F) {
	for _, d := range kinds() {
		f.Add(d)
	}
	for _, v := range vectors() {
		f.Add(v.document)
	}
	f.Add([]byte(`{"approved_at":"`))
	f.Add([]byte{})
}

func FuzzVerifyNeverAcceptsRubbish(f *testing.F) {
	rubbish(f)
	v, err := NewVerifier(Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		if _, err := v.Verify(document); err != nil {
			return
		}
		// It may find what needs no key (another time), never another message under a key of ours.
		a, err := Parse(document)
		if err != nil {
			t.Fatal(err)
		}
		if _, signed := signedDetails.Load(a.Details); !signed && a.Codes == nil {
			key, _ := decode(a.Passkey.PublicKey, 1, maxPublicKey)
			for _, k := range []keyPair{es256Key(11), ed25519Key(12), rs256Key()} {
				if string(key) == string(k.cose) {
					t.Fatalf("accepted under a key that never signed it: %s", document)
				}
			}
		}
	})
}

func FuzzParseTakesTheCanonicalFormAlone(f *testing.F) {
	rubbish(f)
	f.Fuzz(func(t *testing.T, document []byte) {
		a, err := Parse(document)
		if err != nil {
			return
		}
		if again := a.append(nil); string(again) != string(document) {
			t.Fatalf("accepted %q, makes %q", document, again)
		}
		if byHand := canonicalByHand(t, document); string(byHand) != string(document) {
			t.Fatalf("accepted %q, which is %q in RFC 8785", document, byHand)
		}
	})
}

func FuzzClientData(f *testing.F) {
	sum := sha256.Sum256(nil)
	good := `{"type":"webauthn.get","challenge":"` + encode(sum[:]) + `","origin":"` + testOrigin + `","crossOrigin":false,"other":[1,{"a":null}],"esc":"\u00e9\ud83d\ude00"}`
	f.Add([]byte(good))
	f.Add([]byte(strings.Replace(good, "origin", `or\u0069gin`, 1)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if verifyClientData(raw, sum, testOrigin) == nil && !strings.Contains(string(raw), "{") {
			t.Fatalf("accepted %q", raw)
		}
		agree(t, raw, sum)
	})
}

func FuzzAuthenticatorData(f *testing.F) {
	r := newRecipe(es256Key(11))
	a := r.approval()
	b, _ := decode(a.Passkey.AuthenticatorData, 37, maxAuthData)
	f.Add(b[32:])
	f.Add(append([]byte{0x9d, 0, 0, 0, 0}, 0xa1, 0x61, 'x', 0x82, 1, 0xf5))
	f.Add(append([]byte{0x5d, 0, 0, 0, 0}, append(make([]byte, 18), es256Key(11).cose...)...))
	f.Fuzz(func(t *testing.T, tail []byte) {
		if len(tail) < 5 {
			return
		}
		sum := sha256.Sum256([]byte("halloran.example"))
		if verifyAuthData(append(sum[:], tail...), "halloran.example") == nil && tail[0]&5 != 5 {
			t.Fatalf("accepted %x", tail)
		}
	})
}

func TestAnEd25519KeyIsReducedAndOfFullOrder(t *testing.T) {
	y := func(first byte, middle byte, last byte) []byte {
		return append(append([]byte{first}, bytes.Repeat([]byte{middle}, 30)...), last)
	}
	prime := y(0xed, 0xff, 0x7f)
	for _, c := range []struct {
		name string
		key  []byte
		good bool
	}{
		{"2²⁵⁵−19", prime, false},
		{"2²⁵⁵−19 with the sign of x", y(0xed, 0xff, 0xff), false},
		{"2²⁵⁵−1", y(0xff, 0xff, 0x7f), false},
		{"−1, of low order", y(0xec, 0xff, 0x7f), false},
		{"less than the prime by a middle byte that is not UTF-8", y(0xed, 0x80, 0x7f), true},
		{"less than the prime by its second byte", append([]byte{0xff, 0xfe}, prime[2:]...), true},
		{"−2", y(0xeb, 0xff, 0x7f), true},
		{"31 bytes", prime[1:], false},
	} {
		if goodEd25519(c.key) != c.good {
			t.Errorf("%s: %t", c.name, !c.good)
		}
	}
}

// What Marshal writes, Parse reads; so NewLog takes no checkpoint that a document cannot hold.
func TestACheckpointThatNoDocumentCanHoldIsRefused(t *testing.T) {
	text, _, _ := cutNote(registered(es256Key(11)).approval().Log.Checkpoint)
	for _, line := range []string{"\xff", "a\rb", "\x00", "tab\t"} {
		l, err := NewLog(signNote(text+line+"\n", testLog, testLogKey), NewInclusion([]byte("x"), 0, [32]byte{}, nil), nil)
		if err == nil || l != nil {
			t.Errorf("%q is taken", line)
		}
	}
}

// docs/approval.md is for those who write a verifier from it alone: what its examples say is what this package makes.
func TestTheExamplesOfTheDocumentationAreTrue(t *testing.T) {
	page, err := os.ReadFile("../docs/approval.md")
	if err != nil {
		t.Fatal(err)
	}
	says := func(what string) {
		t.Helper()
		if !strings.Contains(string(page), what) {
			t.Errorf("it does not say %q", what)
		}
	}
	a := recorded(es256Key(11)).approval()
	_, _, c, err := parse(recorded(es256Key(11)).document())
	if err != nil {
		t.Fatal(err)
	}
	says(a.Details)
	says(fmt.Sprintf("(%d bytes, SHA-256 `%x`)", len(a.Details), sha256.Sum256([]byte(a.Details))))
	challenge := challenge(c.nonce, a.Details)
	says(fmt.Sprintf("%x\nbase64url  %s", challenge, encode(challenge[:])))
	client := sha256.Sum256(c.clientData)
	signed := sha256.Sum256(append(c.authData, client[:]...))
	says(string(c.clientData))
	says(fmt.Sprintf("%x %x %x", c.authData[:32], c.authData[32:33], c.authData[33:]))
	says(fmt.Sprintf("%x", client))
	says(fmt.Sprintf("%x", signed))
	says(a.Passkey.Signature)
	says(fmt.Sprintf("%x", c.fingerprint))
	for _, line := range strings.Split(strings.TrimSuffix(a.Log.Checkpoint, "\n"), "\n") {
		says(line)
	}
	says(verifierKey(testLog, testLogKey))
	for _, i := range []included{c.record, c.registration} {
		e, _ := parseEntry(i.entry)
		subject, _ := decode32(e.subject)
		says(string(i.entry))
		says(fmt.Sprintf("%x", subject))
		says(fmt.Sprintf("%x", sha256.Sum256(append([]byte{0}, i.entry...))))
		for _, hash := range i.proof {
			says(fmt.Sprintf("%x", hash))
		}
	}
	says(codesExample(t))
	for name, value := range map[string]int{"MaxSize": MaxSize, "client data": maxClientData, "credential": maxCredentialID, "public key": maxPublicKey, "signature": maxSignature} {
		text := strconv.Itoa(value)
		if len(text) > 3 {
			text = text[:len(text)-3] + "," + text[len(text)-3:]
		}
		if !strings.Contains(string(page), text) {
			t.Errorf("it does not say how long a %s may be: %s", name, text)
		}
	}
}

// codesExample is of what the server signs in good-codes.
func codesExample(t *testing.T) string {
	a, err := Parse(codesDocument())
	if err != nil {
		t.Fatal(err)
	}
	c := a.Codes
	statement := append([]byte("countersign/approval-by-codes/v1"), 0)
	for _, field := range append([]string{a.Details, a.ApprovedAt, c.KeyID}, c.Factors...) {
		statement = appendField(statement, field)
	}
	return fmt.Sprintf("these are %d bytes with SHA-256\n`%x`", len(statement), sha256.Sum256(statement))
}
