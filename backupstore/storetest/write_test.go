package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// The writer gets the same input as Cinder had; the JSON files must be the same
// byte for byte.
func TestTheWriterWritesWhatCinderWrites(t *testing.T) {
	share, list := Fixtures(t)
	for _, f := range list {
		if f.State != Complete || f.Seen != "" || slices.Contains(f.Compression, "bz2") || slices.Contains(f.Compression, "bzip2") {
			continue
		}
		t.Run(f.Label, func(t *testing.T) {
			dir := filepath.Join(share, filepath.FromSlash(f.Container))
			var doc document
			if err := readJSON(filepath.Join(dir, f.Prefix+"_metadata"), &doc); err != nil {
				t.Fatal(err)
			}
			s := Spec{
				ID: f.ID, VolumeID: f.VolumeID, ParentID: f.ParentID, Name: f.Name, Description: f.Description,
				Created: f.Created, Content: Bytes(Image(t, share, list, f)), Compression: "none",
				FileSize: f.FileSize, ShaBlock: f.ShaBlock, VolumeMeta: doc.VolumeMeta,
			}
			for _, c := range f.Compression {
				if c != "none" {
					s.Compression = c
				}
			}
			for _, p := range list {
				if p.ID == f.ParentID {
					s.Parent = Bytes(Image(t, share, list, p))
				}
			}
			b := MustWrite(t, t.TempDir(), s)
			if b.Prefix != f.Prefix {
				t.Errorf("prefix %s, want %s", b.Prefix, f.Prefix)
			}
			for _, suffix := range []string{"_sha256file", "_metadata"} {
				equalFiles(t, b.Path(suffix), filepath.Join(dir, f.Prefix+suffix))
			}
			v := Volume{
				GiB: f.VolumeGiB, Name: f.VolumeName, Description: f.VolumeDescription, Bootable: f.Bootable,
				Metadata: f.VolumeMetadata, ImageMetadata: f.ImageMetadata,
				EncryptionKeyID: f.EncryptionKeyID,
			}
			// The volume was created an hour before its first backup.
			s.Created = volumeCreated(t, doc.VolumeMeta).Add(time.Hour)
			if got := v.meta(&s); got != doc.VolumeMeta {
				t.Errorf("volume_meta\n%s\nwant\n%s", got, doc.VolumeMeta)
			}
		})
	}
}

func equalFiles(t *testing.T, got, want string) {
	t.Helper()
	g, err := os.ReadFile(got)
	if err != nil {
		t.Fatal(err)
	}
	w, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(g, w) {
		t.Errorf("%s is\n%s\nwant\n%s", filepath.Base(got), g, w)
	}
}

