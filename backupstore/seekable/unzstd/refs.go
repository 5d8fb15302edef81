package unzstd

// A ref is a match that reaches before the block it is in: where in the block
// it is (17 bits), its offset (28 bits), and how many bytes it takes from there
// less one (17 bits).
type ref uint64

func (r ref) at() int     { return int(r & (1<<17 - 1)) }
func (r ref) offset() int { return int(r >> 17 & (1<<28 - 1)) }
func (r ref) length() int { return int(r>>45) + 1 }

// back is how far before its block it reaches.
func (r ref) back() int { return r.offset() - r.at() }

// refLog keeps the refs of the last blocks.
type refLog struct {
	refs   []ref
	blocks []refBlock
	limit  int // the size allowed, in refs; a block counts as two
}

// refBlock is a block of which refs are kept: refs[first:] up to the next's.
type refBlock struct {
	out   int64
	first int
}

// begin is told of a block that starts at the decoded offset out.
func (l *refLog) begin(out int64) {
	if n := len(l.blocks); n > 0 && l.blocks[n-1].out == out {
		return // the one before was empty
	}
	l.blocks = append(l.blocks, refBlock{out, len(l.refs)})
}

// add adds those of a block's sequences that are refs; the first sequence
// starts at the byte at of the block.
func (l *refLog) add(seqs []sequence, at int) {
	n := len(l.refs)
	if cap(l.refs) < n+len(seqs) {
		l.refs = append(make([]ref, 0, max(2*cap(l.refs), 64<<10)), l.refs...)
	}
	refs := l.refs[n : n+len(seqs)]
	k := uint(0)
	for i := range seqs {
		s := &seqs[i]
		at += int(s.lits)
		refs[k] = ref(at) | ref(s.offset)<<17 | ref(min(s.length, s.offset)-1)<<45
		k += uint(at-int(s.offset)) >> 63 // without a branch: neither case is rare
		at += int(s.length)
		// after the last one: tells the compiler that refs[k] is in bounds
		if k >= uint(len(refs)) {
			break
		}
	}
	l.refs = l.refs[:n+int(k)]
}

// last is the refs of the last block.
func (l *refLog) last() []ref {
	return l.refs[l.blocks[len(l.blocks)-1].first:]
}

// trim forgets the blocks before the decoded offset out. It reports false when
// what is left is beyond the limit.
func (l *refLog) trim(out int64) bool {
	n := 0
	for n < len(l.blocks) && l.blocks[n].out < out {
		n++
	}
	first := len(l.refs)
	if n < len(l.blocks) {
		first = l.blocks[n].first
	}
	// To move what stays is worth it only now and then.
	if n > 0 && (2*first >= len(l.refs) || l.size() > l.limit) {
		l.refs = l.refs[:copy(l.refs, l.refs[first:])]
		l.blocks = l.blocks[:copy(l.blocks, l.blocks[n:])]
		for i := range l.blocks {
			l.blocks[i].first -= first
		}
	}
	return l.size() <= l.limit
}

// size is the log's size in refs.
func (l *refLog) size() int { return len(l.refs) + 2*len(l.blocks) }

func (l *refLog) reset() { l.refs, l.blocks = l.refs[:0], l.blocks[:0] }

func (l *refLog) memory() int { return 8*cap(l.refs) + 16*cap(l.blocks) }
