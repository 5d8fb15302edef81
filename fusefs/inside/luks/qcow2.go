package luks

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// What Cinder's NFS driver makes of an encrypted volume is a qcow2 image with LUKS inside: the
// header of LUKS is in a place of the image's own, and each cluster is encrypted as the place in
// the file where it lies. Source: docs/interop/qcow2.txt of QEMU, and its block/qcow2-threads.c for
// the numbers of sectors (qcow2_co_encdec takes the offset in the file).
const (
	magicQcow2      = "QFI\xfb"
	headerQcow2     = 112 // bytes of it that are looked at; version 2 has 72
	headerQcow2Of2  = 72
	methodLUKS      = 2
	extensionLUKS   = 0x0537be77
	extensionEnd    = 0
	maxExtensions   = 64
	minClusterBits  = 9
	maxClusterBits  = 21
	maxL1Bytes      = 32 << 20
	entryOffset     = 0x00ff_ffff_ffff_fe00
	entryCompressed = 1 << 62
	entryZero       = 1
)

// Features without which an image is read wrong.
const (
	featureDirty       = 1 << 0 // the counts of references are out of date, which are not read here
	featureCorrupt     = 1 << 1
	featureCompression = 1 << 3 // of compressed clusters, which are refused by themselves
)

// image is a qcow2 image: where the clusters of the disk in it are.
type image struct {
	fileSize    int64
	size        int64 // of the disk in it
	clusterBits uint
	l1, entries int64 // the table of tables
}

// isQcow2 says whether the first bytes of a volume are those of a qcow2 image.
func isQcow2(head []byte) bool { return bytes.HasPrefix(head, []byte(magicQcow2)) }

// readQcow2 reads the header of LUKS in an image, which head is the beginning of; ErrNone if it has
// none.
func (d *volume) readQcow2(head []byte) (*Header, error) {
	if len(head) < headerQcow2 {
		return nil, ErrNone
	}
	head = head[:headerQcow2]
	if binary.BigEndian.Uint32(head[32:]) != methodLUKS {
		return nil, ErrNone
	}
	m, extensions, err := d.parseQcow2(head)
	if err != nil {
		return nil, err
	}
	at, length, err := d.extension(extensions, int64(1)<<m.clusterBits)
	if err != nil {
		return nil, err
	}
	if at < headerQcow2Of2 || length < header1Bytes || at > d.size-length {
		return nil, broken("in the qcow2 image it lies at byte %d and has %d", at, length)
	}
	text, err := d.read(at, header1Bytes)
	if err != nil {
		return nil, err
	}
	if !Is(text) || binary.BigEndian.Uint16(text[6:]) != 1 {
		return nil, unsupported("the qcow2 image has a header of LUKS that is none of version 1")
	}
	h, err := parse1(text, length)
	if h == nil || err != nil {
		return h, err
	}
	for i := range h.Slots {
		h.Slots[i].offset += at
	}
	h.image, h.Start, h.Size = m, 0, m.size/sector*sector
	h.sum = sumOf(h.sum[:], head, binary.BigEndian.AppendUint64(nil, uint64(d.size)))
	h.Notes = append(h.Notes, "it is within a qcow2 image, as Cinder's NFS driver makes it")
	return h, nil
}

// parseQcow2 reads the header of an image, and returns where its extensions begin.
func (d *volume) parseQcow2(b []byte) (m *image, extensions int64, err error) {
	word := func(at int) int64 { return int64(binary.BigEndian.Uint32(b[at:])) }
	long := func(at int) uint64 { return binary.BigEndian.Uint64(b[at:]) }
	version, clusterBits, extensions := word(4), word(20), int64(headerQcow2Of2)
	var features uint64
	if version == 3 {
		features, extensions = long(72), word(100)
	}
	switch {
	case version != 2 && version != 3:
		return nil, 0, unsupported("it is within a qcow2 image of version %d", version)
	case long(8) != 0:
		return nil, 0, unsupported("it is within a qcow2 image that lies on another one (a " +
			"backing file), which the backup does not have: qemu-img may join them where both are")
	case features&featureCorrupt != 0:
		return nil, 0, broken("the qcow2 image around it is marked as corrupt")
	case features&^(featureDirty|featureCompression) != 0:
		return nil, 0, unsupported("it is within a qcow2 image with features that are not read "+
			"here (%#x): an external data file, or extended tables", features)
	case clusterBits < minClusterBits || clusterBits > maxClusterBits:
		return nil, 0, broken("the qcow2 image around it has clusters of 2^%d bytes", clusterBits)
	case extensions < headerQcow2Of2 || extensions > int64(1)<<clusterBits:
		return nil, 0, broken("the qcow2 image around it has a header of %d bytes", extensions)
	}
	m = &image{fileSize: d.size, clusterBits: uint(clusterBits), entries: word(36)}
	size, l1 := long(24), long(40)
	if size > 1<<62 || l1 > 1<<62 || m.entries*8 > maxL1Bytes ||
		int64(l1) > d.size-m.entries*8 ||
		size > 0 && int64(size-1)>>(2*m.clusterBits-3) >= m.entries {
		return nil, 0, broken("the tables of the qcow2 image around it do not fit: %d bytes, %d "+
			"tables at byte %d", size, m.entries, l1)
	}
	m.size, m.l1 = int64(size), int64(l1)
	return m, extensions, nil
}

