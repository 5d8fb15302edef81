package seekable

// Start returns the decoded offset at which decoding would begin to reach off:
// bytes between the two cost a reader nothing more.
func (o *Object) Start(off int64) int64 {
	if o.alg == Raw {
		return off
	}
	var at int64
	if o.index != nil {
		if e, ok := o.index.Before(off); ok {
			at = e.Out
		}
	}
	o.engine.mu.Lock()
	defer o.engine.mu.Unlock()
	behind, only := o.trust.at(off)
	if only {
		at = behind.out
	} else if behind != nil {
		at = max(at, behind.out)
	}
	if el := nearest(o, at, off, behind != nil); el != nil {
		at = el.Value.(*decoder).Offset()
	}
	return at
}

// KnownZero returns of how many of the bytes [off, end) from off on a read would take it from the
// index that they are zero, so that reading them tells no more than this.
func (o *Object) KnownZero(off, end int64) int64 {
	if o.index == nil || off >= end {
		return 0
	}
	if behind, _ := o.behind(off); behind != nil {
		return 0
	}
	if start, n := o.index.NextZero(off, off+o.beforeEntry(off, end-off)); n > 0 && start == off {
		return n
	}
	return 0
}

// Enterable reports whether the object can be entered anywhere without decoding
// most of it.
func (o *Object) Enterable() bool { return o.alg == Raw || o.index != nil && o.index.Complete() }

// maxSplits bounds what Splits returns for plain bytes, whose length _metadata
// alone tells. That of an index is bounded by its checkpoints.
const maxSplits = 1 << 14

// Splits returns where [off, end) can be cut so that the parts, of min bytes or
// more each, can be decoded independently of each other.
func (o *Object) Splits(off, end, min int64) []int64 {
	var at []int64
	switch {
	case o.alg == Raw:
		min = max(min, (end-off)/maxSplits)
		for off += min; end-off >= min; off += min {
			at = append(at, off)
		}
	case o.index != nil && o.index.Complete():
		for _, e := range o.index.Split(off, end, min) {
			at = append(at, e.Out)
		}
	}
	return at
}
