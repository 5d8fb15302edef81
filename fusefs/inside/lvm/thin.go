package lvm

import (
	"fmt"
	"math"
)

// thinDevice is a thin volume: what of it was written lies in the data of its pool.
type thinDevice struct {
	pool   *thinPool
	root   uint64  // of the tree of its blocks
	origin *Volume // which it is a snapshot of where nothing was written; nil: zeros
}

// thin finds the bytes of a thin volume.
func (g *group) thin(s *segment, text *section, depth int) error {
	if s.start != 0 {
		return fmt.Errorf("it is a thin volume of several segments")
	}
	name := text.text("thin_pool")
	pool, err := g.pool(name, depth)
	if err != nil {
		return fmt.Errorf("its pool %s cannot be read: %w", name, err)
	}
	id, _ := text.number("device_id")
	d := &thinDevice{pool: pool}
	if d.root, err = pool.device(uint64(id)); err != nil {
		return fmt.Errorf("it cannot be found in its pool %s: %w", name, err)
	}
	if origin := text.text("external_origin"); origin != "" {
		if d.origin, err = g.below(origin, depth); err != nil {
			return err
		}
	}
	s.thin = d
	return nil
}

// pool opens a pool of thin volumes, once.
func (g *group) pool(name string, depth int) (*thinPool, error) {
	if p, ok := g.pools[name]; ok {
		return p.pool, p.err
	}
	if *g.room--; *g.room < 0 {
		return nil, fmt.Errorf("there are more than %d pools", maxPools)
	}
	p, err := g.openPool(name, depth)
	g.pools[name] = pooled{p, err}
	return p, err
}

// pooled is a pool, or why it cannot be read.
type pooled struct {
	pool *thinPool
	err  error
}

func (g *group) openPool(name string, depth int) (*thinPool, error) {
	body := g.text.section("logical_volumes").section(name)
	text := body.section("segment1")
	if count, _ := body.number("segment_count"); count != 1 || text.text("type") != "thin-pool" {
		return nil, fmt.Errorf("it is no pool")
	}
	sectors, _ := text.number("chunk_size")
	if sectors <= 0 || sectors > maxChunk/sectorBytes {
		return nil, fmt.Errorf("it has blocks of %d sectors", sectors)
	}
	meta, err := g.below(text.text("metadata"), depth)
	if err != nil {
		return nil, err
	}
	data, err := g.below(text.text("pool"), depth)
	if err != nil {
		return nil, err
	}
	if meta.thin || data.thin { // each read would be many, and each of these many
		return nil, fmt.Errorf("it lies in another pool")
	}
	return openThinPool(meta, data, sectors*sectorBytes)
}

// readAt fills p from an offset of a thin volume.
func (d *thinDevice) readAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		block, in := at/d.pool.chunk, at%d.pool.chunk
		piece := p[n:][:min(int64(len(p)-n), d.pool.chunk-in)]
		value, ok, err := d.pool.find(d.root, uint64(block), 8)
		if err != nil {
			return n, err
		}
		switch {
		case ok:
			err = d.pool.readData(piece, le.Uint64(value)>>thinTimeBits, in)
		case d.origin != nil:
			err = d.readOrigin(piece, at)
		default:
			clear(piece)
		}
		if err != nil {
			return n, err
		}
		n += len(piece)
	}
	return n, nil
}

// readOrigin reads what was never written from the origin, which may be shorter.
func (d *thinDevice) readOrigin(p []byte, off int64) error {
	held := max(min(int64(len(p)), d.origin.Size-off), 0)
	clear(p[held:])
	return readWhole(d.origin, p[:held], off)
}

// readData fills p from an offset within a block of the pool's data.
func (p *thinPool) readData(b []byte, block uint64, in int64) error {
	if block > math.MaxInt64/uint64(maxChunk) {
		return fmt.Errorf("%w: it has a block %d", errThin, block)
	}
	return readWhole(p.data, b, int64(block)*p.chunk+in)
}
