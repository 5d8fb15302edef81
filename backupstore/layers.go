package backupstore

import (
	"context"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/share"
)

const (
	// maxLayerObjects are kept for all backups together: some 8 MiB.
	maxLayerObjects = 128 << 10
	// maxLayerShare of them may be one backup's: one with many does not push out
	// those of a whole chain.
	maxLayerShare = maxLayerObjects / 8
)

// layerCache keeps what _metadata says of the objects of backups, so that
// opening one backup of a chain after the other reads the _metadata of each once,
// and not that of all its ancestors again and again.
type layerCache struct {
	mu      sync.Mutex
	objects int // in lru
	lru     *simplelru.LRU[layerKey, []format.Object]
}

// layerKey is a backup's files as they were listed.
type layerKey struct {
	file    string
	listing uint64
}

func newLayerCache() *layerCache {
	c := &layerCache{}
	// One of at least one object; an empty one counts as one.
	c.lru, _ = simplelru.NewLRU(maxLayerObjects, func(_ layerKey, objects []format.Object) {
		c.objects -= cost(objects)
	})
	return c
}

func cost(objects []format.Object) int { return len(objects) + 1 }

// each is readMetadata for the objects alone.
func (c *layerCache) each(ctx context.Context, s share.Share, b *Backup, each func(format.Object) error) error {
	key := layerKey{b.file(""), b.listing}
	// Of one with problems not all files were seen, so that a change of them may
	// not be.
	kept := len(b.Problems) == 0 && b.Objects <= maxLayerShare
	if kept {
		c.mu.Lock()
		objects, ok := c.lru.Get(key)
		c.mu.Unlock()
		if ok {
			for _, o := range objects {
				if err := each(o); err != nil {
					return err
				}
			}
			return ctx.Err()
		}
	}
	var objects []format.Object
	_, err := readMetadata(ctx, s, b, func(o format.Object) error {
		if kept && len(objects) < maxLayerShare {
			objects = append(objects, o)
		}
		return each(o)
	})
	if err != nil || !kept || len(objects) != b.Objects {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.lru.Contains(key) {
		c.objects += cost(objects)
		c.lru.Add(key, objects)
	}
	for c.objects > maxLayerObjects {
		c.lru.RemoveOldest()
	}
	return nil
}
