package backupstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// lyingRuns writes a backup of one object whose digest file calls two long runs of
// it zero that are not: one in the middle, and one at its end. Other 512 KiB are
// zero.
func lyingRuns(t *testing.T, dir, label, compression string) (b storetest.Backup, want []byte) {
	t.Helper()
	want = all(t, storetest.Text(4<<20, 1))
	clear(want[1<<20 : 3<<19])
	b = storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID(label), VolumeID: storetest.ID("volume of " + label),
		Content: storetest.Bytes(want), Compression: compression})
	var rows []int
	for i := range 32 {
		rows = append(rows, 64+i)
	}
	for i := range 20 {
		rows = append(rows, 108+i)
	}
	callZero(t, b, rows...)
	return b, want
}

// lyingRanges are the ranges that lyingRuns lies about.
var lyingRanges = []backupstore.Range{{Off: 64 * 32 << 10, Len: 32 * 32 << 10}, {Off: 108 * 32 << 10, Len: 20 * 32 << 10}}

// copyOf is what a copy of a volume onto zeros gives.
func copyOf(t *testing.T, v *backupstore.Volume, n int64) []byte {
	t.Helper()
	out := make([]byte, n)
	for r, err := range dataOf(t, v, n) {
		if err == nil {
			err = v.ReadAt(t.Context(), out[r.Off:r.Off+r.Len], r.Off)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Whatever a digest file calls zero, in runs however long: the bytes are those of
// the object, which is right by its MD5.
func TestALongRunOfRowsThatCallDataZeroGivesTheObjectsBytes(t *testing.T) {
	for _, compression := range []string{"none", "zlib", "zstd"} {
		for _, index := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s with an index %v", compression, index), func(t *testing.T) {
				dir := t.TempDir()
				b, want := lyingRuns(t, dir, "backup", compression)
				c := openCatalog(t, dir, backupstore.Options{NoIndexBuild: !index})
				size := int64(len(want))

				if got := copyOf(t, open(t, c, b.ID), size); !bytes.Equal(got, want) {
					t.Error("a copy is wrong")
				}
				// In any order, and again.
				v := open(t, c, b.ID)
				p := make([]byte, 128<<10)
				for _, off := range []int64{110 * 32 << 10, 70 * 32 << 10, 0, 1 << 20, 70 * 32 << 10} {
					if err := v.ReadAt(t.Context(), p, off); err != nil || !bytes.Equal(p, want[off:off+int64(len(p))]) {
						t.Errorf("a read at %d is wrong, %v", off, err)
					}
				}
				// What is zero is a hole, what is only called so is none.
				if start, stop, err := v.NextData(t.Context(), 1<<20, 3<<19); start != stop || err != nil {
					t.Errorf("data from %d to %d in zeros, %v", start, stop, err)
				}
				for _, r := range lyingRanges {
					if start, stop, err := open(t, c, b.ID).NextData(t.Context(), r.Off, r.Off+r.Len); start != r.Off || stop == start || err != nil {
						t.Errorf("data from %d to %d in what is called zero, %v", start, stop, err)
					}
				}
				s := backupstore.NewSalvage(open(t, c, b.ID), nil)
				got := make([]byte, size)
				if err := s.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, want) || len(s.Lost()) > 0 {
					t.Error(err, s.Lost())
				}
				r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)[b.ID]
				if r.OK || len(r.Damaged) != 2 || r.Damaged[1].Offset != lyingRanges[1].Off || !strings.HasSuffix(r.Damaged[0].Object, "_sha256file") {
					t.Errorf("%+v", r)
				}
			})
		}
	}
}

// What a target holds is compared with the objects where rows are wrong.
func TestATargetIsNotHeldToRowsThatCallDataZero(t *testing.T) {
	dir := t.TempDir()
	b, want := lyingRuns(t, dir, "backup", "zlib")
	c := openCatalog(t, dir, backupstore.Options{NoIndexBuild: true})
	zeros := make([]byte, 64<<10)
	for _, r := range slices.Backward(lyingRanges) {
		v := open(t, c, b.ID)
		for _, held := range [][]byte{zeros, want[r.Off : r.Off+64<<10]} {
			if d, err := v.Differs(t.Context(), held, r.Off); !errors.Is(err, backupstore.ErrNoDigests) {
				t.Error(d, err)
			}
		}
	}
	v := open(t, c, b.ID)
	if d, err := v.Differs(t.Context(), zeros, 1<<20); len(d) > 0 || err != nil {
		t.Error(d, err)
	}
	if d, err := v.Differs(t.Context(), want[:64<<10], 1<<20); len(d) != 1 || d[0] != (backupstore.Range{Off: 1 << 20, Len: 64 << 10}) || err != nil {
		t.Error(d, err)
	}
}

func TestDiffIsNotMisledByRowsThatCallDataZero(t *testing.T) {
	dir := t.TempDir()
	liar, want := lyingRuns(t, dir, "liar", "zlib")
	twin, _ := lyingRuns(t, dir, "twin", "zstd")
	for _, r := range lyingRanges {
		clear(want[r.Off : r.Off+r.Len])
	}
	honest := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("honest"), VolumeID: storetest.ID("volume of honest"), Content: storetest.Bytes(want), Compression: "zlib"})
	c := openCatalog(t, dir, backupstore.Options{})
	for _, pair := range [][2]string{{liar.ID, honest.ID}, {honest.ID, liar.ID}} {
		if got, err := diff(t, c, pair[0], pair[1]); err != nil || !slices.Equal(got, lyingRanges) {
			t.Errorf("%v, %v", got, err)
		}
	}
	for _, pair := range [][2]string{{liar.ID, twin.ID}, {liar.ID, liar.ID}} {
		if got, err := diff(t, c, pair[0], pair[1]); err != nil || len(got) > 0 {
			t.Errorf("%v, %v", got, err)
		}
	}
}

