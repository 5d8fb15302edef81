package backupstore_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// pair writes a full backup and an incremental on it, of 4 MiB with two changes.
func pair(t *testing.T, dir string, block int) (full, child storetest.Backup, content storetest.Content) {
	t.Helper()
	spec := storetest.Spec{ID: storetest.ID("full"), VolumeID: storetest.ID("volume"), Content: storetest.Text(4<<20, 1), Compression: "zlib", ShaBlock: block, FileSize: 1 << 20}
	full = storetest.MustWrite(t, dir, spec)
	content = storetest.Overlay(spec.Content, storetest.Text(4<<20, 2), storetest.Extent{Offset: 327680, Length: 65536}, storetest.Extent{Offset: 1 << 20, Length: 32768})
	spec.ParentID, spec.Parent = spec.ID, spec.Content
	spec.ID, spec.Content, spec.Created = storetest.ID("child"), content, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	child = storetest.MustWrite(t, dir, spec)
	return full, child, content
}

// Without digests nothing else proves where the objects of a backup belong.
func TestMetadataWithoutDigestsIsHeldToWhatCinderWrites(t *testing.T) {
	for name, change := range map[string]struct {
		of        string // full or child
		from, to  string
		state     string
		composed  bool // salvage can be had
		mentioned string
	}{
		"the name of its parent is another one":      {"child", `"parent_id"`, `"parent_ie"`, "broken", false, "parent_id"},
		"an object begins inside a sector":           {"child", `"offset": 327680`, `"offset": 327684`, "broken", true, "327684"},
		"an object begins inside a block":            {"child", `"offset": 327680`, `"offset": 328192`, "broken", true, "328192"},
		"a digit is a blank":                         {"child", `"offset": 327680`, `"offset": 32768 `, "broken", true, "00001"},
		"a full backup begins later":                 {"full", `"offset": 0`, `"offset": 8`, "broken", false, ""},
		"a full backup has a gap":                    {"full", `"length": 1048576`, `"length": 1040384`, "broken", true, "gap"},
		"objects are not numbered one by one":        {"child", `-00002": {`, `-00003": {`, "broken", true, ""},
		"the volume's record has another name":       {"full", `"volume_meta"`, `"volume_mete"`, "broken", true, "volume_meta"},
		"nothing is wrong":                           {"child", "zlib", "zlib", "complete", true, ""},
		"commas have a blank behind them (Python 2)": {"child", ",\n", ", \n", "complete", true, ""},
		"the compression is in capitals":             {"child", "zlib", "ZLIB", "complete", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			full, child, _ := pair(t, dir, 32<<10)
			b := map[string]storetest.Backup{"full": full, "child": child}[change.of]
			text, err := os.ReadFile(b.Path("_metadata"))
			if err != nil {
				t.Fatal(err)
			}
			text = bytes.Replace(text, []byte(change.from), []byte(change.to), strings.Count(change.from, "\n")*100+1)
			for _, b := range []storetest.Backup{full, child} {
				err = errors.Join(err, os.Remove(b.Path("_sha256file")))
			}
			if err = errors.Join(err, os.WriteFile(b.Path("_metadata"), text, 0o600)); err != nil {
				t.Fatal(err)
			}
			c := openCatalog(t, dir, backupstore.Options{})
			got := find(t, c, b.ID)
			problems := strings.Join(got.Problems, "; ")
			if got.State.String() != change.state || (got.Chain() != nil) != change.composed || !strings.Contains(problems, change.mentioned) {
				t.Errorf("%s, composed %v: %s", got.State, got.Chain() != nil, problems)
			}
			if missing := strings.Contains(problems, "missing"); (got.Doubt() != "") != (change.state == "broken" && change.composed && !missing) {
				t.Errorf("doubt %q", got.Doubt())
			}
			if r := verify(t, c, backupstore.VerifyOptions{}, got)[got.ID]; r.OK != (change.state == "complete") {
				t.Errorf("%+v", r)
			}
			if r := find(t, c, child.ID); r.State.String() != change.state {
				t.Errorf("the incremental backup is %s: %q", r.State, r.Problems)
			}
		})
	}
}

// Digests are of the composed volume, and prove also what is below.
func TestDigestsProveABackupWhoseParentIsInDoubt(t *testing.T) {
	dir := t.TempDir()
	full, child, content := pair(t, dir, 4096)
	text, err := os.ReadFile(full.Path("_metadata"))
	if err == nil {
		text = bytes.Replace(text, []byte(`"backup_name"`), []byte(`"backup_mame"`), 1)
		err = errors.Join(os.WriteFile(full.Path("_metadata"), text, 0o600), os.Remove(full.Path("_sha256file")))
	}
	if err != nil {
		t.Fatal(err)
	}
	c := openCatalog(t, dir, backupstore.Options{})
	if b := find(t, c, full.ID); b.State != backupstore.Broken || b.Doubt() == "" {
		t.Errorf("%s: %q", b.State, b.Problems)
	}
	if b := find(t, c, child.ID); b.State != backupstore.Complete {
		t.Errorf("%s: %q", b.State, b.Problems)
	}
	if got, err := read(t, open(t, c, child.ID), content.Size()); err != nil || !bytes.Equal(got, all(t, content)) {
		t.Error(err)
	}
	if r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...); !r[child.ID].OK || r[full.ID].OK {
		t.Errorf("%+v", r)
	}
}

