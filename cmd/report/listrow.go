package report

import (
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cmd/proven"
)

// Listing is what list prints for people.
type Listing struct {
	Backups []*backupstore.Backup // volume by volume
	Names   map[string][]string   // of the volumes, see [VolumeNames]
	Disks   map[*backupstore.Backup]*Disk
	Now     time.Time
	Colour  bool
	Graph   bool // backups stand below their parents
	Proven  *proven.Book
}

// row is a line of the table: a backup, or a parent that is not there.
type row struct {
	volume  string
	tree    string // what is drawn before the id
	backup  *backupstore.Backup
	missing string // the id of the parent
	why     string // it is not there
}
