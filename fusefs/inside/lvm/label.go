package lvm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

var le = binary.LittleEndian

const (
	sectorBytes   = 512
	labelSectors  = 4 // in which the label can be
	mdaMagic      = " LVM2 x[5A%r0N*>"
	mdaHeader     = 512
	checksumStart = 0xf597a6cf
	ignoredArea   = 1 // a flag of a place of text
)

// checksum is that of LVM: CRC32 with another start, not inverted.
func checksum(p []byte) uint32 { return ^crc32.Update(^uint32(checksumStart), crc32.IEEETable, p) }

// Source is a physical volume.
type Source struct {
	Name string // in messages
	R    io.ReaderAt
	Size int64

	// Beside says that it is of another disk: groups that lie on such ones alone are not wanted.
	Beside bool
}

// read reads n bytes that must lie inside.
func (s Source) read(off, n uint64) ([]byte, error) {
	if off > uint64(s.Size) || n > uint64(s.Size)-off {
		return nil, fmt.Errorf("%d bytes at byte %d are behind its end", n, off)
	}
	p := make([]byte, n)
	if got, err := s.R.ReadAt(p, int64(off)); got < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read %d bytes at byte %d: %w", n, off, err)
	}
	return p, nil
}

var errNoLabel = errors.New("it has no label of LVM2 that is right")

// label returns the id of a physical volume, and where its metadata is.
func (s Source) label() (id string, areas []area, err error) {
	for i := range uint64(labelSectors) {
		p, err := s.read(i*sectorBytes, sectorBytes)
		if err != nil {
			return "", nil, err
		}
		if string(p[:8]) != "LABELONE" || string(p[24:32]) != "LVM2 001" || le.Uint64(p[8:]) != i ||
			le.Uint32(p[16:]) != checksum(p[20:]) {
			continue
		}
		if off := le.Uint32(p[20:]); off >= 32 && off <= sectorBytes-40 {
			return header(p[off:])
		}
	}
	return "", nil, errNoLabel
}

// area is a place on a physical volume.
type area struct{ off, size uint64 }

// header reads a physical volume's header: its id, its size, its areas of data, those of metadata.
func header(p []byte) (id string, areas []area, err error) {
	id = string(p[:32])
	p = p[40:]
	list := func() (out []area) {
		for len(p) >= 16 && len(out) < maxAreas {
			a := area{le.Uint64(p), le.Uint64(p[8:])}
			if p = p[16:]; a.off == 0 {
				break
			}
			out = append(out, a)
		}
		return out
	}
	list() // of data: the text says it too
	return id, list(), nil
}

// text returns the metadata in an area; "" if there is none.
func (s Source) text(a area) (string, error) {
	p, err := s.read(a.off, mdaHeader)
	if err != nil {
		return "", err
	}
	switch {
	case string(p[4:20]) != mdaMagic || le.Uint32(p) != checksum(p[4:]):
		return "", errors.New("the header of its metadata is damaged")
	case le.Uint32(p[20:]) != 1:
		return "", fmt.Errorf("its metadata has the version %d", le.Uint32(p[20:]))
	case le.Uint64(p[24:]) != a.off:
		return "", errors.New("its metadata says that it is elsewhere")
	}
	size := min(le.Uint64(p[32:]), a.size)
	place := p[40:]
	off, length, sum, flags := le.Uint64(
		place,
	), le.Uint64(
		place[8:],
	), le.Uint32(
		place[16:],
	), le.Uint32(
		place[20:],
	)
	if off == 0 || length == 0 || flags&ignoredArea != 0 {
		return "", nil
	}
	if length > maxText || size <= mdaHeader || off < mdaHeader || off >= size ||
		length > size-mdaHeader {
		return "", fmt.Errorf(
			"its metadata would have %d bytes, from byte %d of %d on",
			length,
			off,
			size,
		)
	}
	first := min(length, size-off)
	text, err := s.read(a.off+off, first)
	if err != nil {
		return "", err
	}
	if first < length { // it goes on behind the header
		rest, err := s.read(a.off+mdaHeader, length-first)
		if err != nil {
			return "", err
		}
		text = append(text, rest...)
	}
	if checksum(text) != sum {
		return "", errors.New("its metadata is damaged")
	}
	return strings.TrimRight(string(text), "\x00"), nil
}
