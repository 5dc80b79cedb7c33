package chaostest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/softkey"
	"countersign/internal/testkit"
	"countersign/internal/totp"
)

// What became of a request, as its client knows.
const (
	done    = "done"
	refused = "refused"
	// unchanged is the answer that the service is busy, and has changed nothing.
	unchanged = "unavailable"
	// unknown is no answer, or one that does not say.
	unknown = "unknown"
)

// crowd are the clients, and the log of what was answered to them.
type crowd struct {
	t    *testing.T
	kit  *testkit.Kit
	url  string
	stop atomic.Bool
	// payouts are systems that want to pay the same withdrawals.
	payouts []*testkit.Payout

	mu       sync.Mutex
	outcomes map[string]int
	logins   []time.Time       // when a login by passkey was answered
	approved map[string]string // withdrawals whose approval was answered, and their accounts
	sessions map[string]string // sessions that were answered, and their accounts
	spent    map[string]int    // login challenges that were answered, in hexadecimal, and how often with a session
	answered map[string]int    // challenges of approvals that were answered, likewise, and how often with the approval
	codes    map[string]int    // codes that were taken
	paid     map[string]string // withdrawals that were handed over, and to which API key
	lies     []string          // answers that cannot be true
}

func newCrowd(t *testing.T, k *testkit.Kit) *crowd {
	return &crowd{t: t, kit: k, url: k.Server.URL, outcomes: map[string]int{}, approved: map[string]string{}, sessions: map[string]string{},
		spent: map[string]int{}, answered: map[string]int{}, codes: map[string]int{}, paid: map[string]string{}}
}

// note writes into the log.
func (c *crowd) note(write func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	write()
}

func (c *crowd) lie(format string, args ...any) {
	c.note(func() { c.lies = append(c.lies, fmt.Sprintf(format, args...)) })
}

// person is one customer, who does one thing after another.
type person struct {
	*crowd
	*testkit.Customer
	lastStep int64
}

// jar has the cookies of one browser, or the API key of a payout system under the name apiKey.
type jar map[string]string

const apiKey = "Authorization"

