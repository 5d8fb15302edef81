package materialize

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// related returns the target and what shares its bytes without standing on it: its partitions, the
// disk that it is a partition of, the file behind a loop device, and other devices with these
// bytes.
func (m *machine) related(target identity) map[identity]bool {
	out := map[identity]bool{target: true}
	b := m.blocks[target.rdev]
	if target.rdev == 0 || b == nil {
		return out
	}
	loop := b.loop
	if b.whole != 0 {
		out[identity{rdev: b.whole}] = true
		if whole := m.blocks[b.whole]; whole != nil {
			loop = whole.loop
		}
	}
	for _, part := range m.blocks {
		if part.whole == target.rdev {
			out[identity{rdev: part.rdev}] = true
		}
	}
	if loop != nil && loop.backing != (identity{}) {
		out[loop.backing] = true
	}
	for id := range maps.Clone(out) {
		for _, twin := range m.twins(id.rdev) {
			out[identity{rdev: twin.rdev}] = true
		}
	}
	return out
}

// initialPIDNamespace is the inode of the namespace of all processes
// (PROC_PID_INIT_INO in the kernel's proc_ns.h).
const initialPIDNamespace = "pid:[4026531836]"

// readOpeners finds the other processes that have any of the files open for writing, by whatever
// name, or mapped for writing: a qemu that a volume is attached to does not open it exclusively.
func (h host) readOpeners(m *machine, files map[identity]bool) {
	o := openers{host: h, files: files, hung: map[string]bool{}}
	hidden := 0
	for _, pid := range h.processes() {
		name, err := o.open(pid)
		switch {
		case name != "":
			m.opens = append(m.opens, fmt.Sprintf("%s has %s open for writing",
				h.process(pid), name))
		case errors.Is(err, fs.ErrPermission) && h.isProgram(pid):
			hidden++
		}
	}
	if hidden > 0 {
		m.cannotSee("what %d processes of other users have open (root sees it)", hidden)
	}
	for _, mount := range slices.Sorted(maps.Keys(o.hung)) {
		m.cannotSee("what processes have open on %s, which does not answer", mount)
	}
	if ns, err := os.Readlink(filepath.Join(h.proc, "self/ns/pid")); err == nil &&
		ns != initialPIDNamespace {
		m.cannotSee("what processes outside of this container have open")
	} else if h.hidesProcesses() {
		m.cannotSee("what hidden processes have open (/proc is mounted with hidepid)")
	}
}

// processes lists the other processes.
func (h host) processes() (pids []string) {
	self := strconv.Itoa(os.Getpid())
	entries, _ := os.ReadDir(h.proc)
	for _, e := range entries {
		if name := e.Name(); name[0] >= '0' && name[0] <= '9' && name != self {
			pids = append(pids, name)
		}
	}
	return pids
}

// process returns the name of a process for messages.
func (h host) process(pid string) string {
	comm, _ := os.ReadFile(filepath.Join(h.proc, pid, "comm"))
	return fmt.Sprintf("process %s (%s)", pid, strings.TrimSpace(string(comm)))
}

// isProgram reports whether a process is not a kernel thread, which opens nothing of interest here,
// and has not ended.
func (h host) isProgram(pid string) bool {
	args, _ := os.ReadFile(filepath.Join(h.proc, pid, "cmdline"))
	return len(args) > 0
}

// hidesProcesses reports whether /proc may leave out processes (proc(5), hidepid).
func (h host) hidesProcesses() (hides bool) {
	if os.Geteuid() == 0 {
		return false
	}
	table, _ := h.mountTable("self")
	for _, in := range table {
		if in.Mountpoint == "/proc" {
			_, value, set := strings.Cut(in.Super, "hidepid=")
			hides = set && !strings.HasPrefix(value, "0") && !strings.HasPrefix(value, "off")
		}
	}
	return hides
}

// openers looks for files among the open files of processes.
type openers struct {
	host
	files map[identity]bool
	hung  map[string]bool // mount points whose file systems do not answer
}

// open returns the name by which a process has any of the files open for
// writing, "" if it has none; the error is that of looking.
func (o *openers) open(pid string) (name string, err error) {
	dir := filepath.Join(o.proc, pid)
	fds, err := os.ReadDir(filepath.Join(dir, "fd"))
	for _, fd := range fds {
		// The name comes first: sockets and the like need no further look.
		link := filepath.Join(dir, "fd", fd.Name())
		name, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(name, "/") ||
			!writable(filepath.Join(dir, "fdinfo", fd.Name())) {
			continue
		}
		if o.is(link, name) {
			return name, nil
		}
	}
	if err != nil {
		return "", err
	}
	text, _ := os.ReadFile(filepath.Join(dir, "maps"))
	for line := range strings.Lines(string(text)) {
		if link, name, ok := mappedForWriting(line); ok &&
			o.is(filepath.Join(dir, "map_files", link), name) {
			return name, nil
		}
	}
	return "", nil
}

// mappedForWriting parses a line of proc_pid_maps(5) and returns, of a file that is mapped shared
// and writable, its name and that of its link in map_files.
func mappedForWriting(line string) (link, name string, ok bool) {
	// START-END PERMISSIONS OFFSET DEVICE INODE [BLANKS PATH]; a path may have blanks too
	f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 6)
	if len(f) < 6 || len(f[1]) != 4 || f[1][1] != 'w' || f[1][3] != 's' {
		return "", "", false
	}
	name = strings.TrimLeft(f[5], " ")
	// Here low addresses have eight digits, there no leading zeros.
	start, end, _ := strings.Cut(f[0], "-")
	return strings.TrimLeft(start, "0") + "-" +
		strings.TrimLeft(end, "0"), name, strings.HasPrefix(name, "/")
}

// statWait is how long a file system may take to identify an open file: a local one takes no time,
// one whose server does not answer would take for ever.
const statWait = time.Second

// is reports whether a link in /proc, whose name is known, leads to any of the files.
func (o *openers) is(link, name string) bool {
	for mount := range o.hung {
		if strings.HasPrefix(name, mount+"/") {
			return false
		}
	}
	answer := make(chan identity, 1)
	go func() { // without an answer it stays until this process ends
		id, _ := identifyPath(link)
		answer <- id
	}()
	timer := time.NewTimer(statWait)
	defer timer.Stop()
	select {
	case id := <-answer:
		return id != (identity{}) && o.files[id]
	case <-timer.C:
		o.hung[o.mountPoint(name)] = true
		return false
	}
}

// mountPoint returns the longest mount point that a name lies below.
func (o *openers) mountPoint(name string) string {
	found := ""
	table, _ := o.mountTable("self")
	for _, in := range table {
		if p := in.Mountpoint; p != "/" && strings.HasPrefix(name, p+"/") && len(p) > len(found) {
			found = p
		}
	}
	return cmp.Or(found, filepath.Dir(name))
}

// writable reports whether a descriptor is open for writing; see proc_pid_fdinfo(5).
func writable(fdinfo string) bool {
	b, _ := os.ReadFile(fdinfo)
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "flags:"); ok {
			flags, _ := strconv.ParseInt(strings.TrimSpace(v), 8, 64)
			return flags&unix.O_ACCMODE != unix.O_RDONLY
		}
	}
	return false
}
