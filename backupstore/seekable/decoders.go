package seekable

import (
	"context"

	"github.com/restorefs/restorefs/backupstore/seekable/bunzip2"
	"github.com/restorefs/restorefs/backupstore/seekable/inflate"
	"github.com/restorefs/restorefs/backupstore/seekable/stream"
	"github.com/restorefs/restorefs/backupstore/seekable/unzstd"
)

// settings are what a decoder is told, whatever its algorithm.
type settings struct {
	observer stream.Observer
	buffers  *buffers
	workers  int
	bytes    int64 // that a decoder on several cores may hold
	checksum bool  // check the stream's own checksum; digests do otherwise
	most     int64 // bytes that a zstd decoder may hold
	length   int64 // of the object
}

// buffers is the memory that decoders leave to those after them.
type buffers struct {
	bunzip2 bunzip2.Buffers
	unzstd  *unzstd.Buffers
}

// spareBytes is what of the budget may be kept in buffers that no decoder has:
// a window or a few.
func spareBytes(budget int64) int64 { return min(budget/8, 16<<20) }

// codec is what there is to know of an Algorithm whose objects are decoded. All of them are in
// codecs: a new one needs a number of Algorithm besides.
type codec struct {
	// held is about what a decoder at work on one core holds; it is corrected when it is parked.
	held int64
	// grows says that a parked decoder may still come to hold what was reserved for it.
	grows bool
	// resume is how much is decoded in about the time that it takes to resume at a checkpoint.
	resume int64
	// wide returns the least that a decoder on several cores holds, and the most that is of use to
	// it; nil where several are of no use.
	wide func(cores int) (least, most int64)
	// spare is Engine.spare for a share of the cores; nil: all of them.
	spare func(c *codec, share int, budget int64) (cores int, bytes int64)

	start   func(src stream.Source, s settings) stream.Decoder // at the start of the stream
	restart func(src stream.Source, cp stream.Checkpoint, s settings) (stream.Decoder, error)
	// find looks in the stream, from stored byte in on, for a place where decoding can begin
	// without what is before it; nil where there is none.
	find func(ctx context.Context, src stream.Source, in int64) (stream.Checkpoint, bool, error)
}

var codecs = [...]codec{
	Zlib: {
		held: 1 << 20, resume: 128 << 10,
		wide: func(cores int) (least, most int64) { return 20 << 20, 40 << 20 * int64(cores-1) },
		spare: func(c *codec, share int, budget int64) (cores int, bytes int64) {
			if share < 3 {
				// Decoding ahead from a guessed place takes half as much again, and verifying most
				// of a core: with two of them nothing is gained.
				return 1, 0
			}
			return c.widest(share-1, budget)
		},
		start: func(src stream.Source, s settings) stream.Decoder {
			return inflate.New(src, s.inflate())
		},
		restart: func(src stream.Source, cp stream.Checkpoint, s settings) (stream.Decoder, error) {
			s.checksum = false // what came before the checkpoint is part of it
			return resumed(inflate.Resume(src, cp, s.inflate()))
		},
		find: inflate.FindEntry,
	},
	Bzip2: {
		held: 8 << 20, resume: 0, // it decodes whole blocks, and starts at any
		wide: func(cores int) (least, most int64) {
			least = 9 << 20 * int64(cores)
			return least, least
		},
		start: func(src stream.Source, s settings) stream.Decoder {
			return bunzip2.New(src, s.bunzip2())
		},
		restart: func(src stream.Source, cp stream.Checkpoint, s settings) (stream.Decoder, error) {
			return resumed(bunzip2.Resume(src, cp, s.bunzip2()))
		},
		find: bunzip2.FindEntry,
	},
	Zstd: {
		held: 8 << 20, grows: true, // its window
		resume: 1 << 20, // it has a large window to fill
		spare: func(c *codec, share int, _ int64) (cores int, bytes int64) {
			if share < 2 {
				return 1, 0
			}
			return 2, c.held
		},
		start: func(src stream.Source, s settings) stream.Decoder {
			return unzstd.New(src, s.unzstd())
		},
		restart: func(src stream.Source, cp stream.Checkpoint, s settings) (stream.Decoder, error) {
			return resumed(unzstd.Resume(src, cp, s.unzstd()))
		},
	},
}

// widest is how many cores, of workers, a decoder can be given, and what it then
// holds, half the budget at most: 1 and 0 where several are of no use or cannot
// be afforded.
func (c *codec) widest(workers int, budget int64) (cores int, bytes int64) {
	if c.wide == nil {
		return 1, 0
	}
	for cores = workers; cores > 1; cores-- {
		least, most := c.wide(cores)
		if n := min(most, budget/2); n >= least {
			return cores, n
		}
	}
	return 1, 0
}

func decoderBytes(alg Algorithm) int64 { return codecs[alg].held }

// newDecoder returns a decoder of a stream that stands at its start.
func newDecoder(alg Algorithm, src stream.Source, s settings) stream.Decoder {
	return codecs[alg].start(src, s)
}

// resumeDecoder returns a decoder of a stream that stands at a checkpoint.
func resumeDecoder(alg Algorithm, src stream.Source, cp stream.Checkpoint,
	s settings) (stream.Decoder, error) {
	return codecs[alg].restart(src, cp, s)
}

func (s settings) inflate() inflate.Options {
	return inflate.Options{Observer: s.observer, NoChecksum: !s.checksum, Workers: s.workers,
		MaxBytes: s.bytes}
}

func (s settings) bunzip2() bunzip2.Options {
	return bunzip2.Options{Observer: s.observer, Buffers: &s.buffers.bunzip2, Workers: s.workers}
}

func (s settings) unzstd() unzstd.Options {
	return unzstd.Options{Observer: s.observer, Buffers: s.buffers.unzstd, Ahead: s.workers > 1,
		MaxBytes: s.most, Length: s.length}
}

// resumed keeps a nil pointer from becoming a decoder.
func resumed[D stream.Decoder](d D, err error) (stream.Decoder, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}
