package fusefs

import (
	"sync"
	"time"
)

// throttle lets one event a second through for each key (a backup and what failed), so that dd over
// a damaged area does not flood the log. The number of keys that it remembers is bounded.
type throttle struct {
	mu   sync.Mutex
	keys map[string]*throttled
}

type throttled struct {
	next       time.Time // when the next event may pass
	suppressed int       // events held back since one last passed
}

const (
	throttleEvery = time.Second
	throttleKeys  = 1024
)

// pass says whether to let an event through, and how many were held back before it.
func (t *throttle) pass(key string) (suppressed int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	k := t.keys[key]
	if k == nil {
		if t.keys == nil || len(t.keys) >= throttleKeys {
			t.keys = make(map[string]*throttled)
		}
		k = &throttled{}
		t.keys[key] = k
	}
	if now.Before(k.next) {
		k.suppressed++
		return 0, false
	}
	suppressed, k.suppressed = k.suppressed, 0
	k.next = now.Add(throttleEvery)
	return suppressed, true
}
