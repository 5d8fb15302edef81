package fusefs

import (
	"context"
	"crypto/sha256"
	"sync"

	"github.com/restorefs/restorefs/fusefs/parttable"
)

const (
	// maxTablesBytes bounds the memory of remembered tables, approximately: those of some 30,000
	// disks without a table, or of 10,000 with a few partitions.
	maxTablesBytes = 8 << 20
	// maxWitnesses bounds the witnesses kept for each volume, the latest ones; a disk is rarely
	// repartitioned.
	maxWitnesses = 4
	// maxWitnessBlocks bounds the number of blocks from which a table was read that can be
	// recognised in another backup. A disk with an MBR or a GPT takes one block, and one for each
	// partition whose start was read to find out the sector size.
	maxWitnessBlocks = 64
)

// tables remembers the tables of backups whose bytes never change, blank disks included, and the
// blocks from which they were read: another backup of the volume whose blocks have the same digests
// there has the same table.
type tables struct {
	mu        sync.Mutex
	bytes     int // approximate size of known
	known     map[tableKey]diskTable
	witnesses map[witnessKey][]witness
}

// diskTable is a table of partitions, and the disk that has it: the plain one or the volume.
type diskTable struct {
	parttable.Table
	plain bool
}

type tableKey struct {
	id      string
	size    int64
	created int64
}

// witnessKey is what disks must have in common for their blocks to be compared.
type witnessKey struct {
	volume string
	size   int64
	align  int
}

// witness is a table, and the blocks from which it was read.
type witness struct {
	blocks []witnessBlock
	table  parttable.Table
}

type witnessBlock struct {
	off    int64
	digest [sha256.Size]byte
}

func (s *tables) get(k tableKey) (diskTable, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.known[k]
	return t, ok
}

func (s *tables) put(k tableKey, t diskTable) {
	size := 256 + 24*len(t.Partitions)
	for _, p := range t.Problems {
		size += len(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || s.bytes > maxTablesBytes {
		s.known, s.witnesses, s.bytes = make(map[tableKey]diskTable),
			make(map[witnessKey][]witness), 0
	}
	if _, ok := s.known[k]; !ok {
		s.bytes += size
	}
	s.known[k] = t
}

// alike returns the table of a disk if another disk, whose table is known, has equal blocks where
// its table was read from. It reads only digests.
func (s *tables) alike(ctx context.Context, b *Backup, d Digests) (parttable.Table, bool) {
	s.mu.Lock()
	witnesses := s.witnesses[witnessKey{b.VolumeID, b.Size, d.Align()}]
	s.mu.Unlock()
next:
	for _, w := range witnesses {
		for _, block := range w.blocks {
			digest, ok, err := d.Digest(ctx, block.off)
			if err != nil || !ok || digest != block.digest {
				continue next
			}
		}
		return w.table, true
	}
	return parttable.Table{}, false
}

// witness notes the blocks that a table was read from.
func (s *tables) witness(ctx context.Context, b *Backup, d Digests, read []byteRange,
	table parttable.Table) {
	align := int64(d.Align())
	w := witness{table: table}
	seen := map[int64]bool{}
	for _, r := range read {
		for off := r.off / align * align; off < r.end; off += align {
			if seen[off] {
				continue
			}
			seen[off] = true
			digest, ok, err := d.Digest(ctx, off)
			if err != nil || !ok || len(seen) > maxWitnessBlocks {
				return
			}
			w.blocks = append(w.blocks, witnessBlock{off, digest})
		}
	}
	key := witnessKey{b.VolumeID, b.Size, int(align)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.witnesses == nil {
		return // put makes the map
	}
	kept := s.witnesses[key] // never changed in place, as alike reads it without the lock
	if len(kept) >= maxWitnesses {
		kept = kept[1:]
	}
	s.witnesses[key] = append(append(make([]witness, 0, len(kept)+1), kept...), w)
	s.bytes += 128 + len(w.blocks)*40
}
