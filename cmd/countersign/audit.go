package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/internal/auditlog"
	"countersign/internal/secret"
	"countersign/internal/store"

	"golang.org/x/mod/sumdb/note"
)

const auditUsage = `usage: countersign audit verify [-database …] [-master-key-file FILE] [-checkpoint FILE]… [-log-key KEY]…
       countersign audit verify -log https://…/log -log-key KEY… [-checkpoint FILE]…
       countersign audit show [-account ID] [-database …]
       countersign audit checkpoint [-database …]
       countersign audit key [-database …] [-master-key-file FILE]

verify      every tile, every event and every approval against the signed tree, and that the log goes on from checkpoints that
            were kept elsewhere; with -log the tree alone, read over HTTP
show        what happened to an account, oldest first; without one, to API keys, operators and the log itself
checkpoint  the newest checkpoint: keep it where whoever can write the database cannot
key         the keys by which others verify: the log's, and the one by which the server vouches for approvals by codes

Exit code 0: everything is as it must be; 1: something is not, and is named; 2: wrong usage, or something could not be read`

// runAudit looks at the audit log.
func runAudit(ctx context.Context, args []string, getenv func(string) string, clock func() time.Time, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" {
		return &exitError{errors.New(auditUsage), 2}
	}
	own, rest, err := ownFlags(args[1:], "checkpoint", "log-key", "log", "account")
	if err != nil {
		return &exitError{err, 2}
	}
	v, rest, err := values(auditUsage, rest, getenv, stderr)
	if err == nil && len(rest) > 0 {
		err = errors.New(auditUsage)
	}
	if err != nil {
		return &exitError{err, 2}
	}
	if args[0] == "verify" && len(own["log"]) > 0 {
		return auditWeb(ctx, own, stdout)
	}
	keys, err := masterKey(v)
	if err != nil {
		if args[0] == "key" || args[0] == "verify" && len(own["log-key"]) == 0 {
			return &exitError{fmt.Errorf("setting master-key-file: %w", err), 2}
		}
		keys = nil
	}
	db, err := openToRead(ctx, v["database"], keys, clock)
	if err != nil {
		return &exitError{err, 2}
	}
	defer db.Close()
	switch args[0] {
	case "verify":
		return auditVerify(ctx, db, keys, own, stdout)
	case "show":
		if len(own["account"]) > 1 || slices.Contains(own["account"], "") {
			return &exitError{errors.New("name one account, or none: -account ID"), 2}
		}
		return auditShow(ctx, db, strings.Join(own["account"], ""), stdout)
	case "checkpoint", "key":
		state, err := newestState(ctx, db)
		if err != nil {
			return &exitError{err, 2}
		}
		if args[0] == "checkpoint" {
			text, err := (&auditlog.Log{DB: db}).Newest(ctx)
			if err == nil {
				_, err = io.WriteString(stdout, text)
			}
			return err
		}
		return auditKey(keys, state.Checkpoint, stdout)
	}
	return &exitError{errors.New(auditUsage), 2}
}

// ownFlags takes the flags of these names, which may be repeated, out of args.
func ownFlags(args []string, names ...string) (own map[string][]string, rest []string, err error) {
	own = map[string][]string{}
next:
	for i := 0; i < len(args); i++ {
		text := strings.TrimPrefix(strings.TrimPrefix(args[i], "-"), "-")
		name, value, joined := strings.Cut(text, "=")
		for _, n := range names {
			if name != n || text == args[i] {
				continue
			}
			if !joined {
				if i++; i == len(args) {
					return nil, nil, fmt.Errorf("-%s wants a value", n)
				}
				value = args[i]
			}
			own[n] = append(own[n], value)
			continue next
		}
		rest = append(rest, args[i])
	}
	return own, rest, nil
}

func openToRead(ctx context.Context, location string, keys *secret.Keys, clock func() time.Time) (*store.DB, error) {
	// Opening makes a database where there is none.
	if err := store.Exists(ctx, location); err != nil {
		return nil, fmt.Errorf("setting database: %w", err)
	}
	if keys == nil {
		// What is read here is not sealed.
		var err error
		if keys, err = secret.ParseKeys(secret.NewMaster()); err != nil {
			return nil, err
		}
	}
	return store.Open(ctx, location, keys, clock)
}

func newestState(ctx context.Context, db *store.DB) (s store.LogState, err error) {
	err = db.View(ctx, func(tx *store.Tx) (err error) {
		s, err = tx.LogState()
		return err
	})
	if err == nil && s.Checkpoint == "" {
		err = errors.New("the log has no checkpoint yet: it gets one with its first event, once the service runs")
	}
	return s, err
}

// against reads the checkpoints and keys that were given.
func against(own map[string][]string) (o auditlog.Options, err error) {
	for _, file := range own["checkpoint"] {
		b, err := os.ReadFile(file)
		if err != nil {
			return o, err
		}
		o.Older = append(o.Older, string(b))
	}
	o.Keys, err = auditlog.ParseVerifiers(own["log-key"])
	return o, err
}

