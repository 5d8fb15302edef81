package xfs

import "fmt"

// Flags of a buffer in the log, and what it holds (xfs_log_format.h).
const (
	bufferInodes = 0x1 // only links between inodes that are deleted: nobody sees them
	bufferCancel = 0x2
	bufferQuotas = 0x4 | 0x8 | 0x10

	bufferTypeShift = 11
	typeQuotas      = 3 // and below, but 0
	typeTree        = 4
	typeGroup       = 5 // to 7: headers of allocation groups
	typeGroupLast   = 7
	typeRTBitmap    = 19
	typeRTSummary   = 20

	bufferChunk    = 128 // bytes that one bit stands for
	maxBufferWords = 17
	maxBuffer      = 128 + 1 // sectors
)

// buffer is what the first region of an item says of a buffer.
type buffer struct {
	key   extentKey
	flags uint16
	kind  uint16
	dirty []byte // which of its chunks are in the log: a bit each, in words
}

// bufferOf reads the first region of an item of a buffer.
func (r *replayer) bufferOf(it *item) (*buffer, error) {
	b := it.first
	if len(b) < 20 {
		return nil, fmt.Errorf("it has a buffer of %d bytes", len(b))
	}
	out := &buffer{
		flags: le.Uint16(b[4:]), kind: le.Uint16(b[4:]) >> bufferTypeShift,
		key: extentKey{int64(le.Uint64(b[8:])), int32(le.Uint16(b[6:]))},
	}
	words := le.Uint32(b[16:])
	if words > maxBufferWords || int(words)*4 > len(b)-20 {
		return nil, fmt.Errorf("it has a buffer with a map of %d words", words)
	}
	out.dirty = b[20:][:words*4]
	// The file system may grow to the end of the disk before the buffer is written.
	end := max(int64(r.f.sb.blocks)<<(r.f.sb.logBlock-sectorShift), r.f.dev.Size>>sectorShift)
	if k := out.key; k.sector < 0 || k.count < 1 || k.count > maxBuffer ||
		k.sector > end-int64(k.count) {
		return nil, fmt.Errorf("it has a buffer of %d sectors at sector %d of %d", k.count,
			k.sector, end)
	}
	return out, nil
}

// next returns the first chunk from one on that is in the log, and how many
// follow each other; -1: none.
func (b *buffer) next(chunk int) (int, int) {
	first := -1
	for ; chunk < len(b.dirty)*8; chunk++ {
		set := le.Uint32(b.dirty[chunk/32*4:])&(1<<(chunk%32)) != 0
		if set && first < 0 {
			first = chunk
		} else if !set && first >= 0 {
			break
		}
	}
	if first < 0 {
		return -1, 0
	}
	return first, chunk - first
}

// wanted says whether somebody who reads may see what a buffer holds.
func (b *buffer) wanted() bool {
	switch k := b.kind; {
	case b.flags&(bufferInodes|bufferQuotas) != 0:
		return false
	case k >= 1 && k <= typeQuotas, k >= typeGroup && k <= typeGroupLast, k == typeRTBitmap,
		k == typeRTSummary:
		return false
	}
	return true
}

// buffer replays a buffer.
func (r *replayer) buffer(it *item, b *buffer, lsn uint64) error {
	if !b.wanted() {
		return nil
	}
	var head [sectorBytes]byte
	if err := r.read(head[:], b.key.sector<<sectorShift); err != nil {
		return err
	}
	if newer := r.f.lsnOf(head[:]); newer != 0 && newer != ^uint64(0) && newer >= lsn {
		return nil // what is on the disk is from later on
	}
	return r.chunks(it, b, head[:])
}

// chunks puts the chunks of a buffer in their places. It is given the sector that
// the buffer began with.
func (r *replayer) chunks(it *item, b *buffer, head []byte) error {
	region, chunk := 1, 0
	for {
		first, count := b.next(chunk)
		if first < 0 && b.key.sector == 0 {
			return r.grow()
		} else if first < 0 {
			return nil
		}
		data, err := it.region(region)
		if err != nil {
			return err
		}
		count = min(count, len(data)/bufferChunk) // a run of chunks may have been logged in parts
		if count == 0 || (first+count)*bufferChunk > int(b.key.count)<<sectorShift {
			return fmt.Errorf("it changes a buffer at sector %d from byte %d on, and has %d "+
				"bytes for that",
				b.key.sector, first*bufferChunk, len(data))
		}
		if region == 1 && b.kind == typeTree && r.otherTree(first, data, head) {
			return nil
		}
		if err := r.put(data[:count*bufferChunk],
			b.key.sector<<sectorShift+int64(first)*bufferChunk); err != nil {
			return err
		}
		region, chunk = region+1, first+count
	}
}

