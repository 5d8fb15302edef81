package backupstore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// Blocks are hashed two at a time: the one that is wrong is told, in whatever place of a pair.
func TestTheWrongOneOfTwoBlocksIsTold(t *testing.T) {
	const block, blocks = 32 << 10, 40
	content := storetest.Text(blocks*block, 1)
	want := all(t, content)
	dir := t.TempDir()
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"),
		VolumeID: storetest.ID("volume"), Content: content, Compression: "none"})
	objects, err := filepath.Glob(filepath.Join(dir, "*/*/*/*-00001"))
	if err != nil || len(objects) != 1 {
		t.Fatal(objects, err)
	}
	stored, err := os.ReadFile(objects[0])
	if err != nil {
		t.Fatal(err)
	}
	// The shorter reads are hashed where they are read, the others beside that.
	for _, n := range []int{1, 2, 3, 7, blocks} {
		for _, bad := range []int{0, 1, 4, 5, 6, blocks - 1} {
			damaged := bytes.Clone(stored)
			damaged[bad*block+17] ^= 4
			if err := os.WriteFile(objects[0], damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			v := open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
			for first := 0; first < blocks; first += n {
				off, end := first*block, min(first+n, blocks)*block
				p := make([]byte, end-off)
				err := v.ReadAt(t.Context(), p, int64(off))
				if first > bad || bad*block >= end {
					if err != nil || !bytes.Equal(p, want[off:end]) {
						t.Fatalf("%d blocks from %d on, with %d damaged: %v", n, first, bad, err)
					}
					continue
				}
				d, ok := errors.AsType[*backupstore.DamageError](err)
				if !ok || d.Offset != int64(bad)*block || d.Length != block {
					t.Fatalf("%d blocks from %d on, with %d damaged: %v", n, first, bad, err)
				}
			}
		}
	}
}

func TestATargetThatDiffersInOneOfTwoBlocksIsToldSo(t *testing.T) {
	const block, blocks = 32 << 10, 7
	content := storetest.Text(blocks*block, 1)
	want := all(t, content)
	dir := t.TempDir()
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"),
		VolumeID: storetest.ID("volume"), Content: content, Compression: "none"})
	v := open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
	if got, err := v.Differs(t.Context(), want, 0); err != nil || len(got) != 0 {
		t.Fatal(got, err)
	}
	for bad := range blocks {
		p := bytes.Clone(want)
		p[bad*block] ^= 1
		got, err := v.Differs(t.Context(), p, 0)
		if err != nil || len(got) != 1 || got[0] != (backupstore.Range{Off: int64(bad) * block,
			Len: block}) {
			t.Errorf("with %d wrong: %v, %v", bad, got, err)
		}
	}
}
