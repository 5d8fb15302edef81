package guest

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var le, be = binary.LittleEndian, binary.BigEndian

// Guarded is an image that fails the test if it is read outside of its bytes.
// It notes how much memory was in use while it was read.
type Guarded struct {
	T     testing.TB
	B     []byte
	Most  uint64 // bytes of the heap
	limit uint64 // beyond which garbage is not counted
	reads int
}

// ReadAt implements io.ReaderAt.
func (g *Guarded) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > int64(len(g.B)) {
		g.T.Errorf("%d bytes at offset %d of %d were asked for", len(p), off, len(g.B))
		return 0, io.EOF
	}
	if g.reads++; g.reads%64 == 0 {
		if now := Heap(); now > g.Most {
			if now > g.limit && g.limit > 0 { // the collector of a busy machine comes late
				runtime.GC()
				now = Heap()
			}
			g.Most = max(g.Most, now)
		}
	}
	return copy(p, g.B[off:]), nil
}

// Heap returns how many bytes the heap has.
func Heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// Exercise does with a reader what can be done with it, to a bound. What it
// returns as data must lie where it may.
func Exercise(f *FS) {
	e := &exerciser{f: f, left: 2000}
	e.dir(f.Root(), 0)
}

type exerciser struct {
	f    *FS
	left int // entries that are still looked at
	buf  [8192]byte
}

func (e *exerciser) dir(ino uint64, depth int) {
	var below []uint64
	_ = e.f.ReadDir(ino, func(d Dirent) error {
		if e.left--; e.left < 0 {
			return io.EOF
		}
		e.file(d.Ino)
		_, err := e.f.Lookup(ino, d.Name)
		_, _ = e.f.Lookup(ino, d.Name+"~")
		Ignore(err)
		if d.Type == unix.DT_DIR {
			below = append(below, d.Ino)
		}
		return nil
	})
	for _, d := range below {
		if depth < 10 && e.left > 0 {
			e.dir(d, depth+1)
		}
	}
}

func (e *exerciser) file(ino uint64) {
	_, err := e.f.Stat(ino)
	Ignore(err)
	_, err = e.f.Xattrs(ino)
	Ignore(err)
	_, err = e.f.Readlink(ino)
	Ignore(err)
	file, err := e.f.Open(ino)
	if err != nil {
		return
	}
	off := int64(0)
	for range 50 {
		begin, end, err := file.NextData(off)
		if err != nil {
			break
		}
		if begin < off || end <= begin || end > file.Size() {
			panic(fmt.Sprint("data from ", begin, " to ", end, " after ", off, " of ", file.Size()))
		}
		n, _ := file.ReadAt(e.buf[:min(8192, end-begin)], begin)
		_ = n
		off = end
	}
	_, _ = file.ReadAt(e.buf[:100], max(0, file.Size()-50))
	_, _ = file.ReadAt(e.buf[:], 1<<40)
}

// A Place is a structure of a file system, with what makes its checksum right
// again after it was changed.
type Place struct {
	What   string
	Off, N int64
	Fix    func(image []byte)
}

// odd are numbers that are often not expected.
var odd = []uint64{
	0, 1, 2, 7, 8, 11, 12, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x8001, 0xffff, 1 << 20, 1<<31 - 1,
	1 << 31, 1<<32 - 1,
}

// Mutate changes numbers within a place, and mostly makes its checksum right.
func Mutate(r *rand.Rand, image []byte, p Place) {
	b := image[p.Off:][:p.N]
	for range 1 + r.IntN(3) {
		at := r.IntN(len(b)-4) &^ 1
		if r.IntN(3) == 0 {
			at = r.IntN(min(64, len(b)-4)) &^ 1 // what is at the beginning matters most
		}
		v := odd[r.IntN(len(odd))]
		switch r.IntN(5) {
		case 0:
			v = uint64(r.Uint32())
		case 1:
			v = uint64(le.Uint32(b[at:])) + v
		case 2:
			v = uint64(r.IntN(len(image) >> 10))
		}
		switch r.IntN(4) {
		case 0:
			b[at] = byte(v)
		case 1:
			le.PutUint16(b[at:], uint16(v))
		case 2:
			le.PutUint32(b[at:], uint32(v))
		case 3:
			be.PutUint32(b[at:], uint32(v))
		}
	}
	if r.IntN(10) > 0 {
		p.Fix(image)
	}
}

// processor is the processor time of the process so far.
func processor() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// Damage changes the places of an image at random, so many times, and calls try
// each time. That must not panic, nor take long or much memory, nor read outside
// of the image. keep are further parts of the image, from an offset to another,
// that Fix may change.
func Damage(t *testing.T, name string, image []byte, places []Place, count int, keep [][2]int64,
	try func(g *Guarded)) {
	t.Helper()
	whole := slices.Clone(image)
	base := Heap()
	g := &Guarded{T: t, B: image, limit: base + 64<<20}
	r := rand.New(rand.NewPCG(uint64(len(places)), uint64(count)))
	for i := range count {
		var hit []Place
		for range 1 + r.IntN(3) {
			p := places[r.IntN(len(places))]
			hit = append(hit, p)
			Mutate(r, image, p)
		}
		began, busy := time.Now(), processor()
		try(g)
		// Neither alone: a busy machine, and other tests of the package.
		if d := min(time.Since(began), processor()-busy); d > 10*time.Second {
			t.Errorf("%s, mutation %d of %q: %v", name, i, hit[0].What, d)
		}
		for _, k := range keep {
			copy(image[k[0]:k[1]], whole[k[0]:])
		}
		for _, p := range hit {
			copy(image[p.Off:][:p.N], whole[p.Off:])
		}
		if t.Failed() {
			return
		}
	}
	if g.Most > g.limit {
		t.Errorf("%s: %d MiB were in use, %d of them before", name, g.Most>>20, base>>20)
	}
}
