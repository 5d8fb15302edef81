package materialize

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Reading on would decode up to a TiB for nothing before the operator is told.
func TestATargetThatFailsEndsTheReadingToo(t *testing.T) {
	for _, o := range []Options{{Jobs: 1}, {Jobs: 3}, {Jobs: 2, Delta: true}} {
		vol := newFakeVolume(256<<20, 5)
		vol.run = 32 << 20
		path := filepath.Join(t.TempDir(), "f")
		garbage(t, path, 1<<20)
		tg, err := Open(t.Context(), path, OpenOptions{Size: vol.Size(), Force: true})
		if err != nil {
			t.Fatal(err)
		}
		defer tg.Close()
		p, err := newPipeline(vol, tg, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		good := tg.f
		defer good.Close()
		if tg.f, err = os.Open(path); err != nil { // read-only
			t.Fatal(err)
		}
		err = p.copy(t.Context())
		if e, ok := errors.AsType[*TargetError](err); !ok || !errors.Is(e, syscall.EBADF) {
			t.Errorf("%+v: %v", o, err)
		}
		if read := vol.read.Load(); read > 48<<20 {
			t.Errorf("%+v: %d MiB were read after the target had failed", o, read>>20)
		}
	}
}

func TestAFlushThatFailsIsReportedEvenIfTheRunWasStopped(t *testing.T) {
	vol := newFakeVolume(4<<20, 6)
	path := filepath.Join(t.TempDir(), "f")
	tg, err := Open(t.Context(), path, OpenOptions{Size: vol.Size(), Backup: "b"})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	ctx, cancel := context.WithCancel(t.Context())
	vol.fail = func(int64, int64) error {
		cancel()
		tg.f.Close() // nothing can be flushed any more
		return ctx.Err()
	}
	_, err = Run(ctx, vol, tg, Options{Jobs: 1})
	if err == nil || strings.Contains(err.Error(), "is safe") || !strings.Contains(err.Error(), "flush of target") {
		t.Error(err)
	}
}

func TestAComparisonReadsTheDeviceAndNotThePageCache(t *testing.T) {
	vol := newFakeVolume(4<<20, 8)
	dev, file := newLoop(t, vol.Size())
	mustRun(t, vol, dev, false, Options{})
	f, err := os.Open(dev) // keeps the cache alive
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(io.Discard, f); err != nil {
		t.Fatal(err)
	}
	garbage(t, file+".other", 1<<20)
	other, err := os.ReadFile(file + ".other")
	if err != nil {
		t.Fatal(err)
	}
	backing, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer backing.Close()
	if _, err := backing.WriteAt(other, 1<<20); err != nil {
		t.Fatal(err)
	}
	mustRun(t, vol, dev, true, Options{Delta: true})
	checkFile(t, file, vol)
}
