package serve

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/fusefs/overlay"
)

// fromOverlay is the origin of bytes that were written onto a disk. Its value is not part of the
// order of origins: such bytes cost more than those from cache.Memory and less than all others.
const fromOverlay = cache.Made + 1

// origins are the labels of reads of mounted disks in metrics, see cache.Origin.
var origins = [...]string{cache.Zeros: "zero", cache.Memory: "memory", cache.Kept: "disk",
	cache.Made: "decode", fromOverlay: "overlay"}

// Kinds of errors of reads, in ErrorFigures.Reads.
const (
	ErrorDamage      = "damage"      // the bytes are damaged in the backup
	ErrorShare       = "share"       // the share could not be read, or another error that may pass
	ErrorOverlay     = "overlay"     // the overlay could not be read
	ErrorInterrupted = "interrupted" // the reader gave up
)

var errorKinds = [...]string{ErrorDamage, ErrorShare, ErrorOverlay, ErrorInterrupted}

// meter counts the reads of mounted disks. It is safe for concurrent use.
type meter struct {
	seconds [len(origins)]prometheus.Histogram
	bytes   [len(origins)]prometheus.Counter
	errors  map[string]prometheus.Counter // by kind; the map never changes

	mu     sync.Mutex
	counts map[string]uint64 // errors, by kind
	last   string            // last error that was not ErrorInterrupted
	lastAt time.Time
}

// newMeter returns a meter whose metrics are registered with r.
func newMeter(r prometheus.Registerer) *meter {
	m := &meter{errors: map[string]prometheus.Counter{}, counts: map[string]uint64{}}
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "restorefs_read_duration_seconds",
		Help: "Time that a read of a mounted disk took, by where the dearest of its " +
			"bytes came from.",
		Buckets: []float64{5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2,
			2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
	}, []string{"source"})
	bytes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restorefs_read_bytes_total",
		Help: "Bytes that reads of mounted disks got, by where the dearest of a read's " +
			"bytes came from.",
	}, []string{"source"})
	failed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restorefs_read_errors_total",
		Help: "Reads of mounted disks that failed, by kind: damage, share, overlay, interrupted.",
	}, []string{"kind"})
	r.MustRegister(seconds, bytes, failed)
	for i, name := range origins {
		m.seconds[i] = seconds.WithLabelValues(name).(prometheus.Histogram)
		m.bytes[i] = bytes.WithLabelValues(name)
	}
	for _, kind := range errorKinds {
		m.errors[kind] = failed.WithLabelValues(kind)
	}
	return m
}

// read counts a read that began at start.
func (m *meter) read(start time.Time, view *cache.View) {
	m.count(start, view.Origin(), view.Size())
}

// count counts a read of n bytes that began at start.
func (m *meter) count(start time.Time, o cache.Origin, n int) {
	m.seconds[o].Observe(time.Since(start).Seconds())
	m.bytes[o].Add(float64(n))
}

// failed counts a read that failed.
func (m *meter) failed(ctx context.Context, err error) {
	kind := ErrorShare
	_, ofOverlay := errors.AsType[*overlay.Error](err)
	switch {
	case errors.Is(err, backupstore.ErrDamaged):
		kind = ErrorDamage
	case ctx.Err() != nil:
		kind = ErrorInterrupted
	case ofOverlay:
		kind = ErrorOverlay
	}
	m.errors[kind].Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[kind]++
	if kind != ErrorInterrupted {
		m.last, m.lastAt = err.Error(), time.Now()
	}
}