func auditWeb(ctx context.Context, own map[string][]string, stdout io.Writer) error {
	o, err := against(own)
	if err == nil && len(o.Keys) == 0 {
		err = errors.New("with -log, give the log's key with -log-key, as \"countersign audit key\" prints it")
	}
	if err != nil {
		return &exitError{err, 2}
	}
	r, err := auditlog.VerifyTree(auditlog.Web(ctx, own["log"][0]), o)
	if err != nil {
		return &exitError{err, 2}
	}
	return tellReport(r, false, stdout)
}

func auditVerify(ctx context.Context, db *store.DB, keys *secret.Keys, own map[string][]string, stdout io.Writer) error {
	o, err := against(own)
	if err != nil {
		return &exitError{err, 2}
	}
	r, err := auditlog.Verify(ctx, db, keys, o)
	if err != nil {
		return &exitError{err, 2}
	}
	return tellReport(r, true, stdout)
}

// tellReport says what was found, and what was proved.
func tellReport(r *auditlog.Report, rows bool, stdout io.Writer) error {
	for _, f := range r.Findings {
		fmt.Fprintf(stdout, "FOUND %s\n", f)
	}
	if r.More > 0 {
		fmt.Fprintf(stdout, "and %d more\n", r.More)
	}
	if c := r.Checkpoint; c != nil {
		fmt.Fprintf(stdout, "log %s: %d entries, root %s\n", c.Origin, c.Size, c.Root)
	} else {
		fmt.Fprintln(stdout, "the log has no checkpoint")
	}
	for _, c := range r.Older {
		fmt.Fprintf(stdout, "goes on from the checkpoint of size %d (%s)\n", c.Size, c.Origin)
	}
	if rows {
		fmt.Fprintf(stdout, "%s compared with their leaves, %d of them redacted by leave of an entry; %s of approvals; %s without a place yet\n", counted(r.Rows, "event"), r.Redacted, counted(r.Approvals, "record"), counted(r.Waiting, "event"))
	}
	if n := int64(len(r.Findings)) + r.More; n > 0 {
		return &exitError{fmt.Errorf("%s: the log or what it vouches for was altered, or the keys and checkpoints that were given are not its own", counted(n, "finding")), 1}
	}
	if len(r.Older) == 0 {
		fmt.Fprintln(stdout, "no older checkpoint was given: whoever has the database could have left events out and had the log begin anew")
	}
	return nil
}

func auditShow(ctx context.Context, db *store.DB, account string, stdout io.Writer) error {
	n, wrong := 0, 0
	day := ""
	err := auditlog.Story(ctx, db, account, func(l auditlog.Line) error {
		n++
		if l.Wrong {
			wrong++
		}
		if d := l.Row.At.Format("Monday, 2 January 2006"); d != day {
			day = d
			fmt.Fprintf(stdout, "\n%s (UTC)\n", day)
		}
		from := strings.Join(nonEmpty(l.Row.Browser, l.Row.Address), ", ")
		if from != "" {
			from = " — " + from
		}
		if l.Row.OperatorID != "" && l.Row.RedactedAt.IsZero() {
			from += " — operator " + l.Row.OperatorID
		}
		if l.Row.Internal != "" && l.Row.Kind != "api_key.created" { // whose note is the hash of the key
			from += " — note: " + l.Row.Internal
		}
		_, err := fmt.Fprintf(stdout, "  %s  %s%s  [%s]\n", l.Row.At.Format("15:04:05"), l.Text, auditlog.Plain(from), l.Place)
		return err
	})
	if err != nil {
		return &exitError{err, 2}
	}
	if n == 0 && account != "" {
		return &exitError{fmt.Errorf("the log has no event of an account %q", account), 2}
	}
	if wrong > 0 {
		return &exitError{fmt.Errorf("%s not what the log has", counted(int64(wrong), "event")), 1}
	}
	return nil
}

// counted writes a number with its noun.
func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.FormatInt(n, 10) + " " + noun + "s"
}

func nonEmpty(texts ...string) (out []string) {
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}

func auditKey(keys *secret.Keys, checkpoint string, stdout io.Writer) error {
	c, err := auditlog.ReadCheckpoint(checkpoint)
	if err != nil {
		return err
	}
	texts, err := auditlog.VerifierKeys(keys, c.Origin)
	if err != nil {
		return err
	}
	var by []note.Verifier
	if by, err = auditlog.ParseVerifiers(texts); err != nil {
		return err
	}
	if _, err := auditlog.OpenCheckpoint(checkpoint, by...); err != nil {
		return &exitError{fmt.Errorf("this master key has not signed the log of this database: %w", err), 1}
	}
	for _, text := range texts {
		fmt.Fprintf(stdout, "log-key     %s\n", text)
	}
	id, key := keys.Signer()
	fmt.Fprintf(stdout, "server-key  %s:%s\n", id, base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey)))
	return nil
}
