package files

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func command(t testing.TB, name string, args ...string) string {
	t.Helper()
	need.Program(t, name)
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func write(t testing.TB, path, data string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(data), 0o644))
}

// source makes a directory with what is hard to copy.
func source(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	in := func(name string) string { return filepath.Join(root, name) }
	write(t, in("etc/fstab"), "/dev/vda1 / ext4 defaults 0 1\n")
	write(t, in("etc/empty"), "")
	write(t, in("etc/secret"), "secret\n")
	must(t, os.Chmod(in("etc/secret"), 0o600))
	write(t, in("usr/bin/tool"), strings.Repeat("binary\x00", 30000))
	must(t, unix.Chmod(in("usr/bin/tool"), 0o4755))
	must(t, os.Symlink("usr/bin", in("bin")))
	must(t, os.Symlink("/etc/fstab", in("usr/absolute")))
	must(t, os.Symlink("../../../../../../../../etc/fstab", in("usr/up")))
	must(t, os.Symlink("loop", in("usr/loop")))
	must(t, os.Symlink("/nowhere", in("usr/dangling")))
	must(t, os.Symlink("/usr", in("absolute-dir")))
	write(t, in("odd/new\nline"), "1")
	write(t, in("odd/bad\xff\xfebytes"), "2")
	write(t, in("odd/\x1b[31mred"), "3")
	write(t, in("odd/-dash"), "4")
	write(t, in("odd/"+strings.Repeat("n", 255)), "5")
	write(t, in("links/first"), "several names")
	must(t, os.MkdirAll(in("links/below"), 0o755))
	must(t, os.Link(in("links/first"), in("links/below/second")))
	must(t, os.Mkdir(in("readonly"), 0o755))
	write(t, in("readonly/file"), "in a directory that may not be written")
	must(t, os.Chmod(in("readonly"), 0o555))
	must(t, unix.Mkfifo(in("odd/pipe"), 0o640))
	sparse, err := os.Create(in("odd/sparse"))
	must(t, err)
	_, err = sparse.WriteAt([]byte("far"), 3<<30)
	must(t, err)
	must(t, sparse.Truncate(4<<30))
	must(t, sparse.Close())
	if err := unix.Setxattr(in("etc/fstab"), "user.note", []byte("a\x00b"), 0); err != nil {
		t.Logf("no extended attributes here: %v", err)
	}
	// mke2fs keeps whole seconds.
	second := int64(1_000_000_000)
	must(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		second++
		at := []unix.Timespec{{Sec: second}, {Sec: second + 1000}}
		must(t, unix.UtimesNanoAt(unix.AT_FDCWD, path, at, unix.AT_SYMLINK_NOFOLLOW))
		return err
	}))
	return root
}

// image makes an ext4 of a directory, in so many MiB, without root.
func image(t testing.TB, dir string, mib int, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, os.Truncate(path, int64(mib)<<20))
	command(
		t,
		"mke2fs",
		append(
			append([]string{"-q", "-F", "-t", "ext4", "-I", "256", "-d", dir}, args...),
			path,
		)...)
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

// debugfs changes an image.
func debugfs(t testing.TB, image []byte, requests ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	must(t, os.WriteFile(path, image, 0o600))
	write(t, path+".requests", strings.Join(requests, "\n")+"\n")
	command(t, "debugfs", "-w", "-f", path+".requests", path)
	data, err := os.ReadFile(path)
	must(t, err)
	return data
}

// partitioned makes a disk with an MBR of disk images, each at its MiB.
func partitioned(images ...[]byte) []byte {
	disk := make([]byte, 1<<20)
	for i, image := range images {
		entry := disk[446+16*i:]
		entry[4] = 0x83
		for b := range 4 {
			entry[8+b] = byte(len(disk) / 512 >> (8 * b))
			entry[12+b] = byte(len(image) / 512 >> (8 * b))
		}
		disk = append(disk, image...)
	}
	disk[510], disk[511] = 0x55, 0xaa
	return disk
}