// With smaller blocks configured, objects begin at any multiple of these.
func TestObjectsBeginWhereTheirOwnDigestBlocksDo(t *testing.T) {
	for name, digests := range map[string]bool{"as the parent's digests say": true, "as several objects say": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			spec := storetest.Spec{ID: storetest.ID("full"), VolumeID: storetest.ID("volume"), Content: storetest.Text(1<<20, 1), Compression: "none", ShaBlock: 4096}
			full := storetest.MustWrite(t, dir, spec)
			extents := []storetest.Extent{{Offset: 4096, Length: 4096}}
			if !digests {
				extents = append(extents, storetest.Extent{Offset: 12 << 10, Length: 4096})
			}
			spec.ParentID, spec.Parent = spec.ID, spec.Content
			spec.ID, spec.Content, spec.Created = storetest.ID("child"), storetest.Overlay(spec.Content, storetest.Text(1<<20, 2), extents...), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			child := storetest.MustWrite(t, dir, spec)
			err := os.Remove(child.Path("_sha256file"))
			if !digests {
				err = errors.Join(err, os.Remove(full.Path("_sha256file")))
			}
			if err != nil {
				t.Fatal(err)
			}
			c := openCatalog(t, dir, backupstore.Options{})
			for range 2 {
				if b := find(t, c, child.ID); b.State != backupstore.Complete {
					t.Errorf("%s: %q", b.State, b.Problems)
				}
				refresh(t, c)
			}
		})
	}
}

// Nothing but what a digit can become tells that an offset is wrong.
func TestAFlippedBitOfAnOffsetIsToldWithSmallBlocksToo(t *testing.T) {
	for name, c := range map[string]struct {
		block   int
		parents bool // the parent's digests are there
		extents []storetest.Extent
	}{
		"blocks of 4 KiB, several objects": {4096, false, []storetest.Extent{{Offset: 4096, Length: 4096}, {Offset: 12 << 10, Length: 12 << 10}, {Offset: 1 << 20, Length: 4096}}},
		"one object":                       {4096, false, []storetest.Extent{{Offset: 4096, Length: 4096}}},
		"the parent tells the size":        {4096, true, []storetest.Extent{{Offset: 4096, Length: 4096}, {Offset: 96 << 10, Length: 8192}}},
		"blocks of 32 KiB":                 {32 << 10, false, []storetest.Extent{{Offset: 32 << 10, Length: 32 << 10}, {Offset: 96 << 10, Length: 64 << 10}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			spec := storetest.Spec{ID: storetest.ID("full"), VolumeID: storetest.ID("volume"), Content: storetest.Text(2<<20, 1), Compression: "none", ShaBlock: c.block}
			full := storetest.MustWrite(t, dir, spec)
			spec.ParentID, spec.Parent = spec.ID, spec.Content
			spec.ID, spec.Content, spec.Created = storetest.ID("child"), storetest.Overlay(spec.Content, storetest.Text(2<<20, 2), c.extents...), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			child := storetest.MustWrite(t, dir, spec)
			err := os.Remove(child.Path("_sha256file"))
			if !c.parents {
				err = errors.Join(err, os.Remove(full.Path("_sha256file")))
			}
			good, readErr := os.ReadFile(child.Path("_metadata"))
			if err = errors.Join(err, readErr); err != nil {
				t.Fatal(err)
			}
			state := func(text []byte) (backupstore.State, string) {
				t.Helper()
				if err := os.WriteFile(child.Path("_metadata"), text, 0o600); err != nil {
					t.Fatal(err)
				}
				b := find(t, openCatalog(t, dir, backupstore.Options{}), child.ID)
				return b.State, strings.Join(b.Problems, "; ")
			}
			if s, why := state(good); s != backupstore.Complete && len(c.extents) > 1 {
				t.Errorf("%s as Cinder wrote it: %s", s, why)
			}
			const field = `"offset": `
			for at := bytes.Index(good, []byte(field)); at >= 0; {
				from := at + len(field)
				to := from + bytes.IndexByte(good[from:], '\n')
				for i := from; i < to; i++ {
					for bit := range 8 {
						flipped := bytes.Clone(good)
						flipped[i] ^= 1 << bit
						if s, _ := state(flipped); s == backupstore.Complete {
							t.Errorf("%s for %s is complete", flipped[from:to], good[from:to])
						}
					}
				}
				if at = bytes.Index(good[to:], []byte(field)); at >= 0 {
					at += to
				}
			}
			large := bytes.Replace(good, []byte(`\"size\": 1,`), []byte(`\"size\": 10,`), 1)
			if s, why := state(large); bytes.Equal(large, good) || (s == backupstore.Complete) != (c.block == 32<<10) {
				t.Errorf("a large volume: %s: %s", s, why)
			}
		})
	}
}
