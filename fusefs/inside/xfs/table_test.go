package xfs

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// table are the arguments of mkfs.xfs of the file systems that are compared with
// the kernel's view.
var table = []string{
	"",
	"-b size=1024",
	"-b size=2048 -n size=8192",
	"-b size=1024 -n size=65536",
	"-n size=16384",
	"-i size=512 -i nrext64=1",
	"-i size=1024",
	"-i size=2048",
	"-m bigtime=0",
	"-m bigtime=1 -i nrext64=1 -m rmapbt=1 -m reflink=1",
	"-m rmapbt=1",
	"-m reflink=0",
	"-m finobt=0,reflink=0 -i sparse=0",
	"-m inobtcount=1",
	"-i sparse=1 -m inobtcount=0",
	"-s size=4096",
	"-l su=32768",
	"-l su=262144",
	"-d agcount=1",
	"-d agcount=6",
	"-i maxpct=50 -d agcount=3",
	"-m uuid=11111111-2222-3333-4444-555555555555",
	"-L label",
	// The log that mkfs.xfs 6.1 makes by itself of this is too small for Linux 6.18.
	"-m rmapbt=1,reflink=0 -l size=8m",
	"-m bigtime=0 -i nrext64=0 -m inobtcount=0",
	"-b size=2048 -m rmapbt=1",
	"-b size=2048 -i size=1024 -n size=4096",
	"-n size=32768 -i nrext64=1",
	"-d su=65536,sw=4",
	"-l lazy-count=1,sunit=64 -d agcount=2",
	"-i sparse=0 -i size=1024",
}

// newer are features that xfsprogs of Debian 12 does not make.
var newer = []string{
	"-n parent=1", "-i exchange=1", "-n parent=1 -i exchange=1 -b size=1024 -m rmapbt=1",
	"-n parent=1,size=65536 -i nrext64=1", "-i exchange=0 -n parent=0",
}

// oldEnv says that the kernel mounts version 4, which not all can.
const oldEnv = "RESTOREFS_XFS_VERSION4"

// old are file systems of version 4.
var old = []string{
	"-m crc=0",
	"-m crc=0 -b size=512 -n size=4096 -i size=256",
	"-m crc=0 -n ftype=1 -i size=2048",
	"-m crc=0 -l version=1",
	"-m crc=0 -l lazy-count=0 -i attr=1",
	"-m crc=0 -i projid32bit=0 -b size=1024 -n size=65536",
	"-m crc=0 -n version=ci",
	"-m crc=0 -b size=2048 -l version=2,su=65536",
}

// kinds returns the file systems that the kernel mounts.
func kinds() []string {
	switch {
	case os.Getenv(oldEnv) != "":
		return old
	case os.Getenv(guest.RootEnv) != "":
		return append(slices.Clone(table), newer...)
	}
	return table
}

// What the kernel shows of a file system that it has filled itself is what this package shows.
func TestTheKernelsViewIsOurs(t *testing.T) {
	needMount(t)
	for _, args := range kinds() {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			image := mkfs(t, 100, strings.Fields(args)...)
			if slices.Contains(newer, args) && !mountable(t, image) {
				t.Skip("not in this run: this kernel does not know the feature")
			}
			mounted(t, image, "", func(root string) { guest.Populate(t, root, 60) })
			var want guest.View
			mounted(t, image, ",ro", func(root string) { want = hostView(t, root) })
			f := opened(t, image, Options{})
			if i := f.Info(); i.Journal != "clean" || len(i.Notes) > 0 {
				t.Errorf("after an unmount: %+v", i)
			}
			ownView(f).Compare(t, want)
		})
	}
}
