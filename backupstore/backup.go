package backupstore

import (
	"fmt"
	"path"
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
	Problems    []string // what is wrong, in words; may be there on a complete one too
	Size        int64    // of the volume, bytes; 0 when it is not known
	StoredBytes int64    // of all its files
	Objects     int
	Compression []string // as the objects say, sorted, each once
	HasDigests  bool     // a _sha256file is there

	// VolumeMeta is the volume's own record, nil when there is none.
	VolumeMeta     *format.VolumeMeta
	volumeMetaText string

	parent    *Backup // resolved, nil for a full backup or when it is missing
	usable    bool    // its own _metadata is good; chain not considered
	end       int64   // of its last object in the volume
	metadata  fileInfo
	digests   fileInfo
	duplicate string // another container with the same backup
}

// fileInfo is what makes a file the one that was seen.
type fileInfo struct {
	size    int64
	modTime time.Time
}

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
	var chain []*Backup
	for l := b; l != nil; l = l.parent {
		if !l.usable || len(chain) > maxChain || l.Incremental() != (l.parent != nil) {
			return nil
		}
		chain = append(chain, l)
	}
	return chain
}

// maxChain bounds the layers of a chain, and thereby ends a walk around a cycle.
const maxChain = 10000

// VolumeName is the name that the volume had, "" when it had none.
func (b *Backup) VolumeName() string { return b.VolumeMeta.String("display_name") }

// VolumeMetaText is volume_meta as it stands in _metadata.
func (b *Backup) VolumeMetaText() string { return b.volumeMetaText }

func (b *Backup) file(suffix string) string { return path.Join(b.Container, b.Prefix+suffix) }

func (b *Backup) objectFile(number uint32) string {
	return path.Join(b.Container, format.ObjectName(b.Prefix, number))
}

func (b *Backup) problem(format string, args ...any) {
	b.Problems = append(b.Problems, fmt.Sprintf(format, args...))
}

func (b *Backup) broken(format string, args ...any) {
	b.State = Broken
	b.problem(format, args...)
}
