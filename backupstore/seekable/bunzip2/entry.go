package bunzip2

import (
	"context"
	"io"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// FindEntry returns a checkpoint at the first block, not before the stored byte
// in, that looks like one, as Resume takes it; found is false if there is none.
// Blocks depend on nothing before them. Out, which is 0, is for the caller to
// find out.
func FindEntry(ctx context.Context, src stream.Source, in int64) (cp stream.Checkpoint, found bool,
	err error) {
	f := newFinder()
	buf := make([]byte, scanBytes)
	const overlap = 8 // a magic may lie across two reads
	for ; in < src.Size(); in += scanBytes - overlap {
		n, err := src.ReadAt(ctx, buf[:min(scanBytes, src.Size()-in)], in)
		if err != nil && err != io.EOF {
			return cp, false, err
		}
		if at := f.find(buf[:n], 0); at >= 0 {
			// Blocks are never larger than of the highest level.
			return stream.Checkpoint{In: in*8 + int64(at), State: []byte{'9'}}, true, nil
		}
	}
	return cp, false, nil
}
