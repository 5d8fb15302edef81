package vfat

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
		Xattrs: func(ino uint64) ([]guest.Xattr, error) {
			_, err := f.Xattrs(ino)
			return nil, err
		},
		Open: func(ino uint64) (guest.File, error) { return f.Open(ino) },
	}
}

// mkfs makes an image of so many KiB; args are a command that gets its path.
func mkfs(t testing.TB, kib int64, args ...string) string {
	t.Helper()
	need.Program(t, args[0])
	image := filepath.Join(t.TempDir(), "image")
	guest.Must(t, os.WriteFile(image, nil, 0o600))
	guest.Must(t, os.Truncate(image, kib<<10))
	guest.Command(t, args[0], append(args[1:], image)...)
	return image
}

// source makes a directory with names and files that are hard for FAT.
func source(t testing.TB, many int) string {
	t.Helper()
	root := t.TempDir()
	put := func(name, data string) {
		path := filepath.Join(root, name)
		guest.Must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		guest.Must(t, os.WriteFile(path, []byte(data), 0o644))
	}
	put("EFI/BOOT/BOOTX64.EFI", strings.Repeat("boot", 30000))
	put("EFI/debian/grub.cfg", "search\n")
	put("UPPER.TXT", "upper")
	put("lower.txt", "lower")
	put("MiXed.Txt", "mixed")
	put("empty", "")
	put("with spaces and. dots.tar.gz", "spaces")
	put("Zürich-日本語.txt", "unicode")
	put(strings.Repeat("n", 200)+".x", "long")
	put("thirteen char", "a piece of a long name is full")
	put("cluster", strings.Repeat("c", 4096))
	for i := range many {
		put(fmt.Sprintf("many/file with a number %03d", i), strings.Repeat("x", i))
	}
	put("a/b/c/d/e/f/g/h/deep", "deep")
	second := int64(1_500_000_000)
	guest.Must(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		second += 86402
		when := time.Unix(second, 0)
		guest.Must(t, os.Chtimes(path, when, when))
		return err
	}))
	return root
}

// mtools runs one of the mtools on an image.
func mtools(t testing.TB, image, name string, args ...string) {
	t.Helper()
	need.Program(t, name)
	cmd := exec.Command(name, append([]string{"-i", image}, args...)...)
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1", "LC_ALL=C.UTF-8", "TZ=UTC")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// populate copies a directory into an image of FAT.
func populate(t testing.TB, image, dir string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	guest.Must(t, err)
	args := []string{"-s", "-m", "-Q"}
	for _, e := range list {
		args = append(args, filepath.Join(dir, e.Name()))
	}
	mtools(t, image, "mcopy", append(args, "::/")...)
}

// openBytes opens an image.
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

// hostTree describes a directory, with times as exact as FAT has them.
func hostTree(t testing.TB, root string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	guest.Must(t, filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name := strings.TrimPrefix(path, root+"/")
		if e.IsDir() {
			tree[name] = "directory"
			return nil
		}
		data, err := os.ReadFile(path)
		guest.Must(t, err)
		fi, err := e.Info()
		guest.Must(t, err)
		tree[name] = described(data, fi.ModTime())
		return nil
	}))
	return tree
}

func described(data []byte, mtime time.Time) string {
	return fmt.Sprintf("%d %x %d", len(data), sha256.Sum256(data), mtime.Unix()/2*2)
}

// ownTree is hostTree of a file system, with everything found by its name too.
func ownTree(t testing.TB, f *FS) map[string]string {
	t.Helper()
	tree := map[string]string{}
	var walk func(ino uint64, prefix string)
	walk = func(ino uint64, prefix string) {
		guest.Must(t, f.ReadDir(ino, func(d Dirent) error {
			name := prefix + d.Name
			for _, as := range []string{d.Name, strings.ToUpper(d.Name)} {
				if at, err := f.Lookup(ino, as); err != nil || at != d.Ino {
					t.Errorf("%q is %d, not %d (%v)", prefix+as, at, d.Ino, err)
				}
			}
			a, err := f.Stat(d.Ino)
			guest.Must(t, err)
			if d.Type == dtDir {
				tree[name] = "directory"
				walk(d.Ino, name+"/")
				return nil
			}
			file, err := f.Open(d.Ino)
			guest.Must(t, err)
			data, err := io.ReadAll(io.NewSectionReader(file, 0, file.Size()))
			guest.Must(t, err)
			tree[name] = described(data, a.Mtime)
			return nil
		}))
	}
	walk(f.Root(), "")
	return tree
}

// same compares trees.
func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%q is %q, not %q", name, got[name], w)
		}
	}
	for name := range got {
		if want[name] == "" {
			t.Errorf("%q should not be there", name)
		}
	}
}
