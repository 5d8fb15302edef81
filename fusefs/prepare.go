package fusefs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cache/private/lock"
)

// ErrMountpoint means that the directory cannot be a mountpoint.
var ErrMountpoint = errors.New("not a usable mountpoint")

// ErrNoFUSE means that this machine, container or user cannot mount FUSE file systems.
var ErrNoFUSE = errors.New("FUSE cannot be used")

const (
	// autofs is the type of a mountpoint where an automounter waits for the first access: the mount
	// that it then requests covers its own. The kernel knows the automounter's helpers by their
	// process group and lets no other process in until they are done; see "oz_mode" in
	// Documentation/filesystems/autofs.rst of Linux.
	autofs = "autofs"

	devFuse  = "/dev/fuse"
	fuseConf = "/etc/fuse.conf"
)

// prepare checks everything that can be checked before mounting, clears away a dead restorefs
// mount, and returns the mountpoint without symbolic links. Until claim is closed prepare does not
// return the same mountpoint to another process.
func prepare(ctx context.Context, mountpoint string, o Options, log *slog.Logger) (path string,
	claim io.Closer, err error) {
	if err := ctx.Err(); err != nil {
		return "", nil, err
	}
	path, err = clearMountpoint(mountpoint, log)
	if err != nil {
		return "", nil, err
	}
	d, err := claimDirectory(ctx, path)
	if err != nil {
		return "", nil, err
	}
	mounts, err := readMountInfo()
	if err == nil {
		// mounted by the process that held the claim before
		if m := mountAt(mounts, path); m != nil && m.Type != autofs {
			err = occupied(m)
		}
	}
	if err == nil {
		err = checkOverlap(mounts, path, o.Avoid)
	}
	if err == nil {
		err = checkEmpty(d)
	}
	if err == nil {
		err = checkFUSE(path, o)
	}
	if err != nil {
		d.Close()
		return "", nil, err
	}
	return path, d, nil
}

func noMountpoint(mountpoint string) error {
	return fmt.Errorf("%w: it does not exist; make it with mkdir -p %s", ErrMountpoint, mountpoint)
}

func occupied(m *MountInfo) error {
	return fmt.Errorf("%w: %s is mounted there already (type %s); unmount it or choose "+
		"another directory", ErrMountpoint, m.Source, m.Type)
}

// clearMountpoint resolves a mountpoint and clears away dead restorefs mounts on it.
func clearMountpoint(mountpoint string, log *slog.Logger) (string, error) {
	mounts, err := readMountInfo()
	if err != nil {
		return "", err
	}
	path, err := resolveMountpoint(mounts, mountpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return "", noMountpoint(mountpoint)
	}
	if err != nil {
		return "", err
	}
	for m := mountAt(mounts, path); m != nil && m.Type != autofs; m = mountAt(mounts, path) {
		if !dead(m) {
			return "", occupied(m)
		}
		log.Warn("clearing away a restorefs mount whose server died", "mountpoint", path)
		// otherwise another process was faster
		if err := m.detachDead(); err != nil && m.exists() && dead(m) {
			return "", fmt.Errorf(
				"clear away a restorefs mount whose server died (try umount -l %s): %w", path, err)
		}
		if mounts, err = readMountInfo(); err != nil {
			return "", err
		}
	}
	return path, nil
}

// resolveMountpoint resolves symbolic links. It stops at a mount without touching it: its server
// may be dead, or hang.
func resolveMountpoint(mounts []MountInfo, path string) (string, error) {
	const most = 40 // links, as in the kernel
	for range most {
		abs, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		parent, err := filepath.EvalSymlinks(filepath.Dir(abs))
		if err != nil {
			return "", err
		}
		path = filepath.Join(parent, filepath.Base(abs))
		if mountAt(mounts, path) != nil {
			return path, nil
		}
		target, err := os.Readlink(path)
		if errors.Is(err, syscall.EINVAL) { // no link
			return path, nil
		}
		if err != nil {
			return "", err
		}
		if path = target; !filepath.IsAbs(target) {
			path = filepath.Join(parent, target)
		}
	}
	return "", &fs.PathError{Op: "resolve", Path: path, Err: syscall.ELOOP}
}

// dead says whether a mount is a restorefs mount that is no longer served.
func dead(m *MountInfo) bool {
	if m.Type != fstype || len(m.Servers()) > 0 {
		return false
	}
	// Not every kernel tells which process serves a mount.
	var st unix.Statfs_t
	return errors.Is(unix.Statfs(m.Mountpoint, &st), unix.ENOTCONN)
}

// claimWait is how long to wait for another process that is mounting on the directory.
const claimWait = 5 * time.Second

