package seekable

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// What a decoder was when it passed a checkpoint is in the index: windows, tables,
// places of bits. "make test-arch" runs this for each processor on one directory.
func TestAnIndexMadeByOneProcessorLeadsTheDecodersForAllProcessors(t *testing.T) {
	dir := os.Getenv("RESTOREFS_TEST_EXCHANGE")
	if dir == "" {
		dir = t.TempDir()
	}
	mine := filepath.Join(dir, "seekable-"+runtime.GOARCH)
	if _, err := os.Stat(mine); err != nil {
		store := openStore(t, mine)
		for _, s := range pythons(t) {
			o := s.open(newEngine(t, Options{Indexes: store}), s.name)
			build(t, o, o.Length())
			o.Close()
		}
		store.Close()
	}
	all, err := filepath.Glob(filepath.Join(dir, "seekable-*"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, dir := range all {
		store := openStore(t, dir)
		for _, s := range pythons(t) {
			e := newEngine(t, Options{Indexes: store, NoBuild: true})
			o := s.open(e, s.name)
			if _, complete := o.Indexed(); !complete {
				t.Errorf("%s, %s: there is no index", dir, s.name)
			}
			// Each splits where a checkpoint is: from one to the next by a new decoder.
			last, r := int64(0), newReader(1, s.want)
			cuts := append(o.Splits(0, o.Length(), 1), o.Length())
			for _, at := range cuts {
				o.Reenter()
				if right, err := r.check(t.Context(), o, last, int(at-last)); !right || err != nil {
					t.Errorf("%s, %s: %d bytes at %d: right %t, %v", dir, s.name, at-last, last, right, err)
				}
				last = at
			}
			if n := e.Stats().Resumes; n == 0 || o.trust != (trust{}) {
				t.Errorf("%s, %s: %d decoders were resumed at %d places; trust %+v", dir, s.name, n, len(cuts), o.trust)
			}
			o.Close()
		}
		store.Close()
	}
}
