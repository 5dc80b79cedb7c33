package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"countersign/approval"
)

const verifyUsage = `usage: countersign verify [flags] FILE…

A file holds a document of an approval, or many with one to a line; - is the standard input. docs/approval.md says what is checked.
Exit code 0: every document passed. 1: one did not, or there was none. 2: wrong usage, or a file could not be read.

`

// runVerify checks approvals and says what each proved. It asks neither a server nor a database.
func runVerify(args []string, stdin io.Reader, clock func() time.Time, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, verifyUsage)
		flags.PrintDefaults()
	}
	var o approval.Options
	list := func(name string, values *[]string, what string) {
		flags.Func(name, what+"; may be repeated", func(v string) error { *values = append(*values, v); return nil })
	}
	flags.StringVar(&o.RelyingParty, "rp", "", "the `relying party` that the details must name, such as example.com")
	list("origin", &o.Origins, "an `origin` where a passkey may have been asked, such as https://accounts.example.com")
	list("log-key", &o.LogKeys, "the verifier `key` of an audit log, name+hash+base64: a passkey must be registered there")
	flags.BoolVar(&o.Recorded, "recorded", false, "an approval must itself stand in the audit log (needs -log-key)")
	list("public-key", &o.PublicKeys, "a passkey's public key that is trusted, as `account:key`")
	list("server-key", &o.ServerKeys, "the `key` by which the server vouches for codes, base64url, with or without its id and a colon before it")
	flags.StringVar(&o.Way, "way", "", "the only `way` that is accepted, passkey or codes")
	flags.DurationVar(&o.MaxAge, "max-age", 0, "how long ago an approval may have been given, such as 10m")
	asJSON := flags.Bool("json", false, "print a JSON object for each document, one to a line")
	quiet := flags.Bool("quiet", false, "print only what failed, and the sum")
	if err := flags.Parse(args); err != nil {
		return &exitError{err, 2}
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return &exitError{errors.New("there is no file to verify"), 2}
	}
	// As where a script's variable is not set: it would ask nothing.
	var unset error
	flags.Visit(func(f *flag.Flag) {
		if f.Name == "rp" && o.RelyingParty == "" || f.Name == "way" && o.Way == "" || f.Name == "max-age" && o.MaxAge <= 0 {
			unset = fmt.Errorf("-%s is there and asks nothing: give it a value, or leave it out", f.Name)
		}
	})
	if unset != nil {
		return &exitError{unset, 2}
	}
	o.Now = clock()
	v, err := approval.NewVerifier(o)
	if err != nil {
		return &exitError{err, 2}
	}
	out := bufio.NewWriter(stdout)
	r := report{verifier: v, out: out, json: *asJSON, quiet: *quiet}
	for _, name := range flags.Args() {
		if err := r.file(name, stdin); err != nil {
			return &exitError{errors.Join(err, out.Flush()), 2}
		}
	}
	if !r.json && (r.passed+r.failed > 1 || r.quiet) {
		fmt.Fprintf(out, "%s: %d passed, %d failed\n", counted(int64(r.passed+r.failed), "document"), r.passed, r.failed)
	}
	if err := out.Flush(); err != nil {
		return &exitError{err, 2}
	}
	if r.failed > 0 || r.passed == 0 {
		return &exitError{fmt.Errorf("%d of %s failed", r.failed, counted(int64(r.passed+r.failed), "document")), 1}
	}
	return nil
}

// report prints what became of each document.
type report struct {
	verifier       *approval.Verifier
	out            *bufio.Writer
	json, quiet    bool
	passed, failed int
}

// file reads line by line, as no document holds a line's end.
func (r *report) file(name string, stdin io.Reader) error {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	lines := bufio.NewReaderSize(in, approval.MaxSize+2)
	for n := 1; ; n++ {
		line, err := lines.ReadSlice('\n')
		for rest := err; errors.Is(rest, bufio.ErrBufferFull); {
			line = bytes.Repeat([]byte{' '}, approval.MaxSize+1) // too long, whatever it holds
			_, rest = lines.ReadSlice('\n')
			err = rest
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(line) > 0 {
			verdict, problem := r.verifier.Verify(bytes.TrimSuffix(line, []byte("\n")))
			r.print(name, n, verdict, problem)
		}
		if err != nil {
			if n == 1 && len(line) == 0 {
				r.print(name, n, nil, errors.New("the file is empty"))
			}
			return nil
		}
	}
}

func (r *report) print(name string, line int, v *approval.Verdict, problem error) {
	if problem == nil {
		r.passed++
	} else {
		r.failed++
	}
	if r.quiet && problem == nil {
		return
	}
	if r.json {
		r.printJSON(name, line, v, problem)
		return
	}
	// A name could hold a line of its own that says that a document passed.
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		name = strconv.Quote(name)
	}
	if problem != nil {
		fmt.Fprintf(r.out, "%s:%d: FAILED: %s\n", name, line, reason(problem))
		return
	}
	d, by := v.Details, "a passkey"
	if v.Way == approval.WayCodes {
		by = "codes"
	}
	fmt.Fprintf(r.out, "%s:%d: passed: %s approved at %s by %s\n", name, line, d.Withdrawal, v.ApprovedAt, by)
	fmt.Fprintf(r.out, "  account      %s at %s\n  amount       %s %s, of which fee %s\n  to           %s on %s\n", d.Account, d.RelyingParty, d.Amount, d.Asset, d.Fee, d.Address, d.Network)
	if d.Memo != "" {
		fmt.Fprintf(r.out, "  memo         %q\n", d.Memo)
	}
	fmt.Fprintf(r.out, "  expires      %s\n  fingerprint  %x\n  Proved:\n", d.Expires, v.Fingerprint)
	for _, s := range v.Proved {
		fmt.Fprintf(r.out, "    - %s\n", s)
	}
	fmt.Fprint(r.out, "  Not proved:\n")
	for _, s := range v.NotProved {
		fmt.Fprintf(r.out, "    - %s\n", s)
	}
}

func reason(problem error) string { return strings.TrimPrefix(problem.Error(), "approval: ") }

func (r *report) printJSON(name string, line int, v *approval.Verdict, problem error) {
	type object struct {
		File        string            `json:"file"`
		Line        int               `json:"line"`
		Passed      bool              `json:"passed"`
		Error       string            `json:"error,omitempty"`
		Way         string            `json:"way,omitempty"`
		ApprovedAt  string            `json:"approved_at,omitempty"`
		Fingerprint string            `json:"fingerprint,omitempty"`
		Details     *approval.Details `json:"details,omitempty"`
		Proved      []string          `json:"proved,omitempty"`
		NotProved   []string          `json:"not_proved,omitempty"`
	}
	o := object{File: name, Line: line, Passed: problem == nil}
	if problem != nil {
		o.Error = reason(problem)
	} else {
		o.Way, o.ApprovedAt, o.Fingerprint, o.Details, o.Proved, o.NotProved = v.Way, v.ApprovedAt, hex.EncodeToString(v.Fingerprint[:]), &v.Details, v.Proved, v.NotProved
	}
	encoder := json.NewEncoder(r.out)
	encoder.SetEscapeHTML(false)
	// The writer keeps its first error, and Flush reports it.
	_ = encoder.Encode(o)
}
