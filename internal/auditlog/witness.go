package auditlog

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"countersign/internal/store"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Witness is somebody else's server that puts its name to checkpoints which go on from what it has seen (c2sp.org/tlog-witness).
type Witness struct {
	url      string
	verifier cosignatureVerifier
}

// Name is the witness's, as its cosignatures have it.
func (w *Witness) Name() string { return w.verifier.name }

// LoadWitnesses reads a list of witnesses, as JSON: [{"key": "name+hash+base64", "url": "https://…"}].
func LoadWitnesses(r io.Reader) ([]Witness, error) {
	var list []struct {
		Key string `json:"key"`
		URL string `json:"url"`
	}
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf(`not a list of {"key", "url"}: %w`, err)
	}
	var out []Witness
	for _, one := range list {
		v, err := parseCosignatureKey(one.Key)
		if err != nil {
			return nil, err
		}
		u, err := url.Parse(one.URL)
		if err != nil || u.Host == "" || u.RawQuery != "" || u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost") {
			return nil, fmt.Errorf("witness %s: its url is to be https, or http on this machine", v.name)
		}
		out = append(out, Witness{strings.TrimSuffix(one.URL, "/"), v})
	}
	return out, nil
}

// noteCosignature is the signature type of c2sp.org/tlog-cosignature.
const noteCosignature = 4

// cosignatureVerifier verifies a witness's cosignatures.
type cosignatureVerifier struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (v cosignatureVerifier) Name() string    { return v.name }
func (v cosignatureVerifier) KeyHash() uint32 { return v.hash }

// Verify checks eight bytes of time and a signature over these and the checkpoint.
func (v cosignatureVerifier) Verify(message, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	signed := fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(signature), message)
	return ed25519.Verify(v.key, signed, signature[8:])
}

func parseCosignatureKey(text string) (v cosignatureVerifier, err error) {
	bad := fmt.Errorf("%q is not a witness's key: want name+hash+base64, of the type of cosignatures", text)
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 || parts[0] == "" || strings.ContainsAny(parts[0], " \n") {
		return v, bad
	}
	key, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != noteCosignature {
		return v, bad
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	v = cosignatureVerifier{parts[0], binary.BigEndian.Uint32(sum[:]), key[1:]}
	if fmt.Sprintf("%08x", v.hash) != parts[1] {
		return v, bad
	}
	return v, nil
}

// Witnesses asks witnesses for cosignatures, beside everything else: one that is away holds nothing up.
type Witnesses struct {
	Log  *Log
	List []Witness
	// Timeout is how long one may take; 0 is ten seconds.
	Timeout time.Duration

	mu   sync.Mutex
	seen map[string]int64 // what size of the log each has, as far as is known
}

// Cosign has the newest checkpoint cosigned by those who answer, and keeps it where one did. Its error names those who did not.
func (w *Witnesses) Cosign(ctx context.Context) error {
	var state store.LogState
	err := w.Log.DB.View(ctx, func(tx *store.Tx) (err error) {
		state, err = tx.LogState()
		return err
	})
	if err != nil || state.Checkpoint == "" {
		return err
	}
	newest, err := ReadCheckpoint(state.Checkpoint)
	if err != nil {
		return err
	}
	_, had, _ := strings.Cut(state.Cosigned, "\n\n")
	lines, errs := make([]string, len(w.List)), make([]error, len(w.List))
	asked := 0
	var asking sync.WaitGroup
	for i := range w.List {
		// Who has put its name to this one already is not asked again, and not forgotten if it is away now.
		var err error
		if lines[i], err = w.List[i].check(newest, had); err == nil {
			continue
		}
		asked++
		asking.Go(func() {
			if lines[i], errs[i] = w.ask(ctx, &w.List[i], newest); errs[i] != nil {
				errs[i] = fmt.Errorf("witness %s: %w", w.List[i].Name(), errs[i])
			}
		})
	}
	asking.Wait()
	cosigned := strings.Join(lines, "")
	if cosigned == "" || asked == 0 {
		return errors.Join(errs...)
	}
	err = w.Log.DB.Aside(ctx, func(tx *store.Tx) error {
		now, err := tx.LogState()
		if err != nil {
			return err
		}
		// Another copy may have kept a newer one meanwhile.
		if had, err := ReadCheckpoint(now.Cosigned); err == nil && had.Origin == newest.Origin && had.Size > newest.Size {
			return nil
		}
		return tx.KeepCosigned(state.Generation, state.Checkpoint+cosigned)
	})
	if store.Lost(err) {
		err = nil // the log has moved on: the next round asks for that
	}
	return errors.Join(append(errs, err)...)
}

// ask asks one witness, once more where it has another size than was thought.
func (w *Witnesses) ask(ctx context.Context, witness *Witness, c *Checkpoint) (string, error) {
	timeout := w.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	w.mu.Lock()
	if w.seen == nil {
		w.seen = map[string]int64{}
	}
	key := witness.url + " " + c.Origin
	old := w.seen[key]
	w.mu.Unlock()
	for try := 0; ; try++ {
		status, answer, err := w.send(ctx, witness, c, old)
		if err != nil {
			return "", err
		}
		switch {
		case status == http.StatusOK:
			line, err := witness.check(c, answer)
			if err != nil {
				return "", err
			}
			w.mu.Lock()
			w.seen[key] = c.Size
			w.mu.Unlock()
			return line, nil
		case status == http.StatusConflict && try == 0:
			if old, err = strconv.ParseInt(strings.TrimSuffix(answer, "\n"), 10, 64); err != nil || old < 0 || old > c.Size {
				return "", fmt.Errorf("it has seen another size of this log than there is: %.40q", answer)
			}
		default:
			return "", fmt.Errorf("it answers %d: %.200q", status, answer)
		}
	}
}

// witnessClient goes where it is sent to, and nowhere else.
var witnessClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (w *Witnesses) send(ctx context.Context, witness *Witness, c *Checkpoint, old int64) (status int, answer string, err error) {
	var proof tlog.TreeProof
	if old > 0 && old < c.Size {
		err := w.Log.DB.View(ctx, func(tx *store.Tx) (err error) {
			proof, err = tlog.ProveTree(c.Size, old, newTree(tx, c.Size))
			return err
		})
		if err != nil {
			return 0, "", err
		}
	}
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %d\n", old)
	for _, h := range proof {
		fmt.Fprintf(&body, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
	}
	fmt.Fprintf(&body, "\n%s", c.Note)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, witness.url+"/add-checkpoint", &body)
	if err != nil {
		return 0, "", err
	}
	response, err := witnessClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, 16<<10))
	return response.StatusCode, string(b), err
}

// check reads a witness's answer: the lines of its cosignatures. The one that we know the key of is kept, no other.
func (w *Witness) check(c *Checkpoint, answer string) (string, error) {
	for line := range strings.Lines(answer) {
		opened, err := note.Open([]byte(c.text()+"\n"+line), note.VerifierList(w.verifier))
		if err != nil || len(opened.Sigs) != 1 || opened.Text != c.text() {
			continue
		}
		// The note's reader takes more than one spelling of a signature; ours takes one.
		signature, err := base64.StdEncoding.DecodeString(opened.Sigs[0].Base64)
		if err == nil {
			return "— " + w.verifier.name + " " + base64.StdEncoding.EncodeToString(signature) + "\n", nil
		}
	}
	return "", errors.New("its cosignature does not fit its key")
}
