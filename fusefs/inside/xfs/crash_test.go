package xfs

import (
	"fmt"
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
const crashEnv = "RESTOREFS_XFS_CRASHES"

type crashKind struct{ mkfs, mount string }

// crashKinds are the file systems, and the options of mounting them, that are
// copied while something writes to them.
var crashKinds = []crashKind{
	{"-i nrext64=1 -m rmapbt=1", ""},
	{"-d agcount=2 -l su=262144,size=18m", ""}, // its log is soon full, and begins anew
	{"-b size=1024 -n size=8192", ",logbsize=256k"},
	{"-i size=1024 -m reflink=0", ",logbufs=2,logbsize=16k"},
	{"-b size=2048 -l su=32768 -m bigtime=0", ""},
	{"-b size=1024 -i size=512 -m rmapbt=1", ",wsync"},
	{"-m finobt=0,reflink=0 -i sparse=0", ",largeio"},
	{"-n size=65536", ",logbsize=64k"},
}

// A disk that is copied while it is written to shows what the kernel shows of it
// after it has replayed the log.
func TestACopyOfADiskInUseIsWhatTheKernelMakesOfIt(t *testing.T) {
	needMount(t)
	seeds, _ := strconv.Atoi(os.Getenv(crashEnv))
	for seed := range max(2, seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { t.Parallel(); crash(t, uint64(seed)) })
	}
}

func crash(t *testing.T, seed uint64) {
	kind := crashKinds[seed%uint64(len(crashKinds))]
	if os.Getenv(oldEnv) != "" {
		kind = crashKind{old[seed%uint64(len(old))], ""}
	}
	image := mkfs(t, 100, strings.Fields(kind.mkfs)...)
	var copies []string
	mounted(t, image, kind.mount, func(root string) {
		w := &guest.Writer{Root: root, R: rand.New(rand.NewPCG(seed, 1))}
		steps := 150
		if seed >= uint64(len(crashKinds)) {
			steps = 1500
		}
		for i := range 3 {
			for range steps + w.R.IntN(steps) {
				w.Step()
			}
			if w.R.IntN(3) == 0 {
				freeze(t, root)
			}
			path := fmt.Sprint(image, i)
			guest.CopyFile(t, image, path)
			copies = append(copies, path)
		}
		w.Close()
	})
	compareCopies(t, copies)
}

// freeze makes the kernel write its log, but not what it says.
func freeze(t *testing.T, root string) {
	t.Helper()
	d, err := os.Open(root)
	guest.Must(t, err)
	defer d.Close()
	guest.Must(t, unix.Syncfs(int(d.Fd())))
}

// compareCopies compares copies with what the kernel shows after it has replayed a copy of them.
func compareCopies(t *testing.T, copies []string) {
	t.Helper()
	for i, path := range copies {
		replayed := path + "-replayed"
		guest.CopyFile(t, path, replayed)
		if !mountable(t, replayed) {
			t.Logf("copy %d: the kernel cannot replay it", i)
			continue
		}
		var want guest.View
		mounted(t, replayed, ",ro", func(root string) { want = hostView(t, root) })
		f := opened(t, path, Options{})
		got := ownView(f)
		forgiveMapBlocks(f, got, want)
		t.Logf("copy %d: %d files, %s, %q, %d not finished",
			i, len(want), f.Info().Journal, f.Info().Notes, len(f.pending))
		if f.Info().Journal == "clean" {
			t.Errorf("copy %d: nothing was replayed", i)
		}
		got.Compare(t, want)
	}
}

// forgiveMapBlocks takes what the kernel says that a file takes, where it may have needed a block
// more for the map of extents: see [FS.Stat]. So it is where a log ends behind the intent to map the
// extent for which a list becomes a tree, or for which a leaf is full.
func forgiveMapBlocks(f *FS, got, want guest.View) {
	for path, facts := range got {
		ino, _ := strconv.ParseUint(facts["inode"], 10, 64)
		changes := int64(len(f.pending[ino].runs))
		own, _ := strconv.ParseInt(facts["blocks"], 10, 64)
		kernels, _ := strconv.ParseInt(want[path]["blocks"], 10, 64)
		if more := kernels - own; more > 0 && more <= changes*f.bs>>9 && more%(f.bs>>9) == 0 {
			facts["blocks"] = want[path]["blocks"]
		}
	}
}

// mountable says whether the kernel can mount an image and replay its log.
func mountable(t *testing.T, image string) bool {
	root := filepath.Join(t.TempDir(), "mnt")
	guest.Must(t, os.Mkdir(root, 0o700))
	if _, err := guest.MountLoop("xfs", "nouuid", image, root); err != nil {
		return false
	}
	guest.Unmount(t, root)
	return true
}
