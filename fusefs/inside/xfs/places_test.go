package xfs

import (
	"hash/crc32"

	"github.com/restorefs/restorefs/backupstore/storetest/guest"
)

// places returns every structure of a file system that can be reached, and the
// records of its log.
func places(f *FS) []guest.Place {
	p := &placer{f: f, seen: map[uint64]bool{}, blocks: map[uint64]bool{}}
	size := int64(f.sb.sectorBytes)
	p.list = append(p.list, guest.Place{What: "superblock", N: superBytes, Fix: func(image []byte) {
		p.fixCRC(image[:size], superCRC)
	}})
	p.tree(f.Root())
	p.log()
	return p.list
}

type placer struct {
	f      *FS
	seen   map[uint64]bool
	blocks map[uint64]bool
	list   []guest.Place
}

// fixCRC makes a checksum right.
func (p *placer) fixCRC(b []byte, at int) {
	if p.f.sb.v5() {
		le.PutUint32(b[at:], checksum(b, at))
	}
}

func (p *placer) add(what string, block uint64, count, crc int) {
	if p.blocks[block] {
		return
	}
	p.blocks[block] = true
	off, n := int64(block)<<p.f.sb.logBlock, int64(count)<<p.f.sb.logBlock
	p.list = append(p.list, guest.Place{What: what, Off: off, N: n, Fix: func(image []byte) {
		p.fixCRC(image[off:][:n], crc)
	}})
}

func (p *placer) tree(dir uint64) {
	p.inode(dir)
	guest.Ignore(p.f.ReadDir(dir, func(d Dirent) error {
		switch {
		case p.seen[d.Ino]:
		case d.Type == dtDir:
			p.tree(d.Ino)
		default:
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
	block, skip, err := f.inodePlace(ino)
	if err != nil {
		return
	}
	off, n := int64(block)<<f.sb.logBlock+int64(skip), int64(f.sb.inodeBytes())
	p.list = append(p.list, guest.Place{What: "inode", Off: off, N: n, Fix: func(image []byte) {
		p.fixCRC(image[off:][:n], inodeCRC)
	}})
	p.fork(in, &in.data)
	p.fork(in, &in.attr)
}

// fork adds the blocks of metadata of a fork.
func (p *placer) fork(in *inode, k *fork) {
	if k.form == formTree && len(k.b) > 0 {
		if n, err := p.f.mapRoot(in, k); err == nil {
			p.extents(in, n)
		}
	}
	if k.form != formExtents && k.form != formTree || k == &in.data && in.kind() == typeRegular {
		return
	}
	one, count := uint64(1), 1
	if in.isDir() && k == &in.data {
		one, count = 1<<p.f.sb.logDirBlock, 1<<p.f.sb.logDirBlock
	}
	for block := uint64(0); block < freeBegin>>p.f.sb.logBlock; {
		r, err := p.f.runAt(in, k, block, nil)
		if err != nil {
			return
		}
		if !r.data {
			block = r.to
			continue
		}
		for ; block < r.to; block += one {
			crc := treeHeader.crc
			switch {
			case k == &in.data && in.kind() == typeLink:
				crc = valueHeader.crc
			case k == &in.data && block < dataEnd>>p.f.sb.logBlock:
				crc = dirHeader.crc
			}
			p.add("block", r.disk+block-r.from, count, crc)
		}
	}
}

func (p *placer) extents(in *inode, n *extentNode) {
	for i := range n.len() {
		if n.level == 0 {
			return
		}
		at, err := p.f.linear(n.child(i), 1)
		if err != nil {
			return
		}
		p.add("extents", at, 1, mapHeader.crc)
		if below, err := p.f.mapBlock(in, n.child(i), n.level-1, 0, endOfFile); err == nil {
			p.extents(in, below)
		}
	}
}

// log adds the records of the log that are replayed.
func (p *placer) log() {
	l, s, err := p.f.findLog()
	if err != nil {
		return
	}
	for at := s.tail; at != s.head; {
		r, err := l.header(at)
		if err != nil {
			return
		}
		size := r.headers<<sectorShift + int64(r.bytes)
		off := l.begin + at<<sectorShift
		if off+size > l.begin+l.sectors<<sectorShift || size < 2*sectorBytes {
			return // it goes on at the beginning
		}
		fix := func(image []byte) {
			b := image[off:][:size]
			c := crc32.Update(0, castagnoli, b[:32])
			c = crc32.Update(c, castagnoli, zeros[:])
			c = crc32.Update(c, castagnoli, b[36:328])
			le.PutUint32(b[32:], crc32.Update(c, castagnoli, b[r.headers<<sectorShift:]))
		}
		p.list = append(p.list,
			guest.Place{What: "record", Off: off, N: sectorBytes, Fix: fix},
			guest.Place{What: "operations", Off: off + sectorBytes, N: size - sectorBytes, Fix: fix})
		for part := int64(sectorBytes); part+256 < size; part += 1024 { // most of a large record is alike
			p.list = append(p.list, guest.Place{What: "part of a record", Off: off + part, N: 256, Fix: fix})
		}
		at = l.end(r)
	}
}
