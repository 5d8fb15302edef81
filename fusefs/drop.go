package fusefs

import (
	"sync"
	"syscall"
	"time"
)

const (
	// maxDrops bounds the requests that wait while the kernel drops cached pages. It is below
	// maxBackground, and below the number of writes that go-fuse accepts at once (maxWaiting).
	maxDrops = 8

	// dropWait is how long a write waits to become one of them: plenty, unless those are stuck.
	dropWait = 50 * time.Millisecond
)

// drops makes the kernel write back and drop cached pages of a disk, for writes through a part.
// Windows themselves are not cached while disks can be written, and the cache of a disk that is not
// open is dropped when the disk is opened.
//
// To drop a page the kernel waits until no read or write of the disk holds it locked. Those need
// the server to finish, and with asynchronous direct I/O there can be so many writes through
// windows that the kernel sends, and go-fuse accepts, no other request until one of them is
// answered. So only maxDrops of them may drop pages. A write that gets no slot hands its spans over
// to those that have one, and is answered; a reader of the disk may then see the old bytes until
// those spans are dropped.
type drops struct {
	slots chan struct{} // holds one for each write that is dropping

	mu      sync.Mutex
	pending map[*volumeNode]span // handed over to the writes that are dropping
}

// span is the bytes [off, end) of a disk.
type span struct{ off, end int64 }

func newDrops() *drops {
	return &drops{slots: make(chan struct{}, maxDrops), pending: map[*volumeNode]span{}}
}

// drop calls f, which drops a span from a node's cache, for all nodes, or hands them over.
func (d *drops) drop(nodes map[*volumeNode]span, f func(*volumeNode, span)) {
	if len(nodes) == 0 {
		return
	}
	select {
	case d.slots <- struct{}{}:
	default:
		wait := time.NewTimer(dropWait)
		defer wait.Stop()
		select {
		case d.slots <- struct{}{}:
		case <-wait.C:
			d.handOver(nodes)
			nodes = nil
			// If all the others have finished meanwhile, none of them would drop these.
			if !d.try() {
				return
			}
		}
	}
	for {
		for n, s := range nodes {
			f(n, s)
		}
		nodes = d.takePending()
		if len(nodes) > 0 {
			continue
		}
		<-d.slots
		// More may have been handed over just before the slot was given up.
		if !d.hasPending() || !d.try() {
			return
		}
	}
}

func (d *drops) try() bool {
	select {
	case d.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// handOver hands nodes to the writes that are dropping. Spans of the same node are merged, with all
// that lies between them.
func (d *drops) handOver(nodes map[*volumeNode]span) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n, s := range nodes {
		if p, ok := d.pending[n]; ok {
			s = span{min(s.off, p.off), max(s.end, p.end)}
		}
		d.pending[n] = s
	}
}

// takePending returns what was handed over, which the caller then has to drop.
func (d *drops) takePending() map[*volumeNode]span {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.pending) == 0 {
		return nil
	}
	pending := d.pending
	d.pending = map[*volumeNode]span{}
	return pending
}

func (d *drops) hasPending() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.pending) > 0
}

// dropCached drops the kernel's cached pages of a range of a disk.
func (t *tree) dropCached(id string, off, n int64) {
	nodes := map[*volumeNode]span{}
	t.handlesMu.Lock()
	for h := range t.handles {
		if h.id == id && !h.node.part {
			nodes[h.node] = span{off, off + n}
		}
	}
	t.handlesMu.Unlock()
	t.drops.drop(nodes, func(node *volumeNode, s span) {
		if no := node.NotifyContent(s.off, s.end-s.off); no != 0 && no != syscall.ENOENT {
			t.log.Error("volume.raw may still show the bytes from before a write to a partition",
				"backup", node.backup.ID, "offset", s.off, "length", s.end-s.off, "err", no)
		}
	})
}
