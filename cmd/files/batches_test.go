package files

import (
	"errors"
	"hash/maphash"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/fusefs/inside"
)

// visited collects what a walk visits.
type visited struct {
	paths    []string
	problems []error
}

func (v *visited) Enter(n *Node) (bool, error) {
	v.paths = append(v.paths, n.Path)
	return n.IsDir(), nil
}
func (v *visited) Leave(*Node) error         { return nil }
func (v *visited) Problem(_ string, e error) { v.problems = append(v.problems, e) }

// Who unpacks a tar would follow the link of the first batch.
func TestNothingIsFoundBehindALinkOfAnEarlierBatch(t *testing.T) {
	f := &madeUp{files: map[uint64]*madeUpFile{
		1: {mode: typeDir | 0o755, entries: []inside.Dirent{
			{Name: "x", Ino: 2}, {Name: "a", Ino: 5}, {Name: "y", Ino: 5}, {Name: "x", Ino: 3}}},
		2: {mode: typeLink | 0o777, text: "/etc"},
		3: {mode: typeDir | 0o755, entries: []inside.Dirent{{Name: "file", Ino: 5}}},
		5: {mode: typeRegular | 0o644},
	}}
	for room, want := range map[int]string{1: "/ /x /a /y", 150: "/ /a /x /y",
		entryBytes: "/ /a /x /y"} {
		v := &visited{}
		w := &walk{ctx: t.Context(), v: v, room: room, seed: maphash.MakeSeed()}
		must(t, w.visit(f.node(t), 0))
		if got := strings.Join(v.paths, " "); got != want || len(v.problems) != 1 ||
			!errors.Is(v.problems[0], errSame) {
			t.Errorf("room %d: %s; %v", room, got, v.problems)
		}
		if w.links != 0 || w.room != room {
			t.Errorf("%d links and %d bytes are left", w.links, w.room)
		}
	}
}

func TestHolesWithoutEndEndATar(t *testing.T) {
	f := &madeUp{files: map[uint64]*madeUpFile{1: {mode: typeRegular | 0o644}}}
	n, m := f.node(t), meter{}
	n.tree.disk = 4096
	if got := n.tree.mostBytes(); got != 4096 {
		t.Errorf("%d bytes of a disk of 4096", got)
	}
	must(t, m.hole(n, holeBytes))
	if _, shared := errors.AsType[*sharedError](m.hole(n, 1)); !shared {
		t.Error("more than may be")
	}
}

func TestAVolumeThatIsNotThereIsToldAsSuch(t *testing.T) {
	for volume, want := range map[string]bool{"vg/root": true, "p1": false} {
		d := &Disk{Disk: &inside.Disk{Parts: []*inside.Part{{Name: volume}}}}
		_, _, err := d.choose("vg/rooot:/etc")
		if _, told := errors.AsType[*NoPartError](err); told != want {
			t.Errorf("on a disk with %s: %v", volume, err)
		}
	}
}
