package xfs

import (
	"errors"
	"fmt"
	"hash/crc32"
)

// The log counts in sectors of 512 bytes, which it calls basic blocks. Each of
// its records begins with a header; the first four bytes of each sector are
// replaced by the number of the log's cycle, and are kept in the header.
const (
	sectorBytes    = 1 << sectorShift
	recordMagic    = 0xfeedbabe
	cyclesInHeader = 64 // sectors whose first bytes one sector of header keeps
	maxRecord      = 256 << 10
	maxRecordV1    = 32 << 10
	maxInFlight    = 8 // records that may be written at the same time

	// maxLogSectors is what the kernel takes: 2 GiB.
	maxLogSectors = 1 << 22
)

// logReader reads the sectors of a log.
type logReader struct {
	f       *FS
	begin   int64 // offset on the disk
	sectors int64
	v2      bool

	records []keptRecord // that were read last, while it is replayed
}

var errExternalLog = errors.New("the log is on another disk")

// openLog finds the log.
func (f *FS) openLog() (*logReader, error) {
	sb := f.sb
	if sb.logStart == 0 {
		return nil, errExternalLog
	}
	at, err := f.linear(sb.logStart, uint64(sb.logBlocks))
	if err != nil {
		return nil, err
	}
	l := &logReader{f: f, begin: int64(at) << sb.logBlock,
		v2: sb.v5() || sb.version&versionLogV2 != 0}
	l.sectors = int64(sb.logBlocks) << (sb.logBlock - sectorShift)
	if l.sectors < 2*maxInFlight || l.sectors > maxLogSectors {
		return nil, corrupt("superblock", "a log of %d blocks", sb.logBlocks)
	}
	return l, nil
}

// wrap returns a sector of the log that may be counted beyond its end.
func (l *logReader) wrap(sector int64) int64 { return sector % l.sectors }

// read fills p, whole sectors, from a sector of the log on, and goes on at its beginning.
func (l *logReader) read(p []byte, sector int64) error {
	for len(p) > 0 {
		sector = l.wrap(sector)
		n := min(int64(len(p))>>sectorShift, l.sectors-sector)
		if err := l.f.dev.read(p[:n<<sectorShift], l.begin+sector<<sectorShift); err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		p, sector = p[n<<sectorShift:], sector+n
	}
	return nil
}

// cycleOf returns the cycle in which a sector was written.
func cycleOf(b []byte) uint32 {
	if c := be.Uint32(b); c != recordMagic {
		return c
	}
	return be.Uint32(b[4:])
}

func (l *logReader) cycle(sector int64) (uint32, error) {
	var b [sectorBytes]byte
	err := l.read(b[:], sector)
	return cycleOf(b[:]), err
}

// record is the header of a record of the log.
type record struct {
	sector  int64 // where it begins
	headers int64 // sectors of header
	bytes   int   // behind the headers
	crc     uint32
	lsn     uint64 // when it was written: cycle and sector
	tail    uint64 // when the oldest was that is not in its place yet
	ops     uint32
	raw     []byte // the headers
}

// sectorOf and cycleOfLSN take apart a sequence number of the log.
func sectorOf(lsn uint64) int64 { return int64(lsn & (1<<32 - 1)) }

// sectors returns how many sectors a record has.
func (r *record) sectors() int64 { return r.headers + int64(r.bytes+sectorBytes-1)>>sectorShift }

// buffer returns how large the kernel's buffers for the log were when it wrote a record.
func (r *record) buffer() int64 {
	if be.Uint32(r.raw[8:])&2 == 0 {
		return maxRecordV1
	}
	return max(maxRecordV1, int64(be.Uint32(r.raw[320:])))
}

// end returns the sector behind a record.
func (l *logReader) end(r *record) int64 { return l.wrap(r.sector + r.sectors()) }

