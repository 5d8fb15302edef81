package ntfs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// reader fits an FS to what the tests of all file systems use.
func reader(f *FS) *guest.FS {
	return &guest.FS{
		Root: f.Root, Readlink: f.Readlink, Lookup: f.Lookup,
		Stat: func(ino uint64) (guest.Attr, error) {
			a, err := f.Stat(ino)
			return guest.Attr(a), err
		},
		ReadDir: func(dir uint64, fn func(guest.Dirent) error) error {
			return f.ReadDir(dir, func(d Dirent) error { return fn(guest.Dirent(d)) })
		},
		Xattrs: func(ino uint64) (list []guest.Xattr, err error) {
			own, err := f.Xattrs(ino)
			for _, x := range own {
				list = append(list, guest.Xattr(x))
			}
			return list, err
		},
		Open: func(ino uint64) (guest.File, error) { return f.Open(ino) },
	}
}

// mkfs makes an image of so many KiB.
func mkfs(t testing.TB, kib int64, args ...string) string {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	guest.Write(t, image, nil)
	guest.Must(t, os.Truncate(image, kib<<10))
	args = append([]string{"-q", "-F", "-Q", "-T", "-L", "Ünïcode", "-p", "0", "-H", "16", "-S", "63"}, args...)
	guest.Command(t, "mkntfs", append(args, image)...)
	return image
}

// mounted mounts an image with the driver in user space, calls fn with where, unmounts it,
// and waits until that has written all.
func mounted(t testing.TB, image, options string, fn func(root string)) {
	t.Helper()
	need.Root(t)
	need.Program(t, "ntfs-3g")
	if _, err := os.Stat("/dev/fuse"); err != nil {
		need.Missing(t, "needs /dev/fuse")
	}
	root := filepath.Join(t.TempDir(), "mnt")
	guest.Must(t, os.Mkdir(root, 0o700))
	cmd := exec.Command("ntfs-3g", "-o", "no_detach,streams_interface=xattr,noatime"+options, image, root)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	guest.Must(t, cmd.Start())
	defer cmd.Wait()
	waitMounted(t, root, &said)
	defer guest.Unmount(t, root)
	fn(root)
}

// waitMounted waits until a directory is a mountpoint.
func waitMounted(t testing.TB, dir string, said fmt.Stringer) {
	t.Helper()
	for range 1000 {
		var up, here unix.Stat_t
		if unix.Stat(filepath.Dir(dir), &up) == nil && unix.Stat(dir, &here) == nil &&
			up.Dev != here.Dev {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s is not mounted: %s", dir, said)
}

// fill fills a directory with what is hard in NTFS.
func fill(t testing.TB, root string, many int) {
	t.Helper()
	in := func(name string) string { return filepath.Join(root, name) }
	put := func(name, data string) {
		guest.Must(t, os.MkdirAll(filepath.Dir(in(name)), 0o755))
		guest.Write(t, in(name), []byte(data))
	}
	put("empty", "")
	put("tiny.txt", "tiny\n")
	put("resident", strings.Repeat("r", 600))
	put("Program Files/MiXed Case.DLL", strings.Repeat("dll", 30_000))
	put("日本語-😀.txt", "unicode")
	put(strings.Repeat("n", 255), "long")
	put("a/b/c/d/e/f/g/h/i/j/deep", "deep")
	for i := range many {
		put(fmt.Sprintf("many/a file with the number %04d", i), strings.Repeat("x", i))
	}
	for i := 0; i < many; i += 7 {
		guest.Must(t, os.Remove(in(fmt.Sprintf("many/a file with the number %04d", i))))
	}
	for i := range 40 { // more names than a record has room for
		name := fmt.Sprintf("links/%s %d", strings.Repeat("l", 40), i)
		guest.Must(t, os.MkdirAll(in("links"), 0o755))
		guest.Must(t, os.Link(in("tiny.txt"), in(name)))
	}
	guest.Must(t, os.Symlink("a/b/c", in("link")))
	fillData(t, root)
	for name, size := range map[string]int{"user.Zone.Identifier": 26, "user.large": 60_000, "user.none": 0} {
		guest.Must(t, unix.Setxattr(in("resident"), name, bytes.Repeat([]byte("S"), size), 0))
	}
	second := int64(1_000_000_000)
	guest.Must(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if d.Type()&os.ModeSymlink == 0 {
			second += 86_401
			when := time.Unix(second, 123_456_700)
			guest.Must(t, os.Chtimes(path, when, when))
		}
		return err
	}))
}

