package ntfs

import (
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// What ntfs-3g shows of a file system that it has filled is what this package shows.
func TestTheViewOfNTFS3GIsOurs(t *testing.T) {
	for _, args := range []string{
		"-C", "-c 512 -C", "-c 1024", "-c 2048 -C", "-c 8192", "-c 65536", "-s 1024 -c 4096", "-s 4096 -c 4096 -C",
		"-I", "-z 4",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			image := mkfs(t, 48<<10, strings.Fields(args)...)
			mounted(t, image, ",compression", func(root string) { fill(t, root, 150) })
			var want guest.View
			mounted(t, image, ",ro", func(root string) { want = guest.HostView(t, root) })
			f := opened(t, image)
			if i := f.Info(); i.Journal != "clean" || i.Label != "Ünïcode" || len(i.Notes) > 0 {
				t.Errorf("%+v", i)
			}
			own := guest.OwnView(reader(f))
			for _, v := range []guest.View{own, want} {
				for _, facts := range v {
					if strings.HasPrefix(facts["mode"], "4") {
						delete(facts, "size") // of a directory
					}
				}
			}
			own.Only(told...).Compare(t, want.Only(told...))
			if strings.Contains(args, "-C") && compressedUnits(t, f) == 0 {
				t.Error("nothing is compressed")
			}
		})
	}
}

// compressedUnits counts what is compressed in the files of a directory.
func compressedUnits(t *testing.T, f *FS) (count int) {
	t.Helper()
	dir, err := f.Lookup(f.Root(), "compressed")
	guest.Must(t, err)
	guest.Must(t, f.ReadDir(dir, func(d Dirent) error {
		file, err := f.Open(d.Ino)
		if err != nil || !file.compressed {
			return err
		}
		clusters := uint64(file.first.unit / f.cluster)
		for vcn := uint64(0); int64(vcn)*f.cluster < file.size; vcn += clusters {
			if held, err := file.held(vcn, clusters); err != nil {
				return err
			} else if held > 0 && held < clusters {
				count++
			}
		}
		return nil
	}))
	return count
}
