package fusefs

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// residentBytes returns the resident memory of the serving process.
func (r *remote) residentBytes(t *testing.T) int64 {
	t.Helper()
	r.call("Shrink", nil, nil)
	text, err := os.ReadFile("/proc/" + strconv.Itoa(r.cmd.Process.Pid) + "/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

func TestAThousandMountsLeaveNothing(t *testing.T) {
	b := partitioned(idA)
	// In a mount namespace of its own: a namespace that another process makes
	// meanwhile would get a copy of the mount and keep it in use.
	r := startHost(t, func(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS} })
	r.call("Alone", nil, nil)
	r.call("Set", &[]TestBackup{b}, nil)
	dir := t.TempDir()
	r.mnt = fmt.Sprintf("/proc/%d/root%s", r.cmd.Process.Pid, dir)
	cycle := func(i int) {
		r.call("Mount", &MountArgs{Mountpoint: dir}, nil)
		if i%10 == 0 { // with a reader
			readDirNames(t, r.path("backups", idA, "partitions"))
			if got, err := os.ReadFile(r.path("backups", idA, "partitions", "1.raw")); err != nil || len(got) != 2<<20+4096 {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
		}
		r.call("Unmount", &UnmountArgs{Mountpoint: dir, Timeout: time.Minute}, nil)
	}
	var before, after Stats
	var resident int64
	for i := range 1000 {
		cycle(i)
		if i == 50 {
			before, resident = r.stats(), r.residentBytes(t)
		}
	}
	eventually(t, "no goroutine is left", func() bool { after = r.stats(); return after.Goroutines <= before.Goroutines })
	if after.FDs > before.FDs || after.Opens != after.Closes || after.SliceCalls != after.Releases {
		t.Errorf("%+v, after 50 cycles %+v", after, before)
	}
	if grown := r.residentBytes(t) - resident; grown > 32<<20 {
		t.Errorf("%d MiB more are resident", grown>>20)
	}
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", r.cmd.Process.Pid))
	if err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("still mounted, %v", err)
	}
}

// Readers that are killed, whatever they are doing, leave nothing open or
// pinned.
func TestReadersKilledAtAnyMomentLeaveTheServerWell(t *testing.T) {
	a, b := partitioned(idA), sample(idB)
	r := mounted(t, a, b)
	compareFile(t, r.path("backups", idA, "volume.raw"), a.content())
	idle := r.stats()
	random := rand.New(rand.NewPCG(3, 4))
	commands := [][]string{
		{"dd", "if=" + r.path("backups", idA, "volume.raw"), "of=/dev/null", "bs=4k", "iflag=nocache", "status=none"},
		{"dd", "if=" + r.path("backups", idB, "volume.raw"), "of=/dev/null", "bs=64k", "iflag=direct", "status=none"},
		{"dd", "if=" + r.path("backups", idA, "partitions", "2.raw"), "of=/dev/null", "bs=1M", "iflag=direct", "status=none"},
		{"find", r.mnt, "-ls"},
		{"cp", "--sparse=always", r.path("backups", idB, "volume.raw"), t.TempDir() + "/copy"},
	}
	for i := range 150 {
		c := commands[i%len(commands)]
		cmd := exec.Command(c[0], c[1:]...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.IntN(6000)) * time.Microsecond)
		cmd.Process.Kill()
		cmd.Wait()
	}
	eventually(t, "nothing is open, pinned or running", func() bool {
		s := r.stats()
		return s.Opens == s.Closes && s.SliceCalls == s.Releases && s.Goroutines <= idle.Goroutines+2 && s.FDs <= idle.FDs
	})
	if got, err := dd(t, r.path("backups", idB, "volume.raw"), 1<<20, 0, b.RealSize, "direct"); err != nil || !bytes.Equal(got, b.content()) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if log := r.stats().Log; len(log) != 1 || log[0] != "" {
		t.Errorf("it was logged: %q", log)
	}
}