var client = &http.Client{Timeout: 40 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// send sends one request, and tells what is known of it then.
func (c *crowd) send(j jar, method, path string, body, into any) (outcome, code string) {
	return c.sendAs(fmt.Sprintf("%016x", rand.Uint64()), j, method, path, body, into)
}

// sendAs sends a request under an idempotency key.
func (c *crowd) sendAs(key string, j jar, method, path string, body, into any) (outcome, code string) {
	defer func() { c.note(func() { c.outcomes[outcome]++ }) }()
	text, err := json.Marshal(body)
	if err != nil {
		c.t.Error(err)
	}
	r, err := http.NewRequest(method, c.url+path, bytes.NewReader(text))
	if err != nil {
		c.t.Error(err)
		return unknown, ""
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", testkit.Origin)
	r.Header.Set("Idempotency-Key", key)
	for name, value := range j {
		if name == apiKey {
			r.Header.Set(name, "Bearer "+value)
			r.Header.Del("Origin")
			continue
		}
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := client.Do(r)
	if err != nil {
		return unknown, ""
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return unknown, ""
	}
	for _, cookie := range resp.Cookies() {
		j[cookie.Name] = cookie.Value
	}
	var problem struct{ Code string }
	switch {
	case resp.StatusCode < 300:
		if err := json.Unmarshal(answer, into); err != nil {
			c.t.Errorf("%s: %v in %s", path, err, answer)
		}
		return done, ""
	case json.Unmarshal(answer, &problem) != nil || resp.StatusCode == http.StatusInternalServerError:
		return unknown, ""
	case problem.Code == "unavailable":
		return unchanged, problem.Code
	}
	return refused, problem.Code
}

// insist sends a request again until it is known what became of it. first tells whether all tries before the last said that nothing
// was changed.
func (c *crowd) insist(j jar, path string, body, into any) (outcome, code string, first bool) {
	first = true
	key := fmt.Sprintf("%016x", rand.Uint64())
	for !c.stop.Load() {
		if outcome, code = c.sendAs(key, j, http.MethodPost, path, body, into); outcome == done || outcome == refused {
			return outcome, code, first
		}
		first = first && outcome == unchanged
		<-time.After(50 * time.Millisecond)
	}
	return unknown, "", false
}

func (p *person) main() jar { return jar{"__Host-session": p.Cookie("__Host-session")} }

type result struct {
	Status string
	Result *testkit.Result
}

// login signs in by passkey, now and then with a signature that does not fit, and tries to use the same answer again.
func (p *person) login() {
	var options struct {
		PublicKey json.RawMessage `json:"public_key"`
	}
	j := jar{}
	if outcome, _, _ := p.insist(j, "/v1/login/passkey/options", map[string]string{}, &options); outcome != done {
		return
	}
	challenge := challengeOf(options.PublicKey)
	wrong := rand.IntN(8) == 0
	var tweaks []softkey.Tweak
	if wrong {
		tweaks = append(tweaks, softkey.ZeroSignature())
	}
	credential, err := p.Device.Get(options.PublicKey, tweaks...)
	if err != nil {
		p.crowd.t.Error(err)
		return
	}
	body := map[string]any{"credential": json.RawMessage(credential)}
	nonce := fmt.Sprintf("%x", challenge[17:33]) // as verification.SealChallenge has it
	var in testkit.Session
	outcome, code, first := p.insist(j, "/v1/login/passkey", body, &in)
	switch {
	case outcome == unknown:
		return
	case outcome == refused && code == "challenge_used" && first:
		p.lie("a login was told that nothing was changed, and its challenge was spent")
	case outcome == refused && code != "challenge_used" && !(wrong && code == "passkey_refused") && code != "challenge_expired":
		p.lie("a login was refused by %s", code)
	case wrong && outcome == done:
		p.lie("a wrong signature signed in")
	}
	if code == "challenge_expired" { // it was sent again for so long
		return
	}
	p.note(func() { p.spent[nonce] += 0 })
	if outcome == done {
		p.signedIn(in, func() {
			p.logins = append(p.logins, time.Now())
			p.spent[nonce]++
		})
	}
	if rand.IntN(4) == 0 {
		if outcome, _ := p.send(jar{}, http.MethodPost, "/v1/login/passkey", body, &in); outcome == done {
			p.note(func() { p.spent[nonce]++ })
		}
	}
	var a testkit.Account
	if outcome == done {
		if outcome, code := p.send(j, http.MethodGet, "/v1/account", nil, &a); outcome == refused {
			p.lie("a session that was answered is refused by %s", code)
		}
	}
}

func (p *person) signedIn(s testkit.Session, also func()) {
	p.note(func() {
		p.sessions[s.ID] = s.AccountID
		also()
	})
}

// begun requests a withdrawal and begins its approval.
func (p *person) begun(j jar) (w testkit.Withdrawal, v testkit.Verification, ok bool) {
	body := map[string]string{"asset": "USDT", "network": "tron", "address": testkit.Tron, "amount": "10"}
	if outcome, code, _ := p.insist(j, "/v1/withdrawals", body, &w); outcome != done {
		if outcome == refused {
			p.lie("a withdrawal is refused by %s", code)
		}
		return w, v, false
	}
	outcome, code, _ := p.insist(j, "/v1/verifications", map[string]string{"purpose": "withdrawal.approve", "object": w.ID}, &v)
	if outcome == refused {
		p.lie("an approval of %s cannot be begun: %s", w.ID, code)
	}
	return w, v, outcome == done
}

// withdraw approves a withdrawal by passkey, and tries to use the same answer again.
func (p *person) withdraw() {
	j := p.main()
	w, v, ok := p.begun(j)
	if !ok {
		return
	}
	var ch testkit.Challenge
	if outcome, code, first := p.insist(j, "/v1/verifications/"+v.ID+"/challenge", map[string]string{}, &ch); outcome != done {
		if outcome == refused && first {
			p.lie("no challenge for %s: %s", v.ID, code)
		}
		return
	}
	challenge := fmt.Sprintf("%x", challengeOf(ch.PublicKey))
	credential, err := p.Device.Get(ch.PublicKey)
	if err != nil {
		p.crowd.t.Error(err)
		return
	}
	body := map[string]any{"credential": json.RawMessage(credential)}
	var r result
	outcome, code, first := p.insist(j, "/v1/verifications/"+v.ID+"/passkey", body, &r)
	switch {
	case outcome == unknown, code == "challenge_expired", code == "verification_expired", code == "withdrawal_expired":
		return
	case outcome == refused && first:
		p.lie("an approval was told that nothing was changed, and then refused by %s", code)
	case outcome == refused && code != "challenge_used" && code != "verification_used":
		p.lie("an approval was refused by %s", code)
	}
	p.note(func() { p.answered[challenge] += 0 })
	if outcome == done && r.Status == "done" {
		p.note(func() {
			p.approved[w.ID] = p.ID
			p.answered[challenge]++
		})
	}
	if rand.IntN(4) == 0 {
		if outcome, _ := p.send(j, http.MethodPost, "/v1/verifications/"+v.ID+"/passkey", body, &r); outcome == done {
			p.note(func() { p.answered[challenge]++ })
		}
	}
	var seen testkit.Withdrawal
	if outcome, _ := p.send(j, http.MethodGet, "/v1/withdrawals/"+w.ID, nil, &seen); outcome == done && seen.State != "approved" {
		p.lie("a withdrawal is %s after its approval was used", seen.State)
		return
	}
	if rand.IntN(2) == 0 {
		p.payOut(w.ID)
	}
}

// payOut lets all payout systems try to take one withdrawal over at once, each until it knows whether it has it.
func (p *person) payOut(id string) {
	var all sync.WaitGroup
	for _, system := range p.payouts {
		all.Go(func() {
			j := jar{apiKey: system.Key}
			var seen struct{ State, Details string }
			if outcome, _ := p.send(j, http.MethodGet, "/v1/payouts/"+id, nil, &seen); outcome != done {
				return
			}
			body := map[string]any{"details": json.RawMessage(seen.Details)}
			outcome, code, _ := p.insist(j, "/v1/payouts/"+id+"/hand-over", body, &seen)
			switch {
			case outcome == refused && code != "withdrawal_not_approved":
				p.lie("handing %s over was refused by %s", id, code)
			case outcome == done && seen.State != "handed_over":
				p.lie("%s was handed over and is %s", id, seen.State)
			case outcome == done:
				p.note(func() {
					if other := p.paid[id]; other != "" {
						p.lies = append(p.lies, fmt.Sprintf("%s was handed over to %s and to %s", id, other, system.ID))
					}
					p.paid[id] = system.ID
				})
			}
		})
	}
	all.Wait()
}

func challengeOf(publicKey json.RawMessage) []byte {
	var public struct{ Challenge string }
	if json.Unmarshal(publicKey, &public) != nil {
		return nil
	}
	challenge, err := base64.RawURLEncoding.DecodeString(public.Challenge)
	if err != nil {
		return nil
	}
	return challenge
}

// step is the code of a step of the app that was not used; false where the load ends before there is one.
func (p *person) step() (code string, ok bool) {
	for !p.stop.Load() {
		now := p.Kit.Clock.Now()
		if step := now.Unix() / int64(totp.Period/time.Second); step > p.lastStep {
			p.lastStep = step
			return totp.Code(p.App, now), true
		}
		<-time.After(20 * time.Millisecond)
	}
	return "", false
}

// mailed waits for a code that was sent to an address after the number of those that were there.
func (p *person) mailed(to string, before int) (code string, ok bool) {
	for deadline := time.Now().Add(30 * time.Second); !p.stop.Load() && time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		if all := p.sentTo(to); len(all) > before {
			return all[0], true
		}
	}
	return "", false
}

// sentTo are the codes that were sent to an address, newest first.
func (p *person) sentTo(to string) (codes []string) {
	for _, m := range p.Kit.Inbox.All() {
		if m.To == to && m.Code != "" {
			codes = append(codes, m.Code)
		}
	}
	return codes
}

// signIn signs in by password and a code: the app's, or by e-mail.
func (p *person) signIn() {
	j := jar{}
	var v testkit.Verification
	before := len(p.sentTo(p.Email))
	outcome, code, first := p.insist(j, "/v1/login", map[string]string{"identifier": p.Email, "password": p.Password}, &v)
	if outcome != done {
		if outcome == refused && first {
			p.lie("a password was refused by %s", code)
		}
		return
	}
	var ok bool
	if p.App != nil {
		code, ok = p.step()
	} else {
		code, ok = p.mailed(p.Email, before)
	}
	if !ok {
		return
	}
	var r result
	body := map[string]any{"codes": map[string]string{"any": code}}
	path := "/v1/verifications/" + v.ID + "/codes"
	tries := maps.Clone(j)
	outcome, _, _ = p.insist(j, path, body, &r)
	use := p.ID + " " + v.ID
	if p.App != nil {
		use = fmt.Sprintf("%s step %d", p.ID, p.lastStep)
	}
	if outcome == done && r.Result != nil && r.Result.Session != nil {
		p.signedIn(*r.Result.Session, func() { p.codes[use]++ })
	}
	if again, _ := p.send(tries, http.MethodPost, path, body, &r); again == done {
		p.note(func() { p.codes[use]++ })
	}
}

// withdrawByCodes approves a withdrawal by the codes of all three factors.
func (p *person) withdrawByCodes() {
	j := p.main()
	w, v, ok := p.begun(j)
	if !ok {
		return
	}
	codes := map[string]string{}
	for kind, to := range map[string]string{"email": p.Email, "phone": p.Number} {
		before := len(p.sentTo(to))
		if outcome, _, _ := p.insist(j, "/v1/verifications/"+v.ID+"/send", map[string]string{"factor": kind}, &v); outcome == unknown {
			return
		}
		if codes[kind], ok = p.mailed(to, before); !ok {
			return
		}
	}
	if codes["authenticator"], ok = p.step(); !ok {
		return
	}
	var r result
	body := map[string]any{"codes": codes}
	path := "/v1/verifications/" + v.ID + "/codes"
	use := fmt.Sprintf("%s step %d", p.ID, p.lastStep)
	if outcome, _, _ := p.insist(j, path, body, &r); outcome == done && r.Status == "done" {
		p.note(func() {
			p.approved[w.ID] = p.ID
			p.codes[use]++
		})
	}
	if again, _ := p.send(j, http.MethodPost, path, body, &r); again == done {
		p.note(func() { p.codes[use]++ })
	}
}
