package files

import "testing"

// A file system whose first superblock is lost is no known kind until it is tried.
func TestAPartOfUnknownKindIsTriedByItsOtherSuperblocks(t *testing.T) {
	data := image(t, source(t), 24, "-b", "1024", "-L", "spare")
	clear(data[1024:2048])
	d := disk(t, data)
	if len(d.Parts) != 1 || d.Parts[0].Kind != "" {
		t.Fatalf("%+v", d.Parts)
	}
	d.TryUnknown()
	if p := d.Parts[0]; p.Kind != "ext4" || p.Label != "spare" || !p.Readable() {
		t.Errorf("%+v", p)
	}
	if n := at(t, d, "/"); !n.IsDir() {
		t.Error("its root is no directory")
	}
	blank := disk(t, make([]byte, 1<<20))
	blank.TryUnknown()
	if p := blank.Parts[0]; p.Kind != "" || p.Readable() {
		t.Errorf("of zeros: %+v", p)
	}
}
