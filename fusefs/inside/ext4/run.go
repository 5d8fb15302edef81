package ext4

// A run is blocks of a file, one after the other, that are alike: holes, or
// data in blocks of the disk that follow each other.
type run struct {
	from, to uint64 // blocks of the file
	disk     uint64 // block of the disk that has the first one; of data only
	data     bool   // else zeros: a hole, or allocated and never written
}

// endOfFile is a block behind all that a file can have.
const endOfFile = 1 << 54

// tail returns the run from one of its blocks on.
func (r run) tail(block uint64) run {
	if r.data {
		r.disk += block - r.from
	}
	r.from = block
	return r
}

// runAt returns the run that begins at a block of a file. c may be nil.
func (f *FS) runAt(in *inode, block uint64, c *cursor) (run, error) {
	if in.fast != nil {
		if r, ok := in.fast.ranges.at(block); ok {
			if r.data {
				if err := f.inside(r.disk, int64(r.to-r.from)); err != nil {
					return run{}, err
				}
			}
			return r, nil
		}
	}
	var r run
	var err error
	if in.flags&flagExtents != 0 {
		r, err = f.extentAt(in, block, c)
	} else {
		r, err = f.pointerAt(in, block)
	}
	if err == nil && in.fast != nil {
		r.to = min(r.to, in.fast.ranges.next(block))
	}
	return r, err
}
