package main

import (
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
