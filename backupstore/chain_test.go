package backupstore

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/scanned"
)

// own makes a backup as a scan finds it.
func own(id, parent string, change ...func(*Scanned)) *Scanned {
	b := &Scanned{
		&scanned.Facts{ID: id, ParentID: parent, VolumeID: "volume", DataEnd: 100},
		&judged{alone: Verdict{State: Complete}, readable: true},
	}
	for _, f := range change {
		f(b)
	}
	return b
}

func incomplete(b *Scanned) {
	b.alone.State, b.readable = Incomplete, false
	b.alone.problem("unfinished")
}
func unusable(b *Scanned) { b.alone.broken("bad JSON"); b.readable = false }
func lacking(b *Scanned)  { b.alone.broken("object 00001 is missing") }
func noted(b *Scanned)    { b.alone.problem("just a note") }
func ofVolume(id string) func(*Scanned) {
	return func(b *Scanned) { b.VolumeID = id }
}
func ofSize(gib int64) func(*Scanned) {
	return func(b *Scanned) { b.VolumeMeta = &format.VolumeSummary{Base: format.VolumeBase{SizeGiB: gib}} }
}

func resolved(backups ...*Scanned) snapshot {
	s := snapshot{byID: map[string]*Backup{}}
	for _, own := range backups {
		b := newBackup(own)
		s.backups, s.byID[b.ID] = append(s.backups, b), b
	}
	resolve(s)
	return s
}

func TestChainsAreJudged(t *testing.T) {
	for name, c := range map[string]struct {
		backups []*Scanned
		id      string
		state   State
		layers  int // of Chain
		says    string
	}{
		"a full backup":                         {[]*Scanned{own("a", "")}, "a", Complete, 1, ""},
		"an incremental":                        {[]*Scanned{own("b", "a"), own("a", "")}, "b", Complete, 2, ""},
		"two children of one parent":            {[]*Scanned{own("b", "a"), own("c", "a"), own("a", "")}, "c", Complete, 2, ""},
		"the parent is missing":                 {[]*Scanned{own("b", "a")}, "b", Broken, 0, "parent a is not on the share"},
		"the grandparent is missing":            {[]*Scanned{own("c", "b"), own("b", "a")}, "c", Broken, 0, "its parent b is broken: its parent a is not on the share"},
		"an ancestor is missing":                {[]*Scanned{own("d", "c"), own("c", "b"), own("b", "a")}, "d", Broken, 0, "its ancestor b is broken: its parent a is not"},
		"the parent is incomplete":              {[]*Scanned{own("b", "a"), own("a", "", incomplete)}, "b", Broken, 0, "its parent a is incomplete: unfinished"},
		"the parent's _metadata is bad":         {[]*Scanned{own("b", "a"), own("a", "", unusable)}, "b", Broken, 0, "its parent a is broken: bad JSON"},
		"the parent lacks an object":            {[]*Scanned{own("b", "a"), own("a", "", lacking)}, "b", Broken, 2, "its parent a is broken: object 00001"},
		"an ancestor lacks an object":           {[]*Scanned{own("a", "", noted, lacking), own("b", "a", noted), own("c", "b", noted)}, "c", Broken, 3, "its ancestor a is broken: object 00001"},
		"the parent is another volume's":        {[]*Scanned{own("b", "a"), own("a", "", ofVolume("other"))}, "b", Broken, 0, "another volume, other"},
		"a child of what is another volume's":   {[]*Scanned{own("c", "b"), own("b", "a"), own("a", "", ofVolume("other"))}, "c", Broken, 0, "its parent b is broken: its parent a is a backup of another"},
		"it is its own parent":                  {[]*Scanned{own("a", "a")}, "a", Broken, 0, "cycle"},
		"a cycle of three":                      {[]*Scanned{own("a", "b"), own("b", "c"), own("c", "a")}, "b", Broken, 0, "cycle: b is its own ancestor"},
		"a child of a cycle":                    {[]*Scanned{own("d", "a"), own("a", "b"), own("b", "a")}, "d", Broken, 0, "its parent a is broken: its parents form a cycle"},
		"a child of a cycle that is seen first": {[]*Scanned{own("a", "b"), own("b", "a"), own("d", "a")}, "d", Broken, 0, "its parent a is broken: its parents form a cycle"},
	} {
		t.Run(name, func(t *testing.T) {
			b := resolved(c.backups...).byID[c.id]
			if b.State != c.state || len(b.Chain()) != c.layers || c.says != "" && !strings.Contains(b.Problems[0], c.says) || c.says == "" && b.Problems != nil {
				t.Errorf("%s, %d layers, %q", b.State, len(b.Chain()), b.Problems)
			}
		})
	}
}

