package scanned

import (
	"math"
	"strings"
	"time"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/share"
)

// Stamp is a share.Stamp without the number of the file system: an NFS mount has another one each
// time it is made. The zero Stamp recognises nothing.
type Stamp struct {
	Inode             uint64
	Size              int64  // bytes
	Modified, Changed int64  // mtime and ctime, Unix nanoseconds
	Change            uint64 // see share.Stamp
}

// Of returns the Stamp of what has the stamp s.
func Of(s share.Stamp) Stamp {
	return Stamp{s.Inode, s.Size, s.Modified, s.Changed, s.Change}
}

// Known reports whether the stamp recognises something.
func (s Stamp) Known() bool { return s != Stamp{} }

// Is reports whether what had the stamp s is unchanged if it has the stamp now.
func (s Stamp) Is(now share.Stamp) bool { return s != (Stamp{}) && s == Of(now) }

// Settled reports whether every write after now would give another stamp. Not so if it was written
// within the margin, or after now by another clock: it may be written again within the same tick.
// Where times are whole seconds the tick may be as long, and nothing is known of the clock.
// One without a time tells nothing, unless the server counts changes.
func (s Stamp) Settled(now time.Time, margin time.Duration) bool {
	const second, coarse = int64(time.Second), 60
	if s.Change == 0 && (s.Modified == 0 || s.Changed == 0) {
		return false
	}
	if s.Modified%second == 0 && s.Changed%second == 0 {
		margin *= coarse
	}
	return s.Known() && max(s.Modified, s.Changed) < now.Add(-margin).UnixNano()
}

// Dir is a directory as it was seen.
type Dir struct {
	Name string // the last element of its path; "." for the root
	// Stamp is zero if the directory is to be listed again, whatever stamp it has.
	Stamp   Stamp
	Dirs    []*Dir
	Backups []*Facts // those that have files here
}

// Facts are what a backup's own files say. They are immutable.
type Facts struct {
	ID          string
	VolumeID    string
	ParentID    string  // "" for a full backup
	Name        *string // nil: none
	Description *string
	CreatedAt   time.Time // UTC; for an incomplete backup the start, from its file names
	Path        string    // of its files, without their suffixes
	StoredBytes int64     // of all its files
	Compression []string  // those of the objects, sorted, each once
	Objects     int
	HasDigests  bool // it has a _sha256file
	// What follows says where in Path something begins: a share may have very many backups.
	prefixAt, keyAt uint16

	// VolumeMeta is the part of the volume's own record that is kept for each backup, nil if there
	// is none. Backups of a volume may share it.
	VolumeMeta *format.VolumeSummary

	DataEnd    int64       // end of its last object in the volume
	Grain      int64       // greatest number that divides each object's offset; 0: all are 0
	Metadata   Stamp       // of _metadata
	VolumePart format.Part // the place of the volume's own record in _metadata
	// Listing changes if one of the backup's files does. Only listings of one Tree.Key compare.
	Listing uint64
}

// MaxPath bounds the length of Path.
const MaxPath = math.MaxUint16

// In sets where the files are, with names that come to no more than MaxPath. The strings share
// their bytes.
func (f *Facts) In(dir, prefix string) {
	if dir != "." {
		prefix = dir + "/" + prefix
	}
	f.at(prefix)
}

func (f *Facts) at(path string) {
	f.Path, f.prefixAt = path, uint16(strings.LastIndexByte(path, '/')+1)
	f.keyAt = f.prefixAt
	n, ok := format.ParseIn(f.Container(), f.Prefix()+"_metadata")
	if ok && n.BackupID != "" {
		f.keyAt = uint16(len(path) - len(n.Key))
		const volume, id = len("volume_"), 36 // what they share are the bytes of path
		key := f.Key()
		f.VolumeID, f.ID = key[volume:volume+id], key[len(key)-id:]
	}
}

// Container returns the directory below the share's root, "." for the root itself.
func (f *Facts) Container() string {
	if f.prefixAt == 0 {
		return "."
	}
	return f.Path[:f.prefixAt-1]
}

// Prefix returns what the names of the backup's files begin with.
func (f *Facts) Prefix() string { return f.Path[f.prefixAt:] }

// Key returns what the names of its objects begin with, see format.Name: Cinder's service_metadata.
func (f *Facts) Key() string { return f.Path[f.keyAt:] }

// InBucket reports whether the files are named as Cinder's drivers of object stores name them.
func (f *Facts) InBucket() bool { return f.keyAt != f.prefixAt }

// Tree is what was seen of a share.
type Tree struct {
	// Key is a number that nobody who writes on the share knows, for Facts.Listing.
	Key uint64
	// Judge says who judged: what one program calls good another one may not.
	Judge string
	// Full is when all directories were last listed, whatever their stamps said.
	Full time.Time
	Root *Dir
}

// All calls each with the facts of every backup that is remembered, by directory, until it returns
// false.
func (t *Tree) All(each func(*Facts) bool) {
	var walk func(d *Dir) bool
	walk = func(d *Dir) bool {
		for _, f := range d.Backups {
			if !each(f) {
				return false
			}
		}
		for _, sub := range d.Dirs {
			if !walk(sub) {
				return false
			}
		}
		return true
	}
	if t != nil && t.Root != nil {
		walk(t.Root)
	}
}
