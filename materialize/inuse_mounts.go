package materialize

import (
	"bufio"
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/fusefs/mountinfo"
)

// readMounts reads what is mounted in this mount namespace and in those of all processes: a
// container may have mounts that are not visible here.
func (h host) readMounts(m *machine) error {
	if err := h.readMountsOf(m, "self", ""); err != nil {
		return err
	}
	seen := map[string]bool{}
	if own, err := os.Readlink(filepath.Join(h.proc, "self/ns/mnt")); err == nil {
		seen[own] = true
	}
	for _, pid := range h.processes() {
		ns, err := os.Readlink(filepath.Join(h.proc, pid, "ns/mnt"))
		if err != nil || seen[ns] { // readOpeners reports processes that cannot be looked into
			continue
		}
		seen[ns] = true
		h.readMountsOf(m, pid, h.process(pid)) // fails if it has just ended
	}
	return nil
}

// readMountsOf reads the mounts that a process sees, "self" or one called of.
func (h host) readMountsOf(m *machine, pid, of string) error {
	root := ""
	if of != "" {
		root = filepath.Join(h.proc, pid, "root")
	}
	table, err := h.mountTable(pid)
	if err != nil {
		if len(table) == 0 {
			return err
		}
		m.cannotSee("all mounts that %s sees (%v)", cmp.Or(of, "this process"), err)
	}
	for _, in := range table {
		dev, ok := parseDevno(in.Device)
		if !ok {
			continue
		}
		mt := mount{dev: dev, point: in.Mountpoint, of: of}
		// Btrfs mounts have device numbers of their own; the source tells the device.
		if strings.HasPrefix(in.Source, "/dev/") && unix.Major(dev) == 0 {
			if mt.source, ok = identifyPath(root + in.Source); !ok {
				mt.source, _ = identifyPath(in.Source)
			}
		}
		m.mounts = append(m.mounts, mt)
	}
	return nil
}

// mountTable reads the mounts that a process sees, as far as the table can be read.
func (h host) mountTable(pid string) ([]mountinfo.Mount, error) {
	table, err := mountinfo.Read(filepath.Join(h.proc, pid, "mountinfo"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return table, err
}

func (h host) readSwaps(m *machine) error {
	f, err := os.Open(filepath.Join(h.proc, "swaps"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// PATH TYPE SIZE USED PRIORITY, below a heading
		name, _, _ := strings.Cut(lines.Text(), " ")
		name, _, _ = strings.Cut(name, "\t")
		path := mountinfo.Unescape(name)
		if !strings.HasPrefix(path, "/") {
			continue
		}
		if id, ok := identifyPath(path); ok {
			m.swaps = append(m.swaps, swap{id, path})
		}
	}
	return lines.Err()
}
