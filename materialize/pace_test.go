package materialize

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func TestPaceSpreadsBytesOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Pace{PerSecond: 1000}
		begin := time.Now()
		for range 11 {
			if err := p.Wait(t.Context(), 500); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(begin); d != 5*time.Second {
			t.Error(d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := p.Wait(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestALimitedRunTakesItsTime(t *testing.T) {
	vol := newFakeVolume(6<<20, 61)
	path := filepath.Join(tempDir(t), "f")
	res := mustRun(t, vol, path, false, Options{BytesPerSecond: 20 << 20})
	checkFile(t, path, vol)
	// The run need not wait after the last piece.
	if least := time.Duration(float64(res.BytesWritten-maxPieceBytes) / (20 << 20) * float64(time.Second)); res.Duration < least {
		t.Errorf("%v for %d bytes, want %v at least", res.Duration, res.BytesWritten, least)
	}
}