// backedUp writes a backup of a disk and opens its catalogue.
func backedUp(t testing.TB, disk []byte) (*backupstore.Catalog, storetest.Backup) {
	t.Helper()
	dir := t.TempDir()
	if pad := len(disk) % (32 << 10); pad > 0 {
		disk = append(disk, make([]byte, 32<<10-pad)...)
	}
	b := storetest.MustWrite(
		t,
		dir,
		storetest.Spec{ID: storetest.ID("files"), VolumeID: storetest.ID("volume"),
			Content: storetest.Bytes(disk), Compression: "none"},
	)
	s, err := share.OpenDir(t.Context(), dir, slog.New(slog.DiscardHandler))
	must(t, err)
	catalog := backupstore.NewCatalog(s, backupstore.Options{DecoderBytes: 32 << 20})
	t.Cleanup(func() { catalog.Close() })
	must(t, catalog.Refresh(t.Context()))
	return catalog, b
}

// opened opens the disk of a backup.
func opened(t testing.TB, catalog *backupstore.Catalog) *Disk {
	t.Helper()
	b, err := catalog.Find(storetest.ID("files"))
	must(t, err)
	d, err := Open(t.Context(), catalog, b, Options{CacheBytes: 32 << 20})
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// disk opens a disk of which there is a backup.
func disk(t testing.TB, data []byte) *Disk {
	t.Helper()
	catalog, _ := backedUp(t, data)
	return opened(t, catalog)
}

// at finds a file.
func at(t testing.TB, d *Disk, path string) *Node {
	t.Helper()
	n, _, err := d.Find(path, false)
	must(t, err)
	return n
}

// told collects what is told of files.
type told struct{ lines []string }

func (l *told) failed(path string, err error) {
	l.lines = append(l.lines, fmt.Sprintf("%s: %v", path, err))
}
func (l *told) left(path, why string) {
	l.lines = append(l.lines, fmt.Sprintf("left %s: %s", path, why))
}
func (l *told) String() string { return strings.Join(l.lines, "\n") }

// described describes a tree, a line for each file, as far as a copy keeps it.
func described(t testing.TB, root string, all bool) string {
	t.Helper()
	var out bytes.Buffer
	first := map[uint64]string{}
	must(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name := strings.TrimPrefix(path, root)
		if name == "/lost+found" {
			return filepath.SkipDir
		}
		var st unix.Stat_t
		must(t, unix.Lstat(path, &st))
		mode := st.Mode
		if !all {
			mode &^= 0o7022
		}
		fmt.Fprintf(&out, "%q %o %d.%d", name, mode, st.Mtim.Sec, st.Mtim.Nsec)
		if all {
			fmt.Fprintf(&out, " %d:%d", st.Uid, st.Gid)
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			fmt.Fprintf(&out, " %d %s", st.Size, contentOf(t, path))
			if all && st.Nlink > 1 {
				if other := first[st.Ino]; other != "" {
					fmt.Fprintf(&out, " as %q", other)
				}
				first[st.Ino] = name
			}
			value := make([]byte, 100)
			if n, err := unix.Lgetxattr(path, "user.note", value); all && err == nil {
				fmt.Fprintf(&out, " note %q", value[:n])
			}
		case unix.S_IFLNK:
			target, err := os.Readlink(path)
			must(t, err)
			fmt.Fprintf(&out, " -> %q", target)
		}
		out.WriteByte('\n')
		return nil
	}))
	return out.String()
}

// contentOf describes the contents of a file; of a large one, which has a hole, the end of that.
func contentOf(t testing.TB, path string) string {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Stat(path, &st))
	if st.Size < 1<<20 {
		data, err := os.ReadFile(path)
		must(t, err)
		return fmt.Sprintf("%x", sha256.Sum256(data))
	}
	if st.Blocks > 2048 {
		t.Errorf("%s takes %d blocks", path, st.Blocks)
	}
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	p := make([]byte, 1<<16)
	_, err = f.ReadAt(p, 3<<30)
	must(t, err)
	return fmt.Sprintf("%q", bytes.TrimRight(p, "\x00"))
}
