package contents

import (
	"encoding/binary"
	"math/bits"
)

// XFS: struct xfs_dsb in fs/xfs/libxfs/xfs_format.h, and the log of
// xfs_log_format.h, of Linux. All numbers are big endian.
func xfs(d *disk, head []byte) (Contents, bool) {
	be := binary.BigEndian
	blockBytes := be.Uint32(head[4:])
	if string(head[:4]) != "XFSB" || blockBytes < 512 || blockBytes > 64<<10 ||
		bits.OnesCount32(blockBytes) != 1 {
		return Contents{}, false
	}
	c := Contents{Kind: "XFS", Label: string(head[108:120])}
	start, groupBlocks, groups, blocks, shift := be.Uint64(head[48:]), be.Uint32(head[84:]),
		be.Uint32(head[88:]), be.Uint32(head[96:]), head[124]
	if start == 0 {
		c.Detail = "its log is on another device: it cannot be told whether it was in use"
		return c, true
	}
	// The number of a block consists of its allocation group and the number in that group.
	unread := func() (Contents, bool) {
		c.Detail = "its log is not where it says: it cannot be told whether it was in use"
		return c, true
	}
	if shift > 31 {
		return unread()
	}
	group, block := start>>shift, start&(1<<shift-1)
	if group >= uint64(groups) || block >= uint64(groupBlocks) {
		return unread()
	}
	off := group*uint64(groupBlocks) + block // below 2^64, as both factors are below 2^32
	size := uint64(blocks) * uint64(blockBytes)
	if all := uint64(d.size) / uint64(blockBytes); off >= all || uint64(blocks) > all-off ||
		size < 4*logBlock {
		return unread()
	}
	l := xfsLog{d: d, off: int64(off) * int64(blockBytes), blocks: int64(size / logBlock)}
	switch clean := l.clean(); {
	case d.err != nil:
		return c, true
	case clean:
		c.State = Clean
	default:
		c.State, c.Detail = InUse, "its log is to be replayed"
	}
	return c, true
}

const (
	logBlock      = 512
	logRecord     = 0xFEEDBABE // begins the first block of a record
	logUnmount    = 0x20       // flag of an operation: it is that of an unmount
	logSplit      = 32 << 10   // bytes of a record for each block of its header
	maxLogRecord  = 256 << 10  // bytes of a record, without its header
	maxLogHeaders = maxLogRecord / logSplit
)

// xfsLog is a log: a ring of blocks. The first word of each block is the number of the cycle in
// which it was written; in the first block of a record the second word is.
type xfsLog struct {
	d      *disk
	off    int64 // bytes
	blocks int64
}

func (l *xfsLog) read(block, n int64) []byte {
	return l.d.at(l.off+block*logBlock, int(n)*logBlock)
}

func (l *xfsLog) cycle(block int64) uint32 {
	b := l.d.at(l.off+block*logBlock, 8)
	if b == nil {
		return 0
	}
	if c := binary.BigEndian.Uint32(b); c != logRecord {
		return c
	}
	return binary.BigEndian.Uint32(b[4:])
}

// clean says whether the newest record is that of an unmount and nothing was written after it:
// xlog_find_head and xlog_check_unmount_rec in fs/xfs/xfs_log_recover.c. After a write that a crash
// interrupted the log does not end so.
func (l *xfsLog) clean() bool {
	first, last := l.cycle(0), l.cycle(l.blocks-1)
	if first == 0 && last == 0 {
		return l.d.err == nil // never written
	}
	// The head is the first block that was not written in the newest cycle. All blocks before it
	// have the number of that cycle, and those from it on that of the cycle before.
	head := l.blocks
	if first != last {
		lo, hi := int64(0), l.blocks-1
		for hi-lo > 1 {
			if mid := lo + (hi-lo)/2; l.cycle(mid) == last {
				hi = mid
			} else {
				lo = mid
			}
		}
		head = hi
	}
	// The record of an unmount is small, so try a few blocks first; other records may be large.
	for _, n := range []int64{16, maxLogRecord/logBlock + maxLogHeaders} {
		window := l.before(head, min(n, l.blocks))
		for at := len(window) - logBlock; at >= 0; at -= logBlock {
			if record := window[at:]; binary.BigEndian.Uint32(record) == logRecord {
				return unmounts(record)
			}
		}
	}
	return false
}

// before returns the n blocks before the head, if need be from the end of the ring.
func (l *xfsLog) before(head, n int64) []byte {
	if head >= n {
		return l.read(head-n, n)
	}
	window := l.read(l.blocks-(n-head), n-head)
	if head > 0 {
		window = append(window, l.read(0, head)...)
	}
	if int64(len(window)) != n*logBlock {
		return nil
	}
	return window
}

// unmounts says whether record, which reaches up to the head, is that of an unmount: it has one
// operation with that flag, and the right length.
func unmounts(record []byte) bool {
	be := binary.BigEndian
	version, length, operations := be.Uint32(record[8:]), int64(be.Uint32(record[12:])),
		be.Uint32(record[40:])
	headers := int64(1)
	if size := int64(be.Uint32(record[320:])); version&2 != 0 && size > logSplit {
		headers = (min(size, maxLogRecord) + logSplit - 1) / logSplit
	}
	if operations != 1 || length > maxLogRecord ||
		headers*logBlock+(length+logBlock-1)/logBlock*logBlock != int64(len(record)) ||
		length < 12 {
		return false
	}
	return record[headers*logBlock+9]&logUnmount != 0
}
