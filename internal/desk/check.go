package desk

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
)

// Report is what the check found, and the policy in force.
type Report struct {
	At     time.Time `json:"at"`
	TookMS int64     `json:"took_ms"`
	Checks []Check   `json:"checks"`
	Policy []Rule    `json:"policy"`
}

// Status is what a check comes to.
type Status string

// The statuses.
const (
	OK   Status = "ok"
	Warn Status = "warn"
	Fail Status = "fail"
)

// Check is one thing that was looked at.
type Check struct {
	Group  string `json:"group"` // addresses | well_known | messages | storage
	ID     string `json:"id"`
	Title  string `json:"title"`
	Status Status `json:"status"`
	Found  string `json:"found"`
	Needed string `json:"needed"` // "" where it is as it should be
	Help   string `json:"help"`   // what to do; "" where there is nothing
	TookMS int64  `json:"took_ms"`
}

// Rule is one rule of the policy beside its default.
type Rule struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Default string `json:"default"`
}

// What is watched for.
const (
	certificateWarn = 21 * day
	certificateFail = 3 * day
	skewWarn        = 2 * time.Second // Date headers have whole seconds: one more is the measure's own
	skewFail        = 30 * time.Second
	diskWarn        = 5 << 30
	diskFail        = 500 << 20
	backlogWarn     = 2 * time.Minute
	backlogFail     = 15 * time.Minute
)

// Check looks whether the installation works, from within and from outside. Nothing is sent to anybody.
func (s *Service) Check(ctx context.Context, c Caller) (*Report, error) {
	err := s.look(ctx, c, "", "desk.check_run", nil, func(tx *store.Tx) error { return s.allow(tx, c, checks, "check") })
	if err != nil {
		return nil, err
	}
	start := time.Now() //nolint:forbidigo // a duration to show
	parts := []func(context.Context) []Check{s.checkOrigins, s.checkRelyingParty, s.checkMail, s.checkSMS, s.checkCarriers, s.checkSpending, s.checkOutbox, s.checkDisk, s.checkRecordings, s.checkDatabase, s.checkBuild}
	for _, origin := range s.Origins {
		parts = append(parts, func(ctx context.Context) []Check { return s.checkAddress(ctx, origin) })
	}
	found := make([][]Check, len(parts))
	var wait sync.WaitGroup
	for i, part := range parts {
		wait.Go(func() { found[i] = timed(ctx, part) })
	}
	wait.Wait()
	r := &Report{At: s.Engine.DB.Now(), Checks: []Check{}, Policy: s.rules()}
	for _, group := range []string{"addresses", "well_known", "messages", "storage"} {
		for _, list := range found {
			for _, one := range list {
				if one.Group == group {
					r.Checks = append(r.Checks, one)
				}
			}
		}
	}
	r.TookMS = time.Since(start).Milliseconds()
	return r, nil
}

// timed gives the time that a part took to those of its checks that have none of their own.
func timed(ctx context.Context, part func(context.Context) []Check) []Check {
	start := time.Now() //nolint:forbidigo // a duration to show
	list := part(ctx)
	for i := range list {
		if list[i].TookMS == 0 {
			list[i].TookMS = time.Since(start).Milliseconds()
		}
	}
	return list
}

func (c Check) worse(status Status, needed, help string) Check {
	c.Status, c.Needed, c.Help = status, needed, help
	return c
}

func local(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Hostname() == "localhost"
}

func (s *Service) checkOrigins(context.Context) []Check {
	c := Check{Group: "addresses", ID: "origins", Title: "Origins allowed", Status: OK, Found: fmt.Sprintf("%d: %s", len(s.Origins), strings.Join(s.Origins, ", "))}
	for _, origin := range s.Origins {
		switch {
		case strings.HasPrefix(origin, "https://"):
		case local(origin):
			if s.Demo {
				c.Found += " (plain http is fine for a demo on this machine)"
				continue
			}
			c = c.worse(Warn, "https", "Only browsers on this machine reach http://localhost. Set an https origin before anybody else is to come.")
		default:
			c = c.worse(Fail, "https", "Passkeys work at https only. Set the origin that people open.")
		}
	}
	return []Check{c}
}

