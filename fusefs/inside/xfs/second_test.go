package xfs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

func TestTheSuperblockOfAnotherGroupIsUsedAndTold(t *testing.T) {
	proto := filepath.Join(t.TempDir(), "proto")
	guest.Write(t, proto, []byte("/\n0 0\nd--755 0 0\nname d--700 0 0\n$\n$\n"))
	for _, c := range []struct {
		size, bytes int // of the disk in MiB, and that are gone
		args        string
	}{
		{80, 512, "-d agsize=17m"},  // the header of the first group tells where the second is
		{128, 4096, "-d agcount=4"}, // all have the same size
		{64, 512, "-m crc=0 -d agsize=16m"},
	} {
		image := mkfs(t, c.size, append(strings.Fields(c.args), "-p", proto)...)
		want := ownView(opened(t, image, Options{}))
		w, err := os.OpenFile(image, os.O_RDWR, 0)
		guest.Must(t, err)
		_, err = w.WriteAt(make([]byte, c.bytes), 0)
		guest.Must(t, err)
		guest.Must(t, w.Close())
		f := opened(t, image, Options{})
		if n := f.Info().Notes; len(n) != 1 || !strings.Contains(n[0], "the superblock at offset") {
			t.Errorf("%s: %q", c.args, n)
		}
		if want["/name"] == nil && want["name"] == nil {
			t.Errorf("%s: %v", c.args, want)
		}
		ownView(f).Compare(t, want)
	}
}

func TestWhatIsNewerThanTheLogIsTold(t *testing.T) {
	image := sample(t, 0)
	f := openBytes(t, image, Options{})
	ownView(f)
	if n := f.Info().Notes; len(n) > 0 {
		t.Errorf("with its log: %q", n)
	}
	l, _, err := f.findLog()
	guest.Must(t, err)
	clear(image[l.begin:][:l.sectors<<sectorShift])
	block, skip, err := f.inodePlace(f.Root())
	guest.Must(t, err)
	root := image[int64(block)<<f.sb.logBlock+int64(skip):][:f.sb.inodeBytes()]
	be.PutUint64(root[112:], 3<<32)
	le.PutUint32(root[inodeCRC:], checksum(root, inodeCRC))
	f = openBytes(t, image, Options{})
	ownView(f)
	if n := f.Info().Notes; len(n) != 1 || !strings.Contains(n[0], "newer than its log") {
		t.Errorf("with an empty log: %q", n)
	}
}
