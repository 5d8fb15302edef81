package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/attended"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/report"
)

// writableMount mounts a share with an overlay and returns the path of a
// backup's disk.
func writableMount(t *testing.T, share, id, dir string) (disk string, unmount func(kill bool)) {
	t.Helper()
	mountpoint, server := mountShare(t, share, "--overlay", dir)
	return filepath.Join(mountpoint, "backups", id, "volume.raw"), func(kill bool) {
		t.Helper()
		if kill {
			server.Process.Kill()
			server.Wait()
		}
		if _, stderr, code := restorefs(t, "unmount", "--timeout", "10s", mountpoint); code != 0 {
			t.Fatalf("unmount: exit %d: %s", code, stderr)
		}
		server.Wait()
	}
}

// shareState returns the names and digests of all files on a share.
func shareState(t *testing.T, share string) string {
	t.Helper()
	return run(t, "sh", "-c", "cd '"+share+"' && find . -type f -exec sha256sum {} + | sort")
}

// openDisk opens a disk for writing, and closes it before the mount ends.
func openDisk(t *testing.T, disk string) *os.File {
	t.Helper()
	f, err := os.OpenFile(disk, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func writeAt(t *testing.T, disk string, p []byte, off int64) {
	t.Helper()
	f := openDisk(t, disk)
	_, err := f.WriteAt(p, off)
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func readAt(t *testing.T, disk string, n int, off int64) []byte {
	t.Helper()
	f, err := os.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, n)
	if _, err := f.ReadAt(p, off); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestWhatIsWrittenIsThereAfterARemountAndNotInTheBackup(t *testing.T) {
	firstPass(t)
	needMount(t)
	share, id, want := incremental(t, 8<<20)
	before := shareState(t, share)
	dir := filepath.Join(t.TempDir(), "made", "by", "mount")
	random := rand.New(rand.NewPCG(1, 1))
	for round := range 3 {
		disk, unmount := writableMount(t, share, id, dir)
		for range 30 {
			off, n := random.IntN(len(want)), 1+random.IntN(300_000)
			n = min(n, len(want)-off)
			p := make([]byte, n)
			for i := range p {
				p[i] = byte(random.Uint32())
			}
			writeAt(t, disk, p, int64(off))
			copy(want[off:], p)
		}
		f := openDisk(t, disk)
		hole := random.IntN(len(want) - 100_000)
		if err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE,
			int64(hole), 100_000); err != nil {
			t.Fatal(err)
		}
		clear(want[hole:][:100_000])
		f.Close()
		if got := readAt(t, disk, len(want), 0); !bytes.Equal(got, want) {
			t.Fatalf("round %d: the disk is not as written", round)
		}
		unmount(false)
	}
	// Restored to a file with the writes, and to a file that a delta makes the same.
	target := filepath.Join(t.TempDir(), "target")
	stdout, stderr, code := restorefs(t, "materialize", "--share", share, "--overlay", dir, id,
		target)
	if code != 0 || wrongBytes(t, want, target) > 0 || !strings.Contains(stdout, "has no digests") {
		t.Fatalf("materialize --overlay: exit %d, %d bytes wrong: %s%s", code,
			wrongBytes(t, want, target), stdout, stderr)
	}
	other := filepath.Join(t.TempDir(), "other")
	if _, stderr, code := restorefs(t, "materialize", "--share", share, id, other); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if wrongBytes(t, want, other) == 0 {
		t.Fatal("without --overlay the writes are there, too")
	}
	stdout, stderr, code = restorefs(t, "materialize", "--share", share, "--overlay", dir,
		"--delta", "--force", "--yes", "--verify-after", "--json", id, other)
	var result attended.Result
	if err := json.Unmarshal([]byte(stdout), &result); code != 0 || err != nil ||
		result.Overlay != dir || wrongBytes(t, want, other) > 0 {
		t.Fatalf("materialize --overlay --delta: exit %d, %v, %d bytes wrong: %s", code, err,
			wrongBytes(t, want, other), stderr)
	}
	if result.BytesWritten+result.BytesZeroed >= int64(len(want)) {
		t.Errorf("%d bytes were written, %d zeroed: not only what differs", result.BytesWritten,
			result.BytesZeroed)
	}
	if _, stderr, code = restorefs(t, "materialize", "--share", share, "--overlay", dir,
		"--dry-run", id, other); code != exitcode.Refused {
		t.Errorf("dry run onto what holds data: exit %d: %s", code, stderr)
	}
	streams(t, want, 1<<30, "materialize", "--share", share, "--overlay", dir, id, "-")
	if shareState(t, share) != before {
		t.Error("a file on the share has changed")
	}
	if _, stderr, code := restorefs(t, "verify", "--share", share, id); code != 0 {
		t.Errorf("verify: exit %d: %s", code, stderr)
	}
}

func TestOverlaysAreListedAndDiscarded(t *testing.T) {
	firstPass(t)
	needMount(t)
	share, id, want := incremental(t, 4<<20)
	dir := t.TempDir()
	disk, unmount := writableMount(t, share, id, dir)
	second, unmountSecond := writableMount(t, share, id, dir)
	f := openDisk(t, disk)
	if _, err := f.WriteAt(make([]byte, 10_000), 3*4096); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	list := func() (out []report.Overlay) {
		t.Helper()
		stdout, stderr, code := restorefs(t, "overlay", "list", dir, "--json")
		if err := json.Unmarshal([]byte(stdout), &out); code != 0 || err != nil {
			t.Fatalf("exit %d, %v: %s", code, err, stderr)
		}
		return out
	}
	if l := list(); len(l) != 1 || l[0].Backup != id || l[0].WrittenBytes != 3*4096 ||
		!l[0].InUse || l[0].Size != 1<<30 || l[0].Created == nil {
		t.Errorf("while it is in use: %+v", l)
	}
	// Used by this mount, and so not by another.
	for _, args := range [][]string{
		{"overlay", "discard", "--yes", dir, id[:6]},
		{"materialize", "--share", share, "--overlay", dir, id,
			filepath.Join(t.TempDir(), "target")},
	} {
		if _, stderr, code := restorefs(t, args...); code != exitcode.Failed ||
			!strings.Contains(stderr, "in use by another process") {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
	}
	if _, err := os.Open(second); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("another mount opens the same overlay: %v", err)
	}
	f.Close()
	// It is free after the disk is closed, though the first mount stays.
	if got := readAt(t, second, 10_000, 3*4096); !bytes.Equal(got, make([]byte, 10_000)) {
		t.Error("the other mount reads something else")
	}
	unmountSecond(false)
	unmount(false)

	if l := list(); len(l) != 1 || l[0].InUse || l[0].WrittenBytes != 3*4096 {
		t.Errorf("after the mount: %+v", l)
	}
	if stdout, _, code := restorefs(t, "show", "--share", share, "--overlay", dir, id); code != 0 ||
		!strings.Contains(stdout, "12 KiB of 1 GiB written") ||
		!strings.Contains(stdout, ", in "+dir) {
		t.Errorf("show: exit %d: %s", code, stdout)
	}
	none := t.TempDir()
	if stdout, _, code := restorefs(t, "show", "--share", share, "--overlay", none,
		id); code != 0 ||
		!strings.Contains(stdout, "nothing was written onto this backup in "+none) {
		t.Errorf("show of no overlay: exit %d: %s", code, stdout)
	}
	stdout, _, _ := restorefs(t, "overlay", "list", dir)
	if !strings.Contains(stdout, id) || !strings.Contains(stdout, "12 KiB of 1 GiB written") {
		t.Errorf("listed as %s", stdout)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"overlay", "discard", dir, id}, exitcode.Usage, "say --yes"},
		{[]string{"overlay", "discard", "--yes", dir, "ffffffff"}, exitcode.Usage,
			"no overlay of backup"},
		{[]string{"overlay", "list"}, exitcode.Usage, "overlay list DIR"},
		{[]string{"overlay", "list", dir + "/none"}, exitcode.Failed, "no such file"},
		{[]string{"overlay", "discard", dir, id, "--yes"}, 0, ""},
		{[]string{"overlay", "discard", dir, "--yes"}, 0, "no overlay in"},
		{[]string{"materialize", "--share", share, "--overlay", dir, id,
			filepath.Join(t.TempDir(), "target")}, exitcode.Usage, "nothing was written onto"},
	} {
		if _, stderr, code := restorefs(t, c.args...); code != c.code ||
			!strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit %d, not %d: %s", c.args, code, c.code, stderr)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	// The data below is visible again.
	disk, unmount = writableMount(t, share, id, dir)
	if got := readAt(t, disk, len(want), 0); !bytes.Equal(got, want) {
		t.Error("the disk is not that of the backup again")
	}
	unmount(false)
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("reading has left %v", left)
	}
}

