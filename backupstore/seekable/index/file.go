package index

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// The end of a complete file: directory rows, zero rows, footer.
const (
	footerMagic  = "rfsidxft"
	slotRowBytes = 24
	zeroRowBytes = 16
	footerBytes  = 64
)

// checkHeader tells whether r starts as an index for key does.
func checkHeader(r io.ReaderAt, size int64, key Key) error {
	want := key.header()
	if size < int64(len(want)) {
		return damagedf("%d bytes are too few for a header", size)
	}
	got := make([]byte, len(want))
	if err := readFull(r, got, 0); err != nil {
		return fmt.Errorf("read header: %w", err)
	}
	switch {
	case bytes.Equal(got, want):
		return nil
	case !bytes.Equal(got[:10], want[:10]):
		return damagedf("not an index file of version %d", formatVersion)
	}
	return errStale
}

func readFull(r io.ReaderAt, p []byte, off int64) error {
	if n, err := r.ReadAt(p, off); n < len(p) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}

// appendEnd appends what makes a file complete: c's directory and the footer.
// The directory starts at the offset dir of the file.
func appendEnd(dst []byte, c contents, dir int64, header []byte) []byte {
	le := binary.LittleEndian
	start := len(dst)
	for _, s := range c.slots {
		dst = le.AppendUint64(dst, uint64(s.out))
		dst = le.AppendUint64(dst, uint64(s.in))
		dst = le.AppendUint64(dst, uint64(s.loc))
	}
	for _, e := range c.zeros.list {
		dst = le.AppendUint64(dst, uint64(e.off))
		dst = le.AppendUint64(dst, uint64(e.end-e.off))
	}
	sum := directorySum(header, dst[start:])
	foot := len(dst)
	dst = append(dst, footerMagic...)
	dst = le.AppendUint64(dst, uint64(dir))
	dst = le.AppendUint32(dst, uint32(len(c.slots)))
	dst = le.AppendUint32(dst, uint32(len(c.zeros.list)))
	dst = append(dst, sum[:]...)
	dst = le.AppendUint32(dst, 0)
	return le.AppendUint32(dst, crc32c(dst[foot:]))
}

func directorySum(header, directory []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	h.Write(header)
	h.Write(directory)
	h.Sum(sum[:0])
	return sum
}

// readComplete reads the directory of a complete file of size bytes. Errors are
// errStale, errDamaged, or those of reading.
func readComplete(r io.ReaderAt, size int64, key Key) (c contents, err error) {
	if err := checkHeader(r, size, key); err != nil {
		return c, err
	}
	header := key.header()
	first := int64(len(header))
	if size >= maxFileSize {
		return c, damagedf("%d bytes cannot be a complete index", size)
	}
	le := binary.LittleEndian
	var foot [footerBytes]byte
	if err := readFull(r, foot[:], size-footerBytes); err != nil {
		return c, fmt.Errorf("read footer: %w", err)
	}
	dir := le.Uint64(foot[8:])
	slots, zeros := int64(le.Uint32(foot[16:])), int64(le.Uint32(foot[20:]))
	length := slots*slotRowBytes + zeros*zeroRowBytes
	switch {
	case string(foot[:8]) != footerMagic || crc32c(foot[:60]) != le.Uint32(foot[60:]) ||
		le.Uint32(foot[56:]) != 0:
		return c, damagedf("no footer")
	case slots > maxCheckpoints || zeros > maxZeros || int64(dir) < first ||
		int64(dir)+length+footerBytes != size:
		return c, damagedf("footer does not fit a file of %d bytes", size)
	}
	directory := make([]byte, length)
	if err := readFull(r, directory, int64(dir)); err != nil {
		return c, fmt.Errorf("read directory: %w", err)
	}
	if sum := directorySum(header, directory); !bytes.Equal(sum[:], foot[24:56]) {
		return c, damagedf("directory's SHA-256 does not match")
	}
	return parseDirectory(directory, int(slots), first, int64(dir), key)
}

