package inside

import (
	"io"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/fusefs/inside/xfs"
)

// ErrDirty is what an error of [Part.Open] is (errors.Is) if the file system would
// have to be replayed, by more than is done here: what it holds would be stale.
var ErrDirty = xfs.ErrLogDirty

// Options of [Part.Open]; the zero value has the defaults of the readers.
type Options struct {
	CacheBytes   int64 // for the cache of metadata
	JournalBytes int64 // for the table of what a journal replaces
}

// reader is a package that reads one family of file systems.
type reader struct {
	kinds []string // as contents names them
	open  func(r io.ReaderAt, size int64, opt Options) (FS, error)
}

// readers returns all of them, in the order in which they are tried on what is
// not known.
func readers() []reader {
	return []reader{
		{kinds: []string{"ext2", "ext3", "ext4"}, open: openExt4},
		{kinds: []string{"XFS"}, open: openXFS},
		{kinds: []string{"FAT", "FAT32", "exFAT"}, open: openVFAT},
		{kinds: []string{"NTFS"}, open: openNTFS},
		{kinds: []string{"btrfs"}, open: openBtrfs},
	}
}

// readable says whether there is a reader for a kind of contents.
func readable(kind string) bool { return slices.Contains(kinds(), kind) }

func kinds() (list []string) {
	for _, r := range readers() {
		list = append(list, r.kinds...)
	}
	return list
}

// KindOf returns the kind, as contents names it, of a file system that was opened and says what it
// is, "" if there is none.
func KindOf(info Info) string {
	for _, kind := range kinds() {
		if strings.EqualFold(kind, info.Kind) {
			return kind
		}
	}
	if strings.HasPrefix(info.Kind, "FAT") { // with the number of its bits
		return "FAT"
	}
	return ""
}

// Kinds names the kinds of file systems that can be read, for people.
func Kinds() string { return strings.Join(kinds(), ", ") }
