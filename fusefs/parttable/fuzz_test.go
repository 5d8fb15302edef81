package parttable

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// FuzzRead reads disks whose start and end the fuzzer writes; checksums, which
// it cannot guess, are corrected.
func FuzzRead(f *testing.F) {
	add := func(m *image) {
		head, tail := make([]byte, 20<<9), make([]byte, 2<<9)
		m.ReadAt(head, 0)
		m.ReadAt(tail, m.size-int64(len(tail)))
		f.Add(uint32(m.size>>9), head, tail, true)
	}
	for _, sector := range []int64{512, 4096} {
		m := blank(8 * mib)
		gpt{sector: sector, count: 4, parts: [][2]uint64{{8, 100}, {200, 300}}}.write(m, true)
		add(m)
	}
	m := blank(4 * mib)
	m.put(0, mbrOf([3]uint32{0x83, 1, 9}, [3]uint32{0x05, 8, 100}))
	m.put(8*512, mbrOf([3]uint32{0x83, 1, 9}, [3]uint32{0x05, 6, 100}))
	m.put(14*512, mbrOf([3]uint32{0x83, 1, 9}))
	add(m)
	f.Fuzz(func(t *testing.T, sectors uint32, head, tail []byte, mend bool) {
		size := int64(sectors)<<9 + int64(len(head)%3)
		m := blank(size)
		head = bytes.Clone(head)
		m.put(0, head)
		m.put(size-int64(len(tail)), tail)
		if mend {
			mendGPT(head, 512)
			mendGPT(head, 4096)
		}
		got, err := Read(m, size)
		if err != nil {
			t.Fatalf("nothing of the disk is unreadable: %v", err)
		}
		if m.reads > 2000 || m.bytes > 64<<20 {
			t.Errorf("%d reads of %d bytes", m.reads, m.bytes)
		}
		if len(got.Partitions) > maxPartitions || len(got.Problems) > maxProblems {
			t.Errorf("%d partitions, %d problems", len(got.Partitions), len(got.Problems))
		}
		numbers := map[int]bool{}
		for _, p := range got.Partitions {
			if p.Start < 0 || p.Size <= 0 || p.Start > size-p.Size || p.Number < 1 || numbers[p.Number] {
				t.Errorf("%+v on a disk of %d bytes", p, size)
			}
			numbers[p.Number] = true
		}
	})
}

// mendGPT corrects the checksums of a first copy, as far as that lies in b.
func mendGPT(b []byte, sector int) {
	le := binary.LittleEndian
	if len(b) < 2*sector || string(b[sector:sector+8]) != gptSignature {
		return
	}
	h := b[sector : 2*sector]
	at, n := le.Uint64(h[72:])*uint64(sector), uint64(le.Uint32(h[80:]))*uint64(le.Uint32(h[84:]))
	if at <= uint64(len(b)) && n <= uint64(len(b))-at {
		le.PutUint32(h[88:], crc32.ChecksumIEEE(b[at:at+n]))
	}
	if length := int(le.Uint32(h[12:])); length >= gptHeaderMin && length <= sector {
		clear(h[16:20])
		le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:length]))
	}
}