// parseDirectory checks every row: order, and that it fits the object and the
// part [first, dir) of the file that holds the records.
func parseDirectory(p []byte, slots int, first, dir int64, key Key) (c contents, err error) {
	le := binary.LittleEndian
	c.slots = make([]slot, 0, slots)
	for at := first; slots > 0; slots-- {
		s := slot{out: int64(le.Uint64(p)), in: int64(le.Uint64(p[8:])),
			loc: location(le.Uint64(p[16:]))}
		p = p[slotRowBytes:]
		switch {
		case !key.holds(s.in, s.out) || !c.follows(s.in, s.out):
			return contents{}, damagedf("checkpoint at bit %d, byte %d is out of place",
				s.in, s.out)
		case s.loc.off() < at || s.loc.len() < recordMin || s.loc.len() > recordMax ||
			s.loc.end() > dir:
			return contents{}, damagedf("record of %d bytes at %d is out of place", s.loc.len(),
				s.loc.off())
		}
		at = s.loc.end()
		c.slots = append(c.slots, s)
	}
	c.zeros.list = make([]extent, 0, len(p)/zeroRowBytes)
	for last := int64(-1); len(p) > 0; p = p[zeroRowBytes:] {
		off, n := int64(le.Uint64(p)), int64(le.Uint64(p[8:]))
		if off <= last || n < minZero || n > key.DecodedBytes-off {
			return contents{}, damagedf("zero extent of %d bytes at %d is out of place", n, off)
		}
		last = off + n
		c.zeros.list = append(c.zeros.list, extent{off, last})
	}
	return c, nil
}

// readPartial reads the records of an unfinished file up to the last checkpoint
// that is whole, which ends at the offset end. Without any, contents are empty
// and end is where the first record belongs. Errors are errStale, errDamaged
// (no header), or those of reading.
func readPartial(r io.ReaderAt, size int64, key Key) (c contents, end int64, err error) {
	if err := checkHeader(r, size, key); err != nil {
		return c, 0, err
	}
	end = int64(len(key.header()))
	in := bufio.NewReaderSize(io.NewSectionReader(r, end, min(size, maxFileSize)-end), 128<<10)
	for at := end; ; {
		h, err := readRecord(in)
		if err != nil {
			if errors.Is(err, errDamaged) || errors.Is(err, io.EOF) ||
				errors.Is(err, io.ErrUnexpectedEOF) {
				break // the tail that was being written, or never was one
			}
			return contents{}, 0, fmt.Errorf("read record at %d: %w", at, err)
		}
		if h.kind == kindZeros {
			if h.out < c.zeros.run.off || h.in > key.DecodedBytes-h.out {
				break
			}
			c.zeros.add(h.out, h.out+h.in)
		} else {
			if !key.holds(h.in, h.out) || !c.follows(h.in, h.out) {
				break
			}
			if c.wants(h.out) {
				c.add(slot{out: h.out, in: h.in, loc: locate(at, h.bytes())})
				end = at + int64(h.bytes())
			}
		}
		at += int64(h.bytes())
	}
	c.zeros.clip(c.frontier())
	c.zeros.unsaved = len(c.zeros.list)
	return c, end, nil
}

// readRecord reads one record and checks its CRC, without keeping its State.
func readRecord(in *bufio.Reader) (h recordHeader, err error) {
	head, err := in.Peek(recordHead)
	if err != nil {
		return h, err
	}
	if h, err = parseRecordHeader(head); err != nil {
		return h, err
	}
	sum := crc32.New(castagnoli())
	if _, err := io.CopyN(sum, in, int64(recordHead+h.stored)); err != nil {
		return h, err
	}
	var want [crcBytes]byte
	if _, err := io.ReadFull(in, want[:]); err != nil {
		return h, err
	}
	if sum.Sum32() != binary.LittleEndian.Uint32(want[:]) {
		return h, damagedf("record's CRC does not match")
	}
	return h, nil
}
