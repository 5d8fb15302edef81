package fusefs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// mbrTable returns an MBR with partitions {start, size}, in bytes.
func mbrTable(parts ...[2]int64) []byte {
	b := make([]byte, 512)
	for i, p := range parts {
		e := b[446+16*i:]
		e[4] = 0x83
		binary.LittleEndian.PutUint32(e[8:], uint32(p[0]/512))
		binary.LittleEndian.PutUint32(e[12:], uint32(p[1]/512))
	}
	b[510], b[511] = 0x55, 0xAA
	return b
}

// partitioned returns a sample with a partition of 2 MiB at 1 MiB, in which a
// hole ends, and one of 3 MiB and 512 bytes at 3 MiB.
func partitioned(id string) TestBackup {
	b := sample(id)
	b.Table = mbrTable([2]int64{1 << 20, 2<<20 + 4096}, [2]int64{3<<20 + 4096, 3<<20 - 4096 + 512})
	return b
}

func TestPartitionsAreWindowsOntoTheDisk(t *testing.T) {
	b := partitioned(idA)
	r := mounted(t, b)
	want := b.content()
	equalNames(t, readDirNames(t, r.path("backups", idA)), "info.txt", "metadata.json", "partitions", "volume.raw")
	equalNames(t, readDirNames(t, r.path("backups", idA, "partitions")), "1.raw", "2.raw")
	for i, p := range [][2]int64{{1 << 20, 3<<20 + 4096}, {3<<20 + 4096, 6<<20 + 512}} {
		file := r.path("backups", idA, "partitions", fmt.Sprintf("%d.raw", i+1))
		part := want[p[0]:p[1]]
		compareFile(t, file, part)
		for _, flags := range []string{"direct", ""} {
			for _, skip := range []int64{0, 1, 4095, 1<<20 - 3, int64(len(part)) - 700, int64(len(part))} {
				got, err := dd(t, file, 777, skip, 100_000, flags)
				if err != nil || !bytes.Equal(got, part[skip:min(int64(len(part)), skip+100_000)]) {
					t.Errorf("%s %q at %d: %d bytes, %v", file, flags, skip, len(got), err)
				}
			}
		}
		var st, disk syscall.Stat_t
		if err := errors.Join(syscall.Stat(file, &st), syscall.Stat(r.path("backups", idA, "volume.raw"), &disk)); err != nil {
			t.Fatal(err)
		}
		if st.Size != p[1]-p[0] || st.Blocks <= 0 || st.Blocks*512 >= st.Size || st.Mtim != disk.Mtim || st.Mode != disk.Mode {
			t.Errorf("%+v", st)
		}
	}
	f, err := os.Open(r.path("backups", idA, "partitions", "2.raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const data, hole = 3, 4
	at := func(disk int64) int64 { return disk - 3<<20 - 4096 }
	for what, c := range map[string]struct {
		off    int64
		whence int
		want   int64
		err    error
	}{
		"data at the start":          {0, data, 0, nil},
		"hole behind two ranges":     {0, hole, at(5 << 20), nil},
		"data behind the hole":       {at(5 << 20), data, at(6 << 20), nil},
		"the end, inside of data":    {at(6 << 20), hole, at(6<<20 + 512), nil},
		"data at the end":            {at(6<<20 + 512), data, 0, syscall.ENXIO},
		"nothing behind a last hole": {at(6<<20 + 600), hole, 0, syscall.ENXIO},
	} {
		if got, err := f.Seek(c.off, c.whence); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %d, %v; want %d, %v", what, got, err, c.want, c.err)
		}
	}
	if _, err := os.OpenFile(f.Name(), os.O_RDWR, 0); !errors.Is(err, syscall.EROFS) {
		t.Errorf("opened for writing: %v", err)
	}
	if _, err := os.Stat(r.path("backups", idA, "partitions", "3.raw")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if s := r.stats(); s.Peeks != 1 {
		t.Errorf("the table was read %d times", s.Peeks)
	}
}

func TestADiskWithoutATableHasNoPartitions(t *testing.T) {
	r := mounted(t, sample(idA))
	equalNames(t, readDirNames(t, r.path("backups", idA)), "info.txt", "metadata.json", "volume.raw")
	if _, err := os.Stat(r.path("backups", idA, "partitions")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if s := r.stats(); s.Peeks != 1 {
		t.Errorf("looked %d times", s.Peeks)
	}
}

func TestTablesAreReadOnlyWhenADirectoryIsLookedAt(t *testing.T) {
	r := mounted(t, partitioned(idA), partitioned(idB))
	compareFile(t, r.path("backups", idA, "volume.raw"), func() []byte { b := partitioned(idA); return b.content() }())
	readDirNames(t, r.path("backups"))
	if s := r.stats(); s.Peeks != 0 {
		t.Errorf("%d were read", s.Peeks)
	}
}

func TestADamagedTableIsReportedAndBlocksNothing(t *testing.T) {
	b := partitioned(idA)
	b.Table = mbrTable([2]int64{1 << 20, 1 << 20}, [2]int64{1<<20 + 512, 1 << 30})
	c := partitioned(idB)
	c.Damaged = [2]int64{0, 512}
	r := mounted(t, b, c)
	equalNames(t, readDirNames(t, r.path("backups", idA, "partitions")), "1.raw", "2.raw", "problem.txt")
	text, err := os.ReadFile(r.path("backups", idA, "partitions", "problem.txt"))
	if err != nil || !strings.Contains(string(text), "partitions 1 and 2 overlap") || !strings.Contains(string(text), "behind the end of the disk; it ends there") {
		t.Errorf("%s, %v", text, err)
	}
	equalNames(t, readDirNames(t, r.path("backups", idB)), "info.txt", "metadata.json", "volume.raw")
	if _, err := os.Stat(r.path("backups", idB, "partitions")); !errors.Is(err, syscall.EIO) {
		t.Errorf("%v, want EIO", err)
	}
	if got, err := dd(t, r.path("backups", idB, "volume.raw"), 4096, 4096, 1<<20, ""); err != nil || len(got) != 1<<20 {
		t.Errorf("the disk: %d bytes, %v", len(got), err)
	}
	log := strings.Join(r.stats().Log, "\n")
	if !strings.Contains(log, "the table of partitions is not as it should be") || !strings.Contains(log, "cannot read the table of partitions") {
		t.Error(log)
	}
}

func TestATableThatTakesLongIsWaitedForByNameOnly(t *testing.T) {
	b := partitioned(idA)
	b.Hanging = [2]int64{0, 512}
	r := mounted(t, b, partitioned(idB))
	start := time.Now()
	equalNames(t, readDirNames(t, r.path("backups", idA)), "info.txt", "metadata.json", "volume.raw")
	if took := time.Since(start); took < listWait || took > listWait+15*time.Second {
		t.Errorf("listed after %v", took)
	}
	// A caller that waits can be interrupted and does not hold up others.
	cmd := exec.Command("stat", r.path("backups", idA, "partitions"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it waits", func() bool { return r.stats().Waiting == 1 })
	equalNames(t, readDirNames(t, r.path("backups", idB, "partitions")), "1.raw", "2.raw")
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err == nil {
		t.Error("it found something")
	}
	eventually(t, "nobody waits", func() bool { return r.stats().Waiting == 0 })
	r.call("Release", nil, nil)
	equalNames(t, readDirNames(t, r.path("backups", idA, "partitions")), "1.raw", "2.raw")
}

// All readers see the same bytes, whichever file they are written through and
// however they are read.
func TestWritesThroughPartitionsAndDiskAreSeenByBoth(t *testing.T) {
	const start, size = 512 * 100, 512 * 1500
	r, disk, want := writable(t, func(b *TestBackup) { b.Table = mbrTable([2]int64{start, size}) })
	part := r.path("backups", idA, "partitions", "1.raw")
	random := rand.New(rand.NewPCG(7, 8))
	whole, window := openDisk(t, disk, os.O_RDWR), openDisk(t, part, os.O_RDWR)
	direct := openDisk(t, disk, os.O_RDWR|unix.O_DIRECT)
	mapped, err := unix.Mmap(int(whole.Fd()), 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mapped)
	buf := aligned(t, 1<<20)
	for i := range 300 {
		off := random.IntN(size)
		n := min(1+random.IntN(20_000), size-off)
		fresh := make([]byte, n)
		for j := range fresh {
			fresh[j] = byte(random.Uint32())
		}
		switch i % 4 {
		case 0:
			_, err = window.WriteAt(fresh, int64(off))
		case 1:
			_, err = whole.WriteAt(fresh, int64(start+off))
		case 2:
			err = unix.Fallocate(int(window.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(off), int64(n))
			clear(fresh)
		case 3:
			copy(mapped[start+off:], fresh)
			err = unix.Msync(mapped, unix.MS_SYNC)
		}
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		copy(want[start+off:], fresh)

		off = random.IntN(size)
		n = min(1+random.IntN(20_000), size-off)
		part := want[start+off : start+off+n]
		got := make([]byte, n)
		if _, err := window.ReadAt(got, int64(off)); err != nil || !bytes.Equal(got, part) {
			t.Fatalf("%d: the partition, %v", i, err)
		}
		if _, err := whole.ReadAt(got, int64(start+off)); err != nil || !bytes.Equal(got, part) {
			t.Fatalf("%d: the disk, %v", i, err)
		}
		if !bytes.Equal(mapped[start+off:start+off+n], part) {
			t.Fatalf("%d: the disk, mapped", i)
		}
		if i%10 == 0 {
			if _, err := direct.ReadAt(buf, 0); err != nil || !bytes.Equal(buf, want[:1<<20]) {
				t.Fatalf("%d: the disk, direct, %v", i, err)
			}
		}
	}
	// In one page: before the partition through a mapping that is not synced,
	// inside the partition through its file.
	mapped[start-1]++
	want[start-1]++
	if _, err := window.WriteAt([]byte("both stay"), 0); err != nil {
		t.Fatal(err)
	}
	copy(want[start:], "both stay")
	if err := window.Sync(); err != nil {
		t.Error(err)
	}
	compareFile(t, part, want[start:start+size])
	compareFile(t, disk, want)
	if _, err := window.WriteAt([]byte("x"), size); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("behind the end of the partition: %v", err)
	}
	if n, err := unix.Pwrite(int(window.Fd()), make([]byte, 100), size-10); n != 10 || err != nil {
		t.Errorf("over the end of the partition: %d, %v", n, err)
	}
	copy(want[start+size-10:], make([]byte, 10))
	compareFile(t, disk, want)
}

// Many writers of the same bytes through both files, buffered and direct, must
// not deadlock.
func TestWritersOfBothFilesDoNotBlockEachOther(t *testing.T) {
	const start, size = 512 * 100, 512 * 1500
	r, disk, _ := writable(t, func(b *TestBackup) { b.Table = mbrTable([2]int64{start, size}) })
	part := r.path("backups", idA, "partitions", "1.raw")
	var cmds []*exec.Cmd
	for i := range 8 {
		file, seek, flags := part, "0", "notrunc"
		if i%2 == 0 {
			file, seek = disk, fmt.Sprint(start)
		}
		script := `for i in 1 2 3 4 5 6 7 8 9 10; do dd if=/dev/urandom of="$0" bs=32k count=20 seek=$1 oflag=seek_bytes conv=$2 status=none &&
			dd if="$0" of=/dev/null bs=16k skip=$1 iflag=skip_bytes count=40 status=none || exit 1; done`
		cmd := exec.Command("sh", "-c", script, file, seek, flags)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, cmd)
	}
	ended := make(chan error, len(cmds))
	for _, cmd := range cmds {
		go func() { ended <- cmd.Wait() }()
	}
	for range cmds {
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(60 * time.Second):
			t.Fatal("they wait for each other")
		}
	}
	inDisk, inPart := mustRead(t, disk), mustRead(t, part)
	if !bytes.Equal(inDisk[start:start+size], inPart) {
		t.Error("the two files differ")
	}
}

func TestATableThatIsWrittenIsReadAnew(t *testing.T) {
	r, disk, _ := writable(t, func(b *TestBackup) { b.Table = mbrTable([2]int64{51200, 51200}) })
	equalNames(t, readDirNames(t, r.path("backups", idA, "partitions")), "1.raw")
	f := openDisk(t, disk, os.O_RDWR)
	if _, err := f.WriteAt(mbrTable([2]int64{102400, 51200}, [2]int64{512000, 512}), 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new ones show", func() bool {
		return strings.Join(readDirNames(t, r.path("backups", idA, "partitions")), " ") == "1.raw 2.raw"
	})
	want := mustRead(t, disk)
	eventually(t, "the first is where it is now", func() bool {
		got, err := os.ReadFile(r.path("backups", idA, "partitions", "1.raw"))
		return err == nil && bytes.Equal(got, want[102400:153600])
	})
}
