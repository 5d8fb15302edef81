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

// The states of a backup, the better first.
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

// Backup is what one look at the share says about one backup. It is immutable.
type Backup struct {
	ID          string
	VolumeID    string
	ParentID    string  // "" for a full backup
	Name        *string // nil: none
	Description *string
	CreatedAt   time.Time // UTC; of an incomplete backup the start, from its file names
	Container   string    // directory below the share's root, "." for the root itself
	Prefix      string    // of its files' names; Cinder's service_metadata
	State       State
	// Problems is what is wrong, in words; the first is why the backup is not
	// complete. There may be some on a complete one too.
	Problems    []string
	Size        int64 // of the volume, bytes; 0 when it is not known
	StoredBytes int64 // of all its files
	Objects     int
	Compression []string // as the objects say, sorted, each once
	HasDigests  bool     // a _sha256file is there

	// VolumeMeta is the part of the volume's own record that is held for each
	// backup, nil when there is none. ReadVolumeMeta reads all of it.
	VolumeMeta *format.VolumeSummary

	unread   error // why the share did not give its _metadata
	usable   bool  // its own _metadata is good; chain not considered
	end      int64 // of its last object in the volume; once resolved, of its chain's
	metadata fileInfo
	// volumeMeta is where in _metadata the volume's own record is.
	volumeMeta format.Part
	digests    fileInfo
	rows       int64  // of _sha256file, where the size is not recorded; else 0
	rowBytes   int64  // of the volume that each row covers
	listing    uint64 // changes when one of its files does
	layout     layout // of its own objects
	// oddMetadata says that _metadata is not as Cinder writes it.
	oddMetadata bool
	doubtful    bool // nothing but doubts of its _metadata keep it from being complete

	catalog *Catalog // whose snapshot it is in

	// What resolve finds out.
	parent     *Backup // nil for a full backup or when it is missing
	layers     int     // of its chain
	composable bool    // all of its chain is usable
	culprit    *Backup // whose fault it is that it is not complete
}

// fileInfo is what makes a file the one that was seen.
type fileInfo struct {
	size    int64
	modTime time.Time
}

func (f fileInfo) is(o fileInfo) bool { return f.size == o.size && f.modTime.Equal(o.modTime) }

// Incremental reports whether the backup needs a parent.
func (b *Backup) Incremental() bool { return b.ParentID != "" }

// Parent is the backup that b is an increment of: nil for a full backup and for
// one whose parent is not on the share.
func (b *Backup) Parent() *Backup { return b.parent }

// Chain returns the layers of b's volume, b first, the full backup last. It is
// nil when the chain cannot be composed: b or one of its ancestors is missing,
// incomplete or has no usable _metadata. A chain of a broken backup that merely
// lacks data (an object is missing) is returned.
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

// VolumeName is the name that the volume had, "" when it had none.
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

// broken notes why b is not complete. The first such reason comes before
// whatever else there is to tell.
func (b *Backup) broken(format string, args ...any) {
	b.doubtful = false
	b.problem(format, args...)
	if last := len(b.Problems) - 1; b.State == Complete {
		b.State = Broken
		b.Problems = slices.Insert(b.Problems[:last:last], 0, b.Problems[last])
	}
}
