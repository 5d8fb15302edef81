package mount

import (
	"log/slog"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/restorefs/restorefs/backupstore"
	"github.com/restorefs/restorefs/backupstore/share/locate"
	"github.com/restorefs/restorefs/backupstore/storetest"
	"github.com/restorefs/restorefs/cmd/source"
)

func TestAMountHasAThreadMoreThanWorkersOfReadAhead(t *testing.T) {
	processors := runtime.GOMAXPROCS(0)
	t.Cleanup(func() { runtime.GOMAXPROCS(processors) })
	dir := t.TempDir()
	storetest.MustWrite(t, dir, storetest.Spec{ID: storetest.ID("one"),
		VolumeID: storetest.ID("volume"), Content: storetest.Text(1<<20, 7)})
	s, err := locate.Open(t.Context(), locate.Options{Share: dir})
	if err != nil {
		t.Fatal(err)
	}
	catalog := backupstore.NewCatalog(s.Root, backupstore.Options{})
	defer catalog.Close()
	if err := catalog.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	disks, err := openDisks(t.Context(), &Options{Source: source.Options{
		Logger: slog.New(slog.DiscardHandler)}}, catalog, s)
	if err != nil {
		t.Fatal(err)
	}
	defer disks.Close()
	workers := func() int {
		time.Sleep(50 * time.Millisecond) // until those that were started run
		var stacks strings.Builder
		if err := pprof.Lookup("goroutine").WriteTo(&stacks, 2); err != nil {
			t.Fatal(err)
		}
		return strings.Count(stacks.String(), "cache.(*Cache).prefetch(")
	}
	n := workers()
	for end := time.Now().Add(10 * time.Second); n < processors && time.Now().Before(end); n = workers() {
		t.Log(n, "so far")
	}
	if threads := runtime.GOMAXPROCS(0); n != processors || threads != processors+1 {
		t.Errorf("%d threads and %d workers of read-ahead on %d processors", threads, n, processors)
	}
}
