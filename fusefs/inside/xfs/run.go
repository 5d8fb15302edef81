package xfs

// A run is blocks of a file, one after the other, that are alike: holes, or
// data in blocks of the disk that follow each other.
type run struct {
	from, to uint64 // blocks of the file
	disk     uint64 // block of the disk that has the first one; of data only
	data     bool   // else zeros: a hole, or allocated and never written
}

// endOfFile is a block behind all that a file can have.
const endOfFile = 1 << 55

// tail returns the run from one of its blocks on.
func (r run) tail(block uint64) run {
	if r.data {
		r.disk += block - r.from
	}
	r.from = block
	return r
}
