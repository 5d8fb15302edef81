package records

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/cinderconf"
	"github.com/restorefs/restorefs/cmd/cloud"
	"github.com/restorefs/restorefs/cmd/cmdline"
	"github.com/restorefs/restorefs/cmd/source"
	"github.com/restorefs/restorefs/cmd/wording"
)

// Selection says which records are wanted.
type Selection struct {
	Backups []string // as they were named; none for all that Cinder could use
	Service string   // full name of Cinder's driver, see [Driver]
	Project string   // of the volumes, "" for all projects
	// Bucket is the name that the backups' bucket has in Cinder's configuration; "": as the share
	// tells it.
	Bucket string
}

// Choose returns the records of the backups that were asked for, or of all that Cinder could use.
// It tells how many it left out.
func (s Selection) Choose(catalog *backupstore.Catalog, told io.Writer) ([]backupstore.Importable,
	error) {
	var chosen []*backupstore.Backup
	for _, ref := range s.Backups {
		b, err := source.Find(catalog, ref, told)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, b)
	}
	if len(s.Backups) == 0 {
		var incomplete, broken int
		for _, b := range catalog.Backups() {
			switch {
			case b.State == backupstore.Complete:
				chosen = append(chosen, b)
			case b.State == backupstore.Incomplete:
				incomplete++
			default:
				broken++
			}
		}
		if incomplete+broken > 0 {
			fmt.Fprintf(told,
				"left out, because Cinder cannot restore them: %d broken and %d incomplete ones; "+
					"\"restorefs list --all\" tells why\n",
				broken, incomplete)
		}
	}
	if s.Project != "" {
		chosen = slices.DeleteFunc(chosen,
			func(b *backupstore.Backup) bool { return cloud.ProjectOf(b) != s.Project })
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("%w that Cinder could import is on %s", backupstore.ErrNoBackup,
			catalog)
	}
	all, err := catalog.ImportRecords(chosen, s.Service)
	if err != nil {
		return nil, err
	}
	if all, err = s.readable(all, told); err != nil {
		return nil, err
	}
	return all, s.place(all)
}

// readable returns the backups that the driver can read: Cinder's drivers of one kind cannot read
// what those of the other kind have written. It tells of those that it leaves out, and refuses them
// where they were named, or where they are all.
func (s Selection) readable(all []backupstore.Importable, told io.Writer) ([]backupstore.Importable,
	error) {
	wantsBucket := s.Service == cinderconf.S3Driver || s.Service == cinderconf.SwiftDriver ||
		s.Service == cinderconf.GCSDriver
	if !wantsBucket && s.Service != cinderconf.NFSDriver && s.Service != cinderconf.PosixDriver {
		return all, nil
	}
	var fits, other []backupstore.Importable
	for _, b := range all {
		if b.InBucket() == wantsBucket {
			fits = append(fits, b)
		} else {
			other = append(other, b)
		}
	}
	writer, others := "Cinder's NFS or posix driver", "nfs or posix"
	if !wantsBucket {
		writer = "one of Cinder's drivers for object stores, which its files do not name,"
		others = "s3, swift or gcs"
	}
	switch {
	case len(other) == 0:
		return fits, nil
	case len(fits) == 0:
		return nil, cmdline.Usagef("backup %s was written by %s and %s cannot read it: give "+
			"--backup-service %s", other[0].ID, writer, s.Service, others)
	case len(s.Backups) > 0:
		return nil, cmdline.Usagef("backup %s was written by %s and %s, which can read %s, cannot "+
			"read it: name the backups of one kind at a time, these with --backup-service %s",
			other[0].ID, writer, s.Service, fits[0].ID, others)
	}
	fmt.Fprintf(told, "left out, because %s cannot read what %s wrote: %s; run it again with "+
		"--backup-service %s for those\n", s.Service, strings.TrimSuffix(writer, ","),
		wording.Count(len(other), "backup"), others)
	return fits, nil
}

// place completes the records of backups of object stores.
func (s Selection) place(all []backupstore.Importable) error {
	for i := range all {
		b := &all[i]
		if !b.InBucket() {
			continue
		}
		if b.BucketName = s.Bucket; cmp.Or(s.Bucket, b.Bucket()) == "" {
			return cmdline.Usagef("nothing on the share tells the name of the bucket or "+
				"container from which backup %s was copied: give --bucket NAME (Cinder's "+
				"default is volumebackups)", b.ID)
		}
	}
	return nil
}

// Driver returns the full name of the driver that is to import, which people call nfs, posix, or by
// that name.
func Driver(driver string) (string, error) {
	switch {
	case driver == "nfs":
		return cinderconf.NFSDriver, nil
	case driver == "posix":
		return cinderconf.PosixDriver, nil
	case driver == "s3":
		return cinderconf.S3Driver, nil
	case driver == "swift":
		return cinderconf.SwiftDriver, nil
	case driver == "gcs":
		return cinderconf.GCSDriver, nil
	case driver == "" || len(driver) > 255 || strings.ContainsFunc(driver,
		func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", cmdline.Usagef("--backup-service is nfs, posix, s3, swift, gcs, or what " +
			"Cinder's configuration has as backup_driver")
	}
	return driver, nil
}
