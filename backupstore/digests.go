package backupstore

import (
	"context"
	"crypto/sha256"
)

// Digests are the digests of a backup's volume without the volume: they show whether it equals
// another one, without composing it. It is immutable and safe for concurrent use.
type Digests struct{ volume *Volume }

// Digests opens the digests of b; nil if it has no usable ones. An error is always that of ctx. It
// reads both ends of one file, and later the rows that are asked for.
func (c *Catalog) Digests(ctx context.Context, b *Backup) (*Digests, error) {
	v := &Volume{catalog: c, chain: []*Backup{b}, size: b.Size}
	if err := v.openDigests(ctx); err != nil || v.rows == nil {
		return nil, err
	}
	return &Digests{v}, nil
}

// Align returns the size of a block in bytes.
func (d *Digests) Align() int { return d.volume.Align() }

// Digest is Volume.Digest.
func (d *Digests) Digest(ctx context.Context, off int64) (digest [sha256.Size]byte, ok bool, err error) {
	return d.volume.Digest(ctx, off)
}
