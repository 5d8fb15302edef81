package backupstore

import (
	"context"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/share"
)

const (
	// maxLayerObjects bounds the objects that are kept for all backups together: some 8 MiB.
	maxLayerObjects = 128 << 10
	// maxLayerShare bounds those of one backup, so that one with many objects does not displace
	// those of a whole chain.
	maxLayerShare = maxLayerObjects / 8
)

// layerCache keeps the objects that _metadata lists for each backup, so that opening the backups of
// a chain one after another reads each _metadata once, and not that of all ancestors each time.
type layerCache struct {
	mu      sync.Mutex
	objects int // in lru
	lru     *simplelru.LRU[layerKey, []format.Object]
}

// layerKey identifies a backup's files as they were listed.
type layerKey struct {
	file    string
	listing uint64
}

func newLayerCache() *layerCache {
	c := &layerCache{}
	// An empty list counts as one object.
	c.lru, _ = simplelru.NewLRU(maxLayerObjects, func(_ layerKey, objects []format.Object) {
		c.objects -= cost(objects)
	})
	return c
}

func cost(objects []format.Object) int { return len(objects) + 1 }

// each is readMetadata for the objects alone.
func (c *layerCache) each(ctx context.Context, s share.Share, b *Backup,
	each func(format.Object) error) error {
	key := layerKey{b.file(""), b.Listing}
	// If a backup has problems, not all of its files were seen, so a change of them may be missed.
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
	_, err := readMetadata(ctx, s, &b.Scanned, func(o format.Object) error {
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
