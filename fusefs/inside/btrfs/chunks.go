package btrfs

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
)

// Kinds of chunks: how their bytes are spread.
const (
	chunkRAID0  = 0x8
	chunkRAID1  = 0x10
	chunkDUP    = 0x20
	chunkRAID10 = 0x40
	chunkRAID5  = 0x80
	chunkRAID6  = 0x100
	chunkC3     = 0x200
	chunkC4     = 0x400
	chunkSpread = chunkRAID0 | chunkRAID10 | chunkRAID5 | chunkRAID6
)

// chunk is a piece of the addresses that all else is given in, and where its copies are.
type chunk struct {
	logical uint64
	length  uint64
	copies  []int64 // on this disk
	why     string  // there is none
}

const chunkHead = 48 // bytes before the stripes

// parseChunk reads a chunk, whose logical address is known.
func (f *FS) parseChunk(logical uint64, b []byte) (c chunk, size int, err error) {
	const where = "the tree of chunks"
	if len(b) < chunkHead {
		return c, 0, corrupt(where, "a chunk of %d bytes", len(b))
	}
	c = chunk{logical: logical, length: le.Uint64(b)}
	kind, stripes := le.Uint64(b[24:]), int(le.Uint16(b[44:]))
	size = chunkHead + 32*stripes
	if stripes == 0 || stripes > maxStripes || size > len(b) {
		return c, 0, corrupt(where, "a chunk of %d stripes in %d bytes", stripes, len(b))
	}
	if c.length == 0 || c.length > 1<<62 || logical > 1<<62 {
		return c, 0, corrupt(where, "a chunk of %d bytes at %d", c.length, logical)
	}
	if kind&chunkSpread != 0 && stripes > 1 {
		c.why = "it is spread over several disks (RAID 0, 5, 6 or 10)"
		return c, size, nil
	}
	for i := range stripes {
		s := b[chunkHead+32*i:]
		off := le.Uint64(s[8:])
		if le.Uint64(s) == f.device && off <= 1<<62 && len(c.copies) < maxCopies {
			c.copies = append(c.copies, int64(off))
		}
	}
	if len(c.copies) == 0 {
		c.why = "it is on another disk of several"
	}
	return c, size, nil
}

// readSystemChunks reads the chunks that the superblock has.
func (f *FS) readSystemChunks() error {
	const where = "the chunks of the superblock"
	for b := f.super.chunks; len(b) > 0; {
		if len(b) < keyBytes {
			return corrupt(where, "%d bytes are left", len(b))
		}
		k := parseKey(b)
		c, size, err := f.parseChunk(k.offset, b[keyBytes:])
		if err != nil {
			return err
		}
		if k.kind != kindChunk {
			return corrupt(where, "an item of the type %d", k.kind)
		}
		f.chunks = append(f.chunks, c)
		b = b[keyBytes+size:]
	}
	return f.sortChunks()
}

// readChunks reads all chunks.
func (f *FS) readChunks() error {
	if err := f.readSystemChunks(); err != nil {
		return err
	}
	var all []chunk
	err := f.walk(f.chunkRoot, key{object: chunkObject, kind: kindChunk},
		func(it item) (bool, error) {
			if it.object != chunkObject || it.kind != kindChunk {
				return false, nil
			}
			c, _, err := f.parseChunk(it.offset, it.data)
			if err == nil && len(all) >= maxChunks {
				err = corrupt("the tree of chunks", "it has more than %d", maxChunks)
			}
			all = append(all, c)
			return true, err
		})
	if err != nil {
		return fmt.Errorf("read the tree of chunks: %w", err)
	}
	f.chunks = all
	return f.sortChunks()
}

// sortChunks sorts the chunks, no two of which may have the same address.
func (f *FS) sortChunks() error {
	slices.SortFunc(f.chunks, func(a, b chunk) int {
		if a.logical < b.logical {
			return -1
		}
		return 1
	})
	for i := 1; i < len(f.chunks); i++ {
		if before := f.chunks[i-1]; before.logical+before.length > f.chunks[i].logical {
			return corrupt("the tree of chunks", "two of them have the address %d",
				f.chunks[i].logical)
		}
	}
	return nil
}

// chunkAt returns the chunk of an address, and how far into it that is.
func (f *FS) chunkAt(logical uint64) (chunk, int64, error) {
	i := sort.Search(len(f.chunks), func(i int) bool { return f.chunks[i].logical > logical }) - 1
	if i < 0 || logical-f.chunks[i].logical >= f.chunks[i].length {
		return chunk{}, 0, corrupt("the tree of chunks", "none has the address %d", logical)
	}
	c := f.chunks[i]
	if c.why != "" {
		return c, 0, fmt.Errorf("read what has the address %d: %w: %s", logical,
			ErrUnsupported, c.why)
	}
	return c, int64(logical - c.logical), nil
}

// errChecksum is the error for bytes that differ from their checksum.
var errChecksum = errors.New("its checksum is wrong")

// readLogical fills p from an address. Each of the copies is tried until check says that it
// is right.
func (f *FS) readLogical(p []byte, logical uint64, check func([]byte) error) error {
	c, in, err := f.chunkAt(logical)
	if err != nil {
		return err
	}
	if uint64(len(p)) > c.length-uint64(in) {
		return corrupt("the tree of chunks", "%d bytes at the address %d are in two",
			len(p), logical)
	}
	var first error
	for _, off := range c.copies {
		if err = f.read(p, off+in); err == nil {
			err = check(p)
		}
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return fmt.Errorf("read %d bytes at the address %d: %w", len(p), logical, first)
}

var errOutside = errors.New("it is beyond the end of the disk")

// read fills p from an offset of the disk. It is the only place that reads.
func (f *FS) read(p []byte, off int64) error {
	if off < 0 || int64(len(p)) > f.size || off > f.size-int64(len(p)) {
		return fmt.Errorf("read %d bytes at offset %d: %w", len(p), off, errOutside)
	}
	n, err := f.r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at offset %d: %w", len(p), off, err)
}
