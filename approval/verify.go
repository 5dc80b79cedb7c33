package approval

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options are what a verifier asks of a document beyond that it is true in
// itself. What is left empty is not asked, and the verdict says so.
type Options struct {
	// RelyingParty is the RP ID that the details must name.
	RelyingParty string
	// Origins are those where a passkey may have been asked, each with its
	// scheme, such as "https://accounts.example.com".
	Origins []string
	// LogKeys, PublicKeys and ServerKeys are whom to trust. Once one is given, a
	// document for which none vouches is refused: by passkey, one whose key is
	// neither registered in a log nor given; by codes, one that is neither by a
	// given server key nor, where no server key is given, recorded in a log.
	//
	// LogKeys are the verifier keys of audit logs, each as name+hash+base64
	// (c2sp.org/signed-note). What a log holds must be under a checkpoint that
	// one of them signed.
	LogKeys []string
	// Recorded asks that the log holds the approval itself. LogKeys are needed.
	Recorded bool
	// PublicKeys are passkeys' keys that were obtained elsewhere:
	// "account:public key", the key as documents have it.
	PublicKeys []string
	// ServerKeys are the Ed25519 keys by which a server may vouch for codes,
	// base64url, with or without "key id:" before it.
	ServerKeys []string
	// Way, "passkey" or "codes", is the only way of approval that is accepted.
	Way string
	// Now is the time; no approval may be later, but for a minute by which
	// clocks differ.
	Now time.Time
	// MaxAge is how long before Now an approval may have been given. It is only
	// with MaxAge that Now is needed.
	MaxAge time.Duration
}

// The ways of approval.
const (
	WayPasskey = "passkey"
	WayCodes   = "codes"
)

const skew = time.Minute

// Verifier checks documents. It is safe for concurrent use.
type Verifier struct {
	options     Options
	logKeys     []logKey
	publicKeys  map[string]bool
	serverKeys  map[string]bool
	oldest      string // times in their one form compare as text
	newest      string
	mu          sync.RWMutex
	checkpoints map[string]bool // whose signature was found to fit
}

// maxCheckpoints bounds what is remembered; documents of one log bring few
// different ones.
const maxCheckpoints = 1024

// NewVerifier prepares a verifier. It refuses options that are malformed.
func NewVerifier(o Options) (*Verifier, error) {
	v := &Verifier{options: o, publicKeys: map[string]bool{}, serverKeys: map[string]bool{}, checkpoints: map[string]bool{}}
	v.options.Origins = slices.Clone(o.Origins)
	for _, text := range o.LogKeys {
		k, ok := parseLogKey(text)
		if !ok {
			return nil, errors.New("approval: a log key is not of the form name+hash+base64, for Ed25519")
		}
		v.logKeys = append(v.logKeys, k)
	}
	for _, text := range o.PublicKeys {
		i := strings.LastIndexByte(text, ':')
		if _, ok := decode(text[i+1:], 1, maxPublicKey); i < 1 || !ok {
			return nil, errors.New("approval: a public key is not of the form account:key, with the key in base64url")
		}
		v.publicKeys[text] = true
	}
	for _, text := range o.ServerKeys {
		if b, ok := decode(text[strings.LastIndexByte(text, ':')+1:], ed25519.PublicKeySize, ed25519.PublicKeySize); !ok || !goodEd25519(b) {
			return nil, errors.New("approval: a server key is not an Ed25519 key in base64url, or one after its id and a colon")
		}
		v.serverKeys[text] = true
	}
	if o.Way != "" && o.Way != WayPasskey && o.Way != WayCodes {
		return nil, errors.New("approval: the way is neither passkey nor codes")
	}
	if o.Recorded && len(o.LogKeys) == 0 {
		return nil, errors.New("approval: that the log holds the approval is asked for, and no log key is given")
	}
	if o.MaxAge < 0 || o.MaxAge > 0 && o.Now.IsZero() {
		return nil, errors.New("approval: an age is asked for, and not from when")
	}
	if !o.Now.IsZero() {
		v.newest = FormatTime(o.Now.Add(skew))
	}
	if o.MaxAge > 0 {
		v.oldest = FormatTime(o.Now.Add(-o.MaxAge))
	}
	return v, nil
}

// Verdict says what a document proved, and what it did not.
type Verdict struct {
	Details     Details
	ApprovedAt  string
	Way         string // [WayPasskey] or [WayCodes]
	Fingerprint [32]byte
	// Proved and NotProved are whole sentences.
	Proved, NotProved []string
}

