package materialize

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Magic numbers at fixed places, as libblkid (util-linux) knows them. A
// negative offset counts from the end. Formats that need more than a comparison
// have functions below.
var magics = []struct {
	name  string
	off   int64
	magic string
}{
	{"XFS filesystem", 0, "XFSB"},
	{"Btrfs filesystem", 0x10040, "_BHRfS_M"},
	{"F2FS filesystem", 1024, "\x10\x20\xf5\xf2"},
	{"EROFS filesystem", 1024, "\xe2\xe1\xf5\xe0"},
	{"SquashFS filesystem", 0, "hsqs"},
	{"ReiserFS filesystem", 0x10034, "ReIsEr"},
	{"JFS filesystem", 0x8000, "JFS1"},
	{"GFS2 filesystem", 0x10000, "\x01\x16\x19\x70"},
	{"ISO 9660 filesystem", 0x8001, "CD001"},
	{"NTFS filesystem", 3, "NTFS    "},
	{"exFAT filesystem", 3, "EXFAT   "},
	{"FAT32 filesystem", 82, "FAT32   "},
	{"FAT filesystem", 54, "FAT1"},
	{"VMFS filesystem", 0x100000, "\x0d\xd0\x01\xc0"},
	{"bcache or bcachefs", 4096 + 24,
		"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"},
	{"Ceph BlueStore", 0, "bluestore block device"},
	{"Oracle ASM disk", 32, "ORCLDISK"},
	{"BitLocker volume", 3, "-FVE-FS-"},
	{"LUKS encrypted volume", 0, "LUKS\xba\xbe"},
	{"LUKS2 encrypted volume (second header)", 0x4000, "SKUL\xba\xbe"},
	{"md RAID member", 0, "\xfc\x4e\x2b\xa9"},    // metadata 1.1
	{"md RAID member", 4096, "\xfc\x4e\x2b\xa9"}, // metadata 1.2
	{"GPT partition table", 512, "EFI PART"},
	{"GPT partition table", 4096, "EFI PART"},
	{"GPT partition table (backup at the end)", -512, "EFI PART"},
	{"GPT partition table (backup at the end)", -4096, "EFI PART"},
	{"qcow2 image", 0, "QFI\xfb"},
	{"VMDK image", 0, "KDMV"},
	{"VHDX image", 0, "vhdxfile"},
	{"VHD image", -512, "conectix"},
	{"VDI image", 64, "\x7f\x10\xda\xbe"},
}

// signatures names the formats that are visible in r, which has size bytes.
// Bytes past the end count as zero.
func signatures(r io.ReaderAt, size int64) ([]string, error) {
	s := signer{r: r, size: size}
	for _, m := range magics {
		if bytes.Equal(s.at(m.off, len(m.magic)), []byte(m.magic)) {
			s.found(m.name)
		}
	}
	s.ext()
	s.swap()
	s.lvm()
	s.mdEnd()
	s.zfs()
	s.mbr()
	return s.names, s.err
}

type signer struct {
	r     io.ReaderAt
	size  int64
	names []string
	err   error
}

func (s *signer) found(name string) {
	for _, n := range s.names {
		if n == name {
			return
		}
	}
	s.names = append(s.names, name)
}

// at reads n bytes at off, which counts from the end if negative. Bytes that do
// not exist or cannot be read are zero.
func (s *signer) at(off int64, n int) []byte {
	p := make([]byte, n)
	if off < 0 {
		off += s.size
	}
	if off < 0 || off >= s.size || s.err != nil {
		return p
	}
	if _, err := s.r.ReadAt(p, off); err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return p
}

