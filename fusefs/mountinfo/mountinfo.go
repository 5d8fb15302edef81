package mountinfo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Own is the table of the caller's mount namespace.
const Own = "/proc/self/mountinfo"

// maxLine bounds a line. An overlay of 500 directories, the most that Linux
// takes, fills some 128 KiB.
const maxLine = 1 << 20

// Mount is a line of the table.
type Mount struct {
	ID         string // of the mount, unique while it exists
	Device     string // MAJOR:MINOR of the file system
	Root       string // the directory of the file system that is mounted
	Mountpoint string // absolute, from the root directory of the process
	Options    string // of the mount, comma separated
	Type       string // of the file system
	Source     string // a device, HOST:/DIRECTORY, or any other text
	Super      string // options of the file system, comma separated
}

// Read reads the table at path: Own, or that of another process. It returns
// the mounts in their order, where a later one hides an earlier one on the same
// mount point. With an error it returns those that could be read.
func Read(path string) ([]Mount, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	mounts, err := Parse(f)
	if err != nil {
		err = fmt.Errorf("read %s: %w", path, err)
	}
	return mounts, err
}

// Parse is Read for a table that is open.
func Parse(r io.Reader) ([]Mount, error) {
	var mounts []Mount
	var odd error
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		m, ok := parseLine(lines.Text())
		switch {
		case ok:
			mounts = append(mounts, m)
		case odd == nil:
			odd = fmt.Errorf("a line of unknown form: %.200q", lines.Text())
		}
	}
	return mounts, errors.Join(odd, lines.Err())
}

// parseLine parses
//
//	ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAG[:VALUE]]... - TYPE SOURCE SUPER
//
// Blanks in names are escaped, and no tag is a dash: the first one alone ends the
// tags. A source may be empty.
func parseLine(line string) (Mount, bool) {
	before, after, ok := strings.Cut(line, " - ")
	f, b := strings.Split(before, " "), strings.Split(after, " ")
	if !ok || len(f) < 6 || len(b) < 3 || !strings.HasPrefix(f[4], "/") {
		return Mount{}, false
	}
	return Mount{
		ID: f[0], Device: f[2], Root: Unescape(f[3]), Mountpoint: Unescape(f[4]), Options: f[5],
		Type: Unescape(b[0]), Source: Unescape(b[1]), Super: strings.Join(b[2:], " "),
	}, true
}

// Unescape undoes the octal escapes with which the kernel writes blanks, tabs,
// newlines, backslashes and number signs of names into tables below /proc: \040
// and the like (seq_escape in fs/seq_file.c).
func Unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
