package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// oddShare is a full backup and an incremental one of 1 MiB, and what to do with their files.
type oddShare struct {
	dir         string
	full, child storetest.Backup
	want        []byte // of child
}

func newOddShare(t *testing.T, compression string) *oddShare {
	t.Helper()
	s := &oddShare{dir: t.TempDir()}
	spec := storetest.Spec{ID: storetest.ID("full"), VolumeID: storetest.ID("volume"), Content: storetest.Text(1<<20, 1), Compression: compression}
	s.full = storetest.MustWrite(t, s.dir, spec)
	spec.ParentID, spec.Parent = spec.ID, spec.Content
	spec.Content = storetest.Overlay(spec.Content, storetest.Text(1<<20, 2), storetest.Extent{Offset: 327680, Length: 65536})
	spec.ID, spec.Created = storetest.ID("child"), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	s.child = storetest.MustWrite(t, s.dir, spec)
	s.want = make([]byte, 1<<20)
	if _, err := spec.Content.ReadAt(s.want, 0); err != nil {
		t.Fatal(err)
	}
	return s
}

// without removes the digests.
func (s *oddShare) without(t *testing.T) {
	t.Helper()
	if err := errors.Join(os.Remove(s.full.Path("_sha256file")), os.Remove(s.child.Path("_sha256file"))); err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func replaced(old, by string) func([]byte) []byte {
	return func(text []byte) []byte { return bytes.Replace(text, []byte(old), []byte(by), 1) }
}

// What is wrong with a share is told, by the exit code as well, and no byte is wrong without that.
func TestNoOddShareGivesWrongBytesOrSilence(t *testing.T) {
	t.Parallel()
	const zeroRow = "c35020473aed1b4642cd726cad727b63fff2824ad68cedd7ffb73c7cbd890479" // of 32 KiB
	for what, c := range map[string]struct {
		compression string
		change      func(t *testing.T, s *oddShare)
		command     string
		code        int
		says        string // on stdout or stderr
		right       bool   // materialize gives the right bytes
	}{
		"the name of a parent has a flipped bit, without digests": {"zlib", func(t *testing.T, s *oddShare) {
			s.without(t)
			edit(t, s.child.Path("_metadata"), replaced(`"parent_id"`, `"parent_ie"`))
		}, "materialize", exitcode.Damaged, "parent_id", false},
		"an offset has a flipped bit, without digests": {"zlib", func(t *testing.T, s *oddShare) {
			s.without(t)
			edit(t, s.child.Path("_metadata"), replaced(`"offset": 327680`, `"offset": 327684`))
		}, "materialize", exitcode.Damaged, "327684", false},
		"a row calls data zero": {"zlib", func(t *testing.T, s *oddShare) {
			edit(t, s.child.Path("_sha256file"), func(text []byte) []byte {
				at := bytes.Index(text, []byte(`sha256s": [`)) + len(`sha256s": [`)
				from := at + bytes.IndexByte(text[at:], '"') + 1
				copy(text[from:], zeroRow)
				return text
			})
		}, "materialize", exitcode.Done, "", true},
		"the trailer of a zlib stream is cut off, without digests": {"zlib", func(t *testing.T, s *oddShare) {
			s.without(t)
			edit(t, s.full.Path("-00001"), func(p []byte) []byte { return p[:len(p)-4] })
		}, "materialize", exitcode.Done, "", true},
		"the checksum of a zstd frame is wrong, without digests": {"zstd", func(t *testing.T, s *oddShare) {
			s.without(t)
			edit(t, s.full.Path("-00001"), func([]byte) []byte {
				raw := make([]byte, 1<<20)
				if _, err := storetest.Text(1<<20, 1).ReadAt(raw, 0); err != nil {
					t.Fatal(err)
				}
				w, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(true))
				if err != nil {
					t.Fatal(err)
				}
				p := w.EncodeAll(raw, nil)
				p[len(p)-1] ^= 1
				return p
			})
		}, "materialize", exitcode.Done, "", true},
		"another zlib stream holds the second half": {"zlib", func(t *testing.T, s *oddShare) {
			s.without(t)
			half := storetest.MustWrite(t, t.TempDir(), storetest.Spec{ID: storetest.ID("half"), VolumeID: storetest.ID("volume"),
				Content: storetest.Text(1<<19, 1), Compression: "zlib"})
			p, err := os.ReadFile(half.Path("-00001"))
			if err != nil {
				t.Fatal(err)
			}
			edit(t, s.full.Path("-00001"), func([]byte) []byte { return append(p, p...) })
		}, "verify", exitcode.Damaged, "another one follows", false},
		"_metadata is of a version to come": {"zlib", func(t *testing.T, s *oddShare) {
			edit(t, s.child.Path("_metadata"), replaced(`"version": "1.0.0"`, `"version": "1.1.0"`))
		}, "show", exitcode.Done, "Cinder up to 29.0.0", false},
		"it is a part of a copy of a bucket": {"zlib", func(t *testing.T, s *oddShare) {
			dir := filepath.Join(s.dir, "20260101120000")
			err := os.MkdirAll(dir, 0o700)
			for _, end := range []string{"-00001", "_metadata"} {
				err = errors.Join(err, os.WriteFile(filepath.Join(dir, "az_nova_backup_"+storetest.ID("b")+end), []byte("x"), 0o600))
			}
			if err != nil {
				t.Fatal(err)
			}
		}, "list", exitcode.Failed, "give the directory that has volume_ID", false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newOddShare(t, c.compression)
			c.change(t, s)
			target := filepath.Join(t.TempDir(), "disk.raw")
			args := []string{c.command, "--share", s.dir}
			switch c.command {
			case "materialize":
				args = append(args, "--yes", s.child.ID, target)
			case "show":
				args = append(args, s.child.ID)
			}
			stdout, stderr, code := restorefs(t, args...)
			if code != c.code || !strings.Contains(stdout+stderr, c.says) {
				t.Errorf("exit %d: %s%s", code, stdout, stderr)
			}
			if !c.right {
				return
			}
			if got, err := os.ReadFile(target); err != nil || !bytes.HasPrefix(got, s.want) {
				t.Errorf("the target is wrong: %v", err)
			}
		})
	}
}

