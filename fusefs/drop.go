package fusefs

import (
	"sync"
	"syscall"
	"time"
)

const (
	// maxDrops bounds the requests that wait in the kernel to have its cache
	// dropped. It is less than go-fuse takes writes in at once (maxWaiting), and
	// less than maxBackground.
	maxDrops = 8

	// dropWait is how long a write waits to be one of them. Where nobody is stuck
	// that is long.
	dropWait = 50 * time.Millisecond
)

// drops makes the kernel write and forget what it has of a disk's bytes, for
// writes through a window. The windows themselves are not cached while disks
// can be written, and what was cached of a disk that nobody has open now is
// dropped when it is opened.
//
// To drop a page the kernel waits until it is no longer locked for a read or a
// write of the disk. Those need the server, and with asynchronous direct I/O
// there can be so many writes through windows that neither the kernel sends any
// other request, nor go-fuse takes one in, until one of them is answered. So only
// maxDrops of them may wait there. Who has to wait for his turn leaves what he
// wants dropped to those before him, and is answered: then who reads the disk at
// that moment may see, until they are through, what was there before.
type drops struct {
	turns chan struct{} // holds one for each who is dropping

	mu   sync.Mutex
	late map[*volumeNode]span // left to those who are dropping
}

// span is the bytes [off, end) of a disk.
type span struct{ off, end int64 }

func newDrops() *drops {
	return &drops{turns: make(chan struct{}, maxDrops), late: map[*volumeNode]span{}}
}

// drop drops a span of the disk from the cache of nodes, by means of f.
func (d *drops) drop(nodes map[*volumeNode]span, f func(*volumeNode, span)) {
	if len(nodes) == 0 {
		return
	}
	select {
	case d.turns <- struct{}{}:
	default:
		wait := time.NewTimer(dropWait)
		defer wait.Stop()
		select {
		case d.turns <- struct{}{}:
		case <-wait.C:
			d.leave(nodes)
			nodes = nil
			// If all have gone meanwhile, nobody would see to it.
			if !d.try() {
				return
			}
		}
	}
	for {
		for n, s := range nodes {
			f(n, s)
		}
		nodes = d.take()
		if len(nodes) > 0 {
			continue
		}
		<-d.turns
		// Something may have been left between the two.
		if !d.waiting() || !d.try() {
			return
		}
	}
}

func (d *drops) try() bool {
	select {
	case d.turns <- struct{}{}:
		return true
	default:
		return false
	}
}

// leave leaves nodes to those who are dropping, with all between what is left of
// one already.
func (d *drops) leave(nodes map[*volumeNode]span) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for n, s := range nodes {
		if l, ok := d.late[n]; ok {
			s = span{min(s.off, l.off), max(s.end, l.end)}
		}
		d.late[n] = s
	}
}

// take takes over what is left.
func (d *drops) take() map[*volumeNode]span {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.late) == 0 {
		return nil
	}
	late := d.late
	d.late = map[*volumeNode]span{}
	return late
}

func (d *drops) waiting() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.late) > 0
}

// dropCached drops what the kernel has of a disk's bytes.
func (t *tree) dropCached(id string, off, n int64) {
	nodes := map[*volumeNode]span{}
	t.handlesMu.Lock()
	for h := range t.handles {
		if h.id == id && !h.node.window {
			nodes[h.node] = span{off, off + n}
		}
	}
	t.handlesMu.Unlock()
	t.drops.drop(nodes, func(node *volumeNode, s span) {
		if no := node.NotifyContent(s.off, s.end-s.off); no != 0 && no != syscall.ENOENT {
			t.log.Error("volume.raw may show what was there before a write to a partition", "backup", node.backup.ID, "offset", s.off, "length", s.end-s.off, "err", no)
		}
	})
}
