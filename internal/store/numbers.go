package store

import "time"

// What follows only counts: no row that it returns is about one person.

// Funnel is how far those came who began to create a passkey.
type Funnel struct{ Begun, Codes, Prompted, Created int }

// CreationFunnel counts the attempts to create a passkey that were begun in a span.
func (tx *Tx) CreationFunnel(from, to time.Time) (f Funnel, err error) {
	err = tx.row([]any{&f.Begun, &f.Codes, &f.Prompted, &f.Created}, `SELECT count(*),
		count(CASE WHEN codes_at > 0 OR prompted_at > 0 OR outcome = 'done' THEN 1 END), count(CASE WHEN prompted_at > 0 OR outcome = 'done' THEN 1 END), count(CASE WHEN outcome = 'done' THEN 1 END)
		FROM attempts WHERE operation = 'create' AND begun_at >= $1 AND begun_at < $2`, millis(from), millis(to))
	return f, err
}

// Stop is how often attempts ended for one cause on one platform.
type Stop struct {
	Outcome, Platform string
	Count             int
}

// CreationStops counts why attempts to create a passkey ended at the device; the outcome is "" where no answer came.
func (tx *Tx) CreationStops(from, to time.Time) ([]Stop, error) {
	return rows(tx, func(s *Stop) []any { return []any{&s.Outcome, &s.Platform, &s.Count} }, `SELECT outcome, platform, count(*) FROM attempts
		WHERE operation = 'create' AND begun_at >= $1 AND begun_at < $2 AND prompted_at > 0 AND outcome <> 'done' GROUP BY outcome, platform ORDER BY count(*) DESC, outcome, platform LIMIT 2000`,
		millis(from), millis(to))
}

// MedianCreation is the median time of the creations of a passkey that were begun in a span and succeeded; 0 if none did.
func (tx *Tx) MedianCreation(from, to time.Time) (time.Duration, error) {
	return tx.median(`ended_at - begun_at`, `attempts WHERE operation = $1 AND begun_at >= $2 AND begun_at < $3 AND outcome = 'done' AND ended_at > 0`, "create", from, to)
}

// MedianSignIn is the median time of the sign-ins in one way (codes or passkey) in a span, of sessions that live so long in all; 0 if
// there was none.
func (tx *Tx) MedianSignIn(method string, from, to time.Time, life time.Duration) (time.Duration, error) {
	return tx.median(`took`, `sessions WHERE method = $1 AND expires_at >= $2 AND expires_at < $3 AND took > 0`, method, from.Add(life), to.Add(life))
}

// median is the lower median of a number of milliseconds among rows that are chosen by a word and a span.
func (tx *Tx) median(of, among, word string, from, to time.Time) (time.Duration, error) {
	var n int
	if err := tx.row([]any{&n}, `SELECT count(*) FROM `+among, word, millis(from), millis(to)); err != nil || n == 0 {
		return 0, err
	}
	var ms int64
	err := tx.row([]any{&ms}, `SELECT `+of+` FROM `+among+` ORDER BY `+of+` LIMIT 1 OFFSET $4`, word, millis(from), millis(to), (n-1)/2)
	return time.Duration(ms) * time.Millisecond, err
}

// ApprovedCount is how many withdrawals were approved on one day (UTC) in one way.
type ApprovedCount struct {
	Day   time.Time
	Way   string
	Count int
}

// ApprovedByDay counts the withdrawals approved in a span.
func (tx *Tx) ApprovedByDay(from, to time.Time) ([]ApprovedCount, error) {
	return rows(tx, func(a *ApprovedCount) []any { return []any{at{&a.Day}, &a.Way, &a.Count} }, `SELECT a.created_at / 86400000 * 86400000 AS day, w.approved_way, count(*)
		FROM approvals a JOIN withdrawals w ON w.id = a.withdrawal_id WHERE a.created_at >= $1 AND a.created_at < $2 GROUP BY day, w.approved_way ORDER BY day`, millis(from), millis(to))
}

// CountSetUpRequests counts the requests about passkeys that would not do, opened in a span of days, those that are deleted too.
func (tx *Tx) CountSetUpRequests(from, to time.Time) (n int, err error) {
	err = tx.row([]any{&n}, `SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM tickets_opened WHERE topic IN ('passkey_create_failed', 'passkey_sign_in_failed', 'passkey_confirm_failed') AND day >= $1 AND day < $2`,
		millis(from), millis(to))
	return n, err
}

// Carried is how the outbox fares on one channel.
type Carried struct {
	Channel  string
	Waiting  int       // due, and not taken yet
	Oldest   time.Time // when the oldest of those was queued
	LastSent time.Time
	Failed   int // given up within the last day
}

// Outbox reads how messages fare, by channel.
func (tx *Tx) Outbox() ([]Carried, error) {
	return rows(tx, func(c *Carried) []any {
		return []any{&c.Channel, &c.Waiting, at{&c.Oldest}, at{&c.LastSent}, &c.Failed}
	}, `SELECT channel,
		count(CASE WHEN state = 'queued' AND due_at <= $1 THEN 1 END), coalesce(min(CASE WHEN state = 'queued' AND due_at <= $1 THEN created_at END), 0),
		coalesce(max(CASE WHEN state IN ('sent', 'delivered') THEN ended_at END), 0), count(CASE WHEN state = 'failed' AND ended_at > $2 THEN 1 END)
		FROM outbox WHERE channel <> 'none' GROUP BY channel`, millis(tx.Now), millis(tx.Now.Add(-day)))
}
