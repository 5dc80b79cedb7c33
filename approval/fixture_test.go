package approval

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// The parties of the tests, with fixed keys: every signature made here is deterministic.
const (
	testOrigin = "https://accounts.halloran.example"
	testLog    = "halloran.example/countersign-audit/1"
)

var (
	testLogKey    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{21}, ed25519.SeedSize))
	strangeLogKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{22}, ed25519.SeedSize))
	testServerKey = "k1:" + encode(testKey.Public().(ed25519.PublicKey))
)

// keyPair is a passkey, with its public key in COSE.
type keyPair struct {
	algorithm int64
	cose      []byte
	signer    crypto.Signer
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func es256Key(seed byte) keyPair {
	k := must(ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{seed}, 32)))
	point := must(k.PublicKey.Bytes())
	return keyPair{-7, bytes.Join([][]byte{{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32}, point[1:33], {0x22, 0x58, 32}, point[33:]}, nil), k}
}

func ed25519Key(seed byte) keyPair {
	k := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	return keyPair{-8, append([]byte{0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32}, k.Public().(ed25519.PublicKey)...), k}
}

func rs256Key() keyPair {
	block, _ := pem.Decode(must(os.ReadFile("testdata/rs256.pem")))
	k := must(x509.ParsePKCS8PrivateKey(block.Bytes)).(*rsa.PrivateKey)
	n := k.N.Bytes()
	return keyPair{-257, bytes.Join([][]byte{{0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x59, byte(len(n) >> 8), byte(len(n))}, n, {0x21, 0x43, 1, 0, 1}}, nil), k}
}

func (k keyPair) sign(message []byte) []byte {
	digest := sha256.Sum256(message)
	switch s := k.signer.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(s, message)
	case *ecdsa.PrivateKey:
		return must(s.Sign(nil, digest[:], crypto.SHA256)) // RFC 6979
	default:
		return must(s.Sign(nil, digest[:], crypto.SHA256))
	}
}

// recipe is how a passkey's proof is made; a vector changes some of it before anything is signed.
type recipe struct {
	key          keyPair
	details      Details
	approvedAt   string
	origin       string // in the document
	clientOrigin string
	kind         string
	extra        string // members after crossOrigin
	crossOrigin  string
	clientText   func(string) string
	rpID         string
	flags        byte
	authTail     []byte
	credentialID []byte
	signature    func([]byte) []byte
	withLog      bool
	log          logRecipe
	text         func(string) string // of the finished document
}

type logRecipe struct {
	account, boundAccount, kind, ok, at, relyingParty string
	credentialID, publicKey                           []byte
	size, index                                       int
	note                                              func(string) string
	signer                                            ed25519.PrivateKey
	name                                              string
	shown                                             func(*Log)

	withoutRegistration bool
	record              int // the index of the approval's own entry; 0 for none
	recordEntry         func(string) string
	recorded            func(fingerprint [32]byte) [32]byte // what the record is of
}

func newRecipe(key keyPair) *recipe {
	d := sample()
	return &recipe{key: key, details: d, approvedAt: testApprovedAt, origin: testOrigin, clientOrigin: testOrigin, kind: "webauthn.get", crossOrigin: `,"crossOrigin":false`, rpID: d.RelyingParty,
		flags: 0x1d, credentialID: []byte("a credential of thirty-two bytes"), log: logRecipe{account: d.Account, kind: "passkey.created", ok: "true", at: "2026-01-02T03:04:05.678Z", relyingParty: d.RelyingParty,
			size: 7, index: 4, signer: testLogKey, name: testLog}}
}

func registered(key keyPair) *recipe {
	r := newRecipe(key)
	r.withLog = true
	return r
}

// recorded has the approval's own entry as well.
func recorded(key keyPair) *recipe {
	r := registered(key)
	r.log.record = 5
	return r
}

// signedDetails are all that any key of these tests has signed, good or bad.
var signedDetails sync.Map

func (r *recipe) approval() Approval {
	canonical := must(r.details.Canonical())
	signedDetails.Store(string(canonical), true)
	nonce := bytes.Repeat([]byte{0xa5}, NonceSize)
	sum := must(Challenge(nonce, canonical))
	client := `{"type":"` + r.kind + `","challenge":"` + encode(sum[:]) + `","origin":"` + r.clientOrigin + `"` + r.crossOrigin + r.extra + `}`
	if r.clientText != nil {
		client = r.clientText(client)
	}
	rpHash := sha256.Sum256([]byte(r.rpID))
	auth := append(append(rpHash[:], r.flags, 0, 0, 0, 7), r.authTail...)
	clientHash := sha256.Sum256([]byte(client))
	signature := r.key.sign(append(bytes.Clone(auth), clientHash[:]...))
	if r.signature != nil {
		signature = r.signature(signature)
	}
	a := Approval{Version: Version, Details: string(canonical), ApprovedAt: r.approvedAt, Passkey: &PasskeyEvidence{RelyingParty: r.details.RelyingParty, Origin: r.origin,
		CredentialID: encode(r.credentialID), PublicKey: encode(r.key.cose), Algorithm: r.key.algorithm, Nonce: encode(nonce), AuthenticatorData: encode(auth),
		ClientDataJSON: encode([]byte(client)), Signature: encode(signature)}}
	if r.withLog {
		a.Log = r.log.of(r, a)
	}
	return a
}

func (r *recipe) document() []byte {
	a := r.approval()
	b := string(a.append(nil))
	if r.text != nil {
		b = r.text(b)
	}
	return []byte(b)
}

