package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine says where the facts about a machine are. [Here] is this one.
type Machine struct {
	Root     string   // stands before the path of each file that is looked at; "" for this machine
	Programs []string // the directories of programs, as in PATH
	User     int      // the user id of whoever restores
	Env      func(name string) string
	Config   string // the user's directory of configurations, "" for none
	Now      time.Time

	// Limit returns a resource limit of setrlimit(2), Unlimited for none.
	Limit func(resource int) (uint64, error)
	// Free returns the bytes that the user may still write on the file system of a directory.
	Free func(dir string) (int64, error)
	// InStep says whether the clock is kept in step with others.
	InStep func() bool
}

// Unlimited is a resource limit that is none.
const Unlimited = unix.RLIM_INFINITY

// Here is this machine, and this process.
func Here() Machine {
	config, _ := os.UserConfigDir()
	return Machine{
		Programs: append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin"),
		User:     os.Geteuid(),
		Env:      os.Getenv,
		Config:   config,
		Now:      time.Now(),
		Limit: func(resource int) (uint64, error) {
			var l unix.Rlimit
			err := unix.Getrlimit(resource, &l)
			return l.Cur, err
		},
		Free: func(dir string) (int64, error) {
			var s unix.Statfs_t
			err := unix.Statfs(dir, &s)
			return int64(s.Bavail) * int64(s.Bsize), err
		},
		InStep: func() bool {
			const unsynchronised = 5 // TIME_ERROR of adjtimex(2)
			state, err := unix.Adjtimex(&unix.Timex{})
			return err != nil || state != unsynchronised
		},
	}
}

// path returns where a file of the machine is.
func (m Machine) path(elements ...string) string {
	return m.Root + filepath.Join(elements...)
}

// maxRead bounds what is read of one file; modules.dep is the largest.
const maxRead = 16 << 20

// read returns the text of a file of the machine, "" if it cannot be read or is too large for one.
func (m Machine) read(elements ...string) string {
	path := m.path(elements...)
	if st, err := os.Stat(path); err != nil || st.Size() > maxRead || !st.Mode().IsRegular() {
		return ""
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}

// program returns the path of a program, "" if there is none.
func (m Machine) program(name string) string {
	for _, dir := range m.Programs {
		path := filepath.Join(dir, name)
		st, err := os.Stat(m.path(path))
		if dir != "" && err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// fileSystem says whether the running kernel knows a type of file system.
func (m Machine) fileSystem(name string) bool {
	for line := range strings.Lines(m.read("/proc/filesystems")) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[len(fields)-1] == name {
			return true
		}
	}
	return false
}

// module says whether the running kernel could load a module.
func (m Machine) module(name string) bool {
	release := strings.TrimSpace(m.read("/proc/sys/kernel/osrelease"))
	if release == "" || strings.Contains(release, "/") {
		return false
	}
	for line := range strings.Lines(m.read("/lib/modules", release, "modules.dep")) {
		file, _, _ := strings.Cut(line, ":")
		base, _, _ := strings.Cut(filepath.Base(file), ".ko")
		if base == name {
			return true
		}
	}
	return false
}
