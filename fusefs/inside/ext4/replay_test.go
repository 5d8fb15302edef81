package ext4

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func logBlocks(f *FS, image []byte, kind uint32) (list []int64) {
	for _, p := range places(f) {
		if b := image[p.Off:]; p.What == "log" && be.Uint32(b) == journalMagic && be.Uint32(b[4:]) == kind {
			list = append(list, p.Off)
		}
	}
	return list
}

func TestALastCommitThatIsDamagedEndsTheReplay(t *testing.T) {
	for n, what := range []string{"commit", "block"} {
		image := sample(t, 0)
		f := openBytes(t, image, Options{})
		whole := f.Info().Journal
		var last int
		if _, err := fmt.Sscanf(whole, "replayed to commit %d", &last); err != nil {
			t.Fatal(whole)
		}
		commits := slices.DeleteFunc(logBlocks(f, image, blockCommit), func(off int64) bool { return be.Uint32(image[off+8:]) != uint32(last) })
		image[commits[0]+[]int64{0x30, -1024}[n]] ^= 0x40 // the commit itself, or the data before it
		f = openBytes(t, image, Options{})
		i := f.Info()
		if want := fmt.Sprintf("replayed to commit %d", last-1); i.Journal != want || len(i.Notes) == 0 || !strings.Contains(i.Notes[0], "checksum") {
			t.Errorf("a damaged %s: %q %q, want %q", what, i.Journal, i.Notes, want)
		}
	}
}

func TestWithoutReplayTheDiskIsOlder(t *testing.T) {
	image := sample(t, 0)
	now, before := openBytes(t, image, Options{}), openBytes(t, image, Options{NoReplay: true})
	if i := before.Info(); !strings.HasPrefix(i.Journal, "not replayed: ") || len(i.Notes) == 0 {
		t.Errorf("%+v", i)
	}
	if _, err := now.Lookup(now.Root(), "late0"); err != nil {
		t.Error(err)
	}
	if _, err := before.Lookup(before.Root(), "late0"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before the replay: %v", err)
	}
}

func TestAJournalThatCannotBeUsedIsTold(t *testing.T) {
	for what, spoil := range map[string]func(sb, journal []byte){
		"the journal is on another device":    func(sb, _ []byte) { le.PutUint32(sb[0xe0:], 0) },
		"the journal has features 0x80000000": func(_, j []byte) { j[0x28] = 0x80 },
		"there is none":                       func(_, j []byte) { j[0] = 0 },
		"its checksum is wrong":               func(_, j []byte) { j[0x58]++ },
	} {
		image := sample(t, 0)
		for _, p := range places(openBytes(t, image, Options{})) {
			if p.What == "journal" {
				spoil(image[superOffset:], image[p.Off:])
			}
		}
		places(openBytes(t, image, Options{}))[0].Fix(image)
		i := openBytes(t, image, Options{}).Info()
		if !strings.HasPrefix(i.Journal, "not replayed: ") || !strings.Contains(i.Journal, what) {
			t.Errorf("%q: %q", what, i.Journal)
		}
	}
}

func TestAJournalThatNeedsMoreMemoryIsTold(t *testing.T) {
	i := openBytes(t, sample(t, 0), Options{JournalBytes: 48}).Info()
	if !strings.HasPrefix(i.Journal, "not replayed: it replaces more blocks") {
		t.Errorf("%+v", i)
	}
}

func TestRangesOfFastCommits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var all []run
		want := map[uint64]uint64{}
		for range r.IntN(12) {
			x := run{from: uint64(r.IntN(60)), disk: uint64(r.IntN(1000)), data: r.IntN(3) > 0}
			x.to = x.from + uint64(r.IntN(20))
			all = append(all, x)
			for b := x.from; b < x.to; b++ {
				if want[b] = 0; x.data {
					want[b] = x.disk + b - x.from
				}
			}
		}
		ranges := newRanges(all)
		for b := range uint64(100) {
			got, ok := ranges.at(b)
			disk, there := want[b]
			if ok != there || ok && got.data && got.disk != disk {
				t.Fatalf("%v: block %d: %v %v, want %d %v", all, b, got, ok, disk, there)
			}
			if next := ranges.next(b); !ok && next <= b {
				t.Fatalf("%v: the next range behind %d begins at %d", all, b, next)
			}
		}
	}
}

func TestNamesOfFastCommits(t *testing.T) {
	for _, c := range []struct {
		disk uint32
		cs   nameChanges
		want uint32
	}{
		{0, nameChanges{{5, true}}, 5},
		{4, nameChanges{{5, true}}, 4},
		{4, nameChanges{{5, false}}, 4},
		{4, nameChanges{{4, false}}, 0},
		{4, nameChanges{{4, false}, {5, true}}, 5},
		{0, nameChanges{{5, true}, {5, false}}, 0},
		{0, nameChanges{{5, true}, {6, true}, {5, false}, {7, true}}, 7},
	} {
		if got := c.cs.apply(c.disk); got != c.want {
			t.Errorf("%v with %d: %d, want %d", c.cs, c.disk, got, c.want)
		}
	}
}

func TestADamagedBlockInTheMiddleOfTheJournalHarmsWhatItHolds(t *testing.T) {
	image := sample(t, 0)
	whole := openBytes(t, image, Options{})
	want := ownView(whole)
	poisoned := 0
	for _, commit := range logBlocks(whole, image, blockCommit) {
		image[commit-1024+100] ^= 1
		f := openBytes(t, image, Options{})
		last := f.Info().Journal != whole.Info().Journal
		for _, r := range f.replaced {
			if r.how&damaged != 0 && !last {
				poisoned++
				if _, err := f.block(r.block); !errors.As(err, new(*CorruptError)) {
					t.Errorf("block %d: %v", r.block, err)
				}
			}
		}
		for path, got := range ownView(f) {
			if !last && got["error"]+got["readdir"]+got["lookup"] == "" && got["sum"] != want[path]["sum"] {
				t.Errorf("%q: %v", path, got)
			}
		}
		image[commit-1024+100] ^= 1
	}
	if poisoned == 0 {
		t.Error("no block was damaged that the end needs")
	}
}