// fillData makes files with holes, in many pieces, and compressed ones.
func fillData(t testing.TB, root string) {
	t.Helper()
	create := func(name string, size int64, pieces map[int64]string) {
		f, err := os.Create(filepath.Join(root, name))
		guest.Must(t, err)
		defer f.Close()
		for off, data := range pieces {
			_, err := f.WriteAt([]byte(data), off)
			guest.Must(t, err)
		}
		guest.Must(t, f.Truncate(size))
	}
	create("sparse", 40<<20+5, map[int64]string{0: "begin", 30 << 20: "middle", 40 << 20: "end.."})
	create("hole", 3<<20, nil)
	pieces := map[int64]string{}
	for i := range int64(60) {
		pieces[i*150_000] = fmt.Sprint("piece", i)
	}
	create("pieces", 60*150_000, pieces)
	dir := filepath.Join(root, "compressed")
	guest.Must(t, os.Mkdir(dir, 0o755))
	// Not all clusters may be compressed: then these are plain files.
	guest.Ignore(unix.Setxattr(dir, "system.ntfs_attrib_be", []byte{0, 0, 8, 0}, 0))
	random := make([]byte, 200_000)
	rand.NewChaCha8([32]byte{1}).Read(random)
	mixed := append(bytes.Repeat([]byte("mixed "), 20_000), random...)
	mixed = append(mixed, make([]byte, 150_000)...)
	for name, data := range map[string][]byte{
		"text": bytes.Repeat([]byte("all work and no play\n"), 9000), "random": random,
		"mixed": append(mixed, "end"...), "small": []byte("small"), "zeros": make([]byte, 300_000),
	} {
		guest.Write(t, filepath.Join(dir, name), data)
	}
}

// openBytes opens an image in memory.
func openBytes(t testing.TB, image []byte) *FS {
	t.Helper()
	f, err := Open(bytes.NewReader(image), int64(len(image)), Options{})
	guest.Must(t, err)
	return f
}

// opened opens an image in a file.
func opened(t testing.TB, path string) *FS {
	t.Helper()
	file, err := os.Open(path)
	guest.Must(t, err)
	t.Cleanup(func() { file.Close() })
	fi, err := file.Stat()
	guest.Must(t, err)
	f, err := Open(file, fi.Size(), Options{})
	guest.Must(t, err)
	return f
}

// told are the facts that ntfs-3g and this package show in the same way.
var told = []string{"size", "links", "inode", "mtime", "ctime", "sum", "target", "error", "readdir", "lookup",
	"xattr user.Zone.Identifier", "xattr user.large", "xattr user.none", "xattr error", "target error"}

// fillSample fills a small file system.
func fillSample(t testing.TB, root string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(root, name) }
	put := func(name, data string) {
		guest.Must(t, os.MkdirAll(filepath.Dir(in(name)), 0o755))
		guest.Write(t, in(name), []byte(data))
	}
	put("tiny.txt", "tiny\n")
	put("resident", strings.Repeat("r", 600))
	put("a/b/c/d/e/f/g/h/i/j/deep", "deep")
	for i := range 50 {
		put(fmt.Sprintf("many/a file with the number %04d", i), strings.Repeat("x", i))
	}
	guest.Must(t, os.Mkdir(in("links"), 0o755))
	for i := range 20 {
		guest.Must(t, os.Link(in("tiny.txt"), in(fmt.Sprintf("links/%s %d", strings.Repeat("l", 40), i))))
	}
	guest.Must(t, os.Symlink("a/b/c", in("link")))
	guest.Must(t, os.Mkdir(in("compressed"), 0o755))
	guest.Ignore(unix.Setxattr(in("compressed"), "system.ntfs_attrib_be", []byte{0, 0, 8, 0}, 0))
	put("compressed/text", strings.Repeat("all work and no play\n", 4000))
	put("compressed/small", "small")
	f, err := os.Create(in("pieces"))
	guest.Must(t, err)
	defer f.Close()
	for i := range int64(30) {
		_, err := f.WriteAt([]byte("piece"), i*90_000)
		guest.Must(t, err)
	}
	for name, size := range map[string]int{"user.Zone.Identifier": 26, "user.large": 9000} {
		guest.Must(t, unix.Setxattr(in("resident"), name, bytes.Repeat([]byte("S"), size), 0))
	}
}