func (s *Service) checkRelyingParty(context.Context) []Check {
	id := s.Engine.RP.ID
	c := Check{Group: "addresses", ID: "relying_party", Title: "Relying party", Status: OK, Found: id}
	for _, origin := range s.Origins {
		u, err := url.Parse(origin)
		if err != nil || u.Hostname() != id && !strings.HasSuffix(u.Hostname(), "."+id) {
			c = c.worse(Fail, "a domain that every origin is at or below", "Every passkey is tied to it, and none works anywhere else. Mend the origins, not the relying party.")
		}
	}
	return []Check{c}
}

// checkAddress fetches one origin back.
func (s *Service) checkAddress(ctx context.Context, origin string) []Check {
	paths := []string{"/healthz", "/.well-known/passkey-endpoints", "/.well-known/change-password"}
	got := make([]fetched, len(paths))
	var wait sync.WaitGroup
	for i, path := range paths {
		wait.Go(func() { got[i] = s.fetch(ctx, origin, path) })
	}
	wait.Wait()
	host := strings.TrimPrefix(strings.TrimPrefix(origin, "https://"), "http://")
	health, endpoints, change := got[0], got[1], got[2]
	public := Check{Group: "addresses", ID: "public/" + host, Title: "Public address", Status: OK, Found: origin, TookMS: health.took.Milliseconds()}
	if health.err != nil || health.status != 200 || health.json("ok") != "true" {
		public.Found = origin + ": " + health.found()
		public = public.worse(Fail, "200, {\"ok\":true}", "This machine asked for "+origin+"/healthz and got no answer from the service. Look at DNS, the proxy and the firewall, also from within.")
	}
	out := []Check{public, certificate(host, health, s.Engine.DB.Now()), s.clock(host, health)}
	enroll := Check{Group: "well_known", ID: "passkey-endpoints/" + host, Title: "passkey-endpoints", Status: OK, Found: endpoints.found(), TookMS: endpoints.took.Milliseconds()}
	if want := s.Origins[0] + "/security/passkeys"; endpoints.err != nil || endpoints.status != 200 || endpoints.json("manage") != want {
		enroll = enroll.worse(Fail, "200, application/json, with "+want, "Password managers find the passkeys page by this file. The proxy must hand /.well-known/ through.")
	}
	password := Check{Group: "well_known", ID: "change-password/" + host, Title: "change-password", Status: OK, Found: change.found(), TookMS: change.took.Milliseconds()}
	if change.err != nil || change.status != 302 || !strings.HasSuffix(change.location, "/security/password") {
		password = password.worse(Warn, "302, to /security/password", "Browsers lead people who must change a password by this address. The proxy must hand /.well-known/ through.")
	}
	return append(out, enroll, password)
}

func certificate(host string, f fetched, now time.Time) Check {
	c := Check{Group: "addresses", ID: "certificate/" + host, Title: "Certificate", Status: OK, TookMS: f.took.Milliseconds()}
	if f.until.IsZero() {
		c.Found = "none: plain http"
		switch {
		case f.err != nil:
			c.Found = "not seen: " + f.err.Error()
			return c.worse(Fail, "a certificate that browsers accept", "It could not be read, as the address did not answer, or with a certificate that is not accepted.")
		case strings.HasPrefix(host, "localhost"):
			return c
		}
		return c.worse(Fail, "https", "Put a proxy with a certificate before the service.")
	}
	left := f.until.Sub(now)
	c.Found = fmt.Sprintf("valid until %s, %d days", f.until.UTC().Format("2 Jan 2006"), int(left/day))
	switch {
	case left < certificateFail:
		return c.worse(Fail, "more than 3 days", "Renew it now: browsers refuse the service when it ends.")
	case left < certificateWarn:
		return c.worse(Warn, "more than 21 days", "It should have been renewed by now. Look at what renews it.")
	}
	return c
}

