package backupstore

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/scanned"
	"github.com/restorefs/restorefs/backupstore/share"
)

// maxUnread is how many errors of directories are reported one by one.
const maxUnread = 10

// look is what one scan has found, and what it could not look at.
type look struct {
	backups map[string]*Scanned // by path, without the suffixes of its files
	unread  map[string]error    // by directory
	tooDeep string              // a directory that is too deep
	odd     error               // about the share as a whole

	root *scanned.Dir // to be known by the next look

	nameless map[string]error // by file: a _metadata that should identify its backup, and does not
	left     []string         // directories with an old backup's files but no _metadata
	links    []string         // symbolic links out of the share
	bucket   string           // a directory with files of a bucket whose volume is not known
}

// lost reports whether dir or one above it could not be read.
func (l *look) lost(dir string) bool {
	for ; ; dir = path.Dir(dir) {
		if l.unread[dir] != nil {
			return true
		}
		if dir == "." {
			return false
		}
	}
}

// errors returns what an operator has to know about what could not be looked at; again says that
// there was an earlier look.
func (l *look) errors(again bool) []error {
	seen := "backups in it are not seen"
	if again {
		seen = "backups in it are shown as they were, new ones are not seen"
	}
	var all []error
	for dir, err := range l.unread {
		all = append(all, fmt.Errorf("directory %s cannot be read, %s: %w", dir, seen,
			advised(err)))
	}
	all = few(all, "directories cannot be read")
	var nameless []error
	for file, err := range l.nameless {
		nameless = append(nameless,
			fmt.Errorf("%s_metadata cannot be used, and it alone says which backup it is (of a "+
				"Cinder before 11.0); "+
				"that backup is not seen: %w", file, advised(err)))
	}
	all = append(all, few(nameless, "such files cannot be used")...)
	var links []error
	for _, link := range l.links {
		links = append(links,
			fmt.Errorf("%s is a symbolic link that leads out of the share: it is not followed, "+
				"and backups behind it "+
				"are not seen (give the directory that it leads to as the share, "+
				"or bind-mount it in "+
				"the link's place)", link))
	}
	all = append(all, few(links, "symbolic links lead out of the share")...)
	if l.bucket != "" {
		all = append(all,
			fmt.Errorf("directory %s holds files of Cinder's S3, Swift or Google backup driver, "+
				"but lies in no volume_ID/TIME, which says of which volume they are "+
				"(the names are volume_ID/TIME/az_ZONE_backup_ID-00001): give the directory "+
				"that has volume_ID as the share, and keep these names when a bucket "+
				"is copied", l.bucket))
	}
	if l.odd != nil {
		all = append(all, l.odd)
	}
	if l.tooDeep != "" {
		all = append(all,
			fmt.Errorf("directory %s is more than %d levels deep: it and others like it are "+
				"not looked at", l.tooDeep, scanDepth))
	}
	return all
}

// few sorts errors and keeps maxUnread of them; what says what the others are about.
func few(all []error, what string) []error {
	slices.SortFunc(all, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	if n := len(all) - maxUnread; n > 0 {
		all = append(all[:maxUnread], fmt.Errorf("%d more %s", n, what))
	}
	return all
}

// notes returns what is no error, but an operator may want to know.
func (l *look) notes() []string {
	slices.Sort(l.left)
	var all []string
	for _, dir := range l.left[:min(len(l.left), maxUnread)] {
		all = append(all,
			fmt.Sprintf("directory %s holds files of a backup that a Cinder before 11.0 did not "+
				"finish or delete as a whole: "+
				"%s-00001 and others, and no %s_metadata, so that nothing says of which "+
				"volume they are", dir, format.OldPrefix, format.OldPrefix))
	}
	if n := len(l.left) - maxUnread; n > 0 {
		all = append(all, fmt.Sprintf("%d more directories hold such files", n))
	}
	return all
}

// advised adds to an error what to do about it.
func advised(err error) error {
	var says interface{ Advice() string } // shares that know better
	switch {
	case errors.As(err, &says) && says.Advice() != "":
		return err
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (run restorefs as root or as the user that cinder-backup runs as; "+
			"on an export with root_squash only the latter may)", err)
	case errors.Is(err, share.ErrStale):
		return fmt.Errorf("%w (the server does not know this mount any more: "+
			"mount the share again)", err)
	}
	return err
}
