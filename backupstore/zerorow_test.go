package backupstore_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

const zeroRow = "c35020473aed1b4642cd726cad727b63fff2824ad68cedd7ffb73c7cbd890479" // of 32 KiB

// callZero has rows of a digest file say that blocks are zero.
func callZero(t *testing.T, b storetest.Backup, rows ...int) {
	t.Helper()
	text, err := os.ReadFile(b.Path("_sha256file"))
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.Index(text, []byte(`"sha256s": [`)) + len(`"sha256s": [`+"\n    \"")
	for _, i := range rows {
		copy(text[first+72*i:], zeroRow)
	}
	if _, err := hex.DecodeString(string(text[first : first+64])); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.Path("_sha256file"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestARowThatCallsABlockZeroDoesNotBeatAnObjectThatIsRight(t *testing.T) {
	for _, compression := range []string{"none", "zlib", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			dir := t.TempDir()
			content := storetest.Text(1<<20, 1)
			b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"), VolumeID: storetest.ID("volume"), Content: content, Compression: compression})
			callZero(t, b, 0, 7, 8, 31)
			want := all(t, content)
			c := openCatalog(t, dir, backupstore.Options{})
			v := open(t, c, b.ID)
			if start, stop, err := v.NextData(t.Context(), 0, content.Size()); start != 0 || stop != content.Size() || err != nil {
				t.Errorf("data from %d to %d, %v", start, stop, err)
			}
			for range 2 {
				if got, err := read(t, v, content.Size()); err != nil || !bytes.Equal(got, want) {
					t.Fatal(err)
				}
			}
			r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)[b.ID]
			if r.OK || len(r.Damaged) != 3 || !strings.HasSuffix(r.Damaged[0].Object, "_sha256file") || r.Blocks != 28 {
				t.Errorf("%+v", r)
			}
			// A row is right where the object is not.
			if err := flip(b.Path("-00001"), 100, 3); err != nil {
				t.Fatal(err)
			}
			s := backupstore.NewSalvage(open(t, openCatalog(t, dir, backupstore.Options{}), b.ID), nil)
			p := bytes.Repeat([]byte("x"), 32<<10)
			if err := s.ReadAt(t.Context(), p, 0); err != nil || len(s.Lost()) > 0 || len(bytes.Trim(p, "\x00")) > 0 {
				t.Error(err, s.Lost())
			}
		})
	}
}

