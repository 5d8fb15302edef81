package private

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

const nobody = 65534

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	need.Missing(t, "needs root to give files away")
}

// made makes a directory with an owner and a mode and returns its path.
func made(t *testing.T, path string, uid, gid int, mode os.FileMode) string {
	t.Helper()
	if err := errors.Join(os.MkdirAll(path, 0o700), os.Chown(path, uid, gid), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestADirectoryIsUsedOnlyIfNobodyElseCanWriteToIt(t *testing.T) {
	needRoot(t)
	group, err := user.LookupGroupId("65534")
	if err != nil {
		need.Missing(t, "no group of that id here")
	}
	for _, c := range []struct {
		name string
		dir  func(t *testing.T, in string) string
		rule Rule
		want string // part of the error, "" for none
	}{
		{"one that is not there is made", func(t *testing.T, in string) string { return filepath.Join(in, "a/b") }, Rule{}, ""},
		{"the user's own", func(t *testing.T, in string) string { return made(t, in+"/d", 0, 0, 0o755) }, Rule{}, ""},
		{"writable for the user's own group", func(t *testing.T, in string) string { return made(t, in+"/d", 0, 0, 0o775) }, Rule{}, ""},
		{"writable for all", func(t *testing.T, in string) string { return made(t, in+"/d", 0, 0, 0o777) }, Rule{}, "all users can write"},
		{"writable for all, and sticky", func(t *testing.T, in string) string { return made(t, in+"/d", 0, 0, 0o777|os.ModeSticky) }, Rule{}, "its mode is 1777"},
		{"another user's", func(t *testing.T, in string) string { return made(t, in+"/d", nobody, 0, 0o755) }, Rule{}, "it belongs to user nobody"},
		{"writable for another group", func(t *testing.T, in string) string { return made(t, in+"/d", 0, nobody, 0o770) }, Rule{}, "--trust-group " + group.Name},
		{"writable for a group that is trusted", func(t *testing.T, in string) string { return made(t, in+"/d", 0, nobody, 0o770) }, Rule{Group: nobody}, ""},
		{"another user's, of a group that is trusted", func(t *testing.T, in string) string { return made(t, in+"/d", nobody, nobody, 0o770) }, Rule{Group: nobody}, ""},
		{"writable for all, of a group that is trusted", func(t *testing.T, in string) string { return made(t, in+"/d", 0, nobody, 0o777) }, Rule{Group: nobody}, "all users can write"},
		{"below one where all can rename", func(t *testing.T, in string) string {
			made(t, in+"/above", 0, 0, 0o777)
			return made(t, in+"/above/x/d", 0, 0, 0o700)
		}, Rule{}, "all users can rename what is in it"},
		{"below a sticky one", func(t *testing.T, in string) string {
			made(t, in+"/above", 0, 0, 0o777|os.ModeSticky)
			return made(t, in+"/above/d", 0, 0, 0o700)
		}, Rule{}, ""},
		{"below another user's", func(t *testing.T, in string) string {
			dir := made(t, in+"/above/x/d", 0, 0, 0o700)
			made(t, in+"/above", nobody, 0, 0o755)
			return dir
		}, Rule{}, "user nobody, to whom it belongs, can rename what is in it"},
		{"below another user's that is sticky", func(t *testing.T, in string) string {
			dir := made(t, in+"/above/d", 0, 0, 0o700)
			made(t, in+"/above", nobody, nobody, 0o777|os.ModeSticky)
			return dir
		}, Rule{}, "or trust its group: --trust-group " + group.Name},
		{"below another user's, of a group that is trusted", func(t *testing.T, in string) string {
			dir := made(t, in+"/above/d", 0, 0, 0o700)
			made(t, in+"/above", nobody, nobody, 0o770)
			return dir
		}, Rule{Group: nobody}, ""},
		{"below one where a group can rename", func(t *testing.T, in string) string {
			dir := made(t, in+"/above/d", 0, 0, 0o700)
			made(t, in+"/above", 0, nobody, 0o770)
			return dir
		}, Rule{}, "can rename what is in it (its mode is 0770); chmod g-w it, or trust them: --trust-group"},
		{"below a sticky one of a group", func(t *testing.T, in string) string {
			dir := made(t, in+"/above/d", 0, 0, 0o700)
			made(t, in+"/above", 0, nobody, 0o770|os.ModeSticky)
			return dir
		}, Rule{}, ""},
		{"below one that the user's own group can write to", func(t *testing.T, in string) string {
			dir := made(t, in+"/above/d", 0, 0, 0o700)
			made(t, in+"/above", 0, 0, 0o775)
			return dir
		}, Rule{}, ""},
		{"through a link of the user's", func(t *testing.T, in string) string {
			os.Symlink(made(t, in+"/d", 0, 0, 0o700), in+"/link")
			return in + "/link"
		}, Rule{}, ""},
		{"through a link to another user's", func(t *testing.T, in string) string {
			os.Symlink(made(t, in+"/d", nobody, 0, 0o700), in+"/link")
			return in + "/link"
		}, Rule{}, "it belongs to user nobody"},
		{"through a link of another user's", func(t *testing.T, in string) string {
			os.Symlink(made(t, in+"/d", 0, 0, 0o700), in+"/link")
			os.Lchown(in+"/link", nobody, nobody)
			return in + "/link"
		}, Rule{}, "a symbolic link of user nobody"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := c.dir(t, t.TempDir())
			err := Dir(dir, c.rule)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if st, err := os.Stat(dir); err != nil || !st.IsDir() {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "--trust-group root") {
				t.Error("root's group cannot be named there: ", err)
			}
		})
	}
	t.Run("a new one is the user's alone", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "a/b")
		if err := Dir(dir, Rule{}); err != nil {
			t.Fatal(err)
		}
		for _, d := range []string{dir, filepath.Dir(dir)} {
			if st, err := os.Stat(d); err != nil || st.Mode().Perm() != 0o700 {
				t.Error(d, st.Mode(), err)
			}
		}
	})
	t.Run("one in it that is a link", func(t *testing.T) {
		dir, elsewhere := t.TempDir(), t.TempDir()
		os.Symlink(elsewhere, filepath.Join(dir, "index"))
		if _, err := Sub(dir, "index", Rule{}); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "symbolic link") {
			t.Error(err)
		}
	})
}