func TestWhatIsNoOverlayIsNotDiscardedWithTheOthers(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"holiday.data": "mine",
		"world.map": strings.Repeat("mine", 4096), "empty.map": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stdout, stderr, code := restorefs(t, "overlay", "discard", "--yes", dir)
	if code != 0 || stdout != "discarded empty\n" || !strings.Contains(stderr, "left: holiday") ||
		!strings.Contains(stderr, "left: world") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	for name, there := range map[string]bool{"holiday.data": true, "world.map": true,
		"empty.map": false} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, stderr, code := restorefs(t, "overlay", "discard", "--yes", dir, "holiday"); code != 0 {
		t.Errorf("by its name: exit %d: %s", code, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "holiday.data")); err == nil {
		t.Error("it is still there")
	}
}

func TestAnOverlayOfOtherContentsIsRefused(t *testing.T) {
	needMount(t)
	share, id, _ := incremental(t, 4<<20)
	dir := t.TempDir()
	disk, unmount := writableMount(t, share, id, dir)
	writeAt(t, disk, []byte("mine"), 0)
	unmount(false)
	// The same ids with other data.
	other := t.TempDir()
	full := storetest.MustWrite(t, other, storetest.Spec{
		ID: storetest.ID("two layers 1"), VolumeID: storetest.ID("two layers"),
		Content: storetest.Disk(4<<20, 77),
	})
	storetest.MustWrite(t, other, storetest.Spec{
		ID: id, VolumeID: storetest.ID("two layers"), ParentID: full.ID,
		Parent: storetest.Disk(4<<20, 77), Content: storetest.Disk(4<<20, 78),
		Created: time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC),
	})
	for _, args := range [][]string{
		{"mount", "--share", other, "--overlay", dir, t.TempDir()},
		{"materialize", "--share", other, "--overlay", dir, id,
			filepath.Join(t.TempDir(), "target")},
	} {
		if _, stderr, code := restorefs(t, args...); code != exitcode.Failed ||
			!strings.Contains(stderr, "other contents") {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
	}
	onShare := filepath.Join(share, "overlay")
	if _, stderr, code := restorefs(t, "mount", "--share", share, "--overlay", onShare,
		t.TempDir()); code != exitcode.Usage || !strings.Contains(stderr,
		"nothing is ever written") {
		t.Errorf("an overlay on the share: exit %d: %s", code, stderr)
	}
	if _, err := os.Stat(onShare); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was made on the share: %v", err)
	}
}