// Of a chain all that is called zero in both comes from the same objects.
func TestDiffOfAChainOpensNoObject(t *testing.T) {
	dir := t.TempDir()
	was := make([]byte, 4<<20)
	copy(was[1<<20:], all(t, storetest.Text(64<<10, 1)))
	is := slices.Clone(was)
	copy(is[2<<20:], all(t, storetest.Text(64<<10, 2)))
	full := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("full"), VolumeID: storetest.ID("volume"), Content: storetest.Bytes(was), Compression: "zlib"})
	child := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("child"), VolumeID: storetest.ID("volume"), ParentID: full.ID, Parent: storetest.Bytes(was), Content: storetest.Bytes(is), Compression: "zlib"})
	c, s := faultyCatalog(t, dir)
	refresh(t, c)
	s.set(func(_, file string) error {
		if strings.HasSuffix(file, "-00001") {
			return syscall.EIO
		}
		return nil
	})
	if got, err := diff(t, c, full.ID, child.ID); err != nil || !slices.Equal(got, []backupstore.Range{{Off: 2 << 20, Len: 64 << 10}}) {
		t.Errorf("%v, %v", got, err)
	}
}

// Where the object is damaged its rows are right, and nothing is lost.
func TestALongRunOfZerosNeedsNoObjectThatIsDamaged(t *testing.T) {
	for _, compression := range []string{"none", "zlib", "zstd"} {
		for name, harm := range map[string]func(path string) error{
			"a bit":       func(path string) error { return flip(path, 200, 3) },
			"its end":     func(path string) error { return os.Truncate(path, 5000) },
			"all of it":   os.Remove,
			"all of that": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("x"), 60<<10), 0o600) },
		} {
			t.Run(compression+" without "+name, func(t *testing.T) {
				dir := t.TempDir()
				b, _ := lyingRuns(t, dir, "backup", compression)
				if err := harm(b.Path("-00001")); err != nil {
					t.Fatal(err)
				}
				v := open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
				for _, r := range append(lyingRanges, backupstore.Range{Off: 1 << 20, Len: 1 << 19}) {
					p := bytes.Repeat([]byte("x"), int(r.Len))
					if err := v.ReadAt(t.Context(), p, r.Off); err != nil || len(bytes.Trim(p, "\x00")) > 0 {
						t.Errorf("%+v: %v", r, err)
					}
				}
			})
		}
	}
}

// What the share does not give may be right or not: that is an error.
func TestALongRunOfZerosThatCannotBeComparedIsAnError(t *testing.T) {
	dir := t.TempDir()
	b, _ := lyingRuns(t, dir, "backup", "zlib")
	c, s := faultyCatalog(t, dir)
	refresh(t, c)
	s.set(func(_, file string) error {
		if strings.HasSuffix(file, "-00001") {
			return syscall.EIO
		}
		return nil
	})
	v := open(t, c, b.ID)
	if _, _, err := v.NextData(t.Context(), 1<<20, 3<<19); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
	// A plan makes do with what the digests say.
	v, err := c.Outline(t.Context(), find(t, c, b.ID))
	if err != nil {
		t.Fatal(err)
	}
	if start, stop, err := v.NextData(t.Context(), 1<<20, 3<<19); start != stop || err != nil {
		t.Errorf("data from %d to %d, %v", start, stop, err)
	}
	s.set(nil)
	v = open(t, c, b.ID)
	if start, stop, err := v.NextData(t.Context(), 1<<20, 3<<19); start != stop || err != nil {
		t.Errorf("data from %d to %d, %v", start, stop, err)
	}
}

// Comparing proceeds like reading: a sparse disk is decoded once, from front to end, even if
// several goroutines compare parts of it in any order.
func TestASparseObjectIsDecodedOnceForItsZeros(t *testing.T) {
	dir := t.TempDir()
	want := make([]byte, 64<<20)
	for off := 0; off < len(want); off += 8 << 20 {
		copy(want[off:], all(t, storetest.Random(256<<10, uint64(off))))
	}
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"), VolumeID: storetest.ID("volume"), Content: storetest.Bytes(want), Compression: "zlib"})
	stat, err := os.Stat(b.Path("-00001"))
	if err != nil {
		t.Fatal(err)
	}
	v, counting := counted(t, dir, b.ID)
	if !bytes.Equal(copyOf(t, v, int64(len(want))), want) {
		t.Error("the copy is wrong")
	}
	v2, counting2 := counted(t, dir, b.ID)
	for _, off := range []int64{40 << 20, 8 << 20, 24 << 20, 56 << 20, 0} {
		if _, _, err := v2.NextData(t.Context(), off+1<<20, off+8<<20); err != nil {
			t.Fatal(err)
		}
	}
	for _, counting := range []*countingShare{counting, counting2} {
		for name, n := range counting.read {
			if strings.HasSuffix(name, "-00001") && n > stat.Size()*11/10+64<<10 {
				t.Errorf("%d of its %d bytes were read", n, stat.Size())
			}
		}
	}
}