// ext2, ext3 and ext4 share a magic of two bytes; two more fields make it
// certain. Linux fs/ext4/ext4.h, struct ext4_super_block.
func (s *signer) ext() {
	sb := s.at(1024, 256)
	le := binary.LittleEndian
	if le.Uint16(sb[56:]) != 0xef53 || le.Uint32(sb[24:]) > 6 || le.Uint32(sb[76:]) > 1 {
		return
	}
	name := "ext2"
	const journal, extents = 0x4, 0x40
	if le.Uint32(sb[92:])&journal != 0 {
		name = "ext3"
	}
	if le.Uint32(sb[96:])&^0x7 != 0 || le.Uint32(sb[96:])&extents != 0 {
		name = "ext4"
	}
	name += " filesystem"
	if label := bytes.TrimRight(sb[120:136], "\x00"); len(label) > 0 {
		name += fmt.Sprintf(" labelled %q", label)
	}
	s.found(name)
}

// The magic of swap ends the first page, whatever the page size of the machine
// that made it.
func (s *signer) swap() {
	for _, page := range []int64{4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10} {
		m := string(s.at(page-10, 10))
		if m == "SWAPSPACE2" || m == "SWAP-SPACE" {
			s.found("swap area")
		}
	}
}

// The label of LVM2 is in one of the first four sectors.
func (s *signer) lvm() {
	head := s.at(0, 4*512)
	for i := 0; i < len(head); i += 512 {
		if string(head[i:i+8]) == "LABELONE" {
			s.found("LVM physical volume")
		}
	}
}

// md metadata 1.0 and 0.90 lie near the end (Linux drivers/md/md.c).
func (s *signer) mdEnd() {
	v10 := ((s.size/512 - 16) &^ 7) * 512
	v09 := s.size&^(64<<10-1) - 64<<10
	for _, off := range []int64{v10, v09} {
		if off > 0 && string(s.at(off, 4)) == "\xfc\x4e\x2b\xa9" {
			s.found("md RAID member")
		}
	}
}

// ZFS keeps arrays of uberblocks in its labels; each begins with the magic in
// the pool's byte order.
func (s *signer) zfs() {
	ring := s.at(128<<10, 128<<10)
	for i := 0; i+8 <= len(ring); i += 1024 {
		if binary.LittleEndian.Uint64(ring[i:]) == 0x00bab10c ||
			binary.BigEndian.Uint64(ring[i:]) == 0x00bab10c {
			s.found("ZFS pool member")
			return
		}
	}
}

// A master boot record is named only if nothing else was found: file systems
// and GPTs have 55 AA in its place too.
func (s *signer) mbr() {
	mbr := s.at(0, 512)
	if len(s.names) > 0 || mbr[510] != 0x55 || mbr[511] != 0xaa {
		return
	}
	for i := 446; i < 510; i += 16 {
		if mbr[i]&0x7f == 0 && mbr[i+4] != 0 {
			s.found("MBR partition table")
			return
		}
	}
	s.found("boot sector")
}

const (
	edgeBytes   = 1 << 20 // read at each end
	sampleBytes = 4 << 10
	samples     = 256 // read in between
)

// blankSoFar reports whether both ends of r and samples in between hold only
// zeros. nonzero is the offset of the first piece that does not.
func blankSoFar(r io.ReaderAt, size int64) (blank bool, nonzero int64, err error) {
	buf := make([]byte, edgeBytes)
	look := func(off int64, n int64) bool {
		p := buf[:min(n, size-off)]
		k, rerr := r.ReadAt(p, off)
		if rerr != nil && !errors.Is(rerr, io.EOF) {
			err = rerr
			return false
		}
		nonzero = off
		return allZero(p[:k])
	}
	if size == 0 {
		return true, 0, nil
	}
	if !look(0, edgeBytes) || !look(max(0, size-edgeBytes), edgeBytes) {
		return false, nonzero, err
	}
	step := max((size-2*edgeBytes)/samples, sampleBytes) &^ (sampleBytes - 1)
	for off := int64(edgeBytes); off < size-edgeBytes; off += step {
		if !look(off, sampleBytes) {
			return false, nonzero, err
		}
	}
	return true, 0, nil
}
