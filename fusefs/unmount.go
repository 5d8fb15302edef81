package fusefs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNotMounted: no restorefs is mounted there.
var ErrNotMounted = errors.New("no restorefs mount")

// BusyError: the mount could not be taken down in time because it is in use.
type BusyError struct {
	Mountpoint string
	Holders    []Holder // those that could be found; may be empty
}

func (e *BusyError) Error() string {
	const hint = "; end what uses it and try again, or unmount lazily"
	if len(e.Holders) == 0 {
		return e.Mountpoint + " is in use, by whom could not be found out (another mount namespace, or a process of another user)" + hint
	}
	var who []string
	for _, h := range e.Holders {
		who = append(who, h.String())
	}
	return e.Mountpoint + " is in use by " + strings.Join(who, ", ") + hint
}

func (e *BusyError) Unwrap() error { return syscall.EBUSY }

// UnmountOptions say how to take a mount down.
type UnmountOptions struct {
	// Lazy takes a busy mount out of the tree at once, and leaves it to its
	// present users until they close their files.
	Lazy bool

	// AwaitExit makes the function Unmount wait for the end of the serving
	// process, which may have more to close than the mount. For processes
	// that serve one mount and then end.
	AwaitExit bool

	// Logger; nil: nothing is logged.
	Logger *slog.Logger
}

const (
	unmountRetryMin = 5 * time.Millisecond
	unmountRetryMax = 500 * time.Millisecond
)

// Unmount takes the mount down, trying again while it is busy until ctx is
// done, and waits for the end of serving. The error is a *BusyError if it is
// still in use then. With Lazy it returns once the mount is out of the tree;
// Wait then waits for the readers.
func (s *Server) Unmount(ctx context.Context, o UnmountOptions) error {
	select {
	case <-s.done:
		return nil
	default:
	}
	mounts, err := readMountInfo()
	if err != nil {
		return err
	}
	// It may have been moved, detached, or covered since. As long as it is served
	// nobody else has its device; its id may be another mount's by now.
	i := slices.IndexFunc(mounts, func(m MountInfo) bool { return m.ID == s.mount.ID && m.Device == s.mount.Device })
	if i >= 0 {
		at := mounts[i].Mountpoint
		if top := mountAt(mounts, at); !mounts[i].is(*top) {
			return fmt.Errorf("unmount %s: another mount (%s, type %s) covers it; unmount that first", at, top.Source, top.Type)
		}
		lazily, err := takeDown(ctx, &mounts[i], o)
		if err != nil || lazily {
			return err
		}
	}
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("unmounted %s, but it is still in use, %s: %w", s.mountpoint, keptBy(s.mount.Device), ctx.Err())
	}
}

