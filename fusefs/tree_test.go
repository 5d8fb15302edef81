package fusefs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func readDirNames(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func equalNames(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProgramsSeeTheTree(t *testing.T) {
	broken := sample(idB)
	broken.CreatedAt = noon.Add(time.Hour)
	broken.Problem = "parent " + idC + " is missing"
	r := mounted(t, sample(idA), broken)

	out, err := output(t, "find", r.mnt, "-mindepth", "1", "-printf", `%P %y %m %n %s %TY-%Tm-%TdT%TH:%TM %l\n`)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i := range got {
		got[i] = strings.TrimSpace(got[i])
	}
	slices.Sort(got)
	a, b := "backups/"+idA, "backups/"+idB
	equalNames(t, got,
		"backups d 500 1 0 2026-03-04T13:00",
		a+" d 500 1 0 2026-03-04T12:00",
		a+"/info.txt f 400 1 0 2026-03-04T12:00",
		a+"/metadata.json f 400 1 47 2026-03-04T12:00",
		a+"/volume.raw f 400 1 6292233 2026-03-04T12:00",
		b+" d 500 1 0 2026-03-04T13:00",
		b+"/problem.txt f 400 1 197 2026-03-04T13:00",
		"names d 500 1 0 2026-03-04T13:00",
		"names/web d 500 1 0 2026-03-04T13:00",
		"names/web/2026-03-04T12:00:00Z l 777 1 "+"50 2026-03-04T12:00 ../../"+a,
		"names/web/2026-03-04T13:00:00Z l 777 1 "+"50 2026-03-04T13:00 ../../"+b,
		"names/web/latest l 777 1 50 2026-03-04T12:00 ../../"+a,
		"volumes d 500 1 0 2026-03-04T13:00",
		"volumes/"+volX+" d 500 1 0 2026-03-04T13:00",
		"volumes/"+volX+"/2026-03-04T12:00:00Z l 777 1 50 2026-03-04T12:00 ../../"+a,
		"volumes/"+volX+"/2026-03-04T13:00:00Z l 777 1 50 2026-03-04T13:00 ../../"+b,
		"volumes/"+volX+"/latest l 777 1 50 2026-03-04T12:00 ../../"+a,
	)

	text, err := os.ReadFile(r.path(b, "problem.txt"))
	if err != nil || !strings.Contains(string(text), "parent "+idC+" is missing\n") || !strings.Contains(string(text), idB) {
		t.Errorf("problem.txt: %v: %s", err, text)
	}
	text, err = os.ReadFile(r.path("volumes", volX, "latest", "metadata.json"))
	if err != nil || string(text) != sample(idA).MetadataText {
		t.Errorf("metadata.json: %v: %q", err, text)
	}
	if _, err := os.Stat(r.path(b, "volume.raw")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a broken backup has a volume.raw: %v", err)
	}
	if out, err := output(t, "ls", "-laR", r.mnt); err != nil || strings.Contains(string(out), "?") {
		t.Errorf("ls: %v\n%s", err, out)
	}
	out, err = output(t, "stat", "-f", "-c", "%l", r.path(a, "volume.raw"))
	if err != nil || strings.TrimSpace(string(out)) != "255" {
		t.Errorf("longest name: %v %s", err, out)
	}
}

func TestFilesHaveTheirSizesTimesAndOwners(t *testing.T) {
	empty := sample(idC)
	empty.Size, empty.RealSize, empty.Data = 0, 0, nil
	r := mounted(t, sample(idA), sample(idB), empty)
	for id, blocks := range map[string]int64{idA: 6292233/512 - 1, idB: 6292233/512 - 1, idC: 0} {
		var st syscall.Stat_t
		if err := syscall.Stat(r.path("backups", id, "volume.raw"), &st); err != nil {
			t.Fatal(err)
		}
		want := int64(6292233)
		if id == idC {
			want = 0
		}
		if st.Size != want || st.Blocks != blocks || st.Blksize != blksize || st.Mtim.Sec != noon.Unix() ||
			st.Uid != 0 || st.Gid != 0 || st.Mode != syscall.S_IFREG|0o400 {
			t.Errorf("%s: %+v", id, st)
		}
	}
	if data, err := os.ReadFile(r.path("backups", idC, "volume.raw")); err != nil || len(data) != 0 {
		t.Errorf("empty volume: %d bytes, %v", len(data), err)
	}
}

func TestBlocksAreNeverNoneNorAll(t *testing.T) {
	for size, want := range map[int64]uint64{0: 0, 1: 1, 512: 1, 1024: 1, 4096: 7, 1 << 40: 1<<31 - 1} {
		if got := blocks(size); got != want {
			t.Errorf("blocks(%d) = %d, want %d", size, got, want)
		}
	}
}

func TestInodeNumbersOutliveTheMount(t *testing.T) {
	inodes := func() map[string]uint64 {
		r := mounted(t, sample(idA))
		got := make(map[string]uint64)
		filepath.WalkDir(r.mnt, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				t.Error(err)
				return nil
			}
			info, err := d.Info()
			if err != nil {
				t.Error(err)
				return nil
			}
			got[strings.TrimPrefix(path, r.mnt)] = info.Sys().(*syscall.Stat_t).Ino
			return nil
		})
		return got
	}
	first, second := inodes(), inodes()
	seen := make(map[uint64]string)
	for path, ino := range first {
		if second[path] != ino {
			t.Errorf("%s: inode %d, then %d", path, ino, second[path])
		}
		if other, ok := seen[ino]; ok {
			t.Errorf("%s and %s are both inode %d", path, other, ino)
		}
		seen[ino] = path
	}
	if len(first) < 10 {
		t.Errorf("only %d files", len(first))
	}
}

