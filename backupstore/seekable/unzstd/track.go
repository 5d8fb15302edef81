package unzstd

import (
	"bytes"

	"github.com/restorefs/restorefs/backupstore/seekable/stream"
)

const (
	minSpacing = 128 << 10
	// zeroRun is the least run of zeros, in bytes, that is reported.
	zeroRun = 64 << 10
	// jobReach: a boundary behind which nothing is reached farther back is
	// taken for the seam of two compression jobs. libzstd's workers overlap by
	// an eighth of the window, which is 256 KiB at the levels up to 9.
	jobReach = 256 << 10
	// maxBuckets bounds the histogram of reaches of a block.
	maxBuckets = 1024
)

// tracker finds checkpoints and zeros while a decoder decodes.
//
// Checkpoints are aimed for at the multiples of spacing. The block boundaries
// within tolerance of such a target are its candidates. What later matches
// reach of the bytes before a candidate is known when the frame's window has
// passed, or the frame ends; until then every match that reaches before its
// own block is kept as a ref. Then the cheapest candidate of the target is
// reported. The referenced bytes are taken from where the matches copied them
// to, for there they are still in the window.
type tracker struct {
	obs       stream.Observer
	opt       Options
	spacing   int64 // what this frame's window allows
	tolerance int64
	target    int64 // the candidates being gathered are for this decoded offset
	start     int64 // where this decoder started
	floor     int64 // no candidate before this decoded offset

	candidates []candidate // in order of out
	refs       refLog
	long       []run // long matches of this block: zeros, perhaps

	hist  [maxBuckets + 1]uint32 // cost of this block's refs, by how far they reach
	shift uint                   // bytes to buckets
	work  sparse
}

// candidate is a block boundary that may become a checkpoint.
type candidate struct {
	target  int64
	in, out int64
	frame   frame
	reps    [3]uint32
	desc    [4][]byte // descriptions of the three tables and the tree

	// needed tells which tables a later block inherited across the boundary;
	// settled, of which that is known, for a block used or replaced them.
	needed, settled uint8

	cost  uint64 // about how many bytes a checkpoint here takes
	reach int    // how far later matches reach before it
}

type run struct{ at, n int }

func newTracker(opt Options, out int64) *tracker {
	return &tracker{obs: opt.Observer, opt: opt, start: out}
}

// plan sets what depends on a frame's window, at a frame's start or resumption.
func (t *tracker) plan(f *frame, out int64) {
	window := t.opt.reach(f, out)
	t.spacing = t.opt.spacing(window)
	t.tolerance = t.spacing / 4
	for t.shift = 14; window>>t.shift >= maxBuckets; t.shift++ {
	}
	t.refs.limit = int(1<<20 + window/16) // 8 MiB and half a window
	t.floor = max(t.floor, t.start+t.spacing/2)
	t.aim(out)
}

// aim moves the target to the first one whose candidates are not all before out.
func (t *tracker) aim(out int64) {
	if t.target+t.tolerance < out {
		t.target = (out - t.tolerance + t.spacing - 1) / t.spacing * t.spacing
	}
}

// keep is how many bytes the window must hold beyond its size: the first
// candidate of a target waits for the last one.
func (t *tracker) keep() int { return keepBytes(t.spacing) }

// wants tells whether a boundary at out is a candidate.
func (t *tracker) wants(out int64) bool {
	t.aim(out)
	return out >= t.target-t.tolerance && out >= t.floor
}

// taken ends the gathering for the present target with a checkpoint at out.
func (t *tracker) taken(target, out int64) {
	t.floor = out + t.spacing/2
	if t.target == target {
		t.target += t.spacing
	}
}

// startFrame is told of a frame whose header is at the stored offset in. Its
// start is a checkpoint that costs nothing.
func (t *tracker) startFrame(f *frame, in, out int64) {
	t.plan(f, out)
	if out > 0 && t.wants(out) {
		t.obs.Checkpoint(stream.Checkpoint{In: 8 * in, Out: out, State: frameStartState()})
		t.taken(t.target, out)
	}
}

// begin is told of a block that is about to be decoded.
func (t *tracker) begin(d *Decoder) {
	if d.frame.done > 0 && t.wants(d.out) && !t.crowded(d.out) {
		c := candidate{target: t.target, in: d.in.off, out: d.out, frame: d.frame,
			reps: d.block.seqs.reps}
		for i := range d.block.tables {
			c.desc[i] = bytes.Clone(d.block.tables[i].desc)
		}
		c.desc[useTree] = bytes.Clone(d.block.treeDesc)
		t.candidates = append(t.candidates, c)
	}
	if len(t.candidates) > 0 {
		t.refs.begin(d.out)
	}
	t.long = t.long[:0]
}

