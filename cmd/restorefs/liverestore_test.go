package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/live"
)

// liveRun is a live restore that shows the volume as a file.
type liveRun struct {
	t      *testing.T
	cmd    *exec.Cmd
	file   string        // of the volume
	out    *bufio.Reader // what comes behind the line that it is ready
	stderr *bytes.Buffer
}

// startLive starts one and waits until the volume can be used.
func startLive(t *testing.T, args ...string) *liveRun {
	t.Helper()
	needMount(t)
	cmd := program(t, append([]string{"live", "--json", "--progress", "none"}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r := &liveRun{t: t, cmd: cmd, out: bufio.NewReader(stdout), stderr: &bytes.Buffer{}}
	cmd.Stderr = r.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := r.out.ReadBytes('\n')
	var ready live.Ready
	if err != nil || json.Unmarshal(line, &ready) != nil || ready.Ready == "" {
		cmd.Wait()
		t.Fatalf("it did not get ready (%v): %s%s", err, line, r.stderr)
	}
	r.file = ready.Ready
	return r
}

// end waits for the end, and returns what is reported then and the exit code.
func (r *liveRun) end() (result live.Result, code int) {
	r.t.Helper()
	line, _ := r.out.ReadBytes('\n')
	r.cmd.Wait()
	if len(line) > 0 {
		if err := json.Unmarshal(line, &result); err != nil {
			r.t.Fatalf("%v: %s", err, line)
		}
	}
	return result, r.cmd.ProcessState.ExitCode()
}

// write writes onto the volume and returns when that is safe, or the process was killed.
func (r *liveRun) write(p []byte, off int64) error {
	f, err := os.OpenFile(r.file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt(p, off); err != nil {
		return err
	}
	return f.Sync()
}

// oldDisk is a loop device of the volumes' size with old bytes on it, also where their holes are.
func oldDisk(t *testing.T, size int64) (device string) {
	t.Helper()
	needMount(t)
	need(t, "losetup")
	backing := filepath.Join(t.TempDir(), "disk")
	old := bytes.Repeat([]byte{0xA5}, 26<<20)
	if err := os.WriteFile(backing, old[:min(size, 26<<20)], 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(backing, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if size > oldPlace {
		if _, err := f.WriteAt(old[:70_000], oldPlace); err != nil {
			t.Fatal(err)
		}
	}
	device, _ = loopDevice(t, backing)
	return device
}

// liveSize is the size of the volumes, oldPlace one of old bytes in a hole of them.
const liveSize, oldPlace = 1 << 30, 500 << 20

// mustBeVolume compares a device with what the volume begins with; the rest is zero.
func mustBeVolume(t *testing.T, want []byte, device string) {
	t.Helper()
	if n := wrongBytes(t, want, device); n != 0 {
		t.Errorf("%d bytes of the device are wrong", n)
	}
	f, err := os.Open(device)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 100_000)
	if _, err := f.ReadAt(p, oldPlace); err != nil || len(bytes.Trim(p, "\x00")) != 0 {
		t.Errorf("old bytes are left in a hole (%v)", err)
	}
}

// startOf returns what a file begins with.
func startOf(t *testing.T, file string, n int) []byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, n)
	if _, err := io.ReadFull(f, p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAVolumeIsUsedWhileItIsRestored(t *testing.T) {
	share, id, want := incremental(t, 24<<20)
	device := oldDisk(t, liveSize+1<<20)
	state := filepath.Join(t.TempDir(), "state")
	r := startLive(t, "--share", share, "--file", t.TempDir(), "--state", state, "--force", "--yes", "--bwlimit", "20MiB",
		id, device)

	// From the first second it is the volume, and can be written.
	if !bytes.Equal(startOf(t, r.file, len(want)), want) {
		t.Fatal("the volume is not what the backup is")
	}
	for _, w := range []struct {
		off int64
		n   int
	}{{0, 512}, {5<<20 + 700, 9000}, {24<<20 - 3, 3}} {
		p := bytes.Repeat([]byte{7}, w.n)
		copy(want[w.off:], p)
		if err := r.write(p, w.off); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "fallocate", "--punch-hole", "--offset", "9M", "--length", "1M", r.file)
	clear(want[9<<20 : 10<<20])
	if !bytes.Equal(startOf(t, r.file, len(want)), want) {
		t.Error("the volume is not what was written onto it")
	}
	result, code := r.end()
	if code != exitcode.Done || result.Phase != "complete" || len(result.Lost) != 0 || result.BytesRepaired != 0 {
		t.Errorf("exit %d, %+v: %s", code, result, r.stderr)
	}
	if result.BytesProven < result.DataBytes {
		t.Errorf("%d of %d bytes were compared", result.BytesProven, result.DataBytes)
	}
	mustBeVolume(t, want, device)
	if _, err := os.Stat(state); !os.IsNotExist(err) {
		t.Errorf("the state file is still there (%v)", err)
	}
}

// Nobody needs root for a file.
func TestALiveRestoreOntoAFile(t *testing.T) {
	share, id, want := incremental(t, 8<<20)
	disk := filepath.Join(t.TempDir(), "disk.raw")
	r := startLive(t, "--share", share, "--file", t.TempDir(), id, disk)
	if result, code := r.end(); code != exitcode.Done || result.Phase != "complete" {
		t.Errorf("exit %d, %+v: %s", code, result, r.stderr)
	}
	if n := wrongBytes(t, want, disk); n != 0 {
		t.Errorf("%d bytes are wrong", n)
	}
	left, err := filepath.Glob(disk + "?*")
	if err != nil || len(left) != 0 {
		t.Errorf("left: %v (%v)", left, err)
	}
}

func TestAKilledLiveRestoreGoesOnWithWhatTheGuestWrote(t *testing.T) {
	share, id, want := incremental(t, 24<<20)
	device := oldDisk(t, liveSize)
	state := filepath.Join(t.TempDir(), "state")
	args := []string{"--share", share, "--state", state, "--yes", "--bwlimit", "30MiB"}
	random := rand.New(rand.NewPCG(1, 4))
	resume := []string{"--force", id, device}
	for range 4 {
		mnt := t.TempDir()
		r := startLive(t, append(append(args, "--file", mnt), resume...)...)
		resume = []string{"--resume", device}
		stop := time.Now().Add(time.Duration(random.IntN(300)) * time.Millisecond)
		for time.Now().Before(stop) {
			p := make([]byte, 1+random.IntN(20_000))
			for i := range p {
				p[i] = byte(random.Uint32())
			}
			off := random.Int64N(24<<20 - int64(len(p)))
			if err := r.write(p, off); err != nil {
				t.Fatal(err)
			}
			copy(want[off:], p)
		}
		r.cmd.Process.Kill()
		r.cmd.Wait()
		run(t, "umount", "-l", mnt)
	}
	r := startLive(t, append(append(args, "--file", t.TempDir()), resume...)...)
	result, code := r.end()
	if code != exitcode.Done || result.BytesRepaired != 0 {
		t.Errorf("exit %d, %+v: %s", code, result, r.stderr)
	}
	mustBeVolume(t, want, device)
}

func TestALiveRestoreThatIsStoppedSaysHowToGoOn(t *testing.T) {
	share, id, want := incremental(t, 24<<20)
	device := oldDisk(t, liveSize)
	records := t.TempDir()
	args := []string{"--share", share, "--record", records}
	r := startLive(t, append(args, "--file", t.TempDir(), "--force", "--yes", "--bwlimit", "1MiB", id, device)...)
	if err := r.write([]byte("the guest"), 4096); err != nil {
		t.Fatal(err)
	}
	copy(want[4096:], "the guest")
	status := func() live.Status {
		t.Helper()
		out, stderr, code := restorefs(t, "live", "--record", records, "--json", "status")
		var list []live.Status
		if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list) != 1 {
			t.Fatalf("exit %d (%v): %s%s", code, err, out, stderr)
		}
		return list[0]
	}
	if s := status(); !s.Running || s.Phase != "filling" || s.Backup != id || s.Device != device || s.GuestBytes != 4096 {
		t.Errorf("%+v", s)
	}
	for what, args := range map[string][]string{
		"a second process": {"--file", t.TempDir(), "--resume", device},
		"its end":          {"--abort", "--yes", device},
	} {
		_, stderr, code := restorefs(t, append([]string{"live", "--share", share, "--record", records}, args...)...)
		if code != exitcode.Failed || !strings.Contains(stderr, "another process") {
			t.Errorf("%s while one is at it: exit %d: %s", what, code, stderr)
		}
	}
	r.cmd.Process.Signal(syscall.SIGINT)
	if _, code := r.end(); code != exitcode.Failed {
		t.Errorf("exit %d", code)
	}
	for _, says := range []string{"stopped before the end", "not a disk to use", "--resume " + device, "--file "} {
		if !strings.Contains(r.stderr.String(), says) {
			t.Errorf("it does not say %q: %s", says, r.stderr)
		}
	}
	if s := status(); s.Running || s.GuestBytes != 4096 || s.ValidBytes <= 4096 {
		t.Errorf("%+v", s)
	}
	_, stderr, code := restorefs(t, "live", "--share", share, "--record", records, "--file", t.TempDir(), "--yes", "--force", id, device)
	if code != exitcode.Usage || !strings.Contains(stderr, "--resume") || !strings.Contains(stderr, "--abort") {
		t.Errorf("begun again: exit %d: %s", code, stderr)
	}
	again := startLive(t, append(args, "--file", t.TempDir(), "--resume", id, device)...)
	if result, code := again.end(); code != exitcode.Done {
		t.Errorf("exit %d, %+v: %s", code, result, again.stderr)
	}
	mustBeVolume(t, want, device)
}

func TestALiveRestoreOfADamagedBackup(t *testing.T) {
	share := t.TempDir()
	b := storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID("live bad"), VolumeID: storetest.ID("live bad's"),
		Content: storetest.Text(6<<20, 7), FileSize: 1 << 20})
	object := b.Path("-00003")
	good, err := os.ReadFile(object)
	if err != nil {
		t.Fatal(err)
	}
	text := bytes.Clone(good)
	text[len(text)/2] ^= 1
	if err := os.WriteFile(object, text, 0o644); err != nil {
		t.Fatal(err)
	}
	device := oldDisk(t, liveSize)
	state := filepath.Join(t.TempDir(), "state")
	args := []string{"--share", share, "--state", state, "--yes", "--file"}
	r := startLive(t, append(args, t.TempDir(), "--force", b.ID, device)...)
	result, code := r.end()
	if code != exitcode.Damaged || result.Phase != "incomplete" || len(result.Lost) != 1 ||
		result.Lost[0].Offset < 2<<20 || result.Lost[0].Offset+result.Lost[0].Length > 3<<20 { // of its object

		t.Fatalf("exit %d, %+v: %s", code, result, r.stderr)
	}
	want := make([]byte, 6<<20)
	if _, err := storetest.Text(6<<20, 7).ReadAt(want, 0); err != nil {
		t.Fatal(err)
	}
	whole, lost := bytes.Clone(want), result.Lost[0]
	clear(want[lost.Offset:][:lost.Length])
	mustBeVolume(t, want, device)

	// With the object in order again it is completed.
	if err := os.WriteFile(object, good, 0o644); err != nil {
		t.Fatal(err)
	}
	again := startLive(t, append(args, t.TempDir(), "--resume", device)...)
	if result, code := again.end(); code != exitcode.Done || result.BytesCopied != lost.Length {
		t.Errorf("exit %d, %+v: %s", code, result, again.stderr)
	}
	mustBeVolume(t, whole, device)
}

func TestALiveRestoreIsRefused(t *testing.T) {
	unwatched(t)
	needMount(t)
	share, b := smallShare(t)
	device := oldDisk(t, liveSize)
	short := oldDisk(t, 1<<20)
	file := filepath.Join(t.TempDir(), "f.raw")
	mnt := t.TempDir()
	for what, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no device":             {[]string{b.ID}, exitcode.Usage, "DEVICE"},
		"both ends":             {[]string{"--resume", "--abort", device}, exitcode.Usage, "exclude"},
		"a name and a file":     {[]string{"--name", "n", "--file", mnt, b.ID, device}, exitcode.Usage, "--file"},
		"a name that is none":   {[]string{"--name", "a/b", b.ID, device}, exitcode.Usage, "--name"},
		"a disk with something": {[]string{"--yes", "--file", mnt, b.ID, device}, exitcode.Refused, "not blank"},
		"nobody to ask":         {[]string{"--force", "--file", mnt, b.ID, device}, exitcode.Usage, "--yes"},
		"a disk too small":      {[]string{"--force", "--yes", "--file", mnt, b.ID, short}, exitcode.Refused, "too few"},
		"a rate that is none":   {[]string{"--bwlimit", "x", "--file", mnt, b.ID, device}, exitcode.Usage, `"x" is not`},
		"the share":             {[]string{"--file", mnt, b.ID, filepath.Join(share, "x")}, exitcode.Usage, "on the share"},
		"a state on the share":  {[]string{"--force", "--yes", "--state", filepath.Join(share, "x"), "--file", mnt, b.ID, device}, exitcode.Usage, "on the share"},
		"no such backup":        {[]string{"--file", mnt, "ffffffff", file}, exitcode.Usage, "ffffffff"},
	} {
		_, stderr, code := restorefs(t, append([]string{"live", "--share", share, "--record", t.TempDir()}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit %d: %s", what, code, stderr)
		}
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file was made (%v)", err)
	}
}
