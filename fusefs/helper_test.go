package fusefs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest"
	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

// The process that serves a mount must not touch it. So the tests run the server in another process
// of this test binary, which they control by calls over its standard input and output; the tests
// themselves may use the mount as they like.

const hostEnv = "FUSEFS_TEST_HOST"

func TestMain(m *testing.M) {
	if os.Getenv(hostEnv) == "" {
		os.Exit(leaktest.Run(m))
	}
	rpc.Register(&Host{servers: make(map[string]*Server)})
	rpc.ServeConn(pipes{os.Stdin, os.Stdout})
}

type pipes struct {
	io.ReadCloser
	io.WriteCloser
}

func (p pipes) Close() error { return errors.Join(p.ReadCloser.Close(), p.WriteCloser.Close()) }

// remote is a host process as a test sees it.
type remote struct {
	t      testing.TB
	client *rpc.Client
	cmd    *exec.Cmd
	stderr bytes.Buffer
	mnt    string
	killed bool
}

func needMount(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		need.Missing(t, "needs root, to mount")
	}
	f, err := os.OpenFile(devFuse, os.O_RDWR, 0)
	if err != nil {
		need.Missing(t, "needs %s: %v", devFuse, err)
	}
	f.Close()
}

// startHost starts a host process, which is stopped and checked for leaks at the end of the test.
func startHost(t testing.TB, setup func(*exec.Cmd)) *remote {
	t.Helper()
	needMount(t)
	r := &remote{t: t}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r.cmd = exec.Command(exe)
	r.cmd.Env = append(os.Environ(), hostEnv+"=1", "GORACE=atexit_sleep_ms=10")
	r.cmd.Stderr = &r.stderr
	if setup != nil {
		setup(r.cmd)
	}
	in, err := r.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.client = rpc.NewClient(pipes{out, in})
	t.Cleanup(func() {
		r.client.Close()
		err := r.cmd.Wait()
		if !r.killed && (err != nil || r.stderr.Len() > 0) {
			t.Errorf("the server's process ended with %v:\n%s", err, r.stderr.String())
		}
	})
	return r
}

// mounted starts a host that serves the backups at r.mnt. At the end of the test they are
// unmounted, and nothing may be left.
func mounted(t testing.TB, backups ...TestBackup) *remote {
	t.Helper()
	r := startHost(t, nil)
	r.call("Set", &backups, nil)
	r.mnt = mountpoint(t)
	r.call("Mount", &MountArgs{Mountpoint: r.mnt}, nil)
	t.Cleanup(func() {
		if r.killed || t.Failed() {
			return
		}
		r.call("Unmount", &UnmountArgs{Mountpoint: r.mnt, Timeout: time.Minute}, nil)
		if s := r.stats(); s.Opens != s.Closes || s.SliceCalls != s.Releases {
			t.Errorf("left open or pinned: %+v", s)
		}
	})
	return r
}

// mountpoint returns an empty directory. Whatever is still mounted there at the end of the test is
// detached.
func mountpoint(t testing.TB) string {
	dir := filepath.Join(t.TempDir(), "mnt")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for i := 0; ; i++ {
			mounts, err := readMountInfo()
			if err != nil || mountAt(mounts, dir) == nil || i == 5 {
				return
			}
			if i == 0 && !t.Failed() {
				t.Errorf("%s is still mounted", dir)
			}
			detach(dir)
		}
	})
	return dir
}

// detach detaches the mount on a directory.
func detach(path string) { unix.Unmount(path, unix.MNT_DETACH) }

func (r *remote) try(method string, args, reply any) error {
	r.t.Helper()
	if args == nil {
		args = &struct{}{}
	}
	if reply == nil {
		reply = &struct{}{}
	}
	select {
	case c := <-r.client.Go("Host."+method, args, reply, make(chan *rpc.Call, 1)).Done:
		return c.Error
	case <-time.After(20 * time.Second):
		r.cmd.Process.Signal(syscall.SIGQUIT) // prints its stacks
		return errors.New("the server does not answer")
	}
}

func (r *remote) call(method string, args, reply any) {
	r.t.Helper()
	if err := r.try(method, args, reply); err != nil {
		r.t.Fatalf("%s: %v", method, err)
	}
}

func (r *remote) stats() (s Stats) {
	r.t.Helper()
	r.call("Stats", nil, &s)
	return s
}

func (r *remote) path(elem ...string) string {
	return filepath.Join(append([]string{r.mnt}, elem...)...)
}

func (r *remote) kill() {
	r.killed = true
	r.cmd.Process.Kill()
	r.cmd.Process.Wait()
}

// eventually waits until f returns true.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// output runs a program and returns its standard output; the error holds its standard error.
func output(t testing.TB, name string, args ...string) ([]byte, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		need.Missing(t, "needs %s", name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s: %w: %s", name, err, stderr.String())
	}
	return out, nil
}

const (
	idA  = "11111111-aaaa-4aaa-8aaa-000000000001"
	idB  = "22222222-bbbb-4bbb-8bbb-000000000002"
	idC  = "33333333-cccc-4ccc-8ccc-000000000003"
	volX = "99999999-0000-4000-8000-00000000000a"
	volY = "99999999-0000-4000-8000-00000000000b"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// sample is a backup of a bit more than 6 MiB with holes.
func sample(id string) TestBackup {
	const size = 6<<20 + 777
	return TestBackup{
		Backup:       Backup{ID: id, VolumeID: volX, VolumeName: "web", CreatedAt: noon, Size: size},
		RealSize:     size,
		Seed:         uint64(id[0]),
		Data:         [][2]int64{{0, 1 << 20}, {3<<20 + 4096, 4 << 20}, {4 << 20, 5 << 20}, {6 << 20, size}},
		MetadataText: `{"id": "` + id + `"}` + "\n",
	}
}
