package contents

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
)

// sparse is a disk in memory that is zero except for some pieces, and counts its reads.
type sparse struct {
	size   int64
	pieces map[int64][]byte
	bad    int64 // the byte that cannot be read; 0: all bytes can

	reads int
	bytes int64
}

var errBad = errors.New("it is damaged")

func (m *sparse) ReadAt(p []byte, off int64) (int, error) {
	m.reads++
	m.bytes += int64(len(p))
	if off < 0 || off+int64(len(p)) > m.size {
		return 0, io.ErrUnexpectedEOF
	}
	if m.bad > 0 && off <= m.bad && m.bad < off+int64(len(p)) {
		return 0, errBad
	}
	clear(p)
	for at, piece := range m.pieces {
		if from, to := max(at, off), min(at+int64(len(piece)), off+int64(len(p))); from < to {
			copy(p[from-off:to-off], piece[from-at:to-at])
		}
	}
	return len(p), nil
}

func bytesOf(n int, change func(b []byte)) []byte {
	b := make([]byte, n)
	change(b)
	return b
}

// extSuper returns the superblock of an ext file system, at byte 1024.
func extSuper(compatible, incompatible, readOnly uint32, state uint16, orphan uint32) map[int64][]byte {
	le := binary.LittleEndian
	return map[int64][]byte{1024: bytesOf(1024, func(b []byte) {
		le.PutUint16(b[0x38:], 0xEF53)
		le.PutUint16(b[0x3A:], state)
		le.PutUint32(b[0x4C:], 1)
		le.PutUint32(b[0x5C:], compatible)
		le.PutUint32(b[0x60:], incompatible)
		le.PutUint32(b[0x64:], readOnly)
		le.PutUint32(b[0xE8:], orphan)
		copy(b[0x78:], "a\x1b[2J")
	})}
}

// logOf returns an XFS file system with a log of 64 blocks, at block 8 of 4096 bytes, whose blocks
// change writes.
func logOf(change func(block func(n int) []byte)) map[int64][]byte {
	be := binary.BigEndian
	log := make([]byte, 64*logBlock)
	change(func(n int) []byte { return log[n*logBlock : (n+1)*logBlock] })
	return map[int64][]byte{8 * 4096: log, 0: bytesOf(512, func(b []byte) {
		copy(b, "XFSB")
		be.PutUint32(b[4:], 4096)
		be.PutUint64(b[48:], 1<<4|2) // group 1 of 6 blocks: block 8
		be.PutUint32(b[84:], 6)
		be.PutUint32(b[88:], 40)
		be.PutUint32(b[96:], 8)
		b[124] = 4
	})}
}

// unmountAt fills a log with blocks of a cycle up to head, those of the cycle before behind it, and
// the record of an unmount that ends at head.
func unmountAt(head int, cycle uint32) func(block func(n int) []byte) {
	return func(block func(n int) []byte) {
		be := binary.BigEndian
		for i := range 64 {
			c := cycle
			if i >= head {
				c--
			}
			be.PutUint32(block(i), c)
		}
		record := block((head + 62) % 64)
		be.PutUint32(record, logRecord)
		be.PutUint32(record[4:], be.Uint32(block((head+61)%64)))
		if head == 1 {
			be.PutUint32(record[4:], cycle-1)
		}
		be.PutUint32(record[8:], 2)
		be.PutUint32(record[12:], 512)
		be.PutUint32(record[40:], 1)
		be.PutUint32(record[320:], 32<<10)
		block((head + 63) % 64)[9] = logUnmount
	}
}

func also(m map[int64][]byte, off int64, b []byte) map[int64][]byte { m[off] = b; return m }

