package cache

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkWarm4K reads 4 KiB at random from memory, on 1 or 8 goroutines at a time.
func BenchmarkWarm4K(b *testing.B) {
	const size = 64 * mib
	for _, bb := range []struct {
		name    string
		readers int
	}{{"1 reader", 1}, {"8 readers", 8}} {
		b.Run(bb.name, func(b *testing.B) {
			c := New(Options{MemoryBytes: 2 * size, PrefetchWorkers: -1})
			defer c.Close()
			v := c.Volume("v", &fakeSource{data: randomData(size, 1), align: 32 << 10})
			if err := v.ReadAt(context.Background(), make([]byte, size), 0); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(4096)
			b.ReportAllocs()
			var left atomic.Int64
			left.Store(int64(b.N))
			done := make(chan error)
			b.ResetTimer()
			for g := range bb.readers {
				go func() {
					r := v.NewReader()
					defer r.Close()
					dice := rand.New(rand.NewPCG(uint64(g), 1))
					for left.Add(-1) >= 0 {
						view, err := r.Read(context.Background(), dice.Int64N(size>>12)<<12, 4096)
						if err != nil {
							done <- err
							return
						}
						view.Release()
					}
					done <- nil
				}()
			}
			for range bb.readers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSequential1M reads a volume from front to back, 1 MiB at a time, from a source that
// needs 10 ms and no CPU for each MiB.
func BenchmarkSequential1M(b *testing.B) {
	for _, bb := range []struct {
		name    string
		workers int
	}{{"without prefetch", -1}, {"8 workers", 8}} {
		b.Run(bb.name, func(b *testing.B) {
			const size = 1024 * mib
			c := New(Options{PrefetchWorkers: bb.workers})
			defer c.Close()
			v := c.Volume("v", &endless{size: size, delay: 10 * time.Millisecond})
			r := v.NewReader()
			defer r.Close()
			b.SetBytes(mib)
			for i := range b.N {
				view, err := r.Read(context.Background(), int64(i)*mib%size, mib)
				if err != nil {
					b.Fatal(err)
				}
				view.Release()
			}
		})
	}
}

// BenchmarkMissCPU is what a miss of 1 MiB costs on top of the source, here one that takes no time.
func BenchmarkMissCPU(b *testing.B) {
	const size = 1024 * mib
	c := New(Options{PrefetchWorkers: -1})
	defer c.Close()
	v := c.Volume("v", &endless{size: size})
	b.SetBytes(mib)
	b.ReportAllocs()
	for i := range b.N {
		view, err := v.Read(context.Background(), int64(i)*mib%size, mib)
		if err != nil {
			b.Fatal(err)
		}
		view.Release()
	}
}

// endless is a source without bytes of its own.
type endless struct {
	size  int64
	delay time.Duration // for each MiB
}

func (e *endless) Size() int64 { return e.size }
func (e *endless) Align() int  { return 32 << 10 }
func (e *endless) Load(_ context.Context, p []byte, _ int64) error {
	if e.delay > 0 {
		time.Sleep(e.delay * time.Duration(len(p)) / mib)
	}
	return nil
}
func (e *endless) Around(off int64, n int) (int64, int64) { return off, off + int64(n) }
func (e *endless) NextData(_ context.Context, off, end int64) (int64, int64, error) {
	return off, end, nil
}
