package inflate

import (
	"context"
	"encoding/binary"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

// FindEntry returns a checkpoint at the first block, not before the stored byte
// in, that looks like one, as Resume takes it; found is false if there is none.
// What lies before it is not known: its window is zero, so that bytes which are
// copied from there come out wrong, though never too few or too many. Out is for
// the caller to find out. The first block, of a stream whose header is damaged,
// is one that has nothing before it.
func FindEntry(ctx context.Context, src stream.Source, in int64) (cp stream.Checkpoint, found bool,
	err error) {
	state := stream.AppendWindow(binary.AppendUvarint(nil, 0), nil, nil)
	if in <= headerEnd {
		return stream.Checkpoint{In: 8 * headerEnd, State: state}, true, nil
	}
	b := inPool.Get().(*inBuffers)
	defer inPool.Put(b)
	c := &core{own: &b.tab}
	c.in.src, c.in.buf = src, b.in[:0]
	c.in.seek(max(in, windowBytes/matchMax) * 8)
	c.in.step = inputBytes
	if found, err = c.findBlock(ctx, src.Size()*8); !found {
		return cp, false, err
	}
	return stream.Checkpoint{In: c.header, Out: windowBytes, State: state}, true, nil
}

const headerEnd = 2 // bytes of a zlib header
