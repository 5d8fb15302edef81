package backupstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/storetest"
)

// undigested writes a full backup without a _sha256file.
func undigested(t *testing.T, dir string, content storetest.Content, compression string) storetest.Backup {
	t.Helper()
	b := stored(t, dir, content, compression)
	if err := os.Remove(b.Path("_sha256file")); err != nil {
		t.Fatal(err)
	}
	return b
}

// alter changes bytes of a file in place, and gives it back the modification
// time that it had if touched is false.
func alter(t *testing.T, path string, p []byte, off int64, touched bool) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	// The change has to come in another tick of the clock of file times.
	time.Sleep(20 * time.Millisecond)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(p, off)
	err = errors.Join(err, f.Close())
	if !touched {
		err = errors.Join(err, os.Chtimes(path, st.ModTime(), st.ModTime()))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// An MD5 speaks for a file as it was: when that has changed since, also in place
// and with its old modification time, no byte of it is given out.
func TestAnObjectThatChangesAfterItsProofGivesNoOtherByte(t *testing.T) {
	for _, compression := range []string{"none", "zlib"} {
		for name, touched := range map[string]bool{"and its time is set back": false, "and its time is another one": true} {
			t.Run(compression+" "+name, func(t *testing.T) {
				dir := t.TempDir()
				content := storetest.Text(2<<20, 1)
				b := undigested(t, dir, content, compression)
				want := all(t, content)
				v := open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
				p := make([]byte, 32<<10)
				if err := v.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, want[:len(p)]) {
					t.Fatal(err)
				}
				st, err := os.Stat(b.Path("-00001"))
				if err != nil {
					t.Fatal(err)
				}
				good := make([]byte, 4096)
				f, err := os.Open(b.Path("-00001"))
				if err == nil {
					_, err = f.ReadAt(good, st.Size()*3/4)
					f.Close()
				}
				if err != nil {
					t.Fatal(err)
				}
				alter(t, b.Path("-00001"), bytes.Repeat([]byte("x"), 4096), st.Size()*3/4, touched)
				for off := int64(0); off < content.Size(); off += int64(len(p)) {
					if err := v.ReadAt(t.Context(), p, off); err == nil {
						t.Fatalf("bytes at %d were given out, right %v", off, bytes.Equal(p, want[off:off+int64(len(p))]))
					}
				}
				// With its bytes back it is proven anew.
				alter(t, b.Path("-00001"), good, st.Size()*3/4, touched)
				v = open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
				if got, err := read(t, v, content.Size()); err != nil || !bytes.Equal(got, want) {
					t.Error(err)
				}
			})
		}
	}
}