func TestALongChainIsJudgedInLinearTime(t *testing.T) {
	for _, n := range []int{maxChain, maxChain + 5} {
		backups := []*Scanned{own("0", "", lacking)}
		for i := 1; i < n; i++ {
			backups = append(backups, own(fmt.Sprint(i), fmt.Sprint(i-1)))
		}
		rand.Shuffle(n, func(i, j int) { backups[i], backups[j] = backups[j], backups[i] })
		s := resolved(backups...)
		for _, b := range s.backups {
			if b.State != Broken || len(b.Problems[0]) > 200 {
				t.Fatalf("%s %q", b.State, b.Problems)
			}
		}
		deepest := s.byID[fmt.Sprint(n-1)]
		if got := len(deepest.Chain()); n == maxChain && got != n || n > maxChain && got != 0 {
			t.Errorf("a chain of %d has %d layers: %q", n, got, deepest.Problems)
		}
	}
}

// Whatever points where: what is not complete has a reason, and a chain leads
// to a full backup of the same volume.
func TestAnyWebOfParentsIsJudged(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 3000 {
		n := 1 + rng.IntN(12)
		var backups []*Scanned
		for i := range n {
			parent := ""
			if rng.IntN(4) > 0 {
				parent = fmt.Sprint(rng.IntN(n + 1))
			}
			b := own(fmt.Sprint(i), parent)
			switch rng.IntN(12) {
			case 0:
				incomplete(b)
			case 1:
				unusable(b)
			case 2:
				lacking(b)
			case 3:
				b.VolumeID = "other"
			case 4:
				noted(b)
			}
			backups = append(backups, b)
		}
		for _, b := range resolved(backups...).backups {
			chain := b.Chain()
			if b.State != Complete && len(b.Problems) == 0 || b.State == Complete && chain == nil {
				t.Fatalf("%s is %s, chain %v, %q", b.ID, b.State, chain, b.Problems)
			}
			for i, l := range chain {
				if last := i == len(chain)-1; l.VolumeID != b.VolumeID || l.Incremental() == last || !l.usable || !last && chain[i+1].ID != l.ParentID {
					t.Fatalf("layer %d of %s: %+v", i, b.ID, l)
				}
			}
		}
	}
}

func TestTheSizeIsTheLargestThatIsSaid(t *testing.T) {
	rows := func(n, bytes int64) func(*Scanned) { return func(b *Scanned) { b.rows, b.rowBytes = n, bytes } }
	for name, c := range map[string]struct {
		b    *Scanned
		want int64
	}{
		"recorded":                       {own("b", "a", ofSize(1)), 1 << 30},
		"not recorded":                   {own("b", "a"), 500},
		"digests tell":                   {own("b", "a", rows(10, 64)), 640},
		"the last block is short":        {own("b", "a", rows(8, 64)), 500},
		"digests tell less":              {own("b", "a", rows(2, 64)), 500},
		"the data go on behind its size": {own("b", "a", ofSize(1), func(b *Scanned) { b.DataEnd = 1<<30 + 1 }), 1<<30 + 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := resolved(own("a", "", func(b *Scanned) { b.DataEnd = 500 }), c.b).byID[c.b.ID]
			if b.Size != c.want {
				t.Errorf("%d, want %d: %q", b.Size, c.want, b.Problems)
			}
		})
	}
}

func TestDamageIsFoundInErrors(t *testing.T) {
	var path *fs.PathError
	for _, e := range []*DamageError{{Reason: "r"}, {Reason: "r", Object: "o", Err: fs.ErrNotExist}} {
		err := fmt.Errorf("wrapped: %w", e)
		var damage *DamageError
		if !errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) != (e.Err != nil) || errors.As(err, &path) || !errors.As(err, &damage) {
			t.Errorf("%v", err)
		}
	}
}
