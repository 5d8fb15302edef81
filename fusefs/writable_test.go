package fusefs

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// writableMemory is a backup in memory that can be written.
type writableMemory struct{ *memory }

var _ WritableDisk = (*writableMemory)(nil)

func (m *writableMemory) Read(ctx context.Context, off int64, n int) (Data, error) {
	m.h.contentMu.Lock()
	defer m.h.contentMu.Unlock()
	m.h.reads.Add(1)
	return &memoryData{h: m.h, slices: [][]byte{bytes.Clone(m.data[off : off+int64(n)])}}, nil
}

func (m *writableMemory) NextData(_ context.Context, off, end int64) (int64, int64, error) {
	return off, end, nil
}

func (m *writableMemory) WriteAt(_ context.Context, p []byte, off int64) error {
	m.h.contentMu.Lock()
	defer m.h.contentMu.Unlock()
	if m.b.Room > 0 && m.h.written.Add(int64(len(p))) > m.b.Room {
		return &os.PathError{Op: "write", Path: "data", Err: syscall.ENOSPC}
	}
	copy(m.data[off:], p)
	return nil
}

func (m *writableMemory) Zero(_ context.Context, off, n int64) error {
	m.h.contentMu.Lock()
	defer m.h.contentMu.Unlock()
	clear(m.data[off : off+n])
	return nil
}

func (m *writableMemory) Allocate(_ context.Context, off, n int64) error { return nil }

func (m *writableMemory) Sync(context.Context) error { m.h.syncs.Add(1); return nil }

// writable mounts a backup of 1 MiB and 777 bytes read-write and returns the
// path of its disk and the disk's contents.
func writable(t *testing.T, change func(*TestBackup)) (r *remote, disk string, want []byte) {
	t.Helper()
	const size = 1<<20 + 777
	b := TestBackup{
		Backup:   Backup{ID: idA, VolumeID: volX, VolumeName: "web", CreatedAt: noon, Size: size},
		RealSize: size, Seed: 5, Data: [][2]int64{{0, size}}, Writable: true, MetadataText: "{}\n",
	}
	if change != nil {
		change(&b)
	}
	r = startHost(t, nil)
	r.call("Set", &[]TestBackup{b}, nil)
	r.mnt = mountpoint(t)
	r.call("Mount", &MountArgs{Mountpoint: r.mnt, Writable: true}, nil)
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		r.call("Unmount", &UnmountArgs{Mountpoint: r.mnt, Timeout: time.Minute}, nil)
		if s := r.stats(); s.Opens != s.Closes || s.SliceCalls != s.Releases {
			t.Errorf("left open or pinned: %+v", s)
		}
	})
	return r, r.path("backups", idA, "volume.raw"), b.content()
}

