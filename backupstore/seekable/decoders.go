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
	buffers  *bunzip2.Buffers
	workers  int
	checksum bool // check the stream's own checksum; digests do otherwise
}

// decoderBytes is about what a decoder at work holds; it is corrected when it
// is parked.
func decoderBytes(alg Algorithm, workers int) int64 {
	switch alg {
	case Bzip2:
		return 8 << 20 * int64(workers)
	case Zstd:
		return 8 << 20
	default:
		return 1 << 20
	}
}

// newDecoder returns a decoder of a stream that stands at its start.
func newDecoder(alg Algorithm, src stream.Source, s settings) stream.Decoder {
	switch alg {
	case Zlib:
		return inflate.New(src, inflate.Options{Observer: s.observer, NoChecksum: !s.checksum})
	case Bzip2:
		return bunzip2.New(src, bunzip2.Options{Observer: s.observer, Buffers: s.buffers, Workers: s.workers})
	default:
		return unzstd.New(src, unzstd.Options{Observer: s.observer})
	}
}

// resumeDecoder returns a decoder of a stream that stands at a checkpoint.
func resumeDecoder(alg Algorithm, src stream.Source, cp stream.Checkpoint, s settings) (stream.Decoder, error) {
	switch alg {
	case Zlib:
		return resumed(inflate.Resume(src, cp, inflate.Options{Observer: s.observer, NoChecksum: true}))
	case Bzip2:
		return resumed(bunzip2.Resume(src, cp, bunzip2.Options{Observer: s.observer, Buffers: s.buffers, Workers: s.workers}))
	default:
		return resumed(unzstd.Resume(src, cp, unzstd.Options{Observer: s.observer}))
	}
}

// resumed keeps a nil pointer from becoming a decoder.
func resumed[D stream.Decoder](d D, err error) (stream.Decoder, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}
