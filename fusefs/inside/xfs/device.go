package xfs

import "github.com/restorefs/restorefs/fusefs/inside/reading"

// sectorShift is log2 of the basic block: the unit of addresses on the disk and
// in the log, whatever the disk's own sectors are.
const sectorShift = 9

// device is the disk or partition that holds the file system.
type device struct {
	reading.Disk
	over *overlay // what the log replaces; nil while it is not replayed
}

// read fills p from an offset, with what the log replaces.
func (d *device) read(p []byte, off int64) error {
	err := d.Read(p, off)
	if err == nil && d.over != nil {
		d.over.apply(p, off)
	}
	return err
}

// replaced says whether the log replaces something of n bytes at an offset. What
// it replaces has no right checksum: the kernel makes that when it writes it back.
func (d *device) replaced(off, n int64) bool { return d.over != nil && d.over.touches(off, n) }
