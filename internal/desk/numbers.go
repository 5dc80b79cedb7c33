package desk

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"countersign/internal/policy"
	"countersign/internal/refusal"
	"countersign/internal/store"
)

const day = 24 * time.Hour

// Numbers are how the service goes, over whole days (UTC). They count, and nothing in them is about one person.
type Numbers struct {
	From        time.Time  `json:"from"`
	To          time.Time  `json:"to"`
	Figures     Figures    `json:"figures"`
	Funnel      []Step     `json:"funnel"`
	Causes      []Cause    `json:"causes"`
	Withdrawals []Approved `json:"withdrawals_by_day"`
	SignIn      []Median   `json:"sign_in_medians"`
}

// Figures are the headlines; null where there is nothing to count. Before is the span of the same length before.
type Figures struct {
	CreatedRate       *float64 `json:"created_rate"` // of those past the codes
	CreatedRateBefore *float64 `json:"created_rate_before"`
	CreateMedian      *int64   `json:"create_median_ms"`
	// SignInMedian is by passkey, from when the page asked for it; CodesMedian from the password to the last code.
	SignInMedian       *int64   `json:"sign_in_median_ms"`
	CodesMedian        *int64   `json:"codes_median_ms"`
	PasskeyShare       *float64 `json:"passkey_share"` // of the withdrawals approved
	PasskeyShareBefore *float64 `json:"passkey_share_before"`
	Requests           int      `json:"setup_requests"`
	Began              int      `json:"began"`
}

// Step is how many came as far as this.
type Step struct {
	Step  string `json:"step"` // opened | codes | prompted | created
	Count int    `json:"count"`
}

// Cause is why attempts stopped at the device.
type Cause struct {
	Code      string     `json:"code"` // no_answer where none came
	Count     int        `json:"count"`
	Platforms []Platform `json:"platforms"`
}

// Platform is a system's share.
type Platform struct {
	Platform string `json:"platform"`
	Count    int    `json:"count"`
}

// Approved is how many withdrawals were approved on a day.
type Approved struct {
	Day     string `json:"day"`
	Passkey int    `json:"passkey"`
	Codes   int    `json:"codes"`
}

// Median are the median times to sign in on a day, as SignInMedian and CodesMedian.
type Median struct {
	Day     string `json:"day"`
	Passkey *int64 `json:"passkey_ms"`
	Codes   *int64 `json:"codes_ms"`
}

// Numbers counts the last days, today among them.
func (s *Service) Numbers(ctx context.Context, c Caller, days int) (*Numbers, error) {
	var out *Numbers
	err := s.look(ctx, c, "", "desk.numbers_seen", nil, func(tx *store.Tx) error {
		if !slices.Contains([]int{7, 28, 90}, days) {
			return refusal.Field("invalid_request", "days", "Numbers are over 7, 28 or 90 days.")
		}
		return s.allow(tx, c, counts, "numbers")
	})
	if err != nil {
		return nil, err
	}
	// They are counted beside the writer, which has others waiting; and one after another, or the counting of a few would take all the
	// connections by which the database is read, and nobody could sign in meanwhile.
	s.counting.Lock()
	defer s.counting.Unlock()
	err = s.Engine.DB.View(ctx, func(tx *store.Tx) (err error) {
		out, err = numbers(tx, days)
		return err
	})
	return out, err
}

