package auditlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"countersign/internal/store"
)

// sentences tell of what was done; {name} is a member of the event's data. An event of another kind is told by its kind.
var sentences = map[string]string{
	"account.created":        "The account was opened.",
	"account.frozen":         "The account was frozen, by {by}.",
	"account.unfrozen":       "The account was unfrozen, by {way}; passkeys deleted: {passkeys_deleted}.",
	"account.erased":         "Everything personal of the account was erased, by {by}; withdrawals {withdrawals}.",
	"login":                  "Signed in, by {method}.",
	"logout":                 "Signed out.",
	"sessions.ended":         "Sessions were ended: {which}, by {way}.",
	"passkey.created":        "Passkey {passkey} was created, by {way}.",
	"passkey.deleted":        "Passkey {passkey} was deleted, by {way}.",
	"passkey.renamed":        "Passkey {passkey} was renamed.",
	"factor.bound":           "A factor was added: {factor}, by {way}.",
	"factor.replaced":        "A factor was replaced: {factor}, by {way}.",
	"factor.unbound":         "A factor was removed: {factor}, by {way}.",
	"password.changed":       "The password was changed, by {way}.",
	"password.reset":         "The password was reset, by {way}.",
	"phrase.set":             "The phrase against imitations was set, by {way}.",
	"address.saved":          "Address {entry} on {network} was saved in the book, by {way}.",
	"address.deleted":        "Address {entry} was deleted from the book.",
	"withdrawal.requested":   "Withdrawal {withdrawal} was requested: {amount} {asset}.",
	"withdrawal.approved":    "Withdrawal {withdrawal} was approved: {amount} {asset}, by {way}, to be handed over until {hand_over_until}. Fingerprint {fingerprint}.",
	"withdrawal.handed_over": "Withdrawal {withdrawal} was handed over to be paid: {amount} {asset}.",
	"withdrawal.declined":    "Withdrawal {withdrawal} was declined: {amount} {asset}, by {by}.",
	"withdrawal.cancelled":   "Withdrawal {withdrawal} was cancelled: {amount} {asset}, by {by}.",
	"withdrawal.expired":     "Withdrawal {withdrawal} expired: {amount} {asset}.",
	"api_key.created":        "API key {api_key} was made, by {by}.",
	"api_key.revoked":        "API key {api_key} was revoked, by {by}.",
	"log.restored":           "The database was restored: log {before} ended at {size} entries, log {generation} began.",
	"desk.signed_in":         "An operator signed in.",
	"desk.signed_out":        "An operator signed out.",
	"desk.operator_invited":  "Operator {operator} was invited as {role}.",
	"desk.operator_role":     "Operator {operator} became {role}.",
	"desk.operator_ended":    "Operator {operator} was ended.",
	"desk.account_found":     "An operator looked for the account.",
	"desk.account_seen":      "An operator looked at the account.",
	"desk.events_seen":       "An operator read the account's older events.",
	"desk.sessions_ended":    "An operator ended all {sessions} sessions.",
	"desk.hold":              "An operator paused withdrawals until {held_until}.",
	"desk.ticket":            "An operator read request {ticket}.",
	"desk.ticket_assigned":   "An operator assigned request {ticket} to {to}.",
	"desk.ticket_answered":   "An operator answered request {ticket}.",
	"desk.ticket_state":      "An operator made request {ticket} {state}.",
	"desk.recording_seen":    "An operator played recording {recording}.",
	"ticket.opened":          "Request {ticket} for help was opened, about {topic}.",
	"ticket.message":         "The customer wrote in request {ticket}.",
	"recording.made":         "Recording {recording} was uploaded.",
	"recording.deleted":      "Recording {recording} was deleted by its owner.",
	"recording.expired":      "Recording {recording} was deleted, its time was over.",
}

