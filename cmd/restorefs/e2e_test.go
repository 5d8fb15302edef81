package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/attended"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/report"
)

func TestTheMountedDiskIsTheSource(t *testing.T) {
	share, list := storetest.Fixtures(t)
	mountpoint, _ := mountShare(t, share)
	for _, label := range []string{"chain 3", "odd size", "ext4 incremental", "full bz2",
		"full zstd"} {
		t.Run(label, func(t *testing.T) {
			f := storetest.Find(t, list, label)
			want := sourceDisk(t, share, list, f)
			disk := filepath.Join(mountpoint, "backups", f.ID, "volume.raw")
			sameDisk(t, want, disk)
			if label == "chain 3" {
				run(t, "cmp", want, disk)
			}
			ddAtRandom(t, want, disk, f.DataBytes)
		})
	}
}

// ddAtRandom compares what dd reads from the disk, at many offsets and in many sizes, with what want
// has there.
func ddAtRandom(t *testing.T, want, disk string, dataBytes int64) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		off, n, size := rng.Int64N(dataBytes+5000), rng.Int64N(300_000)+1, int64(1)<<rng.IntN(21)
		n = min(n, 5000*size) // each of them is a call of the kernel
		args := []string{fmt.Sprintf("bs=%d", size), "iflag=skip_bytes,count_bytes", "status=none",
			fmt.Sprintf("skip=%d", off), fmt.Sprintf("count=%d", n)}
		if run(t, "dd", append(args, "if="+disk)...) != contentAt(t, want, off, n) {
			t.Fatalf("dd %v differs", args)
		}
	}
	direct := []string{"bs=4096", "count=50", "status=none", "iflag=direct", "if=" + disk}
	if run(t, "dd", direct...) != contentAt(t, want, 0, 50*4096) {
		t.Fatal("dd iflag=direct differs")
	}
}

// contentAt returns n bytes of a file.
func contentAt(t *testing.T, path string, off, n int64) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, n)
	if _, err := f.ReadAt(p, off); err != nil {
		t.Fatal(err)
	}
	return string(p)
}

func TestQemuReadsTheMountedDisk(t *testing.T) {
	need(t, "qemu-img")
	share, list := storetest.Fixtures(t)
	mountpoint, _ := mountShare(t, share)
	f := storetest.Find(t, list, "chain 2")
	want, disk := sourceDisk(t, share, list, f), filepath.Join(mountpoint, "backups", f.ID,
		"volume.raw")
	run(t, "qemu-img", "compare", "-f", "raw", "-F", "raw", want, disk)
	qcow2 := filepath.Join(t.TempDir(), "disk.qcow2")
	run(t, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk, qcow2)
	run(t, "qemu-img", "check", qcow2)
	run(t, "qemu-img", "compare", "-f", "raw", "-F", "qcow2", want, qcow2)
	if st, err := os.Stat(qcow2); err != nil || st.Size() > 8<<20 {
		t.Errorf("the qcow2 of a mostly empty disk has %d bytes", st.Size())
	}
}

func TestTheFileSystemInABackupMounts(t *testing.T) {
	need(t, "losetup", "mount", "debugfs")
	share, list := storetest.Fixtures(t)
	mountpoint, _ := mountShare(t, share)
	for _, label := range []string{"ext4 full", "ext4 incremental"} {
		f := storetest.Find(t, list, label)
		loop := strings.TrimSpace(run(t, "losetup", "-r", "-f", "--show",
			filepath.Join(mountpoint, "backups", f.ID, "volume.raw")))
		defer run(t, "losetup", "-d", loop)
		dir := t.TempDir()
		run(t, "mount", "-o", "ro,noload", loop, dir)
		defer run(t, "umount", dir)
		want := run(t, "debugfs", "-R", "cat hello.txt", sourceDisk(t, share, list, f))
		got, err := os.ReadFile(filepath.Join(dir, "hello.txt"))
		if err != nil || !strings.Contains(want, string(got)) || len(got) == 0 {
			t.Errorf("%s: hello.txt is %q (%v), want %q", label, got, err, want)
		}
	}
}

