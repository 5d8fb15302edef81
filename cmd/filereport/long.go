package filereport

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restorefs/restorefs/cmd/files"
)

// Long is a file as ls -l shows it, with times in UTC.
func Long(n *files.Node, name string) string {
	a := n.Attr
	name = Name(name)
	if n.IsLink() {
		target, err := n.Target()
		if err != nil {
			target = "?"
		}
		name += " -> " + Name(target)
	}
	size := a.Size
	var device [24]byte
	digits := device[:0]
	if n.IsDevice() {
		digits = strconv.AppendUint(digits, uint64(unix.Major(a.Rdev)), 10)
		digits = append(digits, ", "...)
		size = int64(unix.Minor(a.Rdev))
	}
	digits = strconv.AppendInt(digits, size, 10)
	line := make([]byte, 0, 70+len(name))
	line = append(line, modeWord(a.Mode)...)
	line = appendNumber(line, a.Nlink, 3)
	line = appendNumber(line, a.UID, 5)
	line = appendNumber(line, a.GID, 5)
	line = appendRight(line, digits, 12)
	line = append(line, ' ')
	line = a.Mtime.UTC().AppendFormat(line, time.DateTime)
	line = append(line, ' ')
	return string(append(line, name...))
}

// appendNumber appends a number as a column of its own.
func appendNumber(line []byte, v uint32, width int) []byte {
	var digits [10]byte
	return appendRight(line, strconv.AppendUint(digits[:0], uint64(v), 10), width)
}

// appendRight appends text as a column of its own, at the right of it.
func appendRight(line, text []byte, width int) []byte {
	line = append(line, ' ')
	for range width - len(text) {
		line = append(line, ' ')
	}
	return append(line, text...)
}

// modeWord is a mode as ls has it: drwxr-xr-x.
func modeWord(mode uint32) string {
	const kinds = "?pc?d?b?-?l?s???" // by the bits of unix.S_IFMT
	const bits = "rwxrwxrwx"
	out := [10]byte{kinds[mode>>12&15]}
	for i := range bits {
		out[1+i] = '-'
		if mode>>(len(bits)-1-i)&1 != 0 {
			out[1+i] = bits[i]
		}
	}
	for _, special := range []struct {
		bit   uint32
		at    int
		x, no byte
	}{{unix.S_ISUID, 3, 's', 'S'}, {unix.S_ISGID, 6, 's', 'S'}, {unix.S_ISVTX, 9, 't', 'T'}} {
		if mode&special.bit != 0 {
			if out[special.at] == 'x' {
				out[special.at] = special.x
			} else {
				out[special.at] = special.no
			}
		}
	}
	return string(out[:])
}
