// Package stream holds the few types that the decoders of one compressed object
// share: where compressed bytes come from (Source), what a decoder can do
// (Decoder), the places at which one can be resumed (Checkpoint), and the
// receiver of by-products (Observer).
//
// It owns no algorithm, no cache and no policy. The decoders (inflate,
// bunzip2, unzstd) import only this package; seekable, above them, decides
// which decoder continues, resumes or starts.
package stream

import (
	"context"
	"errors"
	"fmt"
)

// Source is the stored (compressed) form of one object. It is immutable while
// it is read. Implementations are safe for concurrent use.
type Source interface {
	// ReadAt fills p from the byte offset off. As with io.ReaderAt, n < len(p)
	// comes with an error, io.EOF at the end of the object. It returns early
	// with ctx's error when ctx ends.
	ReadAt(ctx context.Context, p []byte, off int64) (n int, err error)
	// Size is the stored size in bytes.
	Size() int64
}

// Decoder turns one stored object into its decoded bytes, front to back. A
// Decoder is owned by one goroutine at a time; between calls it may be parked
// and handed to another.
type Decoder interface {
	// Read decodes forward into p. It fills p whole unless the stream ends
	// (n < len(p) with io.EOF) or something fails. p[:n] is valid in each case.
	// It decodes no further than p needs, up to the granularity of its format.
	// When ctx ends it stops within a few milliseconds with ctx's error and
	// stays usable: Offset tells where it stands. After any other error it is
	// dead: every later call returns that error.
	Read(ctx context.Context, p []byte) (n int, err error)
	// Skip decodes n bytes forward without handing them out. It returns how
	// many it passed; errors are those of Read.
	Skip(ctx context.Context, n int64) (int64, error)
	// Offset is the decoded offset of the next byte that Read would return,
	// counted from the start of the object.
	Offset() int64
	// Finish is called with everything read: it checks that the stream ends
	// here (io.ErrUnexpectedEOF or a CorruptError if not) and, when this
	// decoder has seen the stream from its start, the stream's own checksum.
	// Stored bytes after the end of the stream are allowed, as Cinder allows
	// them.
	Finish(ctx context.Context) error
	// MemoryBytes is the memory that the decoder holds while parked.
	MemoryBytes() int64
	// Close releases what the decoder holds. It never fails; the decoder must
	// not be used afterwards.
	Close()
}

// Checkpoint is a place at which decoding can resume.
type Checkpoint struct {
	// In is the place in the stored object, in bits from its first byte.
	In int64
	// Out is the decoded offset, in bytes, of the first byte that a decoder
	// resumed here returns.
	Out int64
	// State is what the algorithm needs besides, in its own encoding: sparse
	// windows, repeat offsets, entry points. It may come from a damaged index:
	// decoders check every field of it.
	State []byte
}

// Observer is told of what a decoder finds out while it decodes. Calls come
// one at a time, in increasing order of Out, from the goroutine that reads (or
// on its behalf), and must be quick. The slices handed over belong to the
// Observer.
type Observer interface {
	// Checkpoint reports a place at which decoding can resume. It may come
	// late: a sparse window is known only after the bytes that refer to it.
	Checkpoint(Checkpoint)
	// Zeros reports that the decoded bytes [off, off+n) are zero. Adjacent
	// reports may be joined by the Observer; small runs need not be reported.
	Zeros(off, n int64)
}

// ErrCorrupt is what errors.Is finds in every error that says that the stored
// bytes (or a checkpoint) are not what the format allows.
var ErrCorrupt = errors.New("corrupt data")

// CorruptError says where decoding failed and why.
type CorruptError struct {
	Format string // "zlib", "bzip2", "zstd"
	In     int64  // byte offset in the stored object, about
	Out    int64  // decoded offset, about
	Reason string // what is wrong, in words
}

// Error implements error.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s: %s (at stored byte %d, decoded byte %d)", e.Format, e.Reason,
		e.In, e.Out)
}

// Unwrap makes errors.Is(err, ErrCorrupt) true.
func (e *CorruptError) Unwrap() error { return ErrCorrupt }
