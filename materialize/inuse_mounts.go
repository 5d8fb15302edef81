package materialize

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// readMounts reads what is mounted in this mount namespace and in those of all
// processes: a container may have mounted what nobody sees here.
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
		if err != nil || seen[ns] { // that it cannot be looked into is said by readOpeners
			continue
		}
		seen[ns] = true
		h.readMountsOf(m, pid, h.process(pid)) // or it has just ended
	}
	return nil
}

// readMountsOf parses proc_pid_mountinfo(5) of a process.
func (h host) readMountsOf(m *machine, pid, of string) error {
	root := ""
	if of != "" {
		root = filepath.Join(h.proc, pid, "root")
	}
	return h.eachLine(pid+"/mountinfo", func(f []string) {
		if len(f) < 7 {
			return
		}
		dev, ok := parseDevno(f[2])
		if !ok {
			return
		}
		mt := mount{dev: dev, point: unescape(f[4]), of: of}
		for i := 6; i+2 < len(f); i++ {
			if f[i] != "-" {
				continue
			}
			// Btrfs mounts have a number of their own: there the source
			// tells the device.
			if source := unescape(f[i+2]); strings.HasPrefix(source, "/dev/") && unix.Major(dev) == 0 {
				if mt.source, ok = identifyPath(root + source); !ok {
					mt.source, _ = identifyPath(source)
				}
			}
			break
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
		// Not strings.Fields: a name may have blanks of Unicode in it.
		line(strings.FieldsFunc(sc.Text(), func(r rune) bool { return r == ' ' || r == '\t' }))
	}
	return sc.Err()
}

// unescape undoes the octal escapes of /proc.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\043`, "#", `\134`, `\`).Replace(s)
}
