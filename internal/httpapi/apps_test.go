package httpapi

import (
	"strings"
	"testing"
)

func TestVersionsAreComparedAsNumbers(t *testing.T) {
	order := []string{"0", "0.9", "1", "1.0.1", "1.2", "1.10", "2.0.0.1", "10"}
	for i, a := range order {
		for j, b := range order {
			if got := compareVersions(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
	if compareVersions("1", "1.0.0") != 0 {
		t.Error("1 is not 1.0.0")
	}
}

func TestAListOfAppsIsReadStrictly(t *testing.T) {
	const good = `{"platform":"ios","newest":"3.4.0","oldest":"3.2","url":"https://apps.example/bank"}`
	if apps, err := LoadApps(strings.NewReader("[" + good + "]\n")); err != nil || len(apps) != 1 || apps[0].Oldest != "3.2" {
		t.Errorf("%v, %v", apps, err)
	}
	for what, text := range map[string]string{
		"not JSON": `{`, "no list": good, "something behind": "[" + good + "] []", "a member that is not known": `[{"platform":"ios","latest":"3"}]`, "twice the same": "[" + good + "," + good + "]",
		"a platform in capitals": strings.Replace("["+good+"]", "ios", "iOS", 1), "no version": strings.Replace("["+good+"]", "3.4.0", "latest", 1),
		"a padded version": strings.Replace("["+good+"]", "3.4.0", "03.4", 1), "oldest above newest": strings.Replace("["+good+"]", "3.4.0", "3.1", 1),
		"plain http": strings.Replace("["+good+"]", "https", "http", 1), "no host": strings.Replace("["+good+"]", "https://apps.example/bank", "https:///x", 1),
	} {
		if _, err := LoadApps(strings.NewReader(text)); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}
