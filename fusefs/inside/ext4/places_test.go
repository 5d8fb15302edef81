package ext4

import (
	"slices"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// places returns every structure of a file system that can be reached.
func places(f *FS) []guest.Place {
	p := &placer{f: f, seen: map[uint64]bool{}}
	p.list = append(p.list, guest.Place{What: "superblock", Off: superOffset, N: superBytes, Fix: func(b []byte) {
		b = b[superOffset:]
		le.PutUint32(b[0x3fc:], crc32c(^uint32(0), b[:0x3fc]))
	}})
	for g := range f.sb.groups() {
		p.group(g)
	}
	p.inode(journalInode)
	p.inode(uint64(f.sb.orphanInode))
	p.tree(rootInode)
	p.journal()
	return p.list
}

type placer struct {
	f    *FS
	seen map[uint64]bool
	list []guest.Place
}

func (p *placer) add(what string, block uint64, fix func(b []byte)) {
	off := int64(block) * p.f.bs
	p.list = append(p.list, guest.Place{What: what, Off: off, N: p.f.bs, Fix: func(image []byte) { fix(image[off:][:p.f.bs]) }})
}

func (p *placer) group(g uint64) {
	f, n := p.f, int64(p.f.sb.descBytes)
	at, _ := f.sb.descBlock(g, false)
	off := int64(at)*f.bs + int64(g)*n&(f.bs-1)
	p.list = append(p.list, guest.Place{What: "descriptor", Off: off, N: n, Fix: func(image []byte) {
		if d := image[off:][:n]; f.sb.hasChecksums() {
			c := crc32c(crc32c(crc32cNumber(f.sb.seed, uint32(g)), d[:0x1e]), zeros[:2])
			le.PutUint16(d[0x1e:], uint16(crc32c(c, d[0x20:])))
		}
	}})
}

func (p *placer) tree(dir uint64) {
	p.inode(dir)
	ignore(p.f.ReadDir(dir, func(d Dirent) error {
		if p.seen[d.Ino] {
			return nil
		}
		if d.Type == dtDir {
			p.tree(d.Ino)
		} else {
			p.inode(d.Ino)
		}
		return nil
	}))
}

// inode adds an inode and what hangs from it.
func (p *placer) inode(ino uint64) {
	f := p.f
	in, err := f.inode(ino)
	if err != nil || p.seen[ino] {
		return
	}
	p.seen[ino] = true
	index := (ino - 1) % uint64(f.sb.groupInodes)
	table, err := f.inodeTable((ino - 1) / uint64(f.sb.groupInodes))
	if err != nil {
		return
	}
	off, n := int64(table)*f.bs+int64(index)*int64(f.sb.inodeBytes), int64(f.sb.inodeBytes)
	p.list = append(p.list, guest.Place{What: "inode", Off: off, N: n, Fix: func(image []byte) { fixInode(f, ino, image[off:][:n]) }})
	if in.flags&flagExtents != 0 {
		if n, wrong := parseExtents(in.iblock(), -1); wrong == "" {
			p.extents(in, n)
		}
	} else if in.flags&flagInline == 0 && in.kind() == typeRegular {
		for i := directBlocks; i < directBlocks+3; i++ {
			if at := le.Uint32(in.iblock()[i*4:]); at != 0 {
				p.add("pointers", uint64(at), func([]byte) {})
			}
		}
	}
	if number := fileACL(in); number != 0 {
		p.add("attributes", number, func(b []byte) {
			c := crc32cNumber(crc32cNumber(f.sb.seed, uint32(number)), uint32(number>>32))
			le.PutUint32(b[16:], crc32c(crc32c(crc32c(c, b[:16]), zeros[:]), b[20:]))
		})
		entries, _ := f.blockXattrs(in)
		for _, e := range entries {
			p.inode(uint64(e.inode))
		}
	}
	if in.isDir() && in.flags&flagInline == 0 {
		p.directory(in)
	}
}

func fixInode(f *FS, ino uint64, b []byte) {
	if !f.sb.hasChecksums() {
		return
	}
	// Both halves count as zeros if there is room for both.
	long := len(b) > 128 && le.Uint16(b[0x80:]) >= 4
	le.PutUint16(b[0x7c:], 0)
	if long {
		le.PutUint16(b[0x82:], 0)
	}
	c := crc32c(crc32cNumber(crc32cNumber(f.sb.seed, uint32(ino)), le.Uint32(b[0x64:])), b)
	le.PutUint16(b[0x7c:], uint16(c))
	if long {
		le.PutUint16(b[0x82:], uint16(c>>16))
	}
}

func (p *placer) extents(in *inode, n extentNode) {
	for i := range n.len() {
		if n.depth == 0 {
			return
		}
		p.add("extents", n.child(i), func(b []byte) {
			if end := extentBytes * (1 + int(le.Uint16(b[4:]))); end+4 <= len(b) {
				le.PutUint32(b[end:], crc32c(in.seed, b[:end]))
			}
		})
		if below, err := p.f.extentBlock(in, n.child(i), n.depth-1); err == nil {
			p.extents(in, below)
		}
	}
}

func (p *placer) directory(in *inode) {
	f := p.f
	for block := range uint64(in.size) >> f.sb.logBlock {
		r, err := f.runAt(in, block, nil)
		if err != nil || !r.data {
			continue
		}
		p.add("directory", r.disk, func(b []byte) {
			if in.flags&flagIndex == 0 || !f.isIndex(b, block) {
				le.PutUint32(b[len(b)-4:], crc32c(in.seed, b[:len(b)-direntTail]))
				return
			}
			at := f.indexAt(b, block)
			n, ok := parseIndex(b, at)
			if !ok {
				return
			}
			if tail := at + int(le.Uint16(b[at:]))*indexEntry; tail+8 <= len(b) {
				c := crc32c(crc32c(in.seed, b[:at+n.count*indexEntry]), b[tail:tail+4])
				le.PutUint32(b[tail+4:], crc32c(c, zeros[:]))
			}
		})
	}
}

// journal adds the blocks of the journal that its log uses.
func (p *placer) journal() {
	j, err := p.f.openJournal()
	if err != nil {
		return
	}
	disk, _, err := j.disk(0)
	if err != nil {
		return
	}
	p.add("journal", disk, func(b []byte) {
		clear(b[0xfc:0x100])
		be.PutUint32(b[0xfc:], crc32c(^uint32(0), b[:superBytes]))
	})
	for n := j.first; n < j.blocks; n++ {
		b, err := j.block(n)
		if err != nil {
			return
		}
		disk, _, err := j.disk(n)
		if err != nil || le.Uint32(b) == 0 && !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
			continue
		}
		fast := n > j.last
		p.add("log", disk, func(b []byte) { fixLog(j, b, fast) })
	}
}

func fixLog(j *journal, b []byte, fast bool) {
	end := len(b) - 4
	switch {
	case fast:
		fixFast(b)
	case be.Uint32(b) != journalMagic:
	case be.Uint32(b[4:]) == blockCommit && j.hasChecksums():
		clear(b[16:20])
		be.PutUint32(b[16:], crc32c(j.seed, b))
	case j.hasChecksums():
		be.PutUint32(b[end:], crc32c(crc32c(j.seed, b[:end]), zeros[:]))
	}
}

// fixFast makes the checksum of a fast commit right that is in one block.
func fixFast(b []byte) {
	sum := uint32(0)
	for len(b) >= fastTagBytes {
		n := fastTagBytes + int(le.Uint16(b[2:]))
		if n > len(b) {
			return
		}
		if le.Uint16(b) == fastTail && n >= 12 {
			le.PutUint32(b[8:], crc32c(sum, b[:8]))
			sum = 0
		} else {
			sum = crc32c(sum, b[:n])
		}
		b = b[n:]
	}
}
