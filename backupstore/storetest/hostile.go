package storetest

import (
	"os"
	"path/filepath"
	"testing"
)

// Symlinks adds symbolic links to the share, which git cannot keep safely, and
// returns the backups behind them. Nothing behind a link may be read: the links
// lead to complete, readable backups and objects, so that a reader that follows
// them is noticed. ("loop" is a link to the share's root; it adds no backup.)
func Symlinks(t testing.TB, shareDir string) []Fixture {
	t.Helper()
	outside := t.TempDir()
	write := func(share, label string) Backup {
		return MustWrite(t, share, Spec{
			ID: ID("symlink " + label), VolumeID: ID("symlink volume " + label), Name: label,
			Content: Text(4*DefaultShaBlock, 7), FileSize: 2 * DefaultShaBlock,
			Volume: Volume{Name: label},
		})
	}
	link := func(target, name string) {
		if err := os.Symlink(target, name); err != nil {
			t.Skipf("symbolic links cannot be made here: %v", err)
		}
	}
	moveOut := func(path string) {
		to := filepath.Join(outside, filepath.Base(path))
		if err := os.Rename(path, to); err != nil {
			t.Fatal(err)
		}
		link(to, path)
	}

	object := write(shareDir, "object")
	moveOut(object.Path("-00002"))
	metadata := write(shareDir, "_metadata")
	moveOut(metadata.Path("_metadata"))
	container := write(outside, "container")
	link(container.Dir, filepath.Join(shareDir, "linked"))
	link(".", filepath.Join(shareDir, "loop"))

	fixture := func(b Backup, state, seen string) Fixture {
		return Fixture{
			Label: "symlink", ID: b.ID, VolumeID: b.VolumeID, Container: b.Container,
			Prefix:    b.Prefix,
			VolumeGiB: 1, Objects: len(b.Objects), State: state, Seen: seen, DataBytes: b.DataBytes,
		}
	}
	o := fixture(object, Broken, "names")
	o.Label, o.Words = "object is a symbolic link out of the share", []string{"link",
		"regular", "missing"}
	o.Damaged = []Extent{{object.Objects[1].Offset, object.Objects[1].Length}}
	m := fixture(metadata, Broken, "names")
	m.Label, m.Words = "_metadata is a symbolic link out of the share", []string{"link", "regular",
		"_metadata"}
	m.Note = "listing it as incomplete, or not at all, is right as well"
	c := fixture(container, Unseen, "names")
	c.Label, c.Container = "container is a symbolic link out of the share", "linked"
	return []Fixture{o, m, c}
}
