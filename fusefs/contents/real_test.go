package contents

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	need.Missing(t, format, args...)
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		skip(t, "needs the program %s", name)
	}
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// identified identifies the contents of a file.
func identified(t *testing.T, path string) Contents {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Identify(f, size)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A disk that is copied while it is mounted was in use; copies from before and after are clean.
func TestADiskThatIsCopiedWhileItIsMountedWasInUse(t *testing.T) {
	if os.Geteuid() != 0 {
		skip(t, "needs root for mounting")
	}
	known, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		kind, driver string
		size         int64
		mkfs         []string
		unknown      bool // the state of a clean one is unknown
	}{
		"ext2":                       {"ext2", "ext2", 4 << 20, []string{"mkfs.ext2", "-q", "-L", "label"}, false},
		"ext3":                       {"ext3", "ext3", 8 << 20, []string{"mkfs.ext3", "-q", "-L", "label"}, false},
		"ext4":                       {"ext4", "ext4", 8 << 20, []string{"mkfs.ext4", "-q", "-L", "label"}, false},
		"ext4 without a journal":     {"ext4", "ext4", 8 << 20, []string{"mkfs.ext4", "-q", "-O", "^has_journal", "-L", "label"}, false},
		"XFS":                        {"XFS", "xfs", 320 << 20, []string{"mkfs.xfs", "-q", "-L", "label"}, false},
		"XFS in stripes of 64 KiB":   {"XFS", "xfs", 640 << 20, []string{"mkfs.xfs", "-q", "-d", "su=65536,sw=2", "-l", "su=65536,size=64m", "-L", "label"}, false},
		"XFS, sectors of 4096 bytes": {"XFS", "xfs", 320 << 20, []string{"mkfs.xfs", "-q", "-s", "size=4096", "-L", "label"}, false},
		"btrfs":                      {"btrfs", "btrfs", 128 << 20, []string{"mkfs.btrfs", "-q", "-L", "label"}, true},
	} {
		t.Run(what, func(t *testing.T) {
			if !strings.Contains(string(known), "\t"+c.driver+"\n") {
				if exec.Command("modprobe", "-q", c.driver).Run() != nil {
					skip(t, "needs a kernel with %s", c.driver)
				}
			}
			if _, err := exec.LookPath(c.mkfs[0]); err != nil {
				skip(t, "needs the program %s", c.mkfs[0])
			}
			dir := t.TempDir()
			disk, at := filepath.Join(dir, "disk"), filepath.Join(dir, "at")
			if err := os.WriteFile(disk, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(disk, c.size); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(at, 0o700); err != nil {
				t.Fatal(err)
			}
			run(t, c.mkfs[0], append(c.mkfs[1:], disk)...)
			clean := Clean
			if c.unknown {
				clean = Unknown
			}
			want := Contents{Kind: c.kind, Label: "label", State: clean}
			if got := identified(t, disk); got != want {
				t.Errorf("made: %+v", got)
			}
			for range 2 { // the second time as the first left it
				run(t, "mount", "-o", "loop", disk, at)
				mounted := true
				defer func() {
					if mounted {
						exec.Command("umount", at).Run()
					}
				}()
				got := copiedInUse(t, disk, at)
				for again := 0; c.unknown && got.State == Unknown && again < 5; again++ {
					got = copiedInUse(t, disk, at)
				}
				if got.Kind != c.kind || got.State != InUse || got.Detail == "" {
					t.Errorf("copied while mounted: %+v", got)
				}
				var err error
				for i := range 50 { // other programs may briefly look at a new mount
					if err = exec.Command("umount", at).Run(); err == nil {
						break
					}
					time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				}
				if err != nil {
					t.Fatal(err)
				}
				mounted = false
				if got := identified(t, disk); got != want {
					t.Errorf("unmounted: %+v", got)
				}
			}
		})
	}
}

// copiedInUse writes and syncs a file on the disk that is mounted at the directory at, and
// identifies a copy of the disk. One of btrfs is known to be in use from a tree log alone, which
// fsync(2) writes; a commit, due every 30 s, by fsync itself or by what else a busy machine does,
// takes it away.
func copiedInUse(t *testing.T, disk, at string) Contents {
	t.Helper()
	f, err := os.CreateTemp(at, "file")
	if err == nil {
		_, err = f.WriteString("synced\n")
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copied")
	run(t, "cp", "--sparse=always", disk, copied)
	return identified(t, copied)
}

// File systems that programs have just made are recognized, and clean.
func TestFileSystemsThatProgramsMakeAreRecognized(t *testing.T) {
	for what, c := range map[string]struct {
		make []string
		size int64
		want Contents
	}{
		"XFS with a log of version 1": {[]string{"mkfs.xfs", "-q", "-m", "crc=0,finobt=0,bigtime=0,inobtcount=0,reflink=0,rmapbt=0", "-l", "version=1"},
			320 << 20, Contents{Kind: "XFS", State: Clean}},
		"XFS with blocks of 1 KiB":  {[]string{"mkfs.xfs", "-q", "-b", "size=1024"}, 320 << 20, Contents{Kind: "XFS", State: Clean}},
		"XFS with a log in group 0": {[]string{"mkfs.xfs", "-q", "-l", "agnum=0"}, 320 << 20, Contents{Kind: "XFS", State: Clean}},
		"FAT16":                     {[]string{"mkfs.fat", "-F16", "-n", "LABEL"}, 32 << 20, Contents{Kind: "FAT", Label: "LABEL", State: Clean}},
		"FAT32":                     {[]string{"mkfs.fat", "-F32", "-n", "LABEL"}, 64 << 20, Contents{Kind: "FAT32", Label: "LABEL", State: Clean}},
		"NTFS":                      {[]string{"mkfs.ntfs", "-q", "-F", "-L", "label"}, 16 << 20, Contents{Kind: "NTFS", Label: "label", State: Clean}},
		"swap":                      {[]string{"mkswap", "-q", "-L", "label"}, 1 << 20, Contents{Kind: "swap", Label: "label"}},
	} {
		t.Run(what, func(t *testing.T) {
			disk := filepath.Join(t.TempDir(), "disk")
			if err := os.WriteFile(disk, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(disk, c.size); err != nil {
				t.Fatal(err)
			}
			run(t, c.make[0], append(c.make[1:], disk)...)
			if got := identified(t, disk); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}
