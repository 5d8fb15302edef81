package report

import (
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/proven"
)

func TestAPatternIsOfTheWholeNameAndKnowsNoCapitals(t *testing.T) {
	for pattern, names := range map[string][2]string{ // those that are like it, and are not
		"db*":      {"db DB-data db/x", "my-db"},
		"*db*":     {"my-db db", "d-b"},
		"web-?":    {"web-1 web-ä", "web-10 web-"},
		"web-[12]": {"web-1 WEB-2", "web-3"},
		"w[!e]b":   {"wib", "web"},
		"a.b":      {"a.b", "axb"},
		"a[b":      {"a[b", "ab"},
		"[]":       {"[]", "x"},
		"(":        {"(", ")"},
	} {
		re, err := ParseGlob(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		for i, want := range []bool{true, false} {
			for _, name := range strings.Fields(names[i]) {
				if re.MatchString(name) != want {
					t.Errorf("%s, %s: %v", pattern, name, !want)
				}
			}
		}
	}
	if _, err := ParseGlob("[z-a]"); err == nil {
		t.Error("a range that goes backwards is taken")
	}
}

func TestVolumesAreSortedAndTheirBackupsStayTogether(t *testing.T) {
	all := []*backupstore.Backup{
		listed("1", "", "v1", "web", 9), listed("2", "", "v1", "web", 1),
		listed("3", "", "v2", "Db", 8), listed("4", "", "v3", "", 7),
		listed("5", "", "v4", "app", 0),
	}
	all[2].Size = 2 << 30
	names := VolumeNames(all)
	for by, want := range map[string]string{
		ByVolume: "12345", ByName: "53124", ByTime: "34125", BySize: "31245",
	} {
		Sort(all, names, by)
		got := ""
		for _, b := range all {
			got += b.ID
		}
		if got != want {
			t.Errorf("by %q: %s, not %s", by, got, want)
		}
	}
}

func TestAFilterTakesTheNamesOfNowAndThen(t *testing.T) {
	old, now := listed("1", "", "v1", "old", 9), listed("2", "", "v1", "new", 1)
	own := "nightly"
	now.Name = &own
	project := "p1"
	now.VolumeMeta.Base.ProjectID = &project
	names := VolumeNames([]*backupstore.Backup{old, now})["v1"]
	for pattern, want := range map[string]string{"new": "12", "old": "1", "night*": "2",
		"none": ""} {
		re, err := ParseGlob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, b := range []*backupstore.Backup{old, now} {
			if (Filter{Name: re}).Has(b, names) {
				got += b.ID
			}
		}
		if got != want {
			t.Errorf("%s: %q, not %q", pattern, got, want)
		}
	}
	for what, f := range map[string]Filter{
		"project": {Project: "p1"}, "time": {Since: listedAt.AddDate(0, 0, -2)},
	} {
		if f.Has(old, names) || !f.Has(now, names) {
			t.Errorf("by %s", what)
		}
	}
	if f := (Filter{MinSize: 2 << 30}); f.Has(now, names) {
		t.Error("by size")
	}
	bad := proven.Last{Bad: &proven.Proof{Lost: 512}}
	for text, want := range map[string]string{ // which of complete, broken, incomplete, damaged
		"broken, incomplete": "nyyn", "damaged": "nnny", "damaged,broken": "nyny", "complete": "ynny", // damaged ones are that as well
	} {
		var f Filter
		if err := f.ParseStates(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		got := ""
		for _, has := range []bool{f.HasState(backupstore.Complete, proven.Last{}),
			f.HasState(backupstore.Broken, proven.Last{}),
			f.HasState(backupstore.Incomplete, proven.Last{}),
			f.HasState(backupstore.Complete, bad)} {
			got += map[bool]string{true: "y", false: "n"}[has]
		}
		if got != want {
			t.Errorf("%s: %s, not %s", text, got, want)
		}
	}
	if (Filter{}).HasState(backupstore.Incomplete, bad) {
		t.Error("incomplete ones are listed unasked")
	}
	if err := new(Filter).ParseStates("good"); err == nil {
		t.Error("a state that there is not is taken")
	}
}
