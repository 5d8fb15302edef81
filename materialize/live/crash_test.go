package live

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// guest writes onto a volume, and knows what each sector of it may be after a power cut.
type guest struct {
	t      *testing.T
	random *rand.Rand
	now    []byte
	safe   []byte             // as it was at the last Sync
	since  map[int64][][]byte // sectors that were written since, by offset: all that they were
}

func newGuest(t *testing.T, b *simBackup, random *rand.Rand) *guest {
	return &guest{t: t, random: random, now: bytes.Clone(b.data), safe: bytes.Clone(b.data),
		since: map[int64][][]byte{}}
}

// write notes a write that is about to be made.
func (g *guest) write(p []byte, off int64) {
	copy(g.now[off:], p)
	for at := off / 512 * 512; at < off+int64(len(p)); at += 512 {
		g.since[at] = append(g.since[at], bytes.Clone(g.now[at:min(at+512, int64(len(g.now)))]))
	}
}

// do makes a few random changes.
func (g *guest) do(ctx context.Context, v *Volume) error {
	size := int64(len(g.now))
	near := []int64{0, 3<<20 - 16*blockBytes, 5 << 20, size - 9*blockBytes}
	off := near[g.random.IntN(len(near))] + 512*g.random.Int64N(64)
	n := min(512*(1+g.random.Int64N(40)), size-off)
	switch g.random.IntN(8) {
	case 0:
		want := bytes.Clone(g.now)
		if err := v.Sync(ctx); err != nil {
			return err
		}
		g.safe = want
		clear(g.since)
		return nil
	case 1:
		g.write(make([]byte, n), off)
		return v.Zero(ctx, off, n)
	case 2:
		p := make([]byte, n)
		if err := v.ReadAt(ctx, p, off, nil); err != nil {
			return err
		}
		if !bytes.Equal(p, g.now[off:off+n]) {
			g.t.Fatalf("%d bytes at %d are not what was written last", n, off)
		}
		return nil
	default:
		p := make([]byte, n)
		for i := range p {
			p[i] = byte(g.random.Uint32())
		}
		g.write(p, off)
		return v.WriteAt(ctx, p, off)
	}
}

// mayBe checks what is there after a power cut, and goes on with that.
func (g *guest) mayBe(ctx context.Context, v *Volume) {
	g.t.Helper()
	p := make([]byte, len(g.now))
	if err := v.ReadAt(ctx, p, 0, nil); err != nil {
		g.t.Fatal(err)
	}
	for at := int64(0); at < int64(len(p)); at += 512 {
		has := p[at:min(at+512, int64(len(p)))]
		right := bytes.Equal(has, g.safe[at:at+int64(len(has))])
		for _, w := range g.since[at] {
			right = right || bytes.Equal(has, w)
		}
		if !right {
			g.t.Fatalf("the sector at %d is neither what was synced nor what was written since", at)
		}
	}
	g.now, g.safe = p, bytes.Clone(p)
	clear(g.since)
}

// finish runs a restore until the device can be handed over.
func finish(ctx context.Context, v *Volume) error {
	if err := v.Fill(ctx, FillOptions{Jobs: 2}); err != nil {
		return err
	}
	if _, err := v.Advance(ctx, Filled); err != nil {
		return err
	}
	return v.Prove(ctx, 2)
}

// The power goes at random moments while the guest writes and the rest is copied.
func TestAPowerCutLosesNothingThatWasSynced(t *testing.T) {
	holes := []Range{{3 << 20, 1<<20 + 700}, {5<<20 + 300, 2 << 20}}
	seeds, err := strconv.ParseUint(cmp.Or(os.Getenv("RESTOREFS_LIVE_CUTS"), "8"), 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range seeds {
		random := rand.New(rand.NewPCG(seed, 1))
		m := newMachine(newBackup(8<<20+3*512, random, holes...), seed)
		m.o.givesWay = time.Duration(1+random.IntN(2)*300) * time.Microsecond
		m.o.flushEvery = time.Duration(1+random.IntN(3)) * time.Millisecond
		g := newGuest(t, m.backup, random)
		begun := false
		for range 4 {
			most := 1000 // changes of the guest
			if m.power.cutAt = 1 + random.IntN(60); random.IntN(3) == 0 {
				m.power.cutAt, most = 0, random.IntN(40) // ends in order
			}
			v, err := m.open()
			if errors.Is(err, ErrNone) && !begun {
				v, err = m.create()
			}
			if err == nil {
				begun = true
				runUntilDead(t, v, g, most)
			} else if !errors.Is(err, errDead) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			m.power.restart(m.dev, m.state)
			if v, err = m.open(); errors.Is(err, ErrNone) && !begun {
				continue
			}
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			g.mayBe(t.Context(), v)
			if random.IntN(2) == 0 {
				if err := v.Close(); err != nil { // in order, this time
					t.Fatal(err)
				}
			} else {
				abandon(v)
			}
		}
		v, err := m.open()
		if errors.Is(err, ErrNone) {
			v, err = m.create()
		}
		if err == nil {
			err = finish(t.Context(), v)
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if n := v.Progress().Repaired; n != 0 {
			t.Errorf("seed %d: %d bytes of the guest's were taken for damage", seed, n)
		}
		if !bytes.Equal(m.dev.now[:len(g.now)], g.now) {
			t.Errorf("seed %d: the device is not what the guest saw", seed)
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}
}

// runUntilDead has the guest write while the rest is copied, until the power goes, or so often; then
// the volume is closed.
func runUntilDead(t *testing.T, v *Volume, g *guest, most int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	filled := make(chan error, 1)
	go func() { filled <- finish(ctx, v) }()
	dead := false
	for i := 0; i < most && !dead; i++ {
		err := g.do(ctx, v)
		dead = errors.Is(err, errDead) || errors.Is(err, ErrFailed)
		if err != nil && !dead {
			t.Fatal(err)
		}
	}
	if !dead {
		time.Sleep(time.Duration(g.random.IntN(3)) * time.Millisecond)
	}
	stop()
	if err := <-filled; err != nil && !errors.Is(err, errDead) && !errors.Is(err, ErrFailed) &&
		!errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := v.Close(); err == nil {
		g.safe = bytes.Clone(g.now)
		clear(g.since)
	}
	abandon(v)
}

// abandon is the end of a process that was killed.
func abandon(v *Volume) {
	v.token <- struct{}{} // a commit is at its end
	v.mu.Lock()
	v.failed = ErrClosed
	if v.flush != nil {
		v.flush.Stop()
	}
	v.mu.Unlock()
	<-v.token
}
