package guest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Populate fills a directory with what file systems find hard. many is how many
// files one directory gets.
func Populate(t testing.TB, root string, many int) {
	t.Helper()
	in := func(name string) string { return filepath.Join(root, name) }
	Write(t, in("empty"), nil)
	Write(t, in("tiny"), []byte("tiny\n"))
	Write(t, in("sixty"), []byte(strings.Repeat("x", 60)))
	Write(t, in("sixty-one"), []byte(strings.Repeat("y", 61)))
	Write(t, in("mid"), []byte(strings.Repeat("z", 150)))
	Write(t, in("block"), []byte(strings.Repeat("b", 4096)))
	Write(t, in("long-"+strings.Repeat("n", 250)), []byte("long"))
	Write(t, in("bad\xff\xfebytes"), []byte("not UTF-8"))
	Write(t, in("new\nline"), []byte("nl"))
	Write(t, in("日本語-😀"), []byte("utf8"))
	Must(t, os.Link(in("tiny"), in("hardlink")))
	for _, n := range []int{1, 59, 60, 61, 150, 900} {
		Must(t, os.Symlink(strings.Repeat("t", n), in(fmt.Sprintf("link-%d", n))))
	}
	Must(t, os.Mkdir(in("emptydir"), 0o711))
	populateMany(t, in("many"), many)
	populateDeep(t, in("deep"))
	populateData(t, root)
	populateSpecial(t, root)
}

func populateMany(t testing.TB, dir string, many int) {
	t.Helper()
	Must(t, os.Mkdir(dir, 0o755))
	path := func(i int) string {
		return filepath.Join(dir, fmt.Sprintf("file-%05d-%s\xe9", i, strings.Repeat("w", i%40)))
	}
	for i := range many {
		Write(t, path(i), []byte(strings.Repeat("c", i%7)))
	}
	for i := 0; i < many; i += 5 {
		Must(t, os.Remove(path(i)))
	}
}

func populateDeep(t testing.TB, dir string) {
	t.Helper()
	for i := range 30 {
		Must(t, os.Mkdir(dir, 0o755))
		dir = filepath.Join(dir, fmt.Sprint("d", i))
	}
	Write(t, dir, []byte("bottom"))
}

// populateData makes files with holes, with many extents, and with blocks that
// were never written.
func populateData(t testing.TB, root string) {
	t.Helper()
	make := func(name string, size int64, pieces func(put func(off int64, data string))) {
		f, err := os.Create(filepath.Join(root, name))
		Must(t, err)
		defer f.Close()
		pieces(func(off int64, data string) {
			_, err := f.WriteAt([]byte(data), off)
			Must(t, err)
		})
		Must(t, f.Truncate(size))
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
	Must(t, err)
	defer f.Close()
	Ignore(unix.Fallocate(int(f.Fd()), 0, 0, 200<<10)) // ext3 cannot
	_, err = f.WriteAt([]byte("in the middle"), 100<<10)
	Must(t, err)
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
			"fifo": {unix.S_IFIFO, 0, 0}, "socket": {unix.S_IFSOCK, 0, 0},
			"chr": {unix.S_IFCHR, 1, 3},
			"blk": {unix.S_IFBLK, 8, 255}, "large": {unix.S_IFBLK, 300, 70000},
		} {
			Must(t, unix.Mknod(in(name), d.mode|0o640, int(unix.Mkdev(d.major, d.minor))))
		}
		Must(t, os.Chown(in("mid"), 70000, 123456))
		Ignore(unix.Setxattr(in("mid"), "trusted.t", []byte("trusted"), 0))
		Ignore(unix.Setxattr(in("mid"), "security.s", []byte("s"), 0))
		acl := []byte(
			"\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff\x02\x00\x05\x00\x05\x00\x00\x00" +
				"\x04\x00\x05\x00\xff\xff\xff\xff\x08\x00\x04\x00\x09\x00\x00\x00" +
				"\x10\x00\x05\x00\xff\xff\xff\xff\x20\x00\x01\x00\xff\xff\xff\xff")
		Ignore(unix.Setxattr(in("block"), "system.posix_acl_access", acl, 0))
		Ignore(unix.Setxattr(in("emptydir"), "system.posix_acl_default", acl, 0))
	}
	Must(t, os.Chmod(in("mid"), os.ModeSetuid|0o751))
	for name, size := range map[string]int{
		"user.small": 1, "user.empty": 0, "user.mid": 300, "user.large": 30_000,
	} {
		// not all have room
		Ignore(unix.Setxattr(in("tiny"), name, []byte(strings.Repeat("V", size)), 0))
	}
	Ignore(unix.Setxattr(in("whole"), "user.a", []byte("b"), 0))
	Ignore(unix.Setxattr(in("many"), "user.on-a-directory", []byte("b"), 0))
	for name, s := range map[string]int64{"empty": -5, "sixty": 4102444800,
		"block": 9_000_000_000} {
		times := []unix.Timespec{{Sec: s, Nsec: 999}, {Sec: s, Nsec: 123456789}}
		Must(t, unix.UtimesNanoAt(unix.AT_FDCWD, in(name), times, 0))
	}
}