// crowded tells that a boundary at out is next to the last candidate, so that
// the number of candidates is bounded.
func (t *tracker) crowded(out int64) bool {
	n := len(t.candidates)
	return n > 0 && out-t.candidates[n-1].out < t.tolerance/32
}

// sequences is told of the next sequences of the block, the first of which
// starts at the byte at of its output.
func (t *tracker) sequences(seqs []sequence, at int) {
	if len(t.candidates) > 0 {
		t.refs.add(seqs, at)
	}
	for i := range seqs {
		if seqs[i].length < zeroRun {
			continue
		}
		for j := range seqs[:i+1] {
			at += int(seqs[j].lits + seqs[j].length)
		}
		t.long = append(t.long, run{at - int(seqs[i].length), int(seqs[i].length)})
		break // a block has room for two at the most
	}
}

// done is told of a decoded block, which is still what the window ends with;
// allZero tells that it is of zeros.
func (t *tracker) done(d *Decoder, allZero bool) {
	w := &d.window
	n := w.pos - w.start
	if allZero && n >= zeroRun {
		t.obs.Zeros(d.out, int64(n))
	}
	for _, r := range t.long {
		if isZero(w.buf[w.start+r.at : w.start+r.at+r.n]) {
			t.obs.Zeros(d.out+int64(r.at), int64(r.n))
		}
	}
	if len(t.candidates) == 0 {
		return
	}
	t.weigh(d.out, d.block.inherited, d.block.defined)
	t.report(d, d.out+int64(n), false)
	if len(t.candidates) == 0 {
		t.refs.reset()
	} else if !t.refs.trim(t.candidates[0].out) {
		// More refs than the memory set aside: give these candidates up.
		t.candidates = t.candidates[:0]
		t.refs.reset()
	}
}

// weigh adds the last block's refs to the candidates' costs.
func (t *tracker) weigh(out int64, inherited, defined uint8) {
	refs := t.refs.last()
	farthest := 0
	for _, r := range refs {
		back := r.back()
		farthest = max(farthest, back)
		t.hist[min(uint(back-1)>>t.shift, maxBuckets)] += uint32(min(r.length(), back)) + 2
	}
	top := 0
	if farthest > 0 {
		top = min((farthest-1)>>t.shift, maxBuckets)
	}
	for i := top; i > 0; i-- {
		t.hist[i-1] += t.hist[i]
	}
	for i := range t.candidates {
		c := &t.candidates[i]
		c.needed |= inherited &^ c.settled
		c.settled |= inherited | defined
		if before := int(out - c.out); before < farthest {
			c.cost += uint64(t.hist[min(before>>t.shift, maxBuckets)])
			c.reach = max(c.reach, farthest-before)
		}
	}
	clear(t.hist[:top+1])
}

// report reports the best candidate of each target about which all is known,
// now that everything before out is decoded.
func (t *tracker) report(d *Decoder, out int64, frameEnds bool) {
	for len(t.candidates) > 0 {
		target, n, best := t.candidates[0].target, 0, 0
		for n < len(t.candidates) && t.candidates[n].target == target {
			if t.candidates[n].weight() < t.candidates[best].weight() {
				best = n
			}
			n++
		}
		if !frameEnds && (out <= target+t.tolerance || out < t.candidates[n-1].out+d.frame.window) {
			return
		}
		c := &t.candidates[best]
		t.obs.Checkpoint(stream.Checkpoint{In: 8 * c.in, Out: c.out, State: t.state(c, d, out)})
		t.taken(target, c.out)
		rest := copy(t.candidates, t.candidates[n:])
		clear(t.candidates[rest:])
		t.candidates = t.candidates[:rest]
	}
}

// weight is what candidates are compared by. The seams of compression jobs are
// preferred, for to resume there takes little memory and time.
func (c *candidate) weight() uint64 {
	if c.reach <= jobReach {
		return c.cost / 4
	}
	return c.cost
}

// endFrame is told that the frame ended: no later match reaches into it.
func (t *tracker) endFrame(d *Decoder, out int64) {
	t.report(d, out, true)
	t.refs.reset()
}

// memory is about how many bytes the tracker holds.
func (t *tracker) memory() int {
	return 8<<10 + 400*cap(t.candidates) + t.refs.memory() + t.work.memory()
}

func isZero(b []byte) bool {
	for len(b) >= 64 {
		if [64]byte(b) != [64]byte{} {
			return false
		}
		b = b[64:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