func volumeCreated(t *testing.T, meta string) time.Time {
	t.Helper()
	var doc struct {
		Base struct {
			CreatedAt string `json:"created_at"`
		} `json:"volume-base-metadata"`
	}
	if err := json.Unmarshal([]byte(meta), &doc); err != nil {
		t.Fatal(err)
	}
	when, err := time.Parse("2006-01-02T15:04:05.000000", doc.Base.CreatedAt)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func TestWrittenBackupsComposeToTheirContent(t *testing.T) {
	const size = 5<<20 + 12345
	full := Disk(size, 3)
	incremental := Overlay(Overlay(full, Text(size, 4), Extent{64 << 10, 96 << 10}, Extent{5 << 20, 12345}),
		Zeros(size), Extent{1<<20 - 512<<10, 1 << 20})
	for _, algorithm := range []string{"none", "zlib", "gzip", "zstd"} {
		t.Run(algorithm, func(t *testing.T) {
			share := t.TempDir()
			base := Spec{
				ID: ID("full"), VolumeID: ID("volume"), Content: full, Compression: algorithm,
				FileSize: 1 << 20, Name: "ü", Level: 1,
			}
			next := base
			next.ID, next.ParentID, next.Parent, next.Content = ID("incremental"), base.ID, full, incremental
			next.CompressionOf = func(object int) string { return []string{algorithm, "none"}[object%2] }
			next.Container = "."
			var img []byte
			for _, s := range []Spec{base, next} {
				b := MustWrite(t, share, s)
				if img == nil {
					img = make([]byte, size)
				}
				if err := overwrite(img, b.Dir, b.Prefix); err != nil {
					t.Fatal(err)
				}
				want := make([]byte, size)
				if _, err := s.Content.ReadAt(want, 0); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(img, want) {
					t.Fatal("the objects do not compose to the content")
				}
				checkImage(t, img, b.Dir, b.Prefix, DefaultShaBlock, true)
				checkObjects(t, b, s)
			}
		})
	}
}

func checkObjects(t *testing.T, b Backup, s Spec) {
	t.Helper()
	end := int64(0)
	for i, o := range b.Objects {
		if o.Offset < end || o.Length <= 0 || o.Offset/s.FileSize != (o.Offset+o.Length-1)/s.FileSize {
			t.Errorf("object %d: extent %d+%d overlaps or crosses a reading's end", i+1, o.Offset, o.Length)
		}
		if s.ParentID == "" && o.Offset != end {
			t.Errorf("object %d leaves a gap in a full backup", i+1)
		}
		end = o.Offset + o.Length
		st, err := os.Stat(b.Path(fmt.Sprintf("-%05d", i+1)))
		if err != nil {
			t.Fatal(err)
		}
		if st.Size() != o.StoredBytes || (o.Compression == "none") != (o.StoredBytes == o.Length) {
			t.Errorf("object %d: %d bytes stored of %d, %s", i+1, st.Size(), o.Length, o.Compression)
		}
	}
}

func TestABlankVolumeCostsLittle(t *testing.T) {
	const gib = 1 << 30
	share := t.TempDir()
	content := Overlay(Zeros(16*gib), Text(16*gib, 1), Extent{10 * gib, 100_000})
	b := MustWrite(t, share, Spec{
		ID: ID("blank"), VolumeID: ID("volume"), Content: content, Compression: "zstd", FileSize: 16 << 20, ShaBlock: 1 << 20,
	})
	if len(b.Objects) != 1024 {
		t.Fatalf("%d objects, want 1024", len(b.Objects))
	}
	var list digestList
	if err := readJSON(b.Path("_sha256file"), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.SHA256s) != 16<<10 || list.SHA256s[0] != list.SHA256s[16383] || list.SHA256s[0] == list.SHA256s[10<<10] {
		t.Errorf("%d digests, or not those of the content", len(list.SHA256s))
	}
}

func TestWriteRefusesWhatCinderCouldNotWrite(t *testing.T) {
	good := Spec{ID: ID("a"), VolumeID: ID("b"), Content: Zeros(1 << 16)}
	for name, change := range map[string]func(*Spec){
		"no id":                       func(s *Spec) { s.ID = "" },
		"no content":                  func(s *Spec) { s.Content = nil },
		"a parent without content":    func(s *Spec) { s.ParentID = ID("c") },
		"a parent of another size":    func(s *Spec) { s.ParentID, s.Parent = ID("c"), Zeros(1) },
		"file size against the block": func(s *Spec) { s.FileSize = 1000 },
		"an algorithm without writer": func(s *Spec) { s.Compression = "bz2" },
	} {
		s := good
		change(&s)
		if _, err := Write(t.TempDir(), s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestManyBackupsAreChainsOfEight(t *testing.T) {
	backups, err := WriteMany(t.TempDir(), 20, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range backups {
		if (b.ParentID == "") != (i%8 == 0) || len(b.Objects) != 3 {
			t.Errorf("backup %d: parent %q, %d objects", i, b.ParentID, len(b.Objects))
		}
	}
}

func TestQuoteWritesJSONAsPythonDoes(t *testing.T) {
	for in, want := range map[string]string{
		"":                `""`,
		"a \"b\" \\ /":    `"a \"b\" \\ /"`,
		"\n\r\t\b\f\x01":  `"\n\r\t\b\f\u0001"`,
		"ü ✓ 🗄 \x7f <b>&": `"\u00fc \u2713 \ud83d\uddc4 \u007f <b>&"`,
	} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
		var back string
		if err := json.Unmarshal([]byte(quote(in)), &back); err != nil || back != in {
			t.Errorf("%q comes back as %q, %v", in, back, err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	const size = 256 << 20
	for name, c := range map[string]Content{"disk": Disk(size, 1), "text": Text(size, 1), "zeros": Zeros(size)} {
		for _, algorithm := range []string{"none", "zlib", "zstd"} {
			b.Run(name+"/"+algorithm, func(b *testing.B) {
				b.SetBytes(size)
				for b.Loop() {
					_, err := Write(b.TempDir(), Spec{
						ID: ID("a"), VolumeID: ID("b"), Content: c, Compression: algorithm, Level: 1, FileSize: 64 << 20,
					})
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkDigestRows writes the _sha256file of a blank volume.
func BenchmarkDigestRows(b *testing.B) {
	const size = 64 << 30
	b.SetBytes(size / DefaultShaBlock * 72)
	for b.Loop() {
		_, err := Write(b.TempDir(), Spec{
			ID: ID("a"), VolumeID: ID("b"), ParentID: ID("c"), Parent: Zeros(size), Content: Zeros(size),
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