// refusals tell of what was not done.
var refusals = map[string]string{
	"codes.wrong":       "Wrong codes were given for {purpose}.",
	"guesses.exhausted": "The last guess was used up, for {purpose}.",
	"passkey.suspended": "Passkey {passkey} was suspended: its counter went backwards.",
	"login.refused":     "REFUSED to sign in, by {method}: {code}.",
	"passkey.refused":   "A passkey was REFUSED for {purpose}: {code}.",
	"log.refused":       "Event {event} was REFUSED a place in the log: the service did not write it.",
	"hand_over.refused": "Withdrawal {withdrawal} was REFUSED to the payout system with {api_key}: {code}.",
}

// sentence tells of one event; what of its data the words do not name stands behind them.
func sentence(r *store.LogRow) string {
	if !r.RedactedAt.IsZero() {
		return "(" + r.Kind + "; the rest was redacted)"
	}
	data, err := parseObject([]byte(r.Data))
	if err != nil {
		return r.Kind + " (its data cannot be read)"
	}
	text, known := sentences[r.Kind]
	if !r.OK {
		text, known = refusals[r.Kind]
	}
	rest := maps.Clone(data)
	for name, value := range data {
		if mark := "{" + name + "}"; strings.Contains(text, mark) {
			text = strings.ReplaceAll(text, mark, value)
			delete(rest, name)
		}
	}
	switch {
	case known && !strings.Contains(text, "{"):
	case r.OK:
		text, rest = r.Kind+".", data
	default:
		text, rest = "REFUSED: "+strings.TrimSuffix(r.Kind, ".refused")+".", data
	}
	if until, held := rest[store.HeldUntil]; held {
		text += " Withdrawals pause until " + until + "."
		delete(rest, store.HeldUntil)
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		if rest[name] != "" {
			text += fmt.Sprintf(" %s: %s.", name, rest[name])
		}
	}
	return text
}

// Line is one event as it is told.
type Line struct {
	Row  store.LogRow
	Text string
	// Place is how it stands with the log: "leaf 17", "not yet in the log", or what is wrong.
	Place string
	Wrong bool
}

// Story tells what happened to an account, the oldest first, and compares each event with its leaf. Of "" it tells what happened to no
// account: to API keys, operators and the log itself.
func Story(ctx context.Context, db *store.DB, accountID string, tell func(Line) error) error {
	for after := int64(math.MinInt64); ; {
		var lines []Line
		err := db.View(ctx, func(tx *store.Tx) error {
			rows, err := tx.EventsOfAccount(accountID, after, page)
			if err != nil {
				return err
			}
			lines = lines[:0]
			bundles := map[int64][]byte{}
			for i := range rows {
				line, err := lineOf(tx, &rows[i], bundles)
				if err != nil {
					return err
				}
				lines = append(lines, line)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, line := range lines {
			after = line.Row.ID
			if err := tell(line); err != nil {
				return err
			}
		}
		if len(lines) < page {
			return nil
		}
	}
}

func lineOf(tx *store.Tx, r *store.LogRow, bundles map[int64][]byte) (Line, error) {
	line := Line{Row: *r, Text: Plain(sentence(r))}
	switch {
	case r.Leaf == store.Unsequenced:
		line.Place = "not yet in the log"
		return line, nil
	case r.Leaf < 0:
		line.Place, line.Wrong = "NOT WRITTEN BY THE SERVICE", true
		return line, nil
	}
	number := r.Leaf / tileWidth
	if _, read := bundles[number]; !read {
		_, data, err := tx.Tile(entriesLevel, number)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return line, err
		}
		bundles[number] = data
	}
	line.Place = fmt.Sprintf("leaf %d", r.Leaf)
	switch entry, has := nth(bundles[number], int(r.Leaf%tileWidth)); {
	case !has:
		line.Place, line.Wrong = line.Place+", WHICH THE LOG DOES NOT HAVE", true
	case r.RedactedAt.IsZero() && string(Entry(r)) != string(entry), !r.RedactedAt.IsZero() && !leftOf(r, entry):
		line.Place, line.Wrong = line.Place+", AND NOT WHAT THE LOG HAS THERE", true
	}
	return line, nil
}

// leftOf tells whether a redacted row still says what its entry does, and nothing besides.
func leftOf(r *store.LogRow, entry []byte) bool {
	l, err := ParseEntry(entry)
	return err == nil && len(l.differing(r)) == 0 && r.Blank()
}
