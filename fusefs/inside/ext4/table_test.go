package ext4

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// made is a way to make a file system: the arguments of mke2fs.
type made struct {
	name string
	args string
	mib  int // 8 if it is 0
}

// table are the file systems that are compared with the kernel's view.
func table() (list []made) {
	add := func(name, args string) {
		m := made{name: name, args: args}
		if strings.Contains(args, "-J") {
			m.mib = 32
		}
		list = append(list, m)
	}
	for _, bs := range []int{1024, 2048, 4096} {
		add(fmt.Sprintf("ext2 of %d", bs), fmt.Sprintf("-t ext2 -b %d", bs))
		add(fmt.Sprintf("ext3 of %d", bs), fmt.Sprintf("-t ext3 -b %d", bs))
		add(fmt.Sprintf("ext4 of %d", bs), fmt.Sprintf("-t ext4 -b %d", bs))
		for _, feature := range []string{
			"^64bit", "^flex_bg", "^metadata_csum", "^metadata_csum,uninit_bg", "^metadata_csum,^64bit", "inline_data",
			"ea_inode", "^extent,^64bit", "metadata_csum_seed", "inline_data,ea_inode,orphan_file", "meta_bg,^resize_inode",
		} {
			add(fmt.Sprintf("%s of %d", feature, bs), fmt.Sprintf("-t ext4 -b %d -O %s", bs, feature))
		}
	}
	for _, feature := range []string{
		"^has_journal", "^dir_index", "^filetype", "^huge_file", "^large_file", "^dir_nlink", "^sparse_super,^resize_inode",
		"sparse_super2", "large_dir", "encrypt", "verity", "stable_inodes", "orphan_file", "fast_commit", "mmp",
		"^ext_attr", "^extra_isize,^metadata_csum", "^resize_inode",
		"bigalloc", "bigalloc,inline_data", "bigalloc,^64bit", "^metadata_csum,meta_bg,^resize_inode,^64bit",
	} {
		add(feature, "-t ext4 -b 1024 -O "+feature)
	}
	add("128-byte inodes", "-t ext4 -b 4096 -I 128 -O ^metadata_csum")
	add("128-byte inodes with checksums", "-t ext4 -b 1024 -I 128")
	add("1 KiB inodes", "-t ext4 -b 1024 -I 1024 -O inline_data")
	add("4 KiB inodes", "-t ext4 -b 4096 -I 4096 -O inline_data -N 400")
	add("clusters of 64 KiB", "-t ext4 -b 4096 -C 65536 -O bigalloc -J size=4")
	add("many groups", "-t ext4 -b 1024 -g 512 -N 640")
	add("journal with checksums off", "-t ext4 -b 1024 -O ^metadata_csum,fast_commit")
	add("revision 0", revisionZero+" -b 1024 -O none -I 128")
	return list
}

// revisionZero is how revision 0 is asked for; mke2fs of Debian 13 calls it otherwise.
const revisionZero = "-r 0"

// takesRevision says whether mke2fs is one that knows revisionZero.
func takesRevision(t *testing.T) bool {
	t.Helper()
	image := filepath.Join(t.TempDir(), "none")
	write(t, image, make([]byte, 1<<20))
	return guest.Program(t, "mke2fs", "-n", "-q", "-F", "-r", "0", image).Run() == nil
}

// What the kernel shows of a file system that it has filled itself is what this package shows.
func TestTheKernelsViewIsOurs(t *testing.T) {
	guest.NeedMount(t)
	for _, m := range table() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			args := m.args
			if strings.HasPrefix(args, revisionZero) && !takesRevision(t) {
				args = "-E revision=0 -b 1024" // which allows no word of features, not even none
			}
			image := mkfs(t, max(8, m.mib), strings.Fields(args)...)
			mounted(t, image, "", func(root string) { guest.Populate(t, root, 60) })
			var want view
			mounted(t, image, ",ro", func(root string) { want = guest.HostView(t, root) })
			f := opened(t, image, Options{})
			if i := f.Info(); i.Journal != "clean" || len(i.Notes) > 0 {
				t.Errorf("after an unmount: %+v", i)
			}
			ownView(f).Compare(t, want)
		})
	}
}

// copied are the file systems that mke2fs fills, among them those that not all kernels mount.
func copied() (list []made) {
	for _, bs := range []int{1024, 2048, 4096, 8192, 16384, 32768, 65536} {
		for _, feature := range []string{"metadata_csum", "^metadata_csum,^64bit", "inline_data,ea_inode", "^extent,^64bit"} {
			list = append(list, made{fmt.Sprint(feature, " of ", bs), fmt.Sprintf("-t ext4 -b %d -O %s,^has_journal -N 512", bs, feature), 16 + bs/1024})
		}
	}
	for _, feature := range []string{"casefold", "quota", "project,quota", "bigalloc -C 16384", "verity"} {
		list = append(list, made{feature, "-t ext4 -b 1024 -O " + feature, 16})
	}
	return list
}

// What mke2fs has copied into a file system is read from it.
func TestWhatWasCopiedIsRead(t *testing.T) {
	source := t.TempDir()
	guest.Populate(t, source, 60)
	facts := []string{"mode", "owner", "target", "device", "sum", "links", "lookup", "error", "readdir"}
	want := guest.HostView(t, source).Only(facts...)
	for _, m := range copied() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			image := mkfs(t, m.mib, append(strings.Fields(m.args), "-d", source)...)
			got := ownView(opened(t, image, Options{}))
			delete(got, "lost+found")
			want := want.Only(facts...)
			want[""] = got[""].Only(facts...)
			if strings.Contains(m.args, "O inline_data") {
				// mke2fs 1.47.0 cuts off the hole at their end.
				for _, name := range []string{"fragments", "reserved"} {
					delete(want[name], "sum")
					delete(got[name], "sum")
				}
			}
			got.Only(facts...).Compare(t, want)
		})
	}
}
