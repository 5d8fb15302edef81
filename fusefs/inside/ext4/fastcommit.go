package ext4

import "errors"

// Tags of fast commits (fs/ext4/fast_commit.h). Their numbers are little-endian.
const (
	fastAddRange = 1
	fastDelRange = 2
	fastCreate   = 3
	fastLink     = 4
	fastUnlink   = 5
	fastInodeTag = 6
	fastPad      = 7
	fastTail     = 8
	fastHead     = 9

	fastTagBytes = 4
)

var errFastFeatures = errors.New("they have features that are not known")

// fastRecord is one record of a fast commit. Its value is a copy.
type fastRecord struct {
	tag   uint16
	value []byte
}

// fastLog collects the records of fast commits, one commit after the other.
type fastLog struct {
	f       *FS
	tid     uint32 // of the transaction that did not come to be
	limit   int64  // of bytes of records
	sum     uint32
	pending []fastRecord // of the commit that is being read
	records []fastRecord // of those that are complete
	commits int
	ended   bool
}

// readFastCommits reads the fast commits behind the last transaction
// (ext4_fc_replay_scan) and returns how many there are. With an error it is how
// many there are before that.
func (f *FS) readFastCommits(j *journal, tid uint32, limit int64) (int, error) {
	l := &fastLog{f: f, tid: tid, limit: limit}
	err := l.read(j)
	f.fast = applyFast(l.records)
	return l.commits, err
}

func (l *fastLog) read(j *journal) error {
	for n := j.last + 1; n < j.blocks && !l.ended; n++ {
		b, err := j.block(n)
		if err != nil {
			return err
		}
		if n == j.last+1 && le.Uint16(b) != fastHead {
			return nil
		}
		if err := l.block(b); err != nil {
			return err
		}
	}
	return nil
}

// block reads the records of one block.
func (l *fastLog) block(b []byte) error {
	for len(b) >= fastTagBytes && !l.ended {
		tag, size := le.Uint16(b), int(le.Uint16(b[2:]))
		if fastTagBytes+size > len(b) || !l.f.fastSize(tag, size) {
			l.ended = true
			return nil
		}
		if err := l.record(tag, b[:fastTagBytes+size]); err != nil {
			return err
		}
		b = b[fastTagBytes+size:]
	}
	return nil
}

// fastSize says whether the value of a record can have a size.
func (f *FS) fastSize(tag uint16, size int) bool {
	switch tag {
	case fastAddRange:
		return size == 16
	case fastDelRange:
		return size == 12
	case fastCreate, fastLink, fastUnlink:
		return size > 8 && size <= 8+255
	case fastInodeTag:
		return size >= 4+128 && size <= 4+f.sb.inodeBytes
	case fastTail:
		return size >= 8
	case fastHead:
		return size == 8
	}
	return tag == fastPad
}

// record takes one record, whose bytes are with its tag.
func (l *fastLog) record(tag uint16, b []byte) error {
	value := b[fastTagBytes:]
	switch tag {
	case fastHead:
		if le.Uint32(value) != 0 {
			return errFastFeatures
		}
		if le.Uint32(value[4:]) != l.tid {
			l.ended = true
			return nil
		}
	case fastTail:
		l.sum = crc32c(l.sum, b[:fastTagBytes+4])
		if le.Uint32(value) != l.tid || le.Uint32(value[4:]) != l.sum {
			l.ended = true
			return nil
		}
		l.records = append(l.records, l.pending...)
		l.pending, l.sum = l.pending[:0], 0
		l.commits++
		return nil
	case fastPad:
	default:
		if l.limit -= int64(len(b)) + 64; l.limit < 0 {
			return errTooMany
		}
		l.pending = append(l.pending, fastRecord{tag, append([]byte(nil), value...)})
	}
	l.sum = crc32c(l.sum, b)
	return nil
}

// applyFast turns records into what changes per inode and per directory.
func applyFast(records []fastRecord) *fastCommits {
	c := &fastCommits{inodes: map[uint64]*fastInode{}, dirs: map[uint64]map[string]nameChanges{}}
	ranges := map[uint64][]run{}
	inode := func(ino uint64) *fastInode {
		if c.inodes[ino] == nil {
			c.inodes[ino] = &fastInode{}
		}
		return c.inodes[ino]
	}
	for _, r := range records {
		ino := uint64(le.Uint32(r.value))
		switch r.tag {
		case fastAddRange:
			ranges[ino] = append(ranges[ino], extentNode{entries: r.value[4:]}.extent(0))
		case fastDelRange:
			from := uint64(le.Uint32(r.value[4:]))
			ranges[ino] = append(ranges[ino],
				run{from: from, to: from + uint64(le.Uint32(r.value[8:]))})
		case fastInodeTag:
			raw := r.value[4:]
			if was := inode(ino).raw; was != nil && le.Uint32(was[0x64:]) != le.Uint32(raw[0x64:]) {
				c.inodes[ino] = &fastInode{} // the inode was deleted and is another file's now
				delete(ranges, ino)
				delete(c.dirs, ino)
			}
			inode(ino).raw = raw
			if inode(ino).wholeMap() {
				delete(ranges, ino) // it has them
			}
		case fastCreate, fastLink, fastUnlink:
			dir, at, name := ino, le.Uint32(r.value[4:]), string(r.value[8:])
			if c.dirs[dir] == nil {
				c.dirs[dir] = map[string]nameChanges{}
			}
			if wrongEntry([]byte(name), at, dir) != "" {
				continue
			}
			c.dirs[dir][name] = append(c.dirs[dir][name], nameChange{at, r.tag != fastUnlink})
			if fi := inode(uint64(at)); r.tag == fastCreate && fi.isDir() {
				fi.made = true
				delete(c.dirs, uint64(at)) // what an earlier directory of this inode held
			}
		}
	}
	for ino, all := range ranges {
		inode(ino).ranges = newRanges(all)
	}
	return c
}

func (fi *fastInode) isDir() bool {
	return len(fi.raw) > 0 && le.Uint16(fi.raw)&typeMask == typeDir
}