// Unmount takes down the restorefs mount on a directory, served by whatever
// process or by none any more, trying again while it is busy until ctx is
// done; then the error is a *BusyError. It waits until the serving process,
// if that can be found (MountInfo.Servers), has let go of the mount too. With
// Lazy it does not wait for a busy one.
//
// The process that serves the mount uses Server.Unmount.
func Unmount(ctx context.Context, mountpoint string, o UnmountOptions) error {
	mounts, err := readMountInfo()
	if err != nil {
		return err
	}
	path, err := resolveMountpoint(mounts, mountpoint)
	if err != nil {
		return fmt.Errorf("unmount %s: %w", mountpoint, err)
	}
	m := mountAt(mounts, path)
	if m == nil || m.Type == autofs {
		return fmt.Errorf("unmount %s: %w: nothing is mounted there", mountpoint, ErrNotMounted)
	}
	if m.Type != fstype {
		return fmt.Errorf("unmount %s: %w: it is %s, of type %s", mountpoint, ErrNotMounted, m.Source, m.Type)
	}
	servers := findServers(m)
	defer func() {
		for _, s := range servers {
			s.close()
		}
	}()
	lazily, err := takeDown(ctx, m, o)
	if err != nil || lazily {
		return err
	}
	for _, s := range servers {
		if err := s.wait(ctx, o.AwaitExit, o.Logger); err != nil {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
	return nil
}

// takeDown unmounts; lazily says that it had to be detached while in use.
func takeDown(ctx context.Context, m *MountInfo, o UnmountOptions) (lazily bool, err error) {
	path, warned := m.Mountpoint, false
	for delay := unmountRetryMin; ; delay = min(2*delay, unmountRetryMax) {
		err := unmountOnce(ctx, m, false)
		if err != nil && !m.exists() {
			return false, nil // somebody else was faster
		}
		if !errors.Is(err, syscall.EBUSY) {
			return false, err
		}
		// What was just closed may take the kernel a moment.
		if delay >= unmountRetryMax/8 {
			if o.Lazy {
				return true, unmountOnce(ctx, m, true)
			}
			if !warned && o.Logger != nil {
				o.Logger.Warn("waiting: " + (&BusyError{path, findHolders(path)}).Error())
			}
			warned = true
		}
		select {
		case <-ctx.Done():
			return false, &BusyError{path, findHolders(path)}
		case <-time.After(delay):
		}
	}
}

// exists says whether a mount is still there, also if it is covered.
func (m *MountInfo) exists() bool {
	mounts, err := readMountInfo()
	return err != nil || slices.ContainsFunc(mounts, m.is)
}

// is compares mounts. The kernel gives the numbers of one that is gone to the
// next.
func (m *MountInfo) is(o MountInfo) bool {
	return m.ID == o.ID && m.Device == o.Device && m.Mountpoint == o.Mountpoint && m.Type == o.Type
}

// onTop fails if something else than m is reached at its mountpoint by now.
func (m *MountInfo) onTop() error {
	mounts, err := readMountInfo()
	if err != nil {
		return err
	}
	if top := mountAt(mounts, m.Mountpoint); top == nil || !m.is(*top) {
		return fmt.Errorf("unmount %s: it is another mount by now, or none: %w", m.Mountpoint, syscall.EINVAL)
	}
	return nil
}

// open returns a descriptor for the root of a mount, which it does not touch.
// The mount is not another one's as long as that is open.
func (m *MountInfo) open() (*os.File, error) {
	fd, err := unix.Open(m.Mountpoint, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: m.Mountpoint, Err: err}
	}
	f := os.NewFile(uintptr(fd), m.Mountpoint)
	if err = m.onTop(); err == nil {
		var info []byte
		info, err = os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
		if err == nil && !strings.Contains("\n"+string(info), "\nmnt_id:\t"+m.ID+"\n") {
			err = fmt.Errorf("unmount %s: it is another mount by now: %w", m.Mountpoint, syscall.EINVAL)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// detachDead takes a mount out of the tree that nobody serves any more. Should
// it have been replaced in the meantime, by another who cleared it away, the new
// one stays.
func (m *MountInfo) detachDead() error {
	if os.Geteuid() != 0 {
		return unmountOnce(context.Background(), m, true)
	}
	f, err := m.open()
	if err != nil {
		return err
	}
	defer f.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); !errors.Is(err, unix.ENOTCONN) {
		return fmt.Errorf("unmount %s: it is served: %w", m.Mountpoint, syscall.EBUSY)
	}
	return detachOpen(f)
}

// detachOpen takes the mount out of the tree whose root f is.
func detachOpen(f *os.File) error {
	if err := unix.Unmount(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount %s: %w", f.Name(), err)
	}
	return nil
}

// unmountOnce unmounts m, and nothing else that is there by now; or detaches it.
// A busy mount is EBUSY if it is not to be detached.
func unmountOnce(ctx context.Context, m *MountInfo, lazy bool) error {
	path := m.Mountpoint
	if os.Geteuid() == 0 && lazy {
		f, err := m.open()
		if err != nil {
			return err
		}
		defer f.Close()
		return detachOpen(f)
	}
	if err := m.onTop(); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if err := unix.Unmount(path, unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
		return nil
	}
	bin, err := fusermount()
	if err != nil {
		return err
	}
	args := []string{"-u", path}
	if lazy {
		args = []string{"-u", "-z", path}
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), bin, args...)
	cmd.Env = []string{"LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return nil
	case strings.Contains(string(out), "busy"):
		return fmt.Errorf("unmount %s: %w", path, syscall.EBUSY)
	default:
		return fmt.Errorf("unmount %s: %w: %s", path, err, strings.TrimSpace(string(out)))
	}
}
