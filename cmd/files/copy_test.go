package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func copyTo(t *testing.T, d *Disk, dest string, o CopyOptions, paths ...string) (Copied, *told) {
	t.Helper()
	var nodes []*Node
	for _, path := range paths {
		nodes = append(nodes, at(t, d, path))
	}
	l := &told{}
	o.Failed, o.Left = l.failed, l.left
	done, err := Copy(t.Context(), nodes, dest, o)
	must(t, err)
	return done, l
}

func TestACopyIsTheSource(t *testing.T) {
	from := source(t)
	d := disk(t, image(t, from, 16))
	for _, all := range []bool{true, false} {
		dest := t.TempDir()
		done, l := copyTo(t, d, dest, CopyOptions{All: all}, "/")
		want, got := described(t, from, all), described(t, dest, all)
		if !all {
			want = withoutLine(want, `"/odd/pipe"`)
		}
		if got != want {
			t.Errorf("all %v: want\n%s\ngot\n%s", all, want, got)
		}
		if all && len(l.lines) > 0 || done.Failed > 0 {
			t.Errorf("all %v: %s", all, l)
		}
		if !all && l.String() != "left /odd/pipe: a pipe, which is copied with -a" {
			t.Errorf("told: %s", l)
		}
		if done.Links != 6 || done.Bytes > 1<<20 {
			t.Errorf("done: %+v", done)
		}
	}
}

// What a directory gives to files that are made in it, and what the umask takes, is not theirs.
func TestACopyHasItsOwnModesAndOwners(t *testing.T) {
	from := source(t)
	for i, mode := range []uint32{0o644, 0o600, 0o666, 0o664, 0o444, 0o755, 0o2755, 0o644} {
		name := filepath.Join(from, "modes", string(rune('a'+i)))
		write(t, name, name)
		if os.Geteuid() == 0 {
			must(t, os.Chown(name, 1000*(i&1), 100*(i>>1&1)))
		}
		must(t, unix.Chmod(name, mode))
		must(t, os.Chtimes(name, time.Unix(1, 0), time.Unix(2, 0))) // mke2fs keeps whole seconds
	}
	d := disk(t, image(t, from, 16))
	dest := t.TempDir()
	if os.Geteuid() == 0 {
		must(t, os.Chown(dest, 0, 4711))
	}
	must(t, unix.Chmod(dest, 0o2777))
	defer unix.Umask(unix.Umask(0o027))
	copyTo(t, d, dest, CopyOptions{All: true}, "/modes")
	want, got := described(t, filepath.Join(from, "modes"), true), described(t, filepath.Join(dest, "modes"), true)
	if got != want || strings.Count(want, "\n") < 8 {
		t.Errorf("want\n%s\ngot\n%s", want, got)
	}
}

