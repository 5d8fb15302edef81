package ext4

// Flags of a tag in a descriptor block.
const (
	tagEscape   = 1
	tagSameUUID = 2
	tagLast     = 8
)

// tagBytes returns the size of a tag without the UUID that may follow.
func (j *journal) tagBytes() int {
	if j.has(journalCsumV3) {
		return 16
	}
	n := 8
	if j.has(journalCsumV2) {
		n += 2
	}
	if j.has(journal64Bit) {
		n += 4
	}
	return n
}

// descriptor reads the tags of a descriptor block and the blocks behind it that
// they are about.
func (t *transactions) descriptor(b []byte) error {
	j := t.j
	end := len(b)
	if j.hasChecksums() {
		end -= 4
		if !j.tailIsRight(b) {
			t.broken = true
		}
	}
	t.sum = t.sumBlock(b)
	size := j.tagBytes()
	for at := 12; at+size <= end; {
		tag, flags, sum := j.tag(b[at:], t.tid)
		at += size
		if flags&tagSameUUID == 0 {
			at += 16
		}
		if err := t.data(tag, sum); err != nil {
			return err
		}
		if flags&tagLast != 0 {
			break
		}
	}
	return t.bounded()
}

// tag reads a tag. Its checksum is of 32 bits in the third version, else of 16.
func (j *journal) tag(b []byte, tid uint32) (tag tagged, flags, sum uint32) {
	tag.tid = tid
	tag.block = uint64(be.Uint32(b))
	if j.has(journalCsumV3) {
		flags, sum = be.Uint32(b[4:]), be.Uint32(b[12:])
	} else {
		flags, sum = uint32(be.Uint16(b[6:])), uint32(be.Uint16(b[4:]))
	}
	if j.has(journal64Bit) {
		tag.block |= uint64(be.Uint32(b[8:])) << 32
	}
	if flags&tagEscape != 0 {
		tag.how = escaped
	}
	return tag, flags, sum
}

// data reads the block that a tag is about and keeps the tag.
func (t *transactions) data(tag tagged, sum uint32) error {
	at := t.next
	b, err := t.read()
	if err != nil {
		return err
	}
	t.sum = t.sumBlock(b)
	if t.j.hasChecksums() {
		var number [4]byte
		be.PutUint32(number[:], tag.tid)
		c := crc32c(crc32c(t.j.seed, number[:]), b)
		if t.j.has(journalCsumV2) && !t.j.has(journalCsumV3) {
			c &= 0xffff
		}
		if c != sum {
			tag.how |= damaged
		}
	}
	if tag.from, _, err = t.j.disk(at); err != nil {
		return err
	}
	if t.j.f.inside(tag.block, 1) != nil {
		return nil // as with the kernel: a block that is nowhere
	}
	t.tags = append(t.tags, tag)
	return t.bounded()
}

// sumBlock continues the first kind of checksums, if the journal has them.
func (t *transactions) sumBlock(b []byte) uint32 {
	if t.j.compat&journalCompatChecksum == 0 || t.j.hasChecksums() {
		return t.sum
	}
	return crc32be(t.sum, b)
}
