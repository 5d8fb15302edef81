package lvm

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// raidDisk is the disk of kindsText with states of the copies of its mirror.
func raidDisk(t *testing.T, text string, states ...raidState) []byte {
	disk := kindsDisk(groupText(text), metadata(t))
	for i, s := range states {
		at := disk[dataStart+[]int{240, 250}[i]*thinExtent:]
		if s == (raidState{}) {
			continue
		}
		copy(at, raidMagic)
		le.PutUint64(at[16:], s.events)
		le.PutUint64(at[24:], s.failed)
		le.PutUint64(at[32:], s.recovered)
	}
	return disk
}

func TestTheCopyOfAMirrorThatIsWholeIsRead(t *testing.T) {
	const all = math.MaxUint64
	text := kindsText()
	rebuilt := strings.Replace(text, "mirror_rimage_0 {", "mirror_rimage_0 {\nflags = [\"REBUILD\"]", 1)
	rebuilt = strings.Replace(rebuilt, "status = [\"READ\", \"WRITE\"]\nflags = []\nsegment_count = 1\n"+
		"segment1 {\nstart_extent = 0\nextent_count = 8\ntype = \"striped\"\nstripe_count = 1\n"+
		"stripes = [\n\"pv0\", 241", "status = [\"READ\", \"REBUILD\"]\nsegment_count = 1\n"+
		"segment1 {\nstart_extent = 0\nextent_count = 8\ntype = \"striped\"\nstripe_count = 1\n"+
		"stripes = [\n\"pv0\", 241", 1)
	for name, c := range map[string]struct {
		text   string
		states []raidState
		extent int // 0: it is told
	}{
		"both":               {text, []raidState{{5, 0, all}, {5, 0, all}}, 241},
		"one event apart":    {text, []raidState{{5, 0, all}, {6, 0, all}}, 241},
		"the first is older": {text, []raidState{{5, 0, all}, {9, 0, all}}, 251},
		"the first failed":   {text, []raidState{{6, 0, all}, {6, 1, all}}, 251},
		"it says it later":   {text, []raidState{{5, 0, all}, {6, 1, all}}, 251},
		"being recovered":    {text, []raidState{{5, 0, 100}, {5, 0, all}}, 251},
		"new":                {text, []raidState{{}, {5, 0, all}}, 251},
		"none":               {text, []raidState{{5, 2, 100}, {4, 0, all}}, 0},
		"of LVM":             {rebuilt, nil, 251},
	} {
		disk := raidDisk(t, c.text, c.states...)
		volumes, _ := look(disk)
		for _, v := range volumes {
			if v.Name != "mirror" {
				continue
			}
			got := make([]byte, 100)
			_, err := v.ReadAt(got, 0)
			if c.extent == 0 {
				if err == nil {
					t.Errorf("%s: it is read", name)
				}
			} else if want := disk[dataStart+c.extent*thinExtent:][:100]; err != nil ||
				!bytes.Equal(got, want) {
				t.Errorf("%s: the wrong copy is read (%v)", name, err)
			}
		}
	}
}

func TestAVolumeIntoWhichASnapshotIsMergedIsTold(t *testing.T) {
	text := strings.Replace(kindsText(), "cow_store", "merging_store", 1)
	volumes, _ := look(kindsDisk(groupText(text), metadata(t)))
	for _, v := range volumes {
		if got := strings.Contains(v.Problem, "merged into it"); got != (v.Name == "old") {
			t.Errorf("%s: %q", v.Name, v.Problem)
		}
	}
}

func TestPhysicalVolumesOfOneIDAreTold(t *testing.T) {
	disk := made(sampleText, 512)
	volumes, problems, _ := Look([]Source{
		{Name: "p1", R: bytes.NewReader(disk), Size: int64(len(disk))},
		{Name: "p2", R: bytes.NewReader(disk), Size: int64(len(disk))},
	})
	if len(problems) != 1 || !strings.Contains(problems[0], "p1 and p2 have the same id") ||
		len(volumes) != 1 || volumes[0].Problem == "" {
		t.Errorf("%q, %+v", problems, volumes)
	}
}

func TestGroupsAreBoundedTogether(t *testing.T) {
	disk, other := made(sampleText, 512), made(strings.Replace(sampleText, `"group"`, `"other"`, 1), 512)
	source := func(disk []byte) Source { return Source{Name: "p1", R: bytes.NewReader(disk), Size: int64(len(disk))} }
	area := area{4096, 64 << 10}
	found := newTexts()
	found.nodes, found.unread = 100, 3*len(sampleText)
	if err := found.add(source(disk), area); err != nil || found.nodes <= 0 {
		t.Fatal(found.nodes, err)
	}
	if err := found.add(source(disk), area); err != nil { // the same once more takes nothing
		t.Error(err)
	}
	found.nodes = 5
	if err := found.add(source(other), area); err != errTooMuch || len(found.groups) != 1 {
		t.Errorf("another one: %v", err)
	}
	if err := found.add(source(disk), area); err != errTooMuch {
		t.Errorf("more than is read: %v", err)
	}
}

// A text says in few bytes that each of very many segments has copies that take long to judge.
func TestCopiesAreJudgedOnce(t *testing.T) {
	var text strings.Builder
	segments := func(name string, count int, body string) {
		fmt.Fprintf(&text, "%s {\nstatus = [\"READ\", \"VISIBLE\"]\nsegment_count = %d\n", name, count)
		for i := range count {
			fmt.Fprintf(&text, "segment%d {\nstart_extent = %d\nextent_count = 1\n%s}\n", i+1, i, body)
		}
		text.WriteString("}\n")
	}
	segments("mirror", 300, `type = "raid1"
raids = [`+strings.Repeat(`"copy", "copy", `, maxStripes)+`]
`)
	segments("copy", maxStripes, `type = "striped"
stripe_count = 1
stripes = [`+strings.Repeat(`"pv0", 5, `, 300)+`]
`)
	disk := made(sampleText, 512)
	g, err := readGroup(strings.Replace(sampleText, "logical_volumes {\n", "logical_volumes {\n"+text.String(), 1), maxNodes)
	if err != nil {
		t.Fatal(err)
	}
	left, room := maxSegments, maxPools
	g.sources = map[string]Source{sampleID: {Name: "p1", R: bytes.NewReader(disk), Size: int64(len(disk))}}
	g.left, g.room, g.made, g.pools = &left, &room, map[string]*Volume{}, map[string]pooled{}
	g.stales, g.raids = map[string]error{}, map[string]*raidState{}
	began := time.Now()
	volumes := g.volumes(func(string, ...any) {})
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
	if len(volumes) != 3 {
		t.Fatalf("%d volumes", len(volumes))
	}
	for _, v := range volumes {
		if v.Name == "mirror" && v.Problem == "" {
			t.Error("copies that cannot be are read")
		}
	}
}
