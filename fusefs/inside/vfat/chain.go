package vfat

import (
	"fmt"
	"sync"
)

// next returns the cluster behind one in a chain; 0 if it is the last one. What makes no sense in
// one table of clusters is looked up in the other one.
func (f *FS) next(cluster uint32) (uint32, error) {
	var failed error
	for i, fat := range f.fats {
		n, end, err := f.fatEntry(fat, cluster)
		switch {
		case err != nil:
			err = fmt.Errorf("read which cluster comes behind %d: %w", cluster, err)
		case end || f.valid(n):
			if i > 0 {
				f.note("the second table of clusters is used where the first makes no sense")
			}
			if end {
				n = 0
			}
			return n, nil
		default:
			err = corrupt("the table of clusters", "behind cluster %d comes %#x", cluster, n)
		}
		if failed == nil {
			failed = err
		}
	}
	return 0, failed
}

// fatEntry returns what a table of clusters says of one: the next one, or that it is the last.
func (f *FS) fatEntry(fat int64, cluster uint32) (n uint32, end bool, err error) {
	var b [4]byte
	switch f.bits {
	case 12:
		err = f.dev.Meta(b[:2], fat+int64(cluster)+int64(cluster)/2)
		n = uint32(le.Uint16(b[:]))
		if cluster&1 != 0 {
			n >>= 4
		}
		n &= 0xfff
		return n, n >= 0xff8, err
	case 16:
		err = f.dev.Meta(b[:2], fat+2*int64(cluster))
		n = uint32(le.Uint16(b[:]))
		return n, n >= 0xfff8, err
	}
	err = f.dev.Meta(b[:], fat+4*int64(cluster))
	if n = le.Uint32(b[:]); f.ex {
		return n, n >= 0xfffffff8, err
	}
	n &= 0x0fffffff // the others are reserved
	return n, n >= 0x0ffffff8, err
}

// chain is where the bytes of a file or directory are.
type chain struct {
	f          *FS
	first      uint32
	contiguous bool // the clusters follow each other, and the FAT is not asked

	mu    sync.Mutex
	index uint64 // of the cluster of the chain that was found last
	at    uint32
}

// cluster returns a cluster of a chain, counted from 0; 0 if the chain ends before.
func (c *chain) cluster(index uint64) (uint32, error) {
	if index >= c.f.clusters {
		return 0, corrupt(c.String(), "it would have more clusters than the file system")
	}
	if c.contiguous {
		n := uint64(c.first) + index
		if n >= c.f.clusters+2 {
			return 0, corrupt(c.String(), "it would go on behind the last cluster")
		}
		return uint32(n), nil
	}
	c.mu.Lock()
	i, n := c.index, c.at
	c.mu.Unlock()
	if n == 0 || index < i {
		i, n = 0, c.first
	}
	n, err := c.follow(n, index-i)
	if err != nil || n == 0 {
		return 0, err
	}
	i = index
	c.mu.Lock()
	c.index, c.at = i, n
	c.mu.Unlock()
	return n, nil
}

// aliveSteps is after how many steps it is asked whether one still waits: tables that are in memory
// ask nobody.
const aliveSteps = 1 << 16

// follow returns the cluster so many steps behind one; 0 if the chain ends before. A chain that
// comes back to itself has an end too: the number of steps is one that the disk's writer chose.
func (c *chain) follow(n uint32, steps uint64) (uint32, error) {
	mark := n
	for i := uint64(1); i <= steps; i++ {
		var err error
		if i%aliveSteps == 0 {
			if err := c.f.dev.Alive(); err != nil {
				return 0, err
			}
		}
		if n, err = c.f.next(n); err != nil || n == 0 {
			return 0, err
		}
		if n == mark {
			return 0, corrupt(c.String(), "it comes back to cluster %d", n)
		}
		if i&(i-1) == 0 {
			mark = n
		}
	}
	return n, nil
}

func (c *chain) String() string { return fmt.Sprintf("the chain from cluster %d on", c.first) }

// run returns where the cluster of a chain with a number lies, and how many behind it, most
// at the most, lie in one piece with it; 0 of them if the chain ends before.
func (c *chain) run(index uint64, most int64) (off, count int64, err error) {
	n, err := c.cluster(index)
	if err != nil || n == 0 {
		return 0, 0, err
	}
	for count = 1; count < most; count++ {
		following, err := c.cluster(index + uint64(count))
		if err != nil || uint64(following) != uint64(n)+uint64(count) {
			break // told when it is read
		}
	}
	return c.f.offset(n), count, nil
}