func TestChangesOfTheCatalogueAppear(t *testing.T) {
	incomplete := sample(idB)
	incomplete.CreatedAt = noon.Add(time.Hour)
	incomplete.Problem = "no metadata yet: it is still being made"
	r := mounted(t, sample(idA))
	latest := func() string {
		target, err := os.Readlink(r.path("volumes", volX, "latest"))
		if err != nil {
			return err.Error()
		}
		return filepath.Base(target)
	}
	exists := func(elem ...string) bool { _, err := os.Lstat(r.path(elem...)); return err == nil }

	if exists("backups", idB) || latest() != idA {
		t.Fatal("not what was mounted")
	}
	r.call("Set", &[]TestBackup{sample(idA), incomplete}, nil)
	eventually(t, "an incomplete backup appears", func() bool { return exists("backups", idB, "problem.txt") })
	if latest() != idA {
		t.Errorf("latest is %s", latest())
	}

	complete := incomplete
	complete.Problem = ""
	r.call("Set", &[]TestBackup{sample(idA), complete}, nil)
	eventually(t, "it is completed", func() bool {
		return exists("backups", idB, "volume.raw") && !exists("backups", idB, "problem.txt") && latest() == idB
	})

	// An open file stays readable when its backup vanishes.
	f, err := os.Open(r.path("backups", idA, "volume.raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir, err := os.Open(r.path("backups", idA))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	r.call("Set", &[]TestBackup{complete}, nil)
	eventually(t, "a deleted backup is gone", func() bool {
		return !exists("backups", idA) && !exists("backups", idA, "volume.raw")
	})
	equalNames(t, readDirNames(t, r.path("backups")), idB)
	equalNames(t, readDirNames(t, r.path("volumes", volX)), "2026-03-04T13:00:00Z", "latest")
	if _, err := f.ReadAt(make([]byte, 4096), 1<<20); err != nil {
		t.Errorf("an open file of a deleted backup: %v", err)
	}
	if _, err := dir.Readdirnames(-1); err == nil {
		t.Error("the directory of a deleted backup can be listed")
	}

	r.call("Set", &[]TestBackup{}, nil)
	eventually(t, "all are gone", func() bool { return len(readDirNames(t, r.path("volumes"))) == 0 })
}

// After a backup's content has changed, the kernel's cache of the old content
// must not be read.
func TestAnotherBackupOfTheSameIDIsReadAnew(t *testing.T) {
	r := mounted(t, sample(idA))
	path := r.path("backups", idA, "volume.raw")
	first := sample(idA)
	compareFile(t, path, first.content())
	second := sample(idA)
	second.Seed, second.CreatedAt = 77, noon.Add(time.Minute)
	r.call("Set", &[]TestBackup{second}, nil)
	eventually(t, "the new time", func() bool {
		info, err := os.Stat(path)
		return err == nil && info.ModTime().Equal(second.CreatedAt)
	})
	compareFile(t, path, second.content())
}

// Walks of the tree, reads and changes at once, mostly for the race detector.
func TestTreeWhileTheCatalogueChanges(t *testing.T) {
	small := func(id string, generation int) TestBackup {
		b := sample(id)
		b.RealSize, b.Size, b.Data = 100_000, 100_000, [][2]int64{{0, 100_000}}
		b.CreatedAt = noon.Add(time.Duration(generation) * time.Second)
		b.VolumeName = []string{"web", "db", ""}[generation%3]
		if generation%4 == 3 {
			b.Problem = "incomplete"
		}
		return b
	}
	r := mounted(t, small(idA, 0))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				filepath.WalkDir(r.mnt, func(path string, d fs.DirEntry, err error) error {
					if err == nil && d.Type().IsRegular() {
						if text, err := os.ReadFile(path); err == nil && filepath.Base(path) == "volume.raw" && len(text) != 100_000 {
							t.Errorf("%s: %d bytes", path, len(text))
						}
					}
					return nil
				})
			}
		})
	}
	for i := range 60 {
		list := []TestBackup{small(idA, i), small(idB, i/2), small(idC, 3*i)}
		list = list[:1+i%3]
		r.call("Set", &list, nil)
		time.Sleep(5 * time.Millisecond)
	}
	close(done)
	wg.Wait()
}

