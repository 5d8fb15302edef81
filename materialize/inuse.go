package materialize

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// identity says which device or file something is, whatever its name.
type identity struct {
	rdev uint64 // a block device's number; 0 for a file
	dev  uint64 // a file's filesystem
	ino  uint64
}

func identify(st *unix.Stat_t) identity {
	if st.Mode&unix.S_IFMT == unix.S_IFBLK {
		return identity{rdev: uint64(st.Rdev)}
	}
	return identity{dev: uint64(st.Dev), ino: st.Ino}
}

func identifyPath(path string) (identity, bool) {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return identity{}, false
	}
	return identify(&st), true
}

// machine is what the kernel said, at one moment, about who uses what. Reading
// it is separate from judging it (users, systemDisk).
type machine struct {
	blocks map[uint64]*block // by device number
	mounts []mount
	swaps  []swap
	opens  []string // processes that have the target open for writing
}

type block struct {
	rdev    uint64
	name    string // below /dev
	whole   uint64 // the disk that this partition is of, or 0
	holders []uint64
	slaves  []uint64
	loop    *loop
}

type loop struct {
	backing    identity
	path       string
	off, limit int64 // limit 0: to the end
}

type mount struct {
	dev    uint64 // st_dev of the filesystem
	source identity
	point  string
}

type swap struct {
	id   identity
	path string
}

// host is where the kernel's views are mounted.
type host struct{ sys, proc, dev string }

var theHost = host{sys: "/sys", proc: "/proc", dev: "/dev"}

// look reads the machine. What cannot be read on principle (no permission for
// another's descriptors) is left out; the exclusive open stands behind it.
func (h host) look(target identity, targetPath string) (*machine, error) {
	m := &machine{blocks: map[uint64]*block{}}
	if err := h.readBlocks(m); err != nil {
		return nil, fmt.Errorf("find out which devices are in use: %w", err)
	}
	if err := h.readMounts(m); err != nil {
		return nil, fmt.Errorf("find out what is mounted: %w", err)
	}
	if err := h.readSwaps(m); err != nil {
		return nil, fmt.Errorf("find out where swap is: %w", err)
	}
	m.opens = h.writers(m.related(target, filepath.Base(targetPath)))
	return m, nil
}

func (h host) readBlocks(m *machine) error {
	class := filepath.Join(h.sys, "class/block")
	entries, err := os.ReadDir(class)
	if errors.Is(err, fs.ErrNotExist) { // a container without /sys
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		dir, err := filepath.EvalSymlinks(filepath.Join(class, e.Name()))
		if err != nil {
			continue // gone meanwhile
		}
		rdev, ok := readDevno(filepath.Join(dir, "dev"))
		if !ok {
			continue
		}
		b := &block{rdev: rdev, name: strings.ReplaceAll(e.Name(), "!", "/")}
		if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
			b.whole, _ = readDevno(filepath.Join(filepath.Dir(dir), "dev"))
		}
		b.holders = devnosIn(filepath.Join(dir, "holders"))
		b.slaves = devnosIn(filepath.Join(dir, "slaves"))
		b.loop = h.readLoop(dir, b.name)
		m.blocks[rdev] = b
	}
	return nil
}

func (h host) readLoop(dir, name string) *loop {
	path, err := os.ReadFile(filepath.Join(dir, "loop/backing_file"))
	if err != nil {
		return nil
	}
	l := &loop{path: strings.TrimSuffix(string(path), "\n")}
	l.off = readInt(filepath.Join(dir, "loop/offset"))
	l.limit = readInt(filepath.Join(dir, "loop/sizelimit"))
	// The ioctl knows the file itself, also when its name is gone or is
	// another's in our mount namespace.
	if f, err := os.Open(filepath.Join(h.dev, name)); err == nil {
		defer f.Close()
		if info, err := unix.IoctlLoopGetStatus64(int(f.Fd())); err == nil {
			if l.backing = (identity{dev: info.Device, ino: info.Inode}); info.Rdevice != 0 {
				l.backing = identity{rdev: info.Rdevice}
			}
			return l
		}
	}
	l.backing, _ = identifyPath(l.path)
	return l
}

func readInt(path string) int64 {
	b, _ := os.ReadFile(path)
	n, _ := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n
}

