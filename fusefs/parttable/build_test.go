package parttable

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// image is a disk in memory that is zero except for some pieces, and counts its reads.
type image struct {
	size   int64
	pieces map[int64][]byte // by offset
	bad    [][2]int64       // ranges that cannot be read

	reads int
	bytes int64
}

func blank(size int64) *image { return &image{size: size, pieces: map[int64][]byte{}} }

func (m *image) put(off int64, p []byte) { m.pieces[off] = p }

func (m *image) ReadAt(p []byte, off int64) (int, error) {
	m.reads++
	m.bytes += int64(len(p))
	if off < 0 || off+int64(len(p)) > m.size {
		return 0, io.ErrUnexpectedEOF // a read outside of the disk
	}
	for _, r := range m.bad {
		if off < r[1] && off+int64(len(p)) > r[0] {
			return 0, fmt.Errorf("bytes %d to %d are damaged", r[0], r[1])
		}
	}
	clear(p)
	for at, piece := range m.pieces {
		if from, to := max(at, off), min(at+int64(len(piece)), off+int64(len(p))); from < to {
			copy(p[from-off:to-off], piece[from-at:to-at])
		}
	}
	return len(p), nil
}

// mbrOf returns an MBR with entries {kind, start, sectors}.
func mbrOf(entries ...[3]uint32) []byte {
	b := make([]byte, 512)
	b[510], b[511] = 0x55, 0xAA
	for i, e := range entries {
		p := b[mbrEntries+16*i:]
		p[4] = byte(e[0])
		binary.LittleEndian.PutUint32(p[8:], e[1])
		binary.LittleEndian.PutUint32(p[12:], e[2])
	}
	return b
}

// gpt describes a GPT to be written; the zero value is an ordinary one.
type gpt struct {
	sector     int64
	parts      [][2]uint64 // first and last sector; {0, 0} is an unused entry
	entryBytes uint32
	count      uint32

	header  func(b []byte) // changes a header before its checksum is taken
	spoil   func(b []byte) // changes a header after its checksum was taken
	entries func(b []byte) // changes the entries after their checksum was taken
}

// copies returns the header and the entries of the copy whose header is in sector at.
func (g gpt) copies(at, other, entriesAt int64) (header, entries []byte) {
	le := binary.LittleEndian
	entries = make([]byte, int(g.count)*int(g.entryBytes))
	for i, p := range g.parts {
		if p != [2]uint64{} {
			e := entries[i*int(g.entryBytes):]
			e[0] = 1
			le.PutUint64(e[gptEntryFirst:], p[0])
			le.PutUint64(e[gptEntryLast:], p[1])
		}
	}
	header = make([]byte, g.sector)
	copy(header, gptSignature)
	le.PutUint32(header[8:], 0x10000)
	le.PutUint32(header[12:], gptHeaderMin)
	le.PutUint64(header[24:], uint64(at))
	le.PutUint64(header[32:], uint64(other))
	le.PutUint64(header[72:], uint64(entriesAt))
	le.PutUint32(header[80:], g.count)
	le.PutUint32(header[84:], g.entryBytes)
	le.PutUint32(header[88:], crc32.ChecksumIEEE(entries))
	if g.header != nil {
		g.header(header)
	}
	length := min(max(le.Uint32(header[12:]), 20), uint32(g.sector))
	le.PutUint32(header[16:], 0)
	le.PutUint32(header[16:], crc32.ChecksumIEEE(header[:length]))
	if g.spoil != nil {
		g.spoil(header)
	}
	if g.entries != nil {
		g.entries(entries)
	}
	return header, entries
}

// write writes the first copy as described and, if asked to, a sound second copy.
func (g gpt) write(m *image, second bool) {
	if g.sector == 0 {
		g.sector = 512
	}
	if g.entryBytes == 0 {
		g.entryBytes = 128
	}
	if g.count == 0 {
		g.count = 128
	}
	last := m.size/g.sector - 1
	m.put(0, mbrOf([3]uint32{kindGPT, 1, uint32(min(last, 1<<32-1))}))
	header, entries := g.copies(1, last, 2)
	m.put(g.sector, header)
	m.put(2*g.sector, entries)
	if second {
		g.header, g.spoil, g.entries = nil, nil, nil
		at := last - (int64(len(entries))+g.sector-1)/g.sector
		header, entries = g.copies(last, 1, at)
		m.put(last*g.sector, header)
		m.put(at*g.sector, entries)
	}
}

// shown formats partitions as "number:start+size", in sectors.
func shown(t Table) string {
	var out []string
	for _, p := range t.Partitions {
		out = append(out, fmt.Sprintf("%d:%d+%d", p.Number, p.Start/t.SectorBytes, p.Size/t.SectorBytes))
	}
	slices.Sort(out)
	return fmt.Sprint(out)
}
