package ext4

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime/metrics"
	"slices"
	"strconv"
	"testing"
	"time"
)

// damageEnv is how many mutations the test of them takes; 200 if it is not set.
const damageEnv = "RESTOREFS_EXT4_DAMAGES"

// guarded is an image that fails the test if it is read outside of its bytes, or
// if much memory is in use.
type guarded struct {
	t     testing.TB
	b     []byte
	reads int
	most  uint64
}

func (g *guarded) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > int64(len(g.b)) {
		g.t.Errorf("%d bytes at offset %d of %d were asked for", len(p), off, len(g.b))
		return 0, io.EOF
	}
	if g.reads++; g.reads%64 == 0 {
		g.most = max(g.most, heap())
	}
	return copy(p, g.b[off:]), nil
}

func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// exercise does with a file system what it can, to a bound.
func exercise(r io.ReaderAt, size int64) {
	f, err := Open(r, size, Options{CacheBytes: 1 << 20, JournalBytes: 1 << 20})
	if err != nil {
		return
	}
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
		ignore(err)
		if d.Type == dtDir {
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
	ignore(err)
	_, err = e.f.Xattrs(ino)
	ignore(err)
	_, err = e.f.Readlink(ino)
	ignore(err)
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

// odd are numbers that are often not expected.
var odd = []uint64{0, 1, 2, 7, 8, 11, 12, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x8001, 0xffff, 1 << 20, 1<<31 - 1, 1 << 31, 1<<32 - 1}

// mutate changes numbers within a place, and mostly makes its checksum right.
func mutate(r *rand.Rand, image []byte, p place) {
	b := image[p.off:][:p.n]
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
		p.fix(image)
	}
}

// Whatever is damaged, nothing panics, takes long or much memory, or reads what
// is not the disk's.
func TestADamagedFileSystemDoesNoHarm(t *testing.T) {
	count, _ := strconv.Atoi(os.Getenv(damageEnv))
	count = max(count, 200)
	for n, kind := range sampleKinds {
		image := sample(t, n)
		g := &guarded{t: t, b: image}
		f, err := Open(g, int64(len(image)), Options{})
		must(t, err)
		list := places(f)
		whole := slices.Clone(image)
		base := heap()
		r := rand.New(rand.NewPCG(uint64(n), uint64(count)))
		for i := range count / len(sampleKinds) {
			var hit []place
			for range 1 + r.IntN(3) {
				p := list[r.IntN(len(list))]
				hit = append(hit, p)
				mutate(r, image, p)
			}
			began := time.Now()
			exercise(g, int64(len(image)))
			if d := time.Since(began); d > 10*time.Second {
				t.Errorf("%s, mutation %d of %q: %v", kind.name, i, hit[0].what, d)
			}
			copy(image[superOffset:], whole[superOffset:][:superBytes])
			for _, p := range hit {
				copy(image[p.off:][:p.n], whole[p.off:])
			}
			if t.Failed() {
				return
			}
		}
		if g.most > base+64<<20 {
			t.Errorf("%s: %d MiB were in use", kind.name, g.most>>20)
		}
	}
}

// FuzzDamage changes bytes of a sample: patch is, repeatedly, the number of a
// place, where in it (two bytes each) and a byte. Checksums are made right.
func FuzzDamage(f *testing.F) {
	var images [][]byte
	var lists [][]place
	for n := range sampleKinds {
		image := sample(f, n)
		opened, err := Open(&guarded{t: f, b: image}, int64(len(image)), Options{})
		must(f, err)
		images, lists = append(images, image), append(lists, places(opened))
	}
	f.Add(uint8(0), []byte{1, 0, 8, 0, 255})
	f.Add(uint8(1), []byte{4, 0, 41, 0, 1, 9, 0, 4, 0, 0})
	f.Fuzz(func(t *testing.T, which uint8, patch []byte) {
		if len(patch) > 200 {
			return
		}
		n := int(which) % len(images)
		image, list := slices.Clone(images[n]), lists[n]
		for ; len(patch) >= 5; patch = patch[5:] {
			p := list[int(le.Uint16(patch))%len(list)]
			image[p.off+int64(le.Uint16(patch[2:]))%p.n] = patch[4]
			p.fix(image)
		}
		exercise(&guarded{t: t, b: image}, int64(len(image)))
	})
}
