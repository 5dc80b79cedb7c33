package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const vectorsOfApprovals = "../../approval/testdata/vectors"

// verifying runs the command at the time for which the vectors were made.
func verifying(stdin string, args ...string) (out, complaints string, code int) {
	var o, c strings.Builder
	err := runVerify(args, strings.NewReader(stdin), func() time.Time { return time.Date(2026, 3, 14, 14, 35, 0, 0, time.UTC) }, &o, &c)
	if coded := new(exitError); errors.As(err, &coded) {
		code = coded.code
	} else if err != nil {
		code = -1
	}
	return o.String(), c.String(), code
}

func document(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorsOfApprovals, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Every vector, by the flags that its options stand for.
func TestVerifyGivesEveryVectorItsVerdict(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(vectorsOfApprovals, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Fingerprint string
		Accept            bool
		Options           struct {
			RelyingParty  string   `json:"relying_party"`
			Origins       []string `json:"origins"`
			LogKeys       []string `json:"log_keys"`
			PublicKeys    []string `json:"public_keys"`
			ServerKeys    []string `json:"server_keys"`
			Recorded      bool     `json:"recorded"`
			Way           string   `json:"way"`
			MaxAgeSeconds int      `json:"max_age_seconds"`
		}
	}
	if err := json.Unmarshal(index, &vectors); err != nil || len(vectors) < 100 {
		t.Fatal(len(vectors), err)
	}
	for _, v := range vectors {
		args := []string{fmt.Sprintf("-recorded=%t", v.Options.Recorded)}
		for flag, value := range map[string]string{"-rp": v.Options.RelyingParty, "-way": v.Options.Way} {
			if value != "" {
				args = append(args, flag, value)
			}
		}
		if v.Options.MaxAgeSeconds > 0 {
			args = append(args, "-max-age", (time.Duration(v.Options.MaxAgeSeconds) * time.Second).String())
		}
		for flag, values := range map[string][]string{"-origin": v.Options.Origins, "-log-key": v.Options.LogKeys, "-public-key": v.Options.PublicKeys, "-server-key": v.Options.ServerKeys} {
			for _, value := range values {
				args = append(args, flag, value)
			}
		}
		out, _, code := verifying("", append(args, filepath.Join(vectorsOfApprovals, v.Name+".json"))...)
		// A file's lines are its documents: one line end behind a document belongs to the file.
		if want := v.Accept || v.Name == "bad-trailing-newline"; want != (code == 0) || !want && code != 1 {
			t.Errorf("%s: exit code %d, %s", v.Name, code, out)
		}
		if v.Accept && (!strings.Contains(out, v.Fingerprint) || !strings.Contains(out, "Not proved:")) {
			t.Errorf("%s: %s", v.Name, out)
		}
	}
}

func TestVerifyReadsOneOrThousands(t *testing.T) {
	good, bad := document(t, "good-without-registration"), document(t, "bad-signature-es256")
	const many = 2000
	file := filepath.Join(t.TempDir(), "proofs.jsonl")
	if err := os.WriteFile(file, []byte(strings.Repeat(good+"\n", many)+bad+"\n"+good), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, code := verifying("", "-quiet", file)
	if code != 1 || !strings.HasPrefix(out, file+":2001: FAILED: passkey.signature does not fit\n") || !strings.HasSuffix(out, "2002 documents: 2001 passed, 1 failed\n") {
		t.Errorf("%d: %s", code, out)
	}
	if out, _, code := verifying(good+"\n"+good+"\n", "-"); code != 0 || !strings.Contains(out, "-:2: passed: wd_7Q2M4K") || !strings.HasSuffix(out, "2 documents: 2 passed, 0 failed\n") {
		t.Errorf("%d: %s", code, out)
	}
	// A line that no document can be is refused, and the next is read.
	out, _, code = verifying(strings.Repeat("x", 1<<20)+"\n"+good+"\n", "-quiet", "-")
	if code != 1 || !strings.HasPrefix(out, "-:1: FAILED: the document is too long\n") || !strings.HasSuffix(out, "2 documents: 1 passed, 1 failed\n") {
		t.Errorf("%d: %s", code, out)
	}
	for name, in := range map[string]string{"an empty line": good + "\n\n" + good, "a carriage return": good + "\r\n", "white space": " " + good} {
		if out, _, code := verifying(in, "-"); code != 1 {
			t.Errorf("%s: %d: %s", name, code, out)
		}
	}
}

func TestVerifySaysItInJSON(t *testing.T) {
	out, _, code := verifying(document(t, "good-codes")+"\n"+document(t, "bad-utf8"), "-json", "-")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 1 || len(lines) != 2 {
		t.Fatalf("%d: %s", code, out)
	}
	var one, two struct {
		Passed      bool
		Line        int
		Way, Error  string
		Fingerprint string
		Details     struct{ Amount string }
		NotProved   []string `json:"not_proved"`
	}
	if err := errors.Join(json.Unmarshal([]byte(lines[0]), &one), json.Unmarshal([]byte(lines[1]), &two)); err != nil {
		t.Fatal(err)
	}
	if !one.Passed || one.Line != 1 || one.Way != "codes" || one.Details.Amount != "250" || len(one.Fingerprint) != 64 || len(one.NotProved) == 0 || one.Error != "" {
		t.Errorf("%+v", one)
	}
	if two.Passed || two.Line != 2 || two.Error != "the document is not valid UTF-8" || two.Fingerprint != "" {
		t.Errorf("%+v", two)
	}
}

func TestVerifyTellsWrongUseFromABadDocument(t *testing.T) {
	good := filepath.Join(vectorsOfApprovals, "good-es256.json")
	for name, args := range map[string][]string{
		"no file":           {},
		"a missing file":    {good, filepath.Join(t.TempDir(), "none.json")},
		"a folder":          {t.TempDir()},
		"an unknown flag":   {"-force", good},
		"a bad log key":     {"-log-key", "x", good},
		"a bad server key":  {"-server-key", "x", good},
		"a bad way":         {"-way", "post", good},
		"an age that is no": {"-max-age", "soon", good},
		"an age of nothing": {"-max-age", "0s", good},
		"no relying party":  {"-rp", "", good},
		"no way":            {"-way=", good},
	} {
		if out, _, code := verifying("", args...); code != 2 {
			t.Errorf("%s: exit code %d, %s", name, code, out)
		}
	}
	// Nothing verified is not a success.
	if _, _, code := verifying("", "-"); code != 1 {
		t.Errorf("an empty file: exit code %d", code)
	}
	err := runVerify([]string{"-h"}, nil, time.Now, &strings.Builder{}, &strings.Builder{})
	if !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
}

// A file's name is no line of the output, and no terminal obeys it.
func TestVerifyKeepsAFilesNameInItsLine(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a\ngood.json:1: passed: wd_1\x1b[2K")
	if err := os.WriteFile(name, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, code := verifying("", name); code != 1 || strings.Count(out, "\n") != 1 || strings.Contains(out, "\x1b") {
		t.Errorf("%d %q", code, out)
	}
}