// stamp returns a block of 4 KiB filled with its number and the number of the write.
func stamp(block, version uint64) []byte {
	p := make([]byte, 4096)
	for i := 0; i < len(p); i += 16 {
		binary.LittleEndian.PutUint64(p[i:], block)
		binary.LittleEndian.PutUint64(p[i+8:], version)
	}
	return p
}

// The server is killed at some moment while a program writes and syncs. After a remount each block
// has its last synced version or a later one, and is whole.
func TestAKilledServerLosesNothingSyncedAndTearsNoBlock(t *testing.T) {
	firstPass(t)
	needMount(t)
	rounds, _ := soaking(5)
	share, id, content := incremental(t, 8<<20)
	dir := t.TempDir()
	const blocks = 4096 // 16 MiB, half of it after the data
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	var written, synced [blocks]uint64
	version := uint64(0)
	for round := range rounds {
		mountpoint, server := mountShare(t, share, "--overlay", dir)
		f := openDisk(t, filepath.Join(mountpoint, "backups", id, "volume.raw"))
		var err error
		check := func() {
			t.Helper()
			got := make([]byte, blocks*4096)
			if _, err := f.ReadAt(got, 0); err != nil {
				t.Fatal(err)
			}
			for i := range uint64(blocks) {
				b := got[i*4096:][:4096]
				v := binary.LittleEndian.Uint64(b[8:])
				old := make([]byte, 4096)
				copy(old, content[min(len(content), int(i*4096)):])
				switch {
				case synced[i] == 0 && bytes.Equal(b, old):
					written[i] = 0 // none of its writes was synced, and all are lost
					continue
				case !bytes.Equal(b, stamp(i, v)):
					t.Fatalf("round %d: block %d is torn, or gone: %d was synced, %d written; as in the backup: %v", round, i, synced[i], written[i], bytes.Equal(b, old))
				case v < synced[i] || v > written[i]:
					t.Fatalf("round %d: block %d has version %d; %d was synced, %d written", round,
						i, v, synced[i], written[i])
				}
				synced[i], written[i] = v, v // what a killed process has written stays
			}
		}
		check()
		moment := time.Now().Add(time.Duration(random.IntN(400)) * time.Millisecond)
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			time.Sleep(time.Until(moment))
			server.Process.Kill()
		}()
		for err == nil {
			i := random.Uint64N(blocks)
			n := 1 + random.Uint64N(min(8, blocks-i))
			version++
			var p []byte
			for j := range n {
				p = append(p, stamp(i+j, version)...)
				written[i+j] = version
			}
			if _, err = f.WriteAt(p, int64(i*4096)); err == nil && random.IntN(20) == 0 {
				now := written
				if err = f.Sync(); err == nil {
					synced = now
				}
			}
		}
		<-killed
		server.Wait()
		f.Close()
		if _, stderr, code := restorefs(t, "unmount", mountpoint); code != 0 {
			t.Fatalf("unmount: exit %d: %s", code, stderr)
		}
	}
}
