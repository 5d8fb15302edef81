package backupstore_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// stored writes a backup of one object. What storetest cannot compress a program
// does.
func stored(t *testing.T, dir string, content storetest.Content, compression string) storetest.Backup {
	t.Helper()
	spec := storetest.Spec{ID: storetest.ID("stored"), VolumeID: storetest.ID("volume"), Content: content, Compression: compression}
	if compression != "bz2" {
		return storetest.MustWrite(t, dir, spec)
	}
	if _, err := exec.LookPath("bzip2"); err != nil {
		need.Missing(t, "needs the program bzip2")
	}
	spec.Compression = "none"
	b := storetest.MustWrite(t, dir, spec)
	cmd := exec.Command("bzip2", "-9", "-c", b.Path("-00001"))
	packed, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(b.Path("_metadata"))
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.ReplaceAll(string(text), `"compression": "none"`, `"compression": "bz2"`))
	for path, data := range map[string][]byte{b.Path("-00001"): packed, b.Path("_metadata"): text} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// With an index that was made while the object was whole, what lies behind the
// checkpoint after the damage is kept.
func TestDecodingGoesOnAtACheckpointBehindTheDamage(t *testing.T) {
	const most = 3 << 20 // may be lost
	content := storetest.Text(5<<20, 5)
	want := all(t, content)
	for _, compression := range []string{"zlib", "zstd", "bz2"} {
		for _, place := range []int64{3, 6} { // tenths of the object
			t.Run(compression, func(t *testing.T) {
				t.Parallel()
				dir, o := t.TempDir(), backupstore.Options{IndexDir: t.TempDir()}
				b := stored(t, dir, content, compression)
				c := openCatalog(t, dir, o)
				if err := open(t, c, b.ID).BuildIndex(t.Context(), backupstore.IndexOptions{}); err != nil {
					t.Fatal(err)
				}
				c.Close()
				path := b.Path("-00001")
				st, err := os.Stat(path)
				if err == nil {
					err = flip(path, st.Size()*place/10, 4)
				}
				if err == nil {
					err = os.Chtimes(path, st.ModTime(), st.ModTime()) // as rot does it
				}
				if err != nil {
					t.Fatal(err)
				}
				c = openCatalog(t, dir, o)
				for _, piece := range []int64{1 << 20, content.Size(), 32 << 10} {
					s := backupstore.NewSalvage(open(t, c, b.ID), nil)
					got := make([]byte, len(want))
					for off := int64(0); off < content.Size(); off += piece {
						if err := s.ReadAt(t.Context(), got[off:off+piece], off); err != nil {
							t.Fatal(err)
						}
					}
					bad := s.Lost()
					if len(bad) == 0 {
						t.Fatal("the damage was not noticed")
					}
					first, last := bad[0].Off, bad[len(bad)-1].Off+bad[len(bad)-1].Len
					if last == content.Size() || last-first > most {
						t.Errorf("read in pieces of %d, bytes %d to %d of %d are lost", piece, first, last, content.Size())
					}
					expect := bytes.Clone(want)
					for _, r := range bad {
						clear(expect[r.Off : r.Off+r.Len])
					}
					if !bytes.Equal(got, expect) {
						t.Error("wrong bytes")
					}
				}
				// The damage was of the object: its index is not to blame.
				if r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)[b.ID]; r.OK || r.Bytes < content.Size()-most {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}

// An index of an object that was damaged then and is whole now leads astray, and
// no checksum of its own tells.
func TestAnIndexOfWhatTheObjectOnceWasIsDropped(t *testing.T) {
	content := storetest.Text(8<<20, 5)
	want := all(t, content)
	for _, compression := range []string{"zlib", "zstd", "bz2"} {
		t.Run(compression, func(t *testing.T) {
			t.Parallel()
			dir, o := t.TempDir(), backupstore.Options{IndexDir: t.TempDir()}
			b := stored(t, dir, content, compression)
			path := b.Path("-00001")
			st, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			harm := func() {
				for i := int64(1); i < 10; i++ {
					if err := flip(path, st.Size()*i/10, 4); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.Chtimes(path, st.ModTime(), st.ModTime()); err != nil {
					t.Fatal(err)
				}
			}
			harm()
			c := openCatalog(t, dir, o)
			_ = open(t, c, b.ID).BuildIndex(t.Context(), backupstore.IndexOptions{})
			c.Close()
			harm() // which undoes it
			v := open(t, openCatalog(t, dir, o), b.ID)
			p := make([]byte, 100_000)
			for _, off := range []int64{7 << 20, 1 << 20, 4_000_000, 0} {
				if err := v.ReadAt(t.Context(), p, off); err != nil || !bytes.Equal(p, want[off:off+100_000]) {
					t.Fatalf("at %d: %v", off, err)
				}
			}
		})
	}
}

// Without an index, what lies behind the damage is found by the looks of blocks
// and counted from the object's end.
func TestDecodingGoesOnBehindDamageWithoutAnIndex(t *testing.T) {
	content := storetest.Disk(4<<20, 5)
	want := all(t, content)
	for _, compression := range []string{"zlib", "bz2"} {
		for _, c := range []struct {
			harm string
			do   func(path string, size int64) error
			lost int64 // at most
		}{
			{"a bit in the middle", func(path string, size int64) error { return flip(path, size/2, 4) }, 3 << 20},
			{"the header", func(path string, size int64) error { return flip(path, 1, 4) }, 0},
			{"two bits", func(path string, size int64) error { return errors.Join(flip(path, size/3, 2), flip(path, size/2, 2)) }, 5 << 20},
			{"a sector of zeros", func(path string, size int64) error { return overwrite(path, size/4, make([]byte, 4096)) }, 3 << 20},
			{"a sector of another file", func(path string, size int64) error {
				return overwrite(path, size/4, bytes.Repeat([]byte("other"), 800))
			}, 3 << 20},
		} {
			for _, noBuild := range []bool{true, false} {
				if !noBuild && c.harm != "a bit in the middle" {
					continue
				}
				t.Run(compression+", "+c.harm, func(t *testing.T) {
					t.Parallel()
					dir := t.TempDir()
					b := stored(t, dir, content, compression)
					st, err := os.Stat(b.Path("-00001"))
					if err == nil {
						err = c.do(b.Path("-00001"), st.Size())
					}
					if err != nil {
						t.Fatal(err)
					}
					v := open(t, openCatalog(t, dir, backupstore.Options{NoIndexBuild: noBuild}), b.ID)
					for _, piece := range []int64{-1 << 20, 1 << 20, 4 << 20} { // the first from the end
						s := backupstore.NewSalvage(v, nil)
						got := make([]byte, len(want))
						size := max(piece, -piece)
						for off := int64(0); off < content.Size(); off += size {
							at := off
							if piece < 0 {
								at = content.Size() - size - off
							}
							if err := s.ReadAt(t.Context(), got[at:at+size], at); err != nil {
								t.Fatal(err)
							}
						}
						expect, lost, end := bytes.Clone(want), int64(0), int64(0)
						for _, r := range s.Lost() {
							clear(expect[r.Off : r.Off+r.Len])
							lost, end = lost+r.Len, r.Off+r.Len
						}
						if !bytes.Equal(got, expect) {
							t.Errorf("read in pieces of %d: wrong bytes", piece)
						}
						if lost > c.lost || end == content.Size() {
							t.Errorf("read in pieces of %d: lost %v", piece, s.Lost())
						}
					}
				})
			}
		}
	}
}

func overwrite(path string, off int64, p []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(p, off)
	return errors.Join(err, f.Close())
}

// A decoder that comes through damage without noticing records checkpoints, and
// zeros, at wrong offsets. However large the reads are, these are not to hide
// what lies behind the damage.
func TestCheckpointsFromBehindDamageMisleadNobody(t *testing.T) {
	size := int64(4 << 20)
	content := storetest.Overlay(storetest.Text(size, 5), storetest.Zeros(size), storetest.Extent{Offset: 1 << 20, Length: 300_000})
	want := all(t, content)
	dir := t.TempDir()
	b := stored(t, dir, content, "zlib")
	data, err := os.ReadFile(b.Path("-00001"))
	if err == nil {
		err = os.WriteFile(b.Path("-00001"), slices.Delete(data, 15_000, 19_500), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, build := range []bool{false, true} {
		for _, piece := range []int64{32 << 10, 1 << 20, size} {
			c := openCatalog(t, dir, backupstore.Options{})
			s := backupstore.NewSalvage(open(t, c, b.ID), nil)
			if build {
				_ = s.BuildIndex(t.Context(), backupstore.IndexOptions{})
			}
			got := make([]byte, size)
			for range 2 { // the second time the entry behind the damage is known
				for off := int64(0); off < size; off += piece {
					if err := s.ReadAt(t.Context(), got[off:off+piece], off); err != nil {
						t.Fatal(err)
					}
				}
			}
			expect, lost := bytes.Clone(want), int64(0)
			for _, r := range s.Lost() {
				clear(expect[r.Off : r.Off+r.Len])
				lost += r.Len
			}
			if lost == 0 || lost > 1<<20 {
				t.Errorf("read in pieces of %d, build %v: lost %v", piece, build, s.Lost())
			}
			if !bytes.Equal(got, expect) {
				t.Errorf("read in pieces of %d, build %v: wrong bytes", piece, build)
			}
		}
	}
}