func numbers(tx *store.Tx, days int) (*Numbers, error) {
	to := tx.Now.Truncate(day).Add(day)
	from := to.Add(-time.Duration(days) * day)
	before := from.Add(-time.Duration(days) * day)
	n := &Numbers{From: from, To: to, Withdrawals: []Approved{}, SignIn: []Median{}}
	f, err := tx.CreationFunnel(from, to)
	if err != nil {
		return nil, err
	}
	n.Funnel = []Step{{"opened", f.Begun}, {"codes", f.Codes}, {"prompted", f.Prompted}, {"created", f.Created}}
	former, err := tx.CreationFunnel(before, from)
	if err != nil {
		return nil, err
	}
	n.Figures = Figures{CreatedRate: share(f.Created, f.Codes), CreatedRateBefore: share(former.Created, former.Codes), Began: f.Begun}
	stops, err := tx.CreationStops(from, to)
	if err != nil {
		return nil, err
	}
	n.Causes = causes(stops)
	if n.Figures.CreateMedian, err = orNone(tx.MedianCreation(from, to)); err != nil {
		return nil, err
	}
	all, err := signIns(tx, from, to)
	if err != nil {
		return nil, err
	}
	n.Figures.SignInMedian, n.Figures.CodesMedian = all.Passkey, all.Codes
	if n.Figures.Requests, err = tx.CountSetUpRequests(from, to); err != nil {
		return nil, err
	}
	for at := from; at.Before(to); at = at.Add(day) {
		m, err := signIns(tx, at, at.Add(day))
		if err != nil {
			return nil, err
		}
		n.SignIn = append(n.SignIn, m)
		n.Withdrawals = append(n.Withdrawals, Approved{Day: m.Day})
	}
	return n, n.approved(tx, before, from, to)
}

func (n *Numbers) approved(tx *store.Tx, before, from, to time.Time) error {
	list, err := tx.ApprovedByDay(before, to)
	if err != nil {
		return err
	}
	var passkeys, all [2]int // before, and now
	for _, a := range list {
		span := 0
		if !a.Day.Before(from) {
			span = 1
			line := &n.Withdrawals[int(a.Day.Sub(from)/day)]
			if a.Way == "passkey" {
				line.Passkey += a.Count
			} else {
				line.Codes += a.Count
			}
		}
		all[span] += a.Count
		if a.Way == "passkey" {
			passkeys[span] += a.Count
		}
	}
	n.Figures.PasskeyShare, n.Figures.PasskeyShareBefore = share(passkeys[1], all[1]), share(passkeys[0], all[0])
	return nil
}

func share(part, of int) *float64 {
	if of == 0 {
		return nil
	}
	f := float64(part) / float64(of)
	return &f
}

func signIns(tx *store.Tx, from, to time.Time) (m Median, err error) {
	m.Day = from.Format(time.DateOnly)
	if m.Passkey, err = orNone(tx.MedianSignIn("passkey", from, to, policy.SessionAbsolute)); err == nil {
		m.Codes, err = orNone(tx.MedianSignIn("codes", from, to, policy.SessionAbsolute))
	}
	return m, err
}

func orNone(d time.Duration, err error) (*int64, error) {
	if err != nil || d == 0 {
		return nil, err
	}
	ms := d.Milliseconds()
	return &ms, nil
}

var plainCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// causes brings stops together by cause, and platforms by their family: a version that few have would tell on them.
func causes(stops []store.Stop) []Cause {
	out := []Cause{}
	for _, s := range stops {
		code := s.Outcome
		switch {
		case code == "":
			code = "no_answer"
		case !plainCode.MatchString(code):
			code = "unknown"
		}
		i := slices.IndexFunc(out, func(c Cause) bool { return c.Code == code })
		if i < 0 {
			i = len(out)
			out = append(out, Cause{Code: code})
		}
		c := &out[i]
		c.Count += s.Count
		platform := family(s.Platform)
		j := slices.IndexFunc(c.Platforms, func(p Platform) bool { return p.Platform == platform })
		if j < 0 {
			j = len(c.Platforms)
			c.Platforms = append(c.Platforms, Platform{Platform: platform})
		}
		c.Platforms[j].Count += s.Count
	}
	for _, c := range out {
		slices.SortStableFunc(c.Platforms, func(a, b Platform) int { return b.Count - a.Count })
	}
	slices.SortStableFunc(out, func(a, b Cause) int { return b.Count - a.Count })
	return out
}

var families = []string{"Android", "iOS", "iPadOS", "macOS", "Windows", "ChromeOS", "Linux"}

func family(platform string) string {
	first, _, _ := strings.Cut(platform, " ")
	if slices.Contains(families, first) {
		return first
	}
	return "Other"
}
