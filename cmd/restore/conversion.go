package restore

import (
	"bytes"
	"math"
	"os"
	"strconv"
	"sync/atomic"
)

// conversion makes one qcow2: qemu-img reads the composed volume from a mount that only this
// process's user can enter and that exists only meanwhile. It writes a temporary file, which is
// renamed when it is complete.
type conversion struct {
	qemuImg  string
	source   *disk
	image    string // the volume in the mount; only qemu-img may touch it, see fusefs
	temp     *os.File
	size     int64
	stage    atomic.Value // string
	progress percentage
}

// percentage parses what qemu-img -p writes repeatedly: "    (12.34/100%)\r".
type percentage struct{ hundredths atomic.Int64 }

// Write implements io.Writer.
func (p *percentage) Write(text []byte) (int, error) {
	rest := text
	if end := bytes.LastIndex(rest, []byte("/100%)")); end >= 0 {
		rest = rest[:end]
		start := bytes.LastIndexByte(rest, '(') + 1
		if v, err := strconv.ParseFloat(string(rest[start:]), 64); err == nil &&
			v >= 0 && v <= 100 {
			p.hundredths.Store(int64(math.Round(v * 100)))
		}
	}
	return len(text), nil
}