// clock compares this machine's clock with that of whoever answered at the public address, and with its own past.
func (s *Service) clock(host string, f fetched) Check {
	c := Check{Group: "storage", ID: "clock/" + host, Title: "Clock", Status: OK, Found: "never behind its own past"}
	if behind := s.Engine.DB.Behind(); behind > skewWarn {
		c.Found = behind.Round(time.Second).String() + " behind what it was"
		return c.worse(Fail, "a clock that goes on", "The clock was set back. Codes of authenticator apps do not match until it is right. Set it, and let it be kept by NTP.")
	}
	if f.err != nil || f.date.IsZero() {
		c.Found += "; nothing to compare it with"
		return c
	}
	skew := f.at.Sub(f.date)
	if skew >= 0 { // the header leaves out what goes beyond the second, and the answer has taken its time
		skew = max(0, skew-time.Second-f.took)
	}
	c.Found = skew.Abs().Round(100*time.Millisecond).String() + " off what " + host + " says"
	switch skew = skew.Abs(); {
	case skew > skewFail:
		return c.worse(Fail, "2 s at most", "One of the two clocks is wrong. Codes of authenticator apps have 30 s. Let NTP keep both.")
	case skew > skewWarn:
		return c.worse(Warn, "2 s at most", "One of the two clocks is off. Let NTP keep both.")
	}
	return c
}

func (s *Service) checkMail(ctx context.Context) []Check {
	return []Check{s.carrier(ctx, delivery.ChannelEmail, "mail", "Mail")}
}

func (s *Service) checkSMS(ctx context.Context) []Check {
	return []Check{s.carrier(ctx, delivery.ChannelSMS, "sms", "SMS")}
}

// carrier asks a carrier that can be asked; of another, what was sent lately tells.
func (s *Service) carrier(ctx context.Context, channel, id, title string) Check {
	c := Check{Group: "messages", ID: id, Title: title, Status: OK}
	var stats store.Carried
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		list, err := tx.Outbox()
		for _, one := range list {
			if one.Channel == channel {
				stats = one
			}
		}
		return err
	})
	if err != nil {
		c.Found = "the outbox cannot be read"
		return c.worse(Fail, "an outbox", "Look at the database.")
	}
	sent := "nothing sent yet"
	if !stats.LastSent.IsZero() {
		sent = "last sent " + stats.LastSent.Format("2 Jan, 15:04 UTC")
	}
	carrier := s.Carriers[channel]
	if carrier == nil {
		c.Found = "no carrier"
		return c.worse(Fail, "a carrier", "Codes go out this way. Set one, and start the service again.")
	}
	if checker, can := carrier.(delivery.Checker); can {
		ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		if err := checker.Check(ctx); err != nil {
			c.Found = err.Error()
			return c.worse(Fail, "a server that answers", "Nothing goes out until it does. Look at host, port, user and the network.")
		}
		sent = "the server answers; " + sent
	} else if s.Demo {
		sent = "kept in the demo’s inbox; " + sent
	}
	c.Found = sent
	if stats.Failed > 0 {
		c.Found += fmt.Sprintf("; %d given up within a day", stats.Failed)
		return c.worse(Warn, "none given up", "Recipients were refused, or the carrier was away for too long. The log has the reasons.")
	}
	return c
}

func (s *Service) checkOutbox(ctx context.Context) []Check {
	c := Check{Group: "messages", ID: "outbox", Title: "Outbox", Status: OK, Found: "nothing waits"}
	err := s.Engine.DB.View(ctx, func(tx *store.Tx) error {
		list, err := tx.Outbox()
		waiting, oldest := 0, tx.Now
		for _, one := range list {
			waiting += one.Waiting
			if one.Waiting > 0 && one.Oldest.Before(oldest) {
				oldest = one.Oldest
			}
		}
		if waiting == 0 {
			return err
		}
		age := tx.Now.Sub(oldest)
		c.Found = fmt.Sprintf("%d due, the oldest for %s", waiting, age.Round(time.Second))
		switch {
		case age > backlogFail:
			c = c.worse(Fail, "under 15 min", "Codes are dead before they arrive. See Mail and SMS.")
		case age > backlogWarn:
			c = c.worse(Warn, "under 2 min", "Messages go out late. See Mail and SMS.")
		}
		return err
	})
	if err != nil {
		c.Found = "cannot be read"
		c = c.worse(Fail, "an outbox", "Look at the database.")
	}
	return []Check{c}
}

