package btrfs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// table are the arguments of mkfs.btrfs, and the options of the mount, of the file systems
// that are compared with the kernel's view.
var table = []struct{ mkfs, options string }{
	{"", ""},
	{"-m single -d single", ",compress-force=zlib"},
	{"-m dup -d dup", ",compress-force=lzo"},
	{"-n 4096", ",compress-force=zstd"},
	{"-n 65536 -O ^no-holes", ",compress=zstd:9"},
	{"--mixed -n 4096", ",compress-force=lzo"},
	{"--csum xxhash -O ^extref,^skinny-metadata", ",max_inline=0"},
	{"--csum sha256", ",nodatacow"},
	{"--csum blake2", ",compress-force=zlib:9"},
	{"-n 8192 -R ^free-space-tree", ",max_inline=2048,discard"},
}

// populate fills a mounted file system.
func populate(t testing.TB, root string) {
	t.Helper()
	guest.Populate(t, root, 60)
	in := func(name string) string { return filepath.Join(root, name) }
	random := make([]byte, 150_000)
	rand.NewChaCha8([32]byte{1}).Read(random)
	text := bytes.Repeat([]byte("all work and no play makes a dull boy\n"), 20_000)
	for name, data := range map[string][]byte{
		"text": text, "random": random, "mixed": append(append(text[:300_001:300_001], random...), text...),
		"little": text[:3000], "numbers": []byte(strings.Join(numbers(60_000), " ")),
	} {
		guest.Write(t, in(name), data)
	}
	guest.Command(t, "btrfs", "-q", "subvolume", "create", in("sub"))
	guest.Write(t, in("sub/within"), text[:50_000])
	guest.Command(t, "btrfs", "-q", "subvolume", "create", in("sub/nested"))
	guest.Write(t, in("sub/nested/deep"), []byte("deep"))
	guest.Command(t, "btrfs", "-q", "subvolume", "snapshot", in("sub"), in("snapshot"))
	guest.Write(t, in("snapshot/later"), []byte("later"))
	guest.Must(t, os.Remove(in("sub/within")))
	for i := range 100 { // pieces of an extent that is shared with the snapshot
		f, err := os.OpenFile(in("snapshot/within"), os.O_WRONLY, 0)
		guest.Must(t, err)
		_, err = f.WriteAt([]byte("changed"), int64(i*431))
		guest.Must(t, err)
		guest.Must(t, f.Close())
	}
}

func numbers(n int) (out []string) {
	for i := range n {
		out = append(out, strconv.Itoa(i*i))
	}
	return out
}

// What the kernel shows of a file system that it has filled itself is what this package shows.
func TestTheKernelsViewIsOurs(t *testing.T) {
	needMount(t)
	for _, kind := range table {
		t.Run(kind.mkfs+kind.options, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"-L", "läbel"}, strings.Fields(kind.mkfs)...)
			image := mkfs(t, 300, args...)
			mounted(t, image, kind.options, func(root string) { populate(t, root) })
			var want guest.View
			mounted(t, image, ",ro", func(root string) { want = guest.HostView(t, root) })
			f := opened(t, image)
			if i := f.Info(); i.Journal != "clean" || i.Label != "läbel" || len(i.Notes) > 0 {
				t.Errorf("after an unmount: %+v", i)
			}
			compare(t, f, want)
		})
	}
}

// compare compares with the kernel's view. Files have their numbers within their subvolumes there.
func compare(t *testing.T, f *FS, want guest.View) {
	t.Helper()
	own := ownView(f)
	for _, facts := range own {
		ino, err := strconv.ParseUint(facts["inode"], 10, 64)
		guest.Must(t, err)
		facts["inode"] = fmt.Sprint(ino & fileNumbers)
	}
	// In place of a subvolume that is elsewhere: it has no times, and the kernel takes the current
	// one; and all of them have one number there.
	for _, v := range []guest.View{own, want} {
		delete(v["snapshot/nested"], "inode")
		delete(v["snapshot/nested"], "mtime")
		delete(v["snapshot/nested"], "ctime")
	}
	own.Compare(t, want)
}