// grow takes over from the superblock, as it is by now, how large the file system is.
func (r *replayer) grow() error {
	var b [sectorBytes]byte
	if err := r.read(b[:], 0); err != nil {
		return err
	}
	sb, err := parseSuper(b[:])
	if err != nil {
		return err
	}
	if sb.groupBlocks != r.f.sb.groupBlocks || sb.logBlock != r.f.sb.logBlock {
		return corrupt("superblock", "the log makes groups of %d blocks of such of %d",
			sb.groupBlocks, r.f.sb.groupBlocks)
	}
	// else it is older than what was on the disk: version 4 allows that
	if sb.blocks > r.f.sb.blocks {
		r.f.sb.blocks, r.f.sb.groups = sb.blocks, sb.groups
	}
	return nil
}

// otherTree says whether a block of a tree is of one that nobody reads: of what
// is free, of owners, of inodes. Most of what is logged is.
func (r *replayer) otherTree(first int, data, head []byte) bool {
	magic := be.Uint32(head)
	if first == 0 {
		magic = be.Uint32(data)
	}
	switch magic {
	case magicOf("ABTB"), magicOf("AB3B"), magicOf("ABTC"), magicOf("AB3C"), magicOf("IABT"),
		magicOf("IAB3"),
		magicOf("FIBT"), magicOf("FIB3"), magicOf("RMB3"), magicOf("R3FC"):
		return true
	}
	return false
}

func magicOf(s string) uint32 { return be.Uint32([]byte(s)) }

// lsnOf returns when a buffer was written, by the kind of metadata that it
// begins with; 0 if that cannot be told.
func (f *FS) lsnOf(b []byte) uint64 {
	if !f.sb.v5() {
		return 0
	}
	lsn, id := 0, 0
	switch be.Uint32(b) {
	case magicOf("AB3B"), magicOf("AB3C"), magicOf("IAB3"), magicOf("FIB3"), magicOf("RMB3"),
		magicOf("R3FC"):
		lsn, id = 24, 32
	case mapMagic5:
		lsn, id = 32, 40
	case linkMagic:
		lsn, id = 48, 16
	case singleMagc5, namesMagic5, magicOf("XDF3"):
		lsn, id = 16, 24
	case superMagic:
		lsn, id = 240, 32
		if f.sb.incompat&incompatMetaUUID != 0 {
			id = 248
		}
	default:
		switch be.Uint16(b[8:]) {
		case leafMagic5, leavesMagc5, attrMagic5, treeMagic5:
			lsn, id = 24, 32
		default:
			return 0
		}
	}
	if [16]byte(b[id:]) != f.sb.metaUUID {
		return 0
	}
	return be.Uint64(b[lsn:])
}

// newInodes replays the making of a chunk of inodes that are not in use.
func (r *replayer) newInodes(it *item) error {
	b, sb := it.first, r.f.sb
	if len(b) < 28 {
		return fmt.Errorf("it makes inodes in %d bytes", len(b))
	}
	group, at := uint64(be.Uint32(b[4:])), uint64(be.Uint32(b[8:]))
	count, size, length := be.Uint32(b[12:]), be.Uint32(b[16:]), be.Uint32(b[20:])
	first, err := r.f.linear(group<<sb.logGroup|at, uint64(length))
	if err != nil {
		return err
	}
	if size != 1<<sb.logInode || count == 0 || count > max(64, uint32(1)<<sb.logPerBlock) ||
		uint64(count)<<sb.logInode != uint64(length)<<sb.logBlock {
		return fmt.Errorf("it makes %d inodes of %d bytes in %d blocks", count, size, length)
	}
	if r.inodesCancelled(first, length) {
		return nil
	}
	ino := group<<sb.logInodeGroup() | at<<sb.logPerBlock
	raw := make([]byte, size)
	for i := range uint64(count) {
		clear(raw)
		be.PutUint16(raw, inodeMagic)
		raw[4] = 2
		be.PutUint32(raw[92:], be.Uint32(b[24:]))
		be.PutUint32(raw[96:], ^uint32(0))
		if sb.v5() {
			raw[4] = 3
			be.PutUint64(raw[152:], ino+i)
			copy(raw[160:], sb.metaUUID[:])
		}
		if err := r.put(raw, int64(first)<<sb.logBlock+int64(i)<<sb.logInode); err != nil {
			return err
		}
	}
	return nil
}

// inodesCancelled says whether new inodes are given back further on. They are so
// in buffers of a size that depends on the file system: all that may be are tried.
func (r *replayer) inodesCancelled(block uint64, length uint32) bool {
	log := r.f.sb.logBlock - sectorShift
	begin, count := int64(block)<<log, int64(length)<<log
	for n := count; n > 0; n >>= 1 {
		for at := begin; at < begin+count; at += n {
			if r.cancelled[extentKey{at, int32(n)}] > 0 {
				return true
			}
		}
	}
	return false
}
