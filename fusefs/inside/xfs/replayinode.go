package xfs

import "fmt"

// Which parts of an inode are in the log (xfs_log_format.h).
const (
	logData      = 0x2
	logExtents   = 0x4
	logRoot      = 0x8
	logDevice    = 0x10
	logAttrs     = 0x40
	logAttrExts  = 0x80
	logAttrRoot  = 0x100
	logOwner     = 0x200
	logAttrOwner = 0x400
	logDataFork  = logData | logExtents | logRoot
	logAttrFork  = logAttrs | logAttrExts | logAttrRoot

	inodeItemBytes = 56
	inodeItemOld   = 52 // by kernels of 32 bits
)

// inodeItem is what the first region of an item says of an inode.
type inodeItem struct {
	fields  uint32
	ino     uint64
	device  uint32
	buffer  extentKey
	off     int64 // on the disk
	regions int
}

func (r *replayer) inodeOf(it *item) (*inodeItem, error) {
	b := it.first
	out := &inodeItem{}
	if len(b) != inodeItemBytes && len(b) != inodeItemOld {
		return nil, fmt.Errorf("it has an inode of %d bytes", len(b))
	}
	out.regions, out.fields = int(le.Uint16(b[2:])), le.Uint32(b[4:])
	if len(b) == inodeItemBytes {
		b = b[16:]
	} else {
		b = b[12:]
	}
	out.ino, out.device = le.Uint64(b), le.Uint32(b[8:])
	out.buffer = extentKey{int64(le.Uint64(b[24:])), int32(le.Uint32(b[32:]))}
	block, skip, err := r.f.inodePlace(out.ino)
	if err != nil {
		return nil, err
	}
	out.off = int64(block)<<r.f.sb.logBlock + int64(skip)
	if at := int64(le.Uint32(b[36:])); out.buffer.sector<<sectorShift+at != out.off {
		return nil, fmt.Errorf("it has inode %d in another place than that inode is", out.ino)
	}
	return out, nil
}

// inode replays an inode.
func (r *replayer) inode(it *item, lsn uint64) error {
	i, err := r.inodeOf(it)
	if err != nil {
		return err
	}
	if r.cancelled[i.buffer] > 0 {
		return nil
	}
	core, err := r.coreOf(it, i)
	if err != nil {
		return err
	}
	sb := r.f.sb
	raw := make([]byte, sb.inodeBytes())
	if err := r.read(raw, i.off); err != nil {
		return err
	}
	if !r.over.has(i.off >> sectorShift) {
		if err := r.f.checkInode(raw, i.ino, true); err != nil {
			r.damaged++ // it stays so, as nothing is known of what the log does not have
			return nil
		}
	}
	if r.inodeIsNewer(raw, core, lsn) {
		return r.owner(i, raw)
	}
	inodeCore(raw, core, lsn)
	if i.fields&logDevice != 0 {
		be.PutUint32(raw[r.forks():], i.device)
	}
	if err := r.replayForks(it, i, raw); err != nil {
		return err
	}
	if err := r.put(raw, i.off); err != nil {
		return err
	}
	return r.owner(i, raw)
}

// coreOf returns the fields of an inode that the log has.
func (r *replayer) coreOf(it *item, i *inodeItem) ([]byte, error) {
	core, err := it.region(1)
	if err != nil {
		return nil, err
	}
	size := inodeOldBytes - 4 // without the link between inodes that are deleted
	if r.f.sb.v5() {
		size = inodeBytes
	}
	if len(core) < size || len(core) > inodeBytes || le.Uint16(core) != inodeMagic ||
		r.f.sb.v5() != (core[4] == 3) {
		return nil, fmt.Errorf("it has %d bytes for inode %d, which are none", len(core), i.ino)
	}
	return core, nil
}

// forks returns where the forks of an inode begin.
func (r *replayer) forks() int {
	if r.f.sb.v5() {
		return inodeBytes
	}
	return inodeOldBytes
}

// inodeIsNewer says whether an inode is from later on than what the log has of it.
func (r *replayer) inodeIsNewer(raw, core []byte, lsn uint64) bool {
	if r.f.sb.v5() {
		now := be.Uint64(raw[112:])
		return now != 0 && now != ^uint64(0) && now > lsn
	}
	// Version 4 counts how often the inode was written, up to where it begins anew.
	const most = 0xffff
	now, logged := be.Uint16(raw[30:]), le.Uint16(core[30:])
	return logged < now && (now != most || logged >= most>>1)
}