func readDevno(path string) (uint64, bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	return parseDevno(strings.TrimSpace(string(b)))
}

func parseDevno(s string) (uint64, bool) {
	var major, minor uint32
	if n, _ := fmt.Sscanf(s, "%d:%d", &major, &minor); n != 2 {
		return 0, false
	}
	return unix.Mkdev(major, minor), true
}

func devnosIn(dir string) []uint64 {
	entries, _ := os.ReadDir(dir)
	var out []uint64
	for _, e := range entries {
		if rdev, ok := readDevno(filepath.Join(dir, e.Name(), "dev")); ok {
			out = append(out, rdev)
		}
	}
	return out
}

// readMounts parses proc_pid_mountinfo(5).
func (h host) readMounts(m *machine) error {
	return h.eachLine("self/mountinfo", func(f []string) {
		if len(f) < 7 {
			return
		}
		dev, ok := parseDevno(f[2])
		if !ok {
			return
		}
		mt := mount{dev: dev, point: unescape(f[4])}
		for i := 6; i+2 < len(f); i++ {
			// Btrfs mounts have a number of their own: there the source
			// tells the device.
			if f[i] == "-" && strings.HasPrefix(f[i+2], "/dev/") {
				mt.source, _ = identifyPath(unescape(f[i+2]))
				break
			}
		}
		m.mounts = append(m.mounts, mt)
	})
}

func (h host) readSwaps(m *machine) error {
	return h.eachLine("swaps", func(f []string) {
		if len(f) == 0 || !strings.HasPrefix(f[0], "/") {
			return
		}
		path := unescape(f[0])
		if id, ok := identifyPath(path); ok {
			m.swaps = append(m.swaps, swap{id, path})
		}
	})
}

func (h host) eachLine(name string, line func(fields []string)) error {
	f, err := os.Open(filepath.Join(h.proc, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line(strings.Fields(sc.Text()))
	}
	return sc.Err()
}

// unescape undoes the octal escapes of /proc.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// related is the target and what shares its bytes without standing on it: its
// partitions, the disk that it is a partition of, the file behind a loop device.
// Files come with the base of their name, devices with "".
func (m *machine) related(target identity, base string) map[identity]string {
	if target.rdev == 0 {
		return map[identity]string{target: base}
	}
	out := map[identity]string{target: ""}
	b := m.blocks[target.rdev]
	if b == nil {
		return out
	}
	if b.whole != 0 {
		out[identity{rdev: b.whole}] = ""
	}
	for _, part := range m.blocks {
		if part.whole == target.rdev {
			out[identity{rdev: part.rdev}] = ""
		}
	}
	if l := b.loop; l != nil && l.backing.rdev != 0 {
		out[l.backing] = ""
	} else if l != nil {
		out[l.backing] = filepath.Base(l.path)
	}
	return out
}

// writers lists the other processes that have any of the files open for
// writing, such as a qemu that a volume is attached to: it does not open
// exclusively.
func (h host) writers(files map[identity]string) []string {
	var out []string
	bases := map[string]bool{}
	for _, base := range files {
		bases[base] = true
	}
	self := strconv.Itoa(os.Getpid())
	procs, _ := os.ReadDir(h.proc)
	for _, p := range procs {
		if p.Name()[0] < '0' || p.Name()[0] > '9' || p.Name() == self {
			continue
		}
		dir := filepath.Join(h.proc, p.Name())
		fds, _ := os.ReadDir(filepath.Join(dir, "fd"))
		for _, fd := range fds {
			// The name is asked first: stat on a descriptor of a dead network
			// filesystem would hang.
			link := filepath.Join(dir, "fd", fd.Name())
			name, err := os.Readlink(link)
			if err != nil || !(bases[""] && strings.HasPrefix(name, "/dev/") || bases[filepath.Base(name)]) {
				continue
			}
			id, ok := identifyPath(link)
			if !ok {
				continue
			}
			if _, ours := files[id]; !ours || !writable(filepath.Join(dir, "fdinfo", fd.Name())) {
				continue
			}
			comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
			out = append(out, fmt.Sprintf("process %s (%s) has %s open for writing", p.Name(), strings.TrimSpace(string(comm)), name))
			break
		}
	}
	return out
}

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
