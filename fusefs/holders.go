package fusefs

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Holder is something that keeps a mount busy.
type Holder struct {
	PID     int    // 0: not a process
	Command string // of the process, or the loop device, or the mount on top
	Path    string // what it uses
}

func (h Holder) String() string {
	if h.PID == 0 {
		return fmt.Sprintf("%s (%s)", h.Command, h.Path)
	}
	return fmt.Sprintf("%s[%d] (%s)", h.Command, h.PID, h.Path)
}

// findHolders looks for who uses the mount: processes with a file or their
// working directory in it, loop devices, mounts inside. It reads names that
// the kernel tells, and does not touch the mount; what it may not see it
// leaves out. One finding a process.
func findHolders(mountpoint string) []Holder {
	var found []Holder
	processes(func(pid int, dir string) {
		links := []string{dir + "/cwd", dir + "/root", dir + "/exe"}
		fds, _ := filepath.Glob(dir + "/fd/*")
		for _, link := range append(links, fds...) {
			if path, err := os.Readlink(link); err == nil && within(path, mountpoint) {
				found = append(found, Holder{pid, command(dir), path})
				return
			}
		}
	})
	loops, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, file := range loops {
		text, err := os.ReadFile(file)
		if path := strings.TrimSpace(string(text)); err == nil && within(path, mountpoint) {
			found = append(found, Holder{0, "/dev/" + strings.Split(file, "/")[3], path})
		}
	}
	if mounts, err := readMountInfo(); err == nil {
		for _, m := range mounts {
			if m.Mountpoint != mountpoint && within(m.Mountpoint, mountpoint) {
				found = append(found, Holder{0, "a mount of type " + m.Type, m.Mountpoint})
			}
		}
	}
	return found
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
	processes(func(pid int, dir string) {
		namespace, err := os.Readlink(dir + "/ns/mnt")
		if err != nil || seen[namespace] {
			return
		}
		seen[namespace] = true
		f, err := os.Open(dir + "/mountinfo")
		if err != nil {
			return
		}
		defer f.Close()
		mounts, err := parseMountInfo(f)
		if err != nil {
			return
		}
		for _, m := range mounts {
			if m.Device == device && m.Type == fstype {
				found = append(found, Holder{pid, command(dir), m.Mountpoint}.String())
				return
			}
		}
	})
	if len(found) == 0 {
		return "by an open file, or somewhere that cannot be looked into"
	}
	return "in another mount namespace, with " + strings.Join(found, ", ")
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
