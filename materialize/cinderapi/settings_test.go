package cinderapi

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMergesInCloudsAreThoseOfYAML(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clouds.yaml")
	for name, test := range map[string]struct{ auth, want string }{
		"one":                                       {"{<<: *a}", "user of a, project of a"},
		"its own members count before":              {"{username: own, <<: *a}", "own, project of a"},
		"wherever they stand":                       {"{<<: *a, username: own}", "own, project of a"},
		"of a list the first counts":                {"{<<: [*b, *a]}", "user of b, project of a"},
		"of a list with what the first has":         {"{<<: [*a, *b]}", "user of a, project of a"},
		"of a list whose later one merges a former": {"{<<: [*a, *c]}", "user of a, project of a"},
		"of a list whose first merges another":      {"{<<: [*c, *a]}", "user of c, project of a"},
		"a list by an alias":                        {"{<<: *list}", "user of b, project of a"},
		"a mapping in a list":                       {"{<<: [{username: in place}, *a]}", "in place, project of a"},
		"a list with what is no mapping":            {"{<<: [x, *a]}", "user of a, project of a"},
	} {
		t.Run(name, func(t *testing.T) {
			text := `a: &a {username: user of a, project_name: project of a}
b: &b {username: user of b}
c: &c {<<: *a, username: user of c}
list: &list [*b, *a]
clouds: {mine: {auth: ` + test.auth + `}, other: {<<: [{auth: *b}, {region_name: r}]}}
`
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			all, err := readClouds(file, "clouds")
			if err != nil {
				t.Fatal(err)
			}
			if got := all["mine"]["username"] + ", " + all["mine"]["project_name"]; got != test.want {
				t.Errorf("%s, not %s", got, test.want)
			}
			if all["other"]["username"] != "user of b" || all["other"]["region_name"] != "r" {
				t.Error(all["other"])
			}
		})
	}
}
