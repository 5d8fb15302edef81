package fusefs

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestInfoSaysWhatLiesOnTheDisk(t *testing.T) {
	b := partitioned(idA)
	copy(b.Table, "QFI\xfb")
	r := mounted(t, b)
	text, err := os.ReadFile(r.path("backups", idA, infoName))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"The disk of backup " + idA + ", ", "\npartition 1: ", "\npartition 2: ", "as a qcow2 image does"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if _, err := os.OpenFile(r.path("backups", idA, infoName), os.O_WRONLY, 0); err == nil {
		t.Error("it can be written")
	}
}

func TestDfShowsTheDisks(t *testing.T) {
	r := mounted(t, sample(idA), sample(idB))
	size := sample(idA).Size + sample(idB).Size
	var st syscall.Statfs_t
	if err := syscall.Statfs(r.mnt, &st); err != nil || st.Blocks != uint64(size)/blksize || st.Bfree != 0 || st.Bavail != 0 || st.Files != 2 || st.Ffree != 0 {
		t.Errorf("%+v, %v; the disks have %d bytes", st, err, size)
	}
}
