package xfs

import (
	"cmp"
	"fmt"
	"slices"
)

// maxIntents is how many intents may be open, and how many inodes may have
// exchanged extents.
const maxIntents = 1 << 12

// Flags of an intent to change an extent of a file.
const (
	intentMap      = 1
	intentUnmap    = 2
	intentAttr     = 1 << 31
	intentNotYet   = 1 << 30 // what it maps was not written yet
	intentRealtime = 1 << 29
)

// intent is what a transaction says that a later one is going to do. If that is
// missing at the end of the log, it is still to be done.
type intent struct {
	order int // by which intents follow each other
	kind  uint16
	inos  [2]uint64
	run   run
	block uint64 // what it maps, as XFS numbers blocks
	flags uint32
}

// intent takes note of an intent.
func (r *replayer) intent(it *item) error {
	b := it.first
	need := map[uint16]int{itemBUI: 48, itemATTRI: 24, itemXMI: 32}[it.kind]
	if len(b) < need {
		return fmt.Errorf("it has an intent %#x of %d bytes", it.kind, len(b))
	}
	in := intent{order: r.order, kind: it.kind, inos: [2]uint64{le.Uint64(b[16:])}}
	r.order++
	switch it.kind {
	case itemXMI:
		in.inos[1] = le.Uint64(b[24:])
	case itemBUI:
		if n := le.Uint32(b[4:]); n != 1 {
			return fmt.Errorf("it has an intent for %d extents", n)
		}
		in.block, in.flags = le.Uint64(b[24:]), le.Uint32(b[44:])
		from, n := le.Uint64(b[32:]), uint64(le.Uint32(b[40:]))
		if from > endOfFile-n || n == 0 {
			return fmt.Errorf("it has an intent for %d blocks from block %d of a file on", n, from)
		}
		in.run = run{from: from, to: from + n}
	}
	if len(r.intents) >= maxIntents {
		return fmt.Errorf("it has more than %d intents at the same time", maxIntents)
	}
	r.intents[le.Uint64(b[8:])] = in
	return nil
}

// unfinished says what was to be done with a file, and is not.
type unfinished struct{ data, attr bool }

// finishIntents does what was still to be done, or takes note that it is not done.
func (f *FS) finishIntents(open map[uint64]intent) error {
	list := make([]intent, 0, len(open))
	for _, in := range open {
		list = append(list, in)
	}
	slices.SortFunc(list, func(a, b intent) int { return cmp.Compare(a.order, b.order) })
	f.pending, f.unfinished = map[uint64]pending{}, map[uint64]unfinished{}
	for _, in := range list {
		switch {
		case in.kind == itemATTRI:
			f.leave(in.inos[0], unfinished{attr: true})
		case in.kind == itemXMI:
			f.leave(in.inos[0], unfinished{data: true, attr: true})
			f.leave(in.inos[1], unfinished{data: true, attr: true})
		case in.flags&intentAttr != 0:
			f.leave(in.inos[0], unfinished{attr: true})
		case in.flags&intentRealtime != 0: // its contents are not read anyway
		default:
			if err := f.change(in); err != nil {
				return err
			}
		}
	}
	return nil
}

// leave takes note that something with a file was not finished.
func (f *FS) leave(ino uint64, u unfinished) {
	now := f.unfinished[ino]
	f.unfinished[ino] = unfinished{data: now.data || u.data, attr: now.attr || u.attr}
	f.note("a change of inode %d was under way, and is not finished: it cannot be read in whole",
		ino)
}

// change finishes a change of the extents of a file.
func (f *FS) change(in intent) error {
	r := in.run
	blocks := int64(r.to - r.from)
	switch in.flags & 0xff {
	case intentMap:
		var err error
		if r.disk, err = f.linear(in.block, r.to-r.from); err != nil {
			return err
		}
		if r.data = in.flags&intentNotYet == 0; !r.data {
			r.disk = 0
		}
	case intentUnmap:
		blocks = -blocks
	default:
		return fmt.Errorf("it has an intent with flags %#x", in.flags)
	}
	p := f.pending[in.inos[0]]
	f.pending[in.inos[0]] = pending{runs: p.runs.with(r), blocks: p.blocks + blocks}
	return nil
}

// pending is what a file has besides what its inode says.
type pending struct {
	runs   changes
	blocks int64 // how many more
}

// changes are runs of a file that are not what its extents say, in order. None
// overlaps another.
type changes []run

// with returns changes with another one, which is the newest.
func (c changes) with(r run) changes {
	out := make(changes, 0, len(c)+2)
	for _, old := range c {
		if old.from < r.from {
			out = append(out, run{from: old.from, to: min(old.to, r.from), disk: old.disk,
				data: old.data})
		}
		if old.to > r.to {
			out = append(out, old.tail(max(old.from, r.to)))
		}
	}
	out = append(out, r)
	slices.SortFunc(out, func(a, b run) int { return cmp.Compare(a.from, b.from) })
	return out
}

// at returns the change that a block is in; or where the next one begins.
func (c changes) at(block uint64) (r run, next uint64, ok bool) {
	from := func(r run, b uint64) int { return cmp.Compare(r.from, b) }
	i, found := slices.BinarySearchFunc(c, block, from)
	if found {
		return c[i], 0, true
	}
	if i > 0 && block < c[i-1].to {
		return c[i-1].tail(block), 0, true
	}
	if i < len(c) {
		return run{}, c[i].from, false
	}
	return run{}, endOfFile, false
}
