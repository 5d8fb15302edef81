package nfsmount

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/backupstore/share"
	"github.com/restorefs/restorefs/cache/private/lock"
	"github.com/restorefs/restorefs/fusefs/mountinfo"
)

const (
	// runtimeDir is where the package makes its mounts, which are detached at
	// once.
	runtimeDir = "/run/restorefs"
	ownPrefix  = "nfs-"
	// mountTimeout bounds the program mount, which tries for two minutes by
	// itself.
	mountTimeout = 150 * time.Second
	// killWait is how long to wait for a program mount that was killed.
	killWait = 2 * time.Second
	// tellAfter is how long Open waits for a server before it says so.
	tellAfter = 5 * time.Second
)

// ErrMount is wrapped by the errors of an export that could not be mounted.
var ErrMount = errors.New("the share is not mounted and cannot be mounted")

// NoClientError says that the kernel's client is not for this process: it cannot mount anything
// from NFS. It wraps ErrMount.
type NoClientError struct {
	Export Export
	Reason error
}

// Error implements error. It says what to do instead.
func (e *NoClientError) Error() string {
	return fmt.Sprintf("%v: %s: %v; %s", ErrMount, e.Export, e.Reason, byHand(e.Export))
}

// Unwrap returns the reason, and ErrMount.
func (e *NoClientError) Unwrap() []error { return []error{ErrMount, e.Reason} }

// byHand says how else an export can be read.
func byHand(e Export) string {
	return fmt.Sprintf(
		"mount it yourself (mount -t nfs -o ro %s DIRECTORY) and give the DIRECTORY as the share, "+
			"or give %s, which needs no mount", e, e.URL())
}

// ownOptions come last and thus override others. Reading needs no locks, which
// for NFSv3 would need another service.
const ownOptions = "ro,nosuid,nodev,noexec,nolock"

// mountOwn mounts e, opens its root and detaches the mount.
func mountOwn(ctx context.Context, e Export, o Options) (*share.Dir, error) {
	if os.Geteuid() != 0 {
		return nil, &NoClientError{e, errNotRoot}
	}
	s, err := o.mountIn(ctx, e)
	none, cannot := errors.AsType[*cannotError](err)
	switch {
	case err == nil:
		o.Logger.Info("mounted the share", "share", e.String())
		return s, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("mount %s: %w", e, ctx.Err())
	case cannot:
		return nil, &NoClientError{e, none}
	}
	return nil, fmt.Errorf("%w: %s: %w; %s", ErrMount, e, err, byHand(e))
}

var errNotRoot = errors.New("only root can mount")

// cannotError says why this machine, or this process, cannot mount anything from NFS.
type cannotError struct{ why string }

func (e *cannotError) Error() string { return e.why }

// mountIn does the same in the runtime directory, which it locks.
func (o Options) mountIn(ctx context.Context, e Export) (s *share.Dir, err error) {
	if o.Writable != nil {
		if err := o.Writable(o.runtime); err != nil {
			return nil, err
		}
	}
	unlock, err := lockDir(ctx, o.runtime)
	if err != nil {
		return nil, err
	}
	defer unlock()
	o.clean()
	dir, err := os.MkdirTemp(o.runtime, ownPrefix)
	if err != nil {
		return nil, err
	}
	// After a failure too: the program mount may have succeeded after it was
	// given up.
	defer o.takeOut(dir)
	if err := runMount(ctx, e, dir, o.MountOptions); err != nil {
		return nil, err
	}
	mounted, err := isMounted(dir)
	if err != nil {
		return nil, err
	}
	if !mounted {
		return nil, errors.New("the program mount reports success, but nothing is mounted")
	}
	return limited(ctx, o.patience, func() (*share.Dir, error) {
		if err := answers(dir); err != nil {
			return nil, err
		}
		return share.OpenDirAs(context.Background(), dir, e.String(), o.Logger,
			func(ctx context.Context) (*share.Dir, error) { return mountOwn(ctx, e, o) })
	})
}

