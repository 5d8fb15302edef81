package backupstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/restorefs/restorefs/backupstore/format"
	"github.com/restorefs/restorefs/backupstore/share"
)

// layout says which object each byte of a volume comes from: the newest layer that has the byte
// wins, and a byte that no layer has is zero. It is immutable.
type layout struct {
	chain   []*Backup // the layers, the newest first
	size    int64     // of the volume, bytes
	extents []extent  // sorted, not overlapping
	objects []objectRef
}

// objectRef is what a layout keeps of each of its objects, of which there can be a million.
type objectRef struct {
	format.Object
	layer int32 // index into layout.chain
}

// errLayer says that a layer differs from what the catalogue saw of it.
var errLayer = errors.New("the backup has changed since it was listed")

// layout reads the _metadata of each layer of a chain, the newest first, and lays the layers over
// each other. With a part of a chain it is the layout of what these layers have.
func (c *Catalog) layout(ctx context.Context, chain []*Backup) (layout, error) {
	l := layout{chain: chain, size: chain[0].Size}
	layers := make([][]extent, 0, len(chain))
	for i := len(chain) - 1; i >= 0; i-- {
		layer, err := l.read(ctx, c, i)
		if err != nil {
			return layout{}, fmt.Errorf("open backup %s: %w", chain[0].ID, err)
		}
		layers = append(layers, layer)
	}
	l.extents = layered(layers)
	return l, nil
}

// read adds the objects of layer i and returns where they are.
func (l *layout) read(ctx context.Context, c *Catalog, i int) ([]extent, error) {
	b := l.chain[i]
	var layer []extent
	err := c.layers.each(ctx, c.share, b, func(o format.Object) error {
		if o.End() > l.size {
			return fmt.Errorf("%w: object %05d ends at byte %d, beyond the volume's end at %d",
				errLayer, o.Number, o.End(), l.size)
		}
		layer = append(layer, extent{o.Offset, o.End(), len(l.objects)})
		l.objects = append(l.objects, objectRef{o, int32(i)})
		return nil
	})
	if err != nil {
		err = fmt.Errorf("_metadata of %s: %w", b.ID, err)
	}
	// An error of the share, which may pass, is not damage.
	for _, cause := range []error{format.ErrJSON, format.ErrCut, format.ErrVersion,
		format.ErrCompression, format.ErrTooLarge, fs.ErrNotExist, share.ErrNotRegular, errLayer} {
		if errors.Is(err, cause) {
			return nil, fmt.Errorf("%w: %w", err, ErrDamaged)
		}
	}
	return layer, err
}

// objectPath returns the path on the share of object ref.
func (l *layout) objectPath(ref int) string {
	o := &l.objects[ref]
	return l.chain[o.layer].objectFile(o.Number)
}

// source is where bytes of a volume come from.
type source struct {
	backup *Backup
	object uint32
}

// sources lists the objects of [off, off+n).
func (l *layout) sources(off, n int64) []source {
	var out []source
	for _, e := range from(l.extents, off) {
		if e.off >= off+n {
			break
		}
		out = append(out, l.sourceOf(e.object))
	}
	return out
}

// sourceOf returns object ref as a source.
func (l *layout) sourceOf(ref int) source {
	o := &l.objects[ref]
	return source{l.chain[o.layer], o.Number}
}