func (s *Service) checkDisk(context.Context) []Check {
	if s.DiskFree == nil {
		return nil
	}
	free, known, err := s.DiskFree()
	return []Check{room("disk", "Disk of the database", free, known && err == nil, "When it is full nobody can sign in. Make room now.")}
}

func (s *Service) checkRecordings(ctx context.Context) []Check {
	if s.TryStore == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	free, known, err := s.TryStore(ctx)
	c := room("recordings", "Store of recordings", free, known, "When it is full no recording is taken. Make room.")
	switch {
	case err != nil:
		c.Found = plainly(err).Error()
		c = c.worse(Fail, "a store that answers", "Recordings cannot be taken or watched. Look at the folder or the bucket.")
	case !known:
		c.Found = "stores, reads and deletes"
	}
	return []Check{c}
}

// room judges how much is left; full is what it means that nothing is.
func room(id, title string, free int64, known bool, full string) Check {
	c := Check{Group: "storage", ID: id, Title: title, Status: OK, Found: "not known here"}
	if !known {
		return c
	}
	c.Found = fmt.Sprintf("%.1f GB free", float64(free)/1e9)
	switch {
	case free < diskFail:
		return c.worse(Fail, "0.5 GB and more", full)
	case free < diskWarn:
		return c.worse(Warn, "5 GB and more", "Make room before it is full.")
	}
	return c
}

func (s *Service) checkDatabase(ctx context.Context) []Check {
	c := Check{Group: "storage", ID: "database", Title: "Database", Status: OK}
	found, durable, err := s.Engine.DB.Durability(ctx)
	c.Found = found
	switch {
	case err != nil:
		c.Found = "does not answer"
		c = c.worse(Fail, "a database that answers", "Look at the log.")
	case !durable:
		c = c.worse(Fail, "commits that reach the disk", "What was answered could be lost with the power. Do not change synchronous.")
	}
	return []Check{c}
}

func (s *Service) checkBuild(context.Context) []Check {
	return []Check{{Group: "storage", ID: "build", Title: "Build", Status: OK, Found: s.Build}}
}

// rules is the policy in force beside the default.
func (s *Service) rules() []Rule {
	h, d := s.Holds, policy.DefaultHolds()
	out := []Rule{
		{"hold_factor_replaced", span(h.FactorReplaced), span(d.FactorReplaced)}, {"hold_factor_unbound", span(h.FactorUnbound), span(d.FactorUnbound)},
		{"hold_password_reset", span(h.PasswordReset), span(d.PasswordReset)}, {"hold_second_factor", span(h.SecondFactor), span(d.SecondFactor)},
		{"hold_unfrozen", span(h.Unfrozen), span(d.Unfrozen)}, {"new_address_wait", span(h.NewAddress), span(d.NewAddress)},
		{"user_verification", "required", "required"},
	}
	for _, p := range []policy.Purpose{policy.Login, policy.ApproveWithdrawal} {
		out = append(out, Rule{"passkey_for_" + strings.ReplaceAll(string(p), ".", "_"), serves(s.Engine.Policy[p]), serves(policy.Default()[p])})
	}
	return out
}

func span(d time.Duration) string { return fmt.Sprintf("%g h", d.Hours()) }

func serves(r policy.Row) string {
	return map[policy.PasskeyWay]string{policy.NoPasskey: "no", policy.AnyPasskey: "any", policy.PowerfulPasskey: "with withdrawal power"}[r.Passkey]
}

// SendTestMail sends a mail to the operator's own address, and to no other.
func (s *Service) SendTestMail(ctx context.Context, c Caller) error {
	return s.act(ctx, c, "", "desk.test_mail", nil, "", func(tx *store.Tx) error {
		if err := s.allow(tx, c, mails, "mail"); err != nil {
			return err
		}
		if s.Carriers[delivery.ChannelEmail] == nil {
			return refusal.New("conflict", "No carrier of mail is configured.")
		}
		to, err := tx.OperatorEmail(c.Operator)
		if err != nil {
			return err
		}
		return tx.Queue("", s.Engine.Notifier.Brand.TestEmail(to, tx.Now), tx.Now.Add(time.Hour))
	})
}