// ntfsOf returns an NTFS with clusters of 4096 bytes, its MFT in cluster 4 and its log in cluster
// 16.
func ntfsOf(flags uint16, page func(b []byte)) map[int64][]byte {
	le := binary.LittleEndian
	record := func(attribute []byte) []byte {
		return bytesOf(1024, func(b []byte) {
			copy(b, "FILE")
			le.PutUint16(b[4:], 48)
			le.PutUint16(b[6:], 3)
			le.PutUint16(b[20:], 56)
			copy(b[56:], attribute)
			le.PutUint32(b[56+len(attribute):], ntfsEnd)
		})
	}
	return map[int64][]byte{
		0: bytesOf(512, func(b []byte) {
			copy(b[3:], "NTFS    ")
			le.PutUint16(b[11:], 512)
			b[13], b[64] = 8, 0xF6 // records of 2^10 bytes
			le.PutUint64(b[48:], 4)
		}),
		4*4096 + 2*1024: record(bytesOf(72, func(b []byte) {
			le.PutUint32(b, ntfsData)
			le.PutUint32(b[4:], 72)
			b[8] = 1
			le.PutUint16(b[32:], 64)
			copy(b[64:], "\x11\x08\x10")
		})),
		4*4096 + 3*1024: record(bytesOf(40, func(b []byte) {
			le.PutUint32(b, ntfsInformation)
			le.PutUint32(b[4:], 40)
			le.PutUint32(b[16:], 12)
			le.PutUint16(b[20:], 24)
			le.PutUint16(b[24+10:], flags)
		})),
		16 * 4096: bytesOf(4096, page),
		17 * 4096: bytesOf(4096, page),
	}
}

// restart writes the restart area at the start of an NTFS log.
func restart(client, flags uint16) func(b []byte) {
	return func(b []byte) {
		copy(b, "RSTR")
		binary.LittleEndian.PutUint16(b[24:], 48)
		binary.LittleEndian.PutUint64(b[48:], 9)
		binary.LittleEndian.PutUint16(b[48+12:], client)
		binary.LittleEndian.PutUint16(b[48+14:], flags)
	}
}

func fatOf(at int, state byte) map[int64][]byte {
	return map[int64][]byte{0: bytesOf(512, func(b []byte) {
		copy(b, "\xeb\x3c\x90mkfs.fat\x00\x02\x04\x04\x00\x02\x00\x02\x00\x00\xf8")
		if at == 37 {
			b[22] = 9
		}
		b[at], b[510], b[511] = state, 0x55, 0xAA
	})}
}

func btrfsOf(log uint64) map[int64][]byte {
	return map[int64][]byte{64 << 10: bytesOf(4096, func(b []byte) {
		binary.LittleEndian.PutUint64(b[48:], 64<<10)
		copy(b[64:], "_BHRfS_M")
		binary.LittleEndian.PutUint64(b[96:], log)
		copy(b[299:], "label")
	})}
}