// owner takes note that the extents of an inode belong to it though they may be
// marked as those of another: it has exchanged them.
func (r *replayer) owner(i *inodeItem, raw []byte) error {
	if i.fields&(logOwner|logAttrOwner) != 0 && be.Uint16(raw[2:]) != 0 {
		if len(r.f.newOwner) >= maxIntents {
			return fmt.Errorf("more than %d inodes have exchanged extents", maxIntents)
		}
		if r.f.newOwner == nil {
			r.f.newOwner = map[uint64]bool{}
		}
		r.f.newOwner[i.ino] = true
	}
	return nil
}

// inodeCore turns the fields of an inode from the order of the processor into
// that of the disk. What the log does not have is left as it is.
func inodeCore(raw, core []byte, lsn uint64) {
	flip := func(at, n int) {
		for i := range n {
			raw[at+i] = core[at+n-1-i]
		}
	}
	keep := func(at, n int) { copy(raw[at:at+n], core[at:]) }
	keep(4, 2) // version, form
	clear(raw[6:8])
	if core[4] == 1 { // its number of links is where version 2 has none
		flip(6, 2)
	}
	// Magic and mode; owners and links; project; size, blocks, the hint for extents;
	// the numbers of extents, flags, the generation.
	for _, at := range []int{0, 2, 20, 22, 80, 88, 90} {
		flip(at, 2)
	}
	for _, at := range []int{8, 12, 16, 72, 76, 84, 92} {
		flip(at, 4)
	}
	flip(56, 8)
	flip(64, 8)
	clear(raw[24:32])
	keep(82, 2) // where attributes begin, and their form
	stamps, flags2 := []int{32, 40, 48}, uint64(0)
	if core[4] == 3 {
		stamps, flags2 = append(stamps, 144), le.Uint64(core[120:])
		for _, at := range []int{104, 120, 152} {
			flip(at, 8)
		}
		be.PutUint64(raw[112:], lsn)
		flip(128, 4)
		clear(raw[132:144])
		keep(160, 16)
	}
	for _, at := range stamps {
		if flags2&flag2BigTime != 0 {
			flip(at, 8)
		} else {
			flip(at, 4)
			flip(at+4, 4)
		}
	}
	if flags2&flag2Nrext64 != 0 {
		flip(24, 8)
	}
}

// replayForks replays what the log has of the forks of an inode.
func (r *replayer) replayForks(it *item, i *inodeItem, raw []byte) error {
	begin := r.forks()
	all := raw[begin:]
	off := int(raw[82]) << 3
	if off > len(all) {
		return fmt.Errorf("it has inode %d with attributes behind its end", i.ino)
	}
	data, attr := all, []byte(nil)
	if off > 0 {
		data, attr = all[:off], all[off:]
	}
	region := 2
	for _, k := range []struct {
		fork                   []byte
		any, list, local, root uint32
	}{
		{data, logDataFork, logExtents, logData, logRoot},
		{attr, logAttrFork, logAttrExts, logAttrs, logAttrRoot},
	} {
		if i.fields&k.any == 0 {
			continue
		}
		if region >= i.regions { // the fork is empty
			return nil
		}
		b, err := it.region(region)
		if err != nil {
			return err
		}
		region++
		if i.fields&k.any == k.root {
			err = r.replayRoot(k.fork, b)
		} else if len(b) > len(k.fork) {
			err = fmt.Errorf("it has %d bytes for the %d of a fork", len(b), len(k.fork))
		} else {
			copy(k.fork, b)
		}
		if err != nil {
			return fmt.Errorf("inode %d: %w", i.ino, err)
		}
	}
	return nil
}

// replayRoot turns the root of a tree of extents, which is logged as if it had a
// block to itself, into what an inode has.
func (r *replayer) replayRoot(fork, b []byte) error {
	begin := 24
	if r.f.sb.v5() {
		begin = 72
	}
	if len(b) < begin || len(fork) < 4 {
		return fmt.Errorf("it has a root of extents of %d bytes", len(b))
	}
	count, most, room := int(be.Uint16(b[6:])), (len(b)-begin)/16, (len(fork)-4)/16
	if count > most || count > room {
		return fmt.Errorf("it has a root of %d extents in %d bytes, for %d", count,
			len(b), len(fork))
	}
	copy(fork[:4], b[4:8])
	copy(fork[4:], b[begin:][:count*8])
	copy(fork[4+room*8:], b[begin+most*8:][:count*8])
	return nil
}
