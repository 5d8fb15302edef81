package fusefs

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// list lists a tree, one line for each entry.
func list(e *entry, at string) []string {
	var out []string
	for _, name := range e.names() {
		c, path := e.child(name), at+name
		switch c.kind {
		case dirKind, backupKind:
			out = append(out, list(c, path+"/")...)
		case linkKind:
			out = append(out, path+" -> "+strings.TrimPrefix(c.target(), "../../backups/"))
		default:
			out = append(out, path)
		}
	}
	return out
}

func TestTheTreeIsLaidOutFromTheListOfBackups(t *testing.T) {
	at := func(hour int) time.Time { return noon.Add(time.Duration(hour) * time.Hour) }
	for what, c := range map[string]struct {
		backups []Backup
		in      string // "volumes", "names" or "backups"
		want    []string
	}{
		"a backup has its disk, what is said of it, and its metadata": {
			[]Backup{{ID: "a", VolumeID: "v", VolumeName: "web", CreatedAt: at(0)}}, "backups",
			[]string{"a/info.txt", "a/metadata.json", "a/volume.raw"}},
		"a backup with a problem has only that": {
			[]Backup{{ID: "a", VolumeID: "v", Problem: "broken"}}, "backups",
			[]string{"a/problem.txt"}},
		"one that is right but cannot be read as a whole here has both": {
			[]Backup{{ID: "a", VolumeID: "v", Short: "too little memory"}}, "backups",
			[]string{"a/info.txt", "a/metadata.json", "a/problem.txt", "a/volume.raw"}},
		"one that cannot be read as a whole here is the latest all the same": {
			[]Backup{{ID: "a", VolumeID: "v", CreatedAt: at(1), Short: "too little memory"}}, "volumes",
			[]string{"v/2026-03-04T13:00:00Z -> a", "v/latest -> a"}},
		"a hostile id stays a name": {
			[]Backup{{ID: "../a", VolumeID: "v", Problem: "broken"}}, "backups",
			[]string{"%2E.%2Fa/problem.txt"}},
		"latest is the newest": {
			[]Backup{{ID: "b", VolumeID: "v", CreatedAt: at(2)}, {ID: "a", VolumeID: "v", CreatedAt: at(1)}}, "volumes",
			[]string{"v/2026-03-04T13:00:00Z -> a", "v/2026-03-04T14:00:00Z -> b", "v/latest -> b"}},
		"latest passes over a newer one with a problem": {
			[]Backup{{ID: "a", VolumeID: "v", CreatedAt: at(1)}, {ID: "b", VolumeID: "v", CreatedAt: at(2), Problem: "incomplete"}}, "volumes",
			[]string{"v/2026-03-04T13:00:00Z -> a", "v/2026-03-04T14:00:00Z -> b", "v/latest -> a"}},
		"without the newest one there is no latest": {
			[]Backup{{ID: "a", VolumeID: "v", CreatedAt: at(1), Superseded: true}, {ID: "b", VolumeID: "v", CreatedAt: at(2), Superseded: true}}, "volumes",
			[]string{"v/2026-03-04T13:00:00Z -> a", "v/2026-03-04T14:00:00Z -> b"}},
		"without a good backup there is no latest": {
			[]Backup{{ID: "a", VolumeID: "v", CreatedAt: at(1), Problem: "broken"}}, "volumes",
			[]string{"v/2026-03-04T13:00:00Z -> a"}},
		"two of one second get their ids, none the bare time": {
			[]Backup{{ID: "a", VolumeID: "v", CreatedAt: at(1).Add(1)}, {ID: "b", VolumeID: "v", CreatedAt: at(1)}}, "volumes",
			[]string{"v/2026-03-04T13:00:00Z%id-a -> a", "v/2026-03-04T13:00:00Z%id-b -> b", "v/latest -> a"}},
		"of two of one instant latest is the same one always": {
			[]Backup{{ID: "b", VolumeID: "v", CreatedAt: at(1)}, {ID: "a", VolumeID: "v", CreatedAt: at(1)}}, "volumes",
			[]string{"v/2026-03-04T13:00:00Z%id-a -> a", "v/2026-03-04T13:00:00Z%id-b -> b", "v/latest -> b"}},
		"a backup without a time is undated": {
			[]Backup{{ID: "a", VolumeID: "v"}}, "volumes",
			[]string{"v/latest -> a", "v/undated -> a"}},
		"a name of one volume is a directory": {
			[]Backup{{ID: "a", VolumeID: "v", VolumeName: "web/1", CreatedAt: at(1)}, {ID: "b", VolumeID: "v", VolumeName: "web/1", CreatedAt: at(2)}}, "names",
			[]string{"web%2F1/2026-03-04T13:00:00Z -> a", "web%2F1/2026-03-04T14:00:00Z -> b", "web%2F1/latest -> b"}},
		"a name of two volumes is two directories, none of them bare": {
			[]Backup{{ID: "a", VolumeID: "v", VolumeName: "web", CreatedAt: at(1)}, {ID: "b", VolumeID: "w", VolumeName: "web", CreatedAt: at(2)}}, "names",
			[]string{"web%id-v/2026-03-04T13:00:00Z -> a", "web%id-v/latest -> a", "web%id-w/2026-03-04T14:00:00Z -> b", "web%id-w/latest -> b"}},
		"a renamed volume is under each name with the backups of that time, its latest under the newest": {
			[]Backup{{ID: "a", VolumeID: "v", VolumeName: "old", CreatedAt: at(1)}, {ID: "b", VolumeID: "v", VolumeName: "new", CreatedAt: at(2)}}, "names",
			[]string{"new/2026-03-04T14:00:00Z -> b", "new/latest -> b", "old/2026-03-04T13:00:00Z -> a"}},
		"volumes without a name are there": {
			[]Backup{{ID: "a", VolumeID: "v", CreatedAt: at(1)}, {ID: "b", VolumeID: "w", CreatedAt: at(1)}}, "names",
			[]string{"%unnamed%id-v/2026-03-04T13:00:00Z -> a", "%unnamed%id-v/latest -> a", "%unnamed%id-w/2026-03-04T13:00:00Z -> b", "%unnamed%id-w/latest -> b"}},
	} {
		root := layout(c.backups)
		if got := list(root.children[c.in], ""); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", what, got, c.want)
		}
		if got := slices.Sorted(maps.Keys(root.children)); !slices.Equal(got, []string{"backups", "names", "volumes"}) {
			t.Errorf("%s: top level %q", what, got)
		}
	}
}

func TestLayoutOfNothingHasItsDirectories(t *testing.T) {
	if root := layout(nil); len(root.order) != 3 || root.find("names") == nil || root.find("names/x") != nil {
		t.Errorf("%+v", root)
	}
}

func TestDirectoriesHaveTheTimeOfTheirNewestBackup(t *testing.T) {
	root := layout([]Backup{{ID: "a", VolumeID: "v", CreatedAt: noon.Add(time.Hour)}, {ID: "b", VolumeID: "w", CreatedAt: noon}})
	for path, want := range map[string]time.Time{"": noon.Add(time.Hour), "backups/b": noon, "volumes/w": noon, "volumes": noon.Add(time.Hour)} {
		if got := root.find(path).mtime; !got.Equal(want) {
			t.Errorf("%q: %v, want %v", path, got, want)
		}
	}
}