// of is what the recipe's log holds about an approval.
func (l logRecipe) of(r *recipe, a Approval) *Log {
	opening := [32]byte(bytes.Repeat([]byte{0x0f}, 32))
	if l.credentialID == nil {
		l.credentialID = r.credentialID
	}
	if l.publicKey == nil {
		l.publicKey = r.key.cose
	}
	if l.boundAccount == "" {
		l.boundAccount = l.account
	}
	entry := func(account, at, kind, ok string, subject [32]byte) []byte {
		return fmt.Appendf(nil, `{"account":"%s","at":"%s","commitment":"%s","kind":"%s","ok":"%s","subject":"%s","version":"countersign/audit/v1"}`, account, at, encode(bytes.Repeat([]byte{3}, 32)), kind, ok, encode(subject[:]))
	}
	leaves := make([][]byte, l.size)
	for i := range leaves {
		leaves[i] = fmt.Appendf(nil, `{"account":"ac_%d","at":"2026-01-02T03:04:05.000Z","commitment":"%s","kind":"login.succeeded","ok":"true","version":"countersign/audit/v1"}`, i, encode(bytes.Repeat([]byte{byte(i)}, 32)))
	}
	leaves[l.index] = entry(l.account, l.at, l.kind, l.ok, CredentialCommitment(opening, l.boundAccount, l.relyingParty, l.credentialID, l.publicKey))
	recordOpening := [32]byte(bytes.Repeat([]byte{0x1f}, 32))
	if l.record > 0 {
		fingerprint := sha256.Sum256(a.append(nil))
		if l.recorded != nil {
			fingerprint = l.recorded(fingerprint)
		}
		leaves[l.record] = entry(r.details.Account, strings.TrimSuffix(a.ApprovedAt, "Z")+".004Z", "withdrawal.approved", "true", ApprovalCommitment(recordOpening, fingerprint))
		if l.recordEntry != nil {
			leaves[l.record] = []byte(l.recordEntry(string(leaves[l.record])))
		}
	}
	root := treeHash(leaves)
	note := fmt.Sprintf("%s\n%d\n%s\n", l.name, l.size, base64.StdEncoding.EncodeToString(root[:]))
	out := &Log{Checkpoint: signNote(note, l.name, l.signer)}
	if l.note != nil {
		out.Checkpoint = l.note(out.Checkpoint)
	}
	if !l.withoutRegistration {
		out.Registration = NewInclusion(leaves[l.index], uint64(l.index), opening, treePath(l.index, leaves))
	}
	if l.record > 0 {
		out.Record = NewInclusion(leaves[l.record], uint64(l.record), recordOpening, treePath(l.record, leaves))
	}
	if l.shown != nil {
		l.shown(out)
	}
	return out
}

// signNote signs as c2sp.org/signed-note says.
func signNote(text, name string, key ed25519.PrivateKey) string {
	raw := append([]byte{1}, key.Public().(ed25519.PublicKey)...)
	id := sha256.Sum256(append([]byte(name+"\n"), raw...))
	return text + "\n— " + name + " " + base64.StdEncoding.EncodeToString(append(id[:4:4], ed25519.Sign(key, []byte(text))...)) + "\n"
}

// verifierKey is how a note's key is told to others.
func verifierKey(name string, key ed25519.PrivateKey) string {
	raw := append([]byte{1}, key.Public().(ed25519.PublicKey)...)
	id := sha256.Sum256(append([]byte(name+"\n"), raw...))
	return fmt.Sprintf("%s+%x+%s", name, id[:4], base64.StdEncoding.EncodeToString(raw))
}

// treeHash and treePath are MTH and PATH, as RFC 6962 section 2.1 defines them.
func treeHash(leaves [][]byte) [32]byte {
	switch n := len(leaves); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	default:
		k := split(n)
		left, right := treeHash(leaves[:k]), treeHash(leaves[k:])
		return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
	}
}

func treePath(m int, leaves [][]byte) [][32]byte {
	n := len(leaves)
	if n == 1 {
		return nil
	}
	if k := split(n); m < k {
		return append(treePath(m, leaves[:k]), treeHash(leaves[k:]))
	} else {
		return append(treePath(m-k, leaves[k:]), treeHash(leaves[:k]))
	}
}

// split is the largest power of two below n.
func split(n int) int {
	k := 1
	for k*2 < n {
		k *= 2
	}
	return k
}

func codesApproval() Approval {
	codes := must(SignCodes(testKey, "k1", []byte(sampleCanonical), []string{FactorPhone, FactorEmail, FactorAuthenticator}, testAt))
	return Approval{Version: Version, Details: sampleCanonical, ApprovedAt: testApprovedAt, Codes: codes}
}

func codesDocument() []byte { return must(codesApproval().Marshal()) }

// codesRecorded are codes whose approval is in the log.
func codesRecorded(change func(*logRecipe)) []byte {
	r := recorded(es256Key(11))
	r.log.withoutRegistration = true
	if change != nil {
		change(&r.log)
	}
	a := codesApproval()
	a.Log = r.log.of(r, a)
	return a.append(nil)
}

// strict is all that can be asked of a document.
func strict() Options {
	return Options{RelyingParty: "halloran.example", Origins: []string{testOrigin}, LogKeys: []string{verifierKey(testLog, testLogKey)}, ServerKeys: []string{testServerKey},
		Now: time.Date(2026, 3, 14, 14, 35, 0, 0, time.UTC), MaxAge: 10 * time.Minute}
}

func verifier(t testing.TB, o Options) *Verifier {
	t.Helper()
	v, err := NewVerifier(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func replace(old, new string) func(string) string {
	return func(s string) string {
		if !strings.Contains(s, old) {
			panic("there is no " + old)
		}
		return strings.Replace(s, old, new, 1)
	}
}
