package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	gofs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/attended"
	"github.com/restorefs/restorefs/cmd/exitcode"
)

// Variables of a process that serves a faulty file system, see TestServeFaults.
const (
	faultsOf   = "RESTOREFS_TEST_FAULTS_OF"
	faultsOn   = "RESTOREFS_TEST_FAULTS_ON"
	faultsFile = "RESTOREFS_TEST_FAULTS"
)

// TestServeFaults is no test but a process that passes a directory through to a mountpoint. It lets
// reads or flushes fail in the way and for the files that a control file says: it holds "KIND
// SUFFIX", the suffix of their names.
func TestServeFaults(t *testing.T) {
	dir, mountpoint := os.Getenv(faultsOf), os.Getenv(faultsOn)
	if dir == "" {
		return
	}
	root, err := gofs.NewLoopbackRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	server, err := gofs.Mount(mountpoint, &faultyNode{LoopbackNode: root.(*gofs.LoopbackNode)},
		&gofs.Options{MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "faults",
			Name: "faults"}})
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("mounted\n")
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
	server.Unmount()
}

type faultyNode struct{ *gofs.LoopbackNode }

// WrapChild implements gofs.NodeWrapChilder.
func (n *faultyNode) WrapChild(_ context.Context, child gofs.InodeEmbedder) gofs.InodeEmbedder {
	return &faultyNode{child.(*gofs.LoopbackNode)}
}

// Open implements gofs.NodeOpener. Files opened for reading get every read directly, without a
// cache.
func (n *faultyNode) Open(ctx context.Context, flags uint32) (gofs.FileHandle, uint32,
	syscall.Errno) {
	h, fuseFlags, errno := n.LoopbackNode.Open(ctx, flags)
	if errno != 0 {
		return h, fuseFlags, errno
	}
	if flags&syscall.O_ACCMODE == syscall.O_RDONLY {
		fuseFlags |= fuse.FOPEN_DIRECT_IO
	}
	return &faultyFile{h.(*gofs.LoopbackFile), n.Path(nil)}, fuseFlags, 0
}

type faultyFile struct {
	*gofs.LoopbackFile
	name string
}

// fault returns the present kind of fault of the file, "" for none.
func (f *faultyFile) fault() string {
	text, _ := os.ReadFile(os.Getenv(faultsFile))
	kind, suffix, _ := strings.Cut(string(text), " ")
	if !strings.HasSuffix(f.name, suffix) {
		return ""
	}
	return kind
}

// Fsync implements gofs.FileFsyncer.
func (f *faultyFile) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	switch f.fault() {
	case "late":
		return syscall.EDQUOT
	case "stuck":
		<-ctx.Done()
		return syscall.EINTR
	}
	return f.LoopbackFile.Fsync(ctx, flags)
}

// PassthroughFd implements gofs.FilePassthroughFder: the kernel must not bypass this process.
func (f *faultyFile) PassthroughFd() (int, bool) { return 0, false }

// Write implements gofs.FileWriter.
func (f *faultyFile) Write(ctx context.Context, p []byte, off int64) (uint32, syscall.Errno) {
	if f.fault() == "broken" && off >= 8<<20 {
		return 0, syscall.EIO
	}
	return f.LoopbackFile.Write(ctx, p, off)
}

// Read implements gofs.FileReader.
func (f *faultyFile) Read(ctx context.Context, p []byte, off int64) (fuse.ReadResult,
	syscall.Errno) {
	switch f.fault() {
	case "eio":
		return nil, syscall.EIO
	case "hangs": // like a server that is away
		for f.fault() == "hangs" {
			time.Sleep(5 * time.Millisecond)
		}
	case "short":
		p = p[:min(len(p), 1000)]
	case "ends":
		if off > 0 {
			p = nil
		}
	}
	return f.LoopbackFile.Read(ctx, p, off)
}

