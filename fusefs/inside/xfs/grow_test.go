package xfs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// A machine grows its file system when it starts for the first time: what it then
// writes lies behind the end that the superblock on the disk still says.
func TestAFileSystemThatGrewInItsLog(t *testing.T) {
	guest.NeedMount(t)
	need.Program(t, "xfs_growfs")
	image := mkfs(t, 200, "-d", "size=32m")
	copied := image + "-copy"
	mounted(t, image, "", func(root string) {
		guest.Command(t, "xfs_growfs", root)
		for i := range 64 { // directories go to the groups by turns
			dir := filepath.Join(root, fmt.Sprint("dir", i))
			guest.Must(t, os.Mkdir(dir, 0o755))
			guest.Write(t, filepath.Join(dir, "file"), []byte(dir))
		}
		freeze(t, root)
		guest.CopyFile(t, image, copied)
	})
	compareCopies(t, []string{copied})
}
