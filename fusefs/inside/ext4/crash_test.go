package ext4

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// crashEnv is how many seeds the test of disks copied while mounted takes; 2 if it is not set.
const crashEnv = "RESTOREFS_EXT4_CRASHES"

// crashKinds are the file systems, and the options of mounting them, that are
// copied while something writes to them.
var crashKinds = []struct{ mkfs, mount string }{
	{"-t ext4 -b 1024", ""},
	{"-t ext4 -b 4096 -O orphan_file", ""},
	{"-t ext4 -b 1024 -O fast_commit", ""},
	{"-t ext4 -b 1024 -O ^metadata_csum,^64bit", ",journal_checksum"},
	{"-t ext3 -b 1024", ",data=journal"},
	{"-t ext4 -b 1024 -O ^metadata_csum", ",data=writeback,journal_async_commit"},
	{"-t ext4 -b 4096 -O inline_data,fast_commit", ""},
	{"-t ext4 -b 1024 -O bigalloc,ea_inode", ",data=journal"},
	{"-t ext3 -b 4096", ""},
	{"-t ext4 -b 2048 -O ^metadata_csum,^64bit,fast_commit", ""},
}

// fastSteps are those of a writer that fast commits are made of; others make the
// kernel commit in full.
var fastSteps = []int{0, 1, 2, 3, 3, 4, 5, 7, 8, 9, 11, 14, 14}

// What fast commits hold is seen as well. The kernel does not always see it: see
// [fastInode.apply].
func TestFastCommitsAreWhatTheKernelMakesOfThem(t *testing.T) {
	guest.NeedMount(t)
	seeds, _ := strconv.Atoi(os.Getenv(crashEnv))
	if seeds == 0 {
		t.Skip("not in this run: " + crashEnv + " is not set; TestSamples has fast commits")
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			kinds := []string{"-t ext4 -b 1024 -O fast_commit", "-t ext4 -b 4096 -O fast_commit,inline_data", "-t ext4 -b 2048 -O fast_commit,^metadata_csum,^64bit"}
			image := mkfs(t, 32, strings.Fields(kinds[seed%len(kinds)])...)
			var copies []string
			mounted(t, image, "", func(root string) {
				w := &writer{Root: root, R: rand.New(rand.NewPCG(uint64(seed), 2))}
				for range 60 {
					w.Step()
				}
				unix.Sync()
				for i := range 4 {
					for range 12 {
						w.Do(fastSteps[w.R.IntN(len(fastSteps))])
					}
					w.Do(3)
					copies = append(copies, fmt.Sprint(image, i))
					guest.CopyFile(t, image, copies[i])
				}
				w.Close()
			})
			compareCopies(t, copies)
		})
	}
}

// A disk that is copied while it is written to shows what the kernel shows of it
// after it has replayed the journal.
func TestACopyOfADiskInUseIsWhatTheKernelMakesOfIt(t *testing.T) {
	guest.NeedMount(t)
	seeds, _ := strconv.Atoi(os.Getenv(crashEnv))
	for seed := range max(2, seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { t.Parallel(); crash(t, uint64(seed)) })
	}
}

func crash(t *testing.T, seed uint64) {
	kind := crashKinds[seed%uint64(len(crashKinds))]
	image := mkfs(t, 32, strings.Fields(kind.mkfs)...)
	var copies []string
	mounted(t, image, kind.mount, func(root string) {
		w := &writer{Root: root, R: rand.New(rand.NewPCG(seed, 1))}
		for i := range 3 {
			for range 150 + w.R.IntN(200) {
				w.Step()
			}
			path := fmt.Sprint(image, i)
			guest.CopyFile(t, image, path)
			copies = append(copies, path)
		}
		w.Close()
	})
	compareCopies(t, copies)
}

// compareCopies compares copies with what the kernel shows after it has replayed a copy of them.
func compareCopies(t *testing.T, copies []string) {
	t.Helper()
	for i, path := range copies {
		f := opened(t, path, Options{})
		got := ownView(f)
		replayed := path + "-replayed"
		guest.CopyFile(t, path, replayed)
		want := view{}
		if fast := strings.Contains(f.Info().Journal, "fast"); fast && !mountable(t, replayed) {
			t.Logf("copy %d: the kernel cannot replay it", i)
			continue
		}
		mounted(t, replayed, "", func(string) {})
		mounted(t, replayed, ",ro", func(root string) { want = guest.HostView(t, root) })
		t.Logf("copy %d: %d files, %s, %q", i, len(want), f.Info().Journal, f.Info().Notes)
		if f.Info().Journal == "clean" {
			t.Errorf("copy %d: nothing was replayed", i)
		}
		if strings.Contains(f.Info().Journal, "fast") {
			got, want = got.Only(eternal...), want.Only(eternal...)
			for path, facts := range want {
				if pieces, ok := recorded(f, facts["inode"]); ok && facts["data"] != pieces && got[path]["data"] == pieces {
					t.Logf("copy %d: %q: the kernel has the data %s, its own record %s", i, path, facts["data"], pieces)
					facts["data"], facts["sum"] = pieces, got[path]["sum"]
				}
			}
		}
		got.Compare(t, want)
	}
}

// eternal are the facts that the kernel does not change by replaying fast
// commits. It does so as a program would that does the same again, so that
// directories are larger, times are those of the replay, and links are counted
// by what it finds.
var eternal = []string{"mode", "owner", "inode", "target", "device", "sum", "data", "error", "readdir", "lookup", "xattr user.v"}

// recorded returns where the record of an inode in a fast commit says its data is.
func recorded(f *FS, ino string) (string, bool) {
	n, _ := strconv.Atoi(ino)
	fi := f.fast.inode(uint64(n))
	if fi == nil || fi.raw == nil || le.Uint32(fi.raw[0x20:])&flagExtents == 0 || fi.raw[46] != 0 {
		return "", false
	}
	size := int64(le.Uint32(fi.raw[4:]))
	var pieces []piece
	for i := range int64(le.Uint16(fi.raw[42:])) {
		e := fi.raw[52+12*i:]
		if from, length := int64(le.Uint32(e)), int64(le.Uint16(e[4:])); length <= 1<<15 {
			pieces = guest.AddPiece(pieces, from*f.bs, min(size, (from+length)*f.bs))
		}
	}
	return fmt.Sprint(pieces), true
}

// mountable says whether the kernel can mount an image and replay its journal.
func mountable(t *testing.T, image string) bool {
	root := filepath.Join(t.TempDir(), "mnt")
	must(t, os.Mkdir(root, 0o700))
	if _, err := guest.MountLoop("ext4", "rw", image, root); err != nil {
		return false
	}
	guest.Unmount(t, root)
	return true
}

var _ io.ReaderAt = (*File)(nil)
