package files

import (
	"fmt"
	"slices"

	"github.com/restorefs/restorefs/fusefs/inside"
)

// sharedTimes is how many times what a file system holds may come out of it if its files may
// share blocks, or be compressed.
const sharedTimes = 100

// meter counts what comes out of file systems. A few blocks that a million files claim are
// otherwise more than any target can hold, out of a disk of a MiB.
type meter map[*tree]*measure

// holeBytes is how many zeros of holes may come out of any file system. Out of a large one that may
// be what data may.
const holeBytes = 1 << 40

type measure struct{ taken, most, holes int64 }

// sharedError says that more came out of a file system than it can hold.
type sharedError struct {
	part  *inside.Part
	bytes int64
}

func (e *sharedError) Error() string {
	return fmt.Sprintf(
		"more than %d bytes came out of %s, which is more than it can hold: "+
			"its files claim the same "+
			"blocks, or holes without end, as it is damaged or hostile; the rest was left out "+
			"(name what is wanted of it)",
		e.bytes, e.part.Name)
}

// take counts bytes of a file. names is how many files become of the one.
func (m meter) take(n *Node, bytes int, names uint32) error {
	at := m.of(n.tree)
	if at.taken += int64(bytes) / int64(max(names, 1)); at.taken > at.most {
		return &sharedError{n.Part(), at.most}
	}
	return nil
}

// hole counts bytes of a hole that are written as zeros. What a file claims to have of these costs
// its writer nothing.
func (m meter) hole(n *Node, bytes int64) error {
	at := m.of(n.tree)
	most := max(at.most, holeBytes)
	if at.holes += bytes; at.holes > most {
		return &sharedError{n.Part(), most}
	}
	return nil
}

func (m meter) of(t *tree) *measure {
	at := m[t]
	if at == nil {
		at = &measure{most: t.mostBytes()}
		m[t] = at
	}
	return at
}

// mostBytes is how much data the files of a file system can have.
func (t *tree) mostBytes() int64 {
	info := t.fs.Info()
	most := info.Bytes
	for _, size := range []int64{t.part.Size, t.disk} {
		if size > 0 {
			most = min(most, size)
		}
	}
	switch info.Kind {
	case "ext2", "ext3", "ext4", "FAT12", "FAT16", "FAT32", "exFAT":
		return most
	case "xfs":
		if !slices.Contains(info.Features, "reflink") {
			return most
		}
	}
	return most * sharedTimes
}
