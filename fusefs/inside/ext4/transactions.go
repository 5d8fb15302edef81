package ext4

import (
	"cmp"
	"errors"
	"slices"
)

// revocation says that what transactions up to a number have for a block must
// not be replayed: the block has become something else.
type revocation struct {
	block uint64
	tid   uint32
}

// tagged is a block that a transaction replaces.
type tagged struct {
	replacement
	tid uint32
}

// transactions are what the log of a journal holds.
type transactions struct {
	j     *journal
	limit int // of tags and revocations

	next uint32 // block of the log
	tid  uint32 // of the transaction that is being read
	used uint32 // blocks that were read; the log has no more than it has

	tags    []tagged
	revoked []revocation

	// What the complete transactions have, and all of them but the last one.
	done, before mark

	broken     bool   // a checksum in this transaction is wrong
	sum        uint32 // of the first kind of checksums, over a transaction
	commitTime uint64 // of the last complete transaction
	damage     string // why the log ends, if it does not end as any log does
}

// mark is a place in the lists of tags and revocations.
type mark struct {
	tags, revoked int
	tid           uint32 // of the first transaction that is not in it
	complete      bool   // none of its blocks has a wrong checksum
}

var (
	errLogEnd  = errors.New("the log ends")
	errTooMany = errors.New("it replaces more blocks than memory was allowed for")
)

// readLog reads the transactions of a journal, as the kernel does
// (do_one_pass in fs/jbd2/recovery.c), up to the first that is not complete.
func readLog(j *journal, limit int) (*transactions, error) {
	t := &transactions{j: j, limit: limit, next: j.start, tid: j.sequence, sum: ^uint32(0)}
	t.done = mark{tid: t.tid, complete: true}
	t.before = t.done
	for {
		err := t.step()
		if err == errLogEnd {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if !t.done.complete {
		// The newest transaction was being written while the disk was copied.
		t.damage = "the last commit has blocks whose checksum is wrong"
		t.done = t.before
	}
	t.tags, t.revoked = t.tags[:t.done.tags], t.revoked[:t.done.revoked]
	return t, nil
}

// step reads the next block that is no data.
func (t *transactions) step() error {
	b, err := t.read()
	if err != nil {
		return err
	}
	if be.Uint32(b) != journalMagic || be.Uint32(b[8:]) != t.tid {
		return errLogEnd
	}
	switch be.Uint32(b[4:]) {
	case blockDescriptor:
		return t.descriptor(slices.Clone(b))
	case blockCommit:
		return t.commit(b)
	case blockRevoke:
		return t.revoke(b)
	}
	return errLogEnd
}

// read returns the next block of the log, until the next call.
func (t *transactions) read() ([]byte, error) {
	if t.used++; t.used > t.j.last-t.j.first {
		return nil, errLogEnd
	}
	b, err := t.j.block(t.next)
	if err != nil {
		t.damage = err.Error()
		return nil, errLogEnd
	}
	t.next = t.j.after(t.next)
	return b, nil
}

// tailIsRight checks the checksum at the end of a descriptor or revoke block.
func (j *journal) tailIsRight(b []byte) bool {
	if !j.hasChecksums() {
		return true
	}
	end := len(b) - 4
	return crc32c(crc32c(j.seed, b[:end]), zeros[:]) == be.Uint32(b[end:])
}

func (t *transactions) revoke(b []byte) error {
	if !t.j.tailIsRight(b) {
		t.broken = true
		return nil
	}
	size, end := 4, int(be.Uint32(b[12:]))
	if t.j.has(journal64Bit) {
		size = 8
	}
	room := len(b)
	if t.j.hasChecksums() {
		room -= 4
	}
	if end > room {
		t.broken = true
		return nil
	}
	for at := 16; at+size <= end; at += size {
		block := uint64(be.Uint32(b[at:]))
		if size == 8 {
			block = be.Uint64(b[at:])
		}
		t.revoked = append(t.revoked, revocation{block, t.tid})
	}
	return t.bounded()
}

func (t *transactions) bounded() error {
	if len(t.tags)+len(t.revoked) > t.limit {
		return errTooMany
	}
	return nil
}

// commit ends a transaction.
func (t *transactions) commit(b []byte) error {
	seconds, nano := be.Uint64(b[0x30:]), uint64(be.Uint32(b[0x38:]))
	when := seconds*1e9 + nano
	if t.broken || !t.commitIsRight(b) {
		// Older than the last one: it is left from a former use of the log.
		if when >= t.commitTime {
			t.damage = "the last commit has a wrong checksum"
		}
		return errLogEnd
	}
	complete := true
	for _, tag := range t.tags[t.done.tags:] {
		complete = complete && tag.how&damaged == 0
	}
	t.before = t.done
	t.tid++
	t.done = mark{tags: len(t.tags), revoked: len(t.revoked), tid: t.tid, complete: complete}
	t.sum, t.commitTime = ^uint32(0), when
	return nil
}

func (t *transactions) commitIsRight(b []byte) bool {
	stored := be.Uint32(b[16:])
	if t.j.hasChecksums() {
		sum := func(p []byte) uint32 {
			return crc32c(crc32c(crc32c(t.j.seed, p[:16]), zeros[:]), p[20:])
		}
		if sum(b) == stored {
			return true
		}
		// Only the first bytes of the block were written: the kernel takes it.
		head := make([]byte, len(b))
		copy(head, b[:60])
		return sum(head) == stored
	}
	if t.j.compat&journalCompatChecksum != 0 {
		none := b[12] == 0 && b[13] == 0 && stored == 0
		return none || b[12] == 1 && b[13] == 4 && stored == t.sum
	}
	return true
}

// replacements returns what the log replaces: of each block the newest, if it
// was not revoked later.
func (t *transactions) replacements() replacements {
	slices.SortFunc(t.revoked, func(a, b revocation) int {
		return cmp.Or(cmp.Compare(a.block, b.block), cmp.Compare(int32(b.tid-a.tid), 0))
	})
	out := make([]replacement, 0, len(t.tags))
	for _, tag := range t.tags {
		i, ok := slices.BinarySearchFunc(t.revoked, tag.block,
			func(r revocation, b uint64) int { return cmp.Compare(r.block, b) })
		if ok && int32(t.revoked[i].tid-tag.tid) >= 0 {
			continue
		}
		out = append(out, tag.replacement)
	}
	return newReplacements(out)
}
