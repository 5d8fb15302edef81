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

// ErrNotMounted means that no restorefs is mounted there.
var ErrNotMounted = errors.New("no restorefs mount")

// BusyError says that a mount could not be unmounted in time because it is in use.
type BusyError struct {
	Mountpoint string
	Holders    []Holder // those that could be found; may be empty
}

func (e *BusyError) Error() string {
	const hint = "; end what uses it and try again, or unmount lazily"
	if len(e.Holders) == 0 {
		return e.Mountpoint +
			" is in use, but what uses it was not found (it may be in another mount namespace, " +
			"or a process of another user)" + hint
	}
	var who []string
	for _, h := range e.Holders {
		who = append(who, h.String())
	}
	return e.Mountpoint + " is in use by " + strings.Join(who, ", ") + hint
}

func (e *BusyError) Unwrap() error { return syscall.EBUSY }

// UnmountOptions say how to unmount.
type UnmountOptions struct {
	// Lazy detaches a busy mount at once; programs that use it keep it until they close their
	// files.
	Lazy bool

	// AwaitExit makes the function Unmount wait until the serving process has ended, which may have
	// more to close than the mount. It is for processes that serve one mount and then end.
	AwaitExit bool

	// Logger; nil: nothing is logged.
	Logger *slog.Logger
}

const (
	unmountRetryMin = 5 * time.Millisecond
	unmountRetryMax = 500 * time.Millisecond
)

// Unmount unmounts, trying again while the mount is busy until ctx is done, and waits until nothing
// is served any more. The error is a *BusyError if the mount is still busy. With Lazy it returns
// once the mount is detached; Wait then waits for the readers.
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
	// The mount may have been moved, detached, or covered since. Its id may belong to another mount
	// by now, but not its device, as long as it is served.
	i := slices.IndexFunc(mounts,
		func(m MountInfo) bool { return m.ID == s.mount.ID && m.Device == s.mount.Device })
	if i >= 0 {
		at := mounts[i].Mountpoint
		if top := mountAt(mounts, at); !mounts[i].is(*top) {
			return fmt.Errorf("unmount %s: another mount (%s, type %s) covers it; "+
				"unmount that first", at, top.Source, top.Type)
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
		return fmt.Errorf("unmounted %s, but it is still in use, %s: %w", s.mountpoint,
			keptBy(s.mount.Device), ctx.Err())
	}
}

// Unmount unmounts the restorefs mount on a directory, whichever process serves it, if any. It
// tries again while the mount is busy until ctx is done; the error is then a *BusyError. It also
// waits until the serving process, if it can be found (MountInfo.Servers), has closed the
// connection. With Lazy it does not wait for a busy mount.
//
// The process that serves the mount must use Server.Unmount.
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
		return fmt.Errorf("unmount %s: %w: it is %s, of type %s", mountpoint, ErrNotMounted,
			m.Source, m.Type)
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

// takeDown unmounts m; lazily says that it was detached while in use.
func takeDown(ctx context.Context, m *MountInfo, o UnmountOptions) (lazily bool, err error) {
	path, warned := m.Mountpoint, false
	for delay := unmountRetryMin; ; delay = min(2*delay, unmountRetryMax) {
		err := unmountOnce(ctx, m, false)
		if err != nil && !m.exists() {
			return false, nil // another process was faster
		}
		if !errors.Is(err, syscall.EBUSY) {
			return false, err
		}
		// After a file was closed the kernel may need a moment.
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

// exists says whether a mount still exists, even if it is covered.
func (m *MountInfo) exists() bool {
	mounts, err := readMountInfo()
	return err != nil || slices.ContainsFunc(mounts, m.is)
}

// is says whether two descriptions are of the same mount. The id alone does not tell, as the kernel
// uses the ids of unmounted mounts again.
func (m *MountInfo) is(o MountInfo) bool {
	return m.ID == o.ID && m.Device == o.Device && m.Mountpoint == o.Mountpoint && m.Type == o.Type
}

// onTop fails if the top mount on m's mountpoint is no longer m.
func (m *MountInfo) onTop() error {
	mounts, err := readMountInfo()
	if err != nil {
		return err
	}
	if top := mountAt(mounts, m.Mountpoint); top == nil || !m.is(*top) {
		return fmt.Errorf("unmount %s: it is another mount by now, or none: %w", m.Mountpoint,
			syscall.EINVAL)
	}
	return nil
}

// open returns a descriptor for the root of a mount without touching it. As long as the descriptor
// is open, the mount's id is not used again.
func (m *MountInfo) open() (*os.File, error) {
	fd, err := unix.Open(m.Mountpoint, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC,
		0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: m.Mountpoint, Err: err}
	}
	f := os.NewFile(uintptr(fd), m.Mountpoint)
	if err = m.onTop(); err == nil {
		var info []byte
		info, err = os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
		if err == nil && !strings.Contains("\n"+string(info), "\nmnt_id:\t"+m.ID+"\n") {
			err = fmt.Errorf("unmount %s: it is another mount by now: %w", m.Mountpoint,
				syscall.EINVAL)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// detachDead detaches a mount that is no longer served. If another process has cleared it away
// meanwhile and mounted there, the new mount stays.
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

// detachOpen detaches the mount whose root is f.
func detachOpen(f *os.File) error {
	if err := unix.Unmount(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount %s: %w", f.Name(), err)
	}
	return nil
}

// unmountOnce unmounts m or, if lazy, detaches it; never another mount on the same directory. For a
// busy mount the error is EBUSY unless lazy.
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
