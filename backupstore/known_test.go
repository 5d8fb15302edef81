package backupstore_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/scanned"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// nextProcess looks at the share as another process would, which knows what file has. It returns how
// often it listed directories and opened files.
func nextProcess(t *testing.T, dir string, file scanned.File, atOnce bool) (c *backupstore.Catalog, s *faultyShare) {
	t.Helper()
	d, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	s = &faultyShare{Share: d, calls: map[string]int{}}
	c = backupstore.NewCatalog(s, backupstore.Options{Known: file})
	if atOnce {
		c.RememberAtOnce()
	}
	t.Cleanup(func() { c.Close() })
	refresh(t, c)
	return c, s
}

// fineChain writes four backups of which nothing is wrong or missing.
func fineChain(t *testing.T) (dir string, all []storetest.Backup) {
	t.Helper()
	dir = t.TempDir()
	all, err := storetest.WriteMany(dir, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	return dir, all
}

// told is all that a list can show.
func told(c *backupstore.Catalog) string {
	var out strings.Builder
	for _, b := range c.Backups() {
		name, volume := "", ""
		if b.Name != nil {
			name = *b.Name
		}
		if b.VolumeMeta != nil {
			volume = fmt.Sprint(b.VolumeName(), b.VolumeMeta.Base.SizeGiB, b.VolumeMeta.FromImage)
		}
		fmt.Fprintln(&out, b.ID, b.VolumeID, b.ParentID, name, volume, b.CreatedAt, b.Container(), b.Prefix(),
			b.StoredBytes, b.Objects, b.Compression, b.HasDigests, b.State, b.Problems, b.Size, len(b.Chain()))
	}
	return out.String() + fmt.Sprint(c.Unread(), c.Notes())
}

// isRight compares a catalogue with one that knows nothing.
func isRight(t *testing.T, dir string, c *backupstore.Catalog) {
	t.Helper()
	if got, want := told(c), told(openCatalog(t, dir, backupstore.Options{})); got != want {
		t.Errorf("it shows\n%s\nand there is\n%s", got, want)
	}
}

func TestTheNextProcessListsOnlyTheRootAndOpensNothing(t *testing.T) {
	dir, all := fineChain(t)
	file := scanned.At(t.TempDir(), "share")
	c, s := nextProcess(t, dir, file, true)
	if n := s.count("open"); n != len(all) {
		t.Errorf("the first opened %d files of %d backups", n, len(all))
	}
	isRight(t, dir, c)
	c, s = nextProcess(t, dir, file, true)
	if s.count("open") != 0 || s.count("readdir") != 1 || s.count("stat") > 16 {
		t.Errorf("calls of the second: %v", s.calls)
	}
	isRight(t, dir, c)
	for _, b := range c.Backups() {
		v, err := c.Open(t.Context(), b)
		if err == nil {
			err = v.ReadAt(t.Context(), make([]byte, 2<<10), 0)
		}
		if m, failed := b.ReadVolumeMeta(t.Context()); err != nil || failed != nil || (m == nil) != (b.VolumeMeta == nil) {
			t.Errorf("%s: %v, %v", b.ID, err, failed)
		}
	}
}

func TestOneThatLooksOnceShowsTheSameAndLeavesTheSame(t *testing.T) {
	dir, all := fineChain(t)
	file := scanned.At(t.TempDir(), "share")
	for i, opened := range []int{len(all), 0} {
		d, err := share.OpenDir(t.Context(), dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := &faultyShare{Share: d, calls: map[string]int{}}
		c := backupstore.NewCatalog(s, backupstore.Options{Known: file, Once: true})
		defer c.Close()
		c.RememberAtOnce()
		refresh(t, c)
		if n := s.count("open"); n != opened {
			t.Errorf("process %d opened %d files, not %d", i, n, opened)
		}
		isRight(t, dir, c)
		refresh(t, c)
		isRight(t, dir, c)
	}
}

func TestWhateverChangesTheNextProcessSeesIt(t *testing.T) {
	other := storetest.Spec{ID: storetest.ID("many 1"), VolumeID: storetest.ID("many volume 0"), Content: storetest.Random(2<<10, 7),
		Compression: "none", FileSize: 1 << 10, ShaBlock: 1 << 10, Created: time.Date(2026, 2, 1, 1, 0, 0, 0, time.UTC)}
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(t *testing.T, dir string, all []storetest.Backup){
		"nothing": func(*testing.T, string, []storetest.Backup) {},
		"a backup comes": func(t *testing.T, dir string, _ []storetest.Backup) {
			storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("new"), VolumeID: storetest.ID("v"), Content: storetest.Random(100, 1)})
		},
		"one comes where others are": func(t *testing.T, dir string, all []storetest.Backup) {
			storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("new"), VolumeID: storetest.ID("v"),
				Container: all[4].Container, Content: storetest.Random(100, 1)})
		},
		"one begins": func(t *testing.T, dir string, all []storetest.Backup) {
			must(os.WriteFile(strings.Replace(all[4].Path("-00001"), all[4].ID, storetest.ID("new"), 1), nil, 0o600))
		},
		"one goes, its directory stays": func(t *testing.T, dir string, all []storetest.Backup) {
			for _, suffix := range []string{"-00001", "-00002", "_metadata", "_sha256file"} {
				must(os.Remove(all[1].Path(suffix)))
			}
		},
		"one goes with its directory": func(t *testing.T, dir string, all []storetest.Backup) { must(os.RemoveAll(all[0].Dir)) },
		"an object goes":              func(t *testing.T, dir string, all []storetest.Backup) { must(os.Remove(all[2].Path("-00001"))) },
		"the digests go":              func(t *testing.T, dir string, all []storetest.Backup) { must(os.Remove(all[2].Path("_sha256file"))) },
		"a directory is moved":        func(t *testing.T, dir string, all []storetest.Backup) { must(os.Rename(all[0].Dir, all[0].Dir+"x")) },
		"a directory is closed": func(t *testing.T, dir string, all []storetest.Backup) {
			must(os.Rename(filepath.Dir(all[4].Dir), filepath.Join(dir, ".snapshot")))
		},
		"_metadata is replaced": func(t *testing.T, dir string, all []storetest.Backup) {
			rewrite(t, all[1].Path("_metadata"), func(path string, text []byte) {
				must(os.WriteFile(path+"~", text, 0o600))
				must(os.Rename(path+"~", path))
			})
		},
		"_metadata is replaced, and its time set back": func(t *testing.T, dir string, all []storetest.Backup) {
			rewrite(t, all[1].Path("_metadata"), func(path string, text []byte) {
				info, err := os.Stat(path)
				must(err)
				must(os.WriteFile(path+"~", text, 0o600))
				must(os.Chtimes(path+"~", info.ModTime(), info.ModTime()))
				must(os.Rename(path+"~", path))
			})
		},
		"_metadata is written over in its place": func(t *testing.T, dir string, all []storetest.Backup) {
			rewrite(t, all[1].Path("_metadata"), func(path string, text []byte) { must(os.WriteFile(path, text, 0o600)) })
		},
		"_metadata is cut": func(t *testing.T, dir string, all []storetest.Backup) {
			must(os.Truncate(all[1].Path("_metadata"), 100))
		},
		"_metadata is a second name of another one": func(t *testing.T, dir string, all []storetest.Backup) {
			must(os.Remove(all[1].Path("_metadata")))
			must(os.Link(all[0].Path("_metadata"), all[1].Path("_metadata")))
		},
		"one is replaced by another of its name": func(t *testing.T, dir string, all []storetest.Backup) {
			must(os.RemoveAll(all[1].Dir))
			storetest.MustWrite(t, dir, other)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, all := oneChain(t)
			file := scanned.At(t.TempDir(), "share")
			nextProcess(t, dir, file, true)
			time.Sleep(20 * time.Millisecond) // a tick of the clock that stamps are taken from
			change(t, dir, all)
			for range 2 {
				c, _ := nextProcess(t, dir, file, true)
				isRight(t, dir, c)
			}
		})
	}
}

