package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
)

func TestAReaderKilledAtAnyMomentLeavesTheServerWell(t *testing.T) {
	firstPass(t)
	share := t.TempDir()
	content := storetest.Disk(24<<20, 11)
	var disks []string
	mountpoint, server := "", (*exec.Cmd)(nil)
	for i, compression := range []string{"zlib", "zstd", "none"} {
		label := "killed " + strconv.Itoa(i)
		b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID(label),
			VolumeID: storetest.ID(label + " volume"),
			Content:  content, Compression: compression, FileSize: 8 << 20})
		disks = append(disks, filepath.Join("backups", b.ID, "volume.raw"))
	}
	mountpoint, server = mountShare(t, share, "--memory", "64MiB")
	descriptors := func() int {
		open, err := os.ReadDir("/proc/" + strconv.Itoa(server.Process.Pid) + "/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	compare := func(disk string) {
		t.Helper()
		f, err := os.Open(filepath.Join(mountpoint, disk))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got, want := make([]byte, content.Size()), make([]byte, content.Size())
		if _, err := io.ReadFull(f, got); err != nil {
			t.Fatal(err)
		}
		if _, err := content.ReadAt(want, 0); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs", disk)
		}
	}
	for _, disk := range disks {
		compare(disk)
	}
	before := descriptors()
	random := rand.New(rand.NewPCG(5, 6))
	for i := range 90 {
		skip := "skip=" + strconv.Itoa(random.IntN(24<<8)) // in 4 KiB
		reader := exec.Command("dd", "if="+filepath.Join(mountpoint, disks[i%3]), "of=/dev/null",
			"bs=4k", skip, "status=none", "iflag="+[]string{"direct", "nocache"}[i/3%2])
		if err := reader.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.IntN(15_000)) * time.Microsecond)
		reader.Process.Kill()
		reader.Wait()
	}
	eventually(t, "nothing is open any more", func() bool {
		return readStatus(t,
			mountpoint).OpenVolumes == 0
	})
	// Objects stay open for a while; those of the share were opened before.
	eventually(t, "no descriptor is left", func() bool { return descriptors() <= before })
	for _, disk := range disks {
		compare(disk)
	}
}
