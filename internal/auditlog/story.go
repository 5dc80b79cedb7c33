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

// sentences tell of events; {name} is a member of the event's data. An event of another kind is told by its kind and all of its data.
var sentences = map[string]string{
	"account.created":      "The account was created.",
	"account.frozen":       "The account was frozen.",
	"account.unfrozen":     "The account was unfrozen.",
	"account.erased":       "The account was erased.",
	"login":                "Signed in.",
	"login.new_device":     "Signed in on a browser that was not seen before.",
	"logout":               "Signed out.",
	"passkey.created":      "Passkey {passkey} was created, by {way}.",
	"passkey.deleted":      "Passkey {passkey} was deleted.",
	"passkey.renamed":      "Passkey {passkey} was renamed.",
	"passkey.suspended":    "Passkey {passkey} was suspended.",
	"factor.bound":         "A factor was added: {factor}.",
	"factor.replaced":      "A factor was replaced: {factor}.",
	"factor.unbound":       "A factor was removed: {factor}.",
	"password.changed":     "The password was changed.",
	"password.reset":       "The password was reset.",
	"phrase.set":           "The phrase against imitations was set.",
	"address.saved":        "An address was saved in the book.",
	"address.deleted":      "An address was deleted from the book.",
	"withdrawal.requested": "Withdrawal {withdrawal} was requested: {amount} {asset}.",
	"withdrawal.approved":  "Withdrawal {withdrawal} was approved: {amount} {asset}, by {way}. Fingerprint {fingerprint}.",
	"withdrawal.declined":  "Withdrawal {withdrawal} was declined: {amount} {asset}.",
	"withdrawal.cancelled": "Withdrawal {withdrawal} was cancelled: {amount} {asset}, by {by}.",
	"withdrawal.expired":   "Withdrawal {withdrawal} expired: {amount} {asset}.",
	"desk.account_seen":    "An operator looked at the account.",
	"desk.events_seen":     "An operator read the account's events.",
	"desk.sessions_ended":  "An operator ended all sessions.",
	"desk.hold":            "An operator paused withdrawals.",
	"ticket.opened":        "A request for help was opened.",
}

// sentence tells of one event.
func sentence(r *store.LogRow) string {
	if !r.RedactedAt.IsZero() {
		return "(" + r.Kind + "; the rest was redacted)"
	}
	data, err := parseObject([]byte(r.Data))
	if err != nil {
		return r.Kind + " (its data cannot be read)"
	}
	text, known := sentences[r.Kind]
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if mark := "{" + name + "}"; strings.Contains(text, mark) {
			text = strings.ReplaceAll(text, mark, data[name])
			delete(data, name)
		}
	}
	if !known || strings.Contains(text, "{") {
		text = r.Kind + "."
	}
	if !r.OK {
		text = "REFUSED: " + text
	}
	for _, name := range slices.Sorted(maps.Keys(data)) {
		text += fmt.Sprintf(" %s: %s.", name, data[name])
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

// Story tells what happened to an account, the oldest first, and compares each event with its leaf.
func Story(ctx context.Context, db *store.DB, accountID string, tell func(Line) error) error {
	const page = 500
	for after := int64(math.MinInt64); ; {
		var lines []Line
		err := db.View(ctx, func(tx *store.Tx) error {
			rows, err := tx.EventsOfAccount(accountID, after, page)
			if err != nil {
				return err
			}
			lines = lines[:0]
			bundles := map[int64][][]byte{}
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

func lineOf(tx *store.Tx, r *store.LogRow, bundles map[int64][][]byte) (Line, error) {
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
		width, data, err := tx.Tile(entriesLevel, number)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return line, err
		}
		for i := range width {
			whole, ok := cut(data, i+1)
			if !ok {
				break
			}
			before, _ := cut(data, i)
			bundles[number] = append(bundles[number], whole[len(before)+2:])
		}
	}
	at := int(r.Leaf % tileWidth)
	line.Place = fmt.Sprintf("leaf %d", r.Leaf)
	switch {
	case at >= len(bundles[number]):
		line.Place, line.Wrong = line.Place+", WHICH THE LOG DOES NOT HAVE", true
	case r.RedactedAt.IsZero() && string(Entry(r)) != string(bundles[number][at]), !r.RedactedAt.IsZero() && !leftOf(r, bundles[number][at]):
		line.Place, line.Wrong = line.Place+", AND NOT WHAT THE LOG HAS THERE", true
	}
	return line, nil
}

// leftOf tells whether a redacted row still says what its entry does.
func leftOf(r *store.LogRow, entry []byte) bool {
	l, err := ParseEntry(entry)
	return err == nil && l.Account == r.AccountID && l.Kind == r.Kind && l.OK == r.OK && l.At.Equal(r.At)
}
