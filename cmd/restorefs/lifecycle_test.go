package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/exitcode"
	"github.com/restorefs/restorefs/cmd/process"
	"github.com/restorefs/restorefs/cmd/serve"
	"github.com/restorefs/restorefs/fusefs"
)

// smallShare makes a share with one small backup.
func smallShare(t *testing.T) (dir string, b storetest.Backup) {
	t.Helper()
	dir = t.TempDir()
	return dir, smallBackup(t, dir, "one")
}

func smallBackup(t *testing.T, share, label string) storetest.Backup {
	t.Helper()
	return storetest.MustWrite(t, share, storetest.Spec{ID: storetest.ID(label), VolumeID: storetest.ID(label + " volume"), Content: storetest.Text(1<<20, 7)})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for start := time.Now(); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 30*time.Second {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// mountAt returns the mount on a directory from the kernel's list.
func mountAt(t *testing.T, mountpoint string) (fusefs.MountInfo, bool) {
	t.Helper()
	mounts, err := fusefs.Mounts()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mounts {
		if m.Mountpoint == mountpoint {
			return m, true
		}
	}
	return fusefs.MountInfo{}, false
}

// alive reports whether a process runs. One that has ended stays listed until its parent has waited
// for it.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, ok := strings.Cut(string(stat), ") ")
	return ok && state[0] != 'Z' && state[0] != 'X'
}

// leaveNothing unmounts what a test mounted in the background.
func leaveNothing(t *testing.T, mountpoint string) {
	t.Cleanup(func() {
		if m, ok := mountAt(t, mountpoint); ok {
			pids := m.Servers()
			syscall.Unmount(mountpoint, syscall.MNT_DETACH)
			for _, pid := range pids {
				eventually(t, "the server ends", func() bool { return !alive(pid) })
			}
		}
	})
}

func readStatus(t *testing.T, mountpoint string) serve.Status {
	t.Helper()
	var f serve.Status
	text, err := os.ReadFile(filepath.Join(mountpoint, fusefs.StatusFile))
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return f
}

func TestADaemonReturnsWhenTheMountCanBeUsed(t *testing.T) {
	needMount(t)
	share, b := smallShare(t)
	mountpoint, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	leaveNothing(t, mountpoint)
	cmd := program(t, "mount", "--daemon", "--log-file", log, "--share", filepath.Base(share), mountpoint)
	cmd.Dir = filepath.Dir(share)
	out, err := cmd.CombinedOutput() // waits until the server has closed the pipe
	if err != nil || !strings.Contains(string(out), "mounted on "+mountpoint) {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := readDisk(mountpoint, b); err != nil {
		t.Error(err)
	}
	f := readStatus(t, mountpoint)
	if f.Backups != 1 || f.Share != share {
		t.Errorf("%+v", f)
	}
	proc := fmt.Sprintf("/proc/%d/", f.PID)
	if cwd, err := os.Readlink(proc + "cwd"); cwd != "/" {
		t.Errorf("its directory is %s, %v", cwd, err)
	}
	for fd, want := range []string{os.DevNull, os.DevNull, log} {
		if got, err := os.Readlink(proc + "fd/" + strconv.Itoa(fd)); got != want {
			t.Errorf("descriptor %d is %s, %v", fd, got, err)
		}
	}
	if stat, err := os.ReadFile(proc + "stat"); err != nil || strings.Fields(string(stat))[5] != strconv.Itoa(f.PID) {
		t.Errorf("no session of its own: %s, %v", stat, err)
	}
	if err := os.Rename(log, log+".1"); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(f.PID, syscall.SIGHUP)
	eventually(t, "the log is opened anew", func() bool { _, err := os.Stat(log); return err == nil })
	if _, stderr, code := restorefs(t, "unmount", mountpoint); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	if alive(f.PID) {
		t.Error("the server is still there after unmount")
	}
}

func TestADaemonThatCannotMountSaysWhyAndHasThatExitCode(t *testing.T) {
	firstPass(t)
	needMount(t)
	share, _ := smallShare(t)
	mountpoint := t.TempDir()
	for _, test := range []struct {
		name, says string
		code       int
		args       []string
	}{
		{"no such mountpoint", "mkdir", exitcode.Failed, []string{"--share", share, mountpoint + "/none"}},
		{"no such share", "none", exitcode.Failed, []string{"--share", share + "/none", mountpoint}},
		{"no such backup", "no such backup", exitcode.Usage, []string{"--share", share, "--backup", "ffffffff", mountpoint}},
		{"a mountpoint on the share", "overlaps", exitcode.Failed, []string{"--share", share, filepath.Dir(share)}},
		{"a log file that cannot be", "log-file", exitcode.Failed, []string{"--share", share, "--log-file", mountpoint + "-none/log", mountpoint}},
		{"with --run", "exclude", exitcode.Usage, []string{"--share", share, "--run", "true", mountpoint}},
		{"a mode that is none", "octal", exitcode.Usage, []string{"--share", share, "--mode", "0999", mountpoint}},
		{"a mode for nobody", "nobody", exitcode.Usage, []string{"--share", share, "--mode", "0222", mountpoint}},
		{"a user that is none", "--uid", exitcode.Usage, []string{"--share", share, "--uid", "no such user", mountpoint}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, stderr, code := restorefs(t, append([]string{"mount", "--daemon"}, test.args...)...)
			if code != test.code || !strings.Contains(stderr, test.says) || strings.Count(stderr, "restorefs:") != 1 {
				t.Errorf("exit %d, want %d: %s", code, test.code, stderr)
			}
		})
	}
	if _, ok := mountAt(t, mountpoint); ok {
		t.Error("something is mounted")
	}
}

func TestADaemonThatNobodyWaitsForAnyMoreUnmounts(t *testing.T) {
	needMount(t)
	share, _ := smallShare(t)
	mountpoint := t.TempDir()
	leaveNothing(t, mountpoint)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	reader.Close()
	cmd := program(t, "mount", "--daemon", "--share", share, mountpoint)
	cmd.Env = append(cmd.Env, process.ReadyEnv+"=3")
	cmd.ExtraFiles = []*os.File{writer}
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != exitcode.Failed {
		t.Errorf("%v", cmd.ProcessState)
	}
	if _, ok := mountAt(t, mountpoint); ok {
		t.Error("still mounted")
	}
}

func TestSystemdIsTold(t *testing.T) {
	needMount(t)
	share, _ := smallShare(t)
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	mountpoint, server := mountShare(t, share)
	message := func() string {
		conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		buf := make([]byte, 4096)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	if m := message(); m != "READY=1\nSTATUS=mounted on "+mountpoint {
		t.Errorf("%q", m)
	}
	server.Process.Signal(syscall.SIGTERM)
	if m := message(); m != "STOPPING=1" {
		t.Errorf("%q", m)
	}
	if err := server.Wait(); err != nil { // a second signal would end it while mounted
		t.Error(err)
	}
}

func TestOwnerAndModeAreThoseAskedFor(t *testing.T) {
	share, b := smallShare(t)
	for _, test := range []struct {
		flags    string
		uid, gid uint32
		mode     os.FileMode
	}{
		{"", uint32(os.Geteuid()), uint32(os.Getegid()), 0o400},
		{"--uid 1234 --gid 5678 --mode 0440", 1234, 5678, 0o440},
		{"--uid root --mode 644", 0, uint32(os.Getegid()), 0o444},
	} {
		mountpoint, _ := mountShare(t, share, strings.Fields(test.flags)...)
		st, err := os.Stat(filepath.Join(mountpoint, "backups", b.ID, "volume.raw"))
		if err != nil {
			t.Fatal(err)
		}
		sys := st.Sys().(*syscall.Stat_t)
		if sys.Uid != test.uid || sys.Gid != test.gid || st.Mode() != test.mode {
			t.Errorf("%q: %d:%d %v", test.flags, sys.Uid, sys.Gid, st.Mode())
		}
	}
}

// asNobody makes a directory that the user "nobody" can use, with a copy of the program, and
// returns how to run that as this user.
func asNobody(t *testing.T) (dir string, command func(args ...string) *exec.Cmd) {
	t.Helper()
	needMount(t)
	need(t, "setpriv", "fusermount3")
	dir, err := os.MkdirTemp("", "restorefs-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "restorefs")
	run(t, "cp", self, program)
	run(t, "chmod", "0755", program)
	command = func(args ...string) *exec.Cmd {
		cmd := exec.Command("setpriv", append([]string{"--reuid=65534", "--regid=65534", "--clear-groups"}, args...)...)
		cmd.Env = append(os.Environ(), "RESTOREFS_TEST_MAIN=1", "HOME="+dir, "XDG_CACHE_HOME="+dir+"/cache", "XDG_STATE_HOME="+dir+"/state")
		cmd.Dir = dir
		return cmd
	}
	if out, err := command("test", "-x", program).CombinedOutput(); err != nil {
		skip(t, "nobody cannot use %s: %v %s", dir, err, out)
	}
	return dir, command
}

func TestAnOrdinaryUserMountsThroughFusermount(t *testing.T) {
	firstPass(t)
	dir, command := asNobody(t)
	share, mountpoint := filepath.Join(dir, "share"), filepath.Join(dir, "mnt")
	for _, d := range []string{share, mountpoint} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b := smallBackup(t, share, "one")
	run(t, "chown", "-R", "65534:65534", share, mountpoint)
	leaveNothing(t, mountpoint)
	program := filepath.Join(dir, "restorefs")
	if out, err := command(program, "mount", "--daemon", "--share", share, mountpoint).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	disk := filepath.Join(mountpoint, "backups", b.ID, "volume.raw")
	if out, err := command("cksum", disk).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Stat(disk); !errors.Is(err, os.ErrPermission) {
		t.Errorf("root may enter: %v", err)
	}
	// Root is told that the mount exists; the user sees all of it.
	stdout, _, _ := restorefs(t, "status")
	if !strings.Contains(stdout, mountpoint+"  serving") || !strings.Contains(stdout, "only the user") {
		t.Errorf("status for root: %s", stdout)
	}
	if out, err := command(program, "status").Output(); err != nil || !strings.Contains(string(out), share) {
		t.Errorf("status: %v: %s", err, out)
	}
	if out, err := command(program, "unmount", mountpoint).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if _, ok := mountAt(t, mountpoint); ok {
		t.Error("still mounted")
	}
	conf, _ := os.ReadFile("/etc/fuse.conf")
	if strings.Contains("\n"+string(conf), "\nuser_allow_other") {
		return // allowed here
	}
	out, err := command(program, "mount", "--daemon", "--allow-other", "--share", share, mountpoint).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "user_allow_other") || !strings.Contains(string(out), "/etc/fuse.conf") {
		t.Errorf("%v: %s", err, out)
	}
}

// With the connection in another process, readers would wait for ever once the server was killed.
func TestTheCommandOfRunDoesNotGetTheConnection(t *testing.T) {
	needMount(t)
	share, _ := smallShare(t)
	stdout, stderr, code := restorefs(t, "mount", "--share", share, t.TempDir(), "--run", "ls -l /proc/self/fd")
	if code != exitcode.Done || !strings.Contains(stdout, " -> ") || strings.Contains(stdout, "/dev/fuse") {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
}

// After a directory was made there, the mountpoint would not be empty and the next mount would
// refuse it.
func TestNothingIsMadeInAMountpointThatIsRefused(t *testing.T) {
	needMount(t)
	share, _ := smallShare(t)
	for _, flag := range []string{"--overlay", "--disk-cache", "--cache-dir"} {
		mountpoint := t.TempDir()
		_, stderr, code := restorefs(t, "mount", "--share", share, flag, filepath.Join(mountpoint, "new"), mountpoint)
		if code != exitcode.Failed || !strings.Contains(stderr, "overlaps") {
			t.Errorf("%s: exit %d: %s", flag, code, stderr)
		}
		if left, _ := os.ReadDir(mountpoint); len(left) > 0 {
			t.Errorf("%s: left %v", flag, left)
		}
	}
}

func TestAMountThatNobodyUsesEnds(t *testing.T) {
	firstPass(t)
	share, b := smallShare(t)
	log := filepath.Join(t.TempDir(), "log")
	mountpoint, server := mountShare(t, share, "--idle-timeout", "3s", "--log-file", log)
	f, err := os.Open(filepath.Join(mountpoint, "backups", b.ID, "volume.raw"))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(4 * time.Second)
	if _, err := f.ReadAt(make([]byte, 4096), 0); err != nil {
		t.Errorf("an open disk: %v", err)
	}
	if _, ok := mountAt(t, mountpoint); !ok {
		t.Fatal("it was unmounted under an open disk")
	}
	f.Close()
	eventually(t, "it is unmounted", func() bool { _, ok := mountAt(t, mountpoint); return !ok })
	if err := server.Wait(); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(log); err != nil || string(text) != "unmounted "+mountpoint+": nobody used it for 3s\n" {
		t.Errorf("%q, %v", text, err)
	}
}
