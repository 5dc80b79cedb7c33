package observe

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// A metric's name, where it is followed by what it is asked for: labels are never.
var (
	metricName = regexp.MustCompile(`\b(?:countersign|http_server|db_client|process|go)_[a-z0-9_]+\b`)
	labelList  = regexp.MustCompile(`\{([^{}]*)\}`)
	labelName  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"`)
	byLabels   = regexp.MustCompile(`\bby\s*\(([^()]*)\)`)
)

// missing is what an expression asks for that the service does not show.
func missing(expr string) (out []string) {
	names, labels := Names(), []string{"le", "instance", "job"}
	for _, d := range newMetrics("").catalogue {
		labels = append(labels, d.labels...)
	}
	used := metricName.FindAllString(byLabels.ReplaceAllString(labelList.ReplaceAllString(expr, ""), ""), -1)
	for _, name := range used {
		if !slices.Contains(names, name) {
			out = append(out, "the metric "+name)
		}
	}
	if len(used) == 0 && !strings.Contains(expr, "up{") {
		out = append(out, "no metric at all")
	}
	var asked []string
	for _, found := range labelList.FindAllStringSubmatch(expr, -1) {
		for _, label := range labelName.FindAllStringSubmatch(found[1], -1) {
			asked = append(asked, label[1])
		}
	}
	for _, found := range byLabels.FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(found[1], ",") {
			asked = append(asked, strings.TrimSpace(label))
		}
	}
	for _, label := range asked {
		if !slices.Contains(labels, label) {
			out = append(out, "the label "+label)
		}
	}
	for _, pair := range []string{"()", "{}", "[]"} {
		if strings.Count(expr, pair[:1]) != strings.Count(expr, pair[1:]) {
			out = append(out, "brackets that match")
		}
	}
	return out
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAlertsAskForWhatThereIsAndAreExplained(t *testing.T) {
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(read(t, "deploy/prometheus/alerts.yml"), &rules); err != nil {
		t.Fatal(err)
	}
	manual := string(read(t, "docs/operations.md"))
	n := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			n++
			if found := missing(r.Expr); found != nil {
				t.Errorf("%s asks for %q", r.Alert, found)
			}
			if r.For == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
				t.Errorf("%s lacks its span, severity or summary", r.Alert)
			}
			if !strings.Contains(manual, "`"+r.Alert+"`") {
				t.Errorf("docs/operations.md does not say what to look at when %s fires", r.Alert)
			}
		}
	}
	for _, name := range regexp.MustCompile("`Countersign[A-Z][A-Za-z]+`").FindAllString(manual, -1) {
		if !strings.Contains(string(read(t, "deploy/prometheus/alerts.yml")), "alert: "+strings.Trim(name, "`")+"\n") {
			t.Errorf("docs/operations.md explains %s, which there is not", name)
		}
	}
	if n < 10 {
		t.Errorf("the test has seen %d alerts", n)
	}
}

func TestTheDashboardAsksForWhatThereIs(t *testing.T) {
	var dashboard struct {
		Title  string
		Panels []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, RefID string }
		}
	}
	text := read(t, "deploy/grafana/countersign.json")
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	ids, taken := map[int]bool{}, map[string]string{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				at := fmt.Sprint(x, " ", y)
				if other := taken[at]; other != "" || x >= 24 {
					t.Fatalf("%q lies over %q, or beyond the edge", p.Title, other)
				}
				taken[at] = p.Title
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			if found := missing(target.Expr); found != nil {
				t.Errorf("%q asks for %q", p.Title, found)
			}
			all.WriteString(target.Expr)
		}
	}
	// What is measured is also looked at.
	for _, d := range newMetrics("").catalogue {
		if !strings.Contains(all.String(), d.name) {
			t.Errorf("the dashboard has nothing of %s", d.name)
		}
	}
}

func TestAnExpressionThatAsksForWhatThereIsNotIsFound(t *testing.T) {
	for _, expr := range []string{`countersign_nothing_total`, `rate(http_server_request_duration_seconds_total[5m])`, `sum by (account) (countersign_problems_total)`, `countersign_problems_total{problem="x"}`,
		`vector(1)`, `sum(countersign_problems_total`} {
		if missing(expr) == nil {
			t.Errorf("%s is let through", expr)
		}
	}
}