func TestMaterializeGivesTheSource(t *testing.T) {
	share, list := storetest.Fixtures(t)
	for _, f := range list {
		if f.State != storetest.Complete && f.HealedBy == "" {
			continue
		}
		t.Run(f.Label, func(t *testing.T) {
			target := filepath.Join(t.TempDir(), "disk.raw")
			stdout, stderr, code := restorefs(t, "materialize", "--json", "--share", share, f.ID,
				target)
			if code != 0 {
				t.Fatalf("exit %d: %s", code, stderr)
			}
			sameDisk(t, sourceDisk(t, share, list, f), target)
			var result attended.Result
			if err := json.Unmarshal([]byte(stdout), &result); err != nil ||
				result.Backup != f.ID || result.Size != f.VolumeGiB<<30 ||
				result.BytesWritten+result.BytesZeroed+result.BytesSkipped != result.Size ||
				!result.Verified {
				t.Errorf("%v: %s", err, stdout)
			}
			checkRecord(t, result.Metadata, target, f)
			var st syscall.Stat_t
			if err := syscall.Stat(target, &st); err != nil || st.Blocks*512 > f.DataBytes+1<<20 {
				t.Errorf("the file occupies %d bytes for %d of data", st.Blocks*512, f.DataBytes)
			}
		})
	}
}

