package nfs

import (
	"fmt"
	"io"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore/storetest/ganesha"
)

// BenchmarkReadersInSequence reads a file of 256 MiB that the server has in memory, by reads of a MiB,
// and says what it takes of this process's processor time.
func BenchmarkReadersInSequence(b *testing.B) {
	const size = 256 << 20
	g := ganesha.New(b, ganesha.Options{})
	g.Write("object", random(size), 0o644)
	for _, version := range []string{"4.1", "4.0"} {
		for _, readers := range []int{1, 4} {
			b.Run(fmt.Sprintf("%s/%d", version, readers), func(b *testing.B) {
				s := mustOpen(b, g.URL("version="+version), Options{})
				b.SetBytes(size * int64(readers))
				before := processorTime()
				for b.Loop() {
					var wg sync.WaitGroup
					for range readers {
						wg.Go(func() { readAll(b, s, size) })
					}
					wg.Wait()
				}
				took := (processorTime() - before).Seconds()
				b.ReportMetric(took/float64(b.N*readers)*(512<<20)/size, "cpu-s/512MiB")
			})
		}
	}
}

func readAll(b *testing.B, s *Share, size int64) {
	f, err := s.Open(b.Context(), "object")
	if err != nil {
		b.Error(err)
		return
	}
	defer f.Close()
	p := make([]byte, 1<<20)
	for off := int64(0); off < size; off += int64(len(p)) {
		if _, err := f.ReadAt(b.Context(), p, off); err != nil && err != io.EOF {
			b.Error(err)
			return
		}
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
