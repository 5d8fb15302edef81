package materialize

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// identity identifies a device or file, whatever its name.
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

// machine is what the kernel said about uses of devices and files at one
// moment. Reading it is separate from judging it (users, systemDisk).
type machine struct {
	blocks  map[uint64]*block // by device number
	mounts  []mount
	swaps   []swap
	exports []export
	opens   []string // processes that have the target open for writing
	unseen  []string // what could not be looked at, for the operator
	pools   []string // of ZFS
}

type block struct {
	rdev  uint64
	name  string // below /dev
	whole uint64 // the disk that this partition is of, or 0
	// the partition's number, 0 if it is none
	partition int64
	holders   []uint64
	slaves    []uint64
	loop      *loop
	scsi      string // HOST:CHANNEL:TARGET:LUN, "" if it is none
	bcache    bool   // registered with bcache, also without a device on it
	origin    origin
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
	of     string // a process in whose mount namespace it is, "" for this one's
}

type swap struct {
	id   identity
	path string
}

// host is where the kernel's views are mounted.
type host struct{ sys, proc, dev string }

var theHost = host{sys: "/sys", proc: "/proc", dev: "/dev"}

// look reads the machine. What cannot be read is noted in unseen; for devices
// the exclusive open protects nevertheless.
func (h host) look(target identity) (*machine, error) {
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
	h.readExports(m)
	h.readPools(m)
	h.readOpeners(m, m.related(target))
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
			continue // it has vanished meanwhile
		}
		rdev, ok := readDevno(filepath.Join(dir, "dev"))
		if !ok {
			continue
		}
		b := &block{rdev: rdev, name: strings.ReplaceAll(e.Name(), "!", "/")}
		if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
			b.whole, _ = readDevno(filepath.Join(filepath.Dir(dir), "dev"))
			b.partition = readInt(filepath.Join(dir, "partition"))
		}
		b.holders = devnosIn(filepath.Join(dir, "holders"))
		b.slaves = devnosIn(filepath.Join(dir, "slaves"))
		b.loop = h.readLoop(m, dir, b)
		if to, err := os.Readlink(filepath.Join(dir, "device")); err == nil &&
			scsiAddress.MatchString(filepath.Base(to)) {
			b.scsi = filepath.Base(to)
		}
		_, err = os.Stat(filepath.Join(dir, "bcache"))
		b.bcache = err == nil && !strings.HasPrefix(b.name, "bcache")
		if b.whole == 0 {
			b.origin = h.originOf(m, dir, b)
		}
		m.blocks[rdev] = b
	}
	return nil
}

func (h host) readLoop(m *machine, dir string, b *block) *loop {
	path, err := os.ReadFile(filepath.Join(dir, "loop/backing_file"))
	if err != nil {
		return nil
	}
	l := &loop{path: strings.TrimSuffix(string(path), "\n")}
	l.off = readInt(filepath.Join(dir, "loop/offset"))
	l.limit = readInt(filepath.Join(dir, "loop/sizelimit"))
	// The ioctl identifies the file itself, even if its name was deleted or
	// means another file in this mount namespace.
	if f, err := os.OpenFile(filepath.Join(h.dev, b.name),
		os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err == nil {
		defer f.Close()
		var st unix.Stat_t
		if unix.Fstat(int(f.Fd()), &st) == nil && identify(&st) == (identity{rdev: b.rdev}) {
			if info, err := unix.IoctlLoopGetStatus64(int(f.Fd())); err == nil {
				if l.backing = (identity{dev: info.Device, ino: info.Inode}); info.Rdevice != 0 {
					l.backing = identity{rdev: info.Rdevice}
				}
				return l
			}
		}
	}
	var known bool
	if l.backing, known = identifyPath(l.path); !known {
		m.cannotSee("which file /dev/%s shows (it was called %s)", b.name, l.path)
	}
	return l
}

func (m *machine) cannotSee(format string, args ...any) {
	m.unseen = append(m.unseen, fmt.Sprintf(format, args...))
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
