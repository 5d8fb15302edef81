package backupstore

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// turns lets as many readers begin an object as there are processors to decode with, and one more
// for each that waits for the share. More readers than processors are of use while the share is
// slow. Where it is not they would only take turns: each with buffers of its own, that are touched
// for the first time, and that the others drive out of the processors' caches.
//
// A reader waits for its turn before it begins, when it holds nothing that others may wait for, and
// never after: one that is back from the share goes on, even if there are then more at work than
// processors.
type turns struct {
	mu      sync.Mutex
	working int // readers at work, and not waiting for the share
	limit   int
	waiting []chan struct{} // to be closed, first come first served
}

// slowRead is how long the share may take for an answer before another reader is let in: longer
// than the page cache takes, shorter than decoding what was asked for.
const slowRead = 200 * time.Microsecond

func newTurns() *turns { return &turns{limit: runtime.GOMAXPROCS(0)} }

type turnKey struct{}

// begin waits until another reader may begin, and returns a context for its reads. The caller calls
// end after the last of them. An error is that of ctx.
func (t *turns) begin(ctx context.Context) (turn context.Context, end func(), err error) {
	if let := t.queue(); let != nil {
		select {
		case <-let:
		case <-ctx.Done():
			t.mu.Lock()
			i := slices.Index(t.waiting, let)
			if i >= 0 {
				t.waiting = slices.Delete(t.waiting, i, i+1)
			}
			t.mu.Unlock()
			if i < 0 { // its turn had just come
				t.leave()
			}
			return nil, nil, ctx.Err()
		}
	}
	return context.WithValue(ctx, turnKey{}, t), t.leave, nil
}

// queue returns nil if a reader may begin, or else a channel that is closed when it may. Then it is
// counted in working.
func (t *turns) queue() (let chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.working < t.limit {
		t.working++
		return nil
	}
	let = make(chan struct{})
	t.waiting = append(t.waiting, let)
	return let
}

// leave lets others in for a reader that is done, or waits for the share.
func (t *turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.working--
	for t.working < t.limit && len(t.waiting) > 0 {
		close(t.waiting[0])
		t.waiting = t.waiting[1:]
		t.working++
	}
}

// asking is called before a call of the share. The caller calls answered after it. If that takes
// long, and ctx is of a reader that has its turn, another one may begin meanwhile.
func asking(ctx context.Context) (answered func()) {
	t, ok := ctx.Value(turnKey{}).(*turns)
	if !ok {
		return func() {}
	}
	away := time.AfterFunc(slowRead, t.leave)
	return func() {
		if !away.Stop() {
			t.mu.Lock()
			t.working++
			t.mu.Unlock()
		}
	}
}
