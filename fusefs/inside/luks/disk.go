package luks

import "io"

// Disk is a plain disk that was unlocked, apart from where its bytes come from. It may be used by
// many goroutines until Close, which is for the last of them. A [Key] is one.
type Disk interface {
	// Size is the size of the plain disk in bytes.
	Size() int64
	// On returns the plain disk as it is read through r, which is the encrypted volume and must
	// return all bytes asked for or an error.
	On(r io.ReaderAt) io.ReaderAt
	// Header says how it is encrypted.
	Header() *Header
	Close()
}

var _ Disk = (*Key)(nil)