// extension finds where the header of LUKS is: the extensions of an image's header lie in its first
// cluster.
func (d *volume) extension(at, end int64) (offset, length int64, err error) {
	for range maxExtensions {
		b, err := d.read(at, 8)
		if err != nil {
			return 0, 0, err
		}
		kind, size := binary.BigEndian.Uint32(b), int64(binary.BigEndian.Uint32(b[4:]))
		switch {
		case kind == extensionEnd || at+8+size > end:
			return 0, 0, broken("the qcow2 image around it does not say where it is")
		case kind == extensionLUKS && size >= 16:
			if b, err = d.read(at+8, 16); err != nil {
				return 0, 0, err
			}
			offset, length := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
			return int64(min(offset, 1<<62)), int64(min(length, 1<<62)), nil
		}
		at += 8 + (size+7)&^7
	}
	return 0, 0, broken("the header of the qcow2 image around it does not end")
}

// mapped is the plain disk of an image, decrypted as it is read.
type mapped struct {
	r io.ReaderAt
	k *Key
}

// ReadAt implements io.ReaderAt.
func (p *mapped) ReadAt(b []byte, off int64) (done int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read at byte %d", off)
	}
	short := error(nil)
	if left := p.k.Size() - off; int64(len(b)) > left {
		b, short = b[:max(left, 0)], io.EOF
	}
	cluster := int64(1) << p.k.h.image.clusterBits
	for done < len(b) {
		at := off + int64(done)
		n := min(int64(len(b)-done), cluster-at%cluster)
		if err := p.within(b[done:done+int(n)], at); err != nil {
			return done, err
		}
		done += int(n)
	}
	return done, short
}

// within reads what lies in one cluster.
func (p *mapped) within(b []byte, off int64) error {
	at, err := p.k.h.image.find(p.r, off)
	if err != nil {
		return err
	}
	if at < 0 {
		clear(b)
		return nil
	}
	into := at % sector
	whole := b
	if into != 0 || len(b)%sector != 0 {
		whole = make([]byte, (int(into)+len(b)+sector-1)/sector*sector)
	}
	if n, err := p.r.ReadAt(whole, at-into); n < len(whole) {
		return orShort(err)
	}
	p.k.Decrypt(whole, at-into)
	if into != 0 || len(b)%sector != 0 {
		copy(b, whole[into:])
	}
	return nil
}

// find returns where in the image a byte of the disk lies, -1 where the disk has zeros.
func (m *image) find(r io.ReaderAt, off int64) (int64, error) {
	cluster := int64(1) << m.clusterBits
	perTable := cluster / 8
	number := off / cluster
	if number/perTable >= m.entries {
		return -1, nil
	}
	table, err := m.entry(r, m.l1+number/perTable*8)
	if err != nil || table&entryOffset == 0 {
		return -1, err
	}
	entry, err := m.entry(r, int64(table&entryOffset)+number%perTable*8)
	switch at := int64(entry & entryOffset); {
	case err != nil:
		return 0, err
	case entry&entryCompressed != 0:
		return 0, unsupported("the qcow2 image around it has a compressed cluster")
	case entry&entryZero != 0 || at == 0:
		return -1, nil
	case at >= m.fileSize:
		return 0, broken("the qcow2 image around it has a cluster at byte %d, and the volume %d",
			at, m.fileSize)
	default:
		return at + off%cluster, nil
	}
}

// entry reads an entry of a table.
func (m *image) entry(r io.ReaderAt, at int64) (uint64, error) {
	if at > m.fileSize-8 {
		return 0, broken("the qcow2 image around it has a table at byte %d, and the volume %d", at,
			m.fileSize)
	}
	var b [8]byte
	if n, err := r.ReadAt(b[:], at); n < len(b) {
		return 0, orShort(err)
	}
	return binary.BigEndian.Uint64(b[:]), nil
}
