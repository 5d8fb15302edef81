package unzstd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	frameMagic     = 0xfd2fb528
	skippableMagic = 0x184d2a50 // the last four bits are free
	maxFrameHeader = 18
	minWindow      = 1 << 10
)

// frame is what a frame's header says (RFC 8878, 3.1.1.1), and how far it is.
type frame struct {
	window   int64 // bytes, how far back a match may reach
	content  int64 // decoded size in bytes, -1 when the header does not tell
	checksum bool  // four bytes of XXH64 follow the last block
	done     int64 // bytes decoded so far
}

// blockMax is the most bytes that a block of the frame has, stored or decoded.
func (f *frame) blockMax() int { return int(min(f.window, maxBlock)) }

var errHeader = errors.New("frame header has reserved bits set")

// parseFrame reads the frame header at the start of b, which has
// maxFrameHeader bytes unless the object ends, and returns its length.
func parseFrame(b []byte) (f frame, n int, err error) {
	if len(b) < 5 {
		return f, 0, io.ErrUnexpectedEOF
	}
	desc := b[4]
	single, dict := desc&0x20 != 0, 1<<(desc&3)>>1
	content := 1 << (desc >> 6)
	if desc>>6 == 0 && !single {
		content = 0
	}
	n = 5 + dict + content
	if !single {
		n++
	}
	if len(b) < n {
		return f, 0, io.ErrUnexpectedEOF
	}
	if desc&8 != 0 {
		return f, 0, errHeader
	}
	b = b[5:]
	if !single {
		base := int64(1) << (10 + b[0]>>3)
		f.window = base + base/8*int64(b[0]&7)
		b = b[1:]
	}
	for _, c := range b[:dict] {
		if c != 0 {
			return f, 0, fmt.Errorf("%w: it needs a dictionary, which no backup has",
				ErrUnsupported)
		}
	}
	b = b[dict:]
	f.content = -1
	switch content {
	case 1:
		f.content = int64(b[0])
	case 2:
		f.content = int64(binary.LittleEndian.Uint16(b)) + 256
	case 4:
		f.content = int64(binary.LittleEndian.Uint32(b))
	case 8:
		f.content = int64(binary.LittleEndian.Uint64(b))
		if f.content < 0 {
			return f, 0, errContent
		}
	}
	if single {
		f.window = max(f.content, minWindow)
	} else if f.window > MaxWindow {
		return f, 0, fmt.Errorf(
			"%w: it needs a window of %d MiB, and %d MiB is the most that zstd has",
			ErrUnsupported, f.window>>20, MaxWindow>>20)
	}
	f.checksum = desc&4 != 0
	return f, n, nil
}
