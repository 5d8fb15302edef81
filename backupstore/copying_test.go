package backupstore_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// copied copies a volume as materialize does, from front to back.
func copied(t *testing.T, c *backupstore.Copying, n int64, between func(off int64)) ([]byte, error) {
	t.Helper()
	out := bytes.Repeat([]byte("x"), int(n))
	for run, err := range c.Runs(t.Context()) {
		if err != nil {
			return out, err
		}
		for off, last := run.Off, min(run.Off+run.Len, n); off < last; {
			end := min(last, off+300<<10)
			start, stop, err := c.NextData(t.Context(), off, end)
			if err != nil {
				return out, err
			}
			clear(out[off:start])
			if start == stop {
				clear(out[start:end])
				off = end
				continue
			}
			if err := c.ReadAt(t.Context(), out[start:stop], start); err != nil {
				return out, err
			}
			if off = stop; between != nil {
				between(off)
			}
		}
	}
	return out, c.Settle(t.Context())
}

// withoutDigests is pair without digests, as large as its data.
func withoutDigests(t *testing.T, dir string) (full, child storetest.Backup, want []byte) {
	full, child, content := pair(t, dir, 32<<10)
	for _, b := range []storetest.Backup{full, child} {
		if err := os.Remove(b.Path("_sha256file")); err != nil {
			t.Fatal(err)
		}
	}
	return full, child, all(t, content)
}

func TestACopyWithoutDigestsReadsEachObjectOnce(t *testing.T) {
	dir := t.TempDir()
	full, child, want := withoutDigests(t, dir)
	var stored int64
	for _, b := range []storetest.Backup{full, child} {
		for _, suffix := range []string{"-00001", "-00002", "-00003", "-00004"} {
			if st, err := os.Stat(b.Path(suffix)); err == nil {
				stored += st.Size()
			}
		}
	}
	c, s := faultyCatalog(t, dir)
	refresh(t, c)
	var reads, opens atomic.Int64
	s.set(func(op, name string) error {
		if strings.Contains(name, "-0000") {
			reads.Add(map[string]int64{"read": 1}[op])
			opens.Add(map[string]int64{"open": 1}[op])
		}
		return nil
	})
	v := open(t, c, child.ID)
	copying := v.Copying()
	got, err := copied(t, copying, int64(len(want)), nil)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatal(err)
	}
	once := reads.Load()
	if n := copying.Unproven(); len(n) > 0 {
		t.Errorf("%v is not proven", n)
	}
	// As many reads again are what a proof of all takes.
	reads.Store(0)
	if _, err := read(t, open(t, c, child.ID), int64(len(want))); err != nil {
		t.Fatal(err)
	}
	if twice := reads.Load(); once*3 > twice*2 {
		t.Errorf("%d reads to copy, %d to prove and copy, of %d bytes", once, twice, stored)
	}
}

func TestACopyEndsWithAnErrorWhereAnObjectIsNotItsMD5(t *testing.T) {
	for name, during := range map[string]bool{"it was damaged before": false, "it changes while it is copied": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			content := storetest.Text(4<<20, 1)
			b := undigested(t, dir, content, "none")
			change := func(int64) {}
			damage := func() {
				if err := flip(b.Path("-00001"), 3<<20, 2); err != nil {
					t.Fatal(err)
				}
			}
			if during {
				change = func(off int64) {
					if off > 1<<20 && damage != nil {
						damage()
						damage = nil
					}
				}
			} else {
				damage()
			}
			copying := open(t, openCatalog(t, dir, backupstore.Options{}), b.ID).Copying()
			got, err := copied(t, copying, content.Size(), change)
			if !errors.Is(err, backupstore.ErrDamaged) {
				t.Fatalf("got %v", err)
			}
			left := copying.Unproven()
			if len(left) != 1 || left[0].Off != 0 || left[0].Len < 3<<20 {
				t.Errorf("%v is told as not proven", left)
			}
			if bytes.Equal(got, all(t, content)) {
				t.Error("nothing was wrong")
			}
		})
	}
}

// Whatever order it is read in, and whatever is left out.
func TestACopyInAnyOrderIsRight(t *testing.T) {
	dir := t.TempDir()
	_, child, want := withoutDigests(t, dir)
	c := openCatalog(t, dir, backupstore.Options{})
	copying := open(t, c, child.ID).Copying()
	for _, off := range []int64{2 << 20, 1 << 20, 100, 3 << 20, 0, 5 << 19} {
		p := make([]byte, 200<<10)
		if err := copying.ReadAt(t.Context(), p, off); err != nil || !bytes.Equal(p, want[off:off+int64(len(p))]) {
			t.Fatal(off, err)
		}
	}
	if len(copying.Unproven()) == 0 {
		t.Error("no object was read to its end")
	}
	if err := copying.Settle(t.Context()); err != nil || len(copying.Unproven()) > 0 {
		t.Error(err, copying.Unproven())
	}
	p := make([]byte, len(want))
	if err := copying.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, want) {
		t.Error(err)
	}
}