// A window above 128 MiB is read where --memory allows it, as Cinder reads it.
func TestALargeWindowIsReadWithinMemory(t *testing.T) {
	t.Parallel()
	const size = 2 << 20
	dir := t.TempDir()
	b := storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("window"), VolumeID: storetest.ID("window's volume"),
		Content: storetest.Bytes(bytes.Repeat([]byte{'w'}, size)), Compression: "zstd"})
	stored := binary.LittleEndian.AppendUint32(nil, 0xfd2fb528)
	stored = append(stored, 0, (28-10)<<3) // a window of 256 MiB, and the size unknown
	for left := size; left > 0; {
		left -= 128 << 10
		head := 128<<10<<3 | 1<<1 // 128 KiB of one value
		if left == 0 {
			head |= 1
		}
		stored = append(stored, byte(head), byte(head>>8), byte(head>>16), 'w')
	}
	edit(t, b.Path("-00001"), func([]byte) []byte { return stored })
	if stdout, stderr, code := restorefs(t, "verify", "--share", dir); code != exitcode.Done {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

// What the share does not give is no damage, and one cause is one line.
func TestWhatVerifyCannotReadIsToldFromDamage(t *testing.T) {
	real, id, _ := incremental(t, 16<<20)
	share, say, _ := passThrough(t, real)
	say("eio -00003")
	stdout, stderr, code := restorefs(t, "verify", "--share", share, id)
	if code != exitcode.Failed || strings.Count(stdout, "NOT READ") != 1 || strings.Contains(stdout, "DAMAGED") ||
		strings.Count(stdout, "input/output error") != 1 {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

// A process that has a device open by another node uses it.
func TestADeviceThatIsOpenByAnotherNodeIsRefused(t *testing.T) {
	needMount(t)
	need(t, "losetup", "mknod")
	s := newOddShare(t, "none")
	backing := filepath.Join(t.TempDir(), "backing")
	if err := errors.Join(os.WriteFile(backing, nil, 0o600), os.Truncate(backing, 1<<30)); err != nil {
		t.Fatal(err)
	}
	loop := strings.TrimSpace(run(t, "losetup", "-f", "--show", backing))
	defer run(t, "losetup", "-d", loop)
	node := filepath.Join(t.TempDir(), "node")
	run(t, "sh", "-c", "mknod "+node+" b $(stat -c '0x%t 0x%T' "+loop+")")
	f, err := os.OpenFile(node, os.O_RDWR, 0)
	if err != nil {
		skip(t, "cannot open device nodes: %v", err)
	}
	defer f.Close()
	stdout, stderr, code := restorefs(t, "materialize", "--yes", "--force", "--share", s.dir, s.child.ID, loop)
	if code != exitcode.Refused || !strings.Contains(stderr, "open for writing") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

// Names of old releases, which say nothing of volume or time, are mounted like others.
func TestABackupWithOldNamesIsMounted(t *testing.T) {
	share := t.TempDir()
	content := storetest.Text(256<<10, 1)
	b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("o1"), VolumeID: storetest.ID("ov"), OldNames: true, Content: content})
	mountpoint, _ := mountShare(t, share)
	want := make([]byte, 256<<10)
	if _, err := content.ReadAt(want, 0); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(mountpoint, "volumes", b.VolumeID, "latest", "volume.raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got := make([]byte, len(want))
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("other bytes, %v", err)
	}
}

// The map of what is lost goes where nothing of the operator's is, and never to the share.
func TestTheMapOfASalvageReplacesNothingAndIsNotPutOnTheShare(t *testing.T) {
	share, list := storetest.Fixtures(t)
	f := storetest.Find(t, list, "none object flipped")
	dir := t.TempDir()
	target, precious := filepath.Join(dir, "disk.raw"), "# mine\n"
	path := target + ".bad-ranges.map"
	try := func(flags ...string) (string, int) {
		_, stderr, code := restorefs(t, append(append([]string{"materialize", "--salvage", "--share", share}, flags...), f.ID, target)...)
		return stderr, code
	}
	if err := os.WriteFile(path, []byte(precious), 0o600); err != nil {
		t.Fatal(err)
	}
	stderr, code := try()
	if text, err := os.ReadFile(path); code != exitcode.Refused || !strings.Contains(stderr, "bad-ranges.map") || string(text) != precious || err != nil {
		t.Errorf("exit %d: %s; %q %v", code, stderr, text, err)
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("the target was written before")
	}
	before := treeOf(t, share)
	if err := errors.Join(os.Remove(path), os.Symlink(filepath.Join(share, "map"), path)); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{nil, {"--force"}} {
		if stderr, code := try(flags...); code != exitcode.Usage || !strings.Contains(stderr, "to which nothing is ever written") {
			t.Errorf("%q: exit %d: %s", flags, code, stderr)
		}
	}
	if treeOf(t, share) != before {
		t.Error("the share was written")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if stderr, code := try(); code != exitcode.Damaged {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
