package backupstore

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/scanned"
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

// Backup is what one look at the share found out about one backup: what its own files say, and what
// follows from those of its ancestors. It is immutable.
type Backup struct {
	Scanned
	Status

	catalog *Catalog // the one whose snapshot has it
}

// Scanned is what a backup's own files say, whatever else is on the share. It is kept from one look
// at the share to the next while the files stay as they are.
type Scanned struct {
	*Facts
	*judged
}

// Facts are what a backup's own files say.
type Facts = scanned.Facts

// judged is what a look at the share makes of a backup's own files. It is immutable, and most
// backups have the same one.
type judged struct {
	alone    Verdict // on the backup without its parents
	unread   error   // why its _metadata could not be read
	readable bool    // its _metadata is good
	rows     int64   // of _sha256file, where the size is not recorded; else 0
	rowBytes int64   // of the volume that each row covers
	list     objectList
	// oddMetadata says that _metadata differs from what Cinder writes.
	oddMetadata bool
	// fresh says that it was read so shortly after it was written that the same stamps may be those
	// of another write.
	fresh bool
}

// fine is what most backups are, and fineYet what they are as long as they are fresh.
var (
	fine    = &judged{alone: Verdict{State: Complete}, readable: true}
	fineYet = &judged{alone: Verdict{State: Complete}, readable: true, fresh: true}
)

// same reports whether two looks have found the same of a backup.
func (s *Scanned) same(o *Scanned) bool {
	isFine := func(j *judged) bool { return j == fine || j == fineYet }
	return s == o ||
		s.Facts == o.Facts && (s.judged == o.judged || isFine(s.judged) && isFine(o.judged))
}

// judgement counts the changes of what isFine calls fine, and of what Facts say of the same files:
// what an earlier one let pass is read again.
const judgement = 1

// judgedBy names this program as one that judges backups.
var judgedBy = sync.OnceValue(func() string {
	name := strconv.Itoa(judgement)
	if info, ok := debug.ReadBuildInfo(); ok {
		name += " " + info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				name += " " + s.Value
			}
		}
	}
	return name
})

// isFine reports whether nothing but the facts need be kept.
func (b *Scanned) isFine() bool {
	return b.readable && b.alone.State == Complete && len(b.alone.Problems) == 0 && b.HasDigests &&
		!b.oddMetadata && b.rows == 0
}

// Status is what becomes of a backup together with its ancestors on the share.
type Status struct {
	Verdict
	Size int64 // of the volume in bytes; 0 if not known

	parent     *Backup // nil for a full backup, or if missing
	layers     int     // of its chain
	usable     bool    // it is readable and has a place in its chain
	composable bool    // all of its chain is usable
	judging    judging // of resolve alone
	chainEnd   int64   // end of the last object of all its chain in the volume
	culprit    *Backup // the backup in the chain that makes it incomplete or broken
}

// Verdict says how good a backup is, and why it is no better.
type Verdict struct {
	State State
	// Problems says in words what is wrong; the first one is why the backup is not complete. A
	// complete backup may have some, too.
	Problems []string

	doubtful bool // only doubts of its _metadata keep it from being complete
}

// newBackup returns the backup that s is, for resolve to complete.
func newBackup(s *Scanned) *Backup {
	b := &Backup{Scanned: *s, Status: Status{Verdict: s.alone, usable: s.readable}}
	b.Problems = slices.Clip(b.Problems) // s keeps its own
	return b
}

// problem adds what is wrong and leaves the state as it is.
func (v *Verdict) problem(format string, args ...any) {
	v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
}

// broken adds why the backup is not complete. The first such reason precedes all other problems.
func (v *Verdict) broken(format string, args ...any) {
	v.doubtful = false
	v.problem(format, args...)
	if last := len(v.Problems) - 1; v.State == Complete {
		v.State = Broken
		v.Problems = slices.Insert(v.Problems[:last:last], 0, v.Problems[last])
	}
}

// fileInfo identifies a version of a file.
type fileInfo struct {
	size    int64
	modTime time.Time
}

func (f fileInfo) is(o fileInfo) bool { return f.size == o.size && f.modTime.Equal(o.modTime) }

// Incremental reports whether the backup needs a parent.
func (s *Scanned) Incremental() bool { return s.ParentID != "" }

// VolumeName returns the name that the volume had, "" if it had none.
func (s *Scanned) VolumeName() string {
	if s.VolumeMeta == nil || s.VolumeMeta.Base.Name == nil {
		return ""
	}
	return *s.VolumeMeta.Base.Name
}

func (s *Scanned) file(suffix string) string { return s.Path + suffix }

func (s *Scanned) objectFile(number uint32) string {
	return format.ObjectName(s.Path, number)
}

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
