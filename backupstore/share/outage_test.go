package share

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// An outage is reported once after a while, and once when it is over, even if
// the caller has given up meanwhile.
func TestAnOutageIsReportedOnceAndSoIsItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told lines
		o := &Outage{name: "nfs:/backups", log: slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		}))}
		takes := func(ctx context.Context, d time.Duration) {
			interruptible(ctx, o, func() (none struct{}, err error) { time.Sleep(d); return none, nil }, nil)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		takes(ctx, hangAfter-time.Nanosecond)
		synctest.Wait()
		if told.String() != "" {
			t.Fatalf("a slow call: %s", &told)
		}
		go takes(ctx, 7*time.Second)
		time.Sleep(time.Second)
		go takes(ctx, 39*time.Second)
		time.Sleep(30 * time.Second)
		cancel()
		synctest.Wait()
		hangs := "level=WARN msg=\"the share does not answer, waiting for it\" share=nfs:/backups for=5s\n"
		if told.String() != hangs {
			t.Fatalf("while it hangs: %s", &told)
		}
		if w := o.Waiting(); w != 31*time.Second {
			t.Errorf("it has waited for %v", w)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if want := hangs + "level=WARN msg=\"the share answers again\" share=nfs:/backups after=40s\n"; told.String() != want {
			t.Fatalf("afterwards: %s", &told)
		}
		if w := o.Waiting(); w != 0 {
			t.Errorf("afterwards it has waited for %v", w)
		}
	})
}