// header reads and checks the header of a record.
func (l *logReader) header(sector int64) (*record, error) {
	b := make([]byte, sectorBytes)
	if err := l.read(b, sector); err != nil {
		return nil, err
	}
	r := &record{
		sector: l.wrap(sector), headers: 1, bytes: int(be.Uint32(b[12:])),
		crc: le.Uint32(b[32:]), lsn: be.Uint64(b[16:]), tail: be.Uint64(b[24:]),
		ops: be.Uint32(b[40:]),
		raw: b,
	}
	most := maxRecordV1
	if l.v2 {
		most = maxRecord
		if size := int64(be.Uint32(b[320:])); be.Uint32(b[8:])&2 != 0 && size > maxRecordV1 {
			if size > maxRecord {
				return nil, l.corrupt(sector, "a record of up to %d bytes", size)
			}
			r.headers = (size + maxRecordV1 - 1) / maxRecordV1
		}
	}
	switch version := be.Uint32(b[8:]); {
	case be.Uint32(b) != recordMagic:
		return nil, l.corrupt(sector, "no record begins there")
	case version != 1 && version != 2:
		return nil, l.corrupt(sector, "a record of version %d", version)
	case r.bytes < 0 || r.bytes > most:
		return nil, l.corrupt(sector, "a record of %d bytes", r.bytes)
	case r.sectors() > l.sectors:
		return nil, l.corrupt(sector, "a record longer than the log")
	case r.sectors()-r.headers > r.headers*cyclesInHeader:
		return nil, l.corrupt(sector, "a record of %d bytes with %d headers", r.bytes, r.headers)
	}
	if r.headers > 1 {
		r.raw = make([]byte, r.headers<<sectorShift)
		if err := l.read(r.raw, sector); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (l *logReader) corrupt(sector int64, what string, args ...any) error {
	return corrupt(fmt.Sprintf("sector %d of the log", l.wrap(sector)), what, args...)
}

// payload reads what is behind the header of a record as it is on the disk. The
// error is a CorruptError if its checksum is wrong.
func (l *logReader) payload(r *record) ([]byte, error) {
	b := make([]byte, (r.sectors()-r.headers)<<sectorShift)
	if err := l.read(b, r.sector+r.headers); err != nil {
		return nil, err
	}
	b = b[:r.bytes]
	if r.crc != 0 && !r.rightChecksum(b) {
		return nil, l.corrupt(r.sector, "the checksum of a record is wrong")
	}
	return b, nil
}

// rightChecksum says whether the checksum of a record is right. It is of the
// kernel's structure of a header, which has padding on some processors.
func (r *record) rightChecksum(payload []byte) bool {
	for _, size := range [...]int{328, 324} {
		c := crc32.Update(0, castagnoli, r.raw[:32])
		c = crc32.Update(c, castagnoli, zeros[:])
		c = crc32.Update(c, castagnoli, r.raw[36:size])
		// of the other headers those that are in use
		for i := 1; i*maxRecordV1 < len(payload); i++ {
			c = crc32.Update(c, castagnoli, r.raw[i<<sectorShift:][:4+cyclesInHeader*4])
		}
		if crc32.Update(c, castagnoli, payload) == r.crc {
			return true
		}
	}
	return false
}

// restore puts the bytes back that the numbers of cycles have replaced.
func (r *record) restore(payload []byte) {
	for i := range (len(payload) + sectorBytes - 1) >> sectorShift {
		kept := r.raw[44+i*4:]
		if i >= cyclesInHeader {
			kept = r.raw[i/cyclesInHeader<<sectorShift+4+i%cyclesInHeader*4:]
		}
		copy(payload[i<<sectorShift:min(i<<sectorShift+4, len(payload))], kept)
	}
}

// unmounted says whether a record says that the file system was unmounted.
func (l *logReader) unmounted(r *record) (bool, error) {
	if r.ops != 1 || r.bytes < opHeaderBytes {
		return false, nil
	}
	var b [sectorBytes]byte
	if err := l.read(b[:], r.sector+r.headers); err != nil {
		return false, err
	}
	return b[9]&opUnmount != 0, nil
}
