package fusefs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func mountInfoAt(t *testing.T, path string) MountInfo {
	t.Helper()
	mounts, err := Mounts()
	if err != nil {
		t.Fatal(err)
	}
	m := mountAt(mounts, path)
	if m == nil {
		t.Fatalf("%s is not a restorefs mount", path)
	}
	return *m
}

func TestTheKernelHasTheSettingsOfTheMount(t *testing.T) {
	r := mounted(t, sample(idA))
	m := mountInfoAt(t, r.mnt)
	if m.Type != "fuse.restorefs" || m.Source != "restorefs" {
		t.Errorf("%+v", m)
	}
	options := strings.Split(m.Options, ",")
	super := strings.Split(m.Super, ",")
	for _, want := range []string{"ro", "nosuid", "nodev", "noexec"} {
		if !slices.Contains(options, want) {
			t.Errorf("mount option %s is not among %s", want, m.Options)
		}
	}
	for _, want := range []string{"ro", "default_permissions", "max_read=1048576", "user_id=0"} {
		if !slices.Contains(super, want) {
			t.Errorf("option %s is not among %s", want, m.Super)
		}
	}
	if slices.Contains(super, "allow_other") {
		t.Error("others are let in")
	}
	text, err := os.ReadFile(filepath.Join("/sys/class/bdi", m.Device, "read_ahead_kb"))
	kib, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || kib < minReadAhead || kib > maxReadAhead {
		t.Errorf("read-ahead: %v %s", err, text)
	}
	if pids := m.Servers(); !slices.Equal(pids, []int{r.cmd.Process.Pid}) {
		t.Logf("servers %v: this kernel does not tell (want %d)", pids, r.cmd.Process.Pid)
	}
}

func asNobody(t *testing.T, name string, args ...string) error {
	t.Helper()
	_, err := output(t, "setpriv", append([]string{"--reuid=65534", "--regid=65534", "--clear-groups", name}, args...)...)
	return err
}

func TestOtherUsersAreLetInOnlyWhenAsked(t *testing.T) {
	r := mounted(t, sample(idA))
	for dir := filepath.Dir(r.mnt); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		os.Chmod(dir, 0o755)
	}
	file := filepath.Join("backups", idA, "metadata.json")
	if err := asNobody(t, "cat", r.path(file)); err == nil {
		t.Error("another user reads without AllowOther")
	}
	for what, c := range map[string]struct {
		args MountArgs
		ok   bool
	}{
		"allowed, but the files are not his": {MountArgs{AllowOther: true}, false},
		"allowed, and for all to read":       {MountArgs{AllowOther: true, Mode: 0o777}, true},
		"allowed, and the files are his":     {MountArgs{AllowOther: true, Owner: &Owner{65534, 65534}}, true},
		"his group's, for the group":         {MountArgs{AllowOther: true, Owner: &Owner{0, 65534}, Mode: 0o440}, true},
		"his group's, for the owner":         {MountArgs{AllowOther: true, Owner: &Owner{0, 65534}}, false},
	} {
		c.args.Mountpoint = filepath.Join(filepath.Dir(r.mnt), strings.ReplaceAll(what, " ", "-"))
		if err := os.Mkdir(c.args.Mountpoint, 0o755); err != nil {
			t.Fatal(err)
		}
		r.call("Mount", &c.args, nil)
		if err := asNobody(t, "cat", filepath.Join(c.args.Mountpoint, file)); (err == nil) != c.ok {
			t.Errorf("%s: %v", what, err)
		}
		if info, err := os.Stat(filepath.Join(c.args.Mountpoint, file)); err != nil || info.Mode().Perm()&0o333 != 0 {
			t.Errorf("%s: root sees %v, %v", what, info, err)
		}
		r.call("Unmount", &UnmountArgs{Mountpoint: c.args.Mountpoint, Timeout: time.Minute}, nil)
	}
}

// mustRefuse tries to mount in this process, which is harmless as it must fail.
func mustRefuse(t *testing.T, dir string, avoid []string, is error, says string) {
	t.Helper()
	s, err := Mount(context.Background(), dir, nil, Options{Avoid: avoid})
	if err == nil {
		detach(dir)
		s.Wait()
		t.Errorf("%s was mounted on", dir)
		return
	}
	if !errors.Is(err, is) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), dir) {
		t.Errorf("%q is not %q, or does not say %q", err, is, says)
	}
}