// lockDir makes dir, which only root may be able to write, and locks it.
func lockDir(ctx context.Context, dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(int(f.Fd()), &st); err == nil && (int(st.Uid) != os.Geteuid() ||
		st.Mode&0o022 != 0) {
		err = fmt.Errorf("%s belongs to others, or they may write to it: it must be root's "+
			"own, mode 0700", dir)
	}
	if err == nil {
		err = lock.Wait(ctx, f, lock.Exclusive, lock.Forever)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// clean detaches mounts left by runs that were killed after they had mounted.
// As this process holds the lock, no mount there is in use.
func (o Options) clean() {
	left, _ := filepath.Glob(filepath.Join(o.runtime, ownPrefix+"*"))
	for _, dir := range left {
		o.takeOut(dir)
	}
}

// takeOut detaches all mounts on dir and removes dir. Open directories stay
// usable.
func (o Options) takeOut(dir string) {
	for range 10 {
		if err := unix.Unmount(dir, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			break
		}
	}
	if err := os.Remove(dir); err != nil {
		o.Logger.Warn("a directory for mounting is left behind", "dir", dir, "err", err)
	}
}

// isMounted reports whether something is mounted on dir.
func isMounted(dir string) (bool, error) {
	mounts, err := mountinfo.Read(mountinfo.Own)
	if slices.ContainsFunc(mounts, func(m mountinfo.Mount) bool { return m.Mountpoint == dir }) {
		return true, nil
	}
	return false, err
}

// runMount runs mount(8).
func runMount(ctx context.Context, e Export, dir, options string) error {
	options = strings.Trim(options+","+ownOptions, ",")
	if strings.ContainsFunc(options, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("there is a space in the mount options %q", options)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, mountTimeout,
		fmt.Errorf("%w for %v", errSilent, mountTimeout))
	defer cancel()
	cmd := exec.Command("mount", "-n", "-t", "nfs", "-o", options, e.String(), dir)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true} // to kill mount.nfs too, which mount starts
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run the program mount: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		// While it waits in the kernel, even SIGKILL may not end it.
		select {
		case <-ended:
		case <-time.After(killWait):
		}
		return context.Cause(ctx)
	}
	if err == nil {
		return nil
	}
	said := strings.Join(strings.Fields(strings.ReplaceAll(out.String(), dir, "the share")), " ")
	if len(said) > 400 {
		said = said[:400] + "..."
	}
	if why := missing(said); why != "" {
		return &cannotError{fmt.Sprintf("%s (mount: %v: %s)", why, err, said)}
	}
	return fmt.Errorf("mount: %w: %s%s", err, said, advice(said))
}

// missing says what mounting lacks here after it has failed, "" if nothing.
func missing(said string) string {
	_, err := exec.LookPath("mount.nfs")
	for _, dir := range []string{"/sbin", "/usr/sbin"} {
		if err != nil {
			_, err = os.Stat(filepath.Join(dir, "mount.nfs"))
		}
	}
	known, readErr := os.ReadFile("/proc/filesystems")
	switch {
	case err != nil:
		return "there is no mount.nfs here: install nfs-common, or nfs-utils as others call it"
	case readErr == nil && !hasClient(string(known)):
		return "the kernel here has no NFS client: load it with \"modprobe nfs\", " +
			"or work on a machine that has one"
	case strings.Contains(said, "Operation not permitted") && !mayMount():
		return "this process may not mount, as in a container without privileges"
	}
	return ""
}

// hasClient reports whether the kernel's client is among /proc/filesystems, where its server nfsd
// may be too.
func hasClient(known string) bool {
	names := strings.Fields(known)
	return slices.Contains(names, "nfs") || slices.Contains(names, "nfs4")
}

// mayMount reports whether the process has CAP_SYS_ADMIN.
func mayMount() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return true
	}
	return data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// advice says what the operator can do about a failure to mount.
func advice(said string) string {
	if strings.Contains(said, "access denied") {
		return " (the server does not export that to this machine: see its exports)"
	}
	return ""
}
