package format

import (
	"encoding/json"
	"path"
	"strings"
	"testing"
)

const directory = "volume_" + volID + "/20261128174139"

// keyed is the key of the backup of these tests in a zone.
func keyed(zone string) string { return directory + "/az_" + zone + "_backup_" + backID }

func TestAKeyIsReadFromItsEndBelowAnyDirectory(t *testing.T) {
	for _, zone := range []string{
		"nova", "", "a/b", "zone/", "zone/ä b_backup_x", "x/backup", "x_backup_" + volID, "_metadata", "volume_/az_",
	} {
		for _, above := range []string{"", "srv/bucket", "volume_" + volID, directory, "az_x/" + directory + "x"} {
			for suffix, want := range map[string]Name{
				"_metadata": {Kind: KindMetadata}, "_sha256file": {Kind: KindDigests}, "-00001": {Kind: KindObject, Number: 1},
				"-100000": {Kind: KindObject, Number: 100000},
			} {
				dir, prefix := path.Split(path.Join(above, keyed(zone)))
				n, ok := ParseIn(path.Clean(dir), prefix+suffix)
				want.Prefix, want.Key, want.VolumeID, want.BackupID = prefix, keyed(zone), volID, backID
				want.Time = "20261128174139"
				if !ok || n != want || !EndsAsKey(prefix+suffix) {
					t.Errorf("%q in %q: %+v %v", prefix+suffix, dir, n, ok)
				}
			}
		}
	}
	dir, name := path.Split(keyed("nova"))
	for _, not := range [][2]string{
		{"", name + "-00001"}, {"volume_" + volID, name + "-00001"}, {dir, name}, {dir, name + "-1"},
		{dir, name + "_metadata.bak"}, {dir, strings.ToUpper(name) + "-00001"}, {"x" + dir, name + "-00001"},
		{strings.Replace(dir, "2026", "a026", 1), name + "-00001"}, {dir, "x" + name + "-00001"}, {dir, "_metadata"},
		{dir, "_backup_" + backID[1:] + "-00001"}, {strings.ToUpper(dir), name + "-00001"},
	} {
		if n, ok := ParseIn(not[0], not[1]); ok {
			t.Errorf("%q: %+v", not, n)
		}
	}
	if n, ok := ParseIn(dir, prefix+"-00001"); !ok || n.Key != prefix || n.Prefix != prefix {
		t.Errorf("a name of the NFS driver is one in any directory: %+v", n)
	}
}

func TestAnEntryOfAnyZoneIsInTheFormOfCinder(t *testing.T) {
	for _, zone := range []string{"nova", "Region-ONE", "zone/ä b_backup_x", "\"\\\b\f\n\r\t\x01\x7f😀"} {
		name := inJSON(keyed(zone)) + "-00002"
		var decoded string
		if err := json.Unmarshal([]byte(`"`+name+`"`), &decoded); err != nil || decoded != keyed(zone)+"-00002" {
			t.Fatalf("%q: %q %v", zone, decoded, err)
		}
		for _, comma := range []string{",", ", "} {
			entry := "{\n      \"" + name + "\": {\n        \"compression\": \"zlib\"" + comma +
				"\n        \"length\": 5" + comma + "\n        \"md5\": \"fd53923c4709ae7cbf430ae283172591\"" + comma +
				"\n        \"offset\": 0\n      }\n    }"
			m, err := ParseMetadata(strings.NewReader(metadataJSON("\n    "+entry+"\n  ")), keyed(zone),
				func(o Object) error { return nil })
			if err != nil || m.OddEntry != 0 {
				t.Errorf("%q, %q: %v, odd %d", zone, comma, err, m.OddEntry)
			}
		}
	}
}

func FuzzKey(f *testing.F) {
	for _, key := range []string{
		keyed("nova") + "-00001", "a/" + keyed("zone/ä b_backup_x") + "_metadata", keyed("") + "_sha256file",
		directory + "/" + directory + "/az__backup_" + backID + "-00001", prefix + "-00001",
	} {
		dir, name := path.Split(key)
		f.Add(dir, name)
	}
	f.Fuzz(func(t *testing.T, dir, name string) {
		n, ok := ParseIn(dir, name)
		if !ok || n.Key == n.Prefix {
			return
		}
		if !strings.HasSuffix(path.Join(dir, n.Prefix), n.Key) || !strings.HasPrefix(name, n.Prefix) {
			t.Fatalf("%q in %q: %+v", name, dir, n)
		}
		again, ok := ParseIn(path.Split(n.Key + name[len(n.Prefix):]))
		if !ok || again.Key != n.Key || again.VolumeID != n.VolumeID || !IsID(n.BackupID) {
			t.Fatalf("%q in %q: %+v, %+v", name, dir, n, again)
		}
	})
}
