package seekable

import (
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

// decoderBytes is about what a decoder at work on one core holds; it is
// corrected when it is parked.
func decoderBytes(alg Algorithm) int64 {
	switch alg {
	case Bzip2, Zstd:
		return 8 << 20
	default:
		return 1 << 20
	}
}

// widest is how many cores, of workers, a decoder can be given, and what it then
// holds, half the budget at most: 1 and 0 where several are of no use or cannot
// be afforded.
func widest(alg Algorithm, workers int, budget int64) (cores int, bytes int64) {
	for cores = workers; cores > 1; cores-- {
		var least, most int64
		switch alg {
		case Zlib:
			least, most = 20<<20, 40<<20*int64(cores-1)
		case Bzip2:
			least = 9 << 20 * int64(cores)
			most = least
		default:
			return 1, 0
		}
		if n := min(most, budget/2); n >= least {
			return cores, n
		}
	}
	return 1, 0
}

// resumeBytes are decoded in about the time that it takes to resume at a
// checkpoint.
func resumeBytes(alg Algorithm) int64 {
	switch alg {
	case Zlib:
		return 128 << 10
	case Zstd:
		return 1 << 20 // it has a large window to fill
	default:
		return 0 // bzip2 decodes whole blocks, and starts at any
	}
}

func (s settings) unzstd() unzstd.Options {
	return unzstd.Options{Observer: s.observer, Buffers: s.buffers.unzstd, Ahead: s.workers > 1, MaxBytes: s.most, Length: s.length}
}

// newDecoder returns a decoder of a stream that stands at its start.
func newDecoder(alg Algorithm, src stream.Source, s settings) stream.Decoder {
	switch alg {
	case Zlib:
		return inflate.New(src, inflate.Options{Observer: s.observer, NoChecksum: !s.checksum, Workers: s.workers, MaxBytes: s.bytes})
	case Bzip2:
		return bunzip2.New(src, bunzip2.Options{Observer: s.observer, Buffers: &s.buffers.bunzip2, Workers: s.workers})
	default:
		return unzstd.New(src, s.unzstd())
	}
}

// resumeDecoder returns a decoder of a stream that stands at a checkpoint.
func resumeDecoder(alg Algorithm, src stream.Source, cp stream.Checkpoint, s settings) (stream.Decoder, error) {
	switch alg {
	case Zlib:
		return resumed(inflate.Resume(src, cp, inflate.Options{Observer: s.observer, NoChecksum: true, Workers: s.workers, MaxBytes: s.bytes}))
	case Bzip2:
		return resumed(bunzip2.Resume(src, cp, bunzip2.Options{Observer: s.observer, Buffers: &s.buffers.bunzip2, Workers: s.workers}))
	default:
		return resumed(unzstd.Resume(src, cp, s.unzstd()))
	}
}

// resumed keeps a nil pointer from becoming a decoder.
func resumed[D stream.Decoder](d D, err error) (stream.Decoder, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}
