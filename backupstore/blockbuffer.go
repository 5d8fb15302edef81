package backupstore

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// Cinder can be told to make digest blocks of many MiB, and a block is read as a
// whole. Buffers for that have as much memory in all as the decoders have.

// blockMemory bounds the buffers of blocks above verifyPiece; smaller ones are not
// counted.
type blockMemory struct {
	limit int64 // bytes
	left  *semaphore.Weighted
}

func newBlockMemory(limit int64) *blockMemory {
	return &blockMemory{limit, semaphore.NewWeighted(limit)}
}

// blockBuffer returns a buffer of n bytes, which is given back by free. It waits for
// the memory, and fails with a MemoryError where there is not enough in all.
func (v *Volume) blockBuffer(ctx context.Context, n int64) (b []byte, free func(), err error) {
	if n <= verifyPiece {
		return make([]byte, n), func() {}, nil
	}
	m := v.catalog.blocks
	if n > m.limit {
		return nil, nil, &MemoryError{Backup: v.chain[0].ID, Block: n, Needs: n, Has: m.limit, Total: v.catalog.memoryFor(n)}
	}
	if err := m.left.Acquire(ctx, n); err != nil {
		return nil, nil, err
	}
	return make([]byte, n), func() { m.left.Release(n) }, nil
}