// What changes of a file that keeps its bytes, an owner or another name, costs a
// proof and nothing else.
func TestAnObjectThatIsTouchedAfterItsProofIsProvenAgain(t *testing.T) {
	dir := t.TempDir()
	content := storetest.Text(2<<20, 1)
	b := undigested(t, dir, content, "zlib")
	v := open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
	for range 3 {
		if got, err := read(t, v, content.Size()); err != nil || !bytes.Equal(got, all(t, content)) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		if err := os.Chmod(b.Path("-00001"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
}

// With digests a file that has come in the place of another is told as such, and
// not called damage of the backup.
func TestAFileThatIsReplacedUnderAnOpenVolumeIsNoticed(t *testing.T) {
	dir := t.TempDir()
	content := storetest.Text(1<<20, 1)
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"), VolumeID: storetest.ID("volume"), Content: content, Compression: "none"})
	c := openCatalog(t, dir, backupstore.Options{})
	v := open(t, c, b.ID)
	if _, err := read(t, v, 32<<10); err != nil {
		t.Fatal(err)
	}
	exchange(t, b.Path("-00001"), all(t, content)[:1<<19])
	v.ForgetFiles()
	if _, err := read(t, v, 32<<10); !errors.Is(err, fs.ErrInvalid) || errors.Is(err, backupstore.ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

// An object whose MD5 is right is right, however its stream ends.
func TestAnObjectWithTheRightMD5IsUsedHoweverItEnds(t *testing.T) {
	long := storetest.Text(1<<20+32<<10, 3)
	content := storetest.Bytes(all(t, long)[:1<<20])
	cut := func(n int) func([]byte) []byte { return func(p []byte) []byte { return p[:len(p)-n] } }
	last := func(p []byte) []byte { p[len(p)-1] ^= 0x10; return p }
	for name, ending := range map[string]struct {
		compression string
		long        bool
		change      func([]byte) []byte
	}{
		"zlib without its checksum":    {"zlib", false, cut(4)},
		"zlib with another checksum":   {"zlib", false, last},
		"zlib that goes on":            {"zlib", true, nil},
		"bzip2 without its checksum":   {"bz2", false, cut(4)},
		"bzip2 without its trailer":    {"bz2", false, cut(10)},
		"bzip2 that goes on":           {"bz2", true, nil},
		"zstd that goes on":            {"zstd", true, nil},
		"plain bytes and more of them": {"none", true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b := undigested(t, dir, content, ending.compression)
			from := b
			if ending.long {
				from = stored(t, t.TempDir(), long, ending.compression)
			}
			data, err := os.ReadFile(from.Path("-00001"))
			if err == nil && ending.change != nil {
				data = ending.change(data)
			}
			if err == nil {
				err = os.WriteFile(b.Path("-00001"), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			c := openCatalog(t, dir, backupstore.Options{})
			if got, err := read(t, open(t, c, b.ID), content.Size()); err != nil || !bytes.Equal(got, all(t, content)) {
				t.Error(err)
			}
			r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)[b.ID]
			if noted := len(r.Notes) == 1 && mentions(r.Notes[0], []string{"-00001"}); !r.OK || !noted {
				t.Errorf("%+v", r)
			}
		})
	}
}

// Of several zlib streams only the first counts. An object that consists of two lacks what is in
// the second; one that has another behind its end is right. Both are told.
func TestAnotherZlibStreamInAnObjectIsTold(t *testing.T) {
	content := storetest.Text(1<<20, 3)
	half := storetest.Bytes(all(t, content)[:1<<19])
	for name, digests := range map[string]bool{"with digests": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				in    storetest.Content
				right bool
			}{{half, false}, {content, true}} {
				dir := t.TempDir()
				b := stored(t, dir, content, "zlib")
				data, err := os.ReadFile(stored(t, t.TempDir(), c.in, "zlib").Path("-00001"))
				if err == nil {
					err = os.WriteFile(b.Path("-00001"), append(data, data...), 0o600)
				}
				if err == nil && !digests {
					err = os.Remove(b.Path("_sha256file"))
				}
				if err != nil {
					t.Fatal(err)
				}
				cat := openCatalog(t, dir, backupstore.Options{})
				_, err = read(t, open(t, cat, b.ID), content.Size())
				cat = openCatalog(t, dir, backupstore.Options{}) // which knows nothing of that read
				r := verify(t, cat, backupstore.VerifyOptions{}, cat.Backups()...)[b.ID]
				told := strings.Join(r.Notes, "; ")
				if !c.right {
					told = fmt.Sprint(r.Damaged)
					if !strings.Contains(fmt.Sprint(err), "its first zlib stream ends after 524288 bytes, and another one follows") {
						t.Errorf("a read: %v", err)
					}
				}
				if (err == nil) != c.right || r.OK != c.right || !strings.Contains(told, "another") || !strings.Contains(told, "only the first counts") {
					t.Errorf("right %v: %v; %s", c.right, err, told)
				}
			}
		})
	}
}

func TestTheDigestOfAShortLastBlockIsCompared(t *testing.T) {
	dir := t.TempDir()
	content := storetest.Random(96<<10+1000, 1)
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"), VolumeID: storetest.ID("volume"), Content: content, Compression: "none"})
	v := open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
	if got, err := read(t, v, content.Size()); err != nil || !bytes.Equal(got, all(t, content)) {
		t.Fatal(err)
	}
	if err := flip(b.Path("-00001"), content.Size()-1, 0); err != nil {
		t.Fatal(err)
	}
	v = open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
	p := make([]byte, content.Size()-96<<10)
	if err := v.ReadAt(t.Context(), p, 96<<10); !errors.Is(err, backupstore.ErrDamaged) {
		t.Errorf("got %v", err)
	}
	if err := v.ReadAt(t.Context(), make([]byte, 96<<10), 0); err != nil {
		t.Errorf("the blocks before: %v", err)
	}
}

// Whatever a buffer held before, what no object has is zero, also between two
// objects of one block: with digests, which are of a block as a whole, and without,
// where a gap is known.
func TestAGapBetweenObjectsInsideABlockIsZero(t *testing.T) {
	for _, digests := range []bool{true, false} {
		t.Run(fmt.Sprintf("with digests %v", digests), func(t *testing.T) {
			dir := t.TempDir()
			want := all(t, storetest.Random(64<<10, 1))
			clear(want[4096:8192])
			spec := storetest.Spec{ID: storetest.ID("backup"), VolumeID: storetest.ID("volume"), Content: storetest.Bytes(want), Compression: "none", ShaBlock: 4096, FileSize: 4096}
			b := storetest.MustWrite(t, dir, spec)
			text, err := os.ReadFile(b.Path("_metadata"))
			if err != nil {
				t.Fatal(err)
			}
			entry := regexp.MustCompile(`(?s)    \{\n      "[^"]*-00002": .*?\n    \},\n`)
			if err := errors.Join(os.WriteFile(b.Path("_metadata"), entry.ReplaceAll(text, nil), 0o600), os.Remove(b.Path("_sha256file"))); err != nil {
				t.Fatal(err)
			}
			if digests {
				spec.ShaBlock, spec.FileSize = 32<<10, 32<<10
				if err := os.Rename(storetest.MustWrite(t, t.TempDir(), spec).Path("_sha256file"), b.Path("_sha256file")); err != nil {
					t.Fatal(err)
				}
			}
			v := open(t, openCatalog(t, dir, backupstore.Options{}), b.ID)
			p := bytes.Repeat([]byte("x"), len(want))
			if err := v.ReadAt(t.Context(), p, 0); err != nil || !bytes.Equal(p, want) || v.HasDigests() != digests {
				t.Error(err, bytes.Equal(p[4096:8192], want[4096:8192]))
			}
		})
	}
}

// A digest file that gives errors, at once or in the middle, is done without: the
// objects have an MD5. verify says that it could not read it, and not that
// anything is damaged.
func TestDigestsThatCannotBeReadAreDoneWithout(t *testing.T) {
	dir := t.TempDir()
	content := storetest.Text(34<<20, 1) // more than one page of rows
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("backup"), VolumeID: storetest.ID("volume"), Content: content, Compression: "none", FileSize: 8 << 20})
	want := all(t, content)
	for name, broken := range map[string]struct {
		op    string
		after int // reads
		err   error
	}{
		"it may not be opened":           {"open", 0, fs.ErrPermission},
		"it gives an error when opened":  {"open", 0, syscall.EIO},
		"its first byte gives an error":  {"read", 0, syscall.EIO},
		"its rows give errors":           {"read", 3, syscall.EIO},
		"its handle is stale":            {"read", 3, syscall.ESTALE},
		"it may not be read any further": {"read", 4, fs.ErrPermission},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := faultyCatalog(t, dir)
			refresh(t, c)
			n := 0
			fault := func(op, file string) error {
				if op != broken.op || !strings.HasSuffix(file, "_sha256file") {
					return nil
				}
				if n++; n <= broken.after {
					return nil
				}
				return broken.err
			}
			s.set(fault)
			v := open(t, c, b.ID)
			got := make([]byte, len(want))
			if err := v.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, want) {
				t.Fatal(err)
			}
			n = 0
			r := verify(t, c, backupstore.VerifyOptions{}, c.Backups()...)[b.ID]
			if r.OK || len(r.Damaged) > 0 || len(r.Unread) != 1 || !errors.Is(r.Unread[0], broken.err) {
				t.Errorf("%+v", r)
			}
		})
	}
}
