package seekable

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"testing"
)

// largeWindow is a zstd stream with a frame that asks for a window of 32 MiB and
// does not say how much it decodes to: n bytes of 'w'. A small frame precedes it
// if small is set.
func largeWindow(n int, small bool) []byte {
	var b []byte
	frame := func(log, n int) {
		b = binary.LittleEndian.AppendUint32(b, 0xfd2fb528)
		b = append(b, 0, byte(log-10)<<3)
		for n > 0 {
			size := min(n, 128<<10)
			n -= size
			head := size<<3 | 1<<1 // of one value
			if n == 0 {
				head |= 1
			}
			b = append(b, byte(head), byte(head>>8), byte(head>>16), 'w')
		}
	}
	if small {
		frame(17, 1<<20)
		n -= 1 << 20
	}
	frame(25, n)
	return b
}

func TestALargeWindowIsReservedOrRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("not in this run: which processor it is makes no difference")
	}
	const length = 40 << 20
	for _, c := range []struct {
		name    string
		memory  int64 // MiB
		small   bool
		noBuild bool
		refused bool
		indexed bool
	}{
		{"with no memory for it", 20, false, false, true, false},
		{"with no memory for it, behind a small frame", 20, true, true, true, false},
		{"with memory for the window and no index", 44, false, false, false, false},
		{"read once, from front to back", 44, true, true, false, false},
		{"with memory for an index", 128, false, false, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEngine(t, Options{MemoryBytes: c.memory << 20, NoBuild: c.noBuild, Workers: 1})
			o := e.NewObject(&source{b: largeWindow(length, c.small)}, Zstd, length, Identity{Path: "large"})
			defer o.Close()
			p := make([]byte, 1<<20)
			for _, off := range []int64{length - 1<<20, 5 << 20} {
				err := o.ReadAt(t.Context(), p, off)
				if short, ok := errors.AsType[*MemoryError](err); c.refused {
					if !ok || short.Window < 32<<20 || short.Needs < 32<<20 || short.Needs > 36<<20 || short.Has != c.memory<<20 {
						t.Fatalf("error %v", err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(p, bytes.Repeat([]byte{'w'}, len(p))) {
					t.Fatal("other bytes")
				}
			}
			hash := md5.New()
			decoded := 0
			oddEnd, err := o.Check(t.Context(), func(p []byte) { decoded += len(p); hash.Write(p) })
			if _, ok := errors.AsType[*MemoryError](err); ok != c.refused || !ok && (err != nil || oddEnd != nil || decoded != length) {
				t.Errorf("Check: %d bytes, odd end %v, error %v", decoded, oddEnd, err)
			}
			if err := o.CheckEnd(t.Context()); (err != nil) != c.refused {
				t.Errorf("CheckEnd: %v", err)
			}
			if _, complete := o.Indexed(); !c.noBuild && !complete {
				t.Error("more of an index is still hoped for")
			}
			if got := o.index.Complete(); got != c.indexed {
				t.Errorf("an index was built: %v", got)
			}
			if s := e.Stats(); s.HeldBytes > c.memory<<20 {
				t.Errorf("%d bytes are held of %d MiB", s.HeldBytes, c.memory)
			}
		})
	}
}