func TestAFileIsUsedOnlyIfNobodyElseCouldHaveWrittenIt(t *testing.T) {
	needRoot(t)
	for _, c := range []struct {
		name        string
		spoil       func(path string) error
		flags       int
		check, mine string // parts of the errors, "" for none
	}{
		{"the user's", func(string) error { return nil }, os.O_RDWR, "", ""},
		{"readable for all", func(p string) error { return os.Chmod(p, 0o644) }, os.O_RDWR, "", ""},
		{"writable for all", func(p string) error { return os.Chmod(p, 0o666) }, os.O_RDWR, "others can write", "others can write"},
		{"writable for a group", func(p string) error { return errors.Join(os.Chown(p, 0, nobody), os.Chmod(p, 0o660)) }, os.O_RDONLY, "others can write", "others can write"},
		{"another user's", func(p string) error { return os.Chown(p, nobody, nobody) }, os.O_RDONLY, "belongs to user nobody", "belongs to user nobody"},
		{"with a second name, to be read", func(p string) error { return os.Link(p, p+"2") }, os.O_RDONLY, "", "2 names"},
		{"with a second name, to be written", func(p string) error { return os.Link(p, p+"2") }, os.O_RDWR, "2 names", "2 names"},
		{"a FIFO", func(p string) error { return errors.Join(os.Remove(p), unix.Mkfifo(p, 0o600)) }, os.O_RDONLY, "a named pipe", "a named pipe"},
		{"a directory", func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, os.O_RDONLY, "a directory, not", "a directory, not"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			if err := errors.Join(os.WriteFile(path, nil, 0o600), c.spoil(path)); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(path, c.flags|Flags, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for _, r := range []struct {
				err  error
				want string
			}{{Check(f), c.check}, {Mine(f), c.mine}} {
				if (r.err == nil) != (r.want == "") || r.err != nil && (!errors.Is(r.err, ErrForeign) || !strings.Contains(r.err.Error(), r.want)) {
					t.Errorf("%v, want %q", r.err, r.want)
				}
			}
		})
	}
	t.Run("another member's, in a directory of the group", func(t *testing.T) {
		dir := made(t, t.TempDir()+"/d", 0, nobody, 0o770)
		path := filepath.Join(dir, "f")
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chown(path, nobody, nobody), os.Chmod(path, 0o660)); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR|Flags, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := Check(f); err != nil {
			t.Error(err)
		}
	})
}

func TestReplaceLeavesAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	only := func(want string) {
		t.Helper()
		entries, _ := os.ReadDir(dir)
		text, _ := os.ReadFile(path)
		if len(entries) != 1 || string(text) != want {
			t.Fatalf("%v, %q; want %q alone", entries, text, want)
		}
	}
	if err := Create(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	only("one")
	if err := Create(path, []byte("two")); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	only("one")
	if err := Replace(path, []byte("two")); err != nil {
		t.Fatal(err)
	}
	only("two")
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o600 {
		t.Error(st.Mode())
	}
	if err := Replace(dir, []byte("x")); err == nil { // there is a directory of that name
		t.Error("replaced a directory")
	}
	only("two")
	if err := Replace(filepath.Join(dir, "none", "f"), nil); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), ".restorefs-") {
		t.Error(err)
	}
	// A FIFO of that name is replaced; opening it would wait for its other end.
	os.Remove(path)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- Replace(path, []byte("three")) }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("hangs")
	}
	only("three")
}
