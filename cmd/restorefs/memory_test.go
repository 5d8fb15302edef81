package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

// anonymous returns the memory of a process in bytes without the pages of its program, of which a
// test has more.
func anonymous(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^RssAnon:\s+(\d+) kB$`).FindSubmatch(text)
	if m == nil {
		skip(t, "the kernel does not tell RssAnon")
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// Readers of every kind read more data than there is memory.
func TestAMountKeepsToItsMemory(t *testing.T) {
	needMount(t)
	if info, ok := debug.ReadBuildInfo(); !ok || slices.Contains(info.Settings,
		debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("not in this run: the race detector takes memory of its own; the second pass of make test is without")
	}
	share := t.TempDir()
	var disks []string
	for i, compression := range []string{"zlib", "zstd", "none"} {
		label := "memory " + strconv.Itoa(i)
		b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID(label),
			VolumeID: storetest.ID(label + " volume"),
			Content:  storetest.Text(40<<20, uint64(i)), Compression: compression})
		disks = append(disks, filepath.Join("backups", b.ID, "volume.raw"))
	}
	const memory = 64 << 20
	mountpoint, server := mountShare(t, share, "--memory", fmt.Sprint(memory), "--disk-cache",
		t.TempDir(), "--disk-cache-size", "64MiB")
	var readers []*exec.Cmd
	for i, disk := range disks {
		for _, how := range []string{"bs=1M iflag=direct", "bs=64k", "bs=4k skip=" +
			strconv.Itoa(5000*i) + " iflag=direct count=4000"} {
			r := exec.Command("sh", "-c", "exec dd if='"+filepath.Join(mountpoint,
				disk)+"' of=/dev/null status=none "+how)
			if err := r.Start(); err != nil {
				t.Fatal(err)
			}
			readers = append(readers, r)
		}
	}
	ended := make(chan error, len(readers))
	for _, r := range readers {
		go func() { ended <- r.Wait() }()
	}
	most := int64(0)
	for left := len(readers); left > 0; {
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			left--
		case <-time.After(20 * time.Millisecond):
		}
		most = max(most, anonymous(t, server.Process.Pid))
	}
	t.Logf("%d MiB of %d", most>>20, memory>>20)
	if most > memory {
		t.Errorf("it had %d MiB, %d were allowed", most>>20, memory>>20)
	}
	stop(t, server, server.Process)
}
