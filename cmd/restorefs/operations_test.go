package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Rules and dashboards are silent about a name that does not exist.
func TestAlertsAndTheDashboardUseMetricsThatExist(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(restorefs_[a-z_]+)").FindAllStringSubmatch(
		string(page), -1) {
		there[m[1]] = true
	}
	for name, into := range map[string]func([]byte) error{
		"prometheus-alerts.yaml": func(b []byte) error { return yaml.Unmarshal(b, new(any)) },
		"grafana-dashboard.json": func(b []byte) error { return json.Unmarshal(b, new(any)) },
	} {
		text, err := os.ReadFile(filepath.Join("../../packaging", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := into(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		used := regexp.MustCompile(`\brestorefs_[a-z_]+`).FindAllString(string(text), -1)
		if len(used) < 6 {
			t.Errorf("%s uses %v only", name, used)
		}
		for _, metric := range used {
			if !there[metric] && !there[strings.TrimSuffix(metric, "_bucket")] {
				t.Errorf("%s uses %s, which docs/metrics.md does not have", name, metric)
			}
		}
	}
}

// alerts are the rules of packaging/prometheus-alerts.yaml, as Prometheus reads them.
type alerts struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

// dashboard is what is shown of packaging/grafana-dashboard.json.
type dashboard struct {
	Panels []struct {
		Title   string
		Targets []struct{ Expr string }
	}
}

func TestAlertsAndPanelsAreWhole(t *testing.T) {
	var a alerts
	var d dashboard
	for name, into := range map[string]func([]byte) error{
		"prometheus-alerts.yaml": func(b []byte) error {
			decoder := yaml.NewDecoder(bytes.NewReader(b))
			decoder.KnownFields(true)
			return decoder.Decode(&a)
		},
		"grafana-dashboard.json": func(b []byte) error { return json.Unmarshal(b, &d) },
	} {
		text, err := os.ReadFile(filepath.Join("../../packaging", name))
		if err == nil {
			err = into(text)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	expressions := map[string]string{} // by what has them
	for _, group := range a.Groups {
		for _, rule := range group.Rules {
			severe := rule.Labels["severity"]
			if rule.Alert == "" || expressions[rule.Alert] != "" || rule.Expr == "" ||
				severe != "warning" && severe != "critical" ||
				rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("%s: a name twice, or something is missing: %+v", group.Name, rule)
			}
			expressions[rule.Alert] = rule.Expr
		}
	}
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			if panel.Title == "" || target.Expr == "" {
				t.Errorf("a panel without a title or an expression: %+v", panel)
			}
			expressions[panel.Title] += target.Expr + " "
		}
	}
	if len(expressions) < 12 {
		t.Errorf("only %d expressions", len(expressions))
	}
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, expression := range expressions {
		for _, wrong := range wrongSelectors(expression, string(page)) {
			t.Errorf("%s: docs/metrics.md has nothing for %s", name, wrong)
		}
	}
}

// wrongSelectors returns what an expression selects by labels or values that the table of metrics
// does not have.
func wrongSelectors(expression, page string) (wrong []string) {
	selector := regexp.MustCompile(`(restorefs_[a-z_]+)\{([^}]*)\}`)
	matcher := regexp.MustCompile(`([a-z_]+)(=|!=|=~|!~)"([^"]*)"`)
	for _, s := range selector.FindAllStringSubmatch(expression, -1) {
		row := regexp.MustCompile("(?m)^\\| `" + strings.TrimSuffix(s[1], "_bucket") + "`.*$").FindString(page)
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			label, value := m[1], m[3]
			if label == "instance" || label == "job" {
				continue // Prometheus adds these
			}
			known := strings.Contains(row, "`"+label+"`")
			for one := range strings.SplitSeq(value, "|") {
				known = known && (strings.HasPrefix(one, "$") ||
					regexp.MustCompile(`\b`+regexp.QuoteMeta(one)+`\b`).MatchString(row))
			}
			if !known {
				wrong = append(wrong, s[0])
			}
		}
	}
	return wrong
}

func TestASelectorThatMatchesNothingIsFound(t *testing.T) {
	page := "| `restorefs_backups` | gauge | `state`: complete, broken | backups |\n"
	for expression, bad := range map[string]bool{
		`restorefs_backups`:                                false,
		`restorefs_backups{state="broken"} > 0`:            false,
		`restorefs_backups{instance=~"$i",state="broken"}`: false,
		`restorefs_backups{state=~"complete|broken"}`:      false,
		`restorefs_backups{state="damaged"}`:               true,
		`restorefs_backups{kind="broken"}`:                 true,
		`restorefs_other{state="broken"}`:                  true,
	} {
		if got := wrongSelectors(expression, page); (len(got) > 0) != bad {
			t.Errorf("%s: %q", expression, got)
		}
	}
}

// A message that the page quotes is one that the program says, in the same words.
func TestMessagesInTroubleshootingAreSaid(t *testing.T) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	said := sources(t)
	section, quotes := "", 0
	for line := range strings.Lines(string(page)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(heading)
		}
		cells := strings.Split(line, " | ")
		outside := strings.HasPrefix(section, "Another program") ||
			strings.Contains(cells[0], "(the kernel says it)")
		if !strings.HasPrefix(line, "| `") || len(cells) < 3 || outside {
			continue
		}
		for _, quote := range regexp.MustCompile("`[^`]+`").FindAllString(cells[0], -1) {
			for part := range strings.SplitSeq(strings.Trim(quote, "`"), "...") {
				if part = strings.Trim(part, " :,"); part != "" && !strings.Contains(said, part) {
					t.Errorf("%q, under %q, is in no source", part, section)
				}
				quotes++
			}
		}
	}
	if quotes < 20 {
		t.Errorf("only %d quotes: is the page still a table?", quotes)
	}
}

// sources returns the text of the program's Go files, with strings that go on in the next line
// joined.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, top := range []string{"../../cmd", "../../backupstore", "../../cache", "../../fusefs",
		"../../materialize"} {
		err := filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") ||
				strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			all.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return regexp.MustCompile(`"\s*\+\s*"`).ReplaceAllString(all.String(), "")
}
