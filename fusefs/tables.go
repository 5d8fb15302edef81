package fusefs

import (
	"context"
	"crypto/sha256"
	"sync"

	"github.com/restorefs/restorefs/fusefs/parttable"
)

const (
	// maxTablesBytes bounds the tables that are remembered, by about what they
	// take: of some 30,000 disks without one, or of 10,000 with a few partitions.
	maxTablesBytes = 8 << 20
	// maxWitnesses are kept for each volume, the last ones; a disk is repartitioned
	// rarely.
	maxWitnesses = 4
	// maxWitnessBlocks is how many blocks a table may have been read from to be
	// recognised in another backup. It is one for a disk with an MBR or a GPT, and
	// one for each partition where sectors are told from it.
	maxWitnessBlocks = 64
)

// tables remembers what was read of backups whose bytes never change, blank disks
// included, and from which blocks: another backup of the volume that has blocks of
// the same digests there has the same table.
type tables struct {
	mu        sync.Mutex
	bytes     int // about what is in known
	known     map[tableKey]parttable.Table
	witnesses map[witnessKey][]witness
}

type tableKey struct {
	id      string
	size    int64
	created int64
}

// witnessKey is what disks have in common whose blocks are compared.
type witnessKey struct {
	volume string
	size   int64
	align  int
}

// witness is a table, and all that was read to know it.
type witness struct {
	blocks []witnessBlock
	table  parttable.Table
}

type witnessBlock struct {
	off    int64
	digest [sha256.Size]byte
}

func (s *tables) get(k tableKey) (parttable.Table, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.known[k]
	return t, ok
}

func (s *tables) put(k tableKey, t parttable.Table) {
	size := 256 + 24*len(t.Partitions)
	for _, p := range t.Problems {
		size += len(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || s.bytes > maxTablesBytes {
		s.known, s.witnesses, s.bytes = make(map[tableKey]parttable.Table), make(map[witnessKey][]witness), 0
	}
	if _, ok := s.known[k]; !ok {
		s.bytes += size
	}
	s.known[k] = t
}

// alike returns the table of a disk that has the same blocks as one whose table
// is known, where it was read from. It reads digests alone.
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
func (s *tables) witness(ctx context.Context, b *Backup, d Digests, read []byteRange, table parttable.Table) {
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
		return // put makes it
	}
	kept := s.witnesses[key] // never changed in place: alike reads it without the lock
	if len(kept) >= maxWitnesses {
		kept = kept[1:]
	}
	s.witnesses[key] = append(append(make([]witness, 0, len(kept)+1), kept...), w)
	s.bytes += 128 + len(w.blocks)*40
}
