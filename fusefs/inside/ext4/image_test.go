package ext4

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func command(t testing.TB, name string, args ...string) string {
	t.Helper()
	need.Program(t, name)
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// mkfs makes an image of so many MiB.
func mkfs(t testing.TB, size int, args ...string) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, int64(size)<<20); err != nil {
		t.Fatal(err)
	}
	command(t, "mke2fs", append(append([]string{"-q", "-F"}, args...), image)...)
	return image
}

// needMount skips a test that cannot mount here.
func needMount(t testing.TB) {
	t.Helper()
	need.Root(t)
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		need.Missing(t, "needs loop devices")
	}
}

// mounted mounts an image with the kernel, calls fn with where, and unmounts it.
func mounted(t testing.TB, image, options string, fn func(root string)) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "mnt")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	command(t, "mount", "-t", "ext4", "-o", "loop,noatime"+options, image, root)
	defer unmount(t, root)
	fn(root)
}

// unmount tries for a while: a child of another test may have a file open until
// it executes its program.
func unmount(t testing.TB, root string) {
	t.Helper()
	var err error
	for i := range 50 {
		if err = unix.Unmount(root, 0); err == nil {
			return
		}
		time.Sleep(time.Duration(i) * 10 * time.Millisecond)
	}
	t.Errorf("unmount %s: %v", root, err)
}

// opened opens an image with this package.
func opened(t testing.TB, image string, opt Options) *FS {
	t.Helper()
	file, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	fi, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(file, fi.Size(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ignore says that an error is one that some file systems give for good reason.
func ignore(error) {}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	must(t, os.WriteFile(path, data, 0o644))
}

// populate fills a directory with what file systems find hard. many is how many
// files one directory gets.
func populate(t testing.TB, root string, many int) {
	t.Helper()
	in := func(name string) string { return filepath.Join(root, name) }
	write(t, in("empty"), nil)
	write(t, in("tiny"), []byte("tiny\n"))
	write(t, in("sixty"), []byte(strings.Repeat("x", 60)))
	write(t, in("sixty-one"), []byte(strings.Repeat("y", 61)))
	write(t, in("mid"), []byte(strings.Repeat("z", 150)))
	write(t, in("block"), []byte(strings.Repeat("b", 4096)))
	write(t, in("long-"+strings.Repeat("n", 250)), []byte("long"))
	write(t, in("bad\xff\xfebytes"), []byte("not UTF-8"))
	write(t, in("new\nline"), []byte("nl"))
	write(t, in("日本語-😀"), []byte("utf8"))
	must(t, os.Link(in("tiny"), in("hardlink")))
	for _, n := range []int{1, 59, 60, 61, 150, 900} {
		must(t, os.Symlink(strings.Repeat("t", n), in(fmt.Sprintf("link-%d", n))))
	}
	must(t, os.Mkdir(in("emptydir"), 0o711))
	populateMany(t, in("many"), many)
	populateDeep(t, in("deep"))
	populateData(t, root)
	populateSpecial(t, root)
}

func populateMany(t testing.TB, dir string, many int) {
	t.Helper()
	must(t, os.Mkdir(dir, 0o755))
	for i := range many {
		write(t, filepath.Join(dir, fmt.Sprintf("file-%05d-%s\xe9", i, strings.Repeat("w", i%40))), []byte(strings.Repeat("c", i%7)))
	}
	for i := 0; i < many; i += 5 {
		must(t, os.Remove(filepath.Join(dir, fmt.Sprintf("file-%05d-%s\xe9", i, strings.Repeat("w", i%40)))))
	}
}

func populateDeep(t testing.TB, dir string) {
	t.Helper()
	for i := range 30 {
		must(t, os.Mkdir(dir, 0o755))
		dir = filepath.Join(dir, fmt.Sprint("d", i))
	}
	write(t, dir, []byte("bottom"))
}

// populateData makes files with holes, with many extents, and with blocks that
// were never written.
func populateData(t testing.TB, root string) {
	t.Helper()
	make := func(name string, size int64, pieces func(put func(off int64, data string))) {
		f, err := os.Create(filepath.Join(root, name))
		must(t, err)
		defer f.Close()
		pieces(func(off int64, data string) {
			_, err := f.WriteAt([]byte(data), off)
			must(t, err)
		})
		must(t, f.Truncate(size))
	}
	make("sparse", 1<<30+123, func(put func(int64, string)) {
		for _, off := range []int64{0, 40 << 10, 1 << 20, 70<<20 - 5, 1<<30 - 10} {
			put(off, fmt.Sprint("mark", off))
		}
	})
	make("hole", 3<<20, func(func(int64, string)) {})
	make("fragments", 250*8192, func(put func(int64, string)) {
		for i := range int64(250) {
			put(i*8192, strings.Repeat("f", 100+int(i)))
		}
	})
	make("whole", 300_001, func(put func(int64, string)) {
		put(0, strings.Repeat("0123456789", 30_001)[:300_001])
	})
	f, err := os.Create(filepath.Join(root, "reserved"))
	must(t, err)
	defer f.Close()
	ignore(unix.Fallocate(int(f.Fd()), 0, 0, 200<<10)) // ext3 cannot
	_, err = f.WriteAt([]byte("in the middle"), 100<<10)
	must(t, err)
}

// populateSpecial makes devices, attributes, owners and times.
func populateSpecial(t testing.TB, root string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(root, name) }
	if os.Geteuid() == 0 {
		for name, d := range map[string]struct {
			mode         uint32
			major, minor uint32
		}{
			"fifo": {unix.S_IFIFO, 0, 0}, "socket": {unix.S_IFSOCK, 0, 0}, "chr": {unix.S_IFCHR, 1, 3},
			"blk": {unix.S_IFBLK, 8, 255}, "large": {unix.S_IFBLK, 300, 70000},
		} {
			must(t, unix.Mknod(in(name), d.mode|0o640, int(unix.Mkdev(d.major, d.minor))))
		}
		must(t, os.Chown(in("mid"), 70000, 123456))
		ignore(unix.Setxattr(in("mid"), "trusted.t", []byte("trusted"), 0))
		ignore(unix.Setxattr(in("mid"), "security.s", []byte("s"), 0))
		acl := []byte("\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff\x02\x00\x05\x00\x05\x00\x00\x00" +
			"\x04\x00\x05\x00\xff\xff\xff\xff\x08\x00\x04\x00\x09\x00\x00\x00\x10\x00\x05\x00\xff\xff\xff\xff\x20\x00\x01\x00\xff\xff\xff\xff")
		ignore(unix.Setxattr(in("block"), aclAccess, acl, 0))
		ignore(unix.Setxattr(in("emptydir"), aclDefault, acl, 0))
	}
	must(t, os.Chmod(in("mid"), os.ModeSetuid|0o751))
	for name, size := range map[string]int{"user.small": 1, "user.empty": 0, "user.mid": 300, "user.large": 30_000} {
		ignore(unix.Setxattr(in("tiny"), name, []byte(strings.Repeat("V", size)), 0)) // not all have room
	}
	ignore(unix.Setxattr(in("whole"), "user.a", []byte("b"), 0))
	ignore(unix.Setxattr(in("many"), "user.on-a-directory", []byte("b"), 0))
	for name, s := range map[string]int64{"empty": -5, "sixty": 4102444800, "block": 9_000_000_000} {
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, in(name), []unix.Timespec{{Sec: s, Nsec: 999}, {Sec: s, Nsec: 123456789}}, 0))
	}
}
