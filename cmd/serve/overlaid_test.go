package serve

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/restorefs/restorefs/cache"
	"github.com/restorefs/restorefs/fusefs/overlay"
)

// sluggish is a flat volume that is slow to load.
type sluggish struct {
	flat
	size int64
}

func (s sluggish) Size() int64 { return s.size }

func (s sluggish) Load(ctx context.Context, p []byte, off int64) error {
	time.Sleep(time.Millisecond)
	return s.flat.Load(ctx, p, off)
}

// overlaidHere returns a disk of size bytes with an overlay, without a mount, read through a cache
// of little memory.
func overlaidHere(t *testing.T, size int64) *overlaidVolume {
	t.Helper()
	spans := cache.New(cache.Options{MemoryBytes: 1, PrefetchWorkers: -1}) // raised to 2 MiB
	t.Cleanup(spans.Close)
	cached := spans.Volume("x", sluggish{size: size})
	below := &Disk{cached: cached, reader: cached.NewReader(), meter: newMeter(newRegistry())}
	o, err := overlay.Open(t.Context(), t.TempDir(), overlay.Key{Backup: "x", Size: size},
		overlayBaseOf{cached}, overlay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close(); below.reader.Close() })
	return &overlaidVolume{Disk: below, Overlay: o}
}

// overlayBaseOf is the volume below an overlay, without holes.
type overlayBaseOf struct{ *cache.Cached }

func (overlayBaseOf) NextData(_ context.Context, off, end int64) (start, stop int64, err error) {
	return off, end, nil
}

// Each read needs several spans of the volume, with written blocks between them. If a reader kept a
// span while it waits for the next one, readers would wait for each other for ever.
func TestReadersOfAnOverlayDoNotWaitForEachOthersMemory(t *testing.T) {
	const readers, each = 32, 1 << 20
	v := overlaidHere(t, readers*each)
	want := bytes.Repeat([]byte{1}, each)
	for off := 0; off < each; off += 128 << 10 {
		copy(want[off:], bytes.Repeat([]byte{2}, 4096))
	}
	for off := int64(0); off < v.Size(); off += 128 << 10 {
		if err := v.WriteAt(t.Context(), bytes.Repeat([]byte{2}, 4096), off); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() {
			data, err := v.Read(ctx, int64(i)*each, each)
			if err != nil {
				t.Error(err)
				return
			}
			if got := bytes.Join(data.Slices(), nil); !bytes.Equal(got, want) {
				t.Errorf("reader %d got other bytes", i)
			}
			data.Release()
		})
	}
	wg.Wait()
}

func TestReadsOfAnOverlayAreCounted(t *testing.T) {
	v := overlaidHere(t, 1<<20)
	if err := v.WriteAt(t.Context(), make([]byte, 8192), 0); err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct{ off, n int64 }{
		{0, 8192},        // written
		{8192, 4096},     // not written: loaded
		{4096, 8192},     // partly written, the rest in memory
		{512 << 10, 512}, // in another span
	} {
		data, err := v.Read(t.Context(), r.off, int(r.n))
		if err != nil {
			t.Fatal(err)
		}
		data.Release()
	}
	m := v.meter
	for o, want := range map[cache.Origin]float64{fromOverlay: 16384, cache.Made: 4096 + 512,
		cache.Memory: 0, cache.Zeros: 0} {
		if got := testutil.ToFloat64(m.bytes[o]); got != want {
			t.Errorf("%v bytes of %s, not %v", got, origins[o], want)
		}
	}
	// An overlay that cannot be read, because its file was cut.
	dir := t.TempDir()
	o, err := overlay.Open(t.Context(), dir, overlay.Key{Backup: "x", Size: v.Size()},
		overlayBaseOf{v.cached}, overlay.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if err := o.WriteAt(t.Context(), []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "x.data"), 0); err != nil {
		t.Fatal(err)
	}
	cut := &overlaidVolume{Disk: v.Disk, Overlay: o}
	if _, err := cut.Read(t.Context(), 0, 512); err == nil || m.counts[ErrorOverlay] != 1 ||
		!strings.Contains(m.last, "too short") {
		t.Errorf("%v, counted %v, last %q", err, m.counts, m.last)
	}
}

func TestAnOverlayInUseIsNotPutOverOtherContents(t *testing.T) {
	l := &overlays{dir: t.TempDir(), log: slog.New(slog.DiscardHandler),
		open: map[string]*sharedOverlay{}}
	base := overlayBaseOf{}
	before, after := overlay.Key{Backup: "x", Size: 4096},
		overlay.Key{Backup: "x", Size: 4096, Content: [32]byte{1}}
	_, release, err := l.acquire(t.Context(), before, base)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.acquire(t.Context(), after, base); !errors.Is(err, overlay.ErrOther) {
		t.Error(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	_, release, err = l.acquire(t.Context(), after, base)
	if err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}
