package backupstore

import "sort"

// extent is a range of the volume that comes from one object.
type extent struct {
	off, end int64 // in the volume
	object   int   // index into Volume.objects
}

// layered composes the extents of layers, oldest first, each sorted and not
// overlapping. Halves are composed before they are laid over each other: the
// time is linear in the objects and in the logarithm of the layers, where layer
// upon layer would go over the full backup once for each of its increments. The
// layers are consumed.
func layered(layers [][]extent) []extent {
	switch n := len(layers); n {
	case 0:
		return nil
	case 1:
		return layers[0]
	default:
		return addLayer(layered(layers[:n/2]), layered(layers[n/2:]))
	}
}

// addLayer lays the extents of newer layers over those of older ones, both
// sorted and not overlapping: where both have a byte the newer one's wins.
func addLayer(older, layer []extent) []extent {
	if len(older) == 0 {
		return layer
	}
	out := make([]extent, 0, len(older)+len(layer))
	for _, n := range layer {
		// What of the older ones ends before n, whole or cut.
		for len(older) > 0 && older[0].off < n.off {
			e := older[0]
			if e.end <= n.off {
				out, older = append(out, e), older[1:]
				continue
			}
			out = append(out, extent{e.off, n.off, e.object})
			older = cutFront(older, n.off)
		}
		// What n covers.
		for len(older) > 0 && older[0].off < n.end {
			if older[0].end <= n.end {
				older = older[1:]
			} else {
				older = cutFront(older, n.end)
			}
		}
		out = append(out, n)
	}
	return append(out, older...)
}

// cutFront lets the first extent start at off.
func cutFront(es []extent, off int64) []extent {
	es[0].off = off
	return es
}

// from returns the extents that end behind off.
func from(extents []extent, off int64) []extent {
	return extents[sort.Search(len(extents), func(i int) bool { return extents[i].end > off }):]
}

// hasExtent reports whether any object has a byte of [off, end), which is not
// empty.
func hasExtent(extents []extent, off, end int64) bool {
	es := from(extents, off)
	return len(es) > 0 && es[0].off < end
}

// hasAll reports whether objects have every byte of [off, end).
func hasAll(extents []extent, off, end int64) bool {
	for _, e := range from(extents, off) {
		if off >= end || e.off > off {
			break
		}
		off = e.end
	}
	return off >= end
}