// passThrough mounts dir elsewhere. say sets the fault, signal sends a signal to the server.
func passThrough(t *testing.T, dir string) (mountpoint string, say func(fault string),
	signal func(syscall.Signal)) {
	t.Helper()
	needMount(t)
	mountpoint = t.TempDir()
	faults := filepath.Join(t.TempDir(), "faults")
	cmd := exec.Command(os.Args[0], "-test.run=^TestServeFaults$")
	cmd.Env = append(os.Environ(), faultsOf+"="+dir, faultsOn+"="+mountpoint, faultsFile+"="+faults)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		io.Copy(io.Discard, out)
		cmd.Wait()
		syscall.Unmount(mountpoint, syscall.MNT_DETACH)
	})
	line := make([]byte, 100)
	if n, _ := out.Read(line); !strings.HasPrefix(string(line[:n]), "mounted") {
		t.Fatalf("the pass-through: %s", line[:n])
	}
	say = func(fault string) {
		// Renamed, because the file can be read at any time.
		if err := os.WriteFile(faults+".new", []byte(fault), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(faults+".new", faults); err != nil {
			t.Fatal(err)
		}
	}
	return mountpoint, say, func(sig syscall.Signal) { cmd.Process.Signal(sig) }
}

// restored makes or continues a restore, which must succeed with the content want, and returns its
// JSON.
func restored(t *testing.T, want []byte, backing string, args ...string) attended.Result {
	t.Helper()
	stdout, stderr, code := restorefs(t, append([]string{"materialize", "--yes", "--json"},
		args...)...)
	var result attended.Result
	if err := json.Unmarshal([]byte(stdout), &result); err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s", code, err, stderr)
	}
	if wrong := wrongBytes(t, want, backing); wrong > 0 {
		t.Fatalf("%d bytes are wrong", wrong)
	}
	return result
}

// failed checks that a run failed with that exit code and these words, and printed nothing to
// stdout, which is for results.
func failed(t *testing.T, stdout, stderr string, code, want int, words ...string) {
	t.Helper()
	if code != want || stdout != "" {
		t.Errorf("exit %d, want %d: %s%s", code, want, stdout, stderr)
	}
	for _, w := range words {
		if !strings.Contains(stderr, w) {
			t.Errorf("%q does not say %q", stderr, w)
		}
	}
}

func TestReadErrorsOfTheShare(t *testing.T) {
	real, id, want := incremental(t, 16<<20)
	share, say, _ := passThrough(t, real)
	target := filepath.Join(t.TempDir(), "disk")
	args := []string{"--share", share, id, target}

	say("eio -00003")
	stdout, stderr, code := restorefs(t, append([]string{"materialize"}, args...)...)
	failed(t, stdout, stderr, code, exitcode.Failed, "-00003", "input/output error")
	say("")
	if result := restored(t, want, target, args...); result.BytesSkipped == 0 {
		t.Errorf("the second run began anew: %+v", result)
	}

	os.Remove(target)
	say("short -00003") // a short read is legal, and not the end of the file
	restored(t, want, target, args...)

	os.Remove(target)
	say("ends -00003")
	stdout, stderr, code = restorefs(t, append([]string{"materialize"}, args...)...)
	failed(t, stdout, stderr, code, exitcode.Damaged, "-00003", id)

	os.Remove(target)
	say("eio _sha256file") // the objects still have MD5s
	stdout, stderr, code = restorefs(t, append([]string{"materialize"}, args...)...)
	if code != 0 || !strings.Contains(stderr, "_sha256file: input/output error") ||
		!strings.Contains(stderr, "MD5 instead") {
		t.Errorf("without its digests: exit %d: %s%s", code, stdout, stderr)
	}
	if wrong := wrongBytes(t, want, target); wrong > 0 {
		t.Errorf("%d bytes are wrong", wrong)
	}
}

