package backupstore

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// Cinder can be configured to make digest blocks of many MiB, and a block is read as a whole. All
// buffers for these together have as much memory as the decoders.

// blockMemory bounds the buffers of blocks larger than verifyPiece; others are not counted.
type blockMemory struct {
	limit int64 // bytes
	left  *semaphore.Weighted
}

func newBlockMemory(limit int64) *blockMemory {
	return &blockMemory{limit, semaphore.NewWeighted(limit)}
}

// blockBuffer returns a buffer of n bytes, which free gives back. It waits for memory, and fails
// with a MemoryError if the limit is less than n.
func (v *Volume) blockBuffer(ctx context.Context, n int64) (b []byte, free func(), err error) {
	if n <= verifyPiece {
		return make([]byte, n), func() {}, nil
	}
	m := v.catalog.blocks
	if n > m.limit {
		return nil, nil, &MemoryError{Backup: v.chain[0].ID, Block: int64(v.Align()), Needs: n,
			Has: m.limit, Total: v.catalog.memoryFor(n)}
	}
	if !m.left.TryAcquire(n) {
		v.catalog.engine.LetGo(ctx) // readers with such a buffer wait for decoders
		if err := m.left.Acquire(ctx, n); err != nil {
			return nil, nil, err
		}
	}
	return make([]byte, n), func() { m.left.Release(n) }, nil
}