// claimDirectory opens a directory and locks it, if its file system can do that: of two processes
// that mount there at once, the second sees the mount of the first.
func claimDirectory(ctx context.Context, path string) (*os.File, error) {
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := d.Stat()
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%w: it is not a directory", ErrMountpoint)
	}
	if err == nil {
		switch held := lock.Wait(ctx, d, lock.Exclusive, claimWait); {
		case errors.Is(held, lock.ErrHeld):
			err = fmt.Errorf("%w: %w, perhaps to mount there too", ErrMountpoint, held)
		case held != nil:
			err = ctx.Err() // otherwise there are no locks on this file system
		}
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func checkEmpty(d *os.File) error {
	_, err := d.Readdirnames(1)
	if err == nil {
		return fmt.Errorf("%w: it is not empty, and the mount would hide what is in it; "+
			"choose an empty directory", ErrMountpoint)
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// checkFUSE says in plain words why mounting would fail.
func checkFUSE(path string, o Options) error {
	_, err := os.Stat(devFuse)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is no %s; try modprobe fuse, or give the container the "+
			"device (--device %s --cap-add SYS_ADMIN)",
			ErrNoFUSE, devFuse, devFuse)
	}
	if err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		f, err := os.OpenFile(devFuse, os.O_RDWR, 0)
		if err != nil {
			return fmt.Errorf("%w: %w; in a container, give it the device (--device %s "+
				"--cap-add SYS_ADMIN)", ErrNoFUSE, err, devFuse)
		}
		return f.Close()
	}
	bin, err := fusermount()
	if err == nil {
		err = checkSetuid(bin)
	}
	if err != nil {
		return err
	}
	if set, _ := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); set == 1 {
		return fmt.Errorf(
			"%w: fusermount3 is setuid root, and no_new_privs of this process keeps it from that; "+
				"a service of systemd needs NoNewPrivileges=no and nothing that implies it, "+
				"as restorefs-user.conf has it", ErrNoFUSE)
	}
	if unix.Access(path, unix.W_OK) != nil {
		return fmt.Errorf("%w: you may not write to it, which mounting without root requires",
			ErrMountpoint)
	}
	if o.AllowOther && !userAllowOther() {
		return fmt.Errorf("%w: only root may let other users in, unless %s has the line "+
			"user_allow_other", ErrNoFUSE, fuseConf)
	}
	return nil
}

// fusermount finds the setuid helper; PATH may be empty under systemd.
func fusermount() (string, error) {
	for _, name := range []string{"fusermount3", "/bin/fusermount3", "fusermount",
		"/bin/fusermount"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: mounting without root needs fusermount3; install the package fuse3",
		ErrNoFUSE)
}

// checkSetuid says why a setuid helper cannot become root. A helper with file capabilities, as in
// some distributions, is left to report that itself.
func checkSetuid(bin string) error {
	var st unix.Stat_t
	var on unix.Statfs_t
	if unix.Stat(bin, &st) != nil || unix.Statfs(bin, &on) != nil {
		return nil
	}
	if n, err := unix.Getxattr(bin, "security.capability", nil); err == nil && n > 0 {
		return nil
	}
	switch {
	case st.Uid != 0 || st.Mode&unix.S_ISUID == 0:
		return fmt.Errorf("%w: %s is not setuid root, without which only root may mount; "+
			"install the package fuse3 again, or as root: "+
			"chown root %s && chmod u+s %s", ErrNoFUSE, bin, bin, bin)
	case on.Flags&unix.ST_NOSUID != 0:
		return fmt.Errorf("%w: %s lies on a file system that is mounted nosuid, where it cannot "+
			"become root, without which only root may mount", ErrNoFUSE, bin)
	}
	return nil
}

func userAllowOther() bool {
	f, err := os.Open(fuseConf)
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.TrimSpace(lines.Text()) == "user_allow_other" {
			return true
		}
	}
	return false
}

// explainMount adds the likely cause to errors of mount(2).
func explainMount(err error) error {
	switch {
	case errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%w: %w: CAP_SYS_ADMIN is missing; in a container, add it (--cap-add "+
			"SYS_ADMIN) and see its AppArmor profile", ErrNoFUSE, err)
	case errors.Is(err, syscall.ENODEV):
		return fmt.Errorf("%w: %w: the kernel has no FUSE; try modprobe fuse", ErrNoFUSE, err)
	case os.Geteuid() != 0:
		// go-fuse returns only the wait status of fusermount3.
		return fmt.Errorf("fusermount3 did not mount; it wrote the reason to standard error (it " +
			"must be setuid root, of the package fuse3, " +
			"no service with NoNewPrivileges may have started restorefs, and a container needs " +
			"CAP_SYS_ADMIN and /dev/fuse)")
	default:
		return err
	}
}