func checkRecord(t *testing.T, path, target string, f storetest.Fixture) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || path != target+".metadata.json" {
		t.Fatalf("%s: %v", path, err)
	}
	var r struct {
		Volume struct {
			ID       string            `json:"id"`
			Name     *string           `json:"name"`
			Bootable bool              `json:"bootable"`
			Metadata map[string]string `json:"metadata"`
			Image    map[string]string `json:"image_metadata"`
		} `json:"volume"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	v := r.Volume
	if v.ID != f.VolumeID || (v.Name == nil && f.VolumeName != "") || v.Name != nil &&
		*v.Name != f.VolumeName ||
		v.Bootable != (f.Bootable || len(f.ImageMetadata) > 0) ||
		fmt.Sprint(v.Metadata) != fmt.Sprint(f.VolumeMetadata) ||
		fmt.Sprint(v.Image) != fmt.Sprint(f.ImageMetadata) {
		t.Errorf("%s, want %+v", text, f)
	}
}

func TestEveryBrokenBackupHasItsErrorAndExitCode(t *testing.T) {
	share, list := storetest.Fixtures(t)
	for _, f := range append(list, storetest.Symlinks(t, share)...) {
		if f.State == storetest.Complete || f.HealedBy != "" {
			continue
		}
		t.Run(f.Label, func(t *testing.T) {
			target := filepath.Join(t.TempDir(), "disk.raw")
			_, stderr, code := restorefs(t, "materialize", "--share", share, f.ID, target)
			want := exitcode.Damaged
			if f.State == storetest.Unseen {
				want = exitcode.Usage // there is no such backup
			}
			if code != want {
				t.Fatalf("exit %d, want %d: %s", code, want, stderr)
			}
			if f.State != storetest.Unseen && !containsAny(strings.ToLower(stderr), f.Words) {
				t.Errorf("%q mentions none of %q", stderr, f.Words)
			}
			if !strings.Contains(stderr, f.ID) {
				t.Errorf("%q does not name the backup", stderr)
			}
		})
	}
	// The others can be used as before.
	good := storetest.Find(t, list, "full zlib")
	if _, stderr, code := restorefs(t, "materialize", "--share", share, good.ID,
		filepath.Join(t.TempDir(), "disk.raw")); code != 0 {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, strings.ToLower(w)) {
			return true
		}
	}
	return false
}

func TestListAndShow(t *testing.T) {
	unwatched(t)
	share, list := storetest.Fixtures(t)
	stdout, stderr, code := restorefs(t, "list", "--share", share, "--all", "--json")
	var all []report.Backup
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || code != 0 ||
		len(all) != len(list) {
		t.Fatalf("exit %d, %v, %d of %d: %s", code, err, len(all), len(list), stderr)
	}
	stdout, stderr, code = restorefs(t, "list", "--share", share)
	chain := storetest.Find(t, list, "chain 2")
	if code != 0 || !strings.Contains(stdout, chain.ID) ||
		!strings.Contains(stdout, "on "+chain.ParentID[:8]) ||
		!strings.Contains(stderr, "incomplete, not shown") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	stdout, _, code = restorefs(t, "show", "--share", share, "--json", chain.ID[:8])
	var s report.Shown
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != 0 || s.ID != chain.ID ||
		len(s.Chain) != 3 || s.Restores.ID != chain.VolumeID {
		t.Errorf("exit %d, %v: %s", code, err, stdout)
	}
	for _, f := range list { // for people, of any backup
		if stdout, stderr, code := restorefs(t, "show", "--share", share, f.ID); code != 0 ||
			!strings.Contains(stdout, f.ID) {
			t.Errorf("show %s: exit %d: %s%s", f.Label, code, stdout, stderr)
		}
	}
	stdout, _, _ = restorefs(t, "show", "--share", share, "--json", chain.VolumeID+"@latest")
	if err := json.Unmarshal([]byte(stdout), &s); err != nil ||
		s.ID != storetest.Find(t, list, "empty incremental").ID {
		t.Errorf("@latest is %s", s.ID)
	}
}

func TestWrongUsageExitsWithTwoAndSaysWhatToDo(t *testing.T) {
	unwatched(t)
	share, _ := storetest.Fixtures(t)
	t.Setenv("RESTOREFS_SHARE", "")
	for args, says := range map[string]string{
		"list":                                  "--share",
		"nonsense":                              "nonsense",
		"list --share " + share + " --colour":   "colour",
		"show --share " + share:                 "BACKUP",
		"show --share " + share + " ffffffff":   "no such backup",
		"show --share " + share + " ab":         "4 characters",
		"mount --memory lots --share x /mnt":    "lots",
		"materialize --share " + share + " abc": "TARGET",
		"show --share " + share + " ffff@never": "never",
	} {
		_, stderr, code := restorefs(t, strings.Fields(args)...)
		if code != exitcode.Usage || !strings.Contains(stderr, says) {
			t.Errorf("%s: exit %d: %s", args, code, stderr)
		}
	}
}

func TestTheShareIsNeverATarget(t *testing.T) {
	unwatched(t)
	share, list := storetest.Fixtures(t)
	_, stderr, code := restorefs(t, "materialize", "--share", share, list[0].ID,
		filepath.Join(share, "disk.raw"))
	if code != exitcode.Usage || !strings.Contains(stderr, "share") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestADeviceTarget(t *testing.T) {
	firstPass(t)
	if os.Geteuid() != 0 {
		skip(t, "needs root for loop devices")
	}
	need(t, "losetup", "mkfs.ext4", "cmp")
	share, list := storetest.Fixtures(t)
	f := storetest.Find(t, list, "chain 3")
	want := sourceDisk(t, share, list, f)
	backing := filepath.Join(t.TempDir(), "backing")
	if err := os.WriteFile(backing, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(backing, f.VolumeGiB<<30+1<<20); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs.ext4", "-q", backing)
	loop := strings.TrimSpace(run(t, "losetup", "-f", "--show", backing))
	defer run(t, "losetup", "-d", loop)
	record := filepath.Join(t.TempDir(), "record.json")
	args := []string{"materialize", "--share", share, "--metadata-out", record, f.ID, loop}
	if _, stderr, code := restorefs(t, args...); code != exitcode.Refused ||
		!strings.Contains(stderr, "ext4") {
		t.Fatalf("a device with a file system: exit %d: %s", code, stderr)
	}
	if _, stderr, code := restorefs(t, append(args, "--force")...); code != exitcode.Usage ||
		!strings.Contains(stderr, "--yes") {
		t.Fatalf("without --yes and a terminal: exit %d: %s", code, stderr)
	}
	if _, stderr, code := restorefs(t, append(args, "--force", "--yes")...); code != 0 {
		t.Fatalf("--force: exit %d: %s", code, stderr)
	}
	run(t, "cmp", "-n", strconv.FormatInt(f.VolumeGiB<<30, 10), want, loop)
	sameSize(t, loop, f.VolumeGiB<<30+1<<20)
	if _, err := os.Stat(record); err != nil {
		t.Error(err)
	}
}

func sameSize(t *testing.T, device string, size int64) {
	t.Helper()
	if got := strings.TrimSpace(run(t, "blockdev", "--getsize64",
		device)); got != strconv.FormatInt(size, 10) {
		t.Errorf("%s has %s bytes, not %d", device, got, size)
	}
}

func TestAnInterruptedRunIsContinued(t *testing.T) {
	share, id, want := incremental(t, 16<<20)
	target := filepath.Join(t.TempDir(), "disk.raw")
	slow := program(t, "materialize", "--share", share, "--bwlimit", "6M", id, target)
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	waitWritten(target)
	slow.Process.Signal(syscall.SIGTERM)
	if err := slow.Wait(); slow.ProcessState.ExitCode() != exitcode.Failed {
		t.Fatalf("interrupted: %v", err)
	}
	if _, stderr, code := restorefs(t, "materialize", "--share", share,
		storetest.ID("two layers 1"), target); code != exitcode.Refused {
		t.Errorf("another backup onto the half-written file: exit %d: %s", code, stderr)
	}
	stdout, stderr, code := restorefs(t, "materialize", "--share", share, id, target,
		"--verify-after")
	if code != 0 || !strings.Contains(stdout, "read back") {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	if wrong := wrongBytes(t, want, target); wrong > 0 {
		t.Errorf("%d bytes are wrong", wrong)
	}
	if left, _ := filepath.Glob(target + ".restorefs*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	// Restored again as an update of the same target, nothing is written.
	stdout, stderr, code = restorefs(t, "materialize", "--share", share, id, target, "--delta",
		"--force", "--yes", "--json")
	var result attended.Result
	if err := json.Unmarshal([]byte(stdout), &result); err != nil || code != 0 ||
		result.BytesWritten != 0 {
		t.Errorf("exit %d, %v: %s%s", code, err, stdout, stderr)
	}
}

func TestUnmountFromElsewhere(t *testing.T) {
	share, _ := storetest.Fixtures(t)
	mountpoint, server := mountShare(t, share)
	if _, stderr, code := restorefs(t, "unmount", mountpoint); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("the server: %v", err)
	}
	if _, stderr, code := restorefs(t, "unmount", mountpoint); code == 0 {
		t.Errorf("unmounted twice: %s", stderr)
	}
}

func TestAMountpointOnTheShareIsRefused(t *testing.T) {
	needMount(t)
	share, _ := storetest.Fixtures(t)
	inside := filepath.Join(share, "inside")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, mountpoint := range []string{inside, share, filepath.Dir(share)} {
		if _, stderr, code := restorefs(t, "mount", "--share", share, mountpoint); code == 0 ||
			stderr == "" {
			t.Errorf("%s: exit %d: %s", mountpoint, code, stderr)
		}
	}
}

func TestDamageIsAnErrorAndTheRestReads(t *testing.T) {
	share, list := storetest.Fixtures(t)
	mountpoint, _ := mountShare(t, share)
	f := storetest.Find(t, list, "none object flipped")
	disk := filepath.Join(mountpoint, "backups", f.ID, "volume.raw")
	image := storetest.Image(t, share, list, f)
	failed := 0
	for off := int64(0); off < f.DataBytes; off += 32 << 10 {
		out, err := exec.Command("dd", "if="+disk, "bs=32K", "iflag=direct", "status=none",
			"count=1", fmt.Sprintf("skip=%d", off/(32<<10))).Output()
		if err != nil {
			failed++
			if off+32<<10 <= f.Damaged[0].Offset || off >= f.Damaged[0].Offset+f.Damaged[0].Length {
				t.Errorf("the good block at %d cannot be read: %v", off, err)
			}
		} else if want := image[off:min(off+32<<10, f.DataBytes)]; !bytes.Equal(out[:len(want)],
			want) {
			t.Errorf("wrong bytes at %d", off)
		}
	}
	if failed != 1 {
		t.Errorf("%d blocks failed", failed)
	}
}

func TestTheDemoRuns(t *testing.T) {
	firstPass(t)
	stdout, stderr, code := restorefs(t, "demo")
	if code != 0 || !strings.Contains(stdout, "Done.") {
		t.Fatalf("exit %d: %s%s", code, stdout, stderr)
	}
	if os.Geteuid() == 0 && os.Getenv("RESTOREFS_TEST_ALL") != "" &&
		(!strings.Contains(stdout, "Hello from a Cinder backup") ||
			!strings.Contains(stdout, "bit for bit")) {
		t.Errorf("it skipped something: %s", stdout)
	}
}