func compareFile(t *testing.T, path string, want []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "want")
	if err := os.WriteFile(file, want, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := output(t, "cmp", file, path); err != nil {
		t.Error(err)
	}
}

func TestNothingCanBeWritten(t *testing.T) {
	r := mounted(t, sample(idA))
	file := r.path("backups", idA, "volume.raw")
	for what, f := range map[string]func() error{
		"open for writing":   func() error { _, err := os.OpenFile(file, os.O_WRONLY, 0); return err },
		"open for both":      func() error { _, err := os.OpenFile(file, os.O_RDWR, 0); return err },
		"truncate at open":   func() error { _, err := os.OpenFile(file, os.O_RDWR|os.O_TRUNC, 0); return err },
		"truncate":           func() error { return os.Truncate(file, 0) },
		"make a file":        func() error { return os.WriteFile(r.path("x"), nil, 0o600) },
		"make a directory":   func() error { return os.Mkdir(r.path("backups", "x"), 0o700) },
		"remove":             func() error { return os.Remove(file) },
		"remove a directory": func() error { return os.Remove(r.path("backups", idA)) },
		"rename":             func() error { return os.Rename(file, file+"2") },
		"chmod":              func() error { return os.Chmod(file, 0o666) },
		"link":               func() error { return os.Symlink("x", r.path("x")) },
	} {
		if err := f(); !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: %v, want EROFS", what, err)
		}
	}
	for _, flags := range []uint32{syscall.O_WRONLY, syscall.O_RDWR, syscall.O_RDONLY | syscall.O_TRUNC} {
		if !writes(flags) {
			t.Errorf("open flags %#x do not count as writing", flags)
		}
	}
	if writes(syscall.O_RDONLY | syscall.O_DIRECT) {
		t.Error("reading directly counts as writing")
	}
}