// started runs a slow restore in the background, and returns when it has written something to
// backing.
func started(t *testing.T, backing string, args ...string) (end func() (stdout, stderr string,
	code int)) {
	t.Helper()
	cmd := program(t, append([]string{"materialize", "--yes", "--bwlimit", "12M"}, args...)...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitWritten(backing)
	return func() (string, string, int) {
		cmd.Wait()
		return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
	}
}

func TestAnObjectThatIsCutDuringTheRun(t *testing.T) {
	share, id, want := incremental(t, 16<<20)
	object, err := filepath.Glob(share + "/*/*/*/*" + storetest.ID("two layers 1") + "-00004")
	if err != nil || len(object) != 1 {
		t.Fatal(object, err)
	}
	whole, err := os.ReadFile(object[0])
	if err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "disk")
	end := started(t, target, "--share", share, id, target)
	if err := os.Truncate(object[0], int64(len(whole)/2)); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := end()
	failed(t, stdout, stderr, code, exitcode.Damaged, filepath.Base(object[0]))
	if err := os.WriteFile(object[0], whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if result := restored(t, want, target, "--share", share, id, target); result.BytesSkipped == 0 {
		t.Errorf("the second run began anew: %+v", result)
	}
}

func TestAFullFileSystem(t *testing.T) {
	firstPass(t)
	needMount(t)
	need(t, "mkfs.ext4", "mount", "umount")
	share, id, want := incremental(t, 24<<20)
	image, dir := filepath.Join(t.TempDir(), "fs"), t.TempDir()
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 64<<20); err != nil {
		t.Fatal(err)
	}
	run(t, "mkfs.ext4", "-q", "-m", "0", image)
	run(t, "mount", "-o", "loop", image, dir)
	defer run(t, "umount", dir)
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 50<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(dir, "disk")
	args := []string{"--share", share, id, target}
	stdout, stderr, code := restorefs(t, append([]string{"materialize"}, args...)...)
	failed(t, stdout, stderr, code, exitcode.Failed, "no space left", target,
		"\nto continue:  restorefs materialize --share "+share+" "+id+" "+target)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if result := restored(t, want, target, args...); result.BytesSkipped == 0 {
		t.Errorf("the second run began anew: %+v", result)
	}
}

func TestATargetThatFails(t *testing.T) {
	firstPass(t)
	share, id, want := incremental(t, 16<<20)
	real := t.TempDir()
	dir, say, _ := passThrough(t, real)
	for fault, said := range map[string]string{"broken": "input/output error",
		"late": "disk quota exceeded"} {
		t.Run(fault, func(t *testing.T) {
			target := filepath.Join(dir, fault)
			if err := os.WriteFile(filepath.Join(real, fault), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			say(fault + " " + fault)
			stdout, stderr, code := restorefs(t, "materialize", "--share", share, id, target)
			failed(t, stdout, stderr, code, exitcode.Failed, said, target,
				"to continue:  restorefs materialize")
			if _, err := os.Stat(target + ".restorefs-partial"); err != nil {
				t.Errorf("nothing says that it is not whole: %v", err)
			}
			say("")
			restored(t, want, target, "--share", share, id, target)
		})
	}
}

func TestATargetThatIsRemoved(t *testing.T) {
	share, id, _ := incremental(t, 16<<20)
	target := filepath.Join(t.TempDir(), "disk")
	end := started(t, target, "--share", share, id, target)
	if err := os.Remove(target); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := end()
	failed(t, stdout, stderr, code, exitcode.Failed, target, "it was removed during the run")
}

func TestADeviceThatVanishes(t *testing.T) {
	firstPass(t)
	needMount(t)
	need(t, "losetup")
	share, id, want := incremental(t, 16<<20)
	real := t.TempDir()
	disks, _, signal := passThrough(t, real)
	backing := filepath.Join(real, "backing")
	if err := os.WriteFile(backing, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(backing, 1<<30); err != nil {
		t.Fatal(err)
	}
	loop := strings.TrimSpace(run(t, "losetup", "-f", "--show", filepath.Join(disks, "backing")))
	defer run(t, "losetup", "-d", loop)
	end := started(t, backing, "--share", share, id, loop)
	signal(syscall.SIGKILL)
	stdout, stderr, code := end()
	failed(t, stdout, stderr, code, exitcode.Failed, loop, "to continue:")
	if wrongBytes(t, want, backing) == 0 {
		t.Error("everything was written before the device vanished")
	}
}
