package objects

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

// failing is a source whose server is away while it is told so.
type failing struct {
	ctx  context.Context
	away atomic.Bool
}

func (f *failing) Size() int64           { return 4 * blockBytes }
func (f *failing) life() context.Context { return f.ctx }

func (f *failing) fetch(_ context.Context, parts [][]byte, _ int64, full func(int)) error {
	if f.away.Load() {
		return errors.New("away")
	}
	for i, p := range parts {
		copy(p, bytes.Repeat([]byte{7}, len(p)))
		full(i)
	}
	return nil
}

func TestAFailedReadAheadIsNoErrorOfAReaderWhoComesLater(t *testing.T) {
	a := newAhead(16 * blockBytes) // enough while blocks that were forgotten are under way
	f := &failing{ctx: t.Context()}
	f.away.Store(true)
	ahead := func() {
		b := a.take(f, 0) // and the block behind it, in advance
		a.give(b)
		a.mu.Lock()
		blocks := a.rows[len(a.rows)-1].blocks
		a.mu.Unlock()
		if len(blocks) != 2 {
			t.Fatal("nothing was read ahead")
		}
		<-blocks[1].done
	}
	ahead()
	p := make([]byte, 10)
	if err := a.read(t.Context(), f, p, blockBytes); err == nil {
		t.Error("no error while the server is away")
	}
	ahead()
	f.away.Store(false)
	if err := a.read(t.Context(), f, p, blockBytes); err != nil || p[0] != 7 {
		t.Error(p, err)
	}
}