func openDisk(t *testing.T, disk string, flags int) *os.File {
	t.Helper()
	f, err := os.OpenFile(disk, flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func mustRead(t *testing.T, disk string) []byte {
	t.Helper()
	got, err := os.ReadFile(disk)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// aligned returns n bytes at the start of a page, for direct I/O.
func aligned(t *testing.T, n int) []byte {
	t.Helper()
	p, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(p) })
	return p
}

func TestWritesOfEveryKindAreSeenByEveryKindOfReader(t *testing.T) {
	_, disk, want := writable(t, nil)
	random := rand.New(rand.NewPCG(1, 2))
	f := openDisk(t, disk, os.O_RDWR)
	other := openDisk(t, disk, os.O_RDONLY)
	direct := openDisk(t, disk, os.O_RDWR|unix.O_DIRECT)
	mapped, err := unix.Mmap(int(f.Fd()), 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mapped)
	buf := aligned(t, 1<<20)
	for i := range 200 {
		off, n := random.IntN(1<<20), 1+random.IntN(20_000)
		n = min(n, 1<<20-off)
		fresh := make([]byte, n)
		for j := range fresh {
			fresh[j] = byte(random.Uint32())
		}
		kind := i % 4
		switch kind {
		case 0:
			if _, err := f.WriteAt(fresh, int64(off)); err != nil {
				t.Fatal(err)
			}
		case 1:
			off = off &^ 4095
			n = 8192
			if off+n > 1<<20 {
				off = 0
			}
			fresh = bytes.Repeat(fresh[:1], n)
			if _, err := direct.WriteAt(buf[:copy(buf, fresh)], int64(off)); err != nil {
				t.Fatal(err)
			}
		case 2:
			copy(mapped[off:], fresh)
			if err := unix.Msync(mapped, unix.MS_SYNC); err != nil {
				t.Fatal(err)
			}
		case 3:
			clear(fresh)
			mode := uint32(unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE)
			if i%8 == 3 {
				mode = unix.FALLOC_FL_ZERO_RANGE
			}
			if err := unix.Fallocate(int(f.Fd()), mode, int64(off), int64(n)); err != nil {
				t.Fatal(err)
			}
		}
		copy(want[off:], fresh[:n])
		// Every reader, at once.
		got := make([]byte, n)
		if _, err := other.ReadAt(got, int64(off)); err != nil || !bytes.Equal(got, want[off:off+n]) {
			t.Fatalf("write %d of kind %d: another buffered reader sees something else (%v)", i, kind, err)
		}
		at := off &^ 4095
		k := min((n+8191)&^4095, 1<<20-at)
		if _, err := direct.ReadAt(buf[:k], int64(at)); err != nil || !bytes.Equal(buf[:k], want[at:at+k]) {
			t.Fatalf("write %d of kind %d: a direct reader sees something else (%v)", i, kind, err)
		}
		if !bytes.Equal(mapped[off:off+n], want[off:off+n]) {
			t.Fatalf("write %d of kind %d: the mapping shows something else", i, kind)
		}
	}
	if got := mustRead(t, disk); !bytes.Equal(got, want) {
		t.Fatal("at the end the disk holds something else")
	}
}

func TestAWritableDiskKeepsItsSize(t *testing.T) {
	_, disk, want := writable(t, nil)
	size := int64(len(want))
	f := openDisk(t, disk, os.O_RDWR)
	if err := f.Truncate(size); err != nil {
		t.Errorf("truncate to the size that it has: %v", err)
	}
	for _, n := range []int64{0, size - 1, size + 1} {
		if err := f.Truncate(n); err == nil || !os.IsPermission(err) {
			t.Errorf("truncate to %d: %v", n, err)
		}
	}
	if _, err := os.OpenFile(disk, os.O_RDWR|os.O_TRUNC, 0); !os.IsPermission(err) {
		t.Errorf("open with O_TRUNC: %v", err)
	}
	n, err := unix.Pwrite(int(f.Fd()), []byte("0123456789"), size-4)
	if n != 4 || err != nil {
		t.Errorf("a write across the end: %d, %v", n, err)
	}
	copy(want[size-4:], "0123")
	if n, err := unix.Pwrite(int(f.Fd()), []byte("0123"), size); err != unix.EFBIG {
		t.Errorf("a write behind the end: %d, %v", n, err)
	}
	for mode, wanted := range map[uint32]error{
		0: unix.EFBIG, unix.FALLOC_FL_ZERO_RANGE: unix.EFBIG, unix.FALLOC_FL_KEEP_SIZE: nil,
		unix.FALLOC_FL_COLLAPSE_RANGE: unix.EOPNOTSUPP, unix.FALLOC_FL_INSERT_RANGE: unix.EOPNOTSUPP,
	} {
		if err := unix.Fallocate(int(f.Fd()), mode, size, 4096); err != wanted && !(err == nil && wanted == nil) {
			t.Errorf("fallocate with mode %#x behind the end: %v", mode, err)
		}
	}
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil {
		t.Errorf("fallocate of the whole disk: %v", err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != size {
		t.Errorf("now it has %d bytes, not %d (%v)", info.Size(), size, err)
	}
	if got := mustRead(t, disk); !bytes.Equal(got, want) {
		t.Error("the disk holds something else")
	}
}

func TestSyncAndCloseReachTheVolume(t *testing.T) {
	r, disk, _ := writable(t, nil)
	step := func(what string, f func() error) {
		t.Helper()
		before := r.stats().Syncs
		if err := f(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if r.stats().Syncs == before {
			t.Errorf("%s does not sync", what)
		}
	}
	f := openDisk(t, disk, os.O_RDWR)
	f.WriteAt([]byte("x"), 7)
	step("fsync", f.Sync)
	step("fdatasync", func() error { return unix.Fdatasync(int(f.Fd())) })
	step("close", f.Close)
	d := openDisk(t, disk, os.O_WRONLY|os.O_SYNC)
	step("a write to a file opened with O_SYNC", func() error { _, err := d.WriteAt([]byte("x"), 7); return err })
	reader := openDisk(t, disk, os.O_RDONLY)
	if err := reader.Sync(); err != nil {
		t.Errorf("fsync by a reader: %v", err)
	}
}

func TestAWriterIsToldThatThereIsNoSpace(t *testing.T) {
	r, disk, want := writable(t, func(b *TestBackup) { b.Room = 100_000 })
	f := openDisk(t, disk, os.O_RDWR)
	page := bytes.Repeat([]byte{9}, 10_000)
	var err error
	for off := 0; off < 200_000 && err == nil; off += len(page) {
		if _, err = f.WriteAt(page, int64(off)); err == nil {
			copy(want[off:], page)
		}
	}
	if pe, ok := err.(*os.PathError); !ok || pe.Err != syscall.ENOSPC {
		t.Fatalf("got %v", err)
	}
	if got := mustRead(t, disk); !bytes.Equal(got, want) {
		t.Error("the refused write is visible, or another one is not")
	}
	if log := strings.Join(r.stats().Log, "\n"); !strings.Contains(log, "cannot write") {
		t.Errorf("the log does not say so: %s", log)
	}
}

func TestOnlyDisksOfAWritableMountCanBeWritten(t *testing.T) {
	r, disk, _ := writable(t, nil)
	dir := filepath.Dir(disk)
	for what, err := range map[string]error{
		"write metadata.json": func() error { _, err := os.OpenFile(dir+"/metadata.json", os.O_RDWR, 0); return err }(),
		"create a file":       func() error { _, err := os.Create(dir + "/new"); return err }(),
		"make a directory":    os.Mkdir(dir+"/new", 0o700),
		"make a link":         os.Symlink("x", dir+"/new"),
		"link":                os.Link(disk, dir+"/new"),
		"rename":              os.Rename(disk, dir+"/new"),
		"remove the disk":     os.Remove(disk),
		"remove a directory":  unix.Rmdir(r.path("volumes", volX)),
		"chmod":               os.Chmod(disk, 0o777),
		"chown":               os.Chown(disk, 1, 1),
		"chmod a directory":   os.Chmod(dir, 0o777),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if info, err := os.Stat(disk); err != nil || info.Mode() != 0o600 || !info.ModTime().Equal(noon) {
		t.Errorf("the disk is %v, %v", info, err)
	}
	if info, err := os.Stat(dir + "/metadata.json"); err != nil || info.Mode() != 0o400 {
		t.Errorf("metadata.json is %v, %v", info, err)
	}
	if err := os.Chtimes(disk, time.Now(), time.Now()); err != nil {
		t.Errorf("setting times, which has no effect: %v", err)
	}
}

func TestAReadOnlyVolumeInAWritableMountCannotBeWritten(t *testing.T) {
	_, disk, want := writable(t, func(b *TestBackup) { b.Writable = false })
	if _, err := os.OpenFile(disk, os.O_RDWR, 0); err == nil || err.(*os.PathError).Err != syscall.EROFS {
		t.Errorf("got %v", err)
	}
	if got := mustRead(t, disk); !bytes.Equal(got, want) {
		t.Error("it reads as something else")
	}
}