// The sentences of verdicts.
const (
	provedSignature    = "The passkey with this public key signed exactly these details."
	provedCeremony     = "Its browser or app asked for it on a page of the origin in the document, for the relying party of the details, and not, as far as it told, in a frame of another origin."
	provedUser         = "The authenticator verified its user (by face, fingerprint, PIN or pattern), who was present."
	provedRegistration = "The key was registered for this account by the time of the approval: the audit log's entry is under a checkpoint that a given log key signed."
	provedRecord       = "The service recorded this approval at this time, and but for what the log holds of it not one byte is another since: the audit log's entry is under a checkpoint that a given log key signed."
	provedPinned       = "The key is one that was given as this account's."
	provedRelyingParty = "The relying party is the given one."
	provedOrigin       = "The origin is one of those given."
	provedAge          = "The approval's time is within the given age; so says the document."
	provedServer       = "The given server key signed that codes from the named factors approved exactly these details, at this time."
	provedStatement    = "The key in the document signed that codes from the named factors approved exactly these details, at this time."

	openScreen       = "What a screen showed: these details were signed, whatever was displayed."
	openPerson       = "Who the user was: the authenticator verified whoever it knows as its user."
	openTime         = "When exactly: the time is the server's word, and no later than the expiry, which is signed."
	openClock        = "That the service's clock was right: when it recorded the approval is its word."
	openCredentialID = "The credential id: it is the server's word."
	openBytes        = "That these are the very bytes that the service keeps: no record of them is here under a given log key. Ask for one, or compare the fingerprint; an ES256 signature, for one, has a second form that fits."
	openRemoved      = "That the passkey was not removed before: the log shows that it came. Ask for the approval's record."
	openKey          = "That the key is the customer's: neither a log key nor the key itself was given."
	openLog          = "That the log shows everybody the same: compare its checkpoints, or ask its witnesses."
	openRelyingParty = "That the relying party is the right one: none was given."
	openOrigin       = "That the origin is a right one: none was given."
	openAge          = "That it is recent: no age was asked for."
	openOnce         = "That it was not used before: only whoever consumes approvals knows."
	openCodes        = "That the customer gave these codes: this is the word of whoever has the signing key, not the signature of a customer's key."
	openServer       = "That the signing key is the server's: no server key was given."
)

// Verify checks a document. An error, mostly an [*Error] or a [*DetailsError],
// names the member at fault and repeats no value; there is no verdict then.
func (v *Verifier) Verify(document []byte) (*Verdict, error) {
	a, details, c, err := parse(document)
	if err != nil {
		return nil, err
	}
	way := WayPasskey
	if a.Codes != nil {
		way = WayCodes
	}
	switch {
	case v.options.Way != "" && v.options.Way != way:
		return nil, fault(way, "is not the way of approval that was asked for")
	case v.options.RelyingParty != "" && v.options.RelyingParty != details.RelyingParty:
		return nil, fault("details.relying_party", "is not the given one")
	case a.ApprovedAt > details.Expires:
		return nil, fault("approved_at", "is later than the details' expiry")
	case v.newest != "" && a.ApprovedAt > v.newest:
		return nil, fault("approved_at", "is in the future")
	case a.ApprovedAt < v.oldest:
		return nil, fault("approved_at", "is longer ago than the given age")
	}
	var t trust
	if err := v.logged(&t, &details, &a, c); err != nil {
		return nil, err
	}
	if a.Codes != nil {
		err = v.codes(&t, &a, c)
	} else {
		err = v.passkey(&t, &details, &a, c)
	}
	if err != nil {
		return nil, err
	}
	verdict := &Verdict{Details: details, ApprovedAt: a.ApprovedAt, Way: way, Fingerprint: c.fingerprint, Proved: make([]string, 0, 8), NotProved: make([]string, 0, 9)}
	v.tell(verdict, &t, &a)
	return verdict, nil
}

// trust is which of the keys that were given vouch for a document.
type trust struct {
	registered, recorded bool // the log's
	pinned               bool // the passkey's own
	server               bool
}

// needed tells whether any key was given: a document for which none of them
// vouches is refused then, whatever its way.
func (v *Verifier) needed() bool {
	return len(v.logKeys)+len(v.publicKeys)+len(v.serverKeys) > 0
}

