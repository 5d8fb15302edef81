package fusefs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/fusefs/mountinfo"
)

// Holder is something that keeps a mount busy.
type Holder struct {
	PID     int    // 0: not a process
	Command string // of the process, or the loop device, or the mount on top
	Path    string // what it uses
	Above   string // of a loop device: what must end first, as ", mounted on /mnt"
}

func (h Holder) String() string {
	if h.PID == 0 {
		return fmt.Sprintf("%s (%s)%s", h.Command, h.Path, h.Above)
	}
	return fmt.Sprintf("%s[%d] (%s)", h.Command, h.PID, h.Path)
}

// findHolders looks for what uses the mount: processes with a file or their
// working directory in it, loop devices, mounts inside. It reads names that
// the kernel tells, and does not touch the mount; what it may not see it
// leaves out. It names each process once.
func findHolders(mountpoint string) []Holder {
	var found []Holder
	processes(func(pid int, dir string) {
		links := []string{dir + "/cwd", dir + "/root", dir + "/exe"}
		fds, _ := filepath.Glob(dir + "/fd/*")
		for _, link := range append(links, fds...) {
			if path, err := os.Readlink(link); err == nil && within(path, mountpoint) {
				found = append(found, Holder{PID: pid, Command: command(dir), Path: path})
				return
			}
		}
	})
	mounts, err := readMountInfo()
	loops, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, file := range loops {
		text, err := os.ReadFile(file)
		if path := strings.TrimSpace(string(text)); err == nil && within(path, mountpoint) {
			name := strings.Split(file, "/")[3]
			found = append(found, Holder{Command: "/dev/" + name, Path: path,
				Above: usedFor("/sys/block/"+name, mounts)})
		}
	}
	if err == nil {
		for _, m := range mounts {
			if m.Mountpoint != mountpoint && within(m.Mountpoint, mountpoint) {
				found = append(found, Holder{Command: "a mount of type " + m.Type,
					Path: m.Mountpoint})
			}
		}
	}
	return found
}

// usedFor says what must end before a loop device can be detached: where it, or
// a partition of it, is mounted, and which devices lie on it. sys is its
// directory in sysfs.
func usedFor(sys string, mounts []MountInfo) string {
	var uses []string
	parts, _ := filepath.Glob(sys + "/*/partition")
	for _, dir := range append([]string{sys}, parts...) {
		dir = strings.TrimSuffix(dir, "/partition")
		device, err := os.ReadFile(dir + "/dev")
		if err != nil {
			continue
		}
		for _, m := range mounts {
			if m.Device == strings.TrimSpace(string(device)) {
				uses = append(uses, "mounted on "+m.Mountpoint)
			}
		}
		holders, _ := os.ReadDir(dir + "/holders")
		for _, h := range holders {
			uses = append(uses, "in use by /dev/"+h.Name())
		}
	}
	if len(uses) == 0 {
		return ""
	}
	return ", " + strings.Join(uses, ", ")
}

// keptBy says who keeps a file system alive that is unmounted here: processes
// in other mount namespaces, containers and services among them, got a copy of
// the mount when theirs was made. One finding a namespace.
func keptBy(device string) string {
	var found []string
	seen := map[string]bool{}
	if own, err := os.Readlink("/proc/self/ns/mnt"); err == nil {
		seen[own] = true
	}
	hidden := 0
	processes(func(pid int, dir string) {
		namespace, err := os.Readlink(dir + "/ns/mnt")
		if err != nil || seen[namespace] {
			if errors.Is(err, fs.ErrPermission) {
				hidden++
			}
			return
		}
		seen[namespace] = true
		mounts, err := mountsIn(dir)
		if errors.Is(err, fs.ErrPermission) {
			hidden++
		}
		for _, m := range mounts {
			if m.Device == device && m.Type == fstype {
				who := Holder{PID: pid, Command: command(dir), Path: m.Mountpoint}
				found = append(found, fmt.Sprintf("%s (end it, or: nsenter -t %d -m umount %s)",
					who, pid, m.Mountpoint))
				return
			}
		}
	})
	switch {
	case len(found) > 0:
		return "in another mount namespace, with " + strings.Join(found, ", ")
	case hidden > 0:
		return fmt.Sprintf("by an open file, or in the mount namespace of one of %d processes "+
			"that only root may look into", hidden)
	}
	return "by a file that is still open"
}

// mountsIn lists the mounts of a process's mount namespace, also those outside of
// its root directory if it is confined to one.
func mountsIn(dir string) ([]MountInfo, error) {
	if mounts, err := mountsOfNamespace(dir + "/ns/mnt"); err == nil {
		return mounts, nil
	}
	table, err := mountinfo.Read(dir + "/mountinfo")
	return asMountInfo(table, err)
}

// mountsOfNamespace lists the mounts of a namespace from its own root, for which
// a thread enters it. Only root may.
func mountsOfNamespace(path string) (mounts []MountInfo, err error) {
	namespace, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer namespace.Close()
	proc, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	onThreadThatEnds(func() {
		if err = unix.Unshare(unix.CLONE_FS); err != nil {
			return
		}
		if err = unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNS); err != nil {
			return
		}
		var fd int
		if fd, err = unix.Openat(int(proc.Fd()),
			"thread-self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return
		}
		f := os.NewFile(uintptr(fd), mountinfo.Own)
		defer f.Close()
		mounts, err = parseMountInfo(f)
	})
	return mounts, err
}

// onThreadThatEnds runs f, which changes its thread, on one that ends with it: not
// on the first of the process, which the runtime cannot end, and which is what
// /proc/self tells of.
func onThreadThatEnds(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked, if f was run
		if unix.Gettid() == unix.Getpid() {
			onThreadThatEnds(f)
			runtime.UnlockOSThread()
			return
		}
		f()
	}()
	<-done
}

// processes calls f with every process and its directory in /proc.
func processes(f func(pid int, dir string)) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			f(pid, "/proc/"+e.Name())
		}
	}
}

func command(dir string) string {
	name, err := os.ReadFile(dir + "/comm")
	if err != nil {
		return "a process"
	}
	return strings.TrimSpace(string(name))
}