// rewrite calls write with a text of the same length that calls the backup otherwise.
func rewrite(t *testing.T, path string, write func(path string, text []byte)) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), `"backup 1"`, `"Backup!1"`, 1)
	if len(changed) != len(text) || changed == string(text) {
		t.Fatal("there is no such name")
	}
	write(path, []byte(changed))
}

// Cinder may write to a file within the tick of the clock in which it was looked at.
func TestWhatWasWrittenJustNowIsNotRemembered(t *testing.T) {
	dir, all := fineChain(t)
	file := scanned.At(t.TempDir(), "share")
	nextProcess(t, dir, file, false)
	rewrite(t, all[1].Path("_metadata"), func(path string, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	c, s := nextProcess(t, dir, file, false)
	if s.count("open") != len(all) {
		t.Errorf("%d files of %d backups were opened", s.count("open"), len(all))
	}
	isRight(t, dir, c)
}

func TestAFileThatIsWrongOnlyCostsTime(t *testing.T) {
	dir, all := oneChain(t)
	elsewhere, err := storetest.WriteMany(t.TempDir(), 8, 1)
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Dir(filepath.Dir(filepath.Dir(elsewhere[0].Dir)))
	for name, spoil := range map[string]func(t *testing.T, path string){
		"cut":   func(t *testing.T, path string) { os.Truncate(path, 300) },
		"empty": func(t *testing.T, path string) { os.Truncate(path, 0) },
		"of another share": func(t *testing.T, path string) {
			at := t.TempDir()
			nextProcess(t, foreign, scanned.At(at, "other"), true)
			found, _ := filepath.Glob(filepath.Join(at, "*"))
			if len(found) != 1 || os.Rename(found[0], path) != nil {
				t.Fatal(found)
			}
		},
		"writable for all": func(t *testing.T, path string) { os.Chmod(path, 0o666) },
		"a directory": func(t *testing.T, path string) {
			os.Remove(path)
			os.Mkdir(path, 0o700)
		},
		"of a later version": func(t *testing.T, path string) {
			text, _ := os.ReadFile(path)
			os.WriteFile(path, []byte(strings.Replace(string(text), "scanned 1", "scanned 2", 1)), 0o600)
		},
		"in a directory that cannot be written": func(t *testing.T, path string) {
			os.Remove(path)
			os.Chmod(filepath.Dir(path), 0o500)
		},
		"in a directory that is gone": func(t *testing.T, path string) { os.RemoveAll(filepath.Dir(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			at := t.TempDir()
			file := scanned.At(at, "share")
			nextProcess(t, dir, file, true)
			found, err := filepath.Glob(filepath.Join(at, "*"))
			if err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			spoil(t, found[0])
			for range 2 {
				c, _ := nextProcess(t, dir, file, true)
				if len(c.Backups()) != len(all) {
					t.Errorf("%d backups", len(c.Backups()))
				}
				isRight(t, dir, c)
			}
			os.Chmod(at, fs.ModePerm)
		})
	}
}

func TestProcessesMayLookAtOnce(t *testing.T) {
	dir, all := fineChain(t)
	file := scanned.At(t.TempDir(), "share")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 8 {
				s, err := share.OpenDir(t.Context(), dir, nil)
				if err != nil {
					t.Error(err)
					return
				}
				c := backupstore.NewCatalog(s, backupstore.Options{Known: file})
				c.RememberAtOnce()
				if err := c.Refresh(t.Context()); err != nil || len(c.Backups()) != len(all) {
					t.Errorf("%d backups, %v", len(c.Backups()), err)
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	c, s := nextProcess(t, dir, file, true)
	if s.count("open") != 0 {
		t.Errorf("%v", s.calls)
	}
	isRight(t, dir, c)
}

func TestOnceADayAllDirectoriesAreListed(t *testing.T) {
	dir, all := fineChain(t)
	file := scanned.At(t.TempDir(), "share")
	nextProcess(t, dir, file, true)
	_, listsAll := nextProcess(t, dir, scanned.File{}, true)
	for name, full := range map[string]time.Time{
		"a day ago": time.Now().Add(-24 * time.Hour), "by a clock that is ahead": time.Now().Add(time.Hour),
	} {
		tree, err := file.Load()
		if err != nil {
			t.Fatal(err)
		}
		tree.Full = full
		if err := file.Save(tree); err != nil {
			t.Fatal(err)
		}
		c, s := nextProcess(t, dir, file, true)
		if s.count("readdir") != listsAll.count("readdir") || s.count("open") != 0 || len(c.Backups()) != len(all) {
			t.Errorf("%s: %v", name, s.calls)
		}
		if _, s = nextProcess(t, dir, file, true); s.count("readdir") != 1 {
			t.Errorf("%s, the next: %v", name, s.calls)
		}
	}
}

// tellingShare is a share whose listings tell stamps, as one without the kernel is.
type tellingShare struct{ *faultyShare }

func (tellingShare) TellsStamps() bool { return true }

func TestADirectoryWithManyBackupsIsListedWhereThatTellsTheirStamps(t *testing.T) {
	dir := t.TempDir()
	for i := range 6 {
		storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID(fmt.Sprint(i)), VolumeID: storetest.ID("v"),
			Container: "all", Content: storetest.Random(100, 1)})
	}
	d, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &faultyShare{Share: d, calls: map[string]int{}}
	c := backupstore.NewCatalog(tellingShare{s}, backupstore.Options{})
	t.Cleanup(func() { c.Close() })
	c.RememberAtOnce()
	refresh(t, c)
	s.set(nil)
	refresh(t, c)
	if s.count("readdir") != 2 || s.count("look") != 0 || s.count("open") != 0 || len(c.Backups()) != 6 {
		t.Errorf("%v", s.calls)
	}
}

func TestWhatAnotherVersionJudgedIsNotUsed(t *testing.T) {
	dir, all := fineChain(t)
	file := scanned.At(t.TempDir(), "share")
	nextProcess(t, dir, file, true)
	tree, err := file.Load()
	if err != nil {
		t.Fatal(err)
	}
	tree.Judge += " of yore"
	if err := file.Save(tree); err != nil {
		t.Fatal(err)
	}
	if _, s := nextProcess(t, dir, file, true); s.count("open") != len(all) {
		t.Errorf("%v", s.calls)
	}
}

// A second write within the tick of the first leaves the same stamps.
func TestWhatWasFreshWhenItWasReadIsReadOnceMore(t *testing.T) {
	dir, all := fineChain(t)
	c, s := faultyCatalog(t, dir)
	c.RememberNothingYet()
	refresh(t, c)
	changes := c.Changes()
	for i, want := range []int{0, len(all), 0} {
		if i == 1 {
			c.RememberAtOnce()
		}
		s.set(nil)
		refresh(t, c)
		if n := s.count("open"); n != want || c.Changes() != changes {
			t.Errorf("look %d opens %d files, not %d; %d changes", i, n, want, c.Changes()-changes)
		}
	}
}

// An operator may copy a good object over a damaged one.
func TestAnObjectThatIsRepairedInItsPlaceIsRead(t *testing.T) {
	dir, all := oneChain(t)
	path := all[0].Path("-00001")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, len(good)), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _ := faultyCatalog(t, dir)
	c.RememberAtOnce()
	refresh(t, c)
	b := find(t, c, all[0].ID)
	p := make([]byte, 1<<10)
	if err := open(t, c, b.ID).ReadAt(t.Context(), p, 0); err == nil {
		t.Fatal("a damaged object is read")
	}
	time.Sleep(20 * time.Millisecond)
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	refresh(t, c)
	if err := open(t, c, b.ID).ReadAt(t.Context(), p, 0); err != nil || string(p) != string(good) {
		t.Errorf("%v", err)
	}
}