func TestFileSystemsAreIdentifiedAndTheirStateIsKnown(t *testing.T) {
	be := binary.BigEndian
	inXFS := func(off int, v uint32) map[int64][]byte {
		m := logOf(unmountAt(10, 3))
		be.PutUint32(m[0][off:], v)
		return m
	}
	for what, c := range map[string]struct {
		pieces map[int64][]byte
		size   int64
		kind   string
		state  State
		detail string // a part of Contents.Detail; "": it is empty
		holds  bool
	}{
		"nothing":                      {},
		"a disk smaller than a sector": {size: 511},
		"a disk of one sector":         {size: 512},
		"a disk of ZFS": {pieces: map[int64][]byte{16 << 10: []byte("\x01\x01\x00\x00" +
			"\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x24\x00\x00\x00\x20\x00\x00\x00\x07version\x00")}, kind: "ZFS"},
		"ext4, unmounted":                 {pieces: extSuper(4, 0x42, 0, 1, 0), kind: "ext4", state: Clean},
		"ext4, mounted":                   {pieces: extSuper(4, 0x46, 0, 1, 0), kind: "ext4", state: InUse, detail: "journal"},
		"ext4, mounted, with errors":      {pieces: extSuper(4, 0x46, 0, 3, 0), kind: "ext4", state: InUse, detail: "has noted errors"},
		"ext4, unmounted, with errors":    {pieces: extSuper(4, 0x42, 0, 3, 0), kind: "ext4", state: Clean, detail: "has noted errors"},
		"ext4, deleted files that are":    {pieces: extSuper(4, 0x42, 0, 1, 12), kind: "ext4", state: InUse, detail: "deleted"},
		"ext4, a file of such files":      {pieces: extSuper(0x1004, 0x42, 0x10000, 1, 0), kind: "ext4", state: InUse, detail: "deleted"},
		"ext3, mounted":                   {pieces: extSuper(4, 0x6, 1, 1, 0), kind: "ext3", state: InUse, detail: "journal"},
		"ext2, mounted":                   {pieces: extSuper(0, 0x2, 1, 0, 0), kind: "ext2", state: InUse, detail: "e2fsck"},
		"ext2, unmounted":                 {pieces: extSuper(0, 0x2, 1, 1, 0), kind: "ext2", state: Clean},
		"a journal of ext by itself":      {pieces: extSuper(0, 0x8, 0, 1, 0), kind: "journal of an ext file system"},
		"XFS, unmounted":                  {pieces: logOf(unmountAt(10, 3)), kind: "XFS", state: Clean},
		"XFS, unmounted in its 1st cycle": {pieces: logOf(unmountAt(10, 1)), kind: "XFS", state: Clean},
		"XFS, unmounted at the log's end": {pieces: logOf(unmountAt(64, 3)), kind: "XFS", state: Clean},
		"XFS, the unmount over the end":   {pieces: logOf(unmountAt(1, 3)), kind: "XFS", state: Clean},
		"XFS, a log never written":        {pieces: logOf(func(func(int) []byte) {}), kind: "XFS", state: Clean},
		"XFS, written after the unmount": {pieces: logOf(func(block func(int) []byte) {
			unmountAt(10, 3)(block)
			be.PutUint32(block(10), 3)
		}), kind: "XFS", state: InUse, detail: "log"},
		"XFS, a write that was cut short": {pieces: logOf(func(block func(int) []byte) {
			unmountAt(10, 3)(block)
			be.PutUint32(block(8)[12:], 1024)
		}), kind: "XFS", state: InUse, detail: "log"},
		"XFS, mounted": {pieces: logOf(func(block func(int) []byte) {
			unmountAt(10, 3)(block)
			block(9)[9] = 0
		}), kind: "XFS", state: InUse, detail: "log"},
		"XFS, no record at the head": {pieces: logOf(func(block func(int) []byte) {
			for i := range 64 {
				be.PutUint32(block(i), 7)
			}
		}), kind: "XFS", state: InUse, detail: "log"},
		"XFS, a record longer than any": {pieces: logOf(func(block func(int) []byte) {
			unmountAt(10, 3)(block)
			be.PutUint32(block(8)[12:], 1<<31)
		}), kind: "XFS", state: InUse, detail: "log"},
		"XFS, headers more than any": {pieces: logOf(func(block func(int) []byte) {
			unmountAt(10, 3)(block)
			be.PutUint32(block(8)[320:], 1<<31)
		}), kind: "XFS", state: InUse, detail: "log"},
		"XFS, a log elsewhere":                {pieces: inXFS(52, 0), kind: "XFS", detail: "another device"},
		"XFS, a log behind the end":           {pieces: inXFS(96, 1<<30), kind: "XFS", detail: "not where it says"},
		"XFS, a log in no group":              {pieces: inXFS(48, 1<<20), kind: "XFS", detail: "not where it says"},
		"XFS, blocks of 3 bytes":              {pieces: inXFS(4, 3)},
		"XFS, numbers that cannot be shifted": {pieces: also(inXFS(124, 0xFF000000), 4096, nil), kind: "XFS", detail: "not where it says"},
		"NTFS, clean":                         {pieces: ntfsOf(0, restart(0, ntfsLogClean)), kind: "NTFS", state: Clean},
		"NTFS, nobody had its log open":       {pieces: ntfsOf(0, restart(ntfsNoClient, 0)), kind: "NTFS", state: Clean},
		"NTFS, its log was open":              {pieces: ntfsOf(0, restart(0, 0)), kind: "NTFS", state: InUse, detail: "log"},
		"NTFS, dirty":                         {pieces: ntfsOf(1, restart(0, ntfsLogClean)), kind: "NTFS", state: InUse, detail: "dirty"},
		"NTFS, no log":                        {pieces: ntfsOf(0, func([]byte) {}), kind: "NTFS", detail: "cannot be told"},
		"NTFS, an emptied log":                {pieces: ntfsOf(0, func(b []byte) { copy(b, bytes.Repeat([]byte{0xFF}, 4096)) }), kind: "NTFS", state: Clean},
		"NTFS, no files":                      {pieces: also(ntfsOf(0, restart(0, 0)), 4*4096+3*1024, make([]byte, 1024)), kind: "NTFS", detail: "cannot be told"},
		"FAT16, unmounted":                    {pieces: fatOf(37, 0), kind: "FAT", state: Clean},
		"FAT16, mounted":                      {pieces: fatOf(37, 1), kind: "FAT", state: InUse, detail: "fsck.fat"},
		"FAT32, mounted":                      {pieces: fatOf(65, 1), kind: "FAT32", state: InUse, detail: "fsck.fat"},
		"exFAT, mounted":                      {pieces: map[int64][]byte{3: []byte("EXFAT   "), 106: {2}}, kind: "exFAT", state: InUse, detail: "fsck.exfat"},
		"btrfs":                               {pieces: btrfsOf(0), kind: "btrfs"},
		"btrfs, synced since its last commit": {pieces: btrfsOf(1 << 20), kind: "btrfs", state: InUse, detail: "log tree"},
		"LUKS":                                {pieces: map[int64][]byte{0: []byte("LUKS\xba\xbe\x00\x02")}, kind: "LUKS2", holds: true},
		"LVM":                                 {pieces: map[int64][]byte{512: []byte("LABELONE\x01"), 536: []byte("LVM2 001")}, kind: "LVM physical volume", holds: true},
		"RAID":                                {pieces: map[int64][]byte{4096: []byte("\xfc\x4e\x2b\xa9")}, kind: "member of a RAID array (md)", holds: true},
		"swap":                                {pieces: map[int64][]byte{4086: []byte("SWAPSPACE2")}, kind: "swap"},
		"swap of a machine that hibernated":   {pieces: map[int64][]byte{4086: []byte("S1SUSPEND\x00")}, kind: "swap", state: InUse, detail: "hibernated"},
	} {
		t.Run(what, func(t *testing.T) {
			m := &sparse{size: 1 << 20, pieces: c.pieces}
			if c.size != 0 {
				m.size = c.size
			}
			got, err := Identify(m, m.size)
			if err != nil || got.Kind != c.kind || got.State != c.state || !strings.Contains(got.Detail, c.detail) || c.detail == "" && got.Detail != "" || got.Holds != c.holds {
				t.Errorf("%+v, %v", got, err)
			}
			if m.reads > 200 || m.bytes > 1<<20 {
				t.Errorf("%d reads of %d bytes", m.reads, m.bytes)
			}
		})
	}
}

