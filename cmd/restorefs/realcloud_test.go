package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// realCloud is a Cinder, and perhaps a Keystone, as Debian packages them. Each is a process on the
// loopback interface that ends with this one. Cinder's mounts are in a mount namespace of its own.
type realCloud struct {
	keystone string // its URL up to /v3; "" if every caller is an admin (noauth)
	cinder   string // its URL up to /v3
	backups  string // directory of the backup share
	volumes  string // directory of the raw disks, volume-<id>

	services []*service
}

// rig is the cloud that most tests share, with a Keystone. TestMain stops it.
var rig struct {
	once  sync.Once
	dir   string
	cloud *realCloud
	err   error
}

// needCloud returns the shared cloud.
func needCloud(t *testing.T) *realCloud {
	t.Helper()
	needCinder(t)
	rig.once.Do(func() {
		if rig.dir, rig.err = os.MkdirTemp("", "restorefs-cloud"); rig.err == nil {
			rig.cloud, rig.err = startCloud(rig.dir, filepath.Join(rig.dir, "backups"), true)
		}
	})
	if rig.err != nil {
		t.Fatal(rig.err)
	}
	return rig.cloud
}

// stopRig is for TestMain.
func stopRig() {
	if objectStore.store != nil {
		objectStore.store.stop()
	}
	if rig.cloud != nil {
		rig.cloud.stop()
	}
	if rig.dir != "" {
		os.RemoveAll(rig.dir)
	}
}

// needCinder skips the test if the packages are not installed.
func needCinder(t *testing.T) {
	t.Helper()
	firstPass(t)
	if os.Geteuid() != 0 {
		skip(t, "needs root to run a Cinder")
	}
	need(t, "unshare", "mount", "qemu-img")
	const look = "import importlib.util as u, sys; sys.exit(not (u.find_spec('cinder') and u.find_spec('keystone')))"
	if err := exec.Command("/usr/bin/python3", "-c", look).Run(); err != nil {
		skip(t, "needs Debian's python3-cinder and python3-keystone (make setup): %v", err)
	}
}

// ownCloud starts a cloud without Keystone for one test, with an empty database and the directory
// backups as its backup share.
func ownCloud(t *testing.T, backups string) *realCloud {
	t.Helper()
	needCinder(t)
	c, err := startCloud(t.TempDir(), backups, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.stop)
	return c
}

func startCloud(dir, backups string, keystone bool) (*realCloud, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	state := filepath.Join(dir, "cinder")
	c := &realCloud{
		cinder: fmt.Sprintf("http://127.0.0.1:%d/v3", port), backups: backups,
		volumes: filepath.Join(state, "volumes"),
	}
	start := func(name string, args ...any) error {
		s, err := startService(filepath.Join(dir, name), name, args...)
		if err == nil {
			c.services = append(c.services, s)
		}
		return err
	}
	cinder := []any{port, backups}
	if keystone {
		identity, err := freePort()
		if err != nil {
			return nil, err
		}
		c.keystone = fmt.Sprintf("http://127.0.0.1:%d/v3", identity)
		cinder = append(cinder, c.keystone)
		err = start("keystone", identity, strings.TrimSuffix(c.cinder, "/v3"))
		if err != nil {
			return nil, err
		}
	}
	if err = start("cinder", cinder...); err == nil {
		for _, s := range c.services {
			err = errors.Join(err, s.ready())
		}
	}
	if err == nil {
		err = c.settle()
	}
	if err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// settle waits until the scheduler knows the services.
func (c *realCloud) settle() error {
	var err error
	for range 300 {
		var s *session
		if s, err = c.login("admin"); err == nil {
			var list struct{ Services []struct{ State string } }
			err = s.request("GET", "/os-services", nil, 200, &list)
			up := 0
			for _, service := range list.Services {
				if service.State == "up" {
					up++
				}
			}
			if up == 3 {
				return nil
			}
			err = errors.Join(err, fmt.Errorf("%d of the 3 services of Cinder are up", up))
		}
		time.Sleep(200 * time.Millisecond)
	}
	return err
}

func (c *realCloud) stop() {
	for _, s := range c.services {
		s.stop()
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// service is a process that serves until its input ends, which it does even if this process is
// killed.
type service struct {
	name, state string
	cmd         *exec.Cmd
	input       io.Closer
	output      *bufio.Reader
	errors      *os.File
}

// forgetMounts removes from a new mount namespace what tests of other packages have mounted: a copy
// there would keep their mounts in use.
const forgetMounts = `sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .* - \(fuse[^ ]*\|[^ ]* \/dev\/loop[0-9]*\) .*/\1/p' /proc/self/mountinfo |
	while read -r m; do umount -l "$m" 2>/dev/null || :; done
`

// startService starts testdata/cloud/run_NAME.py with its state in a directory.
func startService(state, name string, args ...any) (*service, error) {
	if err := os.MkdirAll(state, 0o755); err != nil {
		return nil, err
	}
	argv := []string{"--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-c",
		forgetMounts + `exec "$@"`, "sh",
		"/usr/bin/python3", "-W", "ignore", "testdata/cloud/run_" + name + ".py", state}
	for _, a := range args {
		argv = append(argv, fmt.Sprint(a))
	}
	s := &service{name: name, state: state, cmd: exec.Command("unshare", argv...)}
	// Nothing from the caller: no proxy, no credentials, no byte code in /usr.
	s.cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=" + state,
		"PYTHONDONTWRITEBYTECODE=1"}
	input, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.errors, err = os.Create(filepath.Join(state, "stderr")); err != nil {
		return nil, err
	}
	s.cmd.Stderr, s.input, s.output = s.errors, input, bufio.NewReader(output)
	if err := s.cmd.Start(); err != nil {
		s.errors.Close()
		return nil, err
	}
	return s, nil
}

// ready waits until the service says that it is.
func (s *service) ready() error {
	timer := time.AfterFunc(2*time.Minute, func() { s.cmd.Process.Kill() })
	defer timer.Stop()
	for {
		line, err := s.output.ReadString('\n')
		if line == "READY\n" {
			go io.Copy(io.Discard, s.output)
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s did not start: %w\n%s", s.name, err, s.tail())
		}
	}
}

// tail returns the end of what the service wrote.
func (s *service) tail() string {
	var b strings.Builder
	for _, f := range []string{"stderr", s.name + ".log"} {
		text, _ := os.ReadFile(filepath.Join(s.state, f))
		fmt.Fprintf(&b, "%s:\n%s\n", f, text[max(0, len(text)-4000):])
	}
	return b.String()
}

func (s *service) stop() {
	s.input.Close()
	timer := time.AfterFunc(10*time.Second, func() { s.cmd.Process.Kill() })
	s.cmd.Wait()
	timer.Stop()
	s.errors.Close()
}
