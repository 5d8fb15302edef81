package backupstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

func openCatalog(t testing.TB, dir string, o backupstore.Options) *backupstore.Catalog {
	t.Helper()
	s, err := share.OpenDir(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := backupstore.NewCatalog(s, o)
	t.Cleanup(func() { c.Close() })
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func find(t testing.TB, c *backupstore.Catalog, id string) *backupstore.Backup {
	t.Helper()
	b, err := c.Find(id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFixturesAreListedAsWhatTheyAre(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	c := openCatalog(t, dir, backupstore.Options{})
	if n := len(c.Backups()); n != len(fixtures) {
		t.Errorf("%d backups listed, %d are there", n, len(fixtures))
	}
	for _, f := range fixtures {
		t.Run(f.Label, func(t *testing.T) {
			b := find(t, c, f.ID)
			problems := strings.Join(b.Problems, "; ")
			want := f.State
			if want == storetest.Broken && (f.Seen == "data" || f.Seen == "digests") {
				want = storetest.Complete // a list does not look that deep
			}
			if b.State.String() != want {
				t.Errorf("state %s (%s), want %s", b.State, problems, want)
			}
			if f.Seen != "" && f.Seen != "data" && f.Seen != "digests" && !mentions(problems, f.Words) {
				t.Errorf("problems %q mention none of %q", problems, f.Words)
			}
			if container := strings.TrimPrefix(b.Container(), "."); b.VolumeID != f.VolumeID || container != f.Container || b.Prefix() != f.Prefix {
				t.Errorf("volume %s in %q, prefix %s", b.VolumeID, b.Container(), b.Prefix())
			}
			if f.State != storetest.Complete {
				return
			}
			if b.ParentID != f.ParentID || b.Objects != f.Objects || !b.CreatedAt.Equal(f.Created) || b.Size != f.VolumeGiB<<30 || b.VolumeName() != f.VolumeName {
				t.Errorf("%+v, want %+v", b, f)
			}
			m, err := b.ReadVolumeMeta(t.Context())
			if err != nil || (m == nil) != (b.VolumeMeta == nil) {
				t.Fatalf("%+v %v", m, err)
			}
			if m != nil && (m.Base.Bootable != f.Bootable || fmt.Sprint(m.Metadata) != fmt.Sprint(f.VolumeMetadata) || fmt.Sprint(m.Image) != fmt.Sprint(f.ImageMetadata) ||
				b.VolumeMeta.FromImage != (len(m.Image) > 0)) {
				t.Errorf("%+v, want %+v", m, f)
			}
		})
	}
}

func mentions(s string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(w)) })
}

// readAll hashes the first n bytes of v and checks that what follows is known
// to be zero. Damaged ranges are left out of the hash, and returned.
func readAll(t *testing.T, v *backupstore.Volume, n int64, h hash.Hash) (damaged []storetest.Extent, says string) {
	t.Helper()
	ctx := t.Context()
	buf := make([]byte, v.Align())
	for off := int64(0); off < n; off += int64(len(buf)) {
		p := buf[:min(int64(len(buf)), n-off)]
		err := v.ReadAt(ctx, p, off)
		if errors.Is(err, backupstore.ErrDamaged) {
			damaged = append(damaged, storetest.Extent{Offset: off, Length: int64(len(p))})
			says += err.Error() + "; "
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		h.Write(p)
	}
	// Of the block that it ends in only a proof tells.
	block := int64(v.Align())
	if start, stop, err := v.NextData(ctx, min((n+block-1)/block*block, v.Size()), v.Size()); len(damaged) == 0 && start != stop || err != nil {
		t.Errorf("data at %d to %d behind the image's end, %v", start, stop, err)
	}
	return damaged, says
}

func TestFixturesReadAsTheVolumesTheyWere(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	c := openCatalog(t, dir, backupstore.Options{})
	for _, f := range fixtures {
		t.Run(f.Label, func(t *testing.T) {
			b := find(t, c, f.ID)
			v, err := c.Open(t.Context(), b)
			if b.Chain() == nil {
				if !errors.Is(err, backupstore.ErrDamaged) || !mentions(err.Error(), f.Words) {
					t.Fatalf("got %v, want one of %q", err, f.Words)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			h := sha256.New()
			n := f.DataBytes
			for _, d := range f.Damaged {
				n = max(n, d.Offset+d.Length)
			}
			damaged, says := readAll(t, v, n, h)
			if len(f.Damaged) == 0 {
				if len(damaged) > 0 {
					t.Fatalf("damaged: %v: %s", damaged, says)
				}
				if got := fmt.Sprintf("%x", h.Sum(nil)); got != f.SHA256 {
					t.Fatalf("sha256 %s, want %s", got, f.SHA256)
				}
				return
			}
			if f.HealedBy != "" {
				if len(damaged) > 0 || len(v.Healed()) == 0 || fmt.Sprintf("%x", h.Sum(nil)) != f.SHA256 {
					t.Fatalf("not healed: %v: %s", damaged, says)
				}
				return
			}
			if len(damaged) == 0 {
				t.Fatal("the damage was not noticed")
			}
			for _, d := range damaged {
				if !slices.ContainsFunc(f.Damaged, func(e storetest.Extent) bool { return d.Offset < e.Offset+e.Length && e.Offset < d.Offset+d.Length }) {
					t.Errorf("bytes %d+%d are damaged, only %v should be: %s", d.Offset, d.Length, f.Damaged, says)
				}
			}
			if f.Seen == "data" && !mentions(says, f.Words) {
				t.Errorf("%q mentions none of %q", says, f.Words)
			}
		})
	}
}

// The own restore of Cinder 23.0.0 (2023.2) to 28 to a new volume skips zeros in
// every layer, so that what an incremental zeroed comes back
// (cinder/backup/chunkeddriver.py, volume_is_new; 29.0.0 asks for is_base too).
func TestZeroedBlockStaysZero(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	c := openCatalog(t, dir, backupstore.Options{})
	full := open(t, c, storetest.Find(t, fixtures, "chain 0").ID)
	child := open(t, c, storetest.Find(t, fixtures, "chain 1").ID)
	zeroed := 0
	n := int64(child.Align())
	was, is := make([]byte, n), make([]byte, n)
	for off := int64(0); off < 1<<20; off += n {
		if err := errors.Join(full.ReadAt(t.Context(), was, off), child.ReadAt(t.Context(), is, off)); err != nil {
			t.Fatal(err)
		}
		if len(bytes.Trim(was, "\x00")) > 0 && len(bytes.Trim(is, "\x00")) == 0 {
			zeroed++
		}
	}
	if zeroed == 0 {
		t.Fatal("no block of the full backup is zero in the incremental")
	}
}

func open(t testing.TB, c *backupstore.Catalog, id string) *backupstore.Volume {
	t.Helper()
	v, err := c.Open(t.Context(), find(t, c, id))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAnyRangeReadsTheSame(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	c := openCatalog(t, dir, backupstore.Options{DecoderBytes: 16 << 20})
	for _, label := range []string{"chain 3", "mixed", "full bz2", "full zstd", "odd size", "_sha256file missing", "_sha256file cut"} {
		t.Run(label, func(t *testing.T) {
			f := storetest.Find(t, fixtures, label)
			v := open(t, c, f.ID)
			want := make([]byte, f.DataBytes+100_000)
			if err := v.ReadAt(t.Context(), want, 0); err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(want[:f.DataBytes]); fmt.Sprintf("%x", sum) != f.SHA256 {
				t.Fatal("the whole is wrong")
			}
			rng := rand.New(rand.NewPCG(1, 2))
			for range 100 {
				off := rng.IntN(len(want))
				p := make([]byte, rng.IntN(min(len(want)-off, 200_000)+1))
				if err := v.ReadAt(t.Context(), p, int64(off)); err != nil || !bytes.Equal(p, want[off:off+len(p)]) {
					t.Fatalf("%d bytes at %d: %v", len(p), off, err)
				}
			}
			differs, err := v.Differs(t.Context(), want[:f.DataBytes/32768*32768], 0)
			if f.Seen != "" && !errors.Is(err, backupstore.ErrNoDigests) || f.Seen == "" && (err != nil || len(differs) != 0) {
				t.Errorf("differs: %v %v", differs, err)
			}
		})
	}
}

func TestRunsCoverTheVolume(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	c := openCatalog(t, dir, backupstore.Options{})
	for _, f := range fixtures {
		b := find(t, c, f.ID)
		if b.State != backupstore.Complete {
			continue
		}
		v := open(t, c, f.ID)
		var at int64
		for r, err := range v.Runs(t.Context()) {
			if err != nil || r.Off != at || r.Len <= 0 {
				t.Fatalf("%s: %+v at %d, %v", f.Label, r, at, err)
			}
			at += r.Len
		}
		if at != v.Size() {
			t.Errorf("%s: runs end at %d of %d", f.Label, at, v.Size())
		}
	}
}

func TestReadsOutsideTheVolumeAreRefused(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	v := open(t, openCatalog(t, dir, backupstore.Options{}), fixtures[0].ID)
	for _, off := range []int64{-1, v.Size(), v.Size() - 9, 1 << 62} {
		if err := v.ReadAt(t.Context(), make([]byte, 10), off); err == nil {
			t.Errorf("a read at %d succeeded", off)
		}
	}
}

func TestACancelledReadSaysSo(t *testing.T) {
	dir, fixtures := storetest.Fixtures(t)
	v := open(t, openCatalog(t, dir, backupstore.Options{}), fixtures[0].ID)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.ReadAt(ctx, make([]byte, 4096), 0); !errors.Is(err, context.Canceled) || errors.Is(err, backupstore.ErrDamaged) {
		t.Fatalf("got %v", err)
	}
}
