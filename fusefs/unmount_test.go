package fusefs

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest/need"
)

func within100ms(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestAnotherProcessCanUnmount(t *testing.T) {
	r := mounted(t, sample(idA))
	if err := Unmount(t.Context(), r.mnt, UnmountOptions{}); err != nil {
		t.Fatal(err)
	}
	equalNames(t, readDirNames(t, r.mnt))
	r.call("Wait", &r.mnt, nil) // the server has noticed
	if err := Unmount(t.Context(), r.mnt, UnmountOptions{}); !errors.Is(err, ErrNotMounted) {
		t.Errorf("again: %v", err)
	}
}

func TestUnmountWaitsForTheServersEnd(t *testing.T) {
	r := mounted(t, sample(idA))
	if len(mountInfoAt(t, r.mnt).Servers()) == 0 {
		need.Missing(t, "this kernel does not tell who serves")
	}
	// This reader goes on after the unmount.
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := Unmount(ctx, r.mnt, UnmountOptions{AwaitExit: true}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want a deadline", err)
	}

	r = mounted(t, sample(idA))
	ended := make(chan struct{})
	time.AfterFunc(200*time.Millisecond, func() { r.client.Close(); close(ended) })
	start := time.Now()
	if err := Unmount(t.Context(), r.mnt, UnmountOptions{AwaitExit: true}); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took < 200*time.Millisecond {
		t.Errorf("back after %v, before the end", took)
	}
	<-ended
	r.killed = true
}

func TestUnmountTouchesOnlyRestorefs(t *testing.T) {
	needMount(t)
	dir := mountpoint(t)
	for what, c := range map[string]struct {
		path string
		is   error
	}{
		"a plain directory": {dir, ErrNotMounted},
		"another's mount":   {"/proc", ErrNotMounted},
		"nothing":           {filepath.Join(dir, "none"), os.ErrNotExist},
	} {
		if err := Unmount(t.Context(), c.path, UnmountOptions{Lazy: true}); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestABusyMountNamesTheProcessesThatUseIt(t *testing.T) {
	r := mounted(t, sample(idA))
	file := r.path("backups", idA, "volume.raw")
	sleeper := exec.Command("sh", "-c", `exec 5<"$0"; echo open; exec sleep 100`, file)
	out, err := sleeper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	io.ReadFull(out, make([]byte, 5))
	defer sleeper.Wait()
	defer sleeper.Process.Kill()

	var busy *BusyError
	err = Unmount(within100ms(t), r.mnt, UnmountOptions{})
	if !errors.As(err, &busy) || !errors.Is(err, syscall.EBUSY) || len(busy.Holders) != 1 ||
		busy.Holders[0] != (Holder{PID: sleeper.Process.Pid, Command: "sleep", Path: file}) {
		t.Errorf("%v (%+v)", err, busy)
	}
	if !strings.Contains(err.Error(), "sleep[") {
		t.Error(err)
	}
	err = r.try("Unmount", &UnmountArgs{Mountpoint: r.mnt, Timeout: time.Second}, nil)
	if err == nil || !strings.Contains(err.Error(), "in use by sleep[") {
		t.Errorf("by the server itself: %v", err)
	}
	if log := strings.Join(r.stats().Log, ""); !strings.Contains(log, "waiting: ") {
		t.Errorf("log: %s", log)
	}
	compareFile(t, file, func() []byte { b := sample(idA); return b.content() }()) // still readable

	// The mount vanishes as soon as it is no longer busy.
	done := make(chan error, 1)
	go func() { done <- Unmount(t.Context(), r.mnt, UnmountOptions{}) }()
	time.Sleep(50 * time.Millisecond)
	sleeper.Process.Kill()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestLoopDeviceOnAVolumeIsNamed(t *testing.T) {
	r := mounted(t, sample(idA))
	file := r.path("backups", idA, "volume.raw")
	out, err := output(t, "losetup", "--read-only", "--find", "--show", file)
	if err != nil {
		need.Missing(t, "needs a loop device: %v", err)
	}
	loop := strings.TrimSpace(string(out))
	err = Unmount(within100ms(t), r.mnt, UnmountOptions{})
	if err == nil || !strings.Contains(err.Error(), loop+" ("+file+")") {
		t.Error(err)
	}
	b := sample(idA)
	if got, err := dd(t, loop, 64<<10, 4096, 1<<20, ""); err != nil || string(got) != string(b.content()[4096:4096+1<<20]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := output(t, "losetup", "--detach", loop); err != nil {
		t.Error(err)
	}
}

// The operator must unmount a directory first, not the loop device.
func TestWhatALoopDeviceIsUsedForIsNamed(t *testing.T) {
	sys := t.TempDir()
	for name, text := range map[string]string{
		"dev": "7:9\n", "loop9p1/dev": "259:3\n", "loop9p1/partition": "1\n", "holders/dm-0/dev": "", "loop9p1/holders/dm-1/dev": "",
	} {
		path := filepath.Join(sys, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	got := usedFor(sys, []MountInfo{{Device: "7:9", Mountpoint: "/mnt/disk"}, {Device: "259:3", Mountpoint: "/mnt/part"}, {Device: "7:8", Mountpoint: "/other"}})
	if want := ", mounted on /mnt/disk, in use by /dev/dm-0, mounted on /mnt/part, in use by /dev/dm-1"; got != want {
		t.Errorf("got %q", got)
	}
	if got := usedFor(t.TempDir(), nil); got != "" {
		t.Errorf("of one that is not used: %q", got)
	}
}

// When a server hangs, a program that unmounts must not hang with it.
func TestMountOfAStoppedServerCanBeUnmounted(t *testing.T) {
	r := mounted(t, sample(idA))
	if len(mountInfoAt(t, r.mnt).Servers()) == 0 {
		need.Missing(t, "this kernel does not tell who serves")
	}
	pid := r.cmd.Process.Pid
	syscall.Kill(pid, syscall.SIGSTOP)
	defer syscall.Kill(pid, syscall.SIGCONT)
	done := make(chan struct{})
	go func() {
		defer close(done)
		mustRefuse(t, r.mnt, nil, ErrMountpoint, "mounted there already")
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(r.mnt, link); err != nil {
			t.Error(err)
		}
		if err := Unmount(within100ms(t), link, UnmountOptions{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v: the server has not let go", err)
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("it hangs")
	}
	mounts, err := readMountInfo()
	if err != nil || mountAt(mounts, r.mnt) != nil {
		t.Errorf("still mounted, %v", err)
	}
}

func TestTwoCanUnmountAtOnce(t *testing.T) {
	r := mounted(t, sample(idA))
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() { errs <- Unmount(t.Context(), r.mnt, UnmountOptions{}) }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil && !errors.Is(err, ErrNotMounted) {
			t.Error(err)
		}
	}
}

func TestMountInsideIsNamed(t *testing.T) {
	r := mounted(t, sample(idA))
	inside := r.path("backups", idA)
	if err := unix.Mount("tmpfs", inside, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	err := Unmount(within100ms(t), r.mnt, UnmountOptions{})
	if err == nil || !strings.Contains(err.Error(), "a mount of type tmpfs ("+inside+")") {
		t.Error(err)
	}
	if err := unix.Unmount(inside, 0); err != nil {
		t.Error(err)
	}
}

func TestCoveredMountIsNotMistaken(t *testing.T) {
	r := mounted(t, sample(idA))
	if err := unix.Mount("cover", r.mnt, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	if err := Unmount(t.Context(), r.mnt, UnmountOptions{}); !errors.Is(err, ErrNotMounted) {
		t.Errorf("from outside: %v", err)
	}
	err := r.try("Unmount", &UnmountArgs{Mountpoint: r.mnt, Timeout: time.Second}, nil)
	if err == nil || !strings.Contains(err.Error(), "another mount (cover, type tmpfs) covers it") {
		t.Errorf("by the server: %v", err)
	}
	if err := unix.Unmount(r.mnt, 0); err != nil {
		t.Error(err)
	}
}

// Between looking at a mount and unmounting it another process may clear it away and mount there
// itself.
func TestAMountThatTookThePlaceOfAnotherStays(t *testing.T) {
	r := mounted(t, sample(idA))
	stale := mountInfoAt(t, r.mnt)
	if err := stale.detachDead(); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("one that is served, as if it was dead: %v", err)
	}
	r.call("Unmount", &UnmountArgs{Mountpoint: r.mnt, Timeout: time.Minute}, nil)
	if err := unix.Mount("other", r.mnt, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	for what, unmount := range map[string]func() error{
		"dead":    stale.detachDead,
		"at once": func() error { return unmountOnce(t.Context(), &stale, false) },
		"lazily":  func() error { return unmountOnce(t.Context(), &stale, true) },
		"own":     func() error { return detachOwn(r.mnt) },
	} {
		if err := unmount(); err == nil {
			t.Errorf("%s: another mount was taken down", what)
		}
	}
	mounts, err := readMountInfo()
	if err != nil {
		t.Fatal(err)
	}
	if m := mountAt(mounts, r.mnt); m == nil || m.Type != "tmpfs" {
		t.Fatalf("there is %+v", m)
	}
	if err := unix.Unmount(r.mnt, 0); err != nil {
		t.Error(err)
	}
}

// The kernel uses the id of an unmounted mount again for the next.
func TestAMountWithTheNumberOfAnotherStays(t *testing.T) {
	r := mounted(t, sample(idA))
	own := mountInfoAt(t, r.mnt)
	holder := exec.Command("sleep", "100") // has a copy of the mount, which keeps the server alive
	holder.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer holder.Process.Kill()
	detach(r.mnt)
	if err := unix.Mount("other", r.mnt, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	mounts, err := readMountInfo()
	if err != nil {
		t.Fatal(err)
	}
	if m := mountAt(mounts, r.mnt); m == nil || m.ID != own.ID {
		t.Logf("the number of %+v was not given again", own)
	}
	if err := r.try("Unmount", &UnmountArgs{Mountpoint: r.mnt, Timeout: 300 * time.Millisecond}, nil); err == nil || !strings.Contains(err.Error(), "still in use") {
		t.Errorf("while it is held: %v", err)
	}
	holder.Process.Kill()
	holder.Wait()
	r.call("Unmount", &UnmountArgs{Mountpoint: r.mnt, Timeout: time.Minute}, nil)
	if err := unix.Unmount(r.mnt, 0); err != nil {
		t.Errorf("another's mount was taken down: %v", err)
	}
}

func TestALazyUnmountLetsReadersFinish(t *testing.T) {
	for what, unmount := range map[string]func(*remote) error{
		"from outside": func(r *remote) error { return Unmount(r.t.Context(), r.mnt, UnmountOptions{Lazy: true}) },
		"by the server": func(r *remote) error {
			return r.try("Unmount", &UnmountArgs{Mountpoint: r.mnt, Lazy: true, Timeout: time.Minute}, nil)
		},
	} {
		t.Run(what, func(t *testing.T) {
			b := sample(idA)
			r := mounted(t, b)
			f, err := os.Open(r.path("backups", idA, "volume.raw"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := unmount(r); err != nil {
				t.Fatal(err)
			}
			equalNames(t, readDirNames(t, r.mnt))
			if _, err := f.ReadAt(make([]byte, 4096), 4<<20); err != nil {
				t.Errorf("a reader that was there: %v", err)
			}
			err = r.try("Unmount", &UnmountArgs{Mountpoint: r.mnt, Timeout: 50 * time.Millisecond}, nil)
			if err == nil || !strings.Contains(err.Error(), "still in use") {
				t.Errorf("waiting for the reader: %v", err)
			}
			f.Close()
			r.call("Wait", &r.mnt, nil)
		})
	}
}

// When the connection is aborted the kernel releases no file.
func TestAbortedConnectionClosesTheVolumes(t *testing.T) {
	b := sample(idA)
	b.Hanging = [2]int64{4 << 20, 5 << 20}
	r := mounted(t, b)
	f, err := os.Open(r.path("backups", idA, "volume.raw"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ended := make(chan error, 1)
	go func() { _, err := f.ReadAt(make([]byte, 4096), 4<<20); ended <- err }()
	eventually(t, "the reader waits", func() bool { return r.stats().Waiting > 0 })
	if err := unix.Unmount(r.mnt, unix.MNT_FORCE); err != nil && !errors.Is(err, unix.EBUSY) {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("the reader got bytes")
	}
	r.call("Wait", &r.mnt, nil)
	f.Close()
	unix.Unmount(r.mnt, 0)
	if s := r.stats(); s.Opens != 1 || s.Closes != 1 {
		t.Errorf("%+v", s)
	}
}

func TestDeadMountCanBeUnmounted(t *testing.T) {
	r := mounted(t, sample(idA))
	r.kill()
	eventually(t, "the mount is dead", func() bool { _, err := os.Stat(r.mnt); return errors.Is(err, syscall.ENOTCONN) })
	if err := Unmount(t.Context(), r.mnt, UnmountOptions{AwaitExit: true}); err != nil {
		t.Error(err)
	}
}

func TestAnUnmountThatAnotherNamespaceDelaysSaysSo(t *testing.T) {
	// A program finds its libraries below /usr where /bin and /lib are links into it.
	for name, root := range map[string]string{"by any process": "", "by one that is confined to a directory": "/usr"} {
		trial := exec.Command("/bin/true")
		trial.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Chroot: root}
		if err := trial.Run(); err != nil {
			t.Logf("not tried: %s: %v", name, err)
			continue
		}
		r := mounted(t, sample(idA))
		other := exec.Command("/bin/sleep", "100")
		other.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Chroot: root}
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		err := r.try("Unmount", &UnmountArgs{Mountpoint: r.mnt, Timeout: 300 * time.Millisecond}, nil)
		for _, part := range []string{"in another mount namespace, with ", r.mnt, "nsenter -t " + strconv.Itoa(other.Process.Pid)} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v", name, err)
			}
		}
		other.Process.Kill()
		other.Wait()
	}
}