// If _metadata is in doubt it is not known which of the two is right.
func TestARowThatCallsABlockZeroBeatsAnObjectThatMayBeElsewhere(t *testing.T) {
	dir := t.TempDir()
	_, child, content := pair(t, dir, 32<<10)
	callZero(t, child, 10)
	text, err := os.ReadFile(child.Path("_metadata"))
	if err == nil {
		err = os.WriteFile(child.Path("_metadata"), bytes.Replace(text, []byte(`"backup_name"`), []byte(`"backup_mame"`), 1), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	v := open(t, openCatalog(t, dir, backupstore.Options{}), child.ID)
	if err := v.ReadAt(t.Context(), make([]byte, 32<<10), 327680); !errors.Is(err, backupstore.ErrDamaged) {
		t.Errorf("got %v", err)
	}
	_ = content
}

// However many rows in a row are wrong: _metadata has the MD5 of an object that is
// zero by all of them.
func TestAnObjectThatAllRowsCallZeroIsHeldToItsMD5(t *testing.T) {
	for _, compression := range []string{"none", "zlib", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			dir := t.TempDir()
			want := all(t, storetest.Text(4<<20, 1))
			clear(want[2<<20 : 3<<20])
			content := storetest.Bytes(want)
			b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"), VolumeID: storetest.ID("volume"), Content: content, Compression: compression, FileSize: 1 << 20})
			var lies []int
			for i := range 32 {
				lies = append(lies, 32+i)
			}
			callZero(t, b, lies...)
			c, s := faultyCatalog(t, dir)
			refresh(t, c)
			v := open(t, c, b.ID)
			for _, p := range []struct{ off, n, start, stop int64 }{
				{0, 4 << 20, 0, 2 << 20}, {1 << 20, 1 << 20, 1 << 20, 2 << 20}, {1<<20 + 64<<10, 32 << 10, 1<<20 + 64<<10, 1<<20 + 96<<10},
				{2 << 20, 2 << 20, 3 << 20, 4 << 20}, {2<<20 + 64<<10, 32 << 10, 2<<20 + 96<<10, 2<<20 + 96<<10},
			} {
				if start, stop, err := v.NextData(t.Context(), p.off, p.off+p.n); start != p.start || stop != p.stop || err != nil {
					t.Errorf("from %d on, data from %d to %d, %v", p.off, start, stop, err)
				}
			}
			// A target that holds zeros there is not as it should be, as far as rows know.
			zeros := make([]byte, 1<<20)
			if d, err := v.Differs(t.Context(), zeros, 1<<20); !errors.Is(err, backupstore.ErrNoDigests) {
				t.Error(d, err)
			}
			if d, err := v.Differs(t.Context(), zeros, 2<<20); len(d) > 0 || err != nil {
				t.Error(d, err)
			}
			if got, err := read(t, v, content.Size()); err != nil || !bytes.Equal(got, want) {
				t.Error(err)
			}
			salvage := backupstore.NewSalvage(open(t, c, b.ID), nil)
			got := make([]byte, len(want))
			if err := salvage.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, want) || len(salvage.Lost()) > 0 {
				t.Error(err, salvage.Lost())
			}
			r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)[b.ID]
			if r.OK || len(r.Damaged) != 1 || r.Damaged[0].Offset != 1<<20 || r.Damaged[0].Length != 1<<20 || !strings.HasSuffix(r.Damaged[0].Object, "_sha256file") {
				t.Errorf("%+v", r)
			}
			// An object of zeros is still not read.
			s.set(func(op, file string) error {
				if strings.HasSuffix(file, "-00003") {
					return syscall.EIO
				}
				return nil
			})
			v = open(t, c, b.ID)
			v.ForgetFiles()
			if err := v.ReadAt(t.Context(), zeros, 2<<20); err != nil {
				t.Error(err)
			}
		})
	}
}

// One block of two objects: what the row says of the one that is damaged cannot be
// seen, but it is wrong where it is wrong about the other.
func TestARowThatIsWrongAboutOneObjectProvesNothingOfADamagedOne(t *testing.T) {
	for name, zeroBehind := range map[string]bool{"the object that is right has data": false, "the object that is right is zero": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			want := all(t, storetest.Text(4*48<<10, 1))
			if zeroBehind {
				clear(want[48<<10 : 64<<10])
			}
			// Digest blocks of the child are larger than those that its parent's objects end at.
			spec := storetest.Spec{ID: storetest.ID("full"), VolumeID: storetest.ID("volume"), Content: storetest.Bytes(want),
				FileSize: 48 << 10, ShaBlock: 16 << 10, Compression: "none"}
			full := storetest.MustWrite(t, dir, spec)
			now := bytes.Clone(want)
			now[len(now)-1]++
			spec.ID, spec.ParentID, spec.Parent, spec.Content = storetest.ID("child"), full.ID, spec.Content, storetest.Bytes(now)
			spec.FileSize, spec.ShaBlock, spec.Created = 96<<10, 32<<10, time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC)
			b := storetest.MustWrite(t, dir, spec)
			callZero(t, b, 1) // the last 16 KiB of the parent's first object, and the first of its second
			if err := flip(full.Path("-00001"), 40<<10, 3); err != nil {
				t.Fatal(err)
			}
			v := open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
			p := bytes.Repeat([]byte("x"), 32<<10)
			err := v.ReadAt(t.Context(), p, 32<<10)
			if zeroBehind && (err != nil || len(bytes.Trim(p, "\x00")) > 0) {
				t.Errorf("got %v", err)
			}
			if !zeroBehind && !errors.Is(err, backupstore.ErrDamaged) {
				t.Errorf("got %v", err)
			}
		})
	}
}