func (v *Verifier) codes(t *trust, a *Approval, c *contents) error {
	key := a.Codes.PublicKey
	t.server = v.serverKeys[key] || v.serverKeys[a.Codes.KeyID+":"+key]
	switch {
	case t.server, t.recorded && len(v.serverKeys) == 0, !v.needed():
	default:
		return fault("codes.public_key", "is none of the given server keys")
	}
	return a.Codes.verify(c, []byte(a.Details), a.ApprovedAt)
}

func (v *Verifier) passkey(t *trust, details *Details, a *Approval, c *contents) error {
	p := a.Passkey
	if len(v.options.Origins) > 0 && !slices.Contains(v.options.Origins, p.Origin) {
		return fault("passkey.origin", "is none of the given origins")
	}
	if err := verifyAuthData(c.authData, p.RelyingParty); err != nil {
		return err
	}
	if err := verifyClientData(c.clientData, challenge(c.nonce, a.Details), p.Origin); err != nil {
		return err
	}
	t.pinned = len(v.publicKeys) > 0 && v.publicKeys[details.Account+":"+p.PublicKey]
	switch {
	case t.pinned, t.registered, !v.needed():
	case len(v.logKeys) > 0:
		return fault("log.registration", "is missing, and log keys were given")
	default:
		return fault("passkey.public_key", "is none of the keys that were given for this account")
	}
	hash := sha256.Sum256(c.clientData)
	return verifySignature(p.Algorithm, c.publicKey, append(c.authData, hash[:]...), c.signature)
}

// tell says what was proved of a document that passed, and what was not.
func (v *Verifier) tell(verdict *Verdict, t *trust, a *Approval) {
	proved := func(holds bool, sentence string) {
		if holds {
			verdict.Proved = append(verdict.Proved, sentence)
		}
	}
	open := func(holds bool, sentence string) {
		if holds {
			verdict.NotProved = append(verdict.NotProved, sentence)
		}
	}
	o, p := &v.options, a.Passkey
	byKey, byCodes := p != nil, p == nil
	proved(byKey, provedSignature)
	proved(byKey, provedCeremony)
	proved(byKey, provedUser)
	proved(byKey && len(o.Origins) > 0, provedOrigin)
	proved(t.pinned, provedPinned)
	proved(t.registered, provedRegistration)
	proved(t.server, provedServer)
	proved(byCodes && !t.server, provedStatement)
	proved(t.recorded, provedRecord)
	proved(o.RelyingParty != "", provedRelyingParty)
	proved(v.oldest != "", provedAge)

	open(byKey && !t.pinned && !t.registered, openKey)
	open(byKey && t.registered && !t.pinned && !t.recorded, openRemoved)
	open(byKey && !t.registered && !t.recorded, openCredentialID)
	open(!t.recorded, openBytes)
	open(byKey && !t.recorded, openTime)
	open(byCodes && !t.server, openServer)
	open(byCodes, openCodes)
	open(t.recorded, openClock)
	open(t.registered || t.recorded, openLog)
	open(true, openScreen)
	open(byKey, openPerson)
	open(o.RelyingParty == "", openRelyingParty)
	open(byKey && len(o.Origins) == 0, openOrigin)
	open(v.oldest == "", openAge)
	open(true, openOnce)
}

// logged tells what a log whose key was given holds. What is there is checked
// though none was given.
func (v *Verifier) logged(t *trust, d *Details, a *Approval, c *contents) error {
	if v.options.Recorded && (a.Log == nil || a.Log.Record == nil) {
		return fault("log.record", "is missing, and was asked for: the log may have it by now, so fetch the document again")
	}
	if a.Log == nil {
		return nil
	}
	if err := a.Log.verify(c, d, a.ApprovedAt); err != nil || len(v.logKeys) == 0 {
		return err
	}
	if !v.signed(a.Log.Checkpoint, c.checkpoint) {
		return fault("log.checkpoint", "is signed by none of the given log keys")
	}
	t.registered, t.recorded = a.Log.Registration != nil, a.Log.Record != nil
	return nil
}

// signed checks the signature of a checkpoint, once.
func (v *Verifier) signed(note string, c *checkpoint) bool {
	v.mu.RLock()
	known := v.checkpoints[note]
	v.mu.RUnlock()
	if known {
		return true
	}
	if !slices.ContainsFunc(v.logKeys, func(k logKey) bool { return k.signed(c) }) {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.checkpoints) >= maxCheckpoints {
		clear(v.checkpoints)
	}
	v.checkpoints[strings.Clone(note)] = true
	return true
}