func withoutLine(text, begin string) string {
	var out []string
	for _, line := range strings.SplitAfter(text, "\n") {
		if !strings.HasPrefix(line, begin) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

func TestWhereACopyGoes(t *testing.T) {
	d := disk(t, image(t, source(t), 16))
	dest := t.TempDir()
	in := func(name string) string { return filepath.Join(dest, name) }
	copyTo(t, d, dest, CopyOptions{}, "/etc/fstab", "/usr/bin")
	copyTo(t, d, in("renamed"), CopyOptions{}, "/etc/fstab")
	copyTo(t, d, in("tree"), CopyOptions{}, "/etc")
	for _, name := range []string{"fstab", "bin/tool", "renamed", "tree/fstab"} {
		if fi, err := os.Lstat(in(name)); err != nil || !fi.Mode().IsRegular() {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, wrong := range []struct {
		dest  string
		paths []string
	}{
		{in("none/below"), []string{"/etc/fstab"}},
		{in("none") + "/", []string{"/etc/fstab"}},
		{in("none"), []string{"/etc/fstab", "/etc/empty"}},
		{in("fstab"), []string{"/etc"}},
		{dest, []string{"/etc", "/etc"}},
		{dest, []string{"/usr", "/"}},
	} {
		var nodes []*Node
		for _, path := range wrong.paths {
			nodes = append(nodes, at(t, d, path))
		}
		l := &told{}
		if _, err := Copy(t.Context(), nodes, wrong.dest, CopyOptions{Failed: l.failed, Left: l.left}); err == nil {
			t.Errorf("%v was copied to %s", wrong.paths, wrong.dest)
		}
	}
}

func TestWhatIsThereStays(t *testing.T) {
	d := disk(t, image(t, source(t), 16))
	dest := t.TempDir()
	write(t, filepath.Join(dest, "fstab"), "mine")
	done, l := copyTo(t, d, dest, CopyOptions{}, "/etc/fstab")
	if data, err := os.ReadFile(filepath.Join(dest, "fstab")); string(data) != "mine" ||
		done.Failed != 1 ||
		!strings.Contains(l.String(), "--force") {
		t.Errorf("it holds %q (%v): %+v %s", data, err, done, l)
	}
	copyTo(t, d, dest, CopyOptions{Replace: true}, "/etc/fstab")
	if data, err := os.ReadFile(filepath.Join(dest, "fstab")); !strings.Contains(
		string(data),
		"ext4",
	) {
		t.Errorf("it holds %q (%v)", data, err)
	}
	must(t, os.Mkdir(filepath.Join(dest, "empty"), 0o755))
	if done, _ := copyTo(t, d, dest, CopyOptions{Replace: true}, "/etc/empty"); done.Failed != 1 {
		t.Error("a directory was replaced")
	}
	if left, err := filepath.Glob(filepath.Join(dest, ".restorefs*")); len(left) > 0 || err != nil {
		t.Errorf("temporary files are left: %q (%v)", left, err)
	}
}

func TestACopyLeavesItsDestinationByNoLink(t *testing.T) {
	d := disk(t, image(t, source(t), 16))
	dest, other := t.TempDir(), t.TempDir()
	must(t, os.Symlink(other, filepath.Join(dest, "usr")))
	must(t, os.Mkdir(filepath.Join(dest, "etc"), 0o755))
	must(t, os.Symlink(filepath.Join(other, "file"), filepath.Join(dest, "etc/fstab")))
	done, l := copyTo(t, d, dest, CopyOptions{Replace: true}, "/usr", "/etc")
	if list, err := os.ReadDir(other); len(list) > 0 || err != nil {
		t.Errorf("the copy wrote outside of it: %v (%v)", list, err)
	}
	if done.Failed != 1 ||
		!strings.Contains(l.String(), "/usr: something is there that is no directory") {
		t.Errorf("told: %s", l)
	}
	if fi, err := os.Lstat(filepath.Join(dest, "etc/fstab")); err != nil || !fi.Mode().IsRegular() {
		t.Errorf("a link was not replaced by the file: %v", err)
	}
}

func TestDevicesAreForRoot(t *testing.T) {
	data := debugfs(t, image(t, source(t), 16), "cd /etc", "mknod disk b 8 1")
	d := disk(t, data)
	_, l := copyTo(t, d, t.TempDir(), CopyOptions{}, "/etc")
	if !strings.Contains(l.String(), "left /etc/disk: a device") {
		t.Errorf("told: %s", l)
	}
	if os.Geteuid() != 0 {
		return
	}
	dest := t.TempDir()
	_, l = copyTo(t, d, dest, CopyOptions{All: true}, "/etc")
	var st unix.Stat_t
	err := unix.Lstat(filepath.Join(dest, "etc/disk"), &st)
	if err != nil && strings.Contains(l.String(), "operation not permitted") {
		t.Log("root may not make devices here")
		return
	}
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK || st.Rdev != unix.Mkdev(8, 1) {
		t.Errorf("the device is %o, %x (%v)", st.Mode, st.Rdev, err)
	}
}

func TestOneDamagedFileIsToldAndTheOthersAreCopied(t *testing.T) {
	from := source(t)
	write(t, filepath.Join(from, "etc/big"), strings.Repeat("DAMAGE ME. ", 50000))
	data := image(t, from, 16)
	catalog, b := backedUp(t, data)
	where := strings.Index(string(data), "DAMAGE ME. ")
	where = (where+64<<10)/4096*4096 + 100 // well within it, whatever shares the first block
	object, err := os.OpenFile(b.Path("-00001"), os.O_RDWR, 0)
	must(t, err)
	_, err = object.WriteAt([]byte("!"), int64(where))
	must(t, err)
	must(t, object.Close())
	d := opened(t, catalog)
	dest := t.TempDir()
	done, l := copyTo(t, d, dest, CopyOptions{}, "/etc")
	if done.Failed != 1 || !strings.HasPrefix(l.String(), "/etc/big: ") || !Damaged(done.Damaged) {
		t.Errorf("%+v: %s", done, l)
	}
	if _, err := os.Lstat(filepath.Join(dest, "etc/big")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the damaged file is there: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dest, "etc/fstab")); err != nil {
		t.Error(err)
	}
	if list, err := filepath.Glob(filepath.Join(dest, "etc/.restorefs*")); len(list) > 0 ||
		err != nil {
		t.Errorf("left behind: %v", list)
	}
}
