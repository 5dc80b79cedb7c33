package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// configFile is the setting that names the file with the others.
const configFile = "config"

// fromFile is a value with the file and the line where it stands.
type fromFile struct{ text, place string }

// readSettings reads a file of settings: one to a line as name = value, comments on lines of their own after #. A value goes to the end
// of its line and needs no quotation marks; in those, it is read as Go and JSON do.
func readSettings(path string) (map[string]fromFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("setting %s: %w", configFile, err)
	}
	defer f.Close()
	out := map[string]fromFile{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		place := fmt.Sprintf("%s, line %d", path, n)
		name, text, err := settingOf(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
		if former, twice := out[name]; twice {
			return nil, fmt.Errorf("%s: %s is set already in %s; take one of them away", place, name, former.place)
		}
		out[name] = fromFile{text, place}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, keptPrivate(f, out)
}

func settingOf(line string) (name, text string, err error) {
	name, text, ok := strings.Cut(line, "=")
	name, text = strings.TrimSpace(name), strings.TrimSpace(text)
	switch {
	case !ok:
		return "", "", errors.New("this is no setting; write name = value")
	case name == configFile:
		return "", "", errors.New("a file of settings names no other; say it by flag or environment")
	case !known(name):
		if near := nearest(name); near != "" {
			return "", "", fmt.Errorf("there is no setting %q; is %s meant? (countersign config lists them)", name, near)
		}
		return "", "", fmt.Errorf("there is no setting %q; countersign config lists them", name)
	}
	if strings.HasPrefix(text, `"`) {
		if text, err = strconv.Unquote(text); err != nil {
			return "", "", fmt.Errorf("%s: what begins with a quotation mark ends with one, with nothing behind it", name)
		}
	}
	return name, text, nil
}

func known(name string) bool {
	return slices.ContainsFunc(settings, func(s setting) bool { return s.name == name })
}

// keptPrivate refuses a file with secrets in it that others can read, or change.
func keptPrivate(f *os.File, values map[string]fromFile) error {
	secrets := secrets
	if u, err := url.Parse(values["database"].text); err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			secrets = append(slices.Clip(secrets), "database") // with a password in its address
		}
	}
	at := slices.IndexFunc(secrets, func(name string) bool { return values[name].text != "" })
	if at < 0 || runtime.GOOS == "windows" {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o027 != 0 {
		return fmt.Errorf("%s holds %s, and its mode %04o lets more than its owner and group read it, or more than its owner change it: chmod 600 %s", f.Name(), secrets[at], mode, f.Name())
	}
	return nil
}

// nearest is the setting that a mistyped name is likely to mean, "" for none.
func nearest(name string) string {
	name = strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "-")), "_", "-")
	best, least := "", 3
	for _, s := range settings {
		if d := distance(name, s.name); d < least && s.name != configFile {
			best, least = s.name, d
		}
	}
	return best
}

// distance is how many letters are to be put in, taken out or changed to come from a to b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