func TestUnusableMountpointsAreRefused(t *testing.T) {
	needMount(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, filepath.Join(dir, "none"), nil, ErrMountpoint, "mkdir -p")
	mustRefuse(t, file, nil, ErrMountpoint, "not a directory")
	mustRefuse(t, dir, nil, ErrMountpoint, "not empty")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Mount(ctx, dir, nil, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want canceled", err)
	}

	r := mounted(t)
	mustRefuse(t, r.mnt, nil, ErrMountpoint, "mounted there already (type fuse.restorefs)")

	other := mountpoint(t)
	if err := unix.Mount("some-tmpfs", other, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, other, nil, ErrMountpoint, "some-tmpfs is mounted there already (type tmpfs)")
	if err := unix.Unmount(other, 0); err != nil {
		t.Fatal(err)
	}
}

func TestOverlappingMountpointsAreRefused(t *testing.T) {
	needMount(t)
	base := t.TempDir()
	share := filepath.Join(base, "share")
	inside := filepath.Join(share, "mnt")
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(base, "link")
	if err := os.Symlink(share, link); err != nil {
		t.Fatal(err)
	}
	above := filepath.Join(base, "above")
	if err := os.Mkdir(above, 0o755); err != nil {
		t.Fatal(err)
	}
	bind := mountpoint(t)
	if err := unix.Mount(share, bind, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(bind, 0)

	mustRefuse(t, inside, []string{"/nowhere", share}, ErrOverlap, share)
	mustRefuse(t, filepath.Join(link, "mnt"), []string{share}, ErrOverlap, share)
	mustRefuse(t, inside, []string{link}, ErrOverlap, link)
	mustRefuse(t, filepath.Join(bind, "mnt"), []string{share}, ErrOverlap, share)
	mustRefuse(t, inside, []string{bind}, ErrOverlap, bind)
	mustRefuse(t, above, []string{filepath.Join(above, "cache", "not", "made")}, ErrOverlap, "not/made")
	mustRefuse(t, above, []string{above}, ErrOverlap, above)

	// Names that only begin alike do not overlap.
	r := startHost(t, nil)
	r.call("Set", &[]TestBackup{}, nil)
	r.call("Mount", &MountArgs{Mountpoint: above, Avoid: []string{share, bind, filepath.Join(base, "above2")}}, nil)
	r.call("Unmount", &UnmountArgs{Mountpoint: above, Timeout: time.Minute}, nil)
}

func TestMountpointMayBeASymbolicLink(t *testing.T) {
	r := startHost(t, nil)
	r.call("Set", &[]TestBackup{sample(idA)}, nil)
	dir := mountpoint(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	r.call("Mount", &MountArgs{Mountpoint: link}, nil)
	mountInfoAt(t, dir)
	equalNames(t, readDirNames(t, filepath.Join(link, "backups")), idA)
	if err := Unmount(t.Context(), link, UnmountOptions{}); err != nil {
		t.Error(err)
	}
}

// A server that is killed leaves a mountpoint that answers "not connected".
func TestMountOfAKilledServerIsClearedAway(t *testing.T) {
	r := mounted(t, sample(idA))
	held, err := os.Open(r.path("backups", idA, "volume.raw")) // keeps the mount busy
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	r.kill()
	eventually(t, "the mount is dead", func() bool { _, err := os.Stat(r.mnt); return errors.Is(err, syscall.ENOTCONN) })
	if pids := mountInfoAt(t, r.mnt).Servers(); len(pids) != 0 {
		t.Errorf("served by %v", pids)
	}

	next := startHost(t, nil)
	next.call("Set", &[]TestBackup{sample(idB)}, nil)
	next.call("Mount", &MountArgs{Mountpoint: r.mnt}, nil)
	equalNames(t, readDirNames(t, r.path("backups")), idB)
	if log := strings.Join(next.stats().Log, ""); !strings.Contains(log, "whose server died") {
		t.Errorf("log: %s", log)
	}
	next.call("Unmount", &UnmountArgs{Mountpoint: r.mnt, Timeout: time.Minute}, nil)
}

func TestUserMountsThroughFusermount(t *testing.T) {
	needMount(t)
	if _, err := fusermount(); err != nil {
		need.Missing(t, "%v", err)
	}
	// The user must be able to run this binary, and own the mountpoint.
	dir, err := os.MkdirTemp("", "fusefs")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	exe := filepath.Join(dir, "host")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, exe, self)
	mnt, cover := filepath.Join(dir, "mnt"), filepath.Join(dir, "cover")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(mnt, 0o755), os.Chown(mnt, 65534, 65534), os.Mkdir(cover, 0o755), os.Chown(cover, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	defer detach(mnt)
	r := startHost(t, func(cmd *exec.Cmd) {
		cmd.Path, cmd.Args = exe, []string{exe}
		// for go test -cover: that of the tests is root's
		cmd.Env = append(cmd.Env, "GOCOVERDIR="+cover)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	})
	b := sample(idA)
	r.call("Set", &[]TestBackup{b}, nil)
	if err := r.try("Mount", &MountArgs{Mountpoint: mnt}, nil); err != nil {
		t.Fatal(err)
	}
	m := mountInfoAt(t, mnt)
	if m.Source != "restorefs" || !strings.Contains(","+m.Options+",", ",nosuid,nodev,noexec,") || !strings.Contains(m.Super, "user_id=65534") {
		t.Errorf("%+v", m)
	}
	read := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", filepath.Join(mnt, "backups", idA, "volume.raw"))
	got, err := read.Output()
	if err != nil || !bytes.Equal(got, b.content()) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if err := asNobody(t, "stat", filepath.Join(mnt, "names", "web")); err != nil {
		t.Error(err)
	}

	if !userAllowOther() {
		other := filepath.Join(dir, "other")
		if err := errors.Join(os.Mkdir(other, 0o755), os.Chown(other, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		err := r.try("Mount", &MountArgs{Mountpoint: other, AllowOther: true}, nil)
		if err == nil || !strings.Contains(err.Error(), "user_allow_other") {
			t.Errorf("AllowOther: %v", err)
		}
	}
	err = r.try("Mount", &MountArgs{Mountpoint: dir}, nil)
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("on a full directory: %v", err)
	}
	err = r.try("Mount", &MountArgs{Mountpoint: mountpointOfRoot(t, dir)}, nil)
	if err == nil || !strings.Contains(err.Error(), "may not write") {
		t.Errorf("on root's directory: %v", err)
	}

	held, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	held.Close()
	busy := exec.Command("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sleep", "100")
	busy.Dir = "/"
	busy.Args = []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", "cd " + mnt + " && echo in && exec sleep 100"}
	said, err := busy.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := busy.Start(); err != nil {
		t.Fatal(err)
	}
	io.ReadFull(said, make([]byte, 3))
	err = r.try("Unmount", &UnmountArgs{Mountpoint: mnt, Timeout: 100 * time.Millisecond}, nil)
	if err == nil || !strings.Contains(err.Error(), "in use by sleep[") {
		t.Errorf("unmount while busy: %v", err)
	}
	busy.Process.Kill()
	busy.Wait()
	r.call("Unmount", &UnmountArgs{Mountpoint: mnt, Timeout: time.Minute}, nil)
}

func mountpointOfRoot(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "roots")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func copyFile(t *testing.T, dst, src string) {
	t.Helper()
	in, err := os.Open(src)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(dst, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestNothingIsLeftAfterManyMounts(t *testing.T) {
	r := startHost(t, nil)
	b := sample(idA)
	r.call("Set", &[]TestBackup{b}, nil)
	mnt := mountpoint(t)
	var first Stats
	for i := range 20 {
		r.call("Mount", &MountArgs{Mountpoint: mnt}, nil)
		f, err := os.Open(filepath.Join(mnt, "backups", idA, "volume.raw"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.ReadAt(make([]byte, 64<<10), 0); err != nil {
			t.Error(err)
		}
		f.Close()
		r.call("Unmount", &UnmountArgs{Mountpoint: mnt, Timeout: time.Minute}, nil)
		if i == 1 {
			first = r.stats()
		}
	}
	eventually(t, "goroutines and files are as many as after the second mount", func() bool {
		s := r.stats()
		return s.Goroutines <= first.Goroutines && s.FDs <= first.FDs && s.Opens == s.Closes && s.Opens == 20
	})
	mounts, err := readMountInfo()
	if err != nil || mountAt(mounts, mnt) != nil {
		t.Errorf("left mounted, %v", err)
	}
}

func TestServerWithOneProcessor(t *testing.T) {
	if runtime.NumCPU() == 1 {
		t.Skip("not in this run: all tests are this one")
	}
	r := startHost(t, func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "GOMAXPROCS=1") })
	b := sample(idA)
	r.call("Set", &[]TestBackup{b}, nil)
	mnt := mountpoint(t)
	r.call("Mount", &MountArgs{Mountpoint: mnt}, nil)
	compareFile(t, filepath.Join(mnt, "backups", idA, "volume.raw"), b.content())
	r.call("Unmount", &UnmountArgs{Mountpoint: mnt, Timeout: time.Minute}, nil)
}
