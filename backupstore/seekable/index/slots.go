package index

import "sort"

// slot is what is kept in memory of a checkpoint: 32 bytes.
type slot struct {
	out, in int64
	loc     location
	rec     *[]byte // the record, if it is in memory and not in the file
}

// location is where a record is in the file: its offset in the upper 40 bits,
// its length in the lower 24.
type location uint64

const (
	lengthBits  = 24
	maxFileSize = 1 << (64 - lengthBits)
)

// Does not compile when a record's length could outgrow its bits.
const _ = uint(1<<lengthBits - 1 - recordMax)

func locate(off int64, length int) location {
	return location(uint64(off)<<lengthBits | uint64(length))
}

func (l location) off() int64 { return int64(l >> lengthBits) }
func (l location) len() int   { return int(l & (1<<lengthBits - 1)) }
func (l location) end() int64 { return l.off() + int64(l.len()) }

// contents is what an index knows: in memory as in a file.
type contents struct {
	slots []slot // by out, which increases
	zeros zeroSet
	// minGap is the distance that checkpoints to be added must have. It grows
	// when there are too many.
	minGap int64
}

// frontier is where decoding has to resume to complete the contents.
func (c *contents) frontier() int64 {
	if n := len(c.slots); n > 0 {
		return c.slots[n-1].out
	}
	return 0
}

// after is the number of checkpoints at or before out.
func (c *contents) after(out int64) int {
	return sort.Search(len(c.slots), func(i int) bool { return c.slots[i].out > out })
}

// follows reports whether a checkpoint at in and out comes after the last one.
func (c *contents) follows(in, out int64) bool {
	n := len(c.slots)
	return n == 0 || out > c.slots[n-1].out && in >= c.slots[n-1].in
}

// wants reports whether a checkpoint that follows at out is far enough from the
// last one.
func (c *contents) wants(out int64) bool {
	return len(c.slots) == 0 || out-c.frontier() >= c.minGap
}

// add adds a checkpoint that follows.
func (c *contents) add(s slot) {
	c.slots = append(c.slots, s)
	if len(c.slots) > maxCheckpoints {
		c.thin()
	}
}

// thin drops every second checkpoint, never the last. From now on checkpoints
// come as far apart as they now are on average.
func (c *contents) thin() {
	kept := c.slots[:0]
	for i := (len(c.slots) - 1) % 2; i < len(c.slots); i += 2 {
		kept = append(kept, c.slots[i])
	}
	clear(c.slots[len(kept):])
	c.slots = kept
	if n := int64(len(kept)); n > 1 {
		c.minGap = (kept[n-1].out - kept[0].out) / (n - 1)
	}
}
