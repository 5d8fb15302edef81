package backupstore

import (
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/restorefs/restorefs/backupstore/format"
)

// State says how far a backup can be used.
type State int

// The states of a backup, the best first.
const (
	Complete   State = iota + 1 // everything is there
	Broken                      // the problems say why
	Incomplete                  // Cinder did not finish it: no _metadata
)

// String returns "complete", "incomplete" or "broken".
func (s State) String() string {
	switch s {
	case Complete:
		return "complete"
	case Incomplete:
		return "incomplete"
	case Broken:
		return "broken"
	}
	return fmt.Sprintf("State(%d)", int(s))
}

// Backup is what one look at the share found out about one backup. It is immutable.
type Backup struct {
	ID          string
	VolumeID    string
	ParentID    string  // "" for a full backup
	Name        *string // nil: none
	Description *string
	CreatedAt   time.Time // UTC; for an incomplete backup the start, from its file names
	Container   string    // directory below the share's root, "." for the root itself
	Prefix      string    // of its files' names; Cinder's service_metadata
	State       State
	// Problems says in words what is wrong; the first one is why the backup is not complete. A
	// complete backup may have some, too.
	Problems    []string
	Size        int64 // of the volume in bytes; 0 if not known
	StoredBytes int64 // of all its files
	Objects     int
	Compression []string // those of the objects, sorted, each once
	HasDigests  bool     // it has a _sha256file

	// VolumeMeta is the part of the volume's own record that is kept for each backup, nil if there
	// is none. ReadVolumeMeta reads all of it.
	VolumeMeta *format.VolumeSummary

	unread   error // why its _metadata could not be read
	usable   bool  // its own _metadata is good, whatever its chain
	end      int64 // of its last object in the volume; once resolved, of its chain's
	metadata fileInfo
	// volumeMeta is the place of the volume's own record in _metadata.
	volumeMeta format.Part
	digests    fileInfo
	rows       int64  // of _sha256file, where the size is not recorded; else 0
	rowBytes   int64  // of the volume that each row covers
	listing    uint64 // changes if one of its files does
	list       objectList
	// oddMetadata says that _metadata differs from what Cinder writes.
	oddMetadata bool
	doubtful    bool // only doubts of its _metadata keep it from being complete

	catalog *Catalog // the one whose snapshot has it

	// Set by resolve.
	parent     *Backup // nil for a full backup, or if missing
	layers     int     // of its chain
	composable bool    // all of its chain is usable
	culprit    *Backup // the backup in the chain that makes it incomplete or broken
}

// fileInfo identifies a version of a file.
type fileInfo struct {
	size    int64
	modTime time.Time
}

func (f fileInfo) is(o fileInfo) bool { return f.size == o.size && f.modTime.Equal(o.modTime) }

// Incremental reports whether the backup needs a parent.
func (b *Backup) Incremental() bool { return b.ParentID != "" }

// Parent returns the backup that b is an increment of: nil for a full backup, and if the parent is
// not on the share.
func (b *Backup) Parent() *Backup { return b.parent }

// Chain returns the layers of b's volume, from b to the full backup. It returns nil if the chain
// cannot be composed: b or one of its ancestors is missing, incomplete or has no usable _metadata.
// A broken backup that only lacks data (an object is missing) has a chain.
func (b *Backup) Chain() []*Backup {
	if !b.composable {
		return nil
	}
	chain := make([]*Backup, 0, b.layers)
	for l := b; l != nil; l = l.parent {
		chain = append(chain, l)
	}
	return chain
}

// VolumeName returns the name that the volume had, "" if it had none.
func (b *Backup) VolumeName() string {
	if b.VolumeMeta == nil || b.VolumeMeta.Base.Name == nil {
		return ""
	}
	return *b.VolumeMeta.Base.Name
}

func (b *Backup) file(suffix string) string { return path.Join(b.Container, b.Prefix+suffix) }

func (b *Backup) objectFile(number uint32) string {
	return path.Join(b.Container, format.ObjectName(b.Prefix, number))
}

func (b *Backup) problem(format string, args ...any) {
	b.Problems = append(b.Problems, fmt.Sprintf(format, args...))
}

// broken notes why b is not complete. The first such reason precedes all other problems.
func (b *Backup) broken(format string, args ...any) {
	b.doubtful = false
	b.problem(format, args...)
	if last := len(b.Problems) - 1; b.State == Complete {
		b.State = Broken
		b.Problems = slices.Insert(b.Problems[:last:last], 0, b.Problems[last])
	}
}
