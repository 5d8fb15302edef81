package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// described is what find says of a tree, a line for each file.
func treeLines(t *testing.T, root, format string) string {
	t.Helper()
	return run(t, "sh", "-c",
		`cd "$0" && find . -name lost+found -prune -o -printf "$1" | LC_ALL=C sort`, root, format)
}

func TestFilesInAMount(t *testing.T) {
	needMount(t)
	need(t, "find", "cp", "rsync")
	share, b, dir := filesShare(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	mountpoint, _ := mountShare(t, share, "--files")
	files := filepath.Join(mountpoint, "backups", b.ID, "files")
	if got := treeLines(t, mountpoint, "%P\\n"); !strings.Contains(got, "/files/1/etc/fstab\n") {
		t.Errorf("find does not find the files: %s", got)
	}
	one := filepath.Join(files, "1")
	const format = "%P %y %m %U:%G %s %n %l %T@\\n"
	want := treeLines(t, dir, format)
	if !strings.Contains(want, "odd/bad\xffname f 644") {
		t.Fatal(want)
	}
	whole := func(s string) string { // mke2fs keeps whole seconds, and directories have other sizes
		var out []string
		for line := range strings.Lines(s) {
			fields := strings.Split(line[:strings.LastIndexByte(line, '.')], " ")
			if len(fields) > 4 && fields[1] == "d" {
				fields[4], fields[5] = "", ""
			}
			if fields[0] != "" {
				out = append(out, strings.Join(fields, " "))
			}
		}
		return strings.Join(out, "\n")
	}
	if got := treeLines(t, one, format); whole(got) != whole(want) {
		t.Errorf("want\n%s\ngot\n%s", whole(want), whole(got))
	}
	for name, command := range map[string][]string{
		"cp": {"cp", "-a", one + "/."}, "rsync": {"rsync", "-aHX", one + "/"},
	} {
		dest := t.TempDir()
		run(t, command[0], append(command[1:], dest)...)
		must(os.RemoveAll(filepath.Join(dest, "lost+found")))
		if got := run(t, "diff", "-r", "--no-dereference", dir, dest); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
	var st, other unix.Stat_t
	must(unix.Stat(one+"/both", &st))
	must(unix.Stat(files+"/2/both", &other))
	if st.Ino == other.Ino || st.Ino&(1<<36-1) > 4096 {
		t.Errorf("files of two file systems are the inodes %d and %d", st.Ino, other.Ino)
	}
	if err := os.WriteFile(one+"/new", nil, 0o600); !errors.Is(err, syscall.EROFS) {
		t.Errorf("writing: %v", err)
	}
	if _, err := os.Stat(one + "/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	info, err := os.ReadFile(filepath.Join(filepath.Dir(files), "info.txt"))
	must(err)
	if !strings.Contains(string(info), "files/2: ext4, journal: clean\n") {
		t.Errorf("info.txt: %s", info)
	}
	eventually(t, "few disks stay open", func() bool {
		return readStatus(t,
			mountpoint).OpenVolumes <= 4
	})
}

func TestADamagedFileInAMountHarmsNoOther(t *testing.T) {
	needMount(t)
	share, b, _ := filesShare(t)
	data, err := os.ReadFile(b.Path("-00001"))
	if err != nil {
		t.Fatal(err)
	}
	data[strings.Index(string(data), "DAMAGE IT. ")+100<<10] = '!'
	if err := os.WriteFile(b.Path("-00001"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	mountpoint, _ := mountShare(t, share, "--files", "--files-owner", "--uid", "4711", "--gid",
		"4712")
	one := filepath.Join(mountpoint, "backups", b.ID, "files", "1")
	if _, err := os.ReadFile(one + "/etc/large"); !errors.Is(err, syscall.EIO) {
		t.Errorf("the damaged file: %v", err)
	}
	if text, err := os.ReadFile(one + "/etc/fstab"); string(text) != "the table\n" {
		t.Errorf("another file: %q, %v", text, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(one+"/etc/fstab", &st); err != nil || st.Uid != 4711 || st.Gid != 4712 {
		t.Errorf("it belongs to %d:%d, %v", st.Uid, st.Gid, err)
	}
	_, told, code := restorefs(t, "mount", "--share", share, "--files-owner", t.TempDir())
	if code != 2 || !strings.Contains(told, "--files") {
		t.Errorf("exit %d: %s", code, told)
	}
}

func TestExtendedAttributesAndHolesInAMount(t *testing.T) {
	needMount(t)
	need(t, "mke2fs", "debugfs", "truncate")
	image := filepath.Join(t.TempDir(), "image")
	run(t, "mke2fs", "-q", "-t", "ext4", image, "8M")
	sparse := filepath.Join(t.TempDir(), "sparse")
	run(t, "sh", "-c",
		`truncate -s 3M "$0" && printf end >>"$0" && printf '%s\n' "write $0 sparse" `+
			`"ea_set sparse user.note hello" "sif sparse mode 0100000" >"$0.do" && debugfs -w -f "$0.do" "$1"`, sparse, image)
	share := t.TempDir()
	b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("attributes"),
		VolumeID: storetest.ID("volume"), Content: fileContent(t, image)})
	mountpoint, _ := mountShare(t, share, "--files", "--files-owner")
	path := filepath.Join(mountpoint, "backups", b.ID, "files", "disk", "sparse")
	value := make([]byte, 100)
	n, err := unix.Getxattr(path, "user.note", value)
	if err != nil || string(value[:n]) != "hello" {
		t.Errorf("%q, %v", value[:max(n, 0)], err)
	}
	if n, err := unix.Getxattr(path, "user.note", nil); n != 5 || err != nil {
		t.Errorf("its size: %d, %v", n, err)
	}
	if n, err := unix.Listxattr(path, value); err != nil || string(value[:n]) != "user.note\x00" {
		t.Errorf("%q, %v", value[:max(n, 0)], err)
	}
	if _, err := unix.Getxattr(path, "user.none", value); !errors.Is(err, syscall.ENODATA) {
		t.Errorf("none: %v", err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Mode() != 0o400 {
		t.Errorf("its owner cannot read it: %v, %v", info.Mode(), err)
	}
	if at, err := f.Seek(0, unix.SEEK_DATA); at != 3<<20 || err != nil {
		t.Errorf("its data begins at %d, %v", at, err)
	}
	if at, err := f.Seek(3<<20, unix.SEEK_HOLE); at != 3<<20+3 || err != nil {
		t.Errorf("its data ends at %d, %v", at, err)
	}
}

func TestFilesOfXFSAndFATInAMount(t *testing.T) {
	needMount(t)
	need(t, "find", "cp", "rsync", "mkfs.xfs", "mkfs.vfat", "mcopy")
	dir := t.TempDir()
	large := strings.Repeat("large ", 1<<15)
	for name, text := range map[string]string{"a": "first\n", "below/large": large,
		"below/deep/b": "second\n"} {
		path := filepath.Join(dir, "tree", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755),
			os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "sh", "-c", `cd "$0"
		printf '/\n0 0\nd--755 0 0\na ---644 0 0 tree/a\nbelow d--755 0 0\nlarge ---644 0 0 tree/below/large\n' >proto
		printf 'deep d--755 0 0\nb ---644 0 0 tree/below/deep/b\n$\n$\n$\n' >>proto
		truncate -s 20M xfs fat
		mkfs.xfs -q --unsupported -d agcount=1 -p proto xfs
		mkfs.vfat fat >/dev/null && mcopy -s -i fat tree/* ::`, dir)
	share, b := partitionedShare(t, dir+"/xfs", dir+"/fat")
	mountpoint, _ := mountShare(t, share, "--files")
	for _, part := range []string{"1", "2"} {
		from := filepath.Join(mountpoint, "backups", b.ID, "files", part)
		run(t, "diff", "-r", dir+"/tree", from)
		for _, command := range [][]string{{"cp", "-a", from + "/."},
			{"rsync", "-aH", from + "/"}} {
			dest := t.TempDir()
			run(t, command[0], append(command[1:], dest)...)
			run(t, "diff", "-r", from, dest)
		}
		if got := run(t, "find", from, "-name", "b"); got != from+"/below/deep/b\n" {
			t.Errorf("find: %s", got)
		}
	}
}

func TestFewDisksStayOpenForTheirFiles(t *testing.T) {
	needMount(t)
	need(t, "mke2fs")
	from := t.TempDir()
	if err := os.WriteFile(from+"/file", []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "image")
	run(t, "mke2fs", "-q", "-t", "ext4", "-d", from, image, "2M")
	share := t.TempDir()
	var paths []string
	for i := range 7 {
		b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID(fmt.Sprint("of ", i)),
			VolumeID: storetest.ID("volume"), Content: fileContent(t, image)})
		paths = append(paths, "backups/"+b.ID+"/files/disk/file")
	}
	mountpoint, _ := mountShare(t, share, "--files")
	t.Run("at the same time", func(t *testing.T) {
		for _, path := range paths {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				if text, err := os.ReadFile(filepath.Join(mountpoint, path)); string(
					text) != "text" {
					t.Errorf("%s: %q, %v", path, text, err)
				}
			})
		}
	})
	var open []*os.File
	for range 2 {
		for _, path := range paths {
			f, err := os.Open(filepath.Join(mountpoint, path))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			open = append(open, f)
		}
	}
	for _, f := range open {
		if text, err := io.ReadAll(f); string(text) != "text" || err != nil {
			t.Errorf("%s: %q, %v", f.Name(), text, err)
		}
	}
	if n := readStatus(t, mountpoint).OpenVolumes; n < 1 || n > 4 {
		t.Errorf("%d disks are open", n)
	}
}
