package backupstore

import (
	"math/bits"
	"path"
	"slices"
	"time"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/scanned"
	"github.com/restorefs/restorefs/backupstore/share"
)

// fileSet is the files of one backup as a directory lists them.
type fileSet struct {
	name     format.Name
	dir      string
	objects  map[uint32]int64 // number -> stored bytes, or unseen
	metadata *share.Entry
	digests  *share.Entry
	stored   int64
	newest   time.Time // when one of its files was last written
	odd      []string  // those of its files that are not regular
	errs     []error   // from looking at its files
	listing  uint64
	// fresh says that one of its files was written too shortly ago to be remembered.
	fresh bool
	known *scanned.Facts // what is remembered, nil: nothing
}

// unseen stands for the size of a file that could not be looked at.
const unseen = -1

// sort splits a directory's entries into backups and subdirectories, and finds those that may be
// either and cannot be looked at. Links are neither.
func (s *scanner) sort(dir string, entries []share.Entry) (sets map[string]*fileSet,
	subdirs []share.Entry, unread map[string]error) {
	var odd map[string]string
	for i := range entries {
		e := &entries[i]
		n, ok := format.ParseIn(dir, e.Name)
		switch {
		case !ok && e.Err != nil:
			if unread == nil {
				unread = map[string]error{}
			}
			unread[path.Join(dir, e.Name)] = e.Err
			continue
		case e.Err == nil && e.Mode.IsDir():
			if !slices.Contains(ignoredDirs, e.Name) {
				subdirs = append(subdirs, *e)
			}
			continue
		case !ok:
			continue
		case e.Err == nil && !e.Mode.IsRegular():
			if odd == nil {
				odd = map[string]string{}
			}
			odd[e.Name] = n.Prefix
			continue
		}
		set := sets[n.Prefix]
		if set == nil {
			if sets == nil { // most directories hold no backup
				sets = map[string]*fileSet{}
			}
			set = &fileSet{name: n, dir: dir, objects: map[uint32]int64{}}
			sets[n.Prefix] = set
		}
		set.add(n, e, s.memory.key)
		set.fresh = set.fresh || !scanned.Of(e.Stamp).Settled(s.began, s.memory.margin)
	}
	for name, prefix := range odd {
		if set := sets[prefix]; set != nil {
			set.odd = append(set.odd, name)
		}
	}
	return sets, subdirs, unread
}

func (set *fileSet) add(n format.Name, e *share.Entry, key uint64) {
	size := e.Size
	if e.Err != nil {
		set.errs = append(set.errs, e.Err)
		size = unseen
	} else {
		set.stored += size
		set.listing += listed(key, e)
		if e.ModTime.After(set.newest) {
			set.newest = e.ModTime
		}
	}
	switch n.Kind {
	case format.KindObject:
		set.objects[n.Number] = size
	case format.KindMetadata:
		set.metadata = e
	case format.KindDigests:
		set.digests = e
	}
}

// listed identifies a version of a file in a listing: it changes when the file is replaced or
// written. Nobody who does not know the key can make two files of one number.
func listed(key uint64, e *share.Entry) uint64 {
	h := mix(key, uint64(len(e.Name)))
	name := e.Name
	for len(name) > 0 {
		var word uint64
		n := min(8, len(name))
		for i := range n {
			word |= uint64(name[i]) << (8 * i)
		}
		h, name = mix(h^word, key), name[n:]
	}
	for _, n := range [...]uint64{
		uint64(e.Size), uint64(e.ModTime.UnixNano()), uint64(e.Stamp.Changed), e.Stamp.Inode,
	} {
		h = mix(h^n, key)
	}
	return h
}

// mix folds the product of two numbers, neither of which stays what it was.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd1b54a32d192ed03)
	return high ^ low
}