func TestADiskThatCannotBeReadIsAnError(t *testing.T) {
	for what, c := range map[string]struct {
		pieces map[int64][]byte
		bad    int64
	}{
		"the start":      {extSuper(4, 0x42, 0, 1, 0), 1},
		"a log of XFS":   {logOf(unmountAt(10, 3)), 8*4096 + 9*512},
		"a log of NTFS":  {ntfsOf(0, restart(0, 0)), 16 * 4096},
		"what is behind": {nil, 64<<10 + 70},
	} {
		t.Run(what, func(t *testing.T) {
			got, err := Identify(&sparse{size: 1 << 20, pieces: c.pieces, bad: c.bad}, 1<<20)
			if !errors.Is(err, errBad) || got.State != Unknown {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestASurveyTellsWhatToDo(t *testing.T) {
	mbr := bytesOf(512, func(b []byte) {
		b[510], b[511] = 0x55, 0xAA
		for i, start := range []uint32{256, 1024} {
			e := b[446+16*i:]
			e[4] = 0x83
			binary.LittleEndian.PutUint32(e[8:], start)
			binary.LittleEndian.PutUint32(e[12:], 512)
		}
	})
	m := &sparse{size: 1 << 20, pieces: map[int64][]byte{0: mbr, 256*512 + 1024: extSuper(4, 0x46, 0, 1, 0)[1024], 1024 * 512: []byte("LUKS\xba\xbe\x00\x01")}}
	s, err := Look(m, m.size)
	lines := strings.Join(s.Lines(), "\n")
	if err != nil || s.State() != InUse {
		t.Errorf("%v, %v", s.State(), err)
	}
	for _, want := range []string{`partition 1: ext4 "a\x1b[2J", in use when it was backed up: its journal is to be replayed`, "partition 2: LUKS1", "mount it with --overlay", "partition 2 holds its file systems inside"} {
		if !strings.Contains(lines, want) {
			t.Errorf("%q is not in\n%s", want, lines)
		}
	}

	m.pieces[256*512+1024] = extSuper(4, 0x42, 0, 1, 0)[1024]
	if s, err := Look(m, m.size); err != nil || s.State() != Unknown || strings.Contains(strings.Join(s.Lines(), "\n"), "--overlay") {
		t.Errorf("%v, %v", s.Lines(), err)
	}
	m.bad = 1024 * 512
	if s, err := Look(m, m.size); !errors.Is(err, errBad) || len(s.Parts) != 2 || s.Parts[0].Kind != "ext4" || !strings.Contains(strings.Join(s.Lines(), "\n"), "partition 2: could not be looked into") {
		t.Errorf("%v, %v", s.Lines(), err)
	}
}

func TestADiskThatLooksLikeAnImageIsReported(t *testing.T) {
	for magic, want := range map[string]string{"QFI\xfb": "qcow2", "KDMV": "VMDK", "vhdxfile": "VHDX", "conectix": "VHD", "QED\x00": "QED", "QFI": "", "": ""} {
		m := &sparse{size: 1 << 20, pieces: map[int64][]byte{0: []byte(magic)}}
		s, err := Look(m, m.size)
		if err != nil || s.Image != want || strings.Contains(strings.Join(s.Lines(), "\n"), "name the format raw") != (want != "") {
			t.Errorf("%q: %q, %v, %v", magic, s.Image, s.Lines(), err)
		}
	}
}

func FuzzLook(f *testing.F) {
	add := func(pieces map[int64][]byte) {
		b := make([]byte, 80<<10)
		(&sparse{size: int64(len(b)), pieces: pieces}).ReadAt(b, 0)
		f.Add(b)
	}
	add(extSuper(4, 0x46, 0, 1, 0))
	add(logOf(unmountAt(10, 3)))
	add(logOf(unmountAt(1, 3)))
	add(ntfsOf(0, restart(0, 0)))
	add(fatOf(65, 1))
	add(btrfsOf(1))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &sparse{size: int64(len(b)), pieces: map[int64][]byte{0: b}}
		if c, err := Identify(m, m.size); err != nil {
			t.Errorf("%+v, %v", c, err)
		}
		if m.reads > 200 || m.bytes > 1<<20 {
			t.Errorf("%d reads of %d bytes", m.reads, m.bytes)
		}
		s, err := Look(m, m.size)
		if err != nil {
			t.Error(err)
		}
		for _, line := range s.Lines() {
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
				t.Errorf("%q", line)
			}
		}
	})
}
